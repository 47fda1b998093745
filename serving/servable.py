"""One loaded version of a model.

Runs a signature the way TensorFlow Serving does: a session over the SavedModel's graph, fed and fetched by the tensor
names of the signature. So the output filter prunes the graph, the deadline of the request stops it, and errors carry
the codes and the texts of the same C++ session. The texts of the checks before it are those of TensorFlow Serving 2.19
(`predict_util.cc`) and TensorFlow (`saved_model/util.cc`).
"""

import math
import pathlib
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import grpc
import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  registers the tokenizers' ops
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving import tensors
from serving.batching import Batching
from serving.metrics import Metrics
from serving.status import StatusError, invalid

# Classify and Regress signatures may be asked to predict; the initialisation op, which is kept among them, may not.
_CALLABLE_METHODS = (
    tf.compat.v1.saved_model.PREDICT_METHOD_NAME,
    tf.compat.v1.saved_model.CLASSIFY_METHOD_NAME,
    tf.compat.v1.saved_model.REGRESS_METHOD_NAME,
)

_LONGEST_RUN_MS = 2**31 - 1  # of calls without a deadline, which gRPC shows as one in millions of years


def _set(names: Iterable[str]) -> str:
    return "{" + ",".join(sorted(names)) + "}"


class _Input(NamedTuple):
    """An input of a signature."""

    alias: str
    tensor: str
    dtype: int
    shape: tf.TensorShape
    default: np.ndarray | None


