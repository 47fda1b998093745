"""The typed client of event loops; what it shares with the blocking one is tested there."""

import asyncio
import inspect
import socket
import time

import grpc
import pytest

from serving.client import AsyncClient, Client, Event, Match, Ranked, Recommendation, ServingError, Version


def _run(address, ask, **settings):
    """What `ask` answers, given a client."""

    async def run():
        async with AsyncClient(address, "toy", **settings) as client:
            return await ask(client)

    return asyncio.run(run())


def test_every_question_is_answered(shared_server):
    async def ask(client):
        await client.wait_until_ready(timeout=20)
        return (
            await client.recommend("u", [Event("item-1", 5, "purchase")], context={"price": 0.5}, k=2),
            await client.search("item-3"),
            await client.similar("item-0", k=1),
            await client.rank("u", ["item-1", "item-3"]),
            await client.status(),
        )

    assert _run(shared_server.address, ask) == (
        [Recommendation("item-1", 101.5, "bought_before"), Recommendation("item-4", 4.5, "popular")],
        [Match("item-3", 3.0)],
        [Match("item-4", 4.0)],
        [
            Ranked("item-3", 9.0, {"purchase": 3.0, "click": 6.0}),
            Ranked("item-1", 3.0, {"purchase": 1.0, "click": 2.0}),
        ],
        [Version(7, "AVAILABLE", "")],
    )


def test_questions_asked_together_share_one_connection_and_keep_apart(shared_server):
    async def ask(client):
        return await asyncio.gather(*(client.similar("item-0", k=k) for k in range(1, 5)))

    answers = _run(shared_server.address, ask)
    assert [len(answer) for answer in answers] == [1, 2, 3, 4]


def test_requests_of_different_lengths_are_answered_rightly_from_one_padded_batch(running, tmp_path):
    parameters = tmp_path / "batching.config"
    # A batch is run when it is full; the time is for a machine on which the requests do not come together.
    parameters.write_text(
        "max_batch_size { value: 4 } batch_timeout_micros { value: 5000000 } pad_variable_length_inputs: true"
    )
    server = running(enable_batching=True, batching_parameters_file=str(parameters))
    owned = [[], ["item-0"], ["item-0", "item-1"], ["item-2", "item-1", "item-0", "unknown"]]
    excluded = [["item-4", "item-3"], [], ["item-4"], []]

    async def ask(client):
        histories = [[Event(item_id, 5, "purchase") for item_id in ids] for ids in owned]
        requests = zip(histories, excluded, strict=True)
        lists = await asyncio.gather(*(client.recommend("u", h, exclude=e, k=2) for h, e in requests))
        ranks = await asyncio.gather(*(client.rank("u", ["item-3", "item-4", "item-1", "?"][:n]) for n in range(1, 5)))
        return [[i.item_id for i in items] for items in lists], [[i.item_id for i in items] for items in ranks]

    assert _run(server.address, ask) == (
        [["item-2", "item-1"], ["item-0", "item-4"], ["item-1", "item-0"], ["item-2", "item-1"]],
        [
            ["item-3"],
            ["item-4", "item-3"],
            ["item-4", "item-3", "item-1"],
            ["item-4", "item-3", "item-1", "?"],
        ],
    )


def test_the_event_loop_goes_on_while_a_question_waits():
    async def run(address):
        async with AsyncClient(address, timeout=60) as client:
            question = asyncio.create_task(client.similar("item-0"))
            await asyncio.sleep(0.05)
            assert not question.done()
            question.cancel()
            with pytest.raises(asyncio.CancelledError):
                await question

    with socket.create_server(("127.0.0.1", 0)) as silent:  # takes connections and never says a word
        start = time.monotonic()
        asyncio.run(run(f"127.0.0.1:{silent.getsockname()[1]}"))
        assert time.monotonic() - start < 30


_CLOSED = "is asked no more, since the client was closed; make a new one"


def _closing(meanwhile=lambda question: None):
    """Closes a client while it asks, after `meanwhile`; gives the answer."""

    async def run(silent):
        client = AsyncClient(f"127.0.0.1:{silent.getsockname()[1]}", timeout=600)
        question = asyncio.create_task(client.similar("item-0"))
        connected, _ = await asyncio.to_thread(silent.accept)  # only the question connects
        with connected:
            meanwhile(question)
            await client.close()
            return await question

    with socket.create_server(("127.0.0.1", 0)) as silent:
        silent.settimeout(120)
        return asyncio.run(run(silent))


def test_closing_ends_a_question_under_way_with_a_serving_error_that_says_so():
    with pytest.raises(ServingError, match=_CLOSED) as caught:
        _closing()
    assert caught.value.code == grpc.StatusCode.CANCELLED


def test_a_question_that_is_cancelled_stays_so_when_the_client_is_closed():
    with pytest.raises(asyncio.CancelledError):
        _closing(meanwhile=lambda question: question.cancel())


@pytest.mark.parametrize("ask", [lambda client: client.similar("item-0"), lambda client: client.wait_until_ready(600)])
@pytest.mark.parametrize("used", [False, True])
def test_a_closed_client_answers_with_a_serving_error_that_says_so(shared_server, ask, used):
    async def close_and_ask(client):
        if used:
            await client.status()
        await client.close()
        await ask(client)

    with pytest.raises(ServingError, match=_CLOSED) as caught:
        _run(shared_server.address, close_and_ask)
    assert caught.value.code == grpc.StatusCode.CANCELLED


def test_a_deadline_that_passes_is_a_serving_error_that_names_it():
    with socket.create_server(("127.0.0.1", 0)) as silent, pytest.raises(ServingError) as caught:
        _run(f"127.0.0.1:{silent.getsockname()[1]}", lambda client: client.similar("item-0", timeout=0.2))
    assert caught.value.code == grpc.StatusCode.DEADLINE_EXCEEDED
    assert "did not answer within 0.2 s" in str(caught.value)


def test_wrong_arguments_and_unknown_versions_are_errors_as_in_the_blocking_client(shared_server):
    with pytest.raises(TypeError, match="item_id must be a string, not 3"):
        _run(shared_server.address, lambda client: client.similar(3))
    with pytest.raises(ServingError, match="does not serve version 3 of model 'toy'"):
        _run(shared_server.address, lambda client: client.similar("item-0"), version=3)


def test_a_client_made_outside_of_the_event_loop_works_in_it(shared_server):
    client = AsyncClient(shared_server.address, "toy")

    async def run():
        async with client:
            return await client.similar("item-0", k=1)

    assert asyncio.run(run()) == [Match("item-4", 4.0)]


def test_both_clients_take_the_same_arguments():
    for name in ("__init__", "recommend", "search", "similar", "rank", "status", "wait_until_ready"):
        assert inspect.signature(getattr(AsyncClient, name)) == inspect.signature(getattr(Client, name))
