"""The command line of tensorflow_model_server, and what it makes of it."""

import logging

import pytest

from serving import flags
from serving.options import Options

MODEL = "--model_base_path=/models/shop"

# Every flag of tensorflow_model_server 2.19 (model_servers/main.cc), with a value that its script could hold.
STOCK = {
    "port": "8501",
    "grpc_socket_path": "/tmp/grpc.sock",
    "rest_api_port": "8502",
    "rest_api_num_threads": "3",
    "rest_api_timeout_in_ms": "500",
    "rest_api_enable_cors_support": "true",
    "enable_batching": "true",
    "allow_version_labels_for_unavailable_models": "true",
    "batching_parameters_file": "/b.txt",
    "enable_per_model_batching_parameters": "true",
    "model_config_file": "/m.txt",
    "model_config_file_poll_wait_seconds": "7",
    "model_name": "shop",
    "model_base_path": "/models/shop",
    "num_load_threads": "2",
    "num_unload_threads": "2",
    "max_num_load_retries": "1",
    "load_retry_interval_micros": "5",
    "file_system_poll_wait_seconds": "9",
    "flush_filesystem_caches": "false",
    "tensorflow_session_parallelism": "0",
    "tensorflow_session_config_file": "/s.txt",
    "tensorflow_intra_op_parallelism": "2",
    "tensorflow_inter_op_parallelism": "3",
    "use_alts_credentials": "false",
    "ssl_config_file": "/tls.txt",
    "platform_config_file": "/p.txt",
    "per_process_gpu_memory_fraction": "0.5",
    "saved_model_tags": "serve,gpu",
    "grpc_channel_arguments": "grpc.max_connection_age_ms=2000",
    "grpc_max_threads": "4",
    "enable_model_warmup": "false",
    "num_request_iterations_for_warmup": "2",
    "monitoring_config_file": "/mon.txt",
    "remove_unused_fields_from_bundle_metagraph": "false",
    "prefer_tflite_model": "true",
    "num_tflite_pools": "1",
    "num_tflite_interpreters_per_pool": "1",
    "enable_signature_method_name_check": "true",
    "xla_cpu_compilation_enabled": "true",
    "xla_gpu_compilation_enabled": "true",
    "enable_profiler": "false",
    "thread_pool_factory_config_file": "/t.txt",
    "mixed_precision": "bfloat16",
    "skip_initialize_tpu": "true",
    "enable_grpc_healthcheck_service": "true",
    "enable_serialization_as_tensor_content": "true",
}


def test_every_flag_of_tensorflow_serving_is_read_into_the_option_of_its_name():
    options = flags.parse([f"--{name}={value}" for name, value in STOCK.items()])
    read = {name: getattr(options, name) for name in STOCK if hasattr(options, name)}
    assert read == {
        "port": 8501,
        "grpc_socket_path": "/tmp/grpc.sock",
        "rest_api_port": 8502,
        "rest_api_num_threads": 3,
        "rest_api_timeout_in_ms": 500,
        "rest_api_enable_cors_support": True,
        "enable_batching": True,
        "allow_version_labels_for_unavailable_models": True,
        "batching_parameters_file": "/b.txt",
        "model_config_file": "/m.txt",
        "model_config_file_poll_wait_seconds": 7.0,
        "model_name": "shop",
        "model_base_path": "/models/shop",
        "max_num_load_retries": 1,
        "load_retry_interval_micros": 5,
        "file_system_poll_wait_seconds": 9.0,
        "tensorflow_session_parallelism": 0,
        "tensorflow_session_config_file": "/s.txt",
        "tensorflow_intra_op_parallelism": 2,
        "tensorflow_inter_op_parallelism": 3,
        "ssl_config_file": "/tls.txt",
        "per_process_gpu_memory_fraction": 0.5,
        "saved_model_tags": "serve,gpu",
        "grpc_channel_arguments": "grpc.max_connection_age_ms=2000",
        "grpc_max_threads": 4,
        "enable_model_warmup": False,
        "num_request_iterations_for_warmup": 2,
        "monitoring_config_file": "/mon.txt",
        "enable_grpc_healthcheck_service": True,
    }


