"""Encrypted connections between the client and the embedded server: what agrees, and every way not to."""

import asyncio
import concurrent.futures
import dataclasses
import shutil

import grpc
import pytest
from certificates import Authority
from google.protobuf import text_format
from tensorflow_serving.apis import get_model_status_pb2, model_service_pb2_grpc

from serving import ssl_config_pb2
from serving.client import AsyncClient, Client, Match, ServingError, Tls
from serving.options import Options
from serving.server import Server


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Where the certificates are."""
    return tmp_path_factory.mktemp("certificates")


@pytest.fixture(scope="module")
def authority(folder):
    """Whom server and client trust."""
    return Authority(folder, "authority")


@pytest.fixture(scope="module")
def serve(folder, authority, exported, tmp_path_factory):
    """Starts servers with a certificate of their own; gives an address."""
    base = tmp_path_factory.mktemp("models")
    shutil.copytree(exported(), base / "1")
    servers = []

    def start(pair, *, client_verify=False) -> str:
        config = ssl_config_pb2.SSLConfig(
            server_key=pair.key.read_text(), server_cert=pair.certificate.read_text(), client_verify=client_verify
        )
        if client_verify:
            config.custom_ca = authority.certificate.read_text()
        file = folder / f"{pair.certificate.stem}.config"
        file.write_text(text_format.MessageToString(config))
        options = Options(model_name="toy", model_base_path=str(base), port=0, ssl_config_file=str(file))
        servers.append(Server(options).start())
        return servers[-1].address

    yield start
    for server in servers:
        server.stop()


@pytest.fixture(scope="module")
def encrypted(serve, authority):
    """The address of a server that lets any client in."""
    return serve(authority.issue("server"))


@pytest.fixture(scope="module")
def mutual(serve, authority):
    """The address of a server that wants a certificate of the authority from its clients."""
    return serve(authority.issue("strict-server"), client_verify=True)


@pytest.fixture(scope="module")
def trusting(authority):
    """What a client needs to trust the server."""
    return Tls(ca_file=authority.certificate)


def _ask(address, tls, **settings):
    with Client(address, "toy", timeout=20, tls=tls, **settings) as client:
        return client.similar("item-0", k=1)


def _refusal(address, tls) -> ServingError:
    with pytest.raises(ServingError) as caught:
        _ask(address, tls)
    assert caught.value.code == grpc.StatusCode.UNAVAILABLE
    return caught.value


def _with_certificate(tls, pair):
    return dataclasses.replace(tls, certificate_file=pair.certificate, key_file=pair.key)


def test_a_client_that_trusts_the_authority_is_answered(encrypted, trusting):
    assert _ask(encrypted, trusting) == [Match("item-4", 4.0)]


def test_the_async_client_is_answered_too(encrypted, trusting):
    async def ask():
        async with AsyncClient(encrypted, "toy", timeout=20, tls=trusting) as client:
            return await client.similar("item-0", k=1)

    assert asyncio.run(ask()) == [Match("item-4", 4.0)]


class _Doorkeeper(model_service_pb2_grpc.ModelServiceServicer):
    """Lets in who brings the token, as a proxy before the server would."""

    def GetModelStatus(self, request, context):
        if ("authorization", "Bearer secret") not in context.invocation_metadata():
            context.abort(grpc.StatusCode.UNAUTHENTICATED, "who are you?")
        return get_model_status_pb2.GetModelStatusResponse()


@pytest.fixture
def guarded(authority):
    """The address of an encrypted server with a doorkeeper."""
    pair = authority.issue("guarded")
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(1))
    model_service_pb2_grpc.add_ModelServiceServicer_to_server(_Doorkeeper(), server)
    credentials = grpc.ssl_server_credentials([(pair.key.read_bytes(), pair.certificate.read_bytes())])
    port = server.add_secure_port("localhost:0", credentials)
    server.start()
    yield f"localhost:{port}"
    server.stop(None)


def test_a_token_travels_with_every_call(guarded, trusting):
    with Client(guarded, tls=trusting, token="secret") as client:
        assert client.status() == []
    with Client(guarded, tls=trusting, token="guess") as client, pytest.raises(ServingError) as caught:
        client.status()
    assert "does not let this client in; check `token`" in str(caught.value)


def test_a_token_needs_an_encrypted_connection():
    with pytest.raises(ValueError, match=r"token would travel unencrypted; give tls=Tls\(\) as well"):
        Client(token="secret")


def test_a_server_of_an_unknown_authority_is_refused(encrypted, folder):
    error = _refusal(encrypted, Tls(ca_file=Authority(folder, "stranger").certificate))
    assert "does not come to terms over TLS; check the files and the server name of `tls`" in str(error)
    assert "CERTIFICATE_VERIFY_FAILED" in str(error)


def test_a_server_is_refused_when_only_the_public_authorities_are_trusted(encrypted):
    assert "CERTIFICATE_VERIFY_FAILED" in str(_refusal(encrypted, Tls()))


def test_a_server_whose_certificate_has_expired_is_refused(serve, authority, trusting):
    address = serve(authority.issue("expired-server", valid_days=(-3, -2)))
    assert "certificate has expired" in str(_refusal(address, trusting))


def test_a_server_whose_certificate_is_for_another_host_is_refused_unless_named(serve, authority, trusting):
    address = serve(authority.issue("elsewhere", "shop.example"))
    assert "does not come to terms over TLS" in str(_refusal(address, trusting))
    assert _ask(address, dataclasses.replace(trusting, server_name="shop.example")) == [Match("item-4", 4.0)]


def test_a_plain_client_gets_no_answer_from_an_encrypted_server(encrypted):
    _refusal(encrypted, None)


def test_an_encrypted_client_gets_no_answer_from_a_plain_server(shared_server, trusting):
    assert "does not come to terms over TLS" in str(_refusal(shared_server.address, trusting))


def test_mutual_tls_lets_in_a_client_with_a_certificate_of_the_authority(mutual, authority, trusting):
    assert _ask(mutual, _with_certificate(trusting, authority.issue("client"))) == [Match("item-4", 4.0)]


def test_mutual_tls_keeps_out_a_client_without_a_certificate(mutual, trusting):
    _refusal(mutual, trusting)


def test_mutual_tls_keeps_out_a_client_of_another_authority(mutual, folder, trusting):
    _refusal(mutual, _with_certificate(trusting, Authority(folder, "other").issue("intruder")))


def test_mutual_tls_keeps_out_a_client_whose_certificate_has_expired(mutual, authority, trusting):
    _refusal(mutual, _with_certificate(trusting, authority.issue("former-client", valid_days=(-3, -2))))


def test_after_every_refusal_the_server_still_answers(mutual, authority, trusting):
    good = _with_certificate(trusting, authority.issue("patient-client"))
    for _ in range(3):
        _refusal(mutual, trusting)
    assert _ask(mutual, good) == [Match("item-4", 4.0)]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"ca_file": "none.pem"}, "tls: ca_file .*none.pem cannot be read: No such file or directory"),
        ({"ca_file": "text"}, "tls: ca_file .*text holds nothing in the PEM format"),
        ({"key_file": "text"}, "tls: key_file is given without certificate_file"),
        ({"certificate_file": "text"}, "tls: certificate_file is given without key_file"),
    ],
)
def test_a_file_that_cannot_be_used_is_an_error_that_names_it(tmp_path, files, message):
    (tmp_path / "text").write_text("no certificate")
    with pytest.raises(ValueError, match=message):
        Client(tls=Tls(**{field: tmp_path / name for field, name in files.items()}))
