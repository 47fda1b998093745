"""The served graph: one request in, one ordered list out.

Retrieve, unite, rank, filter: candidates come from the two towers over the whole catalogue, from the shopper's own past
and from what is popular now; the ranker orders them. Only TensorFlow and TF Text ops are used.
"""

from typing import NamedTuple

import tensorflow as tf

from models.dataset import Catalogue
from models.request_model import EmbeddedRequest, RequestModel
from models.settings import TrainerSettings

BOUGHT_BEFORE, FOR_YOU, POPULAR = "bought_before", "for_you", "popular"
_NEVER = float("-inf")


class ServedItems(tf.Module):
    """The catalogue as the served graph holds it; row 0 is the unknown item."""

    def __init__(self, catalogue: Catalogue, embeddings, text_embeddings, text_rows):
        """Args:
        catalogue: the items.
        embeddings: item tower's output, float32 [num_items + 1, dim].
        text_embeddings: of the distinct texts, L2-normalised float32 [num_texts, text_dim].
        text_rows: int32 [num_items + 1], each item's row in `text_embeddings`.
        """
        super().__init__(name="items")
        self.size = len(catalogue.item_ids)
        self.ids = tf.Variable(catalogue.item_ids, trainable=False, name="ids")
        self.embeddings = tf.Variable(embeddings, trainable=False, name="embeddings")
        self.text_embeddings = tf.Variable(text_embeddings, trainable=False, name="text_embeddings")
        self.text_rows = tf.Variable(text_rows, trainable=False, name="text_rows")
        self.popularity = tf.Variable(catalogue.popularity, trainable=False, name="popularity")
        offered = catalogue.available & (catalogue.item_ids != b"")
        self.offered = tf.Variable(offered, trainable=False, name="offered")
        self._positions = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(catalogue.item_ids[1:], tf.range(1, self.size, dtype=tf.int64)), 0
        )

    def positions(self, item_ids: tf.Tensor) -> tf.Tensor:
        """Strings of any shape to int64 positions; 0 for what is unknown."""
        return self._positions.lookup(item_ids)

    def embed(self, items: tf.Tensor) -> tf.Tensor:
        return tf.gather(self.embeddings, items)


class RankedList(NamedTuple):
    """Items best first, int64 [batch, any], with their scores and the reason each is shown; 0 where none is left."""

    items: tf.Tensor
    scores: tf.Tensor
    reasons: tf.Tensor


