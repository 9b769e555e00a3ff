"""IP Spaces: what is in them, and what organisations hold of them at first and take later."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Final

from simulator.units import Instant
from simulator.vcd.addressing import nth_prefix, range_ends
from simulator.vcd.objects import Allocation, AllocationKind, CloudGateway, IpSpace, Org, UsageState

if TYPE_CHECKING:
    from simulator.vcd.cloud import Cloud

AGE_MS: Final = 60 * 86_400_000
"""How long before its start a scenario's first addresses were given out, at most."""


def make_spaces(cloud: Cloud, at: Instant) -> None:
    """Make the IP Spaces of the scenario, with what organisations hold of them."""
    known = {org.tenant: org for org in cloud.orgs.values()}
    for spec in cloud.spec.ip_spaces:
        space = IpSpace(cloud.urn("ipSpace", spec.name), spec.name, spec, quotas=dict(spec.quotas))
        space.org = known.get(spec.org) if spec.org is not None else None
        cloud.spaces[space.urn] = space
        gateways = {one.org.tenant: one for one in cloud.gateways.values() if _uses(one, spec.tier0s)}
        for org in [space.org] if space.org is not None else known.values():
            if space.org is not None or not spec.tier0s or org.tenant in gateways:
                _fill(cloud, space, org, gateways.get(org.tenant), at)


def _uses(gateway: CloudGateway, tier0s: list[str]) -> bool:
    return gateway.provider is not None and gateway.provider.network.backing_id in tier0s


def _fill(cloud: Cloud, space: IpSpace, org: Org, gateway: CloudGateway | None, at: Instant) -> None:
    random = cloud.provider.random(f"vcd/held/{space.name}/{org.tenant}")
    quota = space.quotas.get(org.tenant, space.spec.quota)
    wanted = random.randint(0, 2 * space.spec.held)
    for _ in range(wanted if quota < 0 else min(wanted, quota)):
        state: UsageState = random.choice(("UNUSED", "USED", "USED", "USED_MANUAL"))
        if free_value(space, "FLOATING_IP") is None:
            break
        given = allocate(cloud, space, org, "FLOATING_IP", at - random.randrange(AGE_MS))
        given.state, given.used_by = state, gateway if state == "USED" else None
    if random.randrange(100) < space.spec.prefixes_held and free_value(space, "IP_PREFIX") is not None:
        allocate(cloud, space, org, "IP_PREFIX", at - random.randrange(AGE_MS))


def free_value(space: IpSpace, kind: AllocationKind) -> str | None:
    """Return the next address or prefix that nobody holds."""
    held = {one.name for one in space.allocations.values()}
    for index in count(space.next_free.get(kind, 0)):
        value = _nth_prefix(space, index) if kind == "IP_PREFIX" else _nth_address(space, index)
        if value is None or value not in held:
            space.next_free[kind] = index
            return value
    return None


def _nth_address(space: IpSpace, index: int) -> str | None:
    for one in space.spec.ranges:
        first, last = range_ends(one)
        size = int(last) - int(first) + 1
        if index < size:
            return str(first + index)
        index -= size
    return None


def _nth_prefix(space: IpSpace, index: int) -> str | None:
    for one in space.spec.prefixes:
        if index < one.count:
            return nth_prefix(one.first, index)
        index -= one.count
    return None


def allocate(cloud: Cloud, space: IpSpace, org: Org, kind: AllocationKind, at: Instant) -> Allocation:
    """Give an organisation the next free address or prefix.

    Raises:
        ValueError: None is free.
    """
    value = free_value(space, kind)
    if value is None:
        raise ValueError(f"IP Space {space.name} has no free {kind}")
    given = Allocation(cloud.new_urn("ipSpaceIpAllocation", f"{space.name}/{value}"), value, org, kind, at)
    space.allocations[given.urn] = given
    return given


def release(space: IpSpace, given: Allocation) -> None:
    """Take an address or prefix back."""
    if space.allocations.pop(given.urn, None) is not None:
        space.next_free.clear()
