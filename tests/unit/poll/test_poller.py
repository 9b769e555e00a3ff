"""A poll cycle: everything is asked once, one at a time per point, and nobody waits for somebody else's trouble."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable

import pytest

from collector.agenda import Agenda, AgendaWriter
from collector.clock import SystemClock
from collector.errors import (
    AuthFailed,
    ObjectGone,
    ResponseInvalid,
    SourceError,
    SourceUnavailable,
    Throttled,
)
from collector.model.identity import PointKey, ReadAt
from collector.model.sample import Reading
from collector.poll.poller import Poller
from collector.ports import Inventory, OnlineReport, PointCall, PolledPoint
from tests.unit.poll.test_schedule import point as key_of


class ScriptedSource:
    """Answers each call as a script says."""

    name = "nsx"
    requests_per_second = 50

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failures: dict[str, Exception] = {}
        self.hangs: dict[str, asyncio.Event] = {}
        self.failed_ends: list[tuple[PointKey, ReadAt]] = []
        self.running: Counter[PointKey] = Counter()
        self.most_at_once = 0

    async def read(self, point: PointKey, read_at: ReadAt, call: PointCall) -> Reading:
        self.asked.append(call.path)
        self.running[point] += 1
        self.most_at_once = max(self.most_at_once, self.running[point])
        try:
            if call.path in self.hangs:
                await self.hangs[call.path].wait()
            if call.path in self.failures:
                raise self.failures[call.path]
            return Reading(point=point, read_at=read_at, polled_at=1, asked_node=call.node, rows=())
        finally:
            self.running[point] -= 1

    def mark_end_failed(self, point: PointKey, read_at: ReadAt) -> None:
        self.failed_ends.append((point, read_at))

    async def start(self) -> None:
        raise AssertionError("a poller starts no source")

    async def stop(self) -> None:
        raise AssertionError("a poller stops no source")

    async def discover(self, previous: bytes | None, known_ends: Callable[[PointKey], ReadAt | None]) -> Inventory:
        raise AssertionError("a poller discovers nothing")

    async def check_online(self) -> OnlineReport:
        raise AssertionError("a poller checks nothing")

    def budget_used_ratio(self) -> float:
        return 0.0


class Recorder:
    """Remembers what the poller says."""

    def __init__(self) -> None:
        self.outcomes: list[str] = []
        self.errors: list[SourceError] = []
        self.defects: list[Exception] = []

    def polled(self, source: str, outcome: str, seconds: float) -> None:
        assert source == "nsx"
        assert seconds >= 0
        self.outcomes.append(outcome)

    def failed(self, point: PointKey, error: SourceError) -> None:
        self.errors.append(error)

    def broke(self, point: PointKey, error: Exception) -> None:
        self.defects.append(error)


def point(number: int, calls: int = 1) -> PolledPoint:
    key = key_of(number)
    return PolledPoint(
        key, ReadAt.INTERFACE, tuple(PointCall(path=f"{key.path}?{call}", node=None) for call in range(calls))
    )


def agenda_of(*points: PolledPoint) -> Agenda:
    writer = AgendaWriter()
    for one in points:
        writer.add(*one)
    return writer.agenda()


class Bench:
    """A poller with everything around it."""

    def __init__(self, *points: PolledPoint, interval_ms: int = 200, concurrency: int = 4) -> None:
        agenda = agenda_of(*points)
        self.source = ScriptedSource()
        self.seen = Recorder()
        self.readings: list[Reading] = []
        self.rediscoveries = 0
        self.poller = Poller(
            self.source,
            points=lambda: agenda,
            submit=self.readings.append,
            rediscover=self._rediscover,
            observer=self.seen,
            clock=SystemClock(),
            interval_ms=interval_ms,
            concurrency=concurrency,
        )

    def _rediscover(self) -> None:
        self.rediscoveries += 1

    async def cycle(self) -> None:
        """Run a cycle and let every poll that does not hang end."""
        await self.poller.cycle()
        for _ in range(50):
            await asyncio.sleep(0)


async def test_a_cycle_asks_every_call_once() -> None:
    bench = Bench(point(1, 2), point(2, 1))
    await bench.cycle()
    assert sorted(bench.source.asked) == sorted(call.path for p in (point(1, 2), point(2, 1)) for call in p.calls)
    assert len(bench.readings) == 3
    assert bench.seen.outcomes == ["ok"] * 3


async def test_later_cycles_spread_over_the_interval() -> None:
    bench = Bench(*(point(n) for n in range(20)), interval_ms=300)
    await bench.cycle()
    loop = asyncio.get_running_loop()
    started = loop.time()
    await bench.cycle()
    assert loop.time() - started > 0.15
    assert Counter(bench.source.asked) == dict.fromkeys(bench.source.asked, 2)


async def test_a_point_that_hangs_is_not_asked_again_and_delays_nobody() -> None:
    slow, quick = point(1), point(2)
    bench = Bench(slow, quick)
    release = bench.source.hangs[slow.calls[0].path] = asyncio.Event()
    await bench.cycle()
    await bench.cycle()
    assert bench.source.asked.count(slow.calls[0].path) == 1
    assert bench.source.asked.count(quick.calls[0].path) == 2
    assert bench.source.most_at_once == 1
    release.set()
    await bench.poller.stop()


async def test_objects_that_time_out_share_a_quarter_of_the_places() -> None:
    points = [point(n) for n in range(8)]
    bench = Bench(*points, concurrency=8)
    for one in points:
        bench.source.failures[one.calls[0].path] = SourceUnavailable("no answer in 10 s")
    await bench.cycle()
    release = asyncio.Event()
    for one in points:
        bench.source.hangs[one.calls[0].path] = release
    bench.source.asked.clear()
    await bench.cycle()
    assert len(bench.source.asked) == 2
    bench.source.failures.clear()
    release.set()
    await bench.cycle()
    bench.source.asked.clear()
    await bench.cycle()
    assert len(bench.source.asked) == 8, "points that answer again leave the slow lane"


@pytest.mark.parametrize(
    ("error", "outcome"),
    [
        (SourceUnavailable("away"), "unavailable"),
        (Throttled("slower"), "throttled"),
        (AuthFailed("refused"), "auth_failed"),
        (ObjectGone("gone"), "gone"),
        (ResponseInvalid("HTML"), "invalid"),
    ],
)
async def test_a_failure_is_counted_and_stops_no_other_call(error: SourceError, outcome: str) -> None:
    broken, well = point(1, 2), point(2)
    bench = Bench(broken, well)
    bench.source.failures[broken.calls[0].path] = error
    await bench.cycle()
    assert sorted(bench.seen.outcomes) == sorted([outcome, "ok", "ok"])
    assert bench.seen.errors == [error]
    assert len(bench.readings) == 2


async def test_a_gone_call_rests_until_the_next_inventory_and_asks_for_one_once() -> None:
    gone = point(1, 2)
    bench = Bench(gone)
    bench.source.failures[gone.calls[0].path] = ObjectGone("404")
    await bench.cycle()
    await bench.cycle()
    assert bench.source.asked.count(gone.calls[0].path) == 1
    assert bench.source.asked.count(gone.calls[1].path) == 2
    assert bench.rediscoveries == 1
    bench.poller.new_inventory()
    await bench.cycle()
    assert bench.source.asked.count(gone.calls[0].path) == 2
    assert bench.rediscoveries == 1, "a second refusal waits for the regular discovery"
    assert bench.source.failed_ends == []


async def test_an_end_that_refuses_every_call_twice_is_reported() -> None:
    gone = point(1, 2)
    bench = Bench(gone)
    for call in gone.calls:
        bench.source.failures[call.path] = ObjectGone("404")
    await bench.cycle()
    assert bench.source.failed_ends == []
    bench.poller.new_inventory()
    await bench.cycle()
    assert set(bench.source.failed_ends) == {(gone.key, gone.read_at)}


async def test_a_defect_in_one_poll_is_told_and_the_next_cycle_goes_on() -> None:
    one, other = point(1), point(2)
    bench = Bench(one, other)
    bench.source.failures[one.calls[0].path] = ZeroDivisionError("BUG")
    await bench.cycle()
    assert [type(error) for error in bench.seen.defects] == [ZeroDivisionError]
    bench.source.failures.clear()
    await bench.cycle()
    assert bench.seen.outcomes == ["ok"] * 3


async def test_stop_drops_what_is_in_flight() -> None:
    one = point(1)
    bench = Bench(one)
    bench.source.hangs[one.calls[0].path] = asyncio.Event()
    await bench.cycle()
    await bench.poller.stop()
    assert bench.readings == []
    assert bench.source.running[one.key] == 0


async def test_no_more_polls_run_at_once_than_the_source_answers() -> None:
    points = [point(n) for n in range(12)]
    bench = Bench(*points, concurrency=3)
    release = asyncio.Event()
    bench.source.hangs = {one.calls[0].path: release for one in points}
    await bench.cycle()
    assert sum(bench.source.running.values()) == 3
    await bench.cycle()
    assert len(bench.source.asked) == 3, "a point that waits for its turn is due once"
    release.set()
    await bench.cycle()
    assert Counter(bench.source.asked[:12]) == Counter(one.calls[0].path for one in points)


async def test_stop_forgets_what_waits_for_its_turn() -> None:
    points = [point(n) for n in range(6)]
    bench = Bench(*points, concurrency=2)
    bench.source.hangs = {one.calls[0].path: asyncio.Event() for one in points}
    await bench.cycle()
    await bench.poller.stop()
    await asyncio.sleep(0)
    assert len(bench.source.asked) == 2
    assert sum(bench.source.running.values()) == 0
    bench.source.hangs.clear()
    await bench.cycle()
    assert len(bench.readings) == 6, "what was dropped is due again"
