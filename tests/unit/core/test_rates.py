"""Samples of rates: the table of docs/accounting.md, section 8, row by row."""

from __future__ import annotations

import pytest

from collector.core import rates
from collector.core.rates import (
    BEYOND,
    CONFLICT,
    DETAIL_MS,
    FIRST_LOOK_MS,
    IMPLAUSIBLE,
    KEPT_MS,
    LATE_MS,
    PIECES_MAX,
    REPEAT,
    TOO_OLD,
    UNPROVED,
    WHOLE,
    Judged,
    account,
    ask_from,
    begun,
    holes,
    settle,
)
from collector.model.rates import RateState, state_of
from collector.model.sample import RateSample
from collector.model.usage import EventName, Quality

NOON = 1_792_584_000_000
MINUTE = 60_000
FINE = 5 * MINUTE
COARSE = 30 * MINUTE
DAY = 86_400_000
LINE = 10**10


def fine(minute: int, rx: int = 600, tx: int = 60) -> RateSample:
    """A sample of five minutes that ends so many minutes after noon."""
    return RateSample(NOON + minute * MINUTE, FINE, rx, tx)


def coarse(minute: int, rx: int, tx: int = 60) -> RateSample:
    """The same over half an hour."""
    return RateSample(NOON + minute * MINUTE, COARSE, rx, tx)


def fed(*samples: RateSample, low: int = NOON - DAY, max_rate: int = LINE) -> tuple[RateState, list[Judged]]:
    state, judged = RateState(low, low), []
    for sample in samples:
        judged.append(account(state, sample, max_rate))
        state = judged[-1].state
    return state, judged


def booked(judged: list[Judged]) -> list[tuple[int, int, int, int, str]]:
    """(first minute, last minute, rx, tx, quality) of what was booked, in order of time."""
    deltas = sorted(delta for one in judged for delta in one.deltas)
    return [
        (
            (delta.start - NOON) // MINUTE,
            (delta.end - NOON) // MINUTE,
            delta.growth.rx_bytes,
            delta.growth.tx_bytes,
            delta.quality.name.lower(),
        )
        for delta in deltas
    ]


def test_each_sample_is_booked_over_its_own_interval() -> None:
    _, judged = fed(fine(5), fine(10, rx=0, tx=0))
    assert [one.rule for one in judged] == [WHOLE, WHOLE]
    assert booked(judged) == [(0, 5, 600, 60, "measured"), (5, 10, 0, 0, "measured")]


def test_the_same_sample_again_changes_nothing() -> None:
    state, judged = fed(fine(5), fine(10), fine(5), fine(10))
    assert [one.rule for one in judged[2:]] == [REPEAT, REPEAT]
    assert judged[3].state is judged[1].state is state
    assert not judged[2].findings


def test_other_bytes_at_the_same_time_are_a_conflict_and_book_nothing() -> None:
    _, judged = fed(fine(5, rx=600), fine(5, rx=1_000, tx=50))
    assert judged[1].rule == CONFLICT
    assert judged[1].state is judged[0].state
    (finding,) = judged[1].findings
    assert finding.event is EventName.CONFLICT
    assert finding.detail == {
        "start": "2026-10-21T12:00:00Z",
        "end": "2026-10-21T12:05:00Z",
        "rx_bytes": "1000",
        "tx_bytes": "50",
        "known_rx_bytes": "600",
        "known_tx_bytes": "60",
        "unknown_bytes_max_ingress": "400",
        "unknown_bytes_max_egress": "0",
    }


def test_a_late_sample_fills_its_hole() -> None:
    state, judged = fed(fine(5), fine(15), fine(10, rx=7))
    assert booked(judged)[1] == (5, 10, 7, 60, "measured")
    assert not list(holes(state))


def test_a_coarse_sample_books_what_it_proves_beyond_fine_ones_over_the_time_they_leave() -> None:
    _, judged = fed(fine(5, rx=100), fine(10, rx=200), coarse(30, rx=1_300, tx=100))
    assert judged[2].rule == BEYOND
    assert booked(judged)[2:] == [(10, 30, 1_000, 0, "spread")]


def test_the_rest_of_a_coarse_sample_is_shared_out_over_several_holes_and_adds_up() -> None:
    _, judged = fed(fine(10, rx=1), fine(20, rx=1), coarse(30, rx=103, tx=121))
    assert booked(judged[2:]) == [
        (0, 5, 25, 0, "spread"),
        (10, 15, 25, 0, "spread"),
        (20, 30, 51, 1, "spread"),
    ]


def test_a_coarse_sample_that_says_less_than_fine_ones_books_no_bytes_but_covers_the_time() -> None:
    _, judged = fed(fine(5, rx=500, tx=500), coarse(30, rx=400, tx=60))
    assert booked(judged[1:]) == [(5, 30, 0, 0, "spread")]


