"""The requests that wait to be batched with each other; knows no threads.

All batches but the last are closed. The rules and texts are those of TensorFlow's `shared_batch_scheduler.h`.
"""

import concurrent.futures
import dataclasses
import itertools
import math
import time
from collections import deque
from collections.abc import Iterator, Mapping

import grpc
import numpy as np

from serving.batching_parameters import BatchingParameters
from serving.status import StatusError

_MICROSECONDS = 1e6


@dataclasses.dataclass(eq=False)
class Task:
    """A request that waits, or the part of it that goes into one batch; times are those of `time.monotonic`.

    Attributes:
        feeds: arrays by tensor name.
        rows: the size of their first dimension.
        deadline: when its caller loses interest.
        enqueued: when it came.
        answer: will hold the outputs by tensor name.
    """

    feeds: Mapping[str, np.ndarray]
    rows: int
    deadline: float = math.inf
    enqueued: float = dataclasses.field(default_factory=time.monotonic)
    answer: concurrent.futures.Future = dataclasses.field(default_factory=concurrent.futures.Future)


@dataclasses.dataclass
class _Batch:
    tasks: list[Task] = dataclasses.field(default_factory=list)
    rows: int = 0


class BatchQueue:
    """Batches of requests that may be run together."""

    def __init__(self, parameters: BatchingParameters):
        self._parameters = parameters
        self._batches = deque([_Batch()])

    def __len__(self) -> int:
        return sum(len(batch.tasks) for batch in self._batches)

    @property
    def ready_at(self) -> float:
        """When the first batch is to be run, by `time.monotonic`; infinity if there is none."""
        first = self._batches[0]
        if not first.tasks:
            return math.inf
        if len(self._batches) > 1 or first.rows >= self._parameters.execution_batch_size:
            return -math.inf
        return first.tasks[0].enqueued + self._parameters.batch_timeout_micros / _MICROSECONDS

    def add(self, task: Task) -> list[Task]:
        """Accepts a request; gives its parts, or itself if it was not split.

        Raises:
            StatusError: INVALID_ARGUMENT if it is too large for any batch, UNAVAILABLE if the queue is full.
        """
        self._check_capacity(task.rows)
        parts = list(self._parts(task))
        for part in parts:
            if self._batches[-1].rows + part.rows > self._parameters.execution_batch_size:
                self._batches.append(_Batch())
            self._batches[-1].tasks.append(part)
            self._batches[-1].rows += part.rows
        return parts

    def pop(self) -> list[Task]:
        """Takes the first batch out."""
        batch = self._batches.popleft()
        if not self._batches:
            self._batches.append(_Batch())
        return batch.tasks

    def remove(self, task: Task) -> None:
        """Takes a request out, if it is still there."""
        for batch in self._batches:
            if task in batch.tasks:
                batch.tasks.remove(task)
                batch.rows -= task.rows
                if not batch.tasks and len(self._batches) > 1:
                    self._batches.remove(batch)
                return

    def _check_capacity(self, rows: int) -> None:
        parameters = self._parameters
        if rows > parameters.max_batch_size:
            raise StatusError(
                grpc.StatusCode.INVALID_ARGUMENT,
                f"Task size {rows} is larger than maximum input batch size {parameters.max_batch_size}",
            )
        queued, open_rows = len(self._batches), self._batches[-1].rows
        full = "The batch scheduling queue to which this task was submitted is full; "
        if parameters.enable_large_batch_splitting:
            capacity = (parameters.max_enqueued_batches - queued + 1) * parameters.execution_batch_size - open_rows
            if rows > capacity:
                raise StatusError(
                    grpc.StatusCode.UNAVAILABLE,
                    f"{full}task size is {rows} but scheduling capacity is only {capacity} "
                    f"(num_enqueued_batches={queued}, max_enqueued_batches={parameters.max_enqueued_batches}, "
                    f"open_batch_size={open_rows}, max_execution_batch_size={parameters.execution_batch_size})",
                )
        elif open_rows + rows > parameters.max_batch_size and queued >= parameters.max_enqueued_batches:
            raise StatusError(
                grpc.StatusCode.UNAVAILABLE,
                f"{full}currently {queued} batches enqueued and max_enqueued_batches is "
                f"{parameters.max_enqueued_batches}",
            )

    def _parts(self, task: Task) -> Iterator[Task]:
        """The request, cut where the open batch and each one after it are full if splitting is enabled."""
        largest = self._parameters.execution_batch_size
        room = largest - self._batches[-1].rows
        if task.rows <= room or not self._parameters.enable_large_batch_splitting:
            yield task
            return
        cuts = [0, *range(room or largest, task.rows, largest), task.rows]
        for start, end in itertools.pairwise(cuts):
            feeds = {name: array[start:end] for name, array in task.feeds.items()}
            yield Task(feeds, end - start, task.deadline, task.enqueued)
