"""The pushed version that is judged, and how long it trained."""

import json
import pathlib
import shlex
import subprocess
import sys
from collections.abc import Mapping
from typing import NamedTuple

import ml_metadata as mlmd
from ml_metadata.proto.metadata_store_pb2 import ConnectionConfig, Execution

from pipeline.config import Config
from pipeline.run_record import NoRun, RunRecord


class NoModel(RuntimeError):
    """The pipeline pushed no model; its own message stands above."""


class Pushed(NamedTuple):
    """A version folder, and the seconds that Trainer took for it, where the metadata knows them."""

    folder: pathlib.Path
    training_seconds: float | None


def run_pipeline(name: str, overrides: Mapping[str, object]) -> None:
    """Runs `shelfwise run` in a process of its own, so that its memory is free again when the model is asked.

    Raises:
        NoModel: it failed, or the model was refused.
    """
    command = [sys.executable, "-m", "pipeline.cli", "run", name]
    for key, value in overrides.items():
        command += ["--set", f"{key}={json.dumps(value)}"]
    if subprocess.run(command, check=False).returncode:
        raise NoModel(f"`{shlex.join(command)}` pushed no model; what is missing stands above")


def newest(config: Config) -> Pushed | None:
    """The version that the newest run stands for, or the newest folder where no run is on record; None without any."""
    versions = {int(path.name): path for path in config.serving_dir.glob("*") if path.name.isdecimal()}
    if not versions:
        return None
    try:
        pushed = RunRecord(config).outputs("Pusher").get("pushed_model")
    except NoRun:
        return Pushed(versions[max(versions)], None)
    recorded = pushed.custom_properties["pushed_version"].string_value if pushed else ""
    version = int(recorded) if recorded.isdecimal() and int(recorded) in versions else max(versions)
    return Pushed(versions[version], _training_seconds(config))


def asked_for(config: Config) -> Pushed:
    """The version of `newest`.

    Raises:
        NoModel: nothing has been pushed.
    """
    version = newest(config)
    if version is None:
        raise NoModel(f"no version under {config.serving_dir}; run `shelfwise run {config.name}` first")
    return version


def _training_seconds(config: Config) -> float | None:
    """Duration of the execution that made the newest run's model, which may have been taken from the cache since."""
    model = RunRecord(config).outputs("Trainer").get("model")
    if model is None:
        return None
    connection = ConnectionConfig()
    connection.sqlite.filename_uri = str(config.run_dir / "metadata.sqlite")
    store = mlmd.MetadataStore(connection)
    producers = [event.execution_id for event in store.get_events_by_artifact_ids([model.id])]
    for execution in store.get_executions_by_id(producers):
        if (
            execution.last_known_state == Execution.COMPLETE
            and execution.type == "tfx.components.trainer.component.Trainer"
        ):
            return (execution.last_update_time_since_epoch - execution.create_time_since_epoch) / 1_000
    return None
