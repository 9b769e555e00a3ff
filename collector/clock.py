"""The only place that asks what time it is; a manual twin for tests."""

from __future__ import annotations

import time
from typing import Protocol

from collector.model.period import Instant


class Clock(Protocol):
    """Wall clock and monotonic clock."""

    def now(self) -> Instant:
        """Return the wall-clock time, in milliseconds since the epoch."""

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""


class SystemClock:
    """The machine's clocks."""

    def now(self) -> Instant:
        """Return the wall-clock time, in milliseconds since the epoch."""
        return time.time_ns() // 1_000_000

    def monotonic(self) -> float:
        """Return seconds of a clock that never goes back."""
        return time.monotonic()


class ManualClock:
    """A clock that moves only when told."""

    def __init__(self, now: Instant = 0) -> None:
        self._now = now
        self._monotonic = 0.0

    def now(self) -> Instant:
        """Return the time that was set."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds that it was advanced by."""
        return self._monotonic

    def advance(self, milliseconds: int) -> None:
        """Move both clocks forward."""
        self._now += milliseconds
        self._monotonic += milliseconds / 1_000

    def jump(self, now: Instant) -> None:
        """Set the wall clock alone, as an administrator or NTP does."""
        self._now = now
