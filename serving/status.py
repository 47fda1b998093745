"""How a failed request becomes the gRPC status that TensorFlow Serving would answer."""

import functools
from collections.abc import Callable

import grpc
import tensorflow as tf

# TensorFlow numbers its error codes as gRPC does.
_GRPC_CODES = {code.value[0]: code for code in grpc.StatusCode}


class StatusError(Exception):
    """A request that is answered with a status instead of a response."""

    def __init__(self, code: grpc.StatusCode, message: str):
        super().__init__(message)
        self.code = code


def _message(error: tf.errors.OpError) -> str:
    """The runtime's own message; `Session.run` raises a copy of its error, which tells how Python built the graph."""
    original = error.__context__ if isinstance(error.__context__, tf.errors.OpError) else error
    return original.message


def rpc(method: Callable) -> Callable:
    """Lets a servicer's method raise `StatusError` or any TensorFlow error, and answers with its code and message."""

    @functools.wraps(method)
    def answering(servicer, request, context):
        try:
            return method(servicer, request, context)
        except StatusError as error:
            return context.abort(error.code, str(error))
        except tf.errors.OpError as error:
            return context.abort(_GRPC_CODES.get(error.error_code, grpc.StatusCode.UNKNOWN), _message(error))

    return answering
