"""What the client asks, from plain Python values to the tensors of a request with one row.

A value becomes a tensor of shape [1], and a tuple of values one of shape [1, n].

Histories and exclusions begin with the empty item, which the model ignores. TensorFlow Serving, when it batches with
`pad_variable_length_inputs`, pads shorter rows with the first value of their tensor, and lets no empty row into a batch
with others (`batching_util.cc`): so the padding is neutral, and no row is empty.
"""

import dataclasses
import numbers
import time
from collections.abc import Mapping, Sequence

from serving.client import wire_pb2

_CONTEXT_PREFIX = "context_"


@dataclasses.dataclass(frozen=True)
class Event:
    """Something that the shopper did: with which item, when (seconds UTC), and what, such as "purchase"."""

    item_id: str
    timestamp: int
    event: str


_PADDING_ITEM = ""
_PADDING_EVENT = Event(_PADDING_ITEM, 0, "")


class UnknownContext(ValueError):
    """A context key that the model does not take."""


@dataclasses.dataclass(frozen=True)
class _Kind:
    """What the values of a dtype are in Python, and the field of a TensorProto that holds them."""

    field: str
    python_type: type
    name: str


_KINDS = {
    wire_pb2.DT_FLOAT: _Kind("float_val", numbers.Real, "a number"),
    wire_pb2.DT_INT32: _Kind("int_val", numbers.Integral, "a whole number"),
    wire_pb2.DT_INT64: _Kind("int64_val", numbers.Integral, "a whole number"),
    wire_pb2.DT_STRING: _Kind("string_val", str, "a string"),
}


def shopper(user_id: str, history: Sequence[Event], scene: str, timestamp: int | None) -> dict[str, object]:
    """The inputs that every personal signature has; `timestamp` None is now."""
    events = (_PADDING_EVENT, *history)
    return {
        "user_id": user_id,
        "history_item_ids": tuple(event.item_id for event in events),
        "history_timestamps": tuple(event.timestamp for event in events),
        "history_events": tuple(event.event for event in events),
        "scene": scene,
        "timestamp": int(time.time()) if timestamp is None else timestamp,
    }


def excluded(ids: Sequence[str]) -> tuple[str, ...]:
    """The items that must not be in a list; raises as `item_ids`."""
    return (_PADDING_ITEM, *item_ids("exclude", ids))


def item_ids(name: str, ids: Sequence[str]) -> tuple[str, ...]:
    """Several items.

    Raises:
        TypeError: `ids` is one string, which is a sequence too, of its characters.
    """
    if isinstance(ids, str):
        raise TypeError(f"{name} must be a sequence of item ids, not the string {ids!r}")
    return tuple(ids)


def length(k: int) -> int:
    """The length of a list.

    Raises:
        ValueError: it is not positive.
    """
    if isinstance(k, numbers.Integral) and k < 1:
        raise ValueError(f"k is the length of the list and must be at least 1, not {k}")
    return k


def context_inputs(context: Mapping[str, str | float], dtypes: Mapping[str, int]) -> dict[str, object]:
    """The values of a signature's context inputs; what is left out is missing, "" or NaN.

    Args:
        context: values by the names of the context features.
        dtypes: the `DataType` of every input of the signature.

    Raises:
        UnknownContext: the signature has no such input.
    """
    accepted = [name.removeprefix(_CONTEXT_PREFIX) for name in sorted(dtypes) if name.startswith(_CONTEXT_PREFIX)]
    if unknown := sorted(set(context) - set(accepted)):
        raise UnknownContext(
            f"the model has no context feature {', '.join(map(repr, unknown))}; "
            f"it accepts {', '.join(map(repr, accepted)) or 'none'}"
        )
    missing = {name: "" if dtypes[_CONTEXT_PREFIX + name] == wire_pb2.DT_STRING else float("nan") for name in accepted}
    return {_CONTEXT_PREFIX + name: value for name, value in (missing | dict(context)).items()}


def encode(name: str, value: object, dtype: int) -> wire_pb2.TensorProto:
    """Writes a value, or a tuple of values, as a tensor with one row.

    Args:
        name: what it is, for messages.
        value: strings for DT_STRING, whole numbers for DT_INT32 and DT_INT64, numbers for DT_FLOAT.
        dtype: a `DataType`.

    Raises:
        TypeError: a value is of another type, or the dtype is none that requests have.
        ValueError: a value cannot be written in its type.
    """
    if dtype not in _KINDS:
        raise TypeError(f"{name}: the model wants a dtype that requests do not have ({dtype})")
    kind = _KINDS[dtype]
    values, shape = (value, (1, len(value))) if isinstance(value, tuple) else ((value,), (1,))
    for one in values:
        if not isinstance(one, kind.python_type):
            advice = ": convert it with str()" if kind.python_type is str else ""
            raise TypeError(f"{name} must be {kind.name}, not {one!r}{advice}")
    tensor = wire_pb2.TensorProto(dtype=dtype)
    tensor.tensor_shape.dim.extend(wire_pb2.TensorShapeProto.Dim(size=size) for size in shape)
    try:
        written = [one.encode() for one in values] if kind.python_type is str else values
        getattr(tensor, kind.field).extend(written)
    except ValueError as error:  # a lone surrogate, or more than 32 or 64 bits
        raise ValueError(f"{name} cannot be sent: {error}") from None
    return tensor
