"""What ML Metadata says about the runs of a pipeline, read without TFX, whose import takes long."""

import contextlib
import json
import pathlib
from collections.abc import Mapping

import ml_metadata as mlmd
from ml_metadata.proto.metadata_store_pb2 import Artifact, ConnectionConfig, Event, Execution

from pipeline.config import Config

FAILURE = "failure"  # custom property of an execution: what made it fail


class NoRun(LookupError):
    """The pipeline has not run, or not as far as was asked for."""


class RunRecord:
    """The newest execution of each component, and what it put out.

    A cached execution counts as newest too, so what a run took from the cache is found as what it made itself.
    """

    def __init__(self, config: Config):
        """Opens the metadata of a pipeline.

        Raises:
            NoRun: there is none yet.
        """
        self._name = config.name
        path = config.run_dir / "metadata.sqlite"
        if not path.exists():
            raise NoRun(f"the pipeline {config.name} has not run yet: `shelfwise run` will write {path}")
        connection = ConnectionConfig()
        connection.sqlite.filename_uri = str(path)
        self._store = mlmd.MetadataStore(connection)

    def execution(self, component: str) -> Execution | None:
        """The newest execution of a component, whatever became of it."""
        node = self._store.get_context_by_type_and_name("node", f"{self._name}.{component}")
        executions = self._store.get_executions_by_context(node.id) if node else []
        return max(executions, key=lambda execution: execution.id, default=None)

    def sign(self, component: str, signature: Mapping[str, str]) -> None:
        """Notes down by what a run was made: custom properties of its context, which its first component brings about.

        Args:
            component: one that the run has executed.
            signature: such as the configuration; what is noted already stays.
        """
        execution = self.execution(component)
        if execution is None:
            return
        contexts = self._store.get_contexts_by_execution(execution.id)
        run = next(context for context in contexts if context.type == "pipeline_run")
        missing = {key: value for key, value in signature.items() if key not in run.custom_properties}
        if missing:
            for key, value in missing.items():
                run.custom_properties[key].string_value = value
            self._store.put_contexts([run])

    def is_cached(self, component: str) -> bool:
        """Whether the newest execution was taken from the cache."""
        execution = self.execution(component)
        return execution is not None and execution.last_known_state == Execution.CACHED

    def outputs(self, component: str) -> dict[str, Artifact]:
        """What the newest execution put out, by output; empty if it did not finish."""
        execution = self.execution(component)
        if execution is None or execution.last_known_state not in (Execution.COMPLETE, Execution.CACHED):
            return {}
        events = self._store.get_events_by_execution_ids([execution.id])
        key_of = {event.artifact_id: event.path.steps[0].key for event in events if event.type == Event.OUTPUT}
        return {key_of[artifact.id]: artifact for artifact in self._store.get_artifacts_by_id(list(key_of))}

    def record_failure(self, component: str, message: str) -> None:
        """Writes down what made the newest execution of a component fail, which TFX does not."""
        execution = self.execution(component)
        if execution is not None and execution.last_known_state == Execution.FAILED:
            execution.custom_properties[FAILURE].string_value = message
            self._store.put_executions([execution])

    def forget_refusals_by_servers(self) -> None:
        """Lets the next run ask a server again, since what it refused may have been slow for a busy machine alone.

        TFX takes no execution from the cache whose outputs are not live. One that was killed has decided nothing.
        """
        blessings = self._store.get_artifacts_by_type("InfraBlessing")
        decided = [blessing for blessing in blessings if "blessed" in blessing.custom_properties]
        refusals = [blessing for blessing in decided if not blessing.custom_properties["blessed"].int_value]
        for refusal in refusals:
            refusal.state = Artifact.ABANDONED
        self._store.put_artifacts(refusals)

    def artifact_dirs(self, type_name: str) -> list[pathlib.Path]:
        """Folders of all artefacts of a type, newest first, those among them that are only being made."""
        artifacts = self._store.get_artifacts_by_type(type_name)
        return [pathlib.Path(artifact.uri) for artifact in sorted(artifacts, key=lambda a: a.id, reverse=True)]

    def evaluation_dir(self) -> str:
        """Folder of the newest evaluation.

        Raises:
            NoRun: the newest run has not come that far.
        """
        evaluation = self.outputs("Evaluator").get("evaluation")
        if evaluation is None:
            raise NoRun(f"the newest run of {self._name} came to no evaluation; `shelfwise run` goes on with it")
        return evaluation.uri

    def infra_blessing_dir(self) -> str:
        """Folder of what the newest candidate did in a server.

        Raises:
            NoRun: the newest run has not come that far.
        """
        blessing = self.outputs("InfraValidator").get("blessing")
        if blessing is None:
            raise NoRun(f"in the newest run of {self._name}, no server was tried; `shelfwise run` goes on with it")
        return blessing.uri

    def outcome(self, component: str) -> str:
        """The newest execution in a few words: rows, the Evaluator's verdict, the version that was pushed."""
        return "; ".join(filter(None, (_in_words(artifact) for artifact in self.outputs(component).values())))


def _in_words(artifact: Artifact) -> str:
    properties = artifact.custom_properties
    if artifact.type in ("ModelBlessing", "InfraBlessing"):
        return "blessed" if properties["blessed"].int_value else "not blessed"
    if artifact.type == "PushedModel":
        version = properties["pushed_version"].string_value
        return f"version {version}" if properties["pushed"].int_value else "nothing pushed"
    with contextlib.suppress(OSError):  # most artifacts have no summary
        summary = json.loads((pathlib.Path(artifact.uri) / "summary.json").read_text())
        return ", ".join(f"{count:,} {name}" for name, count in _counts(summary).items())
    return ""


def _counts(summary: dict) -> dict[str, int]:
    """The counts of a summary by what they count; a breakdown, such as rejected rows by reason, as its sum."""
    totals = {name: sum(value.values()) if isinstance(value, dict) else value for name, value in summary.items()}
    return {
        name.removeprefix("examples_").replace("_", " "): total
        for name, total in totals.items()
        if isinstance(total, int) and name not in ("span", "spans")
    }
