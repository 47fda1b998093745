import hypothesis
import pytest

import models  # noqa: F401  (selects Keras 2, whichever test imports TensorFlow first)

hypothesis.settings.register_profile("hostile", max_examples=2000)

# Files that take minutes come first, so that no process is left alone with one in the end.
_LONG = (
    "test_weekly.py",
    "test_kubeflow_end_to_end.py",
    "test_model_checkpoint.py",
    "test_end_to_end.py",
    "test_second_shop.py",
    "test_model_training.py",
    "test_model_warm_start.py",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    rank = {name: place for place, name in enumerate(_LONG)}
    items.sort(key=lambda item: rank.get(item.path.name, len(_LONG)))
