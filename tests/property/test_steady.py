"""The straight run of the usual case says the same as the general way, wherever it says anything."""

from __future__ import annotations

from unittest.mock import patch

from hypothesis import given

from collector.core import metering
from collector.core.books import Book, Fold, Point
from collector.core.steady import steady
from collector.model.sample import Reading
from tests.oracle.rules import Params
from tests.property.daemon import Shape
from tests.property.effort import effort
from tests.property.test_pipeline import Manner, live, manners
from tests.property.worlds import ANYTHING, MAX_RATE, Origin, World, build, worlds


class _Both:
    """Takes every reading both ways and compares; counts those that were usual."""

    def __init__(self) -> None:
        self.usual = 0

    def __call__(self, point: Point, book: Book, reading: Reading) -> Fold | None:
        quick = steady(point, book, reading)
        if quick is not None:
            self.usual += 1
            with patch.object(metering, "steady", _never):
                general = metering.fold(point, book, reading)
            assert _sets(quick) == _sets(general)
        return quick


def _never(_point: Point, _book: Book, _reading: Reading) -> None:
    return None


def _sets(one: Fold) -> tuple[object, ...]:
    """What is stored, where the order of rows means nothing."""
    return (one.book, one._replace(book=Book({}), slots=(), publish=()), set(one.slots), set(one.publish))


@effort(2)
@given(world=worlds(ANYTHING, nodes=2), manner=manners((Shape(), Shape(per_node=True))))
def test_the_usual_way_is_the_general_way(world: World, manner: Manner) -> None:
    with patch.object(metering, "steady", _Both()):
        live(world, manner)


def test_a_healthy_point_goes_the_usual_way() -> None:
    world = build(Origin(1, 1_791_000_000_000, 10, 0), [(4, 2, "poll", 0)] * 20, Params(MAX_RATE, 180_000))
    both = _Both()
    with patch.object(metering, "steady", both):
        live(world, Manner(Shape()))
    assert both.usual == 19
