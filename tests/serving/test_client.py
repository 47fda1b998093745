"""The typed client against a running server; scores are those of `toy_model`."""

import concurrent.futures
import socket
import threading
import time

import grpc
import pytest
from conftest import POLL_SECONDS
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from serving.client import Client, Event, Match, Ranked, Recommendation, ServingError, Version
from serving.server import Server


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


def test_status_lists_the_versions(client):
    assert client.status() == [Version(7, "AVAILABLE", "")]


def test_an_unknown_context_key_is_an_error_that_names_the_accepted_ones(client):
    with pytest.raises(ValueError, match="no context feature 'shop'; it accepts 'price', 'store'"):
        client.recommend("u", context={"shop": "s"})


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"user_id": 12}, TypeError, r"user_id must be a string, not 12: convert it with str\(\)"),
        ({"context": {"price": "cheap"}}, TypeError, r"context_price must be a number, not \['cheap'\]"),
        ({"context": {"store": None}}, TypeError, "context_store must be a string, not None"),
        ({"history": [Event(3, 1, "click")]}, TypeError, "history_item_ids must be a string, not 3"),
        ({"history": [Event("a", None, "click")]}, TypeError, "history_timestamps must be a number"),
        ({"k": 0}, ValueError, "k is the length of the list and must be at least 1, not 0"),
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
    with Server("toy", tmp_path / "toy", port=0) as server, Client(server.address, "toy") as client:
        assert client.similar("item-0", k=1) == [Match("item-4", 4.0)]
        with pytest.raises(ServingError, match="its signature 'recommend' takes nothing, the client sends") as caught:
            client.recommend("u")
    assert caught.value.code == grpc.StatusCode.FAILED_PRECONDITION


class _Busy(model_service_pb2_grpc.ModelServiceServicer):
    """Answers a code to the first two calls."""

    def __init__(self, code):
        self.code = code
        self.calls = 0

    def GetModelStatus(self, request, context):
        self.calls += 1
        if self.calls <= 2:
            context.abort(self.code, "busy")
        return get_model_status_pb2.GetModelStatusResponse()


@pytest.fixture
def busy():
    """Starts a server that answers a code to the first two calls; gives its servicer and a client of it."""
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    port = server.add_insecure_port("localhost:0")
    server.start()
    with Client(f"localhost:{port}", "toy") as client:

        def start(code):
            servicer = _Busy(code)
            model_service_pb2_grpc.add_ModelServiceServicer_to_server(servicer, server)
            return servicer, client

        yield start
    server.stop(None)


def test_unavailable_is_retried_until_the_server_answers(busy):
    servicer, client = busy(grpc.StatusCode.UNAVAILABLE)
    assert client.status() == []
    assert servicer.calls == 3


def test_other_codes_are_not_retried(busy):
    servicer, client = busy(grpc.StatusCode.RESOURCE_EXHAUSTED)
    with pytest.raises(ServingError, match=r"failed; look at the server's log \(RESOURCE_EXHAUSTED: busy\)"):
        client.status()
    assert servicer.calls == 1


@pytest.mark.parametrize("context", [{}, {"weather": "rain"}])
def test_the_client_follows_a_hot_swap_to_a_model_with_other_context(server, publish, eventually, context):
    with Client(server.address, "toy") as client:
        assert client.recommend("u", k=1)[0].score == 4.0
        publish(2, bias=10.0, declare_weather=True)
        eventually(lambda: client.status()[0] == Version(2, "AVAILABLE", ""))
        assert client.recommend("u", context=context, k=1)[0].score == 14.0


def test_a_client_that_waits_is_ready_soon_after_the_server(publish, tmp_path):
    publish(1)
    server = Server("toy", tmp_path / "toy", port=0, poll_seconds=POLL_SECONDS)
    server.start()
    port = int(server.address.rsplit(":", 1)[1])
    server.stop()
    again = Server("toy", tmp_path / "toy", port, poll_seconds=POLL_SECONDS)
    later = threading.Timer(0.5, again.start)
    start = time.monotonic()
    later.start()
    with Client(server.address, "toy") as client:
        client.wait_until_ready(timeout=20)
        assert 0.5 < time.monotonic() - start < 5
        assert client.similar("item-0", k=1) == [Match("item-4", 4.0)]
    later.join()
    again.stop()


def test_waiting_in_vain_says_what_was_missing():
    with Client("localhost:1") as client, pytest.raises(ServingError) as caught:
        client.wait_until_ready(timeout=0.3)
    assert caught.value.code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert "localhost:1 was not ready within 0.3 s" in str(caught.value)
