"""Request batching with the semantics of TensorFlow Serving.

Requests that feed and fetch the same tensors of the same version wait in one queue; a batch of them is closed when it
is full or its oldest request has waited long enough, and one of the batch threads, which all models share, runs it.
The rules and texts are those of `SharedBatchScheduler` and `BatchingSession` of TensorFlow Serving 2.19, save that
here a request leaves the queue when its deadline passes, and that a request which the graph refuses fails alone.

TensorFlow's own `BatchFunction` operation wraps the same C++ scheduler, but would be a different product: it computes
all outputs whatever the filter, pads no inner dimensions, keeps expired requests, and fails a batch as a whole.
"""

import concurrent.futures
import math
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol

import grpc
import numpy as np
import tensorflow as tf

from serving import merging
from serving.batch_queue import BatchQueue, Task
from serving.batching_parameters import BatchingParameters
from serving.metrics import Metrics
from serving.status import StatusError

Run = Callable[[Mapping[str, np.ndarray], Sequence[str], float], dict[str, np.ndarray]]


class Batching(Protocol):
    """Runs requests together with others; see `BatchScheduler.run`."""

    def run(
        self, run: Run, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], timeout: float
    ) -> dict[str, np.ndarray]:
        """Waits for the outputs of a request."""


class _Key(NamedTuple):
    """What requests must have in common to share a batch."""

    parameters: BatchingParameters
    run: Run
    feeds: frozenset[str]
    fetches: frozenset[str]


