"""PredictionService.Predict, asked with the stock stubs."""

import time

import grpc
import numpy as np
import pytest
import tensorflow as tf
from tensorflow_serving.apis import predict_pb2

_REQUEST = {
    "user_id": ["u", "v"],
    "history_item_ids": [["item-1"], [""]],
    "history_timestamps": tf.constant([[5], [0]], tf.int64),
    "history_events": [["purchase"], [""]],
    "scene": ["", ""],
    "timestamp": tf.constant([9, 9], tf.int64),
    "context_store": ["", ""],
    "context_price": tf.constant([0.5, 0.0]),
}
_RECOMMEND = {**_REQUEST, "exclude_item_ids": [[""], ["item-4"]], "k": tf.constant([2, 1])}


def test_values_come_in_typed_fields_with_the_shape_of_the_batch(shared_stock):
    outputs = shared_stock.predict("recommend", _RECOMMEND).outputs
    # u: item-1 is owned, 1 + 100 + 0.5; then item-4, 4 + 0.5. v: item-4 is excluded, so item-3, and no second place.
    assert list(outputs["item_ids"].string_val) == [b"item-1", b"item-4", b"item-3", b""]
    assert list(outputs["scores"].float_val) == [101.5, 4.5, 3.0, 0.0]
    assert list(outputs["reasons"].string_val) == [b"bought_before", b"popular", b"popular", b""]
    for name, dtype in (("item_ids", tf.string), ("scores", tf.float32), ("reasons", tf.string)):
        assert outputs[name].dtype == dtype.as_datatype_enum
        assert [dim.size for dim in outputs[name].tensor_shape.dim] == [2, 2]
        assert not outputs[name].tensor_content


def test_an_empty_history_may_have_no_columns(shared_stock):
    request = {
        **_RECOMMEND,
        "history_item_ids": tf.constant([], tf.string, (2, 0)),
        "history_timestamps": tf.constant([], tf.int64, (2, 0)),
        "history_events": tf.constant([], tf.string, (2, 0)),
    }
    outputs = shared_stock.predict("recommend", request).outputs
    assert list(outputs["item_ids"].string_val) == [b"item-4", b"item-3", b"item-3", b""]


def test_rank_answers_every_head(shared_stock):
    inputs = {**_REQUEST, "candidate_item_ids": [["item-2", "nothing"], ["item-0", "item-3"]]}
    outputs = shared_stock.predict("rank", inputs).outputs
    # Row u: 2 + 0.5 and unknown; row v: 0 and 3; click is twice purchase, score their sum.
    assert list(outputs["purchase"].float_val) == [2.5, -1.0, 0.0, 3.0]
    assert list(outputs["click"].float_val) == [5.0, -2.0, 0.0, 6.0]
    assert list(outputs["score"].float_val) == [7.5, -3.0, 0.0, 9.0]


def test_the_answer_names_the_version_and_signature_that_gave_it(shared_stock):
    spec = shared_stock.similar().model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == ("toy", 7, "similar")


def test_output_filter_leaves_only_the_outputs_it_names(shared_stock):
    assert set(shared_stock.similar(output_filter=["scores"]).outputs) == {"scores"}


def test_an_input_packed_into_tensor_content_is_read_too(shared_stock):
    k = tf.make_tensor_proto(np.array([3], np.int32))
    packed = type(k)(dtype=k.dtype, tensor_shape=k.tensor_shape, tensor_content=np.array([3], np.int32).tobytes())
    request = predict_pb2.PredictRequest(inputs={"item_id": tf.make_tensor_proto(["item-0"]), "k": packed})
    request.model_spec.name = "toy"
    request.model_spec.signature_name = "similar"
    outputs = shared_stock.prediction.Predict(request, timeout=20).outputs
    assert list(outputs["item_ids"].string_val) == [b"item-4", b"item-3", b"item-2"]


def _similar(**changes):
    inputs = {"item_id": ["item-0"], "k": tf.constant([1])} | changes
    return {name: value for name, value in inputs.items() if value is not None}


