"""Retention, a bounded number of rows per transaction, so that a commit never waits long."""

from __future__ import annotations

import sqlite3

from collector.ledger.connection import transaction
from collector.ledger.keys import HOUR_MS, SLOT_MASK, first_key
from collector.model.period import SLOT_MS, Instant

PRUNE_ROWS = 5_000
"""Rows deleted in one transaction: about 10 ms."""

PRUNE_BATCHES = 200
"""Batches of evidence deleted in one transaction; each may be many pages."""

_QUOTA_PLACE = "source, org, space, kind, prefix_length, start_at"
_PRUNE_ADDRESSES = (
    "DELETE FROM address WHERE id IN (SELECT id FROM address WHERE end_at < ? LIMIT ?)",
    (
        f"DELETE FROM address_quota WHERE ({_QUOTA_PLACE}) IN"  # noqa: S608  # our own names
        f" (SELECT {_QUOTA_PLACE} FROM address_quota WHERE end_at < ? LIMIT ?)"
    ),
    "DELETE FROM address_reading WHERE seq IN (SELECT seq FROM address_reading WHERE at < ? LIMIT ?)",
)


def prune_cursors(connection: sqlite3.Connection) -> None:
    """Forget destinations that are no longer registered; the outbox does not wait for them. Raises sqlite3.Error."""
    with transaction(connection):
        connection.execute("DELETE FROM exporter_cursor WHERE NOT registered")


def prune_outbox(connection: sqlite3.Connection) -> bool:
    """Delete publications that every destination confirmed; True when there may be more. Raises sqlite3.Error."""
    return _delete(
        connection,
        "outbox",
        "seq",
        "seq <= coalesce((SELECT min(max(seq, live_after)) FROM exporter_cursor), 9223372036854775807)",
    )


def prune_slots(connection: sqlite3.Connection, before: Instant) -> bool:
    """Delete slots that begin before an instant; True when there may be more. Raises sqlite3.Error."""
    hour = first_key(before)
    if _delete(connection, "slot", "key", "key < ?", hour):
        return True
    of_hour = -(-(before % HOUR_MS) // SLOT_MS)
    next_hour = first_key(before + HOUR_MS)
    return of_hour > 0 and _delete(
        connection, "slot", "key", f"key >= ? AND key < ? AND (key & {SLOT_MASK}) < ?", hour, next_hour, of_hour
    )


def prune_evidence(connection: sqlite3.Connection, before: Instant) -> bool:
    """Delete batches stored before an instant, with their samples; True when there may be more. Raises sqlite3.Error.

    Their ids go with them: a batch is repeated within seconds or never.
    """
    return _delete_oldest(connection, "journal", "seq", "at", before=before, limit=PRUNE_BATCHES)


def prune_rate_samples(connection: sqlite3.Connection, before: Instant) -> bool:
    """Delete samples of rates that ended before an instant; True when there may be more. Raises sqlite3.Error."""
    with transaction(connection):
        deleted = connection.execute(
            "DELETE FROM rate_sample WHERE (series, at, interval_ms, rx_bytes, tx_bytes, rule) IN"
            " (SELECT series, at, interval_ms, rx_bytes, tx_bytes, rule FROM rate_sample WHERE at < ? LIMIT ?)",
            (before, PRUNE_ROWS),
        ).rowcount
    return deleted == PRUNE_ROWS


def prune_events(connection: sqlite3.Connection, before: Instant) -> bool:
    """Delete events last seen before an instant; True when there may be more. Raises sqlite3.Error."""
    return _delete_oldest(connection, "event", "seq", "last_at", before=before, limit=PRUNE_ROWS)


def prune_parked(connection: sqlite3.Connection, before: Instant) -> bool:
    """Delete lines set aside before an instant; True when there may be more. Raises sqlite3.Error."""
    return _delete_oldest(connection, "parked", "id", "at", before=before, limit=PRUNE_ROWS)


def prune_runs(connection: sqlite3.Connection, before: Instant) -> bool:
    """Delete stretches of coverage that ended before an instant; True when there may be more. Raises sqlite3.Error.

    They are kept as long as slots: a node that comes back after months still changes slots of the time between.
    """
    with transaction(connection):
        deleted = connection.execute(
            "DELETE FROM run WHERE (series, start_at, end_at, quality) IN"
            " (SELECT series, start_at, end_at, quality FROM run WHERE end_at < ? LIMIT ?)",
            (before, PRUNE_ROWS),
        ).rowcount
    return deleted == PRUNE_ROWS


def prune_addresses(connection: sqlite3.Connection, before: Instant) -> bool:
    """Delete holdings and quotas that ended before an instant, and readings of that time; True when there may be more.

    What is held is kept, and up to when it is known. Raises sqlite3.Error.
    """
    with transaction(connection):
        deleted = [connection.execute(statement, (before, PRUNE_ROWS)).rowcount for statement in _PRUNE_ADDRESSES]
    return PRUNE_ROWS in deleted


def _delete(connection: sqlite3.Connection, table: str, key: str, condition: str, *values: int) -> bool:
    statement = (
        f"DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {condition} ORDER BY {key} LIMIT ?)"  # noqa: S608
    )
    with transaction(connection):
        return connection.execute(statement, (*values, PRUNE_ROWS)).rowcount == PRUNE_ROWS


def _delete_oldest(
    connection: sqlite3.Connection, table: str, key: str, at: str, *, before: Instant, limit: int
) -> bool:
    """Look at the rows that were stored first only: nearly in the order of time, so the others are younger still."""
    statement = f"""
        DELETE FROM {table} WHERE {key} IN (
            SELECT {key} FROM (SELECT {key}, {at} FROM {table} ORDER BY {key} LIMIT ?) WHERE {at} < ?)"""  # noqa: S608
    with transaction(connection):
        return connection.execute(statement, (limit, before)).rowcount == limit
