"""Which URL asks for what: the forms of TensorFlow Serving's `http_rest_api_util.cc`."""

import re
import urllib.parse
from typing import NamedTuple

from tensorflow_serving.apis import model_pb2

from serving.status import invalid

_API = re.compile(r"/v1/.*", re.IGNORECASE | re.DOTALL)
_VERSION = r"(?:/versions/(?P<version>[0-9]+)|/labels/(?P<label>[^/:]+))?"
_INFERENCE = re.compile(rf"/v1/models/(?P<model>[^/:]+){_VERSION}:(?P<call>classify|regress|predict)", re.IGNORECASE)
_MODEL = re.compile(rf"/v1/models(?:/(?P<model>[^/:]+))?{_VERSION}(?P<call>/metadata)?", re.IGNORECASE)
_LARGEST_VERSION = 2**63 - 1


class Route(NamedTuple):
    """What a request asks for: `call` is predict, classify, regress, status or metadata."""

    call: str
    model_spec: model_pb2.ModelSpec


def is_api(path: str) -> bool:
    """Whether a path belongs to this API at all."""
    return _API.fullmatch(path) is not None


def route(http_method: str, path: str) -> Route:
    """Reads a request line; `path` is still percent-encoded, so that a model's name may contain a slash.

    Raises:
        StatusError: nothing of that form exists.
    """
    pattern = {"POST": _INFERENCE, "GET": _MODEL}.get(http_method)
    match = pattern.fullmatch(path) if pattern else None
    if not match:
        raise invalid(f"Malformed request: {http_method} {path}")
    if not match["model"]:
        raise invalid("Missing model name in request.")
    spec = model_pb2.ModelSpec(name=_decoded(match["model"], "name"))
    if match["version"]:
        if int(match["version"][:20]) > _LARGEST_VERSION:
            raise invalid(f"Failed to convert version: {match['version']} to numeric.")
        spec.version.value = int(match["version"])
    if match["label"]:
        spec.version_label = _decoded(match["label"], "version label")
    return Route(_call(match, http_method), spec)


def _call(match: re.Match, http_method: str) -> str:
    if http_method == "POST":
        return match["call"].lower()
    return "metadata" if match["call"] else "status"


def _decoded(text: str, what: str) -> str:
    try:
        return urllib.parse.unquote(text, errors="strict")
    except UnicodeDecodeError:
        raise invalid(f"Failed to decode model {what}:{text}") from None
