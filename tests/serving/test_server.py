"""Starting and stopping the server, in process and by its command line."""

import re
import signal
import socket
import subprocess
import sys
import threading

import pytest
from conftest import POLL_SECONDS
from stock import Stock

from serving.client import Client
from serving.server import Server, main


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


def _is_open(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("localhost", port)) == 0


def test_the_port_opens_only_once_a_model_is_loaded(tmp_path, publish):
    (tmp_path / "toy").mkdir()
    port = _free_port()
    server = Server("toy", tmp_path / "toy", port, poll_seconds=POLL_SECONDS)
    starting = threading.Thread(target=server.start)
    starting.start()
    threading.Event().wait(4 * POLL_SECONDS)
    assert not _is_open(port)
    publish(1)
    starting.join(timeout=20)
    assert _is_open(port)
    server.stop()
    assert not _is_open(port)


def test_a_missing_base_path_is_an_error_that_names_it(tmp_path):
    with pytest.raises(FileNotFoundError, match=rf"Could not find base path {tmp_path}/none for servable toy: push"):
        Server("toy", tmp_path / "none", port=0).start()


def test_a_start_that_takes_too_long_says_why(tmp_path):
    (tmp_path / "1").mkdir()
    with pytest.raises(TimeoutError, match=r"within 0\.5 s: version 1: SavedModel file does not exist"):
        Server("toy", tmp_path, port=0).start(timeout=0.5)
    (tmp_path / "1").rmdir()
    with pytest.raises(TimeoutError, match=r"no folder named by a number, such as 1/"):
        Server("toy", tmp_path, port=0).start(timeout=0.1)


def test_a_port_that_is_taken_is_an_error_that_names_it(server, tmp_path):
    port = int(server.address.rsplit(":", 1)[1])
    with pytest.raises(OSError, match=rf"cannot listen on localhost:{port}: stop what uses it"):
        Server("toy", tmp_path / "toy", port).start()


def test_stopping_lets_a_request_in_flight_finish(server):
    answers = []
    stock = Stock(server.address)
    request = threading.Thread(target=lambda: answers.append(stock.predict("sleep", {"seconds": [1.2]})))
    request.start()
    threading.Event().wait(0.5)
    server.stop(grace=10)
    request.join()
    assert answers[0].model_spec.version.value == 1


def test_the_command_line_serves_until_it_is_told_to_stop(publish, tmp_path):
    publish(1)
    flags = ["--port=0", "--model_name=toy", f"--model_base_path={tmp_path / 'toy'}"]
    command = [sys.executable, "-m", "serving.server", *flags, "--file_system_poll_wait_seconds=0.1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    address = next(m[1] for line in process.stderr if (m := re.search(r"serving on (\S+)", line)))
    with Client(address, "toy") as client:
        assert client.similar("item-0", k=1)[0].item_id == "item-4"
    process.send_signal(signal.SIGTERM)
    _, rest = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "version 1 of toy is unloaded" in rest
    assert "Traceback" not in rest


def test_the_command_line_fails_with_a_message_if_there_is_nothing_to_serve(tmp_path, caplog):
    assert main(["--port", "0", "--model_base_path", f"{tmp_path}/none"]) == 1
    assert f"Could not find base path {tmp_path}/none for servable default" in caplog.text
