"""How requests are batched: the file of `--batching_parameters_file`, with TensorFlow Serving's names and defaults.

max_batch_size { value: 32 }
batch_timeout_micros { value: 2000 }
allowed_batch_sizes: 8
allowed_batch_sizes: 32
pad_variable_length_inputs: true
"""

import dataclasses
import os
import pathlib

from serving import batching_parameters_pb2, text_proto


@dataclasses.dataclass(frozen=True)
class BatchingParameters:
    """TensorFlow Serving's parameters of request batching (`session_bundle_config.proto`).

    Attributes:
        max_batch_size: rows that a request, and a batch unless they are split, may have.
        batch_timeout_micros: microseconds that a request waits for others before its batch runs as it is.
        max_enqueued_batches: batches of one signature that may wait; a request beyond them is refused.
        num_batch_threads: batches that may run at a time, over all models.
        thread_pool_name: name of the threads, and label of the queueing metric.
        allowed_batch_sizes: sizes to which a batch is padded up, ascending; none leaves batches as they are.
        pad_variable_length_inputs: whether requests of different inner dimensions are padded to the largest of each;
            otherwise they fail if they meet in a batch.
        enable_large_batch_splitting: whether the rows of a request may be spread over several batches.
        max_execution_batch_size: rows of a batch where requests are split; None for `max_batch_size`.

    Raises:
        ValueError: a value makes no sense; the message names its field.
    """

    max_batch_size: int = 1000
    batch_timeout_micros: int = 0
    max_enqueued_batches: int = 10
    num_batch_threads: int = dataclasses.field(default_factory=lambda: os.cpu_count() or 1)
    thread_pool_name: str = "model_server_batch_threads"
    allowed_batch_sizes: tuple[int, ...] = ()
    pad_variable_length_inputs: bool = False
    enable_large_batch_splitting: bool = False
    max_execution_batch_size: int | None = None

    def __post_init__(self):
        for field in ("max_batch_size", "max_enqueued_batches", "num_batch_threads"):
            if getattr(self, field) < 1:
                raise ValueError(f"{field} must be positive; was {getattr(self, field)}")
        if self.batch_timeout_micros < 0:
            raise ValueError(f"batch_timeout_micros must be non-negative; was {self.batch_timeout_micros}")
        if self.max_execution_batch_size is not None:
            if not self.enable_large_batch_splitting:
                raise ValueError("max_execution_batch_size needs enable_large_batch_splitting")
            if not 1 <= self.max_execution_batch_size <= self.max_batch_size:
                raise ValueError(
                    f"max_execution_batch_size must be at least 1 and at most max_batch_size, which is "
                    f"{self.max_batch_size}; was {self.max_execution_batch_size}"
                )
        self._check_allowed_sizes()

    @property
    def execution_batch_size(self) -> int:
        """The rows that a batch may have."""
        return self.max_execution_batch_size or self.max_batch_size

    def padded_size(self, rows: int) -> int:
        """The rows of a batch once it is padded to an allowed size."""
        return next((size for size in self.allowed_batch_sizes if size >= rows), rows)

    def _check_allowed_sizes(self) -> None:
        sizes = self.allowed_batch_sizes
        if not sizes:
            return
        if sizes[-1] != self.max_batch_size:
            raise ValueError(
                "Last entry in allowed_batch_sizes must match max_batch_size; last entry was "
                f"{sizes[-1]}; expected {self.max_batch_size}"
            )
        if sizes[0] < 1 or list(sizes) != sorted(set(sizes)):
            raise ValueError(f"allowed_batch_sizes must be positive and ascending; were {list(sizes)}")


def read(path: str | pathlib.Path) -> BatchingParameters:
    """Reads a text protocol buffer of BatchingParameters; fields that are not there keep their defaults.

    Raises:
        OSError: the file cannot be read.
        text_proto.ConfigFileError: it is no such message or a value makes no sense; the message names file and field.
    """
    message = text_proto.read(path, batching_parameters_pb2.BatchingParameters)
    try:
        return BatchingParameters(**{field.name: _plain(value) for field, value in message.ListFields()})
    except ValueError as error:
        raise text_proto.ConfigFileError(f"{path}: {error}") from None


def _plain(value):
    """The Python value of a field: of a wrapper message, a list, or a scalar."""
    if hasattr(value, "DESCRIPTOR"):
        return value.value
    return value if isinstance(value, bool) else tuple(value)
