"""Several models, version policies, labels and changes of the configuration. A best score is the version's bias + 4."""

import shutil
import threading

import grpc
import pytest
from served_models import ALL, BOTH, answer, configuration, entry, serving, states
from tensorflow_serving.apis import model_pb2
from toy_model import POLL_SECONDS

from serving.model_config import ModelServerConfig
from serving.status import StatusError

SEVERAL_POLLS = 6 * POLL_SECONDS


@pytest.fixture
def toy(publish, tmp_path):
    """The folder of a model with the versions 1, 2 and 3, whose biases are 10, 20 and 30."""
    for version in (1, 2, 3):
        publish(version, bias=10.0 * version)
    return tmp_path / "toy"


@pytest.fixture
def other(exported, tmp_path):
    """The folder of another model, with version 5 of bias 50."""
    shutil.copytree(exported(bias=50.0), tmp_path / "other" / "5")
    return tmp_path / "other"


def _refused(models, config) -> tuple[grpc.StatusCode, str]:
    with pytest.raises(StatusError) as caught:
        models.apply(config)
    return caught.value.code, str(caught.value)


def test_several_models_are_served_by_their_names(toy, other):
    with serving(entry(toy), entry(other, "other")) as models:
        assert answer(models) == (3, 34.0)
        assert answer(models, "other") == (5, 54.0)
        assert "other" in models
        assert "third" not in models
        with pytest.raises(StatusError, match=r"Servable not found for request: Latest\(third\)"):
            models.borrow(model_pb2.ModelSpec(name="third"))


def test_without_a_name_a_request_is_refused(toy):
    with serving(entry(toy)) as models, pytest.raises(StatusError, match="ModelSpec has no name specified") as caught:
        models.borrow(model_pb2.ModelSpec())
    assert caught.value.code == grpc.StatusCode.INVALID_ARGUMENT


@pytest.mark.parametrize(
    ("policy", "expected"),
    [(BOTH, {3, 2}), (ALL, {3, 2, 1}), ("specific { versions: 2 versions: 7 }", {2})],
)
def test_the_version_policy_chooses_what_is_served(toy, policy, expected, eventually):
    with serving(entry(toy, policy=policy)) as models:
        eventually(lambda: states(models) == dict.fromkeys(sorted(expected, reverse=True), "AVAILABLE"))
        for version in expected:
            assert answer(models, version=version) == (version, 10.0 * version + 4)


def test_the_latest_two_move_on_when_a_version_is_pushed(toy, publish, eventually):
    with serving(entry(toy, policy=BOTH)) as models:
        publish(4, bias=40.0)
        eventually(lambda: states(models) == {4: "AVAILABLE", 3: "AVAILABLE", 2: "END"})


def test_a_label_stands_for_its_version(toy, eventually):
    with serving(entry(toy, policy=ALL)) as models:
        eventually(lambda: states(models) == dict.fromkeys((3, 2, 1), "AVAILABLE"))
        models.apply(configuration(entry(toy, policy=ALL, labels={"stable": 1, "canary": 2})))
        assert answer(models, label="stable") == (1, 14.0)
        assert answer(models, label="canary") == (2, 24.0)
        assert answer(models) == (3, 34.0)
        models.apply(configuration(entry(toy, policy=ALL, labels={"stable": 2})))
        assert answer(models, label="stable") == (2, 24.0)
        with pytest.raises(StatusError, match="Unrecognized servable version label: canary") as caught:
            answer(models, label="canary")
        assert caught.value.code == grpc.StatusCode.INVALID_ARGUMENT


def test_a_label_for_a_version_that_is_not_available_changes_nothing(toy, other):
    with serving(entry(toy)) as models:
        models.apply(configuration(entry(toy, labels={"stable": 3})))
        config = configuration(entry(toy, policy=ALL, labels={"stable": 9}), entry(other, "other"))
        assert _refused(models, config) == (
            grpc.StatusCode.FAILED_PRECONDITION,
            "Request to assign label to version 9 of model toy, which is not currently available for inference",
        )
        threading.Event().wait(SEVERAL_POLLS)
        assert answer(models, label="stable") == (3, 34.0)
        assert states(models) == {3: "AVAILABLE"}
        assert "other" not in models


def test_labels_at_the_start_need_the_flag_since_nothing_is_available_yet(toy):
    labelled = entry(toy, labels={"stable": 3})
    with pytest.raises(StatusError, match="label to version 3 of model toy, which is not currently available"):
        serving(labelled).__enter__()
    with serving(labelled, allow_labels_for_unavailable=True) as models:
        assert answer(models, label="stable") == (3, 34.0)


