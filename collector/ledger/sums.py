"""Sums over slots: the statements behind usage.

A statement looks at a bounded number of rows, since SQLite sorts them in memory; the sums of its pieces are added
here, where whole numbers have no end.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from collector.ledger.keys import HOUR_SHIFT, SLOT_BITS, SLOT_OF_KEY, SLOTS_PER_HOUR
from collector.model.period import SLOT_MS
from collector.model.usage import Usage

ROWS_MAX = 50_000
"""Rows of the slot table that one statement may meet (those of one hour, where a tenant has more accounts): 10 MiB to
sort."""

_LOW_BITS = 32
_LOW_MASK = (1 << _LOW_BITS) - 1

# All operators on bits bind alike in SQL.
_FIRST_OF_HOUR = f"((hours.hour << {HOUR_SHIFT}) + (scope.account << {SLOT_BITS}))"


class Group(NamedTuple):
    """Keys of a group, ``None`` where rows are not grouped by them, and its accounts."""

    kind: str | None
    point: str | None
    accounts: tuple[int, ...]

    @property
    def order(self) -> tuple[str, str]:
        """Its place in the answer."""
        return self.kind or "", self.point or ""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What is asked of SQLite at once: slots [first, last) since the epoch, of some groups."""

    first: int
    last: int
    groups: Sequence[tuple[int, Group]]


class Sums(NamedTuple):
    """One group in one bucket."""

    bucket: int
    group: int
    usage: Usage
    measured_ms: int
    inferred_ms: int
    spread_ms: int


def summed(connection: sqlite3.Connection, stretch: Stretch, step: int | None) -> Iterator[Sums]:
    """Yield the sums of a stretch by (bucket, group).

    Args:
        step: Slots of a bucket, aligned to the epoch and numbered from there; ``None`` for one bucket, number 0.
    """
    accounts = [(account, number) for number, group in stretch.groups for account in group.accounts]
    grouped = len(accounts) > len(stretch.groups)
    hours = max(1, ROWS_MAX // (SLOTS_PER_HOUR * max(1, len(accounts))))
    parameters = {
        "scope": json.dumps(accounts),
        "origin": stretch.first if step is None else 0,
        "step": stretch.last - stretch.first if step is None else step,
    }
    found: dict[tuple[int, int], list[int]] = {}
    first = stretch.first
    while first < stretch.last:
        last = min(stretch.last, (first // SLOTS_PER_HOUR + hours) * SLOTS_PER_HOUR)
        for bucket, group, *numbers in _rows(connection, {**parameters, "first": first, "last": last}, grouped=grouped):
            known = found.get((bucket, group))
            found[bucket, group] = numbers if known is None else [a + b for a, b in zip(known, numbers, strict=True)]
        first = last
    for (bucket, group), numbers in sorted(found.items()):
        halves = zip(numbers[0:12:2], numbers[1:12:2], strict=True)
        measured, inferred, spread = numbers[12:]
        yield Sums(
            bucket, group, Usage(*((high << _LOW_BITS) + low for high, low in halves)), measured, inferred, spread
        )


def _rows(connection: sqlite3.Connection, parameters: dict[str, object], *, grouped: bool) -> Iterable[tuple[int, ...]]:
    try:
        return connection.execute(_statement(grouped=grouped, exact=False), parameters).fetchall()
    except sqlite3.OperationalError as error:
        # SQLite refuses a sum that has left 64 bits, and never rounds it; that is rare, and then halves are summed.
        if "integer overflow" not in str(error):
            raise
        return connection.execute(_statement(grouped=grouped, exact=True), parameters).fetchall()


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
            FROM ({cells}) GROUP BY bucket, grp"""  # noqa: S608  # our own names
    return f"""{scopes},
        cells AS ({cells}),
        worst AS (
            SELECT place, grp, max(missing) AS missing, max(unproved) AS unproved, max(unmeasured) AS unmeasured
            FROM cells GROUP BY place, grp)
        SELECT * FROM (
            SELECT (place - :origin) / :step AS bucket, grp, {sums} FROM cells GROUP BY bucket, grp)
        JOIN (
            SELECT (place - :origin) / :step AS bucket, grp, {measured}, {inferred}, {spread}
            FROM worst GROUP BY bucket, grp) USING (bucket, grp)"""  # noqa: S608  # our own names
