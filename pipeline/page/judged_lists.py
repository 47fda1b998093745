"""Asks the model that was judged for its lists once more, on some of the requests that judged it."""

import dataclasses
import datetime
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

from components.evaluation import extracts
from pipeline.page.document import ExampleList, ListedItem
from pipeline.page.items import Items
from serving.servable import Servable

_BATCH = 32


@dataclasses.dataclass(frozen=True)
class JudgedList:
    """A request, the model's list for it and what the shopper took; item ids as bytes.

    Attributes:
        user_id: the shopper.
        timestamp: of the request, in seconds.
        shown: the list, best first; scores and reasons stand in the same order.
        past: what the shopper had taken before.
        relevant: what the shopper took afterwards.
    """

    user_id: str
    timestamp: int
    shown: list[bytes]
    scores: list[float]
    reasons: list[str]
    past: frozenset[bytes]
    relevant: frozenset[bytes]


def ask(model: pathlib.Path, requests: pathlib.Path, length: int, at_most: int) -> list[JudgedList]:
    """Makes the lists of requests that are evenly spaced in the split.

    Args:
        model: a SavedModel whose `serving_default` answers request examples.
        requests: folder of the split that judged the model, GZIP TFRecords.
        length: of the lists.
        at_most: so many requests.

    Raises:
        FileNotFoundError: the model or the split is not there.
    """
    if not (model / "saved_model.pb").exists():
        raise FileNotFoundError(f"the model that was judged is no longer at {model}; run the pipeline again")
    examples = _spaced(requests, at_most)
    servable = Servable(model)
    try:
        lists = []
        for start in range(0, len(examples), _BATCH):
            batch = examples[start : start + _BATCH]
            answer = servable.run("serving_default", {"examples": np.array(batch, object)})
            lists += [_judged(example, answer, row, length) for row, example in enumerate(batch)]
        return lists
    finally:
        servable.close()


def example_lists(lists: Sequence[JudgedList], items: Items, how_many: int) -> list[ExampleList]:
    """Lists of a few shoppers, from the one with the shortest past to the one with the longest.

    Args:
        lists: to choose from; requests that nothing answered are passed over.
        items: what the items are.
        how_many: at most.
    """
    ordered = sorted((one for one in lists if one.relevant), key=lambda one: (len(one.past), one.user_id))
    places = np.unique(np.linspace(0, len(ordered) - 1, min(how_many, len(ordered))).round().astype(int))
    return [_example_list(ordered[place], items) for place in places]


def _spaced(requests: pathlib.Path, at_most: int) -> list[bytes]:
    files = sorted(map(str, requests.glob("*")))
    if not files:
        raise FileNotFoundError(f"{requests} holds no requests; run the pipeline again to write them")
    records = tf.data.TFRecordDataset(files, "GZIP")
    count = sum(1 for _ in records.as_numpy_iterator())
    step = max(1, -(-count // at_most))
    return list(records.shard(step, 0).as_numpy_iterator())


def _judged(serialized: bytes, answer: dict[str, np.ndarray], row: int, length: int) -> JudgedList:
    features = tf.train.Example.FromString(serialized).features.feature
    shown = [item for item in answer["item_ids"][row, :length].tolist() if item]
    return JudgedList(
        user_id=features["user_id"].bytes_list.value[0].decode(),
        timestamp=features["timestamp"].int64_list.value[0],
        shown=shown,
        scores=answer["scores"][row, : len(shown)].tolist(),
        reasons=[reason.decode() for reason in answer["reasons"][row, : len(shown)]],
        past=frozenset(features[extracts.PAST_KEY].bytes_list.value),
        relevant=frozenset(features[extracts.LABEL_KEY].bytes_list.value),
    )


def _example_list(judged: JudgedList, items: Items) -> ExampleList:
    return ExampleList(
        user_id=judged.user_id,
        at=datetime.datetime.fromtimestamp(judged.timestamp, datetime.UTC),
        num_before=len(judged.past),
        num_after=len(judged.relevant),
        items=[
            ListedItem(
                item_id=item.decode(),
                text=items.text(item),
                score=score,
                reason=reason.replace("_", " "),
                taken_before=item in judged.past,
                taken_after=item in judged.relevant,
            )
            for item, score, reason in zip(judged.shown, judged.scores, judged.reasons, strict=True)
        ],
    )
