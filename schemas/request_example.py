"""The schema of request examples, catalogue and profiles: written by RequestExamples, read by Transform.

One schema covers the splits of requests (`train`, `validation`, `eval`), the split `catalog` with an example an item,
and the split `users` with an example a shopper, so that Transform learns one graph from all of them. Declared features
carry the prefix of their table: `item_`, `user_`, `context_`. `OUTCOME` is in `eval` alone, which trains nothing: what
the requests came to, and what was shown meanwhile, for the metrics of `components.evaluation.metrics.logged`.
"""

from collections.abc import Iterable

from tensorflow_metadata.proto.v0 import schema_pb2

from pipeline.config import Feature, Head
from schemas.statistics import STATISTICS

REQUEST_SPLITS = ("train", "validation", "eval")
CATALOG_SPLIT = "catalog"
OUTCOME_FILE = "outcomes.json"  # beside the splits: how much of each kind of outcome `eval` holds
USERS_SPLIT = "users"

_BYTES, _INT, _FLOAT = schema_pb2.BYTES, schema_pb2.INT, schema_pb2.FLOAT

REQUEST = {
    "user_id": _BYTES,
    "timestamp": _INT,
    "scene": _BYTES,
    "query": _BYTES,
    "shopper": _BYTES,
    "history_item_ids": _BYTES,
    "history_timestamps": _INT,
    "history_events": _BYTES,
}
ANSWER = {
    "label_item_ids": _BYTES,
    "first_time_item_ids": _BYTES,
    "past_item_ids": _BYTES,
    "candidate_item_ids": _BYTES,
    **{f"candidate_{name}": _FLOAT for name in STATISTICS},
    "candidate_sampling_log_odds": _FLOAT,
}
OUTCOME = {
    "outcome_item_ids": _BYTES,
    "outcome_clicks": _FLOAT,
    "outcome_conversions": _FLOAT,
    "outcome_revenue": _FLOAT,
    "outcome_dwell_seconds": _FLOAT,
    "outcome_sessions": _FLOAT,
    "outcome_impressions": _FLOAT,
    "outcome_interactions": _FLOAT,
    "logged_item_ids": _BYTES,
    "logged_propensities": _FLOAT,
    "logged_rewards": _FLOAT,
    "logged_lists": _FLOAT,
}
ITEM = {"item_id": _BYTES, "item_available": _INT, **{f"item_{name}": _FLOAT for name in STATISTICS}}


def schema(features: Iterable[Feature], heads: Iterable[Head]) -> schema_pb2.Schema:
    """The schema of a configured shop's examples; every feature is a list of any length, and absence an empty one."""
    types = REQUEST | ANSWER | OUTCOME | ITEM
    types |= {f"{f.role}_{f.name}": _FLOAT if f.kind == "numeric" else _BYTES for f in features}
    types |= {f"candidate_{head.name}": _FLOAT for head in heads}
    return schema_pb2.Schema(feature=[schema_pb2.Feature(name=name, type=kind) for name, kind in types.items()])
