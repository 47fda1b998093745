"""The bare graph: one call of the session on arrays that lie ready, which is the least that an answer costs."""

import pathlib
import time
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from tensorflow_serving.apis import predict_pb2

from serving import loading, merging, tensors
from serving.graph_session import GraphSession
from serving.options import Options


class Calls(NamedTuple):
    """Seconds of each call, and the processor's seconds of all of them together."""

    seconds: np.ndarray
    processor: float


class BareGraph:
    """A loaded version without a server, in a session with the settings of the server's."""

    def __init__(self, version: pathlib.Path, requests: Sequence[bytes]):
        """Loads the version, and reads serialized PredictRequests to feed it with."""
        self._session = GraphSession(version, config=loading.session_config(Options(model_base_path=str(version))))
        parsed = [predict_pb2.PredictRequest.FromString(request) for request in requests]
        signature = self._session.signatures[parsed[0].model_spec.signature_name]
        self._fetches = [output.name for output in signature.outputs.values()]
        self._rows = [
            {signature.inputs[name].name: tensors.to_array(proto) for name, proto in request.inputs.items()}
            for request in parsed
        ]

    def time(self, batch_size: int, calls: int) -> Calls:
        """Makes so many calls with `batch_size` requests at once."""
        starts = range(0, len(self._rows) - batch_size + 1, batch_size)
        batches = [merging.merge(self._rows[start : start + batch_size]) for start in starts]
        seconds = []
        before = time.process_time()
        for call in range(calls):
            started = time.perf_counter()
            self._session.run(batches[call % len(batches)], self._fetches)
            seconds.append(time.perf_counter() - started)
        return Calls(np.array(seconds), time.process_time() - before)