class BatchScheduler:
    """The queues of all signatures of all models, and the threads that run their batches."""

    def __init__(self, parameters: BatchingParameters, metrics: Metrics | None = None):
        """Starts the threads; `close` ends them."""
        self._parameters = parameters
        self._metrics = metrics or Metrics()
        self._changed = threading.Condition()  # guards the two fields below
        self._queues: dict[_Key, BatchQueue] = {}  # those with requests; the first is served next
        self._closed = False
        self._threads = [
            threading.Thread(target=self._work, name=f"{parameters.thread_pool_name}-{number}", daemon=True)
            for number in range(parameters.num_batch_threads)
        ]
        for thread in self._threads:
            thread.start()

    def with_parameters(self, parameters: BatchingParameters) -> Batching:
        """Batches a model by parameters of its own on these threads, whose number and name stay as they are."""
        return _ModelBatching(self, parameters)

    def run(
        self,
        run: Run,
        feeds: Mapping[str, np.ndarray],
        fetches: Sequence[str],
        timeout: float,
        parameters: BatchingParameters | None = None,
    ) -> dict[str, np.ndarray]:
        """Runs a request in a batch with others, and waits for its outputs.

        Args:
            run: computes the fetches of a batch within a timeout in seconds; requests share a batch only if it is
                the same.
            feeds: arrays by tensor name, all with the request's rows as their first dimension.
            fetches: names of the tensors to compute.
            timeout: seconds.
            parameters: how to batch; None for the scheduler's own.

        Raises:
            StatusError: the request cannot be batched, the queue is full, or the time was up before its batch ran.
            Exception: what `run` raises.
        """
        rows = merging.rows_of(feeds)
        if not rows:  # in a queue it would wait until others fill its batch
            return run(feeds, fetches, timeout)
        deadline = time.monotonic() + timeout
        key = _Key(parameters or self._parameters, run, frozenset(feeds), frozenset(fetches))
        tasks = self._enqueue(key, Task(feeds, rows, deadline))
        try:
            answers = [task.answer.result(_seconds_until(deadline)) for task in tasks]
        except TimeoutError:
            self._withdraw(key, tasks)
            answers = [_outputs(task) for task in tasks]  # what runs already is waited for: its batch knows when to end
        return answers[0] if len(answers) == 1 else merging.merge(answers)

    @property
    def num_queued(self) -> int:
        """How many requests wait for their batch to run."""
        with self._changed:
            return sum(len(queue) for queue in self._queues.values())

    def close(self) -> None:
        """Runs what is queued, then ends the threads."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for thread in self._threads:
            thread.join()

    def _enqueue(self, key: _Key, task: Task) -> list[Task]:
        with self._changed:
            if self._closed:
                raise StatusError(grpc.StatusCode.UNAVAILABLE, "The batch scheduler is closed")
            queue = self._queues.get(key) or BatchQueue(key.parameters)
            ready_at = queue.ready_at
            tasks = queue.add(task)
            self._queues[key] = queue
            if queue.ready_at != ready_at:
                self._changed.notify()
        self._metrics.observe_queued(task.rows)
        return tasks

    def _withdraw(self, key: _Key, tasks: list[Task]) -> None:
        """Takes what does not run yet out of its queue."""
        with self._changed:
            for task in tasks:
                if task.answer.cancel() and key in self._queues:
                    self._queues[key].remove(task)
                    if not self._queues[key]:
                        del self._queues[key]

    def _work(self) -> None:
        """What a batch thread does."""
        while (taken := self._next_batch()) is not None:
            key, tasks = taken
            waiting = [task for task in tasks if task.answer.set_running_or_notify_cancel()]
            expired = [task for task in waiting if task.deadline <= time.monotonic()]
            for task in expired:
                task.answer.set_exception(_expired())
            if len(waiting) > len(expired):
                self._answer(key, [task for task in waiting if task not in expired])

    def _next_batch(self) -> tuple[_Key, list[Task]] | None:
        """Waits for a batch that is to be run now; None once the scheduler is closed and nothing is left."""
        with self._changed:
            while True:
                ready = {key: queue.ready_at for key, queue in self._queues.items()}
                now = math.inf if self._closed else time.monotonic()
                key = next((key for key, ready_at in ready.items() if ready_at <= now), None)
                if key is not None:
                    queue = self._queues.pop(key)
                    tasks = queue.pop()
                    if queue:
                        self._queues[key] = queue  # behind the others, so that every queue has its turn
                    if self._queues:
                        self._changed.notify()  # `_enqueue` woke one thread, whatever was queued since
                    return key, tasks
                if self._closed:
                    return None
                self._changed.wait(_seconds_until(min(ready.values(), default=math.inf)))

    def _answer(self, key: _Key, tasks: list[Task]) -> None:
        """Runs a batch. If the graph refuses it, each request is tried alone, so that only the culprit fails."""
        if not self._answered_together(key, tasks):
            for task in tasks:
                self._answered_together(key, [task])

    def _answered_together(self, key: _Key, tasks: list[Task]) -> bool:
        """Runs a batch; answers none of its requests if a single one may be to blame for an error."""
        try:
            answers = self._run_batch(key, tasks)
        except Exception as error:
            if len(tasks) > 1 and not _concerns_all(error):
                return False
            for task in tasks:
                task.answer.set_exception(error)
            return True
        for task, outputs in zip(tasks, answers, strict=True):
            task.answer.set_result(outputs)
        return True

    def _run_batch(self, key: _Key, tasks: list[Task]) -> list[dict[str, np.ndarray]]:
        started = time.monotonic()
        rows = [task.rows for task in tasks]
        padded_rows = key.parameters.padded_size(sum(rows))
        padding_rows = padded_rows - sum(rows)
        waited = [started - task.enqueued for task in tasks]
        self._metrics.observe_batch(self._parameters.thread_pool_name, waited, sum(rows), padded_rows)
        feeds = merging.merge([task.feeds for task in tasks], padding_rows, key.parameters.pad_variable_length_inputs)
        latest = max(task.deadline for task in tasks)
        outputs = key.run(feeds, sorted(key.fetches), latest - started)
        return merging.split(outputs, rows, padding_rows)


class _ModelBatching(NamedTuple):
    """A scheduler, and the parameters of one model."""

    scheduler: BatchScheduler
    parameters: BatchingParameters

    def run(
        self, run: Run, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], timeout: float
    ) -> dict[str, np.ndarray]:
        """See `Batching`."""
        return self.scheduler.run(run, feeds, fetches, timeout, self.parameters)


def _outputs(task: Task) -> dict[str, np.ndarray]:
    try:
        return task.answer.result()
    except concurrent.futures.CancelledError:
        raise _expired() from None


def _seconds_until(moment: float) -> float:
    return min(max(0.0, moment - time.monotonic()), threading.TIMEOUT_MAX)


def _expired() -> StatusError:
    return StatusError(grpc.StatusCode.RESOURCE_EXHAUSTED, "Run() timeout exceeded while waiting in batching queue")


def _concerns_all(error: Exception) -> bool:
    """Whether no single request of a batch is to blame: none fits the others, or the time of all is up."""
    if isinstance(error, StatusError):
        return error.code == grpc.StatusCode.FAILED_PRECONDITION
    return isinstance(error, tf.errors.DeadlineExceededError)
