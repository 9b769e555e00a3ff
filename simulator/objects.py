"""The provider's objects: edge nodes and clusters, gateways, interfaces, ports and flows."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from simulator.counters import NodeCounters, Values
from simulator.specs import ServiceInterfaceSpec, Tier0Spec, Tier1Spec
from simulator.units import Instant

End = Literal["interface", "tier0", "tier1", "session", "external", "internal"]
InterfaceType = Literal["EXTERNAL", "SERVICE", "LOOPBACK"]
Rows = Literal["missing", "stale"]
Kind = Literal[
    "tier0_uplink", "tier1_downlink", "service_interface", "edge_interface", "vpc_external", "vpc_internal",
    "transit_gateway_external", "transit_gateway_internal", "transit_gateway_attachment", "l2vpn", "ipsec_vpn",
    "internal", "loopback", "edge_internal",
]  # fmt: skip
"""What a port is for."""

EXTERNAL_KINDS: Final[frozenset[Kind]] = frozenset(
    {"tier0_uplink", "tier1_downlink", "service_interface", "edge_interface", "vpc_external"}
)
"""What a tenant is billed for; the others count the same bytes again, or bytes that stay inside."""

LOCAL_POINT: Final = "/infra/sites/default/enforcement-points/default"
"""The one enforcement point of a Local Manager."""


@dataclass(slots=True, eq=False)
class EdgeNode:
    """An edge node.

    Attributes:
        nsx_id: Its transport node id.
        alias: ``cluster/index``, the name that scenarios use.
        phase: Where in the cache period its values are renewed, in milliseconds.
        listed: Whether it is a member of its cluster.
        rows: What statistics show of it while it is down.
        stopped_at: Since when its values have not been renewed, while it is down.
        refreshed: Instants at which its values were renewed out of turn.
    """

    nsx_id: str
    alias: str
    cluster: EdgeCluster
    member_index: int
    phase: int
    up: bool = True
    listed: bool = True
    rows: Rows = "missing"
    stopped_at: Instant | None = None
    refreshed: list[Instant] = field(default_factory=list)

    @property
    def element(self) -> str:
        """The last element of its path."""
        return str(self.member_index) if self.cluster.index_ids else self.nsx_id

    def path(self, *, federated: bool = False) -> str:
        """Return its policy path, which is what ``edge_path`` names."""
        return f"{self.cluster.path(federated=federated)}/edge-nodes/{self.element}"

    @property
    def shown(self) -> bool:
        """Whether statistics have a row of it."""
        return self.listed and (self.up or self.rows == "stale")


@dataclass(slots=True, eq=False)
class EdgeCluster:
    """An edge cluster of a site."""

    id: str
    nsx_id: str
    site: str
    index_ids: bool
    nodes: list[EdgeNode] = field(default_factory=list)

    def path(self, *, federated: bool = False) -> str:
        """Return its policy path on a Local or on a Global Manager."""
        point = f"/global-infra/sites/{self.site}/enforcement-points/default" if federated else LOCAL_POINT
        return f"{point}/edge-clusters/{self.id}"


@dataclass(slots=True, eq=False)
class Interface:
    """An interface of a gateway; ``node`` is set for EXTERNAL ones, which live on one edge node."""

    id: str
    path: str
    gateway: Gateway
    service: LocaleService
    type: InterfaceType
    unique_id: str
    created_at: Instant
    segment_path: str | None = None
    node: EdgeNode | None = None
    tenant: str | None = None
    internal: bool = False
    spec: ServiceInterfaceSpec | None = None
    revision: int = 0


@dataclass(slots=True, eq=False)
class LocaleService:
    """The part of a gateway that lives on one edge cluster; without one there is no service router."""

    id: str
    path: str
    cluster: EdgeCluster | None
    interfaces: dict[str, Interface] = field(default_factory=dict)


@dataclass(slots=True, eq=False)
class Gateway:
    """A Tier-0, a VRF (a Tier-0 with a parent) or a Tier-1.

    Attributes:
        order: Its edge nodes; of an active-standby one the first that is up is active.
    """

    tier: Literal[0, 1]
    id: str
    path: str
    unique_id: str
    created_at: Instant
    spec: Tier0Spec | Tier1Spec
    parent: Gateway | None = None
    tenant: str | None = None
    project: str | None = None
    services: list[LocaleService] = field(default_factory=list)
    order: list[EdgeNode] = field(default_factory=list)
    revision: int = 0

    @property
    def federated(self) -> bool:
        """Whether it is an object of the Global Manager."""
        return self.spec.federated

    @property
    def is_vrf(self) -> bool:
        """Whether it is a VRF of another Tier-0."""
        return self.tier == 0 and self.parent is not None

    @property
    def nodes(self) -> list[EdgeNode]:
        """Its edge nodes; a VRF lives on those of its parent."""
        if self.is_vrf and self.parent is not None:
            return self.parent.nodes
        return self.order

    @property
    def ha_mode(self) -> str:
        """ACTIVE_ACTIVE or ACTIVE_STANDBY; a VRF follows its parent."""
        if self.is_vrf and self.parent is not None:
            return self.parent.ha_mode
        return self.spec.ha_mode

    def active(self) -> list[EdgeNode]:
        """Return the nodes that carry its traffic now."""
        up = [node for node in self.nodes if node.up and node.listed]
        return up if self.ha_mode == "ACTIVE_ACTIVE" else up[:1]

    def interfaces(self) -> list[Interface]:
        """Return its interfaces, in the order of its locale services."""
        return [interface for service in self.services for interface in service.interfaces.values()]

    def uplinks_on(self, node: EdgeNode) -> list[Interface]:
        """Return its EXTERNAL interfaces on a node."""
        return [i for i in self.interfaces() if i.type == "EXTERNAL" and i.node is node]


@dataclass(slots=True, eq=False, kw_only=True)
class Counted:
    """What counters belong to, and what the truth knows it by.

    Attributes:
        point: Path of what is metered: the interface, or the Tier-1 for its link.
        end: Which port of it: an interface has one, a link one at each gateway, a VPC one to each side.
        dedicated: Whether it is a link under a Tier-0 that belongs to a tenant: its uplinks carry the same bytes.
        counters: Per node id.
    """

    port_id: str
    point: str
    end: End
    kind: Kind
    born: Instant
    tenant: str | None = None
    dedicated: bool = False
    died: Instant | None = None
    counters: dict[str, NodeCounters] = field(default_factory=dict)


@dataclass(slots=True, eq=False, kw_only=True)
class Port(Counted):
    """A realised router port.

    Attributes:
        host: The gateway whose nodes report it.
        fixed: The one node of an EXTERNAL interface.
        cluster: The edge cluster of its locale service; a link is on all of its gateway's.
        spans: Whether it stands for several ports, as for an active-active Tier-1; the summary then has no ids.
    """

    host: Gateway
    fixed: EdgeNode | None = None
    cluster: EdgeCluster | None = None
    realized_path: str = ""
    spans: bool = False

    def nodes(self) -> list[EdgeNode]:
        """Return the nodes that report it now."""
        return [node for node in self.hosts() if node.shown]

    def hosts(self) -> list[EdgeNode]:
        """Return the nodes that it lives on, whether they are up or not."""
        if self.fixed is not None:
            return [self.fixed]
        return [node for node in self.host.nodes if self.cluster is None or node.cluster is self.cluster]


@dataclass(slots=True, eq=False)
class Flow:
    """Traffic that takes one way through the nodes at a time.

    Attributes:
        kind: ``link`` outside and a Tier-1; ``own`` outside and a Tier-0; ``csp`` through a service interface;
            ``cross`` from one Tier-1 to another; ``inside`` through no port but those of ``through``.
        rates: As the gateway's own side sees it: rx toward the tenant, tx away from it.
        index: Spreads the flows of one gateway over its ways.
        through: Ports that it passes beside them: a tunnel, a VPC. One that lives on a node of its own stops the flow
            while that is down.
    """

    kind: Literal["link", "own", "csp", "cross", "inside"]
    gateway: Gateway
    shape: int
    rates: Values
    index: int
    target: Gateway | None = None
    interface: Interface | None = None
    through: tuple[Port, ...] = ()
