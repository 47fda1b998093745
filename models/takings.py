"""What shoppers took, in events that answer requests: before a request, and in all requests that train."""

from collections.abc import Sequence

import numpy as np
import scipy.sparse
import tensorflow as tf
import tensorflow_transform as tft

from models import dataset
from models.settings import TrainerSettings

_READ_BATCH = 1024
_ITEM_BITS = 32


def taken_before(features: dict[str, tf.Tensor], settings: TrainerSettings) -> tf.Tensor:
    """The items of each history that were taken, rather than seen: int64 [batch, length], 0 in the other places."""
    is_positive = tf.constant([False, *(kind in settings.positive_kinds for kind in settings.history_kinds)])
    return tf.where(tf.gather(is_positive, features["history_kinds"]), features["history_items"], 0)


class Takings:
    """The distinct items that each of some shoppers took."""

    def __init__(self, user_ids: np.ndarray, items: tf.RaggedTensor):
        """Args:
        user_ids: bytes [num_users].
        items: int64 [num_users, any], positions in the catalogue.
        """
        self._items = tf.concat([items, tf.RaggedTensor.from_row_lengths(np.array([], np.int64), [0])], axis=0)
        rows = tf.range(len(user_ids), dtype=tf.int64)
        self._rows = tf.lookup.StaticHashTable(
            tf.lookup.KeyValueTensorInitializer(tf.constant(user_ids, tf.string), rows), len(user_ids)
        )

    def of(self, user_ids: tf.Tensor) -> tf.Tensor:
        """What the shoppers took, int64 [batch, any]; nothing for one who is unknown."""
        return tf.gather(self._items, self._rows.lookup(user_ids)).to_tensor()

    def matrix(self, num_items: int) -> scipy.sparse.csr_matrix:
        """Who took what, zeros and ones: float32 [num_users + 1, num_items + 1]; the last shopper took nothing."""
        items, splits = self._items.values.numpy(), self._items.row_splits.numpy()
        shape = (len(splits) - 1, num_items + 1)
        return scipy.sparse.csr_matrix((np.ones(len(items), np.float32), items, splits), shape)


def read(files: Sequence[str], graph: tft.TFTransformOutput, settings: TrainerSettings) -> Takings:
    """What the shoppers of requests had taken before, and took in answer.

    Args:
        files: patterns of transformed examples of requests.
        graph: how they were transformed.
        settings: which events count.
    """
    names = ["user_id", "history_items", "history_kinds", "label_items"]
    rows: dict[bytes, int] = {}
    pairs = np.empty(0, np.int64)  # of shopper and item, as one number, so that they sort fast
    waiting: list[np.ndarray] = []
    for batch in dataset.requests(files, graph, names, _READ_BATCH, shuffle_seed=None):
        users = [rows.setdefault(user, len(rows)) for user in batch["user_id"].numpy()]
        items = tf.concat([taken_before(batch, settings), batch["label_items"]], axis=1).numpy()
        found = (np.array(users, np.int64)[:, np.newaxis] << _ITEM_BITS) + items
        waiting.append(np.unique(found[items > 0]))
        if sum(map(len, waiting)) > len(pairs):  # seldom enough that all merging takes not much more than the last
            pairs, waiting = np.unique(np.concatenate([pairs, *waiting])), []
    pairs = np.unique(np.concatenate([pairs, *waiting]))
    items = tf.RaggedTensor.from_value_rowids(pairs & ((1 << _ITEM_BITS) - 1), pairs >> _ITEM_BITS, nrows=len(rows))
    return Takings(np.array(list(rows)), items)
