"""Metering point and time to tenant: docs/accounting.md, section 5.

A point belongs to one tenant during a dated interval; what belongs to nobody is ``unattributed``. Where the other end
of the same bytes is metered for a tenant (uplinks of a shared Tier-0, links under a dedicated one) the point is
``balance``:
read, but in
no usage row, so that the same bytes are never billed twice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from collector.model.identity import UNATTRIBUTED, Kind, PointKey, TenantId
from collector.model.period import BEGINNING, Instant
from collector.model.usage import Owner, Role


class Place(Protocol):
    """What attribution looks at of a metering point that an inventory found."""

    @property
    def key(self) -> PointKey: ...
    @property
    def name(self) -> str: ...
    @property
    def gateway(self) -> str: ...
    @property
    def gateway_name(self) -> str: ...
    @property
    def tier1(self) -> str | None: ...
    @property
    def project(self) -> str | None: ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An explicit point of the settings: what is billed to a tenant.

    Attributes:
        tenant: To whom.
        source: Name of the source.
        kind: Kind of the point.
        tier0: Id, display name or policy path of the Tier-0 or VRF, where given.
        tier1: The same of the Tier-1.
        interface: The same of the interface.
        project: Name of the NSX Project that the Tier-1 lies in.
        max_rate: The point's own ceiling, bit/s.
        path: Key path in the settings, for messages.
    """

    tenant: TenantId
    source: str
    kind: Kind
    tier0: str | None = None
    tier1: str | None = None
    interface: str | None = None
    project: str | None = None
    max_rate: int | None = None
    path: str = ""


class Decision(NamedTuple):
    """To whom a point belongs, and why.

    Attributes:
        tenant: The tenant, perhaps ``unattributed``.
        role: Whether its usage is booked or it is read for balance only.
        reason: Why, in words.
        max_rate: The point's own ceiling, bit/s, where the settings give one.
    """

    tenant: TenantId
    role: Role
    reason: str
    max_rate: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """The same bytes claimed twice: by an uplink of a gateway and by a link under it, or by two tenants at one point.

    Attributes:
        point: The point that is not billed because of it.
        message: Both claims, in words.
    """

    point: PointKey
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """What the rules make of an inventory.

    Attributes:
        decisions: Every point has one.
        overlaps: What is claimed twice.
        unmatched: Claims that no point of the inventory fits.
    """

    decisions: Mapping[PointKey, Decision]
    overlaps: tuple[Overlap, ...]
    unmatched: tuple[Claim, ...]


def attribute(places: Sequence[Place], claims: Sequence[Claim]) -> Attribution:
    """Return the tenant of every place by the explicit points of the settings.

    Source: docs/accounting.md, sections 3 and 5.
    """
    claimed, doubles, unmatched = _claimed(places, claims)
    uplinks = {p.gateway: claimed[p.key] for p in places if p.key.kind is Kind.TIER0_UPLINK and p.key in claimed}
    links = {p.gateway: claimed[p.key] for p in places if p.key.kind is Kind.TIER1_DOWNLINK and p.key in claimed}
    decisions: dict[PointKey, Decision] = {}
    overlaps = list(doubles)
    for place in places:
        claim = claimed.get(place.key)
        dedicated = uplinks.get(place.gateway) if place.key.kind is Kind.TIER1_DOWNLINK else None
        shared = links.get(place.gateway) if place.key.kind is Kind.TIER0_UPLINK else None
        if claim is not None and dedicated is not None:
            overlaps.append(Overlap(point=place.key, message=_twice(place, claim, dedicated)))
        decisions[place.key] = _decide(place, claim, dedicated, shared)
    return Attribution(decisions=decisions, overlaps=tuple(overlaps), unmatched=unmatched)


def _decide(place: Place, claim: Claim | None, dedicated: Claim | None, shared: Claim | None) -> Decision:
    if dedicated is not None:
        reason = f"the uplinks of {place.gateway_name} are billed to {dedicated.tenant}"
        owner = claim.tenant if claim is not None else UNATTRIBUTED
        return Decision(owner, Role.BALANCE, reason, claim.max_rate if claim else None)
    if claim is not None:
        return Decision(
            claim.tenant, Role.BILLED, f"settings: {claim.path}" if claim.path else "settings", claim.max_rate
        )
    if shared is not None:
        return Decision(UNATTRIBUTED, Role.BALANCE, f"links under {place.gateway_name} are billed to tenants")
    return Decision(UNATTRIBUTED, Role.BILLED, "no rule names its tenant")


