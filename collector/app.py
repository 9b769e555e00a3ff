"""The composition root: which concrete classes there are, in which order they start and stop, and what a reload does.

Start: ledger, books, listener, exporters, sources, jobs. Stop: the reverse. The listener is up before the first
discovery, so that ``/-/ready`` says what is still awaited.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from typing import TextIO

import structlog

from collector import __version__
from collector.api.server import ApiServer
from collector.assembly import api_options, export_options, influx_options, meter_rules, secrets, tenants
from collector.balancing import Balancer
from collector.clock import Clock, SystemClock
from collector.errors import ConfigError, Fault, LedgerUnavailable
from collector.fleet import Fleet
from collector.ledger.sqlite import SqliteReader, SqliteWriter
from collector.model.identity import Tenant
from collector.pipeline import Meter
from collector.poll.pump import Pump
from collector.poll.scheduler import Jobs
from collector.source_options import nsxt_options, nsxv_gateways, nsxv_options, nsxv_options_via, vcd_options
from collector.sources.nsxt.source import NsxtSource
from collector.sources.nsxv.source import NsxvSource
from collector.sources.vcd.snapshot import decode_map
from collector.sources.vcd.source import VcdSource
from collector.telemetry.health import Health
from collector.telemetry.logs import LogFormat, LogLevel, configure_logs
from collector.telemetry.metrics import DropReason, Metrics
from collector.telemetry.redaction import Redactor
from collector.telemetry.totals import Totals
from collector.tuning import give_back_memory
from collector.watch import Watch
from config.settings import InfluxDb, Settings
from config.settings import NsxtSource as NsxtSettings
from config.settings import NsxvSource as NsxvSettings
from config.settings import VcdSource as VcdSettings
from exporters.base import OutboxExporter
from exporters.influxdb import InfluxDestination
from exporters.prometheus import PrometheusExposition

FIGURES_EVERY_MS = 5_000
"""How often gauges that take a look at every point are renewed, in milliseconds."""

BALANCE_EVERY_MS = 300_000
"""How often full hours of gateways are looked for, in milliseconds."""

BALANCE_FIRST_MS = 90_000
"""Pause before the first of these, in milliseconds: the first inventories are needed."""

COMPLETION_EVERY_MS = 15_000
"""How often slots of silent points are looked for, in milliseconds; a slot is five minutes."""

WRITABLE_EVERY_MS = 10_000
"""How often the ledger is tried while nothing else is written, in milliseconds."""

RETENTION_EVERY_MS = 3_600_000
"""How often old slots and evidence are deleted, in milliseconds."""

RETENTION_FIRST_MS = 60_000
"""Pause before the first of these, in milliseconds, so that it does not meet the first cycle."""

LISTENER = "listener"
"""The part of the health that is the bound port."""

STOP_SECONDS = 4.5
"""Time for everything to stop; a service manager is promised five seconds."""

log = structlog.stdlib.get_logger("northmeter")


class App:
    """The daemon.

    Args:
        settings: What to run.
        reload: Reads the settings file again; raises ConfigError.
        redactor: Keeps secrets out of the log; is told of those that are read anew.
        clock: The machine's, except in tests.
    """

    def __init__(
        self, settings: Settings, reload: Callable[[], Settings], redactor: Redactor, clock: Clock | None = None
    ) -> None:
        self._settings = settings
        self._redactor = redactor
        self._read_again = reload
        self._clock = clock or SystemClock()
        self.health = Health()
        self.totals = Totals()
        self.metrics = Metrics(version=__version__, clock=self._clock)
        self._watch = Watch(
            self.metrics,
            self.health,
            self._clock,
            published=self._wake,
            node_missing=self._rediscover,
        )
        path = settings.ledger.path
        self._writer = SqliteWriter(path)
        # One thread each, so that a long question of a billing system holds up neither exports nor figures.
        self._reader = SqliteReader(path)
        self._exports = SqliteReader(path)
        self.meter = Meter(self._writer, self._clock, self.totals, meter_rules(settings), self._watch)
        self._pump = Pump(self.meter)
        self._jobs = Jobs(self._watch.job_failed)
        self._fleet = Fleet(
            meter=self.meter,
            submit=self._pump.submit,
            jobs=self._jobs,
            metrics=self.metrics,
            health=self.health,
            watch=self._watch,
            clock=self._clock,
        )
        self._balancer = Balancer(
            self._exports, self.meter.estate.routers, self.meter.record, self.metrics.set_remainders
        )
        self._exporters: list[OutboxExporter] = []
        exposition = PrometheusExposition(
            settings.site, self.totals, self.metrics, points=settings.exporters.prometheus.points
        )
        self.server = ApiServer(
            api_options(settings.http),
            reader=self._reader,
            tenants=self._tenants,
            health=self.health,
            clock=self._clock,
            metrics=exposition.handle,
            reload=self.reload,
        )
        self._reloading = asyncio.Lock()
        self._minders: set[asyncio.Task[None]] = set()

    def _tenants(self) -> Sequence[Tenant]:
        """Return the tenants of the settings, and those that became ones by their names elsewhere."""
        named = {tenant.id: tenant for tenant in tenants(self._settings)}
        held = self.meter.addresses.tenants()
        of_addresses = {tenant: name for tenant, name in self.meter.estate.org_names().items() if tenant in held}
        for tenant, name in {**of_addresses, **self.meter.estate.names()}.items():
            named.setdefault(tenant, Tenant(id=tenant, name=name, timezone="UTC"))
        return tuple(named.values())

    # --- life ------------------------------------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        """Run until told to stop.

        Raises:
            LedgerError: The ledger cannot be opened, or is damaged.
            ListenFailed: The port is taken.
        """
        pump: asyncio.Task[None] | None = None
        try:
            await self._open()
            pump = asyncio.create_task(self._pump.run(), name="pump")
            stopping = asyncio.create_task(_until(stop), name="stop")
            damaged = self._watch.damaged
            ends: set[asyncio.Future[None]] = {pump, damaged}
            await asyncio.wait({*ends, stopping}, return_when=asyncio.FIRST_COMPLETED)
            stopping.cancel()
            for ended in ends:
                if ended.done():
                    ended.result()
        finally:
            await self._close(pump)

    async def _open(self) -> None:
        """Start every part, in order."""
        self.health.fault(LISTENER, "not bound yet")
        for source in self._settings.sources:
            self.health.fault(f"source {source.name}", "not tried yet")
        await self._writer.start()
        await self._reader.start()
        await self._exports.start()
        state = await self.meter.load()
        self.metrics.load(state.event_counts, state.quarantined_bytes)
        self._restore_maps()
        del state  # everything that the ledger had, as it had it: the books have what is needed
        await asyncio.to_thread(give_back_memory)
        self._watch.ledger_writable(None)
        self.metrics.before_scrape(self._at_scrape)
        await self.server.start()
        self.health.well(LISTENER)
        log.info("listening", address=f"{self._settings.http.listen.host}:{self.server.port}")
        self._jobs.start()
        await self._start_outside()
        self._jobs.every("figures", FIGURES_EVERY_MS, self._figures)
        self._jobs.every("balance", BALANCE_EVERY_MS, self._balance, first_in_ms=BALANCE_FIRST_MS)
        self._jobs.every("completion", COMPLETION_EVERY_MS, self._complete, first_in_ms=COMPLETION_EVERY_MS)
        self._jobs.every("writable", WRITABLE_EVERY_MS, self._try_ledger, first_in_ms=WRITABLE_EVERY_MS)
        self._jobs.every("retention", RETENTION_EVERY_MS, self._prune, first_in_ms=RETENTION_FIRST_MS)

    async def _close(self, pump: asyncio.Task[None] | None) -> None:
        """Stop every part in reverse: polls in flight are dropped, what was read is committed."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(STOP_SECONDS):
                self._jobs.stop()
                await self._fleet.drop_polls()
                self._pump.stop()
                if pump is not None:
                    await asyncio.wait({pump})
                await asyncio.gather(self.server.stop(), self._stop_outside(), return_exceptions=True)
        await self._reader.stop()
        await self._exports.stop()
        await self._writer.stop()
        log.info("stopped")

    # --- what faces outwards: exporters and sources ----------------------------------------------------------------

    async def _start_outside(self) -> None:
        """Start exporters and sources as the settings in force say, and their jobs."""
        settings = self._settings
        self._exporters = [self._exporter(one) for one in settings.exporters.influxdb]
        await self._writer.register_exporters([exporter.name for exporter in self._exporters])
        for exporter in self._exporters:
            await exporter.start()
            self._mind(exporter)
        directors = {one.name: await self._start_director(one) for one in settings.vcd_sources}
        for source in settings.nsxt_sources:
            await self._start_source(source)
        for legacy in settings.nsxv_sources:
            await self._start_rates(legacy, directors)

    def _mind(self, exporter: OutboxExporter) -> None:
        """Hear when an exporter ends unasked: it found the ledger damaged."""
        task = asyncio.create_task(exporter.wait(), name=f"mind {exporter.name}")
        self._minders.add(task)
        task.add_done_callback(self._minded)

    def _minded(self, task: asyncio.Task[None]) -> None:
        self._minders.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, Exception):
            self._watch.job_failed(task.get_name(), error)

    def _wake(self) -> None:
        """Let exporters look at once: something was published."""
        for exporter in self._exporters:
            exporter.wake()

    async def _stop_outside(self) -> None:
        """Stop sources and exporters; sessions are closed as far as a second allows."""
        exporters, self._exporters = self._exporters, []
        stops = [self._fleet.stop(), *(exporter.stop() for exporter in exporters)]
        await asyncio.gather(*stops, return_exceptions=True)

    def _exporter(self, settings: InfluxDb) -> OutboxExporter:
        return OutboxExporter(
            export_options(settings),
            InfluxDestination(self._settings.site, influx_options(settings, self._redactor.register)),
            reader=self._exports,
            writer=self._writer,
            clock=self._clock,
            metrics=self.metrics,
        )

    async def _start_director(self, settings: VcdSettings) -> VcdSource:
        options = vcd_options(settings, self._redactor.register, after_another=True)
        director = VcdSource(options, self._clock, self._watch)
        await self._fleet.direct(director, every_ms=self._settings.discovery.interval_ms)
        return director

    def _restore_maps(self) -> None:
        """Put the maps in force again that the ledger has: a director that is down now changes nothing."""
        for director in self._settings.vcd_sources:
            known = decode_map(self.meter.estate.payload(director.name), director.name)
            if known is not None:
                self.meter.estate.restore_map(known)

    async def _start_source(self, settings: NsxtSettings) -> None:
        in_force = self._settings
        options = nsxt_options(
            settings,
            in_force.poll,
            self._redactor.register,
            after_another=True,
            directory=bool(in_force.vcd_sources),
        )
        source = NsxtSource(options, self._clock, self._watch)
        await self._fleet.add(
            source,
            interval_ms=in_force.poll.interval_ms,
            discover_every_ms=in_force.discovery.interval_ms,
            concurrency=settings.concurrency,
            compare_every_ms=in_force.poll.compare_ends_ms,
            imbalance_ppm=in_force.poll.imbalance_ppm,
        )

    async def _start_rates(self, settings: NsxvSettings, directors: Mapping[str, VcdSource]) -> None:
        in_force = self._settings
        through = in_force.director_of(settings)
        if through is None:
            options = nsxv_options(settings, self._redactor.register, after_another=True)
        else:
            estate, name = self.meter.estate, through.name
            options = nsxv_options_via(settings, through, directors[name], lambda: nsxv_gateways(estate.maps.get(name)))
        await self._fleet.add_rates(
            NsxvSource(options, self._clock, self._watch),
            interval_ms=in_force.poll.interval_ms,
            discover_every_ms=in_force.discovery.interval_ms,
        )

    def _rediscover(self, source: str) -> None:
        self._fleet.rediscover(source)

    # --- jobs ------------------------------------------------------------------------------------------------------

    def _at_scrape(self) -> None:
        self.metrics.set_budgets(self._fleet.budgets())

    async def _figures(self) -> None:
        """Renew the gauges that take a look at every point, or a question to the ledger."""
        times, directors = self.meter.estate.times(), {one.name for one in self._settings.vcd_sources}
        self.metrics.set_inventories({name: at for name, at in times.items() if name not in directors})
        self.metrics.set_maps({name: at for name, at in times.items() if name in directors})
        self.metrics.set_points(self.meter.estate.counts())
        self.metrics.set_newest_samples(await self.meter.newest_samples())
        self.metrics.set_addresses(*self.meter.addresses.figures(directors))
        self.metrics.set_unattributed(self.meter.estate.unattributed())
        self.metrics.set_tunnels(self.meter.tunnels_up())
        overflowed, self._pump.overflowed = self._pump.overflowed, 0
        if overflowed:
            self.metrics.dropped(overflowed, DropReason.OVERFLOW)
            log.error("readings_dropped", readings=overflowed, reason="the ledger is too slow for what arrives")
        try:
            self.metrics.set_ledger_figures(await self._exports.figures())
        except LedgerUnavailable:
            self.metrics.ledger_failed()

    async def _balance(self) -> None:
        """Take up the hours that are full since the last time: some minutes after the clock, when every part's slots
        are complete."""
        try:
            await self._balancer.look(self._settings.poll.remainder_ppm)
        except LedgerUnavailable:
            self.metrics.ledger_failed()

    async def _complete(self) -> None:
        await self.meter.complete_silent()

    async def _try_ledger(self) -> None:
        """Try the ledger when nothing else was written for a while, so that trouble shows before the next reading."""
        if self._clock.monotonic() - self._watch.last_commit < WRITABLE_EVERY_MS / 1_000:
            return
        self._watch.ledger_writable(await self._writer.is_writable())

    async def _prune(self) -> None:
        now, keep = self._clock.now(), self._settings.ledger.retention
        await self._writer.prune(slots_before=now - keep.slots_ms, evidence_before=now - keep.evidence_ms)

    # --- reload ----------------------------------------------------------------------------------------------------

    async def reload(self) -> str | None:
        """Put the settings file in force again; return what is wrong with it, or ``None``.

        A bad file is refused whole, and the old settings stay. Address, ledger and site stay until the next start,
        and a file that changes them is refused, so that nobody believes them changed.
        """
        async with self._reloading:
            try:
                settings = await asyncio.to_thread(self._read_again)
                _refuse_lasting_changes(self._settings, settings)
                await self.server.reload(api_options(settings.http))
            except ConfigError as error:
                self.metrics.reloaded(False)
                log.error("reload_refused", faults=str(error).splitlines())
                return str(error)
            self._settings = settings
            set_up_logs(settings, self._redactor)
            self.meter.set_rules(meter_rules(settings))
            await self._stop_outside()
            await self._start_outside()
            self.metrics.reloaded(True)
            log.info("reloaded")
            return None


async def _until(stop: asyncio.Event) -> None:
    await stop.wait()


def set_up_logs(settings: Settings, redactor: Redactor, stream: TextIO | None = None) -> None:
    """Write the log as the settings say, without their secrets, to a stream or to standard error."""
    for secret in secrets(settings):
        redactor.register(secret)
    configure_logs(redactor, level=LogLevel(settings.log.level), style=LogFormat(settings.log.format), stream=stream)


def _refuse_lasting_changes(old: Settings, new: Settings) -> None:
    """Raise ConfigError for what only a new start can change."""
    lasting = {
        "site": (old.site, new.site),
        "ledger.url": (old.ledger.url, new.ledger.url),
        "http.listen": (old.http.listen, new.http.listen),
        "exporters.prometheus": (old.exporters.prometheus, new.exporters.prometheus),
    }
    faults = [
        Fault(path, None, "changes only with a new start; restart the daemon, or put the old value back")
        for path, (before, now) in lasting.items()
        if before != now
    ]
    if faults:
        raise ConfigError(faults)
