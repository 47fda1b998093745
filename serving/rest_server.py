"""HTTP around the REST application: waitress, run in a thread and stopped gracefully.

waitress reads requests and writes answers in one loop, and gives a worker thread only whole requests, so that slow
clients hold a connection but no thread. It refuses bodies above a size with 413 before they are read to the end.
"""

import socket
import threading
import time
from collections.abc import Callable

import waitress
from waitress import wasyncore

from serving import transport

_SILENT_SECONDS = 30  # after which a connection that neither sends nor takes anything is closed
_HEADER_BYTES = 64 * 1024
_LOOK_SECONDS = 0.05  # between two looks whether all is answered, while stopping
_WORKERS_END_SECONDS = 0.5  # for idle workers to end; one that is still busy is left to itself


class RestServer:
    """Serves a WSGI application over HTTP."""

    def __init__(
        self,
        application: Callable,
        host: str,
        port: int,
        *,
        threads: int,
        max_request_bytes: int,
        max_connections: int,
    ):
        """Opens the port; `start` answers.

        Args:
            application: what answers, by WSGI.
            host: interface to listen on; "localhost" means 127.0.0.1.
            port: HTTP port; 0 takes a free one.
            threads: requests that are worked on at a time; others wait.
            max_request_bytes: size of the largest body.
            max_connections: connections that are held at a time; others wait to be accepted.

        Raises:
            OSError: the port is taken, or there is no such interface.
        """
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        try:
            listening = socket.create_server((host, port), family=family)
        except OSError as error:
            raise OSError(
                f"cannot listen on {transport.address(host, port)} for HTTP, stop what uses it or choose another "
                f"--rest_api_port: {error.strerror}"
            ) from None
        self.address = transport.address(host, listening.getsockname()[1])
        self._sockets: dict = {}
        self._server = waitress.create_server(
            application,
            self._sockets,
            sockets=[listening],
            threads=threads,
            max_request_body_size=max_request_bytes + 1,  # waitress refuses this size already
            max_request_header_size=_HEADER_BYTES,
            connection_limit=max_connections,
            channel_timeout=_SILENT_SECONDS,
            cleanup_interval=_SILENT_SECONDS // 3,
            asyncore_use_poll=True,  # select() knows no descriptor above 1023
            ident=None,  # the name of the software is nobody's business
        )
        self._grace = 0.0
        self._stopping = threading.Event()
        self._loop = threading.Thread(target=self._run, name="rest", daemon=True)

    def start(self) -> None:
        """Begins to answer, in threads of its own."""
        self._loop.start()

    def stop(self, grace: float) -> None:
        """Accepts no more connections, gives requests in flight `grace` seconds, then closes everything."""
        if self._stopping.is_set():
            return
        self._grace = grace
        self._stopping.set()
        if self._loop.is_alive():
            self._server.pull_trigger()
            self._loop.join()
        else:
            self._run()
        wasyncore.close_all(self._sockets)  # not in the loop, which may end before the trigger above is pulled

    def _run(self) -> None:
        while not self._stopping.is_set():
            self._turn(timeout=1.0)
        wasyncore.dispatcher.close(self._server)  # its own close() would leave the answers below without a trigger
        deadline = time.monotonic() + self._grace
        while self._busy() and time.monotonic() < deadline:
            self._turn(_LOOK_SECONDS)
        self._server.task_dispatcher.shutdown(timeout=_WORKERS_END_SECONDS)

    def _turn(self, timeout: float) -> None:
        wasyncore.loop(timeout, use_poll=True, map=self._sockets, count=1)

    def _busy(self) -> bool:
        channels = self._server.active_channels.values()
        return any(channel.requests or channel.total_outbufs_len for channel in channels)
