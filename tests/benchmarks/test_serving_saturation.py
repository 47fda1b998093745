"""What h2load is made to send, and how what it writes is read."""

import concurrent.futures
import contextlib
from collections.abc import Iterator

import grpc
import pytest

from benchmarks.serving.saturation import Saturation
from tools.h2load import H2load

_PREDICT = "/tensorflow.serving.PredictionService/Predict"
# Keeps what it is called with, logs three calls of 1, 2 and 3 ms, the last begun at 4 ms, and says what it received.
_PROGRAM = """#!/bin/sh
echo "$*" > {folder}/arguments
for word; do
  case "$previous" in -d) cp "$word" {folder}/body ;; esac
  case "$word" in --log-file=*) log="${{word#*=}}" ;; esac
  previous="$word"
done
printf '1000000\t200\t1000\n1001000\t200\t2000\n1004000\t200\t3000\n' > "$log"
echo "traffic: 294B (294) total, 42B (42) headers (space savings 91.67%), {data}B ({data}) data"
"""


@contextlib.contextmanager
def echo() -> Iterator[str]:
    """Address of a server that answers each request with itself."""

    class Echo(grpc.GenericRpcHandler):
        def service(self, details):
            assert details.method == _PREDICT
            return grpc.unary_unary_rpc_method_handler(lambda request, context: request)

    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1), handlers=[Echo()])
    port = server.add_insecure_port("localhost:0")
    server.start()
    try:
        yield f"localhost:{port}"
    finally:
        server.stop(None)


# An answer to `bb` is 7 bytes with its frame: three of them are 21, two are 14.
@pytest.mark.parametrize(("received", "failed"), [(21, 0), (14, 1)])
def test_a_request_is_framed_as_grpc_does_and_errors_are_told_by_missing_bodies(tmp_path, received, failed):
    program = tmp_path / "h2load"
    program.write_text(_PROGRAM.format(folder=tmp_path, data=received))
    program.chmod(0o700)
    with echo() as address:
        load = Saturation(H2load(str(program)), address, [b"a", b"bb"]).ask(turn=3, clients=2, calls=3)
    assert (tmp_path / "body").read_bytes() == b"\0\0\0\0\2bb"
    arguments = (tmp_path / "arguments").read_text().split()
    assert arguments[arguments.index("-n") + 1] == "3"
    assert arguments[arguments.index("-c") + 1] == "2"
    assert arguments[-1] == f"http://{address}{_PREDICT}"
    assert load.latencies.tolist() == pytest.approx([0.001, 0.002, 0.003])
    assert load.failures.total() == failed
    assert load.duration == pytest.approx(0.007)
    assert load.per_second == pytest.approx(3 / 0.007)
