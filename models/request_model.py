"""All that happens with one request, in training as in serving: it is embedded, and its candidates are ranked."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from models.cross_features import cross_features, request_features
from models.item_to_item import CANDIDATE_SCORE
from models.query_tower import QueryTower, newest
from models.ranker import Ranker
from models.settings import TrainerSettings
from schemas.statistics import STATISTICS


class EmbeddedRequest(NamedTuple):
    """A batch of requests: its features, its embedding [batch, dim], and its newest events' items."""

    features: dict[str, tf.Tensor]
    query: tf.Tensor
    history: tf.Tensor
    history_mask: tf.Tensor


class RequestModel(tf.keras.layers.Layer):
    """Query tower and ranker over item embeddings that the caller provides.

    In training they come from the item tower; in serving from the table that it was exported to.
    """

    def __init__(self, settings: TrainerSettings, vocabulary_sizes: dict[str, int], item_categories: np.ndarray):
        """Args:
        settings: sizes, heads and declared features.
        vocabulary_sizes: see `QueryTower`.
        item_categories: int [num_items + 1, num_categories], each item's place in each category's vocabulary.
        """
        super().__init__(name="request_model")
        self._settings = settings
        self._query_tower = QueryTower(settings, vocabulary_sizes)
        model = settings.model
        self._ranker = Ranker(model.rank_units, settings.heads, settings.training.hidden_dtype, model.rank_interactions)
        self.categories = tf.Variable(item_categories, trainable=False, dtype=tf.int64, name="item_categories")

    def embed(self, features: dict[str, tf.Tensor], embed_items: Callable[[tf.Tensor], tf.Tensor]) -> EmbeddedRequest:
        """Embeds transformed request features; `embed_items` maps int64 items of any shape to [..., dim]."""
        events = newest(features, self._settings.model.attention_length)
        history = embed_items(events["history_items"])
        query = self._query_tower(features, events, history)
        return EmbeddedRequest(features, query, history, events["history_items"] > 0)

    def rank(
        self,
        request: EmbeddedRequest,
        candidates: tf.Tensor,
        statistics: tf.Tensor,
        embeddings: tf.Tensor,
    ) -> dict[str, tf.Tensor]:
        """Scores candidates by every head.

        Args:
            request: as by `embed`.
            candidates: int64 [batch, num_candidates], 0 where there is none.
            statistics: of the candidates as of the request, as by `candidate_statistics`.
            embeddings: of the candidates, float32 [batch, num_candidates, dim].

        Returns:
            By head, raw float32 [batch, num_candidates], as the losses take it; logits for cross-entropy heads.
        """
        explicit = self._explicit_features(request.features, candidates, statistics)
        return self._ranker(
            request.query,
            embeddings,
            explicit,
            request.history,
            request.history_mask,
        )

    def adapt(self, batches: tf.data.Dataset) -> None:
        """Learns the scale of the ranker's explicit features.

        Args:
            batches: transformed request features, with the candidates and their statistics; padding does not count.
        """

        def explicit(features: dict[str, tf.Tensor]) -> tf.Tensor:
            candidates = features["candidate_items"]
            found = self._explicit_features(features, candidates, candidate_statistics(features))
            return tf.boolean_mask(found, candidates > 0)

        self._ranker.normalize.adapt(batches.map(explicit))

    def use_assigned_scales(self) -> None:
        """Makes the ranker scale by the statistics that were assigned to its weights, instead of by `adapt`."""
        self._ranker.normalize.finalize_state()

    def _explicit_features(
        self, features: dict[str, tf.Tensor], candidates: tf.Tensor, statistics: tf.Tensor
    ) -> tf.Tensor:
        """The items' statistics, how they stand to the history by item and category, how the shopper acts at all."""
        past, ages = features["history_items"], features["history_age_days"]
        of_candidates, of_past = (tf.unstack(tf.gather(self.categories, x), axis=-1) for x in (candidates, past))
        keys = [(candidates, past), *zip(of_candidates, of_past, strict=True)]
        of_request = request_features(past, ages)[:, tf.newaxis]
        return tf.concat(
            [
                statistics,
                *(cross_features(candidate, event, ages) for candidate, event in keys),
                tf.repeat(of_request, tf.shape(candidates)[1], axis=1),
            ],
            axis=-1,
        )

    def predict(self, raw: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """What each head says of raw outputs of `rank`: the probability of its events, or the value it expects."""
        is_logit = {head.name: head.loss == "cross_entropy" for head in self._settings.heads}
        return {name: tf.sigmoid(values) if is_logit[name] else values for name, values in raw.items()}

    def score(self, predictions: dict[str, tf.Tensor]) -> tf.Tensor:
        """What a list is ordered by: the heads' predictions, summed by their `score_weight`."""
        return tf.add_n([head.score_weight * predictions[head.name] for head in self._settings.heads])


def candidate_statistics(features: dict[str, tf.Tensor]) -> tf.Tensor:
    """What training candidates carry: `STATISTICS`, and behind them the score of item to item, where it is learnt.

    Returns:
        float32 [batch, num_candidates, len(STATISTICS) or one more].
    """
    names = [f"candidate_{name}" for name in STATISTICS]
    if CANDIDATE_SCORE in features:
        names.append(CANDIDATE_SCORE)
    return tf.stack([features[name] for name in names], axis=-1)
