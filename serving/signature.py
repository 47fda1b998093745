"""A signature as requests are held against it: what a SignatureDef says, taken out of its protocol buffer once.

The texts of the checks are those of TensorFlow Serving 2.19 (`predict_util.cc`) and TensorFlow (`saved_model/util.cc`).
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

from serving import tensors
from serving.graph_session import Shape
from serving.status import StatusError, invalid

# Classify and Regress signatures may be asked to predict; the initialisation op, which is kept among them, may not.
_CALLABLE_METHODS = (
    tf.compat.v1.saved_model.PREDICT_METHOD_NAME,
    tf.compat.v1.saved_model.CLASSIFY_METHOD_NAME,
    tf.compat.v1.saved_model.REGRESS_METHOD_NAME,
)


class Output(NamedTuple):
    """An output: the tensor's name and its `DataType`."""

    tensor: str
    dtype: int


class _Input(NamedTuple):
    """An input."""

    alias: str
    tensor: str
    dtype: int
    shape: Shape
    default: np.ndarray | None


class Signature:
    """Checks requests, and translates between their names and those of the graph's tensors.

    Attributes:
        outputs: by name.
    """

    def __init__(self, definition: meta_graph_pb2.SignatureDef):
        """Reads the definition."""
        self._method_name = definition.method_name
        # In the order of the tensors' names, as the session numbers its arguments in messages.
        self._inputs = [
            _Input(
                alias,
                info.name,
                info.dtype,
                Shape.of(tf.TensorShape(info.tensor_shape)),
                tensors.to_array(definition.defaults[alias]) if alias in definition.defaults else None,
            )
            for alias, info in sorted(definition.inputs.items(), key=lambda item: item[1].name)
        ]
        self._tensors = {each.alias: each.tensor for each in self._inputs}
        self._defaults = frozenset(definition.defaults)
        self.outputs = {name: Output(info.name, info.dtype) for name, info in definition.outputs.items()}

    def check_callable(self) -> None:
        """Checks that it can be run.

        Raises:
            StatusError: INTERNAL, it is of a kind that cannot.
        """
        if self._method_name not in _CALLABLE_METHODS:
            raise StatusError(
                grpc.StatusCode.INTERNAL,
                f"Expected prediction signature method_name to be one of {{{', '.join(_CALLABLE_METHODS)}}}. "
                f"Was: {self._method_name}",
            )

    def check_names(self, inputs: Iterable[str]) -> None:
        """Checks that the inputs of a request are those of the signature.

        Raises:
            StatusError: INVALID_ARGUMENT, they are not.
        """
        sent, wanted = set(inputs), self._tensors.keys()
        if sent == wanted:
            return
        if len(sent) > len(wanted) or (len(sent) < len(wanted) and not self._defaults):
            raise invalid(
                f"input size does not match signature: {len(sent)}!={len(wanted)} len({_set(sent)}) != "
                f"len({_set(wanted)}). Sent extra: {_set(sent - wanted)}. "
                f"Missing but required: {_set(wanted - sent)}."
            )
        if missing := wanted - sent - self._defaults:
            alias = min(missing)
            raise invalid(
                f"Signature input alias: {alias}(feed name: {self._tensors[alias]}) not found in request and no "
                f"default value provided. Inputs expected to be in the request {_set(sent)}, or default input alias "
                f"set: {','.join(sorted(self._defaults))}"
            )
        if not sent <= wanted:
            raise invalid(
                f"Inputs contains invalid name. Used request inputs: {','.join(sorted(sent & wanted))}, "
                f"request input: {','.join(sorted(sent))}"
            )

    def feeds(self, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
        """Checks dtypes and shapes and adds the defaults; gives arrays by tensor name.

        Raises:
            StatusError: INVALID_ARGUMENT, an array does not fit its input.
        """
        feeds = {}
        for index, (alias, tensor, dtype, shape, default) in enumerate(self._inputs):
            array = inputs.get(alias, default)
            try:
                provided = tensors.dtype_of(array)
            except ValueError as error:
                raise invalid(f"input '{alias}': {error}") from None
            if provided != dtype:
                raise invalid(
                    f"Expects arg[{index}] to be {tensors.dtype_name(dtype)} "
                    f"but {tensors.dtype_name(provided)} is provided (input '{alias}')"
                )
            if not shape.admits(array.shape):
                raise invalid(
                    f"Cannot feed value of shape {array.shape} for Tensor {tensor}, which has shape {shape.text}"
                )
            feeds[tensor] = array
        return feeds

    def chosen(self, output_filter: Sequence[str]) -> dict[str, Output]:
        """The outputs to compute, all without a filter.

        Raises:
            StatusError: INVALID_ARGUMENT, the filter names what is none, or one twice.
        """
        for position, alias in enumerate(output_filter):
            if alias not in self.outputs:
                raise invalid(
                    f"output tensor alias not found in signature: {alias} "
                    f"Outputs expected to be in the set {_set(self.outputs)}."
                )
            if alias in output_filter[:position]:
                raise invalid(f"duplicate output tensor alias: {alias}")
        return {name: self.outputs[name] for name in output_filter} if output_filter else self.outputs


def _set(names: Iterable[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"
