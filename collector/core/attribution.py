"""Metering point to tenant: docs/accounting.md, section 5.

Each rule says whose a point is, or nothing; the first that names a tenant is believed, in the order of the settings.
What belongs to nobody is ``unattributed``. The uplinks of a gateway and the links under it are the same bytes: the
side that an earlier rule names is billed, at the same rule the uplinks, and the other side is ``balance``: read, but in
no usage row, so that the same bytes are never billed twice.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from collector.core import labels
from collector.core.claims import Explicit
from collector.core.decisions import (
    Attribution,
    AttributionRules,
    Claim,
    Decision,
    Named,
    Note,
    NoteKind,
    Overlap,
    Rule,
    Saying,
    SourceEntry,
    TenantEntry,
)
from collector.core.mapping import VcdMapping
from collector.core.networks import org_names
from collector.core.owners import changes_of, next_owner, owner_at, owners_with
from collector.core.places import Gateway, Place, Segment
from collector.core.tenancy import Tenancy
from collector.model.identity import UNATTRIBUTED, Kind, PointKey, TenantId
from collector.model.usage import Role

__all__ = [
    "Attribution",
    "AttributionRules",
    "Claim",
    "Decision",
    "Gateway",
    "Named",
    "Note",
    "NoteKind",
    "Overlap",
    "Place",
    "Rule",
    "Segment",
    "SourceEntry",
    "TenantEntry",
    "attribute",
    "changes_of",
    "next_owner",
    "owner_at",
    "owners_with",
    "tenancy_of",
]

UPPER = frozenset({Kind.TIER0_UPLINK})
"""Kinds that count at the outer side of a Tier-0 or VRF, which is their ``gateway``."""

LOWER = frozenset({Kind.TIER1_DOWNLINK, Kind.VPC_EXTERNAL})
"""Kinds that count at its inner side: what passes them passes its uplinks too, or goes to another tenant."""

NOBODY = "no rule names its tenant"


def attribute(
    places: Sequence[Place],
    rules: AttributionRules | Sequence[Claim],
    *,
    source: str = "",
    gateways: Sequence[Gateway] = (),
    segments: Sequence[Segment] = (),
) -> Attribution:
    """Return the tenant of every metering point of one source, with the reason.

    Args:
        places: Its points.
        rules: How points get their tenants; claims alone stand for the settings as the only rule.
        source: Its name; without it that of the points.
        gateways: Its gateways, to find what directors name; without them no director's gateway is found.
        segments: The segments behind service interfaces.
    """
    if not isinstance(rules, AttributionRules):
        rules = AttributionRules(order=(Rule.CONFIG,), claims=tuple(rules), auto_tenants=False)
    source = source or (places[0].key.source if places else "")
    found = frozenset(labels.names(places, rules.order, rules.tag_scope))
    tenancy = tenancy_of(rules, found)
    is_explicit = Rule.CONFIG in rules.order
    explicit = Explicit(places, [claim for claim in rules.claims if is_explicit and claim.source == source])
    tags = labels.TagRule(places, gateways, rules.tag_scope, tenancy)
    directors = VcdMapping(
        rules if Rule.VCD in rules.order else AttributionRules(),
        source,
        tenancy,
        places=places,
        gateways=gateways,
        segments=segments,
    )
    voices = {
        Rule.CONFIG: explicit.say,
        Rule.VCD: directors.say,
        Rule.NSX_TAG: tags.say,
        Rule.NSX_PROJECT: labels.ProjectRule(tenancy).say,
    }
    chosen = _choose(places, [(rule, voices[rule]) for rule in rules.order], explicit)
    decisions, overlaps = _settle(places, chosen, explicit)
    tenants = {decision.tenant for decision in decisions.values()}
    return Attribution(
        decisions=decisions,
        overlaps=(*explicit.overlaps, *overlaps),
        unmatched=tuple(explicit.unmatched),
        names={tenant: name for tenant, name in tenancy.names.items() if tenant in tenants},
        notes=(*directors.notes, *tags.notes, *tenancy.notes),
        found=found,
    )


def tenancy_of(rules: AttributionRules, found: Iterable[Named] = ()) -> Tenancy:
    """Return which tenant each organisation is, and each of the names that were ``found`` in NSX."""
    orgs = (named for cloud in rules.maps for named in org_names(cloud)) if Rule.VCD in rules.order else ()
    return Tenancy(rules.tenants, (*orgs, *rules.names, *found), order=rules.order, auto=rules.auto_tenants)


# --- the first rule that knows ---------------------------------------------------------------------------------------


class _Choice(NamedTuple):
    """What is believed of a point; ``rank`` is the place of its rule in the order, ``rule`` none where nobody knew."""

    rank: int
    rule: Rule | None
    said: Saying

    @property
    def is_named(self) -> bool:
        """A tenant is to be billed."""
        return self.rule is not None and not self.said.internal


def _choose(
    places: Sequence[Place], voices: Sequence[tuple[Rule, Callable[[Place], Saying | None]]], explicit: Explicit
) -> dict[PointKey, _Choice]:
    return {place.key: _first(place, voices, explicit) for place in places}


def _first(
    place: Place, voices: Sequence[tuple[Rule, Callable[[Place], Saying | None]]], explicit: Explicit
) -> _Choice:
    """Return what the first rule says that knows the point; an explicit point is metered wherever it lies."""
    doubts: list[str] = []
    for rank, (rule, say) in enumerate(voices):
        said = say(place)
        if said is None:
            continue
        if said.internal:
            claimed = explicit.say(place)
            return _Choice(rank, Rule.CONFIG, claimed) if claimed is not None else _Choice(rank, rule, said)
        if said.tenant is not None:
            return _Choice(rank, rule, said)
        doubts.append(said.reason)
    return _Choice(len(voices), None, Saying(None, "; ".join((NOBODY, *doubts))))


# --- the same bytes only once ----------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Side:
    """The uplinks of a gateway, or the links under it: the best rank of their rules, and tenant → what was said."""

    rank: int | None = None
    tenants: dict[TenantId, _Choice] = field(default_factory=dict)

    def add(self, choice: _Choice, tenant: TenantId) -> None:
        self.rank = choice.rank if self.rank is None else min(self.rank, choice.rank)
        known = self.tenants.get(tenant)
        if known is None or choice.rank < known.rank:
            self.tenants[tenant] = choice

    def goes_before(self, other: _Side, *, at_same: bool) -> bool:
        """True when this side is billed and not the other."""
        if self.rank is None:
            return False
        return other.rank is None or self.rank < other.rank or (at_same and self.rank == other.rank)

    @property
    def words(self) -> str:
        """Their tenants."""
        return _listed(sorted(self.tenants))


def _settle(
    places: Sequence[Place], chosen: dict[PointKey, _Choice], explicit: Explicit
) -> tuple[dict[PointKey, Decision], list[Overlap]]:
    uppers: dict[str, _Side] = {}
    lowers: dict[str, _Side] = {}
    for place in places:
        sides = uppers if place.key.kind in UPPER else lowers if place.key.kind in LOWER else None
        choice = chosen[place.key]
        tenant = choice.said.tenant
        if sides is not None and choice.is_named and tenant is not None and choice.said.is_counted:
            sides.setdefault(place.gateway, _Side()).add(choice, tenant)
    decisions: dict[PointKey, Decision] = {}
    overlaps: list[Overlap] = []
    nothing = _Side()
    for place in places:
        choice, claim = chosen[place.key], explicit.claim(place.key)
        upper, lower = uppers.get(place.gateway, nothing), lowers.get(place.gateway, nothing)
        winner = _winner(place, upper, lower)
        if winner is not None and choice.is_named and _is_told(choice, winner):
            overlaps.append(Overlap(point=place.key, message=_twice(place, choice, winner)))
        decisions[place.key] = _decide(place, choice, winner, claim.max_rate if claim is not None else None)
    return decisions, overlaps


def _winner(place: Place, upper: _Side, lower: _Side) -> _Side | None:
    """Return the other side of a point's gateway where that is billed for the same bytes, or ``None``."""
    if place.key.kind in UPPER:
        return lower if lower.goes_before(upper, at_same=False) else None
    if place.key.kind in LOWER:
        return upper if upper.goes_before(lower, at_same=True) else None
    return None


