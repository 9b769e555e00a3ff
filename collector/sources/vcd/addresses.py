"""Addresses made into records: allocations and quotas of IP Spaces, and the ranges of uplinks without one."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import msgspec

from collector.model.directory import AddressKind, Allocation, Quota
from collector.model.period import Instant
from collector.sources.vcd.dto import (
    AllocationDto,
    AssignmentDto,
    Count,
    GatewayDto,
    QuotasDto,
    SpaceDto,
    SubnetDto,
    SubnetsDto,
    UplinkDto,
)
from collector.sources.vcd.words import UNREADABLE

KINDS = {"FLOATING_IP": AddressKind.FLOATING_IP, "IP_PREFIX": AddressKind.IP_PREFIX}
"""Types of an allocation. Source: VMware go-vcloud-director, types/v56/ip_space.go."""

USAGE = {"UNUSED": False, "USED": True, "USED_MANUAL": True}
"""Usage states of an allocation. Source: the same."""

Address = IPv4Address | IPv6Address


def allocation_of(dto: AllocationDto, space: str) -> Allocation:
    """Return an allocation of an IP Space. Raises ValueError in words."""
    kind = KINDS.get(dto.type)
    if kind is None:
        raise ValueError(f"allocation {dto.id}: type {dto.type[:80]!r} is none that we know")
    org = dto.org_ref.id if dto.org_ref is not None else None
    if not org:
        raise ValueError(f"allocation {dto.id}: it has no orgRef")
    used = USAGE.get(dto.usage_state or "")
    if used is None:
        raise ValueError(f"allocation {dto.id}: usageState {(dto.usage_state or '')[:80]!r} is none that we know")
    addresses = _addresses(dto, kind)
    return Allocation(
        id=dto.id,
        space=space,
        org=org,
        kind=kind,
        value=dto.value,
        addresses=addresses,
        used=addresses if used else 0,
        allocated_at=_instant(dto.allocation_date),
    )


def quotas_of(dto: AssignmentDto, space: SpaceDto) -> Iterator[Quota]:
    """Yield what an organisation may hold in an IP Space: its own quotas, or else the default ones.

    Raises ValueError in words where the organisation is missing.
    """
    org = dto.org_ref.id
    if not org:
        raise ValueError(f"assignment {dto.id}: it has no orgRef")
    custom, default = dto.custom_quotas or QuotasDto(), dto.default_quotas or QuotasDto()
    of_space = space.ip_space_ranges.default_floating_ip_quota if space.ip_space_ranges is not None else None
    floating = _first(custom.floating_ip_quota, default.floating_ip_quota, of_space)
    if floating is not None:
        yield Quota(space.name, org, AddressKind.FLOATING_IP, _limit(floating))
    prefixes = _space_prefix_quotas(space) | _prefix_quotas(default) | _prefix_quotas(custom)
    for length, quota in sorted(prefixes.items()):
        yield Quota(space.name, org, AddressKind.IP_PREFIX, _limit(quota), length)


def range_allocations(dto: GatewayDto, org: str) -> tuple[list[Allocation], list[str]]:
    """Return the addresses that a gateway's uplinks hold without an IP Space, and what could not be read of them.

    How many are in use is said of a subnet, so the ranges of one are filled in their order.
    """
    found: dict[str, Allocation] = {}
    faults = []
    for uplink in dto.edge_gateway_uplinks or ():
        if uplink.using_ip_space:
            continue
        try:
            for each in _ranges_of_uplink(dto, uplink, org):
                found[each.id] = each
        except (*UNREADABLE, ValueError) as error:
            faults.append(f"gateway {dto.name} ({dto.id}): addresses of its uplink {uplink.uplink_id}: {error}")
    return list(found.values()), faults


def _ranges_of_uplink(dto: GatewayDto, uplink: UplinkDto, org: str) -> Iterator[Allocation]:
    subnets = msgspec.json.decode(uplink.subnets, type=SubnetsDto | None)
    for subnet in (subnets.values if subnets is not None else None) or ():
        left = max(0, _whole(subnet.used_ip_count) or 0)
        for first, last in _ranges(subnet):
            addresses = int(last) - int(first) + 1
            used = min(left, addresses)
            left -= used
            value = str(first) if first == last else f"{first}-{last}"
            yield Allocation(
                id=f"{dto.id}/{uplink.uplink_id}/{value}",
                space=uplink.uplink_name or uplink.uplink_id,
                org=org,
                kind=AddressKind.UPLINK_RANGE,
                value=value,
                addresses=addresses,
                used=used,
            )


def _ranges(subnet: SubnetDto) -> list[tuple[Address, Address]]:
    """Return the ranges of a subnet; the primary address, which is in none where addresses are allocated one by one."""
    ranges = []
    for each in (subnet.ip_ranges.values if subnet.ip_ranges is not None else None) or ():
        first, last = ip_address(each.start_address), ip_address(each.end_address or each.start_address)
        if first.version != last.version or int(last) < int(first):
            raise ValueError(f"the range {first}-{last} ends before it begins")
        ranges.append((first, last))
    if subnet.primary_ip:
        primary = ip_address(subnet.primary_ip)
        if not any(
            first.version == primary.version and int(first) <= int(primary) <= int(last) for first, last in ranges
        ):
            ranges.insert(0, (primary, primary))
    return ranges


def _addresses(dto: AllocationDto, kind: AddressKind) -> int:
    try:
        if kind is AddressKind.FLOATING_IP:
            ip_address(dto.value)
            return 1
        return ip_network(dto.value, strict=False).num_addresses
    except ValueError as error:
        raise ValueError(f"allocation {dto.id}: value: {error}") from error


def _first(*counts: Count | None) -> int | None:
    return next((whole for whole in map(_whole, counts) if whole is not None), None)


def _whole(count: Count | None) -> int | None:
    return None if count is None else int(count)


def _limit(quota: int) -> int | None:
    """Return a quota; -1 means that there is no cap. Source: VMware go-vcloud-director, types/v56/ip_space.go."""
    return None if quota < 0 else quota


def _prefix_quotas(quotas: QuotasDto) -> dict[int, int]:
    pairs = ((each.prefix_length, _whole(each.quota)) for each in quotas.ip_prefix_quotas or ())
    return {length: quota for length, quota in pairs if quota is not None}


def _space_prefix_quotas(space: SpaceDto) -> dict[int, int]:
    found = {}
    for prefixes in space.ip_space_prefixes or ():
        quota = _whole(prefixes.default_quota_for_prefix_length)
        for sequence in prefixes.ip_prefix_sequence or ():
            if quota is not None and sequence.prefix_length is not None:
                found[sequence.prefix_length] = quota
    return found


def _instant(text: str | None) -> Instant | None:
    """Return a time of creation, or ``None`` where it is missing or odd: nothing rests on it."""
    try:
        at = datetime.fromisoformat(text or "")
    except ValueError:
        return None
    # Whole numbers all the way: a float of seconds loses the thousandths.
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    delta = aware - datetime(1970, 1, 1, tzinfo=UTC)
    found = delta.days * 86_400_000 + delta.seconds * 1_000 + delta.microseconds // 1_000
    return found if found > 0 else None
