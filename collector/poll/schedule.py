"""Who is due when, and what an interval costs. Pure.

Measured: one scheduler job per point costs about 112 µs a firing and comes in bursts, so a cycle is one job and its
points go out in ticks.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from dataclasses import dataclass

from collector.model.identity import PointKey

TICK_MS = 50
"""Length of a tick, in milliseconds: short enough to spread the calls, long enough that waking up costs nothing."""

RESERVE_PERCENT = 10
"""Share of the request budget that cycles leave to log-ins, discovery and retries."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What a poll cycle of one source costs and how often it can run.

    Attributes:
        points: Metering points.
        calls: Requests of one cycle.
        wanted_ms: The interval of the settings.
        interval_ms: The interval that the budget allows: the wanted one, or the shortest that fits, in whole seconds.
    """

    points: int
    calls: int
    wanted_ms: int
    interval_ms: int

    @property
    def fits(self) -> bool:
        """True when the wanted interval can be met."""
        return self.interval_ms <= self.wanted_ms

    def words(self, source: str, requests_per_second: int) -> str:
        """Return the plan in a sentence that says what to do."""
        cost = f"source {source}: {self.points} points cost {self.calls} calls a cycle"
        if self.fits:
            return f"{cost}; an interval of {self.wanted_ms / 1000:g}s fits into {requests_per_second} requests/s"
        return (
            f"{cost}: an interval of {self.wanted_ms / 1000:g}s cannot be met within {requests_per_second} requests/s; "
            f"{self.interval_ms // 1000}s can. Every point is polled every {self.interval_ms // 1000}s until "
            "poll.interval or requests_per_second is raised"
        )


def plan(points: int, calls: int, *, wanted_ms: int, requests_per_second: int) -> Plan:
    """Return what a cycle over so many points and calls costs; all points are stretched alike when it does not fit."""
    shortest_ms = -(-calls * 100_000 // (requests_per_second * (100 - RESERVE_PERCENT)))
    whole_seconds = -(-shortest_ms // 1_000) * 1_000
    return Plan(
        points=points,
        calls=calls,
        wanted_ms=wanted_ms,
        interval_ms=wanted_ms if shortest_ms <= wanted_ms else whole_seconds,
    )


def offset_ms(point: PointKey, interval_ms: int) -> int:
    """Return when in a cycle a point is due, in milliseconds: the same in every cycle and after every restart."""
    return zlib.crc32(point.label.encode()) * interval_ms >> 32


def ticks(points: Sequence[PointKey], interval_ms: int) -> list[tuple[int, list[int]]]:
    """Return (milliseconds after the start of the cycle, which points are due), in order; empty ticks are left out."""
    due: dict[int, list[int]] = {}
    for number, point in enumerate(points):
        due.setdefault(offset_ms(point, interval_ms) // TICK_MS, []).append(number)
    return [(tick * TICK_MS, due[tick]) for tick in sorted(due)]
