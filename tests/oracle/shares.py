"""Deltas to slots and owners: docs/accounting.md, sections 4 and 5."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from tests.oracle.rules import WIDTH, Booked

SLOT_MS = 300_000

Owners = Sequence[tuple[int, str]]
"""(valid from, tenant), ascending; the first holds from the beginning whatever its date."""


def owner_at(owners: Owners, at: int) -> str:
    """Return whom the point belongs to at an instant."""
    name = owners[0][1]
    for valid_from, tenant in owners:
        if valid_from <= at:
            name = tenant
    return name


def cuts(start: int, end: int, owners: Owners) -> list[int]:
    """Return the slot boundaries and changes of owner inside (start, end), with both ends."""
    inside = {start, end}
    boundary = start - start % SLOT_MS
    while boundary < end:
        if boundary > start:
            inside.add(boundary)
        boundary += SLOT_MS
    inside.update(valid_from for valid_from, _ in owners[1:] if start < valid_from < end)
    return sorted(inside)


def before(quantity: int, start: int, end: int, boundary: int) -> int:
    """Return how much of a quantity over [start, end) lies before a boundary."""
    return quantity * (boundary - start) // (end - start)


def parts(entry: Booked, owners: Owners) -> list[tuple[int, int, str, tuple[int, ...]]]:
    """Return the (start, end, tenant, growth) that a delta falls into."""
    found = []
    for left, right in pairwise(cuts(entry.start, entry.end, owners)):
        growth = tuple(
            before(quantity, entry.start, entry.end, right) - before(quantity, entry.start, entry.end, left)
            for quantity in entry.growth
        )
        found.append((left, right, owner_at(owners, left), growth))
    return found


def slots(entries: Iterable[Booked], owners: Owners = ((0, "unattributed"),)) -> dict[tuple[str, int], tuple[int, ...]]:
    """Return the growth per (tenant, start of slot); every slot that a delta touches has a row, also one of zeros."""
    sums: dict[tuple[str, int], tuple[int, ...]] = {}
    for entry in entries:
        for left, _right, tenant, growth in parts(entry, owners):
            key = (tenant, left - left % SLOT_MS)
            was = sums.get(key, (0,) * WIDTH)
            sums[key] = tuple(a + b for a, b in zip(was, growth, strict=True))
    return sums


def whole_seconds(milliseconds: Sequence[int]) -> list[int]:
    """Return whole seconds for consecutive stretches of milliseconds, by the cumulative rule: they add up exactly."""
    seconds, total, given = [], 0, 0
    for stretch in milliseconds:
        total += stretch
        seconds.append(total // 1_000 - given)
        given = total // 1_000
    return seconds
