"""Small models with Shelfwise's signatures, sound ones and sabotaged ones, and the request examples to ask them by.

The shop has five items, of which `item-3` is not available, and three requests, of which nothing answered the last. A
sound model lists two items that no request excludes.
"""

import pathlib

import pyarrow as pa
import tensorflow as tf

from components.infra_validation.settings import Settings
from components.request_examples.encode import Encoder
from pipeline.config import Feature, Head
from schemas import request_example, signatures

CATALOGUE = [
    {"item_id": [b"item-0"], "item_title": [b"Red apples from the valley"]},
    {"item_id": [b"item-1"], "item_title": [b"Bread"], "item_available": [1]},
    {"item_id": [b"item-2"], "item_available": [1]},
    {"item_id": [b"item-3"], "item_title": [b"Cheese"], "item_available": [0]},
    {"item_id": [b"item-4"], "item_title": [b"Milk"]},
]
REQUESTS = [
    {
        "user_id": [b"user-0"],
        "timestamp": [1_600_000_000],
        "scene": [b"home"],
        "history_item_ids": [b"item-1", b"item-2"],
        "history_timestamps": [1_500_000_000, 1_500_000_001],
        "history_events": [b"purchase", b"purchase"],
        "context_price": [2.5],
        "label_item_ids": [b"item-0", b"item-3"],
        "candidate_item_ids": [b"item-0", b"item-1", b"item-2"],
    },
    {"user_id": [b"user-1"], "label_item_ids": [b"item-2"], "candidate_item_ids": [b"item-2"], "query": [b"milk"]},
    {"user_id": [b"user-2"], "candidate_item_ids": [b"item-0"]},
]


def settings(**changes) -> Settings:
    """What a sound model keeps to on any machine."""
    values = {
        "features": [
            Feature(name="title", role="item", kind="text"),
            Feature(name="price", role="context", kind="numeric"),
        ],
        "heads": [Head(name="purchase", events=["purchase"])],
        "history_kinds": ["purchase"],
        "model_name": "shelfwise",
        "validation_requests": 3,
        "max_latency_ms": 5000.0,
        "max_memory_mib": 2500,
        "max_model_mib": 2500,
        "max_load_seconds": 120.0,
        "validation_server": [],
    }
    return Settings(**values | changes)


def write_examples(folder: pathlib.Path) -> str:
    """Writes the splits `eval` and `catalog` as the join does; returns their artefact's address."""
    encoder = Encoder(request_example.schema(settings().features, settings().heads))
    for split, rows in {"eval": REQUESTS, "catalog": CATALOGUE}.items():
        path = folder / f"Split-{split}" / "examples.gz"
        path.parent.mkdir(parents=True)
        names = sorted({name for row in rows for name in row})
        table = pa.table({name: [row.get(name, []) for row in rows] for name in names})
        with tf.io.TFRecordWriter(str(path), "GZIP") as writer:
            for example in encoder.encode(table):
                writer.write(example)
    return str(folder)


class Candidate(tf.Module):
    """A model that lists `item_ids`, each with `score`.

    Args:
        seconds: that `similar` takes.
        mib: that `similar` allocates.
        aborts: whether `similar` ends the process.
    """

    def __init__(self, item_ids=("item-1", "item-4"), score=0.5, seconds=0.0, mib=0, aborts=False):
        super().__init__()
        self._item_ids = tf.constant(item_ids)
        self._score = tf.Variable(score)
        self._seconds, self._mib, self._aborts = seconds, mib, aborts

    def recommend(self, user_id, **_):
        return self._listed(user_id) | {"reasons": tf.fill([tf.size(user_id), 2], "popular")}

    def search(self, query, **_):
        return self._listed(query)

    def similar(self, item_id, k):
        with tf.control_dependencies(self._misdeeds(k)):
            return self._listed(item_id)

    def rank(self, candidate_item_ids, **_):
        return {"score": tf.fill(tf.shape(candidate_item_ids), self._score)}

    def serving_default(self, examples):
        return self._listed(examples)

    def _listed(self, rows):
        size = tf.size(rows)
        return {
            "item_ids": tf.tile(self._item_ids[tf.newaxis], [size, 1]),
            "scores": tf.fill([size, tf.size(self._item_ids)], self._score),
        }

    def _misdeeds(self, k) -> list:
        misdeeds = []
        if self._seconds:
            until = tf.timestamp() + self._seconds
            misdeeds += tf.while_loop(lambda i: tf.timestamp() < until, lambda i: [i + 1], [tf.constant(0)])
        if self._mib:
            misdeeds.append(tf.reduce_sum(tf.sqrt(tf.random.uniform([self._mib, 2**18]))))
        if self._aborts:
            misdeeds.append(tf.raw_ops.Abort(error_msg="sabotaged"))
        return misdeeds


def export(folder: pathlib.Path, **sabotage) -> str:
    """Writes a `Candidate` as a SavedModel; returns its folder."""
    model = Candidate(**sabotage)

    def signature(name: str, inputs: dict[str, tf.TensorSpec]):
        named = {key: tf.TensorSpec(spec.shape, spec.dtype, name=key) for key, spec in inputs.items()}
        return tf.function(getattr(model, name)).get_concrete_function(**named)

    functions = {name: signature(name, inputs) for name, inputs in signatures.all_inputs(settings()).items()}
    tf.saved_model.save(model, str(folder), signatures=functions)
    return str(folder)
