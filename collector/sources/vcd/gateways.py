"""Rows of the API made into records of the map, and the references between them checked."""

from __future__ import annotations

from collections.abc import Mapping

from collector.model.directory import Backing, CloudGateway, ExternalNetwork, GatewayType, Org, Uplink
from collector.sources.vcd.dto import ExternalNetworkDto, GatewayDto, OrgDto, Ref, UplinkDto

REALIZED = "REALIZED"
"""The state of a gateway that exists in NSX; one on its way may lack what it stands on."""

DISTRIBUTED_ONLY = "DISTRIBUTED_ONLY"
"""Deployment mode of a Tier-1 without service router. Source: VMware go-vcloud-director, OpenAPIEdgeGateway."""

TIER0S = frozenset({"NSXT_TIER0", "NSXT_VRF_TIER0"})
NETWORK_TYPES = TIER0S | {"IMPORTED_T_LOGICAL_SWITCH", "DV_PORTGROUP", "NETWORK"}
"""What external networks stand on. Source: VMware go-vcloud-director, types/v56/constants.go."""


def org_of(dto: OrgDto) -> Org:
    """Return an organisation."""
    return Org(dto.id, dto.name, dto.display_name or "", dto.is_enabled is not False)


def network_of(dto: ExternalNetworkDto) -> ExternalNetwork:
    """Return an external network."""
    backings = (dto.network_backings.values if dto.network_backings is not None else None) or ()
    dedicated = dto.dedicated_edge_gateway
    return ExternalNetwork(
        id=dto.id,
        name=dto.name,
        backings=tuple(
            Backing(
                each.backing_id,
                each.backing_type_value or each.backing_type or "",
                _id(each.network_provider),
                _name(each.network_provider),
                each.name or "",
            )
            for each in backings
        ),
        dedicated_org=_id(dto.dedicated_org),
        dedicated_gateway=bool(dedicated.id) if isinstance(dedicated, Ref) else bool(dedicated),
        using_ip_space=bool(dto.using_ip_space),
    )


def gateway_of(
    dto: GatewayDto, org: str, orgs: Mapping[str, Org], networks: Mapping[str, ExternalNetwork]
) -> CloudGateway:
    """Return a gateway of an organisation.

    An uplink without a type has that of its external network: releases before 10.4.1 do not say it.
    """
    backing = dto.gateway_backing
    owner = dto.owner_ref if dto.owner_ref is not None else dto.org_vdc
    known = orgs.get(org)
    return CloudGateway(
        id=dto.id,
        name=dto.name,
        org=org,
        org_name=known.name if known is not None else _name(dto.org_ref),
        owner=_id(owner),
        owner_name=_name(owner),
        manager=_id(backing.network_provider) if backing is not None else "",
        manager_name=_name(backing.network_provider) if backing is not None else "",
        backing_id=(backing.backing_id or "") if backing is not None else "",
        type=(backing.gateway_type or "") if backing is not None else "",
        status=dto.status or "",
        in_project=bool(backing.networking_tenancy_enabled) if backing is not None else False,
        distributed_only=dto.deployment_mode == DISTRIBUTED_ONLY,
        uplinks=tuple(sorted(_uplink(each, networks) for each in dto.edge_gateway_uplinks or ())),
    )


def _uplink(dto: UplinkDto, networks: Mapping[str, ExternalNetwork]) -> Uplink:
    network = networks.get(dto.uplink_id)
    types = {backing.type for backing in network.backings} if network is not None else set()
    return Uplink(
        network=dto.uplink_id,
        name=dto.uplink_name or (network.name if network is not None else ""),
        backing_type=dto.backing_type or (types.pop() if len(types) == 1 else ""),
        connected=dto.connected is not False,
        dedicated=bool(dto.dedicated),
    )


def gateway_oddities(
    gateway: CloudGateway, orgs: Mapping[str, Org], networks: Mapping[str, ExternalNetwork] | None
) -> list[str]:
    """Return what is odd about a gateway that the API lets pass, in words that stay the same while it does.

    Args:
        gateway: To be checked; one on its way may lack what it stands on.
        orgs: Every organisation.
        networks: Every external network, or ``None`` where the account sees none, and little of backings either.
    """
    found = []
    if gateway.org not in orgs:
        found.append(f"its organisation {gateway.org[:160]} is not in the list of organisations")
    if gateway.status in {REALIZED, ""}:
        if gateway.type not in set(GatewayType):
            found.append(f"gatewayType {gateway.type[:80]!r} is none that we know")
        if networks is not None:
            found.extend(_lacks(gateway))
            is_nsxv = gateway.type == GatewayType.NSXV
            for uplink in gateway.uplinks:
                found.extend(_uplink_oddities(uplink, networks.get(uplink.network), is_nsxv=is_nsxv))
    return [f"gateway {gateway.name} ({gateway.id}): {words}" for words in found]


def network_oddities(network: ExternalNetwork, orgs: Mapping[str, Org]) -> list[str]:
    """Return what is odd about an external network that the API lets pass, in words that stay the same."""
    found = []
    if network.dedicated_org and network.dedicated_org not in orgs:
        found.append(f"it is dedicated to {network.dedicated_org[:160]}, which is not in the list of organisations")
    if not network.backings:
        found.append("it stands on nothing")
    strange = {backing.type for backing in network.backings} - NETWORK_TYPES
    found.extend(f"backing type {kind[:80]!r} is none that we know" for kind in sorted(strange))
    return [f"external network {network.name} ({network.id}): {words}" for words in found]


def _lacks(gateway: CloudGateway) -> list[str]:
    pairs = (
        (gateway.backing_id, "gatewayBacking has no backingId"),
        (gateway.manager, "gatewayBacking has no networkProvider"),
        (gateway.uplinks, "it has no uplinks"),
    )
    return [words for value, words in pairs if not value]


def _uplink_oddities(uplink: Uplink, network: ExternalNetwork | None, *, is_nsxv: bool) -> list[str]:
    if network is None:
        return [f"its uplink {uplink.network} is not in the list of external networks"]
    types = {backing.type for backing in network.backings}
    if uplink.backing_type in types or (uplink.backing_type in TIER0S and types & TIER0S):
        return []
    if is_nsxv and uplink.backing_type in {"", *NETWORK_TYPES}:
        return []  # Nothing rests on it there, and what the word should be is not documented.
    has, named = uplink.backing_type[:80], ", ".join(sorted(types))[:160] or "nothing"
    return [
        f"its uplink {uplink.name} has the backing type {has!r}, and external network {network.id} stands on {named}"
    ]


def _id(ref: Ref | None) -> str:
    return (ref.id or "") if ref is not None else ""


def _name(ref: Ref | None) -> str:
    return (ref.name or "") if ref is not None else ""
