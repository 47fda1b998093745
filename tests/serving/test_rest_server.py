"""HTTP around an application: limits, slow clients, and a graceful end."""

import concurrent.futures
import contextlib
import http.client
import socket
import threading

import pytest

from serving.rest_server import RestServer

TIMEOUT_SECONDS = 10
LIMIT_BYTES = 1000


class Application:
    """Answers with the path; a request for /wait is answered once `go_on` is set."""

    def __init__(self):
        self.waiting = threading.Event()
        self.go_on = threading.Event()

    def __call__(self, environ, start_response):
        if environ["PATH_INFO"] == "/wait":
            self.waiting.set()
            self.go_on.wait(TIMEOUT_SECONDS)
        body = environ["PATH_INFO"].encode()
        start_response("200 OK", [("Content-Length", str(len(body)))])
        return [body]


@pytest.fixture
def application():
    """What answers."""
    return Application()


@pytest.fixture
def server(application):
    """A server with one worker thread; stopped at the end unless the test did."""
    running = _server(application)
    running.start()
    yield running
    application.go_on.set()
    running.stop(grace=0)


def _server(application, port=0, host="localhost"):
    return RestServer(application, host, port, threads=1, max_request_bytes=LIMIT_BYTES, max_connections=100)


def _ask(address, path="/", body=None, headers=None):
    with contextlib.closing(http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)) as connection:
        connection.request("POST" if body else "GET", path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.read()


def _connect(address):
    host, port = address.rsplit(":", 1)
    return socket.create_connection((host, int(port)), timeout=TIMEOUT_SECONDS)


def test_it_answers_at_its_address_and_does_not_name_its_software(server):
    assert _ask(server.address, "/v1") == (200, b"/v1")
    with contextlib.closing(http.client.HTTPConnection(server.address, timeout=TIMEOUT_SECONDS)) as connection:
        connection.request("GET", "/")
        assert connection.getresponse().getheader("Server") is None


def test_a_body_above_the_limit_is_refused(server):
    assert _ask(server.address, body=b"x" * LIMIT_BYTES)[0] == 200
    assert _ask(server.address, body=b"x" * (LIMIT_BYTES + 1))[0] == 413


def test_a_body_that_does_not_say_its_length_is_limited_too(server):
    chunks = iter([b"x" * LIMIT_BYTES, b"x"])
    assert _ask(server.address, body=chunks, headers={"Transfer-Encoding": "chunked"})[0] == 413


def test_headers_without_end_are_refused(server):
    assert _ask(server.address, headers={"X": "x" * 70_000})[0] == 431


def test_slow_clients_hold_no_thread(server):
    with _connect(server.address) as slow:
        slow.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\n\r\nab")
        assert _ask(server.address, "/meanwhile") == (200, b"/meanwhile")
        slow.sendall(b"cde")
        assert slow.recv(100).startswith(b"HTTP/1.1 200 OK")


def test_a_client_that_goes_away_leaves_the_server_working(server, application):
    with _connect(server.address) as gone:
        gone.sendall(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        assert application.waiting.wait(TIMEOUT_SECONDS)
    application.go_on.set()
    assert _ask(server.address, "/next") == (200, b"/next")


def test_stopping_lets_a_request_in_flight_finish_and_takes_no_more(server, application):
    with concurrent.futures.ThreadPoolExecutor(2) as others:
        answer = others.submit(_ask, server.address, "/wait")
        assert application.waiting.wait(TIMEOUT_SECONDS)
        stopped = others.submit(server.stop, TIMEOUT_SECONDS)
        while True:  # until the port is closed
            try:
                _connect(server.address).close()
            except OSError:
                break
        assert not answer.done()
        application.go_on.set()
        assert answer.result(TIMEOUT_SECONDS) == (200, b"/wait")
        stopped.result(TIMEOUT_SECONDS)


def test_stopping_may_be_noticed_before_it_is_told(server, monkeypatch):
    tell = server._server.pull_trigger
    waker = _connect(server.address)

    def tell_late():
        waker.close()  # wakes the loop, which sees that it is to end
        server._loop.join(TIMEOUT_SECONDS)
        tell()

    monkeypatch.setattr(server._server, "pull_trigger", tell_late)
    server.stop(grace=0)
    assert not server._loop.is_alive()


def test_stopping_does_not_wait_longer_than_its_grace_nor_for_idle_connections(server, application):
    with _connect(server.address) as idle, _connect(server.address) as held:
        held.sendall(b"GET /wait HTTP/1.1\r\nHost: x\r\n\r\n")
        assert application.waiting.wait(TIMEOUT_SECONDS)
        server.stop(grace=0.1)
        assert not application.go_on.is_set()
        assert idle.recv(1) == b""
        assert held.recv(1) == b""


def test_a_stopped_server_leaves_its_port_to_the_next(application):
    alone = "127.85.0.1"  # of this machine, and no other test's: none can take the port in between
    server = _server(application, host=alone)
    server.start()
    port = int(server.address.rsplit(":", 1)[1])
    with pytest.raises(OSError, match=rf"cannot listen on {alone}:{port} for HTTP.*: Address already in use"):
        _server(application, port, alone)
    server.stop(grace=0)
    _server(application, port, alone).stop(grace=0)
