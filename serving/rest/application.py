"""The WSGI application: what TensorFlow Serving answers on its REST port.

URLs are those of `routes`. Errors are {"error": ...} with the HTTP status that `http_server.cc` gives each code.
"""

import http
import logging
import math
import urllib.parse
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import grpc
import tensorflow as tf

from serving.metrics import Metrics
from serving.models import Models
from serving.observation import observed
from serving.rest import answers, body
from serving.rest.calls import Calls
from serving.rest.routes import Route, is_api, route
from serving.status import StatusError, code_and_message

_logger = logging.getLogger(__name__)

_MAX_REQUEST_BYTES = 64 * 2**20
_JSON = "application/json"
_CORS_HEADERS = [
    ("Access-Control-Allow-Origin", "*"),
    ("Access-Control-Allow-Methods", "POST, GET"),
    ("Access-Control-Allow-Headers", "Content-Type"),
]
_HTTP_STATUSES = {
    grpc.StatusCode.CANCELLED: 499,
    grpc.StatusCode.INVALID_ARGUMENT: 400,
    grpc.StatusCode.DEADLINE_EXCEEDED: 504,
    grpc.StatusCode.NOT_FOUND: 404,
    grpc.StatusCode.ALREADY_EXISTS: 409,
    grpc.StatusCode.PERMISSION_DENIED: 403,
    grpc.StatusCode.RESOURCE_EXHAUSTED: 429,
    grpc.StatusCode.FAILED_PRECONDITION: 400,
    grpc.StatusCode.ABORTED: 409,
    grpc.StatusCode.OUT_OF_RANGE: 400,
    grpc.StatusCode.UNIMPLEMENTED: 501,
    grpc.StatusCode.UNAVAILABLE: 503,
    grpc.StatusCode.UNAUTHENTICATED: 401,
}  # UNKNOWN, INTERNAL and DATA_LOSS are 500

Application = Callable[[dict[str, Any], Callable], Iterable[bytes]]


class _Answer(NamedTuple):
    status: int
    content: bytes
    content_type: str = _JSON


def application(
    models: Models,
    timeout_seconds: float = math.inf,
    *,
    metrics: Metrics | None = None,
    metrics_path: str | None = None,
    cors: bool = False,
    max_request_bytes: int = _MAX_REQUEST_BYTES,
) -> Application:
    """Makes the application.

    Args:
        models: what is served.
        timeout_seconds: after which a run of the graph is stopped; never if 0 or less.
        metrics: where to record requests.
        metrics_path: URL path of the metrics for Prometheus; None shows none.
        cors: lets web pages of any origin call.
        max_request_bytes: the largest body, after it is unpacked.
    """
    calls = Calls(models, timeout_seconds if timeout_seconds > 0 else math.inf)

    def answer(environ: dict[str, Any]) -> _Answer:
        http_method, path = environ["REQUEST_METHOD"], _path(environ)
        if metrics is not None and path == metrics_path:
            return _Answer(200, metrics.render(), metrics.content_type)
        if not is_api(path):
            return _error(404, f"Nothing is served at {path}")
        if cors and http_method == "OPTIONS":
            return _Answer(200, b"")
        return _answered(lambda: respond(environ, route(http_method, path)))

    def respond(environ: dict[str, Any], asked: Route) -> str:
        if asked.call in ("status", "metadata"):
            return getattr(calls, asked.call)(asked.model_spec)
        with observed(metrics, models, asked.model_spec.name, asked.call, "REST"):
            return getattr(calls, asked.call)(asked.model_spec, body.read(environ, max_request_bytes))

    def serve(environ: dict[str, Any], start_response: Callable) -> list[bytes]:
        status, content, content_type = answer(environ)
        headers = [("Content-Type", content_type), ("Content-Length", str(len(content)))]
        start_response(_status_line(status), headers + (_CORS_HEADERS if cors else []))
        return [content]

    return serve


def _answered(respond: Callable[[], str]) -> _Answer:
    """The answer, or the error in its place."""
    try:
        # Strings of a model need not be UTF-8; TensorFlow Serving, too, writes them as they are.
        return _Answer(200, respond().encode(errors="surrogateescape"))
    except body.BodyTooLarge as error:
        return _error(413, str(error))
    except (StatusError, tf.errors.OpError) as error:
        code, message = code_and_message(error)
        return _error(_HTTP_STATUSES.get(code, 500), message)
    except Exception as error:
        _logger.exception("a REST request failed in the server itself")
        return _error(500, code_and_message(error)[1])


def _error(status: int, message: str) -> _Answer:
    return _Answer(status, answers.error(message).encode())


def _path(environ: dict[str, Any]) -> str:
    """The path as it was sent, still percent-encoded where the HTTP server tells."""
    uri = environ.get("REQUEST_URI", "")
    if uri.startswith("/"):  # proxies are sent whole URLs
        return uri.partition("?")[0]
    return urllib.parse.quote(environ.get("PATH_INFO", "").encode("latin-1"), safe="/:")


def _status_line(status: int) -> str:
    phrase = "Client Closed Request" if status == 499 else http.HTTPStatus(status).phrase
    return f"{status} {phrase}"
