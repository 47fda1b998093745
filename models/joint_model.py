"""The joint training of retrieval and ranking."""

from collections.abc import Callable

import numpy as np
import tensorflow as tf
import tensorflow_recommenders as tfrs

from models.dataset import Catalogue
from models.item_tower import ItemTower
from models.request_model import EmbeddedRequest, RequestModel, candidate_statistics
from models.rows import is_among
from models.settings import TrainerSettings

_SUMMED = tf.keras.losses.Reduction.SUM


class JointModel(tfrs.Model):
    """Retrieval and ranking trained together on the same requests.

    Retrieval: in-batch softmax with mixed negatives (Yang et al. 2020), corrected for how likely each candidate was to
    be in the batch (logQ; Yi et al. 2019); what else answered the same request is no negative. Ranking: one task a head
    over the request's own candidates.

    Its metrics are the mean losses of an epoch, by request: `retrieval_loss`, `<head>_loss`, `ranking_loss`, in which
    the heads' are summed by their weights, and `joint_loss`, which sums all.
    """

    def __init__(
        self,
        settings: TrainerSettings,
        catalogue: Catalogue,
        item_tower: ItemTower,
        request_model: RequestModel,
        random: tf.random.Generator,
    ):
        """Args:
        settings: weights and sizes of the losses.
        catalogue: the items.
        item_tower: embeds them.
        request_model: embeds requests and ranks items.
        random: draws positives and negatives; checkpoints keep its state.
        """
        super().__init__()
        self.item_tower, self.request_model, self.random = item_tower, request_model, random
        self._settings = settings
        self._num_items = len(catalogue.item_ids) - 1
        taken = np.expm1(catalogue.popularity) + 1.0
        taken[0] = 0.0  # the unknown item is never a positive
        self._positive_probability = tf.constant(taken / taken.sum(), tf.float32)
        self._retrieval = tfrs.tasks.Retrieval(
            loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True, reduction=_SUMMED),
            temperature=settings.model.temperature,
        )
        self._rankings = {head.name: _ranking_task(head.loss) for head in settings.heads}
        self._mean_losses = {
            task: tf.keras.metrics.Mean(f"{task}_loss") for task in ("joint", "retrieval", "ranking", *self._rankings)
        }

    def compute_loss(self, features: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """The joint loss of one batch: each task's mean, summed by the configured weights.

        Args:
            features: transformed request features, and the lists `label_items`, `candidate_items`,
                `candidate_sampling_log_odds`, `candidate_<statistic>` and `candidate_<head>`: [batch, any], 0-padded.
            training: whether ids are hidden.

        Returns:
            A scalar; of several replicas each gives its share, since their gradients are added.
        """

        def embed(items):
            return self.item_tower(items, training=training)

        request = self.request_model.embed(features, embed)
        retrieval = self._retrieval_loss(request.query, features["label_items"], embed)
        heads = self._ranking_losses(request, features, embed)
        ranking = tf.add_n([head.loss_weight * heads[head.name] for head in self._settings.heads])
        joint = self._settings.training.retrieval_weight * retrieval + ranking

        batch = tf.shape(features["label_items"])[0]
        for task, loss in {"joint": joint, "retrieval": retrieval, "ranking": ranking, **heads}.items():
            self._mean_losses[task].update_state(loss, sample_weight=batch)
        return joint / tf.distribute.get_strategy().num_replicas_in_sync

    def create_variables(self, batches: tf.data.Dataset) -> None:
        """Makes the variables of all layers and of the optimizer, which layers alone do when they are first called.

        Args:
            batches: transformed request features; none is read.
        """
        with self.distribute_strategy.scope():
            loss = tf.function(lambda features: self.distribute_strategy.run(self.compute_loss, args=(features,)))
            loss.get_concrete_function(batches.element_spec)
            self.optimizer.build(self.trainable_variables)

    def train_step(self, features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """See the base class, whose own numbers are of the last batch alone; these are of the whole epoch."""
        super().train_step(features)
        return self.get_metrics_result()

    def test_step(self, features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """See `train_step`."""
        super().test_step(features)
        return self.get_metrics_result()

    def _retrieval_loss(self, query: tf.Tensor, labels: tf.Tensor, embed: Callable) -> tf.Tensor:
        """In-batch softmax; the positives of each request are some of its labels, drawn anew every time."""
        count = self._settings.model.retrieval_positives
        chance = tf.where(labels > 0, self.random.uniform(tf.shape(labels)), -1.0)
        _, place = tf.math.top_k(tf.pad(chance, [[0, 0], [0, count]], constant_values=-1.0), count)
        positives = tf.gather(tf.pad(labels, [[0, 0], [0, count]]), place, batch_dims=1)
        positive = tf.reshape(positives, [-1])
        negatives = self._settings.model.sampled_negatives
        drawn = self.random.uniform([negatives], 1, self._num_items + 1, tf.int64)
        candidates = tf.concat([positive, drawn], axis=0)

        asked = tf.cast(positive > 0, tf.float32)
        num_asked = tf.reduce_sum(asked)
        # Up to a common factor, which softmax ignores: TFRS takes every chance below 1e-6, a rare item's, for 1e-6.
        expected = num_asked * tf.gather(self._positive_probability, candidates) + negatives / self._num_items
        also_answered = is_among(tf.repeat(candidates[tf.newaxis, :], tf.shape(labels)[0], axis=0), labels)
        also_answered = tf.repeat(also_answered, count, axis=0)
        own = tf.eye(tf.shape(positive)[0], tf.shape(candidates)[0], dtype=tf.bool)
        loss = self._retrieval(
            tf.repeat(query, count, axis=0),
            embed(candidates),
            sample_weight=asked,
            candidate_sampling_probability=expected / tf.reduce_max(expected),
            score_mask=own | (~also_answered & (candidates > 0)),
            compute_metrics=False,
        )
        return tf.math.divide_no_nan(loss, num_asked)

    def _ranking_losses(
        self, request: EmbeddedRequest, features: dict[str, tf.Tensor], embed: Callable
    ) -> dict[str, tf.Tensor]:
        """Each head's mean loss over the candidates that have a label; NaN is none.

        Answers are over-represented among the candidates, by odds that each carries. Adding their log to the logits
        takes the sampling out of what a cross-entropy head learns: how likely an item of the catalogue answers.
        """
        candidates = features["candidate_items"]
        statistics = candidate_statistics(features)
        predictions = self.request_model.rank(request, candidates, statistics, embed(candidates))
        losses = {}
        for head in self._settings.heads:
            logits = predictions[head.name]
            if head.loss == "cross_entropy":
                logits += features["candidate_sampling_log_odds"]
            labels = features[f"candidate_{head.name}"]
            has_label = tf.cast((candidates > 0) & tf.math.is_finite(labels), tf.float32)
            loss = self._rankings[head.name](
                labels=tf.where(has_label > 0, labels, 0.0)[..., tf.newaxis],
                predictions=logits[..., tf.newaxis],
                sample_weight=has_label,
            )
            losses[head.name] = tf.math.divide_no_nan(loss, tf.reduce_sum(has_label))
        return losses


def _ranking_task(loss: str) -> tfrs.tasks.Ranking:
    if loss == "cross_entropy":
        return tfrs.tasks.Ranking(loss=tf.keras.losses.BinaryCrossentropy(from_logits=True, reduction=_SUMMED))
    return tfrs.tasks.Ranking(loss=tf.keras.losses.MeanSquaredError(reduction=_SUMMED))
