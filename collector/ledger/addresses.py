"""Addresses in the ledger: dated holdings and quotas, and the readings that they rest on.

A reading is stored once, in the order of time for each director, and only on top of the one that the caller knew of. So
a holding is never open twice.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from typing import Any

from collector.core.addresses import count_at, grouped
from collector.errors import LedgerError
from collector.ledger.connection import snapshot, transaction
from collector.model.addresses import (
    AddressGroup,
    AddressHistory,
    AddressReport,
    AddressState,
    AddressUpdate,
    Holding,
    QuotaKey,
    QuotaTerm,
)
from collector.model.directory import AddressKind
from collector.model.identity import TenantId
from collector.model.period import Instant

READINGS_AT_ONCE = 100
"""Readings that an exporter is given at once at most: each takes a look at every address of its director."""

_HOLDING = (
    "source, allocation, tenant, org, space, kind, value, addresses, used, allocated_at, start_at, end_at FROM address"
)
_QUOTA = "source, org, space, kind, prefix_length, tenant, most, start_at, end_at FROM address_quota"
_KNOWN = "SELECT source, until FROM address_known"


# --- writing ---------------------------------------------------------------------------------------------------------


def store_addresses(connection: sqlite3.Connection, update: AddressUpdate) -> None:
    """Store what a reading changes inside the caller's transaction.

    Raises sqlite3.Error; LedgerError when the ledger is not where the update takes it to be.
    """
    row = connection.execute(f"{_KNOWN} WHERE source = ?", (update.source,)).fetchone()
    if (row[1] if row is not None else None) != update.previous_at:
        raise LedgerError(f"BUG: a reading of addresses of {update.source} does not follow the one before it")
    _end_holdings(connection, update.ended)
    _end_quotas(connection, update.quotas_ended)
    connection.executemany(
        "INSERT INTO address (source, allocation, tenant, org, space, kind, value, addresses, used, allocated_at,"
        " start_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        [_holding_row(one) for one in update.begun],
    )
    connection.executemany(
        "INSERT INTO address_quota (source, org, space, kind, prefix_length, tenant, most, start_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        [
            (*_quota_place(one), one.tenant, None if one.limit is None else str(one.limit), one.start)
            for one in update.quotas_begun
        ],
    )
    connection.execute(
        "INSERT INTO address_reading (source, at, previous_at) VALUES (?, ?, ?)",
        (update.source, update.at, update.previous_at),
    )
    connection.execute(
        "INSERT INTO address_known VALUES (?, ?) ON CONFLICT (source) DO UPDATE SET until = excluded.until",
        (update.source, update.at),
    )


def _end_holdings(connection: sqlite3.Connection, ended: Sequence[Holding]) -> None:
    at = "source = ? AND allocation = ? AND start_at = ? AND end_at IS NULL"
    never = [(one.source, one.id, one.start) for one in ended if one.end == one.start]
    over = [(one.end, one.source, one.id, one.start) for one in ended if one.end != one.start]
    _change_known(connection, f"DELETE FROM address WHERE {at}", never)  # noqa: S608  # our own words
    _change_known(connection, f"UPDATE address SET end_at = ? WHERE {at}", over)  # noqa: S608


def _end_quotas(connection: sqlite3.Connection, ended: Sequence[QuotaTerm]) -> None:
    _change_known(
        connection,
        "UPDATE address_quota SET end_at = ? WHERE source = ? AND org = ? AND space = ? AND kind = ?"
        " AND prefix_length = ? AND start_at = ? AND end_at IS NULL",
        [(one.end, *_quota_place(one), one.start) for one in ended],
    )


def _change_known(connection: sqlite3.Connection, statement: str, rows: Sequence[tuple[object, ...]]) -> None:
    if rows and connection.executemany(statement, rows).rowcount != len(rows):
        raise LedgerError("BUG: a reading ends addresses that the ledger does not have")


def _holding_row(one: Holding) -> tuple[object, ...]:
    place = (one.source, one.id, one.tenant, one.org, one.space, one.kind.value, one.value)
    return (*place, str(one.addresses), str(one.used), one.allocated_at, one.start)


def _quota_place(one: QuotaTerm) -> tuple[object, ...]:
    return (one.source, one.key.org, one.key.space, one.key.kind.value, one.key.prefix_length or 0)


# --- reading ---------------------------------------------------------------------------------------------------------


def load_addresses(connection: sqlite3.Connection) -> AddressState:
    """Return what is held and in force, as of one moment. Raises sqlite3.Error."""
    with snapshot(connection):
        return held_addresses(connection)


def held_addresses(connection: sqlite3.Connection) -> AddressState:
    """Return what is held and in force, inside the caller's transaction. Raises sqlite3.Error."""
    return AddressState(
        held=tuple(_holdings(connection, "end_at IS NULL")),
        quotas=tuple(_quotas(connection, "end_at IS NULL")),
        known_until=dict(connection.execute(_KNOWN)),
    )


