"""What a series of rates has booked: all that its next sample is judged by, and what the ledger keeps of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from collector.model.period import Instant
from collector.model.sample import RateSample
from collector.model.usage import Quality

NUMBERS_VERSION = 1
"""Grows when older code could misread the numbers of a state; another version is not read."""

_HEAD = 3
"""Numbers before the pieces: version, low, settled."""


class Piece(NamedTuple):
    """A stretch of time about which a sample was believed; the pieces of a series never overlap.

    Attributes:
        start: First instant.
        end: First instant after it.
        rx_bytes: Booked for it, or set aside.
        tx_bytes: The same, sent.
        quality: MEASURED for whole samples, SPREAD for what a coarser sample proved beyond others, MISSING for what
            was set aside.
        origin_start: Start of the sample that it was made of; its own start unless it is a part of one.
        origin_end: End of that sample.
        samples: How many whole samples it stands for; 0 for a part of one.
    """

    start: Instant
    end: Instant
    rx_bytes: int
    tx_bytes: int
    quality: Quality
    origin_start: Instant
    origin_end: Instant
    samples: int


_WIDTH = len(Piece._fields)


class RateState(NamedTuple):
    """All that the next sample of a series is judged by: docs/accounting.md, section 8.

    Attributes:
        low: What began before it can no longer be judged, and is not booked.
        settled: Holes that ended by then were told as lost. What fills them later is booked all the same.
        pieces: In order of time.
    """

    low: Instant
    settled: Instant
    pieces: tuple[Piece, ...] = ()

    def numbers(self) -> tuple[int, ...]:
        """Return the state as whole numbers below 2^63, to be stored."""
        flat = [int(value) for piece in self.pieces for value in piece]
        return (NUMBERS_VERSION, self.low, self.settled, *flat)


def state_of(numbers: Sequence[int]) -> RateState:
    """Return the state that was stored as these numbers.

    Raises:
        ValueError: They are no state, or one of a newer version.
    """
    if len(numbers) < _HEAD or numbers[0] != NUMBERS_VERSION or (len(numbers) - _HEAD) % _WIDTH:
        raise ValueError(f"{len(numbers)} numbers that begin with {numbers[:1]} are no state of a series of rates")
    pieces = []
    for at in range(_HEAD, len(numbers), _WIDTH):
        start, end, rx_bytes, tx_bytes, quality, *origin = numbers[at : at + _WIDTH]
        pieces.append(Piece(start, end, rx_bytes, tx_bytes, Quality(quality), *origin))
    return RateState(numbers[1], numbers[2], tuple(pieces))


class RateUpdate(NamedTuple):
    """New state of a series of rates; it replaces the one before."""

    series: int
    state: RateState


class RateEvidence(NamedTuple):
    """A sample that was news, with the row of the table that decided it: what a number leads back to.

    Attributes:
        series: The ledger's reference of the series.
        sample: The sample.
        polled_at: When we asked.
        rule: Row of the table in docs/accounting.md, section 8.
    """

    series: int
    sample: RateSample
    polled_at: Instant
    rule: int
