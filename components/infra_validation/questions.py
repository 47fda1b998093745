"""Real requests for every signature of a candidate, from the newest part of the shop's own log."""

import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from components.infra_validation.settings import Settings
from schemas import request_rows, signatures
from schemas.request_example import CATALOG_SPLIT
from schemas.request_rows import Row

_SPLIT = "eval"
_K = 50
_QUERY_WORDS = 3  # people search by few words


class Question(NamedTuple):
    """One request to one signature; `inputs` are arrays with one row."""

    signature: str
    inputs: dict[str, np.ndarray]


class Catalogue(NamedTuple):
    """What may be recommended, and what every item is called, by id."""

    offered: frozenset[bytes]
    texts: dict[bytes, bytes]


def read_catalogue(uri: str, settings: Settings) -> Catalogue:
    """Reads the split `catalog` of request examples; an item whose availability is not known is offered."""
    names = settings.names("item", "text")
    spec = {
        "item_id": tf.io.FixedLenFeature([], tf.string),
        "item_available": tf.io.FixedLenFeature([], tf.int64, 1),
        **{name: tf.io.FixedLenFeature([], tf.string, "") for name in names},
    }
    offered, texts = set(), {}
    parsed = _records(uri, CATALOG_SPLIT).batch(4096).map(lambda examples: tf.io.parse_example(examples, spec))
    for batch in parsed.as_numpy_iterator():
        item_ids = batch["item_id"].tolist()
        offered.update(batch["item_id"][batch["item_available"] > 0].tolist())
        texts.update(zip(item_ids, map(b" ".join, zip(*(batch[name] for name in names), strict=True)), strict=False))
    return Catalogue(frozenset(offered), texts)


def questions(uri: str, catalogue: Catalogue, settings: Settings) -> Iterator[Question]:
    """Requests of the split `eval`, which are the newest, one after the other to each signature.

    Args:
        uri: of the request examples.
        catalogue: their items.
        settings: how many are wanted of each signature, and what the signatures take.
    """
    for example in _records(uri, _SPLIT).take(settings.validation_requests).as_numpy_iterator():
        row = _as_asked(request_rows.row_of(example), catalogue)
        for signature in signatures.all_inputs(settings):
            yield Question(signature, request_rows.inputs(signature, [row], settings))


def _as_asked(row: Row, catalogue: Catalogue) -> Row:
    """The request with what a client would send beside it: its item stands for the page that the shopper looks at."""
    item_id = row["label_item_ids"][0]
    words = catalogue.texts.get(item_id, b"").split()[:_QUERY_WORDS]
    query = row.get("query") or [b" ".join(words) or item_id]
    return {**row, "item_id": [item_id], "query": query, "exclude_item_ids": [item_id], "k": [_K]}


def _records(uri: str, split: str) -> tf.data.Dataset:
    """Serialized examples of a split, in turn from each of its files, in an order that never changes."""
    files = tf.data.Dataset.list_files(os.path.join(uri, f"Split-{split}", "*"), shuffle=False)
    return files.interleave(lambda file: tf.data.TFRecordDataset(file, "GZIP"), cycle_length=16)
