"""Days, months and periods of real time zones, and instants as text."""

from __future__ import annotations

from datetime import UTC, date, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.periods import (
    MS_PER_DAY,
    day_boundaries,
    day_start,
    format_time,
    local_date,
    month_boundaries,
    month_containing,
    parse_period,
    parse_time,
    period_interval,
)
from collector.model.period import SLOT_MS, Instant, Interval

HOUR = 3_600_000
AMSTERDAM = ZoneInfo("Europe/Amsterdam")

# Zones with whole, half and quarter hours, both hemispheres, clock changes at midnight, and one that skipped a day.
ZONES = (
    "UTC",
    "Europe/Amsterdam",
    "America/New_York",
    "America/Sao_Paulo",
    "America/Havana",
    "America/St_Johns",
    "Asia/Beirut",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Lord_Howe",
    "Pacific/Apia",
    "Pacific/Chatham",
    "Pacific/Kiritimati",
)


def at(text: str) -> Instant:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1_000


zones = st.sampled_from(ZONES).map(ZoneInfo)
slots = st.integers(at("1995-01-01") // SLOT_MS, at("2037-01-01") // SLOT_MS).map(lambda number: number * SLOT_MS)


@st.composite
def intervals(draw: st.DrawFn, days_max: int) -> tuple[Instant, Instant]:
    start = draw(slots)
    return start, start + draw(st.integers(1, days_max * MS_PER_DAY // SLOT_MS)) * SLOT_MS


@given(zones, intervals(60))
def test_days_cover_the_interval_and_begin_with_their_first_instant(
    zone: ZoneInfo, interval: tuple[Instant, Instant]
) -> None:
    start, end = interval
    boundaries = day_boundaries(zone, start, end)
    assert boundaries[0] == start
    assert boundaries[-1] == end
    assert boundaries == sorted(set(boundaries))
    for boundary in boundaries[1:-1]:
        assert boundary % SLOT_MS == 0
        assert local_date(zone, boundary) > local_date(zone, boundary - 1)
    for first, last in pairwise(boundaries):
        assert last - first <= 25 * HOUR
        assert local_date(zone, first) == local_date(zone, last - 1)


@given(zones, intervals(800), st.integers(1, 31))
def test_months_cover_the_interval_and_begin_on_their_day(
    zone: ZoneInfo, interval: tuple[Instant, Instant], day: int
) -> None:
    start, end = interval
    boundaries = month_boundaries(zone, start, end, day)
    assert boundaries[0] == start
    assert boundaries[-1] == end
    assert boundaries == sorted(set(boundaries))
    for boundary in boundaries[1:-1]:
        assert boundary % SLOT_MS == 0
        period = month_containing(zone, boundary, day)
        assert period.start == boundary
        assert month_containing(zone, boundary - 1, day).end == boundary
    for first, last in pairwise(boundaries):
        period = month_containing(zone, first, day)
        assert period.start <= first < last <= period.end


@pytest.mark.parametrize("name", sorted(available_timezones()))
def test_every_day_of_a_year_begins_once_in_every_zone(name: str) -> None:
    zone = ZoneInfo(name)
    boundaries = day_boundaries(zone, at("2026-01-01"), at("2027-01-01"))
    assert boundaries == sorted(set(boundaries))
    assert 366 <= len(boundaries) <= 367
    assert all(boundary % SLOT_MS == 0 for boundary in boundaries)


@pytest.mark.parametrize(("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 7, 1), 24)])
def test_a_clock_change_makes_a_day_shorter_or_longer(day: date, hours: int) -> None:
    start = day_start(AMSTERDAM, day)
    assert day_boundaries(AMSTERDAM, start, start + hours * HOUR) == [start, start + hours * HOUR]
    assert day_start(AMSTERDAM, date.fromordinal(day.toordinal() + 1)) == start + hours * HOUR


def test_a_day_without_midnight_begins_after_the_change() -> None:
    sao_paulo = ZoneInfo("America/Sao_Paulo")
    assert day_start(sao_paulo, date(2018, 11, 4)) == at("2018-11-04T03:00:00")
    assert day_start(sao_paulo, date(2018, 11, 5)) == at("2018-11-05T02:00:00")


def test_a_change_that_starts_before_midnight_is_found_exactly() -> None:
    """Toronto 1919: at 23:30 on 30 March the clocks went to 00:30."""
    toronto = ZoneInfo("America/Toronto")
    assert day_start(toronto, date(1919, 3, 31)) == at("1919-03-31T04:30:00")


def test_a_midnight_that_comes_twice_is_the_earlier_one() -> None:
    havana = ZoneInfo("America/Havana")
    assert day_start(havana, date(2026, 11, 1)) == at("2026-11-01T04:00:00")
    assert day_start(havana, date(2026, 11, 2)) == at("2026-11-02T05:00:00")


def test_a_day_that_a_zone_skipped_has_no_boundary_of_its_own() -> None:
    apia = ZoneInfo("Pacific/Apia")
    assert day_start(apia, date(2011, 12, 30)) == day_start(apia, date(2011, 12, 31)) == at("2011-12-30T10:00:00")
    boundaries = day_boundaries(apia, at("2011-12-29T10:00:00"), at("2011-12-31T10:00:00"))
    assert boundaries == [at("2011-12-29T10:00:00"), at("2011-12-30T10:00:00"), at("2011-12-31T10:00:00")]


def test_late_billing_days_clamp_to_the_months_end() -> None:
    assert period_interval(ZoneInfo("UTC"), 2026, 1, 31) == Interval(start=at("2026-01-31"), end=at("2026-02-28"))
    assert period_interval(ZoneInfo("UTC"), 2028, 2, 30) == Interval(start=at("2028-02-29"), end=at("2028-03-30"))
    assert month_boundaries(ZoneInfo("UTC"), at("2026-01-01"), at("2026-04-01"), 31) == [
        at("2026-01-01"),
        at("2026-01-31"),
        at("2026-02-28"),
        at("2026-03-31"),
        at("2026-04-01"),
    ]


def test_a_period_is_the_month_of_its_zone() -> None:
    assert period_interval(AMSTERDAM, 2026, 10) == Interval(
        start=at("2026-09-30T22:00:00"), end=at("2026-10-31T23:00:00")
    )


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-10-01T00:00:00Z", "2026-10-01T00:00:00"),
        ("2026-10-01t00:00:00z", "2026-10-01T00:00:00"),
        ("2026-10-01 00:00:00Z", "2026-10-01T00:00:00"),
        ("2026-10-01T02:00:00+02:00", "2026-10-01T00:00:00"),
        ("2026-10-01T02:00:00 02:00", "2026-10-01T00:00:00"),
        ("2026-09-30T18:30:00-05:30", "2026-10-01T00:00:00"),
        ("2026-10-01", "2026-09-30T22:00:00"),
    ],
)
def test_times_are_read(text: str, expected: str) -> None:
    assert parse_time(text, AMSTERDAM) == at(expected)


def test_fractions_are_cut_to_milliseconds() -> None:
    assert parse_time("2026-10-01T00:00:00.1239Z", UTC) == at("2026-10-01") + 123
    assert parse_time("2026-10-01T00:00:00.5Z", UTC) == at("2026-10-01") + 500


@pytest.mark.parametrize(
    "text",
    [
        "",
        "now",
        "1",
        "2026-10",
        "2026-10-01T00:00:00",
        "2026-10-01T00:00Z",
        "2026-10-01T24:00:00Z",
        "2026-10-01T00:00:60Z",
        "2026-10-01T00:00:00+24:00",
        "2026-02-30",
        "2026-13-01",
        "0001-01-01",
        "9999-12-31T23:59:59Z",
        "٢٠٢٦-10-01",
        "2026-10-01\n",
        "2026-10-01T00:00:00Z ",
    ],
)
def test_other_texts_are_refused_with_what_was_expected(text: str) -> None:
    with pytest.raises(ValueError, match="expected"):
        parse_time(text, UTC)


@given(st.integers(0, at("2900-01-01")))
def test_an_instant_survives_its_text(instant: Instant) -> None:
    assert parse_time(format_time(instant), AMSTERDAM) == instant


def test_periods_are_read() -> None:
    assert parse_period("2026-10") == (2026, 10)
    for text in ("2026-13", "2026-00", "26-10", "2026-10-01", "0000-01", "2026-1"):
        with pytest.raises(ValueError, match="2026-10"):
            parse_period(text)


def test_an_empty_interval_is_a_defect_of_the_caller() -> None:
    with pytest.raises(ValueError, match="BUG"):
        day_boundaries(UTC, 0, 0)
