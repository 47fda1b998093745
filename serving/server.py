"""The embedded server: TensorFlow Serving's protocol, over gRPC and HTTP, without TensorFlow Serving.

    python -m serving.server --port 8500 --model_name shelfwise --model_base_path runs/shop/serving/shelfwise

Flags are those of `tensorflow_model_server`, which replaces this server in production: clients need no change.
It listens on this machine only unless `--host` says otherwise, and over plain connections unless `--ssl_config_file`
turns TLS on for gRPC; HTTP has none, as in TensorFlow Serving. What TensorFlow Serving leaves open is limited here: a
request to 64 MiB (`--max_request_bytes`) and 1,024 rows (`--max_request_rows`), and what is held at a time to 512
requests over gRPC and as many connections over HTTP (`--max_concurrent_requests`). More is answered RESOURCE_EXHAUSTED
by gRPC; HTTP answers 413 to a body that is too large, and lets connections wait.
"""

import concurrent.futures
import gc
import logging
import os
import signal
from collections.abc import Sequence

import grpc
from grpc_health.v1 import health_pb2_grpc
from tensorflow_serving.apis import model_service_pb2_grpc, prediction_service_pb2_grpc

from serving import flags, metrics, model_config, rest, transport
from serving.health import Health
from serving.loading import Loader
from serving.model_config_file import ModelConfigFile
from serving.model_service import ModelService
from serving.models import Models
from serving.options import Options
from serving.prediction_service import PredictionService
from serving.rest_server import RestServer
from serving.status import StatusError

_logger = logging.getLogger(__name__)


