"""Samples of rates to what is booked, millisecond by millisecond: docs/accounting.md, section 8.

A calendar of every millisecond says which sample it was booked by. Nothing is joined, sorted or forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from tests.oracle.rules import GROWTH_MAX

TOO_OLD, REPEAT, CONFLICT, IMPLAUSIBLE, WHOLE, BEYOND, UNPROVED = 21, 22, 23, 24, 25, 26, 27


class Said(NamedTuple):
    """A sample: end and length of its interval in milliseconds, and bytes received and sent."""

    at: int
    interval: int
    rx: int
    tx: int


class Taken(NamedTuple):
    """A sample that was booked or set aside: what it said, and what was taken of it."""

    said: Said
    rx: int
    tx: int
    aside: bool


@dataclass
class Diary:
    """All that a history of samples leaves behind.

    Attributes:
        low: What begins before it is not judged.
        taken: Samples that were booked or set aside, in their order.
        by: Millisecond → which of ``taken`` it was booked by.
        bytes_at: Millisecond at which a booked stretch begins → (its end, rx, tx, aside).
        rules: What was decided, sample by sample.
    """

    low: int
    taken: list[Taken] = field(default_factory=list)
    by: dict[int, int] = field(default_factory=dict)
    stretches: dict[int, tuple[int, int, int, bool]] = field(default_factory=dict)
    rules: list[int] = field(default_factory=list)

    def total(self, *, aside: bool = False) -> tuple[int, int]:
        """Return bytes received and sent that were booked, or set aside."""
        found = [one for one in self.taken if one.aside is aside]
        return sum(one.rx for one in found), sum(one.tx for one in found)


def account(history: Iterable[Said], low: int, max_rate: int) -> Diary:
    """Return what a history of one series comes to; samples in the order in which they were judged."""
    diary = Diary(low)
    for said in history:
        diary.rules.append(decide(diary, said, max_rate))
    return diary


def decide(diary: Diary, said: Said, max_rate: int) -> int:
    """Book a sample or not; return the row of the table."""
    inside = range(said.at - said.interval, said.at)
    if inside.start < diary.low:
        return TOO_OLD
    free = [at for at in inside if at not in diary.by]
    met = {diary.by[at] for at in inside if at in diary.by}
    if not free:
        return _again(diary, said, met)
    known = [diary.taken[number] for number in sorted(met)]
    if any(_may_lie_elsewhere(one, said) for one in known):
        return UNPROVED
    rx = max(0, said.rx - sum(one.rx for one in known))
    tx = max(0, said.tx - sum(one.tx for one in known))
    aside = _too_much(said.rx, said.tx, said.interval, max_rate) or _too_much(rx, tx, len(free), max_rate)
    diary.by.update(dict.fromkeys(free, len(diary.taken)))
    diary.taken.append(Taken(said, rx, tx, aside))
    _spread(diary, free, rx, tx, aside)
    if aside:
        return IMPLAUSIBLE
    return BEYOND if known else WHOLE


def _again(diary: Diary, said: Said, met: set[int]) -> int:
    """The same interval was told before: with the same bytes, or with others."""
    one = diary.taken[min(met)]
    same_interval = len(met) == 1 and (one.said.at, one.said.interval) == (said.at, said.interval)
    whole = all(diary.by[at] == min(met) for at in range(one.said.at - one.said.interval, one.said.at))
    if same_interval and whole and (one.rx, one.tx) != (said.rx, said.tx):
        return CONFLICT
    return REPEAT


def _may_lie_elsewhere(one: Taken, said: Said) -> bool:
    """Nobody knows how many of the bytes that were taken of an earlier sample lie in the interval of this one."""
    sticks_out = one.said.at > said.at or one.said.at - one.said.interval < said.at - said.interval
    return one.aside or sticks_out


def _too_much(rx: int, tx: int, milliseconds: int, max_rate: int) -> bool:
    return any(value * 8_000 > max_rate * milliseconds or value > GROWTH_MAX for value in (rx, tx))


def _spread(diary: Diary, free: list[int], rx: int, tx: int, aside: bool) -> None:
    """Share bytes out over free milliseconds, as if they had flowed evenly over those alone."""
    begin = 0
    for number in range(1, len(free) + 1):
        if number < len(free) and free[number] == free[number - 1] + 1:
            continue
        shares = [quantity * number // len(free) - quantity * begin // len(free) for quantity in (rx, tx)]
        diary.stretches[free[begin]] = (free[number - 1] + 1, shares[0], shares[1], aside)
        begin = number


def lost(diary: Diary, since: int, settled: int) -> list[tuple[int, int]]:
    """Return the holes between booked stretches that end in (since, settled]."""
    if not diary.by:
        return []
    found, begin = [], None
    for at in range(min(diary.by), max(diary.by) + 1):
        if at not in diary.by and begin is None:
            begin = at
        if at in diary.by and begin is not None:
            found.append((begin, at))
            begin = None
    return [(start, end) for start, end in found if since < end <= settled]