def read_addresses(
    connection: sqlite3.Connection, tenant: TenantId | None, start: Instant, end: Instant
) -> AddressHistory:
    """Return what touches [start, end), of one tenant or of all. Raises sqlite3.Error."""
    condition = "start_at < ? AND (end_at IS NULL OR end_at > ?)"
    parameters: list[object] = [end, start]
    if tenant is not None:
        condition, parameters = f"tenant = ? AND {condition}", [tenant, *parameters]
    with snapshot(connection):
        return AddressHistory(
            holdings=tuple(_holdings(connection, condition, *parameters)),
            quotas=tuple(_quotas(connection, condition, *parameters)),
            known_until=dict(connection.execute(_KNOWN)),
        )


def _holdings(connection: sqlite3.Connection, condition: str, *parameters: object) -> Iterator[Holding]:
    statement = f"SELECT {_HOLDING} WHERE {condition} ORDER BY start_at, source, allocation"
    for row in connection.execute(statement, parameters):
        yield _holding(*row)


def _holding(source: str, allocation: str, *rest: Any) -> Holding:  # Any: the columns as the table has them
    tenant, org, space, kind, value, addresses, used, allocated_at, start, end = rest
    return Holding(
        source=source,
        id=allocation,
        tenant=TenantId(tenant),
        org=org,
        space=space,
        kind=AddressKind(kind),
        value=value,
        addresses=int(addresses),
        used=int(used),
        allocated_at=allocated_at,
        start=start,
        end=end,
    )


def _quotas(connection: sqlite3.Connection, condition: str, *parameters: object) -> Iterator[QuotaTerm]:
    statement = f"SELECT {_QUOTA} WHERE {condition} ORDER BY start_at, source, org, space, kind, prefix_length"
    for source, org, space, kind, length, tenant, most, start, end in connection.execute(statement, parameters):
        yield QuotaTerm(
            source=source,
            key=QuotaKey(org, space, AddressKind(kind), length or None),
            tenant=TenantId(tenant),
            limit=None if most is None else int(most),
            start=start,
            end=end,
        )


# --- what is sent ----------------------------------------------------------------------------------------------------


def read_reports(connection: sqlite3.Connection, exporter: str, limit: int) -> list[AddressReport]:
    """Return the readings after an exporter's last one, with about ``limit`` counts, but one reading at least.

    Nothing for an unknown exporter. Raises sqlite3.Error.
    """
    reports: list[AddressReport] = []
    with snapshot(connection):
        for seq, published_at, source, at, previous_at in pending_readings(connection, exporter, READINGS_AT_ONCE):
            reports.append(AddressReport(seq, published_at, at, _counts(connection, source, at, previous_at)))
            limit -= len(reports[-1].counts)
            if limit <= 0:
                break
    return reports


def pending_readings(
    connection: sqlite3.Connection, exporter: str, limit: int
) -> list[tuple[int, Instant, str, Instant, Instant | None]]:
    """Return (seq, when it was there to be sent, director, time, time of the one before) of what is not confirmed."""
    return connection.execute(
        "SELECT reading.seq, max(at, registered_at), source, at, previous_at FROM exporter_cursor AS exporter"
        " CROSS JOIN address_reading AS reading ON reading.seq > exporter.address_reading"
        " WHERE name = ? ORDER BY 1 LIMIT ?",
        (exporter, limit),
    ).fetchall()


def _counts(
    connection: sqlite3.Connection, source: str, at: Instant, previous_at: Instant | None
) -> dict[AddressGroup, tuple[int, int]]:
    since = at - 1 if previous_at is None else previous_at
    touching = _holdings(
        connection, "source = ? AND start_at <= ? AND (end_at IS NULL OR end_at > ?)", source, at, since
    )
    return {group: count_at(holdings, at) for group, holdings in grouped(touching).items()}


def move_address_cursor(connection: sqlite3.Connection, exporter: str, seq: int) -> None:
    """Record what a destination confirmed; a cursor never goes back. Raises sqlite3.Error, LedgerError."""
    with transaction(connection):
        moved = connection.execute(
            "UPDATE exporter_cursor SET address_reading = max(address_reading, ?) WHERE name = ?", (seq, exporter)
        ).rowcount
        if not moved:
            raise LedgerError(f"BUG: exporter {exporter} was never registered with the ledger")
