"""One answer about one metering point to usage, coverage and events: accounting, slots and attribution put together.

A point's book holds its series. Folding a reading into it gives a new book and what is to be stored; the old book
stays as it was, so that a failed transaction needs no undoing. The result depends on the samples of each series in
their order and on what the answers listed, never on how series or points interleave.
"""

from __future__ import annotations

from collections.abc import Iterator

from collector.core.accounting import Outcome, Rules, account
from collector.core.attribution import owner_at
from collector.core.booking import Booking, publications
from collector.core.books import Book, Fold, Point, SeriesBook, SeriesId
from collector.core.periods import format_time
from collector.core.slots import Observed, coverage, rx_is_ingress
from collector.core.steady import steady
from collector.model.identity import ReadAt
from collector.model.period import BEGINNING, SLOT_MS, Instant, slot_start
from collector.model.sample import Reading, Row
from collector.model.usage import (
    ClosedRun,
    Delta,
    Detail,
    Event,
    EventName,
    Evidence,
    Quarantined,
    Role,
    SeriesUpdate,
    SlotChange,
)

CLOSED_RUNS_MAX = 256
"""Finished stretches of coverage that a series keeps at hand; older ones stay in the ledger. A stretch ends only
where the quality
changes, so this is months of a bad node; coverage of slots older than that is no longer made worse by late news."""


def fold(point: Point, book: Book, reading: Reading) -> Fold:
    """Return what a reading changes.

    Args:
        point: The metering point that was read.
        book: Its book; every row's series is in it.
        reading: One good answer.

    Source: docs/accounting.md, sections 2 to 5.
    """
    usual = steady(point, book, reading)
    return usual if usual is not None else general(point, book, reading)


def general(point: Point, book: Book, reading: Reading) -> Fold:
    """Return the same as ``fold``, whatever the reading holds, without the short way of the usual ones."""
    return _Folding(point, book, reading).run()


def complete_by(point: Point, book: Book, until: Instant) -> Fold:
    """Return what it changes that every slot ending by ``until`` counts as complete, since nothing came for too
    long."""
    target = slot_start(until)
    if not book.complete_until or target <= book.complete_until:
        return Fold(book)
    newest = max((s.state.run.end for s in book.series.values() if s.state is not None), default=BEGINNING)
    last = min(target, slot_start(newest) + SLOT_MS)
    publish = tuple(publications(point, (), book.complete_until, last))
    return Fold(Book(book.series, target), publish=publish)


