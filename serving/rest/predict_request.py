"""The body of a predict request: its inputs in row form ("instances") or in column form ("inputs")."""

from collections.abc import Mapping
from typing import NamedTuple

import numpy as np
from tensorflow.core.protobuf import meta_graph_pb2

from serving.descriptions import shape_text
from serving.rest.arrays import to_array
from serving.rest.document import format_error, quoted
from serving.rest.values import encoded, is_base64
from serving.status import StatusError, invalid

_ROWS = "instances"
_COLUMNS = "inputs"
_SIGNATURE_NAME = "signature_name"

_Infos = Mapping[str, meta_graph_pb2.TensorInfo]


class PredictInputs(NamedTuple):
    """What to run a signature on; the answer has the form of the request."""

    arrays: dict[str, np.ndarray]
    by_row: bool


def signature_name(document: dict) -> str:
    """The signature that a request asks for, "" for the default one.

    Raises:
        StatusError: it is no string.
    """
    name = document.get(_SIGNATURE_NAME, "")
    if not isinstance(name, str):
        raise format_error(document, "not formatted correctly. 'signature_name' key must be a string value.")
    return encoded(name).decode()


def predict_inputs(document: dict, infos: _Infos) -> PredictInputs:
    """Reads the inputs of a signature.

    Args:
        document: the parsed body.
        infos: the signature's inputs.

    Raises:
        StatusError: the body does not fit the signature.
    """
    if _ROWS in document and _COLUMNS in document:
        raise format_error(
            document, f"Not formatted correctly expecting only one of '{_COLUMNS}' or '{_ROWS}' keys to exist "
        )
    if _ROWS in document:
        instances = document[_ROWS]
        if not isinstance(instances, list):
            raise format_error(document, f"Excepting '{_ROWS}' to be an list/array")
        if not instances:
            raise format_error(document, f"No values in '{_ROWS}' array")
        return PredictInputs(_from_rows(instances, infos), by_row=True)
    if _COLUMNS in document:
        return PredictInputs(_from_columns(document[_COLUMNS], infos), by_row=False)
    raise invalid(f"Missing '{_COLUMNS}' or '{_ROWS}' key")


def _from_columns(inputs: object, infos: _Infos) -> dict[str, np.ndarray]:
    """One value for each input, or just the value if the signature has one input; other names are passed over."""
    if not _is_named(inputs):
        if len(infos) > 1:
            raise invalid(
                "inputs is a plain value/list, but expecting an object as multiple input tensors required as per "
                "tensorinfo_map"
            )
        ((name, info),) = infos.items()
        return {name: to_array(inputs, info.dtype)}
    for name in sorted(infos):
        if name not in inputs:
            raise invalid(f"Missing named input: {name} in 'inputs' object.")
    return {name: to_array(inputs[name], info.dtype) for name, info in infos.items()}


def _from_rows(instances: list, infos: _Infos) -> dict[str, np.ndarray]:
    """A list with an object for each row, or with just the values if the signature has one input."""
    if not isinstance(instances[0], dict) and len(infos) > 1:
        raise invalid(
            "instances is a plain list, but expecting list of objects as multiple input tensors required as per "
            "tensorinfo_map"
        )
    named = _is_named(instances[0])
    rows: dict[str, list[np.ndarray]] = {name: [] for name in infos}
    for number, instance in enumerate(instances):
        if _is_named(instance) != named:
            expected, got = ("object", "list") if named else ("value/list", "object")
            raise invalid(f"Expecting {expected} but got {got} at item {number} of input list")
        for name, value in (instance if named else {next(iter(infos)): instance}).items():
            try:
                _add(rows, name, value, infos)
            except StatusError as error:
                key = f" key: {name}" if named else ""
                raise StatusError(
                    error.code,
                    f"Failed to process element: {number}{key} of 'instances' list. Error: {error.code.name}: {error}",
                ) from None
        if named and instance.keys() != infos.keys():
            raise invalid(
                f"Failed to process element: {number} of 'instances' list. JSON object: {quoted(instance)} "
                f"keys must be equal to: {','.join(sorted(infos))}"
            )
    return {name: np.stack(arrays) for name, arrays in rows.items()}


def _add(rows: dict[str, list[np.ndarray]], name: str, value: object, infos: _Infos) -> None:
    """Adds a row's value to its input."""
    if name not in infos:
        raise invalid(f"JSON object: does not have named input: {name}")
    array = to_array(value, infos[name].dtype)
    first = rows[name][0] if rows[name] else array
    if array.size != first.size:
        raise invalid(f"Expecting tensor size: {first.size} but got: {array.size}")
    if array.shape != first.shape:
        raise invalid(f"Expecting shape {shape_text(first.shape)} but got: {shape_text(array.shape)}")
    rows[name].append(array)


def _is_named(value: object) -> bool:
    """Whether a value is an object of inputs by name, not bytes."""
    return isinstance(value, dict) and not is_base64(value)
