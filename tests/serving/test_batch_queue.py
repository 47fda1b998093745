"""Which requests share a batch, when it is ready, and which are refused."""

import math

import grpc
import numpy as np
import pytest

from serving.batch_queue import BatchQueue, Task
from serving.batching_parameters import BatchingParameters
from serving.status import StatusError


def _task(rows: int, enqueued: float = 0.0, first: int = 0) -> Task:
    return Task({"x": np.arange(first, first + rows)}, rows, enqueued=enqueued)


def _queue(**parameters) -> BatchQueue:
    return BatchQueue(BatchingParameters(num_batch_threads=1, **parameters))


def _rows(tasks: list[Task]) -> list[int]:
    return [task.rows for task in tasks]


def test_requests_share_a_batch_up_to_its_largest_size():
    queue = _queue(max_batch_size=4)
    for rows in (2, 1, 3):
        queue.add(_task(rows))
    assert _rows(queue.pop()) == [2, 1]
    assert _rows(queue.pop()) == [3]


def test_a_batch_is_ready_when_its_first_request_has_waited_long_enough():
    queue = _queue(max_batch_size=4, batch_timeout_micros=1_500_000)
    assert queue.ready_at == math.inf
    queue.add(_task(1, enqueued=10.0))
    queue.add(_task(1, enqueued=11.0))
    assert queue.ready_at == 11.5


@pytest.mark.parametrize("sizes", [(4,), (2, 2), (3, 2)])
def test_a_full_batch_is_ready_at_once(sizes):
    queue = _queue(max_batch_size=4, batch_timeout_micros=1_500_000)
    for rows in sizes:
        queue.add(_task(rows, enqueued=10.0))
    assert queue.ready_at == -math.inf


def test_a_request_larger_than_a_batch_is_refused():
    with pytest.raises(StatusError, match="Task size 5 is larger than maximum input batch size 4") as caught:
        _queue(max_batch_size=4).add(_task(5))
    assert caught.value.code == grpc.StatusCode.INVALID_ARGUMENT


def test_a_full_queue_refuses_until_a_batch_is_taken():
    queue = _queue(max_batch_size=2, max_enqueued_batches=2)
    queue.add(_task(2))
    queue.add(_task(1))
    queue.add(_task(1))
    with pytest.raises(StatusError) as caught:
        queue.add(_task(1))
    assert caught.value.code == grpc.StatusCode.UNAVAILABLE
    assert str(caught.value) == (
        "The batch scheduling queue to which this task was submitted is full; currently 2 batches enqueued and "
        "max_enqueued_batches is 2"
    )
    queue.pop()
    queue.add(_task(1))


def test_a_withdrawn_request_makes_room():
    queue = _queue(max_batch_size=2, max_enqueued_batches=1)
    first, second = _task(1), _task(1)
    queue.add(first)
    queue.add(second)
    queue.remove(first)
    third = _task(1)
    queue.add(third)
    assert queue.pop() == [second, third]
    assert queue.ready_at == math.inf


def test_withdrawing_all_requests_of_a_closed_batch_takes_it_out_of_the_queue():
    queue = _queue(max_batch_size=2)
    closed, waiting = _task(2), _task(1)
    queue.add(closed)
    queue.add(waiting)
    queue.remove(closed)
    assert queue.pop() == [waiting]


def test_large_requests_are_split_to_fill_batches():
    queue = _queue(max_batch_size=8, enable_large_batch_splitting=True, max_execution_batch_size=3)
    queue.add(_task(1))
    parts = queue.add(_task(7, first=10))
    assert [part.feeds["x"].tolist() for part in parts] == [[10, 11], [12, 13, 14], [15, 16]]
    assert [_rows(queue.pop()) for _ in range(3)] == [[1, 2], [3], [2]]


def test_a_split_starts_with_a_batch_of_its_own_where_the_open_one_is_full():
    queue = _queue(max_batch_size=8, enable_large_batch_splitting=True, max_execution_batch_size=3)
    queue.add(_task(3))
    assert _rows(queue.add(_task(4))) == [3, 1]


def test_a_split_request_beyond_the_capacity_is_refused_whole():
    queue = _queue(
        max_batch_size=8, enable_large_batch_splitting=True, max_execution_batch_size=3, max_enqueued_batches=2
    )
    queue.add(_task(1))
    with pytest.raises(StatusError) as caught:
        queue.add(_task(6))
    assert caught.value.code == grpc.StatusCode.UNAVAILABLE
    assert str(caught.value) == (
        "The batch scheduling queue to which this task was submitted is full; task size is 6 but scheduling capacity "
        "is only 5 (num_enqueued_batches=1, max_enqueued_batches=2, open_batch_size=1, max_execution_batch_size=3)"
    )
    assert _rows(queue.pop()) == [1]
