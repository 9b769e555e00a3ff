"""The buckets of a request, as intervals that the ledger is asked for. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple
from zoneinfo import ZoneInfo

from collector.api.request import Granularity, UsageRequest
from collector.core.periods import day_boundaries, month_boundaries
from collector.model.identity import Tenant
from collector.model.period import SLOT_MS, Instant

HOUR_MS = 3_600_000


class Window(NamedTuple):
    """One question to the ledger over [start, end).

    Attributes:
        step_ms: Length of the buckets, on which both ends then lie, or ``None`` when the window is one bucket.
    """

    start: Instant
    end: Instant
    step_ms: int | None


def tenant_windows(request: UsageRequest, tenant: Tenant) -> list[Window]:
    """Return the windows of one tenant, ascending; together they cover the request, cut at its ends.

    Slots and hours are UTC; days and months are the tenant's calendar.
    """
    return _windows(request, tenant.timezone)


def shared_windows(request: UsageRequest) -> list[tuple[Window, Sequence[Tenant]]]:
    """Return each window with the tenants that have it, by (start, end); zones have days of their own."""
    if request.granularity not in {Granularity.DAY, Granularity.MONTH}:
        return [(window, request.tenants) for window in _windows(request, "UTC")]
    zones: dict[str, list[Tenant]] = {}
    for tenant in request.tenants:
        zones.setdefault(tenant.timezone, []).append(tenant)
    shared: dict[Window, list[Tenant]] = {}
    for zone, tenants in zones.items():
        for window in _windows(request, zone):
            shared.setdefault(window, []).extend(tenants)
    return sorted(shared.items(), key=lambda item: item[0][:2])


def remaining(windows: Iterable[Window], start: Instant) -> Iterator[tuple[Window, bool]]:
    """Give the windows from the bucket that begins at ``start`` on, and whether it is the one with that bucket."""
    for window in windows:
        if window.end <= start:
            continue
        if window.start > start:
            yield window, False
        elif window.step_ms is None:
            yield window, True
        else:
            first = start - (start - window.start) % window.step_ms
            yield window._replace(start=first), True


def split(window: Window, steps: int) -> Iterator[Window]:
    """Give the parts of a window, each of at most ``steps`` buckets."""
    if window.step_ms is None:
        yield window
        return
    length = window.step_ms * steps
    for start in range(window.start, window.end, length):
        yield window._replace(start=start, end=min(start + length, window.end))


def _windows(request: UsageRequest, zone_name: str) -> list[Window]:
    start, end = request.start, request.end
    match request.granularity:
        case Granularity.SLOT:
            return [Window(start, end, SLOT_MS)]
        case Granularity.HOUR:
            return _hours(start, end)
        case Granularity.DAY:
            return [Window(*pair, None) for pair in pairwise(day_boundaries(ZoneInfo(zone_name), start, end))]
        case Granularity.MONTH:
            return [Window(*pair, None) for pair in pairwise(month_boundaries(ZoneInfo(zone_name), start, end))]
        case Granularity.TOTAL:
            return [Window(start, end, None)]


def _hours(start: Instant, end: Instant) -> list[Window]:
    """Return whole hours as one window, and before and after it the parts of hours that the ends cut."""
    first, last = start + -start % HOUR_MS, end - end % HOUR_MS
    if first > last:
        return [Window(start, end, None)]
    windows = (Window(start, first, None), Window(first, last, HOUR_MS), Window(last, end, None))
    return [window for window in windows if window.start < window.end]
