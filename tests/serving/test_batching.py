"""Requests that share a run, without a model: what they compute is written here."""

import concurrent.futures
import threading

import grpc
import numpy as np
import pytest
import tensorflow as tf

from serving.batching import BatchScheduler
from serving.batching_parameters import BatchingParameters
from serving.metrics import Metrics
from serving.status import StatusError, code_and_message

_LONG = 60.0
_NEVER = 10 * int(_LONG * 1e6)  # microseconds


class _Doubling:
    """Computes y = 2 x and remembers its batches; refuses negative values, and can be held up."""

    def __init__(self):
        self.batches: list[list[int]] = []
        self.timeouts: list[float] = []
        self.may_run = threading.Event()
        self.may_run.set()
        self.running = threading.Event()

    def __call__(self, feeds, fetches, timeout):
        self.batches.append(feeds["x"].ravel().tolist())
        self.timeouts.append(timeout)
        self.running.set()
        assert self.may_run.wait(_LONG)
        if (feeds["x"] < 0).any():
            raise tf.errors.InvalidArgumentError(None, None, f"negative: {feeds['x'].ravel().tolist()}")
        return {fetch: feeds["x"] * 2 for fetch in fetches}


def _together(batches: int):
    """A run of which each batch waits until so many are running."""
    running = threading.Barrier(batches)

    def run(feeds, fetches, timeout):
        running.wait(_LONG)
        return {fetch: feeds["x"] * 2 for fetch in fetches}

    return run


@pytest.fixture
def doubling():
    return _Doubling()


@pytest.fixture
def scheduler(doubling):
    """Makes a scheduler of one thread by default; its batches run at the latest when the test is over."""
    made = []

    def make(metrics=None, **parameters) -> BatchScheduler:
        made.append(BatchScheduler(BatchingParameters(**{"num_batch_threads": 1, **parameters}), metrics))
        return made[-1]

    yield make
    doubling.may_run.set()
    for each in made:
        each.close()


@pytest.fixture
def ask(doubling):
    """Asks in a thread of its own, so that requests can meet; gives the future answer as a list."""
    with concurrent.futures.ThreadPoolExecutor(16) as pool:

        def submit(scheduler, values, fetch="y", timeout=_LONG, run=doubling):
            feeds = {"x": np.array(values)}
            return pool.submit(lambda: scheduler.run(run, feeds, [fetch], timeout)[fetch].tolist())

        yield submit
        doubling.may_run.set()


@pytest.fixture
def hold(doubling, ask, eventually):
    """Occupies the scheduler's only thread until `doubling.may_run` is set."""

    def occupy(scheduler):
        doubling.may_run.clear()
        held = ask(scheduler, [1000], fetch="held")
        assert doubling.running.wait(_LONG)
        doubling.batches.clear()
        return held

    return occupy


def test_a_request_alone_is_answered_without_waiting_for_others(scheduler, ask):
    assert ask(scheduler(), [1, 2]).result() == [2, 4]


def test_requests_share_a_run_and_get_their_own_rows_back(scheduler, ask, doubling, eventually):
    batching = scheduler(max_batch_size=5, batch_timeout_micros=_NEVER)
    first = ask(batching, [1, 2])
    eventually(lambda: batching.num_queued == 1)
    second = ask(batching, [3])
    eventually(lambda: batching.num_queued == 2)
    third = ask(batching, [4, 5])
    assert [each.result() for each in (first, second, third)] == [[2, 4], [6], [8, 10]]
    assert doubling.batches == [[1, 2, 3, 4, 5]]


def test_a_batch_that_is_not_full_runs_after_its_timeout(scheduler, ask, doubling):
    batching = scheduler(max_batch_size=100, batch_timeout_micros=1000)
    assert ask(batching, [1]).result() == [2]
    assert doubling.batches == [[1]]


def test_requests_for_other_outputs_do_not_share_a_run(scheduler, ask, doubling, hold, eventually):
    batching = scheduler()
    hold(batching)
    answers = [ask(batching, [1]), ask(batching, [2], fetch="z"), ask(batching, [3])]
    eventually(lambda: batching.num_queued == 3)
    doubling.may_run.set()
    assert [answer.result() for answer in answers] == [[2], [4], [6]]
    assert sorted(sorted(batch) for batch in doubling.batches) == [[1, 3], [2]]


