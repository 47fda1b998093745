"""The embedded server: TensorFlow Serving's gRPC protocol for a laptop and for tests.

    python -m serving.server --port 8500 --model_name shelfwise --model_base_path runs/shop/serving/shelfwise

Flags are spelt as for `tensorflow_model_server`, which replaces this server in production: clients need no change.
It listens on this machine only unless `--host` says otherwise, since it has neither TLS nor authentication.
"""

import argparse
import concurrent.futures
import logging
import os
import pathlib
import signal

import grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from serving.model_service import ModelService
from serving.prediction_service import PredictionService
from serving.versions import Versions

_logger = logging.getLogger(__name__)

_OPTIONS = (
    ("grpc.max_receive_message_length", -1),
    ("grpc.max_send_message_length", -1),
    ("grpc.so_reuseport", 0),  # else a second server on a busy port would start and take half of its requests
)


class Server:
    """Serves one model folder in this process.

    Example:
        with Server("shelfwise", "runs/shop/serving/shelfwise", port=0) as server:
            client = Client(server.address)
    """

    def __init__(
        self,
        model_name: str,
        base_path: str | pathlib.Path,
        port: int = 8500,
        *,
        host: str = "localhost",
        poll_seconds: float = 1.0,
    ):
        """Prepares; `start` loads and listens.

        Args:
            model_name: the name that requests ask for.
            base_path: the folder that holds the version folders.
            port: gRPC port; 0 takes a free one.
            host: interface to listen on; "0.0.0.0" for all.
            poll_seconds: time between two looks for new versions.
        """
        self._host = host
        self._port = port
        self._versions = Versions(model_name, base_path, poll_seconds)
        self._grpc: grpc.Server | None = None

    @property
    def address(self) -> str:
        """`host:port`, with the port that was really taken once started."""
        return f"{self._host}:{self._port}"

    def start(self, timeout: float | None = None) -> "Server":
        """Waits until a version is loaded, then opens the port.

        Args:
            timeout: seconds to wait for a version; None waits for ever, as a server beside a training pipeline must.

        Raises:
            FileNotFoundError: the base path does not exist.
            TimeoutError: no version became available in time; the message says why.
            OSError: the port is taken.
        """
        self._versions.start()
        try:
            self._versions.wait_until_available(timeout)
            self._listen()
        except BaseException:
            self._versions.stop()
            raise
        _logger.info("serving on %s", self.address)
        return self

    def wait(self) -> None:
        """Blocks until the server is stopped."""
        self._grpc.wait_for_termination()

    def stop(self, grace: float = 5.0) -> None:
        """Refuses new requests, gives those in flight `grace` seconds, then unloads the model."""
        if self._grpc is not None:
            self._grpc.stop(grace).wait()
        self._versions.stop()

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *_) -> None:
        self.stop()

    def _listen(self) -> None:
        models = {self._versions.model_name: self._versions}
        workers = concurrent.futures.ThreadPoolExecutor(4 * (os.cpu_count() or 1), thread_name_prefix="request")
        server = grpc.server(workers, options=_OPTIONS)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(PredictionService(models), server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(models), server)
        try:
            self._port = server.add_insecure_port(self.address)
        except RuntimeError:
            raise OSError(f"cannot listen on {self.address}: stop what uses it, or choose another port") from None
        server.start()
        self._grpc = server


def serve(
    model_name: str,
    base_path: str | pathlib.Path,
    port: int = 8500,
    *,
    host: str = "localhost",
    poll_seconds: float = 1.0,
) -> None:
    """Serves until SIGINT or SIGTERM, then stops gracefully. For the main thread; arguments and errors as `Server`."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Server(model_name, base_path, port, host=host, poll_seconds=poll_seconds) as server:
            server.wait()
    except KeyboardInterrupt:
        _logger.info("stopped")
    finally:
        signal.signal(signal.SIGTERM, previous)


def main(argv: list[str] | None = None) -> int:
    """The command line; returns the exit status."""
    parser = argparse.ArgumentParser(prog="python -m serving.server", description=__doc__.split("\n")[0])
    parser.add_argument("--port", type=int, default=8500, help="gRPC port; 0 takes a free one")
    parser.add_argument("--host", default="localhost", help="interface to listen on; 0.0.0.0 for all")
    parser.add_argument("--model_name", default="default", help="name that requests ask for")
    parser.add_argument("--model_base_path", required=True, help="folder that holds the version folders")
    parser.add_argument("--file_system_poll_wait_seconds", type=float, default=1.0, help="time between two looks")
    flags = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    try:
        serve(
            flags.model_name,
            flags.model_base_path,
            flags.port,
            host=flags.host,
            poll_seconds=flags.file_system_poll_wait_seconds,
        )
    except OSError as error:
        _logger.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
