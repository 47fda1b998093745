import pathlib
import resource

import pytest
from tfx.proto import pusher_pb2
from tfx.types.standard_artifacts import Model, ModelBlessing, PushedModel
from tfx.utils import proto_utils

from components.pusher.executor import Executor

GRAPH, WEIGHTS = b"graph" * 100, b"w" * 200_000


@pytest.fixture
def push(tmp_path):
    """Pushes a model to `serving`; returns the PushedModel artifact."""
    model = tmp_path / "model" / "Format-Serving"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(GRAPH)
    (model / "variables" / "variables.data").write_bytes(WEIGHTS)

    def run(blessed: bool = True) -> PushedModel:
        inputs = {"model": [Model()], "model_blessing": [ModelBlessing()]}
        inputs["model"][0].uri = str(tmp_path / "model")
        inputs["model_blessing"][0].set_int_custom_property("blessed", int(blessed))
        pushed = PushedModel()
        pushed.uri = str(tmp_path / "pushed")
        destination = pusher_pb2.PushDestination()
        destination.filesystem.base_directory = str(tmp_path / "serving")
        Executor().Do(inputs, {"pushed_model": [pushed]}, {"push_destination": proto_utils.proto_to_json(destination)})
        return pushed

    return run


def _files(folder: pathlib.Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_blessed_model_becomes_the_one_version_folder(push, tmp_path):
    pushed = push()
    version = pushed.get_string_custom_property("pushed_version")
    assert pushed.get_int_custom_property("pushed") == 1
    assert pushed.get_string_custom_property("pushed_destination") == str(tmp_path / "serving" / version)
    assert [path.name for path in (tmp_path / "serving").iterdir()] == [version]
    assert _files(tmp_path / "serving" / version) == {"saved_model.pb": GRAPH, "variables/variables.data": WEIGHTS}


def test_a_refused_model_leaves_nothing(push, tmp_path):
    assert push(blessed=False).get_int_custom_property("pushed") == 0
    assert not (tmp_path / "serving").exists()


def test_a_disk_that_fills_up_during_the_push_leaves_no_version(push, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(WEIGHTS) // 2, limits[1]))
    try:
        with pytest.raises(Exception, match="File too large"):
            push()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert list((tmp_path / "serving").iterdir()) == []
