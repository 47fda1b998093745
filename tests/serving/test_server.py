"""The whole server: which ports it opens when, what answers there, and how it stops."""

import http.client
import json
import re
import socket
import threading
import urllib.request

import grpc
import pytest
from certificates import Authority
from google.protobuf import text_format
from grpc_health.v1 import health_pb2, health_pb2_grpc
from server_process import free_ports
from stock import TIMEOUT_SECONDS, Stock
from toy_model import POLL_SECONDS

from serving import ssl_config_pb2
from serving.options import ANY_PORT
from serving.server import Server
from serving.text_proto import ConfigFileError

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("localhost", port)) == 0


def _get(address: str, path: str) -> str:
    with urllib.request.urlopen(f"http://{address}{path}", timeout=TIMEOUT_SECONDS) as response:
        return response.read().decode()


def _best_by_rest(address: str, model: str = "toy") -> str:
    """The best item of a `similar` request in row form."""
    connection = http.client.HTTPConnection(address, timeout=TIMEOUT_SECONDS)
    body = {"signature_name": "similar", "instances": [{"item_id": "item-0", "k": 1}]}
    connection.request("POST", f"/v1/models/{model}:predict", json.dumps(body))
    answer = json.loads(connection.getresponse().read())
    connection.close()
    return answer["predictions"][0]["item_ids"][0]


def _best(address: str, channel: grpc.Channel | None = None) -> str:
    stock = Stock(address, channel)
    try:
        return stock.similar().outputs["item_ids"].string_val[0].decode()
    finally:
        stock.close()


def test_the_ports_open_only_once_a_model_is_loaded(tmp_path, publish, options):
    (tmp_path / "toy").mkdir()
    port, rest_port = free_ports(2)
    server = Server(options(port=port, rest_api_port=rest_port))
    starting = threading.Thread(target=server.start)
    starting.start()
    threading.Event().wait(4 * POLL_SECONDS)
    assert not _is_open(port)
    assert not _is_open(rest_port)
    publish(1)
    starting.join(timeout=120)
    assert _is_open(port)
    assert _is_open(rest_port)
    server.stop()
    assert not _is_open(port)
    assert not _is_open(rest_port)


def test_without_a_rest_port_there_is_no_http(server):
    assert server.rest_address is None


def test_grpc_and_http_answer_alike(running):
    server = running(rest_api_port=ANY_PORT)
    assert _best(server.address) == "item-4"
    assert _best_by_rest(server.rest_address) == "item-4"


def test_metrics_of_both_ports_are_under_the_path_of_the_monitoring_config(running, tmp_path):
    (tmp_path / "monitoring.pbtxt").write_text('prometheus_config { enable: true path: "/metrics" }')
    server = running(rest_api_port=ANY_PORT, monitoring_config_file=str(tmp_path / "monitoring.pbtxt"))
    _best(server.address)
    _best_by_rest(server.rest_address)
    assert ':tensorflow:serving:request_count{model_name="toy",status="OK"} 2' in _get(server.rest_address, "/metrics")


def test_a_unix_socket_answers_beside_the_port(running, tmp_path):
    server = running(grpc_socket_path=str(tmp_path / "grpc.sock"), port=ANY_PORT)
    assert re.fullmatch(r"localhost:\d+", server.address)
    assert _best(server.address) == "item-4"
    assert _best(f"unix:{tmp_path}/grpc.sock") == "item-4"


def test_a_unix_socket_answers_alone_with_port_0(running, tmp_path):
    server = running(grpc_socket_path=str(tmp_path / "grpc.sock"), port=0)
    assert server.address == f"unix:{tmp_path}/grpc.sock"
    assert _best(server.address) == "item-4"


def test_tls_is_on_both_grpc_addresses(running, tmp_path):
    authority = Authority(tmp_path, "authority")
    pair = authority.issue("server")
    config = ssl_config_pb2.SSLConfig(server_key=pair.key.read_text(), server_cert=pair.certificate.read_text())
    (tmp_path / "ssl.pbtxt").write_text(text_format.MessageToString(config))
    server = running(ssl_config_file=str(tmp_path / "ssl.pbtxt"), grpc_socket_path=str(tmp_path / "grpc.sock"), port=-1)
    trusting = grpc.ssl_channel_credentials(authority.certificate.read_bytes())
    named = [("grpc.ssl_target_name_override", "localhost")]
    for address in (server.address, f"unix:{tmp_path}/grpc.sock"):
        assert _best(address, grpc.secure_channel(address, trusting, named)) == "item-4"
        with pytest.raises(grpc.RpcError) as error:
            _best(address)
        assert error.value.code() == grpc.StatusCode.UNAVAILABLE


def _health(address: str, service: str) -> int:
    with grpc.insecure_channel(address) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        return check(health_pb2.HealthCheckRequest(service=service), timeout=TIMEOUT_SECONDS).status


def test_health_is_answered_for_the_server_its_services_and_its_models(running, tmp_path, eventually):
    address = running(enable_grpc_healthcheck_service=True).address
    for service in ("", "tensorflow.serving.PredictionService", "tensorflow.serving.ModelService", "toy"):
        assert _health(address, service) == SERVING
    with pytest.raises(grpc.RpcError) as error:
        _health(address, "other")
    assert error.value.code() == grpc.StatusCode.NOT_FOUND
    (tmp_path / "toy" / "1").rename(tmp_path / "withdrawn")
    eventually(lambda: _health(address, "toy") == NOT_SERVING)
    assert _health(address, "") == SERVING


