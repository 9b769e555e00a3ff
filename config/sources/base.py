"""What sources of every kind have in common."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from config.addresses import WebAddress
from config.leaves import Name, duration, size
from config.part import Part, Raw, lacking, repeated
from config.secret import Secret
from config.tls import ClientTls
from config.words import Finding

URLS_MAX = 16
"""Most addresses of one source; a cluster has three, and perhaps a VIP."""

Urls = Annotated[tuple[WebAddress, ...], Field(max_length=URLS_MAX)]
Timeout = Annotated[int, duration("100ms", "5m")]


class Source(Part):
    """An API that is polled."""

    decides = "kind"

    kind: str = Field(description="Which API this is.")
    name: Name = Field(
        description="Name in metrics, rows and points; stays for as long as the ledger.", examples=["nsx-ams1"]
    )
    urls: Urls = Field(
        description="Addresses of the managers, or of their VIP. One is used; the next when it fails.",
        examples=[["https://nsx-a.example.net", "https://nsx-b.example.net"]],
        json_schema_extra={"minItems": 1},
    )
    tls: ClientTls = Field(ClientTls(), description="How the certificate of each address is checked.")
    timeout_ms: Timeout = Field(10_000, alias="timeout", description="Time for one answer.")
    answer_max_bytes: Annotated[int, size("64KiB", "1GiB")] = Field(
        32 * 2**20, alias="answer_max", description="Longest answer that is read; a longer one is refused."
    )
    credential_backoff_ms: Annotated[int, duration("1s", "1d")] = Field(
        15 * 60_000,
        alias="credential_backoff",
        description="Time without log-ins after refused credentials; keep it above the lock-out period of the API, or "
        "the account stays locked.",
    )

    @property
    def secrets(self) -> tuple[Secret, ...]:
        """Every secret that this source holds, for the log to take out wherever one appears."""
        held = (getattr(self, name) for name in type(self).model_fields)
        return tuple(one for one in held if isinstance(one, Secret))

    @classmethod
    def rules(cls, raw: Raw) -> Iterator[Finding]:
        """Return findings about the addresses."""
        yield from lacking(raw, "urls", "is empty; write the address of a manager, or of the VIP")
        urls = raw.get("urls")
        if isinstance(urls, list | tuple):
            yield from repeated(((("urls", position), url) for position, url in enumerate(urls)))
