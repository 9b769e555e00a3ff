"""What the parts of the daemon tell of themselves, turned into metrics, health, and one log line per change."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Sequence

import structlog

from collector.clock import Clock
from collector.errors import LedgerCorrupt, LedgerError, SourceError
from collector.model.identity import PointKey
from collector.model.usage import Batch, Event, EventName
from collector.sources.observer import SourceObserver
from collector.telemetry.health import Health
from collector.telemetry.metrics import Metrics, PollOutcome

LEDGER = "ledger"
"""The part of the health that is the ledger."""

QUIET_EVENTS = frozenset({EventName.FIRST_SEEN, EventName.NEVER_UPDATED})
"""Events that every start and every idle standby node brings: in the ledger and the metrics, not in the log."""

BAD_POINTS_MAX = 10_000
"""Points whose trouble is remembered, so that it is logged once; then all of it may be logged again."""

SAY_AGAIN_SECONDS = 3_600.0
"""How long the same trouble of a point is not logged again."""

log = structlog.stdlib.get_logger("northmeter")


class Watch(SourceObserver):
    """Observer of pipeline, pollers, sources and jobs.

    Attributes:
        last_commit: Monotonic seconds of the last transaction.
        damaged: Ends with LedgerCorrupt when a job finds the ledger damaged: then the daemon must stop.
    """

    def __init__(
        self,
        metrics: Metrics,
        health: Health,
        clock: Clock,
        *,
        published: Callable[[], None] = lambda: None,
        node_missing: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Args:
        metrics: Where counts go.
        health: Where trouble goes.
        clock: What tells time.
        published: Called when the ledger has something new for the exporters.
        node_missing: Called with the source's name when a node no longer reports: the gateway may live on another.
        """
        self._published = published
        self._node_missing = node_missing
        self._metrics = metrics
        self._health = health
        self._clock = clock
        self._ledger_bad = False
        self._bad_points: dict[PointKey, tuple[str, float]] = {}
        self.last_commit = clock.monotonic()
        self.damaged: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    # --- pipeline --------------------------------------------------------------------------------------------------

    def committed(self, batch: Batch, readings: int, seconds: float) -> None:
        """A batch is in the ledger: count what it holds."""
        self.last_commit = self._clock.monotonic()
        self._metrics.committed(seconds)
        self.ledger_writable(None)
        if batch.publish:
            self._published()
        for one in batch.quarantined:
            self._metrics.quarantine(one.tenant, one.usage.ingress_bytes + one.usage.egress_bytes)
        self.noted(batch.events)

    def noted(self, events: Sequence[Event]) -> None:
        """Events are in the ledger."""
        for (source, event), count in Counter((one.source, one.event) for one in events).items():
            self._metrics.event(source, event, count)
        for source in {one.source for one in events if one.event is EventName.NODE_MISSING}:
            self._node_missing(source)
        for seen in events:
            if seen.event not in QUIET_EVENTS:
                detail = dict(seen.detail)
                log.info(seen.event.value, point=seen.point, node=seen.node, tenant=seen.tenant, detail=detail)

    def dropped(self, readings: int, error: LedgerError) -> None:
        """The ledger could not take readings; the next ones prove what they did."""
        self._metrics.dropped(readings)
        self._metrics.ledger_failed()
        self.ledger_writable(str(error))

    def ledger_writable(self, reason: str | None) -> None:
        """Take note whether the ledger takes transactions, and why not."""
        self._metrics.set_ledger_writable(reason is None)
        if reason is not None:
            self._health.fault(LEDGER, reason)
            if not self._ledger_bad:
                log.error("ledger_unavailable", reason=reason)
        elif self._ledger_bad:
            log.info("ledger_recovered")
        if reason is None:
            self._health.well(LEDGER)
        self._ledger_bad = reason is not None

    # --- polls -----------------------------------------------------------------------------------------------------

    def polled(self, source: str, outcome: str, seconds: float) -> None:
        """One call ended."""
        self._metrics.poll(source, outcome, seconds)

    def failed(self, point: PointKey, error: SourceError) -> None:
        """One call of a point ended without an answer that counts; the same trouble is said once an hour."""
        kind, now = type(error).__name__, self._clock.monotonic()
        said, at = self._bad_points.get(point, ("", 0.0))
        if said == kind and now - at < SAY_AGAIN_SECONDS:
            return
        if len(self._bad_points) >= BAD_POINTS_MAX:
            self._bad_points.clear()
        self._bad_points[point] = (kind, now)
        log.debug("poll_failed", point=point.label, error=kind, reason=str(error))

    def broke(self, point: PointKey, error: Exception) -> None:
        """A poll ended by a defect of ours."""
        self._metrics.poll(point.source, PollOutcome.BROKEN.value, 0.0)
        log.error("poll_broken", point=point.label, exc_info=error)

    def job_failed(self, name: str, error: Exception) -> None:
        """A job ended with an error; the next run is tried all the same, unless the ledger is damaged."""
        log.error("job_failed", job=name, reason=str(error), exc_info=error)
        if isinstance(error, LedgerCorrupt) and not self.damaged.done():
            self.damaged.set_exception(error)

    # --- sources ---------------------------------------------------------------------------------------------------

    def throttled(self, source: str, status: int, requests_per_second: int, concurrency: int) -> None:
        """The source said 429 or 503 and the budget fell."""
        log.warning(
            "source_throttled",
            source=source,
            status=status,
            requests_per_second=requests_per_second,
            concurrency=concurrency,
        )

    def logged_in(self, source: str, manager: str) -> None:
        """A log-in succeeded."""
        log.info("logged_in", source=source, manager=manager)

    def login_refused(self, source: str, manager: str, retry_seconds: float) -> None:
        """Credentials were refused; nothing is sent for so long, since accounts lock."""
        log.error(
            "login_refused",
            source=source,
            manager=manager,
            retry_in_seconds=round(retry_seconds),
            hint="check username and password; the account may be locked",
        )

    def moved(self, source: str, left: str, taken: str, reason: str) -> None:
        """Calls go to another manager from now on."""
        log.warning("manager_changed", source=source, left=left, taken=taken, reason=reason)

    def source_bad(self, source: str, reason: str) -> None:
        """The source turned bad."""
        log.error("source_unavailable", source=source, reason=reason)

    def source_recovered(self, source: str) -> None:
        """The source answers again."""
        log.info("source_recovered", source=source)