def test_requests_to_different_versions_do_not_share_a_run(scheduler, ask, doubling, hold, eventually):
    batching = scheduler()
    hold(batching)
    other = _Doubling()
    answers = [ask(batching, [1]), ask(batching, [2], run=other)]
    eventually(lambda: batching.num_queued == 2)
    doubling.may_run.set()
    assert [answer.result() for answer in answers] == [[2], [4]]
    assert (doubling.batches, other.batches) == ([[1]], [[2]])


def test_a_batch_is_padded_to_an_allowed_size_which_no_answer_shows(scheduler, ask, doubling):
    batching = scheduler(max_batch_size=8, allowed_batch_sizes=(4, 8))
    assert ask(batching, [1, 2, 3]).result() == [2, 4, 6]
    assert doubling.batches == [[1, 2, 3, 1]]


def test_a_large_request_is_split_and_its_answer_put_together(scheduler, ask, doubling):
    batching = scheduler(max_batch_size=8, enable_large_batch_splitting=True, max_execution_batch_size=3)
    assert ask(batching, [1, 2, 3, 4, 5, 6, 7]).result() == [2, 4, 6, 8, 10, 12, 14]
    assert doubling.batches == [[1, 2, 3], [4, 5, 6], [7]]


def test_the_parts_of_a_large_request_run_at_the_same_time(scheduler, ask):
    batching = scheduler(
        num_batch_threads=4, max_batch_size=8, enable_large_batch_splitting=True, max_execution_batch_size=2
    )
    values = list(range(8))
    assert ask(batching, values, run=_together(4)).result() == [2 * value for value in values]


def test_batches_that_are_closed_at_once_run_at_the_same_time(scheduler, ask, eventually):
    batching = scheduler(num_batch_threads=2, max_batch_size=2, batch_timeout_micros=_NEVER)
    run = _together(2)
    first = ask(batching, [1], run=run)
    eventually(lambda: batching.num_queued == 1)
    second = ask(batching, [2, 3], run=run)  # closes the first one's batch, and fills its own
    assert (first.result(), second.result()) == ([2], [4, 6])


def test_a_request_without_rows_does_not_wait_for_a_batch(scheduler, ask):
    assert ask(scheduler(batch_timeout_micros=_NEVER), []).result() == []


def test_a_request_that_the_graph_refuses_fails_alone(scheduler, ask, doubling, hold, eventually):
    batching = scheduler()
    hold(batching)
    good, bad, other = ask(batching, [1]), ask(batching, [-2]), ask(batching, [3])
    eventually(lambda: batching.num_queued == 3)
    doubling.may_run.set()
    assert (good.result(), other.result()) == ([2], [6])
    with pytest.raises(tf.errors.InvalidArgumentError, match="negative"):
        bad.result()
    assert sorted(map(len, doubling.batches)) == [1, 1, 1, 3]


def test_a_request_that_fails_is_told_nothing_of_those_it_met(scheduler, ask, doubling, hold, eventually):
    batching = scheduler()
    hold(batching)
    bad, good, worse = ask(batching, [-1]), ask(batching, [2]), ask(batching, [-3])
    eventually(lambda: batching.num_queued == 3)
    doubling.may_run.set()
    assert good.result() == [4]
    for failed, text in ((bad, "negative: [-1]"), (worse, "negative: [-3]")):
        assert code_and_message(failed.exception()) == (grpc.StatusCode.INVALID_ARGUMENT, text)
        assert failed.exception().__context__ is None


def test_requests_of_different_widths_fail_each_other_unless_they_are_padded(
    scheduler, ask, doubling, hold, eventually
):
    batching = scheduler()
    hold(batching)
    answers = [ask(batching, [[1, 2]]), ask(batching, [[3]])]
    eventually(lambda: batching.num_queued == 2)
    doubling.may_run.set()
    for answer in answers:
        with pytest.raises(StatusError, match="pad_variable_length_inputs") as caught:
            answer.result()
        assert caught.value.code == grpc.StatusCode.FAILED_PRECONDITION
    assert doubling.batches == []


