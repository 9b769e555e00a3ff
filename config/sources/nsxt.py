"""NSX-T (NSX) managers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from config.leaves import FilePath, Flag, Hidden, Label, Name, PolicyPath, some_or, whole
from config.logins import needed_for
from config.part import Raw, forbidden
from config.sources.base import Source
from config.words import Finding, listing

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


class NsxtSource(Source):
    """An NSX-T (NSX) manager cluster."""

    kind: Literal["nsxt"] = Field(description="Which API this is.", examples=["nsxt"])
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
    requests_per_second: Annotated[int, whole(1, REQUESTS_PER_SECOND_MAX, "the manager's limit")] = Field(
        50, description="Our share of the manager's 100: in no second more, log-ins and discovery included."
    )
    concurrency: Annotated[int, whole(1, CONCURRENCY_MAX, "the manager's limit")] = Field(
        16, description="Our share of the manager's 40 requests at once, over all managers of the source."
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
    vpcs: Flag = Field(
        True, description="Meter VPCs and transit gateways, where the manager has statistics of them (NSX 4.1.1)."
    )
    vpn: Flag = Field(
        True, description="Meter L2VPN and IPsec sessions, as kinds of their own beside external traffic."
    )
    l2vpn_counters: Literal["taps", "segments"] = Field(
        "taps",
        description="What is counted of an L2VPN session. `taps` and `segments` count the same bytes, so one of them.",
    )
    l2vpn_in: Literal["ingress", "egress"] = Field(
        "ingress",
        description="What the `in` of an L2VPN session is to the tenant: `ingress` where it comes out of the tunnel.",
    )

    @classmethod
    def rules(cls, raw: Raw) -> Iterator[Finding]:
        """Return findings about keys that depend on each other."""
        yield from super().rules(raw)
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
    yield from needed_for(raw, needed, f"auth: {auth}")
