"""Publications and the cursors of the destinations.

The outbox has live publications, one sequence for all destinations. A destination that is new also gets the history:
every complete slot that the ledger had when it came. That takes no queue: as long as its cursor is negative it walks
along the slot table itself, seq = key - 2^62, in the order of time, and only then comes to the live publications,
which all wait for it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from collector.errors import LedgerError
from collector.ledger.addresses import pending_readings
from collector.ledger.connection import snapshot, transaction
from collector.ledger.keys import ACCOUNT_OF_KEY, HOUR_MS, SLOT_OF_KEY, first_key, unpack
from collector.model.identity import BALANCE, Kind, TenantId
from collector.model.period import SLOT_MS, Instant
from collector.model.usage import Coverage, ExportRow, LedgerFigures, ParkedLine, Usage

HISTORY = 1 << 62
"""Added to the negative sequence numbers of the history it gives the key of the slot; keys are smaller than that for
ages."""

_SLOT_FIELDS = ", ".join(f"slot.{field}" for field in Usage._fields)
_ROW = f"""
    account.id, account.tenant, point.kind, point.source || ':' || point.path,
    {_SLOT_FIELDS}, missing_ms, spread_ms, inferred_ms"""

_LIVE = f"""
SELECT outbox.seq, outbox.at, outbox.slot, {_ROW}
FROM outbox
JOIN account ON account.id = {ACCOUNT_OF_KEY.replace("slot.key", "outbox.slot")}
JOIN point ON point.id = account.point
LEFT JOIN slot ON slot.key = outbox.slot
WHERE outbox.seq > ? ORDER BY outbox.seq LIMIT ?"""  # noqa: S608  # our own names

_COMPLETE = f"({SLOT_OF_KEY} + 1) * {SLOT_MS} <= min(point.complete_until, ?)"

_HISTORY = f"""
SELECT slot.key - {HISTORY}, ?, slot.key, {_ROW}
FROM slot
CROSS JOIN account ON account.id = {ACCOUNT_OF_KEY}
CROSS JOIN point ON point.id = account.point
WHERE slot.key > ? AND slot.key < ? AND {_COMPLETE} AND account.tenant <> ? ORDER BY slot.key LIMIT ?"""  # noqa: S608  # our own names


def register(connection: sqlite3.Connection, names: Iterable[str]) -> None:
    """Make these, and no others, the destinations that publications are kept for. Raises sqlite3.Error."""
    with transaction(connection):
        connection.execute("UPDATE exporter_cursor SET registered = 0")
        connection.executemany(
            f"""
            INSERT INTO exporter_cursor (name, seq, registered, registered_at, history_until, live_after)
            SELECT
                ?, iif(EXISTS (SELECT 1 FROM slot), -{HISTORY}, 0), 1,
                coalesce((SELECT at FROM journal ORDER BY seq DESC LIMIT 1), 0),
                (SELECT coalesce(max(complete_until), 0) FROM point),
                (SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'outbox')
            WHERE true
            ON CONFLICT (name) DO UPDATE SET registered = 1""",  # noqa: S608  # our own number
            [(name,) for name in names],
        )


def move_cursor(connection: sqlite3.Connection, exporter: str, seq: int) -> None:
    """Record what a destination confirmed; a cursor never goes back. Raises sqlite3.Error, LedgerError."""
    with transaction(connection):
        moved = connection.execute(
            "UPDATE exporter_cursor SET seq = max(seq, ?) WHERE name = ?", (seq, exporter)
        ).rowcount
        if not moved:
            raise LedgerError(f"BUG: exporter {exporter} was never registered with the ledger")


def park(connection: sqlite3.Connection, exporter: str, lines: Sequence[ParkedLine]) -> None:
    """Set refused lines aside. Raises sqlite3.Error."""
    with transaction(connection):
        connection.executemany(
            "INSERT INTO parked (exporter, at, line, reason) VALUES (?, ?, ?, ?)",
            [(exporter, line.at, line.line, line.reason) for line in lines],
        )


def read_outbox(connection: sqlite3.Connection, exporter: str, limit: int) -> list[ExportRow]:
    """Return what a destination has to be sent next, oldest first; nothing for an unknown one. Raises sqlite3.Error."""
    with snapshot(connection):
        return _pending(connection, exporter, limit)


def _pending(connection: sqlite3.Connection, exporter: str, limit: int) -> list[ExportRow]:
    cursor = connection.execute(
        "SELECT seq, registered_at, history_until, live_after FROM exporter_cursor WHERE name = ?", (exporter,)
    ).fetchone()
    if cursor is None:
        return []
    seq, registered_at, until, live_after = cursor
    rows: list[ExportRow] = []
    if seq < 0:
        history = (registered_at, seq + HISTORY, first_key(until + HOUR_MS), until, BALANCE, limit)
        rows += _export_rows(connection.execute(_HISTORY, history))
    if len(rows) < limit:
        rows += _export_rows(connection.execute(_LIVE, (max(seq, live_after), limit - len(rows))))
    return rows


def _export_rows(rows: Iterable[tuple[int, ...]]) -> Iterator[ExportRow]:
    kinds = {kind.value: kind for kind in Kind}
    for seq, at, key, account, tenant, kind, point, *numbers in rows:
        usage: Usage | None = None
        coverage = Coverage()
        if numbers[0] is not None:
            *amounts, missing, spread, inferred = numbers
            usage = Usage(*amounts)
            coverage = Coverage(SLOT_MS - missing - spread - inferred, inferred, spread)
        yield ExportRow(
            seq, at, account, TenantId(str(tenant)), kinds[str(kind)], str(point), unpack(key)[1], usage, coverage
        )


def read_figures(connection: sqlite3.Connection, path: Path) -> LedgerFigures:
    """Return the sizes that the ledger's metrics show. Raises sqlite3.Error."""
    with snapshot(connection):
        names = [
            name for (name,) in connection.execute("SELECT name FROM exporter_cursor WHERE registered ORDER BY name")
        ]
        lag = {name: _oldest(connection, name) for name in names}
        # Publications are numbered without a hole, so the distance of two numbers is how many lie between them.
        (waiting,) = connection.execute(
            "SELECT (SELECT coalesce(max(seq), 0) FROM outbox) - (SELECT min(max(seq, live_after)) FROM exporter_cursor"
            " WHERE registered)"
        ).fetchone()
        parked = dict(connection.execute("SELECT exporter, count(*) FROM parked GROUP BY exporter"))
        (readings,) = connection.execute(
            "SELECT count(*) FROM address_reading WHERE seq > (SELECT min(address_reading) FROM exporter_cursor"
            " WHERE registered)"
        ).fetchone()
    files = [path, path.with_name(path.name + "-wal")]
    size = sum(file.stat().st_size for file in files if file.exists())
    return LedgerFigures(bytes_on_disk=size, outbox=max(0, waiting or 0) + readings, parked=parked, lag=lag)


def _oldest(connection: sqlite3.Connection, exporter: str) -> Instant | None:
    """Return the time of the oldest publication or reading of addresses that is not confirmed."""
    times = [row.published_at for row in _pending(connection, exporter, 1)]
    times += [published_at for _, published_at, *_ in pending_readings(connection, exporter, 1)]
    return min(times, default=None)