class Server:
    """Serves models in this process.

    Example:
        options = Options(model_name="shelfwise", model_base_path="runs/shop/serving/shelfwise", port=0)
        with Server(options) as server, Client(server.address) as client:
            client.recommend("1364")
    """

    def __init__(self, options: Options):
        """Reads the files that the options name; `start` loads and listens.

        Raises:
            OSError: one of the files cannot be read.
            ValueError: one of them, or an option, says nothing sensible; the message names it.
            StatusError: the models are configured in a way that TensorFlow Serving refuses.
        """
        self._options = options
        self._credentials = transport.credentials(options.ssl_config_file) if options.ssl_config_file else None
        self._channel_arguments = transport.channel_arguments(options)
        self._monitoring = (
            metrics.read_monitoring_config(options.monitoring_config_file)
            if options.monitoring_config_file
            else metrics.MonitoringConfig()
        )
        self._metrics = metrics.Metrics()
        self._loader = Loader(options, self._metrics)
        self._models = Models(
            _model_config(options),
            self._loader.load,
            poll_seconds=options.file_system_poll_wait_seconds,
            max_load_retries=options.max_num_load_retries,
            load_retry_interval_seconds=options.load_retry_interval_micros / 1e6,
            allow_labels_for_unavailable=options.allow_version_labels_for_unavailable_models,
        )
        self._config_file: ModelConfigFile | None = None
        if options.model_config_file and options.model_config_file_poll_wait_seconds > 0:
            poll_seconds = options.model_config_file_poll_wait_seconds
            self._config_file = ModelConfigFile(options.model_config_file, self._models, poll_seconds)
        self._health = Health(self._models)
        self._port: int | None = None
        self._grpc: grpc.Server | None = None
        self._rest: RestServer | None = None

    @classmethod
    def of_model(
        cls,
        model_name: str,
        base_path: str | os.PathLike,
        port: int = 8500,
        *,
        host: str = "localhost",
        poll_seconds: float = 1.0,
    ) -> "Server":
        """A server of one model over gRPC; the arguments are the most used of `Options`.

        Args:
            model_name: the name that requests ask for.
            base_path: the folder that holds the version folders.
            port: gRPC port; 0 takes a free one.
            host: interface to listen on; "0.0.0.0" for all.
            poll_seconds: time between two looks for new versions.
        """
        return cls(
            Options(
                model_name=model_name,
                model_base_path=os.fspath(base_path),
                port=port,
                host=host,
                file_system_poll_wait_seconds=poll_seconds,
            )
        )

    @property
    def address(self) -> str:
        """Where gRPC is answered: `host:port` with the port really taken, or `unix:path` if there is no port."""
        if self._port is None and self._options.grpc_socket_path:
            return f"unix:{self._options.grpc_socket_path}"
        return transport.address(self._options.host, self._port or self._options.port)

    @property
    def rest_address(self) -> str | None:
        """`host:port` of HTTP once started; None without."""
        return self._rest.address if self._rest else None

    def start(self, timeout: float | None = None) -> "Server":
        """Waits until every model is loaded, then opens the ports.

        Args:
            timeout: seconds to wait for the models; None waits for ever, as a server beside a training pipeline must.

        Raises:
            FileNotFoundError: a model's base path does not exist.
            StatusError: every version of a model has failed to load, and was not to be tried again.
            TimeoutError: a model did not become available in time; the message says why.
            OSError: a port is taken.
        """
        try:
            self._models.start()
            self._models.wait_until_available(timeout)
            if self._config_file is not None:
                self._config_file.start()
            self._listen()
        except BaseException:
            self.stop(grace=0)
            raise
        _logger.info("serving on %s", self.address)
        if self._rest is not None:
            _logger.info("serving HTTP on %s", self.rest_address)
        return self

    def wait(self) -> None:
        """Blocks until the server is stopped."""
        self._grpc.wait_for_termination()

    def stop(self, grace: float = 5.0) -> None:
        """Refuses new requests, gives those in flight `grace` seconds, then unloads the models."""
        self._health.enter_graceful_shutdown()
        stopped = self._grpc.stop(grace) if self._grpc is not None else None
        if self._rest is not None:
            self._rest.stop(grace)
        if stopped is not None:
            stopped.wait()
        if self._config_file is not None:
            self._config_file.stop()
        self._models.stop()
        self._loader.close()

    def __enter__(self) -> "Server":
        return self.start()

    def __exit__(self, *_) -> None:
        self.stop()

    def _listen(self) -> None:
        """Opens gRPC, then HTTP, as TensorFlow Serving does."""
        options = self._options
        server = self._grpc_server()
        if options.port or not options.grpc_socket_path:
            where = transport.address(options.host, max(options.port, 0))
            self._port = transport.listen(server, where, self._credentials)
        if options.grpc_socket_path:
            transport.listen(server, f"unix:{options.grpc_socket_path}", self._credentials)
        if options.rest_api_port:
            self._rest = self._rest_server()
        server.start()
        self._grpc = server
        if self._rest is not None:
            self._rest.start()

    def _grpc_server(self) -> grpc.Server:
        options = self._options
        server = grpc.server(
            concurrent.futures.ThreadPoolExecutor(options.grpc_max_threads, thread_name_prefix="grpc"),
            options=self._channel_arguments,
            maximum_concurrent_rpcs=options.max_concurrent_requests,
        )
        predictions = PredictionService(self._models, self._metrics)
        prediction_service_pb2_grpc.add_PredictionServiceServicer_to_server(predictions, server)
        model_service_pb2_grpc.add_ModelServiceServicer_to_server(ModelService(self._models), server)
        if options.enable_grpc_healthcheck_service:
            health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        return server

    def _rest_server(self) -> RestServer:
        options = self._options
        application = rest.application(
            self._models,
            options.rest_api_timeout_in_ms / 1000,
            metrics=self._metrics,
            metrics_path=self._monitoring.path if self._monitoring.enable else None,
            cors=options.rest_api_enable_cors_support,
            max_request_bytes=options.max_request_bytes,
        )
        return RestServer(
            application,
            options.host,
            max(options.rest_api_port, 0),
            threads=options.rest_api_num_threads,
            max_request_bytes=options.max_request_bytes,
            max_connections=options.max_concurrent_requests,
        )


def run(options: Options) -> None:
    """Serves until SIGINT or SIGTERM, then stops gracefully. For the main thread; errors as `Server`."""
    previous = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with Server(options) as server:
            gc.collect()
            gc.freeze()  # TensorFlow's half a million objects never die; without them, no collection delays a request
            server.wait()
    except KeyboardInterrupt:
        _logger.info("stopped")
    finally:
        signal.signal(signal.SIGTERM, previous)


def _model_config(options: Options) -> model_config.ModelServerConfig:
    """The models to serve."""
    if options.model_config_file:
        return model_config.read(options.model_config_file)
    return model_config.single(options.model_name, options.model_base_path)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; returns the exit status."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    logging.getLogger("tensorflow").setLevel(logging.ERROR)  # else each load warns, twice, of what is done on purpose
    try:
        run(flags.parse(argv))
    except (OSError, ValueError, StatusError) as error:
        _logger.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