def _decide(place: Place, choice: _Choice, winner: _Side | None, max_rate: int | None) -> Decision:
    tenant = choice.said.tenant if choice.said.tenant is not None else UNATTRIBUTED
    if choice.said.internal:
        return Decision(tenant, Role.INTERNAL, choice.said.reason, max_rate, choice.rule)
    if winner is None:
        return Decision(tenant, Role.BILLED, choice.said.reason, max_rate, choice.rule)
    if place.key.kind in UPPER:
        reason = f"links under {place.gateway_name} are billed to tenants"
    else:
        reason = f"the uplinks of {place.gateway_name} are billed to {winner.words}"
    return Decision(tenant, Role.BALANCE, reason, max_rate, choice.rule)


def _is_told(choice: _Choice, winner: _Side) -> bool:
    """True for an overlap that an operator should know of: both explicit, or other tenants.

    A gateway on a provider gateway that is dedicated to its own organisation is no overlap: it is how VCD works.
    """
    both_explicit = choice.rule is Rule.CONFIG and any(one.rule is Rule.CONFIG for one in winner.tenants.values())
    return both_explicit or set(winner.tenants) != {choice.said.tenant}


def _twice(place: Place, choice: _Choice, winner: _Side) -> str:
    upper = place.key.kind in UPPER
    who, reason = min((one.rank, tenant, one.said.reason) for tenant, one in winner.tenants.items())[1:]
    others = f" and {len(winner.tenants) - 1} more" if len(winner.tenants) > 1 else ""
    what = "the links under" if upper else "the uplinks of"
    end = "the uplink" if upper else "the link"
    return (
        f"{place.key.label} is billed to {choice.said.tenant} ({choice.said.reason}), and {what} its gateway "
        f"{place.gateway_name} to {who}{others} ({reason}): the same bytes twice; {end} is read for balance only until "
        "one of the two is removed"
    )


def _listed(tenants: Sequence[TenantId], at_most: int = 3) -> str:
    shown = ", ".join(tenants[:at_most])
    return shown if len(tenants) <= at_most else f"{shown} and {len(tenants) - at_most} more"
