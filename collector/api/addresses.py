"""Addresses in pages: what ``/api/v1/usage?kind=ip_space`` answers.

A row is a tenant, an IP Space or external network, and a type, over a bucket of the tenant's calendar. Addresses are
counted up to the last reading of their director; what lies beyond is in no row.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import NamedTuple

from collector.api.faults import ParameterFault
from collector.api.request import Granularity, UsageParameters, UsageRequest
from collector.api.usage import PAGE_SECONDS_MAX, Position
from collector.api.windows import Window, tenant_windows
from collector.clock import Clock
from collector.core.addresses import AddressUse, address_milliseconds, count_at, grouped, quota_use
from collector.model.addresses import AddressGroup, AddressHistory, Holding, QuotaTerm
from collector.model.directory import AddressKind
from collector.model.identity import Tenant, TenantId
from collector.model.period import Instant, Interval
from collector.ports import LedgerReader

IP_SPACE = "ip_space"
"""The word that asks for addresses, where others name kinds of metering points."""

GRANULARITIES = tuple(each for each in Granularity if each is not Granularity.SLOT)
"""A slot is shorter than the time between two readings of a director."""


class QuotaLine(NamedTuple):
    """A quota at the end of a bucket; ``prefix_length`` is ``None`` for floating addresses."""

    prefix_length: int | None
    limit: int
    used: int


class AddressLine(NamedTuple):
    """A row of addresses over [start, end).

    Attributes:
        addresses: Held at its end, or at the last reading where that is earlier.
        used: Of these in use, at the same time.
        use: Addresses times milliseconds, as far as they are known.
        quota: Those with a cap, at the same time.
        known_until: Time of the last reading.
    """

    tenant: TenantId
    start: Instant
    end: Instant
    point: str
    type: AddressKind
    addresses: int
    used: int
    use: AddressUse
    quota: tuple[QuotaLine, ...]
    known_until: Instant

    @property
    def position(self) -> Position:
        """Where the next page begins after this row."""
        return Position(self.tenant, self.start, self.end, (IP_SPACE, self.point, self.type.value))


class AddressPage(NamedTuple):
    """Some rows, and where the next ones begin; ``None`` after the last."""

    lines: list[AddressLine]
    next: Position | None


def asks_for_addresses(parameters: UsageParameters) -> bool:
    """Return whether addresses are asked for instead of traffic.

    Raises:
        ParameterFault: Both are, or something that only traffic has.
    """
    kinds = parameters.kind or ()
    if IP_SPACE not in kinds:
        return False
    if len(kinds) > 1:
        raise ParameterFault(
            "kind", f"{IP_SPACE} is addresses, not traffic, and stands alone; ask for the others apart"
        )
    if parameters.by is not None:
        raise ParameterFault("by", f"rows of {IP_SPACE} are always by tenant, point and type; leave it out")
    if parameters.direction is not None:
        raise ParameterFault("direction", f"rows of {IP_SPACE} have none; leave it out")
    if parameters.granularity == Granularity.SLOT:
        raise ParameterFault("granularity", f"expected one of {', '.join(GRANULARITIES)} for {IP_SPACE}, not 'slot'")
    return True


def without_kind(parameters: UsageParameters) -> UsageParameters:
    """Return the parameters of addresses as those of traffic, to be checked alike."""
    return replace(parameters, kind=None)


class AddressService:
    """Reads addresses from the ledger."""

    def __init__(self, reader: LedgerReader, clock: Clock) -> None:
        self._reader = reader
        self._clock = clock

    async def page(self, request: UsageRequest, after: Position | None, limit: int) -> AddressPage:
        """Return at most ``limit`` rows after a position, ascending by (tenant, start, point, type).

        Fewer, even none, do not mean that it was the last page.

        Raises:
            LedgerUnavailable: The ledger cannot be read.
        """
        lines: list[AddressLine] = []
        began = self._clock.monotonic()
        for asked, tenant in enumerate(request.tenants):
            if after is not None and tenant.id < after.tenant:
                continue
            if asked and self._clock.monotonic() - began >= PAGE_SECONDS_MAX:
                return AddressPage(lines, Position(tenant.id, request.start, request.end, None))
            here = after if after is not None and after.tenant == tenant.id else None
            found = await self._reader.addresses(tenant.id, here.start if here else request.start, request.end)
            if found.holdings:
                # Years of hours are counted beside the loop, so that a scrape does not wait for them.
                rows = islice(_rows(request, tenant, found, here), limit + 1 - len(lines))
                lines += await asyncio.to_thread(list, rows)
            if len(lines) > limit:
                del lines[limit:]
                return AddressPage(lines, lines[-1].position)
        return AddressPage(lines, None)


def _rows(
    request: UsageRequest, tenant: Tenant, found: AddressHistory, after: Position | None
) -> Iterator[AddressLine]:
    for line in address_lines(tenant.id, found, _buckets(tenant_windows(request, tenant), after), request.points):
        if after is None or after.keys is None or (line.start, line.position.keys or ()) > (after.start, after.keys):
            yield line


def _buckets(windows: Iterable[Window], after: Position | None) -> Iterator[Interval]:
    """Yield the buckets from that of a position on."""
    first = after.start if after is not None else 0
    for window in windows:
        step = window.step_ms or window.end - window.start
        for start in range(window.start, window.end, step):
            if start + step > first:
                yield Interval(start=start, end=start + step)


# --- rows, pure ------------------------------------------------------------------------------------------------------


def address_lines(
    tenant: TenantId, found: AddressHistory, buckets: Iterable[Interval], points: Sequence[str] | None = None
) -> Iterator[AddressLine]:
    """Yield a tenant's rows, by bucket, point and type: where something was held and is known.

    Args:
        tenant: Whose.
        found: What touches the buckets.
        buckets: Ascending.
        points: Only these labels, or every one.
    """
    waiting = deque(one for one in sorted(found.holdings, key=lambda one: one.start) if _is_in(one, points))
    quotas: dict[AddressGroup, list[QuotaTerm]] = {}
    for term in found.quotas:
        quotas.setdefault(AddressGroup(term.source, tenant, term.key.space, term.key.kind), []).append(term)
    there: list[Holding] = []
    for bucket in buckets:
        while waiting and waiting[0].start < bucket.end:
            there.append(waiting.popleft())
        there = [one for one in there if one.end is None or one.end > bucket.start]
        groups = grouped(there)
        for group in sorted(groups, key=lambda group: (_label(group.source, group.space), group.kind)):
            known = found.known_until.get(group.source)
            if known is not None and known >= bucket.start and any(one.start <= known for one in groups[group]):
                yield _line(group, groups[group], quotas.get(group, ()), bucket, known)


def _line(
    group: AddressGroup, holdings: Sequence[Holding], quotas: Iterable[QuotaTerm], bucket: Interval, known: Instant
) -> AddressLine:
    moment = min(bucket.end - 1, known)
    addresses, used = count_at(holdings, moment)
    return AddressLine(
        tenant=group.tenant,
        start=bucket.start,
        end=bucket.end,
        point=_label(group.source, group.space),
        type=group.kind,
        addresses=addresses,
        used=used,
        use=address_milliseconds(holdings, bucket.start, min(bucket.end, known)),
        quota=tuple(_quota_lines(holdings, quotas, moment)),
        known_until=known,
    )


def _quota_lines(holdings: Sequence[Holding], quotas: Iterable[QuotaTerm], moment: Instant) -> Iterator[QuotaLine]:
    """Yield the quotas of a moment; that of a tenant with several organisations is their sum, if each has a cap."""
    limits: dict[int | None, list[int | None]] = {}
    for term in quotas:
        if term.start <= moment and (term.end is None or moment < term.end):
            limits.setdefault(term.key.prefix_length, []).append(term.limit)
    held = [one for one in holdings if one.start <= moment and (one.end is None or moment < one.end)]
    for length, caps in sorted(limits.items(), key=lambda item: item[0] or 0):
        capped = [cap for cap in caps if cap is not None]
        if len(capped) == len(caps):
            yield QuotaLine(length, sum(capped), quota_use(length, held))


def _is_in(one: Holding, points: Sequence[str] | None) -> bool:
    return points is None or _label(one.source, one.space) in points


def _label(source: str, space: str) -> str:
    return f"{source}:{space}"
