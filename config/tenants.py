"""Tenants and the metering points that are billed to them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from collector.model.identity import Kind
from config.leaves import Label, Later, Leaf, Name, Rate, TenantName, TimeZone, labelled
from config.part import Part, Raw
from config.words import Finding, Wrong, listing, meant, shown

POINTS_MAX = 10_000
"""Most points of one tenant; a provider's largest manager has some thousand gateways."""

INTERFACE_CHARACTERS_MAX = 200
"""Longest name or policy path of an interface."""

POINT_KEYS: dict[Kind, tuple[tuple[str, ...], tuple[str, ...]]] = {
    Kind.TIER0_UPLINK: (("tier0",), ("interface",)),
    Kind.TIER1_DOWNLINK: (("tier1",), ("tier0", "project")),
    Kind.SERVICE_INTERFACE: (("interface",), ("tier1", "tier0", "project")),
    Kind.EDGE_INTERFACE: (("edge",), ("interface",)),
    Kind.VPC_EXTERNAL: (("project", "vpc"), ()),
    Kind.VPC_INTERNAL: (("project", "vpc"), ()),
    Kind.VPC: (("project", "vpc"), ()),
}
"""The keys that each kind of explicit point needs, and those that it may have."""

POINT_KINDS = tuple(kind.value for kind in POINT_KEYS)
"""The kinds of explicit points, as they are written."""

POINT_SOURCES = {kind: ("nsxv",) if kind is Kind.EDGE_INTERFACE else ("nsxt",) for kind in POINT_KEYS}
"""The kinds of source that have each kind of point."""

_FOLLOWING = {
    Kind.L2VPN: "its gateway",
    Kind.IPSEC_VPN: "its gateway",
    Kind.TRANSIT_GATEWAY_EXTERNAL: "its Project",
    Kind.TRANSIT_GATEWAY_INTERNAL: "its Project",
}
"""Whose tenant the kinds have that are no explicit points."""

_PLACES = ("tier0", "tier1", "edge", "interface", "project", "vpc")


def point_kind(value: object) -> Kind:
    """Return ``value``, which must be a kind of explicit point."""
    if isinstance(value, str) and value in POINT_KINDS:
        return Kind(value)
    if isinstance(value, str) and value in set(Kind):
        owner = _FOLLOWING[Kind(value)]
        raise Wrong(f"{shown(value)} cannot be an explicit point, since it belongs to the tenant of {owner}; remove it")
    hint = meant(value, POINT_KINDS)
    known = f" Known: {listing(POINT_KINDS)}" if hint.startswith("did you mean") else ""
    raise Wrong(f"{shown(value)} is not known here; {hint}{known}")


def interface(value: object) -> str:
    """Return ``value``, which must be a text, or the number of a vNIC."""
    is_index = isinstance(value, int) and not isinstance(value, bool) and value >= 0
    return labelled(str(value) if is_index else value, INTERFACE_CHARACTERS_MAX)


_INTERFACE = {
    "type": ["string", "integer"],
    "minLength": 1,
    "maxLength": INTERFACE_CHARACTERS_MAX,
    "minimum": 0,
    "x-type": "text or whole number",
}

PointKind = Annotated[Kind, Leaf(point_kind, {"enum": list(POINT_KINDS)})]
Interface = Annotated[str, Leaf(interface, _INTERFACE)]


class Point(Part):
    """A metering point, or all uplinks of a gateway, billed to the tenant."""

    decides = "kind"

    source: Name = Field(description="Name of the source that has it.", examples=["nsx-ams1"])
    kind: PointKind = Field(
        description="`tier0_uplink`: uplinks of a dedicated Tier-0 or VRF. `tier1_downlink`: the link of a Tier-1 to a "
        "shared Tier-0. `service_interface`: an interface that brings an external network to the tenant. "
        "`edge_interface`: uplinks of an NSX-V edge. `vpc_external`, `vpc_internal`, `vpc`: traffic of a VPC.",
        examples=["tier0_uplink"],
    )
    tier0: Label | None = Field(
        None, description="Id, display name or policy path of the Tier-0 or VRF.", examples=["t0-acme"]
    )
    tier1: Label | None = Field(
        None, description="Id, display name or policy path of the Tier-1.", examples=["t1-globex"]
    )
    edge: Label | None = Field(
        None,
        description="Id or name of the NSX-V edge; through a director the UUID or name of its gateway.",
        examples=["edge-12"],
    )
    interface: Interface | None = Field(
        None,
        description="Id, display name or policy path of the interface, index or name of an edge's vNIC; without it a "
        "tier0_uplink or edge_interface means all uplinks.",
    )
    project: Label | None = Field(
        None, description="Name of the NSX Project that the Tier-1 or VPC lies in.", examples=["retail"]
    )
    vpc: Label | None = Field(None, description="Id, display name or policy path of the VPC.", examples=["shop"])
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
        if not isinstance(written, str) or written not in POINT_KINDS:
            return
        kind = Kind(written)
        needed, allowed = POINT_KEYS[kind]
        for key in needed:
            if key not in raw:
                yield Finding((key,), f"is missing; {_a(kind)} needs {listing(needed, 'and')}")
        for key in _PLACES:
            if key in raw and key not in needed and key not in allowed:
                yield Finding(
                    (key,),
                    f"does not belong to {_a(kind)}, which takes {listing((*needed, *allowed), 'and')}; remove it",
                )
        if kind is Kind.SERVICE_INTERFACE:
            yield from _gateway(raw)


def _a(kind: Kind) -> str:
    return f"{'an' if kind is Kind.EDGE_INTERFACE else 'a'} {kind}"


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
    vcd_org: Label | None = Field(
        None,
        description="Name of the organisation in VMware Cloud Director whose gateways are the tenant's; without it the "
        "one that is named like the id.",
        examples=["acme"],
    )
    billing: Later | None = Field(
        None, description="Taken and not used by this version, with a warning: percentile and commit rate."
    )

    @property
    def name(self) -> str:
        """Display name."""
        return self.written_name if self.written_name is not None else self.id
