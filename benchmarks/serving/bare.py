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

    def time(self, turn: int, batch_size: int, calls: int) -> Calls:
        """Makes so many calls with the request that `turn` chooses, `batch_size` times at once."""
        batch = merging.merge([self._rows[turn % len(self._rows)]] * batch_size)
        seconds = []
        before = time.process_time()
        for _ in range(calls):
            started = time.perf_counter()
            self._session.run(batch, self._fetches)
            seconds.append(time.perf_counter() - started)
        return Calls(np.array(seconds), time.process_time() - before)
