"""The provider's state: its objects, their ports and counters, and the readings that a manager may serve."""

from __future__ import annotations

from collections.abc import Iterator
from random import Random
from typing import Final, Literal, NamedTuple
from uuid import UUID, uuid5

from simulator.clock import SimClock
from simulator.counters import NodeCounters, Values
from simulator.edges import Edges
from simulator.objects import (
    Counted,
    EdgeCluster,
    EdgeNode,
    Flow,
    Gateway,
    Interface,
    InterfaceType,
    Kind,
    LocaleService,
    Port,
)
from simulator.scenario import Scenario
from simulator.shapes import shapes
from simulator.specs import ServiceInterfaceSpec, Tier0Spec, Tier1Spec
from simulator.traffic import flow_rates, random_shape, route, split_rate
from simulator.tunnels import Session, open_session
from simulator.units import Instant
from simulator.vcd.cloud import Cloud
from simulator.vpcs import Vpc, open_transit_gateway, open_vpc

NAMESPACE: Final = UUID("5f2c3b3a-6a3f-4bb2-9c53-0c5a7d0b1c9e")
TIER1_NODES: Final = 2
"""An active-standby Tier-1 lives on two edge nodes of its cluster."""

AGE_MS: Final = 90 * 86_400_000
"""How long before its start a scenario's first objects were created."""


class Offsets(NamedTuple):
    """How far the managers' and the edge nodes' clocks are ahead, from an instant on; milliseconds."""

    since: Instant
    manager: int
    device: int


class Reading(NamedTuple):
    """A value of the statistics as it stands in the cache.

    Attributes:
        at: Device time, which is served as ``last_update_timestamp``.
        taken_at: The same instant in simulated time.
    """

    at: Instant
    taken_at: Instant
    values: Values


