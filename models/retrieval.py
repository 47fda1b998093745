"""Maximum inner product search over the catalogue's embeddings, inside the served graph.

Two indexes with one interface, of stock TensorFlow ops only: `ExactIndex` scores every item, `PartitionedIndex` only
those in the partitions nearest to the query. `python -m benchmarks.retrieval` compares them. Storing the vectors in
eight or sixteen bits and scoring a shortlist again in float32 was no faster than scoring in float32 at once: stock
TensorFlow has no fast kernel for it, and the vectors are few by then.
"""

import abc

import numpy as np
import tensorflow as tf

from models.retrieval_partitions import Partitions, partition
from models.rows import is_among

_NEVER = float("-inf")


class Index(tf.Module, abc.ABC):
    """Holds the embeddings of all items, and finds among the offered ones those nearest to a query."""

    def search(
        self, query: tf.Tensor, k: int | tf.Tensor, excluded: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """The k best items of each query, best first.

        Args:
            query: float32 [batch, dim].
            k: how many to find.
            excluded: int64 [batch, any], items not to be found, in any order; repeats and unoffered items do no harm.

        Returns:
            Inner products, float32 [batch, k], and items, int64 [batch, k]. Where fewer than k are left, the rest is
            item 0 with the score minus infinity.
        """
        if excluded is None:
            excluded = tf.zeros([tf.shape(query)[0], 0], tf.int64)
        # The k best that are left are among the k + width best of all.
        return best_of(*self._nearest(query, k + tf.shape(excluded)[1]), k, excluded)

    @abc.abstractmethod
    def embed(self, items: tf.Tensor) -> tf.Tensor:
        """Embeddings float32 [..., dim] of items of any shape, whether offered or not."""

    @abc.abstractmethod
    def _nearest(self, query: tf.Tensor, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Scores and items, best first; at most `count`, fewer where fewer are within reach."""


def best_of(
    scores: tf.Tensor, items: tf.Tensor, k: int | tf.Tensor, excluded: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """The k best items of each row that are not excluded.

    Args:
        scores: float32 [batch, any]; minus infinity is never found.
        items: int64 [batch, any].
        k: how many to find.
        excluded: int64 [batch, any].

    Returns:
        As `Index.search`.
    """
    scores = tf.where(is_among(items, excluded), _NEVER, scores)
    scores, place = tf.math.top_k(scores, tf.minimum(k, tf.shape(scores)[1]))
    items = tf.where(scores > _NEVER, tf.gather(items, place, batch_dims=1), 0)
    missing = [[0, 0], [0, k - tf.shape(scores)[1]]]
    return tf.pad(scores, missing, constant_values=_NEVER), tf.pad(items, missing)


class ExactIndex(Index):
    """Scores every item."""

    def __init__(self, embeddings: np.ndarray, offered: np.ndarray):
        """Args:
        embeddings: float32 [num_items, dim].
        offered: bool [num_items], which may be found.
        """
        super().__init__(name="exact_index")
        self._size = len(embeddings)
        self._embeddings = tf.Variable(embeddings, trainable=False, name="embeddings")
        self._offered = tf.Variable(offered, trainable=False, name="offered")

    def embed(self, items: tf.Tensor) -> tf.Tensor:
        # Of a variable, tf.gather would make ResourceGather, after which each plain read of the table copies it whole.
        return tf.gather(self._embeddings.value(), items)

    def _nearest(self, query: tf.Tensor, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        scores = tf.where(self._offered, tf.matmul(query, self._embeddings, transpose_b=True), _NEVER)
        best, items = tf.math.top_k(scores, tf.minimum(count, self._size))
        return best, tf.cast(items, tf.int64)


class PartitionedIndex(Index):
    """Scores a fixed number of items, those of the partitions whose centroids are nearest to the query.

    The embeddings are stored partition after partition, what is not offered last, so that what is scored together
    stands together, and only once.
    """

    def __init__(self, embeddings: np.ndarray, offered: np.ndarray, groups: Partitions, scanned: int):
        """Args:
        embeddings: L2-normalised float32 [num_items, dim].
        offered: bool [num_items], which may be found.
        groups: partitions of the rows `embeddings[offered]`.
        scanned: items to score for a query, excluded ones among them: the knob between recall and time. All of
            those that are offered make the search exact.
        """
        super().__init__(name="partitioned_index")
        found = np.flatnonzero(offered)
        items = np.concatenate([found[groups.rows], np.flatnonzero(~offered)])
        places = np.empty_like(items)
        places[items] = np.arange(len(items))
        self._scanned = min(scanned, len(found))
        self._probes = _cells_that_hold(self._scanned, groups.sizes)
        self._centroids = tf.Variable(groups.centroids, trainable=False, name="centroids")
        self._sizes = tf.Variable(groups.sizes, trainable=False, name="sizes")
        self._starts = tf.Variable(
            np.cumsum(groups.sizes, dtype=np.int32) - groups.sizes, trainable=False, name="starts"
        )
        self._items = tf.Variable(items.astype(np.int32), trainable=False, name="items")
        self._places = tf.Variable(places.astype(np.int32), trainable=False, name="places")
        self._vectors = tf.Variable(embeddings[items], trainable=False, name="vectors")

    @classmethod
    def build(
        cls, embeddings: np.ndarray, offered: np.ndarray, *, partitions: int, scanned: int, seed: int
    ) -> "PartitionedIndex":
        """Groups what is offered by k-means; the same seed gives the same index.

        Args:
            embeddings: L2-normalised float32 [num_items, dim].
            offered: bool [num_items], which may be found.
            partitions: how many to look for; see `default_partitions`.
            scanned: items to score for a query.
            seed: of the clustering.

        Raises:
            ValueError: nothing is offered, or a number is not positive.
        """
        if not np.any(offered) or partitions < 1 or scanned < 1:
            raise ValueError(
                "a partitioned index needs an item that is offered, and `partitions` and `scanned` of at least 1; "
                f"got {np.count_nonzero(offered)} offered items, {partitions} and {scanned}"
            )
        return cls(embeddings, offered, partition(embeddings[offered], partitions, seed), scanned)

    def embed(self, items: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._vectors, tf.gather(self._places, items))

    def _nearest(self, query: tf.Tensor, count: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        places = self._places_to_scan(query)
        scores = tf.linalg.matvec(tf.gather(self._vectors, places), query)
        best, position = tf.math.top_k(scores, tf.minimum(count, self._scanned))
        items = tf.gather(self._items, tf.gather(places, position, batch_dims=1))
        return best, tf.cast(items, tf.int64)

    def _places_to_scan(self, query: tf.Tensor) -> tf.Tensor:
        """The first `scanned` places of the nearest partitions, nearest first: int32 [batch, scanned]."""
        nearest = tf.math.top_k(tf.matmul(query, self._centroids, transpose_b=True), self._probes).indices
        sizes = tf.gather(self._sizes, nearest)
        ends = tf.cumsum(sizes, axis=1)
        shifts = tf.gather(self._starts, nearest) - (ends - sizes)
        ranks = tf.repeat(tf.range(self._scanned)[tf.newaxis, :], tf.shape(query)[0], axis=0)
        probe = tf.searchsorted(ends, ranks, side="right")  # which of the nearest partitions each rank falls into
        return ranks + tf.gather(shifts, probe, batch_dims=1)


def build_index(
    embeddings: np.ndarray, offered: np.ndarray, *, approximate_above: int, scanned: int, seed: int
) -> Index:
    """The index that suits the size of the catalogue.

    Args:
        embeddings: L2-normalised float32 [num_items, dim].
        offered: bool [num_items], which may be found.
        approximate_above: so many offered items are still searched exactly.
        scanned: items that an approximate search scores.
        seed: of the clustering.
    """
    size = np.count_nonzero(offered)
    if size <= max(approximate_above, scanned):
        return ExactIndex(embeddings, offered)
    return PartitionedIndex.build(embeddings, offered, partitions=default_partitions(size), scanned=scanned, seed=seed)


def default_partitions(size: int) -> int:
    """Twice the root of the number of items: the centroids then cost less to score than the items behind them."""
    return 2 * round(size**0.5)


def _cells_that_hold(count: int, sizes: np.ndarray) -> int:
    """How many partitions hold `count` items between them, even if they are the smallest ones."""
    return int(np.searchsorted(np.cumsum(np.sort(sizes)), count)) + 1
