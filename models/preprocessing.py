"""The one Transform graph: it computes what training reads, and the served model computes its features by it.

Every vocabulary starts at 1; 0 stands for missing and for unknown alike, so an unseen value behaves as an absent one.
"""

import tensorflow as tf
import tensorflow_transform as tft

from models.settings import TransformSettings
from schemas.statistics import STATISTICS

ITEM_VOCABULARY = "items"
SECONDS_A_DAY = 86_400
_Z_LIMIT = 5.0  # a mistyped price must not dominate an item's features


def preprocessing_fn(inputs: dict[str, tf.SparseTensor], custom_config: dict) -> dict[str, tf.Tensor]:
    """Maps raw example features to what the model reads.

    Args:
        inputs: features of `schemas.request_example`, each a SparseTensor [batch, any].
        custom_config: `settings`, a `TransformSettings` as JSON.

    Returns:
        By name: item lists as sparse int64 [batch, any] of vocabulary positions; scalars as dense [batch].
    """
    settings = TransformSettings.model_validate_json(custom_config["settings"])
    vocabulary = tft.vocabulary(inputs["item_id"], vocab_filename=ITEM_VOCABULARY)

    def items(name: str) -> tf.SparseTensor:
        return _map_values(lambda ids: tft.apply_vocabulary(ids, vocabulary, default_value=-1) + 1, inputs[name])

    return {
        **_request(inputs, items, settings),
        **_answer(inputs, items, settings),
        **_item(inputs, items, settings),
        **_declared(inputs, "user", settings),
        "user_id": _scalar(inputs["user_id"], ""),
    }


def _request(inputs, items, settings: TransformSettings) -> dict[str, tf.Tensor]:
    timestamp = _scalar(inputs["timestamp"], 0)
    history_time = inputs["history_timestamps"]
    age = tf.gather(timestamp, history_time.indices[:, 0]) - history_time.values
    since_monday = tf.math.floormod(timestamp + 3 * SECONDS_A_DAY, 7 * SECONDS_A_DAY)  # 1970 began on a Thursday
    kinds = _map_values(lambda events: _position(events, settings.history_kinds), inputs["history_events"])
    # A shop may send all that its shoppers did; kinds of event that training leaves out are no history in serving.
    counts = tf.cast(kinds.values > 0, tf.int64)
    return {
        "history_items": _map_values(lambda positions: positions * counts, items("history_item_ids")),
        "history_kinds": kinds,
        "history_age_days": history_time.with_values(tf.cast(tf.maximum(age, 0), tf.float32) / SECONDS_A_DAY),
        "hour": since_monday % SECONDS_A_DAY // 3600,
        "weekday": since_monday // SECONDS_A_DAY,
        "scene": _category(inputs["scene"], "scene"),
        "query": _scalar(inputs["query"], ""),
        **_declared(inputs, "context", settings),
    }


def _answer(inputs, items, settings: TransformSettings) -> dict[str, tf.Tensor]:
    statistics = [f"candidate_{name}" for name in STATISTICS]
    names = ["candidate_sampling_log_odds", *(f"candidate_{head.name}" for head in settings.heads)]
    return {
        "label_items": items("label_item_ids"),
        "candidate_items": items("candidate_item_ids"),
        **{name: _map_values(tf.math.log1p, inputs[name]) for name in statistics},
        **{name: tf.sparse.map_values(tf.identity, inputs[name]) for name in names},
    }


def _item(inputs, items, settings: TransformSettings) -> dict[str, tf.Tensor]:
    statistics = [f"item_{name}" for name in STATISTICS]
    texts = [_scalar(inputs[name], "") for name in settings.names("item", "text") or ["item_id"]]
    return {
        "item": _scalar(items("item_id"), 0),
        "item_id": _scalar(inputs["item_id"], ""),
        "item_available": _scalar(inputs["item_available"], 1),
        **{name: tf.math.log1p(_scalar(inputs[name], 0.0)) for name in statistics},
        "item_text": tf.strings.strip(tf.strings.join(texts, separator=" ")),
        **_declared(inputs, "item", settings),
    }


def _declared(inputs, role: str, settings: TransformSettings) -> dict[str, tf.Tensor]:
    """The shop's own features: vocabulary positions for categories, clipped z-scores for numbers."""
    categories = {name: _category(inputs[name], name) for name in settings.names(role, "categorical")}
    numbers = {name: _z_score(inputs[name]) for name in settings.names(role, "numeric")}
    return categories | numbers


def _category(values: tf.SparseTensor, name: str) -> tf.Tensor:
    positions = tft.compute_and_apply_vocabulary(values, vocab_filename=name, default_value=-1)
    return _scalar(_map_values(lambda position: position + 1, positions), 0)


def _z_score(values: tf.SparseTensor) -> tf.Tensor:
    """Clipped z-scores; NaN and infinity count as missing, and what is missing as the mean."""
    finite = tf.math.is_finite(values.values)
    numbers = tf.SparseTensor(values.indices[finite], values.values[finite], values.dense_shape)
    return tf.clip_by_value(_scalar(tft.scale_to_z_score(numbers), 0.0), -_Z_LIMIT, _Z_LIMIT)


def _position(values: tf.Tensor, known: list[str]) -> tf.Tensor:
    """1 + the position of each string in a short list; 0 where it is not in it."""
    return tf.add_n([tf.cast(values == kind, tf.int64) * (place + 1) for place, kind in enumerate(known)])


def _scalar(values: tf.SparseTensor, default) -> tf.Tensor:
    """The only value of each row, or the default: dense [batch]."""
    first = values.indices[:, 1] == 0
    shape = tf.stack([values.dense_shape[0], 1])
    only = tf.SparseTensor(values.indices[first], values.values[first], shape)
    return tf.sparse.to_dense(only, default_value=default)[:, 0]


def _map_values(function, sparse: tf.SparseTensor) -> tf.SparseTensor:
    return sparse.with_values(function(sparse.values))
