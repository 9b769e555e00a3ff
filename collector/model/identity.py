"""Who and what is metered."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple, NewType

TenantId = NewType("TenantId", str)

UNATTRIBUTED = TenantId("unattributed")
"""The tenant of what belongs to nobody: booked and visible, never billed."""

BALANCE = TenantId("=balance")
"""The account of what is read for the balance of a gateway: in no usage row, no export and no list of tenants. No
tenant can have this id, which has a character that ids may not have."""

SUMMARY_NODE = "summary"
"""The node of a series that is read from a summary answer, which sums over nodes."""


class Kind(StrEnum):
    """What a metering point is."""

    TIER0_UPLINK = "tier0_uplink"
    TIER1_DOWNLINK = "tier1_downlink"
    SERVICE_INTERFACE = "service_interface"
    EDGE_INTERFACE = "edge_interface"
    """An uplink of an NSX-V edge."""
    VPC_EXTERNAL = "vpc_external"
    VPC_INTERNAL = "vpc_internal"
    VPC = "vpc"
    """A VPC whose manager does not tell external from internal traffic (NSX 4.1)."""
    TRANSIT_GATEWAY_EXTERNAL = "transit_gateway_external"
    TRANSIT_GATEWAY_INTERNAL = "transit_gateway_internal"
    L2VPN = "l2vpn"
    IPSEC_VPN = "ipsec_vpn"


EXTERNAL_KINDS = frozenset(
    {Kind.TIER0_UPLINK, Kind.TIER1_DOWNLINK, Kind.SERVICE_INTERFACE, Kind.EDGE_INTERFACE, Kind.VPC_EXTERNAL}
)
"""What adds up to a tenant's external traffic. The other kinds count the same bytes elsewhere (a tunnel's payload
passes an uplink too, a VPC's traffic its transit gateway), or bytes that never leave: each stands by itself."""


class Direction(StrEnum):
    """Direction of traffic from the tenant's side: ``ingress`` comes to the tenant, ``egress`` leaves it."""

    INGRESS = "ingress"
    EGRESS = "egress"


class ReadAt(StrEnum):
    """Where a metering point is read.

    ``INTERFACE`` for uplinks and service interfaces. A link of a Tier-0 and a Tier-1 has two ends and a summary;
    which of them is read is decided once per link and kept with its series.
    """

    INTERFACE = "interface"
    TIER0 = "tier0"
    TIER1 = "tier1"
    TIER0_SUMMARY = "tier0_summary"
    SUMMARY = "summary"
    """An object that answers only as a sum over its nodes: a VPC, a transit gateway."""
    SESSION = "session"
    """A tunnel's session."""

    @property
    def is_summary(self) -> bool:
        """True where a fall cannot be told from a partial reset of one node: docs/accounting.md, section 2."""
        return self in (ReadAt.TIER0_SUMMARY, ReadAt.SUMMARY)


class PointKey(NamedTuple):
    """A metering point: where traffic is counted.

    Attributes:
        source: Name of the source.
        kind: What it is.
        path: Policy path of what is metered: the interface, or the Tier-1 for its link.
    """

    source: str
    kind: Kind
    path: str

    @property
    def label(self) -> str:
        """The point as rows, events and metrics show it: the source's name and the policy path."""
        return f"{self.source}:{self.path}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Tenant:
    """A tenant as rows and pages show it.

    Attributes:
        id: Used everywhere; letters, digits, ``.``, ``_``, ``-``.
        name: Display name.
        timezone: IANA zone of its days and months.
    """

    id: TenantId
    name: str
    timezone: str
