"""Reads the split `catalog` of request examples."""

import functools
import io
import os
from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from components.evaluation.metrics.catalogue import Catalogue
from schemas import catalog_rows

_EMBEDDED_AT_ONCE = 4096
_DEFAULTS = {"item_id": b"", "item_popularity": 0.0, "item_available": 1}


@functools.lru_cache(maxsize=2)  # many copies of the metrics, and the slicing, run in one process
def read(
    pattern: str, category: str | None = None, features: tuple[str, ...] = (), embeddings: str | None = None
) -> Catalogue:
    """Reads the catalogue.

    Args:
        pattern: of the split's files, GZIP TFRecords of tf.Examples.
        category: the declared item feature that holds an item's category; None if there is none.
        features: declared categorical item features to tell items apart by.
        embeddings: a file as `write_embeddings` leaves it; None if there is none.

    Raises:
        FileNotFoundError: no file matches, or the files hold no item.
    """
    wanted = {f"item_{name}" for name in (*features, *([category] if category else []))}
    columns = _read(pattern, {**_DEFAULTS, **dict.fromkeys(sorted(wanted), b"")})
    count = len(columns["item_id"])
    if not count:
        raise FileNotFoundError(f"{pattern} holds no catalogue; give the split `catalog` that RequestExamples wrote")
    vectors = None
    if embeddings is not None:
        with tf.io.gfile.GFile(embeddings, "rb") as file:
            vectors = np.load(io.BytesIO(file.read()))
    return Catalogue(
        columns["item_id"],
        columns["item_popularity"],
        columns["item_available"],
        columns[f"item_{category}"] if category is not None else [b""] * count,
        {name: columns[f"item_{name}"] for name in features},
        vectors,
    )


def write_embeddings(pattern: str, embed: Callable[[Sequence[bytes]], np.ndarray], path: str) -> None:
    """Writes the embedding of each item, in the order of the files, as NumPy's float16 [num_items, dim].

    Args:
        pattern: as for `read`.
        embed: item ids [n] to vectors [n, dim].
        path: of the new file.
    """
    item_ids = _read(pattern, {"item_id": b""})["item_id"]
    parts = [embed(item_ids[start : start + _EMBEDDED_AT_ONCE]) for start in range(0, len(item_ids), _EMBEDDED_AT_ONCE)]
    buffer = io.BytesIO()
    np.save(buffer, np.concatenate(parts).astype(np.float16))
    tf.io.gfile.makedirs(os.path.dirname(path))
    with tf.io.gfile.GFile(path, "wb") as file:
        file.write(buffer.getvalue())


def _read(pattern: str, defaults: dict[str, bytes | float | int]) -> dict[str, list]:
    """Features of all items, with the value of those that lack one."""
    columns: dict[str, list] = {name: [] for name in defaults}
    for batch in catalog_rows.batches(sorted(tf.io.gfile.glob(pattern)), defaults):
        for name, values in batch.items():
            columns[name] += values
    return columns
