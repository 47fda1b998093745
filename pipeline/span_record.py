"""What ML Metadata says has become of each span."""

import contextlib

import ml_metadata as mlmd
from ml_metadata.proto.metadata_store_pb2 import ConnectionConfig, Event, Execution

from pipeline.config import Config

_FINISHED = (Execution.COMPLETE, Execution.CACHED)


def finished(config: Config) -> dict[int, str]:
    """By the newest span that a run read, the version that it pushed; empty where the model was refused.

    A run is finished when its Pusher is, so one that was killed before does not count, whatever it had done.
    """
    path = config.run_dir / "metadata.sqlite"
    if not path.exists():
        return {}
    connection = ConnectionConfig()
    connection.sqlite.filename_uri = str(path)
    store = mlmd.MetadataStore(connection)
    found: dict[int, str] = {}
    with contextlib.suppress(mlmd.errors.NotFoundError):  # a type that no run has got to yet
        node = store.get_context_by_type_and_name("node", f"{config.name}.Pusher")
        executions = store.get_executions_by_context(node.id) if node else []
        for execution in sorted(executions, key=lambda execution: execution.id):
            if execution.last_known_state in _FINISHED and (span := _span(store, config, execution)) is not None:
                found[span] = _version(store, execution)
    return found


def _span(store: mlmd.MetadataStore, config: Config, execution: Execution) -> int | None:
    """The newest span that the run of an execution read."""
    contexts = store.get_contexts_by_execution(execution.id)
    run = next(context for context in contexts if context.type == "pipeline_run")
    node = store.get_context_by_type_and_name("node", f"{config.name}.EventsGen")
    ours = {e.id for e in store.get_executions_by_context(run.id)}
    gen = [e.id for e in (store.get_executions_by_context(node.id) if node else []) if e.id in ours]
    spans = [a.custom_properties["span"].int_value for a in _outputs(store, gen) if "span" in a.custom_properties]
    return max(spans, default=None)


def _version(store: mlmd.MetadataStore, execution: Execution) -> str:
    (pushed,) = _outputs(store, [execution.id])
    return pushed.custom_properties["pushed_version"].string_value


def _outputs(store: mlmd.MetadataStore, executions: list[int]) -> list[mlmd.proto.Artifact]:
    if not executions:
        return []
    events = store.get_events_by_execution_ids(executions)
    return store.get_artifacts_by_id([event.artifact_id for event in events if event.type == Event.OUTPUT])
