"""The usual case of metering in one straight run: nearly every reading of a healthy point comes this way.

One row continues a series that was measured before, at a point that has had one owner. What
``collector.core.metering`` does in general is done here with a fraction of the objects; whatever is out of the ordinary
is left to it.
"""

from __future__ import annotations

from collector.core.accounting import account
from collector.core.books import Book, Fold, Point, SeriesBook, SeriesId
from collector.core.slots import Observed, coverage, rx_is_ingress, split, usage
from collector.model.identity import ReadAt
from collector.model.period import BEGINNING, SLOT_MS, Instant, slot_start
from collector.model.sample import Reading
from collector.model.usage import Delta, Evidence, Publication, Role, SeriesUpdate, SlotChange

_MEASURED_RULE = 8


def steady(point: Point, book: Book, reading: Reading) -> Fold | None:
    """Return what a reading changes when all is as usual, else ``None``; the general way returns the same.

    Args:
        point: The metering point that was read.
        book: Its book; every row's series is in it.
        reading: One good answer.

    Source: docs/accounting.md, sections 2 to 5, where row 8 decides and there is no gap.
    """
    rows, known = reading.rows, book.complete_until
    if (
        len(rows) != 1
        or reading.faults
        or len(point.owners) != 1
        or point.owners[0].valid_from != BEGINNING
        or not known
    ):
        return None
    row = rows[0]
    key = (reading.read_at, row.port, row.node)
    before = book.series[key]
    if before.expected_from is None or before.state is None:
        return None
    others = _others(book, key, reading)
    if others is None:
        return None
    outcome = account(before.state, row.sample, point.rules)
    state = outcome.state
    if outcome.rule != _MEASURED_RULE or state is None or outcome.findings or outcome.closed or outcome.quarantined:
        return None
    expected_from = before.expected_from
    now = SeriesBook(before.ref, state, before.closed, expected_from)
    observed, frontier = [Observed(now.closed, state.run, expected_from)], state.baseline.at
    for other in others:
        if other.state is not None:
            observed.append(Observed(other.closed, other.state.run, other.expected_from))
            if other.expected_from is not None:
                frontier = min(frontier, (other.state.held or other.state.baseline).at)
    complete_until = max(known, slot_start(frontier))
    slots = _slots(point, reading.read_at, outcome.deltas[0], observed)
    return Fold(
        Book({**book.series, key: now}, complete_until),
        (SeriesUpdate(before.ref, state, expected_from),),
        (),
        slots,
        _publications(slots, known, complete_until),
        (Evidence(before.ref, row.sample, _MEASURED_RULE),),
    )


def _others(book: Book, key: SeriesId, reading: Reading) -> list[SeriesBook] | None:
    """Return the other series of the point, or ``None`` when one of them should have been listed and was not."""
    if len(book.series) == 1:
        return []
    others = []
    for other, series in book.series.items():
        if other == key:
            continue
        if series.expected_from is not None and (
            other[0] is not reading.read_at or reading.asked_node is None or reading.asked_node == other[2]
        ):
            return None
        others.append(series)
    return others


def _slots(point: Point, read_at: ReadAt, delta: Delta, observed: list[Observed]) -> tuple[SlotChange, ...]:
    owner = point.owners[0]
    if owner.role is not Role.BILLED:
        return ()
    account_ref = point.accounts[owner.tenant]
    is_ingress = rx_is_ingress(point.key.kind, read_at)
    slots = []
    for start, _, growth in split(delta):
        slot = slot_start(start)
        covered = coverage(slot, slot + SLOT_MS, observed)
        slots.append(SlotChange(account_ref, slot, usage(growth, rx_is_ingress=is_ingress), covered))
    return tuple(slots)


def _publications(slots: tuple[SlotChange, ...], known: Instant, complete_until: Instant) -> tuple[Publication, ...]:
    """Return what exporters send: slots that became complete now, and those that were and have changed."""
    if not slots or (known == complete_until and slots[0].slot >= known):
        return ()
    account_ref = slots[0].account
    new = [Publication(account_ref, slot) for slot in range(known, complete_until, SLOT_MS)]
    return (*new, *(Publication(account_ref, change.slot) for change in slots if change.slot < known))
