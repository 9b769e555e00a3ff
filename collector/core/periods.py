"""Calendar arithmetic: days, months and billing periods of a time zone, and instants as text.

Pure: a zone comes in as an argument and nothing asks what time it is. Days and months are the calendar's: with a clock
change a day has 23 or 25 hours, and where midnight does not exist it begins with its first instant.
"""

from __future__ import annotations

import re
from calendar import monthrange
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta, tzinfo

from collector.model.period import MS_PER_SECOND, Instant, Interval

YEAR_MIN = 1970
"""The epoch; counters of routers are not older."""

YEAR_MAX = 2999
"""Greatest year that is taken: far beyond any bill, and far enough from the calendar's end that no sum overflows."""

MS_PER_DAY = 86_400_000

_DATE = re.compile(r"(\d{4})-(\d{2})-(\d{2})", re.ASCII)
_PERIOD = re.compile(r"(\d{4})-(\d{2})", re.ASCII)
# The blank before the offset is a "+" that was not percent-encoded in a query; RFC 3339 allows one after the date.
_TIME = re.compile(
    r"(\d{4}-\d{2}-\d{2})[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?([Zz]|[-+ ]\d{2}:\d{2})",
    re.ASCII,
)


def day_start(zone: tzinfo, day: date) -> Instant:
    """Return the first instant of a calendar day: midnight, or the end of the clock change that skipped it.

    Where midnight comes twice, it is the earlier one. A day that the zone never had begins with the day after it.
    """
    midnight = datetime(day.year, day.month, day.day, tzinfo=zone)
    after_gap = _seconds(midnight)
    if _local(zone, after_gap) == midnight.replace(tzinfo=None):
        return after_gap * MS_PER_SECOND
    # Midnight lies in a gap. Read with the offset after the change it falls before the change, read with the one
    # before it, after the change; local time in between jumps once, so that halving finds the jump.
    before_gap = _seconds(midnight.replace(fold=1))
    while after_gap - before_gap > 1:
        middle = (before_gap + after_gap) // 2
        if _local(zone, middle) < midnight.replace(tzinfo=None):
            before_gap = middle
        else:
            after_gap = middle
    return after_gap * MS_PER_SECOND


