"""What flowed through points whoever owned them, for balances, and who owned a point when."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from operator import add

from collector.ledger.connection import snapshot
from collector.ledger.sums import Group, Stretch, summed
from collector.model.identity import Kind, PointKey, TenantId
from collector.model.period import SLOT_MS, Instant
from collector.model.usage import Coverage, Flow, Owner, Role, Usage

_ACCOUNTS = """
SELECT asked.key, account.id
FROM json_each(?) AS asked
JOIN point ON point.source = json_extract(asked.value, '$[0]') AND point.kind = json_extract(asked.value, '$[1]')
    AND point.path = json_extract(asked.value, '$[2]')
JOIN account ON account.point = point.id
ORDER BY asked.key, account.id"""

_NO_FLOW = Flow(Usage(), Coverage())

_COMPLETE_UNTIL = """
SELECT asked.key, point.complete_until
FROM json_each(?) AS asked
JOIN point ON point.source = json_extract(asked.value, '$[0]') AND point.kind = json_extract(asked.value, '$[1]')
    AND point.path = json_extract(asked.value, '$[2]')"""

_OWNERS = """
SELECT owner.tenant, owner.role, owner.valid_from, owner.reason
FROM owner JOIN point ON point.id = owner.point
WHERE point.source || ':' || point.path = ? AND (? IS NULL OR point.kind = ?)
ORDER BY point.kind, owner.valid_from"""


def read_flows(
    connection: sqlite3.Connection, points: Sequence[PointKey], start: Instant, end: Instant
) -> dict[PointKey, Flow]:
    """Return what passed each point in [start, end), on slot boundaries; none for a point without a row.

    Raises sqlite3.Error.
    """
    with snapshot(connection):
        found = [
            (int(number), int(account)) for number, account in connection.execute(_ACCOUNTS, (json.dumps(points),))
        ]
        if not found:
            return {}
        # Each account has the coverage of the time in which the point was its owner's, so that they add up.
        groups = [(place, Group(None, None, (account,))) for place, (_, account) in enumerate(found)]
        stretch = Stretch(start // SLOT_MS, -(-end // SLOT_MS), groups)
        flows: dict[PointKey, Flow] = {}
        for sums in summed(connection, stretch, None):
            key = points[found[sums.group][0]]
            known = flows.get(key, _NO_FLOW)
            seen = Coverage(sums.measured_ms, sums.inferred_ms, sums.spread_ms)
            flows[key] = Flow(Usage(*map(add, known.usage, sums.usage)), Coverage(*map(add, known.coverage, seen)))
        return flows


def read_complete_until(connection: sqlite3.Connection, points: Sequence[PointKey]) -> dict[PointKey, Instant]:
    """Return until when the slots of these points are complete; none for a point that the ledger does not know.

    Raises sqlite3.Error.
    """
    found = connection.execute(_COMPLETE_UNTIL, (json.dumps(points),))
    return {points[number]: until for number, until in found}


def read_points(connection: sqlite3.Connection) -> list[PointKey]:
    """Return every point that the ledger ever knew, by source and path. Raises sqlite3.Error."""
    rows = connection.execute("SELECT source, kind, path FROM point ORDER BY source, path, kind")
    return [PointKey(source, Kind(kind), path) for source, kind, path in rows]


def read_owners(connection: sqlite3.Connection, label: str, kind: str | None) -> list[Owner]:
    """Return the owners of a point, in order of time. Raises sqlite3.Error."""
    rows = connection.execute(_OWNERS, (label, kind, kind))
    return [Owner(TenantId(tenant), Role(role), valid_from, reason) for tenant, role, valid_from, reason in rows]
