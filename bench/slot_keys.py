"""Keys that the slot table could have had, written, kept and read: docs/adr/0004-slot-key.md."""

from __future__ import annotations

import random
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from bench.result import Result
from collector.ledger.connection import connect, set_wal
from collector.model.usage import Usage

ACCOUNTS = 2_000
SLOTS_PER_DAY = 288
GROWN_DAYS = 4
"""2.3 million rows. The figures of the decision were taken with 14 days: 8.1 million."""

FIRST_SLOT = 1_789_603_200 // 300
BATCH_ROWS = 500
MEASURED_SLOTS = 4
POLLS_PER_SLOT = 5

_VALUES = ", ".join(f"{name} INTEGER NOT NULL" for name in (*Usage._fields, "missing_ms", "spread_ms", "inferred_ms"))
_UPDATES = ", ".join(f"{field} = {field} + excluded.{field}" for field in Usage._fields)


@dataclass(frozen=True, slots=True)
class Layout:
    """A candidate.

    Attributes:
        name: How the decision calls it.
        table: Columns of the key, and how the table ends.
        key: (slot, account) → values of the key.
        conflict: Columns that an upsert meets.
        month: Statement that counts and sums one account's rows: (:first, :last, :account).
    """

    name: str
    table: tuple[str, str]
    key: Callable[[int, int], tuple[int, ...]]
    conflict: str
    month: str


def _packed(name: str, slots: int, bits: int) -> Layout:
    return Layout(
        name,
        ("key INTEGER PRIMARY KEY", "STRICT"),
        lambda slot, account: (slot // slots << 32 + bits | account << bits | slot % slots,),
        "key",
        f"""WITH RECURSIVE place (bucket) AS (
                SELECT :first / {slots} UNION ALL SELECT bucket + 1 FROM place WHERE bucket < (:last - 1) / {slots})
            SELECT count(*), sum(ingress_bytes) FROM place CROSS JOIN slot
            WHERE key BETWEEN (bucket << {32 + bits}) + (:account << {bits})
                AND (bucket << {32 + bits}) + (:account << {bits}) + {slots - 1}""",  # noqa: S608  # numbers of ours
    )


_PLAIN = ("slot INTEGER NOT NULL, account INTEGER NOT NULL", "STRICT, WITHOUT ROWID")
LAYOUTS = [
    Layout(
        "time first",
        (f"{_PLAIN[0]}, {{values}}, PRIMARY KEY (slot, account)", _PLAIN[1]),
        lambda slot, account: (slot, account),
        "slot, account",
        """WITH RECURSIVE place (slot) AS (SELECT :first UNION ALL SELECT slot + 1 FROM place WHERE slot < :last - 1)
            SELECT count(*), sum(ingress_bytes) FROM place CROSS JOIN slot USING (slot) WHERE account = :account""",
    ),
    Layout(
        "tenant first",
        (f"{_PLAIN[0]}, {{values}}, PRIMARY KEY (account, slot)", _PLAIN[1]),
        lambda slot, account: (slot, account),
        "account, slot",
        "SELECT count(*), sum(ingress_bytes) FROM slot WHERE account = :account AND slot >= :first AND slot < :last",
    ),
    _packed("hour first, one integer (chosen)", 12, 4),
    _packed("day first, one integer", 288, 9),
]


def run() -> list[Result]:
    """Return four figures per candidate."""
    results: list[Result] = []
    for layout in LAYOUTS:
        with tempfile.TemporaryDirectory(prefix="northmeter-bench-") as folder:
            results += _measure(layout, Path(folder) / "slots.db")
    return results


def _measure(layout: Layout, path: Path) -> Iterable[Result]:
    path.touch()
    with closing(connect(path, read_only=False)) as connection:
        set_wal(connection, path)
        columns, ending = layout.table
        whole = columns.format(values=_VALUES) if "{values}" in columns else f"{columns}, {_VALUES}"
        connection.execute(f"CREATE TABLE slot ({whole}) {ending}")
        chance = random.Random(1)
        order = list(range(1, ACCOUNTS + 1))
        chance.shuffle(order)
        last = FIRST_SLOT + GROWN_DAYS * SLOTS_PER_DAY
        connection.execute("PRAGMA synchronous = OFF")
        for slot in range(FIRST_SLOT, last):
            _write(connection, layout, [_row(layout, slot, account, 0, chance) for account in order])
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (rows,) = connection.execute("SELECT count(*) FROM slot").fetchone()
        size = path.stat().st_size / 2**20 / rows * 1_000_000
        yield Result(f"{layout.name}: written, durably", _durable_rate(connection, layout, order, chance), "rows/s")
        yield Result(f"{layout.name}: a million stored rows", size, "MiB")
    yield Result(
        f"{layout.name}: {GROWN_DAYS} days of an account, cold cache of SQLite", _read(path, layout, last), "ms"
    )


def _row(layout: Layout, slot: int, account: int, missing: int, chance: random.Random) -> tuple[int, ...]:
    amount = int(10 ** chance.uniform(5, 10.5))
    return (*layout.key(slot, account), amount, amount // 4, amount // 800, amount // 2_000, 0, 0, missing, 0, 0)


def _write(connection: sqlite3.Connection, layout: Layout, rows: list[tuple[int, ...]]) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(
        f"INSERT INTO slot VALUES ({', '.join('?' * len(rows[0]))}) ON CONFLICT ({layout.conflict})"  # noqa: S608
        f" DO UPDATE SET {_UPDATES}, missing_ms = excluded.missing_ms",
        rows,
    )
    connection.execute("COMMIT")


def _durable_rate(connection: sqlite3.Connection, layout: Layout, order: list[int], chance: random.Random) -> float:
    """Return rows per second of polls that go on after the grown table."""
    took: list[float] = []
    first = FIRST_SLOT + GROWN_DAYS * SLOTS_PER_DAY
    for poll in range(MEASURED_SLOTS * POLLS_PER_SLOT):
        for part in range(0, ACCOUNTS, BATCH_ROWS):
            slot = first + poll // POLLS_PER_SLOT
            batch = [_row(layout, slot, account, 60_000, chance) for account in order[part : part + BATCH_ROWS]]
            started = time.perf_counter()
            _write(connection, layout, batch)
            took.append(time.perf_counter() - started)
    return BATCH_ROWS / statistics.median(took)


def _read(path: Path, layout: Layout, last: int) -> float:
    with closing(connect(path, read_only=True)) as connection:
        started = time.perf_counter()
        values = {"first": FIRST_SLOT, "last": last, "account": ACCOUNTS // 3}
        (count, _) = connection.execute(layout.month, values).fetchone()
        assert count == last - FIRST_SLOT
        return (time.perf_counter() - started) * 1_000
