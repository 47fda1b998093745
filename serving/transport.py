"""The gRPC transport: addresses, message limits and TLS."""

import concurrent.futures
import os

import grpc

from serving import ssl_config_pb2, text_proto
from serving.options import Options


def address(host: str, port: int) -> str:
    """`host:port`, with the brackets that an IPv6 address needs there."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def channel_arguments(options: Options) -> list[tuple[str, int | str]]:
    """Settings of the gRPC server: the limits that are on by default, under what `--grpc_channel_arguments` says.

    As in TensorFlow Serving, a value that is a whole number is passed as one, and gRPC ignores names it does not know.

    Raises:
        ValueError: the flag is not of the form NAME=VALUE,NAME=VALUE.
    """
    settings: dict[str, int | str] = {
        "grpc.max_receive_message_length": options.max_request_bytes,
        "grpc.max_send_message_length": -1,  # whoever asked for a large answer gets it
        "grpc.so_reuseport": 0,  # else a second server on a busy port would start and take half of its requests
    }
    for argument in filter(None, options.grpc_channel_arguments.split(",")):
        name, equals, value = argument.partition("=")
        if not name or not equals:
            raise ValueError(f"--grpc_channel_arguments takes NAME=VALUE,NAME=VALUE; {argument!r} is not one")
        settings[name] = int(value) if value.lstrip("-").isdecimal() else value
    return list(settings.items())


def credentials(ssl_config_file: str | os.PathLike) -> grpc.ServerCredentials:
    """TLS as TensorFlow Serving's SSLConfig says; with `client_verify`, clients must show a certificate as well.

    Raises:
        OSError: the file cannot be read.
        text_proto.ConfigFileError: something is missing in it, or the keys and certificates do not fit together.
    """
    config = text_proto.read(ssl_config_file, ssl_config_pb2.SSLConfig)
    required = ["server_key", "server_cert"] + ["custom_ca"] * config.client_verify
    if missing := [field for field in required if not getattr(config, field)]:
        raise text_proto.ConfigFileError(f"{ssl_config_file} lacks {' and '.join(missing)}: put the PEM text there")
    pair = (config.server_key.encode(), config.server_cert.encode())
    built = grpc.ssl_server_credentials([pair], config.custom_ca.encode() or None, config.client_verify)
    _check(built, ssl_config_file)
    return built


def _check(built: grpc.ServerCredentials, ssl_config_file: str | os.PathLike) -> None:
    """Listens once on any port: gRPC looks into credentials only then, and says no more than that it failed."""
    with concurrent.futures.ThreadPoolExecutor(1) as workers:
        try:
            grpc.server(workers).add_secure_port("localhost:0", built)
        except RuntimeError:
            raise text_proto.ConfigFileError(
                f"{ssl_config_file} cannot be used: server_key, server_cert and custom_ca must hold PEM text, and "
                "server_key must be the key of server_cert"
            ) from None


def listen(server: grpc.Server, where: str, secured: grpc.ServerCredentials | None) -> int:
    """Adds an address, `host:port` or `unix:path`, to a server that has not started; gives the port taken.

    Raises:
        OSError: the address is taken or cannot be had.
    """
    try:
        return server.add_secure_port(where, secured) if secured else server.add_insecure_port(where)
    except RuntimeError:
        remedy = "its folder must exist" if where.startswith("unix:") else "stop what uses it, or choose another port"
        raise OSError(f"cannot listen on {where}: {remedy}") from None
