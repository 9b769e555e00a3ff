"""Usage of a tenant, grouped and paged.

Groups are numbered in the order of the answer before SQLite is asked, so that it sums over small integers only. What
is asked of it at once is bounded by the page: a stretch of buckets for a stretch of groups; the next stretch follows
while the page has room.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from collector.ledger.connection import snapshot
from collector.ledger.keys import HOUR_SHIFT, SLOT_BITS, SLOT_OF_KEY, SLOTS_PER_HOUR
from collector.model.identity import Direction, Kind, TenantId
from collector.model.period import SLOT_MS, Instant
from collector.model.usage import Usage, UsageRow
from collector.ports import LedgerQuery

_SLOTS_GROWTH_MAX = 1 << 20
"""Slots of one stretch at most, ten years: where a tenant has no rows, stretches double up to this."""

_LOW_BITS = 32
_LOW_MASK = (1 << _LOW_BITS) - 1

_DIRECTIONS = (Direction.EGRESS, Direction.INGRESS)
"""In the order of their names, which is the order of the answer."""


# All operators on bits bind alike in SQL.
_FIRST_OF_HOUR = f"((hours.hour << {HOUR_SHIFT}) + (scope.account << {SLOT_BITS}))"


class _Group(NamedTuple):
    """Keys of a group, ``None`` where rows are not grouped by them, and its accounts."""

    kind: str | None
    point: str | None
    accounts: tuple[int, ...]

    @property
    def order(self) -> tuple[str, str]:
        """Its place in the answer."""
        return self.kind or "", self.point or ""


@dataclass(frozen=True, slots=True)
class _Stretch:
    """What is asked of SQLite at once: slots [first, last) since the epoch, of some groups."""

    first: int
    last: int
    groups: Sequence[tuple[int, _Group]]


class _Sums(NamedTuple):
    """One group in one bucket."""

    bucket: int
    group: int
    usage: Usage
    measured_ms: int
    inferred_ms: int
    spread_ms: int


def read_usage(connection: sqlite3.Connection, query: LedgerQuery) -> list[UsageRow]:
    """Return rows ordered by (start, kind, point, direction), at most ``query.limit``. Raises sqlite3.Error."""
    if query.limit < 1 or query.end <= query.start:
        return []
    with snapshot(connection):
        return _page(connection, query, _groups(connection, query))


def _groups(connection: sqlite3.Connection, query: LedgerQuery) -> list[_Group]:
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
    return sorted((_Group(*key, tuple(accounts)) for key, accounts in by.items()), key=lambda group: group.order)


def _page(connection: sqlite3.Connection, query: LedgerQuery, groups: Sequence[_Group]) -> list[UsageRow]:
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
        for sums in _sums(connection, stretch, step):
            rows += (row for row in _rows(query, step, groups[sums.group], sums) if _is_after(row, query.after))
        if len(rows) >= query.limit:
            break
    return rows[: query.limit]


def _stretches(
    first: int,
    last: int,
    step: int | None,
    groups: Sequence[tuple[int, _Group]],
    *,
    limit: int,
    rows: Sequence[UsageRow],
) -> Iterator[_Stretch]:
    """Yield what to ask for, in the order of the answer, about a page at once.

    Args:
        rows: What the answers gave so far; where they give little, the stretches grow.
    """
    if step is None:
        for place in range(0, len(groups), limit):
            yield _Stretch(first, last, groups[place : place + limit])
        return
    buckets = max(1, limit // max(1, len(groups)))
    while first < last and groups:
        upto = min(last, (first // step + buckets) * step)
        known = len(rows)
        for place in range(0, len(groups), limit):
            yield _Stretch(first, upto, groups[place : place + limit])
        if len(rows) - known < limit // 4:
            buckets = min(2 * buckets, max(1, _SLOTS_GROWTH_MAX // step))
        first = upto


# --- sums ------------------------------------------------------------------------------------------------------------


def _statement(*, grouped: bool, exact: bool) -> str:
    """Return the statement that sums a stretch.

    Args:
        grouped: Some group has several accounts, so that the worst coverage of each slot is looked for first.
        exact: Sum the upper and lower 32 bits apart: slower, and right beyond 2^63.
    """
    sums = ", ".join(
        f"sum({field} >> {_LOW_BITS}), sum({field} & {_LOW_MASK})" if exact else f"0, sum({field})"
        for field in Usage._fields
    )
    cells = f"""
        SELECT {SLOT_OF_KEY} AS place, scope.grp AS grp, {", ".join(f"slot.{field}" for field in Usage._fields)},
            missing_ms AS missing, missing_ms + spread_ms AS unproved,
            missing_ms + spread_ms + inferred_ms AS unmeasured
        FROM hours CROSS JOIN scope CROSS JOIN slot
        WHERE slot.key BETWEEN {_FIRST_OF_HOUR} AND {_FIRST_OF_HOUR} + {SLOTS_PER_HOUR - 1}
            AND place >= :first AND place < :last"""  # noqa: S608  # our own names
    measured, inferred, spread = (
        f"sum({SLOT_MS} - unmeasured)",
        "sum(unmeasured - unproved)",
        "sum(unproved - missing)",
    )
    scopes = f"""
        WITH RECURSIVE scope (account, grp) AS MATERIALIZED (
            SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(:scope)),
        hours (hour) AS (
            SELECT :first / {SLOTS_PER_HOUR}
            UNION ALL SELECT hour + 1 FROM hours WHERE hour < (:last - 1) / {SLOTS_PER_HOUR})"""  # noqa: S608
    if not grouped:
        return f"""{scopes}
            SELECT (place - :origin) / :step AS bucket, grp, {sums}, {measured}, {inferred}, {spread}
            FROM ({cells}) GROUP BY bucket, grp ORDER BY bucket, grp"""  # noqa: S608  # our own names
    return f"""{scopes},
        cells AS ({cells}),
        worst AS (
            SELECT place, grp, max(missing) AS missing, max(unproved) AS unproved, max(unmeasured) AS unmeasured
            FROM cells GROUP BY place, grp)
        SELECT * FROM (
            SELECT (place - :origin) / :step AS bucket, grp, {sums} FROM cells GROUP BY bucket, grp)
        JOIN (
            SELECT (place - :origin) / :step AS bucket, grp, {measured}, {inferred}, {spread}
            FROM worst GROUP BY bucket, grp) USING (bucket, grp) ORDER BY bucket, grp"""  # noqa: S608  # our own names


def _sums(connection: sqlite3.Connection, stretch: _Stretch, step: int | None) -> Iterator[_Sums]:
    """Yield the sums of a stretch by (bucket, group); a bucket is a number of steps since the epoch, or 0."""
    grouped = any(len(group.accounts) > 1 for _, group in stretch.groups)
    parameters = {
        "scope": json.dumps([(account, number) for number, group in stretch.groups for account in group.accounts]),
        "first": stretch.first,
        "last": stretch.last,
        "origin": stretch.first if step is None else 0,
        "step": stretch.last - stretch.first if step is None else step,
    }
    try:
        rows = connection.execute(_statement(grouped=grouped, exact=False), parameters).fetchall()
    except sqlite3.OperationalError as error:
        # SQLite refuses a sum that has left 64 bits, and never rounds it; that is rare, and then halves are summed.
        if "integer overflow" not in str(error):
            raise
        rows = connection.execute(_statement(grouped=grouped, exact=True), parameters).fetchall()
    for bucket, group, *numbers in rows:
        halves = zip(numbers[0:12:2], numbers[1:12:2], strict=True)
        usage = Usage(*((high << _LOW_BITS) + low for high, low in halves))
        yield _Sums(bucket, group, usage, *numbers[12:])


def _rows(query: LedgerQuery, step: int | None, group: _Group, sums: _Sums) -> Iterator[UsageRow]:
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
    """Return the tenants that ever owned a billed point, in order. Raises sqlite3.Error."""
    rows = connection.execute(
        "SELECT tenant FROM owner WHERE role = 'billed' UNION SELECT tenant FROM account ORDER BY 1"
    )
    return [TenantId(tenant) for (tenant,) in rows]
