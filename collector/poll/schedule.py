"""Who is due when, and what an interval costs. Pure.

Measured: one scheduler job per point costs about 112 µs a firing and comes in bursts, so a cycle is one job and its
points go out in ticks.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from collector.model.identity import Kind, PointKey
from collector.ports import FoundPoint, PointCall

TICK_MS = 50
"""Length of a tick, in milliseconds: short enough to spread the calls, long enough that waking up costs nothing."""

RESERVE_PERCENT = 10
"""Share of the request budget that cycles leave to log-ins, discovery and retries."""


SHARED_CALLS = frozenset(
    {
        Kind.EDGE_INTERFACE,
        Kind.VPC_EXTERNAL,
        Kind.VPC_INTERNAL,
        Kind.TRANSIT_GATEWAY_EXTERNAL,
        Kind.TRANSIT_GATEWAY_INTERNAL,
    }
)
"""Kinds of which several points are read with one request."""


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


def plan(points: Iterable[FoundPoint], *, wanted_ms: int, requests_per_second: int) -> Plan:
    """Return what a cycle over ``points`` costs; all points are stretched alike when it does not fit."""
    count = calls = 0
    shared: set[PointCall] = set()
    for point in points:
        count += 1
        if point.key.kind in SHARED_CALLS:
            shared.update(point.calls)
        else:
            calls += len(point.calls)
    calls += len(shared)
    shortest_ms = -(-calls * 100_000 // (requests_per_second * (100 - RESERVE_PERCENT)))
    whole_seconds = -(-shortest_ms // 1_000) * 1_000
    return Plan(
        points=count,
        calls=calls,
        wanted_ms=wanted_ms,
        interval_ms=wanted_ms if shortest_ms <= wanted_ms else whole_seconds,
    )


def offset_ms(point: PointKey, interval_ms: int) -> int:
    """Return when in a cycle a point is due, in milliseconds: the same in every cycle and after every restart."""
    return zlib.crc32(point.label.encode()) * interval_ms >> 32


def ticks(points: Sequence[FoundPoint], interval_ms: int) -> list[tuple[int, list[FoundPoint]]]:
    """Return (milliseconds after the start of the cycle, points due), in order; empty ticks are left out."""
    due: dict[int, list[FoundPoint]] = {}
    for point in points:
        due.setdefault(offset_ms(point.key, interval_ms) // TICK_MS, []).append(point)
    return [(tick * TICK_MS, due[tick]) for tick in sorted(due)]
