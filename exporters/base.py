"""Sends the ledger's publications to a destination: read after the cursor, send, confirm, move the cursor.

The ledger is the queue, so nothing is kept here and an outage of days costs only the catching up. The cursor belongs to
the exporter's name in the settings and moves only after the destination confirmed: a send may repeat, and since a line
of the same tags and time overwrites, a repeat changes nothing. Order is kept: what is refused for now is sent again
until it is taken, and only then comes what is younger.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, NamedTuple, Protocol, TypeVar

import structlog
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_never, wait_random_exponential
from tenacity.wait import wait_base

from collector.clock import Clock
from collector.errors import ExportRejected, ExportUnavailable, LedgerCorrupt, LedgerUnavailable
from collector.model.addresses import AddressReport
from collector.model.usage import ExportRow, ParkedLine
from collector.ports import LedgerReader, LedgerWriter
from collector.telemetry.logs import StateLog
from collector.telemetry.metrics import ExportOutcome, Metrics

RETRY_AFTER_SECONDS_MAX: Final = 900.0
"""Longest wait that a destination's own ``Retry-After`` is believed for."""

STOP_SECONDS: Final = 1.0
"""How long a stop waits for a confirmation that is on its way into the ledger."""

REASON_CHARACTERS_MAX: Final = 500
"""How much of a destination's words is kept with a parked line."""

_log = structlog.stdlib.get_logger("exporters")

T = TypeVar("T")


class Unfit(NamedTuple):
    """A line that the destination's format cannot carry, and why."""

    line: str
    reason: str


