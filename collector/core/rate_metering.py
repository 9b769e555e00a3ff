"""One answer about the intervals of one metering point to usage, coverage and events.

The twin of ``collector.core.metering`` for sources that give rates. Folding a reading into a book gives a new book and
what is to be stored; the old book stays as it was, so that a failed transaction needs no undoing. What comes of it
does not depend on how samples are spread over readings, as long as they are young enough to be judged.
"""

from __future__ import annotations

from typing import NamedTuple

from collector.core import rates
from collector.core.accounting import Finding
from collector.core.attribution import owner_at
from collector.core.booking import Booking, publications
from collector.core.books import Point
from collector.core.periods import format_time
from collector.core.slots import rx_is_ingress
from collector.model.identity import ReadAt
from collector.model.period import BEGINNING, SLOT_MS, Instant, slot_start
from collector.model.rates import Piece, RateEvidence, RateState, RateUpdate
from collector.model.sample import RateReading, RateSample
from collector.model.usage import (
    Coverage,
    Delta,
    Detail,
    Event,
    EventName,
    Publication,
    Quality,
    Quarantined,
    Role,
    SlotChange,
)


class RateBook(NamedTuple):
    """What changes of a point that gives rates; it has one series.

    Attributes:
        ref: The ledger's reference of the series.
        state: ``None`` before the first good answer.
        complete_until: Until when its slots are complete, 0 before the first sample.
    """

    ref: int
    state: RateState | None = None
    complete_until: Instant = BEGINNING


class RateFold(NamedTuple):
    """What one reading changes: the new book, and what is to be stored with it."""

    book: RateBook
    rates: tuple[RateUpdate, ...] = ()
    slots: tuple[SlotChange, ...] = ()
    publish: tuple[Publication, ...] = ()
    evidence: tuple[RateEvidence, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    events: tuple[Event, ...] = ()


def fold_rates(point: Point, book: RateBook, reading: RateReading) -> RateFold:
    """Return what a reading changes.

    Args:
        point: The metering point that was read.
        book: Its book.
        reading: One good answer.

    Source: docs/accounting.md, sections 3 to 5 and 8.
    """
    return _Folding(point, book, reading).run()


def complete_rates_by(point: Point, book: RateBook, until: Instant) -> RateFold:
    """Return what it changes that every slot ending by ``until`` counts as complete, since nothing came for too
    long."""
    target = slot_start(until)
    if not book.complete_until or target <= book.complete_until:
        return RateFold(book)
    newest = book.state.pieces[-1].end if book.state is not None and book.state.pieces else BEGINNING
    last = min(target, slot_start(newest) + SLOT_MS)
    publish = tuple(publications(point, (), book.complete_until, last))
    return RateFold(book._replace(complete_until=target), publish=publish)


class _Folding:
    """One reading on its way into a book."""

    def __init__(self, point: Point, book: RateBook, reading: RateReading) -> None:
        self._point = point
        self._book = book
        self._reading = reading
        self._booking = Booking(point, rx_is_ingress=rx_is_ingress(point.key.kind, ReadAt.INTERFACE))
        self._evidence: list[RateEvidence] = []
        self._quarantined: list[Quarantined] = []
        self._events: list[Event] = []

    def run(self) -> RateFold:
        before = self._book.state
        # A finer sample comes before the coarser one that it lies in, also where both end together: what the coarser
        # one says beyond it can be told then, and not the other way round.
        samples = sorted(set(self._reading.samples))
        begun = state = rates.begun(before, samples, self._reading.held_since)
        self._note_answer(begun, samples)
        for sample in samples:
            state = self._sample(state, sample)
        state, lost = rates.settle(state, self._reading.held_since, self._reading.polled_at, self._point.rules.max_rate)
        self._note(lost)
        if before is not None and state.pieces == before.pieces and not self._events:
            return RateFold(self._book)
        return self._folded(state)

    def _sample(self, state: RateState, sample: RateSample) -> RateState:
        judged = rates.account(state, sample, self._point.rules.max_rate)
        self._note(judged.findings)
        if judged.rule != rates.REPEAT:
            self._evidence.append(RateEvidence(self._book.ref, sample, self._reading.polled_at, judged.rule))
        for delta in judged.deltas:
            self._booking.add(delta)
        for delta in judged.quarantined:
            self._set_aside(delta)
        return judged.state

    def _set_aside(self, delta: Delta) -> None:
        self._booking.touch(delta.start, delta.end)
        owner = owner_at(self._point.owners, delta.start)
        if owner.role is Role.BILLED:
            seen = self._booking.seen(delta.growth)
            self._quarantined.append(Quarantined(self._book.ref, delta, seen, owner.tenant, self._point.rules.max_rate))

    def _folded(self, state: RateState) -> RateFold:
        slots = tuple(self._booking.slots(lambda start, end: coverage(state.pieces, start, end), with_unknown=False))
        known, complete_until = self._book.complete_until, self._complete_until(state)
        return RateFold(
            RateBook(self._book.ref, state, complete_until),
            (RateUpdate(self._book.ref, state),),
            slots,
            tuple(publications(self._point, slots, known, complete_until)),
            tuple(self._evidence),
            tuple(self._quarantined),
            tuple(self._events),
        )

    def _complete_until(self, state: RateState) -> Instant:
        """Return until when slots are complete: they are once a sample ends at or after their own end."""
        known = self._book.complete_until
        if not state.pieces:
            return known
        return max(known or slot_start(state.pieces[0].start), slot_start(state.pieces[-1].end))

    # --- events ------------------------------------------------------------------------------------------------------

    def _note_answer(self, begun: RateState, samples: list[RateSample]) -> None:
        """Tell what of the answer could not be used, and the beginning of a point's metering."""
        reading, ref = self._reading, self._book.ref
        if reading.faults:
            self._event(EventName.ANSWER_INVALID, reading.polled_at, {"faults": list(reading.faults)}, f"{ref}")
        if begun.pieces:
            return
        if samples:
            detail = {"metered_from": format_time(begun.low)}
            self._event(EventName.FIRST_SEEN, max(sample.at for sample in samples), detail, f"{ref}")
        else:
            self._event(EventName.NEVER_UPDATED, reading.polled_at, {}, f"{ref}")

    def _note(self, findings: tuple[Finding, ...]) -> None:
        """Tell of findings. Each instant is a row of its own, since each has a bound; asked again, it is a repeat."""
        for finding in findings:
            self._event(finding.event, finding.at, finding.detail, f"{self._book.ref} {finding.at}")

    def _event(self, event: EventName, at: Instant, detail: Detail, repeat_key: str) -> None:
        key = self._point.key
        self._events.append(
            Event(
                at=at,
                source=key.source,
                event=event,
                tenant=owner_at(self._point.owners, at).tenant,
                point=key.label,
                detail=detail,
                repeat_key=repeat_key,
            )
        )


def coverage(pieces: tuple[Piece, ...], start: Instant, end: Instant) -> Coverage:
    """Return how [start, end) was observed, in milliseconds by quality; what is left is missing."""
    totals = dict.fromkeys(Quality, 0)
    for piece in pieces[rates.overlapping(pieces, start, end)]:
        totals[piece.quality] += min(piece.end, end) - max(piece.start, start)
    return Coverage(totals[Quality.MEASURED], totals[Quality.INFERRED], totals[Quality.SPREAD])
