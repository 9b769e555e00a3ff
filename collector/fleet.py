"""The sources of the settings in force: started, discovered, polled, and stopped again.

A source that cannot be started, or fails, is told and tried again; it holds up no other one. Polling of the metering
points begins when every source of attribution was tried once, so that the first readings have their owners.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Protocol

import structlog

from collector.clock import Clock
from collector.core.attribution import Attribution
from collector.errors import LedgerCorrupt, LedgerUnavailable, SourceError
from collector.model.directory import CloudMap
from collector.model.identity import UNATTRIBUTED
from collector.model.sample import RateReading, Reading
from collector.model.usage import Role
from collector.pipeline import Meter
from collector.poll.comparing import LOOK_EVERY_MS, EndComparer
from collector.poll.poller import Poller
from collector.poll.rates import RatePoller
from collector.poll.schedule import Plan
from collector.poll.scheduler import Jobs
from collector.ports import Director, Discovered, Inventory, RateSource, Source
from collector.telemetry.health import Health
from collector.telemetry.metrics import DiscoveryOutcome, Metrics
from collector.tuning import give_back_memory
from collector.watch import Watch

DISCOVERY_RETRY_MS = 15_000
"""Pause before a discovery that failed is tried again, in milliseconds, where the interval of the settings is
longer."""

DISCOVERY_DOUBLINGS_MAX = 10
"""How often that pause doubles with each further failure: to four hours, or the interval of the settings if that is
less."""

REDISCOVER_MS = 5_000
"""Pause before a discovery that a gone object or a vanished node asks for, in milliseconds, so that many of them cost
one."""

REDISCOVER_APART_MS = 30_000
"""Least time between the end of a discovery and the next one that is asked for so, in milliseconds: a node that comes
and goes must not make us discover without end."""

FIRST_MAP_SECONDS = 120.0
"""How long the first inventory waits for directors that answer neither yes nor no, in seconds."""

START_RETRY_MS = 15_000
"""Pause before a source that could not be started, for want of a TLS file say, is tried again, in milliseconds."""

log = structlog.stdlib.get_logger("northmeter")


class Polling(Protocol):
    """What sends a source's points out once per cycle."""

    def plan(self) -> Plan: ...
    def new_inventory(self) -> None: ...
    async def cycle(self) -> None: ...
    async def stop(self) -> None: ...


class Startable(Protocol):
    """What a unit is built around."""

    name: str

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def budget_used_ratio(self) -> float: ...


class Unit:
    """One source with what is done with it.

    Attributes:
        source: Who is asked.
        poller: Reads its points.
        comparer: Compares the ends of its links; ``None`` where that is off, and for a source without links.
        planned_ms: Interval at which its cycle runs; ``None`` before the first inventory.
        discovering: A discovery is under way.
        discovered: Monotonic seconds of the end of the last one.
        failures: Discoveries since the last complete one.
    """

    def __init__(self, source: Discovered, poller: Polling, comparer: EndComparer | None) -> None:
        self.source = source
        self.poller = poller
        self.comparer = comparer
        self.planned_ms: int | None = None
        self.discovering = False
        self.discovered = float("-inf")
        self.failures = 0

    @property
    def name(self) -> str:
        """Name of the source."""
        return self.source.name


class Directing:
    """A director with what is done with it.

    Attributes:
        tried: It was asked for a map once, whatever came.
        reading: A map is being read.
        failures: Readings since the last complete one.
    """

    def __init__(self, director: Director) -> None:
        self.director = director
        self.tried = asyncio.Event()
        self.reading = False
        self.failures = 0

    @property
    def name(self) -> str:
        """Name of the source."""
        return self.director.name


