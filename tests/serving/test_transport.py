"""Addresses, message limits and TLS of the gRPC port."""

import concurrent.futures
import contextlib
import pathlib

import grpc
import pytest
from certificates import Authority
from google.protobuf import text_format
from grpc_health.v1 import health, health_pb2, health_pb2_grpc

from serving import ssl_config_pb2, transport
from serving.options import Options
from serving.text_proto import ConfigFileError

TIMEOUT_SECONDS = 10


def _options(**values) -> Options:
    return Options(model_base_path="/models/shop", **values)


@pytest.fixture
def authority(tmp_path):
    """An authority that signs the server's and the clients' certificates."""
    return Authority(tmp_path, "authority")


@pytest.fixture
def write(tmp_path):
    """Writes an SSLConfig from the texts, or the files, of its fields."""

    def put(**fields) -> pathlib.Path:
        texts = {name: v.read_text() if isinstance(v, pathlib.Path) else v for name, v in fields.items()}
        file = tmp_path / "ssl.pbtxt"
        file.write_text(text_format.MessageToString(ssl_config_pb2.SSLConfig(**texts)))
        return file

    return put


@contextlib.contextmanager
def _serving(secured: grpc.ServerCredentials | None):
    """A server with nothing but the health service; gives its address."""
    with concurrent.futures.ThreadPoolExecutor(1) as workers:
        server = grpc.server(workers)
        health_pb2_grpc.add_HealthServicer_to_server(health.HealthServicer(), server)
        port = transport.listen(server, "localhost:0", secured)
        server.start()
        yield f"localhost:{port}"
        server.stop(0).wait()


def _ask(channel: grpc.Channel) -> int:
    with channel:
        check = health_pb2_grpc.HealthStub(channel).Check
        return check(health_pb2.HealthCheckRequest(), timeout=TIMEOUT_SECONDS).status


def _secure(address: str, authority: Authority, pair=None) -> grpc.Channel:
    key, certificate = (pair.key.read_bytes(), pair.certificate.read_bytes()) if pair else (None, None)
    return grpc.secure_channel(
        address, grpc.ssl_channel_credentials(authority.certificate.read_bytes(), key, certificate)
    )


def test_an_ipv6_address_gets_its_brackets():
    assert transport.address("::1", 8500) == "[::1]:8500"
    assert transport.address("localhost", 8500) == "localhost:8500"


def test_requests_are_limited_and_ports_are_not_shared_by_default():
    assert transport.channel_arguments(_options(max_request_bytes=1000)) == [
        ("grpc.max_receive_message_length", 1000),
        ("grpc.max_send_message_length", -1),
        ("grpc.so_reuseport", 0),
    ]


def test_channel_arguments_are_passed_on_as_numbers_or_texts_and_go_before_the_defaults():
    flag = "grpc.max_connection_age_ms=2000,grpc.primary_user_agent=shop=1,grpc.max_receive_message_length=-1"
    arguments = dict(transport.channel_arguments(_options(grpc_channel_arguments=flag)))
    assert arguments["grpc.max_connection_age_ms"] == 2000
    assert arguments["grpc.primary_user_agent"] == "shop=1"
    assert arguments["grpc.max_receive_message_length"] == -1


@pytest.mark.parametrize("flag", ["grpc.max_connection_age_ms", "a=1,=2"])
def test_a_channel_argument_without_name_or_value_is_an_error_that_shows_it(flag):
    with pytest.raises(ValueError, match=rf"NAME=VALUE,NAME=VALUE; '{flag.split(',')[-1]}' is not one"):
        transport.channel_arguments(_options(grpc_channel_arguments=flag))


def test_with_tls_only_clients_that_trust_the_certificate_are_answered(authority, write, tmp_path):
    pair = authority.issue("server")
    config = write(server_key=pair.key, server_cert=pair.certificate)
    with _serving(transport.credentials(config)) as address:
        assert _ask(_secure(address, authority)) == health_pb2.HealthCheckResponse.SERVING
        for refused in (grpc.insecure_channel(address), _secure(address, Authority(tmp_path, "stranger"))):
            with pytest.raises(grpc.RpcError) as error:
                _ask(refused)
            assert error.value.code() == grpc.StatusCode.UNAVAILABLE


def test_with_mutual_tls_only_clients_that_the_authority_signed_are_answered(authority, write, tmp_path):
    pair = authority.issue("server")
    config = write(
        server_key=pair.key, server_cert=pair.certificate, custom_ca=authority.certificate, client_verify=True
    )
    with _serving(transport.credentials(config)) as address:
        assert _ask(_secure(address, authority, authority.issue("client"))) == health_pb2.HealthCheckResponse.SERVING
        for wrong in (None, Authority(tmp_path, "stranger").issue("impostor")):
            with pytest.raises(grpc.RpcError) as error:
                _ask(_secure(address, authority, wrong))
            assert error.value.code() == grpc.StatusCode.UNAVAILABLE


def test_what_is_missing_in_the_tls_configuration_is_named(authority, write):
    with pytest.raises(ConfigFileError, match=r"ssl\.pbtxt lacks server_key and server_cert: put the PEM text there"):
        transport.credentials(write())
    pair = authority.issue("server")
    with pytest.raises(ConfigFileError, match=r"ssl\.pbtxt lacks custom_ca"):
        transport.credentials(write(server_key=pair.key, server_cert=pair.certificate, client_verify=True))


def test_keys_and_certificates_that_do_not_fit_together_are_refused(authority, write):
    one, other = authority.issue("one"), authority.issue("other")
    for wrong in ({"server_key": other.key}, {"server_cert": "no PEM"}, {"custom_ca": "no PEM", "client_verify": True}):
        fields = {"server_key": one.key, "server_cert": one.certificate, **wrong}
        with pytest.raises(ConfigFileError, match=r"ssl\.pbtxt cannot be used: .* the key of server_cert"):
            transport.credentials(write(**fields))


def test_a_mistake_in_the_tls_configuration_is_an_error_with_the_line(tmp_path):
    file = tmp_path / "ssl.pbtxt"
    file.write_text('server_key: "x"\nserver_certificate: "y"\n')
    with pytest.raises(ConfigFileError, match=r'ssl\.pbtxt is not a SSLConfig .* 2:1 .*server_certificate"'):
        transport.credentials(file)
    file.write_bytes(b"\xff\xfe")
    with pytest.raises(ConfigFileError, match="is not a SSLConfig in text format"):
        transport.credentials(file)
    with pytest.raises(FileNotFoundError, match="none"):
        transport.credentials(tmp_path / "none")


def test_an_address_that_cannot_be_had_is_an_error_that_names_it(tmp_path):
    with _serving(None) as address, concurrent.futures.ThreadPoolExecutor(1) as workers:
        server = grpc.server(workers, options=transport.channel_arguments(_options()))
        with pytest.raises(OSError, match=rf"cannot listen on {address}: stop what uses it, or choose another port"):
            transport.listen(server, address, None)
        with pytest.raises(OSError, match=rf"cannot listen on unix:{tmp_path}/none/socket: its folder must exist"):
            transport.listen(server, f"unix:{tmp_path}/none/socket", None)