def test_the_defaults_are_those_of_tensorflow_serving_but_for_the_interface_and_the_limits():
    options = flags.parse([MODEL])
    assert (options.port, options.rest_api_port, options.rest_api_timeout_in_ms) == (8500, 0, 30_000)
    assert (options.model_name, options.saved_model_tags, options.file_system_poll_wait_seconds) == (
        "default",
        "serve",
        1.0,
    )
    assert (options.max_num_load_retries, options.load_retry_interval_micros) == (5, 60_000_000)
    assert options.enable_model_warmup
    assert not options.enable_batching
    assert (options.host, options.max_request_bytes) == ("localhost", 67_108_864)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["--enable_model_warmup"], True),
        (["--enable_model_warmup=false"], False),
        (["--enable_model_warmup", "FALSE"], False),
        (["--enable_model_warmup=0"], False),
        (["--enable_model_warmup=1"], True),
        (["--noenable_model_warmup"], False),
        (["--noenable_model_warmup", "--enable_model_warmup=true"], True),
    ],
)
def test_truth_values_may_be_written_as_gflags_and_tensorflow_do(words, expected):
    assert flags.parse([MODEL, *words]).enable_model_warmup is expected


def test_a_value_may_stand_behind_a_space_and_the_last_one_counts():
    assert flags.parse([MODEL, "--port", "1", "--rest_api_port", "-1", "--port=2"]) == Options(
        model_base_path="/models/shop", port=2, rest_api_port=-1
    )


def test_flags_without_effect_are_named_in_one_line_of_the_log(caplog):
    with caplog.at_level(logging.WARNING):
        flags.parse([MODEL, "--num_load_threads=4", "--noflush_filesystem_caches"])
    assert caplog.messages == ["without effect in this server: --flush_filesystem_caches, --num_load_threads"]


def test_flags_with_effect_are_not_in_the_log(caplog):
    flags.parse([MODEL, "--enable_batching"])
    assert not caplog.messages


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--rest_api_prot=1"], "unknown flag --rest_api_prot; did you mean --rest_api_port?"),
        (["--num_load_thread=1"], "unknown flag --num_load_thread; did you mean --num_load_threads?"),
        (["--xyzzy"], "unknown flag --xyzzy; --help lists all"),
        (["--rest_api"], "unknown flag --rest_api; did you mean --rest_api_port?"),
        (["shop"], "unexpected argument 'shop': every value belongs to a flag, as in --model_name=shop"),
        (["--port=http"], "argument --port: invalid int value: 'http'"),
        (["--enable_batching=maybe"], "argument --enable_batching: must be true or false, not 'maybe'"),
        (["--use_alts_credentials"], "--use_alts_credentials is not supported: Google's ALTS needs Google Cloud"),
        (["--batching_parameters_file=/b"], "--batching_parameters_file has no effect without --enable_batching"),
        (["--rest_api_port=8500"], "--port and --rest_api_port are both 8500: they must differ"),
        (["--port=65536"], "--port must be between -1 and 65535, not 65536"),
        (["--grpc_max_threads=0"], "--grpc_max_threads must be at least 1, not 0"),
        (["--per_process_gpu_memory_fraction=1.5"], "--per_process_gpu_memory_fraction must be in [0, 1], not 1.5"),
        (
            [f"--tensorflow_{kind}_parallelism=2" for kind in ("session", "intra_op", "inter_op")],
            "set --tensorflow_session_parallelism, or --tensorflow_intra_op_parallelism and",
        ),
    ],
)
def test_a_mistake_ends_the_process_with_a_message_that_names_the_flag(words, message, capsys):
    with pytest.raises(SystemExit) as exit_:
        flags.parse([MODEL, *words])
    assert exit_.value.code == 2
    assert f"error: {message}" in capsys.readouterr().err


def test_there_must_be_something_to_serve(capsys):
    with pytest.raises(SystemExit):
        flags.parse([])
    assert "set --model_base_path or --model_config_file" in capsys.readouterr().err


def test_help_lists_every_flag_in_groups(capsys):
    with pytest.raises(SystemExit) as exit_:
        flags.parse(["--help"])
    assert exit_.value.code == 0
    printed = capsys.readouterr().out
    assert [name for name in STOCK if f"  --{name} " not in printed] == ["use_alts_credentials"]
    groups = [
        "where it listens:",
        "what it serves:",
        "batching:",
        "health and metrics:",
        "without effect in this server:",
    ]
    assert [printed.index(title) for title in groups] == sorted(printed.index(title) for title in groups)
    assert "gRPC port; 0 for none" in printed
    assert "(default 8500)" in printed


def test_version_prints_the_lines_that_tensorflow_serving_prints(capsys):
    with pytest.raises(SystemExit) as exit_:
        flags.parse(["--version"])
    assert exit_.value.code == 0
    protocol, library = capsys.readouterr().out.splitlines()
    assert protocol.startswith("TensorFlow ModelServer: 2.")
    assert library.startswith("TensorFlow Library: 2.")
