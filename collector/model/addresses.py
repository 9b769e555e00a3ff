"""Addresses that organisations hold, over time, and how many they may hold.

Numbers of addresses are whole and of any size: an IPv6 prefix has more of them than 64 bits can count.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from collector.model.directory import AddressKind
from collector.model.identity import TenantId
from collector.model.period import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Holding:
    """Addresses that an organisation held during [start, end).

    Attributes:
        source: Name of the director.
        id: The director's id of the allocation.
        tenant: Whose they were.
        org: Reference of the organisation.
        space: Name of the IP Space or external network.
        kind: How they were given out.
        value: Address, CIDR, or ``first-last``.
        addresses: How many.
        used: How many of them were in use.
        allocated_at: When they were given out, as the director says.
        start: First instant.
        end: First instant after it; ``None`` while they are held.
    """

    source: str
    id: str
    tenant: TenantId
    org: str
    space: str
    kind: AddressKind
    value: str
    addresses: int
    used: int
    allocated_at: Instant | None
    start: Instant
    end: Instant | None = None


class QuotaKey(NamedTuple):
    """What an organisation has one quota for; ``prefix_length`` is ``None`` for floating addresses."""

    org: str
    space: str
    kind: AddressKind
    prefix_length: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaTerm:
    """How many addresses an organisation might hold during [start, end).

    Attributes:
        source: Name of the director.
        key: Of what.
        tenant: Whose quota it was.
        limit: How many: addresses, or prefixes of that length; ``None`` without a cap.
        start: Time of the first reading that shows it.
        end: Time of the first reading that lacks it; ``None`` while it is in force.
    """

    source: str
    key: QuotaKey
    tenant: TenantId
    limit: int | None
    start: Instant
    end: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressUpdate:
    """What one reading of a director changes, stored in one transaction.

    Attributes:
        source: Name of the director.
        at: Time of the reading: until then its addresses are known.
        previous_at: Time of the reading before, or ``None`` for the first.
        ended: Holdings that are over; one whose ``end`` is its ``start`` never was, and is forgotten.
        begun: Holdings that are new.
        quotas_ended: Quotas that are no longer in force.
        quotas_begun: Quotas that are new.
    """

    source: str
    at: Instant
    previous_at: Instant | None
    ended: tuple[Holding, ...] = ()
    begun: tuple[Holding, ...] = ()
    quotas_ended: tuple[QuotaTerm, ...] = ()
    quotas_begun: tuple[QuotaTerm, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressState:
    """What a daemon starts from.

    Attributes:
        held: Every holding that has not ended.
        quotas: Every quota in force.
        known_until: Director → time of its last reading that was complete for addresses.
    """

    held: tuple[Holding, ...] = ()
    quotas: tuple[QuotaTerm, ...] = ()
    known_until: Mapping[str, Instant] = field(default_factory=dict)


class AddressHistory(NamedTuple):
    """Holdings and quotas that touch an interval, in order of time.

    What is held still is known up to the last reading of its director, ``known_until``, and not beyond.
    """

    holdings: tuple[Holding, ...]
    quotas: tuple[QuotaTerm, ...]
    known_until: Mapping[str, Instant]


class AddressGroup(NamedTuple):
    """What addresses are counted by."""

    source: str
    tenant: TenantId
    space: str
    kind: AddressKind


class AddressReport(NamedTuple):
    """What exporters send of one reading.

    Attributes:
        seq: Place in the order of readings.
        published_at: When it became something to send.
        at: Time of the reading.
        counts: Group → (addresses held, of these in use) at the reading; zeros for what ended since the one before.
    """

    seq: int
    published_at: Instant
    at: Instant
    counts: Mapping[AddressGroup, tuple[int, int]]
