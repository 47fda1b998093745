"""Which version is judged, and how long it trained, by the metadata of the pipeline's runs."""

import pathlib

import ml_metadata as mlmd
import pytest
from ml_metadata.proto import metadata_store_pb2 as pb

from benchmarks.quality import pushed
from pipeline import config as configs
from pipeline.config import Config

TRAINER = "tfx.components.trainer.component.Trainer"
PUSHER = "tfx.components.pusher.component.Pusher"


class Runs:
    """Metadata as TFX writes it of two components, with the version folders that were pushed."""

    def __init__(self, config: Config):
        self._config = config
        config.run_dir.mkdir(parents=True)
        connection = pb.ConnectionConfig()
        connection.sqlite.filename_uri = str(config.run_dir / "metadata.sqlite")
        connection.sqlite.connection_mode = pb.SqliteMetadataSourceConfig.READWRITE_OPENCREATE
        self._store = mlmd.MetadataStore(connection)
        self._node = self._store.put_context_type(pb.ContextType(name="node"))

    def trained(self) -> int:
        """A model that Trainer made."""
        return self._execute("Trainer", TRAINER, "model", pb.Execution.COMPLETE, pb.Artifact())

    def pushed(self, version: int) -> int:
        """A version that Pusher made."""
        (self._config.serving_dir / str(version)).mkdir(parents=True)
        artifact = pb.Artifact(custom_properties={"pushed_version": pb.Value(string_value=str(version))})
        return self._execute("Pusher", PUSHER, "pushed_model", pb.Execution.COMPLETE, artifact)

    def cached(self, trained: int, pushed: int) -> None:
        """A run that found both in the cache."""
        self._execute("Trainer", TRAINER, "model", pb.Execution.CACHED, pb.Artifact(id=trained))
        self._execute("Pusher", PUSHER, "pushed_model", pb.Execution.CACHED, pb.Artifact(id=pushed))

    def _execute(self, component: str, kind: str, output: str, state: int, artifact: pb.Artifact) -> int:
        type_id = self._store.put_execution_type(pb.ExecutionType(name=kind))
        if not artifact.id:
            artifact.type_id = self._store.put_artifact_type(pb.ArtifactType(name=output))
        else:
            [artifact] = self._store.get_artifacts_by_id([artifact.id])
        path = pb.Event.Path(steps=[pb.Event.Path.Step(key=output), pb.Event.Path.Step(index=0)])
        context = pb.Context(type_id=self._node, name=f"{self._config.name}.{component}")
        execution = pb.Execution(type_id=type_id, last_known_state=state)
        _, [artifact_id], _ = self._store.put_execution(
            execution,
            [(artifact, pb.Event(type=pb.Event.OUTPUT, path=path))],
            [context],
            reuse_context_if_already_exist=True,
        )
        return artifact_id


@pytest.fixture
def config(tmp_path: pathlib.Path) -> Config:
    return configs.load("complete_journey", {"runs_dir": str(tmp_path)})


def test_a_run_out_of_the_cache_stands_for_the_version_it_once_pushed(config):
    runs = Runs(config)
    first = runs.trained(), runs.pushed(100)
    runs.trained()
    runs.pushed(200)
    assert pushed.newest(config).folder.name == "200"
    runs.cached(*first)
    assert pushed.newest(config).folder.name == "100"


def test_training_takes_as_long_as_the_execution_that_made_the_model(config):
    runs = Runs(config)
    first = runs.trained(), runs.pushed(100)
    took = pushed.newest(config).training_seconds
    assert took is not None
    runs.cached(*first)
    assert pushed.newest(config).training_seconds == took


def test_a_version_that_was_deleted_gives_way_to_the_newest_folder(config):
    runs = Runs(config)
    runs.trained()
    runs.pushed(100)
    runs.pushed(200)
    (config.serving_dir / "200").rmdir()
    assert pushed.newest(config).folder.name == "100"


def test_without_metadata_the_newest_folder_is_judged(config):
    assert pushed.newest(config) is None
    for name in ("9", "10", "tmp-11"):
        (config.serving_dir / name).mkdir(parents=True)
    assert pushed.newest(config) == pushed.Pushed(config.serving_dir / "10", None)


def test_what_needs_a_version_says_how_to_get_one(config):
    with pytest.raises(pushed.NoModel, match="run `shelfwise run complete_journey` first"):
        pushed.asked_for(config)
    (config.serving_dir / "10").mkdir(parents=True)
    assert pushed.asked_for(config).folder.name == "10"
