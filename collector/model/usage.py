"""What the accounting makes of samples: deltas, usage, events, and everything that one transaction stores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import TYPE_CHECKING, NamedTuple, TypeAlias

from collector.model.addresses import AddressState, AddressUpdate
from collector.model.identity import BALANCE, Direction, Kind, PointKey, ReadAt, TenantId
from collector.model.period import Instant
from collector.model.sample import Counters, Sample

if TYPE_CHECKING:
    from collector.model.rates import RateEvidence, RateUpdate

Detail: TypeAlias = Mapping[str, "str | int | list[str] | None"]
"""What an event saw and did: flat, JSON-ready; byte counts are decimal strings, since they outgrow a double."""


class Quality(IntEnum):
    """How an interval was observed; the greater, the worse, and the worst of several counts."""

    MEASURED = 0
    INFERRED = 1
    SPREAD = 2
    MISSING = 3


class EventName(StrEnum):
    """Names of events, the same in rows, logs, metrics and pages."""

    FIRST_SEEN = "first_seen"
    CREATED = "created"
    NEVER_UPDATED = "never_updated"
    CONFLICT = "conflict"
    OUT_OF_ORDER = "out_of_order"
    IMPLAUSIBLE = "implausible"
    GAP = "gap"
    GLITCH = "glitch"
    RESET = "reset"
    SUMMARY_FALL = "summary_fall"
    NODE_MISSING = "node_missing"
    NODE_BACK = "node_back"
    LINK_END_CHANGED = "link_end_changed"
    OWNER_CHANGED = "owner_changed"
    POINT_ADDED = "point_added"
    POINT_MOVED = "point_moved"
    POINT_DELETED = "point_deleted"
    OBJECT_ADDED = "object_added"
    OBJECT_CHANGED = "object_changed"
    OBJECT_DELETED = "object_deleted"
    OVERLAP = "overlap"
    TUNNEL_STATE = "tunnel_state"
    LINK_IMBALANCE = "link_imbalance"
    GATEWAY_IMBALANCE = "gateway_imbalance"
    ATTRIBUTION_NOTE = "attribution_note"
    ANSWER_INVALID = "answer_invalid"


class Growth(NamedTuple):
    """Growth of six counters of a router port: bytes and packets, never negative; rx enters the router."""

    rx_bytes: int = 0
    tx_bytes: int = 0
    rx_packets: int = 0
    tx_packets: int = 0
    rx_dropped: int = 0
    tx_dropped: int = 0


class Delta(NamedTuple):
    """Growth of one series over the half-open interval [start, end).

    Attributes:
        start: First instant of the interval.
        end: First instant after it; always later than ``start``.
        growth: Growth of each counter.
        quality: How the interval was observed; statements show every quality but MEASURED.
        rule: Row of the table in docs/accounting.md that booked it.
    """

    start: Instant
    end: Instant
    growth: Growth
    quality: Quality
    rule: int


class Run(NamedTuple):
    """A stretch [start, end) in which one series was observed with one quality."""

    start: Instant
    end: Instant
    quality: Quality


class SeriesState(NamedTuple):
    """All that the next sample of a series is judged by.

    Attributes:
        baseline: The last trusted sample; a counter that its row lacked keeps its older value.
        held: A reading that fell, waiting for the next one to explain it.
        run: The newest stretch of coverage; it ends at ``baseline.at`` and may be empty.
    """

    baseline: Sample
    held: Sample | None
    run: Run


class Usage(NamedTuple):
    """Bytes and packets of a tenant in both directions; whole numbers, never negative."""

    ingress_bytes: int = 0
    egress_bytes: int = 0
    ingress_packets: int = 0
    egress_packets: int = 0
    ingress_dropped: int = 0
    egress_dropped: int = 0


def added(left: Usage, right: Usage) -> Usage:
    """Return the sum of two usages."""
    a, b, c, d, e, f = left
    u, v, w, x, y, z = right
    # Several times a poll, so it is made without the record's own constructor, which takes twice as long.
    return tuple.__new__(Usage, (a + u, b + v, c + w, d + x, e + y, f + z))


class Coverage(NamedTuple):
    """Milliseconds of a slot by quality; what is left of the slot is missing."""

    measured_ms: int = 0
    inferred_ms: int = 0
    spread_ms: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something seen and what was done about it.

    Attributes:
        at: Device time for what a sample showed, our time otherwise.
        source: Name of the source.
        event: Its name.
        tenant: Tenant of the point at that moment, where there is a point.
        point: Label of the metering point, or the policy path of the object behind the source's name.
        node: Edge node, where there is one.
        detail: What was seen and what was done.
        repeat_key: Repeats with one key within an hour are one row with a count.
    """

    at: Instant
    source: str
    event: EventName
    tenant: TenantId | None = None
    point: str | None = None
    node: str | None = None
    detail: Detail = field(default_factory=dict)
    repeat_key: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredEvent:
    """An event as the ledger has it: repeats within an hour are one row.

    Attributes:
        seq: Its place in the order of storing; cursors rest on it.
        at: First time.
        last_at: Last time.
        count: How often.
    """

    seq: int
    at: Instant
    last_at: Instant
    count: int
    source: str
    event: str
    tenant: TenantId | None
    point: str | None
    node: str | None
    detail: Detail


