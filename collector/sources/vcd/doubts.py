"""What the API lets pass and nobody expects: not believed at once, and not doubted for ever.

A director that is being upgraded or repaired may say for a while that a gateway has no uplinks, or an organisation that
is not there. The last good map is better than that. Yet what it says for hours may be so: then one odd gateway must not
keep the map of all others out of force.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from collector.clock import Clock

BELIEVED_AFTER_SECONDS = 6 * 3_600.0
"""Longer than a maintenance window, and less than a day of usage without an owner where it is the first map of all."""


class Verdict(NamedTuple):
    """What a reading's oddities come to.

    Attributes:
        believed: Each of them has been there for long enough; also where there are none.
        words: Each of them, with what becomes of it.
    """

    believed: bool
    words: tuple[str, ...]


class Doubts:
    """Remembers since when each oddity is there; a daemon that starts again begins anew."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: dict[str, float] = {}

    def of(self, oddities: Iterable[str]) -> Verdict:
        """Return what a reading's oddities come to; one that is not among them any more is over.

        Ask it of readings that are whole otherwise: in others, much is odd because something could not be read.

        Args:
            oddities: In words that stay the same from reading to reading.
        """
        now = self._clock.monotonic()
        self._since = {each: self._since.get(each, now) for each in oddities}
        hours = f"{BELIEVED_AFTER_SECONDS / 3_600:g} h"
        words = []
        believed = True
        for each, since in self._since.items():
            is_old = now - since >= BELIEVED_AFTER_SECONDS
            believed = believed and is_old
            words.append(f"{each}; believed " + (f"after {hours}" if is_old else f"once it has stayed so for {hours}"))
        return Verdict(believed, tuple(words))
