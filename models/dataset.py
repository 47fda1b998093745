"""Reads transformed examples: batches of requests for training, and the catalogue and the profiles as arrays."""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_transform as tft

from models.settings import TransformSettings

_READ_BATCH = 4096


class Catalogue(NamedTuple):
    """The items by their position in the vocabulary; row 0 is the unknown item. Arrays are [num_items + 1, ...]."""

    item_ids: np.ndarray
    texts: np.ndarray
    categories: np.ndarray
    numbers: np.ndarray
    popularity: np.ndarray
    available: np.ndarray


class Profiles(NamedTuple):
    """The shoppers' transformed profiles: `features[name]` is [num_users], aligned with `user_ids`."""

    user_ids: np.ndarray
    features: dict[str, np.ndarray]


def _records(files: Sequence[str], shuffle_seed: int | None = None) -> tf.data.Dataset:
    paths = tf.data.Dataset.list_files(list(files), shuffle=False)
    read = paths.interleave(
        lambda path: tf.data.TFRecordDataset(path, compression_type="GZIP"), cycle_length=4, deterministic=True
    )
    return read if shuffle_seed is None else read.shuffle(8192, seed=shuffle_seed, reshuffle_each_iteration=True)


def requests(
    files: Sequence[str], graph: tft.TFTransformOutput, names: Sequence[str], batch_size: int, shuffle_seed: int | None
) -> tf.data.Dataset:
    """Batches of requests as dense tensors; lists are padded with 0 to the batch's longest.

    Args:
        files: file patterns of transformed examples.
        graph: tells the features' types.
        names: the features to read.
        batch_size: requests a batch; the last batch may be smaller.
        shuffle_seed: None reads in order, once through.
    """
    known = graph.transformed_feature_spec()
    spec = {name: known[name] for name in names}

    def parse(serialized):
        parsed = tf.io.parse_example(serialized, spec)
        return {k: tf.sparse.to_dense(v) if isinstance(v, tf.SparseTensor) else v for k, v in parsed.items()}

    batches = _records(files, shuffle_seed).batch(batch_size).map(parse, num_parallel_calls=2, deterministic=True)
    return batches.prefetch(2)


def _columns(files: Sequence[str], graph: tft.TFTransformOutput, names: Sequence[str]) -> dict[str, np.ndarray]:
    batches: Iterator = requests(files, graph, names, _READ_BATCH, shuffle_seed=None).as_numpy_iterator()
    parts = list(batches)
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def catalogue(files: Sequence[str], graph: tft.TFTransformOutput, settings: TransformSettings) -> Catalogue:
    """Reads the split `catalog`, an example an item.

    Raises:
        ValueError: an item of the vocabulary is missing or stands twice.
    """
    categories, numbers = settings.names("item", "categorical"), settings.names("item", "numeric")
    plain = ["item", "item_id", "item_text", "item_popularity", "item_available"]
    columns = _columns(files, graph, [*plain, *categories, *numbers])
    order = np.argsort(columns["item"], kind="stable")
    if not np.array_equal(columns["item"][order], np.arange(1, len(order) + 1)):
        raise ValueError("the catalogue must hold each item of the vocabulary once; duplicates belong in quarantine")

    def rows(values: np.ndarray) -> np.ndarray:
        return np.concatenate([np.zeros_like(values[:1]), values[order]])

    def matrix(names: Sequence[str], dtype) -> np.ndarray:
        return (
            np.stack([rows(columns[n]) for n in names], 1).astype(dtype)
            if names
            else np.zeros((len(order) + 1, 0), dtype)
        )

    item_ids, texts = (rows(columns[name]).astype(object) for name in ("item_id", "item_text"))
    item_ids[0] = texts[0] = b""
    return Catalogue(
        item_ids,
        texts,
        matrix(categories, np.int32),
        matrix(numbers, np.float32),
        rows(columns["item_popularity"]).astype(np.float32),
        rows(columns["item_available"]) > 0,
    )


def profiles(files: Sequence[str], graph: tft.TFTransformOutput, settings: TransformSettings) -> Profiles:
    """Reads the split `users`, an example a shopper."""
    names = settings.names("user", "categorical") + settings.names("user", "numeric")
    columns = _columns(files, graph, ["user_id", *names])
    return Profiles(columns.pop("user_id"), columns)