class Funnel(tf.Module):
    """Retrieval, ranking and filtering over a fixed catalogue."""

    def __init__(self, request_model: RequestModel, items: ServedItems, settings: TrainerSettings):
        super().__init__(name="funnel")
        self.items = items
        self.request_model = request_model
        self._retrieved = min(settings.serving.retrieved, items.size)
        self._search_weight = settings.serving.personal_search_weight
        self._is_positive = tf.constant([False, *(kind in settings.positive_kinds for kind in settings.history_kinds)])
        popularity = tf.where(items.offered, items.popularity, _NEVER)
        popular = tf.math.top_k(popularity, min(settings.serving.popular, items.size)).indices
        self._popular = tf.Variable(tf.cast(popular, tf.int64), trainable=False, name="popular")

    def recommend(self, features: dict[str, tf.Tensor], excluded: tf.Tensor) -> RankedList:
        """The whole funnel; `excluded` int64 [batch, any] are items that must not appear."""
        request = self.request_model.embed(features, self.items.embed)
        scores = self._forbid(tf.matmul(request.query, self.items.embeddings, transpose_b=True), excluded)
        best, retrieved = tf.math.top_k(scores, self._retrieved)
        past = features["history_items"]
        popular = tf.broadcast_to(self._popular, [tf.shape(past)[0], tf.size(self._popular)])
        candidates = _without_repeats(tf.concat([past, tf.cast(retrieved, tf.int64), popular], axis=1))
        retrieval_scores = tf.gather(scores, candidates, batch_dims=1)
        final = tf.where(retrieval_scores > _NEVER, self._personal_score(request, candidates), _NEVER)

        bought = tf.where(tf.gather(self._is_positive, features["history_kinds"]), past, 0)
        is_personal = (retrieval_scores >= best[:, -1:]) | _is_among(candidates, past)
        reasons = tf.where(is_personal, FOR_YOU, POPULAR)
        return _ordered(candidates, final, tf.where(_is_among(candidates, bought), BOUGHT_BEFORE, reasons))

    def search(self, features: dict[str, tf.Tensor], text: tf.Tensor, excluded: tf.Tensor) -> RankedList:
        """Items whose text is nearest to the query's, [batch, text_dim]; the shopper's taste orders what is alike."""
        similarity = tf.matmul(tf.math.l2_normalize(text, axis=-1), self.items.text_embeddings, transpose_b=True)
        scores = self._forbid(tf.gather(similarity, self.items.text_rows, axis=1), excluded)
        popularity = self.items.popularity / (tf.reduce_max(self.items.popularity) + 1.0)
        scores += self._search_weight * popularity  # many items share one text: those that sell come first
        best, found = tf.math.top_k(scores, self._retrieved)
        found = tf.cast(found, tf.int64)
        request = self.request_model.embed(features, self.items.embed)
        final = best + self._search_weight * self._personal_score(request, found)
        return _ordered(found, tf.where(best > _NEVER, final, _NEVER), tf.fill(tf.shape(found), FOR_YOU))

    def similar(self, item: tf.Tensor) -> RankedList:
        """Items nearest to each of `item` int64 [batch] by the item tower; nothing for an unknown item."""
        scores = tf.matmul(self.items.embed(item), self.items.embeddings, transpose_b=True)
        scores = self._forbid(scores, item[:, tf.newaxis])
        scores = tf.where(item[:, tf.newaxis] > 0, scores, _NEVER)
        best, found = tf.math.top_k(scores, self._retrieved)
        return _ordered(tf.cast(found, tf.int64), best, tf.fill(tf.shape(found), FOR_YOU))

    def rank(self, features: dict[str, tf.Tensor], candidates: tf.Tensor) -> dict[str, tf.Tensor]:
        """What every head predicts for given candidates int64 [batch, any], and the `score` that orders lists."""
        request = self.request_model.embed(features, self.items.embed)
        predictions = self._predict(request, candidates)
        return {"score": self.request_model.score(predictions), **predictions}

    def _predict(self, request: EmbeddedRequest, candidates: tf.Tensor) -> dict[str, tf.Tensor]:
        popularity = tf.gather(self.items.popularity, candidates)
        raw = self.request_model.rank(request, candidates, popularity, self.items.embed(candidates))
        return self.request_model.predict(raw)

    def _personal_score(self, request: EmbeddedRequest, candidates: tf.Tensor) -> tf.Tensor:
        return self.request_model.score(self._predict(request, candidates))

    def _forbid(self, scores: tf.Tensor, excluded: tf.Tensor) -> tf.Tensor:
        """Scores [batch, num_items + 1] with minus infinity for what is not offered or excluded."""
        scores = tf.where(self.items.offered, scores, _NEVER)
        row = tf.repeat(tf.range(tf.shape(excluded)[0], dtype=tf.int64), tf.shape(excluded)[1])
        places = tf.stack([row, tf.reshape(excluded, [-1])], axis=1)
        return tf.tensor_scatter_nd_min(scores, places, tf.fill(tf.shape(row), _NEVER))


def _without_repeats(candidates: tf.Tensor) -> tf.Tensor:
    """Each row's distinct items; repeats become 0."""
    ascending = tf.sort(candidates, axis=1)
    repeated = tf.pad(ascending[:, 1:] == ascending[:, :-1], [[0, 0], [1, 0]])
    return tf.where(repeated, tf.zeros_like(ascending), ascending)


def _is_among(candidates: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
    """Which of each row's candidates are in the same row of `items`: bool like `candidates`."""
    return tf.reduce_any(candidates[:, :, tf.newaxis] == items[:, tf.newaxis, :], axis=-1)


def _ordered(items: tf.Tensor, scores: tf.Tensor, reasons: tf.Tensor) -> RankedList:
    scores, place = tf.math.top_k(scores, tf.shape(scores)[1])
    left = scores > _NEVER
    items, reasons = (tf.gather(values, place, batch_dims=1) for values in (items, reasons))
    return RankedList(
        tf.where(left, items, 0), tf.where(left, scores, 0.0), tf.where(left, reasons, tf.zeros_like(reasons))
    )
