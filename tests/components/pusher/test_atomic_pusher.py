import pathlib
import resource

import pytest
import tensorflow as tf
from tfx.dsl.io import fileio, filesystem_registry
from tfx.dsl.io.plugins.tensorflow_gfile import TensorflowFilesystem
from tfx.proto import pusher_pb2
from tfx.types.standard_artifacts import Model, ModelBlessing, PushedModel
from tfx.utils import proto_utils

from components.pusher.executor import Executor
from components.pusher.publish import check_reachable, publish
from pipeline.config import ConfigError

GRAPH, WEIGHTS = b"graph" * 100, b"w" * 200_000


@pytest.fixture
def push(tmp_path):
    """Pushes a model to `serving`; returns the PushedModel artifact."""
    model = tmp_path / "model" / "Format-Serving"
    (model / "variables").mkdir(parents=True)
    (model / "saved_model.pb").write_bytes(GRAPH)
    (model / "variables" / "variables.data").write_bytes(WEIGHTS)

    def run(blessed: bool = True, base: str = str(tmp_path / "serving")) -> PushedModel:
        inputs = {"model": [Model()], "model_blessing": [ModelBlessing()]}
        inputs["model"][0].uri = str(tmp_path / "model")
        inputs["model_blessing"][0].set_int_custom_property("blessed", int(blessed))
        pushed = PushedModel()
        pushed.uri = str(tmp_path / "pushed")
        destination = pusher_pb2.PushDestination()
        destination.filesystem.base_directory = base
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


def test_a_push_that_was_killed_before_it_was_on_record_is_not_pushed_again(push, tmp_path, monkeypatch):
    (tmp_path / "model" / "Format-Serving" / "fingerprint.pb").write_bytes(b"this export")
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.5)
    assert push().get_string_custom_property("pushed_version") == "1700000000"
    monkeypatch.setattr("time.time", lambda: 1_700_000_099.5)
    again = push()
    assert again.get_string_custom_property("pushed_version") == "1700000000"
    assert again.get_string_custom_property("pushed_destination") == str(tmp_path / "serving" / "1700000000")
    assert again.get_int_custom_property("pushed") == 1
    assert [path.name for path in (tmp_path / "serving").iterdir()] == ["1700000000"]


@pytest.mark.parametrize("theirs", [b"another export", None])
def test_another_export_is_pushed_however_alike_it_is(push, tmp_path, theirs, monkeypatch):
    monkeypatch.setattr("time.time", lambda: 1_700_000_000.5)
    push()
    (tmp_path / "model" / "Format-Serving" / "fingerprint.pb").write_bytes(b"this export")
    if theirs:
        (tmp_path / "serving" / "1700000000" / "fingerprint.pb").write_bytes(theirs)
    monkeypatch.setattr("time.time", lambda: 1_700_000_099.5)
    assert push().get_string_custom_property("pushed_version") == "1700000099"


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
    assert not (tmp_path / "serving").exists()


def test_a_copy_that_breaks_off_beside_the_versions_leaves_none(tmp_path):
    (tmp_path / "model" / "variables").mkdir(parents=True)
    (tmp_path / "model" / "saved_model.pb").write_bytes(GRAPH)
    (tmp_path / "model" / "variables" / "variables.data").symlink_to(tmp_path / "nowhere")
    with pytest.raises(fileio.NotFoundError):
        publish(str(tmp_path / "model"), str(tmp_path / "serving"), "7")
    assert list((tmp_path / "serving").iterdir()) == []


class ObjectStore(TensorflowFilesystem):
    """TensorFlow's file system in memory as an object store: files appear one by one, and nothing can be renamed."""

    SUPPORTED_SCHEMES = ["ram://"]
    written: list[str] = []
    room = 10

    @staticmethod
    def open(name, mode="r"):
        if "w" in mode:
            if len(ObjectStore.written) == ObjectStore.room:
                raise tf.errors.ResourceExhaustedError(None, None, "the bucket is full")
            ObjectStore.written.append(name)
        return TensorflowFilesystem.open(name, mode)

    @staticmethod
    def rename(src, dst, overwrite=False):
        raise NotImplementedError("an object store cannot rename")


@pytest.fixture
def bucket(monkeypatch) -> str:
    registry = filesystem_registry.FilesystemRegistry()
    registry.register(TensorflowFilesystem, priority=10, use_as_fallback=True)
    registry.register(ObjectStore, priority=0)
    monkeypatch.setattr(filesystem_registry, "DEFAULT_FILESYSTEM_REGISTRY", registry)
    monkeypatch.setattr(ObjectStore, "written", [])
    yield "ram://bucket/models"
    if tf.io.gfile.exists("ram://bucket/models"):
        tf.io.gfile.rmtree("ram://bucket/models")


def test_a_bucket_gets_the_graph_last(push, bucket):
    version = push(base=bucket).get_string_custom_property("pushed_version")
    place = f"{bucket}/{version}"
    assert ObjectStore.written == [f"{place}/variables/variables.data", f"{place}/saved_model.pb"]
    assert tf.io.gfile.GFile(f"{place}/saved_model.pb", "rb").read() == GRAPH
    assert tf.io.gfile.GFile(f"{place}/variables/variables.data", "rb").read() == WEIGHTS


def test_a_push_to_a_bucket_that_breaks_off_leaves_no_version(push, bucket, monkeypatch):
    monkeypatch.setattr(ObjectStore, "room", 1)
    with pytest.raises(tf.errors.ResourceExhaustedError):
        push(base=bucket)
    assert tf.io.gfile.listdir(bucket) == []


def test_a_destination_is_checked_before_anything_is_made_for_it(tmp_path, bucket):
    check_reachable(str(tmp_path / "not" / "yet"))
    check_reachable(bucket)
    with pytest.raises(ConfigError, match=r"s3://shop/models: TensorFlow has no file system for s3:// here, only .*gs"):
        check_reachable("s3://shop/models")
