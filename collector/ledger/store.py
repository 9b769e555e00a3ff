"""What one transaction writes: a batch, an inventory, references.

Every function here runs in the ledger's thread. Statements take many rows at once; Python touches a row only to lay
its fields side by side.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from operator import itemgetter

from collector.errors import LedgerError
from collector.ledger.addresses import store_addresses
from collector.ledger.codec import encode, encode_samples
from collector.ledger.connection import transaction
from collector.ledger.events import store_events
from collector.ledger.keys import pack
from collector.model.identity import PointKey, ReadAt, TenantId
from collector.model.period import SLOT_MS
from collector.model.usage import Batch, Evidence, InventoryUpdate, Usage

CARRY_BITS = 62
"""A total is carry * 2^62 + rest: rest and one growth (below 2^62, see the core's GROWTH_MAX) stay inside 64 bits
together."""

_REST_MASK = (1 << CARRY_BITS) - 1

JOURNAL = """
INSERT INTO journal (id, at, first_sample_at, last_sample_at, samples) VALUES (?, ?, ?, ?, ?)
ON CONFLICT (id) DO NOTHING"""

SERIES = "UPDATE series SET state = ?, expected_from = ? WHERE id = ?"

SLOT = f"""
INSERT INTO slot (key, {", ".join(Usage._fields)}, missing_ms, spread_ms, inferred_ms)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (key) DO UPDATE SET
    {", ".join(f"{field} = {field} + excluded.{field}" for field in Usage._fields)},
    missing_ms = excluded.missing_ms, spread_ms = excluded.spread_ms, inferred_ms = excluded.inferred_ms"""  # noqa: S608  # our own names

# Parameter 1 is the account; each growth is used twice: for the rest, and for the carry.
ACCOUNT = f"""
UPDATE account SET {
    ", ".join(
        f"{field} = ({field} + ?{number}) & {_REST_MASK},"
        f" {field}_carry = {field}_carry + (({field} + ?{number}) >> {CARRY_BITS})"
        for number, field in enumerate(Usage._fields, 2)
    )
} WHERE id = ?1"""  # noqa: S608  # our own names

COMPLETED = "UPDATE point SET complete_until = max(complete_until, ?) WHERE id = ?"

WATERMARK = "INSERT INTO watermark VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET at = max(at, excluded.at)"

OUTBOX = "INSERT INTO outbox (at, slot) VALUES (?, ?)"


def commit(connection: sqlite3.Connection, batch: Batch) -> bool:
    """Store a batch in one transaction; False when its id was known. Raises sqlite3.Error, LedgerError."""
    journal = _journal_row(batch)  # deflating takes its time; the write lock is not held meanwhile
    series = [(encode(state), expected_from, ref) for ref, state, expected_from in batch.series]
    slots = [
        (pack(account, slot), *usage, SLOT_MS - measured - inferred - spread, spread, inferred)
        for account, slot, usage, (measured, inferred, spread) in batch.slots
    ]
    totals = [(account, *usage) for account, _, usage, _ in batch.slots]
    for rows in (slots, totals):
        rows.sort()  # neighbours lie on one page
    series.sort(key=itemgetter(2))
    with transaction(connection):
        if not connection.execute(JOURNAL, journal).rowcount:
            return False
        _update_known(connection, "series", SERIES, series)
        connection.executemany(SLOT, slots)
        _update_known(connection, "accounts", ACCOUNT, totals)
        connection.executemany(
            "INSERT OR IGNORE INTO run VALUES (?, ?, ?, ?)", [(ref, *stretch) for ref, stretch in batch.runs]
        )
        _update_known(
            connection,
            "points",
            COMPLETED,
            [(until, point) for point, until in batch.completed],
        )
        if batch.publish and has_exporters(connection):
            connection.executemany(OUTBOX, [(batch.at, pack(account, slot)) for account, slot in batch.publish])
        _store_quarantined(connection, batch)
        _store_rates(connection, batch)
        store_events(connection, batch.events)
        connection.executemany(
            WATERMARK,
            batch.watermarks,
        )
    return True


def has_exporters(connection: sqlite3.Connection) -> bool:
    """Return whether some destination waits for publications; one that was taken away counts until it is pruned."""
    return connection.execute("SELECT 1 FROM exporter_cursor LIMIT 1").fetchone() is not None


def _update_known(
    connection: sqlite3.Connection, what: str, statement: str, rows: Sequence[tuple[object, ...]]
) -> None:
    """Update one row per parameter row. Raises LedgerError when one does not exist: nothing may be lost in silence."""
    if rows and connection.executemany(statement, rows).rowcount != len(rows):
        raise LedgerError(f"BUG: a batch speaks of {what} that the ledger does not have")


def _journal_row(batch: Batch) -> tuple[str, int, int | None, int | None, bytes | None]:
    evidence: tuple[Evidence, ...] = batch.evidence
    if not evidence:
        return batch.id, batch.at, None, None, None
    times = [sample.at for _, sample, _ in evidence]
    return batch.id, batch.at, min(times), max(times), encode_samples(evidence)


def _store_quarantined(connection: sqlite3.Connection, batch: Batch) -> None:
    connection.executemany(
        "INSERT INTO quarantine (series, at, start_at, end_at, tenant, max_rate, delta, usage)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (q.series, batch.at, q.delta.start, q.delta.end, q.tenant, q.max_rate, encode(q.delta), encode(q.usage))
            for q in batch.quarantined
        ],
    )


def _store_rates(connection: sqlite3.Connection, batch: Batch) -> None:
    connection.executemany(
        "INSERT INTO rate_state VALUES (?, ?) ON CONFLICT (series) DO UPDATE SET state = excluded.state",
        [(series, encode(state.numbers())) for series, state in batch.rates],
    )
    # What is asked again and again, a conflict say, is one piece of evidence.
    connection.executemany(
        "INSERT OR IGNORE INTO rate_sample VALUES (?, ?, ?, ?, ?, ?, ?)",
        [
            (one.series, one.sample.at, one.sample.interval_ms, *one.sample[2:], one.rule, one.polled_at)
            for one in batch.rate_evidence
        ],
    )


def store_inventory(connection: sqlite3.Connection, update: InventoryUpdate) -> None:
    """Store what an inventory changes, in one transaction. Raises sqlite3.Error, LedgerError."""
    with transaction(connection):
        _update_known(
            connection,
            "points",
            "UPDATE point SET read_at = ?, created_at = ?, lacked_at = ? WHERE id = ?",
            [(facts.read_at, facts.created_at, facts.lacked_at, facts.point) for facts in update.points],
        )
        # A new owner holds from its first instant on, whoever was to hold from then on: of what is not booked yet.
        connection.executemany(
            "DELETE FROM owner WHERE point = ? AND valid_from > ?",
            [(point, owner.valid_from) for point, owner in update.owners],
        )
        connection.executemany(
            "INSERT INTO owner (point, tenant, role, valid_from, reason) VALUES (?, ?, ?, ?, ?)"
            " ON CONFLICT (point, valid_from)"
            " DO UPDATE SET tenant = excluded.tenant, role = excluded.role, reason = excluded.reason",
            [(point, *owner) for point, owner in update.owners],
        )
        if update.payload is not None:
            connection.execute(
                "INSERT INTO inventory VALUES (?, ?, ?) ON CONFLICT (source)"
                " DO UPDATE SET at = excluded.at, payload = excluded.payload",
                (update.source, update.at, update.payload),
            )
        if update.addresses is not None:
            store_addresses(connection, update.addresses)
        store_events(connection, update.events)


def probe(connection: sqlite3.Connection) -> None:
    """Write something and nothing. Raises sqlite3.Error."""
    with transaction(connection):
        connection.execute("UPDATE meta SET probes = probes + 1")


# --- references ------------------------------------------------------------------------------------------------------


def intern_points(connection: sqlite3.Connection, keys: Sequence[PointKey]) -> list[int]:
    """Return a lasting reference for each key, in order. Raises sqlite3.Error."""
    return _intern(connection, "point", ("source", "kind", "path"), keys)


def intern_series(connection: sqlite3.Connection, keys: Sequence[tuple[int, ReadAt, str, str]]) -> list[int]:
    """Return a lasting reference for each (point, end, port, node), in order. Raises sqlite3.Error."""
    return _intern(connection, "series", ("point", "read_at", "port", "node"), keys)


def intern_accounts(connection: sqlite3.Connection, keys: Sequence[tuple[TenantId, int]]) -> list[int]:
    """Return a lasting reference for each (tenant, point), in order. Raises sqlite3.Error."""
    return _intern(connection, "account", ("tenant", "point"), keys)


def _intern(
    connection: sqlite3.Connection, table: str, columns: Iterable[str], keys: Sequence[tuple[object, ...]]
) -> list[int]:
    names = tuple(columns)
    find = f"SELECT id FROM {table} WHERE {' AND '.join(f'{name} = ?' for name in names)}"  # noqa: S608  # our own names
    found = [connection.execute(find, key).fetchone() for key in keys]
    if None in found:
        add = f"INSERT INTO {table} ({', '.join(names)}) VALUES ({', '.join('?' * len(names))}) ON CONFLICT DO NOTHING"  # noqa: S608
        with transaction(connection):
            connection.executemany(add, [key for key, row in zip(keys, found, strict=True) if row is None])
            found = [connection.execute(find, key).fetchone() for key in keys]
    return [row[0] for row in found]
