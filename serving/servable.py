"""One loaded version of a model.

Runs a signature the way TensorFlow Serving does: a session over the SavedModel's graph, fed and fetched by the tensor
names of the signature. So the output filter prunes the graph, the deadline of the request stops it, and errors carry
the codes and the texts of the same C++ session.
"""

import math
import pathlib
import time
from collections.abc import Mapping, Sequence

import grpc
import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2
from tensorflow.core.protobuf import meta_graph_pb2

from serving import tensors
from serving.batching import Batching
from serving.graph_session import GraphSession
from serving.metrics import Metrics
from serving.signature import Signature
from serving.status import StatusError, invalid

_MILLISECONDS = 1_000


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
        metrics = metrics or Metrics()
        started = time.perf_counter()
        try:
            self._session = GraphSession(path, tags, session_config)
        except BaseException:
            metrics.observe_load(str(path), False, time.perf_counter() - started)
            raise
        metrics.observe_load(str(path), True, time.perf_counter() - started)
        self.signatures: dict[str, meta_graph_pb2.SignatureDef] = self._session.signatures
        self._signatures = {name: Signature(definition) for name, definition in self.signatures.items()}

    def predict(
        self,
        signature_name: str,
        inputs: Mapping[str, tensor_pb2.TensorProto],
        output_filter: Sequence[str] = (),
        timeout: float = math.inf,
    ) -> dict[str, tensor_pb2.TensorProto]:
        """Runs a signature on protocol buffers; otherwise as `run`."""
        signature = self._signature(signature_name)
        signature.check_names(inputs)
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
        signature.check_names(inputs)
        feeds = signature.feeds(inputs)
        outputs = signature.chosen(output_filter)
        values = self.run_tensors(feeds, [output.tensor for output in outputs.values()], timeout)
        return {name: values[output.tensor] for name, output in outputs.items()}

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

    def close(self) -> None:
        """Frees the variables and tables; no request may be running."""
        self._session.close()

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
        try:
            return self._session.run(feeds, fetches, timeout * _MILLISECONDS)
        except ValueError as error:  # a feed of another rank or fixed dimension than the placeholder's
            raise invalid(str(error)) from None

    def _signature(self, name: str) -> Signature:
        if name not in self._signatures:
            raise StatusError(grpc.StatusCode.FAILED_PRECONDITION, f'Serving signature key "{name}" not found.')
        signature = self._signatures[name]
        signature.check_callable()
        return signature
