"""Which models were blessed, and which spans of events made a model."""

import ml_metadata as mlmd
from ml_metadata.proto import metadata_store_pb2 as mlmd_pb2
from tfx import types
from tfx.components.evaluator import constants

_EXAMPLES, _BASE_MODEL = "Examples", "base_model"


def blessing_of(blessings: list[types.Artifact]) -> dict[int, types.Artifact]:
    """The blessing of each blessed model, by the model's id; of several, the last in the list."""
    return {
        blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_CURRENT_MODEL_ID_KEY): blessing
        for blessing in blessings
        if blessing.get_int_custom_property(constants.ARTIFACT_PROPERTY_BLESSED_KEY) == 1
    }


def span_of(store: mlmd.MetadataStore, artifact_id: int) -> int | None:
    """The newest span of the events that an artifact was made from; None where the metadata does not say.

    What the model that training began with was made from does not count.
    """
    spans: list[int] = []
    seen, wanted = set(), {artifact_id}
    while wanted:
        seen |= wanted
        made = [e for e in store.get_events_by_artifact_ids(sorted(wanted)) if e.type == mlmd_pb2.Event.OUTPUT]
        executions = {event.execution_id for event in made}
        read = [
            event.artifact_id
            for event in (store.get_events_by_execution_ids(sorted(executions)) if executions else [])
            if event.type == mlmd_pb2.Event.INPUT and event.path.steps[0].key != _BASE_MODEL
        ]
        wanted = set(read) - seen
        spans += [
            found.custom_properties["span"].int_value
            for found in (store.get_artifacts_by_id(sorted(wanted)) if wanted else [])
            if found.type == _EXAMPLES and "span" in found.custom_properties
        ]
    return max(spans, default=None)
