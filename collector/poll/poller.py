"""Poll cycles over the metering points of one source."""

from __future__ import annotations

import asyncio
from collections import deque
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
        self._workers_max = concurrency
        self._workers: set[asyncio.Task[None]] = set()
        self._idle: list[asyncio.Future[None]] = []
        self._due: deque[tuple[Agenda, int]] = deque()
        self._in_flight: set[PointKey] = set()
        self._slow: set[PointKey] = set()
        self._slow_due: deque[tuple[Agenda, int]] = deque()
        self._slow_places = max(1, concurrency // SLOW_LANE_SHARE)
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
                self._begin(agenda, number)

    async def stop(self) -> None:
        """Drop the polls in flight: the next reading proves what they would have."""
        workers, self._workers = self._workers, set()
        for worker in workers:
            worker.cancel()
        await asyncio.gather(*workers, return_exceptions=True)
        for waiting in (self._due, self._slow_due, self._idle, self._in_flight):
            waiting.clear()

    # --- workers ---------------------------------------------------------------------------------------------------

    # As many as the source answers at once, each with one poll in hand. A task for each poll would have to wait for its
    # place in the request budget: that costs 8 µs a poll, and at the first cycle the memory of all of them.

    def _begin(self, agenda: Agenda, number: int) -> None:
        """Have a point polled as soon as a worker is free, unless its last poll is not over."""
        key = agenda.keys[number]
        if key in self._in_flight:
            return
        self._in_flight.add(key)
        self._due.append((agenda, number))
        while self._idle:
            waiting = self._idle.pop()
            if not waiting.done():
                waiting.set_result(None)
                return
        if len(self._workers) < self._workers_max:
            self._workers.add(asyncio.get_running_loop().create_task(self._work(), name=f"polls {self._source.name}"))

    async def _work(self) -> None:
        """Poll what is due, for ever."""
        while True:
            due = self._next()
            if due is None:
                waiting = asyncio.get_running_loop().create_future()
                self._idle.append(waiting)
                await waiting
                continue
            agenda, number = due
            key = agenda.keys[number]
            is_slow = key in self._slow
            if is_slow:
                self._slow_places -= 1
            try:
                await self._read_all(agenda[number])
            except Exception as error:  # noqa: BLE001 - the outermost loop of a task: counted, logged, and the next poll goes on
                self._observer.broke(key, error)
            finally:
                self._in_flight.discard(key)
                if is_slow:
                    self._slow_places += 1

    def _next(self) -> tuple[Agenda, int] | None:
        """Return what to poll next. Points that timed out wait while others of them have the places for such."""
        if self._slow_due and self._slow_places > 0:
            return self._slow_due.popleft()
        while self._due:
            due = self._due.popleft()
            if self._slow and self._slow_places <= 0 and due[0].keys[due[1]] in self._slow:
                self._slow_due.append(due)
                continue
            return due
        return None

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
