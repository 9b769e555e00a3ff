"""What attribution is told by the settings, and what it decides: records only."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import NamedTuple

from collector.model.directory import CloudMap
from collector.model.identity import Kind, PointKey, TenantId
from collector.model.usage import Role


class Rule(StrEnum):
    """Who may say whose a point is; ``attribution.order`` says whom to believe first."""

    CONFIG = "config"
    VCD = "vcd"
    NSX_TAG = "nsx_tag"
    NSX_PROJECT = "nsx_project"


# --- what it is told -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """An explicit point of the settings: what is billed to a tenant.

    Attributes:
        tenant: To whom.
        source: Name of the source.
        kind: Kind of the point.
        tier0: Id, display name or policy path of the Tier-0 or VRF, where given.
        tier1: The same of the Tier-1.
        interface: The same of the interface; of an edge, index or name of the vNIC.
        project: Name of the NSX Project that the Tier-1 or VPC lies in.
        edge: Id or name of the NSX-V edge.
        vpc: Id, display name or policy path of the VPC.
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
    edge: str | None = None
    vpc: str | None = None
    max_rate: int | None = None
    path: str = ""


class TenantEntry(NamedTuple):
    """A tenant of the settings; ``vcd_org`` is the name of its organisation, where one is written."""

    id: TenantId
    name: str
    vcd_org: str = ""


class SourceEntry(NamedTuple):
    """A source of the settings that counts.

    Attributes:
        name: Its name.
        kind: ``nsxt`` or ``nsxv``.
        urls: Addresses of its managers.
        via: The director through which an NSX-V source is asked, or nothing.
    """

    name: str
    kind: str
    urls: tuple[str, ...] = ()
    via: str = ""


class Named(NamedTuple):
    """A name that a rule found, which is a tenant's or may become one.

    Attributes:
        rule: Where it was found.
        reference: What tells it from others: the director's reference of an organisation, else the name behind a word.
        name: The name.
    """

    rule: Rule
    reference: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class AttributionRules:
    """How points get their tenants.

    Attributes:
        order: Whom to believe first; a rule that is not in it says nothing.
        claims: The explicit points of every source.
        maps: The map in force of each director.
        managers: (director, name or reference of a network provider there) → source.
        backings: (director, backing id or reference of a gateway) → policy path of its Tier-1.
        tag_scope: Scope of the NSX tags that name tenants.
        auto_tenants: A name without an entry becomes a tenant.
        tenants: The tenants of the settings.
        sources: The sources that count; none are listed where there is only the one that is looked at.
        names: Names that other sources found, so that none of them silently becomes the same tenant.
    """

    order: tuple[Rule, ...] = tuple(Rule)
    claims: tuple[Claim, ...] = ()
    maps: tuple[CloudMap, ...] = ()
    managers: Mapping[tuple[str, str], str] = field(default_factory=dict)
    backings: Mapping[tuple[str, str], str] = field(default_factory=dict)
    tag_scope: str = "tenant"
    auto_tenants: bool = True
    tenants: tuple[TenantEntry, ...] = ()
    sources: tuple[SourceEntry, ...] = ()
    names: frozenset[Named] = frozenset()


# --- what it decides -------------------------------------------------------------------------------------------------


class Saying(NamedTuple):
    """What one rule says of a point.

    Attributes:
        tenant: Whose it is, or ``None`` where the rule knows the point and cannot tell.
        reason: Why, in words.
        internal: It lies inside the tenant's gateway, so it is not metered.
        is_counted: Its port counts; where it does not, the uplinks of its gateway stay visible.
    """

    tenant: TenantId | None
    reason: str
    internal: bool = False
    is_counted: bool = True


class Decision(NamedTuple):
    """To whom a point belongs, and why.

    Attributes:
        tenant: The tenant, perhaps ``unattributed``.
        role: Whether its usage is booked, or it is read for balance only, or not at all.
        reason: Why, in words.
        max_rate: The point's own ceiling, bit/s, where the settings give one.
        rule: Which rule named the tenant; ``None`` where none did.
    """

    tenant: TenantId
    role: Role
    reason: str
    max_rate: int | None = None
    rule: Rule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Overlap:
    """The same bytes claimed twice: by an uplink of a gateway and by a link under it, or by two tenants at one point.

    Attributes:
        point: The point that is not billed because of it.
        message: Both claims, in words.
    """

    point: PointKey
    message: str


class NoteKind(StrEnum):
    """What a note is about."""

    UNRESOLVED = "unresolved"
    """What a director names was not found."""
    AMBIGUOUS = "ambiguous"
    """It fits several, so it fits none."""
    STALE = "stale"
    """Director and manager disagree."""
    DISCONNECTED = "disconnected"
    """A gateway is cut off from its external network."""
    UNCOUNTED = "uncounted"
    """Nothing counts its traffic."""
    UNMATCHED = "unmatched"
    """A name has no tenant."""
    COLLISION = "collision"
    """Two want to be the same thing."""


class Note(NamedTuple):
    """Something that an operator should know of the attribution.

    Attributes:
        kind: What it is about.
        path: The object: a policy path, a point's path, or a director's reference.
        message: What was found and what to do, in words.
    """

    kind: NoteKind
    path: str
    message: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Attribution:
    """What the rules make of an inventory.

    Attributes:
        decisions: Every point has one.
        overlaps: What is claimed twice.
        unmatched: Claims that no point of the inventory fits.
        names: Tenants that no entry of the settings names, with their display names.
        notes: What an operator should know.
        found: Names that this source's tags and Projects have, to be told to the attribution of the others.
    """

    decisions: Mapping[PointKey, Decision]
    overlaps: tuple[Overlap, ...]
    unmatched: tuple[Claim, ...]
    names: Mapping[TenantId, str] = field(default_factory=dict)
    notes: tuple[Note, ...] = ()
    found: frozenset[Named] = frozenset()
