"""JSON values as elements of tensors, by the signature's types: the rules of `json_tensor.cc`."""

import base64
import binascii
import re

import grpc
import numpy as np
from tensorflow.core.framework import types_pb2

from serving.rest.document import quoted, type_name
from serving.status import StatusError, invalid
from serving.tensors import dtype_name

_INTEGERS = {
    types_pb2.DT_INT8: np.int8,
    types_pb2.DT_INT16: np.int16,
    types_pb2.DT_INT32: np.int32,
    types_pb2.DT_INT64: np.int64,
    types_pb2.DT_UINT8: np.uint8,
    types_pb2.DT_UINT32: np.uint32,
    types_pb2.DT_UINT64: np.uint64,
}
_DECIMALS = {types_pb2.DT_FLOAT: np.float32, types_pb2.DT_DOUBLE: np.float64}
_NUMPY_TYPES = {**_INTEGERS, **_DECIMALS, types_pb2.DT_STRING: object, types_pb2.DT_BOOL: np.bool_}
_BASE64_KEY = "b64"
_WHITESPACE = re.compile(r"\s+")


def numpy_dtype(dtype: int) -> type:
    """The element type of arrays of a `DataType`.

    Raises:
        StatusError: UNIMPLEMENTED, JSON stands for no such values.
    """
    if dtype not in _NUMPY_TYPES:
        raise StatusError(grpc.StatusCode.UNIMPLEMENTED, f"Conversion of JSON Values to type: {dtype_name(dtype)}")
    return _NUMPY_TYPES[dtype]


def element(value: object, dtype: int) -> bytes | bool | int | float:
    """Converts one value, which is no list.

    Raises:
        StatusError: it is of another type, or would lose precision.
    """
    if dtype == types_pb2.DT_STRING:
        if isinstance(value, str):
            return encoded(value)
        if isinstance(value, dict):
            return from_base64(value)
    elif dtype == types_pb2.DT_BOOL:
        if isinstance(value, bool):
            return value
    elif dtype in _DECIMALS:
        if isinstance(value, int | float) and not isinstance(value, bool):
            return decimal(value, dtype)
    elif type(value) is int:
        limits = np.iinfo(_INTEGERS[dtype])
        if limits.min <= value <= limits.max:
            return value
    raise invalid(f"JSON Value: {quoted(value)} Type: {type_name(value)} is not of expected type: {dtype_name(dtype)}")


def decimal(value: float, dtype: int) -> float:
    """Converts a number to a float or double.

    Raises:
        StatusError: it is a whole number of more digits than those hold, or too large.
    """
    limits = np.finfo(_DECIMALS[dtype])
    if isinstance(value, int) and -(2**63) <= value < 2**64:
        fits = abs(value) < 2 ** (limits.nmant + 1)
    else:
        fits = value != value or abs(value) == float("inf") or abs(value) <= float(limits.max)
    if not fits:
        raise invalid(f"Cannot convert JSON value: {quoted(value)} to {dtype_name(dtype)} without loss of precision.")
    return float(value)


def is_base64(value: object) -> bool:
    """Whether a value is {"b64": "..."}, which stands for bytes."""
    return isinstance(value, dict) and len(value) == 1 and isinstance(value.get(_BASE64_KEY), str)


def from_base64(value: object) -> bytes:
    """The bytes that {"b64": "..."} stands for; padding and white space are optional.

    Raises:
        StatusError: the object or its text is of another form.
    """
    if not is_base64(value):
        raise invalid(f"JSON Value: {quoted(value)} not formatted correctly for base64 data")
    text = _WHITESPACE.sub("", value[_BASE64_KEY]).rstrip("=")
    try:
        return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):  # the latter for characters beyond ASCII
        raise invalid("Unable to base64 decode") from None


def encoded(text: str) -> bytes:
    r"""The bytes of a string.

    Raises:
        StatusError: it contains half a surrogate pair, which "\ud800" alone is.
    """
    try:
        return text.encode()
    except UnicodeEncodeError:
        raise invalid("JSON Parse error: The surrogate pair in string is invalid.") from None
