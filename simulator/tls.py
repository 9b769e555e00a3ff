"""A certificate authority of its own, a server's and a client's certificate, as PEM files in a folder."""

from __future__ import annotations

import datetime as dt
import hashlib
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

VALID_DAYS: Final = 825
"""The longest that common TLS clients accept for a server."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsFiles:
    """Where the PEM files lie, and the SHA-256 of the DER certificates as lower-case hex."""

    ca_file: Path
    cert_file: Path
    key_file: Path
    client_cert_file: Path
    client_key_file: Path
    fingerprint: str
    client_fingerprint: str


def _name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, common)])


def _builder(
    subject: str, issuer: str, key: ec.EllipticCurvePrivateKey, ca_key: ec.EllipticCurvePrivateKey
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(_name(subject))
        .issuer_name(_name(issuer))
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=VALID_DAYS))
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .add_extension(x509.AuthorityKeyIdentifier.from_issuer_public_key(ca_key.public_key()), critical=False)
    )


def _usage(*, sign_certificates: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=not sign_certificates, key_cert_sign=sign_certificates, crl_sign=sign_certificates,
        content_commitment=False, key_encipherment=False, data_encipherment=False, key_agreement=False,
        encipher_only=False, decipher_only=False,
    )  # fmt: skip


def _leaf(
    common: str, purpose: x509.ObjectIdentifier, ca_key: ec.EllipticCurvePrivateKey
) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
    key = ec.generate_private_key(ec.SECP256R1())
    names: list[x509.GeneralName] = [
        x509.DNSName("localhost"),
        x509.IPAddress(ipaddress.ip_address("127.0.0.1")),
        x509.IPAddress(ipaddress.ip_address("::1")),
    ]
    certificate = (
        _builder(common, "simulated provider CA", key, ca_key)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(_usage(sign_certificates=False), critical=True)
        .add_extension(x509.ExtendedKeyUsage([purpose]), critical=False)
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .sign(ca_key, hashes.SHA256())
    )
    return certificate, key


def _write_key(path: Path, key: ec.EllipticCurvePrivateKey) -> None:
    path.touch(mode=0o600)
    path.write_bytes(
        key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )


def _fingerprint(certificate: x509.Certificate) -> str:
    return hashlib.sha256(certificate.public_bytes(serialization.Encoding.DER)).hexdigest()


def write_tls(folder: Path, client: str = "northmeter") -> TlsFiles:
    """Write a CA, a server certificate for the loopback and a client certificate; return where they lie.

    Args:
        folder: An existing folder; files of the same name are replaced.
        client: Common name of the client's certificate.
    """
    ca_key = ec.generate_private_key(ec.SECP256R1())
    ca = (
        _builder("simulated provider CA", "simulated provider CA", ca_key, ca_key)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(_usage(sign_certificates=True), critical=True)
        .sign(ca_key, hashes.SHA256())
    )
    server, server_key = _leaf("simulated manager", ExtendedKeyUsageOID.SERVER_AUTH, ca_key)
    principal, principal_key = _leaf(client, ExtendedKeyUsageOID.CLIENT_AUTH, ca_key)
    files = TlsFiles(
        ca_file=folder / "ca.pem", cert_file=folder / "server.pem", key_file=folder / "server.key",
        client_cert_file=folder / "client.pem", client_key_file=folder / "client.key",
        fingerprint=_fingerprint(server), client_fingerprint=_fingerprint(principal),
    )  # fmt: skip
    for path, certificate in ((files.ca_file, ca), (files.cert_file, server), (files.client_cert_file, principal)):
        path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    _write_key(files.key_file, server_key)
    _write_key(files.client_key_file, principal_key)
    return files


def server_context(files: TlsFiles) -> ssl.SSLContext:
    """Return a server's context that asks for a client certificate and does not insist on one."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(files.cert_file, files.key_file)
    context.load_verify_locations(files.ca_file)
    context.verify_mode = ssl.CERT_OPTIONAL
    return context
