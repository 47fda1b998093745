"""The calls of TensorFlow Serving's gRPC API that a client of Shelfwise makes, without TensorFlow.

The messages are those of `wire.proto`, compiled beforehand, and not those of tensorflow-serving-api: the latter import
the whole of TensorFlow, which takes seconds and a gigabyte that a shop's back end does not have. Generated code of our
own package is the simplest thing that works in any process: nothing is patched, nothing clashes with TensorFlow when
that is imported as well, before or after, and TensorFlow need not be installed.
"""

import json
from collections.abc import Mapping, Sequence

import grpc
import numpy as np

from serving import wire_pb2

# By dtype: the field that holds the values, and numpy's type for them (strings are bytes, which numpy calls objects).
_VALUES = {
    wire_pb2.DT_FLOAT: ("float_val", np.float32),
    wire_pb2.DT_INT32: ("int_val", np.int32),
    wire_pb2.DT_INT64: ("int64_val", np.int64),
    wire_pb2.DT_STRING: ("string_val", object),
}

# Every call only asks, so each may be sent again. A server whose batching queue is full answers UNAVAILABLE too.
_SERVICE_CONFIG = {
    "methodConfig": [
        {
            "name": [
                {"service": "tensorflow.serving.PredictionService"},
                {"service": "tensorflow.serving.ModelService"},
            ],
            "retryPolicy": {
                "maxAttempts": 4,
                "initialBackoff": "0.05s",
                "maxBackoff": "1s",
                "backoffMultiplier": 2,
                "retryableStatusCodes": ["UNAVAILABLE"],
            },
        }
    ]
}
_OPTIONS = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.min_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class ServingError(Exception):
    """A request that the server did not answer; the message says what to do.

    Attributes:
        code: the gRPC status code.
    """

    def __init__(self, code: grpc.StatusCode, message: str):
        super().__init__(message)
        self.code = code


class Stub:
    """One connection to one model; safe to share between threads."""

    def __init__(self, address: str, model_name: str, timeout: float):
        """Connects at the first call.

        Args:
            address: `host:port`.
            model_name: the model that all calls are about.
            timeout: deadline of each call in seconds, retries included.
        """
        self._address = address
        self._timeout = timeout
        self._model_name = model_name
        self._channel = grpc.insecure_channel(address, options=_OPTIONS)

    def predict(self, signature_name: str, inputs: Mapping[str, wire_pb2.TensorProto]) -> dict[str, np.ndarray]:
        """Runs a signature of the latest version; gives the outputs by name, strings as objects of bytes.

        Raises:
            ServingError: the server refused, failed or could not be reached in time.
        """
        request = wire_pb2.PredictRequest(model_spec=self._model_spec(signature_name), inputs=inputs)
        response = self._call("PredictionService/Predict", request, wire_pb2.PredictResponse)
        return {name: decode(tensor) for name, tensor in response.outputs.items()}

    def input_dtypes(self) -> dict[str, dict[str, int]]:
        """The inputs of every signature with their `DataType`; raises as `predict`."""
        request = wire_pb2.GetModelMetadataRequest(model_spec=self._model_spec(), metadata_field=["signature_def"])
        response = self._call("PredictionService/GetModelMetadata", request, wire_pb2.GetModelMetadataResponse)
        signatures = wire_pb2.SignatureDefMap.FromString(response.metadata["signature_def"].value)
        return {
            key: {name: info.dtype for name, info in signature.inputs.items()}
            for key, signature in signatures.signature_def.items()
        }

    def version_statuses(self, timeout: float | None = None) -> list[wire_pb2.ModelVersionStatus]:
        """The state of every version that the server knows; raises as `predict`."""
        request = wire_pb2.GetModelStatusRequest(model_spec=self._model_spec())
        response = self._call("ModelService/GetModelStatus", request, wire_pb2.GetModelStatusResponse, timeout)
        return list(response.model_version_status)

    def close(self) -> None:
        """Closes the connection."""
        self._channel.close()

    def _model_spec(self, signature_name: str = "") -> wire_pb2.ModelSpec:
        return wire_pb2.ModelSpec(name=self._model_name, signature_name=signature_name)

    def _call(self, method: str, request, response_type, timeout: float | None = None):
        invoke = self._channel.unary_unary(
            f"/tensorflow.serving.{method}",
            request_serializer=type(request).SerializeToString,
            response_deserializer=response_type.FromString,
        )
        timeout = self._timeout if timeout is None else timeout
        try:
            return invoke(request, timeout=timeout)
        except grpc.RpcError as error:
            raise ServingError(error.code(), self._explain(error, timeout)) from None

    def _explain(self, error: grpc.RpcError, timeout: float) -> str:
        match error.code():
            case grpc.StatusCode.UNAVAILABLE:
                advice = "cannot be reached; check the address, and that the server runs and has loaded a model"
            case grpc.StatusCode.DEADLINE_EXCEEDED:
                advice = f"did not answer within {timeout:g} s; allow more by `timeout`, or look at the server's load"
            case grpc.StatusCode.NOT_FOUND:
                advice = f"does not serve model '{self._model_name}'; check `model_name`, and the folder it watches"
            case grpc.StatusCode.UNIMPLEMENTED:
                advice = "is no TensorFlow Serving; check the address, and that it is the gRPC port"
            case grpc.StatusCode.INVALID_ARGUMENT | grpc.StatusCode.FAILED_PRECONDITION:
                advice = f"refuses the request; check that '{self._model_name}' is a Shelfwise model of this release"
            case _:
                advice = "failed; look at the server's log"
        return f"{self._address} {advice} ({error.code().name}: {error.details()})"


def encode(name: str, values: Sequence, dtype: int) -> wire_pb2.TensorProto:
    """Writes nested sequences of equal lengths as a tensor.

    Args:
        name: what the values are, for messages.
        values: strings for DT_STRING, else numbers.
        dtype: a `DataType`.

    Raises:
        TypeError: a value is of another type, or the dtype is none that requests have.
    """
    if dtype not in _VALUES:
        raise TypeError(f"{name}: the model wants a dtype that requests do not have ({dtype})")
    field, numpy_type = _VALUES[dtype]
    try:
        array = np.array(values, dtype=numpy_type)
    except (TypeError, ValueError):
        raise TypeError(f"{name} must be a number, not {values!r}") from None
    flat = array.ravel().tolist()
    if dtype == wire_pb2.DT_STRING:
        for value in flat:
            if not isinstance(value, str):
                raise TypeError(f"{name} must be a string, not {value!r}: convert it with str()")
        flat = [value.encode() for value in flat]
    tensor = wire_pb2.TensorProto(dtype=dtype, **{field: flat})
    for size in array.shape:
        tensor.tensor_shape.dim.add(size=size)
    return tensor


def decode(tensor: wire_pb2.TensorProto) -> np.ndarray:
    """Reads a tensor of any of the dtypes that answers have, whichever way its values were written."""
    field, numpy_type = _VALUES[tensor.dtype]
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    if tensor.tensor_content:  # numbers only: strings always have their own field
        return np.frombuffer(tensor.tensor_content, dtype=numpy_type).reshape(shape)
    return np.array(getattr(tensor, field), dtype=numpy_type).reshape(shape)
