"""The REST API over real sockets: compressed and oversized bodies, headers, deadlines, metrics."""

import contextlib
import gzip
import http.client
import json

import pytest
import toy_model
from prometheus_client.parser import text_string_to_metric_families

from serving import model_config, rest
from serving.metrics import Metrics
from serving.models import Models
from serving.rest_server import RestServer
from serving.servable import Servable

_SIMILAR = json.dumps({"signature_name": "similar", "inputs": {"item_id": ["item-0"], "k": [1]}}).encode()
_ANSWER = {"outputs": {"item_ids": [["item-4"]], "scores": [[4.0]]}}
_LARGEST = 4096


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    base = tmp_path_factory.mktemp("rest_http")
    toy_model.export(base / "1")
    loaded = Models(model_config.single("toy", base), lambda name, version, path: Servable(path))
    loaded.start()
    loaded.wait_until_available(60)
    yield loaded
    loaded.stop()


@pytest.fixture
def ask(models):
    """Serves the application with given arguments, and asks it: method, path, body, headers."""
    with contextlib.ExitStack() as running:

        def start(**arguments):
            application = rest.application(models, **arguments)
            server = RestServer(application, "127.0.0.1", 0, threads=2, max_request_bytes=2**20, max_connections=10)
            server.start()
            running.callback(server.stop, grace=5)

            def send(method, path, body=None, headers=()):
                connection = http.client.HTTPConnection(server.address, timeout=20)
                connection.request(method, path, body, dict(headers))
                response = connection.getresponse()
                content = response.read()
                connection.close()
                return response, content

            return send

        yield start


_GZIP = [("Content-Encoding", "gzip")]


def test_a_compressed_body_is_unpacked(ask):
    response, content = ask()("POST", "/v1/models/toy:predict", gzip.compress(_SIMILAR), _GZIP)
    assert (response.status, response.headers["Content-Type"]) == (200, "application/json")
    assert json.loads(content) == _ANSWER


@pytest.mark.parametrize(
    ("body", "error"),
    [
        (_SIMILAR, "the body is not gzip, as Content-Encoding says: Error -3"),
        (gzip.compress(_SIMILAR, mtime=0)[:-1], "the body is not gzip, as Content-Encoding says: it ends too early"),
    ],
    ids=["plain", "cut short"],
)
def test_a_body_that_is_not_what_it_says_is_refused(ask, body, error):
    response, content = ask()("POST", "/v1/models/toy:predict", body, _GZIP)
    assert response.status == 400
    assert json.loads(content)["error"].startswith(error)


@pytest.mark.parametrize(
    ("body", "headers"),
    [(b" " * (_LARGEST + 1), []), (gzip.compress(b" " * 1_000_000, mtime=0), _GZIP)],
    ids=["plain", "packed"],
)
def test_a_body_above_the_limit_is_refused_packed_or_not(ask, body, headers):
    response, content = ask(max_request_bytes=_LARGEST)("POST", "/v1/models/toy:predict", body, headers)
    assert response.status == 413
    assert json.loads(content)["error"].startswith(f"the body is larger than the {_LARGEST} bytes")


def test_a_body_at_the_limit_is_answered(ask):
    response, _ = ask(max_request_bytes=_LARGEST)("POST", "/v1/models/toy:predict", _SIMILAR.ljust(_LARGEST))
    assert response.status == 200


def test_a_run_above_the_time_limit_is_stopped(ask):
    body = json.dumps({"signature_name": "sleep", "inputs": [60.0]})
    response, content = ask(timeout_seconds=0.2)("POST", "/v1/models/toy:predict", body)
    assert response.status == 504
    assert set(json.loads(content)) == {"error"}


def test_a_time_limit_of_zero_is_none(ask):
    assert ask(timeout_seconds=0)("POST", "/v1/models/toy:predict", _SIMILAR)[0].status == 200


def test_pages_of_other_origins_may_call_only_if_asked_for(ask):
    allowed, refused = ask(cors=True), ask()
    response, content = allowed("OPTIONS", "/v1/models/toy:predict", headers=[("Origin", "http://shop.example")])
    assert (response.status, content) == (200, b"")
    assert response.headers["Access-Control-Allow-Origin"] == "*"
    assert response.headers["Access-Control-Allow-Methods"] == "POST, GET"
    assert response.headers["Access-Control-Allow-Headers"] == "Content-Type"
    for path in ("/v1/models/toy", "/v1/models/other"):
        assert allowed("GET", path)[0].headers["Access-Control-Allow-Origin"] == "*"
        assert "Access-Control-Allow-Origin" not in refused("GET", path)[0].headers
    assert refused("OPTIONS", "/v1/models/toy:predict")[0].status == 400


def test_a_model_s_name_may_hold_a_slash_if_it_is_encoded(ask):
    response, content = ask()("GET", "/v1/models/a%2Fb")
    assert (response.status, json.loads(content)) == (404, {"error": "Could not find any versions of model a/b"})


def test_a_whole_url_may_take_the_place_of_the_path(ask):
    assert ask()("GET", "http://anything.example/v1/models/toy?x=1")[0].status == 200


def _requests(page):
    """Requests by model and status."""
    families = text_string_to_metric_families(page.decode().replace(":tensorflow:serving:", "tensorflow_serving_"))
    return {
        (sample.labels["model_name"], sample.labels["status"]): sample.value
        for family in families
        for sample in family.samples
        if sample.name.startswith("tensorflow_serving_request_count")
    }


def test_requests_are_counted_and_shown_to_prometheus(ask):
    metrics = Metrics()
    send = ask(metrics=metrics, metrics_path="/monitoring/prometheus/metrics")
    send("POST", "/v1/models/toy:predict", _SIMILAR)
    send("POST", "/v1/models/toy:predict", b"{")
    send("POST", "/v1/models/made-up-by-a-caller:predict", _SIMILAR)
    send("GET", "/v1/models/toy")
    response, page = send("GET", "/monitoring/prometheus/metrics")
    assert (response.status, response.headers["Content-Type"]) == (200, metrics.content_type)
    counted = _requests(page)
    assert counted[("toy", "OK")] == 1
    assert counted[("toy", "INVALID_ARGUMENT")] == 1
    assert b"made-up" not in page
    assert sum(counted.values()) == 3
    assert ask()("GET", "/monitoring/prometheus/metrics")[0].status == 404
