"""The books of every metering point in memory, as the ledger has them.

What is here follows the ledger: the pipeline changes it only after a transaction was stored.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache

from collector.core.accounting import Rules
from collector.core.attribution import AttributionRules, Claim
from collector.core.books import Book, Point, SeriesBook
from collector.core.rate_metering import RateBook
from collector.estate import explicit
from collector.model.identity import Kind, PointKey, ReadAt, TenantId
from collector.model.period import BEGINNING, Instant
from collector.model.rates import RateState
from collector.model.usage import LedgerState, StoredPoint, Usage
from collector.shelf import Shelf
from collector.telemetry.totals import Totals

NEW_OBJECT_AFTER_MS = 60_000
"""An object is new when it was created more than this after the last complete inventory that lacked it, in
milliseconds: the
manager's clocks may differ by seconds. Source: docs/accounting.md, row 2."""


RATE_KINDS = frozenset({Kind.EDGE_INTERFACE})
"""Points whose sources give rates instead of counters."""

POINTS_AT_ONCE = 2_000
"""Points that are looked at before others get the event loop: about two milliseconds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MeterRules:
    """What the settings say of every point.

    Attributes:
        max_rate: Ceiling of a believable rate, bit/s, where a point has none of its own.
        gap_after_ms: Longest interval between two samples that is no gap.
        claims: The explicit points of the tenants, where there is no other rule.
        attribution: How points get their tenants, without maps; without it the claims alone decide.
        directors: Whose maps count; what they name must be found among the gateways.
    """

    max_rate: int
    gap_after_ms: int
    claims: tuple[Claim, ...] = ()
    attribution: AttributionRules | None = None
    directors: tuple[str, ...] = ()

    @property
    def ownership(self) -> AttributionRules:
        """How points get their tenants."""
        return self.attribution if self.attribution is not None else explicit(self.claims)


class Cabinet:
    """Points, their books, and what the ledger knows of them.

    Attributes:
        rules: What the settings say of every point.
        points: What does not change from reading to reading.
        shelf: Books of points that give counters.
        rates: Books of points that give rates.
        stored: Points as the ledger has them.
    """

    def __init__(self, totals: Totals, rules: MeterRules) -> None:
        self.rules = rules
        self.points: dict[PointKey, Point] = {}
        self.shelf = Shelf()
        self.rates: dict[PointKey, RateBook] = {}
        self.stored: dict[PointKey, StoredPoint] = {}
        self._totals = totals

    def load(self, state: LedgerState) -> None:
        """Take up every book where the ledger has it."""
        keys = {stored.ref: stored.key for stored in state.points}
        accounts: dict[int, dict[TenantId, int]] = {}
        for account in state.accounts:
            accounts.setdefault(account.point, {})[account.tenant] = account.ref
            self._totals.add_account(account.ref, account.tenant, keys[account.point], account.total)
        series: dict[int, dict[tuple[ReadAt, str, str], SeriesBook]] = {}
        for one in state.series:
            book = SeriesBook(one.ref, one.state, one.runs, one.expected_from)
            series.setdefault(one.point, {})[(one.read_at, one.port, one.node)] = book
        self._load_rates(state)
        for stored in state.points:
            self.stored[stored.key] = stored
            self.shelf[stored.key] = Book(series.get(stored.ref, {}), stored.complete_until)
            if stored.owners:
                self.points[stored.key] = self._point(stored, accounts.get(stored.ref, {}), None)

    def _load_rates(self, state: LedgerState) -> None:
        """Take up the books of points that give rates; each has one series."""
        points = {stored.ref: stored for stored in state.points if stored.key.kind in RATE_KINDS}
        series = {one.ref: points[one.point] for one in state.series if one.point in points}
        states = {update.series: update.state for update in state.rates}
        for ref, stored in series.items():
            self.rates[stored.key] = RateBook(ref, states.get(ref), stored.complete_until)

    def install(
        self,
        changed: Mapping[PointKey, StoredPoint | None],
        accounts: Mapping[int, Mapping[TenantId, int]],
        max_rate: Callable[[PointKey], int | None],
    ) -> None:
        """Let the books know what the ledger has taken; ``None`` is a point that is as it was, but for its rules."""
        self.stored.update({key: stored for key, stored in changed.items() if stored is not None})
        for key in changed:
            stored, before = self.stored[key], self.points.get(key)
            known = {**(before.accounts if before else {}), **accounts.get(stored.ref, {})}
            for tenant, ref in known.items():
                self._totals.add_account(ref, tenant, key, Usage())
            if key not in self.shelf:
                self.shelf[key] = Book({})
            point = self._point(stored, known, max_rate(key))
            if point != before:
                self.points[key] = point

    def _point(self, stored: StoredPoint, accounts: Mapping[TenantId, int], max_rate: int | None) -> Point:
        created_at = stored.created_at
        proved = (
            created_at is not None
            and stored.lacked_at is not None
            and created_at - stored.lacked_at > NEW_OBJECT_AFTER_MS
        )
        rules = _shared_rules(max_rate or self.rules.max_rate, self.rules.gap_after_ms, created_at if proved else None)
        return Point(ref=stored.ref, key=stored.key, rules=rules, owners=stored.owners, accounts=dict(accounts))

    def known_end(self, key: PointKey) -> ReadAt | None:
        """Return the end at which a link was read so far."""
        stored = self.stored.get(key)
        return stored.read_at if stored else None

    def rate_states(self, source: str) -> dict[PointKey, RateState]:
        """Return what the points of a source have booked: where the next answer begins."""
        return {key: book.state for key, book in self.rates.items() if key.source == source and book.state is not None}

    async def newest_samples(self, found: Mapping[str, Iterable[PointKey]]) -> dict[tuple[str, Kind], Instant]:
        """Return (source, kind) → device time of the newest sample of the point that lags most behind."""
        oldest: dict[tuple[str, Kind], Instant] = {}
        for source, points in found.items():
            for number, key in enumerate(points, 1):
                newest = self.newest(key)
                if newest:
                    kind = (source, key.kind)
                    oldest[kind] = min(newest, oldest.get(kind, newest))
                if number % POINTS_AT_ONCE == 0:
                    await asyncio.sleep(0)
        return oldest

    def newest(self, key: PointKey) -> Instant:
        """Return the device time of the newest trusted sample of a point, the beginning without one."""
        rate_book = self.rates.get(key)
        if rate_book is not None:
            return newest_of(rate_book)
        return self.shelf.times(key).newest_at if key in self.shelf else BEGINNING


def newest_of(book: RateBook) -> Instant:
    """Return the end of the newest sample of a point that gives rates, the beginning without one."""
    return book.state.pieces[-1].end if book.state is not None and book.state.pieces else BEGINNING


@lru_cache(maxsize=1_024)
def _shared_rules(max_rate: int, gap_after_ms: int, created_at: Instant | None) -> Rules:
    """Return rules; tens of thousands of points have the same."""
    return Rules(max_rate=max_rate, gap_after_ms=gap_after_ms, created_at=created_at)
