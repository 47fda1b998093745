"""TensorProto to numpy and back, with values in the typed fields that TensorFlow Serving answers with."""

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

_INT_VAL = ("DT_INT8", "DT_INT16", "DT_INT32", "DT_UINT8", "DT_UINT16")
_VALUE_FIELDS = {
    types_pb2.DT_FLOAT: "float_val",
    types_pb2.DT_DOUBLE: "double_val",
    types_pb2.DT_INT64: "int64_val",
    types_pb2.DT_UINT32: "uint32_val",
    types_pb2.DT_UINT64: "uint64_val",
    types_pb2.DT_BOOL: "bool_val",
    types_pb2.DT_STRING: "string_val",
    types_pb2.DT_HALF: "half_val",
    types_pb2.DT_BFLOAT16: "half_val",
    **{types_pb2.DataType.Value(name): "int_val" for name in _INT_VAL},
}


def dtype_name(dtype: int) -> str:
    """The name that TensorFlow's own messages give a `DataType`, such as "float" or "int64"."""
    return types_pb2.DataType.Name(dtype).removeprefix("DT_").lower()


def to_array(proto: tensor_pb2.TensorProto) -> np.ndarray:
    """Reads a tensor; strings become an object array of bytes.

    Raises:
        ValueError: the values do not fill the shape, the shape is not fully known, or no tensor has such a dtype.
    """
    shape = proto.tensor_shape
    if shape.unknown_rank or any(dim.size < 0 for dim in shape.dim):
        raise ValueError("the shape of a value must be fully known")
    try:
        return tf.make_ndarray(proto)
    except (TypeError, KeyError) as error:  # a dtype without values, or not a dtype at all
        raise ValueError(str(error)) from None


def to_proto(value: np.ndarray | bytes | np.generic, dtype: int) -> tensor_pb2.TensorProto:
    """Writes what `Session.run` returned; `tf.make_tensor_proto` would use `tensor_content` instead of typed fields.

    Args:
        value: an array of any shape, or the scalar that `Session.run` returns in place of an array of rank 0.
        dtype: the signature's `DataType`.

    Raises:
        ValueError: no typed value field holds this dtype.
    """
    if dtype not in _VALUE_FIELDS:
        raise ValueError(f"an output of dtype {dtype_name(dtype)} cannot be sent")
    array = np.asarray(value, dtype=object) if dtype == types_pb2.DT_STRING else np.asarray(value)
    proto = tensor_pb2.TensorProto(dtype=dtype)
    for size in array.shape:
        proto.tensor_shape.dim.add(size=size)
    if _VALUE_FIELDS[dtype] == "half_val":
        array = array.view(np.uint16)  # the field holds the bits
    getattr(proto, _VALUE_FIELDS[dtype]).extend(array.ravel().tolist())
    return proto
