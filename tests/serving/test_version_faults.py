"""Versions that are broken, half there or taken away: what was served goes on being served, and the reason is told."""

import shutil
import threading

import numpy as np
import pytest
import tensorflow as tf
from served_models import ALL, answer, entry, serving, states
from tensorflow_serving.apis import model_pb2
from toy_model import POLL_SECONDS
from warmup_records import predict_similar, write_warmup

from serving.servable import Servable
from serving.status import StatusError

SEVERAL_POLLS = 6 * POLL_SECONDS


@pytest.fixture
def toy(publish, tmp_path):
    """The folder of a model with version 1, whose bias is 10."""
    publish(1, bias=10.0)
    return tmp_path / "toy"


def _error(models, version: int) -> str:
    (status,) = [status for status in models.statuses("toy") if status.version == version]
    assert status.error_code != tf.errors.OK
    return str(status.error)


def _tries(caplog, version: int) -> int:
    return sum(f"version {version} of toy cannot be loaded" in record.getMessage() for record in caplog.records)


def _is_refused(models, version: int) -> bool:
    """Whether a version failed while version 1 is still served."""
    return states(models) == {version: "END", 1: "AVAILABLE"} and answer(models) == (1, 14.0)


@pytest.mark.parametrize("file", ["saved_model.pb", "variables/variables.index"])
def test_a_corrupt_version_is_not_served(toy, exported, tmp_path, eventually, file):
    with serving(entry(toy)) as models:
        aside = shutil.copytree(exported(bias=20.0), tmp_path / "aside")
        content = (aside / file).read_bytes()
        (aside / file).write_bytes(content[: len(content) // 2] + b"\xff" * 100)
        aside.rename(toy / "2")
        eventually(lambda: _is_refused(models, 2))
        assert _error(models, 2)


def test_values_that_do_not_match_their_checksum_are_not_served(toy, exported, tmp_path, eventually):
    with serving(entry(toy)) as models:
        aside = shutil.copytree(exported(bias=20.0), tmp_path / "aside")
        data = aside / "variables" / "variables.data-00000-of-00001"
        content = bytearray(data.read_bytes())
        position = bytes(content).index(np.array([20.0, 21.0], np.float32).tobytes())
        content[position] ^= 1
        data.write_bytes(content)
        aside.rename(toy / "2")
        eventually(lambda: _is_refused(models, 2))
        assert "checksum" in _error(models, 2).lower()


def test_a_version_without_its_variables_is_not_served(toy, exported, tmp_path, eventually):
    with serving(entry(toy)) as models:
        aside = shutil.copytree(exported(bias=20.0), tmp_path / "aside")
        shutil.rmtree(aside / "variables")
        aside.rename(toy / "2")
        eventually(lambda: _is_refused(models, 2))
        assert "variables" in _error(models, 2)


def test_a_truncated_copy_in_progress_is_served_once_it_is_whole(toy, exported, eventually):
    source = exported(bias=20.0)
    data = "variables/variables.data-00000-of-00001"
    with serving(entry(toy)) as models:
        shutil.copytree(source, toy / "2", ignore=lambda *_: ["variables.data-00000-of-00001"])
        (toy / "2" / data).write_bytes((source / data).read_bytes()[:7])
        eventually(lambda: _is_refused(models, 2))
        shutil.copy(source / data, toy / "2" / data)
        eventually(lambda: states(models) == {2: "AVAILABLE", 1: "END"})
        assert answer(models) == (2, 24.0)


def test_a_version_whose_files_change_while_they_are_loaded_is_loaded_again(toy, publish, eventually):
    loaded = []

    def load(name, version, path):
        if version == 2 and loaded.count(2) < 2:  # the rest of a copy arrives in the middle of the first two loads
            (path / f"late-{len(loaded)}").touch()
        loaded.append(version)
        return Servable(path)

    with serving(entry(toy), load=load) as models:
        loaded.clear()
        publish(2, bias=20.0)
        eventually(lambda: states(models) == {2: "AVAILABLE", 1: "END"})
        assert loaded == [2, 2, 2]
        assert answer(models) == (2, 24.0)


def test_deletion_of_the_folder_being_served_lets_its_requests_finish(toy, eventually):
    with serving(entry(toy)) as models:
        with models.borrow(model_pb2.ModelSpec(name="toy")) as (version, servable):
            shutil.rmtree(toy / "1")
            eventually(lambda: states(models) == {1: "UNLOADING"})
            with pytest.raises(StatusError, match=r"Servable not found for request: Latest\(toy\)"):
                answer(models)
            outputs = servable.run("similar", {"item_id": np.array([b"item-0"], object), "k": np.array([1], np.int32)})
            assert (version, float(outputs["scores"][0, 0])) == (1, 14.0)
        eventually(lambda: states(models) == {1: "END"})


def test_deletion_of_every_file_of_the_folder_being_served_is_not_noticed(toy):
    with serving(entry(toy)) as models:
        for path in [path for path in (toy / "1").rglob("*") if path.is_file()]:
            path.unlink()
        threading.Event().wait(SEVERAL_POLLS)
        assert answer(models) == (1, 14.0)


def test_a_version_whose_warmup_fails_is_not_served(toy, exported, tmp_path, eventually):
    with serving(entry(toy)) as models:
        aside = shutil.copytree(exported(bias=20.0), tmp_path / "aside")
        write_warmup(aside, [predict_similar(), predict_similar(signature_name="dissimilar")])
        aside.rename(toy / "2")
        eventually(lambda: _is_refused(models, 2))
        assert _error(models, 2).endswith('failed: Serving signature key "dissimilar" not found.')
        assert "warmup record 2 from" in _error(models, 2)


def test_the_rest_of_a_policy_is_served_beside_a_broken_version(toy, publish, eventually):
    publish(3, bias=30.0)
    (toy / "2").mkdir()
    with serving(entry(toy, policy=ALL)) as models:
        eventually(lambda: states(models) == {3: "AVAILABLE", 2: "END", 1: "AVAILABLE"})
        assert answer(models) == (3, 34.0)
        assert answer(models, version=1) == (1, 14.0)


def test_a_folder_with_a_number_beyond_64_bits_is_no_version(toy):
    (toy / str(2**63)).mkdir()
    with serving(entry(toy)) as models:
        assert states(models) == {1: "AVAILABLE"}


def test_a_version_that_failed_is_tried_again_as_often_as_it_may_be(toy, eventually, caplog):
    with serving(entry(toy), max_load_retries=2, load_retry_interval_seconds=0.0) as models:
        (toy / "2").mkdir()
        eventually(lambda: _tries(caplog, 2) == 3)
        threading.Event().wait(SEVERAL_POLLS)
        assert _tries(caplog, 2) == 3
        assert answer(models) == (1, 14.0)


@pytest.mark.parametrize("poll_seconds", [0.0, 3600.0])
def test_a_version_that_failed_is_tried_again_however_seldom_the_folder_is_looked_at(toy, poll_seconds):
    tried = []

    def load(name, version, path):
        tried.append(version)
        if len(tried) < 3:
            raise OSError("the disk fails for a moment")
        return Servable(path)

    with serving(entry(toy), load=load, poll_seconds=poll_seconds, load_retry_interval_seconds=0.05) as models:
        assert answer(models) == (1, 14.0)
    assert tried == [1, 1, 1]


def test_waiting_ends_when_every_version_has_used_up_its_tries_and_the_folder_is_looked_at_once(tmp_path):
    (tmp_path / "toy" / "1").mkdir(parents=True)
    settings = {"poll_seconds": 0.0, "max_load_retries": 2, "load_retry_interval_seconds": 0.05}
    with (
        serving(entry(tmp_path / "toy"), wait=False, **settings) as models,
        pytest.raises(StatusError, match="did not become available"),
    ):
        models.wait_until_available(timeout=120)


def test_waiting_ends_when_every_version_has_used_up_its_tries(tmp_path):
    (tmp_path / "toy" / "1").mkdir(parents=True)
    with serving(entry(tmp_path / "toy"), wait=False, max_load_retries=0) as models:
        expected = r"^1 servable\(s\) did not become available: \{\{\{name: toy version: 1\} due to error: .*\}, \}$"
        with pytest.raises(StatusError, match=expected):
            models.wait_until_available()


def test_waiting_goes_on_while_there_is_a_try_left(tmp_path, eventually):
    (tmp_path / "toy" / "1").mkdir(parents=True)
    with serving(entry(tmp_path / "toy"), wait=False, max_load_retries=1) as models:
        eventually(lambda: any(status.error for status in models.statuses("toy")))
        expected = "became available within 0.5 s: {name: toy version: 1} due to error"
        with pytest.raises(TimeoutError, match=expected):
            models.wait_until_available(timeout=0.5)
