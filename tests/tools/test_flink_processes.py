"""Programs that serve while a block runs."""

import os
import socket
import sys

import pytest

from tools.flink.processes import NotServing, answers, free_port, serving

_SERVER = "import socket, sys, time; s = socket.create_server(('localhost', int(sys.argv[1]))); time.sleep(600)"


def test_a_program_serves_within_the_block_and_is_gone_after_it(tmp_path):
    port = free_port()
    with serving([sys.executable, "-c", _SERVER, port], tmp_path / "log", answers(port)) as process:
        socket.create_connection(("localhost", port)).close()
    assert not answers(port)()
    with pytest.raises(ProcessLookupError):
        os.kill(process, 0)


def test_a_program_that_ends_shows_the_end_of_its_log(tmp_path):
    command = [sys.executable, "-c", "print('no port is free'); raise SystemExit(3)"]
    with (
        pytest.raises(NotServing, match=r"(?s)has ended; its log, .*, ends with\nno port is free"),
        serving(command, tmp_path / "log", lambda: False),
    ):
        pass
