"""Casts the shop's Arrow types to those of the data contract, without losing zeros, nulls or instants."""

import datetime

import pyarrow as pa
import pyarrow.compute as pc

from components.table_gen.contract import ARROW_TYPES, Kind

ACCEPTED_TYPES: dict[Kind, str] = {
    "key": "strings or integers",
    "timestamp": "timestamps, dates, integers (seconds UTC) or ISO 8601 strings",
    "string": "strings, integers or booleans",
    "number": "numbers or booleans",
    "duration": "numbers (seconds)",
    "propensity": "numbers",
    "flag": "booleans or integers",
}


def _is_string(arrow_type: pa.DataType) -> bool:
    return pa.types.is_string(arrow_type) or pa.types.is_large_string(arrow_type)


def _is_numeric(arrow_type: pa.DataType) -> bool:
    return (
        pa.types.is_integer(arrow_type)
        or pa.types.is_floating(arrow_type)
        or pa.types.is_decimal(arrow_type)
        or pa.types.is_boolean(arrow_type)
    )


def is_castable(arrow_type: pa.DataType, kind: Kind) -> bool:
    """Whether values of an Arrow type can stand in a column of a kind."""
    if pa.types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
    if pa.types.is_null(arrow_type):
        return True
    if kind == "key":
        return _is_string(arrow_type) or pa.types.is_integer(arrow_type)
    if kind == "string":
        return _is_string(arrow_type) or pa.types.is_integer(arrow_type) or pa.types.is_boolean(arrow_type)
    if kind == "timestamp":
        instant = pa.types.is_timestamp(arrow_type) or pa.types.is_date(arrow_type)
        return instant or pa.types.is_integer(arrow_type) or _is_string(arrow_type)
    if kind == "flag":
        return pa.types.is_integer(arrow_type) or pa.types.is_boolean(arrow_type)
    return _is_numeric(arrow_type)


def cast(array: pa.Array, kind: Kind) -> pa.Array:
    """Values of a castable type as the contract's type.

    Args:
        array: values of a type for which `is_castable` holds, dictionaries decoded.
        kind: what they mean.

    Returns:
        An array of `ARROW_TYPES[kind]`, as long as `array`. Null where `array` is null and where a string is no
        ISO 8601 instant. Fractions of a second are dropped; times without a zone are UTC.
    """
    if kind == "timestamp":
        return _seconds(array)
    # safe=False: a long integer may lose its last digits as a float. An unsigned one beyond int64 turns negative as a
    # flag or a timestamp, and the checks reject it.
    return array.cast(ARROW_TYPES[kind], safe=False)


def _seconds(array: pa.Array) -> pa.Array:
    if _is_string(array.type):
        distinct = array.dictionary_encode()
        seconds = [_parse(text) for text in distinct.dictionary.to_pylist()]
        return pa.array(seconds, pa.int64()).take(distinct.indices)
    if pa.types.is_date(array.type):
        array = array.cast(pa.timestamp("ms"))
    if pa.types.is_timestamp(array.type):
        utc = array.cast(pa.int64()).cast(pa.timestamp(array.type.unit))
        return pc.floor_temporal(utc, unit="second").cast(pa.timestamp("s")).cast(pa.int64())
    return array.cast(pa.int64(), safe=False)


def _parse(text: str | None) -> int | None:
    try:
        instant = datetime.datetime.fromisoformat(text.strip())
    except (AttributeError, ValueError):
        return None
    if instant.tzinfo is None:
        instant = instant.replace(tzinfo=datetime.UTC)
    return int(instant.timestamp() // 1)
