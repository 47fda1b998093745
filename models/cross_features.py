"""How each candidate stands to the request's own history, computed in the graph: how often, how long ago.

On shops where people buy again, these few numbers carry most of a ranking (cf. TIFU-KNN, Hu et al. 2020). They are
taken for the item itself and for each of its categories, so that a taste for a brand or a shelf shows as well.
"""

import tensorflow as tf

HALF_LIVES_DAYS = (3.0, 7.0, 21.0, 60.0, 180.0)
_NEVER_DAYS = 1000.0


def cross_features(candidates: tf.Tensor, history: tf.Tensor, age_days: tf.Tensor) -> tf.Tensor:
    """Decayed counts and recency of each candidate's key among the history's keys.

    Args:
        candidates: int64 [batch, num_candidates], the key of each candidate, such as its item or its brand; 0 is none.
        history: int64 [batch, length], the key of each event; 0 is none.
        age_days: float32 [batch, length], how long before the request.

    Returns:
        float32 [batch, num_candidates, len(HALF_LIVES_DAYS) + 2]: log(1 + sum of 2^(-age / half-life)) for each
        half-life, log(1 + count), and log(1 + days since the newest match) scaled to [0, 1], 1 for never.
    """
    matches = (candidates[:, :, tf.newaxis] == history[:, tf.newaxis, :]) & (history > 0)[:, tf.newaxis, :]
    decays = [tf.pow(2.0, -age_days / half_life) for half_life in HALF_LIVES_DAYS]
    weights = tf.stack([*decays, tf.ones_like(age_days)], axis=-1)
    counts = tf.math.log1p(tf.matmul(tf.cast(matches, tf.float32), weights))
    since = tf.reduce_min(tf.where(matches, age_days[:, tf.newaxis, :], _NEVER_DAYS), axis=-1)
    since = tf.math.log1p(tf.minimum(since, _NEVER_DAYS)) / tf.math.log1p(_NEVER_DAYS)
    return tf.concat([counts, since[..., tf.newaxis]], axis=-1)
