"""tensorflow.serving.PredictionService: Predict and GetModelMetadata.

Methods that are not here answer UNIMPLEMENTED, as the generated base class does.
"""

import contextlib
from collections.abc import Mapping

import grpc
import tensorflow as tf
from tensorflow_serving.apis import (
    get_model_metadata_pb2,
    model_pb2,
    predict_pb2,
    prediction_service_pb2_grpc,
)

from serving.servable import Servable
from serving.status import StatusError, rpc
from serving.versions import Versions, not_found

_SIGNATURE_DEF = "signature_def"


class PredictionService(prediction_service_pb2_grpc.PredictionServiceServicer):
    """Answers from the versions that are loaded."""

    def __init__(self, models: Mapping[str, Versions]):
        """Takes the versions of each model by its name."""
        self._models = models

    @rpc
    def Predict(self, request: predict_pb2.PredictRequest, context: grpc.ServicerContext):
        """Runs one signature of one version, within the client's deadline."""
        signature_name = request.model_spec.signature_name or tf.saved_model.DEFAULT_SERVING_SIGNATURE_DEF_KEY
        with self._borrow(request) as (version, servable):
            outputs = servable.predict(signature_name, request.inputs, request.output_filter, context.time_remaining())
        response = predict_pb2.PredictResponse(outputs=outputs)
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = version
        response.model_spec.signature_name = signature_name
        return response

    @rpc
    def GetModelMetadata(self, request: get_model_metadata_pb2.GetModelMetadataRequest, context: grpc.ServicerContext):
        """Gives the signatures of one version."""
        if not request.metadata_field:
            raise StatusError(
                grpc.StatusCode.INVALID_ARGUMENT, "GetModelMetadataRequest must specify at least one metadata_field"
            )
        for field in request.metadata_field:
            if field != _SIGNATURE_DEF:
                raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, f"Metadata field {field} is not supported")
        response = get_model_metadata_pb2.GetModelMetadataResponse()
        with self._borrow(request) as (version, servable):
            signatures = get_model_metadata_pb2.SignatureDefMap(signature_def=servable.signatures)
        response.metadata[_SIGNATURE_DEF].Pack(signatures)
        response.model_spec.name = request.model_spec.name
        response.model_spec.version.value = version
        return response

    def _borrow(self, request) -> contextlib.AbstractContextManager[tuple[int, Servable]]:
        """The version that a request's `model_spec` asks for."""
        spec: model_pb2.ModelSpec = request.model_spec
        if not request.HasField("model_spec"):
            raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec")
        if not spec.name:
            raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, "ModelSpec has no name specified.")
        if spec.WhichOneof("version_choice") == "version_label":
            raise StatusError(
                grpc.StatusCode.INVALID_ARGUMENT, f"Unrecognized servable version label: {spec.version_label}"
            )
        version = spec.version.value if spec.HasField("version") else None
        if spec.name not in self._models:
            raise not_found(spec.name, version)
        return self._models[spec.name].borrow(version)
