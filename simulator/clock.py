"""The simulator's own time: real time at a factor, or moved by hand."""

from __future__ import annotations

import time

from simulator.units import Instant

SPEED_MAX = 3_600
"""Simulated seconds in a real one. Above it a refresh of the statistics lasts less than a request."""

NANOSECONDS_PER_MS = 1_000_000


class SimClock:
    """Simulated instants; they never go back.

    Args:
        start: The first instant, in milliseconds since the epoch.
        speed: Simulated seconds in a real one, 1 to ``SPEED_MAX``; 0 stands still until ``advance`` (manual mode).
    """

    def __init__(self, start: Instant, speed: int = 1) -> None:
        self.start = start
        self._base = start
        self._mark = time.monotonic_ns()
        self._speed = 0
        self.set_speed(speed)

    @property
    def speed(self) -> int:
        """Simulated seconds in a real one; 0 in manual mode."""
        return self._speed

    @property
    def manual(self) -> bool:
        """Whether only ``advance`` moves the clock."""
        return self._speed == 0

    def now(self) -> Instant:
        """Return the simulated instant."""
        if self._speed == 0:
            return self._base
        return self._base + (time.monotonic_ns() - self._mark) * self._speed // NANOSECONDS_PER_MS

    def advance(self, milliseconds: int) -> Instant:
        """Move the clock forward and return the new instant.

        Raises:
            ValueError: ``milliseconds`` is negative.
        """
        if milliseconds < 0:
            raise ValueError(f"the clock only goes forward; {milliseconds} ms was asked")
        self._base += milliseconds
        return self.now()

    def set_speed(self, speed: int) -> None:
        """Change the factor from now on; 0 is manual mode.

        Raises:
            ValueError: ``speed`` is outside 0..``SPEED_MAX``.
        """
        if not 0 <= speed <= SPEED_MAX:
            raise ValueError(f"speed {speed} is outside 0..{SPEED_MAX}")
        self._base = self.now()
        self._mark = time.monotonic_ns()
        self._speed = speed
