"""Item tower: what an item is, from its id, its text and its attributes."""

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from models.dataset import Catalogue
from models.settings import TrainerSettings
from models.text.encoder import TextEncoder, encode_distinct

_ATTRIBUTE_DIM = 16


class ItemText(tf.keras.layers.Layer):
    """Text embeddings of items by their position in the catalogue.

    A frozen encoder runs once, here, over the catalogue's distinct texts; a trained one runs over the distinct texts of
    each batch, so that it can learn, until `freeze`.

    `rows` int32 [num_items + 1] tells which of the distinct texts is each item's; `vectors` float32 [num_texts,
    text_dim] holds their embeddings once frozen.
    """

    def __init__(
        self,
        texts: np.ndarray,
        encoder: TextEncoder,
        progress: Callable[[int, int], None] | None = None,
        known: Mapping[bytes, np.ndarray] | None = None,
    ):
        """Args:
        texts: bytes [num_items + 1], each item's text.
        encoder: what embeds them.
        progress: see `encode_distinct`.
        known: by text, the vector float32 [text_dim] that this very encoder, frozen, has given before.
        """
        super().__init__(name="item_text")
        distinct, rows = np.unique(texts.astype(bytes), return_inverse=True)
        self._texts, self.rows = tf.constant(distinct), tf.constant(rows, tf.int32)
        self.encoder, self._progress, self._known = encoder, progress, known or {}
        self.vectors: tf.Tensor | None = None
        if not encoder.trainable_weights:
            self.freeze()

    def freeze(self) -> None:
        """Embeds every text by the encoder as it is now, unless that is done; from here on they are looked up."""
        if self.vectors is None:
            texts = self._texts.numpy()
            vectors = np.empty([len(texts), self.encoder.dim], np.float32)
            new = [row for row, text in enumerate(texts) if text not in self._known]
            vectors[new] = encode_distinct(self.encoder, [texts[row].decode() for row in new], progress=self._progress)
            for row in set(range(len(texts))).difference(new):
                vectors[row] = self._known[texts[row]]
            self.vectors = tf.constant(vectors)

    def encoded(self) -> tuple[np.ndarray, np.ndarray]:
        """The distinct texts, bytes [num_texts], and their vectors, float32 [num_texts, text_dim]; once frozen."""
        return self._texts.numpy().astype(bytes), self.vectors.numpy()

    def call(self, items: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Items int64 [n] to float32 [n, text_dim]."""
        rows = tf.gather(self.rows, items)
        if self.vectors is not None:
            return tf.gather(self.vectors, rows)
        distinct, place = tf.unique(rows)
        return tf.gather(self.encoder(tf.gather(self._texts, distinct), training=training), place)


class ItemTower(tf.keras.layers.Layer):
    """Embeds items by their position in the catalogue: id, text, categories and numbers, concatenated into an MLP.

    Training hides ids at random (dropout of the whole id embedding), so that text and attributes learn to stand alone:
    position 0, the unknown item, has no id either.
    """

    def __init__(self, catalogue: Catalogue, text: ItemText, settings: TrainerSettings, random: tf.random.Generator):
        """Args:
        catalogue: the items.
        text: their texts, which are read only if a text feature trains.
        settings: sizes, precision, and how often ids are hidden.
        random: draws which ids are hidden.
        """
        super().__init__(name="item_tower")
        embedding_dim = settings.model.embedding_dim
        self._categories = tf.constant(catalogue.categories)
        self._numbers = tf.constant(catalogue.numbers)
        self.text = text
        self._id_dropout, self._random = settings.model.id_dropout, random
        self._ids = tf.keras.layers.Embedding(len(catalogue.item_ids), embedding_dim, name="item_id")
        self._attributes = [
            tf.keras.layers.Embedding(int(column.max()) + 1, _ATTRIBUTE_DIM) for column in catalogue.categories.T
        ]
        self._project_text = (
            tf.keras.layers.Dense(embedding_dim, name="text_projection") if settings.trains_on_text else None
        )
        self._hidden = tf.keras.layers.Dense(2 * embedding_dim, "relu", dtype=settings.training.hidden_dtype)
        self._output = tf.keras.layers.Dense(embedding_dim)

    def call(self, items: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Items int64 of any shape to L2-normalised embeddings float32 [..., embedding_dim]; each is computed once."""
        distinct, place = tf.unique(tf.reshape(items, [-1]))
        embedded = self._embed(distinct, training)
        return tf.reshape(tf.gather(embedded, place), tf.concat([tf.shape(items), [embedded.shape[-1]]], 0))

    def _embed(self, items: tf.Tensor, training: bool) -> tf.Tensor:
        has_id = items > 0
        if training:
            has_id &= self._random.uniform(tf.shape(items)) >= self._id_dropout
        ids = self._ids(items) * tf.cast(has_id, tf.float32)[:, tf.newaxis]
        parts = [ids]
        if self._project_text:
            parts.append(self._project_text(self.text(items, training=training)))
        parts.append(tf.gather(self._numbers, items))
        columns = tf.unstack(tf.gather(self._categories, items), axis=1)
        parts += [embed(column) for embed, column in zip(self._attributes, columns, strict=True)]
        features = tf.concat(parts, axis=-1)
        hidden = tf.cast(self._hidden(features), tf.float32)
        return tf.math.l2_normalize(self._output(hidden), axis=-1)
