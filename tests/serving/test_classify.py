"""PredictionService.Classify, asked with the stock stubs."""

import grpc
import pytest
from example_model import MODEL_NAME, VERSION, example, examples, stock
from stock import TIMEOUT_SECONDS, fill_spec
from tensorflow_serving.apis import classification_pb2, input_pb2


@pytest.fixture(scope="module")
def connected(tmp_path_factory):
    with stock(tmp_path_factory.mktemp("classify")) as stubs:
        yield stubs


def _classify(connected, signature, request_input, **spec):
    request = classification_pb2.ClassificationRequest(input=request_input)
    fill_spec(request.model_spec, **{"name": MODEL_NAME, "signature_name": signature, **spec})
    return connected.prediction.Classify(request, timeout=TIMEOUT_SECONDS)


def _rows(response):
    return [[(c.label, c.score) for c in row.classes] for row in response.result.classifications]


def test_every_example_gets_every_class_with_its_score(connected):
    response = _classify(connected, "signs", examples(example(x=2.5), example(x=-1.0)))
    assert _rows(response) == [[("minus", -2.5), ("plus", 2.5)], [("minus", 1.0), ("plus", -1.0)]]
    spec = response.model_spec
    assert (spec.name, spec.version.value, spec.signature_name) == (MODEL_NAME, VERSION, "signs")


def test_a_model_may_give_labels_or_scores_alone(connected):
    assert _rows(_classify(connected, "labels", examples(example(x=2.5)))) == [[("minus", 0.0), ("plus", 0.0)]]
    assert _rows(_classify(connected, "scores", examples(example(x=2.5)))) == [[("", -2.5), ("", 2.5)]]


def test_the_context_holds_where_an_example_says_nothing_else(connected):
    request_input = examples(example(name=b"a"), example(name=b"b", x=3.0), context=example(x=7.0, name=b"c"))
    assert [row[1] for row in _rows(_classify(connected, "signs", request_input))] == [("plus", 7.0), ("plus", 3.0)]
    assert _rows(_classify(connected, "names", request_input)) == [[("a", 0.0)], [("b", 0.0)]]


_ONE = examples(example(x=2.5))


@pytest.mark.parametrize(
    ("signature", "request_input", "code", "message"),
    [
        ("none", _ONE, "INVALID_ARGUMENT", "No signature was found with the name: none"),
        ("signs", input_pb2.Input(), "INVALID_ARGUMENT", "Input is empty."),
        ("signs", examples(), "INVALID_ARGUMENT", "Input is empty."),
        ("signs", examples(context=example(x=1.0)), "INVALID_ARGUMENT", "Input is empty."),
        ("scale", _ONE, "INVALID_ARGUMENT", "Expected one input Tensor."),
        ("three_outputs", _ONE, "INVALID_ARGUMENT", "Expected one or two output Tensors, found 3"),
        (
            "flat",
            _ONE,
            "INVALID_ARGUMENT",
            "Expected Tensor shape: [batch_size num_classes] but got [1]",
        ),
        (
            "few",
            examples(example(x=1.0), example(x=2.0)),
            "INVALID_ARGUMENT",
            "Expected scores output batch size of 2. Got: 1",
        ),
        ("numbered", _ONE, "INVALID_ARGUMENT", "Expected classes Tensor of DT_STRING. Got: DT_INT64"),
        (
            "ragged",
            _ONE,
            "INVALID_ARGUMENT",
            "Tensors class and score should match in dim_size(1). Got 2 vs. 1",
        ),
        (
            "names",
            examples(example(name=b"\xff")),
            "INTERNAL",
            "the class label b'\\xff' is not valid UTF-8",
        ),
    ],
)
def test_a_wrong_request_gets_the_status_of_tensorflow_serving(connected, signature, request_input, code, message):
    with pytest.raises(grpc.RpcError) as caught:
        _classify(connected, signature, request_input)
    assert (caught.value.code().name, caught.value.details()) == (code, message)


@pytest.mark.parametrize(
    ("signature", "message"),
    [
        ("other_input", "No classification inputs found in SignatureDef: inputs {"),
        (
            "other_classes",
            'Expected classification signature outputs to contain at least one of "classes" or "scores". '
            "Signature was: inputs {",
        ),
    ],
)
def test_a_signature_without_the_agreed_names_cannot_classify(connected, signature, message):
    with pytest.raises(grpc.RpcError) as caught:
        _classify(connected, signature, _ONE)
    assert caught.value.code() == grpc.StatusCode.FAILED_PRECONDITION
    assert caught.value.details().startswith(message)


def test_the_model_is_found_as_for_predict(connected):
    with pytest.raises(grpc.RpcError) as caught:
        _classify(connected, "signs", _ONE, version=VERSION + 1)
    assert caught.value.code() == grpc.StatusCode.NOT_FOUND
    request = classification_pb2.ClassificationRequest(input=_ONE)
    with pytest.raises(grpc.RpcError) as caught:
        connected.prediction.Classify(request, timeout=TIMEOUT_SECONDS)
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec")


def test_an_example_that_the_graph_cannot_parse_is_the_graph_s_error(connected):
    wrong = example(x=b"no number")
    with pytest.raises(grpc.RpcError) as caught:
        _classify(connected, "signs", examples(wrong))
    assert caught.value.code() == grpc.StatusCode.INVALID_ARGUMENT
    assert "Key: x, Index: 0." in caught.value.details()
