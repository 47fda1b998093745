"""The run that made an evaluation, from ML Metadata: every component's inputs, outputs and settings."""

import datetime
import pathlib

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2 as mlmd_pb2

from components.baseline.blessed import span_of
from pipeline.page.document import Artifact, Step
from pipeline.run_record import FAILURE

_STATES = {
    mlmd_pb2.Execution.COMPLETE: "done",
    mlmd_pb2.Execution.CACHED: "from the cache",
    mlmd_pb2.Execution.FAILED: "failed",
}


class Lineage:
    """Reads a pipeline's metadata.

    A run is known by the execution of one component in it: all executions that share its `pipeline_run` context.
    """

    def __init__(self, metadata: pathlib.Path, pipeline: str):
        """Opens the metadata.

        Args:
            metadata: the SQLite file.
            pipeline: the pipeline's name.
        """
        connection = mlmd_pb2.ConnectionConfig()
        connection.sqlite.filename_uri = str(metadata)
        self._store = mlmd.MetadataStore(connection)
        self._pipeline = pipeline

    def steps(self, execution_id: int) -> list[Step]:
        """The run that an execution belongs to, in the order in which its components ran."""
        executions = self._store.get_executions_by_context(self._run(execution_id).id)
        executions = sorted(executions, key=lambda execution: execution.id)
        return [self._step(execution) for execution in executions]

    def newest_run(self) -> list[Step]:
        """The newest run, however far it came, in the order in which its components ran; nothing if there was none."""
        runs = self._store.get_contexts_by_type("pipeline_run")
        executions = [one for run in runs for one in self._store.get_executions_by_context(run.id)]
        return self.steps(max(one.id for one in executions)) if executions else []

    def evaluations(self) -> list[mlmd_pb2.Artifact]:
        """Everything that the pipeline's Evaluator ever put out, oldest first."""
        return self.artifacts("ModelEvaluation")

    def artifacts(self, kind: str) -> list[mlmd_pb2.Artifact]:
        """Every artefact of a type that the pipeline ever put out, such as `PushedModel`, oldest first."""
        context = self._store.get_context_by_type_and_name("pipeline", self._pipeline)
        artifacts = self._store.get_artifacts_by_context(context.id) if context else []
        return sorted((a for a in artifacts if a.type == kind), key=lambda artifact: artifact.id)

    def made_by(self, artifact_id: int) -> int:
        """The execution that made an artefact; those that took it from the cache came later."""
        events = self._store.get_events_by_artifact_ids([artifact_id])
        return min(event.execution_id for event in events if event.type == mlmd_pb2.Event.OUTPUT)

    def notes(self, execution_id: int) -> dict[str, str]:
        """What was noted down of the run that an execution belongs to; see `RunRecord.sign`."""
        return {name: value.string_value for name, value in self._run(execution_id).custom_properties.items()}

    def span(self, artifact_id: int) -> int | None:
        """The newest span of the events that an artefact was made from."""
        return span_of(self._store, artifact_id)

    def _run(self, execution_id: int) -> mlmd_pb2.Context:
        contexts = self._store.get_contexts_by_execution(execution_id)
        return next(context for context in contexts if context.type == "pipeline_run")

    def _step(self, execution: mlmd_pb2.Execution) -> Step:
        contexts = self._store.get_contexts_by_execution(execution.id)
        node = next(context.name for context in contexts if context.type == "node")
        milliseconds = execution.last_update_time_since_epoch - execution.create_time_since_epoch
        events = self._store.get_events_by_execution_ids([execution.id])
        found = {a.id: a for a in self._store.get_artifacts_by_id([event.artifact_id for event in events])}
        inputs: dict[str, list[Artifact]] = {}
        outputs: dict[str, list[Artifact]] = {}
        for event in events:
            artifact = found[event.artifact_id]
            side = inputs if event.type == mlmd_pb2.Event.INPUT else outputs
            side.setdefault(event.path.steps[0].key, []).append(
                Artifact(id=artifact.id, type=artifact.type, uri=artifact.uri)
            )
        return Step(
            component=node.removeprefix(f"{self._pipeline}."),
            state=_STATES.get(execution.last_known_state, "running"),
            started=at(execution),
            seconds=milliseconds / 1000,
            inputs=inputs,
            outputs=outputs,
            settings={
                name: _text(value) for name, value in sorted(execution.custom_properties.items()) if name != FAILURE
            },
            error=_text(execution.custom_properties[FAILURE]) if FAILURE in execution.custom_properties else "",
        )


def at(node: mlmd_pb2.Execution | mlmd_pb2.Artifact) -> datetime.datetime:
    """When an execution began or an artefact came to be."""
    return datetime.datetime.fromtimestamp(node.create_time_since_epoch / 1000, datetime.UTC)


def _text(value: mlmd_pb2.Value) -> str:
    kind = value.WhichOneof("value")
    return str(getattr(value, kind)) if kind else ""
