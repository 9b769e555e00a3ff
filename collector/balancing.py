"""The hourly balance of every gateway: gauges, and an event where a remainder passes its bound."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence

from collector.balances import (
    Balance,
    Gateway,
    Router,
    balances,
    full_hours,
    imbalance_event,
    remainder_of,
)
from collector.core.balance import HOUR_MS
from collector.model.identity import Direction, PointKey
from collector.model.period import Instant
from collector.model.usage import Event, EventName
from collector.ports import LedgerReader

EVENTS_PER_PAGE = 1_000
"""Events of earlier hours in one question to the ledger."""

UNSETTLED_MS = 3 * HOUR_MS
"""Once a part of a gateway is gone, hours are not told that begin less than this after the newest full one began, in
milliseconds: the part carried traffic in some of one of them, and is looked for no more."""


class Balancer:
    """Looks at the last full hour of every gateway, once.

    Args:
        reader: The ledger.
        routers: The gateways of every source with their parts, as they are now.
        record: Stores events; False when the ledger could not take them.
        show: Takes (source, gateway, direction) → signed bytes.
    """

    def __init__(
        self,
        reader: LedgerReader,
        routers: Callable[[], Sequence[Router]],
        record: Callable[[Sequence[Event]], Awaitable[bool]],
        show: Callable[[Mapping[tuple[str, ...], float]], None],
    ) -> None:
        self._reader = reader
        self._routers = routers
        self._record = record
        self._show = show
        self._known: dict[Gateway, Balance] = {}
        self._parts: dict[Gateway, tuple[frozenset[PointKey], Instant]] = {}

    async def look(self, bound_ppm: int) -> None:
        """Take up the hours that are full since the last look. Raises LedgerError."""
        made = self._routers()
        hours = await full_hours(self._reader, made)
        fresh = [router for router in made if self._is_news(router, hours[router.gateway])]
        news = await balances(self._reader, fresh, hours)
        self._known = {router.gateway: self._known[router.gateway] for router in made if router.gateway in self._known}
        self._known |= {balance.gateway: balance for balance in news}
        self._note_parts(made)
        self._show(_gauges(self._known.values()))
        await self._tell(news, bound_ppm)

    def _is_news(self, router: Router, start: Instant | None) -> bool:
        known = self._known.get(router.gateway)
        return start is not None and (known is None or known.start != start)

    # --- events ----------------------------------------------------------------------------------------------------

    async def _tell(self, news: Iterable[Balance], bound_ppm: int) -> None:
        """Store the events of these hours, each once, also across a restart; what could not be stored comes with the
        next look."""
        made = [(balance, imbalance_event(balance, bound_ppm)) for balance in news if self._is_settled(balance)]
        events = {balance.gateway: event for balance, event in made if event is not None}
        if not events:
            return
        before = await self._in_ledger(min(event.at for event in events.values()))
        kept = {gateway: event for gateway, event in events.items() if (event.point, event.at) not in before}
        if kept and not await self._record(tuple(kept.values())):
            for gateway in kept:
                del self._known[gateway]

    async def _in_ledger(self, since: Instant) -> set[tuple[str | None, Instant]]:
        """Return (label of a gateway, end of the hour) of what was told before."""
        found: set[tuple[str | None, Instant]] = set()
        after = 0
        while True:
            page = await self._reader.events(
                tenants=None, since=since, event=EventName.GATEWAY_IMBALANCE, after=after, limit=EVENTS_PER_PAGE
            )
            found |= {(event.point, event.at) for event in page}
            if len(page) < EVENTS_PER_PAGE:
                return found
            after = page[-1].seq

    # --- parts that come and go ------------------------------------------------------------------------------------

    def _is_settled(self, balance: Balance) -> bool:
        """Return whether the parts of a gateway were the same throughout an hour, as far as we know."""
        _, since = self._parts.get(balance.gateway, (frozenset(), 0))
        return balance.start is not None and balance.start >= since

    def _note_parts(self, made: Iterable[Router]) -> None:
        """Take note of gateways that lost a part since the last look."""
        before, self._parts = self._parts, {}
        for router in made:
            parts, known = frozenset(router.points), before.get(router.gateway)
            balance = self._known.get(router.gateway)
            since = known[1] if known is not None else 0
            if known is not None and known[0] - parts and balance is not None and balance.start is not None:
                since = balance.start + UNSETTLED_MS
            self._parts[router.gateway] = (parts, since)


def _gauges(known: Iterable[Balance]) -> dict[tuple[str, ...], float]:
    return {
        (balance.gateway.source, balance.gateway.path, direction.value): remainder_of(balance.remainder, direction)[0]
        for balance in known
        if balance.remainder is not None
        for direction in Direction
    }
