"""The short way of usual readings changes nothing: in every world it returns what the general way returns."""

from __future__ import annotations

from collections import Counter
from unittest import mock

from hypothesis import given

from collector import pipeline
from collector.core.books import Book, Fold, Point
from collector.core.metering import general
from collector.core.steady import steady
from collector.model.sample import Reading
from tests.oracle.rules import Params
from tests.property.daemon import SHAPES
from tests.property.effort import effort
from tests.property.test_pipeline import Manner, live, manners
from tests.property.worlds import (
    ANYTHING,
    GAP_AFTER_MS,
    HONEST,
    LAGS_MS,
    MAX_RATE,
    STARTS_MS,
    WAITS_MS,
    Origin,
    World,
    build,
    worlds,
)


def both_ways(world: World, manner: Manner) -> Counter[str]:
    """Send every reading of a world both ways and compare; return how often the short one was taken."""
    ways: Counter[str] = Counter()

    def both(point: Point, book: Book, reading: Reading) -> Fold:
        usual, whole = steady(point, book, reading), general(point, book, reading)
        assert usual is None or usual == whole
        ways["general" if usual is None else "steady"] += 1
        return whole

    with mock.patch.object(pipeline, "fold", both):
        live(world, manner)
    return ways


@effort(3)
@given(world=worlds(HONEST), manner=manners())
def test_both_ways_return_the_same_of_honest_readings(world: World, manner: Manner) -> None:
    both_ways(world, manner)


@effort(3)
@given(world=worlds(ANYTHING), manner=manners())
def test_both_ways_return_the_same_whatever_happens(world: World, manner: Manner) -> None:
    both_ways(world, manner)


def test_a_healthy_point_goes_the_short_way_from_its_third_reading_on() -> None:
    minute = (WAITS_MS.index(60_000), 3, "poll", 0)
    params = Params(max_rate=MAX_RATE, gap_after_ms=GAP_AFTER_MS)
    world = build(Origin(1, STARTS_MS[0], 10, LAGS_MS[0]), [minute] * 12, params)
    ways = both_ways(world, Manner(SHAPES[0]))
    assert ways["general"] <= 2
    assert ways["steady"] >= 9
