"""Poll cycles over the edges of a source of rates: one request an edge, from where its last booked sample ends."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence

from collector.agenda import Agenda
from collector.clock import Clock
from collector.core.rates import ask_from
from collector.errors import ObjectGone, SourceError
from collector.model.identity import PointKey
from collector.model.rates import RateState
from collector.model.sample import RateReading
from collector.poll.poller import PollObserver, outcome_of
from collector.poll.schedule import Plan, plan, ticks
from collector.ports import RateSource


class RatePoller:
    """Polls the edges of one source, each once per cycle, at its own offset.

    Args:
        source: Whom to ask.
        points: What there is to read now.
        states: What each point has booked: where the next answer has to begin.
        book: Takes the readings of an edge into the ledger.
        rediscover: Called when an edge is gone; once, until it answers again.
        interval_ms: The interval of the settings. Samples come every five minutes, so most answers bring nothing new.
    """

    def __init__(
        self,
        source: RateSource,
        *,
        points: Callable[[], Agenda],
        states: Callable[[], Mapping[PointKey, RateState]],
        book: Callable[[Sequence[RateReading]], Awaitable[object]],
        rediscover: Callable[[], None],
        observer: PollObserver,
        clock: Clock,
        interval_ms: int,
    ) -> None:
        self._source = source
        self._points = points
        self._states = states
        self._book = book
        self._rediscover = rediscover
        self._observer = observer
        self._clock = clock
        self.interval_ms = interval_ms
        self._in_flight: dict[str, asyncio.Task[None]] = {}
        self._gone: set[str] = set()

    def plan(self) -> Plan:
        """Return what a cycle costs now: one request for all uplinks of an edge."""
        edges, rate = self._edges(), self._source.requests_per_second
        points = sum(len(keys) for keys in edges.values())
        return plan(points, len(edges), wanted_ms=self.interval_ms, requests_per_second=rate)

    def _edges(self) -> dict[str, list[PointKey]]:
        """Return what is asked for → the points that the answer speaks of."""
        edges: dict[str, list[PointKey]] = {}
        for point in self._points():
            edges.setdefault(point.calls[0].target, []).append(point.key)
        return edges

    def new_inventory(self) -> None:
        """Nothing was given up that could be taken up again."""

    async def cycle(self) -> None:
        """Send every edge out once, in ticks over the interval; the first samples of all of them are a day away."""
        interval_ms = self.plan().interval_ms
        started = self._clock.monotonic()
        asked = list(self._edges().items())
        for due_ms, numbers in ticks([keys[0] for _, keys in asked], interval_ms):
            await asyncio.sleep(max(0.0, started + due_ms / 1_000 - self._clock.monotonic()))
            for number in numbers:
                self._begin(*asked[number])

    async def stop(self) -> None:
        """Drop the polls in flight: the next answer brings what they would have."""
        tasks = list(self._in_flight.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _begin(self, edge: str, keys: Sequence[PointKey]) -> None:
        if edge in self._in_flight:
            return
        task = asyncio.get_running_loop().create_task(self._poll(edge, keys), name=f"rates {edge}")
        self._in_flight[edge] = task
        task.add_done_callback(lambda _: self._in_flight.pop(edge, None))

    async def _poll(self, edge: str, keys: Sequence[PointKey]) -> None:
        started, now, states = self._clock.monotonic(), self._clock.now(), self._states()
        since = min(ask_from(states.get(key), now, self._source.catch_up_ms) for key in keys)
        try:
            readings = await self._source.read_rates(keys, since)
            self._observer.polled(self._source.name, "ok", self._clock.monotonic() - started)
            self._gone.discard(edge)
            await self._book(readings)
        except SourceError as error:
            self._observer.polled(self._source.name, outcome_of(error), self._clock.monotonic() - started)
            for key in keys:
                self._observer.failed(key, error)
            if isinstance(error, ObjectGone) and edge not in self._gone:
                self._gone.add(edge)
                self._rediscover()
        except Exception as error:  # noqa: BLE001 - the outermost loop of a task: counted, logged, and the next poll goes on
            self._observer.broke(keys[0], error)
