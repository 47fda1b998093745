"""Faults around the server: a killed process, clients that stall, vanish or run out of time."""

import collections
import concurrent.futures
import http.client
import json
import shutil
import socket
import threading
import time

import grpc
import pytest
from server_process import MODEL, ServerProcess
from stock import Stock

from serving.client import Client, Match, ServingError

_BEST = [Match("item-4", 4.0)]
_HTTP2_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_PREDICT = f"/v1/models/{MODEL}:predict"
_GOOD = json.dumps({"signature_name": "similar", "instances": [{"item_id": "item-0", "k": 1}]})


@pytest.fixture(scope="module")
def one_thread(exported, tmp_path_factory):
    """A server of version 1, of bias 0, that works on one request at a time, of each protocol."""
    base = tmp_path_factory.mktemp("served")
    shutil.copytree(exported(), base / "1")
    process = ServerProcess(base, ["--grpc_max_threads=1", "--rest_api_num_threads=1"])
    process.start()
    yield process
    process.kill()


@pytest.fixture
def connect(one_thread):
    """Opens bare connections, closed after the test; "grpc" or "http" names the port."""
    opened = []

    def connect_to(protocol: str) -> socket.socket:
        address = one_thread.address if protocol == "grpc" else one_thread.rest_address
        host, port = address.rsplit(":", 1)
        opened.append(socket.create_connection((host, int(port)), timeout=20))
        return opened[-1]

    yield connect_to
    for connection in opened:
        connection.close()


def _serves(process: ServerProcess) -> bool:
    """Whether both protocols give the right answer."""
    with Client(process.address, MODEL, timeout=20) as client:
        over_grpc = client.similar("item-0", k=1)
    connection = http.client.HTTPConnection(process.rest_address, timeout=20)
    connection.request("POST", _PREDICT, _GOOD)
    over_http = json.loads(connection.getresponse().read())
    connection.close()
    return (over_grpc, over_http) == (_BEST, {"predictions": [{"item_ids": ["item-4"], "scores": [4.0]}]})


class _Load:
    """Asks from several threads over one client until stopped, and counts the answers and the codes of errors."""

    def __init__(self, client: Client, threads: int = 4):
        self._client = client
        self._stopping = threading.Event()
        self._lock = threading.Lock()
        self.outcomes: collections.Counter[str] = collections.Counter()
        self._threads = [threading.Thread(target=self._ask) for _ in range(threads)]

    def __enter__(self):
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self._stopping.set()
        for thread in self._threads:
            thread.join()

    def _ask(self):
        while not self._stopping.is_set():
            try:
                outcome = "right" if self._client.similar("item-0", k=1) == _BEST else "wrong"
            except ServingError as error:
                outcome = error.code.name
                self._stopping.wait(0.1)  # leaves the processor to the server that starts
            with self._lock:
                self.outcomes[outcome] += 1


def test_a_client_goes_on_after_the_server_was_killed_under_load_and_started_again(one_thread, eventually):
    with Client(one_thread.address, MODEL, timeout=20) as client, _Load(client) as load:
        eventually(lambda: load.outcomes["right"] >= 50)
        one_thread.kill()
        eventually(lambda: load.outcomes["UNAVAILABLE"] >= 4)
        before = load.outcomes["right"]
        one_thread.start()
        eventually(lambda: load.outcomes["right"] >= before + 50)
    assert set(load.outcomes) == {"right", "UNAVAILABLE"}


@pytest.mark.parametrize(
    ("protocol", "said"),
    [
        ("grpc", b""),
        ("grpc", _HTTP2_PREFACE[:10]),
        ("grpc", _HTTP2_PREFACE),
        ("grpc", _HTTP2_PREFACE + b"\0\0\0\4\0\0\0\0\0" + b"\0\xff\xff\0\0\0\0\0\1"),  # half of a DATA frame
        ("http", b""),
        ("http", b"POST /v1/mod"),
        ("http", f"POST {_PREDICT} HTTP/1.1\r\nContent-Length: 1000\r\n\r\n{{".encode()),
        ("http", f"GET /v1/models/{MODEL}/metadata HTTP/1.1\r\n\r\n".encode() * 100),  # and never reads
    ],
)
def test_clients_that_stall_keep_nobody_waiting(one_thread, connect, protocol, said):
    for _ in range(30):
        connect(protocol).sendall(said)
    assert _serves(one_thread)


def test_clients_that_vanish_leave_nothing_behind(one_thread, eventually):
    assert _serves(one_thread)
    files, threads = one_thread.open_files(), one_thread.threads()
    for _ in range(30):
        stock = Stock(one_thread.address)
        stock.predict_later("sleep", {"seconds": [0.05]})
        stock.close()
        connection = http.client.HTTPConnection(one_thread.rest_address, timeout=20)
        connection.request("POST", _PREDICT, _GOOD)
        connection.close()
    assert _serves(one_thread)
    eventually(lambda: one_thread.open_files() <= files)
    eventually(lambda: one_thread.threads() <= threads + 2)  # of gRPC's own pool


def test_a_request_whose_deadline_passes_in_the_queue_costs_no_work(one_thread):
    stock = Stock(one_thread.address)
    start = time.monotonic()
    ahead = stock.predict_later("sleep", {"seconds": [1.0]})
    with concurrent.futures.ThreadPoolExecutor(8) as askers:
        late = [askers.submit(stock.predict, "sleep", {"seconds": [60.0]}, timeout=0.2) for _ in range(8)]
    assert [request.exception().code() for request in late] == [grpc.StatusCode.DEADLINE_EXCEEDED] * 8
    assert ahead.result().outputs["steps"].int_val
    assert _serves(one_thread)
    assert time.monotonic() - start < 50
    stock.close()


def test_deadlines_too_short_for_an_answer_are_exceeded_and_free_the_thread(one_thread):
    stock = Stock(one_thread.address)
    for timeout in (0.001, 0.003, 0.01, 0.03, 0.1):
        with pytest.raises(grpc.RpcError) as caught:
            stock.predict("sleep", {"seconds": [60.0]}, timeout=timeout)
        assert caught.value.code() == grpc.StatusCode.DEADLINE_EXCEEDED
    assert _serves(one_thread)
    stock.close()
