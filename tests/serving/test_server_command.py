"""The server as a process of its own, started by tensorflow_model_server's flags."""

import re
import signal
import subprocess
import sys

import grpc
import pytest
import tensorflow as tf
from grpc_health.v1 import health_pb2, health_pb2_grpc
from stock import TIMEOUT_SECONDS, Stock
from warmup_records import predict_similar, write_warmup

from serving.server import main


def _serving(process: subprocess.Popen) -> tuple[str, str]:
    """Reads the process's log until it serves; gives its gRPC and its HTTP address."""
    address = next(found[1] for line in process.stderr if (found := re.search(r"serving on (\S+)", line)))
    return address, next(found[1] for line in process.stderr if (found := re.search(r"HTTP on (\S+)", line)))


def test_it_serves_until_it_is_told_to_stop(publish, tmp_path):
    publish(1)
    flags = ["--port=0", "--model_name=toy", f"--model_base_path={tmp_path / 'toy'}", "--rest_api_port", "-1"]
    flags += ["--enable_grpc_healthcheck_service", "--file_system_poll_wait_seconds=1", "--num_load_threads=2"]
    process = subprocess.Popen([sys.executable, "-m", "serving.server", *flags], stderr=subprocess.PIPE, text=True)
    address, rest_address = _serving(process)
    assert re.fullmatch(r"localhost:\d+", rest_address)
    stock = Stock(address)
    assert stock.similar().outputs["item_ids"].string_val == [b"item-4"]
    stock.close()
    with grpc.insecure_channel(address) as channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        answer = check(health_pb2.HealthCheckRequest(service="toy"), timeout=TIMEOUT_SECONDS)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=30)
    assert process.returncode == 0
    assert "stopped" in rest
    assert "Traceback" not in rest


def test_it_fails_with_a_message_if_there_is_nothing_to_serve(tmp_path, caplog):
    assert main(["--port", "0", "--model_base_path", f"{tmp_path}/none"]) == 1
    assert f"Could not find base path {tmp_path}/none for servable default" in caplog.text


@pytest.mark.parametrize(
    ("flag", "text", "message"),
    [
        ("ssl_config_file", "server_key: 'x'", "file.pbtxt lacks server_cert"),
        ("model_config_file", "nonsense: 1", "file.pbtxt is not a ModelServerConfig in text format: 1:1 : "),
        ("model_config_file", "model_config_list { config { name: 'a' base_path: 'b' } }", "Expected model a to have"),
        ("monitoring_config_file", "prometheus_config { path: 'x' }", "prometheus_config.path must begin with '/'"),
        ("tensorflow_session_config_file", "nonsense: 1", "file.pbtxt is not a ConfigProto in text format"),
    ],
)
def test_it_fails_with_a_message_if_a_file_says_nothing_sensible(tmp_path, caplog, flag, text, message):
    (tmp_path / "file.pbtxt").write_text(text)
    assert main([f"--{flag}={tmp_path}/file.pbtxt", f"--model_base_path={tmp_path}"]) == 1
    assert message in caplog.text


def test_channel_arguments_with_a_mistake_are_named(tmp_path, caplog):
    assert main([f"--model_base_path={tmp_path}", "--grpc_channel_arguments=fast"]) == 1
    assert "--grpc_channel_arguments takes NAME=VALUE,NAME=VALUE; 'fast' is not one" in caplog.text


def test_a_batching_file_too_small_for_the_warmup_ends_the_start_at_once_with_what_to_change(publish, tmp_path, caplog):
    folder = publish(1)
    large = predict_similar()
    large.predict_log.request.inputs["item_id"].CopyFrom(tf.make_tensor_proto(["item-0"] * 4))
    write_warmup(folder, [large])
    (tmp_path / "batching.config").write_text("max_batch_size { value: 2 }")
    flags = ["--port=0", "--model_name=toy", f"--model_base_path={tmp_path / 'toy'}", "--enable_batching"]
    assert main([*flags, f"--batching_parameters_file={tmp_path}/batching.config"]) == 1
    assert f"has 4 rows, but max_batch_size is 2 in {tmp_path}/batching.config: set it, and the last" in caplog.text
    assert "cannot be loaded yet" not in caplog.text
