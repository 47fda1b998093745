"""The client's own messages against those of tensorflow-serving-api."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pool
from tensorflow.core.framework import tensor_pb2
from tensorflow_serving.apis import get_model_metadata_pb2, get_model_status_pb2, predict_pb2

from serving import merging
from serving.client import Event, answers, requests, wire_pb2

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
    ("value", "dtype", "expected"),
    [
        ("é", tf.string, ["é".encode()]),
        (("a", "é"), tf.string, [[b"a", "é".encode()]]),
        ((), tf.string, [[]]),
        ((1.5, -2), tf.float32, [[1.5, -2.0]]),
        ((2**40, np.int64(3)), tf.int64, [[2**40, 3]]),
        (7, tf.int32, [7]),
    ],
)
def test_values_written_by_the_client_are_read_by_tensorflow(value, dtype, expected):
    sent = requests.encode("x", value, dtype.as_datatype_enum).SerializeToString()
    received = tf.make_ndarray(tensor_pb2.TensorProto.FromString(sent))
    np.testing.assert_array_equal(received, np.array(expected, dtype.as_numpy_dtype))
    assert received.shape == np.shape(expected)


@pytest.mark.parametrize(
    ("value", "dtype", "error", "message"),
    [
        (2**31, wire_pb2.DT_INT32, ValueError, "x cannot be sent"),
        (2**63, wire_pb2.DT_INT64, ValueError, "x cannot be sent"),
        ("\ud800", wire_pb2.DT_STRING, ValueError, "x cannot be sent"),
        (b"a", wire_pb2.DT_STRING, TypeError, r"x must be a string, not b'a': convert it with str\(\)"),
        (["a"], wire_pb2.DT_STRING, TypeError, r"x must be a string, not \['a'\]"),
        (1.5, wire_pb2.DT_INT64, TypeError, r"x must be a whole number, not 1\.5"),
        ("1", wire_pb2.DT_FLOAT, TypeError, "x must be a number, not '1'"),
        (1.5, 2, TypeError, r"x: the model wants a dtype that requests do not have \(2\)"),
    ],
)
def test_a_value_that_cannot_be_written_is_an_error_that_names_it(value, dtype, error, message):
    with pytest.raises(error, match=message):
        requests.encode("x", value, dtype)


def _inputs(length):
    """The inputs of differing lengths that the client sends, with so many events and exclusions, as arrays."""
    inputs = requests.shopper("u", [Event("a", 5, "click")] * length, "", 9)
    values = {
        "items": (inputs["history_item_ids"], wire_pb2.DT_STRING),
        "times": (inputs["history_timestamps"], wire_pb2.DT_INT64),
        "events": (inputs["history_events"], wire_pb2.DT_STRING),
        "excluded": (requests.excluded(["b"] * length), wire_pb2.DT_STRING),
    }
    sent = {name: requests.encode(name, *value).SerializeToString() for name, value in values.items()}
    return {name: tf.make_ndarray(tensor_pb2.TensorProto.FromString(tensor)) for name, tensor in sent.items()}


def test_rows_of_any_length_fit_into_one_batch_with_neutral_padding():
    batch = merging.merge([_inputs(0), _inputs(2)], pad_variable_length=True)
    assert {name: rows.tolist() for name, rows in batch.items()} == {
        "items": [[b"", b"", b""], [b"", b"a", b"a"]],
        "times": [[0, 0, 0], [0, 5, 5]],
        "events": [[b"", b"", b""], [b"", b"click", b"click"]],
        "excluded": [[b"", b"", b""], [b"", b"b", b"b"]],
    }


@pytest.mark.parametrize(
    "values", [np.array([1.5, 2.5], np.float32), np.array([-7], np.int64), np.array([7], np.int32)]
)
def test_packed_and_typed_values_are_read_alike(values):
    typed = tensor_pb2.TensorProto(dtype=tf.as_dtype(values.dtype).as_datatype_enum)
    getattr(typed, {"f": "float_val", "l": "int64_val", "i": "int_val"}[values.dtype.char]).extend(values.tolist())
    packed = tensor_pb2.TensorProto(dtype=typed.dtype, tensor_content=values.tobytes())
    for written in (typed, packed):
        read = answers.decode(wire_pb2.TensorProto.FromString(written.SerializeToString()))
        assert list(read) == values.tolist()


def test_packed_strings_are_read_as_tensorflow_reads_them():
    strings = [b"a", b"", b"x" * 300, "é".encode()]
    content = b"\x01" + b"\x00" + b"\xac\x02" + b"\x02" + b"".join(strings)  # 300 is 0b10_0101100
    packed = tensor_pb2.TensorProto(dtype=wire_pb2.DT_STRING, tensor_content=content)
    packed.tensor_shape.dim.add(size=1)
    packed.tensor_shape.dim.add(size=4)
    sent = packed.SerializeToString()
    assert tf.io.parse_tensor(sent, tf.string).numpy().tolist() == [strings]
    assert answers.decode(wire_pb2.TensorProto.FromString(sent)) == strings


def test_importing_the_client_loads_no_tensorflow_and_takes_under_a_second():
    program = (
        "import sys, time; start = time.process_time(); import serving.client; "
        "print(time.process_time() - start); print([m for m in sys.modules if m.startswith('tensorflow')])"
    )
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    seconds, loaded = run.stdout.splitlines()
    assert loaded == "[]"
    assert float(seconds) < 1.0
