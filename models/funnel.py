"""The served graph: one request in, one ordered list out.

Retrieve, unite, rank, filter: candidates come from the two towers over the whole catalogue, from the shopper's own past
and from what is popular now; the ranker orders them. Only TensorFlow and TF Text ops are used.
"""

from typing import NamedTuple

import numpy as np
import tensorflow as tf

from models.dataset import Catalogue
from models.diversify import diverse_order
from models.item_to_item import ItemToItem
from models.request_model import EmbeddedRequest, RequestModel
from models.retrieval import best_of, build_index
from models.rows import distinct, is_among
from models.settings import TrainerSettings
from models.similar import similar_items
from models.takings import taken_before

BOUGHT_BEFORE, FOR_YOU, POPULAR = "bought_before", "for_you", "popular"
_NEVER = float("-inf")


class ServedItems(tf.Module):
    """The catalogue as the served graph holds it; row 0 is the unknown item."""

    def __init__(
        self,
        catalogue: Catalogue,
        embeddings,
        text_embeddings,
        text_rows,
        settings: TrainerSettings,
        item_to_item: ItemToItem | None = None,
    ):
        """Args:
        catalogue: the items.
        embeddings: item tower's output, float32 [num_items + 1, dim].
        text_embeddings: of the distinct texts, L2-normalised float32 [num_texts, text_dim].
        text_rows: int32 [num_items + 1], each item's row in `text_embeddings`.
        settings: how the catalogue is searched.
        item_to_item: scores by what the shopper took, where that was learnt.
        """
        super().__init__(name="items")
        self.size = len(catalogue.item_ids)
        self.item_to_item = item_to_item
        self.ids = tf.Variable(catalogue.item_ids, trainable=False, name="ids")
        self.text_embeddings = tf.Variable(text_embeddings, trainable=False, name="text_embeddings")
        self.text_rows = tf.Variable(text_rows, trainable=False, name="text_rows")
        self._statistics = tf.Variable(catalogue.statistics, trainable=False, name="statistics")
        relative = catalogue.popularity / (catalogue.popularity.max() + 1.0)
        self.relative_popularity = tf.Variable(relative, trainable=False, name="relative_popularity")
        offered = catalogue.available & (catalogue.item_ids != b"")
        self.offered = tf.Variable(offered, trainable=False, name="offered")
        self.index = build_index(
            np.asarray(embeddings),
            offered,
            approximate_above=settings.serving.approximate_above,
            scanned=settings.serving.scanned,
            seed=settings.training.seed,
        )
        self._positions = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(catalogue.item_ids[1:], tf.range(1, self.size, dtype=tf.int64)), 0
        )

    def positions(self, item_ids: tf.Tensor) -> tf.Tensor:
        """Strings of any shape to int64 positions; 0 for what is unknown."""
        return self._positions.lookup(item_ids)

    def embed(self, items: tf.Tensor) -> tf.Tensor:
        """Embeddings float32 [..., dim] of items of any shape."""
        return self.index.embed(items)

    def statistics(self, items: tf.Tensor) -> tf.Tensor:
        """Statistics float32 [..., len(STATISTICS)] of items of any shape."""
        return tf.gather(self._statistics, items)

    def taken_together(self, scores: tf.Tensor, k: int, excluded: tf.Tensor) -> tf.Tensor:
        """The k items, int64 [batch, k], that are best by `ItemToItem.scores`; 0 where fewer are left."""
        covered = self.item_to_item.covered.value()
        scores = tf.where(tf.gather(self.offered.value(), covered), scores, _NEVER)
        best, place = tf.math.top_k(scores, tf.minimum(k + tf.shape(excluded)[1], tf.size(covered)))
        _, items = best_of(best, tf.gather(covered, place), k, excluded)
        return items


class RankedList(NamedTuple):
    """Items best first, int64 [batch, any], with their scores and the reason each is shown; 0 where none is left."""

    items: tf.Tensor
    scores: tf.Tensor
    reasons: tf.Tensor


class _Asked(NamedTuple):
    """A batch of requests: embedded, what each shopper took before, and what `ItemToItem.scores` makes of that."""

    embedded: EmbeddedRequest
    taken: tf.Tensor
    related: tf.Tensor | None


