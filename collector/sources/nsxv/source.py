"""NSX-V as a source: discovery, rates of an edge, and what ``check --online`` says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import NamedTuple

from collector.clock import Clock
from collector.errors import SourceError
from collector.model.identity import PointKey, ReadAt
from collector.model.period import Instant
from collector.model.sample import RateReading
from collector.ports import Inventory, OnlineReport
from collector.sources.nsxv import points, snapshot
from collector.sources.nsxv.changes import changes_between
from collector.sources.nsxv.client import NsxvClient
from collector.sources.nsxv.online import online_report
from collector.sources.nsxv.options import DAY_MS, DirectAccess, NsxvOptions
from collector.sources.nsxv.reach import DirectorReach, ManagerReach, Reach
from collector.sources.nsxv.snapshot import Snapshot
from collector.sources.nsxv.statistics import FAULTS_MAX, Rates, ordered
from collector.sources.nsxv.walk import Walk
from collector.sources.observer import SourceObserver

DISCOVERY_WORKERS = 8
"""Lists read at once, at most half of what the settings allow: the rest of the places is left to polls."""

INVENTORY_FAULTS_MAX = 50
"""Faults told of one inventory; the rest is a number."""

RANGE_MS_MAX = DAY_MS
"""Longest range of one request: some hundred kilobytes. A longer one is asked for in parts."""

PARTS_OVERLAP_MS = 3_600_000
"""How much two parts of a range have in common, in milliseconds: whether a manager chooses samples by their ends or by
their whole intervals, none lies between two parts."""


class Part(NamedTuple):
    """A part of a range: from ``start`` to ``end``, or up to now."""

    start: Instant
    end: Instant | None


class NsxvSource:
    """Discovers edges and reads their rates.

    Attributes:
        name: Name of the source.
        requests_per_second: What the settings allow it.
        insecure: Any certificate is taken; the caller warns.
        catch_up_ms: How far back is to be asked after an outage.
    """

    def __init__(self, options: NsxvOptions, clock: Clock, observer: SourceObserver) -> None:
        access = options.access
        self._reach: Reach = (
            ManagerReach(access, options.form, clock, observer)
            if isinstance(access, DirectAccess)
            else DirectorReach(options.name, access, options.form)
        )
        self.name = options.name
        self.requests_per_second = self._reach.requests_per_second
        self.insecure = self._reach.insecure
        self.catch_up_ms = options.catch_up_ms
        self._options = options
        self._clock = clock
        self._client = NsxvClient(self._reach, options, clock)

    async def start(self) -> None:
        """Open the connection pools; nothing is sent. Raises SourceUnavailable when a TLS file cannot be used."""
        await self._reach.start()

    async def stop(self) -> None:
        """Close them."""
        await self._reach.stop()

    # --- discovery ----------------------------------------------------------------------------------------------------

    async def discover(self, previous: bytes | None, known_ends: Callable[[PointKey], ReadAt | None]) -> Inventory:
        """Return an inventory, compared with ``previous``, the payload of the last complete one.

        An incomplete inventory holds what the previous one had and this one could not disprove, so that its points
        go on being read; it reports no deletions. A vNIC has one end, so ``known_ends`` is not asked.

        Raises:
            SourceError: Not even the first list can be read, or the source went away on the way.
        """
        begun_at = self._clock.now()
        old = snapshot.decode(previous)
        workers = max(1, min(DISCOVERY_WORKERS, self._reach.concurrency // 2))
        walk = Walk(self._client, self._options, old, begun_at, workers)
        await walk.run()
        return await asyncio.to_thread(self._inventory, walk, old, begun_at)

    def _inventory(self, walk: Walk, old: Snapshot | None, begun_at: Instant) -> Inventory:
        """Return what a walk found; pure, so that it may run in a thread."""
        found = walk.snapshot
        if old is not None and not walk.is_complete:
            found = snapshot.merged(old, found, frozenset(walk.unread))
        return Inventory(
            source=self.name,
            at=begun_at if walk.at is None else walk.at,
            complete=walk.is_complete,
            version="",
            points=points.points(self.name, found, self._reach.root),
            changes=changes_between(old, found) if old is not None and walk.is_complete else (),
            payload=snapshot.encode(found),
            calls=walk.calls,
            faults=_bounded(walk.faults),
            gateways=points.gateways(found),
        )

    # --- rates --------------------------------------------------------------------------------------------------------

    async def read_rates(self, wanted: Sequence[PointKey], since: Instant) -> tuple[RateReading, ...]:
        """Return a reading for each of an edge's points; the edge is asked once for all of them.

        A range longer than a day is asked for in parts, oldest first. When one fails after others were answered, what
        came is returned, and the rest is asked for with the next poll.

        Args:
            wanted: Points of one edge.
            since: From when on: the oldest that ``collector.core.rates.ask_from`` says of these points.
        Raises:
            SourceError: Not even the first part was answered.
            ValueError: They are not points of one edge.
        """
        edge, indexes = _one_edge(wanted)
        polled_at = self._clock.now()
        answers: list[tuple[Part, Rates]] = []
        faults: list[str] = []
        for part in parts(max(since, polled_at - self.catch_up_ms), polled_at):
            try:
                answers.append((part, await self._client.rates(edge, part.start, part.end)))
            except SourceError as error:
                if not answers:
                    raise
                faults.append(f"part {len(answers) + 1} of the range is asked for again: {error}")
                break
        return tuple(
            _reading(point, index, answers, faults, polled_at) for point, index in zip(wanted, indexes, strict=True)
        )

    # --- the rest -----------------------------------------------------------------------------------------------------

    async def check_online(self) -> OnlineReport:
        """Log in to every manager and say its edges, our role and the difference of the clocks."""
        return OnlineReport(source=self.name, lines=await online_report(self._client, self._options, self._clock))

    def budget_used_ratio(self) -> float:
        """Return the share of the request budget that the last second used, 0 to 1."""
        return self._reach.used_ratio()


def parts(start: Instant, now: Instant) -> list[Part]:
    """Return the parts in which a range is asked for, oldest first; the last one has no end."""
    found: list[Part] = []
    while now - start > RANGE_MS_MAX:
        end = start + RANGE_MS_MAX
        found.append(Part(start, end))
        start = end - PARTS_OVERLAP_MS
    return [*found, Part(start, None)]


def _one_edge(wanted: Sequence[PointKey]) -> tuple[str, list[int]]:
    named = [points.edge_and_index(point) for point in wanted]
    edges = {edge for edge, _ in named}
    if len(edges) != 1:
        raise ValueError(f"BUG: points of one edge are read at once, not of {len(edges)}")
    return edges.pop(), [index for _, index in named]


def _reading(
    point: PointKey, index: int, answers: Sequence[tuple[Part, Rates]], faults: Sequence[str], polled_at: Instant
) -> RateReading:
    start = answers[0][0].start
    samples = (sample for _, rates in answers for sample in rates.samples.get(index, ()))
    told = dict.fromkeys(words for _, rates in answers for words in rates.faults_of(index))
    return RateReading(
        point=point,
        polled_at=polled_at,
        samples=ordered(samples, start),
        held_since=_held_since(*answers[0]),
        faults=(*list(told)[:FAULTS_MAX], *faults),
    )


def _held_since(part: Part, rates: Rates) -> Instant:
    """Return the oldest instant that the answers could have shown, by the first of them.

    A manager that no longer holds all of a part says so by a later ``startTime``. What was not asked for cannot be
    missed.
    """
    return part.start if rates.since is None else max(part.start, rates.since)


def _bounded(faults: Sequence[str]) -> tuple[str, ...]:
    if len(faults) <= INVENTORY_FAULTS_MAX:
        return tuple(faults)
    return (*faults[:INVENTORY_FAULTS_MAX], f"and {len(faults) - INVENTORY_FAULTS_MAX} more")
