"""Rows of an answer, from rows of the ledger. Pure."""

from __future__ import annotations

from typing import NamedTuple

from collector.api.request import GroupBy, UsageRequest
from collector.api.windows import Window
from collector.model.identity import Direction, Kind, TenantId
from collector.model.period import MS_PER_SECOND, SLOT_MS, Instant
from collector.model.usage import UsageRow

Keys = tuple[str, str, str]
"""Kind, point and direction of a row; empty where rows are not grouped by it."""


class UsageLine(NamedTuple):
    """A row of usage over [start, end), with whole numbers; keys that are not grouped by are ``None``.

    The four durations add up to the row's length, as far as it does not reach beyond the open slot.
    """

    tenant: TenantId | None
    start: Instant
    end: Instant
    kind: Kind | None
    point: str | None
    direction: Direction | None
    bytes: int
    packets: int
    dropped_packets: int
    measured_seconds: int
    inferred_seconds: int
    spread_seconds: int
    missing_seconds: int


def line_of(
    request: UsageRequest, tenant: TenantId | None, window: Window, row: UsageRow, open_end: Instant
) -> UsageLine:
    """Return a row of the ledger as a row of the answer.

    Args:
        request: What was asked.
        tenant: Whose row it is, or ``None`` for a sum over tenants.
        window: The question that the ledger answered with it.
        row: The ledger's row.
        open_end: End of the open slot.
    """
    start = row.start if window.step_ms is not None else window.start
    end = window.end if window.step_ms is None else start + window.step_ms
    by = request.by
    return UsageLine(
        tenant if GroupBy.TENANT in by else None,
        start,
        end,
        row.kind if GroupBy.KIND in by else None,
        row.point if GroupBy.POINT in by else None,
        row.direction if GroupBy.DIRECTION in by else None,
        row.bytes,
        row.packets,
        row.dropped_packets,
        *_seconds(row, start, end, open_end),
    )


def _seconds(row: UsageRow, start: Instant, end: Instant, open_end: Instant) -> tuple[int, int, int, int]:
    """Return measured, inferred, spread and missing seconds; differences of cumulative ones, so that they add up.

    What lies after the open slot is not missing yet. A device's clock may run ahead of ours: what it covered is there.
    """
    inferred = row.measured_ms + row.inferred_ms
    covered = inferred + row.spread_ms
    reached = max(min(end, open_end) - start, -(-covered // SLOT_MS) * SLOT_MS)
    length = max(min(reached, end - start), covered)
    a, b, c, d = (value // MS_PER_SECOND for value in (row.measured_ms, inferred, covered, length))
    return a, b - a, c - b, d - c


def merge(left: UsageRow, right: UsageRow) -> UsageRow:
    """Return the usage of two tenants; at most as well covered as either, at each quality."""
    measured = min(left.measured_ms, right.measured_ms)
    inferred = min(left.measured_ms + left.inferred_ms, right.measured_ms + right.inferred_ms)
    covered = min(_covered(left), _covered(right))
    return left._replace(
        bytes=left.bytes + right.bytes,
        packets=left.packets + right.packets,
        dropped_packets=left.dropped_packets + right.dropped_packets,
        measured_ms=measured,
        inferred_ms=inferred - measured,
        spread_ms=covered - inferred,
    )


def _covered(row: UsageRow) -> int:
    return row.measured_ms + row.inferred_ms + row.spread_ms


def keys_of(row: UsageRow | UsageLine) -> Keys:
    """Return what orders rows of one bucket."""
    return (row.kind or "", row.point or "", row.direction or "")
