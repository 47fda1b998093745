"""Requests as rows, and rows as what the served signatures take.

A row holds the values of one request by feature, absent ones left out: those of a request example
(`schemas.request_example`), and beside them whatever else a signature asks for, such as `k` or `item_id`.
"""

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import tensorflow as tf

from models.settings import TransformSettings
from schemas import signatures

Row = Mapping[str, Sequence[bytes] | Sequence[int] | Sequence[float]]


def row_of(example: bytes) -> Row:
    """The features that a serialized tf.Example has."""
    features = tf.train.Example.FromString(example).features.feature
    values = {name: getattr(feature, feature.WhichOneof("kind")).value for name, feature in features.items()}
    return {name: list(listed) for name, listed in values.items() if listed}


def example_of(row: Row, names: Iterable[str]) -> bytes:
    """A serialized tf.Example of the features of a row that are among `names`."""
    features = {name: _feature(row[name]) for name in names if len(row.get(name, ()))}
    return tf.train.Example(features={"feature": features}).SerializeToString()


def inputs(signature: str, rows: Sequence[Row], settings: TransformSettings) -> dict[str, np.ndarray]:
    """A batch of requests as a client would send it.

    Args:
        signature: a key of `signatures.all_inputs`.
        rows: the requests.
        settings: of the model that is asked.

    Returns:
        Arrays by input, [batch] or [batch, longest list]. What a row lacks is missing: an empty string, NaN or 0.
    """
    if signature == "serving_default":
        names = signatures.request_inputs(settings)
        return {"examples": np.array([example_of(row, names) for row in rows], object)}
    specs = signatures.all_inputs(settings)[signature]
    return {name: _dense([row.get(name, ()) for row in rows], spec) for name, spec in specs.items()}


def _dense(lists: Sequence[Sequence], spec: tf.TensorSpec) -> np.ndarray:
    is_scalar = spec.shape.rank == 1
    width = 1 if is_scalar else max(map(len, lists), default=0)
    missing = {tf.string: b"", tf.float32: np.nan}.get(spec.dtype, 0)
    dense = np.full([len(lists), width], missing, spec.dtype.as_numpy_dtype)
    for place, values in enumerate(lists):
        dense[place, : len(values)] = values[:width]
    return dense[:, 0] if is_scalar else dense


def _feature(values: Sequence) -> tf.train.Feature:
    match values[0]:
        case bytes():
            return tf.train.Feature(bytes_list={"value": values})
        case float():
            return tf.train.Feature(float_list={"value": values})
        case _:
            return tf.train.Feature(int64_list={"value": values})
