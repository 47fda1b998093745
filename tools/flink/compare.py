"""Holds the artefacts of two runs against each other, whatever files their rows are spread over and in which order."""

import collections
import hashlib
import os
import pathlib
from collections.abc import Iterable, Iterator
from typing import NamedTuple

import numpy as np
import pyarrow.parquet as pq
import tensorflow as tf
from google.protobuf.message import Message
from tensorflow_metadata.proto.v0 import statistics_pb2

# Sums of floats depend on the order of their terms.
FLOAT_TOLERANCE = 1e-6
# TFDV's histograms and medians are those of a sketch; what it tells depends on what was merged when, within its error.
SKETCH_TOLERANCE = 0.02
_SKETCHED = ("histogram", "median")


class Comparison(NamedTuple):
    """What was compared, how much of it, and the first thing that differs, if any does."""

    what: str
    size: str
    difference: str | None


def tables(what: str, left: str, right: str) -> Comparison:
    """The rows of two folders of Parquet files, as multisets."""
    rows = [collections.Counter(map(repr, _rows(folder))) for folder in (left, right)]
    return Comparison(what, f"{rows[0].total():,} rows", _multisets(*rows))


def _rows(folder: str) -> Iterator[dict]:
    for path in sorted(pathlib.Path(folder).glob("*.parquet")):
        yield from pq.read_table(path).to_pylist()


def examples(what: str, left: str, right: str, tolerance: float = 0.0) -> Comparison:
    """The tf.Examples of two folders of gzipped TFRecords, as multisets.

    Args:
        what: their name.
        left: a folder.
        right: another.
        tolerance: how far floats may be apart, relative to their size or, below 1, at all.
    """
    records = [_examples(folder) for folder in (left, right)]
    counts = [collections.Counter({key: len(floats) for key, floats in found.items()}) for found in records]
    difference = _multisets(*counts)
    if difference is None:
        for key, floats in records[0].items():
            others = records[1][key]
            pairs = list(zip(floats, others, strict=True))
            if not all(np.allclose(*pair, rtol=tolerance, atol=tolerance, equal_nan=True) for pair in pairs):
                worst = max(np.nanmax(np.abs(one - other)) for one, other in pairs)
                difference = f"floats of an example are {worst:g} apart"
                break
    return Comparison(what, f"{counts[0].total():,} examples", difference)


def _examples(folder: str) -> dict[str, list[np.ndarray]]:
    """By digest of all else, the float values of the examples, in an order that does not depend on the files."""
    found = collections.defaultdict(list)
    files = sorted(map(str, pathlib.Path(folder).glob("*")))
    for record in tf.data.TFRecordDataset(files, compression_type="GZIP").as_numpy_iterator():
        features = tf.train.Example.FromString(record).features.feature
        digest, floats = hashlib.sha256(), []
        for name in sorted(features):
            kind = features[name].WhichOneof("kind")
            values = getattr(features[name], kind).value if kind else []
            shown = len(values) if kind == "float_list" else list(values)
            digest.update(repr((name, kind, shown)).encode())
            floats += values if kind == "float_list" else []
        found[digest.hexdigest()].append(np.array(floats, np.float32))
    return {
        key: sorted(floats, key=lambda values: np.nan_to_num(values, nan=-np.inf).tolist())
        for key, floats in found.items()
    }


def _multisets(left: collections.Counter, right: collections.Counter) -> str | None:
    if left == right:
        return None
    only_left, only_right = (left - right).total(), (right - left).total()
    one = next(iter((left - right) or (right - left)))
    return f"{only_left:,} are only in the first and {only_right:,} only in the second, such as {one[:200]}"


def statistics(what: str, left: str, right: str) -> Comparison:
    """TFDV's statistics of a split: counts and values exactly, sums of floats and sketches within their errors."""
    return values(what, *(_statistics(folder) for folder in (left, right)))


def values(what: str, left: dict[str, object], right: dict[str, object]) -> Comparison:
    """Values by name: exactly, but for floats, which may be apart by what summing or a sketch makes of them."""
    size = f"{len(left):,} values"
    for name in sorted(left.keys() | right.keys()):
        if name not in left or name not in right:
            return Comparison(what, size, f"only the {'first' if name in left else 'second'} has {name}")
        if not _alike(name, left[name], right[name]):
            return Comparison(what, size, f"{name} is {left[name]!r} and {right[name]!r}")
    return Comparison(what, size, None)


def _statistics(folder: str) -> dict[str, object]:
    """The values of a split's statistics, by feature and field; features come in any order."""
    data = pathlib.Path(folder, "FeatureStats.pb").read_bytes()
    (dataset,) = statistics_pb2.DatasetFeatureStatisticsList.FromString(data).datasets
    found = {"num_examples": dataset.num_examples}
    for feature in dataset.features:
        name = ".".join(feature.path.step)
        feature.ClearField("path")
        found |= {f"{name}: {path}": value for path, value in _fields(feature)}
    return found


def _fields(message: Message, path: str = "") -> Iterator[tuple[str, object]]:
    """The values of a message, by path."""
    for field, value in message.ListFields():
        values: Iterable = value if field.is_repeated else [value]
        for number, one in enumerate(values):
            here = f"{path}{field.name}[{number}]" if field.is_repeated else f"{path}{field.name}"
            if isinstance(one, Message):
                yield from _fields(one, f"{here}.")
            else:
                yield here, one


def _alike(name: str, left: object, right: object) -> bool:
    if not isinstance(left, float):
        return left == right
    tolerance = SKETCH_TOLERANCE if any(word in name for word in _SKETCHED) else FLOAT_TOLERANCE
    return bool(np.isclose(left, right, rtol=tolerance, atol=tolerance, equal_nan=True))


def files(what: str, left: str, right: str) -> Comparison:
    """The files below two folders, by name and byte for byte."""
    found = [_contents(pathlib.Path(folder)) for folder in (left, right)]
    size = f"{len(found[0])} files"
    for name in sorted(found[0].keys() | found[1].keys()):
        if found[0].get(name) != found[1].get(name):
            return Comparison(what, size, f"{name} differs")
    return Comparison(what, size, None)


def _contents(folder: pathlib.Path) -> dict[str, bytes]:
    return {os.path.relpath(file, folder): file.read_bytes() for file in folder.rglob("*") if file.is_file()}
