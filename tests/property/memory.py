"""A ledger in memory: what the meter stores, kept so that tests can look at it."""

from __future__ import annotations

import pickle
from collections import Counter
from collections.abc import Coroutine, Iterable, Sequence
from dataclasses import replace
from typing import Any, TypeVar

from collector.errors import LedgerUnavailable
from collector.model.addresses import AddressState, AddressUpdate, Holding, QuotaTerm
from collector.model.identity import PointKey, ReadAt, TenantId
from collector.model.period import SLOT_MS, Instant
from collector.model.rates import RateEvidence, RateUpdate
from collector.model.usage import (
    Batch,
    Coverage,
    Event,
    Evidence,
    InventoryUpdate,
    LedgerState,
    Owner,
    ParkedLine,
    PointFacts,
    Quarantined,
    Run,
    SeriesUpdate,
    StoredAccount,
    StoredPoint,
    StoredSeries,
    Usage,
)

T = TypeVar("T")


def drive(work: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine that never waits, without the cost of an event loop."""
    try:
        work.send(None)
    except StopIteration as done:
        result: T = done.value
        return result
    raise AssertionError("BUG: the work under test waits for something")


class MemoryLedger:
    """Everything ever stored, by reference.

    Attributes:
        failing: The next commits fail and leave no trace.
        rows: (account, slot) → usage and coverage.
        dirty: Rows that changed since they were last published.
    """

    def __init__(self) -> None:
        self.failing = False
        self.rows: dict[tuple[int, Instant], tuple[Usage, Coverage]] = {}
        self.dirty: set[tuple[int, Instant]] = set()
        self.points: list[PointKey] = []
        self.series_keys: list[tuple[int, ReadAt, str, str]] = []
        self.accounts: list[tuple[TenantId, int]] = []
        self.states: dict[int, SeriesUpdate] = {}
        self.runs: dict[int, list[Run]] = {}
        self.completed: dict[int, Instant] = {}
        self.facts: dict[int, PointFacts] = {}
        self.owners: dict[int, list[Owner]] = {}
        self.inventories: dict[str, tuple[Instant, bytes]] = {}
        self.watermarks: dict[str, Instant] = {}
        self.evidence: list[Evidence] = []
        self.quarantined: list[Quarantined] = []
        self.events: list[Event] = []
        self.batches: set[str] = set()
        self.rates: dict[int, RateUpdate] = {}
        self.holdings: list[Holding] = []
        self.quotas: list[QuotaTerm] = []
        self.address_known: dict[str, Instant] = {}
        self.rate_evidence: set[RateEvidence] = set()

    # --- the writer's protocol ---------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Nothing to open."""

    async def stop(self) -> None:
        """Nothing to close."""

    async def load(self) -> LedgerState:
        """Return everything as if written and read again."""
        state = LedgerState(
            points=tuple(self._stored_point(ref, key) for ref, key in enumerate(self.points)),
            series=tuple(self._stored_series(ref) for ref in range(len(self.series_keys))),
            accounts=tuple(
                StoredAccount(ref, tenant, point, self.total(ref)) for ref, (tenant, point) in enumerate(self.accounts)
            ),
            inventories=dict(self.inventories),
            watermarks=dict(self.watermarks),
            event_counts=dict(Counter((event.source, event.event.value) for event in self.events)),
            quarantined_bytes={},
            rates=tuple(self.rates.values()),
            addresses=await self.load_addresses(),
        )
        copy: LedgerState = pickle.loads(pickle.dumps(state))  # noqa: S301  # our own bytes
        return copy

    async def intern_points(self, keys: Sequence[PointKey]) -> list[int]:
        """Return a reference for each key."""
        return _intern(self.points, keys)

    async def intern_series(self, keys: Sequence[tuple[int, ReadAt, str, str]]) -> list[int]:
        """Return a reference for each key."""
        return _intern(self.series_keys, keys)

    async def intern_accounts(self, keys: Sequence[tuple[TenantId, int]]) -> list[int]:
        """Return a reference for each key."""
        return _intern(self.accounts, keys)

    async def commit(self, batch: Batch) -> bool:
        """Store a batch, or fail whole."""
        if self.failing:
            raise LedgerUnavailable("the disk of this test is full")
        if batch.id in self.batches:
            return False
        self.batches.add(batch.id)
        for update in batch.series:
            self.states[update.series] = update
        for closed in batch.runs:
            self.runs.setdefault(closed.series, []).append(closed.run)
        for change in batch.slots:
            key = (change.account, change.slot)
            was, _ = self.rows.get(key, (Usage(), Coverage()))
            self.rows[key] = (Usage(*(a + b for a, b in zip(was, change.usage, strict=True))), change.coverage)
            self.dirty.add(key)
        self.dirty -= {(one.account, one.slot) for one in batch.publish}
        self.completed.update(batch.completed)
        self.evidence += batch.evidence
        self.quarantined += batch.quarantined
        self.events += batch.events
        self.watermarks.update(batch.watermarks)
        self.rates.update({update.series: update for update in batch.rates})
        self.rate_evidence.update(batch.rate_evidence)
        return True

    async def store_inventory(self, update: InventoryUpdate) -> None:
        """Store what an inventory changes."""
        if update.payload is not None:
            self.inventories[update.source] = (update.at, update.payload)
        self.facts.update({facts.point: facts for facts in update.points})
        for point, owner in update.owners:
            before = [one for one in self.owners.get(point, []) if one.valid_from < owner.valid_from]
            self.owners[point] = [*before, owner]
        self.events += update.events

        if update.addresses is not None:
            self._store_addresses(update.addresses)

    def _store_addresses(self, update: AddressUpdate) -> None:
        assert self.address_known.get(update.source) == update.previous_at, "readings follow each other"
        for ended in update.ended:
            at = self.holdings.index(replace(ended, end=None))
            self.holdings[at : at + 1] = [ended] if ended.end != ended.start else []
        for over in update.quotas_ended:
            self.quotas[self.quotas.index(replace(over, end=None))] = over
        self.holdings += update.begun
        self.quotas += update.quotas_begun
        self.address_known[update.source] = update.at

    async def load_addresses(self) -> AddressState:
        """Return what is held."""
        return AddressState(
            held=tuple(one for one in self.holdings if one.end is None),
            quotas=tuple(one for one in self.quotas if one.end is None),
            known_until=dict(self.address_known),
        )

    async def move_address_cursor(self, exporter: str, seq: int) -> None:
        """No exporter reads from here."""

    async def register_exporters(self, names: Iterable[str]) -> None:
        """No exporter reads from here."""

    async def move_cursor(self, exporter: str, seq: int) -> None:
        """No exporter reads from here."""

    async def park(self, exporter: str, lines: Sequence[ParkedLine]) -> None:
        """No exporter reads from here."""

    async def prune(self, *, slots_before: Instant, evidence_before: Instant) -> None:
        """Everything is kept."""

    async def is_writable(self) -> str | None:
        """Say why not, if not."""
        return "failing" if self.failing else None

    # --- what tests look at ------------------------------------------------------------------------------------------

    def total(self, account: int) -> Usage:
        """Return everything booked to an account."""
        booked = [usage for (ref, _), (usage, _) in self.rows.items() if ref == account]
        return Usage(*map(sum, zip(*booked, strict=True))) if booked else Usage()

    def by_tenant(self) -> dict[tuple[str, Instant], tuple[Usage, Coverage]]:
        """Return (tenant, slot) → row, where there is one point only."""
        return {(self.accounts[ref][0], slot): row for (ref, slot), row in self.rows.items()}

    def unpublished(self) -> set[tuple[int, Instant]]:
        """Return the rows of complete slots that no exporter was told of."""
        return {
            (ref, slot) for ref, slot in self.dirty if slot + SLOT_MS <= self.completed.get(self.accounts[ref][1], 0)
        }

    def _stored_point(self, ref: int, key: PointKey) -> StoredPoint:
        facts = self.facts.get(ref)
        return StoredPoint(
            ref=ref,
            key=key,
            read_at=facts.read_at if facts else None,
            created_at=facts.created_at if facts else None,
            lacked_at=facts.lacked_at if facts else None,
            complete_until=self.completed.get(ref, 0),
            owners=tuple(self.owners.get(ref, ())),
        )

    def _stored_series(self, ref: int) -> StoredSeries:
        point, read_at, port, node = self.series_keys[ref]
        update = self.states.get(ref)
        return StoredSeries(
            ref=ref,
            point=point,
            read_at=read_at,
            port=port,
            node=node,
            state=update.state if update else None,
            expected_from=update.expected_from if update else None,
            runs=tuple(self.runs.get(ref, ())),
        )


def _intern(known: list[T], keys: Sequence[T]) -> list[int]:
    for key in keys:
        if key not in known:
            known.append(key)
    return [known.index(key) for key in keys]
