"""The embedded server in a process of its own, which can be killed and counted."""

import os
import pathlib
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence

from serving.client import Client

MODEL = "toy"
_START_SECONDS = 60


def free_port() -> int:
    """A port that nothing listens on."""
    with socket.socket() as probe:
        probe.bind(("localhost", 0))
        return probe.getsockname()[1]


class ServerProcess:
    """Serves the versions in a folder; `address` stays the same when it is started again."""

    def __init__(self, base_path: pathlib.Path, flags: Sequence[str] = ()):
        """Prepares; `start` starts."""
        self._port = free_port()
        self._rest_port = free_port()
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
