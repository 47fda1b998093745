"""The typed client against a running server; scores are those of `toy_model`."""

import concurrent.futures
import contextlib
import socket
import socketserver
import threading
import time

import grpc
import pytest
from server_process import free_ports
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc
from toy_model import POLL_SECONDS

from serving.batch_queue import BatchQueue, Task
from serving.batching_parameters import BatchingParameters
from serving.client import Client, Event, Match, Ranked, Recommendation, ServingError, Version
from serving.options import Options
from serving.server import Server
from serving.status import StatusError


@pytest.fixture(scope="module")
def client(shared_server):
    """A client of the shared server."""
    with Client(shared_server.address, "toy") as connected:
        yield connected


def test_recommend_gives_items_scores_and_reasons_best_first(client):
    history = [Event("item-1", 5, "purchase"), Event("item-0", 7, "click")]
    assert client.recommend("u", history, context={"price": 0.5}, exclude=["item-4"], k=3) == [
        Recommendation("item-1", 101.5, "bought_before"),
        Recommendation("item-0", 100.5, "bought_before"),
        Recommendation("item-3", 3.5, "popular"),
    ]


def test_an_unknown_shopper_without_history_gets_what_is_popular(client):
    assert client.recommend("", k=1) == [Recommendation("item-4", 4.0, "popular")]


def test_padding_of_a_short_list_is_not_shown(client):
    assert [match.item_id for match in client.similar("item-2", k=9)] == ["item-4", "item-3", "item-1", "item-0"]


def test_search_gives_matches(client):
    assert client.search("item-3", k=2) == [Match("item-3", 3.0)]
    assert client.search("nothing") == []


def test_rank_orders_the_candidates_and_gives_every_head(client):
    ranked = client.rank("u", ["item-1", "nothing", "item-3"], context={"store": "s", "price": 1})
    assert ranked == [
        Ranked("item-3", 12.0, {"purchase": 4.0, "click": 8.0}),
        Ranked("item-1", 6.0, {"purchase": 2.0, "click": 4.0}),
        Ranked("nothing", -3.0, {"purchase": -1.0, "click": -2.0}),
    ]
    assert client.rank("u", []) == []
    with pytest.raises(TypeError, match="candidates must be a sequence of item ids, not the string 'item-1'"):
        client.rank("u", "item-1")


def test_status_lists_the_versions(client):
    assert client.status() == [Version(7, "AVAILABLE", "")]


def test_an_unknown_context_key_is_an_error_that_names_the_accepted_ones(client):
    with pytest.raises(ValueError, match="no context feature 'shop'; it accepts 'price', 'store'"):
        client.recommend("u", context={"shop": "s"})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"user_id": 12}, TypeError, r"user_id must be a string, not 12: convert it with str\(\)"),
        ({"context": {"price": "cheap"}}, TypeError, "context_price must be a number, not 'cheap'"),
        ({"context": {"store": None}}, TypeError, "context_store must be a string, not None"),
        ({"history": [Event(3, 1, "click")]}, TypeError, "history_item_ids must be a string, not 3"),
        ({"history": [Event("a", None, "click")]}, TypeError, "history_timestamps must be a whole number, not None"),
        ({"k": 0}, ValueError, "k is the length of the list and must be at least 1, not 0"),
        ({"k": "5"}, TypeError, "k must be a whole number, not '5'"),
        ({"exclude": "item-1"}, TypeError, "exclude must be a sequence of item ids, not the string 'item-1'"),
        ({"scene": "\ud800"}, ValueError, "scene cannot be sent: .*surrogates not allowed"),
    ],
)
def test_a_wrong_argument_is_named(client, arguments, error, message):
    with pytest.raises(error, match=message):
        client.recommend(**{"user_id": "u", **arguments})


def test_an_unknown_model_is_a_serving_error_that_says_what_to_check(shared_server):
    with Client(shared_server.address, "other") as client, pytest.raises(ServingError) as caught:
        client.recommend("u")
    assert caught.value.code == grpc.StatusCode.NOT_FOUND
    assert "does not serve model 'other'; check `model_name`" in str(caught.value)
    assert "Latest(other)" in str(caught.value)


def test_an_unreachable_server_is_a_serving_error_that_says_what_to_check():
    with Client("localhost:1") as client, pytest.raises(ServingError) as caught:
        client.recommend("u")
    assert caught.value.code == grpc.StatusCode.UNAVAILABLE
    assert "localhost:1 cannot be reached; check the address" in str(caught.value)


