"""Addresses that organisations hold, over time: successive readings of a director to dated intervals.

An interval holds from the moment the addresses were given out, as far as the director tells it and it lies between
two readings, until the first complete reading that lacks them. What a reading could not say changes nothing. Addresses
are counted in whole numbers times milliseconds; with IPv6 both outgrow 64 bits.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import NamedTuple

from collector.model.addresses import AddressGroup, Holding, QuotaKey, QuotaTerm
from collector.model.directory import AddressKind, Allocation, CloudMap, Quota
from collector.model.identity import TenantId
from collector.model.period import Instant

__all__ = [
    "AddressChange",
    "AddressUse",
    "Holding",
    "QuotaChange",
    "address_milliseconds",
    "advance",
    "advance_quotas",
    "count_at",
    "grouped",
    "quota_use",
]


class AddressChange(NamedTuple):
    """What a reading changes.

    Attributes:
        held: Allocation → what is held from now on.
        ended: Intervals that are over; one whose ``end`` is its ``start`` never was, and is to be forgotten.
        begun: Intervals that are new; they are among ``held``.
    """

    held: Mapping[str, Holding]
    ended: tuple[Holding, ...] = ()
    begun: tuple[Holding, ...] = ()


def advance(
    held: Mapping[str, Holding], previous_at: Instant | None, cloud: CloudMap, tenant_of: Callable[[str], TenantId]
) -> AddressChange:
    """Return what a reading of a director changes of the addresses that are held.

    Args:
        held: Allocation → what this director's organisations hold so far.
        previous_at: Time of the last reading that was complete for addresses, or ``None`` before the first.
        cloud: The reading; one that is not complete for addresses, or not newer, changes nothing.
        tenant_of: Organisation to tenant.
    """
    if not cloud.addresses_complete or (previous_at is not None and cloud.at <= previous_at):
        return AddressChange(held)
    now: dict[str, Holding] = {}
    begun: list[Holding] = []
    for allocation in cloud.allocations:
        if allocation.id in now:
            continue
        known = held.get(allocation.id)
        since = _since(allocation, known, cloud.at, previous_at)
        found = _holding(cloud, allocation, tenant_of(allocation.org), since)
        if known is not None and replace(known, start=found.start) == found:
            now[allocation.id] = known
        else:
            now[allocation.id] = found
            begun.append(found)
    given_on = {(one.space, one.kind, one.value): one.start for one in begun}
    ended = tuple(
        _ended(one, cloud.at, now.get(key), given_on.get((one.space, one.kind, one.value)))
        for key, one in held.items()
        if now.get(key) is not one
    )
    return AddressChange(now, ended, tuple(begun))


def _since(allocation: Allocation, known: Holding | None, at: Instant, previous_at: Instant | None) -> Instant:
    """Return when an allocation that is new or changed began, as far as it can be told.

    A change of an allocation that the director dates as before is dated by the reading that shows it.
    """
    told = allocation.allocated_at
    if told is None or told > at or (known is not None and known.allocated_at == told):
        return at
    return told if previous_at is None or told >= previous_at else at


def _ended(holding: Holding, at: Instant, after: Holding | None, again_at: Instant | None) -> Holding:
    """Return an interval with its end: the reading that lacks it, or earlier when what follows it began then.

    Args:
        after: The same allocation from now on, changed.
        again_at: When the same addresses were given out anew.
    """
    ends = (at, *((after.start,) if after is not None else ()), *((again_at,) if again_at is not None else ()))
    return replace(holding, end=max(holding.start, min(ends)))


def _holding(cloud: CloudMap, allocation: Allocation, tenant: TenantId, start: Instant) -> Holding:
    return Holding(
        source=cloud.source,
        id=allocation.id,
        tenant=tenant,
        org=allocation.org,
        space=allocation.space,
        kind=allocation.kind,
        value=allocation.value,
        addresses=allocation.addresses,
        used=allocation.used,
        allocated_at=allocation.allocated_at,
        start=start,
    )


# --- quotas ----------------------------------------------------------------------------------------------------------


class QuotaChange(NamedTuple):
    """What a reading changes of the quotas; as ``AddressChange``, but nothing is dated before its reading."""

    in_force: Mapping[QuotaKey, QuotaTerm]
    ended: tuple[QuotaTerm, ...] = ()
    begun: tuple[QuotaTerm, ...] = ()


def advance_quotas(
    in_force: Mapping[QuotaKey, QuotaTerm], cloud: CloudMap, tenant_of: Callable[[str], TenantId]
) -> QuotaChange:
    """Return what a reading that is complete for addresses, and newer than the last one, changes of the quotas."""
    now: dict[QuotaKey, QuotaTerm] = {}
    begun: list[QuotaTerm] = []
    for quota in cloud.quotas:
        term = _term(cloud, quota, tenant_of(quota.org))
        if term.key in now:
            continue
        known = in_force.get(term.key)
        if known is not None and (known.tenant, known.limit) == (term.tenant, term.limit):
            now[term.key] = known
        else:
            now[term.key] = term
            begun.append(term)
    ended = tuple(replace(one, end=cloud.at) for key, one in in_force.items() if now.get(key) is not one)
    return QuotaChange(now, ended, tuple(begun))


def _term(cloud: CloudMap, quota: Quota, tenant: TenantId) -> QuotaTerm:
    key = QuotaKey(quota.org, quota.space, quota.kind, quota.prefix_length)
    return QuotaTerm(source=cloud.source, key=key, tenant=tenant, limit=quota.limit, start=cloud.at)


def quota_use(prefix_length: int | None, holdings: Iterable[Holding]) -> int:
    """Return how much of a quota these holdings of its organisation and space take: addresses, or prefixes."""
    if prefix_length is None:
        return sum(one.addresses for one in holdings if one.kind is AddressKind.FLOATING_IP)
    ending = f"/{prefix_length}"
    return sum(one.kind is AddressKind.IP_PREFIX and one.value.endswith(ending) for one in holdings)


# --- sums ------------------------------------------------------------------------------------------------------------


class AddressUse(NamedTuple):
    """Addresses times milliseconds, held and used; 3 600 000 make an address-hour."""

    held_ms: int = 0
    used_ms: int = 0


def address_milliseconds(holdings: Iterable[Holding], start: Instant, end: Instant) -> AddressUse:
    """Return how long addresses were held and used in [start, end), summed over addresses; exact.

    What is held still counts up to ``end``, so a caller ends at the last reading.
    """
    held = used = 0
    for one in holdings:
        until = end if one.end is None else min(one.end, end)
        length = max(0, until - max(one.start, start))
        held += one.addresses * length
        used += one.used * length
    return AddressUse(held, used)


def count_at(holdings: Iterable[Holding], at: Instant) -> tuple[int, int]:
    """Return (addresses held, of these in use) at an instant."""
    there = [one for one in holdings if one.start <= at and (one.end is None or at < one.end)]
    return sum(one.addresses for one in there), sum(one.used for one in there)


def grouped(holdings: Iterable[Holding]) -> dict[AddressGroup, list[Holding]]:
    """Return holdings by what they are counted by."""
    groups: dict[AddressGroup, list[Holding]] = {}
    for one in holdings:
        groups.setdefault(AddressGroup(one.source, one.tenant, one.space, one.kind), []).append(one)
    return groups
