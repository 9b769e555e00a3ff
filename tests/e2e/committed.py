"""What a ledger has committed, read beside a running daemon or without one."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from collector.ledger.sqlite import SqliteReader, SqliteWriter
from collector.model.identity import PointKey, ReadAt
from collector.model.usage import Evidence, LedgerState, StoredEvent

ALWAYS = 2**62
"""An instant after everything, in milliseconds."""


class SeriesId(NamedTuple):
    """A series, as the ledger and the provider both name it."""

    point: PointKey
    read_at: ReadAt
    port: str
    node: str


@dataclass(frozen=True, slots=True)
class Committed:
    """What a ledger has: its state, its events, and the samples behind its usage in the order of reading."""

    state: LedgerState
    events: tuple[StoredEvent, ...]
    samples: dict[SeriesId, tuple[Evidence, ...]]


async def read_ledger(path: Path) -> Committed:
    """Return everything that a ledger has, beside a running daemon or without one."""
    writer, reader = SqliteWriter(path, daemon=False), SqliteReader(path)
    await writer.start()
    await reader.start()
    try:
        state = await writer.load()
        events = [*await reader.events(tenants=None, since=None, event=None, after=0, limit=1_000_000)]
        series = {one.ref: one for one in state.series}
        found: dict[SeriesId, list[Evidence]] = defaultdict(list)
        for point in state.points:
            for port, node, one in await reader.evidence(point.key, 0, ALWAYS):
                found[SeriesId(point.key, series[one.series].read_at, port, node)].append(one)
    finally:
        await reader.stop()
        await writer.stop()
    # A point has one poll in flight at a time, so its samples were accounted in the order in which they were asked for.
    ordered = {key: tuple(sorted(rows, key=lambda row: row.sample.polled_at)) for key, rows in found.items()}
    return Committed(state, tuple(events), ordered)


async def read_state(path: Path) -> LedgerState:
    """Return the state of a ledger, beside a running daemon or without one."""
    writer = SqliteWriter(path, daemon=False)
    await writer.start()
    try:
        return await writer.load()
    finally:
        await writer.stop()


async def waiting(path: Path, exporters: Sequence[str]) -> int:
    """Return how many publications wait for some exporter; counted to a thousand each."""
    reader = SqliteReader(path)
    await reader.start()
    try:
        return sum([len(await reader.outbox(name, 1_000)) for name in exporters])
    finally:
        await reader.stop()
