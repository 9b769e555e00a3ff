"""What the daemon tells of itself: typed methods for the other parts, one registry of our own for the scrape.

Counting is cheap and never fails a caller; values of the moment are plain attributes that become samples when somebody
scrapes. Usage is not here: it comes from ``Totals``, digit by digit. Every metric is declared in
``collector.telemetry.catalogue``.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from enum import StrEnum
from typing import Final, Protocol

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.metrics_core import GaugeMetricFamily, InfoMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from collector.model.identity import Kind, TenantId
from collector.model.period import MS_PER_SECOND, Instant
from collector.model.usage import EventName, LedgerFigures
from collector.telemetry import catalogue
from collector.telemetry.catalogue import Metric

POLL_BUCKETS: Final = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
"""Seconds: a manager answers in tens of milliseconds, and ten seconds is the usual time-out."""

DISCOVERY_BUCKETS: Final = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)
"""Seconds: from a small lab to a provider whose lists take thousands of calls."""

COMMIT_BUCKETS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0)
"""Seconds: from a fast disk to one that is in trouble."""


class WallClock(Protocol):
    """What ages are counted by; ``collector.clock`` has it."""

    def now(self) -> Instant:
        """Return the wall-clock time, in milliseconds since the epoch."""


class PollOutcome(StrEnum):
    """How one call of a poll ended; ``broken`` is a defect of ours."""

    OK = "ok"
    UNAVAILABLE = "unavailable"
    THROTTLED = "throttled"
    AUTH_FAILED = "auth_failed"
    GONE = "gone"
    INVALID = "invalid"
    BROKEN = "broken"


class DiscoveryOutcome(StrEnum):
    """How a discovery ended; ``incomplete`` could not read every list."""

    OK = "ok"
    INCOMPLETE = "incomplete"
    FAILED = "failed"


class DropReason(StrEnum):
    """Why readings were not stored: the ledger could not be written, or too many were waiting for it."""

    LEDGER = "ledger"
    OVERFLOW = "overflow"


class ExportOutcome(StrEnum):
    """How a sending ended.

    ``too_large`` and ``rejected`` are halved, ``unavailable`` is sent again; with ``expired`` the destination took the
    lines but those that are older than what it keeps; ``broken`` is a defect of ours.
    """

    OK = "ok"
    EXPIRED = "expired"
    UNAVAILABLE = "unavailable"
    REJECTED = "rejected"
    TOO_LARGE = "too_large"
    BROKEN = "broken"


class Metrics:
    """Counts and values of the daemon.

    Attributes:
        registry: What is scraped beside the usage; only of this daemon, never the library's global one.
        quarantined: Tenant → bytes waiting in quarantine; whole numbers, and the exposition keeps them so.
    """

    def __init__(self, *, version: str, clock: WallClock) -> None:
        self.registry = CollectorRegistry()
        self.quarantined: dict[TenantId, int] = {}
        self._clock = clock
        self._version = version
        self._before_scrape: list[Callable[[], None]] = []
        self._polls = self._counter(catalogue.POLLS)
        self._poll_seconds = self._histogram(catalogue.POLL_DURATION, POLL_BUCKETS)
        self._poll_children: dict[tuple[str, str], tuple[Callable[[], None], Callable[[float], None]]] = {}
        self._events = self._counter(catalogue.EVENTS)
        self._dropped = self._counter(catalogue.SAMPLES_DROPPED)
        self._discoveries = self._counter(catalogue.DISCOVERIES)
        self._discovery_seconds = self._histogram(catalogue.DISCOVERY_DURATION, DISCOVERY_BUCKETS)
        self._commit_seconds = self._histogram(catalogue.LEDGER_COMMIT_DURATION, COMMIT_BUCKETS)
        self._ledger_errors = self._counter(catalogue.LEDGER_ERRORS)
        self._export_requests = self._counter(catalogue.EXPORT_REQUESTS)
        self._export_lines = self._counter(catalogue.EXPORT_LINES)
        self._reloads = self._counter(catalogue.CONFIG_RELOADS)
        self._gauges: dict[str, Mapping[tuple[str, ...], float]] = {}
        self._times: dict[str, Mapping[tuple[str, ...], Instant | None]] = {}
        for reason in DropReason:
            self._dropped.labels(reason.value)
        for outcome in ("ok", "refused"):
            self._reloads.labels(outcome)
        self.registry.register(_Gauges(self))
        ProcessCollector(registry=self.registry)

    # --- polls and discovery ---------------------------------------------------------------------------------------

    def add_source(self, source: str) -> None:
        """Show every outcome and event of a source from now on, at 0, so that the first one is seen as growth."""
        for outcome in PollOutcome:
            self._poll_child(source, outcome)
        for discovery in DiscoveryOutcome:
            self._discoveries.labels(source, discovery.value)
        for event in EventName:
            self._events.labels(source, event.value)

    def poll(self, source: str, outcome: str, seconds: float) -> None:
        """Count one call of a poll; ``outcome`` is one of ``PollOutcome``."""
        child = self._poll_children.get((source, outcome))
        count, observe = child if child is not None else self._poll_child(source, outcome)
        count()
        observe(seconds)

    def dropped(self, readings: int, reason: DropReason = DropReason.LEDGER) -> None:
        """Count readings that were not stored."""
        self._dropped.labels(reason.value).inc(readings)

    def discovery(self, source: str, outcome: DiscoveryOutcome, seconds: float) -> None:
        """Count one discovery."""
        self._discoveries.labels(source, outcome.value).inc()
        self._discovery_seconds.labels(source).observe(seconds)

    def set_inventories(self, times: Mapping[str, Instant]) -> None:
        """Set source → time of its last complete inventory, for every source."""
        self._times[catalogue.INVENTORY_AGE.name] = {(source,): at for source, at in times.items()}

    def set_maps(self, times: Mapping[str, Instant]) -> None:
        """Set source → time of the map in force, for every cloud director."""
        self._times[catalogue.MAP_AGE.name] = {(source,): at for source, at in times.items()}

    def set_remainders(self, remainders: Mapping[tuple[str, ...], float]) -> None:
        """Set (source, gateway, direction) → signed bytes of the last full hour, for every gateway that has them."""
        self._gauges[catalogue.GATEWAY_REMAINDER.name] = remainders

    def set_tunnels(self, up: Mapping[tuple[str, str, str, str], bool]) -> None:
        """Set (source, tenant, kind, point) → whether the tunnel is up, for every tunnel whose state is known."""
        self._gauges[catalogue.TUNNEL_UP.name] = {labels: int(state) for labels, state in up.items()}

    def set_addresses(
        self,
        held: Mapping[tuple[str, ...], float],
        quotas: Mapping[tuple[str, ...], float],
        quotas_used: Mapping[tuple[str, ...], float],
    ) -> None:
        """Set addresses and quotas, for every tenant that has any.

        Args:
            held: (source, tenant, space, type, ``allocated`` or ``used``) → addresses.
            quotas: (source, tenant, space, type, prefix length or empty) → the cap.
            quotas_used: The same → how much of the cap is taken.
        """
        self._gauges[catalogue.IP_ADDRESSES.name] = held
        self._gauges[catalogue.IP_QUOTA.name] = quotas
        self._gauges[catalogue.IP_QUOTA_USED.name] = quotas_used

    def set_points(self, counts: Mapping[tuple[str, Kind], int]) -> None:
        """Set (source, kind) → metering points, for every source."""
        self._gauges[catalogue.POINTS.name] = {(source, kind.value): count for (source, kind), count in counts.items()}

    def set_newest_samples(self, times: Mapping[tuple[str, Kind], Instant]) -> None:
        """Set (source, kind) → device time of the newest sample of the point that lags most, for every source."""
        self._times[catalogue.READING_AGE.name] = {(source, kind.value): at for (source, kind), at in times.items()}

    def set_budgets(self, used: Mapping[str, float]) -> None:
        """Set source → share of its request budget in use, 0 to 1, for every source."""
        self._gauges[catalogue.BUDGET_USED.name] = {(source,): ratio for source, ratio in used.items()}

    def set_unattributed(self, points: int) -> None:
        """Set how many points that are read belong to nobody."""
        self._gauges[catalogue.UNATTRIBUTED.name] = {(): points}

    # --- ledger ----------------------------------------------------------------------------------------------------

    def load(self, events: Mapping[tuple[str, str], int], quarantined: Mapping[TenantId, int]) -> None:
        """Go on from the ledger's counts: (source, event) → how often ever, tenant → bytes in quarantine."""
        for (source, event), count in events.items():
            self._events.labels(source, event).inc(count)
        self.quarantined = dict(quarantined)

    def event(self, source: str, event: str, count: int = 1) -> None:
        """Count an event that the ledger has taken."""
        self._events.labels(source, event).inc(count)

    def quarantine(self, tenant: TenantId, size: int) -> None:
        """Add bytes to what waits in quarantine; a negative number is what a person released or rejected."""
        self.quarantined[tenant] = self.quarantined.get(tenant, 0) + size

    def committed(self, seconds: float) -> None:
        """Note the time of a transaction; the ledger is writable."""
        self._commit_seconds.observe(seconds)
        self.set_ledger_writable(True)

    def ledger_failed(self) -> None:
        """Count a transaction or question that the ledger could not take."""
        self._ledger_errors.inc()

    def set_ledger_writable(self, writable: bool) -> None:
        """Set whether the ledger takes transactions."""
        self._gauges[catalogue.LEDGER_WRITABLE.name] = {(): int(writable)}

    def set_ledger_figures(self, figures: LedgerFigures) -> None:
        """Set the ledger's size, and what exporters have not confirmed and have set aside."""
        self._gauges[catalogue.LEDGER_SIZE.name] = {(): figures.bytes_on_disk}
        self._gauges[catalogue.LEDGER_OUTBOX.name] = {(): figures.outbox}
        self._gauges[catalogue.EXPORT_PARKED.name] = {(name,): count for name, count in figures.parked.items()}
        self._times[catalogue.EXPORT_LAG.name] = {(name,): at for name, at in figures.lag.items()}

    # --- exporters and settings ------------------------------------------------------------------------------------

    def add_exporter(self, exporter: str) -> None:
        """Show every outcome of an exporter from now on."""
        for outcome in ExportOutcome:
            self._export_requests.labels(exporter, outcome.value)
        self._export_lines.labels(exporter)

    def export(self, exporter: str, outcome: ExportOutcome, lines: int) -> None:
        """Count a sending of so many lines."""
        self._export_requests.labels(exporter, outcome.value).inc()
        if outcome in {ExportOutcome.OK, ExportOutcome.EXPIRED}:
            self._export_lines.labels(exporter).inc(lines)

    def reloaded(self, ok: bool) -> None:
        """Count that settings were read, at the start too; ``ok`` when they are in force now."""
        self._reloads.labels("ok" if ok else "refused").inc()
        self._gauges[catalogue.CONFIG_RELOAD_OK.name] = {(): int(ok)}

    # --- scrape ----------------------------------------------------------------------------------------------------

    def before_scrape(self, refresh: Callable[[], None]) -> None:
        """Have ``refresh`` called at each scrape: it calls the ``set_…`` methods, within a few milliseconds."""
        self._before_scrape.append(refresh)

    def refresh(self) -> None:
        """Bring the values of the moment up to date; the exposition calls it once per scrape."""
        for refresh in self._before_scrape:
            refresh()

    def families(self) -> Iterator[Family]:
        """Return the families of the registry one by one, each a consistent snapshot."""
        yield from self.registry.collect()

    def gauge_families(self) -> Iterator[Family]:
        """Return the values of the moment; a metric that has none yet is declared all the same."""
        now = self._clock.now()
        for metric in catalogue.ALL:
            if metric.type is not catalogue.MetricType.GAUGE or metric is catalogue.QUARANTINED:
                continue
            times = self._times.get(metric.name, {})
            values = {key: 0.0 if at is None else _age(now, at) for key, at in times.items()}
            yield _gauge(metric, [*values.items(), *self._gauges.get(metric.name, {}).items()])
        yield _gauge(catalogue.QUARANTINED, [((tenant,), size) for tenant, size in self.quarantined.items()])
        info = InfoMetricFamily(catalogue.INFO.family, catalogue.INFO.help)
        info.add_metric([], {"version": self._version})
        yield info

    def _poll_child(self, source: str, outcome: str) -> tuple[Callable[[], None], Callable[[float], None]]:
        word = PollOutcome(outcome).value
        child = (self._polls.labels(source, word).inc, self._poll_seconds.labels(source).observe)
        self._poll_children[source, word] = child
        return child

    def _counter(self, metric: Metric) -> Counter:
        return Counter(metric.name, metric.help, metric.labels, unit=metric.unit, registry=self.registry)

    def _histogram(self, metric: Metric, buckets: tuple[float, ...]) -> Histogram:
        return Histogram(
            metric.name, metric.help, metric.labels, unit=metric.unit, buckets=buckets, registry=self.registry
        )


class _Gauges(Collector):
    """Makes the values of the moment part of the registry."""

    def __init__(self, metrics: Metrics) -> None:
        self._metrics = metrics

    def collect(self) -> Iterable[Family]:
        """Return them."""
        return self._metrics.gauge_families()


def _gauge(metric: Metric, samples: Iterable[tuple[tuple[str, ...], float]]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(metric.name, metric.help, labels=metric.labels, unit=metric.unit)
    for labels, value in samples:
        family.add_metric(labels, value)
    return family


def _age(now: Instant, at: Instant) -> float:
    """Return seconds since ``at``; a device whose clock is ahead of ours shows 0, not a negative age."""
    return max(0, now - at) / MS_PER_SECOND
