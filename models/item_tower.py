"""Item tower: what an item is, from its id, its text and its attributes."""

import numpy as np
import tensorflow as tf

from models.dataset import Catalogue
from models.text.encoder import TextEncoder, encode_distinct

_ATTRIBUTE_DIM = 16


class ItemText(tf.keras.layers.Layer):
    """Text embeddings of items by their position in the catalogue.

    A frozen encoder runs once, here, over the catalogue's distinct texts; a trained one runs over the distinct texts of
    each batch, so that it can learn.
    """

    def __init__(self, texts: np.ndarray, encoder: TextEncoder, progress=None):
        super().__init__(name="item_text")
        self._texts, self.rows = np.unique(texts.astype(bytes), return_inverse=True)
        self._encoder, self._progress = encoder, progress
        self._frozen = None if encoder.trainable_weights else tf.constant(self.encode())

    def encode(self) -> np.ndarray:
        """Embeds the distinct texts, float32 [num_texts, text_dim]; `rows` tells which of them is each item's."""
        return encode_distinct(self._encoder, [text.decode() for text in self._texts], progress=self._progress)

    def call(self, items: tf.Tensor) -> tf.Tensor:
        """Items int64 [n] to float32 [n, text_dim]."""
        rows = tf.gather(tf.constant(self.rows, tf.int32), items)
        if self._frozen is not None:
            return tf.gather(self._frozen, rows)
        distinct, place = tf.unique(rows)
        return tf.gather(self._encoder(tf.gather(tf.constant(self._texts), distinct)), place)


class ItemTower(tf.keras.layers.Layer):
    """Embeds items by their position in the catalogue: id, text, categories and numbers, concatenated into an MLP.

    Training hides ids at random (dropout of the whole id embedding), so that text and attributes learn to stand alone:
    position 0, the unknown item, has nothing else.
    """

    def __init__(self, catalogue: Catalogue, text: ItemText, embedding_dim: int, id_dropout: float):
        super().__init__(name="item_tower")
        self._categories = tf.constant(catalogue.categories)
        self._numbers = tf.constant(catalogue.numbers)
        self.text = text
        self._id_dropout = id_dropout
        self._ids = tf.keras.layers.Embedding(len(catalogue.item_ids), embedding_dim, name="item_id")
        self._attributes = [
            tf.keras.layers.Embedding(int(column.max(initial=0)) + 1, _ATTRIBUTE_DIM)
            for column in catalogue.categories.T
        ]
        self._project_text = tf.keras.layers.Dense(embedding_dim, name="text_projection")
        self._hidden = tf.keras.layers.Dense(2 * embedding_dim, activation="relu")
        self._output = tf.keras.layers.Dense(embedding_dim)

    def call(self, items: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Items int64 of any shape to L2-normalised embeddings float32 [..., embedding_dim]; each is computed once."""
        distinct, place = tf.unique(tf.reshape(items, [-1]))
        embedded = self._embed(distinct, training)
        return tf.reshape(tf.gather(embedded, place), tf.concat([tf.shape(items), [embedded.shape[-1]]], 0))

    def _embed(self, items: tf.Tensor, training: bool) -> tf.Tensor:
        ids = self._ids(items)
        if training:
            kept = tf.random.uniform([tf.shape(items)[0], 1]) >= self._id_dropout
            ids *= tf.cast(kept, ids.dtype)
        columns = tf.unstack(tf.gather(self._categories, items), axis=1)
        attributes = [embed(column) for embed, column in zip(self._attributes, columns, strict=True)]
        parts = [ids, self._project_text(self.text(items)), tf.gather(self._numbers, items), *attributes]
        return tf.math.l2_normalize(self._output(self._hidden(tf.concat(parts, axis=-1))), axis=-1)
