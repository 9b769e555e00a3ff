"""Instants and intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Instant: TypeAlias = int
"""Milliseconds since the epoch, UTC. Source: NSX type EpochMsTimestamp."""

MS_PER_SECOND = 1_000
SLOT_MS = 300_000
"""Length of a slot, in milliseconds: five minutes, aligned to the epoch in UTC."""

BEGINNING: Instant = 0
"""The start of an interval that holds from the beginning."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """The half-open interval [start, end).

    Attributes:
        start: First instant inside.
        end: First instant after it; never before ``start``.
    """

    start: Instant
    end: Instant

    @property
    def milliseconds(self) -> int:
        """Length in milliseconds."""
        return self.end - self.start


def slot_start(at: Instant) -> Instant:
    """Return the start of the slot that ``at`` lies in."""
    return at - at % SLOT_MS
