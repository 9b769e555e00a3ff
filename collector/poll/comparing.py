"""Comparisons of the two ends of links: both are read right after each other, twice, and must have counted the same.

What is read here is judged and forgotten; it is in no usage. A link is watched from one reading of both its ends to
the next one, so that every link has its turn whatever part of them an inventory names.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from collector.clock import Clock
from collector.core.balance import HOUR_MS, MILLION, Imbalance, Readings, Stretch, compare, percent, stretches
from collector.errors import ObjectGone, SourceError
from collector.model.identity import PointKey, ReadAt
from collector.model.sample import Sample
from collector.model.usage import Event, EventName
from collector.poll.poller import PollObserver
from collector.ports import Comparison, Source

LOOK_EVERY_MS = 60_000
"""How often links are looked for whose turn it is, in milliseconds."""

WATCHED_MAX = 500
"""Links that are watched at once: what several inventories name within half an hour. Others wait for another turn."""

PAUSE_SECONDS = 0.5
"""Pause between two links, so that comparisons never take the place of many polls."""


@dataclass(frozen=True, slots=True)
class Watched:
    """A link whose ends were read.

    Attributes:
        comparison: How they are read.
        tier0: What the Tier-0's end showed.
        tier1: The same of the Tier-1's end.
        read: Monotonic seconds of the reading.
    """

    comparison: Comparison
    tier0: Readings
    tier1: Readings
    read: float


class EndComparer:
    """Compares the ends of the links of one source.

    Args:
        source: Whom to ask; the requests are of its budget.
        record: Stores events; False when the ledger could not take them.
        every_ms: Time between two readings of a link.
        bound_ppm: Share by which the ends may differ, in parts per million.
    """

    def __init__(
        self,
        source: Source,
        *,
        record: Callable[[Sequence[Event]], Awaitable[bool]],
        observer: PollObserver,
        clock: Clock,
        every_ms: int,
        bound_ppm: int,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        self._source = source
        self._record = record
        self._observer = observer
        self._clock = clock
        self._every_ms = every_ms
        self._bound_ppm = bound_ppm
        self._pause_seconds = pause_seconds
        self._named: dict[PointKey, Comparison] = {}
        self._watched: dict[PointKey, Watched] = {}
        self._told: dict[PointKey, float] = {}
        self._is_looking = False
        self._is_stopped = False

    def name(self, comparisons: Sequence[Comparison]) -> None:
        """Take the links that the newest inventory names."""
        self._named = {comparison.point: comparison for comparison in comparisons}

    def stop(self) -> None:
        """Ask nothing more."""
        self._is_stopped = True

    async def look(self) -> None:
        """Read the links whose turn it is, one after the other; one that fails stops no other."""
        if self._is_looking:
            return
        self._is_looking = True
        try:
            for number, comparison in enumerate(list(self._due())):
                if number:
                    await asyncio.sleep(self._pause_seconds)
                if self._is_stopped:
                    return
                await self._take_turn(comparison)
        finally:
            self._is_looking = False

    def _due(self) -> Iterator[Comparison]:
        """Yield the links that were read long enough ago, then as many new ones as there is room for."""
        latest = self._clock.monotonic() - (self._every_ms - LOOK_EVERY_MS / 2) / 1_000
        for point, watched in self._watched.items():
            if watched.read <= latest:
                yield self._named.get(point, watched.comparison)
        new = [one for point, one in self._named.items() if point not in self._watched]
        yield from new[: WATCHED_MAX - len(self._watched)]

    async def _take_turn(self, comparison: Comparison) -> None:
        """Read both ends, judge what they counted since the last time, and keep the reading for the next."""
        point = comparison.point
        before = self._watched.pop(point, None)
        try:
            now = await self._read(comparison)
        except SourceError as error:
            self._observer.failed(point, error)
            if before is not None and not isinstance(error, ObjectGone):
                self._watched[point] = before
            return
        if before is not None:
            await self._judge(before, now)
        if point in self._named:
            self._watched[point] = now

    async def _read(self, comparison: Comparison) -> Watched:
        """Read both ends, the Tier-1's right after the Tier-0's. Raises SourceError."""
        ends: dict[ReadAt, dict[tuple[str, str], Sample]] = {ReadAt.TIER0: {}, ReadAt.TIER1: {}}
        calls = ((ReadAt.TIER0, comparison.tier0_calls), (ReadAt.TIER1, comparison.tier1_calls))
        for read_at, requests in calls:
            for call in requests:
                reading = await self._source.read(comparison.point, read_at, call)
                ends[read_at].update({(row.port, row.node): row.sample for row in reading.rows})
        return Watched(comparison, ends[ReadAt.TIER0], ends[ReadAt.TIER1], self._clock.monotonic())

    # --- judging ---------------------------------------------------------------------------------------------------

    async def _judge(self, before: Watched, now: Watched) -> None:
        # The Tier-0's port looks toward the tenant, so what it receives leaves the tenant.
        tier0 = stretches(before.tier0, now.tier0, rx_is_ingress=False)
        tier1 = stretches(before.tier1, now.tier1, rx_is_ingress=True)
        if tier0 is None or tier1 is None:
            return
        found = compare(tier0, tier1)
        if found is None or not found.exceeds(self._bound_ppm):
            return
        point, told = now.comparison.point, self._clock.monotonic()
        if told - self._told.get(point, float("-inf")) < HOUR_MS / 1_000:
            return
        if await self._record((_event(point, tier0, tier1, found, self._bound_ppm),)):
            self._told = {key: at for key, at in self._told.items() if told - at < HOUR_MS / 1_000} | {point: told}


def _event(
    point: PointKey, tier0: Sequence[Stretch], tier1: Sequence[Stretch], found: Imbalance, bound_ppm: int
) -> Event:
    """Return the event of a link whose ends differ; it is the operator's alone, since the tenant's bill rests on one
    of them."""
    parts = (*tier0, *tier1)
    apart_ms = max(
        max(part.start for part in parts) - min(part.start for part in parts),
        max(part.end for part in parts) - min(part.end for part in parts),
    )
    detail: dict[str, str | int] = {}
    for name, end in (("tier0", tier0), ("tier1", tier1)):
        detail[f"{name}_ingress_bytes"] = str(sum(part.ingress_bytes for part in end))
        detail[f"{name}_egress_bytes"] = str(sum(part.egress_bytes for part in end))
    detail |= {
        "seconds": (max(part.end for part in parts) - min(part.start for part in parts)) // 1_000,
        "seconds_apart": -(-apart_ms // 1_000),
        "beyond": percent(found.worst),
        "tolerance": percent(Fraction(bound_ppm, MILLION)),
    }
    return Event(
        at=max(part.end for part in parts),
        source=point.source,
        event=EventName.LINK_IMBALANCE,
        point=point.label,
        detail=detail,
        repeat_key=point.label,
    )
