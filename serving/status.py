"""How a failed request becomes the status that TensorFlow Serving would answer."""

import functools
from collections.abc import Callable

import grpc
import tensorflow as tf

# TensorFlow numbers its error codes as gRPC does.
_GRPC_CODES = {code.value[0]: code for code in grpc.StatusCode}

# A status travels in HTTP/2 headers, of which clients take 8 KiB; a byte may become three there.
_LONGEST_DETAILS = 2048


class StatusError(Exception):
    """A request that is answered with a status instead of a response."""

    def __init__(self, code: grpc.StatusCode, message: str):
        super().__init__(message)
        self.code = code


class UnfitVersionError(StatusError):
    """A version that this server cannot load the way it was started: trying again is of no use."""


def invalid(message: str) -> StatusError:
    """The commonest status, of a request that is wrong in itself."""
    return StatusError(grpc.StatusCode.INVALID_ARGUMENT, message)


def code_and_message(error: Exception) -> tuple[grpc.StatusCode, str]:
    """What an error is answered with; one that is neither `StatusError` nor TensorFlow's is UNKNOWN, as for gRPC."""
    if isinstance(error, StatusError):
        return error.code, str(error)
    if isinstance(error, tf.errors.OpError):
        return _GRPC_CODES.get(error.error_code, grpc.StatusCode.UNKNOWN), error.message
    return grpc.StatusCode.UNKNOWN, "the server failed; its log says how"


def rpc(method: Callable) -> Callable:
    """Lets a servicer's method raise `StatusError` or any TensorFlow error, and answers with its code and message."""

    @functools.wraps(method)
    def answering(servicer, request, context):
        try:
            return method(servicer, request, context)
        except (StatusError, tf.errors.OpError) as error:
            code, message = code_and_message(error)
            return context.abort(code, _shortened(message))

    return answering


def _shortened(message: str) -> str:
    encoded = message.encode(errors="replace")
    if len(encoded) <= _LONGEST_DETAILS:
        return message
    return encoded[:_LONGEST_DETAILS].decode(errors="ignore") + "..."
