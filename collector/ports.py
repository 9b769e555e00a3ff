"""Protocols between the stages; shells implement them, ``app.py`` alone knows which."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from collector.model.addresses import AddressHistory, AddressReport, AddressState
from collector.model.directory import CloudMap
from collector.model.identity import Direction, Kind, PointKey, ReadAt, TenantId
from collector.model.period import Instant
from collector.model.rates import RateEvidence
from collector.model.sample import RateReading, Reading
from collector.model.usage import (
    Batch,
    Evidence,
    ExportRow,
    Flow,
    InventoryUpdate,
    LedgerFigures,
    LedgerState,
    Owner,
    ParkedLine,
    StoredEvent,
    UsageRow,
)


class LedgerWriter(Protocol):
    """The single writer of the ledger. Every method raises LedgerUnavailable or LedgerCorrupt."""

    async def start(self) -> None:
        """Open the ledger: lock, integrity check, migrations. Raises LedgerInUse, LedgerCorrupt, LedgerUnavailable."""

    async def stop(self) -> None:
        """Finish the transaction in hand and close."""

    async def load(self) -> LedgerState:
        """Return what a daemon starts from."""

    async def intern_points(self, keys: Sequence[PointKey]) -> list[int]:
        """Return a lasting reference for each key, in order; unknown ones are registered."""

    async def intern_series(self, keys: Sequence[tuple[int, ReadAt, str, str]]) -> list[int]:
        """Return a lasting reference for each (point reference, end, port, node), in order."""

    async def intern_accounts(self, keys: Sequence[tuple[TenantId, int]]) -> list[int]:
        """Return a lasting reference for each (tenant, point reference), in order."""

    async def commit(self, batch: Batch) -> bool:
        """Store a batch in one transaction; False when its id was already known and nothing was done."""

    async def store_inventory(self, update: InventoryUpdate) -> None:
        """Store what a complete inventory changes, in one transaction."""

    async def register_exporters(self, names: Iterable[str]) -> None:
        """Make the outbox keep publications until each of these exporters has confirmed them."""

    async def move_cursor(self, exporter: str, seq: int) -> None:
        """Record that a destination confirmed everything up to ``seq``."""

    async def load_addresses(self) -> AddressState:
        """Return what organisations hold: of ``load``, this part alone."""

    async def move_address_cursor(self, exporter: str, seq: int) -> None:
        """Record that a destination confirmed every reading of addresses up to ``seq``."""

    async def park(self, exporter: str, lines: Sequence[ParkedLine]) -> None:
        """Set lines aside that a destination refused as wrong."""

    async def prune(self, *, slots_before: Instant, evidence_before: Instant) -> None:
        """Delete slots and evidence older than the given instants and confirmed publications, in short transactions."""

    async def is_writable(self) -> str | None:
        """Return ``None`` when a transaction can be written now, or else the reason in words."""


class LedgerReader(Protocol):
    """Reads beside the writer, in this process or another one. Every method raises LedgerUnavailable or
    LedgerCorrupt."""

    async def start(self) -> None:
        """Open for reading only. Raises LedgerCorrupt, LedgerUnavailable."""

    async def stop(self) -> None:
        """Close."""

    async def usage(self, query: LedgerQuery) -> list[UsageRow]:
        """Return rows ordered by (start, kind, point, direction), at most ``query.limit``."""

    async def tenants(self) -> list[TenantId]:
        """Return the tenants that ever owned a billed point or held addresses, in order."""

    async def addresses(self, tenant: TenantId | None, start: Instant, end: Instant) -> AddressHistory:
        """Return the holdings and quotas that touch [start, end), in order of time; of all tenants without one."""

    async def address_outbox(self, exporter: str, limit: int) -> list[AddressReport]:
        """Return readings after the exporter's last one, oldest first, with about ``limit`` counts; one at least."""

    async def events(
        self,
        *,
        tenants: Sequence[TenantId] | None,
        since: Instant | None,
        event: str | None,
        after: int,
        limit: int,
        point: str | None = None,
    ) -> list[StoredEvent]:
        """Return events stored after ``after``, oldest first; of every tenant and of none when ``tenants`` is None.

        ``point`` is the label of a metering point or object.
        """

    async def outbox(self, exporter: str, limit: int) -> list[ExportRow]:
        """Return the publications after the exporter's cursor, oldest first."""

    async def evidence(self, point: PointKey, start: Instant, end: Instant) -> list[tuple[str, str, Evidence]]:
        """Return (port, node, evidence) of a point's samples with ``at`` in [start, end], in order of time."""

    async def rate_samples(self, point: PointKey, start: Instant, end: Instant) -> list[RateEvidence]:
        """Return a point's samples of rates with ``at`` in [start, end], in order of time."""

    async def flows(self, points: Sequence[PointKey], start: Instant, end: Instant) -> dict[PointKey, Flow]:
        """Return what passed each point in [start, end), on slot boundaries; none for a point without a row.

        What is read for balance only is here too, and nowhere else.
        """

    async def complete_until(self, points: Sequence[PointKey]) -> dict[PointKey, Instant]:
        """Return until when the slots of these points are complete; none for a point that the ledger does not know."""

    async def points(self) -> list[PointKey]:
        """Return every point that the ledger ever knew, by source and path."""

    async def owners(self, label: str, kind: Kind | None) -> list[Owner]:
        """Return the owners of the point of a label, in order of time; ``kind`` tells apart several of one label."""

    async def figures(self) -> LedgerFigures:
        """Return the sizes that the ledger's metrics show."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LedgerQuery:
    """Usage of one tenant.

    Attributes:
        tenant: Whose usage.
        start: On a slot boundary.
        end: On a slot boundary.
        step_ms: Length of a bucket aligned to the epoch (a slot or an hour), or ``None`` for one bucket [start, end).
        by: Which of ``kind``, ``point``, ``direction`` rows are grouped by.
        kinds: Only these kinds, or every one.
        points: Only these labels, or every one.
        directions: Only these directions, or both.
        after: (start, kind or "", point or "", direction or "") of the last row already read, or ``None``.
        limit: Rows at most.
    """

    tenant: TenantId
    start: Instant
    end: Instant
    step_ms: int | None
    by: frozenset[str]
    kinds: tuple[Kind, ...] | None = None
    points: tuple[str, ...] | None = None
    directions: tuple[Direction, ...] | None = None
    after: tuple[Instant, str, str, str] | None = None
    limit: int = 1_000


# --- what a source knows ---------------------------------------------------------------------------------------------


class PointCall(NamedTuple):
    """One request of a poll.

    Attributes:
        path: Path of the request, percent-encoded.
        node: The edge node that the answer speaks of, or ``None`` when it lists every node.
        summary: The answer is a sum over nodes.
        fallback_node: Whose a row without a node is where the answer lists every node: that of the uplink's own edge.
        query: Its query, percent-encoded. It names the edge node at length, so calls to one node share the text.
    """

    path: str
    node: str | None
    summary: bool = False
    fallback_node: str | None = None
    query: str = ""

    @property
    def target(self) -> str:
        """Path and query."""
        return f"{self.path}?{self.query}" if self.query else self.path


class PolledPoint(NamedTuple):
    """What a poll asks about a metering point; there are tens of thousands, so it holds nothing else.

    Attributes:
        key: Its identity.
        read_at: Which end is read.
        calls: The requests of one poll.
    """

    key: PointKey
    read_at: ReadAt
    calls: tuple[PointCall, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundPoint:
    """A metering point as an inventory shows it.

    Attributes:
        key: Its identity.
        name: Display name of the interface, or of the Tier-1.
        gateway: Policy path of the Tier-0, VRF or Tier-1 that has the interface; of the Tier-0 or VRF for a link.
        gateway_name: Its display name.
        tier1: Policy path of the Tier-1, for links and its service interfaces.
        parent: Policy path of the VRF's parent Tier-0, where the gateway is a VRF.
        project: Name of the NSX Project, where it lies in one.
        segment: Policy path of the segment behind a service interface.
        tags: (scope, tag) of the gateway and interface, in order.
        read_at: Which end is read.
        calls: The requests of one poll, per end; what ``read_at`` names is polled.
        created_at: ``_create_time`` of the interface or the Tier-1.
        nodes: Edge nodes that it lives on, as far as known: (transport node id, HA status or "").
        note: Why it is read at this end, or what is odd about it.
    """

    key: PointKey
    name: str
    gateway: str
    gateway_name: str
    read_at: ReadAt
    calls: tuple[PointCall, ...]
    tier1: str | None = None
    parent: str | None = None
    project: str | None = None
    segment: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    created_at: Instant | None = None
    nodes: tuple[tuple[str, str], ...] = ()
    note: str = ""


class FoundGateway(NamedTuple):
    """A Tier-0, VRF or Tier-1 as an inventory shows it: what a director's ids are looked up in.

    Attributes:
        path: Policy path.
        name: Display name.
        tier: 0 or 1.
        parent: Policy path of the Tier-0 or VRF of a Tier-1, or of the parent Tier-0 of a VRF.
        project: Name of the NSX Project that it lies in.
        ids: What a director may call it, the likeliest first: ``id``, ``unique_id``, ``realization_id``, and the id of
            the realised logical router; without repeats.
        tags: (scope, tag), in order.
    """

    path: str
    name: str
    tier: int
    parent: str | None
    project: str | None
    ids: tuple[str, ...]
    tags: tuple[tuple[str, str], ...] = ()


class FoundSegment(NamedTuple):
    """A segment behind a service interface: its policy path, and its ``id`` and ``unique_id``."""

    path: str
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Comparison:
    """A link whose two ends are to be read one after the other, to be compared and never added.

    Attributes:
        point: The link.
        tier0_calls: Requests of one reading at the Tier-0's port, per node.
        tier1_calls: The same at the Tier-1's port.
    """

    point: PointKey
    tier0_calls: tuple[PointCall, ...]
    tier1_calls: tuple[PointCall, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A difference between two inventories: the object's policy path, what happened, and the particulars."""

    path: str
    event: str
    detail: dict[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Inventory:
    """Everything that one discovery of a source found.

    Attributes:
        source: Name of the source.
        at: Time of the inventory: the ``Date`` header of its first answer, or ours.
        complete: Every page of every list was answered and each list holds as many rows as its total says.
        version: Version of the manager, as it says.
        points: Metering points, ordered by path.
        changes: Differences to the complete inventory before, when there was one and this one is complete.
        payload: The inventory as the source writes it, to compare the next one with.
        calls: Requests that it took.
        faults: What could not be read, in words.
        gateways: Every gateway, where the source was told to list them.
        segments: The segments behind service interfaces, where it was told to list them.
        comparisons: Links whose ends are compared until the next inventory; another part of them each time.
    """

    source: str
    at: Instant
    complete: bool
    version: str
    points: tuple[FoundPoint, ...]
    changes: tuple[Change, ...]
    payload: bytes
    calls: int
    faults: tuple[str, ...] = ()
    gateways: tuple[FoundGateway, ...] = ()
    segments: tuple[FoundSegment, ...] = ()
    comparisons: tuple[Comparison, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class OnlineReport:
    """What ``check --online`` says of a source: each line is (ok, words)."""

    source: str
    lines: tuple[tuple[bool, str], ...] = field(default_factory=tuple)

    @property
    def ok(self) -> bool:
        """True when nothing is wrong."""
        return all(ok for ok, _ in self.lines)


class Director(Protocol):
    """An API that knows whose the gateways are, and counts nothing."""

    name: str
    requests_per_second: int

    async def start(self) -> None:
        """Open connections; asks nothing of the source yet."""

    async def stop(self) -> None:
        """Log out where that is the custom, and close."""

    def remember(self, known: CloudMap) -> None:
        """Take note of the last complete map of a daemon before this one."""

    async def read_map(self) -> CloudMap:
        """Return everything that attribution and addresses rest on.

        Raises SourceError when not even the first list can be read; otherwise what failed is in ``faults`` and the map
        is not complete.
        """

    async def check_online(self) -> OnlineReport:
        """Log in everywhere and say what the account may do, versions and limits."""

    def budget_used_ratio(self) -> float:
        """Return the share of the request budget that the last second used, 0 to 1."""


class Discovered(Protocol):
    """One API that has metering points."""

    name: str
    requests_per_second: int

    async def start(self) -> None:
        """Open sessions; asks nothing of the source yet."""

    async def stop(self) -> None:
        """Log out where that is the custom, and close."""

    async def discover(self, previous: bytes | None, known_ends: Callable[[PointKey], ReadAt | None]) -> Inventory:
        """Return an inventory; ``previous`` is the payload of the last complete one.

        ``known_ends`` gives the end at which a link was read so far, so that it is kept. Raises SourceError when not
        even the first lists can be read; otherwise what failed is in ``faults`` and the inventory is not complete.
        """

    async def check_online(self) -> OnlineReport:
        """Log in everywhere and say what the account may do, versions and limits."""

    def budget_used_ratio(self) -> float:
        """Return the share of the request budget that the last second used, 0 to 1."""


class RateSource(Discovered, Protocol):
    """A source that gives rates per interval, and holds those of some time.

    Attributes:
        catch_up_ms: How far back is asked after an outage, in milliseconds.
    """

    catch_up_ms: int

    async def read_rates(self, wanted: Sequence[PointKey], since: Instant) -> tuple[RateReading, ...]:
        """Return a reading for each of these points, which one request answers, from ``since`` on. Raises
        SourceError."""


class Source(Discovered, Protocol):
    """A source that gives counters."""

    async def read(self, point: PointKey, read_at: ReadAt, call: PointCall) -> Reading:
        """Ask once for a point's counters. Raises SourceError."""

    def mark_end_failed(self, point: PointKey, read_at: ReadAt) -> None:
        """Take note that this end of a link answers no calls for good; the next inventory chooses another, if it
        may."""
