"""Values between TensorProto and numpy."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2, types_pb2

from serving import tensors


@pytest.mark.parametrize(
    ("dtype", "values", "field"),
    [
        (tf.float32, [[0.5, -1.0]], "float_val"),
        (tf.float64, [0.1], "double_val"),
        (tf.float16, [0.5, 2.0], "half_val"),
        (tf.bfloat16, [0.5, 2.0], "half_val"),
        (tf.int8, [-1, 2], "int_val"),
        (tf.uint16, [65535], "int_val"),
        (tf.int32, [[-5], [6]], "int_val"),
        (tf.int64, [2**40], "int64_val"),
        (tf.uint32, [2**32 - 1], "uint32_val"),
        (tf.uint64, [2**64 - 1], "uint64_val"),
        (tf.bool, [True, False], "bool_val"),
        (tf.string, [[b"a", b""]], "string_val"),
    ],
)
def test_each_dtype_is_written_to_the_field_that_tensorflow_reads_it_from(dtype, values, field):
    array = np.array(values, dtype.as_numpy_dtype)
    proto = tensors.to_proto(array, dtype.as_datatype_enum)
    assert [descriptor.name for descriptor, _ in proto.ListFields()] == ["dtype", "tensor_shape", field]
    np.testing.assert_array_equal(tf.make_ndarray(proto), array)
    read = tensors.to_array(proto)
    assert read.dtype == array.dtype
    np.testing.assert_array_equal(read, array)


def test_a_scalar_has_a_shape_without_dimensions():
    proto = tensors.to_proto(b"text", types_pb2.DT_STRING)
    assert (list(proto.string_val), len(proto.tensor_shape.dim)) == ([b"text"], 0)


def test_an_output_that_no_value_field_holds_is_an_error_with_its_dtype():
    with pytest.raises(ValueError, match="dtype variant cannot be sent"):
        tensors.to_proto(np.array([0]), types_pb2.DT_VARIANT)


@pytest.mark.parametrize(
    "proto",
    [
        tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape={"unknown_rank": True}, float_val=[1.0]),
        tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape={"dim": [{"size": -1}]}, float_val=[1.0]),
        tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape={"dim": [{"size": 1}]}, float_val=[1.0, 2.0]),
        tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, tensor_shape={"dim": [{"size": 1}]}, tensor_content=b"abc"),
        tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, tensor_shape={"dim": [{"size": 1}]}, tensor_content=b"\x01a"),
        tensor_pb2.TensorProto(dtype=types_pb2.DT_INT32, tensor_shape={"dim": [{"size": 2**40}]}, int_val=[1]),
        tensor_pb2.TensorProto(dtype=types_pb2.DT_INVALID, float_val=[1.0]),
        tensor_pb2.TensorProto(dtype=types_pb2.DT_RESOURCE),
    ],
    ids=[
        "unknown rank",
        "unknown size",
        "too many values",
        "odd content",
        "content of strings",
        "a bomb",
        "no dtype",
        "resource",
    ],
)
def test_a_value_that_does_not_fill_its_shape_is_refused(proto):
    with pytest.raises(ValueError, match=r".+"):
        tensors.to_array(proto)


@pytest.mark.parametrize("dtype", [tf.float32, tf.int8, tf.bfloat16, tf.bool])
def test_tensor_content_is_read(dtype):
    array = np.array([[0, 1], [1, 0]], dtype.as_numpy_dtype)
    proto = tensor_pb2.TensorProto(dtype=dtype.as_datatype_enum, tensor_content=array.tobytes())
    proto.tensor_shape.CopyFrom(tf.TensorShape([2, 2]).as_proto())
    np.testing.assert_array_equal(tensors.to_array(proto), array)


@pytest.mark.parametrize(
    ("proto", "expected"),
    [
        (tensor_pb2.TensorProto(dtype=types_pb2.DT_INT32, int_val=[1, 2]), [1, 2, 2, 2]),
        (tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING, string_val=[b"a", b"b"]), [b"a", b"b", b"b", b"b"]),
        (tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT), [0.0, 0.0, 0.0, 0.0]),
        (tensor_pb2.TensorProto(dtype=types_pb2.DT_STRING), [b"", b"", b"", b""]),
    ],
    ids=["numbers", "strings", "no number", "no string"],
)
def test_missing_values_repeat_the_last_one(proto, expected):
    proto.tensor_shape.dim.add(size=4)
    assert tensors.to_array(proto).tolist() == expected


def test_an_integer_that_its_dtype_cannot_hold_wraps_around_as_in_tensorflow():
    proto = tensor_pb2.TensorProto(dtype=types_pb2.DT_INT8, tensor_shape={"dim": [{"size": 1}]}, int_val=[300])
    assert tensors.to_array(proto).tolist() == [300 - 256]


def test_the_dtype_of_an_array_is_that_of_its_tensor():
    arrays = [np.array(["a"]), np.array([b"a"], object), np.float32([1]), np.array([1]), np.array([True])]
    expected = [types_pb2.DT_STRING, types_pb2.DT_STRING, types_pb2.DT_FLOAT, types_pb2.DT_INT64, types_pb2.DT_BOOL]
    assert [tensors.dtype_of(array) for array in arrays] == expected
