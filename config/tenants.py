"""Tenants and the metering points that are billed to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from collector.model.identity import Kind
from config.leaves import Label, Later, Name, Rate, TenantName, TimeZone
from config.part import Part, Raw
from config.words import Finding, listing

POINTS_MAX = 10_000
"""Most points of one tenant; a provider's largest manager has some thousand gateways."""

POINT_KEYS: dict[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Kind.TIER0_UPLINK: (("tier0",), ("interface",)),
    Kind.TIER1_DOWNLINK: (("tier1",), ("tier0", "project")),
    Kind.SERVICE_INTERFACE: (("interface",), ("tier1", "tier0", "project")),
}
"""The keys that each kind of point needs, and those that it may have."""

_PLACES = ("tier0", "tier1", "interface", "project")


class Point(Part):
    """A metering point, or all uplinks of a gateway, billed to the tenant."""

    decides = "kind"

    source: Name = Field(description="Name of the source that has it.", examples=["nsx-ams1"])
    kind: Kind = Field(
        description="`tier0_uplink`: uplinks of a dedicated Tier-0 or VRF. `tier1_downlink`: the link of a Tier-1 to a "
        "shared Tier-0. `service_interface`: an interface that brings an external network to the tenant.",
        examples=["tier0_uplink"],
    )
    tier0: Label | None = Field(
        None, description="Id, display name or policy path of the Tier-0 or VRF.", examples=["t0-acme"]
    )
    tier1: Label | None = Field(
        None, description="Id, display name or policy path of the Tier-1.", examples=["t1-globex"]
    )
    interface: Label | None = Field(
        None,
        description="Id, display name or policy path of the interface; without it a tier0_uplink means all of them.",
    )
    project: Label | None = Field(None, description="Name of the NSX Project that the Tier-1 lies in.")
    max_rate_bits: Rate | None = Field(
        None,
        alias="max_rate",
        description="Ceiling of a believable rate of this point, above which usage is quarantined; without it "
        "`poll.max_rate`.",
        examples=["10Gbit/s"],
    )

    @classmethod
    def rules(cls, raw: Raw) -> Iterator[Finding]:
        """Return findings about the keys that the kind of point needs and those that it does not take."""
        written = raw.get("kind")
        if not isinstance(written, str) or written not in set(Kind):
            return
        kind = Kind(written)
        needed, allowed = POINT_KEYS[kind]
        for key in needed:
            if key not in raw:
                yield Finding((key,), f"is missing; a {kind} needs {listing(needed, 'and')}")
        for key in _PLACES:
            if key in raw and key not in needed and key not in allowed:
                yield Finding(
                    (key,), f"does not belong to a {kind}, which takes {listing((*needed, *allowed), 'and')}; remove it"
                )
        if kind is Kind.SERVICE_INTERFACE:
            yield from _gateway(raw)


def _gateway(raw: Raw) -> Iterator[Finding]:
    if "tier0" in raw and "tier1" in raw:
        yield Finding(("tier1",), "is written beside tier0; an interface lies on one gateway, so keep one of the two")
    elif "tier0" not in raw and "tier1" not in raw:
        yield Finding(("tier1",), "is missing; a service_interface needs the gateway that it lies on, tier1 or tier0")
    elif "tier0" in raw and "project" in raw:
        yield Finding(("project",), "does not belong to an interface of a Tier-0, since Projects have none; remove it")


class Tenant(Part):
    """Who is billed."""

    id: TenantName = Field(description="Id used everywhere: letters, digits, `.`, `_`, `-`.", examples=["acme"])
    written_name: Label | None = Field(
        None, alias="name", description="Display name; without it the id.", examples=["Acme Corp"]
    )
    timezone: TimeZone = Field("UTC", description="IANA time zone of the tenant's days, months and billing periods.")
    points: Annotated[tuple[Point, ...], Field(max_length=POINTS_MAX)] = Field(
        (), description="What is billed to the tenant."
    )
    vcd_org: Later | None = Field(
        None,
        description="Taken and not used by this version, with a warning: the organisation of VMware Cloud Director.",
    )
    billing: Later | None = Field(
        None, description="Taken and not used by this version, with a warning: percentile and commit rate."
    )

    @property
    def name(self) -> str:
        """Display name."""
        return self.written_name if self.written_name is not None else self.id