class Provider:
    """All objects of a scenario; changed only by ``changes``.

    Args:
        scenario: With its ``generate`` entries expanded.
        clock: The simulated clock.
    Attributes:
        segments: By path, whether it is an external network's.
        overlays: Paths of the segments that are no VLANs.
        ports: All that ever had counters.
        edges: The edges of the NSX-V manager, if there is one.
        cloud: What the Cloud Director knows, if there is one.
        sites: The site of each edge node that ever was, by id.
    """

    def __init__(self, scenario: Scenario, clock: SimClock) -> None:
        self.scenario = scenario
        self.clock = clock
        self.version = scenario.version
        self.shapes = shapes(scenario.seed)
        self.revision = 0
        self.offsets = [Offsets(clock.start, scenario.clock.manager_offset, scenario.clock.device_offset)]
        self.clusters: dict[str, EdgeCluster] = {}
        self.nodes: dict[str, EdgeNode] = {}
        self.gateways: dict[str, Gateway] = {}
        self.removed: dict[str, Gateway | Interface] = {}
        self.projects: list[str] = []
        self.segments: dict[str, bool] = {}
        self.overlays: set[str] = set()
        self.flows: list[Flow] = []
        self.sessions: dict[str, Session] = {}
        self.vpcs: dict[str, Vpc] = {}
        self.ports: list[Counted] = []
        self.sites: dict[str, str] = {}
        self._current: dict[str, Port] = {}
        self._generation: dict[str, int] = {}
        self._build()
        self.edges = None if scenario.nsxv is None else Edges(self, scenario.nsxv)
        self.cloud = None if scenario.vcd is None else Cloud(self, scenario.vcd)

    # Names ------------------------------------------------------------------------------------------------------

    def uuid(self, key: str) -> str:
        """Return an id that the seed and the key decide."""
        return str(uuid5(NAMESPACE, f"{self.scenario.seed}/{key}"))

    def phase(self, node_id: str) -> int:
        """Return where in the cache period the values of a node are renewed, in milliseconds."""
        return 0 if self.scenario.phases == "together" else int(node_id[:8], 16) % self.scenario.cache

    def realization_id(self, found: Gateway | Interface) -> str:
        """Return the id of an object's realisation, which may be another than its ``unique_id``."""
        return found.unique_id if self.scenario.ids == "same" else self.uuid(f"realized/{found.unique_id}")

    def router_id(self, gateway: Gateway) -> str:
        """Return the id of the logical router that a gateway's state names."""
        return gateway.unique_id if self.scenario.ids == "same" else self.uuid(f"router/{gateway.unique_id}")

    def segment_id(self, path: str) -> str:
        """Return the ``unique_id`` of a segment."""
        return self.uuid(f"segment{path}")

    def random(self, key: str) -> Random:
        """Return a source of chance that the seed and the key decide."""
        return Random(f"{self.scenario.seed}/{key}")

    def node(self, name: str) -> EdgeNode:
        """Return an edge node by ``cluster/index``, by its id or by its path.

        Raises:
            LookupError: There is none.
        """
        for node in self.nodes.values():
            if name in (node.alias, node.nsx_id, node.path(), node.path(federated=True)):
                return node
        raise LookupError(f"no edge node {name!r}; known: {', '.join(n.alias for n in self.nodes.values())}")

    def gateway(self, name: str) -> Gateway:
        """Return a gateway by its path or id.

        Raises:
            LookupError: There is none.
        """
        for gateway in self.gateways.values():
            if name in (gateway.path, gateway.id):
                return gateway
        raise LookupError(f"no gateway {name!r}")

    def find(self, name: str) -> Gateway | Interface:
        """Return a gateway or an interface by its path, its id, or ``gateway/interface``.

        Raises:
            LookupError: There is none.
        """
        for gateway in self.gateways.values():
            if name in (gateway.path, gateway.id):
                return gateway
            for interface in gateway.interfaces():
                if name in (interface.path, f"{gateway.id}/{interface.id}"):
                    return interface
        raise LookupError(f"no gateway or interface {name!r}")

    def session(self, name: str) -> Session:
        """Return a VPN session by its path, or by ``gateway/session``.

        Raises:
            LookupError: There is none.
        """
        for session in self.sessions.values():
            if name in (session.path, f"{session.gateway.id}/{session.id}"):
                return session
        raise LookupError(f"no VPN session {name!r}")

    # Time -------------------------------------------------------------------------------------------------------

    def offsets_at(self, at: Instant) -> Offsets:
        """Return the clocks' offsets at a simulated instant."""
        for offsets in reversed(self.offsets):
            if offsets.since <= at:
                return offsets
        return self.offsets[0]

    def manager_time(self, at: Instant) -> Instant:
        """Return what the managers' clock shows at a simulated instant."""
        return at + self.offsets_at(at).manager

    def refreshed_at(self, node: EdgeNode, now: Instant) -> Instant:
        """Return when the values of a node, as the cache holds them now, were renewed."""
        if node.stopped_at is not None:
            now = min(now, node.stopped_at)
        period = self.scenario.cache
        at = (now - node.phase) // period * period + node.phase
        for extra in reversed(node.refreshed):
            if extra <= now:
                at = max(at, extra)
                break
        return max(at, self.clock.start)

    def read(self, port: Port, node: EdgeNode, now: Instant, not_after: Instant | None = None) -> Reading | None:
        """Return the cached reading of a port on a node; none, if it was never renewed since the port was made."""
        counters = port.counters.get(node.nsx_id)
        if counters is None:
            return None
        taken_at = self.refreshed_at(node, now if not_after is None else min(now, not_after))
        if taken_at < counters.born:
            return None
        return Reading(taken_at + self.offsets_at(taken_at).device, taken_at, counters.register_at(taken_at))

    # Ports ------------------------------------------------------------------------------------------------------

    def interface_port(self, interface: Interface) -> Port | None:
        """Return the port of an interface."""
        return self._current.get(interface.path)

    def port_at(self, path: str) -> Port | None:
        """Return the port of an interface's path."""
        return self._current.get(path)

    def link_ports(self, tier1: Gateway) -> tuple[Port, Port] | None:
        """Return the ports of a Tier-1's link, at the Tier-1 and at the Tier-0."""
        near = self._current.get(f"{tier1.path}|tier1")
        far = self._current.get(f"{tier1.path}|tier0")
        return None if near is None or far is None else (near, far)

    def counters_of(self, port: Port, node: EdgeNode, at: Instant) -> NodeCounters:
        """Return the counters of a port on a node; made now, they begin at zero."""
        found = port.counters.get(node.nsx_id)
        if found is None:
            found = port.counters[node.nsx_id] = NodeCounters(at, Values(), self.shapes)
        return found

    def make_port(self, key: str, port: Port) -> Port:
        """Take a port into the provider; one that the scenario begins with has counted before."""
        old = self._current.get(key)
        if old is not None:
            self.close_port(key, port.born)
        self._current[key] = port
        self.ports.append(port)
        first = port.born == self.clock.start
        for node in port.hosts():
            start = self._start_values(f"{key}/{node.nsx_id}") if first else Values()
            port.counters[node.nsx_id] = NodeCounters(port.born, start, self.shapes)
        return port

    def close_port(self, key: str, at: Instant) -> Port | None:
        """End a port; what it counted stays known."""
        port = self._current.pop(key, None)
        if port is not None:
            port.died = at
            for counters in port.counters.values():
                counters.route(at, {})
                counters.died = at
        return port

    def new_port_id(self, key: str) -> str:
        """Return the id of the next port at a place."""
        self._generation[key] = self._generation.get(key, -1) + 1
        return self.uuid(f"port/{key}/{self._generation[key]}")

    def live_ports(self) -> Iterator[Port]:
        """Yield the ports that exist now."""
        yield from self._current.values()

    def _start_values(self, key: str) -> Values:
        """Return what a counter showed at the scenario's start; one in three is beyond what a double holds."""
        random = self.random(f"start/{key}")
        received = random.randrange(2**40, 2**52) + (2**53 if random.random() < 1 / 3 else 0)
        sent = received // random.randint(2, 9)
        return Values(received, sent, received // 900, sent // 500, received // 10**8, sent // 10**9)

    def open_interface(self, interface: Interface, at: Instant) -> None:
        """Make the port of an interface."""
        self.make_port(
            interface.path,
            Port(
                port_id=self.new_port_id(interface.path), point=interface.path, end="interface", kind=_kind(interface),
                host=interface.gateway, born=at, fixed=interface.node, cluster=interface.service.cluster,
                tenant=interface.tenant if interface.tenant is not None else interface.gateway.tenant,
            ),
        )  # fmt: skip

    def open_link(self, tier1: Gateway, at: Instant) -> None:
        """Make both ports of a Tier-1's link, if it has a service router and a parent."""
        if tier1.parent is None or not tier1.nodes:
            return
        realized = f"{tier1.path.rpartition('/tier-1s/')[0]}/realized-state/enforcement-points/default/logical-ports"
        spans = tier1.ha_mode == "ACTIVE_ACTIVE"
        for end, host, suffix in (("tier1", tier1, "t1"), ("tier0", tier1.parent, "t0")):
            key = f"{tier1.path}|{end}"
            self.make_port(
                key,
                Port(
                    port_id=self.new_port_id(key), point=tier1.path, kind="tier1_downlink",
                    end="tier1" if end == "tier1" else "tier0", host=host, born=at, tenant=tier1.tenant, spans=spans,
                    dedicated=tier1.parent.tenant is not None,
                    realized_path=f"{realized}/{tier1.parent.id}-{tier1.id}-{suffix}_lrp",
                ),
            )  # fmt: skip

    # Objects ----------------------------------------------------------------------------------------------------

    def _build(self) -> None:
        start = self.clock.start
        for spec in self.scenario.clusters:
            cluster = EdgeCluster(spec.id, self.uuid(f"cluster/{spec.id}"), spec.site, spec.index_ids)
            self.clusters[spec.id] = cluster
            for index in range(spec.nodes):
                nsx_id = self.uuid(f"node/{spec.id}/{index}")
                node = EdgeNode(nsx_id, f"{spec.id}/{index}", cluster, index, self.phase(nsx_id))
                cluster.nodes.append(node)
                self.take_node(node)
        for tier0 in sorted(self.scenario.tier0s, key=lambda spec: spec.vrf_of is not None):
            self.add_tier0(tier0, start)
        for tier1 in self.scenario.tier1s:
            self.add_tier1(tier1, start)
        for transit in self.scenario.transit_gateways:
            open_transit_gateway(self, transit, start)
        for vpc in self.scenario.vpcs:
            open_vpc(self, vpc, start)
        for index, cross in enumerate(self.scenario.cross):
            random = self.random(f"cross/{index}")
            self.flows.append(
                Flow("cross", self.gateway(cross.source), random_shape(random), flow_rates(cross.rate, random), index,
                     target=self.gateway(cross.target))
            )  # fmt: skip
        self.changed(start)

    def take_node(self, node: EdgeNode) -> None:
        """Take an edge node into the provider."""
        self.nodes[node.nsx_id] = node
        self.sites[node.nsx_id] = node.cluster.site

    def changed(self, at: Instant) -> None:
        """Route the traffic anew from ``at`` on, after any change of objects or nodes."""
        self.revision += 1
        route(self.flows, list(self.live_ports()), self, at, self.counters_of)

    def created_at(self, key: str, at: Instant) -> Instant:
        """Return the ``_create_time`` of an object made at ``at``, on the managers' clock."""
        if at == self.clock.start:
            at -= AGE_MS + self.random(f"age/{key}").randrange(AGE_MS)
        return self.manager_time(at)

    def add_tier0(self, spec: Tier0Spec, at: Instant) -> Gateway:
        """Make a Tier-0 or a VRF, with its uplinks and service interfaces."""
        root = "/global-infra" if spec.federated else "/infra"
        path = f"{root}/tier-0s/{spec.id}"
        parent = self.gateway(spec.vrf_of) if spec.vrf_of else None
        gateway = Gateway(
            0, spec.id, path, self.uuid(f"{path}/{at}"), self.created_at(path, at), spec, parent, spec.tenant
        )
        self.gateways[path] = gateway
        clusters = [self.clusters[name] for name in spec.clusters]
        if parent is not None:
            clusters = [service.cluster for service in parent.services if service.cluster is not None]
        gateway.order = [] if parent is not None else [node for cluster in clusters for node in cluster.nodes]
        for cluster in clusters:
            name = "default" if len(clusters) == 1 else cluster.site
            service = LocaleService(name, f"{path}/locale-services/{name}", cluster)
            gateway.services.append(service)
            for node in cluster.nodes:
                for number in range(spec.uplinks_per_node):
                    self._interface(
                        service, gateway, f"up{node.member_index + 1}-{number + 1}", "EXTERNAL", at=at, node=node
                    )
            if spec.loopback:
                self._interface(service, gateway, "loopback", "LOOPBACK", at=at)
        for csp in spec.csps:
            self.add_interface(gateway, csp, at)
        self._flows("own", gateway, spec.rate, 4)
        self._open_sessions(gateway, at)
        return gateway

    def add_tier1(self, spec: Tier1Spec, at: Instant) -> Gateway:
        """Make a Tier-1, with its link and its service interfaces."""
        root = "/global-infra" if spec.federated else "/infra"
        if spec.project is not None:
            root = f"/orgs/default/projects/{spec.project}/infra"
            if spec.project not in self.projects:
                self.projects.append(spec.project)
        path = f"{root}/tier-1s/{spec.id}"
        parent = self.gateway(spec.tier0) if spec.tier0 else None
        gateway = Gateway(
            1,
            spec.id,
            path,
            self.uuid(f"{path}/{at}"),
            self.created_at(path, at),
            spec,
            parent,
            spec.tenant,
            spec.project,
        )
        self.gateways[path] = gateway
        clusters = [self.clusters[name] for name in spec.clusters or ([spec.cluster] if spec.cluster else [])]
        if len(clusters) > 1:
            named: list[tuple[str, EdgeCluster | None]] = [(cluster.site, cluster) for cluster in clusters]
        else:
            named = [(spec.locale_service, clusters[0] if clusters else None)]
        for name, cluster in named:
            gateway.services.append(LocaleService(name, f"{path}/locale-services/{name}", cluster))
        for one in clusters:
            first = self.random(f"place/{path}").randrange(len(one.nodes))
            nodes = [one.nodes[(first + step) % len(one.nodes)] for step in range(len(one.nodes))]
            gateway.order += nodes if spec.ha_mode == "ACTIVE_ACTIVE" else nodes[:TIER1_NODES]
        self.open_link(gateway, at)
        for csp in spec.csps:
            self.add_interface(gateway, csp, at)
        self._flows("link", gateway, spec.rate, spec.parallel)
        self._open_sessions(gateway, at)
        return gateway

    def _open_sessions(self, gateway: Gateway, at: Instant) -> None:
        if gateway.spec.vpns and not gateway.nodes:
            raise LookupError(f"{gateway.path} has VPN sessions and no edge nodes to have them on")
        for spec in gateway.spec.vpns:
            open_session(self, gateway, spec, at)

    def add_interface(self, gateway: Gateway, spec: ServiceInterfaceSpec, at: Instant) -> Interface:
        """Make a service interface of a gateway, with its traffic."""
        services = [one for one in gateway.services if spec.locale_service in (None, one.id)]
        if not services:
            raise LookupError(f"{gateway.path} has no locale service {spec.locale_service!r}")
        interface = self._interface(services[0], gateway, spec.id, "SERVICE", at=at, spec=spec)
        self._flows("csp", gateway, spec.rate, 2, interface)
        return interface

    def _interface(
        self,
        service: LocaleService,
        gateway: Gateway,
        name: str,
        kind: InterfaceType,
        *,
        at: Instant,
        node: EdgeNode | None = None,
        spec: ServiceInterfaceSpec | None = None,
    ) -> Interface:
        path = f"{service.path}/interfaces/{name}"
        root = "/global-infra" if gateway.federated else "/infra"
        if gateway.project is not None and spec is not None and spec.internal:
            root = f"/orgs/default/projects/{gateway.project}/infra"
        segments = f"{root}/segments"
        interface = Interface(
            name, path, gateway, service, kind, self.uuid(f"{path}/{at}"), self.created_at(path, at), node=node
        )
        if kind == "EXTERNAL":
            interface.segment_path = f"{segments}/vlan-uplink-{gateway.id}"
        if spec is not None:
            interface.segment_path = f"{segments}/{spec.segment or f'seg-{gateway.id}-{spec.id}'}"
            interface.tenant, interface.internal, interface.spec = spec.tenant, spec.internal, spec
            if spec.overlay or spec.internal:
                self.overlays.add(interface.segment_path)
        if interface.segment_path is not None:
            self.segments[interface.segment_path] = not interface.internal
        service.interfaces[name] = interface
        self.open_interface(interface, at)
        return interface

    def _flows(
        self,
        kind: Literal["link", "own", "csp"],
        gateway: Gateway,
        rate: int,
        parallel: int,
        interface: Interface | None = None,
    ) -> None:
        if not rate:
            return
        key = gateway.path if interface is None else interface.path
        random = self.random(f"flows/{key}")
        shape = random_shape(random)
        for index, share in enumerate(split_rate(rate, parallel, random)):
            self.flows.append(Flow(kind, gateway, shape, flow_rates(share, random), index, interface=interface))


def _kind(interface: Interface) -> Kind:
    if interface.type == "EXTERNAL":
        return "tier0_uplink"
    if interface.type == "LOOPBACK":
        return "loopback"
    return "internal" if interface.internal else "service_interface"
