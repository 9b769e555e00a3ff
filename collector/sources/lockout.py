"""The long back-off after refused credentials: accounts lock, so nothing is sent while it lasts."""

from __future__ import annotations

from collector.clock import Clock
from collector.errors import AuthFailed

GROWTH = 2
"""Each refusal doubles the back-off."""

SECONDS_MAX = 4 * 3_600.0
"""Longest back-off: a mended password is found within a shift."""


class Lockout:
    """One per source, since its managers share the accounts."""

    def __init__(self, source: str, clock: Clock, first_seconds: float) -> None:
        self._source = source
        self._clock = clock
        self._first = first_seconds
        self._seconds = first_seconds
        self._until: float | None = None
        self._words = ""

    def refused(self, words: str) -> float:
        """Begin a back-off, longer than the last one; return its seconds."""
        seconds = self._seconds
        self._seconds = min(self._seconds * GROWTH, max(SECONDS_MAX, self._first))
        self._until = self._clock.monotonic() + seconds
        self._words = words
        return seconds

    def accepted(self) -> None:
        """Forget every refusal."""
        self._until = None
        self._seconds = self._first

    @property
    def is_active(self) -> bool:
        """True while nothing may be sent."""
        return self._until is not None and self._clock.monotonic() < self._until

    def check(self) -> None:
        """Return when a log-in may be tried. Raises AuthFailed while the back-off lasts."""
        if self._until is None:
            return
        left = self._until - self._clock.monotonic()
        if left > 0:
            raise AuthFailed(
                f"source {self._source}: {self._words}; nothing is sent for another {left:.0f} s, since accounts lock: "
                "mend the credentials and reload"
            )
