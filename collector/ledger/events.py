"""Events: repeats within an hour are one row, and how often each was seen outlives the rows."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence

from collector.ledger.codec import decode_detail, encode_detail
from collector.model.identity import TenantId
from collector.model.period import Instant
from collector.model.usage import Detail, Event, StoredEvent

REPEAT_MS = 3_600_000
"""Repeats of one event on one series within this time of the first are one row. Source: docs/accounting.md, section
2."""

_BOUND_PREFIX = "unknown_bytes"
"""Details of this name are bounds of what nobody can know; those of two events add up."""

_FIND = """
SELECT seq, last_at, detail FROM event
WHERE repeat_key <> '' AND repeat_key = ? AND source = ? AND event = ? AND at <= ? AND at > ?
ORDER BY at DESC, seq DESC LIMIT 1"""

_ADD = """
INSERT INTO event (at, last_at, count, source, event, tenant, point, node, detail, repeat_key)
VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, ?)"""


def store_events(connection: sqlite3.Connection, events: Sequence[Event]) -> None:
    """Store events inside the caller's transaction. Raises sqlite3.Error."""
    for event in events:
        _store(connection, event)
    connection.executemany(
        "INSERT INTO event_total VALUES (?, ?, ?) ON CONFLICT (source, event)"
        " DO UPDATE SET count = count + excluded.count",
        [(source, name, count) for (source, name), count in Counter((e.source, e.event) for e in events).items()],
    )


def _store(connection: sqlite3.Connection, event: Event) -> None:
    if event.repeat_key:
        key = (event.repeat_key, event.source, event.event, event.at, event.at - REPEAT_MS)
        known = connection.execute(_FIND, key).fetchone()
        if known is not None:
            seq, last_at, detail = known
            connection.execute(
                "UPDATE event SET count = count + 1, last_at = ?, detail = ? WHERE seq = ?",
                (max(last_at, event.at), encode_detail(merged(decode_detail(detail), event.detail)), seq),
            )
            return
    row = (event.at, event.at, event.source, event.event, event.tenant, event.point, event.node)
    connection.execute(_ADD, (*row, encode_detail(event.detail), event.repeat_key))


def merged(known: Detail, new: Detail) -> Detail:
    """Return the detail of two repeats: bounds add up as whole numbers, everything else is the newest."""
    result = {**known, **new}
    for name, value in known.items():
        if name.startswith(_BOUND_PREFIX) and name in new:
            result[name] = str(_whole(value) + _whole(new[name]))
    return result


def _whole(value: object) -> int:
    """Return a bound as a number; one that is not known adds nothing."""
    return int(value) if isinstance(value, int | str) and str(value).isdecimal() else 0


def read_events(
    connection: sqlite3.Connection,
    *,
    tenants: Sequence[TenantId] | None,
    since: Instant | None,
    event: str | None,
    after: int,
    limit: int,
    point: str | None = None,
) -> list[StoredEvent]:
    """Return events stored after ``after``, oldest first; ``since`` is for their last time. Raises sqlite3.Error."""
    conditions = ["seq > ?"]
    parameters: list[object] = [after]
    if tenants is not None:
        conditions.append(f"tenant IN ({', '.join('?' * len(tenants))})")
        parameters += tenants
    if since is not None:
        conditions.append("last_at >= ?")
        parameters.append(since)
    if event is not None:
        conditions.append("event = ?")
        parameters.append(event)
    if point is not None:
        conditions.append("point = ?")
        parameters.append(point)
    rows = connection.execute(
        "SELECT seq, at, last_at, count, source, event, tenant, point, node, detail FROM event"  # noqa: S608  # no input in it
        f" WHERE {' AND '.join(conditions)} ORDER BY seq LIMIT ?",
        (*parameters, limit),
    )
    return [
        StoredEvent(
            seq=seq,
            at=at,
            last_at=last_at,
            count=count,
            source=source,
            event=name,
            tenant=TenantId(tenant) if tenant is not None else None,
            point=point,
            node=node,
            detail=decode_detail(detail),
        )
        for seq, at, last_at, count, source, name, tenant, point, node, detail in rows
    ]
