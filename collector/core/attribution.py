"""Metering point and time to tenant: docs/accounting.md, section 5.

A point belongs to one tenant during a dated interval; what belongs to nobody is ``unattributed``. Where the other end of the same
bytes is metered for a tenant (uplinks of a shared Tier-0, links under a dedicated one) the point is ``balance``: read, but in
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
    claimed, doubles = _claimed(places, claims)
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
    used = {id(claim) for claim in claimed.values()}
    unmatched = tuple(c for c in claims if id(c) not in used and not any(_fits(c, p) for p in places))
    return Attribution(decisions=decisions, overlaps=tuple(overlaps), unmatched=unmatched)


def _decide(place: Place, claim: Claim | None, dedicated: Claim | None, shared: Claim | None) -> Decision:
    if dedicated is not None:
        reason = f"the uplinks of {place.gateway_name} are billed to {dedicated.tenant}"
        owner = claim.tenant if claim is not None else UNATTRIBUTED
        return Decision(owner, Role.BALANCE, reason, claim.max_rate if claim else None)
    if claim is not None:
        return Decision(claim.tenant, Role.BILLED, f"settings: {claim.path}" if claim.path else "settings", claim.max_rate)
    if shared is not None:
        return Decision(UNATTRIBUTED, Role.BALANCE, f"links under {place.gateway_name} are billed to tenants")
    return Decision(UNATTRIBUTED, Role.BILLED, "no rule names its tenant")


def _claimed(places: Sequence[Place], claims: Sequence[Claim]) -> tuple[dict[PointKey, Claim], list[Overlap]]:
    """Return the claim of each place; of two that fit, the first of the settings."""
    claimed: dict[PointKey, Claim] = {}
    doubles: list[Overlap] = []
    for claim in claims:
        for place in places:
            if not _fits(claim, place):
                continue
            first = claimed.setdefault(place.key, claim)
            if first is not claim:
                message = f"{place.key.label} is claimed by {_who(first)} and by {_who(claim)}; the first counts"
                doubles.append(Overlap(point=place.key, message=message))
    return claimed, doubles


def _who(claim: Claim) -> str:
    return f"{claim.tenant} ({claim.path})" if claim.path else claim.tenant


def _twice(place: Place, claim: Claim, dedicated: Claim) -> str:
    return (
        f"{place.key.label} is billed to {_who(claim)}, and the uplinks of its gateway {place.gateway_name} to {_who(dedicated)}: "
        "the same bytes twice; the link is read for balance only until one of the two is removed"
    )


def _fits(claim: Claim, place: Place) -> bool:
    key = place.key
    if claim.source != key.source or claim.kind is not key.kind or claim.project not in (None, place.project):
        return False
    if claim.kind is Kind.TIER1_DOWNLINK:
        return _named(claim.tier1, key.path, place.name) and _optional(claim.tier0, place.gateway, place.gateway_name)
    if not _optional(claim.interface, key.path, place.name):
        return False
    if claim.tier1 is not None:
        return place.tier1 is not None and _named(claim.tier1, place.tier1, place.gateway_name)
    return place.tier1 is None and _named(claim.tier0, place.gateway, place.gateway_name)


def _named(wanted: str | None, path: str, name: str) -> bool:
    """True when ``wanted`` is the object's policy path, its id (the last element of the path) or its display name."""
    return wanted is not None and wanted in (path, path.rsplit("/", 1)[-1], name)


def _optional(wanted: str | None, path: str, name: str) -> bool:
    return wanted is None or _named(wanted, path, name)


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
