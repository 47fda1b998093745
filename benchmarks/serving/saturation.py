"""Clients that ask again as soon as they are answered: h2load, which takes next to nothing of the processor.

It speaks HTTP/2 and knows nothing of gRPC, so what it sends is framed here. Errors of gRPC come without a body, so the
bytes received tell how many there were.
"""

import pathlib
import re
import struct
import tempfile
from collections import Counter
from collections.abc import Sequence

import grpc
import numpy as np

from benchmarks.serving.load import Load
from tools.h2load import H2load

_METHOD = "/tensorflow.serving.PredictionService/Predict"
_TIMEOUT_SECONDS = 30.0
_MICROSECOND = 1e-6
_TRAFFIC = re.compile(r"\((\d+)\) data$", re.MULTILINE)
_HEADERS = ("content-type: application/grpc", "te: trailers")


class Saturation:
    """Loads one server with as much as it can answer."""

    def __init__(self, program: H2load, address: str, requests: Sequence[bytes]):
        """Args:
        program: the load generator.
        address: of the server.
        requests: serialized PredictRequests.
        """
        self._program, self._address, self._requests = program, address, requests

    def ask(self, turn: int, clients: int, calls: int) -> Load:
        """Lets so many clients, with a connection each, call again and again, until `calls` calls are made together.

        All of them send one request, which `turn` chooses.
        """
        request = self._requests[turn % len(self._requests)]
        answer = self._ask_once(request)
        with tempfile.TemporaryDirectory() as folder:
            body, log = pathlib.Path(folder, "body"), pathlib.Path(folder, "log")
            body.write_bytes(_framed(request))
            printed = self._program.run(
                *("-n", str(calls), "-c", str(clients), "-m", "1", "-t", "1"),
                *("-d", str(body), f"--log-file={log}"),
                *(argument for header in _HEADERS for argument in ("-H", header)),
                f"http://{self._address}{_METHOD}",
            )
            # Microseconds since the epoch of each call, its HTTP status, and microseconds until it was answered.
            started, _, taken = np.loadtxt(log, dtype=np.int64, ndmin=2).T
        received = int(_TRAFFIC.search(printed)[1])
        failed = calls - round(received / len(_framed(answer)))
        duration = (started + taken).max() - started.min()
        return Load(taken * _MICROSECOND, Counter(failed=failed) if failed else Counter(), duration * _MICROSECOND)

    def _ask_once(self, request: bytes) -> bytes:
        """The answer to a request; its size tells answers of h2load from errors."""
        with grpc.insecure_channel(self._address) as channel:
            return channel.unary_unary(_METHOD)(request, timeout=_TIMEOUT_SECONDS)


def _framed(message: bytes) -> bytes:
    """A message as gRPC sends it: not compressed, behind its length."""
    return struct.pack(">?I", False, len(message)) + message
