"""The body of a classify or regress request: Examples as JSON objects, and the context that they share.

Strings and {"b64": ...} become bytes, whole numbers and booleans int64, decimals float; a feature is of one kind.
"""

import tensorflow as tf
from tensorflow.core.framework import types_pb2
from tensorflow_serving.apis import input_pb2

from serving.rest.document import format_error, type_name
from serving.rest.values import decimal, encoded, from_base64, is_base64
from serving.status import invalid

_CONTEXT = "context"
_EXAMPLES = "examples"
_KIND_NAMES = {"bytes_list": "bytes", "float_list": "float", "int64_list": "int64"}
_INT64 = range(-(2**63), 2**63)
_UINT64 = range(2**64)


def example_input(document: dict) -> input_pb2.Input:
    """Reads the Examples.

    Raises:
        StatusError: the body is of another form.
    """
    request_input = input_pb2.Input()
    examples = request_input.example_list.examples
    if _CONTEXT in document:
        with_context = request_input.example_list_with_context
        with_context.context.CopyFrom(_example(document[_CONTEXT]))
        examples = with_context.examples
    if _EXAMPLES not in document:
        raise format_error(document, f"When method is classify, key '{_EXAMPLES}' is expected and was not found")
    values = document[_EXAMPLES]
    if not isinstance(values, list):
        raise format_error(document, f"Expecting '{_EXAMPLES}' value to be an list/array")
    if not values:
        raise format_error(document, f"'{_EXAMPLES}' value is an empty array")
    examples.extend(_example(value) for value in values)
    return request_input


def _example(value: object) -> tf.train.Example:
    if not isinstance(value, dict):
        raise invalid(f"Example must be JSON object but got JSON {type_name(value)}")
    example = tf.train.Example()
    for name, content in value.items():
        feature = example.features.feature[encoded(name).decode()]
        for item in content if isinstance(content, list) else [content]:
            _add(feature, item, name)
    return example


def _add(feature: tf.train.Feature, value: object, name: str) -> None:
    """Adds a value to the list of its kind, which must be the feature's kind."""
    kind, converted = _converted(value, name)
    present = feature.WhichOneof("kind")
    if present not in (None, kind):
        raise invalid(f"Unexpected element type in feature: {name} expecting type: {_KIND_NAMES[present]}")
    getattr(feature, kind).value.append(converted)


def _converted(value: object, name: str) -> tuple[str, bytes | float | int]:
    """A value's kind, and itself as that kind holds it."""
    match value:
        case bool():
            return "int64_list", int(value)
        case int() if value in _INT64:
            return "int64_list", value
        case int() if value in _UINT64:
            raise invalid(f"Feature: {name} has uint64 element. Only int64 is supported.")
        case int() | float():
            return "float_list", decimal(value, types_pb2.DT_FLOAT)
        case str():
            return "bytes_list", encoded(value)
        case dict() if is_base64(value):
            return "bytes_list", from_base64(value)
    raise invalid(f"Feature: {name} has element with unexpected JSON type: {type_name(value)}")
