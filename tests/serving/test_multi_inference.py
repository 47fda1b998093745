"""PredictionService.MultiInference, asked with the stock stubs."""

import grpc
import pytest
from example_model import MODEL_NAME, VERSION, example, examples, stock
from stock import TIMEOUT_SECONDS, fill_spec
from tensorflow_serving.apis import inference_pb2, input_pb2

_CLASSIFY, _REGRESS = "tensorflow/serving/classify", "tensorflow/serving/regress"


@pytest.fixture(scope="module")
def connected(tmp_path_factory):
    with stock(tmp_path_factory.mktemp("multi_inference")) as stubs:
        yield stubs


_TWO = examples(example(x=4.0), example(x=-1.0))


def _infer(connected, *tasks, request_input=_TWO):
    """Sends tasks, each a method and a signature, and a model if not the usual one."""
    request = inference_pb2.MultiInferenceRequest(input=request_input)
    for method, signature, *model in tasks:
        task = request.tasks.add(method_name=method)
        fill_spec(task.model_spec, *(model or [MODEL_NAME]), signature_name=signature)
    return connected.prediction.MultiInference(request, timeout=TIMEOUT_SECONDS)


def test_every_task_is_answered_in_order(connected):
    response = _infer(connected, (_REGRESS, ""), (_CLASSIFY, "signs"), (_CLASSIFY, "labels"))
    halves, signs, labels = response.results
    assert [r.value for r in halves.regression_result.regressions] == [4.0, 1.5]
    rows = signs.classification_result.classifications
    assert [[(c.label, c.score) for c in row.classes] for row in rows] == [
        [("minus", -4.0), ("plus", 4.0)],
        [("minus", 1.0), ("plus", -1.0)],
    ]
    assert [c.label for c in labels.classification_result.classifications[1].classes] == ["minus", "plus"]
    assert [r.model_spec.signature_name for r in response.results] == ["serving_default", "signs", "labels"]
    assert {(r.model_spec.name, r.model_spec.version.value) for r in response.results} == {(MODEL_NAME, VERSION)}


@pytest.mark.parametrize(
    ("tasks", "code", "message"),
    [
        ([], "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        ([(_REGRESS, "", "")], "INVALID_ARGUMENT", "ModelSpec has no name specified."),
        ([(_REGRESS, "", "other")], "NOT_FOUND", "Servable not found for request: Latest(other)"),
        (
            [(_REGRESS, ""), (_CLASSIFY, "signs", "")],
            "INVALID_ARGUMENT",
            "Found ModelSpec with an empty model name.",
        ),
        (
            [(_REGRESS, ""), (_CLASSIFY, "signs", "other")],
            "INVALID_ARGUMENT",
            "All ModelSpecs in a MultiInferenceRequest must access the same model name.",
        ),
        (
            [(_REGRESS, ""), (_REGRESS, "serving_default")],
            "INVALID_ARGUMENT",
            "Duplicate evaluation of signature: serving_default",
        ),
        ([(_REGRESS, "none")], "INVALID_ARGUMENT", "Requested signature not found in model graph: none"),
        (
            [("tensorflow/serving/predict", "double")],
            "UNIMPLEMENTED",
            "Unsupported signature method_name: tensorflow/serving/predict",
        ),
        (
            [(_REGRESS, ""), (_REGRESS, "elsewhere")],
            "INVALID_ARGUMENT",
            "Input tensor must be the same for all Signatures.",
        ),
        ([(_REGRESS, "signs")], "INVALID_ARGUMENT", "Expected one output Tensor."),
        (
            [(_CLASSIFY, "signs"), (_REGRESS, "sums")],
            "INVALID_ARGUMENT",
            "Input batch size did not match output batch size: 2 vs. 1",
        ),
    ],
)
def test_wrong_tasks_get_the_status_of_tensorflow_serving(connected, tasks, code, message):
    with pytest.raises(grpc.RpcError) as caught:
        _infer(connected, *tasks)
    assert (caught.value.code().name, caught.value.details()) == (code, message)


def test_no_examples_are_refused(connected):
    with pytest.raises(grpc.RpcError) as caught:
        _infer(connected, (_REGRESS, ""), request_input=input_pb2.Input())
    assert (caught.value.code(), caught.value.details()) == (grpc.StatusCode.INVALID_ARGUMENT, "Input is empty.")
