"""Malformed and hostile HTTP requests: each gets the right code, and the server answers the next one as if nothing was.

`--hypothesis-profile=hostile` sends thousands of them; the ordinary run some hundreds.
"""

import gzip
import http.client
import json
import shutil
import socket

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from serving.options import ANY_PORT, Options
from serving.server import Server

_MAX_REQUEST_BYTES = 100_000
_PREDICT = "/v1/models/toy:predict"
_GOOD = {"signature_name": "similar", "instances": [{"item_id": "item-0", "k": 1}]}
_ANSWER = {"predictions": [{"item_ids": ["item-4"], "scores": [4.0]}]}
_untimed = settings(deadline=None)  # the machine may be busy

_SCALARS = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
_KEYS = st.text().map("?{}".format)  # none of which means anything to the server
_DOCUMENTS = st.recursive(
    _SCALARS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_KEYS, inner, max_size=4), max_leaves=10
)
_REQUESTS = st.sampled_from(["instances", "inputs"]).flatmap(
    lambda form: st.fixed_dictionaries({"signature_name": st.just("similar") | _DOCUMENTS, form: _DOCUMENTS})
)


class Attacker:
    """Sends requests to the server, and after each one sees whether it still serves."""

    def __init__(self, address: str):
        """Keeps the address; each request has a connection of its own."""
        self._address = address

    def send(self, method: str, path: str, body: bytes | None = None, headers=()) -> tuple[int, object]:
        """Status and JSON of the answer."""
        answer = self._ask(method, path, body, dict(headers))
        self._must_serve()
        return answer

    def send_raw(self, content: bytes) -> bytes:
        """What comes back for bytes that may be no HTTP, until the server ends the connection."""
        host, port = self._address.rsplit(":", 1)
        answer = b""
        with socket.create_connection((host, int(port)), timeout=30) as connection:
            try:
                connection.sendall(content)
                connection.shutdown(socket.SHUT_WR)
                while received := connection.recv(65536):
                    answer += received
            except TimeoutError:
                raise
            except OSError:
                pass  # the server has ended the connection before it had read everything
        self._must_serve()
        return answer

    def _must_serve(self) -> None:
        assert self._ask("POST", _PREDICT, json.dumps(_GOOD).encode(), {}) == (200, _ANSWER)

    def _ask(self, method, path, body, headers):
        connection = http.client.HTTPConnection(self._address, timeout=30)
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            return response.status, json.loads(response.read())
        finally:
            connection.close()


@pytest.fixture(scope="module")
def attacker(exported, tmp_path_factory):
    """Whoever asks a server of the toy model that takes small requests only."""
    base = tmp_path_factory.mktemp("attacked")
    shutil.copytree(exported(), base / "1")
    options = Options(
        model_name="toy",
        model_base_path=str(base),
        port=ANY_PORT,
        rest_api_port=ANY_PORT,
        rest_api_num_threads=2,
        max_request_bytes=_MAX_REQUEST_BYTES,
    )
    with Server(options) as server:
        yield Attacker(server.rest_address)


def _is_error(answer: object) -> bool:
    return isinstance(answer, dict) and answer.keys() == {"error"} and isinstance(answer["error"], str)


@_untimed
@given(st.binary(max_size=200) | (_DOCUMENTS | _REQUESTS).map(lambda document: json.dumps(document).encode()))
def test_a_body_that_is_no_predict_request_is_a_bad_request(attacker, body):
    status, answer = attacker.send("POST", _PREDICT, body)
    assert (status, _is_error(answer)) == (400, True)


@_untimed
@given(st.sampled_from(["instances", "inputs"]), st.sampled_from(["item_id", "k"]), _DOCUMENTS)
def test_an_input_of_the_wrong_json_type_is_a_bad_request(attacker, form, name, value):
    inputs = {**_GOOD["instances"][0], name: value}
    document = {"signature_name": "similar", form: [inputs] if form == "instances" else inputs}
    status, answer = attacker.send("POST", _PREDICT, json.dumps(document).encode())
    fits = isinstance(value, str) if name == "item_id" else type(value) is int and 0 <= value < 2**31
    if fits and form == "instances":
        assert status == 200
    else:
        assert (status, _is_error(answer)) == (400, True)


