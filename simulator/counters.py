"""Counters of one port on one node: what it truly carried, and what its register shows.

Both are pure functions of time. The true count is a list of segments, each with constant rates, that begins anew
whenever traffic is routed otherwise. The register is the true count less an offset, which changes at each reset.
Source: NSX REST API reference 4.2, type LogicalRouterPortCounters: counters count since creation of the port and go
back to zero when the edge node or its dataplane restarts.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, NamedTuple

from simulator.shapes import Shape
from simulator.units import Instant

INT64_MAX: Final = 2**63 - 1


class Values(NamedTuple):
    """Six counters as the port sees them: rx enters the router, tx leaves it."""

    rx_bytes: int = 0
    tx_bytes: int = 0
    rx_packets: int = 0
    tx_packets: int = 0
    rx_dropped: int = 0
    tx_dropped: int = 0

    def plus(self, other: Values) -> Values:
        """Return the sums, counter by counter."""
        return Values(*[a + b for a, b in zip(self, other, strict=True)])

    def minus(self, other: Values) -> Values:
        """Return the differences, counter by counter."""
        return Values(*[a - b for a, b in zip(self, other, strict=True)])

    def flipped(self) -> Values:
        """Return the same traffic seen from the other end of the wire."""
        return Values(self.tx_bytes, self.rx_bytes, self.tx_packets, self.rx_packets, self.tx_dropped, self.rx_dropped)


ZERO: Final = Values()

Rates = dict[int, Values]
"""Index of a shape to the rates that it multiplies."""


class _Segment:
    """Constant rates since an instant; ``constant`` makes the count continue where the segment before ended."""

    __slots__ = ("constant", "rates")

    def __init__(self, since: Instant, base: Values, rates: Rates, shapes: tuple[Shape, ...]) -> None:
        self.rates = rates
        constant = base
        for index, rate in rates.items():
            constant = constant.minus(_grown(rate, shapes[index], since))
        self.constant = constant

    def at(self, instant: Instant, shapes: tuple[Shape, ...]) -> Values:
        rx, tx, rx_p, tx_p, rx_d, tx_d = self.constant
        for index, rate in self.rates.items():
            ticks, packets, drops = shapes[index].ticks(instant)
            rx += rate[0] * ticks
            tx += rate[1] * ticks
            rx_p += rate[2] * packets
            tx_p += rate[3] * packets
            rx_d += rate[4] * drops
            tx_d += rate[5] * drops
        return Values(rx, tx, rx_p, tx_p, rx_d, tx_d)


def _grown(rate: Values, shape: Shape, instant: Instant) -> Values:
    ticks, packets, drops = shape.ticks(instant)
    return Values(
        rate[0] * ticks, rate[1] * ticks, rate[2] * packets, rate[3] * packets, rate[4] * drops, rate[5] * drops
    )


class NodeCounters:
    """The six counters of a port on one node.

    Args:
        born: The instant from which the port exists; nothing was carried before it.
        first: What the register shows at ``born``; a port that a scenario begins with has counted for years.
        shapes: The shapes of the scenario, by index.
    Attributes:
        last_read_at: Device instant of the newest reading that was served; what was counted after it is lost at a
            reset.
    """

    __slots__ = ("_offset_from", "_offsets", "_segments", "_shapes", "_since", "born", "died", "last_read_at")

    def __init__(self, born: Instant, first: Values, shapes: tuple[Shape, ...]) -> None:
        self.born = born
        self.died: Instant | None = None
        self.last_read_at: Instant | None = None
        self._shapes = shapes
        self._since: list[Instant] = [born]
        self._segments: list[_Segment] = [_Segment(born, ZERO, {}, shapes)]
        self._offset_from: list[Instant] = [born]
        self._offsets: list[Values] = [ZERO.minus(first)]

    def true_at(self, instant: Instant) -> Values:
        """Return what was truly carried from the port's birth to ``instant``; resets do not touch it."""
        if instant <= self.born:
            return ZERO
        since = self._since
        if instant >= since[-1]:
            return self._segments[-1].at(instant, self._shapes)
        return self._segments[bisect_right(since, instant) - 1].at(instant, self._shapes)

    def register_at(self, instant: Instant) -> Values:
        """Return what the node's register shows at ``instant``."""
        true = self.true_at(instant)
        offset = self._offsets[max(0, bisect_right(self._offset_from, instant) - 1)]
        return true.minus(offset)

    def route(self, at: Instant, rates: Rates) -> None:
        """Carry these rates from ``at`` on."""
        if rates == self._segments[-1].rates:
            return
        segment = _Segment(at, self.true_at(at), rates, self._shapes)
        if at <= self._since[-1]:
            self._segments[-1] = segment
        else:
            self._since.append(at)
            self._segments.append(segment)

    def reset(self, at: Instant) -> None:
        """Start the register at zero."""
        self._offset_from.append(at)
        self._offsets.append(self.true_at(at))

    def was_read(self) -> bool:
        """Whether the register was read since it last began."""
        return self.last_read_at is not None and self.last_read_at >= self._offset_from[-1]

    def unread(self, at: Instant) -> Values:
        """Return what the register counted up to ``at`` and no reading that was served shows."""
        read = self.last_read_at if self.last_read_at is not None and self.was_read() else self._offset_from[-1]
        return self.true_at(at).minus(self.true_at(min(read, at)))
