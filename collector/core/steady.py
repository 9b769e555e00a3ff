"""The usual case of metering in one straight run: nearly every reading of a healthy point comes this way.

One row continues a series that was measured before, at a point that has had one owner. What
``collector.core.metering`` does in general is done here with a fraction of the objects; whatever is out of the ordinary
is left to it.
"""

from __future__ import annotations

from collector.core.accounting import differences, is_implausible
from collector.core.books import Book, Fold, Point, SeriesBook, SeriesId
from collector.core.slots import Observed, coverage, plain, rx_is_ingress, split, usage
from collector.model.identity import BALANCE, ReadAt
from collector.model.period import BEGINNING, SLOT_MS, Instant
from collector.model.sample import Reading, Sample
from collector.model.usage import (
    Coverage,
    Delta,
    Evidence,
    Growth,
    Publication,
    Quality,
    Run,
    SeriesState,
    SeriesUpdate,
    SlotChange,
)

_MEASURED_RULE = 8

_new = tuple.__new__
"""Makes a record of its fields in half the time that the record's own constructor takes; there are ten a reading."""


def steady(point: Point, book: Book, reading: Reading) -> Fold | None:
    """Return what a reading changes when all is as usual, else ``None``; the general way returns the same.

    Args:
        point: The metering point that was read.
        book: Its book; every row's series is in it.
        reading: One good answer.

    Source: docs/accounting.md, sections 2 to 5, where row 8 decides and there is no gap.
    """
    rows, known, owners = reading.rows, book.complete_until, point.owners
    if len(rows) != 1 or reading.faults or not known or len(owners) != 1 or owners[0].valid_from != BEGINNING:
        return None
    port, node, sample = rows[0]
    read_at = reading.read_at
    key = (read_at, port, node)
    ref, before, closed, expected_from = book.series[key]
    if before is None or expected_from is None:
        return None
    growth = _growth(point, before, sample)
    if growth is None:
        return None
    others = _others(book, key, reading)
    if others is None:
        return None
    at = sample.at
    run = _new(Run, (before.run.start, at, Quality.MEASURED))
    state = _new(SeriesState, (sample, None, run))
    observed, frontier = [_new(Observed, (closed, run, expected_from))], at
    for other in others:
        if other.state is not None:
            observed.append(_new(Observed, (other.closed, other.state.run, other.expected_from)))
            if other.expected_from is not None:
                frontier = min(frontier, (other.state.held or other.state.baseline).at)
    complete_until = max(known, frontier - frontier % SLOT_MS)
    delta = _new(Delta, (before.baseline.at, at, growth, Quality.MEASURED, _MEASURED_RULE))
    slots = _slots(point, read_at, delta, observed)
    series = dict(book.series)
    series[key] = _new(SeriesBook, (ref, state, closed, expected_from))
    return Fold(
        Book(series, complete_until),
        (_new(SeriesUpdate, (ref, state, expected_from)),),
        (),
        slots,
        _publications(point, slots, known, complete_until),
        (_new(Evidence, (ref, sample, _MEASURED_RULE)),),
    )


def _growth(point: Point, state: SeriesState, sample: Sample) -> Growth | None:
    """Return what row 8 books without a gap, or ``None`` where another row decides or a stretch of coverage ends."""
    baseline, held, run = state
    milliseconds, rules = sample.at - baseline.at, point.rules
    if held is not None or not 0 < milliseconds <= rules.gap_after_ms or run.quality is not Quality.MEASURED:
        return None
    if None in sample.counters or None in baseline.counters:
        return None
    growth = differences(sample.counters, baseline.counters)
    return None if min(growth) < 0 or is_implausible(growth, milliseconds, rules.max_rate) else growth


def _others(book: Book, key: SeriesId, reading: Reading) -> list[SeriesBook] | None:
    """Return the other series of the point, or ``None`` when one of them should have been listed and was not."""
    others: list[SeriesBook] = []
    if len(book.series) == 1:
        return others
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
    booked_to = point.owners[0].books_to
    if booked_to is None:
        return ()
    account_ref = point.accounts[booked_to]
    is_ingress = rx_is_ingress(point.key.kind, read_at)
    stretch = plain(observed)
    slots = []
    first = delta.start - delta.start % SLOT_MS
    parts = [(first, delta.growth)] if delta.end <= first + SLOT_MS else _parts(delta)
    for slot, part in parts:
        end = slot + SLOT_MS
        if stretch is not None and stretch.start <= slot:
            covered = _new(Coverage, (max(0, min(end, stretch.end) - slot), 0, 0))
        else:
            covered = coverage(slot, end, observed)
        slots.append(_new(SlotChange, (account_ref, slot, usage(part, rx_is_ingress=is_ingress), covered)))
    return tuple(slots)


def _parts(delta: Delta) -> list[tuple[Instant, Growth]]:
    """Return (slot, growth) of a delta that crosses into other slots."""
    return [(part.start - part.start % SLOT_MS, part.growth) for part in split(delta)]


def _publications(
    point: Point, slots: tuple[SlotChange, ...], known: Instant, complete_until: Instant
) -> tuple[Publication, ...]:
    """Return what exporters send: slots that became complete now, and those that were and have changed."""
    if not slots or (known == complete_until and slots[0].slot >= known):
        return ()
    account_ref = slots[0].account
    if account_ref == point.accounts.get(BALANCE):
        return ()
    new = [Publication(account_ref, slot) for slot in range(known, complete_until, SLOT_MS)]
    return (*new, *(Publication(account_ref, change.slot) for change in slots if change.slot < known))
