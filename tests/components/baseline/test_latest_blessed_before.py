import pytest
from tfx.types.standard_artifacts import Model, ModelBlessing

from components.baseline.strategy import LatestBlessedBefore


@pytest.fixture
def resolve():
    """The id of the baseline for a candidate among models; None without one."""

    def baseline(candidate: int, models: list[int], verdicts: dict[int, bool]) -> int | None:
        artifacts = {identifier: Model() for identifier in models}
        for identifier, model in artifacts.items():
            model.id = identifier
        blessings = []
        for model_id, blessed in verdicts.items():
            blessing = ModelBlessing()
            blessing.set_int_custom_property("current_model_id", model_id)
            blessing.set_int_custom_property("blessed", int(blessed))
            blessings.append(blessing)
        inputs = {
            "candidate": [artifacts[candidate]],
            "model": list(artifacts.values()),
            "model_blessing": blessings,
        }
        resolved = LatestBlessedBefore().resolve_artifacts(None, inputs)
        if not resolved["model"]:
            assert resolved == {"candidate": [], "model": [], "model_blessing": []}
            return None
        (blessing,) = resolved["model_blessing"]
        assert blessing.get_int_custom_property("current_model_id") == resolved["model"][0].id
        return resolved["model"][0].id

    return baseline


def test_a_first_model_has_no_baseline(resolve):
    assert resolve(1, [1], {}) is None


def test_the_newest_of_the_older_blessed_models_is_the_baseline(resolve):
    assert resolve(9, [3, 9, 5], {3: True, 5: True}) == 5


def test_a_refused_model_and_one_that_was_never_judged_are_none(resolve):
    assert resolve(9, [3, 5, 7, 9], {3: True, 5: False}) == 3


def test_a_candidate_from_the_cache_keeps_the_baseline_that_it_had(resolve):
    # Nothing has changed since the run that blessed model 5, and it must not become its own baseline.
    assert resolve(5, [3, 5], {3: True, 5: True}) == 3
    assert resolve(3, [3, 5], {3: True, 5: True}) is None
