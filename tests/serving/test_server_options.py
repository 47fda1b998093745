"""What each option does to a whole server; those of the ports and of TLS are in test_server and test_transport."""

import json
import urllib.error
import urllib.request

import grpc
import pytest
from stock import TIMEOUT_SECONDS, Stock
from toy_model import POLL_SECONDS
from warmup_records import predict_similar, write_warmup

from serving.options import ANY_PORT
from serving.server import Server
from serving.status import StatusError


def _ask(address: str, path: str, body: dict | None = None):
    """Asks over HTTP; gives the status, the headers and the text of the answer."""
    data = None if body is None else json.dumps(body).encode()
    try:
        with urllib.request.urlopen(f"http://{address}{path}", data, TIMEOUT_SECONDS) as response:
            return response.status, response.headers, response.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read().decode()


def _best(address: str) -> bytes:
    stock = Stock(address)
    try:
        return stock.similar().outputs["item_ids"].string_val[0]
    finally:
        stock.close()


def test_http_requests_end_after_the_rest_timeout(running):
    address = running(rest_api_port=ANY_PORT, rest_api_timeout_in_ms=200).rest_address
    status, _, text = _ask(
        address, "/v1/models/toy:predict", {"signature_name": "sleep", "inputs": {"seconds": [30.0]}}
    )
    assert status == 504
    assert "error" in json.loads(text)


@pytest.mark.parametrize(("enabled", "allowed"), [(True, "*"), (False, None)])
def test_pages_of_other_origins_may_ask_only_with_cors_support(running, enabled, allowed):
    address = running(rest_api_port=ANY_PORT, rest_api_enable_cors_support=enabled).rest_address
    _, headers, _ = _ask(address, "/v1/models/toy")
    assert headers["Access-Control-Allow-Origin"] == allowed


def test_the_size_of_a_request_is_limited_over_http_too(running):
    address = running(rest_api_port=ANY_PORT, max_request_bytes=1000).rest_address
    assert _ask(address, "/v1/models/toy:predict", {"padding": "x" * 1000})[0] == 413
    assert _ask(address, "/v1/models/toy:predict", {"padding": "x" * 900})[0] == 400


def test_metrics_are_not_shown_unless_the_monitoring_config_enables_them(running, tmp_path):
    (tmp_path / "monitoring.pbtxt").write_text('prometheus_config { enable: false path: "/metrics" }')
    address = running(rest_api_port=ANY_PORT, monitoring_config_file=str(tmp_path / "monitoring.pbtxt")).rest_address
    assert _ask(address, "/metrics")[0] == 404


def test_several_models_come_from_a_config_file_which_is_followed(publish, tmp_path, options, eventually):
    publish(1)
    publish(2, bias=5.0)
    model = 'config {{ name: "{}" base_path: "%s" model_platform: "tensorflow" {} }}' % (tmp_path / "toy")
    old = "model_version_policy { specific { versions: 1 } }"
    file = tmp_path / "models.pbtxt"
    file.write_text(f"model_config_list {{ {model.format('a', old)} {model.format('b', '')} }}")
    flags = {"model_base_path": "", "model_config_file": str(file), "model_config_file_poll_wait_seconds": POLL_SECONDS}
    with Server(options(**flags)) as server:
        stock = Stock(server.address)
        assert [stock.similar(name=name).model_spec.version.value for name in ("a", "b")] == [1, 2]
        aside = tmp_path / "models.aside"
        aside.write_text(f"model_config_list {{ {model.format('c', '')} }}")
        aside.rename(file)
        eventually(lambda: _knows(stock, "c"))
        assert stock.similar(name="c").model_spec.version.value == 2
        with pytest.raises(grpc.RpcError) as error:
            stock.similar(name="a")
        assert error.value.code() == grpc.StatusCode.NOT_FOUND
        stock.close()


def _knows(stock: Stock, name: str) -> bool:
    """Whether a model is there, and "a" is not any more."""
    try:
        return "AVAILABLE" in stock.states(name=name).values() and "AVAILABLE" not in stock.states(name="a").values()
    except grpc.RpcError:
        return False


def test_requests_are_batched_when_batching_is_on(running, tmp_path):
    (tmp_path / "monitoring.pbtxt").write_text("prometheus_config { enable: true }")
    (tmp_path / "batching.pbtxt").write_text("max_batch_size { value: 4 } allowed_batch_sizes: 4")
    server = running(
        enable_batching=True,
        batching_parameters_file=str(tmp_path / "batching.pbtxt"),
        rest_api_port=ANY_PORT,
        monitoring_config_file=str(tmp_path / "monitoring.pbtxt"),
    )
    assert _best(server.address) == b"item-4"
    counted = _ask(server.rest_address, "/monitoring/prometheus/metrics")[2]
    assert ":tensorflow:serving:batching_session:processed_batch_size_sum{} 4" in counted


def test_a_version_must_answer_its_warm_up_requests_unless_warm_up_is_off(publish, options):
    write_warmup(publish(1), [predict_similar(signature_name="none")])
    with pytest.raises(StatusError, match=r'warmup record 1 .* Serving signature key "none" not found'):
        Server(options(max_num_load_retries=0)).start(TIMEOUT_SECONDS)
    with Server(options(enable_model_warmup=False)) as server:
        assert _best(server.address) == b"item-4"


def test_warm_up_requests_are_run_as_often_as_told(publish, options, tmp_path):
    write_warmup(publish(1), [predict_similar()])
    (tmp_path / "monitoring.pbtxt").write_text("prometheus_config { enable: true }")
    flags = {"rest_api_port": ANY_PORT, "monitoring_config_file": str(tmp_path / "monitoring.pbtxt")}
    with Server(options(enable_batching=True, num_request_iterations_for_warmup=3, **flags)) as server:
        counted = _ask(server.rest_address, "/monitoring/prometheus/metrics")[2]
    assert ":tensorflow:serving:batching_session:wrapped_run_count{} 3" in counted


def test_the_graph_is_chosen_by_its_tags(publish, options):
    publish(1)
    with pytest.raises(StatusError, match="gpu"):
        Server(options(saved_model_tags="serve,gpu", max_num_load_retries=0)).start(TIMEOUT_SECONDS)


def test_loading_is_given_up_after_the_retries_and_their_interval(publish, options):
    broken = publish(1)
    (broken / "saved_model.pb").unlink()
    with pytest.raises(StatusError, match="did not become available"):
        Server(options(max_num_load_retries=2, load_retry_interval_micros=1)).start(TIMEOUT_SECONDS)


def test_labels_may_name_versions_to_come_only_if_allowed(publish, options, tmp_path):
    publish(1)
    file = tmp_path / "models.pbtxt"
    model = (
        f'name: "toy" base_path: "{tmp_path}/toy" model_platform: "tensorflow" version_labels {{ key: "a" value: 1 }}'
    )
    file.write_text(f"model_config_list {{ config {{ {model} }} }}")
    with pytest.raises(StatusError) as error:
        Server(options(model_config_file=str(file)))
    assert error.value.code == grpc.StatusCode.FAILED_PRECONDITION
    with Server(options(model_config_file=str(file), allow_version_labels_for_unavailable_models=True)) as server:
        stock = Stock(server.address)
        assert stock.similar(version_label="a").model_spec.version.value == 1
        stock.close()
