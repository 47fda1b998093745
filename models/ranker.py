"""Ranker: scores each candidate of a request on every task."""

import tensorflow as tf
import tensorflow_recommenders as tfrs

from pipeline.config import Head

_CROSS_RANK = 32


class Ranker(tf.keras.layers.Layer):
    """Target attention, explicit cross features and a DCN-v2, with an output a head.

    Target attention follows DIN (Zhou et al. 2018): each candidate attends to the history by itself. The cross network
    is DCN-v2 in its low-rank form (Wang et al. 2021).
    """

    def __init__(self, units: list[int], heads: list[Head], hidden_dtype: str, interactions: bool):
        """Args:
        units: width of each hidden layer.
        heads: the tasks.
        hidden_dtype: Keras' policy for the hidden layers.
        interactions: whether to see how embeddings agree by dimension, with the request and by target attention, or
            only their inner product with the request.
        """
        super().__init__(name="ranker")
        self._target = tf.keras.layers.Attention(use_scale=True) if interactions else None
        self.normalize = tf.keras.layers.Normalization(name="normalize")
        self._cross = tfrs.layers.dcn.Cross(projection_dim=_CROSS_RANK)
        self._hidden = [tf.keras.layers.Dense(size, activation="relu", dtype=hidden_dtype) for size in units]
        self._heads = {head.name: tf.keras.layers.Dense(1, name=f"head_{head.name}") for head in heads}

    def call(
        self,
        query: tf.Tensor,
        candidates: tf.Tensor,
        explicit: tf.Tensor,
        history: tf.Tensor,
        history_mask: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Scores candidates.

        Args:
            query: request embeddings [batch, dim].
            candidates: item embeddings [batch, num_candidates, dim].
            explicit: features of each candidate that are no embeddings [batch, num_candidates, any].
            history: item embeddings of the newest events [batch, length, dim].
            history_mask: bool [batch, length], which of them are events.

        Returns:
            By head, raw predictions [batch, num_candidates]: logits of cross-entropy heads.
        """
        products = candidates * query[:, tf.newaxis, :]
        parts = [self.normalize(explicit), tf.reduce_sum(products, axis=-1, keepdims=True)]
        if self._target:
            attended = self._target([candidates, history], mask=[None, history_mask])
            attended *= tf.cast(tf.reduce_any(history_mask, axis=1), attended.dtype)[:, tf.newaxis, tf.newaxis]
            # Entries of unit vectors are small: a product of two is about 1/dim; the other inputs have unit variance.
            size = float(candidates.shape[-1])
            parts += [size * products, size * candidates * attended]
        features = tf.concat(parts, axis=-1)
        flat = tf.reshape(features, [-1, features.shape[-1]])
        flat = self._cross(flat)
        for layer in self._hidden:
            flat = layer(flat)
        flat = tf.cast(flat, tf.float32)
        return {name: tf.reshape(layer(flat), tf.shape(candidates)[:2]) for name, layer in self._heads.items()}
