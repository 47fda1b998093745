"""Several requests as one batch: inputs are put together along the first dimension, outputs are taken apart again.

The rules and texts are those of TensorFlow Serving 2.19 (`batching_session.cc`, `batching_util.cc`).
"""

from collections.abc import Mapping, Sequence

import grpc
import numpy as np

from serving.status import StatusError, invalid

Arrays = Mapping[str, np.ndarray]  # by tensor name


def rows_of(inputs: Arrays) -> int:
    """The common size of the first dimension.

    Raises:
        StatusError: INVALID_ARGUMENT, if there is none.
    """
    if not inputs:
        raise invalid("Batching Run() must have at least one input tensor")
    if any(not array.ndim for array in inputs.values()):
        raise invalid("Batching Run() input tensors must have at least one dimension")
    sizes = {len(array) for array in inputs.values()}
    if len(sizes) > 1:
        raise invalid("Batching Run() input tensors must have equal 0th-dimension size")
    return sizes.pop()


def merge(
    requests: Sequence[Arrays], padding_rows: int = 0, pad_variable_length: bool = False
) -> dict[str, np.ndarray]:
    """Puts the inputs of requests together.

    Args:
        requests: inputs of the same names and dtypes.
        padding_rows: copies of the last request's first row that are appended.
        pad_variable_length: whether inputs are first padded to the largest of each dimension but the first, with their
            own first element.

    Raises:
        StatusError: FAILED_PRECONDITION if shapes differ beyond the first dimension and are not padded,
            INVALID_ARGUMENT if an empty input would have to be padded.
    """
    merged = {}
    for name in requests[0]:
        parts = [request[name] for request in requests]
        if any(part.shape[1:] != parts[0].shape[1:] for part in parts):
            if not pad_variable_length or any(part.ndim != parts[0].ndim for part in parts):
                raise _differing_shapes(name)
            parts = _padded(parts)
        if padding_rows:
            parts.append(np.repeat(parts[-1][:1], padding_rows, axis=0))
        merged[name] = np.concatenate(parts) if len(parts) > 1 else parts[0]
    return merged


def split(outputs: Arrays, rows: Sequence[int], padding_rows: int = 0) -> list[dict[str, np.ndarray]]:
    """Takes the outputs of a batch apart.

    Args:
        outputs: of the whole batch.
        rows: of each request, in the order in which they were merged.
        padding_rows: that follow, and belong to nobody.

    Raises:
        StatusError: FAILED_PRECONDITION, if an output has not a row for each row of the batch.
    """
    for output in outputs.values():
        if not np.ndim(output):
            raise _cannot_be_split("Batched output tensor has 0 dimensions")
        if len(output) != sum(rows) + padding_rows:
            raise _cannot_be_split(
                "Batched output tensor's 0th dimension does not equal the sum of the 0th dimension sizes of the input "
                "tensors"
            )
    ends = np.cumsum(rows).tolist()
    return [
        {name: output[end - size : end] for name, output in outputs.items()}
        for size, end in zip(rows, ends, strict=True)
    ]


def _padded(parts: list[np.ndarray]) -> list[np.ndarray]:
    """Pads to the largest of each dimension but the first."""
    largest = [max(sizes) for sizes in zip(*(part.shape[1:] for part in parts), strict=True)]
    padded = []
    for part in parts:
        shape = (len(part), *largest)
        if part.shape == shape:
            padded.append(part)
            continue
        if not part.size:
            raise invalid("Got empty tensor in batch of non-empty tensors.")
        whole = np.full(shape, part.flat[0], part.dtype)
        whole[tuple(slice(size) for size in part.shape)] = part
        padded.append(whole)
    return padded


def _cannot_be_split(message: str) -> StatusError:
    return StatusError(grpc.StatusCode.FAILED_PRECONDITION, message)


def _differing_shapes(name: str) -> StatusError:
    return StatusError(
        grpc.StatusCode.FAILED_PRECONDITION,
        f"Tensors with name '{name}' from different tasks have different shapes and padding is turned off."
        "Set pad_variable_length_inputs to true, or ensure that all tensors with the same name"
        "have equal dimensions starting with the first dim.",
    )