class Fleet:
    """Every source, and the jobs that discover and poll it.

    Args:
        meter: What inventories and readings go to.
        submit: Takes each reading.
        jobs: Where discoveries and cycles run.
    """

    def __init__(
        self,
        *,
        meter: Meter,
        submit: Callable[[Reading], None],
        jobs: Jobs,
        metrics: Metrics,
        health: Health,
        watch: Watch,
        clock: Clock,
    ) -> None:
        self._meter = meter
        self._submit = submit
        self._jobs = jobs
        self._metrics = metrics
        self._health = health
        self._watch = watch
        self._clock = clock
        self._units: dict[str, Unit] = {}
        self._directors: dict[str, Directing] = {}
        self._starting: set[str] = set()
        self._said: dict[str, object] = {}

    # --- life ------------------------------------------------------------------------------------------------------

    async def add(
        self,
        source: Source,
        *,
        interval_ms: int,
        discover_every_ms: int,
        concurrency: int,
        compare_every_ms: int = 0,
        imbalance_ppm: int = 0,
    ) -> None:
        """Start a source of counters and its jobs; one that cannot be started is tried again until it can.

        Args:
            compare_every_ms: Time between two readings of both ends of a link; 0 for none.
            imbalance_ppm: Share by which they may differ, in parts per million.
        """
        poller = Poller(
            source,
            points=lambda: self._meter.estate.metered(source.name),
            submit=self._submit,
            rediscover=lambda: self.rediscover(source.name),
            observer=self._watch,
            clock=self._clock,
            interval_ms=interval_ms,
            concurrency=concurrency,
        )
        comparer = EndComparer(
            source,
            record=self._meter.record,
            observer=self._watch,
            clock=self._clock,
            every_ms=compare_every_ms,
            bound_ppm=imbalance_ppm,
        )
        await self._add(source, poller, discover_every_ms, comparer if compare_every_ms else None)

    async def add_rates(self, source: RateSource, *, interval_ms: int, discover_every_ms: int) -> None:
        """The same for a source of rates."""
        poller = RatePoller(
            source,
            points=lambda: self._meter.estate.metered(source.name),
            states=lambda: self._meter.rate_states(source.name),
            book=self._book_rates,
            rediscover=lambda: self.rediscover(source.name),
            observer=self._watch,
            clock=self._clock,
            interval_ms=interval_ms,
        )
        await self._add(source, poller, discover_every_ms)

    async def _book_rates(self, readings: Sequence[RateReading]) -> None:
        try:
            await self._meter.account_rates(readings)
        except LedgerCorrupt as error:
            self._watch.job_failed("rates", error)

    async def _add(
        self, source: Discovered, poller: Polling, discover_every_ms: int, comparer: EndComparer | None = None
    ) -> None:
        self._metrics.add_source(source.name)
        unit = Unit(source, poller, comparer)
        self._units[source.name] = unit

        def begin() -> None:
            self._jobs.every(f"discover {source.name}", discover_every_ms, lambda: self._discover(unit))
            if comparer is not None:
                self._jobs.every(f"compare {source.name}", LOOK_EVERY_MS, comparer.look, first_in_ms=LOOK_EVERY_MS)

        await self._start(source, begin)

    async def direct(self, director: Director, *, every_ms: int) -> None:
        """Start a director and the job that reads its map; add directors before the sources that they speak of."""
        self._metrics.add_source(director.name)
        directing = Directing(director)
        self._directors[director.name] = directing
        known = self._meter.estate.maps.get(director.name)
        if known is not None:
            director.remember(known)
        await self._start(
            director,
            lambda: self._jobs.every(f"discover {director.name}", every_ms, lambda: self._read_map(directing)),
        )

    async def stop(self) -> None:
        """Stop jobs, polls and sources; sessions are closed as far as a second allows."""
        units, self._units = self._units, {}
        directors, self._directors = self._directors, {}
        for name in {*units, *directors, *self._starting}:
            for job in ("start", "poll", "discover", "compare"):
                self._jobs.remove(f"{job} {name}")
        for unit in units.values():
            if unit.comparer is not None:
                unit.comparer.stop()
        self._starting.clear()
        self._said.clear()
        await asyncio.gather(*(unit.poller.stop() for unit in units.values()))
        stops = [*(unit.source.stop() for unit in units.values()), *(one.director.stop() for one in directors.values())]
        await asyncio.gather(*stops, return_exceptions=True)

    async def drop_polls(self) -> None:
        """Drop the polls in flight."""
        await asyncio.gather(*(unit.poller.stop() for unit in self._units.values()))

    def budgets(self) -> Mapping[str, float]:
        """Return source → share of its request budget that the last second used."""
        asked: list[Startable] = [unit.source for unit in self._units.values()]
        asked += [one.director for one in self._directors.values()]
        return {one.name: one.budget_used_ratio() for one in asked}

    async def _start(self, source: Startable, begin: Callable[[], None]) -> None:
        """Start a source and what is done with it, now or as soon as it can be."""
        name = source.name
        try:
            await source.start()
        except SourceError as error:
            self._health.fault(f"source {name}", str(error))
            if name in self._directors:
                self._directors[name].tried.set()
            if name not in self._starting:
                log.error("source_not_started", source=name, reason=str(error))
                self._starting.add(name)
                self._jobs.every(
                    f"start {name}", START_RETRY_MS, self._again(source, begin), first_in_ms=START_RETRY_MS
                )
            return
        if name in self._starting:
            self._starting.discard(name)
            self._jobs.remove(f"start {name}")
            log.info("source_started", source=name)
        begin()

    def _again(self, source: Startable, begin: Callable[[], None]) -> Callable[[], Awaitable[None]]:
        async def again() -> None:
            await self._start(source, begin)

        return again

    # --- discovery -------------------------------------------------------------------------------------------------

    async def _discover(self, unit: Unit) -> None:
        """Take an inventory of a source over; what fails is tried again soon, and polls go on meanwhile."""
        if unit.discovering:
            return
        unit.discovering = True
        started, outcome = self._clock.monotonic(), DiscoveryOutcome.FAILED
        try:
            inventory = await unit.source.discover(self._meter.estate.payload(unit.name), self._meter.known_end)
            await self._directors_tried()
            attribution = await self._meter.apply_inventory(inventory)
            outcome = DiscoveryOutcome.OK if inventory.complete else DiscoveryOutcome.INCOMPLETE
            self._say(inventory, attribution)
            if unit.comparer is not None:
                unit.comparer.name(inventory.comparisons)
            del inventory, attribution  # the estate keeps what is needed, packed
            await asyncio.to_thread(give_back_memory)
            unit.poller.new_inventory()
            self._plan(unit)
        except SourceError as error:
            log.warning("discovery_failed", source=unit.name, reason=str(error))
        except LedgerUnavailable as error:
            self._metrics.ledger_failed()
            self._watch.ledger_writable(str(error))
        finally:
            unit.discovering = False
            unit.discovered = self._clock.monotonic()
            self._health.well(f"source {unit.name}")
            self._metrics.discovery(unit.name, outcome, self._clock.monotonic() - started)
        unit.failures = 0 if outcome is DiscoveryOutcome.OK else unit.failures + 1
        self._retry(unit.name, unit.failures)

    def _retry(self, name: str, failures: int) -> None:
        """Ask again soon after a failure; what stays unreadable for good must not cost an inventory each time, so the
        pause doubles up to the interval."""
        if failures:
            self._jobs.soon(f"discover {name}", DISCOVERY_RETRY_MS << min(failures - 1, DISCOVERY_DOUBLINGS_MAX))

    async def _directors_tried(self) -> None:
        """Wait until every director was tried once: the first readings shall have their owners."""
        waits = [directing.tried.wait() for directing in self._directors.values()]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_MAP_SECONDS):
                await asyncio.gather(*waits)

    async def _read_map(self, directing: Directing) -> None:
        """Read a director's map and put it in force if it is complete; whatever else comes, the last good one stays."""
        if directing.reading:
            return
        directing.reading = True
        name, started, outcome = directing.name, self._clock.monotonic(), DiscoveryOutcome.FAILED
        try:
            cloud = await directing.director.read_map()
            outcome = DiscoveryOutcome.OK if cloud.complete else DiscoveryOutcome.INCOMPLETE
            if cloud.complete:
                attributions = await self._meter.apply_map(cloud)
                self._say_owners(name, attributions)
                for unit in tuple(self._units.values()):
                    if unit.planned_ms is not None:
                        self._plan(unit)
            self._say_map(cloud)
        except SourceError as error:
            log.warning("discovery_failed", source=name, reason=str(error))
        except LedgerUnavailable as error:
            outcome = DiscoveryOutcome.FAILED
            self._metrics.ledger_failed()
            self._watch.ledger_writable(str(error))
        finally:
            directing.reading = False
            directing.tried.set()
            self._health.well(f"source {name}")
            self._metrics.discovery(name, outcome, self._clock.monotonic() - started)
        directing.failures = 0 if outcome is DiscoveryOutcome.OK else directing.failures + 1
        self._retry(name, directing.failures)

    def rediscover(self, name: str) -> None:
        """Take an inventory soon: an object is gone, or a node that reported does so no more and another may."""
        unit = self._units.get(name)
        if unit is not None and not unit.discovering:
            since_ms = (self._clock.monotonic() - unit.discovered) * 1_000
            self._jobs.soon(f"discover {name}", int(max(REDISCOVER_MS, REDISCOVER_APART_MS - since_ms)))

    def _say(self, inventory: Inventory, attribution: Attribution) -> None:
        """Log what an inventory found that an operator should know; the same thing once."""
        source = inventory.source
        if self._is_news(f"inventory {source}", (inventory.faults, len(inventory.points), inventory.complete)):
            log.info(
                "inventory",
                source=source,
                version=inventory.version,
                points=len(inventory.points),
                complete=inventory.complete,
                calls=inventory.calls,
            )
            for fault in inventory.faults:
                log.warning("inventory_fault", source=source, reason=fault)
        self._say_owners(source, {source: attribution})

    def _say_map(self, cloud: CloudMap) -> None:
        """Log what a director said; the same thing once."""
        said = (cloud.faults, cloud.complete, cloud.addresses_complete, len(cloud.orgs), len(cloud.gateways))
        if not self._is_news(f"map {cloud.source}", said):
            return
        log.info(
            "map",
            source=cloud.source,
            version=cloud.version,
            organisations=len(cloud.orgs),
            gateways=len(cloud.gateways),
            networks=len(cloud.networks),
            complete=cloud.complete,
            in_force=cloud.complete,
            calls=cloud.calls,
        )
        for fault in cloud.faults:
            log.warning("map_fault", source=cloud.source, reason=fault)
        for note in self._meter.estate.map_notes(cloud):
            log.warning("attribution_note", source=cloud.source, about=note.kind.value, reason=note.message)

    def _say_owners(self, cause: str, attributions: Mapping[str, Attribution]) -> None:
        """Log what attribution found that an operator should know; the same thing once."""
        for source, attribution in attributions.items():
            unattributed = sum(
                one.tenant == UNATTRIBUTED and one.role is Role.BILLED for one in attribution.decisions.values()
            )
            said = (attribution.overlaps, attribution.unmatched, attribution.notes, unattributed)
            if not self._is_news(f"owners {source}", said):
                continue
            log.info("attribution", source=source, cause=cause, unattributed=unattributed)
            for overlap in attribution.overlaps:
                log.error("overlap", source=source, reason=overlap.message)
            for claim in attribution.unmatched:
                log.warning("point_not_found", source=source, setting=claim.path, tenant=claim.tenant)
            for note in attribution.notes:
                log.warning(
                    "attribution_note", source=source, about=note.kind.value, path=note.path, reason=note.message
                )

    def _is_news(self, what: str, said: object) -> bool:
        if self._said.get(what) == said:
            return False
        self._said[what] = said
        return True

    def _plan(self, unit: Unit) -> None:
        """Let the cycle run as often as the budget allows, and say so when that is less often than wanted."""
        made = unit.poller.plan()
        if unit.planned_ms == made.interval_ms:
            return
        name = f"poll {unit.name}"
        if unit.planned_ms is None:
            self._jobs.every(name, made.interval_ms, unit.poller.cycle)
        else:
            self._jobs.change(name, made.interval_ms)
        unit.planned_ms = made.interval_ms
        (log.info if made.fits else log.warning)(
            "poll_plan", source=unit.name, plan=made.words(unit.name, unit.source.requests_per_second)
        )