class Role(StrEnum):
    """What a metering point is read for."""

    BILLED = "billed"
    BALANCE = "balance"
    """Read, but in no usage row: the other end of the same bytes is metered for tenants."""
    INTERNAL = "internal"
    """Listed and not read: a service interface on none of its gateway's external networks."""


class Owner(NamedTuple):
    """Who a metering point belongs to from an instant on, until the next owner's.

    Attributes:
        tenant: The tenant, perhaps ``unattributed``.
        role: ``balance`` points appear in no usage row.
        valid_from: First instant; 0 for the first owner, which holds from the beginning.
        reason: Why, in words.
    """

    tenant: TenantId
    role: Role
    valid_from: Instant
    reason: str

    @property
    def books_to(self) -> TenantId | None:
        """The tenant whose account usage goes to; ``None`` for what is not booked at all."""
        if self.role is Role.BILLED:
            return self.tenant
        return BALANCE if self.role is Role.BALANCE else None


# --- what one transaction stores -------------------------------------------------------------------------------------


class SeriesUpdate(NamedTuple):
    """New state of a series.

    Attributes:
        series: The ledger's reference of the series.
        state: Baseline, held sample and newest run.
        expected_from: From when on the series is expected to report, or ``None`` while answers do not list it.
    """

    series: int
    state: SeriesState
    expected_from: Instant | None


class ClosedRun(NamedTuple):
    """A finished stretch of coverage of a series."""

    series: int
    run: Run


class SlotChange(NamedTuple):
    """What a batch does to one slot of an account: usage is added, coverage replaced.

    Attributes:
        account: The ledger's reference of (tenant, point).
        slot: Start of the slot.
        usage: To be added.
        coverage: The slot's coverage as it is now.
    """

    account: int
    slot: Instant
    usage: Usage
    coverage: Coverage


class Publication(NamedTuple):
    """A slot that is complete, or was and has changed: exporters send its row (again), if there is one."""

    account: int
    slot: Instant


class Evidence(NamedTuple):
    """A sample that was news, with the row of the table that decided it: what a number leads back to."""

    series: int
    sample: Sample
    rule: int


