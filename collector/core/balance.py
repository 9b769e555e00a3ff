"""Checks that no bill rests on: what a Tier-0 takes in against what it gives out, and the two ends of a link.

What passes the uplinks and service interfaces of a Tier-0 or VRF passes the links under it too, but for what the router
itself says or hears, and what its uplinks and service interfaces exchange. Traffic between two tenants under it passes
two links and no uplink, so the remainder is signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import NamedTuple, TypeAlias

from collector.core.places import Place
from collector.core.slots import usage
from collector.model.identity import Kind, PointKey
from collector.model.period import Instant
from collector.model.sample import Sample
from collector.model.usage import Coverage, Growth, Usage

HOUR_MS = 3_600_000

FLOOR_BYTES = 1_000_000
"""Less than this is not told: routing protocols and neighbour discovery of an idle gateway make that much."""

MILLION = 1_000_000

BURST = 2
"""Traffic in the seconds between the readings of two ends may be this many times the mean between two readings."""


# --- a gateway over an hour ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Parts:
    """The points of one Tier-0 or VRF: what leads outside, and what leads to tenants."""

    uplinks: list[PointKey] = field(default_factory=list)
    services: list[PointKey] = field(default_factory=list)
    links: list[PointKey] = field(default_factory=list)


def routers(places: Iterable[Place]) -> dict[str, Parts]:
    """Return Tier-0 or VRF → its points, for those that have uplinks and links."""
    found: dict[str, Parts] = {}
    for place in places:
        kind = place.key.kind
        if kind is Kind.TIER0_UPLINK:
            found.setdefault(place.gateway, Parts()).uplinks.append(place.key)
        elif kind is Kind.SERVICE_INTERFACE and place.tier1 is None:
            found.setdefault(place.gateway, Parts()).services.append(place.key)
        elif kind in (Kind.TIER1_DOWNLINK, Kind.VPC_EXTERNAL):
            found.setdefault(place.gateway, Parts()).links.append(place.key)
    return {gateway: parts for gateway, parts in found.items() if parts.uplinks and parts.links}


class Hour(NamedTuple):
    """What one point carried in an hour, from the tenant's side, and how the hour was observed."""

    usage: Usage
    coverage: Coverage


@dataclass(frozen=True, slots=True, kw_only=True)
class Remainder:
    """What of a gateway's hour no other end explains.

    Attributes:
        ingress_bytes: Uplinks and service interfaces less links, toward tenants; negative where the links carried more.
        egress_bytes: The same away from tenants.
        ingress_bytes_max: The greater of both sides, toward tenants.
        egress_bytes_max: The same away from tenants.
        is_measured: Every part was measured throughout, so nothing was spread over hours or lost in a restart.
    """

    ingress_bytes: int
    egress_bytes: int
    ingress_bytes_max: int
    egress_bytes_max: int
    is_measured: bool

    def exceeds(self, share_ppm: int, floor_bytes: int = FLOOR_BYTES) -> bool:
        """Return whether a direction's remainder is more than a share of its traffic, and worth telling.

        An hour that was not measured throughout tells nothing: what a restart swallowed at one end would be told too.

        Args:
            share_ppm: The share, in parts per million.
        """
        directions = ((self.ingress_bytes, self.ingress_bytes_max), (self.egress_bytes, self.egress_bytes_max))
        return self.is_measured and any(
            abs(left) > floor_bytes and abs(left) * MILLION > share_ppm * most for left, most in directions
        )


def remainder(
    uplinks: Sequence[Hour], services: Sequence[Hour], links: Sequence[Hour], length_ms: int = HOUR_MS
) -> Remainder | None:
    """Return what is left of a gateway's hour, ``None`` unless every part was observed throughout.

    Args:
        uplinks: The uplinks of the Tier-0 or VRF; none means that there is nothing to compare.
        services: Its own service interfaces.
        links: The links under it; none means the same.
        length_ms: Length of the hour.
    """
    parts = (*uplinks, *services, *links)
    if not uplinks or not links or any(sum(part.coverage) < length_ms for part in parts):
        return None
    outside, inside = (*uplinks, *services), links
    ingress = tuple(sum(part.usage.ingress_bytes for part in side) for side in (outside, inside))
    egress = tuple(sum(part.usage.egress_bytes for part in side) for side in (outside, inside))
    return Remainder(
        ingress_bytes=ingress[0] - ingress[1],
        egress_bytes=egress[0] - egress[1],
        ingress_bytes_max=max(ingress),
        egress_bytes_max=max(egress),
        is_measured=all(part.coverage.measured_ms >= length_ms for part in parts),
    )