@pytest.mark.parametrize(
    ("call", "code", "message"),
    [
        (
            {"name": ""},
            grpc.StatusCode.INVALID_ARGUMENT,
            "ModelSpec has no name specified.",
        ),
        (
            {"name": "other"},
            grpc.StatusCode.NOT_FOUND,
            "Servable not found for request: Latest(other)",
        ),
        (
            {"name": "other", "version": 3},
            grpc.StatusCode.NOT_FOUND,
            "Servable not found for request: Specific(other, 3)",
        ),
        (
            {"version": 8},
            grpc.StatusCode.NOT_FOUND,
            "Servable not found for request: Specific(toy, 8)",
        ),
        (
            {"version_label": "canary"},
            grpc.StatusCode.INVALID_ARGUMENT,
            "Unrecognized servable version label: canary",
        ),
        (
            {"signature": "nonsense"},
            grpc.StatusCode.FAILED_PRECONDITION,
            'Serving signature key "nonsense" not found.',
        ),
        (
            {"signature": ""},
            grpc.StatusCode.FAILED_PRECONDITION,
            'Serving signature key "serving_default" not found.',
        ),
        (
            {"signature": "__saved_model_init_op", "inputs": {}},
            grpc.StatusCode.INTERNAL,
            "Expected prediction signature method_name to be one of {tensorflow/serving/predict, "
            "tensorflow/serving/classify, tensorflow/serving/regress}. Was: ",
        ),
        (
            {"inputs": _similar(k=None)},
            grpc.StatusCode.INVALID_ARGUMENT,
            "input size does not match signature: 1!=2 len({item_id}) != len({item_id,k}). "
            "Sent extra: {}. Missing but required: {k}.",
        ),
        (
            {"inputs": _similar(extra=["x"])},
            grpc.StatusCode.INVALID_ARGUMENT,
            "input size does not match signature: 3!=2 len({extra,item_id,k}) != len({item_id,k}). "
            "Sent extra: {extra}. Missing but required: {}.",
        ),
        (
            {"inputs": _similar(k=None, n=tf.constant([1]))},
            grpc.StatusCode.INVALID_ARGUMENT,
            "Signature input alias: k(feed name: similar_k:0) not found in request and no default value provided. "
            "Inputs expected to be in the request {item_id,n}, or default input alias set: ",
        ),
        (
            {"inputs": _similar(k=tf.constant([1], tf.int64))},
            grpc.StatusCode.INVALID_ARGUMENT,
            "Expects arg[1] to be int32 but int64 is provided (input 'k')",
        ),
        (
            {"inputs": _similar(item_id=tf.constant([1.0]))},
            grpc.StatusCode.INVALID_ARGUMENT,
            "Expects arg[0] to be string but float is provided (input 'item_id')",
        ),
        (
            {"inputs": _similar(k=tf.constant([[1]]))},
            grpc.StatusCode.INVALID_ARGUMENT,
            "Cannot feed value of shape (1, 1) for Tensor similar_k:0, which has shape (None,)",
        ),
        (
            {"output_filter": ["price"]},
            grpc.StatusCode.INVALID_ARGUMENT,
            "output tensor alias not found in signature: price Outputs expected to be in the set {item_ids,scores}.",
        ),
        (
            {"output_filter": ["scores", "scores"]},
            grpc.StatusCode.INVALID_ARGUMENT,
            "duplicate output tensor alias: scores",
        ),
    ],
)
def test_a_wrong_request_gets_the_status_of_tensorflow_serving(shared_stock, call, code, message):
    call = {"signature": "similar", "inputs": _similar(), **call}
    with pytest.raises(grpc.RpcError) as caught:
        shared_stock.predict(**call)
    assert (caught.value.code(), caught.value.details()) == (code, message)


def test_a_request_without_model_spec_is_refused(shared_stock):
    with pytest.raises(grpc.RpcError) as caught:
        shared_stock.prediction.Predict(predict_pb2.PredictRequest(), timeout=20)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec")


def test_values_that_do_not_fill_the_shape_are_a_parsing_error(shared_stock):
    request = predict_pb2.PredictRequest(inputs={name: tf.make_tensor_proto(v) for name, v in _similar().items()})
    request.model_spec.name = "toy"
    request.model_spec.signature_name = "similar"
    request.inputs["k"].int_val.extend([1, 1])
    with pytest.raises(grpc.RpcError) as caught:
        shared_stock.prediction.Predict(request, timeout=20)
    assert (caught.value.code(), caught.value.details()) == (
        grpc.StatusCode.INVALID_ARGUMENT,
        "tensor parsing error: k",
    )


def test_an_error_inside_the_graph_keeps_its_code_and_the_runtime_s_message(shared_stock):
    with pytest.raises(grpc.RpcError) as caught:
        shared_stock.similar(k=-3)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details().startswith("Need k >= 0, got -3")


def test_the_deadline_of_the_client_stops_the_run(server, stock):
    with pytest.raises(grpc.RpcError) as caught:
        stock.predict("sleep", {"seconds": [60.0]}, timeout=0.3)
    assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    start = time.monotonic()
    server.stop(grace=0)  # waits for the run, which would take a minute
    assert time.monotonic() - start < 30
