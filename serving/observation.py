"""Counts and times requests, whichever way they came in."""

import contextlib
import time
from collections.abc import Iterator

from serving.metrics import Metrics
from serving.models import Models
from serving.status import code_and_message


@contextlib.contextmanager
def observed(metrics: Metrics | None, models: Models, model_name: str, api: str, entrypoint: str) -> Iterator[None]:
    """Records the request that is answered inside, failed or not.

    Args:
        metrics: None records nothing.
        models: what is served. A name that is not among them is recorded as "", or else callers who make up names would
            make up time series, which are kept for ever.
        model_name: what the request asks for.
        api: the method, as TensorFlow Serving labels it: "Predict" by gRPC, "predict" by REST.
        entrypoint: "GRPC" or "REST".
    """
    start = time.perf_counter()
    status = "OK"
    try:
        yield
    except Exception as error:
        status = code_and_message(error)[0].name
        raise
    finally:
        if metrics is not None:
            name = model_name if model_name in models else ""
            metrics.observe(name, api, entrypoint, status, time.perf_counter() - start)
