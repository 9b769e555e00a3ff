"""VMware Cloud Director (VCD): whose the gateways are."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal, TypeAlias

from pydantic import Field
from pydantic.json_schema import SkipJsonSchema

from config.leaves import FilePath, Flag, Hidden, Label, Leaf, name, policy_path, whole
from config.logins import needed_for, one_secret
from config.mappings import Pairs, entries
from config.part import Raw
from config.secret import Secret
from config.sources.base import Source, Timeout
from config.words import Finding, Wrong, shown, what

REQUESTS_PER_SECOND_MAX = 100
"""Our own bound: VMware Cloud Director documents no limit on the requests of a client."""

CONCURRENCY_MAX = 40
"""Our own bound, as there is no documented one."""

API_LEAST = (33, 0)
"""First API version with the log-in of a provider that is not deprecated. Source: VMware go-vcloud-director."""

API_GENERATION_MAX = 39
"""Last generation with these endpoints; 40 is VCF Automation, which has others. Source: VMware go-vcloud-director."""

SYSTEM_ORG = "System"
"""The organisation of the provider itself."""

Login: TypeAlias = Literal["api_token", "password", "service_account"]

_WAYS: dict[Login, tuple[str, ...]] = {
    "api_token": ("api_token", "api_token_file"),
    "password": ("username", "password", "password_file"),
    "service_account": ("service_account_token_file", "service_account_token"),
}
"""The keys of each way to log in."""


def api_version(value: object) -> str:
    """Return ``value``, which must be an API version such as ``38.1``; YAML reads it as a number."""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise Wrong(f"expected an API version such as 38.1, came {what(value)}")
    match = re.fullmatch(r"([0-9]{1,3})\.([0-9]{1,2})", str(value))
    if match is None:
        raise Wrong(f"{shown(value)} is not an API version such as 38.1")
    version = int(match.group(1)), int(match.group(2))
    if not API_LEAST <= version < (API_GENERATION_MAX + 1, 0):
        least = ".".join(map(str, API_LEAST))
        raise Wrong(f"{shown(value)} is not spoken here; write a version from {least} to {API_GENERATION_MAX}.x")
    return match.group()


def tier1_path(value: object) -> str:
    """Return ``value``, which must be the policy path of a Tier-1."""
    found = policy_path(value)
    if found.split("/")[-2] != "tier-1s":
        raise Wrong(f"{shown(value)} is not the policy path of a Tier-1 such as /infra/tier-1s/t1-acme")
    return found


_API_VERSION = {"type": ["string", "number"], "pattern": r"^[0-9]{1,3}\.[0-9]{1,2}$", "x-type": "API version"}

ApiVersion = Annotated[str, Leaf(api_version, _API_VERSION)]
Managers = Annotated[Pairs, entries(name, "the name of a source")]
Backings = Annotated[Pairs, entries(tier1_path, "the policy path of a Tier-1", "^/")]


class VcdSource(Source):
    """A VMware Cloud Director: it says whose the gateways of the NSX sources are, and counts nothing itself."""

    kind: Literal["vcd"] = Field(description="Which API this is.", examples=["vcd"])
    api_token: Hidden | None = Field(None, description="API token of a user; it stays the same when it is used.")
    api_token_file: FilePath | None = Field(
        None, description="File with the API token, in one line.", examples=["/run/secrets/vcd"]
    )
    username: Label | None = Field(
        None, description="User, with a role that may view and change nothing.", examples=["northmeter"]
    )
    password: Hidden | None = Field(None, description="Password of the user.")
    password_file: FilePath | None = Field(None, description="File with the password, in one line.")
    service_account_token_file: FilePath | None = Field(
        None,
        description="File with the token of a service account. The token changes at each use and the daemon writes the "
        "new one back, so file and folder must be writable, and nobody else may use the token.",
        examples=["/var/lib/northmeter/vcd-token"],
    )
    service_account_token: SkipJsonSchema[Hidden | None] = Field(
        None, exclude=True, description="What the file held when it was read; never written in the settings."
    )
    org: Label = Field(
        SYSTEM_ORG,
        description="Organisation that the log-in belongs to: `System` is the provider's; with another one only what "
        "that tenant sees is known.",
    )
    requests_per_second: Annotated[int, whole(1, REQUESTS_PER_SECOND_MAX)] = Field(
        10,
        description="In no second more, log-ins included. The product documents no limit; this is our own restraint.",
    )
    concurrency: Annotated[int, whole(1, CONCURRENCY_MAX)] = Field(4, description="Most requests at once.")
    timeout_ms: Timeout = Field(30_000, alias="timeout", description="Time for one answer; pages of lists take long.")
    api_version: ApiVersion | None = Field(
        None,
        description="API version to speak; without it the highest one that both know and the server does not "
        "deprecate.",
        examples=["38.1"],
    )
    managers: Managers = Field(
        (),
        description="Which source a network provider of the director is: its name or urn there, and the name of the "
        "source of kind nsxt or nsxv here. Without an entry: the source of the same name, else of the same address, "
        "else the only one.",
    )
    backings: Backings = Field(
        (),
        description="Tier-1s of gateways that cannot be found by their ids: backing id or urn of the gateway, and "
        "the policy path of the Tier-1.",
    )
    ip_spaces: Flag = Field(True, description="Read IP Spaces: addresses and quotas of each organisation.")

    @property
    def login(self) -> Login:
        """Which way to log in is written."""
        if self.api_token is not None or self.api_token_file is not None:
            return "api_token"
        return "password" if self.username is not None else "service_account"

    @classmethod
    def rules(cls, raw: Raw) -> Iterator[Finding]:
        """Return findings about ways to log in that are missing, incomplete or too many."""
        yield from super().rules(raw)
        inline = raw.get("service_account_token")
        if inline is not None and not isinstance(inline, Secret):
            yield Finding(
                ("service_account_token",),
                "is never written here, since it changes at each use; put it in a file and name that as "
                "service_account_token_file",
            )
        ways = [way for way, keys in _WAYS.items() if any(key in raw for key in keys)]
        if not ways:
            choice = "write api_token or api_token_file, or username and password, or service_account_token_file"
            yield Finding(("api_token",), f"is missing; {choice}")
        elif ways[0] == "password":
            yield from needed_for(raw, ("username", "password"), "the log-in of a user")
        else:
            yield from one_secret(raw, "api_token")
        for other in ways[1:]:
            yield from _beside(raw, _WAYS[ways[0]], _WAYS[other])


def _beside(raw: Raw, kept: tuple[str, ...], others: tuple[str, ...]) -> Iterator[Finding]:
    first = next(key for key in kept if key in raw)
    for key in others:
        if key in raw and not isinstance(raw[key], Secret):
            yield Finding((key,), f"is written beside {first}; keep one way to log in")
