"""Sources come and go without holding each other up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from dataclasses import replace

import pytest

from collector import fleet as fleets
from collector.clock import SystemClock
from collector.errors import SourceError, SourceUnavailable
from collector.fleet import Fleet
from collector.model.identity import Kind, PointKey, ReadAt
from collector.model.sample import Counters, Reading, Row, Sample
from collector.model.usage import EventName
from collector.pipeline import Meter, MeterRules
from collector.poll.scheduler import Jobs
from collector.ports import Comparison, Inventory, OnlineReport, PointCall
from collector.telemetry.health import Health
from collector.telemetry.metrics import Metrics
from collector.telemetry.totals import Totals
from collector.watch import Watch
from tests.property.memory import MemoryLedger

WAIT_SECONDS = 30


class FussySource:
    """Starts at the given attempt; its inventory is empty."""

    requests_per_second = 50

    def __init__(self, name: str, starts_at: int) -> None:
        self.name = name
        self.starts_at = starts_at
        self.attempts = 0
        self.stopped = False
        self.discovered = asyncio.Event()

    async def start(self) -> None:
        self.attempts += 1
        if self.attempts < self.starts_at:
            raise SourceUnavailable(f"source {self.name}: ca.pem: no such file; put it back")

    async def stop(self) -> None:
        self.stopped = True

    async def discover(self, previous: bytes | None, known_ends: Callable[[PointKey], ReadAt | None]) -> Inventory:
        self.discovered.set()
        return Inventory(
            source=self.name, at=1, complete=True, version="4.1", points=(), changes=(), payload=b"", calls=1
        )

    async def read(self, point: PointKey, read_at: ReadAt, call: PointCall) -> Reading:
        raise SourceError("there is nothing to read")

    def mark_end_failed(self, point: PointKey, read_at: ReadAt) -> None:
        raise AssertionError("there is no link")

    async def check_online(self) -> OnlineReport:
        raise AssertionError("a daemon checks nothing")

    def budget_used_ratio(self) -> float:
        return 0.0


class World:
    """A fleet with everything around it."""

    def __init__(self) -> None:
        clock = SystemClock()
        self.health = Health()
        metrics = Metrics(version="test", clock=clock)
        watch = Watch(metrics, self.health, clock)
        self.jobs = Jobs(watch.job_failed)
        self.ledger = MemoryLedger()
        meter = Meter(self.ledger, clock, Totals(), MeterRules(max_rate=10**9, gap_after_ms=180_000), watch)
        self.fleet = Fleet(
            meter=meter,
            submit=lambda _: None,
            jobs=self.jobs,
            metrics=metrics,
            health=self.health,
            watch=watch,
            clock=clock,
        )

    async def add(self, source: FussySource) -> None:
        await self.fleet.add(source, interval_ms=60_000, discover_every_ms=600_000, concurrency=4)


@pytest.fixture
async def world(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    monkeypatch.setattr(fleets, "START_RETRY_MS", 20)
    made = World()
    made.jobs.start()
    yield made
    await made.fleet.stop()
    made.jobs.stop()


async def test_a_source_that_cannot_be_started_is_told_and_tried_again_and_holds_up_no_other(world: World) -> None:
    broken, good = FussySource("broken", starts_at=3), FussySource("good", starts_at=1)
    await world.add(broken)
    assert world.health.faults == {"source broken": "source broken: ca.pem: no such file; put it back"}
    await world.add(good)
    async with asyncio.timeout(WAIT_SECONDS):
        await good.discovered.wait()
        await broken.discovered.wait()
        while world.health.faults:  # noqa: ASYNC110 - health has no event to wait for
            await asyncio.sleep(0.01)
    assert broken.attempts == 3
    assert set(world.fleet.budgets()) == {"broken", "good"}


async def test_a_source_that_never_starts_is_given_up_with_the_fleet(world: World) -> None:
    broken = FussySource("broken", starts_at=10**9)
    await world.add(broken)
    await world.fleet.stop()
    tried = broken.attempts
    good = FussySource("good", starts_at=1)
    await world.add(good)
    async with asyncio.timeout(WAIT_SECONDS):
        await good.discovered.wait()
    assert broken.stopped
    assert broken.attempts == tried


class LinkedSource(FussySource):
    """Has one link, whose ends never agree."""

    def __init__(self, name: str) -> None:
        super().__init__(name, starts_at=1)
        self.readings = 0
        self.link = PointKey(name, Kind.TIER1_DOWNLINK, "/infra/tier-1s/t1")

    async def discover(self, previous: bytes | None, known_ends: Callable[[PointKey], ReadAt | None]) -> Inventory:
        ends = [(PointCall(path=f"/{end}", node="edge"),) for end in ("tier0", "tier1")]
        compared = (Comparison(point=self.link, tier0_calls=ends[0], tier1_calls=ends[1]),)
        found = await super().discover(previous, known_ends)
        return replace(found, comparisons=compared)

    async def read(self, point: PointKey, read_at: ReadAt, call: PointCall) -> Reading:
        self.readings += 1
        at, seen = (self.readings + 1) // 2 * 60_000, self.readings * (10**12 if read_at is ReadAt.TIER0 else 10**9)
        row = Row("port", "edge", Sample(at, at, Counters(seen, seen)))
        return Reading(point=point, read_at=read_at, polled_at=at, asked_node=None, rows=(row,))


@pytest.mark.parametrize(("every_ms", "told"), [(1, True), (0, False)])
async def test_the_ends_of_links_are_compared_where_the_settings_ask_for_it(
    world: World, monkeypatch: pytest.MonkeyPatch, every_ms: int, told: bool
) -> None:
    monkeypatch.setattr(fleets, "LOOK_EVERY_MS", 20)
    source, other = LinkedSource("linked"), FussySource("other", starts_at=1)
    await world.fleet.add(
        source,
        interval_ms=60_000,
        discover_every_ms=600_000,
        concurrency=4,
        compare_every_ms=every_ms,
        imbalance_ppm=20_000,
    )
    await world.add(other)
    async with asyncio.timeout(WAIT_SECONDS):
        await source.discovered.wait()
        await other.discovered.wait()
        while told and not world.ledger.events:  # noqa: ASYNC110 - a ledger has no event to wait for
            await asyncio.sleep(0.01)
    assert {(event.event, event.point) for event in world.ledger.events} == (
        {(EventName.LINK_IMBALANCE, source.link.label)} if told else set()
    )
    assert bool(source.readings) is told