class Destination(Protocol):
    """What an exporter sends to. It connects by itself when it is first sent to."""

    def encode(self, rows: Sequence[ExportRow]) -> tuple[list[str], list[Unfit]]:
        """Return the lines of rows, in order, and those that cannot be sent; a row without usage has no line."""

    def encode_addresses(self, reports: Sequence[AddressReport]) -> tuple[list[str], list[Unfit]]:
        """Return the lines of readings of addresses, in order, and those that cannot be sent."""

    async def send(self, lines: Sequence[str]) -> int:
        """Return when the destination confirmed the lines: how many of them it will not keep, being too old for it.

        Raises:
            ExportUnavailable: It did not take them now, for whatever reason.
            ExportRejected: It says that they are wrong or too many.
        """

    async def close(self) -> None:
        """Close connections."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExportOptions:
    """How an exporter works.

    Attributes:
        name: Its name in the settings; the cursor belongs to it.
        batch_rows: Rows in one sending at most; each has two lines.
        idle_seconds: How often an empty outbox is looked at, where nobody calls ``wake``.
        wait_seconds_first: Mean of the first wait after a failure, doubled; it doubles with each further one.
        wait_seconds_max: Longest wait that is not the destination's own.
    """

    name: str
    batch_rows: int = 2_500
    idle_seconds: float = 5.0
    wait_seconds_first: float = 1.0
    wait_seconds_max: float = 60.0


class OutboxExporter:
    """One destination over its durable cursor."""

    def __init__(
        self,
        options: ExportOptions,
        destination: Destination,
        *,
        reader: LedgerReader,
        writer: LedgerWriter,
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self.name = options.name
        self._options = options
        self._destination = destination
        self._reader = reader
        self._writer = writer
        self._clock = clock
        self._metrics = metrics
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._confirming: asyncio.Task[None] | None = None
        self._lines_max = 2 * options.batch_rows
        self._state = StateLog(_log, bad="export_unavailable", well="export_recovered", monotonic=clock.monotonic)
        self._expiry = StateLog(_log, bad="export_expired", well="export_unexpired", monotonic=clock.monotonic)

    async def start(self) -> None:
        """Begin to send."""
        self._metrics.add_exporter(self.name)
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"exporter {self.name}")

    async def stop(self) -> None:
        """Stop within about a second; what was sent and not confirmed is sent again after the next start."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        if self._confirming is not None:
            await asyncio.wait({self._confirming}, timeout=STOP_SECONDS)
            self._confirming.cancel()
            await asyncio.gather(self._confirming, return_exceptions=True)
        await self._destination.close()

    async def wait(self) -> None:
        """Return once stopped.

        Raises:
            LedgerCorrupt: The ledger is damaged; the daemon must stop.
        """
        task = self._task  # a stop meanwhile takes it away
        if task is not None:
            await asyncio.wait({task})
            if not task.cancelled():
                task.result()

    def wake(self) -> None:
        """Look at the outbox now: something was published."""
        self._wake.set()

    async def _run(self) -> None:
        while True:
            try:
                if not await self._next():
                    await self._idle()
            except LedgerCorrupt:
                raise
            except Exception:  # noqa: BLE001 - the outermost loop of a task: counted, logged, and on it goes
                _log.exception("export_broken", name=self.name)
                self._metrics.export(self.name, ExportOutcome.BROKEN, 0)
                await asyncio.sleep(self._options.wait_seconds_max)

    async def _next(self) -> bool:
        """Deliver the next slots and the next readings of addresses; False when there are neither."""
        self._wake.clear()
        rows = await self._until_ledger(lambda: self._reader.outbox(self.name, self._options.batch_rows))
        if rows:
            last = rows[-1].seq
            await self._hand_over(self._destination.encode(rows), lambda: self._writer.move_cursor(self.name, last))
        reports = await self._until_ledger(lambda: self._reader.address_outbox(self.name, self._options.batch_rows))
        if reports:
            newest = reports[-1].seq
            encoded = self._destination.encode_addresses(reports)
            await self._hand_over(encoded, lambda: self._writer.move_address_cursor(self.name, newest))
        return bool(rows or reports)

    async def _hand_over(self, encoded: tuple[list[str], list[Unfit]], confirm: Callable[[], Awaitable[None]]) -> None:
        """Deliver lines, set those aside that cannot be, and let the cursor follow."""
        lines, unfit = encoded
        parked = [self._parked(one.line, one.reason) for one in unfit]
        parked += await self._deliver(lines)
        if parked:  # one line a batch, since a wrong setting of the destination may refuse every line
            first = parked[0]
            _log.warning("export_parked", name=self.name, lines=len(parked), reason=first.reason, first=first.line)
        # Both belong together: a stop between them would set the same lines aside a second time.
        self._confirming = asyncio.get_running_loop().create_task(self._confirm(parked, confirm))
        await asyncio.shield(self._confirming)
        self._confirming = None

    async def _deliver(self, lines: list[str]) -> list[ParkedLine]:
        """Send lines in order until each is taken or found at fault; return the latter.

        What is rejected is halved, the older half first, until a line stands alone.
        """
        size = self._lines_max
        stack = [lines[start : start + size] for start in range(0, len(lines), size)][::-1]
        parked: list[ParkedLine] = []
        while stack:
            part = stack.pop()
            try:
                await self._until_taken(part)
            except ExportRejected as error:
                half = len(part) // 2
                if half:
                    stack += [part[half:], part[:half]]
                else:
                    parked.append(self._parked(part[0], str(error)))
                if half and error.too_large:
                    self._lines_max = half
        return parked

    async def _until_taken(self, lines: Sequence[str]) -> None:
        """Send lines, again and again while the destination is unavailable. Raises ExportRejected."""

        async def once() -> None:
            try:
                expired = await self._destination.send(lines)
            except ExportUnavailable:
                self._metrics.export(self.name, ExportOutcome.UNAVAILABLE, len(lines))
                raise
            except ExportRejected as error:
                outcome = ExportOutcome.TOO_LARGE if error.too_large else ExportOutcome.REJECTED
                self._metrics.export(self.name, outcome, len(lines))
                raise
            self._metrics.export(self.name, ExportOutcome.EXPIRED if expired else ExportOutcome.OK, len(lines))
            self._note_expired(expired)
            self._state.well(self.name)

        await self._retrying(ExportUnavailable, self._note_unavailable)(once)

    async def _confirm(self, parked: Sequence[ParkedLine], confirm: Callable[[], Awaitable[None]]) -> None:
        if parked:
            await self._until_ledger(lambda: self._writer.park(self.name, parked))
        await self._until_ledger(confirm)

    async def _until_ledger(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return the ledger's answer, asked again while it is unavailable."""

        async def once() -> T:  # tenacity awaits coroutine functions only
            return await call()

        return await self._retrying(LedgerUnavailable, lambda _: self._metrics.ledger_failed())(once)

    async def _idle(self) -> None:
        try:
            async with asyncio.timeout(self._options.idle_seconds):
                await self._wake.wait()
        except TimeoutError:
            return

    def _parked(self, line: str, reason: str) -> ParkedLine:
        return ParkedLine(self.name, self._clock.now(), line, reason[:REASON_CHARACTERS_MAX])

    def _note_unavailable(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self._state.bad(self.name, error=str(error), retry_seconds=round(state.upcoming_sleep, 1))

    def _note_expired(self, lines: int) -> None:
        if lines:
            self._expiry.bad(self.name, lines=lines, reason="the destination keeps nothing that old")
        else:
            self._expiry.well(self.name)

    def _retrying(self, error: type[Exception], note: Callable[[RetryCallState], None]) -> AsyncRetrying:
        return AsyncRetrying(
            retry=retry_if_exception_type(error),
            stop=stop_never,  # what is published has to arrive; the wait is bounded, the task can be cancelled
            wait=_Wait(self._options),
            before_sleep=note,
            reraise=True,
        )


class _Wait(wait_base):
    """The destination's own delay where it gives one, else a back-off with full jitter."""

    def __init__(self, options: ExportOptions) -> None:
        self._back_off = wait_random_exponential(multiplier=options.wait_seconds_first, max=options.wait_seconds_max)

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        delay = error.delay_seconds if isinstance(error, ExportUnavailable) else None
        if delay is None:
            return self._back_off(retry_state)
        # A little later than asked for, so that several daemons do not come back in the same moment.
        return min(delay, RETRY_AFTER_SECONDS_MAX) * random.uniform(1.0, 1.1)
