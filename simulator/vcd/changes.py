"""Changes of what the director knows: gateways that move, are renamed, deleted and made again, organisations that go.

Where NSX follows what is done in the director, as it does in the product, the routers change in the same instant; with
``nsx: false`` they stay, and the two disagree.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from typing import TYPE_CHECKING

from simulator.events import Fault
from simulator.objects import Gateway
from simulator.specs import Tier1Spec
from simulator.units import Instant
from simulator.vcd.cloud import Cloud
from simulator.vcd.objects import Allocation, AllocationKind, CloudGateway, Network
from simulator.vcd.spaces import allocate, release
from simulator.vcd.specs import GatewaySpec

if TYPE_CHECKING:
    from simulator.provider import Provider

Play = Callable[[Fault, Instant], None]


class CloudChanges:
    """Applies changes of the director at simulated instants.

    Args:
        provider: Whose director is changed.
        play: Makes a change of the routers.
    """

    def __init__(self, provider: Provider, play: Play) -> None:
        self._provider = provider
        self._play = play

    @property
    def _cloud(self) -> Cloud:
        if self._provider.cloud is None:
            raise LookupError("the scenario has no Cloud Director")
        return self._provider.cloud

    # Gateways ---------------------------------------------------------------------------------------------------

    def do_vcd_move(self, fault: Fault, at: Instant) -> None:
        """Give a gateway to another organisation."""
        gateway, org = self._cloud.gateway(fault.path or ""), self._cloud.org(fault.to or "")
        gateway.org, gateway.owner = org, org.owner

    def do_vcd_reconnect(self, fault: Fault, at: Instant) -> None:
        """Connect a gateway to another provider gateway, and its Tier-1 to that one's Tier-0."""
        gateway, network = self._cloud.gateway(fault.path or ""), self._cloud.network(fault.to or "")
        if network.tier0 is None or gateway.edge is not None:
            raise ValueError(f"{network.name} is no provider gateway, or {gateway.name} has no Tier-1")
        if fault.nsx and self._router(gateway).parent is not self._provider.gateways.get(network.tier0):
            self._play(Fault(do="move", path=gateway.router, to=network.tier0), at)
        gateway.uplinks = [uplink for uplink in gateway.uplinks if uplink.network.tier0 is None]
        self._cloud.connect(gateway, network)

    def do_vcd_rename(self, fault: Fault, at: Instant) -> None:
        """Give a gateway, an organisation or an external network another name."""
        cloud, name = self._cloud, fault.path or ""
        finders: tuple[Callable[[str], CloudGateway | Network], ...] = (cloud.gateway, cloud.network)
        for find in finders:
            try:
                find(name).name = fault.to or ""
                return
            except LookupError:
                continue
        cloud.org(name).name = fault.to or ""

    def do_vcd_delete(self, fault: Fault, at: Instant) -> None:
        """Delete a gateway, and its Tier-1."""
        gateway = self._cloud.gateway(fault.path or "")
        self._forget(gateway)
        if fault.nsx and gateway.edge is not None:
            self._play(Fault(do="edge_delete", path=gateway.edge.id), at)
        elif fault.nsx:
            self._play(Fault(do="delete", path=gateway.router), at)

    def do_vcd_recreate(self, fault: Fault, at: Instant) -> None:
        """Delete a gateway and make it again under its name, on a new Tier-1 or on the same one."""
        gateway = self._cloud.gateway(fault.path or "")
        router = self._router(gateway)
        self._forget(gateway)
        if fault.nsx:
            router = self._another(router, at)
        spec = GatewaySpec(tier1=router.id, name=gateway.name)
        self._cloud.add_gateway(router, gateway.org, spec)

    def do_vcd_add(self, fault: Fault, at: Instant) -> None:
        """Make a gateway of a Tier-1 or an NSX-V edge that exists, for an organisation."""
        org, name = self._cloud.org(fault.to or ""), fault.path or ""
        edges = self._provider.edges
        for edge in edges.edges.values() if edges is not None else ():
            if name in (edge.id, edge.path):
                self._cloud.add_edge_gateway(edge, org)
                return
        router = self._provider.gateway(name)
        if router.tier != 1:
            raise ValueError(f"{router.path} is no Tier-1")
        self._cloud.add_gateway(router, org, GatewaySpec(tier1=router.id))

    def _another(self, router: Gateway, at: Instant) -> Gateway:
        """Delete a Tier-1 and make one like it under another id, as the director names them."""
        if router.tier != 1 or not isinstance(router.spec, Tier1Spec):
            raise ValueError(f"{router.path} is no Tier-1")
        parent = router.parent.id if router.parent is not None else None
        known = {one.id for one in self._provider.gateways.values()}
        name = next(made for number in count(2) if (made := f"{router.spec.id}-{number}") not in known)
        self._play(Fault(do="delete", path=router.path), at)
        spec = router.spec.model_copy(update={"id": name, "tier0": parent})
        return self._provider.add_tier1(spec, at)

    def _forget(self, gateway: CloudGateway) -> None:
        del self._cloud.gateways[gateway.urn]
        for space in self._cloud.spaces.values():
            for given in space.allocations.values():
                if given.used_by is gateway:
                    given.used_by, given.state = None, "UNUSED"

    def _router(self, gateway: CloudGateway) -> Gateway:
        router = self._cloud.router(gateway)
        if router is None:
            raise LookupError(f"nothing backs gateway {gateway.name} any more")
        return router

    # Uplinks ----------------------------------------------------------------------------------------------------

    def do_vcd_add_uplink(self, fault: Fault, at: Instant) -> None:
        """Connect a gateway to the external network of a segment, by a new service interface or one that is there."""
        gateway = self._cloud.gateway(fault.path or "")
        router = self._router(gateway)
        if fault.interface is not None:
            if fault.nsx:
                self._provider.add_interface(router, fault.interface, at)
            name = fault.interface.segment or f"seg-{router.id}-{fault.interface.id}"
        else:
            name = fault.to or ""
        paths = [path for path in self._provider.segments if name in (path, path.rpartition("/")[2])]
        if len(paths) != 1:
            raise LookupError(f"{len(paths)} segments are called {name!r}, one is needed")
        network = self._cloud.add_segment(paths[0])
        if network is None or any(uplink.network is network for uplink in gateway.uplinks):
            raise ValueError(f"{gateway.name} is connected to {name} already, or the director is not to know it")
        self._cloud.connect(gateway, network)

    def do_vcd_remove_uplink(self, fault: Fault, at: Instant) -> None:
        """Take a gateway off the external network of a segment, and its service interface away."""
        gateway, network = self._cloud.gateway(fault.path or ""), self._cloud.network(fault.to or "")
        if network.segment is None or all(uplink.network is not network for uplink in gateway.uplinks):
            raise ValueError(f"{gateway.name} has no uplink on {network.name} that can be taken away")
        gateway.uplinks = [uplink for uplink in gateway.uplinks if uplink.network is not network]
        for interface in self._router(gateway).interfaces() if fault.nsx else ():
            if interface.segment_path == network.segment:
                self._play(Fault(do="delete", path=interface.path), at)

    def do_vcd_connect(self, fault: Fault, at: Instant) -> None:
        """Say of a gateway that it is connected to its Tier-0."""
        self._connected(fault, at, connected=True)

    def do_vcd_disconnect(self, fault: Fault, at: Instant) -> None:
        """Say of a gateway that it is cut off from its Tier-0."""
        self._connected(fault, at, connected=False)

    def _connected(self, fault: Fault, at: Instant, *, connected: bool) -> None:
        uplink = self._cloud.gateway(fault.path or "").provider
        if uplink is None:
            raise ValueError(f"{fault.path} has no uplink to a Tier-0")
        uplink.connected = connected

    # Organisations and provider gateways ------------------------------------------------------------------------

    def do_vcd_delete_org(self, fault: Fault, at: Instant) -> None:
        """Delete an organisation with everything that it has in the director; its Tier-1s live on."""
        cloud = self._cloud
        org = cloud.org(fault.path or "")
        for gateway in [one for one in cloud.gateways.values() if one.org is org]:
            self._forget(gateway)
        for network in cloud.networks.values():
            network.dedicated_to = None if network.dedicated_to is org else network.dedicated_to
        for space in cloud.spaces.values():
            for given in [one for one in space.allocations.values() if one.org is org]:
                release(space, given)
        del cloud.orgs[org.urn]

    def do_vcd_add_org(self, fault: Fault, at: Instant) -> None:
        """Make the organisation of a tenant; one that was there before has another reference now."""
        for tenant in self._provider.scenario.tenants:
            if tenant.id == fault.path:
                self._cloud.add_org(tenant, fault.to)
                return
        raise LookupError(f"no tenant {fault.path!r}")

    def do_vcd_dedicate(self, fault: Fault, at: Instant) -> None:
        """Dedicate a provider gateway to an organisation."""
        network = self._cloud.network(fault.path or "")
        if network.tier0 is None:
            raise ValueError(f"{network.name} is no provider gateway")
        network.dedicated_to, network.told = self._cloud.org(fault.to or ""), "org"

    def do_vcd_share(self, fault: Fault, at: Instant) -> None:
        """Share a provider gateway among organisations."""
        self._cloud.network(fault.path or "").dedicated_to = None

    # Addresses --------------------------------------------------------------------------------------------------

    def do_vcd_allocate(self, fault: Fault, at: Instant) -> None:
        """Give an organisation the next free address of an IP Space, or prefix where ``text`` is IP_PREFIX."""
        cloud = self._cloud
        kind: AllocationKind = "IP_PREFIX" if fault.text == "IP_PREFIX" else "FLOATING_IP"
        allocate(cloud, cloud.space(fault.path or ""), cloud.org(fault.to or ""), kind, at)

    def do_vcd_release(self, fault: Fault, at: Instant) -> None:
        """Take an address or prefix back."""
        given = self._allocation(fault.path or "")
        for space in self._cloud.spaces.values():
            release(space, given)

    def do_vcd_use(self, fault: Fault, at: Instant) -> None:
        """Say of an address or prefix that it is used, or that it is not where ``text`` is UNUSED."""
        self._allocation(fault.path or "").state = "UNUSED" if fault.text == "UNUSED" else "USED_MANUAL"

    def _allocation(self, name: str) -> Allocation:
        for space in self._cloud.spaces.values():
            for one in space.allocations.values():
                if name in (one.urn, one.name):
                    return one
        raise LookupError(f"nobody holds {name!r}")
