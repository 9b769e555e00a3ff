"""Counters are pure, linear and monotone, and a reset takes away exactly what was not read."""

from __future__ import annotations

from random import Random

import pytest

from simulator.clock import SimClock
from simulator.counters import ZERO, NodeCounters, Values
from simulator.shapes import SHAPES, shapes
from simulator.units import duration_ms, rate_bytes

START = 1_790_812_800_000


def test_ticks_only_grow_and_repeat_exactly() -> None:
    for shape in shapes(3):
        random = Random(3)
        at, before = START, shape.ticks(START)
        for _ in range(300):
            at += random.randrange(1, 900_000)
            now = shape.ticks(at)
            assert now == shape.ticks(at)
            assert all(a >= b for a, b in zip(now, before, strict=True))
            before = now


def test_same_seed_same_shape_other_seed_other_shape() -> None:
    assert [s.ticks(START) for s in shapes(1)] == [s.ticks(START) for s in shapes(1)]
    assert [s.ticks(START) for s in shapes(1)] != [s.ticks(START) for s in shapes(2)]
    assert len(shapes(1)) == SHAPES


def test_a_counter_of_two_flows_is_the_sum_of_their_counters() -> None:
    made = shapes(1)
    one, two, sums = (NodeCounters(START, ZERO, made) for _ in range(3))
    one.route(START, {0: Values(3, 1, 2, 1, 1, 1)})
    two.route(START, {0: Values(5, 2, 1, 1, 1, 1), 2: Values(7, 7, 7, 7, 7, 7)})
    sums.route(START, {0: Values(8, 3, 3, 2, 2, 2), 2: Values(7, 7, 7, 7, 7, 7)})
    for at in (START, START + 1, START + 299_999, START + 86_400_000, START + 40 * 86_400_000):
        assert sums.true_at(at) == one.true_at(at).plus(two.true_at(at))


def test_routing_anew_keeps_what_was_counted() -> None:
    counters = NodeCounters(START, ZERO, shapes(1))
    counters.route(START, {0: Values(3, 1, 2, 1, 1, 1)})
    before = counters.true_at(START + 60_000)
    counters.route(START + 60_000, {})
    assert counters.true_at(START + 60_000) == before
    assert counters.true_at(START + 90_000) == before
    counters.route(START + 120_000, {1: Values(1, 1, 1, 1, 1, 1)})
    assert counters.true_at(START + 180_000).rx_bytes > before.rx_bytes
    assert counters.true_at(START + 30_000).rx_bytes < before.rx_bytes, "the past must stay readable"


def test_a_reset_changes_the_register_and_not_the_truth() -> None:
    first = Values(2**53 + 1, 7, 5, 5, 0, 0)
    counters = NodeCounters(START, first, shapes(1))
    counters.route(START, {0: Values(3, 1, 2, 1, 1, 1)})
    assert counters.register_at(START) == first
    counters.last_read_at = START + 30_000
    true = counters.true_at(START + 60_000)
    assert counters.was_read()
    assert counters.unread(START + 60_000) == true.minus(counters.true_at(START + 30_000))
    counters.reset(START + 60_000)
    assert not counters.was_read(), "the new register was not read yet"
    assert counters.unread(START + 90_000) == counters.true_at(START + 90_000).minus(true)
    assert counters.register_at(START + 60_000) == ZERO
    assert counters.register_at(START + 59_999) == first.plus(counters.true_at(START + 59_999))
    assert counters.register_at(START + 90_000) == counters.true_at(START + 90_000).minus(true)


def test_the_clock_stands_still_until_it_is_moved() -> None:
    clock = SimClock(START, 0)
    assert (clock.now(), clock.manual) == (START, True)
    assert clock.advance(1_500) == START + 1_500
    with pytest.raises(ValueError, match="only goes forward"):
        clock.advance(-1)
    with pytest.raises(ValueError, match=r"outside 0\.\.3600"):
        clock.set_speed(3_601)


@pytest.mark.parametrize(
    ("text", "milliseconds"), [("90s", 90_000), ("1h30m", 5_400_000), ("-10m", -600_000), ("250ms", 250), (5, 5_000)]
)
def test_durations(text: object, milliseconds: int) -> None:
    assert duration_ms(text) == milliseconds


def test_what_is_no_duration_or_rate_is_named() -> None:
    with pytest.raises(ValueError, match="'soon' is no duration"):
        duration_ms("soon")
    with pytest.raises(ValueError, match="'fast' is no rate"):
        rate_bytes("fast")
    assert rate_bytes("8Mbit/s") == 1_000_000