class Funnel(tf.Module):
    """Retrieval, ranking and filtering over a fixed catalogue."""

    def __init__(self, request_model: RequestModel, items: ServedItems, settings: TrainerSettings):
        super().__init__(name="funnel")
        self.items = items
        self.request_model = request_model
        self._retrieved = min(settings.serving.retrieved, items.size)
        self._related = min(settings.model.item_to_item.retrieved, settings.model.item_to_item.items)
        self._settings = settings
        self._search_weight = settings.serving.personal_search_weight
        self._similar_text_takings = settings.serving.similar_text_takings
        self._diversity = settings.serving.diversity
        popularity = tf.where(items.offered, items.relative_popularity, _NEVER)
        popular = tf.math.top_k(popularity, min(settings.serving.popular, items.size)).indices
        self._popular = tf.Variable(tf.cast(popular, tf.int64), trainable=False, name="popular")

    def recommend(self, features: dict[str, tf.Tensor], excluded: tf.Tensor) -> RankedList:
        """The whole funnel; `excluded` int64 [batch, any] are items that must not appear."""
        request = self._embed(features)
        _, retrieved = self.items.index.search(request.embedded.query, self._retrieved, excluded)
        if self.items.item_to_item:
            retrieved = tf.concat(
                [retrieved, self.items.taken_together(request.related, self._related, excluded)], axis=1
            )
        past = features["history_items"]
        popular = tf.broadcast_to(self._popular, [tf.shape(past)[0], tf.size(self._popular)])
        candidates = distinct(tf.concat([past, retrieved, popular], axis=1))
        allowed = tf.gather(self.items.offered.value(), candidates) & ~is_among(candidates, excluded)
        scores = tf.where(allowed, self._personal_score(request, candidates), _NEVER)

        is_personal = is_among(candidates, tf.concat([past, retrieved], axis=1))
        reasons = tf.where(is_personal, FOR_YOU, POPULAR)
        reasons = tf.where(is_among(candidates, request.taken), BOUGHT_BEFORE, reasons)
        return self._diversified(_ordered(candidates, scores, reasons))

    def _diversified(self, ranked: RankedList) -> RankedList:
        if not self._diversity:
            return ranked
        order = diverse_order(ranked.items, self.items.embed, self.request_model.categories, self._diversity)
        return RankedList(*(tf.gather(values, order, batch_dims=1) for values in ranked))

    def search(self, features: dict[str, tf.Tensor], text: tf.Tensor, excluded: tf.Tensor) -> RankedList:
        """Items whose text is nearest to the query's, [batch, text_dim]; the shopper's taste orders what is alike."""
        similarity = tf.matmul(tf.math.l2_normalize(text, axis=-1), self.items.text_embeddings, transpose_b=True)
        scores = self._forbid(tf.gather(similarity, self.items.text_rows, axis=1), excluded)
        # Many items share one text: those that sell come first.
        scores += self._search_weight * self.items.relative_popularity
        best, found = tf.math.top_k(scores, self._retrieved)
        found = tf.cast(found, tf.int64)
        request = self._embed(features)
        final = best + self._search_weight * self._personal_score(request, found)
        return _ordered(found, tf.where(best > _NEVER, final, _NEVER), tf.fill(tf.shape(found), FOR_YOU))

    def similar(self, item: tf.Tensor) -> RankedList:
        """Items like each of `item` int64 [batch], see `models.similar`; nothing for an unknown item."""
        found, scores = similar_items(
            self.items, item, self._retrieved, self._similar_text_takings, self._search_weight
        )
        return _ordered(found, scores, tf.fill(tf.shape(found), FOR_YOU))

    def rank(self, features: dict[str, tf.Tensor], candidates: tf.Tensor) -> dict[str, tf.Tensor]:
        """What every head predicts for given candidates int64 [batch, any], and the `score` that orders lists."""
        request = self._embed(features)
        predictions = self._predict(request, candidates)
        return {"score": self.request_model.score(predictions), **predictions}

    def _embed(self, features: dict[str, tf.Tensor]) -> _Asked:
        taken, model = taken_before(features, self._settings), self.items.item_to_item
        embedded = self.request_model.embed(features, self.items.embed)
        return _Asked(embedded, taken, model.scores(taken) if model else None)

    def _predict(self, request: _Asked, candidates: tf.Tensor) -> dict[str, tf.Tensor]:
        statistics, embeddings = self.items.statistics(candidates), self.items.embed(candidates)
        if model := self.items.item_to_item:
            statistics = tf.concat([statistics, model.of(candidates, request.related)[..., tf.newaxis]], axis=-1)
        raw = self.request_model.rank(request.embedded, candidates, statistics, embeddings)
        return self.request_model.predict(raw)

    def _personal_score(self, request: _Asked, candidates: tf.Tensor) -> tf.Tensor:
        return self.request_model.score(self._predict(request, candidates))

    def _forbid(self, scores: tf.Tensor, excluded: tf.Tensor) -> tf.Tensor:
        """Scores [batch, num_items + 1] with minus infinity for what is not offered or excluded."""
        scores = tf.where(self.items.offered.value(), scores, _NEVER)
        row = tf.repeat(tf.range(tf.shape(excluded)[0], dtype=tf.int64), tf.shape(excluded)[1])
        places = tf.stack([row, tf.reshape(excluded, [-1])], axis=1)
        return tf.tensor_scatter_nd_min(scores, places, tf.fill(tf.shape(row), _NEVER))


def _ordered(items: tf.Tensor, scores: tf.Tensor, reasons: tf.Tensor) -> RankedList:
    scores, place = tf.math.top_k(scores, tf.shape(scores)[1])
    left = scores > _NEVER
    items, reasons = (tf.gather(values, place, batch_dims=1) for values in (items, reasons))
    return RankedList(
        tf.where(left, items, 0), tf.where(left, scores, 0.0), tf.where(left, reasons, tf.zeros_like(reasons))
    )
