"""What TensorFlow Serving does with each kind of inference request, whatever transport it came by.

The functions named after a method resolve `model_spec` among the models and answer from the version it asks for. Their
`run_...` halves work on one loaded version, which is how warm-up records are replayed before it is served.

All raise `StatusError` if the request does not fit, and `tf.errors.OpError` if the graph fails or `timeout` (in
seconds) is up. The rules and texts are those of TensorFlow Serving 2.19 (`predict_util.cc`, `classifier.cc`,
`regressor.cc`, `multi_inference.cc`, `get_model_metadata_impl.cc`).
"""

import math

import tensorflow as tf
from google.protobuf.message import Message
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    model_pb2,
    predict_pb2,
    regression_pb2,
)

from serving import classification, regression
from serving.examples import serialized_examples
from serving.models import Models
from serving.multi_inference import run_multi_inference
from serving.servable import Servable
from serving.status import invalid

_SIGNATURE_DEF = "signature_def"


def predict(
    models: Models, request: predict_pb2.PredictRequest, timeout: float = math.inf
) -> predict_pb2.PredictResponse:
    """Runs a signature on the tensors of the request."""
    with models.borrow(_model_spec(request)) as (version, servable):
        response = run_predict(servable, request, timeout)
    response.model_spec.version.value = version
    return response


def classify(
    models: Models, request: classification_pb2.ClassificationRequest, timeout: float = math.inf
) -> classification_pb2.ClassificationResponse:
    """Gives the classes and scores of every Example."""
    with models.borrow(_model_spec(request)) as (version, servable):
        response = run_classify(servable, request, timeout)
    response.model_spec.version.value = version
    return response


def regress(
    models: Models, request: regression_pb2.RegressionRequest, timeout: float = math.inf
) -> regression_pb2.RegressionResponse:
    """Gives a value for every Example."""
    with models.borrow(_model_spec(request)) as (version, servable):
        response = run_regress(servable, request, timeout)
    response.model_spec.version.value = version
    return response


def multi_inference(
    models: Models, request: inference_pb2.MultiInferenceRequest, timeout: float = math.inf
) -> inference_pb2.MultiInferenceResponse:
    """Classifies and regresses the same Examples in one run; the first task chooses the version."""
    spec = request.tasks[0].model_spec if request.tasks else model_pb2.ModelSpec()
    with models.borrow(spec) as (version, servable):
        response = run_multi_inference(servable, request, timeout)
    for result in response.results:
        result.model_spec.version.value = version
    return response


def metadata(
    models: Models, request: get_model_metadata_pb2.GetModelMetadataRequest
) -> get_model_metadata_pb2.GetModelMetadataResponse:
    """Gives the signatures of one version."""
    spec = _model_spec(request)
    if not request.metadata_field:
        raise invalid("GetModelMetadataRequest must specify at least one metadata_field")
    for field in request.metadata_field:
        if field != _SIGNATURE_DEF:
            raise invalid(f"Metadata field {field} is not supported")
    response = get_model_metadata_pb2.GetModelMetadataResponse()
    with models.borrow(spec) as (version, servable):
        signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.signatures)
    response.metadata[_SIGNATURE_DEF].Pack(signatures)
    response.model_spec.name = spec.name
    response.model_spec.version.value = version
    return response


def run_predict(
    servable: Servable, request: predict_pb2.PredictRequest, timeout: float = math.inf
) -> predict_pb2.PredictResponse:
    """`predict` on a version at hand; the answer does not number it."""
    spec = _answering_spec(request.model_spec)
    outputs = servable.predict(spec.signature_name, request.inputs, request.output_filter, timeout)
    return predict_pb2.PredictResponse(model_spec=spec, outputs=outputs)


def run_classify(
    servable: Servable, request: classification_pb2.ClassificationRequest, timeout: float = math.inf
) -> classification_pb2.ClassificationResponse:
    """`classify` on a version at hand; the answer does not number it."""
    spec = _answering_spec(request.model_spec)
    outputs = classification.output_names(_signature(servable, spec.signature_name))
    examples = serialized_examples(request.input)
    arrays = servable.run(spec.signature_name, {classification.INPUT: examples}, outputs, timeout)
    result = classification.result(arrays, len(examples))
    return classification_pb2.ClassificationResponse(model_spec=spec, result=result)


def run_regress(
    servable: Servable, request: regression_pb2.RegressionRequest, timeout: float = math.inf
) -> regression_pb2.RegressionResponse:
    """`regress` on a version at hand; the answer does not number it."""
    spec = _answering_spec(request.model_spec)
    outputs = regression.output_names(_signature(servable, spec.signature_name))
    examples = serialized_examples(request.input)
    arrays = servable.run(spec.signature_name, {regression.INPUT: examples}, outputs, timeout)
    result = regression.result(arrays, len(examples))
    return regression_pb2.RegressionResponse(model_spec=spec, result=result)


def _model_spec(request: Message) -> model_pb2.ModelSpec:
    if not request.HasField("model_spec"):
        raise invalid("Missing ModelSpec")
    return request.model_spec


def _answering_spec(asked: model_pb2.ModelSpec) -> model_pb2.ModelSpec:
    """What an answer says of itself: the model and the signature that was used."""
    return model_pb2.ModelSpec(
        name=asked.name, signature_name=asked.signature_name or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
    )


def _signature(servable: Servable, name: str) -> meta_graph_pb2.SignatureDef:
    if name not in servable.signatures:
        raise invalid(f"No signature was found with the name: {name}")
    return servable.signatures[name]
