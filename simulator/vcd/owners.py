"""Whose every metering point is, by what a director knows and where traffic really goes.

A dedicated Tier-0 or VRF belongs to its organisation by its uplinks and service interfaces; the links under it carry
the same bytes again. Under a shared one the link of a gateway's Tier-1 belongs to the gateway's organisation. So do the
service interfaces on segments that the gateway has an uplink on; the Tier-1's others are inside. Which Tier-0 a Tier-1
is under is what NSX does, whatever the director believes.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, NamedTuple

from simulator.objects import Gateway, Interface, Port
from simulator.vcd.objects import CloudGateway, Org

if TYPE_CHECKING:
    from simulator.vcd.cloud import Cloud

UNATTRIBUTED: Final = "unattributed"
"""Who owns what belongs to nobody."""

Role = Literal["billed", "balance", "internal"]


class Owner(NamedTuple):
    """Whose a point is.

    Attributes:
        tenant: A tenant of the scenario, or ``unattributed``.
        role: ``balance`` where the same bytes are billed elsewhere, ``internal`` where they stay with the tenant.
    """

    tenant: str
    role: Role = "billed"


NOBODY: Final = Owner(UNATTRIBUTED)


def owners(cloud: Cloud) -> dict[str, Owner]:
    """Return whose every metering point is now, by its path."""
    return _Owners(cloud).found()


class _Owners:
    """Decides for one instant."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._provider = cloud.provider
        self._dedicated: dict[str, Org] = {}
        for network in cloud.networks.values():
            org = cloud.dedicated_org(network)
            if network.tier0 is not None and org is not None:
                self._dedicated[network.tier0] = org
        self._backed: dict[str, CloudGateway | None] = {}
        for gateway in cloud.gateways.values():
            if gateway.edge is None and cloud.router(gateway) is None:
                continue
            other = self._backed.get(gateway.router, gateway)
            # One router cannot be two organisations', so it is nobody's.
            self._backed[gateway.router] = gateway if other is not None and other.org is gateway.org else None
        self._billed_below = {
            router.parent.path
            for router in self._provider.gateways.values()
            if router.tier == 1 and router.parent is not None and router.nodes and self._backed.get(router.path)
        }

    def found(self) -> dict[str, Owner]:
        """Return the owners by path."""
        interfaces = {
            interface.path: interface
            for router in self._provider.gateways.values()
            for interface in router.interfaces()
        }
        found: dict[str, Owner] = {}
        for port in self._provider.live_ports():
            owner = None if port.end == "tier0" else self._of(port, interfaces)
            if owner is not None:
                found[port.point] = owner
        edges = self._provider.edges
        for edge in edges.edges.values() if edges is not None else ():
            for vnic in edge.vnics.values():
                if vnic.type == "uplink":
                    found[vnic.point] = self._of_router(edge.path)
        return found

    def _of(self, port: Port, interfaces: dict[str, Interface]) -> Owner | None:
        match port.kind:
            case "tier0_uplink":
                return self._of_uplink(port.host)
            case "tier1_downlink":
                owner = self._of_router(port.host.path)
                return self._twice(owner, port.host.parent)
            case "service_interface" | "internal":
                return self._of_interface(interfaces[port.point])
            case "vpc_external":
                return self._twice(NOBODY, port.host)
            case "l2vpn" | "ipsec_vpn":
                return self._of_router(port.host.path) if port.host.tier == 1 else self._of_tier0(port.host)
        return None

    def _of_uplink(self, tier0: Gateway) -> Owner:
        owner = self._of_tier0(tier0)
        if owner is NOBODY and tier0.path in self._billed_below:
            return Owner(UNATTRIBUTED, "balance")
        return owner

    def _of_tier0(self, tier0: Gateway) -> Owner:
        org = self._dedicated.get(tier0.path)
        return NOBODY if org is None else Owner(org.tenant)

    def _of_router(self, path: str) -> Owner:
        gateway = self._backed.get(path)
        return NOBODY if gateway is None else Owner(gateway.org.tenant)

    def _twice(self, owner: Owner, tier0: Gateway | None) -> Owner:
        """Return an owner of what passes the uplinks of a Tier-0 too; where these are billed, it is for balance."""
        return owner._replace(role="balance") if tier0 is not None and tier0.path in self._dedicated else owner

    def _of_interface(self, interface: Interface) -> Owner:
        router = interface.gateway
        if router.tier == 0:
            return self._of_tier0(router)
        gateway = self._backed.get(router.path)
        if gateway is None:
            return NOBODY
        outside = any(uplink.network.segment == interface.segment_path for uplink in gateway.uplinks)
        return Owner(gateway.org.tenant, "billed" if outside else "internal")
