"""Query tower: what a shopper wants now, from the request's own history, profile and circumstances."""

import tensorflow as tf

from models.settings import TrainerSettings

_SMALL_DIM = 16
_AGE_BUCKETS = [0.04, 0.5, 1.0, 2.0, 4.0, 7.0, 10.0, 14.0, 21.0, 28.0, 42.0, 60.0, 90.0, 180.0, 365.0]  # days
HISTORY = ("history_items", "history_kinds", "history_age_days")


class QueryTower(tf.keras.layers.Layer):
    """Self-attention over the newest history, pooled by a learned attention, with profile and context into an MLP.

    Positions are ages: each event carries an embedding of how long ago it was, so attention decays with time as the
    data asks for, not with the index (cf. TiSASRec, Li et al. 2020).
    """

    def __init__(self, settings: TrainerSettings, vocabulary_sizes: dict[str, int]):
        """Args:
        settings: sizes and declared features.
        vocabulary_sizes: number of values of each categorical feature, 0 for unknown included.
        """
        super().__init__(name="query_tower")
        dim = settings.model.embedding_dim
        self._numeric = settings.names("user", "numeric") + settings.names("context", "numeric")
        self._categorical = {
            name: tf.keras.layers.Embedding(size, _SMALL_DIM, name=name) for name, size in vocabulary_sizes.items()
        }
        self._age = tf.keras.layers.Embedding(len(_AGE_BUCKETS) + 1, dim, name="age")
        self._kind = tf.keras.layers.Embedding(len(settings.history_kinds) + 1, dim, name="kind")
        self._normalize = tf.keras.layers.LayerNormalization()
        self._attend = tf.keras.layers.MultiHeadAttention(
            settings.model.attention_heads, dim // settings.model.attention_heads
        )
        self._pool = tf.keras.layers.Dense(1, name="pool")
        self._hidden = tf.keras.layers.Dense(2 * dim, "relu", dtype=settings.training.hidden_dtype)
        self._output = tf.keras.layers.Dense(dim)

    def call(self, features: dict[str, tf.Tensor], events: dict[str, tf.Tensor], items: tf.Tensor) -> tf.Tensor:
        """Embeds requests.

        Args:
            features: transformed scalars of the request, [batch] each.
            events: its newest events as by `newest`, [batch, length] each.
            items: embeddings of the events' items, [batch, length, dim].

        Returns:
            L2-normalised float32 [batch, dim].
        """
        known = events["history_items"] > 0
        age = tf.raw_ops.Bucketize(input=events["history_age_days"], boundaries=_AGE_BUCKETS)
        states = items + self._kind(events["history_kinds"]) + self._age(age)
        normal = self._normalize(states)
        states += self._attend(normal, normal, attention_mask=known[:, tf.newaxis, :])
        weights = tf.where(known[..., tf.newaxis], self._pool(states), -1e9)
        pooled = tf.reduce_sum(tf.nn.softmax(weights, axis=1) * states, axis=1)
        pooled *= tf.cast(tf.reduce_any(known, axis=1, keepdims=True), pooled.dtype)

        parts = [pooled, *(embed(features[name]) for name, embed in self._categorical.items())]
        parts += [features[name][:, tf.newaxis] for name in self._numeric]
        hidden = tf.cast(self._hidden(tf.concat(parts, axis=-1)), tf.float32)
        return tf.math.l2_normalize(self._output(hidden), axis=-1)


def newest(features: dict[str, tf.Tensor], length: int) -> dict[str, tf.Tensor]:
    """The newest events of each history, in whatever order and with whatever padding it came.

    Args:
        features: `history_*`, each [batch, any]; unknown items and padding have position 0.
        length: how many to keep.

    Returns:
        The same features, [batch, at most length], newest first and padding last.
    """
    known = features["history_items"] > 0
    recency = tf.where(known, -features["history_age_days"], float("-inf"))
    _, place = tf.math.top_k(recency, tf.minimum(length, tf.shape(recency)[1]))
    return {name: tf.gather(features[name], place, batch_dims=1) for name in HISTORY}