def test_a_deadline_that_passes_is_a_serving_error_that_names_it():
    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never says a word
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with Client(address, timeout=0.3) as client, pytest.raises(ServingError) as caught:
            client.recommend("u")
    assert caught.value.code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert "did not answer within 0.3 s" in str(caught.value)


def test_a_model_of_another_release_is_a_serving_error_that_says_so(publish, tmp_path):
    publish(1, with_recommend=False)
    with Server.of_model("toy", tmp_path / "toy", port=0) as server, Client(server.address, "toy") as client:
        assert client.similar("item-0", k=1) == [Match("item-4", 4.0)]
        with pytest.raises(ServingError, match="its signature 'recommend' takes nothing, the client sends") as caught:
            client.recommend("u")
    assert caught.value.code == grpc.StatusCode.FAILED_PRECONDITION


@pytest.fixture
def two_versions(publish, tmp_path):
    """The address of a server of versions 1, of bias 0 and labelled "stable", and 2, of bias 10."""
    publish(1)
    publish(2, bias=10.0)
    config = tmp_path / "models.config"
    config.write_text(
        f"""model_config_list {{ config {{ name: "toy" base_path: "{tmp_path / "toy"}" model_platform: "tensorflow"
        model_version_policy {{ all {{}} }} version_labels {{ key: "stable" value: 1 }} }} }}"""
    )
    options = Options(model_config_file=str(config), port=0, allow_version_labels_for_unavailable_models=True)
    with Server(options) as server:
        yield server.address


@pytest.mark.parametrize(
    ("choice", "best_score", "known"),
    [({}, 14.0, [2, 1]), ({"version": 1}, 4.0, [1]), ({"version": 2}, 14.0, [2]), ({"label": "stable"}, 4.0, [2, 1])],
)
def test_the_version_is_the_latest_or_that_of_a_number_or_a_label(two_versions, choice, best_score, known):
    with Client(two_versions, "toy", **choice) as client:
        client.wait_until_ready(timeout=20)
        assert client.recommend("u", k=1)[0].score == best_score
        assert client.search("item-4", k=1)[0].score == best_score
        assert client.similar("item-0", k=1)[0].score == best_score
        assert client.rank("u", ["item-4"])[0].heads["purchase"] == best_score
        assert [version.version for version in client.status()] == known


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ({"version": 3}, "does not serve version 3 of model 'toy'"),
        ({"label": "canary"}, "check that version 'canary' of model 'toy' is a Shelfwise model of this release"),
    ],
)
def test_a_version_that_is_not_served_is_a_serving_error_that_names_it(two_versions, choice, message):
    with Client(two_versions, "toy", **choice) as client, pytest.raises(ServingError, match=message):
        client.similar("item-0")


def test_a_version_and_a_label_exclude_each_other():
    with pytest.raises(ValueError, match="version and label both choose a version; give one of them"):
        Client(version=1, label="stable")


def test_a_question_may_bring_its_own_deadline():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        address = f"127.0.0.1:{silent.getsockname()[1]}"
        with Client(address, timeout=600) as client, pytest.raises(ServingError, match=r"did not answer within 0\.2 s"):
            client.similar("item-0", timeout=0.2)


class _Busy(model_service_pb2_grpc.ModelServiceServicer):
    """Answers a code to the first calls."""

    def __init__(self, code, details, times):
        self.code, self.details, self.times = code, details, times
        self.calls = 0

    def GetModelStatus(self, request, context):
        self.calls += 1
        if self.calls <= self.times:
            context.abort(self.code, self.details)
        return get_model_status_pb2.GetModelStatusResponse()


@pytest.fixture
def busy():
    """Starts a server that answers a code to the first calls; gives its servicer and a client of it."""
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("localhost:0")
    server.start()
    with Client(f"localhost:{port}", "toy") as client:

        def start(code, details="busy", times=2):
            servicer = _Busy(code, details, times)
            model_service_pb2_grpc.add_ModelServiceServicer_to_server(servicer, server)
            return servicer, client

        yield start
    server.stop(None)


def test_unavailable_is_retried_until_the_server_answers(busy):
    servicer, client = busy(grpc.StatusCode.UNAVAILABLE)
    assert client.status() == []
    assert servicer.calls == 3


@pytest.mark.parametrize("splitting", [False, True])
def test_a_server_whose_queue_stays_full_is_a_serving_error_that_says_so(busy, splitting):
    queue = BatchQueue(
        BatchingParameters(max_batch_size=1, max_enqueued_batches=1, enable_large_batch_splitting=splitting)
    )
    queue.add(Task({}, rows=1))
    with pytest.raises(StatusError) as full:
        queue.add(Task({}, rows=1))
    _, client = busy(full.value.code, str(full.value), times=100)
    with pytest.raises(ServingError, match="is overloaded; ask less often, or run more servers") as caught:
        client.status(timeout=60)
    assert caught.value.code == grpc.StatusCode.UNAVAILABLE


