"""The calls of TensorFlow Serving's gRPC API that a client of Shelfwise makes, without TensorFlow.

The messages are those of `wire.proto`, compiled beforehand, and not those of tensorflow-serving-api: the latter import
the whole of TensorFlow, which takes seconds and a gigabyte that a shop's back end does not have. Generated code of our
own package is the simplest thing that works in any process: nothing is patched, nothing clashes with TensorFlow when
that is imported as well, before or after, and TensorFlow need not be installed.
"""

import asyncio
import dataclasses
import json
import time
from typing import Any, Protocol

import grpc
from google.protobuf.message import Message

from serving.client import wire_pb2
from serving.client.errors import ClosedError


@dataclasses.dataclass(frozen=True)
class Method:
    """A method of one of the two services, with the types of its messages."""

    path: str
    request: type[Message]
    response: type[Message]

    def on(self, channel: grpc.Channel | grpc.aio.Channel) -> Any:
        """What calls the method over a channel."""
        return channel.unary_unary(
            f"/tensorflow.serving.{self.path}",
            request_serializer=self.request.SerializeToString,
            response_deserializer=self.response.FromString,
        )


PREDICT = Method("PredictionService/Predict", wire_pb2.PredictRequest, wire_pb2.PredictResponse)
GET_MODEL_METADATA = Method(
    "PredictionService/GetModelMetadata", wire_pb2.GetModelMetadataRequest, wire_pb2.GetModelMetadataResponse
)
GET_MODEL_STATUS = Method(
    "ModelService/GetModelStatus", wire_pb2.GetModelStatusRequest, wire_pb2.GetModelStatusResponse
)
_METHODS = (PREDICT, GET_MODEL_METADATA, GET_MODEL_STATUS)

_SERVICE_CONFIG = {
    # The name of a headless Kubernetes service stands for all its pods, which then share the calls.
    "loadBalancingConfig": [{"round_robin": {}}],
    # Every call only asks, so each may be sent again. A server whose batching queue is full answers UNAVAILABLE too.
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
    ],
    # While most calls fail, none is repeated: a server that is overloaded would not recover.
    "retryThrottling": {"maxTokens": 10, "tokenRatio": 0.1},
}
_OPTIONS = (
    ("grpc.service_config", json.dumps(_SERVICE_CONFIG)),
    ("grpc.max_receive_message_length", -1),
    ("grpc.initial_reconnect_backoff_ms", 100),
    ("grpc.max_reconnect_backoff_ms", 1000),
)


class Connection(Protocol):
    """A way to the server. Its coroutines may block instead of suspending, which `BlockingConnection` does."""

    async def call(self, method: Method, request: Message, seconds: float) -> Any:
        """Calls a method within so many seconds, retries included.

        Raises:
            grpc.RpcError: there is no answer; `ClosedError` if that is because of `close`.
        """

    async def pause(self, seconds: float) -> None:
        """Waits."""


class BlockingConnection:
    """Waits for the server in the calling thread; safe to share between threads."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None, server_name: str | None):
        """Connects at the first call; see `Client` for the arguments."""
        options = _options(server_name)
        if credentials is None:
            self._channel = grpc.insecure_channel(address, options)
        else:
            self._channel = grpc.secure_channel(address, credentials, options)
        self._calls = {method: method.on(self._channel) for method in _METHODS}
        self._closed = False

    async def call(self, method: Method, request: Message, seconds: float) -> Any:
        """See `Connection`."""
        try:
            return self._calls[method](request, timeout=seconds)
        except (grpc.RpcError, ValueError):
            if self._closed:
                raise ClosedError from None
            raise

    async def pause(self, seconds: float) -> None:
        """See `Connection`."""
        time.sleep(seconds)

    def close(self) -> None:
        """Ends the calls under way and disconnects."""
        self._closed = True
        self._channel.close()


class AioConnection:
    """Lets the event loop go on while the server works; belongs to the loop of the first call."""

    def __init__(self, address: str, credentials: grpc.ChannelCredentials | None, server_name: str | None):
        """Connects at the first call; see `Client` for the arguments."""
        self._address = address
        self._credentials = credentials
        self._options = _options(server_name)
        self._channel: grpc.aio.Channel | None = None  # made at the first call, when the event loop is known
        self._calls: dict[Method, Any] = {}
        self._closed = False

    async def call(self, method: Method, request: Message, seconds: float) -> Any:
        """See `Connection`."""
        if self._closed:
            raise ClosedError
        if self._channel is None:
            self._open()
        try:
            return await self._calls[method](request, timeout=seconds)
        except (grpc.RpcError, asyncio.CancelledError):  # gRPC cancels the calls under way when it is closed
            if self._closed and not asyncio.current_task().cancelling():
                raise ClosedError from None
            raise

    async def pause(self, seconds: float) -> None:
        """See `Connection`."""
        await asyncio.sleep(seconds)

    async def close(self) -> None:
        """Ends the calls under way and disconnects."""
        self._closed = True
        if self._channel is not None:
            await self._channel.close()

    def _open(self) -> None:
        if self._credentials is None:
            self._channel = grpc.aio.insecure_channel(self._address, self._options)
        else:
            self._channel = grpc.aio.secure_channel(self._address, self._credentials, self._options)
        self._calls = {method: method.on(self._channel) for method in _METHODS}


def _options(server_name: str | None) -> tuple[tuple[str, Any], ...]:
    if server_name is None:
        return _OPTIONS
    return (*_OPTIONS, ("grpc.ssl_target_name_override", server_name))
