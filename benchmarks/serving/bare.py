"""The bare graph: `Session.run` on arrays that lie ready, which is the least that an answer costs."""

import pathlib
import time
from collections.abc import Sequence

import numpy as np
import tensorflow as tf
import tensorflow_text  # noqa: F401  registers the tokenizers' ops
from tensorflow_serving.apis import predict_pb2

from serving import merging


class BareGraph:
    """A loaded version without a server."""

    def __init__(self, version: pathlib.Path, requests: Sequence[bytes]):
        """Loads the version, and reads serialized PredictRequests to feed it with."""
        self._session = tf.compat.v1.Session(graph=tf.Graph())
        meta_graph = tf.compat.v1.saved_model.load(self._session, [tf.saved_model.SERVING], str(version))
        parsed = [predict_pb2.PredictRequest.FromString(request) for request in requests]
        signature = meta_graph.signature_def[parsed[0].model_spec.signature_name]
        self._fetches = [output.name for output in signature.outputs.values()]
        self._rows = [
            {signature.inputs[name].name: tf.make_ndarray(proto) for name, proto in request.inputs.items()}
            for request in parsed
        ]

    def time(self, batch_size: int, calls: int) -> np.ndarray:
        """Seconds of each of so many calls with `batch_size` requests at once."""
        starts = range(0, len(self._rows) - batch_size + 1, batch_size)
        batches = [merging.merge(self._rows[start : start + batch_size]) for start in starts]
        seconds = []
        for call in range(calls):
            started = time.perf_counter()
            self._session.run(self._fetches, batches[call % len(batches)])
            seconds.append(time.perf_counter() - started)
        return np.array(seconds)
