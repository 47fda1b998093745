"""Malformed and hostile gRPC requests: each gets the right code, and the server answers the next one as if nothing was.

`--hypothesis-profile=hostile` sends 10,000 of them; the ordinary run some hundreds.
"""

import shutil

import grpc
import hostile
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from tensorflow_serving.apis import get_model_status_pb2, predict_pb2

from serving.options import Options
from serving.server import Server

_Code = grpc.StatusCode
_PREDICT = "PredictionService/Predict"
_METHODS = [
    *(f"PredictionService/{name}" for name in ("Predict", "Classify", "Regress", "MultiInference", "GetModelMetadata")),
    *(f"ModelService/{name}" for name in ("GetModelStatus", "HandleReloadConfigRequest")),
]
_REFUSALS = {_Code.INVALID_ARGUMENT, _Code.NOT_FOUND, _Code.FAILED_PRECONDITION}
_MAX_REQUEST_BYTES = 100_000
_untimed = settings(deadline=None)  # the machine may be busy


class Attacker:
    """Sends requests to the server, and after each one sees whether it still serves."""

    def __init__(self, address: str):
        """Connects."""
        self._channel = grpc.insecure_channel(address, [("grpc.max_send_message_length", -1)])

    def send(self, request: bytes, method: str = _PREDICT) -> tuple[grpc.StatusCode, bytes]:
        """The code of the answer; and the answer, or what was said in its stead."""
        code, answer = self._call(request, method)
        good_code, good_answer = self._call(hostile.good().SerializeToString(), _PREDICT)
        assert good_code == _Code.OK, good_answer
        outputs = predict_pb2.PredictResponse.FromString(good_answer).outputs
        assert (list(outputs["item_ids"].string_val), list(outputs["scores"].float_val)) == ([b"item-4"], [4.0])
        return code, answer

    def close(self) -> None:
        """Disconnects."""
        self._channel.close()

    def _call(self, request: bytes, method: str) -> tuple[grpc.StatusCode, bytes]:
        try:
            return _Code.OK, self._channel.unary_unary(f"/tensorflow.serving.{method}")(request, timeout=30)
        except grpc.RpcError as error:
            return error.code(), error.details().encode()


@pytest.fixture(scope="module")
def attacker(exported, tmp_path_factory):
    """A connection to a server of the toy model that takes small requests only."""
    base = tmp_path_factory.mktemp("attacked")
    shutil.copytree(exported(), base / str(hostile.VERSION))
    options = Options(model_name=hostile.MODEL, model_base_path=str(base), port=0, max_request_bytes=_MAX_REQUEST_BYTES)
    with Server(options) as server:
        connected = Attacker(server.address)
        yield connected
        connected.close()


@_untimed
@given(
    st.one_of(hostile.of_wrong_inputs(), hostile.of_wrong_dtype(), hostile.of_wrong_shape(), hostile.of_wrong_content())
)
def test_inputs_of_wrong_names_dtypes_shapes_or_lengths_are_invalid(attacker, request_):
    assert attacker.send(request_.SerializeToString())[0] == _Code.INVALID_ARGUMENT


@_untimed
@given(hostile.of_wrong_model_spec())
def test_what_is_not_served_is_refused_with_its_own_code(attacker, request_and_code):
    request_, code = request_and_code
    assert attacker.send(request_.SerializeToString())[0] == code


@_untimed
@given(hostile.of_extreme_values())
def test_extreme_values_are_answered_or_invalid(attacker, request_):
    item_ids, k = (tf.make_ndarray(request_.inputs[name]) for name in ("item_id", "k"))
    code, answer = attacker.send(request_.SerializeToString())
    if not len(k) or k.max() < 0:
        assert code == _Code.INVALID_ARGUMENT
        return
    assert code == _Code.OK
    outputs = predict_pb2.PredictResponse.FromString(answer).outputs
    ids, scores = (tf.make_ndarray(outputs[name]) for name in ("item_ids", "scores"))
    assert ids.shape == scores.shape == (len(item_ids), min(k.max(), 5))
    assert np.isfinite(scores).all()
    assert [sum(row != b"") for row in ids] == [
        min(max(wanted, 0), 4 if asked == b"item-0" else 5) for asked, wanted in zip(item_ids, k, strict=True)
    ]


@_untimed
@given(st.binary(max_size=200), st.sampled_from(_METHODS))
def test_bytes_that_are_no_request_are_refused(attacker, noise, method):
    code, message = attacker.send(noise, method)
    assert code in _REFUSALS or (code == _Code.INTERNAL and message == b"Exception deserializing request!")


@_untimed
@given(st.binary(min_size=1, max_size=20), st.binary(max_size=20))
def test_names_that_are_no_utf8_are_refused(attacker, head, tail):
    name = head + b"\xff" + tail
    spec = b"\x0a" + bytes([len(name)]) + name  # ModelSpec.name
    request = get_model_status_pb2.GetModelStatusRequest.DESCRIPTOR.fields_by_name["model_spec"].number << 3 | 2
    code, message = attacker.send(bytes([request, len(spec)]) + spec)
    assert (code, message) == (_Code.INTERNAL, b"Exception deserializing request!")


@pytest.mark.parametrize("excess", [1, 100, 10_000_000])
def test_a_request_above_the_limit_is_resource_exhausted(attacker, excess):
    request_ = hostile.good()
    request_.inputs["item_id"].string_val[0] = b"x" * (_MAX_REQUEST_BYTES + excess)
    assert attacker.send(request_.SerializeToString())[0] == _Code.RESOURCE_EXHAUSTED


@pytest.mark.parametrize("elements", [2**23, 2**31, 2**40, 2**62])
def test_few_bytes_that_stand_for_more_values_than_memory_holds_are_invalid(attacker, elements):
    request_ = hostile.good()
    request_.inputs["k"].tensor_shape.dim[0].size = elements
    assert attacker.send(request_.SerializeToString())[0] == _Code.INVALID_ARGUMENT


@pytest.mark.parametrize(("rows", "code"), [(1024, _Code.OK), (1025, _Code.INVALID_ARGUMENT)])
def test_a_batch_above_the_limit_of_rows_is_invalid(attacker, rows, code):
    request_ = hostile.good()
    request_.inputs["item_id"].CopyFrom(tf.make_tensor_proto(np.full(rows, b"item-0")))
    request_.inputs["k"].CopyFrom(tf.make_tensor_proto(np.full(rows, 1, np.int32)))
    answered, message = attacker.send(request_.SerializeToString())
    assert answered == code, message