def test_fine_samples_under_a_coarse_one_are_repeats() -> None:
    _, judged = fed(coarse(30, rx=6_000), *(fine(minute, rx=10**6) for minute in range(5, 35, 5)))
    assert {one.rule for one in judged[1:]} == {REPEAT}


def test_a_coarse_sample_over_fine_ones_that_fill_it_is_a_repeat() -> None:
    _, judged = fed(*(fine(minute) for minute in range(5, 35, 5)), coarse(30, rx=10**6))
    assert judged[-1].rule == REPEAT
    assert not judged[-1].findings


def test_a_sample_that_only_touches_what_was_booked_books_nothing_and_says_what_it_may_hide() -> None:
    state, judged = fed(fine(5), RateSample(NOON + 8 * MINUTE, FINE, 500, 40))
    assert judged[1].rule == UNPROVED
    assert judged[1].state is judged[0].state is state
    (finding,) = judged[1].findings
    assert finding.event is EventName.CONFLICT
    assert finding.detail["unknown_bytes_max_ingress"] == "500"
    assert finding.detail["unknown_bytes_max_egress"] == "40"


def test_a_part_of_a_coarse_sample_proves_nothing_to_another_that_holds_only_that_part() -> None:
    """The bytes of [0, 5) are a guess: how a coarse sample's rest was shared out over two holes."""
    wide = RateSample(NOON + 5 * MINUTE, COARSE, 9_000, 0)
    _, judged = fed(fine(20, rx=0), coarse(30, rx=1_000), wide)
    assert judged[2].rule == UNPROVED
    longer = RateSample(NOON + 30 * MINUTE, 2 * COARSE, 9_000, 60)
    _, judged = fed(fine(20, rx=0), coarse(30, rx=1_000), longer)
    assert booked(judged[2:]) == [(-30, 0, 8_000, 0, "spread")], "the whole of it lies within"


def test_an_implausible_sample_is_set_aside_whole_and_only_once() -> None:
    ceiling = 600 * 8 // 300
    _, judged = fed(fine(5, rx=601), fine(5, rx=601), fine(10, rx=600), fine(5, rx=5), max_rate=ceiling)
    assert [one.rule for one in judged] == [IMPLAUSIBLE, REPEAT, WHOLE, CONFLICT]
    (delta,) = judged[0].quarantined
    assert (delta.growth.rx_bytes, delta.growth.tx_bytes, delta.quality) == (601, 60, Quality.MEASURED)
    assert judged[0].deltas == ()
    assert judged[0].findings[0].event is EventName.IMPLAUSIBLE
    assert judged[0].findings[0].detail["max_rate"] == str(ceiling)


def test_the_rest_of_a_coarse_sample_is_judged_by_the_time_that_it_has() -> None:
    ceiling = 1_000 * 8 // 300
    samples = [fine(minute, rx=0) for minute in range(5, 30, 5)]
    _, judged = fed(*samples, coarse(30, rx=5_000), max_rate=ceiling)
    assert judged[-1].rule == IMPLAUSIBLE
    assert [delta.growth.rx_bytes for delta in judged[-1].quarantined] == [5_000]
    assert judged[-1].quarantined[0].quality is Quality.SPREAD


def test_nothing_is_told_from_a_coarse_sample_over_one_that_was_set_aside() -> None:
    _, judged = fed(fine(5, rx=10**9), coarse(30, rx=5_000), max_rate=100_000)
    assert [one.rule for one in judged] == [IMPLAUSIBLE, UNPROVED]


def test_growth_beyond_what_a_slot_can_hold_is_set_aside_whatever_the_ceiling() -> None:
    _, judged = fed(fine(5, rx=2**56 + 1), max_rate=2**100)
    assert judged[0].rule == IMPLAUSIBLE


def test_what_begins_before_the_state_can_judge_is_not_booked_and_told_with_its_bound() -> None:
    _, judged = fed(fine(4, rx=77), low=NOON)
    assert judged[0].rule == TOO_OLD
    (finding,) = judged[0].findings
    assert finding.event is EventName.OUT_OF_ORDER
    assert finding.detail["unknown_bytes_max_ingress"] == "77"
    assert finding.detail["judged_from"] == "2026-10-21T12:00:00Z"


# --- the beginning ---------------------------------------------------------------------------------------------------


def test_metering_begins_with_what_the_first_answer_holds() -> None:
    state = begun(None, [fine(10), fine(5)], held_since=NOON + 2 * MINUTE)
    assert state == RateState(NOON, NOON)
    assert begun(None, [fine(10)], held_since=NOON - MINUTE).low == NOON - MINUTE


