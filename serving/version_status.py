"""What is known of one version of a model, as `GetModelStatus` reports it."""

import dataclasses

import grpc
import tensorflow as tf
from tensorflow_serving.apis import get_model_status_pb2

from serving.status import StatusError

State = get_model_status_pb2.ModelVersionStatus.State


@dataclasses.dataclass(frozen=True)
class VersionStatus:
    """The state of one version, and why its load failed if it did."""

    version: int
    state: int  # a value of `State`
    error: Exception | None = None

    @property
    def error_code(self) -> int:
        """TensorFlow's code of the error; 0 without one."""
        match self.error:
            case None:
                return tf.errors.OK
            case StatusError():
                return self.error.code.value[0]
            case _:
                return getattr(self.error, "error_code", tf.errors.UNKNOWN)


def not_found(model_name: str, version: int | None) -> StatusError:
    """The answer to a request for a model or version that is not loaded; None stands for the latest."""
    asked = f"Latest({model_name})" if version is None else f"Specific({model_name}, {version})"
    return StatusError(grpc.StatusCode.NOT_FOUND, f"Servable not found for request: {asked}")