class Servable:
    """A SavedModel, loaded and ready to answer; safe to call from many threads.

    Attributes:
        signatures: SignatureDef by key, the initialisation op's included, as `GetModelMetadata` shows them.
    """

    def __init__(
        self,
        path: pathlib.Path,
        batching: Batching | None = None,
        *,
        tags: Sequence[str] = (tf.saved_model.SERVING,),
        session_config: tf.compat.v1.ConfigProto | None = None,
        metrics: Metrics | None = None,
        max_rows: int | None = None,
    ):
        """Loads variables, tables and assets.

        Args:
            path: the version folder.
            batching: puts requests together with others of the same signature; None runs each by itself.
            tags: of the graph to load, if the folder holds several.
            session_config: threads and devices of the session; None leaves them to TensorFlow.
            metrics: counts the load.
            max_rows: size of the first dimension that a request may have; None for any.

        Raises:
            Exception: whatever TensorFlow raises on a folder that is no complete SavedModel or needs an unknown op.
        """
        self._batching = batching
        self._max_rows = max_rows
        self._session = tf.compat.v1.Session(graph=tf.Graph(), config=session_config)
        metrics = metrics or Metrics()
        started = time.perf_counter()
        try:
            # Deprecated in favour of eager loading, which knows neither deadlines nor pruning.
            meta_graph = tf.compat.v1.saved_model.load(self._session, list(tags), str(path))
        except BaseException:
            self._session.close()
            metrics.observe_load(str(path), False, time.perf_counter() - started)
            raise
        metrics.observe_load(str(path), True, time.perf_counter() - started)
        self.signatures: dict[str, meta_graph_pb2.SignatureDef] = dict(meta_graph.signature_def)
        self._inputs = {name: _inputs_of(signature) for name, signature in self.signatures.items()}

    def predict(
        self,
        signature_name: str,
        inputs: Mapping[str, tensor_pb2.TensorProto],
        output_filter: Sequence[str] = (),
        timeout: float = math.inf,
    ) -> dict[str, tensor_pb2.TensorProto]:
        """Runs a signature on protocol buffers; otherwise as `run`."""
        signature = self._signature(signature_name)
        _check_names(signature, inputs)
        arrays = {}
        for alias, proto in inputs.items():
            try:
                arrays[alias] = tensors.to_array(proto)
            except ValueError:
                raise invalid(f"tensor parsing error: {alias}") from None
        values = self.run(signature_name, arrays, output_filter, timeout)
        return {name: tensors.to_proto(value, signature.outputs[name].dtype) for name, value in values.items()}

    def run(
        self,
        signature_name: str,
        inputs: Mapping[str, np.ndarray],
        output_filter: Sequence[str] = (),
        timeout: float = math.inf,
    ) -> dict[str, np.ndarray]:
        """Runs a signature.

        Args:
            signature_name: one of `signatures`.
            inputs: arrays by the signature's input names; inputs with a default in the signature may be missing.
            output_filter: names of the outputs to compute; none means all.
            timeout: seconds after which the run is stopped.

        Raises:
            StatusError: the request does not fit the signature or cannot be batched.
            tf.errors.OpError: the graph refused the values, or the time was up.
        """
        signature = self._signature(signature_name)
        _check_names(signature, inputs)
        feeds = _feeds(self._inputs[signature_name], inputs)
        fetches = {name: signature.outputs[name].name for name in _outputs(signature, output_filter)}
        values = self.run_tensors(feeds, list(fetches.values()), timeout)
        return {name: values[tensor] for name, tensor in fetches.items()}

    def run_tensors(
        self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], timeout: float = math.inf
    ) -> dict[str, np.ndarray]:
        """Runs the part of the graph between tensors, both by their names; errors as for `run`.

        `MultiInference` asks so for what several signatures make of the same examples.
        """
        self._check_rows(feeds)
        if self._batching is None:
            return self._run_session(feeds, fetches, timeout)
        return self._batching.run(self._run_session, feeds, fetches, timeout)

    def _check_rows(self, feeds: Mapping[str, np.ndarray]) -> None:
        rows = max((len(array) for array in feeds.values() if array.ndim), default=0)
        if self._max_rows is not None and rows > self._max_rows:
            raise invalid(
                f"the request has {rows} rows, more than the {self._max_rows} that this server computes at a time; "
                "send several requests, or start it with a larger --max_request_rows"
            )

    def _run_session(
        self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], timeout: float
    ) -> dict[str, np.ndarray]:
        options = tf.compat.v1.RunOptions(timeout_in_ms=max(1, int(min(timeout * 1000, _LONGEST_RUN_MS))))
        try:
            return dict(zip(fetches, self._session.run(list(fetches), feeds, options=options), strict=True))
        except ValueError as error:  # a feed of another rank or fixed dimension than the placeholder's
            raise invalid(str(error)) from None

    def close(self) -> None:
        """Frees the variables and tables; no request may be running."""
        self._session.close()

    def _signature(self, name: str) -> meta_graph_pb2.SignatureDef:
        if name not in self.signatures:
            raise StatusError(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        signature = self.signatures[name]
        if signature.method_name not in _CALLABLE_METHODS:
            raise StatusError(
                grpc.StatusCode.INTERNAL,
                f"Expected prediction signature method_name to be one of {{{', '.join(_CALLABLE_METHODS)}}}. "
                f"Was: {signature.method_name}",
            )
        return signature


def _check_names(signature: meta_graph_pb2.SignatureDef, inputs: Iterable[str]) -> None:
    """Checks that the inputs are those of the signature."""
    sent, wanted = set(inputs), set(signature.inputs)
    if len(sent) > len(wanted) or (len(sent) < len(wanted) and not signature.defaults):
        raise invalid(
            f"input size does not match signature: {len(sent)}!={len(wanted)} len({_set(sent)}) != len({_set(wanted)})."
            f" Sent extra: {_set(sent - wanted)}. Missing but required: {_set(wanted - sent)}."
        )
    if missing := wanted - sent - set(signature.defaults):
        alias = min(missing)
        raise invalid(
            f"Signature input alias: {alias}(feed name: {signature.inputs[alias].name}) not found in request and no "
            f"default value provided. Inputs expected to be in the request {_set(sent)}, or default input alias set: "
            f"{','.join(sorted(signature.defaults))}"
        )
    if not sent <= wanted:
        raise invalid(
            f"Inputs contains invalid name. Used request inputs: {','.join(sorted(sent & wanted))}, "
            f"request input: {','.join(sorted(sent))}"
        )


def _inputs_of(signature: meta_graph_pb2.SignatureDef) -> list[_Input]:
    """The inputs in the order of their tensors' names, as the session numbers its arguments in messages."""
    return [
        _Input(
            alias,
            info.name,
            info.dtype,
            tf.TensorShape(info.tensor_shape),
            tensors.to_array(signature.defaults[alias]) if alias in signature.defaults else None,
        )
        for alias, info in sorted(signature.inputs.items(), key=lambda item: item[1].name)
    ]


def _feeds(wanted: Sequence[_Input], inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Checks dtypes and shapes against the signature and adds the defaults; gives arrays by tensor name."""
    feeds = {}
    for index, (alias, tensor, dtype, shape, default) in enumerate(wanted):
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
        if not shape.is_compatible_with(array.shape):
            raise invalid(f"Cannot feed value of shape {array.shape} for Tensor {tensor}, which has shape {shape}")
        feeds[tensor] = array
    return feeds


def _outputs(signature: meta_graph_pb2.SignatureDef, output_filter: Sequence[str]) -> list[str]:
    """Names of the outputs to compute."""
    for position, alias in enumerate(output_filter):
        if alias not in signature.outputs:
            raise invalid(
                f"output tensor alias not found in signature: {alias} "
                f"Outputs expected to be in the set {_set(signature.outputs)}."
            )
        if alias in output_filter[:position]:
            raise invalid(f"duplicate output tensor alias: {alias}")
    return list(output_filter or signature.outputs)