def test_an_empty_first_answer_begins_metering_too() -> None:
    state = begun(None, [], held_since=NOON)
    assert begun(state, [], held_since=NOON + DAY) is state
    assert begun(state, [fine(35)], held_since=NOON + 20 * MINUTE).low == NOON
    assert begun(state, [fine(4)], held_since=NOON).low == NOON - MINUTE, "the first sample is not refused"


def test_a_state_with_samples_stays_as_it_is() -> None:
    state, _ = fed(fine(5))
    assert begun(state, [fine(-100)], held_since=0) is state


# --- holes -----------------------------------------------------------------------------------------------------------


def test_a_hole_is_lost_an_hour_before_the_newest_sample_and_told_once() -> None:
    state, _ = fed(fine(5), fine(15))
    state, lost = settle(state, NOON - DAY, NOON + DAY, LINE)
    assert lost == ()
    state = account(state, fine(65), LINE).state
    state, lost = settle(state, NOON - DAY, NOON + DAY, LINE)
    assert lost == (), "an hour before it, [00:05, 00:10) may still be filled"
    state = account(state, fine(70), LINE).state
    state, lost = settle(state, NOON - DAY, NOON + DAY, LINE)
    assert [(one.event, one.at) for one in lost] == [(EventName.GAP, NOON + 10 * MINUTE)]
    assert lost[0].detail == {
        "start": "2026-10-21T12:05:00Z",
        "end": "2026-10-21T12:10:00Z",
        "unknown_bytes_max_ingress": str(LINE * 300 // 8),
        "unknown_bytes_max_egress": str(LINE * 300 // 8),
    }
    assert settle(state, NOON - DAY, NOON + DAY, LINE)[1] == ()


def test_a_hole_that_the_source_no_longer_holds_is_lost_at_once() -> None:
    state, _ = fed(fine(5), fine(15))
    assert settle(state, NOON + 9 * MINUTE, NOON + DAY, LINE)[1] == (), "its end may still come"
    _, lost = settle(state, NOON + 10 * MINUTE, NOON + DAY, LINE)
    assert [one.at for one in lost] == [NOON + 10 * MINUTE]


def test_a_hole_after_an_outage_longer_than_the_source_remembers_is_lost_at_once() -> None:
    state, _ = fed(fine(5))
    state, _ = settle(state, NOON, NOON + FINE, LINE)
    state = account(state, RateSample(NOON + 3 * DAY, FINE, 1, 1), LINE).state
    _, lost = settle(state, NOON + 3 * DAY - FINE, NOON + 3 * DAY, LINE)
    assert [one.detail["start"] for one in lost] == ["2026-10-21T12:05:00Z"]


def test_a_lost_hole_is_filled_all_the_same_when_its_sample_comes() -> None:
    state, _ = fed(fine(5), fine(15), fine(120))
    state, lost = settle(state, NOON, NOON + DAY, LINE)
    assert len(lost) == 1
    assert account(state, fine(10), LINE).rule == WHOLE


def test_nothing_is_settled_by_a_time_that_has_not_come() -> None:
    state, _ = fed(fine(5), fine(15), RateSample(NOON + 9 * DAY, FINE, 1, 1))
    settled, lost = settle(state, NOON + 9 * DAY, NOON + 15 * MINUTE, LINE)
    assert lost[0].at == NOON + 10 * MINUTE, "held_since is believed, as far as our clock allows"
    assert settled.settled == NOON + 15 * MINUTE
    assert settled.low == NOON - DAY


# --- what is kept ----------------------------------------------------------------------------------------------------


def long_run(hours: int) -> RateState:
    state = RateState(NOON, NOON)
    for number in range(1, hours * 12 + 1):
        state = account(state, fine(5 * number), LINE).state
        state, lost = settle(state, NOON, NOON + hours * 3_600_000, LINE)
        assert lost == ()
    return state


def test_old_neighbours_become_one_piece_that_keeps_their_bytes() -> None:
    state = long_run(12)
    assert len(state.pieces) == DETAIL_MS // FINE + 1
    first = state.pieces[0]
    assert (first.start, first.end) == (NOON, NOON + 10 * 60 * MINUTE)
    assert (first.rx_bytes, first.tx_bytes, first.samples) == (120 * 600, 120 * 60, 120)
    assert account(state, fine(5), LINE).rule == REPEAT
    assert account(state, fine(5, rx=1), LINE).rule == REPEAT, "what it said by itself is no longer known"


def test_a_coarse_sample_around_a_joined_piece_is_told_from_its_sum() -> None:
    state = long_run(4)
    wide = RateSample(NOON + 6 * 3_600_000, 6 * 3_600_000, 48 * 600 + 5, 48 * 60)
    judged = account(state, wide, LINE)
    assert [(delta.start, delta.growth.rx_bytes) for delta in judged.deltas] == [(NOON + 4 * 3_600_000, 5)]


def test_samples_older_than_a_month_are_forgotten_by_whole_slots() -> None:
    state, _ = fed(fine(5))
    far = NOON + KEPT_MS + 20 * MINUTE
    state = account(state, RateSample(far, FINE, 1, 1), LINE).state
    state, _ = settle(state, NOON, far, LINE)
    assert state.low == NOON + 20 * MINUTE
    assert [piece.end for piece in state.pieces] == [far]


def test_a_series_of_holes_keeps_a_bounded_number_of_pieces() -> None:
    state, _ = fed(*(fine(10 * number) for number in range(1, PIECES_MAX + 101)), low=NOON)
    state, lost = settle(state, NOON, NOON + 90 * DAY, LINE)
    assert len(state.pieces) == PIECES_MAX
    assert state.low == state.pieces[0].start
    assert lost


def test_a_state_is_stored_as_numbers_and_comes_back() -> None:
    state, _ = fed(fine(20, rx=0), coarse(30, rx=1_000), fine(40, rx=10**15), max_rate=10**9)
    state, _ = settle(state, NOON, NOON + DAY, 10**9)
    assert len({piece.quality for piece in state.pieces}) == 3
    again = state_of(state.numbers())
    assert again == state
    assert all(type(number) is int for number in state.numbers())
    assert all(isinstance(piece.quality, Quality) for piece in again.pieces)


@pytest.mark.parametrize("numbers", [(), (1, 2), (2, 0, 0), (1, 0, 0, 1), (1, 0, 0, 0, 1, 2, 3, 9, 0, 1, 1)])
def test_other_numbers_are_no_state(numbers: tuple[int, ...]) -> None:
    with pytest.raises(ValueError):
        state_of(numbers)


# --- what is asked for -----------------------------------------------------------------------------------------------


def test_a_point_that_was_never_read_is_asked_for_its_newest_samples() -> None:
    assert ask_from(None, NOON, DAY) == NOON - FIRST_LOOK_MS
    assert ask_from(None, NOON, FINE) == NOON - FINE


def test_a_point_without_samples_so_far_is_asked_from_its_beginning() -> None:
    state = begun(None, [], held_since=NOON)
    assert ask_from(state, NOON + MINUTE, DAY) == NOON + MINUTE - FIRST_LOOK_MS
    assert ask_from(state, NOON + 5 * 3_600_000, DAY) == NOON
    assert ask_from(state, NOON + 2 * DAY, DAY) == NOON + DAY


def test_two_intervals_before_the_newest_sample_are_asked_for_again() -> None:
    state, _ = fed(fine(5), low=NOON)
    assert ask_from(state, NOON + 6 * MINUTE, DAY) == NOON - 5 * MINUTE
    state, _ = fed(coarse(30, rx=1), low=NOON)
    assert ask_from(state, NOON + 31 * MINUTE, DAY) == NOON - 30 * MINUTE


def test_a_hole_that_may_be_filled_is_asked_for_again() -> None:
    state, _ = fed(fine(5), fine(50), low=NOON)
    state, _ = settle(state, NOON, NOON + DAY, LINE)
    assert ask_from(state, NOON + 51 * MINUTE, DAY) == NOON + 5 * MINUTE
    state = account(state, fine(45 + LATE_MS // MINUTE), LINE).state
    state, _ = settle(state, NOON, NOON + DAY, LINE)
    assert ask_from(state, NOON + 2 * LATE_MS, DAY) == NOON + 50 * MINUTE, "the first hole is lost, the second is not"


def test_samples_before_the_first_one_are_asked_for_as_long_as_they_may_come() -> None:
    state, _ = fed(fine(20), low=NOON)
    state, _ = settle(state, NOON, NOON + 20 * MINUTE, LINE)
    assert ask_from(state, NOON + 21 * MINUTE, DAY) == NOON
    state = account(state, fine(75), LINE).state
    state, lost = settle(state, NOON, NOON + 75 * MINUTE, LINE)
    assert lost == (), "metering had not begun"
    assert ask_from(state, NOON + 76 * MINUTE, DAY) == NOON + 20 * MINUTE


def test_never_asks_further_back_than_catching_up_goes_nor_into_the_future() -> None:
    state, _ = fed(fine(5))
    assert ask_from(state, NOON + 9 * DAY, DAY) == NOON + 8 * DAY
    state, _ = fed(RateSample(NOON + DAY, FINE, 1, 1), low=NOON + DAY - FINE)
    assert ask_from(state, NOON, DAY) == NOON - 2 * FINE


def test_rules_go_on_from_those_of_counters() -> None:
    assert [rates.TOO_OLD, rates.UNPROVED] == [21, 27]
