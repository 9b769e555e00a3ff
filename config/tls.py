"""TLS of connections, ours to others and others' to us."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from config.leaves import FilePath, Flag, Leaf, text
from config.part import Part, Raw
from config.words import Finding, Wrong, shown


def sha256(value: object) -> str:
    """Return a SHA-256 fingerprint as 64 small hexadecimal digits."""
    if isinstance(value, int) and not isinstance(value, bool):
        raise Wrong("came a number; put the fingerprint in quotes")
    digits = text(value).replace(":", "").lower()
    if not re.fullmatch(r"[0-9a-f]*", digits):
        raise Wrong(f"{shown(value)} is not a fingerprint: hexadecimal digits, with or without colons")
    if len(digits) != 64:
        kind = " (40 are SHA-1, which is too weak)" if len(digits) == 40 else ""
        raise Wrong(f"has {len(digits)} hexadecimal digits{kind}; the SHA-256 fingerprint of a certificate has 64")
    return digits


_FINGERPRINT = {"type": "string", "pattern": "^([0-9A-Fa-f]{2}:?){31}[0-9A-Fa-f]{2}$", "x-type": "SHA-256 fingerprint"}


class ClientTls(Part):
    """How the certificate of a server is checked; by default against the authorities of the system."""

    ca_file: FilePath | None = Field(None, description="Certificates (PEM) that the server's must be signed by.")
    fingerprint: Annotated[str, Leaf(sha256, _FINGERPRINT)] | None = Field(
        None, description="SHA-256 of the server's own certificate, in hexadecimal; colons and either case are fine."
    )
    verify: Flag = Field(
        True, description="`false` takes any certificate, so anybody between can read the password; it warns."
    )

    @classmethod
    def rules(cls, raw: Raw) -> Iterator[Finding]:
        """Return a finding where two ways of checking contradict each other."""
        if "ca_file" in raw and "fingerprint" in raw:
            yield Finding(("fingerprint",), "is written beside ca_file; keep one of the two")
        if str(raw.get("verify")).lower() == "false":
            for key in ("ca_file", "fingerprint"):
                if key in raw:
                    yield Finding(
                        ("verify",), f"is false beside {key}, which would not be looked at; remove one of the two"
                    )


class ServerTls(Part):
    """The certificate that we show to those who ask us."""

    cert_file: FilePath = Field(description="Certificate of the daemon (PEM), with those between it and its authority.")
    key_file: FilePath = Field(description="Private key of the certificate (PEM).")
    client_ca_file: FilePath | None = Field(
        None,
        description="Certificates (PEM) that a client's certificate must be signed by; with it every client needs one.",
    )
