"""One poll cycle, the flow in full view: readings → accounting → one transaction → totals.

``Meter`` holds the books of every metering point. A cycle part goes through it top to bottom: series that are new get a
reference, each reading is folded into its point's book (pure), everything is committed as one batch, and only then do
the books and totals in memory move on. When the ledger cannot take a batch, the books stay as they were and the
readings are
dropped: counters are cumulative, so the next reading proves what these did.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

from collector.address_book import AddressBook
from collector.cabinet import POINTS_AT_ONCE, Cabinet, MeterRules, newest_of
from collector.clock import Clock
from collector.core.attribution import Attribution, owner_at
from collector.core.books import Book, Point, SeriesBook
from collector.core.claims import TUNNELS
from collector.core.metering import complete_by, fold
from collector.core.rate_metering import RateBook, complete_rates_by, fold_rates
from collector.draft import Draft
from collector.errors import LedgerCorrupt, LedgerError, LedgerUnavailable
from collector.estate import Estate
from collector.handover import Handover
from collector.model.directory import CloudMap
from collector.model.identity import Kind, PointKey, ReadAt, TenantId
from collector.model.period import BEGINNING, SLOT_MS, Instant
from collector.model.rates import RateState
from collector.model.sample import RateReading, Reading
from collector.model.usage import (
    Batch,
    Event,
    InventoryUpdate,
    LedgerState,
    StoredPoint,
)
from collector.ports import Inventory, LedgerWriter
from collector.takeover import Takeover, note_events
from collector.telemetry.totals import Totals
from collector.tunnels import UP, TunnelStates

__all__ = ["RATES_LATE_MS", "Meter", "MeterRules", "Observer"]

RATES_LATE_MS = 2 * SLOT_MS
"""Silence beyond ``gap_after`` until slots of points that give rates count as complete, in milliseconds: a sample comes
only every five minutes, and some come a poll late."""

READINGS_AT_ONCE = 200
"""Readings that are accounted before others get the event loop: about three milliseconds."""

LEAD_DECAY_MS = 1
"""How much of a clock difference each reading forgets, in milliseconds, so that a clock that was set right is
believed in the end."""


class Observer(Protocol):
    """Who wants to know what the meter did: metrics, logs, health."""

    def committed(self, batch: Batch, readings: int, seconds: float) -> None:
        """A batch is in the ledger."""

    def noted(self, events: Sequence[Event]) -> None:
        """Events of an inventory are in the ledger."""

    def dropped(self, readings: int, error: LedgerError) -> None:
        """The ledger could not take a batch of so many readings; the next ones prove what they did."""


class _Doubt(NamedTuple):
    """A batch that may be in the ledger or not, and what the books become once it is."""

    batch: Batch
    books: Mapping[PointKey, Book]
    rate_books: Mapping[PointKey, RateBook]
    readings: int


class Meter:
    """The books of every metering point, and the only way into the ledger."""

    def __init__(
        self, ledger: LedgerWriter, clock: Clock, totals: Totals, rules: MeterRules, observer: Observer
    ) -> None:
        self._ledger = ledger
        self._clock = clock
        self._totals = totals
        self._observer = observer
        self.books = Cabinet(totals, rules)
        self.estate = Estate(rules.ownership, rules.directors)
        self.addresses = AddressBook()
        self._lead_ms: dict[str, int] = {}
        self._tunnels = TunnelStates()
        self._lock = asyncio.Lock()
        self._doubt: _Doubt | None = None

    # --- start -----------------------------------------------------------------------------------------------------

    async def load(self) -> LedgerState:
        """Take up every book where the ledger has it; return what was loaded, for metrics."""
        state = await self._ledger.load()
        self.books.load(state)
        self.estate.load(state.inventories)
        self.addresses.load(state.addresses)
        return state

    # --- a cycle part ----------------------------------------------------------------------------------------------

    async def account(self, readings: Sequence[Reading]) -> bool:
        """Account a cycle part in one transaction; False when the ledger could not take it.

        Raises:
            LedgerCorrupt: The ledger is damaged; the daemon must stop.
        """
        known = [reading for reading in readings if reading.point in self.books.points]
        if not known:
            return True
        async with self._lock:
            try:
                await self._settle()
                books = await self._take_down(known)
                draft = Draft()
                for number, reading in enumerate(known, 1):
                    if number % READINGS_AT_ONCE == 0:
                        await asyncio.sleep(0)
                    self._note_lead(reading)
                    point, book = self.books.points[reading.point], books[reading.point]
                    if reading.state is not None:
                        draft.note(self._state_event(point, reading))
                    change = fold(self._for_end(point, reading.read_at), book, reading)
                    draft.add(point, book, change)
                    books[reading.point] = change.book
                batch = draft.batch(self._clock.now(), _watermarks(known))
                await self._commit(batch, draft, len(known))
            except LedgerCorrupt:
                raise
            except LedgerError as error:
                self._observer.dropped(len(known), error)
                return False
        return True

    async def account_rates(self, readings: Sequence[RateReading]) -> bool:
        """Account answers about intervals in one transaction; False when the ledger could not take it.

        What was dropped is fetched again: the next answer reaches back to the last sample that is booked.

        Raises:
            LedgerCorrupt: The ledger is damaged; the daemon must stop.
        """
        known = [reading for reading in readings if reading.point in self.books.points]
        if not known:
            return True
        async with self._lock:
            try:
                await self._settle()
                books = await self._rate_books_of({reading.point for reading in known})
                draft = Draft()
                for reading in known:
                    point, book = self.books.points[reading.point], books[reading.point]
                    change = fold_rates(point, book, reading)
                    draft.add_rates(point, book, change)
                    books[reading.point] = change.book
                    await asyncio.sleep(0)
                newest = {reading.point.source: reading.polled_at for reading in known}
                await self._commit(draft.batch(self._clock.now(), newest.items()), draft, len(known))
            except LedgerCorrupt:
                raise
            except LedgerError as error:
                self._observer.dropped(len(known), error)
                return False
        return True

    async def _rate_books_of(self, keys: Iterable[PointKey]) -> dict[PointKey, RateBook]:
        """Return the books of these points; a new one gets the reference of its only series."""
        new = sorted(key for key in keys if key not in self.books.rates)
        if new:
            series = [(self.books.points[key].ref, ReadAt.INTERFACE, "", "") for key in new]
            for key, ref in zip(new, await self._ledger.intern_series(series), strict=True):
                self.books.rates[key] = RateBook(ref)
        return {key: self.books.rates[key] for key in keys}

    async def complete_silent(self) -> bool:
        """Let slots count as complete whose points were silent for too long; False when the ledger could not take it.

        Raises:
            LedgerCorrupt: The ledger is damaged; the daemon must stop.
        """
        async with self._lock:
            try:
                await self._settle()
                now, draft = self._clock.now(), Draft()
                for number, (key, point) in enumerate(self.books.points.items(), 1):
                    known, _ = self.books.shelf.times(key)
                    until = now + min(0, self._lead_ms.get(key.source, 0)) - self.books.rules.gap_after_ms
                    if known and known + SLOT_MS <= until:
                        book = self.books.shelf[key]
                        draft.add(point, book, complete_by(point, book, until))
                    if number % POINTS_AT_ONCE == 0:
                        await asyncio.sleep(0)
                until = now - self.books.rules.gap_after_ms - RATES_LATE_MS
                for key, rate_book in self.books.rates.items():
                    if key in self.books.points:
                        rate_point = self.books.points[key]
                        draft.add_rates(rate_point, rate_book, complete_rates_by(rate_point, rate_book, until))
                if draft.books or draft.rate_books:
                    await self._commit(draft.batch(now, ()), draft, 0)
            except LedgerCorrupt:
                raise
            except LedgerError as error:
                self._observer.dropped(0, error)
                return False
        return True

    async def _take_down(self, readings: Sequence[Reading]) -> dict[PointKey, Book]:
        """Return the books of the points that were read; every series that is new has an empty place in them."""
        books: dict[PointKey, Book] = {}
        new: dict[tuple[int, ReadAt, str, str], PointKey] = {}
        for number, reading in enumerate(readings, 1):
            if number % READINGS_AT_ONCE == 0:
                await asyncio.sleep(0)
            key = reading.point
            book = books.get(key)
            if book is None:
                book = books[key] = self.books.shelf[key]
            for row in reading.rows:
                if (reading.read_at, row.port, row.node) not in book.series:
                    new[self.books.points[key].ref, reading.read_at, row.port, row.node] = key
        if new:
            await self._register_series(books, new)
        return books

    async def _register_series(
        self, books: dict[PointKey, Book], new: Mapping[tuple[int, ReadAt, str, str], PointKey]
    ) -> None:
        """Give every series that is new a reference and an empty place in its point's book."""
        refs = await self._ledger.intern_series(list(new))
        for (key, point), ref in zip(new.items(), refs, strict=True):
            book = books[point]
            books[point] = Book({**book.series, key[1:]: SeriesBook(ref)}, book.complete_until)

    async def _commit(self, batch: Batch, draft: Draft, readings: int) -> None:
        self._doubt = _Doubt(batch, draft.books, draft.rate_books, readings)
        await self._settle()

    def _take(self, doubt: _Doubt) -> None:
        """Let books and totals follow a batch that is in the ledger."""
        self._doubt = None
        self.books.shelf.update(doubt.books)
        self.books.rates.update(doubt.rate_books)
        self._tunnels.take(doubt.batch.events)
        self._totals.apply((change.account, change.usage) for change in doubt.batch.slots)

    async def _settle(self) -> None:
        """Commit the batch in hand, again if its commit failed or was cancelled: it may be in the ledger all the same.

        Its id makes a repeat harmless. Booking on from the old books while the ledger has the new ones would book the
        same growth twice.
        """
        if self._doubt is None:
            return
        doubt = self._doubt
        started = self._clock.monotonic()
        try:
            await self._ledger.commit(doubt.batch)
        except (LedgerUnavailable, asyncio.CancelledError):
            raise
        except Exception:
            self._doubt = None  # refused as wrong: it is not in the ledger, and would be refused again
            raise
        self._take(doubt)
        self._observer.committed(doubt.batch, doubt.readings, self._clock.monotonic() - started)

    async def record(self, events: Sequence[Event]) -> bool:
        """Store events that no reading brought; False when the ledger could not take them.

        Raises:
            LedgerCorrupt: The ledger is damaged; the daemon must stop.
        """
        async with self._lock:
            try:
                await self._settle()
                draft = Draft()
                for event in events:
                    draft.note(event)
                await self._commit(draft.batch(self._clock.now(), ()), draft, 0)
            except LedgerCorrupt:
                raise
            except LedgerError as error:
                self._observer.dropped(0, error)
                return False
        return True

    def _state_event(self, point: Point, reading: Reading) -> Event | None:
        self._tunnels.saw(reading)
        return self._tunnels.news(reading, owner_at(point.owners, reading.polled_at).tenant)

    def _note_lead(self, reading: Reading) -> None:
        """Remember how far the device's clock is ahead of ours, as its newest sample shows it."""
        newest = 0
        for row in reading.rows:
            newest = max(newest, row.sample.at)
        if newest:
            lead, source = newest - reading.polled_at, reading.point.source
            known = self._lead_ms.get(source, lead) - LEAD_DECAY_MS
            self._lead_ms[source] = max(known, lead)

    def _for_end(self, point: Point, read_at: ReadAt) -> Point:
        """Return the point with the rules of the end that was read: a summary is judged more carefully."""
        summary = read_at.is_summary
        if point.rules.summary is summary:
            return point
        return Point(
            ref=point.ref,
            key=point.key,
            rules=point.rules._replace(summary=summary),
            owners=point.owners,
            accounts=point.accounts,
        )

    # --- an inventory ----------------------------------------------------------------------------------------------

    async def apply_inventory(self, inventory: Inventory) -> Attribution:
        """Take over an inventory: what there is to read, whose it is since when, and what changed.

        A complete inventory dates changes of owner and decides what is gone; an incomplete one only adds.

        Raises:
            LedgerUnavailable: It could not be stored; nothing changed.
        """
        async with self._lock:
            source = inventory.source
            attribution = await self.estate.attribute_inventory(inventory)
            takeover = Takeover(
                self.books.stored,
                self.estate.at(source),
                inventory,
                attribution,
                self._booked_until,
                first_map=self.estate.awaits_first_map(source),
                told=self.estate.told(source),
                keeps_owners=self.estate.lacks_map(),
            )
            takeover.take(await self._ledger.intern_points([found.key for found in inventory.points]))
            accounts = await self._open_accounts(takeover.changed)
            update = takeover.update()
            holding = await self.estate.hold(
                inventory, attribution, lambda key: (takeover.changed.get(key) or self.books.stored[key]).key
            )
            await self._ledger.store_inventory(update)
            self.books.install(
                {**dict.fromkeys(found.key for found in inventory.points), **takeover.changed},
                accounts,
                takeover.max_rate,
            )
            self.estate.install_inventory(inventory, holding)
            self._observer.noted(update.events)
        return attribution

    async def apply_map(self, cloud: CloudMap) -> dict[str, Attribution]:
        """Put a complete map of a director in force: whose the points of every source are from now on.

        The first map of a director holds from the beginning for what is not booked yet; a later one dates what it
        changes.

        Raises:
            LedgerUnavailable: It could not be stored; nothing changed.
        """
        async with self._lock:
            attributions = await self.estate.attribute_with(cloud)
            first_map = self.estate.is_first_map(cloud)
            changed: dict[PointKey, StoredPoint] = {}
            handovers = {}
            events: list[Event] = []
            for source, attribution in attributions.items():
                handover = Handover(attribution, cloud.at, self._booked_until, first_map=first_map)
                handovers[source] = handover
                for key in self.estate.points()[source]:
                    owned = handover.owned(self.books.stored[key])
                    if owned is not self.books.stored[key]:
                        changed[key] = owned
                events += handover.events
                events += note_events(attribution.notes, self.estate.told(source), source, cloud.at)
            if self.estate.at(cloud.source) is None or cloud.source not in self.estate.maps:
                # Once for each daemon and director: who polls its managers changes with the settings alone.
                events += note_events(self.estate.map_notes(cloud), frozenset(), cloud.source, cloud.at)
            accounts = await self._open_accounts(changed)
            addresses = await self.addresses.update(cloud, self.estate.tenant_of(cloud), self._ledger)
            update = InventoryUpdate(
                source=cloud.source,
                at=cloud.at,
                payload=cloud.payload,
                owners=tuple(owner for handover in handovers.values() for owner in handover.owners),
                events=tuple(events),
                addresses=addresses,
            )
            holdings = await self.estate.hold_with(attributions)
            await self._ledger.store_inventory(update)
            self.addresses.take()
            self.books.install(changed, accounts, lambda key: handovers[key.source].max_rate(key))
            self.estate.install_map(cloud, holdings)
            self._observer.noted(update.events)
        return attributions

    def _booked_until(self, key: PointKey) -> Instant:
        """Return the time of the newest sample of a point that was accounted, or the beginning without one.

        A batch of which nobody knows whether it is in the ledger counts as if it were.
        """
        times = [self.books.newest(key)]
        if self._doubt is not None:
            rate_book, book = self._doubt.rate_books.get(key), self._doubt.books.get(key)
            times.append(newest_of(rate_book) if rate_book is not None else BEGINNING)
            states = (series.state for series in book.series.values()) if book is not None else ()
            times += [state.baseline.at for state in states if state is not None]
        return max(times)

    async def _open_accounts(self, changed: Mapping[PointKey, StoredPoint]) -> dict[int, dict[TenantId, int]]:
        """Return point reference → tenant → account, for every owner of what changed; an unused account is harmless."""
        wanted = [
            (owner.books_to, stored.ref)
            for stored in changed.values()
            for owner in stored.owners
            if owner.books_to is not None
        ]
        accounts: dict[int, dict[TenantId, int]] = {}
        for (tenant, point), ref in zip(wanted, await self._ledger.intern_accounts(wanted), strict=True):
            accounts.setdefault(point, {})[tenant] = ref
        return accounts

    # --- what others ask -------------------------------------------------------------------------------------------

    def set_rules(self, rules: MeterRules) -> None:
        """Judge by other settings from now on; owners follow with the next inventory."""
        self.books.rules = rules
        self.estate.set_rules(rules.ownership, rules.directors)

    def known_end(self, key: PointKey) -> ReadAt | None:
        """Return the end at which a link was read so far."""
        return self.books.known_end(key)

    def rate_states(self, source: str) -> dict[PointKey, RateState]:
        """Return what the points of a source have booked: where the next answer begins."""
        return self.books.rate_states(source)

    async def newest_samples(self) -> dict[tuple[str, Kind], Instant]:
        """Return (source, kind) → device time of the newest sample of the point that lags most behind."""
        return await self.books.newest_samples(self.estate.points())

    def tunnels_up(self) -> dict[tuple[str, str, str, str], bool]:
        """Return (source, tenant, kind, point) → whether a tunnel is up, for every one whose state is known."""
        made: dict[tuple[str, str, str, str], bool] = {}
        for source, points in self.estate.points().items():
            tunnels = [key for key in points if key.kind in TUNNELS]
            for key, state in self._tunnels.now(tunnels).items():
                made[source, self.books.stored[key].owners[-1].tenant, key.kind.value, key.label] = state == UP
        return made


def _watermarks(readings: Iterable[Reading]) -> list[tuple[str, Instant]]:
    newest: dict[str, Instant] = {}
    for reading in readings:
        source = reading.point.source
        newest[source] = max(reading.polled_at, newest.get(source, 0))
    return list(newest.items())
