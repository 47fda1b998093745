"""Metrics under the names that TensorFlow Serving exports to Prometheus.

Latencies are in microseconds, as there. `prometheus_client` counts; the text is written here, because its own writer
appends `_total` to the names of counters, and a dashboard made for TensorFlow Serving would find nothing.
"""

import dataclasses
import pathlib
from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Histogram
from prometheus_client.metrics_core import Metric
from prometheus_client.utils import floatToGoString

from serving import monitoring_config_pb2, text_proto

DEFAULT_PATH = "/monitoring/prometheus/metrics"

_MICROSECONDS = 1e6
_LATENCY_BUCKETS = [10 * 1.8**i for i in range(33)]  # 10 us to 20 min
_QUEUING_BUCKETS = [100 * 1.2**i for i in range(52)]  # 100 us to 1 s
_SIZE_BUCKETS = [2**i for i in range(14)]


@dataclasses.dataclass(frozen=True)
class MonitoringConfig:
    """Whether metrics are served, and under which path of the REST port."""

    enable: bool = False
    path: str = DEFAULT_PATH


def read_monitoring_config(path: str | pathlib.Path) -> MonitoringConfig:
    """Reads the file of `--monitoring_config_file`, a text protocol buffer of MonitoringConfig.

    Raises:
        OSError: the file cannot be read.
        text_proto.ConfigFileError: it is no such message, or the path is not absolute; the error names both.
    """
    message = text_proto.read(path, monitoring_config_pb2.MonitoringConfig)
    served = message.prometheus_config.path or DEFAULT_PATH
    if not served.startswith("/"):
        raise text_proto.ConfigFileError(f"{path}: prometheus_config.path must begin with '/'; was '{served}'")
    return MonitoringConfig(message.prometheus_config.enable, served)


class Metrics:
    """What one server counts, in a registry of its own; safe to call from many threads."""

    content_type = "text/plain; version=0.0.4; charset=utf-8"

    def __init__(self):
        self._registry = CollectorRegistry()
        self._requests = self._counter(":tensorflow:serving:request_count", ["model_name", "status"])
        self._request_latency = self._histogram(
            ":tensorflow:serving:request_latency", ["model_name", "API", "entrypoint"], _LATENCY_BUCKETS
        )
        self._load_attempts = self._counter(":tensorflow:cc:saved_model:load_attempt_count", ["model_path", "status"])
        self._load_latency = self._counter(":tensorflow:cc:saved_model:load_latency", ["model_path"])
        self._queuing = self._histogram(
            ":tensorflow:serving:batching_session:queuing_latency", ["thread_pool_name"], _QUEUING_BUCKETS
        )
        self._batch_runs = self._counter(":tensorflow:serving:batching_session:wrapped_run_count", [])
        self._input_sizes = self._histogram(":tensorflow:serving:batching_session:input_batch_size", [], _SIZE_BUCKETS)
        self._batch_sizes = self._histogram(
            ":tensorflow:serving:batching_session:processed_batch_size", [], _SIZE_BUCKETS
        )
        self._padding = self._histogram(
            ":tensorflow:serving:batching_session:padding_size", ["execution_batch_size"], _SIZE_BUCKETS
        )

    def observe(self, model_name: str, api: str, entrypoint: str, status: str, seconds: float) -> None:
        """Counts an answered request.

        Args:
            model_name: the model that was asked.
            api: the method, such as "Predict".
            entrypoint: "GRPC" or "REST".
            status: name of the gRPC code, such as "OK".
            seconds: from the request's arrival to its answer.
        """
        self._requests.labels(model_name, status).inc()
        self._request_latency.labels(model_name, api, entrypoint).observe(seconds * _MICROSECONDS)

    def observe_load(self, model_path: str, succeeded: bool, seconds: float) -> None:
        """Counts an attempt to load a version; the latency only if it succeeded."""
        self._load_attempts.labels(model_path, "success" if succeeded else "fail").inc()
        if succeeded:
            self._load_latency.labels(model_path).inc(round(seconds * _MICROSECONDS))

    def observe_queued(self, rows: int) -> None:
        """Counts a request that is put into a batching queue."""
        self._input_sizes.observe(rows)

    def observe_batch(self, thread_pool_name: str, waited: list[float], rows: int, padded_rows: int) -> None:
        """Counts a batch that is about to run.

        Args:
            thread_pool_name: of the batching parameters.
            waited: seconds that each of its requests spent in the queue.
            rows: of its requests together.
            padded_rows: that TensorFlow computes.
        """
        queuing = self._queuing.labels(thread_pool_name)
        for seconds in waited:
            queuing.observe(seconds * _MICROSECONDS)
        self._batch_runs.inc()
        self._batch_sizes.observe(padded_rows)
        self._padding.labels(str(padded_rows)).observe(padded_rows - rows)

    def render(self) -> bytes:
        """The metrics in Prometheus' text format."""
        return "".join(f"{line}\n" for family in self._registry.collect() for line in _lines(family)).encode()

    def _counter(self, name: str, labels: list[str]) -> Counter:
        return Counter(name, name, labels, registry=self._registry)

    def _histogram(self, name: str, labels: list[str], buckets: list[float]) -> Histogram:
        return Histogram(name, name, labels, buckets=buckets, registry=self._registry)


def _lines(family: Metric) -> Iterator[str]:
    """One metric as TensorFlow Serving's `prometheus_exporter.cc` writes it."""
    yield f"# TYPE {family.name} {family.type}"
    for sample in family.samples:
        if sample.name == f"{family.name}_created":  # an invention of the library's
            continue
        name = family.name if family.type == "counter" else sample.name
        labels = ",".join(f'{key}="{_escaped(value)}"' for key, value in sample.labels.items())
        yield f"{name}{{{labels}}} {floatToGoString(sample.value)}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
