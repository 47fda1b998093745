"""Starts programs that serve on this machine, waits until they answer, and ends them."""

import contextlib
import pathlib
import socket
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence

_START_SECONDS = 180.0  # a busy machine takes a minute to start Java
_STOP_SECONDS = 20.0


class NotServing(RuntimeError):
    """A program ended, or did not answer in time; the message shows the end of its log."""


@contextlib.contextmanager
def serving(command: Sequence[object], log: pathlib.Path, ready: Callable[[], bool], **kwargs) -> Iterator[int]:
    """Runs a program while the block runs.

    Args:
        command: the program and its arguments.
        log: where its output goes.
        ready: whether it answers; asked until it does.
        kwargs: for `subprocess.Popen`.

    Yields:
        The id of its process.

    Raises:
        NotServing: it ended before it answered, or takes longer than three minutes.
    """
    with log.open("wb") as output:
        process = subprocess.Popen([str(word) for word in command], stdout=output, stderr=output, **kwargs)
    try:
        deadline = time.monotonic() + _START_SECONDS
        while not ready():
            if process.poll() is not None or time.monotonic() > deadline:
                ended = "has ended" if process.poll() is not None else f"gives no answer after {_START_SECONDS:.0f} s"
                end = "\n".join(log.read_text(errors="replace").splitlines()[-20:])
                raise NotServing(f"{command[0]} {ended}; its log, {log}, ends with\n{end}")
            time.sleep(0.2)
        yield process.pid
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def free_port() -> int:
    """A port of this machine that nothing listens at."""
    with socket.socket() as listener:
        listener.bind(("localhost", 0))
        return listener.getsockname()[1]


def answers(port: int) -> Callable[[], bool]:
    """Whether something listens at a port, as a function to ask again."""

    def listens() -> bool:
        with contextlib.suppress(OSError), socket.create_connection(("localhost", port), timeout=1):
            return True
        return False

    return listens
