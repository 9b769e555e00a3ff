"""What is known of each instant of a slot: docs/accounting.md, section 4, from the histories of a point's series."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

from tests.oracle.rules import INFERRED, MEASURED, MISSING, SPREAD, Booked
from tests.oracle.shares import SLOT_MS

BADNESS = {MEASURED: 0, INFERRED: 1, SPREAD: 2, MISSING: 3}


class Watched(NamedTuple):
    """What is known of one series.

    Attributes:
        booked: Its deltas.
        aside: Its deltas in quarantine; what was there is not known until a person decides.
        first_at: Its first trusted sample, or ``None`` before there is one.
        frontier: Its baseline's time.
        expected_from: From when on the last good answer lists it, 0 if ever since it was first seen; ``None`` if it
            does not.
    """

    booked: Sequence[Booked]
    aside: Sequence[Booked]
    first_at: int | None
    frontier: int | None
    expected_from: int | None


def expected_from(answers: Sequence[tuple[int, bool]]) -> int | None:
    """Return from when on a series is expected, given the good answers that could list it: (time of the poll, listed).

    One that was listed ever since it first was is expected from its first sample on (0); one that was away in
    between, from the answer on that listed it again.
    """
    if not answers or not answers[-1][1]:
        return None
    start = len(answers) - 1
    while start > 0 and answers[start - 1][1]:
        start -= 1
    been_listed_before = any(listed for _, listed in answers[:start])
    return answers[start][0] if been_listed_before else 0


def quality_at(series: Watched, at: int) -> str | None:
    """Return the quality of one series at an instant, or ``None`` where it has no say."""
    for entry in series.booked:
        if entry.start <= at < entry.end:
            return entry.quality
    if any(entry.start <= at < entry.end for entry in series.aside):
        return MISSING
    if series.first_at is None or series.frontier is None or at < series.first_at:
        return None
    if at < series.frontier:
        return MISSING
    if series.expected_from is None or at < series.expected_from:
        return None
    return MISSING


def point_quality_at(point: Sequence[Watched], at: int) -> str:
    """Return the worst quality among the series that have a say; where none has, nothing is known."""
    said = [quality for series in point if (quality := quality_at(series, at)) is not None]
    return max(said, key=BADNESS.__getitem__, default=MISSING)


def coverage(point: Sequence[Watched], slot: int, begin: int | None = None, end: int | None = None) -> dict[str, int]:
    """Return the milliseconds of a slot by quality; outside [begin, end), of another owner, they are missing."""
    begin = slot if begin is None else max(slot, begin)
    end = slot + SLOT_MS if end is None else min(slot + SLOT_MS, end)
    at = {begin, end} if begin < end else set()
    for series in point:
        marks = [series.first_at, series.frontier, series.expected_from]
        marks += [edge for entry in (*series.booked, *series.aside) for edge in (entry.start, entry.end)]
        at.update(mark for mark in marks if mark is not None and begin < mark < end)
    spent = dict.fromkeys(BADNESS, 0)
    for left, right in pairwise(sorted(at)):
        spent[point_quality_at(point, left)] += right - left
    spent[MISSING] += SLOT_MS - sum(spent.values())
    return spent
