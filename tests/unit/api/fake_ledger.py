"""A ledger in memory that answers as its port promises, written as plainly as possible."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from collector.errors import LedgerUnavailable
from collector.model.addresses import AddressHistory, AddressReport, Holding, QuotaTerm
from collector.model.identity import Direction, Kind, PointKey, TenantId
from collector.model.period import SLOT_MS, Instant
from collector.model.rates import RateEvidence
from collector.model.usage import (
    Coverage,
    Evidence,
    ExportRow,
    Flow,
    LedgerFigures,
    Owner,
    StoredEvent,
    Usage,
    UsageRow,
)
from collector.ports import LedgerQuery


class Fact(NamedTuple):
    """What the ledger has of one slot of one tenant at one point."""

    tenant: TenantId
    kind: Kind
    point: str
    slot: Instant
    usage: Usage
    coverage: Coverage


class FakeLedger:
    """Facts and events, and a log of the questions."""

    def __init__(self, facts: Sequence[Fact] = (), events: Sequence[StoredEvent] = ()) -> None:
        self.facts = list(facts)
        self.stored_events = list(events)
        self.queries: list[LedgerQuery] = []
        self.fault: Exception | None = None
        self.holdings: list[Holding] = []
        self.quotas: list[QuotaTerm] = []
        self.known_until: dict[str, Instant] = {}

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def usage(self, query: LedgerQuery) -> list[UsageRow]:
        """Group, sort, cut."""
        self._fail()
        self.queries.append(query)
        if query.step_ms is not None:
            assert query.start % query.step_ms == 0, "buckets are aligned"
            assert query.end % query.step_ms == 0, "buckets are aligned"
        groups: dict[tuple[Instant, str, str, str], list[tuple[Fact, Direction]]] = {}
        for fact in self.facts:
            for direction in Direction:
                if _matches(fact, direction, query):
                    groups.setdefault(_key(fact, direction, query), []).append((fact, direction))
        keys = sorted(key for key in groups if query.after is None or key > query.after)
        return [_row(key, groups[key], query) for key in keys[: query.limit]]

    async def tenants(self) -> list[TenantId]:
        """Return the tenants of the facts and of the addresses."""
        self._fail()
        return sorted({fact.tenant for fact in self.facts} | {one.tenant for one in self.holdings})

    async def events(
        self,
        *,
        tenants: Sequence[TenantId] | None,
        since: Instant | None,
        event: str | None,
        after: int,
        limit: int,
        point: str | None = None,
    ) -> list[StoredEvent]:
        """Filter and cut."""
        self._fail()
        found = [
            row
            for row in self.stored_events
            if (tenants is None or row.tenant in tenants)
            and (since is None or row.last_at >= since)
            and (event is None or row.event == event)
            and (point is None or row.point == point)
            and row.seq > after
        ]
        return found[:limit]

    async def addresses(self, tenant: TenantId | None, start: Instant, end: Instant) -> AddressHistory:
        """Return what touches the interval."""
        self._fail()
        holdings = (one for one in self.holdings if tenant is None or one.tenant == tenant)
        quotas = (one for one in self.quotas if tenant is None or one.tenant == tenant)
        return AddressHistory(
            tuple(one for one in holdings if one.start < end and (one.end is None or one.end > start)),
            tuple(one for one in quotas if one.start < end and (one.end is None or one.end > start)),
            dict(self.known_until),
        )

    async def address_outbox(self, exporter: str, limit: int) -> list[AddressReport]:
        """Not asked for by the API."""
        raise AssertionError(f"{exporter} {limit}")

    async def outbox(self, exporter: str, limit: int) -> list[ExportRow]:
        """Not asked for by the API."""
        raise AssertionError(f"{exporter} {limit}")

    async def evidence(self, point: PointKey, start: Instant, end: Instant) -> list[tuple[str, str, Evidence]]:
        """Not asked for by the API."""
        raise AssertionError(f"{point} {start} {end}")

    async def rate_samples(self, point: PointKey, start: Instant, end: Instant) -> list[RateEvidence]:
        """Not asked for by the API."""
        raise AssertionError(f"{point} {start} {end}")

    async def flows(self, points: Sequence[PointKey], start: Instant, end: Instant) -> dict[PointKey, Flow]:
        """Not asked for by the API."""
        raise AssertionError(f"{points} {start} {end}")

    async def complete_until(self, points: Sequence[PointKey]) -> dict[PointKey, Instant]:
        """Not asked for by the API."""
        raise AssertionError(f"{points}")

    async def points(self) -> list[PointKey]:
        """Not asked for by the API."""
        raise AssertionError

    async def owners(self, label: str, kind: Kind | None) -> list[Owner]:
        """Not asked for by the API."""
        raise AssertionError(f"{label} {kind}")

    async def figures(self) -> LedgerFigures:
        """Not asked for by the API."""
        raise AssertionError

    def _fail(self) -> None:
        if self.fault is not None:
            raise self.fault


def busy() -> LedgerUnavailable:
    """Return what a ledger raises that is locked, with a path that no answer may show."""
    return LedgerUnavailable("/var/lib/northmeter/ledger.db is locked")


def _matches(fact: Fact, direction: Direction, query: LedgerQuery) -> bool:
    return (
        fact.tenant == query.tenant
        and query.start <= fact.slot < query.end
        and (query.kinds is None or fact.kind in query.kinds)
        and (query.points is None or fact.point in query.points)
        and (query.directions is None or direction in query.directions)
    )


def _key(fact: Fact, direction: Direction, query: LedgerQuery) -> tuple[Instant, str, str, str]:
    step = query.step_ms
    return (
        query.start if step is None else fact.slot // step * step,
        fact.kind if "kind" in query.by else "",
        fact.point if "point" in query.by else "",
        direction if "direction" in query.by else "",
    )


def _row(key: tuple[Instant, str, str, str], group: list[tuple[Fact, Direction]], query: LedgerQuery) -> UsageRow:
    start, kind, point, direction = key
    coverages = [_worst([fact for fact, _ in group if fact.slot == slot]) for slot in {fact.slot for fact, _ in group}]
    return UsageRow(
        tenant=query.tenant,
        start=start,
        end=query.end if query.step_ms is None else start + query.step_ms,
        kind=Kind(kind) if kind else None,
        point=point or None,
        direction=Direction(direction) if direction else None,
        bytes=sum(_of(fact.usage, way)[0] for fact, way in group),
        packets=sum(_of(fact.usage, way)[1] for fact, way in group),
        dropped_packets=sum(_of(fact.usage, way)[2] for fact, way in group),
        measured_ms=sum(coverage.measured_ms for coverage in coverages),
        inferred_ms=sum(coverage.inferred_ms for coverage in coverages),
        spread_ms=sum(coverage.spread_ms for coverage in coverages),
    )


def _of(usage: Usage, direction: Direction) -> tuple[int, int, int]:
    if direction is Direction.INGRESS:
        return usage.ingress_bytes, usage.ingress_packets, usage.ingress_dropped
    return usage.egress_bytes, usage.egress_packets, usage.egress_dropped


def _worst(facts: list[Fact]) -> Coverage:
    measured = min(fact.coverage.measured_ms for fact in facts)
    inferred = min(fact.coverage.measured_ms + fact.coverage.inferred_ms for fact in facts)
    covered = min(sum(fact.coverage) for fact in facts)
    assert covered <= SLOT_MS, "no more than a slot is covered"
    return Coverage(measured, inferred - measured, covered - inferred)
