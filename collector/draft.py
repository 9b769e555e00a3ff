"""What the readings of one cycle part change, put together into one batch."""

from __future__ import annotations

import uuid
from collections.abc import Iterable

from collector.core.books import Book, Fold, Point
from collector.core.rate_metering import RateBook, RateFold
from collector.model.identity import PointKey
from collector.model.period import Instant
from collector.model.rates import RateEvidence, RateUpdate
from collector.model.usage import (
    Batch,
    ClosedRun,
    Event,
    Evidence,
    Publication,
    Quarantined,
    SeriesUpdate,
    SlotChange,
    added,
)


class Draft:
    """What the readings of one cycle part change, put together into one batch."""

    def __init__(self) -> None:
        self.books: dict[PointKey, Book] = {}
        self.rate_books: dict[PointKey, RateBook] = {}
        self._rates: dict[int, RateUpdate] = {}
        self._rate_evidence: list[RateEvidence] = []
        self._completed: dict[int, Instant] = {}
        self._series: dict[int, SeriesUpdate] = {}
        self._runs: list[ClosedRun] = []
        self._slots: dict[tuple[int, Instant], SlotChange] = {}
        self._publish: dict[Publication, None] = {}
        self._evidence: list[Evidence] = []
        self._quarantined: list[Quarantined] = []
        self._events: list[Event] = []

    def add(self, point: Point, before: Book, change: Fold) -> None:
        """Add what one reading changes: of several states of a series the newest, usage of a slot added up."""
        book = change.book
        if book is before:
            return
        self.books[point.key] = book
        if book.complete_until != before.complete_until:
            self._completed[point.ref] = book.complete_until
        for update in change.series:
            self._series[update.series] = update
        for slot in change.slots:
            if slot[:2] in self._slots:
                self._add_slot(slot)
            else:
                self._slots[slot[:2]] = slot
        if change.publish:
            self._publish.update(dict.fromkeys(change.publish))
        self._evidence += change.evidence
        if change.runs or change.quarantined or change.events:
            self._runs += change.runs
            self._quarantined += change.quarantined
            self._events += change.events

    def add_rates(self, point: Point, before: RateBook, change: RateFold) -> None:
        """Add what one answer about intervals changes."""
        book = change.book
        self._events += change.events
        if book is before:
            return
        self.rate_books[point.key] = book
        if book.complete_until != before.complete_until:
            self._completed[point.ref] = book.complete_until
        for update in change.rates:
            self._rates[update.series] = update
        for slot in change.slots:
            self._add_slot(slot)
        for publication in change.publish:
            self._publish[publication] = None
        self._rate_evidence += change.evidence
        self._quarantined += change.quarantined

    def note(self, event: Event | None) -> None:
        """Add an event that no book brought, if there is one."""
        if event is not None:
            self._events.append(event)

    def _add_slot(self, change: SlotChange) -> None:
        key = change[:2]
        known = self._slots.get(key)
        if known is not None:
            change = change._replace(
                usage=added(known.usage, change.usage)
            )  # the newest coverage with the usage of both
        self._slots[key] = change

    def batch(self, now: Instant, watermarks: Iterable[tuple[str, Instant]]) -> Batch:
        """Return everything as one batch."""
        return Batch(
            id=uuid.uuid4().hex,
            at=now,
            series=tuple(self._series.values()),
            runs=tuple(self._runs),
            slots=tuple(self._slots.values()),
            publish=tuple(self._publish),
            completed=tuple(self._completed.items()),
            evidence=tuple(self._evidence),
            quarantined=tuple(self._quarantined),
            events=tuple(self._events),
            watermarks=tuple(watermarks),
            rates=tuple(self._rates.values()),
            rate_evidence=tuple(self._rate_evidence),
        )
