"""What the client raises when the server does not answer, in words that say what to do."""

import grpc

_TLS_FAILURES = ("handshake failed", "verification check failed")  # words of gRPC
_FULL_QUEUE = "batch scheduling queue to which this task was submitted is full"  # words of TensorFlow Serving


class ServingError(Exception):
    """A request that the server did not answer; the message says what to do.

    Attributes:
        code: the gRPC status code.
    """

    def __init__(self, code: grpc.StatusCode, message: str):
        super().__init__(message)
        self.code = code


class ClosedError(grpc.RpcError):
    """The end of a call whose client was closed before or meanwhile, for which gRPC has four different errors."""

    def code(self) -> grpc.StatusCode:
        """CANCELLED, as gRPC has it where it has a code at all."""
        return grpc.StatusCode.CANCELLED

    def details(self) -> str:
        """What happened."""
        return "channel closed"


def explained(error: grpc.RpcError, address: str, model: str, seconds: float) -> ServingError:
    """The error of a call, with advice.

    Args:
        error: what gRPC raised.
        address: who was asked.
        model: which model, and which version of it, in words.
        seconds: how long the caller was ready to wait.
    """
    details = error.details() or ""
    match error.code():
        case grpc.StatusCode.UNAVAILABLE if any(word in details for word in _TLS_FAILURES):
            advice = "does not come to terms over TLS; check the files and the server name of `tls`"
        case grpc.StatusCode.UNAVAILABLE if _FULL_QUEUE in details:
            advice = "is overloaded; ask less often, or run more servers"
        case grpc.StatusCode.UNAVAILABLE:
            advice = "cannot be reached; check the address, and that the server runs and has loaded a model"
        case grpc.StatusCode.DEADLINE_EXCEEDED:
            advice = f"did not answer within {seconds:g} s; allow more by `timeout`, or look at the server's load"
        case grpc.StatusCode.NOT_FOUND:
            advice = f"does not serve {model}; check `model_name`, `version`, and the folder it watches"
        case grpc.StatusCode.UNIMPLEMENTED:
            advice = "is no TensorFlow Serving; check the address, and that it is the gRPC port"
        case grpc.StatusCode.INVALID_ARGUMENT | grpc.StatusCode.FAILED_PRECONDITION:
            advice = f"refuses the request; check that {model} is a Shelfwise model of this release"
        case grpc.StatusCode.RESOURCE_EXHAUSTED:
            advice = "takes no request of this size or at this rate; send less, or raise its limits"
        case grpc.StatusCode.UNAUTHENTICATED | grpc.StatusCode.PERMISSION_DENIED:
            advice = "does not let this client in; check `token` and the client certificate of `tls`"
        case grpc.StatusCode.CANCELLED if isinstance(error, ClosedError):
            advice = "is asked no more, since the client was closed; make a new one"
        case _:
            advice = "failed; look at the server's log"
    return ServingError(error.code(), f"{address} {advice} ({error.code().name}: {details})")
