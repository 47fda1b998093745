"""Real requests for every signature of a candidate, from the newest part of the shop's own log."""

import os
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from components.infra_validation.settings import Settings
from schemas import catalog_rows, request_rows, signatures
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
    offered, texts = set(), {}
    defaults = {"item_id": b"", "item_available": 1, **dict.fromkeys(names, b"")}
    for batch in catalog_rows.batches(_files(uri, CATALOG_SPLIT), defaults):
        item_ids = batch["item_id"]
        offered.update(item for item, available in zip(item_ids, batch["item_available"], strict=True) if available > 0)
        described = zip(*(batch[name] for name in names), strict=True) if names else [()] * len(item_ids)
        texts |= zip(item_ids, map(b" ".join, described), strict=True)
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
    """The request with what a client would send beside it: an item stands for the page that the shopper looks at.

    It is what answered the request, or any where nothing did.
    """
    item_id = row["label_item_ids"][0] if "label_item_ids" in row else min(catalogue.texts)
    words = catalogue.texts.get(item_id, b"").split()[:_QUERY_WORDS]
    query = row.get("query") or [b" ".join(words) or item_id]
    return {**row, "item_id": [item_id], "query": query, "exclude_item_ids": [item_id], "k": [_K]}


def _records(uri: str, split: str) -> tf.data.Dataset:
    """Serialized examples of a split, in turn from each of its files, in an order that never changes."""
    files = tf.data.Dataset.from_tensor_slices(_files(uri, split))
    return files.interleave(lambda file: tf.data.TFRecordDataset(file, "GZIP"), cycle_length=16)


def _files(uri: str, split: str) -> list[str]:
    return sorted(tf.io.gfile.glob(os.path.join(uri, f"Split-{split}", "*")))
