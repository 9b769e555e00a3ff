"""The worked examples of docs/accounting.md, word for word, against the code and against the oracle."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from collector.core import slots as code
from collector.model.usage import Delta, Growth, Quality
from tests.oracle import shares
from tests.oracle.rules import Book, Booked, Params, Told, account
from tests.property.told import Ran, run

PARAMS = Params(max_rate=100_000_000_000, gap_after_ms=180_000)

READINGS = ((0, 1_000), (60, 1_600), (60, 1_600), (120, 50), (180, 250), (240, 240), (300, 290))
EPOCH_MS = 1_791_000_000_000
"""The example's second 0; instant 0 itself means that a row has no time."""


def _told(second: int, value: int) -> Told:
    return Told(EPOCH_MS + second * 1_000, (value, value, value, value, value, value))


def _seconds(entries: list[Booked]) -> list[tuple[int, int, int, str, int]]:
    return [
        ((e.start - EPOCH_MS) // 1_000, (e.end - EPOCH_MS) // 1_000, e.growth[0], e.quality, e.rule) for e in entries
    ]


BOOKED = [
    (0, 60, 600, "measured", 8),
    (60, 120, 50, "inferred", 11),
    (120, 180, 200, "measured", 11),
    (180, 300, 40, "measured", 10),
]
RULES = [3, 8, 4, 9, 11, 9, 10]


@pytest.fixture
def ran() -> Ran:
    return run([_told(*reading) for reading in READINGS], PARAMS)


@pytest.fixture
def book() -> Book:
    return account([_told(*reading) for reading in READINGS], PARAMS)


def test_the_table_of_readings_in_the_code(ran: Ran) -> None:
    assert _seconds(ran.booked()) == BOOKED
    assert [outcome.rule for outcome in ran.outcomes] == RULES
    assert ran.aside() == []
    events = [[finding.event.value for finding in outcome.findings] for outcome in ran.outcomes]
    assert events == [["first_seen"], [], [], [], ["reset"], [], ["glitch"]]


def test_the_table_of_readings_in_the_oracle(book: Book) -> None:
    assert _seconds(book.booked) == BOOKED
    assert book.rules == RULES
    assert [noted.name for noted in book.events] == ["first_seen", "reset", "glitch"]


def test_the_value_first_seen_and_the_bound_of_the_restart_are_in_their_events(ran: Ran) -> None:
    first, restart = ran.outcomes[0].findings[0], ran.outcomes[4].findings[0]
    assert first.detail["rx_bytes"] == "1000"
    assert restart.detail["unknown_bytes_max_ingress"] == restart.detail["unknown_bytes_max_egress"] == "750000000000"


def test_the_last_reading_is_the_baseline_and_nothing_is_held(ran: Ran, book: Book) -> None:
    assert ran.state is not None
    assert book.baseline is not None
    assert ran.state.baseline.at == book.baseline.at == EPOCH_MS + 300_000
    assert ran.state.baseline.counters.rx_bytes == book.baseline.counters[0] == 290
    assert ran.state.held is None
    assert book.held is None


def _at(text: str) -> int:
    return int(datetime.fromisoformat(f"2026-10-03T{text}").replace(tzinfo=UTC).timestamp()) * 1_000


START, MIDDLE, END = _at("12:03:20"), _at("12:05:00"), _at("12:08:20")


def test_a_thousand_bytes_over_two_slots_in_the_code() -> None:
    parts = code.split(Delta(START, END, Growth(rx_bytes=1_000), Quality.MEASURED, 8))
    assert [(part.start, part.end, part.growth.rx_bytes) for part in parts] == [
        (START, MIDDLE, 333),
        (MIDDLE, END, 667),
    ]


def test_a_thousand_bytes_over_two_slots_in_the_oracle() -> None:
    rows = shares.slots([Booked(START, END, (1_000, 0, 0, 0, 0, 0), "measured", 8)])
    assert {slot: growth[0] for (_, slot), growth in rows.items()} == {_at("12:00:00"): 333, MIDDLE: 667}


@pytest.mark.parametrize(
    ("milliseconds", "seconds"),
    [
        ((300_000, 0, 0, 0), (300, 0, 0, 0)),
        ((0, 0, 0, 300_000), (0, 0, 0, 300)),
        ((1_999, 1, 0, 298_000), (1, 1, 0, 298)),
        ((999, 999, 999, 297_003), (0, 1, 1, 298)),
        ((123_456, 100_544, 500, 75_500), (123, 101, 0, 76)),
    ],
)
def test_whole_seconds_add_up_by_the_cumulative_rule(milliseconds: tuple[int, ...], seconds: tuple[int, ...]) -> None:
    measured, inferred, spread, _ = milliseconds
    assert tuple(code.whole_seconds(300_000, measured, inferred, spread)) == seconds
    assert tuple(shares.whole_seconds(milliseconds)) == seconds
    assert sum(seconds) == 300
