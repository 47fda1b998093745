"""tensorflow.serving.PredictionService over gRPC; what it answers is in `serving.inference`."""

import grpc
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    inference_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
    regression_pb2,
)

from serving import inference
from serving.metrics import Metrics
from serving.models import Models
from serving.observation import observed
from serving.status import rpc


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers from the versions that are loaded, within the client's deadline."""

    def __init__(self, models: Models, metrics: Metrics | None = None):
        """Takes what is served, and where to record requests."""
        self._models = models
        self._metrics = metrics

    @rpc
    def Predict(self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext):
        """Runs one signature of one version."""
        with self._observed("Predict", request.model_spec.name):
            return inference.predict(self._models, request, context.time_remaining())

    @rpc
    def Classify(self, request: classification_pb2.ClassificationRequest, context: grpc.ServicerContext):
        """Classifies Examples."""
        with self._observed("Classify", request.model_spec.name):
            return inference.classify(self._models, request, context.time_remaining())

    @rpc
    def Regress(self, request: regression_pb2.RegressionRequest, context: grpc.ServicerContext):
        """Gives a value for each Example."""
        with self._observed("Regress", request.model_spec.name):
            return inference.regress(self._models, request, context.time_remaining())

    @rpc
    def MultiInference(self, request: inference_pb2.MultiInferenceRequest, context: grpc.ServicerContext):
        """Classifies and regresses the same Examples at once."""
        name = request.tasks[0].model_spec.name if request.tasks else ""
        with self._observed("MultiInference", name):
            return inference.multi_inference(self._models, request, context.time_remaining())

    @rpc
    def GetModelMetadata(self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext):
        """Gives the signatures of one version."""
        return inference.metadata(self._models, request)

    def _observed(self, api: str, model_name: str):
        return observed(self._metrics, self._models, model_name, api, "GRPC")