def test_health_is_not_answered_unless_asked_for(server):
    with pytest.raises(grpc.RpcError) as error:
        _health(server.address, "")
    assert error.value.code() == grpc.StatusCode.UNIMPLEMENTED


def test_a_server_that_stops_says_so_to_whoever_watches_its_health(running):
    server = running(enable_grpc_healthcheck_service=True)
    with grpc.insecure_channel(server.address) as channel:
        watch = health_pb2_grpc.HealthStub(channel).Watch(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_SECONDS)
        assert next(watch).status == SERVING
        stopping = threading.Thread(target=server.stop, args=(TIMEOUT_SECONDS,))
        stopping.start()
        assert next(watch).status == NOT_SERVING
        watch.cancel()
        stopping.join()


def test_a_request_above_the_limit_is_refused_and_the_limit_can_be_moved(running):
    request = {"item_id": ["x" * 10_000], "k": [1]}
    for flags, refused in (
        ({"max_request_bytes": 5_000}, True),
        ({"max_request_bytes": 20_000}, False),
        ({"max_request_bytes": 5_000, "grpc_channel_arguments": "grpc.max_receive_message_length=20000"}, False),
    ):
        stock = Stock(running(**flags).address)
        if refused:
            with pytest.raises(grpc.RpcError) as error:
                stock.predict("similar", request)
            assert error.value.code() == grpc.StatusCode.RESOURCE_EXHAUSTED
        else:
            stock.predict("similar", request)
        stock.close()


def test_more_requests_at_a_time_than_allowed_are_refused(running, tmp_path, eventually):
    stock = Stock(running(max_concurrent_requests=1).address)

    def code() -> grpc.StatusCode:
        return stock.predict_later("similar", {"item_id": ["item-0"], "k": [1]}).code()

    started, go_on = tmp_path / "started", tmp_path / "go_on"
    first = stock.predict_later("wait", {"started": [str(started)], "go_on": [str(go_on)]})
    eventually(started.exists)
    assert code() == grpc.StatusCode.RESOURCE_EXHAUSTED
    go_on.touch()
    assert first.result().model_spec.version.value == 1
    eventually(lambda: code() == grpc.StatusCode.OK)  # the answer is there a moment before it counts no more
    stock.close()


def test_a_missing_base_path_is_an_error_that_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"Could not find base path {tmp_path}/none for servable toy: push"):
        Server.of_model("toy", tmp_path / "none", port=0).start()


def test_a_start_that_takes_too_long_says_why(tmp_path):
    (tmp_path / "1").mkdir()
    with pytest.raises(TimeoutError, match=r"within 5 s: .*version: 1} due to error: SavedModel file does not"):
        Server.of_model("toy", tmp_path, port=0).start(timeout=5)
    (tmp_path / "1").rmdir()
    with pytest.raises(TimeoutError, match=rf"there is no version in {tmp_path}"):
        Server.of_model("toy", tmp_path, port=0).start(timeout=0.1)


def test_a_port_that_is_taken_is_an_error_that_names_it(running):
    server = running(rest_api_port=ANY_PORT)
    port, rest_port = (int(address.rsplit(":", 1)[1]) for address in (server.address, server.rest_address))
    with pytest.raises(OSError, match=rf"cannot listen on localhost:{port}: stop what uses it"):
        running(port=port)
    with pytest.raises(OSError, match=rf"cannot listen on localhost:{rest_port} for HTTP"):
        running(rest_api_port=rest_port)


def test_a_config_file_with_a_mistake_is_an_error_before_anything_is_loaded(tmp_path, options):
    file = tmp_path / "mistake.pbtxt"
    file.write_text("nonsense: 1")
    for flag in ("ssl_config_file", "monitoring_config_file", "model_config_file", "tensorflow_session_config_file"):
        with pytest.raises(ConfigFileError, match=r'mistake\.pbtxt .* no field named "nonsense"'):
            Server(options(**{flag: str(file)}))


def test_stopping_lets_requests_in_flight_finish(running, own_threads, tmp_path, eventually):
    server = running(rest_api_port=ANY_PORT, **own_threads)
    answers = []
    stock = Stock(server.address)
    go_on = tmp_path / "go_on"
    started = [tmp_path / "started", tmp_path / "started-by-rest"]
    inputs, inputs_by_rest = ({"started": [str(file)], "go_on": [str(go_on)]} for file in started)
    body = json.dumps({"signature_name": "wait", "inputs": inputs_by_rest}).encode()

    def ask_by_rest() -> None:
        request = urllib.request.Request(f"http://{server.rest_address}/v1/models/toy:predict", body)
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as response:
            answers.append(response.status)

    def ask() -> None:
        answers.append(stock.predict("wait", inputs).model_spec.version.value)

    asking = [threading.Thread(target=target) for target in (ask, ask_by_rest)]
    for thread in asking:
        thread.start()
    eventually(lambda: all(file.exists() for file in started))
    stopping = threading.Thread(target=server.stop, args=(TIMEOUT_SECONDS,))
    stopping.start()
    rest_port = int(server.rest_address.rsplit(":", 1)[1])
    eventually(lambda: not _is_open(rest_port))
    stopping.join(1.0)  # whoever gives no grace has ended them by then
    assert stopping.is_alive()
    go_on.touch()
    for thread in (*asking, stopping):
        thread.join()
    assert sorted(answers) == [1, 200]


def test_stopping_twice_is_harmless(server):
    server.stop()
    server.stop()
