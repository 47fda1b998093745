"""Which items are taken by those who took others: a linear model of items on items, in closed form.

EASE (Steck, Embarrassingly Shallow Autoencoders for Sparse Data, 2019) predicts each item of a shopper from the
shopper's other items, by ridge regression with a zero diagonal. With X the shoppers' items as zeros and ones and
P = (X'X + regularization I)^-1, a shopper who took h has the scores h - hP / diag(P).

The ranker learns to trust these scores, so in training they must not know the answer. Each request there is scored by
the model that the other shoppers alone would give: without a shopper who took x, P becomes
P + (Px)(Px)' / (1 - x'Px), by Sherman and Morrison. What is left out is exact, and costs no second fit.
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from models import takings
from models.rows import distinct
from models.settings import TrainerSettings
from models.takings import Takings, taken_before

CANDIDATE_SCORE = "candidate_item_to_item"


class ItemToItem(tf.Module):
    """Scores of the items that the model covers, for shoppers by what they took.

    Items are int64 positions in the catalogue, 0 for none; `covered` int64 [num_covered + 1] are those of the model,
    0 in the first place. All others have the score 0.
    """

    def __init__(self, covered: np.ndarray, inverse: np.ndarray, num_items: int):
        """Args:
        covered: positions of the items, [num_covered].
        inverse: P, float32 [num_covered, num_covered].
        num_items: of the catalogue, the unknown item not counted.
        """
        super().__init__(name="item_to_item")
        places = np.zeros(num_items + 1, np.int64)
        places[covered] = np.arange(1, len(covered) + 1)
        self.covered = tf.Variable(np.append(0, covered), trainable=False, dtype=tf.int64, name="covered")
        self._places = tf.Variable(places, trainable=False, name="places")
        self._inverse = tf.Variable(np.pad(inverse, [[1, 0], [1, 0]]), trainable=False, name="inverse")
        self._diagonal = tf.Variable(
            np.append(1.0, np.diag(inverse)), trainable=False, dtype=tf.float32, name="diagonal"
        )

    def scores(self, taken: tf.Tensor, left_out: tf.Tensor | None = None) -> tf.Tensor:
        """Scores every covered item.

        Args:
            taken: what each shopper took before, int64 [batch, any].
            left_out: all that this shopper took in training, int64 [batch, any], to be scored as if it had not been
                learnt from; shoppers whose row is empty had no part in it.

        Returns:
            float32 [batch, num_covered + 1], the first of which is 0.
        """
        is_taken = self._is_taken(taken)
        sums, diagonal = self._sums(taken), self._diagonal.value()
        if left_out is not None:
            change = self._sums(left_out)
            scale = 1.0 / (1.0 - tf.reduce_sum(self._is_taken(left_out) * change, axis=1, keepdims=True))
            sums += scale * tf.reduce_sum(is_taken * change, axis=1, keepdims=True) * change
            diagonal += scale * change**2
        return is_taken - sums / diagonal

    def of(self, items: tf.Tensor, scores: tf.Tensor) -> tf.Tensor:
        """What `scores` says of items int64 [batch, any]: float32 of the same shape."""
        return tf.gather(scores, tf.gather(self._places, items), batch_dims=1)

    def _rows(self, items: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Row of the batch and place in the model, int64 [any] each, of the distinct covered items, row by row."""
        places = distinct(tf.gather(self._places, items))
        where = tf.where(places > 0)
        return where[:, 0], tf.gather_nd(places, where)

    def _is_taken(self, items: tf.Tensor) -> tf.Tensor:
        shape = tf.stack([tf.shape(items, tf.int64)[0], tf.size(self._diagonal, tf.int64)])
        row, place = self._rows(items)
        return tf.scatter_nd(tf.stack([row, place], axis=1), tf.ones_like(row, tf.float32), shape)

    def _sums(self, items: tf.Tensor) -> tf.Tensor:
        row, place = self._rows(items)
        return tf.raw_ops.SparseSegmentSumWithNumSegments(
            data=self._inverse, indices=place, segment_ids=row, num_segments=tf.shape(items)[0]
        )


class Learnt(NamedTuple):
    """The model, and what it was learnt from."""

    model: ItemToItem
    taken: Takings
    settings: TrainerSettings

    def score(self, features: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Puts what the model says of the candidates in the place of `user_id`.

        Args:
            features: a batch of transformed requests; those that the model has learnt from are scored as if it had not.

        Returns:
            The others, and `candidate_item_to_item`, float32 like `candidate_items`.
        """
        left_out = self.taken.of(features["user_id"])
        scores = self.model.scores(taken_before(features, self.settings), left_out)
        found = {CANDIDATE_SCORE: self.model.of(features["candidate_items"], scores)}
        return {name: values for name, values in features.items() if name != "user_id"} | found


def learn(
    files: Sequence[str], graph: tft.TFTransformOutput, num_items: int, settings: TrainerSettings
) -> Learnt | None:
    """Fits the model to the requests that train, if it is configured.

    Args:
        files: patterns of transformed examples of requests.
        graph: how they were transformed.
        num_items: of the catalogue, the unknown item not counted.
        settings: of the model; None is learnt if it is to cover no item.
    """
    wanted = settings.model.item_to_item
    if not wanted.items:
        return None
    taken = takings.read(files, graph, settings)
    return Learnt(fit(taken, num_items, wanted.items, wanted.regularization), taken, settings)


def fit(taken: Takings, num_items: int, most: int, regularization: float) -> ItemToItem:
    """Fits the model in closed form.

    Args:
        taken: by the shoppers to learn from.
        num_items: of the catalogue, the unknown item not counted.
        most: how many items to cover, those that most shoppers took; memory goes by its square, time by its cube.
        regularization: of the squared weights, in shoppers.
    """
    matrix = taken.matrix(num_items)
    shoppers = matrix.getnnz(axis=0)
    best = np.argsort(-shoppers, kind="stable")[:most]
    covered = np.sort(best[shoppers[best] > 0])
    of_covered = matrix[:, covered]
    gram = (of_covered.T @ of_covered).toarray().astype(np.float64)
    gram[np.diag_indices_from(gram)] += regularization
    return ItemToItem(covered, np.linalg.inv(gram).astype(np.float32), num_items)
