"""The embedded server in a process of its own, which can be killed and counted."""

import contextlib
import os
import pathlib
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence

from serving.client import Client

MODEL = "toy"
_START_SECONDS = 300
_PORTS = range(20_000, 32_000)  # below those that the system gives to whoever takes any


def free_ports(count: int) -> list[int]:
    """Different ports that nothing uses, and that nobody gets who takes any that is free."""
    free = []
    for port in random.sample(_PORTS, len(_PORTS)):
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("localhost", port))
            free.append(port)
        if len(free) == count:
            return free
    raise OSError(f"{count} of the ports from {_PORTS[0]} to {_PORTS[-1]} are not free")


class ServerProcess:
    """Serves the versions in a folder; `address` stays the same when it is started again."""

    def __init__(self, base_path: pathlib.Path, flags: Sequence[str] = ()):
        """Prepares; `start` starts."""
        self._port, self._rest_port = free_ports(2)
        self.address = f"localhost:{self._port}"
        self.rest_address = f"localhost:{self._rest_port}"
        own = [f"--port={self._port}", f"--rest_api_port={self._rest_port}"]
        model = [f"--model_name={MODEL}", f"--model_base_path={base_path}"]
        self._command = [sys.executable, "-m", "serving.server", *own, *model, *flags]
        self._process: subprocess.Popen | None = None

    def start(self) -> None:
        """Starts and waits until the model is served."""
        self._process = subprocess.Popen(self._command, stderr=subprocess.DEVNULL)
        with Client(self.address, MODEL) as client:
            client.wait_until_ready(_START_SECONDS)

    def kill(self) -> None:
        """Ends it as a power cut would."""
        self._process.send_signal(signal.SIGKILL)
        self._process.wait()

    def open_files(self) -> int:
        """How many files and connections it holds."""
        return len(os.listdir(f"/proc/{self._process.pid}/fd"))

    def threads(self) -> int:
        """How many threads it has."""
        return len(os.listdir(f"/proc/{self._process.pid}/task"))
