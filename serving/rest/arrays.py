"""Nested JSON lists as arrays; all lists of one level must be of one length."""

import numpy as np

from serving.rest.document import quoted
from serving.rest.values import element, numpy_dtype
from serving.status import invalid

_MAX_RANK = 64  # numpy's


def to_array(value: object, dtype: int) -> np.ndarray:
    """Converts a value: a list, lists in a list and so on, or a lone element, which has rank 0.

    Args:
        value: parsed JSON.
        dtype: the `DataType` of the signature's input.

    Raises:
        StatusError: the lists are ragged or an element is of another type.
    """
    element_type = numpy_dtype(dtype)
    shape = _shape(value)
    if len(shape) > _MAX_RANK:
        raise invalid(f"a tensor has at most {_MAX_RANK} dimensions, but the lists are nested {len(shape)} deep")
    elements: list = []
    _collect(value, 0, shape, dtype, elements)
    array = np.empty(len(elements), element_type)
    array[:] = elements
    return array.reshape(shape)


def _shape(value: object) -> tuple[int, ...]:
    """The shape that the first element of each list promises."""
    shape = []
    while isinstance(value, list):
        shape.append(len(value))
        value = value[0] if value else None
    return tuple(shape)


def _collect(value: object, level: int, shape: tuple[int, ...], dtype: int, elements: list) -> None:
    """Appends the elements in order."""
    if not isinstance(value, list):
        if level != len(shape):
            raise invalid(
                f"JSON Value: {quoted(value)} found at incorrect level: {level + 1} in the JSON DOM. "
                f"Expected at level: {len(shape)}"
            )
        elements.append(element(value, dtype))
        return
    if level >= len(shape):
        raise invalid(f"Encountered list at unexpected level: {level} expected < {len(shape)}")
    if len(value) != shape[level]:
        raise invalid(
            f"Encountered list at unexpected size: {len(value)} at level: {level} expected size: {shape[level]}"
        )
    for item in value:
        _collect(item, level + 1, shape, dtype, elements)