def test_requests_of_different_widths_are_padded_if_asked_for(scheduler, ask, doubling, hold, eventually):
    batching = scheduler(pad_variable_length_inputs=True)
    hold(batching)
    answers = [ask(batching, [[1, 2]]), ask(batching, [[3]])]
    eventually(lambda: batching.num_queued == 2)
    doubling.may_run.set()
    assert [answer.result() for answer in answers] == [[[2, 4]], [[6, 6]]]


def test_an_empty_input_does_not_fail_the_requests_it_meets(scheduler, ask, doubling, hold, eventually):
    batching = scheduler(pad_variable_length_inputs=True)
    hold(batching)
    full, empty = ask(batching, [[1, 2]]), ask(batching, [[]])
    eventually(lambda: batching.num_queued == 2)
    doubling.may_run.set()
    assert (full.result(), empty.result()) == ([[2, 4]], [[]])


def test_a_full_queue_answers_unavailable(scheduler, ask, hold, eventually):
    batching = scheduler(max_batch_size=1, max_enqueued_batches=1)
    hold(batching)
    ask(batching, [1])
    eventually(lambda: batching.num_queued == 1)
    with pytest.raises(StatusError, match="currently 1 batches enqueued") as caught:
        ask(batching, [2]).result()
    assert caught.value.code == grpc.StatusCode.UNAVAILABLE


def test_a_request_whose_deadline_passes_leaves_the_queue(scheduler, ask, doubling, hold):
    batching = scheduler()
    held = hold(batching)
    with pytest.raises(StatusError, match="timeout exceeded while waiting in batching queue") as caught:
        ask(batching, [1], timeout=0.01).result()
    assert caught.value.code == grpc.StatusCode.RESOURCE_EXHAUSTED
    assert batching.num_queued == 0
    doubling.may_run.set()
    assert held.result() == [2000]
    assert doubling.batches == []


def test_a_batch_may_run_until_the_last_of_its_deadlines(scheduler, ask, doubling, hold, eventually):
    batching = scheduler()
    hold(batching)
    answers = [ask(batching, [1], timeout=_LONG), ask(batching, [2], timeout=10 * _LONG)]
    eventually(lambda: batching.num_queued == 2)
    doubling.may_run.set()
    for answer in answers:
        answer.result()
    assert 9 * _LONG < doubling.timeouts[-1] <= 10 * _LONG


def test_a_model_may_have_parameters_of_its_own_on_the_shared_threads(scheduler, ask, doubling):
    batching = scheduler(max_batch_size=8)
    small = batching.with_parameters(BatchingParameters(max_batch_size=2, allowed_batch_sizes=(2,)))
    assert ask(small, [1]).result() == [2]
    assert doubling.batches == [[1, 1]]
    with pytest.raises(StatusError, match="Task size 3 is larger than maximum input batch size 2"):
        ask(small, [1, 2, 3]).result()
    assert ask(batching, [1, 2, 3]).result() == [2, 4, 6]


def test_closing_answers_what_waits_and_refuses_what_comes_later(scheduler, ask, doubling, eventually):
    batching = scheduler(batch_timeout_micros=_NEVER)
    waiting = ask(batching, [1])
    eventually(lambda: batching.num_queued == 1)
    batching.close()
    assert waiting.result() == [2]
    with pytest.raises(StatusError, match="closed"):
        ask(batching, [2]).result()


def test_batches_are_counted(scheduler, ask):
    counted = Metrics()
    batching = scheduler(counted, max_batch_size=4, allowed_batch_sizes=(4,))
    ask(batching, [1, 2, 3]).result()
    rendered = counted.render().decode()
    prefix = ":tensorflow:serving:batching_session:"
    assert f"{prefix}input_batch_size_sum{{}} 3.0" in rendered
    assert f"{prefix}processed_batch_size_sum{{}} 4.0" in rendered
    assert f'{prefix}padding_size_sum{{execution_batch_size="4"}} 1.0' in rendered


def test_a_storm_of_requests_gets_every_answer_right(scheduler):
    batching = scheduler(max_batch_size=16, max_enqueued_batches=1000, num_batch_threads=4)
    double = _Doubling()

    def one(number: int) -> bool:
        values = np.arange(number, number + 1 + number % 3)
        outputs = batching.run(double, {"x": values}, ["y"], _LONG)
        return outputs["y"].tolist() == (2 * values).tolist()

    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        assert all(pool.map(one, range(2000)))
    assert max(map(len, double.batches)) <= 16
