"""Reads items of the split `catalog` of request examples, in which each feature has one value or none."""

from collections.abc import Iterator, Mapping, Sequence

import tensorflow as tf

_ITEMS_AT_ONCE = 4096
_TYPES = {bytes: tf.string, float: tf.float32, int: tf.int64}


def batches(files: Sequence[str], defaults: Mapping[str, bytes | float | int]) -> Iterator[dict[str, list]]:
    """Yields some thousands of items at a time, in the order of the files.

    Args:
        files: GZIP TFRecords of tf.Examples.
        defaults: the features wanted, and the values of items that lack them.

    Yields:
        A list a feature, of an element an item.
    """
    records = tf.data.TFRecordDataset(list(files), "GZIP").batch(_ITEMS_AT_ONCE)
    for batch in records.map(lambda serialized: _scalars(serialized, defaults)).as_numpy_iterator():
        yield {name: values.tolist() for name, values in batch.items()}


def _scalars(serialized: tf.Tensor, defaults: Mapping[str, bytes | float | int]) -> dict[str, tf.Tensor]:
    # As a sequence, since a feature that must have one value may be absent, but not an empty list, as missing ones are.
    spec = {
        name: tf.io.FixedLenSequenceFeature([], _TYPES[type(default)], allow_missing=True, default_value=default)
        for name, default in defaults.items()
    }
    return {
        name: tf.pad(values, [[0, 0], [0, 1]], constant_values=defaults[name])[:, 0]
        for name, values in tf.io.parse_example(serialized, spec).items()
    }
