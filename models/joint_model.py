"""The joint training of retrieval and ranking."""

import tensorflow as tf
import tensorflow_recommenders as tfrs

from models.dataset import Catalogue
from models.item_tower import ItemTower
from models.request_model import RequestModel
from models.settings import TrainerSettings


class JointModel(tfrs.Model):
    """Retrieval and ranking trained together on the same requests.

    Retrieval: in-batch softmax with mixed negatives (Yang et al. 2020), corrected for how likely each candidate was to be
    in the batch (logQ; Yi et al. 2019); what else answered the same request is no negative. Ranking: one task a head over
    the request's own candidates.
    """

    def __init__(
        self, settings: TrainerSettings, catalogue: Catalogue, item_tower: ItemTower, request_model: RequestModel
    ):
        super().__init__()
        self.item_tower, self.request_model = item_tower, request_model
        self._settings = settings
        self._num_items = len(catalogue.item_ids) - 1
        taken = tf.math.expm1(tf.constant(catalogue.popularity)) + 1.0
        self._positive_probability = taken / tf.reduce_sum(taken)
        self._retrieval = tfrs.tasks.Retrieval(
            loss=tf.keras.losses.CategoricalCrossentropy(from_logits=True, reduction=tf.keras.losses.Reduction.SUM),
            temperature=settings.model.temperature,
        )
        self._rankings = {head.name: _ranking_task(head.loss) for head in settings.heads}

    def compute_loss(self, features: dict[str, tf.Tensor], training: bool = False) -> tf.Tensor:
        """The joint loss of one batch: each task's mean, summed by the configured weights."""

        def embed(items):
            return self.item_tower(items, training=training)

        request = self.request_model.embed(features, embed)
        retrieval = self._retrieval_loss(request.query, features["label_items"], embed)
        losses = [self._settings.training.retrieval_weight * retrieval]

        candidates = features["candidate_items"]
        predictions = self.request_model.rank(
            request, candidates, features["candidate_popularity"], embed(candidates), training=training
        )
        for head in self._settings.heads:
            labels = features[f"candidate_{head.name}"]
            weights = tf.cast((candidates > 0) & tf.math.is_finite(labels), tf.float32)
            loss = self._rankings[head.name](
                labels=tf.where(weights > 0, labels, 0.0)[..., tf.newaxis],
                predictions=predictions[head.name][..., tf.newaxis],
                sample_weight=weights,
            )
            losses.append(head.loss_weight * tf.math.divide_no_nan(loss, tf.reduce_sum(weights)))
        return tf.add_n(losses)

    def _retrieval_loss(self, query: tf.Tensor, labels: tf.Tensor, embed) -> tf.Tensor:
        """In-batch softmax; the positive of each request is one of its labels, drawn anew every time."""
        chance = tf.where(labels > 0, tf.random.uniform(tf.shape(labels)), -1.0)
        positive = tf.gather(labels, tf.argmax(chance, axis=1), batch_dims=1)
        drawn = tf.random.uniform([self._settings.model.sampled_negatives], 1, self._num_items + 1, tf.int64)
        candidates = tf.concat([positive, drawn], axis=0)

        batch, negatives = tf.cast(tf.shape(positive)[0], tf.float32), float(self._settings.model.sampled_negatives)
        expected = batch * tf.gather(self._positive_probability, candidates) + negatives / self._num_items
        also_answered = tf.reduce_any(candidates[tf.newaxis, :, tf.newaxis] == labels[:, tf.newaxis, :], axis=-1)
        own = tf.eye(tf.shape(positive)[0], tf.shape(candidates)[0], dtype=tf.bool)
        loss = self._retrieval(
            query,
            embed(candidates),
            sample_weight=tf.cast(positive > 0, tf.float32),
            candidate_sampling_probability=expected / (batch + negatives),
            score_mask=own | ~also_answered,
            compute_metrics=False,
        )
        return loss / batch


def _ranking_task(loss: str) -> tfrs.tasks.Ranking:
    summed = tf.keras.losses.Reduction.SUM
    if loss == "cross_entropy":
        return tfrs.tasks.Ranking(loss=tf.keras.losses.BinaryCrossentropy(from_logits=True, reduction=summed))
    return tfrs.tasks.Ranking(loss=tf.keras.losses.MeanSquaredError(reduction=summed))