@_untimed
@given(st.sampled_from(["GET", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]), st.text(st.characters(codec="ascii")))
def test_a_path_that_leads_nowhere_is_an_error(attacker, method, path):
    escaped = "".join(character if character.isalnum() or character in "/:?#.%" else "_" for character in path)
    status, answer = attacker.send(method, f"/v1/models/toy/-{escaped}?", b"{}")
    assert (status in (400, 404, 405), _is_error(answer)) == (True, True)


@_untimed
@given(st.binary(max_size=100))
def test_bytes_that_are_no_http_do_no_harm(attacker, noise):
    answer = attacker.send_raw(noise + b"\r\n\r\n")
    assert not answer or answer.startswith((b"HTTP/1.0 4", b"HTTP/1.1 4"))


@pytest.mark.parametrize(
    "body",
    [
        b'{"instances": ' + b"[" * 90_000,
        b'{"instances": ' + b"[" * 40_000 + b"]" * 40_000 + b"}",
        b'{"instances": [{"item_id": "item-0", "k": ' + b'{"b64":' * 10_000,
        b'{"inputs": {"item_id": ["\\ud800"], "k": [1]}, "signature_name": "similar"}',
        b'{"inputs": {"item_id": ["item-0"], "k": [1e999]}, "signature_name": "similar"}',
        b'{"inputs": {"item_id": ["item-0"], "k": [' + b"9" * 10_000 + b']}, "signature_name": "similar"}',
        b'{"inputs": {"item_id": ["item-0"], "k": [1, [2]]}, "signature_name": "similar"}',
        b'{"inputs": {"item_id": [], "k": []}, "signature_name": "similar"}',
        b'{"inputs": {"item_id": ["item-0"], "k": [-1]}, "signature_name": "similar"}',
        b'{"inputs": {"item_id": ["item-0"], "k": [1]}, "signature_name": {}}',
        b'{"instances": [], "inputs": {}}',
        b'\xff\xfe{"instances": []}',
    ],
    ids=range(12),
)
def test_a_document_made_to_break_parsers_is_a_bad_request(attacker, body):
    status, answer = attacker.send("POST", _PREDICT, body)
    assert (status, _is_error(answer)) == (400, True)


@pytest.mark.parametrize("length", [_MAX_REQUEST_BYTES + 1, 10**11])
def test_a_body_above_the_limit_is_refused_before_it_comes(attacker, length):
    answer = attacker.send_raw(b"POST %s HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (_PREDICT.encode(), length))
    assert answer.startswith(b"HTTP/1.1 413")


def test_a_body_that_unpacks_to_more_than_the_limit_is_refused(attacker):
    bomb = gzip.compress(b" " * 50_000_000)
    assert len(bomb) < _MAX_REQUEST_BYTES
    status, answer = attacker.send("POST", _PREDICT, bomb, {"Content-Encoding": "gzip"})
    assert (status, _is_error(answer)) == (413, True)


@pytest.mark.parametrize("body", [b"", b"no gzip", gzip.compress(b"{}", mtime=0)[:-5]])
def test_a_body_that_does_not_unpack_is_a_bad_request(attacker, body):
    status, answer = attacker.send("POST", _PREDICT, body, {"Content-Encoding": "gzip"})
    assert (status, _is_error(answer)) == (400, True)


@pytest.mark.parametrize(
    "head",
    [
        b"Content-Length: -5\r\n",
        b"Content-Length: 1\r\nContent-Length: 2\r\n",
        b"Content-Length: 10\r\nTransfer-Encoding: chunked\r\n",
        b"Transfer-Encoding: nonsense\r\n",
        b"X: " + b"x" * 100_000 + b"\r\n",
        b"no colon\r\n",
    ],
)
def test_headers_that_contradict_themselves_are_refused(attacker, head):
    answer = attacker.send_raw(b"POST %s HTTP/1.1\r\n%s\r\n{}" % (_PREDICT.encode(), head))
    assert answer.startswith((b"HTTP/1.1 4", b"HTTP/1.0 4", b"HTTP/1.1 501", b"HTTP/1.0 501")) or not answer
