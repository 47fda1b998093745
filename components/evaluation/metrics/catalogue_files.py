"""Reads the split `catalog` of request examples."""

import functools

import tensorflow as tf

from components.evaluation.metrics.catalogue import Catalogue

_READ_BATCH = 4096


@functools.lru_cache(maxsize=1)  # many copies of the metrics run in one process
def read(pattern: str, category: str | None) -> Catalogue:
    """Reads the catalogue.

    Args:
        pattern: of the split's files, GZIP TFRecords of tf.Examples.
        category: the declared item feature that holds an item's category; None if there is none.

    Raises:
        FileNotFoundError: no file matches, or the files hold no item.
    """
    defaults = {"item_id": b"", "item_popularity": 0.0, "item_available": 1}
    if category is not None:
        defaults[f"item_{category}"] = b""
    columns: dict[str, list] = {name: [] for name in defaults}
    records = tf.data.TFRecordDataset(sorted(tf.io.gfile.glob(pattern)), "GZIP").batch(_READ_BATCH)
    for batch in records.map(lambda serialized: _scalars(serialized, defaults)).as_numpy_iterator():
        for name, values in batch.items():
            columns[name] += values.tolist()
    if not columns["item_id"]:
        raise FileNotFoundError(f"{pattern} holds no catalogue; give the split `catalog` that RequestExamples wrote")
    categories = columns[f"item_{category}"] if category is not None else [b""] * len(columns["item_id"])
    return Catalogue(columns["item_id"], columns["item_popularity"], columns["item_available"], categories)


def _scalars(serialized: tf.Tensor, defaults: dict[str, bytes | float | int]) -> dict[str, tf.Tensor]:
    """Features of one value or none, [batch] each."""
    types = {bytes: tf.string, float: tf.float32, int: tf.int64}
    # As a sequence, since a feature that must have one value may be absent, but not an empty list.
    spec = {
        name: tf.io.FixedLenSequenceFeature([], types[type(default)], allow_missing=True, default_value=default)
        for name, default in defaults.items()
    }
    return {
        name: tf.pad(values, [[0, 0], [0, 1]], constant_values=defaults[name])[:, 0]
        for name, values in tf.io.parse_example(serialized, spec).items()
    }
