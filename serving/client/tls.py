"""How the client proves who it is, and whom it trusts."""

import dataclasses
import pathlib

import grpc


@dataclasses.dataclass(frozen=True)
class Tls:
    """An encrypted connection. All files are PEM, and are read when the client is made.

    Attributes:
        ca_file: certificates of the authorities that may have signed the server's; None for those that gRPC brings.
        certificate_file: the client's own certificate, for a server that asks for one (mutual TLS).
        key_file: the private key of that certificate.
        server_name: the name that the server's certificate is for, if it is not the host of the address, as behind a
            forwarded port or a Unix socket.
    """

    ca_file: str | pathlib.Path | None = None
    certificate_file: str | pathlib.Path | None = None
    key_file: str | pathlib.Path | None = None
    server_name: str | None = None

    def __post_init__(self):
        if (self.certificate_file is None) != (self.key_file is None):
            given, missing = "certificate_file", "key_file"
            if self.certificate_file is None:
                given, missing = missing, given
            raise ValueError(f"tls: {given} is given without {missing}; a client certificate needs both")

    def credentials(self) -> grpc.ChannelCredentials:
        """What gRPC makes a connection of.

        Raises:
            ValueError: a file cannot be read or is not PEM; the message names it.
        """
        contents = [self._read(field) for field in ("ca_file", "key_file", "certificate_file")]
        return grpc.ssl_channel_credentials(*contents)

    def _read(self, field: str) -> bytes | None:
        path = getattr(self, field)
        if path is None:
            return None
        try:
            content = pathlib.Path(path).read_bytes()
        except OSError as error:
            raise ValueError(f"tls: {field} {path} cannot be read: {error.strerror}") from None
        if b"-----BEGIN " not in content:
            raise ValueError(f"tls: {field} {path} holds nothing in the PEM format")
        return content


def channel_credentials(tls: Tls | None, token: str | None) -> grpc.ChannelCredentials | None:
    """What a connection is made with; None for one that is not encrypted.

    Args:
        tls: see `Tls`; None for a plain connection.
        token: sent with every call as `authorization: Bearer TOKEN`, for a proxy that wants one.

    Raises:
        ValueError: a file of `tls` is at fault, or there is a token and no `tls`.
    """
    if tls is None:
        if token is not None:
            raise ValueError("token would travel unencrypted; give tls=Tls() as well")
        return None
    credentials = tls.credentials()
    if token is None:
        return credentials
    return grpc.composite_channel_credentials(credentials, grpc.access_token_call_credentials(token))
