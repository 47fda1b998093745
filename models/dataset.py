"""Reads transformed examples: batches of requests for training, and the catalogue and the profiles as arrays."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from models.settings import TransformSettings
from schemas.statistics import STATISTICS

_READ_BATCH = 4096


class Catalogue(NamedTuple):
    """The items by their position in the vocabulary; row 0 is the unknown item. Arrays are [num_items + 1, ...].

    The columns of `statistics`, float32, are log(1 + each of `schemas.statistics.STATISTICS`).
    """

    item_ids: np.ndarray
    texts: np.ndarray
    categories: np.ndarray
    numbers: np.ndarray
    statistics: np.ndarray
    available: np.ndarray

    @property
    def popularity(self) -> np.ndarray:
        """log(1 + recent takings) of each item, float32 [num_items + 1]."""
        return self.statistics[:, STATISTICS.index("popularity")]


class Profiles(NamedTuple):
    """The shoppers' transformed profiles: `features[name]` is [num_users], aligned with `user_ids`."""

    user_ids: np.ndarray
    features: dict[str, np.ndarray]


def _records(files: Sequence[str], shuffle_seed: int | None = None) -> tf.data.Dataset:
    paths = tf.data.Dataset.list_files(list(files), shuffle=False)
    read = paths.interleave(lambda path: tf.data.TFRecordDataset(path, compression_type="GZIP"), cycle_length=4)
    return read if shuffle_seed is None else read.shuffle(8192, seed=shuffle_seed, reshuffle_each_iteration=True)


def requests(
    files: Sequence[str],
    graph: tft.TFTransformOutput,
    names: Sequence[str],
    batch_size: int,
    shuffle_seed: int | None,
    skip: int = 0,
) -> tf.data.Dataset:
    """Batches of requests as dense tensors; lists are padded with 0 to the batch's longest.

    Args:
        files: file patterns of transformed examples.
        graph: tells the features' types.
        names: the features to read.
        batch_size: requests a batch; the last batch may be smaller.
        shuffle_seed: None reads in order, once through.
        skip: batches to leave out at the beginning.
    """
    spec = _spec(graph, names)

    def parse(serialized):
        parsed = tf.io.parse_example(serialized, spec)
        return {k: tf.sparse.to_dense(v) if isinstance(v, tf.SparseTensor) else v for k, v in parsed.items()}

    batches = (
        _records(files, shuffle_seed)
        .skip(skip * batch_size)
        .batch(batch_size)
        .map(parse, num_parallel_calls=2, deterministic=True)
    )
    return batches.prefetch(2)


def count_batches(files: Sequence[str], batch_size: int) -> int:
    """How many batches `requests` gives."""
    return sum(1 for _ in _records(files).batch(batch_size))


def _spec(graph: tft.TFTransformOutput, names: Sequence[str]) -> dict:
    known = graph.transformed_feature_spec()
    return {name: known[name] for name in names}


def _columns(files: Sequence[str], graph: tft.TFTransformOutput, names: Sequence[str]) -> dict[str, np.ndarray]:
    """Scalar features of all examples, [num_examples] each."""
    parts = [{name: np.empty(0, feature.dtype.as_numpy_dtype) for name, feature in _spec(graph, names).items()}]
    parts += requests(files, graph, names, _READ_BATCH, shuffle_seed=None).as_numpy_iterator()
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def catalogue(files: Sequence[str], graph: tft.TFTransformOutput, settings: TransformSettings) -> Catalogue:
    """Reads the split `catalog`, an example an item.

    Raises:
        ValueError: the split holds no item, or one that stands in it twice or cannot be in a vocabulary; the message
            names it.
    """
    categories, numbers = settings.names("item", "categorical"), settings.names("item", "numeric")
    statistics = [f"item_{name}" for name in STATISTICS]
    plain = ["item", "item_id", "item_text", "item_available"]
    columns = _columns(files, graph, [*plain, *statistics, *categories, *numbers])
    order = np.argsort(columns["item"], kind="stable")
    _check_items(columns["item"][order], columns["item_id"][order])

    def rows(name: str, unknown) -> np.ndarray:
        values = columns[name][order]
        return np.concatenate([np.array([unknown], values.dtype), values])

    def matrix(names: Sequence[str], dtype) -> np.ndarray:
        matrix = np.zeros([len(order) + 1, len(names)], dtype)
        for place, name in enumerate(names):
            matrix[1:, place] = columns[name][order]
        return matrix

    return Catalogue(
        rows("item_id", b""),
        rows("item_text", b""),
        matrix(categories, np.int32),
        matrix(numbers, np.float32),
        matrix(statistics, np.float32),
        rows("item_available", 0) > 0,
    )


def _check_items(positions: np.ndarray, item_ids: np.ndarray) -> None:
    """Checks that positions, ascending, are 1, 2, 3, and so on."""
    if not len(positions):
        raise ValueError("the catalogue is empty; write at least one item to the items table")
    if positions[0] == 0:
        raise ValueError(f"item {item_ids[0]!r} cannot be in a vocabulary; its id must have no line breaks")
    repeated = np.flatnonzero(positions[1:] == positions[:-1])
    if len(repeated):
        raise ValueError(f"item {item_ids[repeated[0]]!r} is in the catalogue twice; it may have one row of the items")


def profiles(files: Sequence[str], graph: tft.TFTransformOutput, settings: TransformSettings) -> Profiles:
    """Reads the split `users`, an example a shopper."""
    names = settings.names("user", "categorical") + settings.names("user", "numeric")
    columns = _columns(files, graph, ["user_id", *names])
    return Profiles(columns.pop("user_id"), columns)
