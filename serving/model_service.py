"""tensorflow.serving.ModelService: GetModelStatus and HandleReloadConfigRequest."""

import grpc
from tensorflow_serving.apis import get_model_status_pb2, model_management_pb2, model_service_pb2_grpc

from serving.models import Models
from serving.status import StatusError, rpc


class ModelService(model_service_pb2_grpc.ModelServiceServicer):
    """Reports the state of every version, and takes another configuration."""

    def __init__(self, models: Models):
        """Takes what is served."""
        self._models = models

    @rpc
    def GetModelStatus(self, request: get_model_status_pb2.GetModelStatusRequest, context: grpc.ServicerContext):
        """Gives the state of one version, or of all that were seen since the start."""
        return get_model_status(self._models, request)

    @rpc
    def HandleReloadConfigRequest(
        self, request: model_management_pb2.ReloadConfigRequest, context: grpc.ServicerContext
    ):
        """Replaces the configuration, and answers once the models that are new to it are served."""
        if request.config.WhichOneof("config") != "model_config_list":
            raise StatusError(
                grpc.StatusCode.INVALID_ARGUMENT,
                "ServerModelConfig type not supported by HandleReloadConfigRequest. "
                "Only ModelConfigList is currently supported",
            )
        self._models.apply(request.config)
        return model_management_pb2.ReloadConfigResponse()


def get_model_status(
    models: Models, request: get_model_status_pb2.GetModelStatusRequest
) -> get_model_status_pb2.GetModelStatusResponse:
    """The states that a request asks for, whatever transport it came by; a label in it is passed over.

    Raises:
        StatusError: INVALID_ARGUMENT without a `model_spec`, NOT_FOUND if nothing is known of model or version.
    """
    if not request.HasField("model_spec"):
        raise StatusError(grpc.StatusCode.INVALID_ARGUMENT, "Missing ModelSpec")
    spec = request.model_spec
    statuses = models.statuses(spec.name)
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