class Quarantined(NamedTuple):
    """Usage too strange to bill, set aside whole until a person releases or rejects it.

    Attributes:
        series: The ledger's reference of the series.
        delta: What would have been booked.
        usage: The same seen from the tenant.
        tenant: Owner at the start of the interval.
        max_rate: The ceiling that it broke, bit/s.
    """

    series: int
    delta: Delta
    usage: Usage
    tenant: TenantId
    max_rate: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Batch:
    """Everything that one cycle part changes, stored in one transaction or not at all.

    Attributes:
        id: Makes a repeat harmless: a batch whose id the ledger knows is not applied again.
        at: Our time.
        rates: New states of series of rates; ``rate_evidence`` are the samples behind them.
        watermarks: (source, time of the newest poll in it).
        completed: (point reference, complete until): every slot that ends by then is complete.
    """

    id: str
    at: Instant
    series: tuple[SeriesUpdate, ...] = ()
    runs: tuple[ClosedRun, ...] = ()
    slots: tuple[SlotChange, ...] = ()
    publish: tuple[Publication, ...] = ()
    completed: tuple[tuple[int, Instant], ...] = ()
    evidence: tuple[Evidence, ...] = ()
    quarantined: tuple[Quarantined, ...] = ()
    events: tuple[Event, ...] = ()
    watermarks: tuple[tuple[str, Instant], ...] = ()
    rates: tuple[RateUpdate, ...] = ()
    rate_evidence: tuple[RateEvidence, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PointFacts:
    """What an inventory decided about a point.

    Attributes:
        point: The ledger's reference of the point.
        read_at: Which end is read, or ``None`` for a point that is gone.
        created_at: ``_create_time`` of the object, where known.
        lacked_at: Time of the last complete inventory that lacked the object; ``None`` when none ever did.
    """

    point: int
    read_at: ReadAt | None
    created_at: Instant | None
    lacked_at: Instant | None


@dataclass(frozen=True, slots=True, kw_only=True)
class InventoryUpdate:
    """What an inventory changes, stored in one transaction.

    Attributes:
        source: Name of the source.
        at: Time of the inventory.
        payload: The inventory as the source wrote it, to compare the next one with, also after a restart; ``None``
            when it was not
            complete: then what the ledger has of the last complete one stays, its time too.
        points: Facts of the points that changed.
        owners: (point reference, new owner), each valid from its own ``valid_from`` on.
        events: What was added, moved, deleted.
        addresses: What a map changes of the addresses that are held; ``None`` where it says nothing of them.
    """

    source: str
    at: Instant
    payload: bytes | None
    points: tuple[PointFacts, ...] = ()
    owners: tuple[tuple[int, Owner], ...] = ()
    events: tuple[Event, ...] = ()
    addresses: AddressUpdate | None = None


# --- what the ledger gives back --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredPoint:
    """A metering point as the ledger has it; ``owners`` ascend by ``valid_from``."""

    ref: int
    key: PointKey
    read_at: ReadAt | None
    created_at: Instant | None
    lacked_at: Instant | None
    complete_until: Instant
    owners: tuple[Owner, ...]


class StoredSeries(NamedTuple):
    """A series as the ledger has it; ``state`` is ``None`` until its first sample; ``runs`` are the closed ones."""

    ref: int
    point: int
    read_at: ReadAt
    port: str
    node: str
    state: SeriesState | None
    expected_from: Instant | None
    runs: tuple[Run, ...]


class StoredAccount(NamedTuple):
    """(tenant, point) with everything ever booked to it."""

    ref: int
    tenant: TenantId
    point: int
    total: Usage


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerState:
    """What a daemon starts from.

    Attributes:
        inventories: Source → (time, payload) of the last complete inventory.
        watermarks: Source → time of the newest accounted poll.
        event_counts: (source, event) → how often, ever.
        quarantined_bytes: Tenant → bytes waiting in quarantine, both directions.
        rates: The states of series of rates; their places are among ``series``.
        addresses: What organisations hold.
    """

    points: tuple[StoredPoint, ...]
    series: tuple[StoredSeries, ...]
    accounts: tuple[StoredAccount, ...]
    inventories: Mapping[str, tuple[Instant, bytes]]
    watermarks: Mapping[str, Instant]
    event_counts: Mapping[tuple[str, str], int]
    quarantined_bytes: Mapping[TenantId, int]
    rates: tuple[RateUpdate, ...] = ()
    addresses: AddressState = field(default_factory=AddressState)


class UsageRow(NamedTuple):
    """Usage of one group over [start, end); keys that are not grouped by are ``None``.

    Attributes:
        bytes: Bytes in the row's direction, or in both when direction is not grouped by.
        measured_ms: And so on: at each slot the worst quality among the group's points counts.
    """

    tenant: TenantId | None
    start: Instant
    end: Instant
    kind: Kind | None
    point: str | None
    direction: Direction | None
    bytes: int
    packets: int
    dropped_packets: int
    measured_ms: int
    inferred_ms: int
    spread_ms: int


class Flow(NamedTuple):
    """What passed a metering point in an interval, whoever owned it, seen from the tenant's side.

    Attributes:
        coverage: How much of the interval was observed, and how.
    """

    usage: Usage
    coverage: Coverage


class ExportRow(NamedTuple):
    """One publication with the slot's row as it stands now; ``usage`` is ``None`` if the slot has no row (any more)."""

    seq: int
    published_at: Instant
    account: int
    tenant: TenantId
    kind: Kind
    point: str
    slot: Instant
    usage: Usage | None
    coverage: Coverage


class ParkedLine(NamedTuple):
    """A line that a destination refused as wrong, set aside and shown."""

    exporter: str
    at: Instant
    line: str
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerFigures:
    """Sizes of the ledger, for its metrics.

    Attributes:
        bytes_on_disk: File and write-ahead log together.
        outbox: Publications that some exporter has not confirmed.
        parked: Exporter → parked lines.
        lag: Exporter → time of its oldest unconfirmed publication, or ``None`` when it has none.
    """

    bytes_on_disk: int
    outbox: int
    parked: Mapping[str, int]
    lag: Mapping[str, Instant | None]


def complete(counters: Counters) -> Growth:
    """Return the counters as growth since zero, a lacking one as no growth."""
    return Growth(*(value or 0 for value in counters))
