"""Poll cycles over the metering points of one source."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from collector.agenda import Agenda
from collector.clock import Clock
from collector.errors import (
    AuthFailed,
    ObjectGone,
    ResponseInvalid,
    SourceError,
    SourceUnavailable,
    Throttled,
)
from collector.model.identity import PointKey
from collector.model.sample import Reading
from collector.poll.schedule import Plan, plan, ticks
from collector.ports import PointCall, PolledPoint, Source

SLOW_LANE_SHARE = 4
"""One in so many of the source's concurrent calls may be spent on points whose last poll timed out, so that objects
that hang
never hold every place."""


class PollObserver(Protocol):
    """Who wants to know how polls end."""

    def polled(self, source: str, outcome: str, seconds: float) -> None:
        """One call ended."""

    def failed(self, point: PointKey, error: SourceError) -> None:
        """One call of a point ended without an answer that counts."""

    def broke(self, point: PointKey, error: Exception) -> None:
        """A poll ended in a way that is a defect of ours; the next one is tried all the same."""


OUTCOMES: tuple[tuple[type[SourceError], str], ...] = (
    (Throttled, "throttled"),
    (AuthFailed, "auth_failed"),
    (ObjectGone, "gone"),
    (ResponseInvalid, "invalid"),
    (SourceUnavailable, "unavailable"),
)
"""The word for each way in which a call can fail; ``ok`` is the one for an answer."""


def outcome_of(error: SourceError) -> str:
    """Return the word for the way in which a call failed."""
    return next(word for kind, word in OUTCOMES if isinstance(error, kind))


class Poller:
    """Polls the points of one source, each once per cycle, at its own offset.

    Args:
        source: Whom to ask.
        points: What there is to read now.
        submit: Takes each reading.
        rediscover: Asks for a new inventory, since an object is gone.
        interval_ms: The interval of the settings.
        concurrency: The source's share of concurrent calls.
    """

    def __init__(
        self,
        source: Source,
        *,
        points: Callable[[], Agenda],
        submit: Callable[[Reading], None],
        rediscover: Callable[[], None],
        observer: PollObserver,
        clock: Clock,
        interval_ms: int,
        concurrency: int,
    ) -> None:
        self._source = source
        self._points = points
        self._submit = submit
        self._rediscover = rediscover
        self._observer = observer
        self._clock = clock
        self.interval_ms = interval_ms
        self._in_flight: dict[PointKey, asyncio.Task[None]] = {}
        self._slow: set[PointKey] = set()
        self._slow_lane = asyncio.Semaphore(max(1, concurrency // SLOW_LANE_SHARE))
        self._gone: dict[str, int] = {}
        self._inventory = 0
        self._first = True

    def plan(self) -> Plan:
        """Return what a cycle costs now."""
        agenda, rate = self._points(), self._source.requests_per_second
        return plan(len(agenda), agenda.calls, wanted_ms=self.interval_ms, requests_per_second=rate)

    def new_inventory(self) -> None:
        """Take up calls again that were given up until the next inventory."""
        self._inventory += 1

    async def cycle(self) -> None:
        """Send every point out once, in ticks over the interval; the first cycle goes as fast as the budget allows."""
        interval_ms = self.plan().interval_ms
        started = self._clock.monotonic()
        first, self._first = self._first, False
        agenda = self._points()
        for due_ms, numbers in ticks(agenda.keys, interval_ms):
            if not first:
                await asyncio.sleep(max(0.0, started + due_ms / 1_000 - self._clock.monotonic()))
            for number in numbers:
                if agenda.keys[number] not in self._in_flight:
                    self._begin(agenda[number])

    async def stop(self) -> None:
        """Drop the polls in flight: the next reading proves what they would have."""
        tasks = list(self._in_flight.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, point: PolledPoint) -> None:
        key = point.key
        task = asyncio.get_running_loop().create_task(self._poll(point))
        self._in_flight[key] = task
        task.add_done_callback(lambda _: self._in_flight.pop(key, None))

    async def _poll(self, point: PolledPoint) -> None:
        try:
            if point.key not in self._slow:
                await self._read_all(point)
                return
            async with self._slow_lane:
                await self._read_all(point)
        except Exception as error:  # noqa: BLE001 - the outermost loop of a task: counted, logged, and the next poll goes on
            self._observer.broke(point.key, error)

    async def _read_all(self, point: PolledPoint) -> None:
        for call in point.calls:
            if not self._gone or self._gone.get(call.target) != self._inventory:
                await self._read(point, call)

    async def _read(self, point: PolledPoint, call: PointCall) -> None:
        started = self._clock.monotonic()
        try:
            reading = await self._source.read(point.key, point.read_at, call)
        except SourceError as error:
            self._note(point, call, error)
            self._observer.polled(self._source.name, outcome_of(error), self._clock.monotonic() - started)
            return
        if self._slow:
            self._slow.discard(point.key)
        if self._gone:
            self._gone.pop(call.target, None)
        self._submit(reading)
        self._observer.polled(self._source.name, "ok", self._clock.monotonic() - started)

    def _note(self, point: PolledPoint, call: PointCall, error: SourceError) -> None:
        """Remember what a failure says about the next poll of the point."""
        self._observer.failed(point.key, error)
        if isinstance(error, ObjectGone):
            again = call.target in self._gone
            self._gone[call.target] = self._inventory
            if not again:
                self._rediscover()
            elif all(one.target in self._gone for one in point.calls):
                self._source.mark_end_failed(point.key, point.read_at)
        elif isinstance(error, SourceUnavailable):
            self._slow.add(point.key)
