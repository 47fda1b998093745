"""The bodies of answers, the shapes of TensorFlow Serving's `json_tensor.cc` and `http_rest_api_util.cc`."""

import json
from collections.abc import Mapping

import numpy as np
from google.protobuf import json_format
from google.protobuf.message import Message
from tensorflow_serving.apis import (
    classification_pb2,
    get_model_metadata_pb2,
    get_model_status_pb2,
    regression_pb2,
)

from serving.rest.numbers import array_text, decimal_texts
from serving.status import invalid

_BYTES_SUFFIX = "_bytes"  # of outputs whose strings are no texts


def predictions(outputs: Mapping[str, np.ndarray], by_row: bool) -> str:
    """The answer to predict: values if there is one output, else objects of values by output name.

    Raises:
        StatusError: the outputs are not batched alike, so that there are no rows.
    """
    if not by_row:
        columns = {name: _text(name, outputs[name]) for name in sorted(outputs)}
        return f'{{"outputs": {_value(columns)}}}'
    sizes = {}
    for name in sorted(outputs):
        if not outputs[name].ndim:
            raise invalid(f"Tensor name: {name} has no shape information ")
        sizes[name] = len(outputs[name])
        expected = next(iter(sizes.values()))
        if sizes[name] != expected:
            raise invalid(f"Tensor name: {name} has inconsistent batch size: {sizes[name]} expecting: {expected}")
    rows = [
        _value({name: _text(name, outputs[name][row : row + 1].reshape(outputs[name].shape[1:])) for name in sizes})
        for row in range(expected)
    ]
    return f'{{"predictions": [{", ".join(rows)}]}}'


def classifications(result: classification_pb2.ClassificationResult) -> str:
    """A list of [label, score] for each Example."""
    rows = []
    for row in result.classifications:
        labels = [json.dumps(item.label, ensure_ascii=False) for item in row.classes]
        scores = decimal_texts(np.array([item.score for item in row.classes], np.float32))
        rows.append("[" + ", ".join(f"[{label}, {score}]" for label, score in zip(labels, scores, strict=True)) + "]")
    return f'{{"results": [{", ".join(rows)}]}}'


def regressions(result: regression_pb2.RegressionResult) -> str:
    """A value for each Example."""
    values = np.array([item.value for item in result.regressions], np.float32)
    return f'{{"results": {array_text(values)}}}'


def status(response: get_model_status_pb2.GetModelStatusResponse) -> str:
    """The state of each version."""
    return json.dumps(_object(response), indent=1)


def metadata(response: get_model_metadata_pb2.GetModelMetadataResponse) -> str:
    """The model, its version and its signatures."""
    signatures = get_model_metadata_pb2.SignatureDefMap()
    response.metadata["signature_def"].Unpack(signatures)
    document = {"model_spec": _object(response.model_spec), "metadata": {"signature_def": _object(signatures)}}
    return json.dumps(document, indent=1)


def error(message: str) -> str:
    """What every failed request is answered with."""
    return json.dumps({"error": message})


def _text(name: str, array: np.ndarray) -> str:
    return array_text(array, as_bytes=name.endswith(_BYTES_SUFFIX))


def _value(texts: dict[str, str]) -> str:
    if len(texts) == 1:
        return next(iter(texts.values()))
    return "{" + ", ".join(f"{json.dumps(name)}: {text}" for name, text in texts.items()) + "}"


def _object(message: Message) -> dict:
    return json_format.MessageToDict(
        message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
    )
