"""grpc.health.v1.Health: what a load balancer or a Kubernetes probe asks before it sends requests."""

import grpc
from grpc_health.v1 import health, health_pb2

from serving.models import Models
from serving.version_status import State

_Status = health_pb2.HealthCheckResponse
_SERVICES = ("tensorflow.serving.PredictionService", "tensorflow.serving.ModelService")


class Health(health.HealthServicer):
    """Says SERVING of the server and its services from the start, which comes after the models are loaded.

    Unlike TensorFlow Serving it answers for a model as well: `Check` with a model's name as the service says whether
    one of its versions is available now. `enter_graceful_shutdown` turns every answer to NOT_SERVING.
    """

    def __init__(self, models: Models):
        super().__init__()
        self._models = models
        for service in _SERVICES:
            self.set(service, _Status.SERVING)

    def Check(self, request: health_pb2.HealthCheckRequest, context: grpc.ServicerContext):
        """Answers for the server (an empty name), a gRPC service or a model; NOT_FOUND for any other name."""
        if request.service not in self._models:
            return super().Check(request, context)
        available = any(status.state == State.AVAILABLE for status in self._models.statuses(request.service))
        return _Status(status=_Status.SERVING if available else _Status.NOT_SERVING)
