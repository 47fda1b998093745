"""The body of an HTTP request, unpacked if it was sent compressed."""

import zlib
from typing import Any

import grpc

from serving.status import StatusError, invalid

_GZIP = 16 + zlib.MAX_WBITS


class BodyTooLarge(StatusError):
    """A body of more bytes than the server takes, as it came or unpacked."""

    def __init__(self, max_bytes: int):
        super().__init__(
            grpc.StatusCode.RESOURCE_EXHAUSTED,
            f"the body is larger than the {max_bytes} bytes that this server takes; send fewer rows at once",
        )


def read(environ: dict[str, Any], max_bytes: int) -> bytes:
    """Reads the body of a WSGI request.

    Raises:
        BodyTooLarge: it has more than `max_bytes`, unpacked. No more than those are ever held.
        StatusError: it calls itself gzip but is not.
    """
    length = int(environ.get("CONTENT_LENGTH") or 0)
    if length > max_bytes:
        raise BodyTooLarge(max_bytes)
    body = environ["wsgi.input"].read(length)
    if "gzip" in environ.get("HTTP_CONTENT_ENCODING", "").lower():
        return _unpacked(body, max_bytes)
    return body


def _unpacked(body: bytes, max_bytes: int) -> bytes:
    unpacker = zlib.decompressobj(_GZIP)
    try:
        unpacked = unpacker.decompress(body, max_bytes + 1)
    except zlib.error as error:
        raise invalid(f"the body is not gzip, as Content-Encoding says: {error}") from None
    if len(unpacked) > max_bytes:
        raise BodyTooLarge(max_bytes)
    if not unpacker.eof:
        raise invalid("the body is not gzip, as Content-Encoding says: it ends too early")
    return unpacked
