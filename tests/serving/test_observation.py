"""What the metrics say of requests that came by gRPC."""

import concurrent.futures

import grpc
import pytest
from example_model import MODEL_NAME, example, examples, served
from prometheus_client.parser import text_string_to_metric_families
from stock import Stock
from tensorflow_serving.apis import (
    classification_pb2,
    inference_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from serving.metrics import Metrics
from serving.prediction_service import PredictionService

_INPUT = examples(example(x=1.0))


@pytest.fixture
def observed(tmp_path):
    """Stubs to a service with metrics, and a function that gives the metrics' samples of a name, by label values."""
    metrics = Metrics()

    def samples(name, *labels):
        page = metrics.render().decode().replace(":tensorflow:serving:", "")
        return {
            tuple(sample.labels[label] for label in labels): sample.value
            for family in text_string_to_metric_families(page)
            for sample in family.samples
            if sample.name.removesuffix("_total") == name  # which the parser appends to a counter's
        }

    with served(tmp_path) as models, concurrent.futures.ThreadPoolExecutor(2) as workers:
        server = grpc.server(workers)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(models, metrics), server)
        port = server.add_insecure_port("localhost:0")
        server.start()
        stubs = Stock(f"localhost:{port}")
        yield stubs, samples
        stubs.close()
        server.stop(None).wait()


def _spec(name=MODEL_NAME, signature=""):
    return {"name": name, "signature_name": signature}


def test_every_kind_of_inference_is_counted_by_model_and_status_and_timed_by_kind(observed):
    stubs, samples = observed
    stubs.predict("double", {"x": 1.0}, name=MODEL_NAME)
    stubs.prediction.Classify(
        classification_pb2.ClassificationRequest(model_spec=_spec(signature="signs"), input=_INPUT), timeout=20
    )
    stubs.prediction.Regress(regression_pb2.RegressionRequest(model_spec=_spec(), input=_INPUT), timeout=20)
    task = inference_pb2.InferenceTask(model_spec=_spec(), method_name="tensorflow/serving/regress")
    stubs.prediction.MultiInference(inference_pb2.MultiInferenceRequest(tasks=[task], input=_INPUT), timeout=20)
    stubs.metadata(name=MODEL_NAME)
    assert samples("request_count", "model_name", "status") == {(MODEL_NAME, "OK"): 4}
    assert samples("request_latency_count", "model_name", "API", "entrypoint") == {
        (MODEL_NAME, api, "GRPC"): 1 for api in ("Predict", "Classify", "Regress", "MultiInference")
    }


def test_a_refused_request_is_counted_by_its_code(observed):
    stubs, samples = observed
    for signature, inputs in (("double", {}), ("none", {})):
        with pytest.raises(grpc.RpcError):
            stubs.predict(signature, inputs, name=MODEL_NAME)
    assert samples("request_count", "model_name", "status") == {
        (MODEL_NAME, "INVALID_ARGUMENT"): 1,
        (MODEL_NAME, "FAILED_PRECONDITION"): 1,
    }


def test_names_that_callers_make_up_make_no_time_series(observed):
    stubs, samples = observed
    for name in ("a", "b", ""):
        with pytest.raises(grpc.RpcError):
            stubs.predict("double", {"x": 1.0}, name=name)
    assert samples("request_count", "model_name", "status") == {("", "NOT_FOUND"): 2, ("", "INVALID_ARGUMENT"): 1}
