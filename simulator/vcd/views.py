"""Organisations, gateways and external networks as JSON, as the highest version shows them.

Field names: VMware go-vcloud-director, types/v56 (openapi.go, nsxt_types.go, vdc_group.go) and the OpenAPI reference.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.vcd.addressing import SUBNET_LENGTH, network_range, subnet_gateway, uplink_range
from simulator.vcd.objects import CloudGateway, Named, Network, Org, Uplink
from simulator.vcd.page import Json

if TYPE_CHECKING:
    from simulator.vcd.cloud import Cloud

INTENTION = "PROVIDER_GATEWAY"


def reference(named: Named) -> Json:
    """Return a reference to an object."""
    return {"name": named.name, "id": named.urn}


def org_row(org: Org, gateways: int) -> Json:
    """Return an organisation, with how many gateways it has."""
    return {
        "id": org.urn,
        "name": org.name,
        "displayName": org.display_name,
        "description": "",
        "isEnabled": org.enabled,
        "orgVdcCount": len(org.vdcs),
        "catalogCount": 0,
        "vappCount": 0,
        "userCount": 1,
        "diskCount": 0,
        "edgeGatewayCount": gateways,
        "managedBy": {"name": "System", "id": "urn:vcloud:org:a93c9db9-7471-3192-8d09-a8f7eeda85f9"},
        "canManageOrgs": False,
        "canPublish": False,
        "maskedEventTaskUsername": "",
        "directlyManagedOrgCount": 0,
    }


def vdc_row(cloud: Cloud, org: Org, vdc: Named) -> Json:
    """Return an Org VDC."""
    provider = {"name": cloud.manager.name, "id": cloud.manager.urn}
    return reference(vdc) | {"description": "", "org": reference(org), "networkProvider": provider, "status": "READY"}


def group_row(cloud: Cloud, org: Org, group: Named) -> Json:
    """Return a VDC group."""
    return {
        "id": group.urn,
        "name": group.name,
        "description": "",
        "orgId": org.urn,
        "type": "LOCAL",
        "networkProviderType": "NSX_T",
        "networkPoolUniversalId": None,
        "localEgress": False,
        "universalNetworkingEnabled": False,
        "status": "REALIZED",
        "participatingOrgVdcs": [
            {
                "vdcRef": reference(vdc),
                "orgRef": reference(org),
                "siteRef": {"name": cloud.spec.name, "id": cloud.urn("site", "site")},
                "networkProviderScope": None,
                "faultDomainTag": None,
                "remoteOrg": False,
                "status": "REALIZED",
            }
            for vdc in org.vdcs
        ],
    }


# Gateways -----------------------------------------------------------------------------------------------------------


def gateway_row(cloud: Cloud, gateway: CloudGateway) -> Json:
    """Return an edge gateway; NSX-V ones stand among the others."""
    provider = gateway.provider
    return {
        "status": gateway.status,
        "id": gateway.urn,
        "name": gateway.name,
        "description": "",
        "edgeGatewayUplinks": [_uplink(uplink) for uplink in _shuffled(gateway)],
        "distributedRoutingEnabled": True,
        "nonDistributedRoutingEnabled": not gateway.distributed_only,
        "orgVdcNetworkCount": 1,
        "gatewayBacking": _backing(cloud, gateway),
        "orgVdc": reference(gateway.owner),
        "ownerRef": reference(gateway.owner),
        "orgRef": reference(gateway.org),
        "serviceNetworkDefinition": "192.168.255.225/27",
        "deploymentMode": "DISTRIBUTED_ONLY" if gateway.distributed_only else "ACTIVE_STANDBY",
        "usingIpSpace": provider is not None and provider.network.using_ip_space,
        "edgeClusterConfig": _cluster(gateway),
    }


def _shuffled(gateway: CloudGateway) -> list[Uplink]:
    """Return the uplinks in an order that says nothing: the one to the Tier-0 is not always the first."""
    return sorted(gateway.uplinks, key=lambda uplink: uplink.network.urn)


def _uplink(uplink: Uplink) -> Json:
    network = uplink.network
    subnets = []
    if uplink.addresses:
        first, last = uplink_range(uplink)
        subnet = _subnet(network, str(first), str(last), uplink.addresses, uplink.used)
        subnets = [subnet | {"primaryIp": str(first), "autoAllocateIpRanges": False}]
    return {
        "uplinkId": network.urn,
        "uplinkName": network.name,
        "subnets": {"values": subnets},
        "connected": uplink.connected,
        "quickAddAllocatedIpCount": None,
        "dedicated": network.dedicated_to is not None,
        "usingIpSpace": network.using_ip_space,
        "backingType": network.type,
    }


def _backing(cloud: Cloud, gateway: CloudGateway) -> Json:
    return {
        "backingId": gateway.backing_id,
        "gatewayType": gateway.type,
        "networkProvider": reference(cloud.manager if gateway.edge is None else cloud.vcenter),
        "isUniversalVdcGroupEdge": False,
        "networkingTenancyEnabled": gateway.in_project,
    }


def _cluster(gateway: CloudGateway) -> Json | None:
    if gateway.cluster is None:
        return None
    name, nsx_id = gateway.cluster
    primary = {"edgeClusterRef": {"name": name, "id": nsx_id}, "backingId": nsx_id}
    return {"primaryEdgeCluster": primary, "secondaryEdgeCluster": None}


def used_addresses(gateway: CloudGateway) -> list[Json]:
    """Return the addresses of uplinks that a gateway uses."""
    rows: list[Json] = []
    for uplink in gateway.uplinks:
        first, _ = uplink_range(uplink)
        for number in range(uplink.used):
            category = "PRIMARY_IP" if number == 0 else "NAT"
            network = {"name": uplink.network.name, "id": uplink.network.urn}
            rows.append({"ipAddress": str(first + number), "category": category, "networkRef": network})
    return rows


# External networks --------------------------------------------------------------------------------------------------


def network_row(cloud: Cloud, network: Network, users: list[CloudGateway]) -> Json:
    """Return an external network, which some gateways use."""
    total, used = _counts(network, users)
    provider = cloud.vcenter if network.type == "DV_PORTGROUP" else cloud.manager
    backing = {
        "backingId": network.backing_id,
        "name": network.backing_name,
        "backingType": network.type if network.type == "DV_PORTGROUP" else "UNKNOWN",
        "backingTypeValue": network.type,
        "isNsxTVlanSegment": network.type == "IMPORTED_T_LOGICAL_SWITCH",
        "networkProvider": reference(provider),
    }
    first, last = network_range(network)
    subnets = [] if network.using_ip_space else [_subnet(network, str(first), str(last), total, used)]
    by_gateway = network.dedicated_to is not None and network.told == "gateway" and len(users) == 1
    by_org = network.dedicated_to if network.told == "org" else None
    return {
        "id": network.urn,
        "name": network.name,
        "description": "",
        "networkBackings": {"values": [backing]},
        "subnets": {"values": subnets},
        "totalIpCount": total,
        "usedIpCount": used,
        "usingIpSpace": network.using_ip_space,
        "dedicatedEdgeGateway": reference(users[0]) if by_gateway else None,
        "dedicatedOrg": reference(by_org) if by_org is not None else None,
        "natAndFirewallServiceIntention": INTENTION if network.tier0 is not None else None,
        "networkRouteAdvertisementIntention": "IP_SPACE_UPLINKS_ADVERTISED_STRICT" if network.using_ip_space else None,
    }


def _counts(network: Network, users: list[CloudGateway]) -> tuple[int, int]:
    if network.using_ip_space:
        return 0, 0
    mine = [uplink for gateway in users for uplink in gateway.uplinks if uplink.network is network]
    first, last = network_range(network)
    return int(last) - int(first) + 1, sum(uplink.used for uplink in mine)


def _subnet(network: Network, first: str, last: str, total: int, used: int) -> Json:
    return {
        "gateway": str(subnet_gateway(network)),
        "prefixLength": SUBNET_LENGTH,
        "dnsSuffix": None,
        "dnsServer1": "",
        "dnsServer2": "",
        "ipRanges": {"values": [{"startAddress": first, "endAddress": last}]},
        "enabled": True,
        "totalIpCount": total,
        "usedIpCount": used,
    }
