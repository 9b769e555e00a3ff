"""Sources: the APIs that are polled. This version knows NSX-T (NSX) managers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from config.addresses import WebAddress
from config.leaves import FilePath, Flag, Hidden, Label, Name, PolicyPath, duration, size, some_or, whole
from config.part import Part, Raw, forbidden, lacking, repeated
from config.secret import Secret
from config.tls import ClientTls
from config.words import Finding, listing

URLS_MAX = 16
"""Most managers of one source; a cluster has three, and perhaps a VIP."""

REQUESTS_PER_SECOND_MAX = 100
"""Requests per second that a manager allows a client. Source: NSX REST API reference 4.2, ApiServiceConfig."""

CONCURRENCY_MAX = 40
"""Requests at once that a manager allows a client. Source: NSX REST API reference 4.2, ApiServiceConfig."""

AUTH_KEYS = {
    "session": ("username", "password"),
    "basic": ("username", "password"),
    "certificate": ("cert_file", "key_file"),
    "bearer": ("token",),
}
"""The keys that each way to log in needs; of a secret, ``password`` also stands for ``password_file``."""

_AUTH_OTHERS = ("username", "password", "password_file", "cert_file", "key_file", "token", "token_file")


class NsxtSource(Part):
    """An NSX-T (NSX) manager cluster."""

    decides = "kind"

    kind: Literal["nsxt"] = Field(description="Which API this is.", examples=["nsxt"])
    name: Name = Field(
        description="Name in metrics, rows and points; stays for as long as the ledger.", examples=["nsx-ams1"]
    )
    urls: Annotated[tuple[WebAddress, ...], Field(max_length=URLS_MAX)] = Field(
        description="Addresses of the managers, or of their VIP. One is used; the next when it fails.",
        examples=[["https://nsx-a.example.net", "https://nsx-b.example.net"]],
        json_schema_extra={"minItems": 1},
    )
    auth: Literal["session", "basic", "certificate", "bearer"] = Field(
        "session",
        description="How to log in: `session` and `basic` need username and password, `certificate` needs cert_file "
        "and key_file, `bearer` needs token.",
    )
    username: Label | None = Field(None, description="User, with the role Auditor or more.", examples=["northmeter"])
    password: Hidden | None = Field(None, description="Password of the user.")
    password_file: FilePath | None = Field(
        None, description="File with the password, in one line.", examples=["/run/secrets/nsx"]
    )
    cert_file: FilePath | None = Field(None, description="Client certificate of a principal identity (PEM).")
    key_file: FilePath | None = Field(None, description="Private key of the client certificate (PEM).")
    token: Hidden | None = Field(None, description="Token that is sent as `Authorization: Bearer`.")
    token_file: FilePath | None = Field(None, description="File with the token, in one line.")
    tls: ClientTls = Field(ClientTls(), description="How the managers' certificates are checked.")
    requests_per_second: Annotated[int, whole(1, REQUESTS_PER_SECOND_MAX, "the manager's limit")] = Field(
        50, description="Our share of the manager's 100: in no second more, log-ins and discovery included."
    )
    concurrency: Annotated[int, whole(1, CONCURRENCY_MAX, "the manager's limit")] = Field(
        16, description="Our share of the manager's 40 requests at once, over all managers of the source."
    )
    timeout_ms: Annotated[int, duration("100ms", "5m")] = Field(
        10_000, alias="timeout", description="Time for one answer."
    )
    answer_max_bytes: Annotated[int, size("64KiB", "1GiB")] = Field(
        32 * 2**20, alias="answer_max", description="Longest answer that is read; a longer one is refused."
    )
    credential_backoff_ms: Annotated[int, duration("1s", "1d")] = Field(
        15 * 60_000,
        alias="credential_backoff",
        description="Time without log-ins after refused credentials; keep it above the manager's lock-out period, or "
        "the account stays locked.",
    )
    federation: Flag = Field(False, description="True for a Global Manager: paths of the federation.")
    projects: Annotated[Literal["none", "all"] | tuple[str, ...], some_or("none", "all")] = Field(
        "all",
        description="NSX Projects whose gateways are metered too; a manager without Projects has none.",
        examples=["all"],
    )
    org: Name = Field("default", description="Organisation of NSX that the Projects lie in.")
    enforcement_point: PolicyPath | None = Field(
        None,
        description="Enforcement point that statistics are asked of; without it "
        "`/infra/sites/default/enforcement-points/default`, and all of them in a federation.",
    )

    @classmethod
    def rules(cls, raw: Raw) -> Iterator[Finding]:
        """Return findings about keys that depend on each other."""
        urls = raw.get("urls")
        yield from lacking(raw, "urls", "is empty; write the address of a manager, or of the VIP")
        if isinstance(urls, list | tuple):
            yield from repeated(((("urls", position), url) for position, url in enumerate(urls)))
        auth = raw.get("auth", "session")
        if isinstance(auth, str) and auth in AUTH_KEYS:
            yield from _login(raw, str(auth))


def _login(raw: Raw, auth: str) -> Iterator[Finding]:
    needed = AUTH_KEYS[auth]
    taken = {*needed, *(f"{key}_file" for key in needed)}
    yield from forbidden(
        raw,
        (key for key in _AUTH_OTHERS if key not in taken),
        f"does not belong to auth: {auth}, which needs {listing(needed, 'and')}",
    )
    for key in needed:
        secret = key in {"password", "token"}
        if secret:
            yield from one_secret(raw, key)
        if key not in raw and not (secret and f"{key}_file" in raw):
            either = f"{key} or {key}_file" if secret else key
            yield Finding((key,), f"is missing; auth: {auth} needs {either}")


def one_secret(raw: Raw, key: str) -> Iterator[Finding]:
    """Return a finding where a secret is written and a file for it named too.

    What the loader read from the file is a ``Secret`` already; what was written is not.
    """
    if f"{key}_file" in raw and key in raw and not isinstance(raw[key], Secret):
        yield Finding((f"{key}_file",), f"is written beside {key}; keep one of the two")