def local_date(zone: tzinfo, at: Instant) -> date:
    """Return the calendar day that ``at`` lies in."""
    return _local(zone, at // MS_PER_SECOND).date()


def day_boundaries(zone: tzinfo, start: Instant, end: Instant) -> list[Instant]:
    """Return ``start``, the beginning of every calendar day inside, and ``end``; strictly ascending.

    Args:
        start: First instant; the first day is cut here.
        end: First instant after it; the last day is cut here.
    """
    return _boundaries(start, end, local_date(zone, start), _next_day, lambda day: day_start(zone, day))


def month_boundaries(zone: tzinfo, start: Instant, end: Instant, day: int = 1) -> list[Instant]:
    """Return ``start``, the beginning of every month inside, and ``end``; strictly ascending.

    Args:
        start: First instant; the first month is cut here.
        end: First instant after it; the last month is cut here.
        day: Day on which months begin, 1 to 31; 29 to 31 clamp to the month's end.
    """
    first = local_date(zone, start).replace(day=1)
    return _boundaries(start, end, first, _next_month, lambda month: _month_start(zone, month.year, month.month, day))


def month_containing(zone: tzinfo, at: Instant, day: int = 1) -> Interval:
    """Return the month that ``at`` lies in; ``day`` as in ``month_boundaries``."""
    month = local_date(zone, at).replace(day=1)
    if _month_start(zone, month.year, month.month, day) > at:
        month = (month - timedelta(days=1)).replace(day=1)
    return period_interval(zone, month.year, month.month, day)


def period_interval(zone: tzinfo, year: int, month: int, day: int = 1) -> Interval:
    """Return the billing period that begins in the given month; ``day`` as in ``month_boundaries``.

    Source: accounting rules, section 7: by calendar month from the billing day, half-open, in the tenant's zone.
    """
    following = _next_month(date(year, month, 1))
    return Interval(
        start=_month_start(zone, year, month, day), end=_month_start(zone, following.year, following.month, day)
    )


def parse_period(text: str) -> tuple[int, int]:
    """Return (year, month) of ``2026-10``.

    Raises:
        ValueError: The text is no such month; the message says what was expected.
    """
    match = _PERIOD.fullmatch(text)
    if match is None or not YEAR_MIN <= int(match[1]) <= YEAR_MAX or not 1 <= int(match[2]) <= 12:
        raise ValueError(f"expected a month like 2026-10, of a year from {YEAR_MIN} to {YEAR_MAX}")
    return int(match[1]), int(match[2])


def parse_time(text: str, zone: tzinfo) -> Instant:
    """Return the instant of an RFC 3339 time with its offset, or of a bare date: the first instant of that day.

    Args:
        text: ``2026-10-01T00:00:00Z``, ``2026-10-01T02:00:00+02:00`` or ``2026-10-01``; what is below a millisecond is
            cut off.
        zone: Whose midnight a bare date means.
    Raises:
        ValueError: The text is neither; the message says what was expected.
    """
    if _DATE.fullmatch(text) is not None:
        return day_start(zone, _parse_date(text))
    match = _TIME.fullmatch(text)
    if match is None:
        raise ValueError("expected an RFC 3339 time like 2026-10-01T00:00:00Z, or a date like 2026-10-01")
    day, hour, minute, second = _parse_date(match[1]), int(match[2]), int(match[3]), int(match[4])
    if hour > 23 or minute > 59 or second > 59:
        raise ValueError("expected a time of day from 00:00:00 to 23:59:59")
    midnight = (day - date(1970, 1, 1)).days * MS_PER_DAY
    milliseconds = int(((match[5] or "") + "000")[:3])
    local = midnight + (hour * 3600 + minute * 60 + second) * MS_PER_SECOND + milliseconds
    return local - _parse_offset(match[6])


def format_time(at: Instant) -> str:
    """Return an instant in RFC 3339, UTC: ``2026-10-01T00:00:00Z``, with milliseconds only where there are any."""
    seconds, milliseconds = divmod(at, MS_PER_SECOND)
    text = (datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%S")
    return f"{text}.{milliseconds:03d}Z" if milliseconds else f"{text}Z"


def _parse_date(text: str) -> date:
    if not YEAR_MIN <= int(text[:4]) <= YEAR_MAX:
        raise ValueError(f"expected a year from {YEAR_MIN} to {YEAR_MAX}")
    try:
        return date.fromisoformat(text)
    except ValueError as error:
        raise ValueError("expected a day that the calendar has") from error


def _parse_offset(text: str) -> int:
    if text in {"Z", "z"}:
        return 0
    hours, minutes = int(text[1:3]), int(text[4:6])
    if hours > 23 or minutes > 59:
        raise ValueError("expected an offset from -23:59 to +23:59")
    offset = (hours * 60 + minutes) * 60 * MS_PER_SECOND
    return -offset if text[0] == "-" else offset


def _boundaries(
    start: Instant, end: Instant, first: date, following: Callable[[date], date], begin: Callable[[date], Instant]
) -> list[Instant]:
    if start >= end:
        raise ValueError("BUG: an interval without a length has no boundaries")
    boundaries = [start]
    step = first
    while (boundary := begin(step)) < end:
        # A day that a zone skipped begins with the day after it, and the first one begins before the interval.
        if boundary > boundaries[-1]:
            boundaries.append(boundary)
        step = following(step)
    return [*boundaries, end]


def _month_start(zone: tzinfo, year: int, month: int, day: int) -> Instant:
    return day_start(zone, date(year, month, min(day, monthrange(year, month)[1])))


def _next_day(day: date) -> date:
    return day + timedelta(days=1)


def _next_month(month: date) -> date:
    return (month.replace(day=1) + timedelta(days=32)).replace(day=1)


def _seconds(moment: datetime) -> int:
    return (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(seconds=1)


def _local(zone: tzinfo, seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, zone).replace(tzinfo=None)
