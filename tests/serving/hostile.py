"""What a careless or hostile caller may send: strategies of requests to the toy model.

Each request is good but for one thing, so that the code of the answer is known.
"""

import math

import grpc
import numpy as np
import tensorflow as tf
from hypothesis import assume
from hypothesis import strategies as st
from tensorflow.core.framework import tensor_pb2, types_pb2
from tensorflow_serving.apis import predict_pb2

MODEL = "toy"
VERSION = 1
SIGNATURES = ("recommend", "search", "similar", "rank", "sleep", "wait", "__saved_model_init_op")
_GOOD = {
    "similar": {"item_id": ["item-0"], "k": np.array([1], np.int32)},
    "recommend": {
        "user_id": ["u"],
        "history_item_ids": [["item-1"]],
        "history_timestamps": np.array([[5]], np.int64),
        "history_events": [["purchase"]],
        "scene": [""],
        "timestamp": np.array([9], np.int64),
        "context_store": [""],
        "context_price": np.array([0.5], np.float32),
        "exclude_item_ids": [[""]],
        "k": np.array([2], np.int32),
    },
}
_DTYPES = [*types_pb2.DataType.values(), 57, 2**31 - 1]  # the last two are none
_VALUES = {
    "float_val": st.floats(width=32),
    "double_val": st.floats(),
    "int_val": st.integers(-(2**31), 2**31 - 1),
    "int64_val": st.integers(-(2**63), 2**63 - 1),
    "string_val": st.binary(max_size=20),
    "bool_val": st.booleans(),
    "half_val": st.integers(0, 2**16 - 1),
}
_SIZES = st.sampled_from([-(2**63), -1, 0, 1, 2, 3, 1000, 2**31, 2**62, 2**63 - 1])


def good(signature: str = "similar") -> predict_pb2.PredictRequest:
    """A request that is answered."""
    request = predict_pb2.PredictRequest()
    request.model_spec.name = MODEL
    request.model_spec.signature_name = signature
    for name, value in _GOOD[signature].items():
        request.inputs[name].CopyFrom(tf.make_tensor_proto(value))
    return request


_requests = st.sampled_from(sorted(_GOOD)).map(good)


@st.composite
def of_wrong_inputs(draw) -> predict_pb2.PredictRequest:
    """Some inputs are missing, or are there under names that the signature does not have."""
    request = draw(_requests)
    for name in draw(st.lists(st.sampled_from(sorted(request.inputs)), min_size=1, unique=True)):
        moved = tensor_pb2.TensorProto()
        moved.CopyFrom(request.inputs[name])
        del request.inputs[name]
        if draw(st.booleans()):
            request.inputs["?" + draw(st.text(max_size=5))].CopyFrom(moved)
    return request


@st.composite
def of_wrong_dtype(draw) -> predict_pb2.PredictRequest:
    """One input says to be of another dtype, whatever its values are."""
    request = draw(_requests)
    name = draw(st.sampled_from(sorted(request.inputs)))
    wrong = draw(st.sampled_from([dtype for dtype in _DTYPES if dtype != request.inputs[name].dtype]))
    _set_values(draw, request.inputs[name])
    request.inputs[name].dtype = wrong
    return request


@st.composite
def of_wrong_shape(draw) -> predict_pb2.PredictRequest:
    """One input is of another rank, of sizes that cannot be, or of more elements than memory holds or than it has."""
    request = draw(_requests)
    name = draw(st.sampled_from(sorted(request.inputs)))
    tensor = request.inputs[name]
    rank = len(tensor.tensor_shape.dim)
    del tensor.tensor_shape.dim[:]
    if draw(st.booleans()):
        sizes = draw(st.lists(st.integers(0, 2), max_size=300).filter(lambda sizes: len(sizes) != rank))
    else:
        sizes = draw(st.lists(_SIZES, min_size=rank, max_size=rank).filter(_cannot_be))
    for size in sizes:
        tensor.tensor_shape.dim.add(size=size)
    tensor.tensor_shape.unknown_rank = draw(st.booleans())
    return request


@st.composite
def of_wrong_content(draw) -> predict_pb2.PredictRequest:
    """One input has a `tensor_content` that is too short or too long for its one element."""
    request = draw(_requests)
    numeric = [name for name, tensor in request.inputs.items() if tensor.dtype != types_pb2.DT_STRING]
    tensor = request.inputs[draw(st.sampled_from(sorted(numeric)))]
    tensor.tensor_content = draw(st.binary(min_size=1, max_size=50))
    assume(len(tensor.tensor_content) != tf.as_dtype(tensor.dtype).size)
    return request


@st.composite
def of_wrong_model_spec(draw) -> tuple[predict_pb2.PredictRequest, grpc.StatusCode]:
    """Something that is not served is asked for; gives the code that this has, too."""
    request = good()
    spec = request.model_spec
    match draw(st.sampled_from(["no spec", "no name", "name", "version", "label", "signature", "filter"])):
        case "no spec":
            request.ClearField("model_spec")
        case "no name":
            spec.name = ""
        case "name":
            spec.name = draw(st.text(min_size=1).filter(lambda name: name != MODEL))
            return request, grpc.StatusCode.NOT_FOUND
        case "version":
            spec.version.value = draw(st.integers(-(2**63), 2**63 - 1).filter(lambda version: version != VERSION))
            return request, grpc.StatusCode.NOT_FOUND
        case "label":
            spec.version_label = draw(st.text())
        case "signature":
            spec.signature_name = draw(st.text().filter(lambda name: name not in SIGNATURES))
            return request, grpc.StatusCode.FAILED_PRECONDITION
        case "filter":
            request.output_filter.extend([*draw(st.lists(st.just("scores"), max_size=2)), "?" + draw(st.text())])
    return request, grpc.StatusCode.INVALID_ARGUMENT


def _set_values(draw, tensor: tensor_pb2.TensorProto) -> None:
    """Gives a tensor any values, in any of the fields."""
    for field in draw(st.lists(st.sampled_from(sorted(_VALUES)), max_size=2, unique=True)):
        tensor.ClearField(field)
        getattr(tensor, field).extend(draw(st.lists(_VALUES[field], max_size=3)))


def _cannot_be(sizes: list[int]) -> bool:
    """Whether no tensor is so large; those of none to a few elements may well be answered."""
    return min(sizes) < 0 or math.prod(sizes) > 2**30


@st.composite
def of_extreme_values(draw) -> predict_pb2.PredictRequest:
    """A batch of `similar`, of right dtypes and ranks, with any values."""
    request = good()
    batch = draw(st.integers(0, 20))
    item_ids = draw(st.lists(st.binary(max_size=30) | st.just(b"item-0"), min_size=batch, max_size=batch))
    sizes = st.sampled_from([1, 2, 5, 6, 0, -1, 10**9, 2**31 - 1, -(2**31)])
    ks = draw(st.lists(sizes, min_size=batch, max_size=batch))
    request.inputs["item_id"].CopyFrom(tf.make_tensor_proto(np.array(item_ids, object), tf.string, [batch]))
    request.inputs["k"].CopyFrom(tf.make_tensor_proto(np.array(ks, np.int32), tf.int32, [batch]))
    return request
