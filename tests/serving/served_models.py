"""Models as a server has them, without the server."""

import contextlib
import pathlib
from collections.abc import Iterator

import numpy as np
from google.protobuf import text_format
from tensorflow_serving.apis import get_model_status_pb2, model_pb2
from toy_model import POLL_SECONDS

from serving.loading import Loader
from serving.metrics import Metrics
from serving.model_config import ModelServerConfig
from serving.models import Models
from serving.options import Options
from serving.versions import Load

LATEST = ""
BOTH = "latest { num_versions: 2 }"
ALL = "all {}"


def entry(
    base_path: pathlib.Path, name: str = "toy", policy: str = LATEST, labels: dict[str, int] | None = None
) -> str:
    """One model of a configuration, in text format."""
    mapping = "".join(f'version_labels {{ key: "{label}" value: {at} }} ' for label, at in (labels or {}).items())
    return (
        f'config {{ name: "{name}" base_path: "{base_path}" model_platform: "tensorflow" '
        f"model_version_policy {{ {policy} }} {mapping}}}"
    )


def configuration(*entries: str) -> ModelServerConfig:
    """A configuration of several models."""
    return text_format.Parse(f"model_config_list {{ {' '.join(entries)} }}", ModelServerConfig())


@contextlib.contextmanager
def serving(*entries: str, wait: bool = True, load: Load | None = None, **arguments) -> Iterator[Models]:
    """Models that load what the entries ask for, with the warm-up that a server does unless `load` does otherwise."""
    loader = Loader(Options(model_base_path="unused"), Metrics())
    models = Models(configuration(*entries), load or loader.load, **{"poll_seconds": POLL_SECONDS, **arguments})
    models.start()
    try:
        if wait:
            models.wait_until_available(timeout=120)
        yield models
    finally:
        models.stop()
        loader.close()


def answer(models: Models, name: str = "toy", version: int | None = None, label: str = "") -> tuple[int, float]:
    """The version that answers, and the best score of `similar`, which is the version's bias + 4."""
    spec = model_pb2.ModelSpec(name=name)
    if version is not None:
        spec.version.value = version
    if label:
        spec.version_label = label
    with models.borrow(spec) as (number, servable):
        inputs = {"item_id": np.array([b"item-0"], object), "k": np.array([1], np.int32)}
        return number, float(servable.run("similar", inputs)["scores"][0, 0])


def states(models: Models, name: str = "toy") -> dict[int, str]:
    """The state's name by version, newest first."""
    state_name = get_model_status_pb2.ModelVersionStatus.State.Name
    return {status.version: state_name(status.state) for status in models.statuses(name)}