# --- the two ends of a link ------------------------------------------------------------------------------------------


class Stretch(NamedTuple):
    """Bytes that one series of a link's end counted between two readings, from the tenant's side."""

    start: Instant
    end: Instant
    ingress_bytes: int
    egress_bytes: int


def stretch(before: Sample, after: Sample, *, rx_is_ingress: bool) -> Stretch | None:
    """Return what a series counted between two readings, or ``None`` where they do not prove it.

    A counter that fell or is lacking proves nothing, and neither do readings of the same time.
    """
    old, new = before.counters, after.counters
    if after.at <= before.at or not before.at:
        return None
    if None in (old.rx_bytes, old.tx_bytes, new.rx_bytes, new.tx_bytes):
        return None
    growth = Growth((new.rx_bytes or 0) - (old.rx_bytes or 0), (new.tx_bytes or 0) - (old.tx_bytes or 0))
    if min(growth) < 0:
        return None
    seen = usage(growth, rx_is_ingress=rx_is_ingress)
    return Stretch(before.at, after.at, seen.ingress_bytes, seen.egress_bytes)


Readings: TypeAlias = Mapping[tuple[str, str], Sample]
"""What one end of a link showed: (port, node) → sample."""


def stretches(before: Readings, after: Readings, *, rx_is_ingress: bool) -> list[Stretch] | None:
    """Return what each series of an end counted between two readings, or ``None`` where its sum is not proved.

    A series whose time stands still has counted nothing that it tells of, as an idle standby node's. One that began
    anew, came or went leaves the sum of its end unknown.
    """
    if before.keys() != after.keys():
        return None
    found = []
    for series, old in before.items():
        new = after[series]
        if old.at == new.at and old.counters == new.counters:
            continue
        made = stretch(old, new, rx_is_ingress=rx_is_ingress)
        if made is None:
            return None
        found.append(made)
    return found


class Imbalance(NamedTuple):
    """Share by which the ends of a link differ, per direction, beyond what their readings' times explain; 0 to 1."""

    ingress: Fraction
    egress: Fraction

    @property
    def worst(self) -> Fraction:
        """The greater of both."""
        return max(self)

    def exceeds(self, share_ppm: int) -> bool:
        """Return whether a direction differs by more than a share, in parts per million."""
        return self.worst > Fraction(share_ppm, MILLION)


def compare(tier0: Sequence[Stretch], tier1: Sequence[Stretch], *, floor_bytes: int = FLOOR_BYTES) -> Imbalance | None:
    """Return by how much the two ends of a link differ, or ``None`` where they cannot be compared.

    Both ends counted the same bytes, over intervals that differ by seconds, since nodes report at times of their own.
    So many seconds of traffic may differ, at ``BURST`` times the mean rate, and ``floor_bytes`` in any case.

    Args:
        tier0: What each series of the Tier-0's end counted.
        tier1: The same of the Tier-1's end.
    """
    if not tier0 or not tier1:
        return None
    # A standby node's time may have stopped long ago; what counted nothing has no say in when.
    busy = [part for part in (*tier0, *tier1) if part.ingress_bytes or part.egress_bytes] or [*tier0, *tier1]
    starts, ends = [part.start for part in busy], [part.end for part in busy]
    common_ms = min(ends) - max(starts)
    if common_ms <= 0:
        return None
    skew = Fraction(max(starts) - min(starts) + max(ends) - min(ends), max(ends) - min(starts))
    return Imbalance(
        _share(sum(p.ingress_bytes for p in tier0), sum(p.ingress_bytes for p in tier1), skew, floor_bytes),
        _share(sum(p.egress_bytes for p in tier0), sum(p.egress_bytes for p in tier1), skew, floor_bytes),
    )


def _share(one: int, other: int, skew: Fraction, floor_bytes: int) -> Fraction:
    most = max(one, other)
    beyond = abs(one - other) - floor_bytes - most * skew * BURST
    return Fraction(beyond) / most if beyond > 0 else Fraction(0)


# --- in words --------------------------------------------------------------------------------------------------------


def percent(share: Fraction) -> str:
    """Return a share as people read it: percent, rounded to hundredths, without zeros at the end."""
    whole, rest = divmod(round(abs(share) * 10_000), 100)
    number = f"{whole}.{rest:02d}".rstrip("0").rstrip(".")
    return f"{'-' if share < 0 and number != '0' else ''}{number}%"