class _Folding:
    """One reading on its way into a book."""

    def __init__(self, point: Point, book: Book, reading: Reading) -> None:
        self._point = point
        self._book = book
        self._reading = reading
        self._rules = _rules_of(point, book, reading.read_at)
        self._series = dict(book.series)
        self._booking = Booking(point, rx_is_ingress=rx_is_ingress(point.key.kind, reading.read_at))
        self._runs: list[ClosedRun] = []
        self._evidence: list[Evidence] = []
        self._quarantined: list[Quarantined] = []
        self._events: list[Event] = []

    def run(self) -> Fold:
        listed = {self._row(row) for row in self._reading.rows}
        self._unlist(listed)
        self._note_faults()
        old = self._book.series
        updates = tuple(
            SeriesUpdate(new.ref, new.state, new.expected_from)
            for key, new in self._series.items()
            if new.state is not None and new is not old.get(key)
        )
        if not updates and not self._events:
            return Fold(self._book)
        complete_until = self._complete_until()
        slots = tuple(self._slot_changes())
        return Fold(
            Book(self._series, complete_until),
            updates,
            tuple(self._runs),
            slots,
            tuple(publications(self._point, slots, self._book.complete_until, complete_until)),
            tuple(self._evidence),
            tuple(self._quarantined),
            tuple(self._events),
        )

    def _note_faults(self) -> None:
        """Tell what of the answer could not be used; the rest of it counts all the same."""
        reading = self._reading
        if reading.faults:
            key = f"{self._point.ref} {reading.asked_node}"
            self._event(
                EventName.ANSWER_INVALID, reading.polled_at, reading.asked_node, {"faults": list(reading.faults)}, key
            )

    # --- one row ---------------------------------------------------------------------------------------------------

    def _row(self, row: Row) -> SeriesId:
        key = (self._reading.read_at, row.port, row.node)
        before = self._series[key]
        outcome = account(before.state, row.sample, self._rules)
        for finding in outcome.findings:
            self._event(finding.event, finding.at, row.node, finding.detail, str(before.ref))
        if outcome.rule not in (1, 4):
            self._evidence.append(Evidence(before.ref, row.sample, outcome.rule))
        if outcome.state is not None:
            self._series[key] = self._after(before, outcome, row)
        return key

    def _after(self, before: SeriesBook, outcome: Outcome, row: Row) -> SeriesBook:
        state = outcome.state
        expected_from = before.expected_from
        if expected_from is None:
            expected_from = self._listed_again(before, row)
        elif state is before.state:
            return before
        closed = before.closed
        if outcome.closed:
            self._runs.extend(ClosedRun(before.ref, run) for run in outcome.closed)
            closed = (*closed, *outcome.closed)[-CLOSED_RUNS_MAX:]
        for delta in outcome.deltas:
            self._booking.add(delta)
        for delta in outcome.quarantined:
            self._booking.touch(delta.start, delta.end)
            self._set_aside(before.ref, delta)
        return SeriesBook(before.ref, state, closed, expected_from)

    def _listed_again(self, before: SeriesBook, row: Row) -> Instant:
        """Return from when on a series is expected that the last good answer did not list.

        That is the moment of this answer, by our clock: the newest sample of the point would depend on which of its
        rows and answers came first.
        """
        frontier = self._newest_frontier()
        if before.state is None:
            self._booking.touch(row.sample.at, frontier)
            return BEGINNING
        polled_at = self._reading.polled_at
        self._event(EventName.NODE_BACK, polled_at, row.node, {}, str(before.ref))
        self._booking.touch(max(polled_at, before.state.run.end), frontier)
        return polled_at

    def _newest_frontier(self) -> Instant:
        return max((s.state.run.end for s in self._series.values() if s.state is not None), default=BEGINNING)

    # --- what is no longer listed ----------------------------------------------------------------------------------

    def _unlist(self, listed: set[SeriesId]) -> None:
        """Stop expecting the series that this answer should have listed and did not."""
        reading = self._reading
        nodes = {node for _, _, node in listed}
        for key, series in tuple(self._series.items()):
            read_at, _, node = key
            if series.expected_from is None or series.state is None or key in listed:
                continue
            if read_at is reading.read_at and reading.asked_node not in (None, node):
                continue
            if read_at is reading.read_at and node not in nodes:
                detail = {"last_at": format_time(series.state.baseline.at)}
                self._event(EventName.NODE_MISSING, reading.polled_at, node, detail, str(series.ref))
            self._booking.touch(series.state.run.end, self._newest_frontier())
            self._series[key] = series._replace(expected_from=None)

    # --- usage -----------------------------------------------------------------------------------------------------

    def _set_aside(self, series: int, delta: Delta) -> None:
        owner = owner_at(self._point.owners, delta.start)
        if owner.role is Role.BILLED:
            seen = self._booking.seen(delta.growth)
            self._quarantined.append(Quarantined(series, delta, seen, owner.tenant, self._point.rules.max_rate))

    # --- slots -----------------------------------------------------------------------------------------------------

    def _slot_changes(self) -> Iterator[SlotChange]:
        """Return every slot whose usage or coverage this reading may have changed."""
        observed = tuple(
            Observed(s.closed, s.state.run, s.expected_from) for s in self._series.values() if s.state is not None
        )
        return self._booking.slots(lambda start, end: coverage(start, end, observed), with_unknown=len(observed) != 1)

    def _complete_until(self) -> Instant:
        """Return until when every expected series has a sample: slots that end by then are complete."""
        seen = [
            (s.state.held or s.state.baseline).at
            for s in self._series.values()
            if s.state is not None and s.expected_from is not None
        ]
        known = self._book.complete_until
        if not seen:
            return known
        if not known:
            starts = (s.state.run.start for s in self._series.values() if s.state is not None)
            known = slot_start(min(starts))
        return max(known, slot_start(min(seen)))

    def _event(self, event: EventName, at: Instant, node: str | None, detail: Detail, repeat_key: str) -> None:
        key = self._point.key
        tenant = owner_at(self._point.owners, at).tenant
        self._events.append(
            Event(
                at=at,
                source=key.source,
                event=event,
                tenant=tenant,
                point=key.label,
                node=node,
                detail=detail,
                repeat_key=repeat_key,
            )
        )


def _rules_of(point: Point, book: Book, read_at: ReadAt) -> Rules:
    """Return the rules of a point at one of its ends.

    Row 2 books the whole first value of a new object. Where another end of the link was read before, that one booked
    those bytes.
    """
    rules = point.rules
    if rules.created_at is None or all(end is read_at or s.state is None for (end, _, _), s in book.series.items()):
        return rules
    return rules._replace(created_at=None)
