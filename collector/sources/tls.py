"""TLS contexts: a CA, a pinned certificate, or none of both."""

from __future__ import annotations

import hashlib
import hmac
import ssl

from collector.errors import SourceUnavailable
from collector.sources.options import TlsOptions

FINGERPRINT_BYTES = 32
"""Length of a SHA-256 digest."""


def client_context(options: TlsOptions) -> ssl.SSLContext:
    """Return the context for connections to a manager.

    With a pin the fingerprint alone decides, as self-signed certificates need: it is compared when the handshake
    ends, before a byte of a request leaves. Reads the files, so it blocks for a moment.

    Raises:
        SourceUnavailable: A certificate file cannot be read or does not fit its key.
    """
    context = ssl.create_default_context()
    try:
        if options.ca_file is not None:
            context = ssl.create_default_context(cafile=str(options.ca_file))
        if options.cert_file is not None:
            context.load_cert_chain(str(options.cert_file), str(options.key_file) if options.key_file else None)
    except (OSError, ssl.SSLError) as error:
        files = ", ".join(
            str(file) for file in (options.ca_file, options.cert_file, options.key_file) if file is not None
        )
        raise SourceUnavailable(
            f"TLS files {files}: {error}; expected readable PEM, the key fitting the certificate"
        ) from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if options.fingerprint is not None:
        _pin(context, options.fingerprint)
    elif not options.verify:
        _trust_anyone(context)
    return context


def _trust_anyone(context: ssl.SSLContext) -> None:
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE


def _pin(context: ssl.SSLContext, fingerprint: bytes) -> None:
    """Make the context take the one certificate with this SHA-256 and no other."""
    if len(fingerprint) != FINGERPRINT_BYTES:
        raise ValueError("BUG: a SHA-256 fingerprint has 32 bytes")

    class PinnedObject(ssl.SSLObject):
        def do_handshake(self) -> None:
            super().do_handshake()
            certificate = self.getpeercert(binary_form=True) or b""
            found = hashlib.sha256(certificate).digest()
            if not hmac.compare_digest(found, fingerprint):
                raise ssl.SSLCertVerificationError(
                    f"the certificate has the SHA-256 fingerprint {found.hex()}, not the pinned one"
                )

    _trust_anyone(context)
    context.sslobject_class = PinnedObject
