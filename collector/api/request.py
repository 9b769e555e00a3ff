"""What a request for usage asks, from parameters as text. Pure: the same for the route and for the command."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TypeVar
from zoneinfo import ZoneInfo

from collector.api.faults import ParameterFault, shown
from collector.core.periods import MS_PER_DAY, format_time, month_containing, parse_time
from collector.model.identity import EXTERNAL_KINDS, Direction, Kind, Tenant
from collector.model.period import SLOT_MS, Instant, Interval


class Granularity(StrEnum):
    """Length of the buckets: ``hour`` is UTC, ``day`` and ``month`` are the tenant's calendar."""

    SLOT = "slot"
    HOUR = "hour"
    DAY = "day"
    MONTH = "month"
    TOTAL = "total"


class GroupBy(StrEnum):
    """What rows can be grouped by."""

    TENANT = "tenant"
    KIND = "kind"
    POINT = "point"
    DIRECTION = "direction"


BY_DEFAULT = (GroupBy.TENANT, GroupBy.KIND, GroupBy.DIRECTION)

RANGE_DAYS_MAX = {
    # More than a year of slots, as long as they are kept by default; pages bound the work of each request.
    Granularity.SLOT: 400,
    Granularity.HOUR: 400,
    # Each bucket is a read of its own, so that years of days stay within thousands of reads.
    Granularity.DAY: 1_100,
    # Ten years: longer than books must be kept in most countries.
    Granularity.MONTH: 3_660,
    Granularity.TOTAL: 3_660,
}
"""Longest range, in days."""


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageParameters:
    """Parameters as they were written; ``None`` for one that was not. Named as the route's and the command's."""

    tenant: str | None = None
    start: str | None = None
    end: str | None = None
    granularity: str | None = None
    by: Sequence[str] | None = None
    kind: Sequence[str] | None = None
    point: Sequence[str] | None = None
    direction: Sequence[str] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class UsageRequest:
    """A request that can be answered.

    Attributes:
        tenants: Whose usage, ordered by id.
        start: On a slot boundary.
        end: On a slot boundary, after ``start``.
        kinds: Only these, or every one; ``points`` and ``directions`` likewise.
    """

    tenants: tuple[Tenant, ...]
    start: Instant
    end: Instant
    granularity: Granularity
    by: frozenset[GroupBy]
    kinds: tuple[Kind, ...] | None
    points: tuple[str, ...] | None
    directions: tuple[Direction, ...] | None


def usage_request(
    parameters: UsageParameters,
    tenants: tuple[Tenant, ...],
    zone_name: str,
    open_end: Instant,
    pinned: Interval | None,
) -> UsageRequest:
    """Return the request that parameters stand for.

    Without ``end`` it ends with the open slot; without ``start`` it begins with the month of its last instant.

    Args:
        parameters: As they were written.
        tenants: Whose usage, ordered by id.
        zone_name: Zone of bare dates and of the default start.
        open_end: End of the open slot.
        pinned: What a lacking ``start`` or ``end`` stands for, instead of the defaults.
    Raises:
        ParameterFault: A parameter is wrong.
    """
    granularity = _choice("granularity", parameters.granularity, Granularity) or Granularity.TOTAL
    interval = _interval(parameters, ZoneInfo(zone_name), open_end, pinned)
    _check_range(interval, granularity)
    written = _choices("by", parameters.by, GroupBy)
    by = frozenset(BY_DEFAULT if written is None else written)
    return UsageRequest(
        tenants=tenants,
        start=interval.start,
        end=interval.end,
        granularity=granularity,
        by=by,
        kinds=_kinds(parameters, by),
        points=tuple(parameters.point) if parameters.point else None,
        directions=_choices("direction", parameters.direction, Direction) or None,
    )


def _kinds(parameters: UsageParameters, by: frozenset[GroupBy]) -> tuple[Kind, ...] | None:
    """Return the kinds that are asked for.

    Rows that are not grouped by kind are external traffic alone, unless kinds are named: a tunnel's payload, say,
    passes an uplink too, and adding both would show the same bytes twice.
    """
    named = _choices("kind", parameters.kind, Kind) or None
    return named if named is not None or GroupBy.KIND in by else tuple(sorted(EXTERNAL_KINDS))


def instant_parameter(name: str, text: str, zone: ZoneInfo) -> Instant:
    """Return the instant that a parameter names.

    Raises:
        ParameterFault: It names none.
    """
    try:
        at = parse_time(text, zone)
    except ValueError as error:
        raise ParameterFault(name, f"{error}, not {shown(text)}") from error
    if at < 0:
        raise ParameterFault(name, "lies before 1970")
    return at


def _interval(parameters: UsageParameters, zone: ZoneInfo, open_end: Instant, pinned: Interval | None) -> Interval:
    end = pinned.end if pinned is not None else open_end
    if parameters.end is not None:
        end = _boundary("end", parameters.end, zone)
    if parameters.start is not None:
        start = _boundary("start", parameters.start, zone)
    elif pinned is not None:
        start = pinned.start
    else:
        start = max(0, month_containing(zone, end - 1).start)
    return Interval(start=start, end=end)


def _boundary(name: str, text: str, zone: ZoneInfo) -> Instant:
    at = instant_parameter(name, text, zone)
    if at % SLOT_MS:
        raise ParameterFault(name, f"{format_time(at)} is not on a slot boundary, a multiple of five minutes in UTC")
    return at


def _check_range(interval: Interval, granularity: Granularity) -> None:
    start, end = format_time(interval.start), format_time(interval.end)
    if interval.start >= interval.end:
        raise ParameterFault("start", f"{start} is not before end, {end}")
    days = RANGE_DAYS_MAX[granularity]
    if interval.milliseconds > days * MS_PER_DAY:
        raise ParameterFault(
            "end", f"{end} is more than {days} days after start, {start}, for granularity {granularity}"
        )


_Choice = TypeVar("_Choice", bound=StrEnum)


def _choice(name: str, text: str | None, choices: type[_Choice]) -> _Choice | None:
    if text is None:
        return None
    try:
        return choices(text)
    except ValueError as error:
        raise ParameterFault(name, f"expected one of {', '.join(choices)}, not {shown(text)}") from error


def _choices(name: str, texts: Iterable[str] | None, choices: type[_Choice]) -> tuple[_Choice, ...] | None:
    if texts is None:
        return None
    found = (_choice(name, text, choices) for text in texts)
    return tuple(sorted({choice for choice in found if choice is not None}))
