"""The embedded server as users start it, in a process of its own."""

import contextlib
import os
import pathlib
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from typing import NamedTuple

from serving.client import Client

MODEL_NAME = "benchmark"

_START_SECONDS = 300.0
_STOP_SECONDS = 30.0


class Memory(NamedTuple):
    """Bytes that a process holds now, and held at most."""

    now: int
    peak: int


class ServerProcess:
    """A running server."""

    def __init__(self, address: str, pid: int):
        self.address = address
        self._folder = pathlib.Path(f"/proc/{pid}")

    def memory(self) -> Memory:
        """What the process holds, without what is swapped out."""
        kibibytes = dict(
            re.findall(r"^(VmRSS|VmHWM):\s+(\d+) kB$", (self._folder / "status").read_text(), re.MULTILINE)
        )
        return Memory(1024 * int(kibibytes["VmRSS"]), 1024 * int(kibibytes["VmHWM"]))

    def processor_seconds(self) -> float:
        """What the process has used of the processor so far."""
        fields = (self._folder / "stat").read_text().rpartition(")")[2].split()  # the name before it may hold blanks
        return sum(map(int, fields[11:13])) / os.sysconf("SC_CLK_TCK")


@contextlib.contextmanager
def started(base_path: pathlib.Path, *flags: str) -> Iterator[ServerProcess]:
    """Starts `serving.server` on a free port of this machine, waits until it answers, and stops it in the end.

    Args:
        base_path: folder of the version folders.
        flags: more flags, as for `tensorflow_model_server`.

    Raises:
        ServingError: it did not come to answer.
    """
    port = _free_port()
    command = [
        *(sys.executable, "-m", "serving.server", f"--port={port}"),
        *(f"--model_name={MODEL_NAME}", f"--model_base_path={base_path.absolute()}"),
        *flags,
    ]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as process:
        try:
            address = f"localhost:{port}"
            with Client(address, MODEL_NAME) as client:
                client.wait_until_ready(_START_SECONDS)
            yield ServerProcess(address, process.pid)
        finally:
            process.terminate()
            process.wait(_STOP_SECONDS)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]
