"""tensorflow.serving.ModelService: GetModelStatus.

HandleReloadConfigRequest answers UNIMPLEMENTED, as the generated base class does.
"""

from collections.abc import Mapping

import grpc
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from serving.status import StatusError, rpc
from serving.versions import Versions


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """Reports the state of every version."""

    def __init__(self, models: Mapping[str, Versions]):
        """Takes the versions of each model by its name."""
        self._models = models

    @rpc
    def GetModelStatus(self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext):
        """Gives the state of one version, or of all that were seen since the start."""
        if not request.HasField("model_spec"):
            raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec")
        spec = request.model_spec
        statuses = self._models[spec.name].statuses() if spec.name in self._models else []
        if spec.HasField("version"):
            statuses = [status for status in statuses if status.version == spec.version.value]
            missing = f"Could not find version {spec.version.value} of model {spec.name}"
        else:
            missing = f"Could not find any versions of model {spec.name}"
        if not statuses:
            raise StatusError(grpc.StatusCode.NOT_FOUND, missing)
        response = get_model_status_pb2.GetModelStatusResponse()
        for status in statuses:
            answer = response.model_version_status.add(version=status.version, state=status.state)
            answer.status.error_code = status.error_code
            answer.status.error_message = str(status.error or "")
        return response