def test_other_codes_are_not_retried(busy):
    servicer, client = busy(grpc.StatusCode.RESOURCE_EXHAUSTED)
    with pytest.raises(ServingError, match=r"raise its limits \(RESOURCE_EXHAUSTED: busy\)"):
        client.status()
    assert servicer.calls == 1


class _Relay(socketserver.BaseRequestHandler):
    """Stands for a server that is slow to begin: passes on what both sides say, but only after a while."""

    def handle(self):
        time.sleep(0.6)
        with socket.create_connection(self.server.behind) as server:
            asking = threading.Thread(target=_pass_on, args=(self.request, server))
            asking.start()
            _pass_on(server, self.request)
            asking.join()


def _pass_on(source, sink):
    with contextlib.suppress(OSError):
        while said := source.recv(65536):
            sink.sendall(said)
        sink.shutdown(socket.SHUT_WR)


@pytest.fixture
def slow_to_begin(shared_server):
    """The address of a relay to the shared server."""
    host, port = shared_server.address.rsplit(":", 1)
    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Relay) as relay:
        relay.behind = (host, int(port))
        threading.Thread(target=relay.serve_forever, args=(0.05,)).start()
        yield f"127.0.0.1:{relay.server_address[1]}"
        relay.shutdown()


def test_a_server_that_is_slow_to_begin_is_waited_for(slow_to_begin):
    with Client(slow_to_begin, "toy", timeout=120) as client:
        assert client.similar("item-0", k=1) == [Match("item-4", 4.0)]


@pytest.mark.parametrize("context", [{}, {"weather": "rain"}])
def test_the_client_follows_a_hot_swap_to_a_model_with_other_context(server, publish, eventually, context):
    with Client(server.address, "toy") as client:
        assert client.recommend("u", k=1)[0].score == 4.0
        publish(2, bias=10.0, declare_weather=True)
        eventually(lambda: client.status()[0] == Version(2, "AVAILABLE", ""))
        assert client.recommend("u", context=context, k=1)[0].score == 14.0


def test_a_client_that_waits_is_ready_soon_after_the_server(publish, tmp_path):
    publish(1)
    (port,) = free_ports(1)
    server = Server.of_model("toy", tmp_path / "toy", port, poll_seconds=POLL_SECONDS)
    started = []

    def start():
        server.start()
        started.append(time.monotonic())

    later = threading.Timer(0.5, start)
    begin = time.monotonic()
    later.start()
    try:
        with Client(server.address, "toy") as client:
            client.wait_until_ready(timeout=120)
            ready = time.monotonic()
            later.join()  # the client may be the first to know
            assert ready - begin > 0.5
            assert ready - started[0] < 5
            assert client.similar("item-0", k=1) == [Match("item-4", 4.0)]
    finally:
        later.join()
        server.stop()


_CLOSED = "is asked no more, since the client was closed; make a new one"


def test_closing_ends_a_question_under_way_with_a_serving_error_that_says_so():
    with (
        socket.create_server(("127.0.0.1", 0)) as silent,
        Client(f"127.0.0.1:{silent.getsockname()[1]}", timeout=600) as client,
        concurrent.futures.ThreadPoolExecutor(1) as pool,
    ):
        silent.settimeout(120)
        question = pool.submit(client.similar, "item-0")
        with silent.accept()[0]:  # only the question connects
            client.close()
            with pytest.raises(ServingError, match=_CLOSED) as caught:
                question.result()
    assert caught.value.code == grpc.StatusCode.CANCELLED


@pytest.mark.parametrize("ask", [lambda client: client.similar("item-0"), lambda client: client.wait_until_ready(600)])
def test_a_closed_client_answers_with_a_serving_error_that_says_so(shared_server, ask):
    client = Client(shared_server.address, "toy")
    client.close()
    with pytest.raises(ServingError, match=_CLOSED) as caught:
        ask(client)
    assert caught.value.code == grpc.StatusCode.CANCELLED


def test_waiting_in_vain_says_what_was_missing():
    with Client("localhost:1") as client, pytest.raises(ServingError) as caught:
        client.wait_until_ready(timeout=5)
    assert caught.value.code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert "model 'shelfwise' at localhost:1 was not ready within 5 s: localhost:1 cannot be" in str(caught.value)
