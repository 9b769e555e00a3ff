"""The daemon's own parts from source to ledger, put together as ``collector.app`` does."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from bench.answers import LightManager
from bench.provider import GAP_AFTER_MS, MAX_RATE, SOURCE, claims_of, inventory_of
from collector.clock import SystemClock
from collector.ledger.sqlite import SqliteWriter
from collector.model.usage import Batch
from collector.pipeline import Meter, MeterRules
from collector.poll.poller import Poller
from collector.poll.pump import Pump
from collector.sources.nsxt.options import NsxtOptions, SessionLogin
from collector.sources.nsxt.snapshot import Snapshot
from collector.sources.nsxt.source import NsxtSource
from collector.sources.options import HttpOptions, TlsOptions
from collector.telemetry.health import Health
from collector.telemetry.metrics import Metrics
from collector.telemetry.totals import Totals
from collector.watch import Watch

TENANTS = 100
CONCURRENCY = 16


class CountingWatch(Watch):
    """The daemon's observer, which also says when so many readings are in the ledger."""

    stored = 0
    _target = 0
    _reached: asyncio.Event | None = None

    def committed(self, batch: Batch, readings: int, seconds: float) -> None:
        """Count, and wake who waits."""
        super().committed(batch, readings, seconds)
        self.stored += readings
        if self._reached is not None and self.stored >= self._target:
            self._reached.set()

    async def wait_for(self, stored: int) -> None:
        """Return when so many readings are in the ledger since the start."""
        self._target, self._reached = stored, asyncio.Event()
        if self.stored < stored:
            await self._reached.wait()


class PollPath:
    """Source, pollers, pump, meter and ledger of one daemon.

    Attributes:
        paths: Path and query of every request of one cycle, in order.
    """

    def __init__(self, manager: LightManager, ledger: Path, found: Snapshot) -> None:
        self._found = found
        self._clock = SystemClock()
        self._metrics = Metrics(version="bench", clock=self._clock)
        self.watch = CountingWatch(self._metrics, Health(), self._clock)
        self._writer = SqliteWriter(ledger)
        rules = MeterRules(max_rate=MAX_RATE, gap_after_ms=GAP_AFTER_MS, claims=claims_of(found, TENANTS))
        self.meter = Meter(self._writer, self._clock, Totals(), rules, self.watch)
        self.pump = Pump(self.meter)
        http = HttpOptions(
            name=SOURCE,
            urls=(manager.url,),
            tls=TlsOptions(ca_file=manager.ca_file),
            requests_per_second=1_000_000,  # the budget works, and never holds a call up
            concurrency=CONCURRENCY,
        )
        login = SessionLogin("northmeter", lambda: "no secret")
        self.source = NsxtSource(NsxtOptions(http=http, login=login), self._clock, self.watch)
        self.paths: list[str] = []

    async def start(self) -> None:
        """Open the ledger and take the inventory over."""
        await self._writer.start()
        await self.meter.load()
        self._metrics.add_source(SOURCE)
        await self.source.start()
        await self.meter.apply_inventory(inventory_of(self._found, self._clock.now()))
        self.paths = [call.target for point in self.meter.estate.metered(SOURCE) for call in point.calls]

    async def stop(self) -> None:
        """Close what was opened."""
        await self.source.stop()
        await self._writer.stop()

    def poller(self, interval_ms: int) -> Poller:
        """Return a poller; its first cycle goes as fast as the source answers, later ones spread over the interval."""
        return Poller(
            self.source,
            points=lambda: self.meter.estate.metered(SOURCE),
            submit=self.pump.submit,
            rediscover=lambda: None,
            observer=self.watch,
            clock=self._clock,
            interval_ms=interval_ms,
            concurrency=CONCURRENCY,
        )


@asynccontextmanager
async def poll_path(manager: LightManager, ledger: Path, found: Snapshot) -> AsyncIterator[PollPath]:
    """Run the parts while the block runs."""
    path = PollPath(manager, ledger, found)
    await path.start()
    pump = asyncio.create_task(path.pump.run())
    try:
        yield path
    finally:
        path.pump.stop()
        await pump
        await path.stop()
