"""Certificates for tests: authorities, and what they sign, made anew at every run."""

import dataclasses
import datetime
import ipaddress
import pathlib

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_DAY = datetime.timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class Pair:
    """The PEM files of a certificate and its private key."""

    certificate: pathlib.Path
    key: pathlib.Path


class Authority:
    """A certificate authority that writes into a folder; `certificate` is its own PEM file."""

    def __init__(self, folder: pathlib.Path, name: str):
        """Makes the authority's key and certificate."""
        self._folder = folder
        self._name = _name(name)
        self._key = ec.generate_private_key(ec.SECP256R1())
        unsigned = _certificate(self._name, self._name, self._key, valid_days=(-1, 1))
        signed = unsigned.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        self.certificate = folder / f"{name}.pem"
        self.certificate.write_bytes(_pem(signed.sign(self._key, hashes.SHA256())))

    def issue(self, name: str, host: str = "localhost", *, valid_days: tuple[int, int] = (-1, 1)) -> Pair:
        """Signs a certificate for a host name, or an IP address.

        Args:
            name: of the files and of the subject.
            host: whom the certificate is for.
            valid_days: from when until when it is valid, in days from now.
        """
        key = ec.generate_private_key(ec.SECP256R1())
        unsigned = _certificate(_name(name), self._name, key, valid_days)
        signed = unsigned.add_extension(x509.SubjectAlternativeName([_general_name(host)]), critical=False)
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key.pem")
        pair.certificate.write_bytes(_pem(signed.sign(self._key, hashes.SHA256())))
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return pair


def _certificate(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePrivateKey, valid_days: tuple[int, int]
) -> x509.CertificateBuilder:
    now = datetime.datetime.now(datetime.UTC)
    builder = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    builder = builder.serial_number(x509.random_serial_number())
    return builder.not_valid_before(now + valid_days[0] * _DAY).not_valid_after(now + valid_days[1] * _DAY)


def _name(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])


def _general_name(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)
