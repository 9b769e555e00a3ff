"""Deltas of one metering point to slots of its owners' accounts: docs/accounting.md, sections 4 and 5."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from collector.core.attribution import changes_of, owner_at
from collector.core.books import Point
from collector.core.slots import split, usage
from collector.model.identity import BALANCE
from collector.model.period import SLOT_MS, Instant, slot_start
from collector.model.usage import Coverage, Delta, Growth, Publication, SlotChange, Usage, added

CoverageOf: TypeAlias = Callable[[Instant, Instant], Coverage]
"""Returns how [start, end) was observed."""

_NO_USAGE = Usage()
_NO_COVERAGE = Coverage()


class Booking:
    """Collects what one reading books, and tells which slots it changes.

    Args:
        point: The metering point.
        rx_is_ingress: What its port receives comes to the tenant.
    """

    def __init__(self, point: Point, *, rx_is_ingress: bool) -> None:
        self._point = point
        self._rx_is_ingress = rx_is_ingress
        self._changes = changes_of(point.owners) if len(point.owners) > 1 else ()
        self._usage: dict[Instant, dict[int, Usage]] = {}
        self._touched: list[tuple[Instant, Instant]] = []

    def add(self, delta: Delta) -> None:
        """Book a delta: each part of it to the owner of its moment."""
        self.touch(delta.start, delta.end)
        for part in split(delta, self._changes):
            booked_to = owner_at(self._point.owners, part.start).books_to
            if booked_to is None:
                continue
            account, seen = self._point.accounts[booked_to], self.seen(part.growth)
            accounts = self._usage.setdefault(slot_start(part.start), {})
            known = accounts.get(account)
            accounts[account] = seen if known is None else added(known, seen)

    def seen(self, growth: Growth) -> Usage:
        """Return growth as the tenant sees it."""
        return usage(growth, rx_is_ingress=self._rx_is_ingress)

    def touch(self, start: Instant, end: Instant) -> None:
        """Look at the coverage of [start, end) again."""
        self._touched.append((start, end))

    def slots(self, coverage_of: CoverageOf, *, with_unknown: bool) -> Iterator[SlotChange]:
        """Yield every slot whose usage or coverage may have changed.

        Args:
            coverage_of: How an interval was observed, after the reading.
            with_unknown: Also those of which nothing is known any more, because more is expected of them now.
        """
        for slot in self._touched_slots():
            booked = self._usage.get(slot, {})
            for account, seen in self._coverage(slot, coverage_of):
                if with_unknown or seen != _NO_COVERAGE or account in booked:
                    yield SlotChange(account, slot, booked.get(account, _NO_USAGE), seen)

    def _touched_slots(self) -> list[Instant]:
        if len(self._touched) == 1:
            ((start, end),) = self._touched
            return list(range(slot_start(start), end, SLOT_MS))
        slots: set[Instant] = set()
        for start, end in self._touched:
            slots.update(range(slot_start(start), end, SLOT_MS))
        return sorted(slots)

    def _coverage(self, slot: Instant, coverage_of: CoverageOf) -> Iterator[tuple[int, Coverage]]:
        """Yield (account, coverage) of a slot; an owner that comes back within it has one row."""
        found = list(shares(self._point, slot))
        if len(found) <= 1:
            for account, start, end in found:
                yield account, coverage_of(start, end)
            return
        sums: dict[int, Coverage] = {}
        for account, start, end in found:
            known, seen = sums.get(account, _NO_COVERAGE), coverage_of(start, end)
            sums[account] = Coverage(*(a + b for a, b in zip(known, seen, strict=True)))
        yield from sums.items()


def shares(point: Point, slot: Instant) -> Iterator[tuple[int, Instant, Instant]]:
    """Yield (account, start, end) of the owners of a slot to whom usage is booked."""
    owners, end = point.owners, slot + SLOT_MS
    for index, owner in enumerate(owners):
        until = owners[index + 1].valid_from if index + 1 < len(owners) else end
        left, right = max(owner.valid_from, slot), min(until, end)
        booked_to = owner.books_to
        if left < right and booked_to is not None:
            yield point.accounts[booked_to], left, right


def publications(
    point: Point, slots: Sequence[SlotChange], before: Instant, complete_until: Instant
) -> Iterator[Publication]:
    """Yield what exporters send: slots that became complete now, and complete ones that changed.

    What is read for the balance of a gateway is not exported.

    Args:
        point: The metering point.
        slots: What a reading changes.
        before: Until when slots were complete so far, 0 before the first sample.
        complete_until: Until when they are now.
    """
    balance = point.accounts.get(BALANCE)
    became = range(before, complete_until, SLOT_MS) if before else ()
    for slot in became:
        for account in dict.fromkeys(share[0] for share in shares(point, slot)):
            if account != balance:
                yield Publication(account, slot)
    for change in slots:
        is_complete = change.slot + SLOT_MS <= complete_until
        if is_complete and change.slot not in became and change.account != balance:
            yield Publication(change.account, change.slot)
