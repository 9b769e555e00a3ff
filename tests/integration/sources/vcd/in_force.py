"""Real sources, discovered by the fleet whenever a test says so, and what of their answers is in force."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from collector.assembly import meter_rules
from collector.clock import SystemClock
from collector.fleet import Fleet
from collector.model.directory import CloudMap
from collector.pipeline import Meter
from collector.poll.scheduler import Job, Jobs
from collector.telemetry.health import Health
from collector.telemetry.metrics import DiscoveryOutcome, Metrics
from collector.telemetry.totals import Totals
from collector.watch import Watch
from simulator import Scenario, Simulator
from tests.integration.sources.vcd.estate import Change, Estate, Whose, settings_of, started
from tests.property.memory import MemoryLedger

STEP_MS = 60_000
"""How far the provider's clock goes on between two discoveries."""


class HandJobs(Jobs):
    """Jobs that run when they are told to."""

    def __init__(self) -> None:
        super().__init__(lambda name, error: None)
        self.jobs: dict[str, Job] = {}

    def every(self, name: str, milliseconds: int, job: Job, *, first_in_ms: int = 0) -> None:
        self.jobs[name] = job

    def change(self, name: str, milliseconds: int) -> None:
        assert name in self.jobs

    def soon(self, name: str, milliseconds: int) -> None:
        assert name in self.jobs

    def remove(self, name: str) -> None:
        self.jobs.pop(name, None)


class Outcomes(Metrics):
    """Remembers how the last discovery of each source ended."""

    def __init__(self) -> None:
        super().__init__(version="test", clock=SystemClock())
        self.last: dict[str, str] = {}

    def discovery(self, source: str, outcome: DiscoveryOutcome, seconds: float) -> None:
        super().discovery(source, outcome, seconds)
        self.last[source] = outcome.value


class InForce:
    """A fleet with its meter."""

    def __init__(self, estate: Estate) -> None:
        self.sim = estate.sim
        self._estate = estate
        self._ledger = MemoryLedger()
        self._jobs = HandJobs()
        self._metrics = Outcomes()
        clock, health = SystemClock(), Health()
        watch = Watch(self._metrics, health, clock)
        self._meter = Meter(self._ledger, clock, Totals(), meter_rules(estate.settings), watch)
        self._fleet = Fleet(
            meter=self._meter,
            submit=lambda _: None,
            jobs=self._jobs,
            metrics=self._metrics,
            health=health,
            watch=watch,
            clock=clock,
        )

    async def start(self) -> None:
        """Add the sources, and discover each of them once."""
        estate, hour = self._estate, 3_600_000
        await self._fleet.direct(estate.director, every_ms=hour)
        await self._fleet.add(estate.nsxt, interval_ms=60_000, discover_every_ms=hour, concurrency=4)
        if estate.nsxv is not None:
            await self._fleet.add_rates(estate.nsxv, interval_ms=300_000, discover_every_ms=hour)
        for source in self.sources:
            assert await self.discover(source) == "ok"

    async def stop(self) -> None:
        """Stop the sources."""
        await self._fleet.stop()

    @property
    def sources(self) -> list[str]:
        """Every source, the director first."""
        return [source.name for source in self._estate.settings.vcd_sources] + [
            source.name for source in (self._estate.nsxt, self._estate.nsxv) if source is not None
        ]

    async def discover(self, source: str) -> str:
        """Let some time pass, read a source's map or inventory, and return how that ended."""
        self.sim.advance(STEP_MS)
        await self._jobs.jobs[f"discover {source}"]()
        return self._metrics.last[source]

    async def snapshot(self) -> dict[str, object]:
        """Return everything that decides what is read and to whom it is booked."""
        state = await self._ledger.load()
        estate = self._meter.estate
        return {
            "owners": {point.key: point.owners for point in state.points},
            "present": {point.key for point in state.points if point.read_at is not None},
            "metered": {source: frozenset(estate.metered(source).keys) for source in estate.points()},
            "points": {source: frozenset(keys) for source, keys in estate.points().items()},
            "maps": {name: _content(cloud) for name, cloud in estate.maps.items()},
            "addresses": (state.addresses.held, state.addresses.quotas),
        }

    def at(self, source: str) -> int | None:
        """Return the time of what is in force of a source."""
        return self._meter.estate.at(source)

    async def owners(self) -> Mapping[str, Whose]:
        """Return path → whose each point is now by the ledger."""
        state = await self._ledger.load()
        return {
            point.key.path: Whose(str(point.owners[-1].tenant), point.owners[-1].role.value)
            for point in state.points
            if point.read_at is not None
        }


def _content(cloud: CloudMap) -> CloudMap:
    """Return what attribution makes of a map: without its addresses, and what belongs to its reading alone."""
    return replace(cloud, at=0, payload=b"", calls=0, faults=(), allocations=(), quotas=(), addresses_complete=True)


@asynccontextmanager
async def in_force(scenario: Scenario, folder: Path, change: Change | None = None) -> AsyncIterator[InForce]:
    """Discover a simulated provider, and hold what was found."""
    async with (
        Simulator(scenario, speed=0) as sim,
        started(sim, settings_of(sim, folder, change), begin=False) as estate,
    ):
        made = InForce(estate)
        try:
            await made.start()
            yield made
        finally:
            await made.stop()
