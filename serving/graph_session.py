"""A session that runs parts of a loaded graph by their tensors' names, without what `Session.run` costs in Python.

`Session.run` looks up feeds and fetches, builds a handler for the structure of the answer and checks everything again
at every call: half a millisecond for the nine inputs of a request for recommendations, which is as much as all of gRPC.
Here each tensor is looked up once, and a call is only the last step of `Session.run`, `_call_tf_sessionrun`. TensorFlow
keeps that to itself, but has no public way to the same: `Session.make_callable` goes back to `run` as soon as something
is fed, and callables of eager functions know neither deadlines nor pruning.
"""

import pathlib
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  registers the tokenizers' ops
from tensorflow.core.protobuf import meta_graph_pb2
from tensorflow.python.client import pywrap_tf_session

_LONGEST_RUN_MS = 2**31 - 1  # of calls without a deadline, which gRPC shows as one in millions of years


class Shape(NamedTuple):
    """A shape that may be known in part, in a form that is compared quickly."""

    text: str
    rank: int | None
    known: tuple[tuple[int, int], ...]  # dimension and its size

    @classmethod
    def of(cls, shape: tf.TensorShape) -> "Shape":
        """Takes TensorFlow's own."""
        sizes = [] if shape.rank is None else shape.as_list()
        return cls(str(shape), shape.rank, tuple((i, size) for i, size in enumerate(sizes) if size is not None))

    def admits(self, shape: tuple[int, ...]) -> bool:
        """Whether an array may have this shape."""
        if self.rank is None:
            return True
        return len(shape) == self.rank and all([shape[i] == size for i, size in self.known])


class _Tensor(NamedTuple):
    """A tensor as the session takes it."""

    output: object
    dtype: np.dtype
    shape: Shape


class GraphSession:
    """The graph of a SavedModel with its variables; safe to call from many threads.

    Attributes:
        signatures: SignatureDef by key, the initialisation op's included.
    """

    def __init__(
        self,
        path: pathlib.Path,
        tags: Sequence[str] = (tf.saved_model.SERVING,),
        config: tf.compat.v1.ConfigProto | None = None,
    ):
        """Loads variables, tables and assets.

        Args:
            path: the version folder.
            tags: of the graph to load, if the folder holds several.
            config: threads and devices; None leaves them to TensorFlow.

        Raises:
            Exception: whatever TensorFlow raises on a folder that is no complete SavedModel or needs an unknown op.
        """
        self._session = tf.compat.v1.Session(graph=tf.Graph(), config=config)
        try:
            # Deprecated in favour of eager loading, which knows neither deadlines nor pruning.
            meta_graph = tf.compat.v1.saved_model.load(self._session, list(tags), str(path))
        except BaseException:
            self._session.close()
            raise
        self.signatures: dict[str, meta_graph_pb2.SignatureDef] = dict(meta_graph.signature_def)
        self._tensors: dict[str, _Tensor] = {}

    def run(
        self, feeds: Mapping[str, np.ndarray], fetches: Sequence[str], timeout_ms: float = _LONGEST_RUN_MS
    ) -> dict[str, np.ndarray]:
        """Runs the part of the graph between tensors, both by their names.

        Args:
            feeds: arrays by tensor name, of the tensors' dtypes; strings are arrays of objects or numpy's own.
            fetches: what to compute.
            timeout_ms: after which the run is stopped.

        Raises:
            ValueError: no such tensor, or an array does not fit its tensor.
            tf.errors.OpError: the graph refused the values, or the time was up.
        """
        fed = {}
        for name, array in feeds.items():
            tensor = self._tensor(name)
            if array.dtype != tensor.dtype:
                array = np.asarray(array, tensor.dtype)
            if not tensor.shape.admits(array.shape):
                raise ValueError(
                    f"Cannot feed value of shape {array.shape} for Tensor {name}, which has shape {tensor.shape.text}"
                )
            fed[tensor.output] = array
        computed = [name for name in dict.fromkeys(fetches) if name not in feeds]
        options = tf.compat.v1.RunOptions(timeout_in_ms=max(1, int(min(timeout_ms, _LONGEST_RUN_MS))))
        buffer = pywrap_tf_session.TF_NewBufferFromString(options.SerializeToString())
        try:
            wanted = [self._tensor(name).output for name in computed]
            values = self._session._call_tf_sessionrun(buffer, fed, wanted, [], None)
        finally:
            pywrap_tf_session.TF_DeleteBuffer(buffer)
        answer = dict(zip(computed, values, strict=True))
        return {name: answer[name] if name in answer else feeds[name] for name in fetches}

    def close(self) -> None:
        """Frees the variables and tables; no call may be running."""
        self._session.close()

    def _tensor(self, name: str) -> _Tensor:
        tensor = self._tensors.get(name)
        if tensor is None:
            try:
                found = self._session.graph.get_tensor_by_name(name)
            except KeyError as error:
                raise ValueError(str(error)) from None
            dtype = np.dtype(found.dtype.as_numpy_dtype)
            tensor = self._tensors[name] = _Tensor(found._as_tf_output(), dtype, Shape.of(found.shape))
        return tensor
