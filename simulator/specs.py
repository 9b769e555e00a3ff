"""What a scenario says about objects: clusters, gateways, interfaces, and numbers of them to make."""

from __future__ import annotations

from typing import Annotated, Final, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints

from simulator.units import RateBytes

Id = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]*$", max_length=80)]
HaMode = Literal["ACTIVE_ACTIVE", "ACTIVE_STANDBY"]

NODES_MAX: Final = 10
"""Edge nodes in a cluster; the product's own maximum."""

GENERATED_MAX: Final = 20_000
"""Gateways made by one entry; above it the lists alone take minutes."""


class Spec(BaseModel):
    """A part of a scenario; a key that is not known is an error."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ClusterSpec(Spec):
    """An edge cluster.

    Attributes:
        index_ids: Whether the last element of an edge node's path is its member index, as on early releases.
    """

    id: Id
    nodes: int = Field(2, ge=1, le=NODES_MAX)
    site: Id = "default"
    index_ids: bool = False


class ServiceInterfaceSpec(Spec):
    """A service interface (CSP) and its traffic.

    Attributes:
        internal: Whether it serves a network of the tenant's own instead of an external one.
        overlay: Whether its external network is an overlay segment instead of a VLAN.
        locale_service: On a gateway that is stretched over sites, which part of it has it; the first, if absent.
    """

    id: Id
    segment: Id | None = None
    rate: RateBytes = 1_250_000
    internal: bool = False
    overlay: bool = False
    tenant: Id | None = None
    locale_service: Id | None = None


class VpnSpec(Spec):
    """A session of a VPN service of a gateway, and its traffic; the bytes pass the gateway's way out too.

    Attributes:
        segments: The networks that an L2VPN session stretches.
        tunnels: The pairs of subnets that an IPsec session connects.
    """

    kind: Literal["l2vpn", "ipsec"]
    id: Id
    service: Id = "default"
    rate: RateBytes = 1_250_000
    segments: list[Id] = Field(default_factory=lambda: ["stretched"], min_length=1, max_length=64)
    tunnels: int = Field(1, ge=1, le=16)


class Tier0Spec(Spec):
    """A Tier-0, or a VRF when ``vrf_of`` names its parent.

    Attributes:
        clusters: One; several for a Tier-0 that is stretched over sites.
        tenant: Whose it is; a shared one has none.
        uplinks_per_node: EXTERNAL interfaces on each edge node.
        rate: Traffic of its own, beside its Tier-1s', over its uplinks.
        loopback: Whether it has a LOOPBACK interface.
    """

    id: Id
    clusters: list[Id] = Field(default_factory=list)
    ha_mode: HaMode = "ACTIVE_ACTIVE"
    vrf_of: Id | None = None
    tenant: Id | None = None
    uplinks_per_node: int = Field(1, ge=0, le=4)
    rate: RateBytes = 0
    loopback: bool = False
    federated: bool = False
    csps: list[ServiceInterfaceSpec] = Field(default_factory=list)
    vpns: list[VpnSpec] = Field(default_factory=list)


class Tier1Spec(Spec):
    """A Tier-1.

    Attributes:
        tier0: Its parent Tier-0 or VRF; none is not connected.
        cluster: None has no service router, so no statistics.
        clusters: Several, of as many sites, for a Tier-1 that is stretched; in place of ``cluster``.
        rate: Mean traffic over its link, both directions together.
        parallel: Flows that the traffic is spread over; each takes one way through the nodes.
    """

    id: Id
    tier0: Id | None = None
    cluster: Id | None = None
    clusters: list[Id] = Field(default_factory=list)
    ha_mode: HaMode = "ACTIVE_STANDBY"
    tenant: Id | None = None
    project: Id | None = None
    locale_service: Id = "default"
    rate: RateBytes = 5_000_000
    parallel: int = Field(4, ge=1, le=16)
    federated: bool = False
    csps: list[ServiceInterfaceSpec] = Field(default_factory=list)
    vpns: list[VpnSpec] = Field(default_factory=list)


class TransitGatewaySpec(Spec):
    """A transit gateway of a Project; its traffic is that of the VPCs behind it.

    Attributes:
        tier0: The Tier-0 or VRF by which it goes out.
    """

    id: Id
    project: Id
    tier0: Id
    tenant: Id | None = None


class VpcSpec(Spec):
    """A VPC of a Project.

    Attributes:
        tier0: The Tier-0 or VRF by which it goes out.
        transit_gateway: Of its Project, where it goes out through one.
        rate: Traffic with the outside.
        internal_rate: Traffic with other VPCs.
    """

    id: Id
    project: Id
    tier0: Id
    tenant: Id | None = None
    transit_gateway: Id | None = None
    rate: RateBytes = 2_500_000
    internal_rate: RateBytes = 1_250_000


class TenantSpec(Spec):
    """A tenant, as it is billed."""

    id: Id
    name: str = ""
    timezone: str = "UTC"


class CrossSpec(Spec):
    """Traffic between two Tier-1s under one Tier-0: on both links, on no uplink."""

    source: Id
    target: Id
    rate: RateBytes = 1_250_000


class GenerateSpec(Spec):
    """Gateways to make by number; ids are the prefix and a number, and each has a tenant of its own.

    Attributes:
        kind: ``shared``: a Tier-1 under ``tier0``; ``dedicated``: a Tier-0 with a Tier-1; ``vrf``: a VRF of ``tier0``
            with a Tier-1.
        csps: Service interfaces on each Tier-1.
        rate: The middle; each takes a seeded quarter to four times of it.
    """

    kind: Literal["shared", "dedicated", "vrf"]
    count: int = Field(ge=0, le=GENERATED_MAX)
    prefix: Id
    cluster: Id
    tier0: Id | None = None
    csps: int = Field(0, ge=0, le=8)
    rate: RateBytes = 5_000_000
    ha_mode: HaMode = "ACTIVE_STANDBY"
