"""What folds of rates store, added up: a ledger as small as the tests of rates need it."""

from __future__ import annotations

from collections.abc import Sequence

from collector.core.accounting import Rules
from collector.core.books import Point
from collector.core.rate_metering import RateBook, RateFold, fold_rates
from collector.model.identity import Kind, PointKey, TenantId
from collector.model.rates import RateState, state_of
from collector.model.sample import RateReading, RateSample
from collector.model.usage import Coverage, Event, EventName, Owner, Role, Usage

POINT = PointKey("nsxv-a", Kind.EDGE_INTERFACE, "/edges/edge-1/vnics/0")


def point(*owners: tuple[int, str], max_rate: int = 10**12, key: PointKey = POINT) -> Point:
    """A point with these owners, (valid from, tenant); without any it is of acme."""
    dated = tuple(Owner(TenantId(name), Role.BILLED, since, "test") for since, name in owners or ((0, "acme"),))
    names = dict.fromkeys(owner.tenant for owner in dated)
    return Point(
        ref=1,
        key=key,
        rules=Rules(max_rate, 900_000),
        owners=dated,
        accounts={name: number for number, name in enumerate(names, 10)},
    )


class Ledger:
    """Adds up what folds store; restarts by writing the state out."""

    def __init__(self, at: Point) -> None:
        self.at = at
        self.book = RateBook(7)
        self.usage: dict[tuple[int, int], Usage] = {}
        self.coverage: dict[tuple[int, int], Coverage] = {}
        self.folds: list[RateFold] = []
        self.published: set[tuple[int, int]] = set()

    @property
    def state(self) -> RateState:
        assert self.book.state is not None
        return self.book.state

    def read(self, samples: Sequence[RateSample], *, now: int, since: int, restart: bool = False) -> RateFold:
        """Fold a reading of samples."""
        reading = RateReading(point=self.at.key, polled_at=now, samples=tuple(samples), held_since=since)
        return self.take(reading, restart=restart)

    def take(self, reading: RateReading, *, restart: bool = False) -> RateFold:
        """Fold a reading, perhaps after the state was written and read again."""
        if restart and self.book.state is not None:
            self.book = self.book._replace(state=state_of(self.book.state.numbers()))
        fold = fold_rates(self.at, self.book, reading)
        self.folds.append(fold)
        self.book = fold.book
        for change in fold.slots:
            key = (change.account, change.slot)
            known = self.usage.get(key, Usage())
            self.usage[key] = Usage(*(a + b for a, b in zip(known, change.usage, strict=True)))
            self.coverage[key] = change.coverage
        self.published |= {(one.account, one.slot) for one in fold.publish}
        return fold

    def totals(self) -> tuple[int, int]:
        """Bytes to the tenants and from them."""
        return sum(u.ingress_bytes for u in self.usage.values()), sum(u.egress_bytes for u in self.usage.values())

    def told(self, name: EventName) -> list[Event]:
        return [event for fold in self.folds for event in fold.events if event.event is name]

    def events(self, name: EventName) -> int:
        return len(self.told(name))
