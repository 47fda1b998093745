"""Sets of items, a row each: in the served graph by sorting, since comparing each with each is slow for long rows."""

import tensorflow as tf

_NO_ITEM = -1


def distinct(items: tf.Tensor) -> tf.Tensor:
    """The distinct items of each row.

    Args:
        items: int64 [batch, any]; 0 is none.

    Returns:
        int64 [batch, size of the largest set], descending; 0 behind them.
    """
    ascending = tf.sort(items, axis=1)
    repeated = tf.pad(ascending[:, 1:] == ascending[:, :-1], [[0, 0], [1, 0]])
    sizes = tf.reduce_sum(tf.cast(~repeated & (ascending > 0), tf.int32), axis=1)
    descending = tf.sort(tf.where(repeated, tf.zeros_like(ascending), ascending), axis=1, direction="DESCENDING")
    return descending[:, : tf.reduce_max(tf.concat([sizes, [0]], axis=0))]


def is_among(items: tf.Tensor, others: tf.Tensor) -> tf.Tensor:
    """Which of each row's items are in the same row of `others`, int64 [batch, any]: bool like `items`."""
    ascending = tf.sort(tf.pad(others, [[0, 0], [1, 0]], constant_values=_NO_ITEM), axis=1)
    place = tf.searchsorted(ascending, items, side="right") - 1
    return tf.gather(ascending, place, batch_dims=1) == items
