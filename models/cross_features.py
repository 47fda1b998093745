"""How each candidate stands to the request's own history, by the graph: how often, how lately, how regularly.

On shops where people buy again, these few numbers carry most of a ranking (cf. TIFU-KNN, Hu et al. 2020). They are
taken for the item itself and for each of its categories, so that a taste for a brand or a shelf shows as well.
"""

import math

import tensorflow as tf

HALF_LIVES_DAYS = (3.0, 7.0, 21.0, 60.0, 180.0)
_DECAYS = tuple(-math.log(2.0) / days for days in HALF_LIVES_DAYS)
_LONGEST_DAYS = 1000.0
_NEVER = (*(0.0 for _ in HALF_LIVES_DAYS), 0.0, 1.0, 0.0)


def cross_features(candidates: tf.Tensor, history: tf.Tensor, age_days: tf.Tensor) -> tf.Tensor:
    """Decayed counts, recency and regularity of each candidate's key among the history's keys.

    The distinct keys of each request are numbered once, so that its events are summed by number and its candidates look
    the sums up; comparing all candidates with all events would take most of a request's time.

    Args:
        candidates: int64 [batch, num_candidates], the key of each candidate, such as its item or its brand; 0 is none.
        history: int64 [batch, length], the key of each event; 0 is none.
        age_days: float32 [batch, length], how long before the request.

    Returns:
        float32 [batch, num_candidates, len(HALF_LIVES_DAYS) + 3]: log(1 + sum of 2^(-age / half-life)) for each
        half-life; log(1 + count); log(1 + days since the newest match) and log(1 + days from the oldest match to the
        newest), scaled so that 1000 days are 1. A key that never occurs has counts of 0, and 1 as its days since.
    """
    keys = tf.concat([history, candidates], axis=1)
    row = tf.range(tf.shape(keys, tf.int64)[0])[:, tf.newaxis]
    distinct, number = tf.unique(tf.reshape(row * (tf.reduce_max(keys) + 1) + keys, [-1]))
    of_events, of_candidates = tf.split(
        tf.reshape(number, tf.shape(keys)), [tf.shape(history)[1], tf.shape(candidates)[1]], axis=1
    )
    of_events, ages = tf.reshape(of_events, [-1]), tf.reshape(age_days, [-1])

    weights = tf.concat([tf.exp(ages[:, tf.newaxis] * _DECAYS), tf.ones_like(ages)[:, tf.newaxis]], axis=-1)
    counts = tf.math.log1p(tf.math.unsorted_segment_sum(weights, of_events, tf.size(distinct)))
    newest = tf.math.unsorted_segment_min(ages, of_events, tf.size(distinct))
    oldest = tf.math.unsorted_segment_max(ages, of_events, tf.size(distinct))
    days = [_log_days(newest), _log_days(tf.maximum(oldest - newest, 0.0))]
    matched = tf.gather(tf.concat([counts, tf.stack(days, axis=-1)], axis=-1), of_candidates)
    return tf.where((candidates > 0)[..., tf.newaxis], matched, _NEVER)


def request_features(history: tf.Tensor, age_days: tf.Tensor) -> tf.Tensor:
    """How much, how often and how lately the shopper acted at all, in the terms of `cross_features`.

    Args:
        history: int64 [batch, length], the item of each event; 0 is none.
        age_days: float32 [batch, length], how long before the request.

    Returns:
        float32 [batch, 2 * (len(HALF_LIVES_DAYS) + 3)]: of all events, then of visits, which are events of one moment.
    """
    known = history > 0
    anything = tf.ones([tf.shape(history)[0], 1], tf.int64)
    ages = tf.sort(tf.where(known, age_days, -1.0), axis=1)
    is_visit = tf.pad(ages[:, 1:] != ages[:, :-1], [[0, 0], [1, 0]], constant_values=True) & (ages >= 0)
    of_events = cross_features(anything, tf.cast(known, tf.int64), age_days)
    of_visits = cross_features(anything, tf.cast(is_visit, tf.int64), ages)
    return tf.concat([of_events, of_visits], axis=-1)[:, 0]


def _log_days(days: tf.Tensor) -> tf.Tensor:
    return tf.math.log1p(tf.minimum(days, _LONGEST_DAYS)) / tf.math.log1p(_LONGEST_DAYS)
