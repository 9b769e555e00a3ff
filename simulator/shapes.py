"""The shape of traffic over a week, as ticks that a flow multiplies by its rates.

A flow's counter is ``rate * ticks(shape, instant)`` in integers, so counters are linear in the rates: the counter of
a port that carries several flows of one shape is exactly the sum of theirs, and one multiplication serves them all.
"""

from __future__ import annotations

from copy import copy
from random import Random
from typing import Final, NamedTuple

from simulator.units import Instant

SLOT_MS: Final = 300_000
SLOTS_PER_WEEK: Final = 7 * 288
WEIGHT_MEAN: Final = 10
"""About the mean weight of a slot: one unit of a byte rate is then 10 bytes per millisecond, 80 kbit/s."""

PACKET_TICK: Final = 64
DROP_TICK: Final = 65_536
SHAPES: Final = 8
"""Distinct shapes of a scenario; a port's counter costs one evaluation for each shape that it carries."""

_HOURS: Final = (
    (3, 3, 2, 2, 2, 3, 5, 9, 15, 19, 21, 20, 17, 19, 21, 20, 18, 14, 11, 9, 8, 6, 5, 4),  # an office
    (9, 6, 4, 3, 2, 2, 4, 6, 7, 7, 8, 9, 11, 11, 10, 11, 12, 14, 17, 20, 22, 21, 17, 13),  # a shop in the evening
    (24, 26, 25, 22, 14, 6, 4, 4, 5, 6, 6, 6, 6, 6, 6, 6, 6, 6, 6, 7, 8, 10, 15, 20),  # backups at night
    (10,) * 24,
)


class Ticks(NamedTuple):
    """Ticks since the epoch at one instant; each only grows."""

    bytes: int
    packets: int
    drops: int


class Shape:
    """One week of weights, repeated; the same seed gives the same week."""

    def __init__(self, seed: str, profile: int) -> None:
        random = Random(seed)
        hours = _HOURS[profile % len(_HOURS)]
        self._weights: list[int] = []
        for slot in range(SLOTS_PER_WEEK):
            weekend = slot // 288 in (2, 3)  # the epoch was a Thursday
            base = hours[slot % 288 // 12] * (6 if weekend else 10) * random.randint(70, 135)
            self._weights.append(max(1, base // 1_000))
        self._before = [0]
        for weight in self._weights:
            self._before.append(self._before[-1] + weight * SLOT_MS)
        self._ahead = 0

    def shifted(self, ahead: int) -> Shape:
        """Return the same week, so many milliseconds ahead."""
        other = copy(self)
        other._ahead = self._ahead + ahead
        return other

    def ticks(self, at: Instant) -> Ticks:
        """Return the ticks from the epoch to ``at``."""
        slots, rest = divmod(at + self._ahead, SLOT_MS)
        weeks, slot = divmod(slots, SLOTS_PER_WEEK)
        total = weeks * self._before[-1] + self._before[slot] + self._weights[slot] * rest
        return Ticks(total, total // PACKET_TICK, total // DROP_TICK)


def shapes(seed: int) -> tuple[Shape, ...]:
    """Return the shapes of a scenario."""
    return tuple(Shape(f"{seed}/{index}", index) for index in range(SHAPES))