def test_with_the_flag_a_new_label_may_wait_for_its_version_but_one_in_use_may_not_move(toy, publish, eventually):
    with serving(entry(toy, labels={"stable": 3}), allow_labels_for_unavailable=True) as models:
        code, _ = _refused(models, configuration(entry(toy, labels={"stable": 4})))
        assert code == grpc.StatusCode.FAILED_PRECONDITION
        models.apply(configuration(entry(toy, labels={"stable": 3, "next": 4})))
        with pytest.raises(StatusError, match=r"Servable not found for request: Specific\(toy, 4\)"):
            answer(models, label="next")
        publish(4, bias=40.0)
        eventually(lambda: states(models).get(4) == "AVAILABLE")
        assert answer(models, label="next") == (4, 44.0)


def test_a_model_that_is_added_answers_when_the_change_returns_and_one_left_out_ends(toy, other, eventually):
    with serving(entry(toy)) as models:
        models.apply(configuration(entry(other, "other")))
        assert answer(models, "other") == (5, 54.0)
        eventually(lambda: states(models) == {3: "END"})
        with pytest.raises(StatusError, match=r"Servable not found for request: Latest\(toy\)"):
            answer(models)
        models.apply(configuration(entry(toy), entry(other, "other")))
        assert answer(models) == (3, 34.0)


def test_a_model_added_again_waits_until_its_requests_from_before_are_done(toy, other, eventually):
    with serving(entry(toy)) as models:
        adding = threading.Thread(target=models.apply, args=[configuration(entry(toy), entry(other, "other"))])
        with models.borrow(model_pb2.ModelSpec(name="toy")):
            models.apply(configuration(entry(other, "other")))
            eventually(lambda: states(models) == {3: "UNLOADING"})
            adding.start()
            adding.join(SEVERAL_POLLS)
            assert adding.is_alive()
        adding.join(120)
        assert answer(models) == (3, 34.0)


def test_a_server_that_does_not_poll_follows_its_configuration_and_frees_what_is_no_longer_used(toy, eventually):
    with serving(entry(toy), poll_seconds=0) as models:
        with models.borrow(model_pb2.ModelSpec(name="toy")):
            models.apply(configuration(entry(toy, policy="specific { versions: 1 }")))
            eventually(lambda: states(models) == {3: "UNLOADING", 1: "AVAILABLE"})
        eventually(lambda: states(models) == {3: "END", 1: "AVAILABLE"})


def test_of_a_configuration_with_a_model_that_does_not_load_nothing_is_kept(toy, other, tmp_path, eventually):
    broken = tmp_path / "broken" / "1"
    broken.mkdir(parents=True)
    (broken / "saved_model.pb").write_bytes(b"not a model")
    with serving(entry(toy)) as models:
        config = configuration(entry(toy, policy=ALL), entry(other, "other"), entry(tmp_path / "broken", "broken"))
        code, message = _refused(models, config)
        assert code == grpc.StatusCode.UNKNOWN
        assert message.startswith(
            "1 model(s) did not become available: {{{name: broken version: 1} due to error: Cannot parse file"
        )
        threading.Event().wait(SEVERAL_POLLS)
        assert states(models) == {3: "AVAILABLE"}
        eventually(lambda: states(models, "other") == {5: "END"})
        assert "other" not in models


def test_a_new_model_without_any_version_is_refused(toy, tmp_path):
    with serving(entry(toy)) as models:
        code, message = _refused(models, configuration(entry(toy), entry(tmp_path / "nothing", "nothing")))
        assert (code, message) == (
            grpc.StatusCode.UNKNOWN,
            "1 model(s) did not become available: "
            f"{{{{{{name: nothing}} due to error: there is no version in {tmp_path / 'nothing'}}}, }}",
        )


def test_a_new_policy_and_a_new_base_path_take_effect(toy, other, eventually):
    with serving(entry(toy)) as models:
        models.apply(configuration(entry(toy, policy="specific { versions: 1 }")))
        eventually(lambda: states(models) == {3: "END", 1: "AVAILABLE"})
        models.apply(configuration(entry(other)))
        eventually(lambda: states(models) == {5: "AVAILABLE", 3: "END", 1: "END"})


def test_an_empty_configuration_is_no_change(toy):
    with serving(entry(toy)) as models:
        models.apply(ModelServerConfig())
        assert answer(models) == (3, 34.0)


def test_a_promotion_under_load_fails_no_request(toy, eventually):
    served, failures, stop = set(), [], threading.Event()
    with serving(entry(toy, policy=ALL)) as models:
        eventually(lambda: states(models) == dict.fromkeys((3, 2, 1), "AVAILABLE"))
        models.apply(configuration(entry(toy, policy=ALL, labels={"stable": 1})))

        def load():
            while not stop.is_set():
                try:
                    served.add(answer(models, label="stable"))
                except Exception as error:
                    failures.append(error)

        threads = [threading.Thread(target=load) for _ in range(3)]
        for thread in threads:
            thread.start()
        for version in (2, 3, 1):
            models.apply(configuration(entry(toy, policy=ALL, labels={"stable": version})))
            served.clear()
            eventually(lambda expected=(version, 10.0 * version + 4): expected in served)
        stop.set()
        for thread in threads:
            thread.join()
    assert failures == []
