"""The director's state: what it knows of the provider, and since when."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from itertools import count
from typing import TYPE_CHECKING, Final, TypeVar

from simulator.edges import Edge
from simulator.objects import Gateway, Interface
from simulator.specs import TenantSpec
from simulator.units import Instant
from simulator.vcd.holdings import Held, holdings
from simulator.vcd.objects import CloudGateway, IpSpace, Named, Network, Org, Uplink
from simulator.vcd.owners import Owner, owners
from simulator.vcd.shelf import Shelf
from simulator.vcd.spaces import make_spaces
from simulator.vcd.specs import GatewaySpec, NetworkSpec, OrgSpec, VcdSpec
from simulator.vcd.timeline import Timeline

if TYPE_CHECKING:
    from simulator.provider import Provider

N = TypeVar("N", bound=Named)

ADDRESSES_MAX: Final = 3
"""Addresses of a gateway on one uplink, where no IP Space is used."""


class Cloud:
    """What one director knows; changed only by ``changes``.

    Args:
        provider: The provider; its gateways are made already.
        spec: The director.
    Attributes:
        orgs: By reference, and so are the others.
        owners: Whose every metering point is by what the director knows, and since when.
        held: Which addresses every organisation holds, and since when.
        shelf: What the lists show, and showed.
    """

    def __init__(self, provider: Provider, spec: VcdSpec) -> None:
        self.provider = provider
        self.spec = spec
        self.orgs: dict[str, Org] = {}
        self.networks: dict[str, Network] = {}
        self.gateways: dict[str, CloudGateway] = {}
        self.spaces: dict[str, IpSpace] = {}
        self.owners: Timeline[Owner] = Timeline()
        self.held: Timeline[Held] = Timeline()
        self.shelf = Shelf(self)
        self.manager = Named(self.urn("nsxtmanager", "manager"), spec.manager or provider.scenario.managers[0].name)
        self.vcenter = Named(self.urn("vimserver", "vcenter"), "vc-old")
        self._made: dict[tuple[str, str], int] = {}
        self._subnets = count()
        self._build(provider.clock.start)

    def urn(self, kind: str, key: str) -> str:
        """Return a reference that the seed and the key decide."""
        return f"urn:vcloud:{kind}:{self.provider.uuid(f'vcd/{kind}/{key}')}"

    def new_urn(self, kind: str, key: str) -> str:
        """Return the reference of the next object of a name: one that is made again has another."""
        self._made[kind, key] = number = self._made.get((kind, key), -1) + 1
        return self.urn(kind, f"{key}/{number}")

    # Finding ----------------------------------------------------------------------------------------------------

    def org(self, name: str) -> Org:
        """Return an organisation by its reference, its name or its tenant.

        Raises:
            LookupError: There is none, or several have the name.
        """
        return _one("organisation", name, self.orgs.values(), lambda org: (org.tenant,))

    def gateway(self, name: str) -> CloudGateway:
        """Return a gateway by its reference, its name, or the path or id of what backs it.

        Raises:
            LookupError: There is none, or several have the name.
        """
        return _one("gateway", name, self.gateways.values(), lambda one: (one.router, one.router.rpartition("/")[2]))

    def network(self, name: str) -> Network:
        """Return an external network by its reference, its name, or the path or id of what it stands on.

        Raises:
            LookupError: There is none, or several have the name.
        """

        def also(network: Network) -> tuple[str, ...]:
            path = network.tier0 or network.segment or ""
            return path, path.rpartition("/")[2]

        return _one("external network", name, self.networks.values(), also)

    def space(self, name: str) -> IpSpace:
        """Return an IP Space by its reference or its name.

        Raises:
            LookupError: There is none, or several have the name.
        """
        return _one("IP Space", name, self.spaces.values(), lambda _: ())

    def users(self, network: Network) -> list[CloudGateway]:
        """Return the gateways with an uplink to an external network."""
        return [one for one in self.gateways.values() if any(uplink.network is network for uplink in one.uplinks)]

    def dedicated_org(self, network: Network) -> Org | None:
        """Return whose a provider gateway is: it names the organisation, or the one gateway that it is dedicated to."""
        if network.dedicated_to is None or network.told == "org":
            return network.dedicated_to
        found = {gateway.org.urn: gateway.org for gateway in self.users(network)}
        return next(iter(found.values())) if len(found) == 1 else None

    def router(self, gateway: CloudGateway) -> Gateway | None:
        """Return the Tier-1 that a gateway's backing id names now; none, if that was deleted or made anew."""
        found = self.provider.gateways.get(gateway.router)
        return found if found is not None and self.backing_id(found) == gateway.backing_id else None

    # What is known ----------------------------------------------------------------------------------------------

    def backing_id(self, gateway: Gateway) -> str:
        """Return the id that the director has of a Tier-1."""
        if self.spec.backing_id == "id":
            return gateway.id
        if self.spec.backing_id == "router_id":
            return self.provider.router_id(gateway)
        return gateway.unique_id if self.spec.backing_id == "unique_id" else self.provider.realization_id(gateway)

    def settle(self, at: Instant) -> None:
        """Take note of what is so from ``at`` on; called after every change of the director or of the routers."""
        self.owners.note(at, owners(self))
        self.held.note(at, holdings(self))
        self.shelf.keep(at)

    # Making -----------------------------------------------------------------------------------------------------

    def _build(self, at: Instant) -> None:
        provider, spec = self.provider, self.spec
        for tenant in provider.scenario.tenants:
            if tenant.id not in spec.unknown_tenants:
                self.add_org(tenant)
        for router in provider.gateways.values():
            if router.tier == 0:
                self.add_provider_gateway(router)
        named = {one.tier1: one for one in spec.gateways}
        known = {org.tenant: org for org in self.orgs.values()}
        for router in provider.gateways.values():
            one = named.get(router.id) or GatewaySpec(tier1=router.id)
            if router.tier == 1 and router.tenant in known and not one.hidden:
                self.add_gateway(router, known[router.tenant], one)
        for edge in provider.edges.edges.values() if provider.edges is not None else ():
            if edge.tenant in known:
                self.add_edge_gateway(edge, known[edge.tenant])
        make_spaces(self, at)
        self.settle(at)

    def add_org(self, tenant: TenantSpec, name: str | None = None) -> Org:
        """Make the organisation of a tenant."""
        spec = next((one for one in self.spec.orgs if one.tenant == tenant.id), None) or OrgSpec(tenant=tenant.id)
        shown = name or spec.name or tenant.id
        display_name = spec.display_name or tenant.name or shown
        org = Org(self.new_urn("org", tenant.id), shown, tenant.id, display_name, spec.enabled)
        for number in range(1, spec.vdcs + 1):
            vdc = f"{shown}-vdc-{number}"
            org.vdcs.append(Named(self.new_urn("vdc", f"{tenant.id}/{number}"), vdc))
        if spec.group:
            org.group = Named(self.new_urn("vdcGroup", tenant.id), f"{shown}-group")
        self.orgs[org.urn] = org
        return org

    def add_provider_gateway(self, router: Gateway) -> Network | None:
        """Make the provider gateway of a Tier-0 or VRF, unless the director is not to know it."""
        spec = self._network_spec(tier0=router.id)
        if spec.hidden:
            return None
        dedicated_to = next((org for org in self.orgs.values() if org.tenant == router.tenant), None)
        network = Network(
            self.new_urn("network", router.path), spec.name or f"pg-{router.id}",
            "NSXT_VRF_TIER0" if router.is_vrf else "NSXT_TIER0", router.id, router.id, next(self._subnets),
            tier0=router.path, dedicated_to=dedicated_to,
            using_ip_space=any(router.id in one.tier0s for one in self.spec.ip_spaces),
        )  # fmt: skip
        network.told = "org" if network.using_ip_space else spec.told
        self.networks[network.urn] = network
        return network

    def add_segment(self, path: str) -> Network | None:
        """Return the external network of a segment, made if need be; none, if the director is not to know it."""
        for network in self.networks.values():
            if network.segment == path:
                return network
        name = path.rpartition("/")[2]
        spec = self._network_spec(segment=name)
        if spec.hidden:
            return None
        backing_id = {"id": name, "unique_id": self.provider.segment_id(path), "path": path}[self.spec.segment_id]
        network = Network(
            self.new_urn("network", path), spec.name or name, "IMPORTED_T_LOGICAL_SWITCH", backing_id, name,
            next(self._subnets), segment=path,
        )  # fmt: skip
        self.networks[network.urn] = network
        return network

    def _network_spec(self, *, tier0: str | None = None, segment: str | None = None) -> NetworkSpec:
        for spec in self.spec.networks:
            if (tier0 is not None and spec.tier0 == tier0) or (segment is not None and spec.segment == segment):
                return spec
        return NetworkSpec()

    def add_gateway(self, router: Gateway, org: Org, spec: GatewaySpec) -> CloudGateway:
        """Make a gateway of a Tier-1, with an uplink to its Tier-0 and one for each external service interface."""
        first = next((service.cluster for service in router.services if service.cluster is not None), None)
        gateway = CloudGateway(
            self.new_urn("gateway", router.path), spec.name or f"edge-{router.id}", org, org.owner, spec.type,
            self.backing_id(router), router.path, spec.status,
            in_project=self.spec.networking_tenancy and router.project is not None,
            distributed_only=not router.nodes, cluster=(first.id, first.nsx_id) if first is not None else None,
        )  # fmt: skip
        networks = [self._provider_gateway(router.parent)] if router.parent is not None else []
        networks += [self.add_segment(path) for path in _segments(router.interfaces())]
        for network in networks:
            if network is not None:
                self.connect(gateway, network)
        self.gateways[gateway.urn] = gateway
        return gateway

    def _provider_gateway(self, router: Gateway) -> Network | None:
        return next((one for one in self.networks.values() if one.tier0 == router.path), None)

    def connect(self, gateway: CloudGateway, network: Network) -> Uplink:
        """Give a gateway an uplink, with addresses where no IP Space is used."""
        uplink = Uplink(network)
        if not network.using_ip_space:
            random = self.provider.random(f"vcd/addresses/{gateway.urn}/{network.urn}")
            uplink.addresses = random.randint(1, ADDRESSES_MAX)
            uplink.used = random.randint(1, uplink.addresses)
            uplink.first = network.given
            network.given += uplink.addresses
        gateway.uplinks.append(uplink)
        return uplink

    def add_edge_gateway(self, edge: Edge, org: Org) -> CloudGateway:
        """Make the gateway of an NSX-V edge."""
        gateway = CloudGateway(
            f"urn:vcloud:gateway:{edge.gateway}", edge.name, org, org.owner, "NSXV_BACKED", edge.id, edge.path,
            edge=edge,
        )  # fmt: skip
        for vnic in edge.vnics.values():
            if vnic.type == "uplink":
                self.connect(gateway, self._portgroup(vnic.portgroup))
        self.gateways[gateway.urn] = gateway
        return gateway

    def _portgroup(self, name: str) -> Network:
        for network in self.networks.values():
            if network.type == "DV_PORTGROUP" and network.backing_name == name:
                return network
        number = next(self._subnets)
        urn, backing_id = self.new_urn("network", name), f"dvportgroup-{100 + number}"
        network = Network(urn, name, "DV_PORTGROUP", backing_id, name, number)
        self.networks[network.urn] = network
        return network


def _one(what: str, name: str, known: Iterable[N], also: Callable[[N], tuple[str, ...]]) -> N:
    found = [one for one in known if name in (one.urn, one.uuid, one.name, *also(one))]
    if len(found) == 1:
        return found[0]
    raise LookupError(f"{len(found)} objects are called {name!r}, one {what} is needed; use its reference")


def _segments(interfaces: Iterable[Interface]) -> Iterator[str]:
    """Yield the segments of external service interfaces, each once."""
    seen: set[str] = set()
    for interface in interfaces:
        path = interface.segment_path
        if interface.type == "SERVICE" and not interface.internal and path is not None and path not in seen:
            seen.add(path)
            yield path
