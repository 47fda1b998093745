"""PredictionService.Regress, asked with the stock stubs."""

import grpc
import pytest
from example_model import MODEL_NAME, VERSION, example, examples, stock
from stock import TIMEOUT_SECONDS, fill_spec
from tensorflow_serving.apis import input_pb2, regression_pb2


@pytest.fixture(scope="module")
def connected(tmp_path_factory):
    with stock(tmp_path_factory.mktemp("regress")) as stubs:
        yield stubs


def _regress(connected, signature, request_input, **spec):
    request = regression_pb2.RegressionRequest(input=request_input)
    fill_spec(request.model_spec, **{"name": MODEL_NAME, "signature_name": signature, **spec})
    return connected.prediction.Regress(request, timeout=TIMEOUT_SECONDS)


def _values(response):
    return [regression.value for regression in response.result.regressions]


_TWO = examples(example(x=4.0), example(x=-1.0))


def test_every_example_gets_its_value_from_the_default_signature(connected):
    response = _regress(connected, "", _TWO)
    assert _values(response) == [4.0, 1.5]  # 4 / 2 + 2 and -1 / 2 + 2
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == (MODEL_NAME, VERSION, "serving_default")


def test_the_values_may_be_a_column(connected):
    assert _values(_regress(connected, "halves", _TWO)) == [4.0, 1.5]


def test_the_context_holds_where_an_example_says_nothing_else(connected):
    request_input = examples(example(), example(x=1.0), context=example(x=10.0))
    assert _values(_regress(connected, "", request_input)) == [7.0, 2.5]


@pytest.mark.parametrize(
    ("signature", "request_input", "code", "message"),
    [
        ("none", _TWO, "INVALID_ARGUMENT", "No signature was found with the name: none"),
        ("", input_pb2.Input(), "INVALID_ARGUMENT", "Input is empty."),
        ("two_inputs", _TWO, "INVALID_ARGUMENT", "Expected one input Tensor."),
        ("signs", _TWO, "INVALID_ARGUMENT", "Expected one output Tensor."),
        (
            "wide",
            _TWO,
            "INVALID_ARGUMENT",
            "Expected output Tensor shape to be either [batch_size] or [batch_size, 1] but got [2,2]",
        ),
        ("sums", _TWO, "INVALID_ARGUMENT", "Input batch size did not match output batch size: 2 vs. 1"),
        ("whole", _TWO, "INVALID_ARGUMENT", "Expected output Tensor of DT_FLOAT.  Got: DT_INT64"),
    ],
)
def test_a_wrong_request_gets_the_status_of_tensorflow_serving(connected, signature, request_input, code, message):
    with pytest.raises(grpc.RpcError) as caught:
        _regress(connected, signature, request_input)
    assert (caught.value.code().name, caught.value.details()) == (code, message)


@pytest.mark.parametrize(("signature", "kind"), [("other_input", "inputs"), ("other_output", "outputs")])
def test_a_signature_without_the_agreed_names_cannot_regress(connected, signature, kind):
    with pytest.raises(grpc.RpcError) as caught:
        _regress(connected, signature, _TWO)
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.details().startswith(f"No regression {kind} found in SignatureDef: ")


def test_a_request_without_model_spec_is_refused(connected):
    with pytest.raises(grpc.RpcError) as caught:
        connected.prediction.Regress(regression_pb2.RegressionRequest(input=_TWO), timeout=TIMEOUT_SECONDS)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec")


def test_a_message_too_long_for_a_status_is_cut(connected):
    with pytest.raises(grpc.RpcError) as caught:
        _regress(connected, "ä" * 100_000, _TWO)
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert caught.value.details().startswith("No signature was found with the name: ää")
    assert caught.value.details().endswith("ä...")
