"""The director's objects: organisations, their Org VDCs and groups, gateways, external networks, IP Spaces."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from simulator.edges import Edge
from simulator.units import Instant
from simulator.vcd.specs import IpSpaceSpec

BackingType = Literal["NSXT_TIER0", "NSXT_VRF_TIER0", "IMPORTED_T_LOGICAL_SWITCH", "DV_PORTGROUP"]
AllocationKind = Literal["FLOATING_IP", "IP_PREFIX"]
UsageState = Literal["UNUSED", "USED", "USED_MANUAL"]


@dataclass(slots=True, eq=False)
class Named:
    """What has a reference; names change, references do not."""

    urn: str
    name: str

    @property
    def uuid(self) -> str:
        """The last part of the reference."""
        return self.urn.rpartition(":")[2]


@dataclass(slots=True, eq=False)
class Org(Named):
    """An organisation.

    Attributes:
        tenant: Whose it is, as the scenario names tenants.
        vdcs: Its Org VDCs.
        group: The group of its VDCs that owns its gateways; without one, its first VDC owns them.
    """

    tenant: str
    display_name: str
    enabled: bool = True
    vdcs: list[Named] = field(default_factory=list)
    group: Named | None = None

    @property
    def owner(self) -> Named:
        """Who owns its gateways."""
        return self.group if self.group is not None else self.vdcs[0]


@dataclass(slots=True, eq=False)
class Network(Named):
    """An external network; on a Tier-0 or VRF it is a provider gateway.

    Attributes:
        backing_id: Id of what it stands on, as the director learned it.
        backing_name: Its name.
        tier0: Policy path of the Tier-0 or VRF.
        segment: Policy path of the segment.
        subnet: Number of its subnet.
        using_ip_space: Whether its gateways take addresses of IP Spaces.
        dedicated_to: The organisation that it is dedicated to.
        told: How it says so.
        given: Addresses of its subnet that were given to gateways.
    """

    type: BackingType
    backing_id: str
    backing_name: str
    subnet: int
    tier0: str | None = None
    segment: str | None = None
    using_ip_space: bool = False
    dedicated_to: Org | None = None
    told: Literal["org", "gateway"] = "org"
    given: int = 0


@dataclass(slots=True, eq=False)
class Uplink:
    """What connects a gateway to an external network.

    Attributes:
        first: Number of its first address in the network's subnet.
        addresses: How many it has; none where IP Spaces are used.
        used: How many of them are in use.
    """

    network: Network
    connected: bool = True
    first: int = 0
    addresses: int = 0
    used: int = 0


@dataclass(slots=True, eq=False)
class CloudGateway(Named):
    """An edge gateway.

    Attributes:
        owner: Org VDC or group.
        backing_id: Id of the backing router, as the director learned it.
        router: Policy path of the Tier-1.
        edge: The NSX-V edge, in place of a Tier-1.
        in_project: Whether the Tier-1 lies in a Project, and the director says so.
        distributed_only: Whether the Tier-1 has no service router.
    """

    org: Org
    owner: Named
    type: str
    backing_id: str
    router: str
    status: str = "REALIZED"
    edge: Edge | None = None
    in_project: bool = False
    distributed_only: bool = False
    cluster: tuple[str, str] | None = None
    uplinks: list[Uplink] = field(default_factory=list)

    @property
    def provider(self) -> Uplink | None:
        """The uplink to its Tier-0 or VRF."""
        return next((one for one in self.uplinks if one.network.tier0 is not None), None)


@dataclass(slots=True, eq=False)
class Allocation(Named):
    """Addresses of an IP Space that an organisation holds; the name is the address or prefix."""

    org: Org
    kind: AllocationKind
    at: Instant
    state: UsageState = "UNUSED"
    used_by: CloudGateway | None = None


@dataclass(slots=True, eq=False)
class IpSpace(Named):
    """An IP Space.

    Attributes:
        org: Whose it is, if it is private.
        quotas: Tenant to the floating addresses that it may hold, where that is special.
        next_free: Where the next free address or prefix may be, by kind.
    """

    spec: IpSpaceSpec
    org: Org | None = None
    quotas: dict[str, int] = field(default_factory=dict)
    allocations: dict[str, Allocation] = field(default_factory=dict)
    next_free: dict[AllocationKind, int] = field(default_factory=dict)
