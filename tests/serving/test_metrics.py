"""Metrics as TensorFlow Serving's dashboards expect them."""

import pytest
from prometheus_client.parser import text_string_to_metric_families

from serving import metrics
from serving.metrics import Metrics, MonitoringConfig


def _samples(rendered: bytes) -> dict[tuple[str, tuple], float]:
    """Values by name and labels, read by the library's own parser, which calls every counter a total."""
    return {
        (sample.name.removesuffix("_total"), tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(rendered.decode())
        for sample in family.samples
    }


def test_requests_are_counted_by_model_and_status_under_tensorflow_serving_s_name():
    counted = Metrics()
    counted.observe("toy", "Predict", "GRPC", "OK", 0.001)
    counted.observe("toy", "Predict", "REST", "OK", 0.001)
    counted.observe("toy", "Predict", "GRPC", "NOT_FOUND", 0.001)
    lines = counted.render().decode().splitlines()
    assert "# TYPE :tensorflow:serving:request_count counter" in lines
    assert ':tensorflow:serving:request_count{model_name="toy",status="OK"} 2.0' in lines
    assert ':tensorflow:serving:request_count{model_name="toy",status="NOT_FOUND"} 1.0' in lines


def test_latencies_are_histograms_of_microseconds():
    counted = Metrics()
    counted.observe("toy", "Predict", "GRPC", "OK", 17e-6)
    counted.observe("toy", "Predict", "GRPC", "OK", 3.0)
    name, labels = ":tensorflow:serving:request_latency", {"model_name": "toy", "API": "Predict", "entrypoint": "GRPC"}
    samples = _samples(counted.render())

    def value(suffix, **more):
        return samples[name + suffix, tuple(sorted({**labels, **more}.items()))]

    assert value("_count") == 2
    assert value("_sum") == pytest.approx(3_000_017)
    assert (value("_bucket", le="10.0"), value("_bucket", le="18.0")) == (0, 1)  # buckets of 10, 10 * 1.8, ...
    assert value("_bucket", le="+Inf") == 2


def test_a_load_adds_its_latency_only_if_it_succeeded():
    counted = Metrics()
    counted.observe_load("/models/toy/1", False, 5.0)
    counted.observe_load("/models/toy/1", True, 0.25)
    samples = _samples(counted.render())
    path = ("model_path", "/models/toy/1")
    assert samples[":tensorflow:cc:saved_model:load_latency", (path,)] == 250_000
    assert samples[":tensorflow:cc:saved_model:load_attempt_count", (path, ("status", "success"))] == 1
    assert samples[":tensorflow:cc:saved_model:load_attempt_count", (path, ("status", "fail"))] == 1


def test_a_batch_is_counted_with_its_queueing_and_padding():
    counted = Metrics()
    counted.observe_queued(3)
    counted.observe_batch("pool", [0.001, 0.002], rows=3, padded_rows=8)
    samples = _samples(counted.render())
    prefix = ":tensorflow:serving:batching_session:"
    assert samples[prefix + "queuing_latency_count", (("thread_pool_name", "pool"),)] == 2
    assert samples[prefix + "queuing_latency_sum", (("thread_pool_name", "pool"),)] == pytest.approx(3000)
    assert samples[prefix + "wrapped_run_count", ()] == 1
    assert samples[prefix + "input_batch_size_sum", ()] == 3
    assert samples[prefix + "processed_batch_size_sum", ()] == 8
    assert samples[prefix + "padding_size_sum", (("execution_batch_size", "8"),)] == 5


def test_any_model_name_can_be_a_label():
    name = 'a "quoted" \\ name\nin two lines'
    counted = Metrics()
    counted.observe(name, "Predict", "GRPC", "OK", 0.001)
    requests = (":tensorflow:serving:request_count", (("model_name", name), ("status", "OK")))
    assert _samples(counted.render())[requests] == 1


def test_two_servers_count_for_themselves():
    one, other = Metrics(), Metrics()
    one.observe("toy", "Predict", "GRPC", "OK", 0.001)
    assert b"toy" in one.render()
    assert b"toy" not in other.render()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", MonitoringConfig(False, "/monitoring/prometheus/metrics")),
        ("prometheus_config { enable: true }", MonitoringConfig(True, "/monitoring/prometheus/metrics")),
        ('prometheus_config { enable: true, path: "/m" }', MonitoringConfig(True, "/m")),
    ],
)
def test_the_monitoring_config_is_read_as_tensorflow_serving_spells_it(tmp_path, text, expected):
    path = tmp_path / "monitoring.txt"
    path.write_text(text)
    assert metrics.read_monitoring_config(path) == expected


@pytest.mark.parametrize("text", ["prometheus_config { enabled: true }", 'prometheus_config { path: "metrics" }'])
def test_a_mistake_in_the_monitoring_config_is_reported_with_its_file(tmp_path, text):
    path = tmp_path / "monitoring.txt"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"monitoring\.txt"):
        metrics.read_monitoring_config(path)
