"""IP Spaces, allocations and assignments as JSON.

Field names: VMware go-vcloud-director, types/v56/ip_space.go. Counts are texts, since those of IPv6 outgrow 64 bits.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address, ip_network
from typing import TYPE_CHECKING

from simulator.units import Instant
from simulator.vcd.addressing import range_count, range_ends
from simulator.vcd.objects import Allocation, AllocationKind, IpSpace, Network, Org
from simulator.vcd.page import Json
from simulator.vcd.specs import PrefixSpec
from simulator.vcd.views import reference

if TYPE_CHECKING:
    from simulator.vcd.cloud import Cloud

UNLIMITED = "-1"


def summary_row(space: IpSpace) -> Json:
    """Return an IP Space as the list shows it: some members are there only when it is asked for by itself."""
    row = space_row(space)
    for name in ("ipSpaceRanges", "ipSpacePrefixes", "defaultGatewayServiceConfig"):
        row[name] = None
    row["utilization"]["ipPrefixes"] = {
        name: value for name, value in row["utilization"]["ipPrefixes"].items() if name != "prefixLengthUtilizations"
    }
    return row


def space_row(space: IpSpace) -> Json:
    """Return an IP Space."""
    spec = space.spec
    return {
        "id": space.urn,
        "name": space.name,
        "description": "",
        "type": spec.type,
        "orgRef": reference(space.org) if space.org is not None else None,
        "ipSpaceInternalScope": spec.internal_scope or _scope(space),
        "ipSpaceExternalScope": spec.external_scope,
        "ipSpaceRanges": {
            "ipRanges": [_range(space, number, one) for number, one in enumerate(spec.ranges)],
            "defaultFloatingIpQuota": spec.quota,
        },
        "ipSpacePrefixes": [_sequence(space, number, one) for number, one in enumerate(spec.prefixes)],
        "routeAdvertisementEnabled": True,
        "defaultGatewayServiceConfig": {"enableDefaultFirewallRuleCreation": False},
        "status": "REALIZED",
        "utilization": _utilization(space),
    }


def for_tenant(row: Json) -> Json:
    """Return an IP Space as an organisation sees it: how much of it there is stays the provider's."""
    utilization = {}
    for kind, counts in row["utilization"].items():
        own = {name: value for name, value in counts.items() if not name.endswith("Percentage")}
        utilization[kind] = own | {"totalCount": UNLIMITED, "unusedCount": UNLIMITED}
    return row | {"utilization": utilization}


def _scope(space: IpSpace) -> list[str]:
    ends = [range_ends(one)[0] for one in space.spec.ranges]
    scopes = [str(ip_network(f"{end}/{24 if end.version == 4 else 64}", strict=False)) for end in ends]
    return sorted({*scopes, *(one.first for one in space.spec.prefixes)})


def _range(space: IpSpace, number: int, text: str) -> Json:
    first, last = range_ends(text)
    held = [ip_address(one.name) for one in _of_kind(space, "FLOATING_IP")]
    within = sum(first.version == one.version and int(first) <= int(one) <= int(last) for one in held)
    total = range_count(text)
    return {
        "id": f"{space.uuid}-range-{number}",
        "startIpAddress": str(first),
        "endIpAddress": str(last),
        "ipVersion": f"IPV{first.version}",
        "totalIpCount": str(total),
        "allocatedIpCount": str(within),
        "allocatedIpPercentage": _percent(within, total),
    }


def _sequence(space: IpSpace, number: int, spec: PrefixSpec) -> Json:
    first = ip_network(spec.first)
    start = int(first.network_address)
    held = [ip_network(one.name) for one in _of_kind(space, "IP_PREFIX")]
    within = [
        one
        for one in held
        if one.version == first.version
        and one.prefixlen == first.prefixlen
        and 0 <= int(one.network_address) - start < spec.count * first.num_addresses
    ]
    sequence = {
        "id": f"{space.uuid}-prefixes-{number}",
        "startingPrefixIpAddress": str(first.network_address),
        "prefixLength": first.prefixlen,
        "totalPrefixCount": str(spec.count),
        "allocatedPrefixCount": str(len(within)),
        "allocatedPrefixPercentage": _percent(len(within), spec.count),
    }
    return {"ipPrefixSequence": [sequence], "defaultQuotaForPrefixLength": spec.quota}


def _utilization(space: IpSpace) -> Json:
    floating = _counts(sum(range_count(one) for one in space.spec.ranges), _of_kind(space, "FLOATING_IP"))
    prefixes = _counts(sum(one.count for one in space.spec.prefixes), _of_kind(space, "IP_PREFIX"))
    lengths = sorted({ip_network(one.first).prefixlen for one in space.spec.prefixes})
    by_length = [
        _counts(
            sum(one.count for one in space.spec.prefixes if ip_network(one.first).prefixlen == length),
            [one for one in _of_kind(space, "IP_PREFIX") if ip_network(one.name).prefixlen == length],
        )
        | {"prefixLength": length}
        for length in lengths
    ]
    return {"floatingIPs": floating, "ipPrefixes": prefixes | {"prefixLengthUtilizations": by_length}}


def _counts(total: int, held: list[Allocation]) -> Json:
    used = sum(one.state != "UNUSED" for one in held)
    return {
        "totalCount": str(total),
        "allocatedCount": str(len(held)),
        "usedCount": str(used),
        "unusedCount": str(len(held) - used),
        "allocatedPercentage": _percent(len(held), total),
        "usedPercentage": _percent(used, len(held)),
    }


def _percent(part: int, whole: int) -> float:
    return round(100 * part / whole, 2) if whole else 0.0


def _of_kind(space: IpSpace, kind: AllocationKind) -> list[Allocation]:
    return [one for one in space.allocations.values() if one.kind == kind]


def allocation_row(cloud: Cloud, one: Allocation) -> Json:
    """Return who holds an address or a prefix."""
    return {
        "id": one.urn,
        "orgRef": reference(one.org),
        "type": one.kind,
        "value": one.name,
        "usageState": one.state,
        "usageCategories": ["SNAT"] if one.used_by is not None else None,
        "usedByRef": reference(one.used_by) if one.used_by is not None else None,
        "allocationDate": _written(cloud.provider.manager_time(one.at)),
        "description": "",
    }


def _written(at: Instant) -> str:
    text = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=at)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def assignment_row(cloud: Cloud, space: IpSpace, org: Org) -> Json:
    """Return what an organisation may hold of an IP Space."""
    own = space.quotas.get(org.tenant)
    custom = None
    if own is not None:
        custom = {"floatingIpQuota": own, "ipPrefixQuotas": []}
    lengths = [{"prefixLength": ip_network(one.first).prefixlen, "quota": one.quota} for one in space.spec.prefixes]
    return {
        "id": cloud.urn("ipSpaceOrgAssignment", f"{space.name}/{org.urn}"),
        "ipSpaceRef": reference(space),
        "orgRef": reference(org),
        "ipSpaceType": space.spec.type,
        "defaultQuotas": {"floatingIpQuota": space.spec.quota, "ipPrefixQuotas": lengths},
        "customQuotas": custom,
    }


def uplink_row(cloud: Cloud, space: IpSpace, network: Network) -> Json:
    """Return which provider gateway uses an IP Space."""
    return {
        "id": cloud.urn("ipSpaceUplink", f"{space.name}/{network.urn}"),
        "name": f"{space.name}-{network.name}",
        "description": "",
        "externalNetworkRef": reference(network),
        "ipSpaceRef": reference(space),
        "ipSpaceType": space.spec.type,
        "status": "REALIZED",
        "interfaces": [],
    }
