"""What the server can be told: the flags of TensorFlow Serving's `tensorflow_model_server` 2.19, and a few of ours.

The name of a field is the name of its flag. Defaults are those of `tensorflow_model_server`, save that the server
listens on this machine only and limits the size and the number of requests. The flags that mean nothing to this server
are known to `serving.flags` alone.
"""

import dataclasses
import os
from collections.abc import Iterator
from typing import Any

ANY_PORT = -1
_LARGEST_PORT = 2**16 - 1

_CPUS = len(os.sched_getaffinity(0))

_LISTENING = "where it listens"
_MODELS = "what it serves"
_BATCHING = "batching"
_EXECUTION = "how graphs run"
_LIMITS = "TLS and limits"
_OBSERVATION = "health and metrics"


def _flag(default: Any, group: str, text: str) -> Any:
    return dataclasses.field(default=default, metadata={"group": group, "help": text})


@dataclasses.dataclass(frozen=True, kw_only=True)
class Options:
    """Everything the server can be told; `python -m serving.server --help` prints what each field means.

    Raises:
        ValueError: a value that cannot be, or two that contradict each other; the message names the flags.
    """

    host: str = _flag("localhost", _LISTENING, "interface of both ports, 0.0.0.0 for all; a flag of this server only")
    port: int = _flag(8500, _LISTENING, "gRPC port; 0 for none beside --grpc_socket_path, else a free one as with -1")
    grpc_socket_path: str = _flag("", _LISTENING, "Unix socket on which gRPC is answered too")
    grpc_max_threads: int = _flag(4 * _CPUS, _LISTENING, "gRPC requests that run at a time; others wait for their turn")
    grpc_channel_arguments: str = _flag("", _LISTENING, "settings of the gRPC server: NAME=VALUE,NAME=VALUE")
    rest_api_port: int = _flag(0, _LISTENING, "HTTP port; 0 for none, -1 takes a free one")
    rest_api_num_threads: int = _flag(4 * _CPUS, _LISTENING, "HTTP requests that run at a time; others wait")
    rest_api_timeout_in_ms: int = _flag(30_000, _LISTENING, "time that an HTTP request may take")
    rest_api_enable_cors_support: bool = _flag(False, _LISTENING, "whether pages of other origins may ask over HTTP")

    model_name: str = _flag("default", _MODELS, "name that requests ask for; ignored with --model_config_file")
    model_base_path: str = _flag("", _MODELS, "folder of the version folders; ignored with --model_config_file")
    model_config_file: str = _flag("", _MODELS, "file with a ModelServerConfig, for several models")
    model_config_file_poll_wait_seconds: float = _flag(
        0.0, _MODELS, "time between two looks at --model_config_file; 0 reads it once"
    )
    file_system_poll_wait_seconds: float = _flag(1.0, _MODELS, "time between two looks for versions; 0 looks once")
    max_num_load_retries: int = _flag(5, _MODELS, "how often a version that failed to load is tried again")
    load_retry_interval_micros: int = _flag(60_000_000, _MODELS, "time between two tries")
    allow_version_labels_for_unavailable_models: bool = _flag(
        False, _MODELS, "whether a new label may name a version that is not available yet"
    )
    saved_model_tags: str = _flag("serve", _MODELS, "tags of the graph in the SavedModel, separated by commas")
    enable_model_warmup: bool = _flag(True, _MODELS, "whether a version answers its warm-up requests before it serves")
    num_request_iterations_for_warmup: int = _flag(0, _MODELS, "times that each warm-up request is run, if above 0")

    enable_batching: bool = _flag(False, _BATCHING, "whether requests that come together are run together")
    batching_parameters_file: str = _flag("", _BATCHING, "file with BatchingParameters")

    tensorflow_session_config_file: str = _flag("", _EXECUTION, "file with a ConfigProto")
    tensorflow_session_parallelism: int = _flag(0, _EXECUTION, "threads of both kinds below; 0 lets TensorFlow choose")
    tensorflow_intra_op_parallelism: int = _flag(0, _EXECUTION, "threads within an operation")
    tensorflow_inter_op_parallelism: int = _flag(0, _EXECUTION, "operations that run at a time")
    per_process_gpu_memory_fraction: float = _flag(
        0.0, _EXECUTION, "share of the GPU's memory to take, 0 to 1; 0 lets TensorFlow choose"
    )

    ssl_config_file: str = _flag("", _LIMITS, "file with an SSLConfig, for TLS on the gRPC port")
    max_request_bytes: int = _flag(64 * 1024**2, _LIMITS, "size of the largest request; a flag of this server only")
    max_request_rows: int = _flag(
        1024, _LIMITS, "size of the first dimension that a request may have; a flag of this server only"
    )
    max_concurrent_requests: int = _flag(
        512, _LIMITS, "gRPC requests, and HTTP connections, held at a time; a flag of this server only"
    )

    monitoring_config_file: str = _flag("", _OBSERVATION, "file with a MonitoringConfig, for metrics on the HTTP port")
    enable_grpc_healthcheck_service: bool = _flag(False, _OBSERVATION, "whether grpc.health.v1.Health answers")

    def __post_init__(self) -> None:
        for problem in _problems(self):
            raise ValueError(problem)


def _problems(options: Options) -> Iterator[str]:
    """What is wrong, worst first; the first four are refused by TensorFlow Serving too."""
    if not options.model_base_path and not options.model_config_file:
        yield "there is nothing to serve: set --model_base_path or --model_config_file"
    if options.batching_parameters_file and not options.enable_batching:
        yield "--batching_parameters_file has no effect without --enable_batching: set both or neither"
    kinds = (options.tensorflow_intra_op_parallelism, options.tensorflow_inter_op_parallelism)
    if options.tensorflow_session_parallelism > 0 and all(threads > 0 for threads in kinds):
        yield (
            "set --tensorflow_session_parallelism, or --tensorflow_intra_op_parallelism and "
            "--tensorflow_inter_op_parallelism, but not all three"
        )
    if options.port == options.rest_api_port > 0:
        yield f"--port and --rest_api_port are both {options.port}: they must differ"
    for name in ("port", "rest_api_port"):
        if not ANY_PORT <= getattr(options, name) <= _LARGEST_PORT:
            yield f"--{name} must be between {ANY_PORT} and {_LARGEST_PORT}, not {getattr(options, name)}"
    positive = ("grpc_max_threads", "rest_api_num_threads", "rest_api_timeout_in_ms")
    for name in (*positive, "max_request_bytes", "max_request_rows", "max_concurrent_requests"):
        if getattr(options, name) < 1:
            yield f"--{name} must be at least 1, not {getattr(options, name)}"
    if not 0 <= options.per_process_gpu_memory_fraction <= 1:
        yield f"--per_process_gpu_memory_fraction must be in [0, 1], not {options.per_process_gpu_memory_fraction:g}"
