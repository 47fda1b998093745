"""How TensorFlow's messages describe arrays."""

from collections.abc import Iterable

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import types_pb2


def dtype_text(array: np.ndarray) -> str:
    """The `DataType` of an array, such as "DT_FLOAT"; what holds objects holds strings."""
    return types_pb2.DataType.Name(tf.as_dtype(array.dtype).as_datatype_enum)


def shape_text(shape: Iterable[int]) -> str:
    """A shape as `TensorShape::DebugString` writes it, such as "[2,3]"."""
    return "[" + ",".join(map(str, shape)) + "]"
