"""Sources come and go without holding each other up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable

import pytest

from collector import fleet as fleets
from collector.clock import SystemClock
from collector.errors import SourceError, SourceUnavailable
from collector.fleet import Fleet
from collector.model.identity import PointKey, ReadAt
from collector.model.sample import Reading
from collector.pipeline import Meter, MeterRules
from collector.poll.scheduler import Jobs
from collector.ports import Inventory, OnlineReport, PointCall
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
        meter = Meter(MemoryLedger(), clock, Totals(), MeterRules(max_rate=10**9, gap_after_ms=180_000), watch)
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
