"""The books of metering points: how the next reading finds a point, and what a reading changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

from collector.core.accounting import Rules
from collector.model.identity import PointKey, ReadAt, TenantId
from collector.model.period import BEGINNING, Instant
from collector.model.usage import (
    ClosedRun,
    Event,
    Evidence,
    Owner,
    Publication,
    Quarantined,
    Run,
    SeriesState,
    SeriesUpdate,
    SlotChange,
)

SeriesId: TypeAlias = tuple[ReadAt, str, str]
"""(end, port, node): what tells the series of one point apart."""


class SeriesBook(NamedTuple):
    """A series as the next sample finds it.

    Attributes:
        ref: The ledger's reference.
        state: ``None`` until the first sample that has a time and a counter.
        closed: The newest finished stretches of coverage.
        expected_from: From when on it is expected to report; ``None`` while the last good answer did not list it.
    """

    ref: int
    state: SeriesState | None = None
    closed: tuple[Run, ...] = ()
    expected_from: Instant | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """What does not change from reading to reading.

    Attributes:
        ref: The ledger's reference.
        key: Identity.
        rules: Ceiling, gap, and the creation time where it counts.
        owners: Who owned it from when on; the first holds from the beginning.
        accounts: Tenant → the ledger's reference of (tenant, point), for every billed owner.
    """

    ref: int
    key: PointKey
    rules: Rules
    owners: tuple[Owner, ...]
    accounts: Mapping[TenantId, int]


class Book(NamedTuple):
    """What changes: the series of a point, and until when its slots are complete (0 before the first sample)."""

    series: Mapping[SeriesId, SeriesBook]
    complete_until: Instant = BEGINNING


class Fold(NamedTuple):
    """What one reading changes: the new book, and what is to be stored with it."""

    book: Book
    series: tuple[SeriesUpdate, ...] = ()
    runs: tuple[ClosedRun, ...] = ()
    slots: tuple[SlotChange, ...] = ()
    publish: tuple[Publication, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    events: tuple[Event, ...] = ()
