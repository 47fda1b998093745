"""The client's own messages against those of tensorflow-serving-api."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pool
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from serving import stub, wire_pb2

_STOCK_MODULES = (get_model_metadata_pb2, get_model_status_pb2, predict_pb2)  # importing them fills the default pool


def _stock_name(full_name: str) -> str:
    """The stock message or enum behind one of ours: in tensorflow.serving if it is there, else in tensorflow."""
    name = full_name.removeprefix("shelfwise.serving.")
    in_serving = {m for module in _STOCK_MODULES for m in module.DESCRIPTOR.message_types_by_name}
    in_serving |= {"ModelSpec", "StatusProto"}
    return f"tensorflow.serving.{name}" if name.split(".")[0] in in_serving else f"tensorflow.{name}"


def _all_messages(messages):
    for message in messages:
        yield message
        yield from _all_messages(message.nested_types)


@pytest.mark.parametrize(
    "message", _all_messages(wire_pb2.DESCRIPTOR.message_types_by_name.values()), ids=lambda message: message.name
)
def test_every_field_travels_as_in_the_stock_message(message):
    stock = descriptor_pool.Default().FindMessageTypeByName(_stock_name(message.full_name))
    for field in message.fields:
        other = stock.fields_by_name[field.name]
        assert (field.number, field.type, field.is_repeated) == (other.number, other.type, other.is_repeated)
        if field.message_type and not field.message_type.full_name.startswith("google."):
            assert _stock_name(field.message_type.full_name) == other.message_type.full_name


@pytest.mark.parametrize("enum", [wire_pb2.DataType, wire_pb2.ModelVersionStatus.State], ids=["DataType", "State"])
def test_every_enum_value_is_the_stock_one(enum):
    stock = descriptor_pool.Default().FindEnumTypeByName(_stock_name(enum.DESCRIPTOR.full_name))
    for name, number in enum.items():
        assert stock.values_by_name[name].number == number


@pytest.mark.parametrize(
    ("values", "dtype"),
    [([["a", "é"]], tf.string), ([[1.5, -2.0]], tf.float32), ([[2**40]], tf.int64), ([7], tf.int32), ([[]], tf.string)],
)
def test_tensors_written_by_the_client_are_read_by_tensorflow(values, dtype):
    sent = stub.encode("x", values, dtype.as_datatype_enum).SerializeToString()
    received = tf.make_ndarray(tensor_pb2.TensorProto.FromString(sent))
    np.testing.assert_array_equal(received, tf.constant(values, dtype).numpy())
    assert received.shape == np.shape(values)


def test_tensor_content_is_read_like_typed_values():
    written = tf.make_tensor_proto(np.array([[1.5, 2.5]], np.float32))
    assert written.tensor_content, "make_tensor_proto packs more than one number"
    read = stub.decode(wire_pb2.TensorProto.FromString(written.SerializeToString()))
    np.testing.assert_array_equal(read, [[1.5, 2.5]])


def test_importing_the_client_loads_no_tensorflow_and_takes_under_a_second():
    program = (
        "import sys, time; start = time.perf_counter(); import serving.client; "
        "print(time.perf_counter() - start); print([m for m in sys.modules if m.startswith('tensorflow')])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    seconds, loaded = run.stdout.splitlines()
    assert loaded == "[]"
    assert float(seconds) < 1.0