def _claimed(
    places: Sequence[Place], claims: Sequence[Claim]
) -> tuple[dict[PointKey, Claim], list[Overlap], tuple[Claim, ...]]:
    """Return the claim of each place (of two that fit, the first of the settings), what is odd, and what fits
    nothing."""
    index = _Index(places)
    claimed: dict[PointKey, Claim] = {}
    doubles: list[Overlap] = []
    unmatched: list[Claim] = []
    for claim in claims:
        found, ambiguous = index.find(claim)
        doubles.extend(ambiguous)
        if not found and not ambiguous:
            unmatched.append(claim)
        for place in found:
            first = claimed.setdefault(place.key, claim)
            if first is not claim:
                message = f"{place.key.label} is claimed by {_who(first)} and by {_who(claim)}; the first counts"
                doubles.append(Overlap(point=place.key, message=message))
    return claimed, doubles, tuple(unmatched)


class _Index:
    """Places by the names of the gateway that a claim may use; ids and paths go before display names.

    Display names are not unique in NSX, so one that fits several gateways names none of them.
    """

    def __init__(self, places: Sequence[Place]) -> None:
        self._exact: dict[tuple[str, Kind, str], list[Place]] = {}
        self._named: dict[tuple[str, Kind, str], list[Place]] = {}
        for place in places:
            source, kind, gateway = place.key.source, place.key.kind, _gateway(place)
            name = place.name if kind is Kind.TIER1_DOWNLINK else place.gateway_name
            for exact in {gateway, _last(gateway)}:
                self._exact.setdefault((source, kind, exact), []).append(place)
            self._named.setdefault((source, kind, name), []).append(place)

    def find(self, claim: Claim) -> tuple[list[Place], list[Overlap]]:
        """Return the places that a claim means, or what makes it ambiguous."""
        wanted = claim.tier1 if claim.tier1 is not None else claim.tier0
        key = (claim.source, claim.kind, wanted or "")
        found = [place for place in self._exact.get(key, ()) if _fits(claim, place)]
        if not found:
            found = [place for place in self._named.get(key, ()) if _fits(claim, place)]
        if len({_gateway(place) for place in found}) > 1:
            paths = ", ".join(sorted({_gateway(place) for place in found}))
            message = f"{_who(claim)}: {wanted!r} names several gateways ({paths}); write the policy path of one"
            return [], [Overlap(point=found[0].key, message=message)]
        exact = [place for place in found if claim.interface in (place.key.path, _last(place.key.path))]
        return exact or found, []


def _gateway(place: Place) -> str:
    """Return the policy path of the gateway that a claim names: a link's Tier-1, an interface's own gateway."""
    if place.key.kind is Kind.TIER1_DOWNLINK:
        return place.key.path
    return place.tier1 if place.tier1 is not None else place.gateway


def _last(path: str) -> str:
    return path.rsplit("/", 1)[-1]


def _who(claim: Claim) -> str:
    return f"{claim.tenant} ({claim.path})" if claim.path else claim.tenant


def _twice(place: Place, claim: Claim, dedicated: Claim) -> str:
    return (
        f"{place.key.label} is billed to {_who(claim)}, and the uplinks of its gateway {place.gateway_name} "
        f"to {_who(dedicated)}: the same bytes twice; the link is read for balance only until one of the two is removed"
    )


def _fits(claim: Claim, place: Place) -> bool:
    """True when a place of the claim's gateway also has what else the claim names."""
    if claim.project not in (None, place.project) or (place.tier1 is None) == (claim.tier1 is not None):
        return False
    if claim.kind is Kind.TIER1_DOWNLINK:
        return claim.tier0 is None or claim.tier0 in (place.gateway, _last(place.gateway), place.gateway_name)
    return claim.interface is None or claim.interface in (place.key.path, _last(place.key.path), place.name)


# --- owners over time ------------------------------------------------------------------------------------------------


def next_owner(owners: Sequence[Owner], decision: Decision, inventory_at: Instant) -> Owner | None:
    """Return the owner that begins with an inventory, or ``None`` when nothing changed.

    The first owner holds from the beginning; a later change is dated by the complete inventory that first shows it, and
    never before the one it follows.
    """
    if not owners:
        return Owner(decision.tenant, decision.role, BEGINNING, decision.reason)
    last = owners[-1]
    if (last.tenant, last.role) == (decision.tenant, decision.role):
        return None
    return Owner(decision.tenant, decision.role, max(inventory_at, last.valid_from + 1), decision.reason)


def owner_at(owners: Sequence[Owner], at: Instant) -> Owner:
    """Return who owned a point at an instant; ``owners`` ascend and the first holds from the beginning."""
    current = owners[0]
    for owner in owners[1:]:
        if owner.valid_from > at:
            break
        current = owner
    return current


def changes_of(owners: Iterable[Owner]) -> tuple[Instant, ...]:
    """Return the instants at which the owner changed."""
    return tuple(owner.valid_from for owner in owners if owner.valid_from > BEGINNING)
