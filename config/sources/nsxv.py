"""NSX-V (NSX Data Center for vSphere) managers, and the same edges through VMware Cloud Director."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from config.leaves import FilePath, Hidden, Label, Leaf, Name, duration, name, some_or, whole
from config.logins import needed_for
from config.part import Raw, forbidden
from config.sources.base import Source, Urls
from config.words import Finding, Wrong, shown

REQUESTS_PER_SECOND_MAX = 100
"""Our own bound: NSX-V documents no limit on the requests of a client."""

CONCURRENCY_MAX = 40
"""Our own bound, as there is no documented one."""

_DIRECTORS = (
    "urls",
    "username",
    "password",
    "password_file",
    "tls",
    "requests_per_second",
    "concurrency",
    "timeout",
    "answer_max",
    "credential_backoff",
)
"""Keys that mean nothing where a director's connection is used."""


def kilo(value: object) -> int:
    """Return ``value``, which must be 1000 or 1024."""
    found = {"1000": 1000, "1024": 1024}.get(str(value)) if not isinstance(value, bool) else None
    if found is None:
        raise Wrong(f"{shown(value)} is not a kilo; write 1000 or 1024")
    return found


Kilo = Annotated[Literal[1000, 1024], Leaf(kilo, {"enum": [1000, 1024]})]
Edges = Annotated[Literal["all"] | tuple[str, ...], some_or("all", each=name)]


class NsxvSource(Source):
    """An NSX-V manager: its edges give rates per interval, which the daemon adds up."""

    kind: Literal["nsxv"] = Field(description="Which API this is.", examples=["nsxv"])
    urls: Urls = Field(
        (),
        description="Address of the manager, and others that lead to it. Without it `via_vcd` is needed.",
        examples=[["https://nsxv.example.net"]],
        json_schema_extra={"minItems": 1},
    )
    username: Label | None = Field(
        None, description="User, with the role Auditor: it may read only.", examples=["northmeter"]
    )
    password: Hidden | None = Field(None, description="Password of the user.")
    password_file: FilePath | None = Field(
        None, description="File with the password, in one line.", examples=["/run/secrets/nsxv"]
    )
    via_vcd: Name | None = Field(
        None,
        description="Name of a source of kind vcd through which the edges are asked, as the gateways that it knows. "
        "Addresses, log-in and budget are that source's then, and not written here.",
        examples=["vcd"],
    )
    requests_per_second: Annotated[int, whole(1, REQUESTS_PER_SECOND_MAX)] = Field(
        10, description="In no second more. The product documents no limit; this is our own restraint."
    )
    concurrency: Annotated[int, whole(1, CONCURRENCY_MAX)] = Field(4, description="Most requests at once.")
    edges: Edges = Field(
        "all",
        description="Which edges are metered: `all`, or ids such as `edge-12`; through a director the UUIDs of its "
        "gateways.",
        examples=["all"],
    )
    format: Literal["json", "xml"] = Field("json", description="What is asked for; either is understood.")
    time_unit: Literal["seconds", "milliseconds"] = Field(
        "milliseconds",
        description="Unit of the times that we send. Times in answers are told apart by their size.",
    )
    kilo: Kilo = Field(
        1000,
        description="Bits in a kilobit of its rates. The product does not say; 1000 is the custom of networks.",
    )
    catch_up_ms: Annotated[int, duration("5m", "30d")] = Field(
        86_400_000, alias="catch_up", description="How far back it is asked after an outage of ours or of its own."
    )

    @classmethod
    def rules(cls, raw: Raw) -> Iterator[Finding]:
        """Return findings about a connection of its own, or about one beside a director's."""
        yield from super().rules(raw)
        if "via_vcd" in raw:
            reason = "does not belong beside via_vcd, since the connection of that source is used"
            yield from forbidden(raw, _DIRECTORS, reason)
            return
        if "urls" not in raw:
            yield Finding(("urls",), "is missing; write the address of the manager, or via_vcd")
        yield from needed_for(raw, ("username", "password"), "an NSX-V manager")
