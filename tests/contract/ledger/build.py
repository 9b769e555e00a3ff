"""Records in few words."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import count

from collector.model.identity import Kind, PointKey, ReadAt, TenantId
from collector.model.period import SLOT_MS, Instant
from collector.model.sample import Counters, Sample
from collector.model.usage import (
    Batch,
    Coverage,
    Event,
    EventName,
    Evidence,
    Publication,
    Quality,
    Run,
    SeriesState,
    SeriesUpdate,
    SlotChange,
    Usage,
)
from collector.ports import LedgerReader, LedgerWriter

T0: Instant = 1_790_000_100_000 - 1_790_000_100_000 % 3_600_000
"""A full hour."""

ACME, GLOBEX = TenantId("acme"), TenantId("globex")
COUNTER_MAX = 2**64 - 1
WHOLE = Coverage(measured_ms=SLOT_MS)
SOME = Usage(1, 2, 3, 4, 5, 6)

_ids = count(1)


def point_key(name: str = "up1", kind: Kind = Kind.TIER0_UPLINK, source: str = "nsx-a") -> PointKey:
    """Return a metering point."""
    return PointKey(source, kind, f"/infra/{name}")


def slot(number: int) -> Instant:
    """Return the start of a slot, counted from T0."""
    return T0 + number * SLOT_MS


def batch(at: Instant = T0, **parts: object) -> Batch:
    """Return a batch with an id of its own."""
    return Batch(**{"id": f"batch-{next(_ids)}", "at": at, **parts})  # type: ignore[arg-type]  # keywords of the record


def change(account: int, number: int, usage: Usage = SOME, coverage: Coverage = WHOLE) -> SlotChange:
    """Return usage of a slot, counted from T0."""
    return SlotChange(account, slot(number), usage, coverage)


def publication(account: int, number: int) -> Publication:
    """Return a publication of a slot, counted from T0."""
    return Publication(account, slot(number))


def sample(at: Instant, value: int = 1, **missing: None) -> Sample:
    """Return a sample whose counters are ``value`` and the numbers after it."""
    counters = Counters(*(min(COUNTER_MAX, value + place) for place in range(6)))
    return Sample(at, at + 1_500, counters._replace(**missing))


def update(series: int, at: Instant = T0, value: int = 1, expected_from: Instant | None = T0) -> SeriesUpdate:
    """Return a series with a baseline."""
    return SeriesUpdate(series, SeriesState(sample(at, value), None, Run(T0, at, Quality.MEASURED)), expected_from)


def evidence(series: int, at: Instant, value: int = 1, rule: int = 8) -> Evidence:
    """Return a sample that was news."""
    return Evidence(series, sample(at, value), rule)


def event(at: Instant, name: EventName = EventName.RESET, repeat_key: str = "", **parts: object) -> Event:
    """Return an event of nsx-a."""
    return Event(**{"at": at, "source": "nsx-a", "event": name, "repeat_key": repeat_key, **parts})  # type: ignore[arg-type]


async def accounts(writer: LedgerWriter, keys: Sequence[tuple[TenantId, PointKey]]) -> list[int]:
    """Register points and accounts."""
    points = await writer.intern_points([key for _, key in keys])
    return await writer.intern_accounts([(tenant, point) for (tenant, _), point in zip(keys, points, strict=True)])


async def one_account(writer: LedgerWriter, tenant: TenantId = ACME) -> int:
    """Register an account of the point up1."""
    return (await accounts(writer, [(tenant, point_key())]))[0]


async def one_series(writer: LedgerWriter, node: str = "node-1") -> int:
    """Register a series of the point up1."""
    (point,) = await writer.intern_points([point_key()])
    return (await writer.intern_series([(point, ReadAt.INTERFACE, "port-1", node)]))[0]


async def outbox_slots(reader: LedgerReader, exporter: str, limit: int = 100) -> list[tuple[int, int]]:
    """Return (account, number of the slot since T0) of what an exporter has to send."""
    return [(row.account, (row.slot - T0) // SLOT_MS) for row in await reader.outbox(exporter, limit)]
