"""The embedded ledger: one SQLite file with a write-ahead log, one writing thread, reading threads beside it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from pathlib import Path

from collector.clock import Clock
from collector.errors import LedgerUnavailable
from collector.ledger import addresses, flows, journal, outbox, prune, schema, store, usage
from collector.ledger.connection import Connection
from collector.ledger.events import read_events
from collector.ledger.load import load
from collector.ledger.lock import DaemonLock
from collector.model.addresses import AddressHistory, AddressReport, AddressState
from collector.model.identity import Kind, PointKey, ReadAt, TenantId
from collector.model.period import Instant
from collector.model.rates import RateEvidence
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
from collector.ports import LedgerQuery


class SqliteWriter:
    """The writer of a ledger file: LedgerWriter of ``collector.ports``.

    Args:
        path: The file; a daemon creates it where there was none.
        daemon: Take the lock that keeps out a second daemon, check the whole file, migrate it. A command that writes in
            short transactions beside a running daemon says False, and finds the ledger as it is.
        clock: What the lock file says the time of start is.
    """

    def __init__(self, path: Path, *, daemon: bool = True, clock: Clock | None = None) -> None:
        self._connection = Connection(path, read_only=False)
        self._lock = DaemonLock(path, clock) if daemon else None

    async def start(self) -> None:
        """Open the ledger: lock, integrity check, migrations. Raises LedgerInUse, LedgerCorrupt, LedgerUnavailable."""
        if self._lock is None:
            await self._connection.open(schema.prepare_existing, schema.check_for_writing_command)
            return
        try:
            await self._connection.open(partial(_prepare_locked, self._lock), schema.check_for_daemon)
        except BaseException:
            self._lock.release()
            raise

    async def stop(self) -> None:
        """Finish the transaction in hand and close."""
        await self._connection.close()
        if self._lock is not None:
            self._lock.release()

    async def load(self) -> LedgerState:
        """Return what a daemon starts from."""
        return await self._connection.run(load)

    async def intern_points(self, keys: Sequence[PointKey]) -> list[int]:
        """Return a lasting reference for each key, in order; unknown ones are registered."""
        return await self._connection.run(store.intern_points, keys)

    async def intern_series(self, keys: Sequence[tuple[int, ReadAt, str, str]]) -> list[int]:
        """Return a lasting reference for each (point reference, end, port, node), in order."""
        return await self._connection.run(store.intern_series, keys)

    async def intern_accounts(self, keys: Sequence[tuple[TenantId, int]]) -> list[int]:
        """Return a lasting reference for each (tenant, point reference), in order."""
        return await self._connection.run(store.intern_accounts, keys)

    async def commit(self, batch: Batch) -> bool:
        """Store a batch in one transaction; False when its id was already known and nothing was done."""
        return await self._connection.run(store.commit, batch)

    async def store_inventory(self, update: InventoryUpdate) -> None:
        """Store what an inventory changes, in one transaction."""
        await self._connection.run(store.store_inventory, update)

    async def register_exporters(self, names: Iterable[str]) -> None:
        """Make the outbox keep publications until each of these exporters has confirmed them.

        A new one is also given every complete slot that the ledger has, oldest first.
        """
        await self._connection.run(outbox.register, tuple(names))

    async def move_cursor(self, exporter: str, seq: int) -> None:
        """Record that a destination confirmed everything up to ``seq``."""
        await self._connection.run(outbox.move_cursor, exporter, seq)

    async def load_addresses(self) -> AddressState:
        """Return what organisations hold: of ``load``, this part alone."""
        return await self._connection.run(addresses.load_addresses)

    async def move_address_cursor(self, exporter: str, seq: int) -> None:
        """Record that a destination confirmed every reading of addresses up to ``seq``."""
        await self._connection.run(addresses.move_address_cursor, exporter, seq)

    async def park(self, exporter: str, lines: Sequence[ParkedLine]) -> None:
        """Set lines aside that a destination refused as wrong."""
        await self._connection.run(outbox.park, exporter, lines)

    async def prune(self, *, slots_before: Instant, evidence_before: Instant) -> None:
        """Delete slots and evidence older than the given instants and confirmed publications, in short transactions.

        Destinations that are no longer registered are forgotten. Totals of accounts and counts of events stay.
        """
        await self._connection.run(prune.prune_cursors)
        await self._repeat(prune.prune_outbox)
        for work, before in (
            (prune.prune_slots, slots_before),
            (prune.prune_runs, slots_before),
            (prune.prune_events, slots_before),
            (prune.prune_addresses, slots_before),
            (prune.prune_evidence, evidence_before),
            (prune.prune_rate_samples, evidence_before),
            (prune.prune_parked, evidence_before),
        ):
            await self._repeat(work, before)

    async def _repeat(self, work: Callable[..., bool], *values: Instant) -> None:
        """Do bounded work until it says that there is no more; whatever else waits for the thread comes in between."""
        while await self._connection.run(work, *values):
            pass

    async def is_writable(self) -> str | None:
        """Return ``None`` when a transaction can be written now, or else the reason in words."""
        try:
            await self._connection.run(store.probe)
        except LedgerUnavailable as error:
            return str(error)
        return None


def _prepare_locked(lock: DaemonLock, path: Path) -> None:
    schema.require_folder(path)
    lock.acquire()
    schema.prepare_or_create(path)


class SqliteReader:
    """A reader of a ledger file, beside the writer, in its process or another one: LedgerReader of ``collector.ports``.

    Args:
        path: The file; it must be there.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._connection = Connection(path, read_only=True)

    async def start(self) -> None:
        """Open for reading only. Raises LedgerCorrupt, LedgerUnavailable."""
        await self._connection.open(schema.prepare_existing, schema.check_for_command)

    async def stop(self) -> None:
        """Close."""
        await self._connection.close()

    async def usage(self, query: LedgerQuery) -> list[UsageRow]:
        """Return rows ordered by (start, kind, point, direction), at most ``query.limit``."""
        return await self._connection.run(usage.read_usage, query)

    async def tenants(self) -> list[TenantId]:
        """Return the tenants that ever owned a billed point or held addresses, in order."""
        return await self._connection.run(usage.read_tenants)

    async def addresses(self, tenant: TenantId | None, start: Instant, end: Instant) -> AddressHistory:
        """Return the holdings and quotas that touch [start, end), in order of time; of all tenants without one."""
        return await self._connection.run(addresses.read_addresses, tenant, start, end)

    async def address_outbox(self, exporter: str, limit: int) -> list[AddressReport]:
        """Return readings after the exporter's last one, oldest first, with about ``limit`` counts; one at least."""
        return await self._connection.run(addresses.read_reports, exporter, limit)

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

        Args:
            since: Only events whose last time is this or later.
            point: Only events of the point or object of this label.
        """
        return await self._connection.run(
            read_events, tenants=tenants, since=since, event=event, after=after, limit=limit, point=point
        )

    async def outbox(self, exporter: str, limit: int) -> list[ExportRow]:
        """Return the publications after the exporter's cursor, oldest first; their ``seq`` may be negative."""
        return await self._connection.run(outbox.read_outbox, exporter, limit)

    async def evidence(self, point: PointKey, start: Instant, end: Instant) -> list[tuple[str, str, Evidence]]:
        """Return (port, node, evidence) of a point's samples with ``at`` in [start, end], in order of time."""
        return await self._connection.run(journal.read_evidence, point, start, end)

    async def rate_samples(self, point: PointKey, start: Instant, end: Instant) -> list[RateEvidence]:
        """Return a point's samples of rates with ``at`` in [start, end], in order of time."""
        return await self._connection.run(journal.read_rate_samples, point, start, end)

    async def flows(self, points: Sequence[PointKey], start: Instant, end: Instant) -> dict[PointKey, Flow]:
        """Return what passed each point in [start, end), on slot boundaries; none for a point without a row."""
        return await self._connection.run(flows.read_flows, points, start, end)

    async def complete_until(self, points: Sequence[PointKey]) -> dict[PointKey, Instant]:
        """Return until when the slots of these points are complete; none for a point that the ledger does not know."""
        return await self._connection.run(flows.read_complete_until, points)

    async def points(self) -> list[PointKey]:
        """Return every point that the ledger ever knew, by source and path."""
        return await self._connection.run(flows.read_points)

    async def owners(self, label: str, kind: Kind | None) -> list[Owner]:
        """Return the owners of the point of a label, in order of time; ``kind`` tells apart several of one label."""
        return await self._connection.run(flows.read_owners, label, kind)

    async def figures(self) -> LedgerFigures:
        """Return the sizes that the ledger's metrics show."""
        return await self._connection.run(outbox.read_figures, self._path)
