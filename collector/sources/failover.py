"""Which manager of a source is asked, and whether the source answers at all."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from collector.errors import SourceError, SourceUnavailable
from collector.sources.manager import Manager, NotReached
from collector.sources.observer import SourceObserver

Probe = Callable[[Manager], Awaitable[object]]
"""Asks a manager for something small; raises SourceError when it does not answer."""


class Failover:
    """Keeps to one manager until it fails, and returns to the preferred one when that answers again.

    While nobody answers, it tells that the source is bad, once; the moves from one dead manager to the next stay
    untold.

    Attributes:
        current: The manager that calls go to.
        is_bad: The source was told to be bad and has not answered since.
    """

    def __init__(
        self, source: str, managers: Sequence[Manager], observer: SourceObserver, probe: Probe, probe_seconds: float
    ) -> None:
        self.current = managers[0]
        self.is_bad = False
        self._source = source
        self._managers = tuple(managers)
        self._observer = observer
        self._probe = probe
        self._probe_seconds = probe_seconds
        self._told = managers[0]
        self._return: asyncio.Task[None] | None = None

    async def stop(self) -> None:
        """Stop asking managers that were left."""
        if self._return is not None:
            self._return.cancel()
            await asyncio.gather(self._return, return_exceptions=True)

    def failed(self, manager: Manager, error: SourceError, failures: int, started: float) -> None:
        """Leave a manager that cannot be reached, or fails twice in one call while it answers nothing else either.

        One object that makes every manager slow must not send all calls from one manager to the next. A manager that
        failed within the last probe interval is not gone to; where that is true of all of them, calls stay where
        they are.

        Args:
            manager: The one that failed.
            error: How.
            failures: How often in this call.
            started: Loop's time at which the call began, in seconds.
        """
        if not isinstance(error, SourceUnavailable):
            return
        if not isinstance(error, NotReached) and (failures < 2 or manager.answered_at >= started):
            return
        now = asyncio.get_running_loop().time()
        manager.failed_at = now
        if manager is not self.current:
            return
        index = self._managers.index(manager)
        others = (*self._managers[index + 1 :], *self._managers[:index])
        chosen = next((other for other in others if now - other.failed_at > self._probe_seconds), None)
        if chosen is not None:
            self._move(chosen, str(error))

    def answered(self) -> None:
        """Take note of a good answer after the source was bad."""
        self.is_bad = False
        self._observer.source_recovered(self._source)
        self._tell_move("it answers")

    def silent(self, reason: str) -> None:
        """Take note that nobody answers, or that everybody refuses us."""
        if not self.is_bad:
            self.is_bad = True
            self._observer.source_bad(self._source, reason)

    def _move(self, manager: Manager, reason: str) -> None:
        self.current = manager
        if not self.is_bad:
            self._tell_move(reason)
        if self._return is None and manager is not self._managers[0]:
            self._return = asyncio.create_task(self._come_back(), name=f"return {self._source}")

    def _tell_move(self, reason: str) -> None:
        if self._told is not self.current:
            self._observer.moved(self._source, self._told.host, self.current.host, reason)
            self._told = self.current

    async def _come_back(self) -> None:
        """Ask the managers before the current one at intervals, until the first of all has answered."""
        try:
            while self.current is not self._managers[0]:
                await asyncio.sleep(self._probe_seconds)
                for manager in self._managers[: self._managers.index(self.current)]:
                    try:
                        await self._probe(manager)
                    except SourceError:
                        continue  # It is still away, which the next round asks again.
                    self._move(manager, "it answers again")
                    break
        finally:
            self._return = None
