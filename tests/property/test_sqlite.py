"""The real ledger keeps what the one in memory keeps, which the oracle has judged."""

from __future__ import annotations

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given

from collector.ledger.sqlite import SqliteReader, SqliteWriter
from collector.model.identity import Direction, TenantId
from collector.model.period import SLOT_MS
from collector.model.usage import Coverage, LedgerState, Usage
from collector.ports import LedgerQuery, LedgerWriter
from tests.property.effort import effort
from tests.property.memory import MemoryLedger, drive
from tests.property.test_pipeline import Manner, lead, live, manners
from tests.property.worlds import ANYTHING, STARTS_MS, TENANTS, World, worlds

SPAN_MS = 100 * SLOT_MS
"""Longer than any world lasts."""


@effort(0.2)
@given(world=worlds(ANYTHING), manner=manners(failing=False))
def test_sqlite_keeps_what_memory_keeps(world: World, manner: Manner) -> None:
    expected = live(world, manner).ledger
    with TemporaryDirectory() as folder:
        state, rows = asyncio.run(_lived_in_sqlite(world, manner, Path(folder) / "ledger.db"))
    assert _named(state) == _named(drive(expected.load()))
    assert rows == _rows(expected)


async def _lived_in_sqlite(world: World, manner: Manner, path: Path) -> tuple[LedgerState, dict[object, object]]:
    writer: LedgerWriter = SqliteWriter(path)
    await writer.start()
    try:
        await lead(world, manner, writer)
        state = await writer.load()
    finally:
        await writer.stop()
    reader = SqliteReader(path)
    await reader.start()
    try:
        return state, {key: row for tenant in TENANTS for key, row in (await _read(reader, tenant)).items()}
    finally:
        await reader.stop()


async def _read(reader: SqliteReader, tenant: str) -> dict[object, object]:
    """(tenant, slot, direction) → bytes, packets, dropped packets and coverage, where there is any."""
    start = min(STARTS_MS) - min(STARTS_MS) % SLOT_MS
    query = LedgerQuery(
        tenant=TenantId(tenant),
        start=start,
        end=start + SPAN_MS,
        step_ms=SLOT_MS,
        by=frozenset({"direction"}),
        limit=10_000,
    )
    found: dict[object, object] = {}
    for row in await reader.usage(query):
        seen = (row.bytes, row.packets, row.dropped_packets, row.measured_ms, row.inferred_ms, row.spread_ms)
        if any(seen):
            found[tenant, row.start, row.direction] = seen
    return found


def _rows(ledger: MemoryLedger) -> dict[object, object]:
    found: dict[object, object] = {}
    for (tenant, slot), (usage, known) in ledger.by_tenant().items():
        for direction, seen in _ways(usage, known):
            if any(seen):
                found[tenant, slot, direction] = seen
    return found


def _ways(usage: Usage, known: Coverage) -> list[tuple[Direction, tuple[int, ...]]]:
    return [
        (Direction.INGRESS, (usage.ingress_bytes, usage.ingress_packets, usage.ingress_dropped, *known)),
        (Direction.EGRESS, (usage.egress_bytes, usage.egress_packets, usage.egress_dropped, *known)),
    ]


def _named(state: LedgerState) -> object:
    """A state by names instead of references."""
    return (
        [(p.key, p.read_at, p.created_at, p.lacked_at, p.complete_until, p.owners) for p in state.points],
        {(s.read_at, s.port, s.node): (s.state, s.expected_from, s.runs) for s in state.series},
        {account.tenant: account.total for account in state.accounts},
        state.inventories,
        state.watermarks,
    )
