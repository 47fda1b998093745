"""JSON documents as TensorFlow Serving reads and quotes them (`json_tensor.cc`, over RapidJSON).

NaN, Infinity and -Infinity are numbers. Whole numbers that no 64 bits hold count as decimals.
"""

import json
import math

from serving.status import StatusError, invalid

_LONGEST_QUOTE = 1024  # characters of the request that a message repeats
_QUOTING = json.JSONEncoder(indent=4, ensure_ascii=False)

# RapidJSON's words for what Python's parser finds, by the beginning of Python's message.
_PARSE_ERRORS = {
    "Expecting value": "Invalid value.",
    "Expecting property name": "Missing a name for object member.",
    "Expecting ':'": "Missing a colon after a name of object member.",
    "Expecting ','": "Missing a comma, } or ] after a member or element.",
    "Extra data": "The document root must not be followed by other values.",
    "Unterminated string": "Missing a closing quotation mark in string.",
    "Invalid \\escape": "Invalid escape character in string.",
    "Invalid \\uXXXX": "Incorrect hex digit after \\u escape in string.",
    "Invalid control character": "Invalid encoding in string.",
}
_TYPES = {type(None): "Null", dict: "Object", list: "Array", str: "String", int: "Number", float: "Number"}


def parse(body: bytes) -> dict:
    """Reads the object that every request is.

    Raises:
        StatusError: it is not JSON, not UTF-8 or no object.
    """
    if not body:
        raise _parse_error("The document is empty")
    try:
        text = body.decode("utf-8-sig")
        document = json.loads(text, parse_float=_finite)
    except UnicodeDecodeError as error:
        raise _parse_error(f"Invalid encoding in string. at offset: {error.start}") from None
    except json.JSONDecodeError as error:
        words = next((ours for theirs, ours in _PARSE_ERRORS.items() if error.msg.startswith(theirs)), error.msg)
        raise _parse_error(f"{words} at offset: {len(text[: error.pos].encode())}") from None
    except ValueError:  # raised by `_finite`, or by Python for its limit on the digits of a whole number
        raise _parse_error("Number too big to be stored in double.") from None
    except RecursionError:
        raise _parse_error("The document is nested too deeply.") from None
    if not isinstance(document, dict):
        raise format_error(document, "Is not object")
    return document


def type_name(value: object) -> str:
    """What JSON calls a value's type."""
    if isinstance(value, bool):
        return "True" if value else "False"
    return _TYPES[type(value)]


def quoted(value: object) -> str:
    """A value as messages repeat it: only the beginning if it is long, since it may be as long as the request."""
    text = ""
    try:
        for part in _QUOTING.iterencode(value):
            text += part
            if len(text) > _LONGEST_QUOTE:
                return text[:_LONGEST_QUOTE] + "..."
    except RecursionError:
        return text + "..."
    return text


def format_error(value: object, problem: str) -> StatusError:
    """A value that is not of the form that is wanted."""
    return invalid(f"JSON Value: {quoted(value)} {problem}")


def _finite(text: str) -> float:
    value = float(text)
    if math.isinf(value):
        raise ValueError(text)
    return value


def _parse_error(problem: str) -> StatusError:
    return invalid(f"JSON Parse error: {problem}")
