"""Every Tier-0's and VRF's last full hour: what its uplinks and own service interfaces carried against the links under
it.

Read from the ledger alone, so that the daemon and ``discover --balance`` say the same: docs/adr/0010.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from collector.core.balance import HOUR_MS, MILLION, Hour, Remainder, percent, remainder, routers
from collector.core.periods import format_time
from collector.model.identity import Direction, Kind, PointKey
from collector.model.period import Instant
from collector.model.usage import Coverage, Event, EventName, Usage
from collector.ports import FoundPoint, LedgerReader

POINTS_AT_ONCE = 2_000
"""Points in one question to the ledger, so that others get their turn: a tenth of a second."""

NOTHING = Usage()


class Gateway(NamedTuple):
    """A Tier-0 or VRF.

    Attributes:
        source: Name of the source.
        path: Its policy path.
        name: Its display name.
    """

    source: str
    path: str
    name: str


class Lacking(NamedTuple):
    """A part that was not observed throughout the hour, and for how long it was."""

    point: PointKey
    covered_ms: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Balance:
    """A gateway's last full hour, from the tenants' side.

    Attributes:
        gateway: Which one.
        start: Start of the hour; ``None`` where no hour is full yet.
        uplinks: What its uplinks carried.
        services: The same of its own service interfaces.
        links: The same of the links under it.
        remainder: What is left; ``None`` unless every part was observed throughout.
        lacking: The parts that were not.
        is_partial: Some traffic of its source passes uplinks and no link that is metered under a Tier-0.
    """

    gateway: Gateway
    start: Instant | None
    uplinks: Usage = NOTHING
    services: Usage = NOTHING
    links: Usage = NOTHING
    remainder: Remainder | None = None
    lacking: tuple[Lacking, ...] = ()
    is_partial: bool = False

    @property
    def end(self) -> Instant:
        """End of the hour, the beginning without one."""
        return self.start + HOUR_MS if self.start is not None else 0


class Router(NamedTuple):
    """A gateway with its parts; ``is_partial`` as of a balance."""

    gateway: Gateway
    uplinks: tuple[PointKey, ...]
    services: tuple[PointKey, ...]
    links: tuple[PointKey, ...]
    is_partial: bool

    @property
    def points(self) -> tuple[PointKey, ...]:
        """Every part."""
        return (*self.uplinks, *self.services, *self.links)


def routers_of(
    source: str, points: Iterable[FoundPoint], own: Callable[[PointKey], PointKey] = lambda key: key
) -> tuple[Router, ...]:
    """Return the gateways of a source that have both sides, by path.

    Args:
        own: A point's key to the one that everybody uses, so that the inventory's own may go.
    """
    points = tuple(points)
    names = {point.gateway: point.gateway_name for point in points}
    is_partial = any(map(_leaves_somewhere, points))
    return tuple(
        Router(
            Gateway(source, _copied(path), _copied(names[path])),
            tuple(map(own, parts.uplinks)),
            tuple(map(own, parts.services)),
            tuple(map(own, parts.links)),
            is_partial,
        )
        for path, parts in sorted(routers(points).items())
    )


def _leaves_somewhere(point: FoundPoint) -> bool:
    """True for a VPC whose traffic passes the uplinks of some Tier-0, and the inventory does not say of which."""
    kind = point.key.kind
    return kind is Kind.VPC or (kind is Kind.VPC_EXTERNAL and point.gateway == point.key.path)


def _copied(text: str) -> str:
    """Return a text of its own, that keeps nothing of an inventory in memory."""
    return text.encode().decode()


async def full_hours(reader: LedgerReader, made: Sequence[Router]) -> dict[Gateway, Instant | None]:
    """Return the start of each gateway's last full hour, in which every slot of every part is complete.

    A part that never had a complete slot has no say in it: it shows as a part that is lacking. Raises LedgerError.
    """
    keys = sorted({key for router in made for key in router.points})
    until: dict[PointKey, Instant] = {}
    for first in range(0, len(keys), POINTS_AT_ONCE):
        until |= await reader.complete_until(keys[first : first + POINTS_AT_ONCE])
    hours: dict[Gateway, Instant | None] = {}
    for router in made:
        known = min((until[key] for key in router.points if until.get(key)), default=0)
        hours[router.gateway] = known // HOUR_MS * HOUR_MS - HOUR_MS if known >= HOUR_MS else None
    return hours


async def balances(
    reader: LedgerReader, made: Sequence[Router], hours: Mapping[Gateway, Instant | None]
) -> list[Balance]:
    """Return the balance of each gateway in its hour, in order. Raises LedgerError."""
    found: dict[Gateway, Balance] = {}
    for start in sorted({hour for hour in hours.values() if hour is not None}):
        waiting: list[Router] = []
        for router in made:
            if hours[router.gateway] == start:
                waiting.append(router)
            if sum(len(one.points) for one in waiting) >= POINTS_AT_ONCE:
                found |= await _of_hour(reader, waiting, start)
                waiting = []
        found |= await _of_hour(reader, waiting, start)
    return [found.get(router.gateway) or _unknown(router) for router in made]


async def _of_hour(reader: LedgerReader, made: Sequence[Router], start: Instant) -> dict[Gateway, Balance]:
    keys = [key for router in made for key in router.points]
    flows = await reader.flows(keys, start, start + HOUR_MS) if keys else {}
    hours = {key: Hour(flow.usage, flow.coverage) for key, flow in flows.items()}
    nothing = Hour(Usage(), Coverage())
    found = {}
    for router in made:
        uplinks, services, links = (
            [hours.get(key, nothing) for key in side] for side in (router.uplinks, router.services, router.links)
        )
        found[router.gateway] = Balance(
            gateway=router.gateway,
            start=start,
            uplinks=_sum(uplinks),
            services=_sum(services),
            links=_sum(links),
            remainder=remainder(uplinks, services, links),
            lacking=tuple(
                Lacking(key, sum(hours.get(key, nothing).coverage))
                for key in router.points
                if sum(hours.get(key, nothing).coverage) < HOUR_MS
            ),
            is_partial=router.is_partial,
        )
    return found


def _unknown(router: Router) -> Balance:
    """Return the balance of a gateway of which no hour is full."""
    lacking = tuple(Lacking(key, 0) for key in router.points)
    return Balance(gateway=router.gateway, start=None, lacking=lacking, is_partial=router.is_partial)


def _sum(hours: Iterable[Hour]) -> Usage:
    return Usage(*map(sum, zip(NOTHING, *(hour.usage for hour in hours), strict=True)))


# --- what is shown and told ------------------------------------------------------------------------------------------


def bytes_of(usage: Usage, direction: Direction) -> int:
    """Return the bytes of a direction."""
    return usage.ingress_bytes if direction is Direction.INGRESS else usage.egress_bytes


def remainder_of(left: Remainder, direction: Direction) -> tuple[int, int]:
    """Return the signed remainder of a direction, and the greater side that its share is of."""
    if direction is Direction.INGRESS:
        return left.ingress_bytes, left.ingress_bytes_max
    return left.egress_bytes, left.egress_bytes_max


def imbalance_event(balance: Balance, bound_ppm: int) -> Event | None:
    """Return the event of an hour whose remainder passes the bound, or ``None``; it is the operator's alone.

    Where some traffic of the source passes uplinks and no link, a remainder is no news.
    """
    left = balance.remainder
    if left is None or balance.is_partial or balance.start is None or not left.exceeds(bound_ppm):
        return None
    detail = {
        "gateway": balance.gateway.name,
        "hour": format_time(balance.start),
        "bound": percent(Fraction(bound_ppm, MILLION)),
    }
    sides = {"uplinks": balance.uplinks, "services": balance.services, "links": balance.links}
    for direction in Direction:
        detail |= {f"{side}_{direction}_bytes": str(bytes_of(usage, direction)) for side, usage in sides.items()}
        detail[f"remainder_{direction}_bytes"] = str(remainder_of(left, direction)[0])
    return Event(
        at=balance.end,
        source=balance.gateway.source,
        event=EventName.GATEWAY_IMBALANCE,
        point=f"{balance.gateway.source}:{balance.gateway.path}",
        detail=detail,
        repeat_key=f"{balance.gateway.path} {balance.start}",
    )
