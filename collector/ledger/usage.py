"""Usage of a tenant, grouped and paged.

Groups are numbered in the order of the answer before SQLite is asked, so that it sums over small integers only. What is
asked of it at once is bounded by the page: a stretch of buckets for a stretch of groups; the next stretch follows while
the page has room.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence

from collector.ledger.connection import snapshot
from collector.ledger.sums import Group, Stretch, Sums, summed
from collector.model.identity import BALANCE, Direction, Kind, TenantId
from collector.model.period import SLOT_MS, Instant
from collector.model.usage import Usage, UsageRow
from collector.ports import LedgerQuery

_SLOTS_GROWTH_MAX = 1 << 20
"""Slots of one stretch at most, ten years: where a tenant has no rows, stretches double up to this."""

_DIRECTIONS = (Direction.EGRESS, Direction.INGRESS)
"""In the order of their names, which is the order of the answer."""


def read_usage(connection: sqlite3.Connection, query: LedgerQuery) -> list[UsageRow]:
    """Return rows ordered by (start, kind, point, direction), at most ``query.limit``. Raises sqlite3.Error."""
    if query.limit < 1 or query.end <= query.start:
        return []
    with snapshot(connection):
        return _page(connection, query, _groups(connection, query))


def _groups(connection: sqlite3.Connection, query: LedgerQuery) -> list[Group]:
    """Return the tenant's groups in the order of the answer."""
    by: dict[tuple[str | None, str | None], list[int]] = {}
    kinds = None if query.kinds is None else {kind.value for kind in query.kinds}
    points = None if query.points is None else set(query.points)
    for account, kind, label in connection.execute(
        "SELECT account.id, kind, source || ':' || path FROM account JOIN point ON point.id = account.point"
        " WHERE account.tenant = ?",
        (query.tenant,),
    ):
        if (kinds is None or kind in kinds) and (points is None or label in points):
            key = (kind if "kind" in query.by else None, label if "point" in query.by else None)
            by.setdefault(key, []).append(account)
    return sorted((Group(*key, tuple(accounts)) for key, accounts in by.items()), key=lambda group: group.order)


def _page(connection: sqlite3.Connection, query: LedgerQuery, groups: Sequence[Group]) -> list[UsageRow]:
    step = query.step_ms // SLOT_MS if query.step_ms is not None else None
    first, last = query.start // SLOT_MS, -(-query.end // SLOT_MS)
    numbered = list(enumerate(groups))
    if query.after is not None and step is not None:
        first = max(first, query.after[0] // SLOT_MS // step * step)
    elif query.after is not None:
        after = query.after[1:3]
        numbered = [(number, group) for number, group in numbered if group.order >= after]
    rows: list[UsageRow] = []
    for stretch in _stretches(first, last, step, numbered, limit=query.limit, rows=rows):
        for sums in summed(connection, stretch, step):
            rows += (row for row in _rows(query, step, groups[sums.group], sums) if _is_after(row, query.after))
        if len(rows) >= query.limit:
            break
    return rows[: query.limit]


def _stretches(
    first: int,
    last: int,
    step: int | None,
    groups: Sequence[tuple[int, Group]],
    *,
    limit: int,
    rows: Sequence[UsageRow],
) -> Iterator[Stretch]:
    """Yield what to ask for, in the order of the answer, about a page at once.

    Args:
        rows: What the answers gave so far; where they give little, the stretches grow.
    """
    if step is None:
        for place in range(0, len(groups), limit):
            yield Stretch(first, last, groups[place : place + limit])
        return
    buckets = max(1, limit // max(1, len(groups)))
    while first < last and groups:
        upto = min(last, (first // step + buckets) * step)
        known = len(rows)
        for place in range(0, len(groups), limit):
            yield Stretch(first, upto, groups[place : place + limit])
        if len(rows) - known < limit // 4:
            buckets = min(2 * buckets, max(1, _SLOTS_GROWTH_MAX // step))
        first = upto


def _rows(query: LedgerQuery, step: int | None, group: Group, sums: Sums) -> Iterator[UsageRow]:
    """Yield the rows of one group in one bucket, by direction."""
    start, end = query.start, query.end
    if step is not None:
        start = max(start, sums.bucket * step * SLOT_MS)
        end = min(end, (sums.bucket + 1) * step * SLOT_MS)
    for direction, (amount, packets, dropped) in _quantities(query, sums.usage):
        yield UsageRow(
            query.tenant,
            start,
            end,
            None if group.kind is None else Kind(group.kind),
            group.point,
            direction,
            amount,
            packets,
            dropped,
            sums.measured_ms,
            sums.inferred_ms,
            sums.spread_ms,
        )


def _quantities(query: LedgerQuery, usage: Usage) -> Iterator[tuple[Direction | None, tuple[int, int, int]]]:
    """Yield (direction, (bytes, packets, dropped packets)); one for both where rows are not grouped by direction."""
    by = {
        Direction.EGRESS: (usage.egress_bytes, usage.egress_packets, usage.egress_dropped),
        Direction.INGRESS: (usage.ingress_bytes, usage.ingress_packets, usage.ingress_dropped),
    }
    wanted = [one for one in _DIRECTIONS if query.directions is None or one in query.directions]
    if "direction" in query.by:
        yield from ((one, by[one]) for one in wanted)
    elif wanted:
        columns = zip(*(by[one] for one in wanted), strict=True)
        amount, packets, dropped = (sum(column) for column in columns)
        yield None, (amount, packets, dropped)


def _is_after(row: UsageRow, after: tuple[Instant, str, str, str] | None) -> bool:
    return after is None or (row.start, row.kind or "", row.point or "", row.direction or "") > after


def read_tenants(connection: sqlite3.Connection) -> list[TenantId]:
    """Return the tenants that ever owned a billed point or held addresses, in order. Raises sqlite3.Error."""
    rows = connection.execute(
        "SELECT tenant FROM owner WHERE role = 'billed' UNION SELECT tenant FROM account WHERE tenant <> ?"
        " UNION SELECT tenant FROM address ORDER BY 1",
        (BALANCE,),
    )
    return [TenantId(tenant) for (tenant,) in rows]
