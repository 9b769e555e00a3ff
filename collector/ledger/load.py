"""What a daemon starts from, row by row out of the ledger.

A large ledger has tens of thousands of series, so nothing is read twice or kept beside the result, and strings that
repeat (sources, nodes, ports, tenants) and owners exist once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from itertools import groupby
from operator import itemgetter
from sys import intern
from typing import TypeVar

from collector.ledger.addresses import held_addresses
from collector.ledger.codec import decode_numbers, decode_state, decode_usage
from collector.ledger.connection import snapshot
from collector.ledger.store import CARRY_BITS
from collector.model.identity import Kind, PointKey, ReadAt, TenantId
from collector.model.rates import RateUpdate, state_of
from collector.model.usage import (
    LedgerState,
    Owner,
    Quality,
    Role,
    Run,
    StoredAccount,
    StoredPoint,
    StoredSeries,
    Usage,
)

T = TypeVar("T")

_TOTALS = ", ".join((*Usage._fields, *(f"{field}_carry" for field in Usage._fields)))


def load(connection: sqlite3.Connection) -> LedgerState:
    """Return everything that a daemon starts from, as of one moment. Raises sqlite3.Error, msgspec.MsgspecError."""
    with snapshot(connection):
        return LedgerState(
            points=tuple(_points(connection)),
            series=tuple(_series(connection)),
            accounts=tuple(_accounts(connection)),
            inventories={
                source: (at, payload)
                for source, at, payload in connection.execute("SELECT source, at, payload FROM inventory")
            },
            watermarks=dict(connection.execute("SELECT source, at FROM watermark")),
            event_counts={
                (source, event): count
                for source, event, count in connection.execute("SELECT source, event, count FROM event_total")
            },
            quarantined_bytes=_quarantined(connection),
            rates=tuple(
                RateUpdate(series, state_of(decode_numbers(state)))
                for series, state in connection.execute("SELECT series, state FROM rate_state ORDER BY series")
            ),
            addresses=held_addresses(connection),
        )


def _points(connection: sqlite3.Connection) -> Iterator[StoredPoint]:
    known: dict[tuple[Owner, ...], tuple[Owner, ...]] = {}
    owners = _beside(
        connection, "SELECT point, tenant, role, valid_from, reason FROM owner ORDER BY point, valid_from", _owner
    )
    for ref, source, kind, path, read_at, created_at, lacked_at, until in connection.execute(
        "SELECT id, source, kind, path, read_at, created_at, lacked_at, complete_until FROM point ORDER BY id"
    ):
        yield StoredPoint(
            ref=ref,
            key=PointKey(intern(source), Kind(kind), intern(path)),
            read_at=None if read_at is None else ReadAt(read_at),
            created_at=created_at,
            lacked_at=lacked_at,
            complete_until=until,
            owners=known.setdefault(history := owners(ref), history),
        )


def _owner(tenant: str, role: str, valid_from: int, reason: str) -> Owner:
    return Owner(TenantId(intern(tenant)), Role(role), valid_from, intern(reason))


def _series(connection: sqlite3.Connection) -> Iterator[StoredSeries]:
    runs = _beside(
        connection, "SELECT series, start_at, end_at, quality FROM run ORDER BY series, start_at, end_at", _run
    )
    for ref, point, read_at, port, node, state, expected_from in connection.execute(
        "SELECT id, point, read_at, port, node, state, expected_from FROM series ORDER BY id"
    ):
        yield StoredSeries(
            ref,
            point,
            ReadAt(read_at),
            intern(port),
            intern(node),
            None if state is None else decode_state(state),
            expected_from,
            runs(ref),
        )


def _run(start: int, end: int, quality: int) -> Run:
    return Run(start, end, Quality(quality))


def _beside(connection: sqlite3.Connection, statement: str, make: Callable[..., T]) -> Callable[[int], tuple[T, ...]]:
    """Return a function that gives the rows of a reference; it is asked in ascending order, so one pass does."""
    groups = groupby(connection.execute(statement), itemgetter(0))
    waiting = next(groups, None)

    def of(ref: int) -> tuple[T, ...]:
        nonlocal waiting
        if waiting is None or waiting[0] != ref:
            return ()
        rows = tuple(make(*row[1:]) for row in waiting[1])
        waiting = next(groups, None)
        return rows

    return of


def _accounts(connection: sqlite3.Connection) -> Iterator[StoredAccount]:
    for ref, tenant, point, *totals in connection.execute(
        f"SELECT id, tenant, point, {_TOTALS} FROM account ORDER BY id"  # noqa: S608  # our own names
    ):
        total = Usage(*((carry << CARRY_BITS) + rest for rest, carry in zip(totals[:6], totals[6:], strict=True)))
        yield StoredAccount(ref, TenantId(intern(tenant)), point, total)


def _quarantined(connection: sqlite3.Connection) -> dict[TenantId, int]:
    waiting: dict[TenantId, int] = {}
    for tenant, usage in connection.execute("SELECT tenant, usage FROM quarantine WHERE state = 'waiting'"):
        aside = decode_usage(usage)
        waiting[tenant] = waiting.get(tenant, 0) + aside.ingress_bytes + aside.egress_bytes
    return waiting
