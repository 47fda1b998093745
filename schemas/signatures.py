"""The contract with the shop: what each served signature takes and gives.

Everything is batched in the first dimension. Item ids are the shop's own. Lists of different length are padded with the
empty string. An answer is as wide as the largest `k` of its batch, or as the candidates that the model ranks for it if
those are fewer (see `serving.retrieved` and `serving.popular`); shorter rows end in empty ids with score 0. Scores are
the ranker's own, and descend unless `serving.diversity` puts items in another order.

A missing string is empty, and a missing number is NaN. Events of a kind that the model's history does not hold are
ignored.
"""

import tensorflow as tf

from models.settings import TransformSettings

RANK_EXAMPLES, EMBED_ITEMS = "rank_examples", "embed_items"
HISTORY = ("history_item_ids", "history_timestamps", "history_events")


def _strings(*shape):
    return tf.TensorSpec(shape, tf.string)


def _integers(*shape):
    return tf.TensorSpec(shape, tf.int64)


def request_inputs(settings: TransformSettings) -> dict[str, tf.TensorSpec]:
    """What describes a request: who, when, where, and what the shopper did before."""
    inputs = {
        "user_id": _strings(None),
        "history_item_ids": _strings(None, None),
        "history_timestamps": _integers(None, None),
        "history_events": _strings(None, None),
        "scene": _strings(None),
        "timestamp": _integers(None),
    }
    inputs |= {name: _strings(None) for name in settings.names("context", "categorical")}
    inputs |= {name: tf.TensorSpec([None], tf.float32) for name in settings.names("context", "numeric")}
    return inputs


def recommend_inputs(settings: TransformSettings) -> dict[str, tf.TensorSpec]:
    """A request, the items that must not appear, and how many are wanted."""
    return {**request_inputs(settings), "exclude_item_ids": _strings(None, None), "k": tf.TensorSpec([None], tf.int32)}


def search_inputs(settings: TransformSettings) -> dict[str, tf.TensorSpec]:
    """The text looked for, by whom and when."""
    return {"query": _strings(None), **recommend_inputs(settings)}


def similar_inputs() -> dict[str, tf.TensorSpec]:
    """The item to which others are sought."""
    return {"item_id": _strings(None), "k": tf.TensorSpec([None], tf.int32)}


def rank_inputs(settings: TransformSettings) -> dict[str, tf.TensorSpec]:
    """A request and the items to order for it."""
    return {**request_inputs(settings), "candidate_item_ids": _strings(None, None)}


def all_inputs(settings: TransformSettings) -> dict[str, dict[str, tf.TensorSpec]]:
    """What every signature takes, by its key."""
    return {
        "recommend": recommend_inputs(settings),
        "search": search_inputs(settings),
        "similar": similar_inputs(),
        "rank": rank_inputs(settings),
        "serving_default": {"examples": _strings(None)},
    }


def offline_inputs() -> dict[str, dict[str, tf.TensorSpec]]:
    """What the signatures take, by their key, that the pipeline asks of a model and no shop does.

    A server is neither warmed up for them nor validated with them. `rank_examples` gives what `rank` does for the
    candidates of each request example, [batch, most candidates]; `embed_items` each item's `embedding` [items, dim] by
    the item tower.
    """
    return {RANK_EXAMPLES: {"examples": _strings(None)}, EMBED_ITEMS: {"item_id": _strings(None)}}
