"""The ledger: its commit path beside bare upserts of the same rows, its size, and how fast a month is read."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

from bench.result import Result, compared
from collector.ledger import store
from collector.ledger.codec import encode, encode_samples
from collector.ledger.connection import connect, set_wal
from collector.ledger.keys import pack
from collector.ledger.sqlite import SqliteReader, SqliteWriter
from collector.model.identity import Kind, PointKey, ReadAt, TenantId
from collector.model.period import SLOT_MS, Instant
from collector.model.sample import Counters, Sample
from collector.model.usage import (
    Batch,
    Coverage,
    Evidence,
    Quality,
    Run,
    SeriesState,
    SeriesUpdate,
    SlotChange,
    Usage,
)
from collector.ports import LedgerQuery

START: Instant = 1_789_603_200_000
ACCOUNTS = 2_000
SLOTS_PER_DAY = 288
MONTH_SLOTS = 31 * SLOTS_PER_DAY
GROWN_SLOTS = 1_000
"""Slots of every account before anything is measured: two million rows. The first accounts have a whole month."""

MONTH_ACCOUNTS = 40
BATCH_POINTS = 500
ROUNDS = 24
POLLS_PER_SLOT = 5
ACCOUNT_OF_TENANT = 4


def run() -> list[Result]:
    """Return rows per second, bytes per row, milliseconds per month."""
    with tempfile.TemporaryDirectory(prefix="northmeter-bench-") as folder:
        return asyncio.run(_measure(Path(folder)))


async def _measure(folder: Path) -> list[Result]:
    ours, bare = folder / "ours.db", folder / "bare.db"
    for path in (ours, bare):
        await _create(path)
    rows = _grow(ours)
    _grow(bare)
    stored, floor = await _commit_rates(ours, bare)
    month_ms, hours_ms = await _read_month(ours)
    size = _bytes_per_row(ours) * 1_000_000 / 2**20
    return [
        compared("commit path, grown table (slots, series, totals, samples)", stored, "points/s", floor, "≥ 0.7"),
        Result("rows in the table, as stored (both directions in one)", rows, "rows"),
        Result("size of a million slot rows, as the API shows them", size / 2, "MiB", target="≤ 30"),
        Result(f"a tenant's month, {ACCOUNT_OF_TENANT} points, one sum", month_ms, "ms"),
        Result(f"a tenant's month, {ACCOUNT_OF_TENANT} points, 744 hours by direction", hours_ms, "ms"),
    ]


# --- a ledger with a past --------------------------------------------------------------------------------------------


async def _create(path: Path) -> None:
    """Register points, series and accounts; tenants have a few points each."""
    writer = SqliteWriter(path)
    await writer.start()
    points = await writer.intern_points(
        [PointKey("nsx-a", Kind.TIER0_UPLINK, f"/infra/tier-0s/t0/up{n}") for n in range(ACCOUNTS)]
    )
    await writer.intern_series([(point, ReadAt.INTERFACE, "port", f"node-{point % 8}") for point in points])
    tenants = [TenantId(f"tenant-{number // ACCOUNT_OF_TENANT}") for number in range(ACCOUNTS)]
    await writer.intern_accounts(list(zip(tenants, points, strict=True)))
    await writer.stop()


def _slot_row(account: int, slot: Instant, chance: random.Random) -> tuple[int, ...]:
    amount = int(10 ** chance.uniform(5, 10.5))
    return (pack(account, slot), amount, amount // 4, amount // 800, amount // 2_000, 0, chance.randrange(3), 0, 0, 0)


def _grow(path: Path) -> int:
    """Fill the slot table in the order of time, points in the order of their polls; return its rows."""
    chance = random.Random(1)
    order = list(range(1, ACCOUNTS + 1))
    chance.shuffle(order)
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for number in range(MONTH_SLOTS):
            whole = number >= MONTH_SLOTS - GROWN_SLOTS
            accounts = order if whole else range(1, MONTH_ACCOUNTS + 1)
            slot = START + number * SLOT_MS
            connection.execute("BEGIN")
            connection.executemany(store.SLOT, [_slot_row(account, slot, chance) for account in accounts])
            connection.execute("COMMIT")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (rows,) = connection.execute("SELECT count(*) FROM slot").fetchone()
    return int(rows)


def _bytes_per_row(path: Path) -> float:
    """Return what the slot table alone takes, pages that are not full included."""
    with closing(sqlite3.connect(path)) as connection:
        (size,) = connection.execute("SELECT sum(pgsize) FROM dbstat WHERE name = 'slot'").fetchone()
        (rows,) = connection.execute("SELECT count(*) FROM slot").fetchone()
    return float(size) / float(rows)


# --- the commit path -------------------------------------------------------------------------------------------------


def _batches() -> Iterator[Batch]:
    """Yield polls: parts of the points at a time, five polls in a slot."""
    chance = random.Random(2)
    order = list(range(1, ACCOUNTS + 1))
    chance.shuffle(order)
    for number in range(ROUNDS):
        part = number * BATCH_POINTS % ACCOUNTS
        poll = number * BATCH_POINTS // ACCOUNTS
        slot = START + (MONTH_SLOTS + poll // POLLS_PER_SLOT) * SLOT_MS
        at = slot + poll % POLLS_PER_SLOT * 60_000
        yield _batch(f"batch-{number}", at, slot, order[part : part + BATCH_POINTS], chance)


def _batch(name: str, at: Instant, slot: Instant, refs: list[int], chance: random.Random) -> Batch:
    samples = {
        ref: Sample(
            at + chance.randrange(1_000),
            at + chance.randrange(1_000),
            Counters(
                chance.randrange(10**14),
                chance.randrange(10**14),
                chance.randrange(10**11),
                chance.randrange(10**11),
                0,
                0,
            ),
        )
        for ref in refs
    }
    usage = {ref: Usage(*_slot_row(ref, slot, chance)[1:7]) for ref in refs}
    covered = Coverage(at - slot + 60_000)
    return Batch(
        id=name,
        at=at,
        series=tuple(
            SeriesUpdate(ref, SeriesState(sample, None, Run(START, sample.at, Quality.MEASURED)), START)
            for ref, sample in samples.items()
        ),
        slots=tuple(SlotChange(ref, slot, usage[ref], covered) for ref in refs),
        evidence=tuple(Evidence(ref, sample, 8) for ref, sample in samples.items()),
        completed=tuple((ref, slot) for ref in refs),
        watermarks=(("nsx-a", at),),
    )


Rows = list[tuple[str, list[tuple[object, ...]]]]


def _bare_rows(batch: Batch) -> Rows:
    """Return what the batch writes as statements with their rows, made beforehand."""
    totals = [(change.account, *change.usage) for change in batch.slots]
    slots = [
        (pack(change.account, change.slot), *change.usage, SLOT_MS - sum(change.coverage), 0, 0)
        for change in batch.slots
    ]
    times = [one.sample.at for one in batch.evidence]
    return [
        (store.JOURNAL, [(batch.id, batch.at, min(times), max(times), encode_samples(batch.evidence))]),
        (store.SERIES, [(encode(one.state), one.expected_from, one.series) for one in batch.series]),
        (store.SLOT, [*slots]),
        (store.ACCOUNT, [*totals]),
        (store.COMPLETED, [(until, point) for point, until in batch.completed]),
        (store.WATERMARK, [*batch.watermarks]),
    ]


def _execute(connection: sqlite3.Connection, rows: Rows) -> float:
    started = time.perf_counter()
    connection.execute("BEGIN IMMEDIATE")
    for statement, values in rows:
        connection.executemany(statement, values)
    connection.execute("COMMIT")
    return time.perf_counter() - started


async def _commit_rates(ours: Path, bare: Path) -> tuple[float, float]:
    """Return points per second through the writer and through bare statements, taken in turns on twin files."""
    writer = SqliteWriter(ours)
    await writer.start()
    mine: list[float] = []
    floor: list[float] = []
    with closing(connect(bare, read_only=False)) as connection:
        set_wal(connection, bare)  # the same durability and the same cache
        for batch in _batches():
            rows = _bare_rows(batch)
            floor.append(_execute(connection, rows))
            started = time.perf_counter()
            assert await writer.commit(batch)
            mine.append(time.perf_counter() - started)
    await writer.stop()
    return BATCH_POINTS / statistics.median(mine), BATCH_POINTS / statistics.median(floor)


# --- reading ---------------------------------------------------------------------------------------------------------


async def _read_month(path: Path) -> tuple[float, float]:
    """Return milliseconds for the sum of a tenant's month and for its hours, by a reader that has just started."""
    end = START + MONTH_SLOTS * SLOT_MS
    took = []
    for step, by in ((None, frozenset[str]()), (3_600_000, frozenset({"direction"}))):
        reader = SqliteReader(path)
        await reader.start()
        query = LedgerQuery(tenant=TenantId("tenant-1"), start=START, end=end, step_ms=step, by=by, limit=10_000)
        started = time.perf_counter()
        rows = await reader.usage(query)
        took.append((time.perf_counter() - started) * 1_000)
        assert len(rows) == (1 if step is None else 2 * 744)
        await reader.stop()
    return took[0], took[1]
