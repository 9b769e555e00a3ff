"""A meter on a ledger, led through a world; it can stop and start again at any moment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from collector.clock import ManualClock
from collector.core.attribution import Claim
from collector.errors import LedgerError
from collector.model.identity import UNATTRIBUTED, Kind, PointKey, ReadAt, TenantId
from collector.model.sample import Reading, Row
from collector.model.usage import Batch, Event
from collector.pipeline import Meter, MeterRules
from collector.ports import FoundPoint, Inventory, LedgerWriter
from collector.telemetry.totals import Totals
from tests.oracle.rules import Params
from tests.property import told
from tests.property.worlds import Answer

SOURCE = "nsx-test"


@dataclass(frozen=True)
class Shape:
    """What the point of a world is: its kind, the end that is read, and whether nodes are asked one by one."""

    kind: Kind = Kind.TIER0_UPLINK
    read_at: ReadAt = ReadAt.INTERFACE
    per_node: bool = False

    @property
    def key(self) -> PointKey:
        """The point."""
        path = "/infra/tier-1s/t1" if self.kind is Kind.TIER1_DOWNLINK else "/infra/tier-0s/t0/interfaces/up1"
        return PointKey(SOURCE, self.kind, path)

    @property
    def rx_is_ingress(self) -> bool:
        """Whether what the port receives comes to the tenant: not at the Tier-0's end of a link."""
        return self.read_at not in (ReadAt.TIER0, ReadAt.TIER0_SUMMARY)


SHAPES = (
    Shape(),
    Shape(per_node=True),
    Shape(Kind.TIER1_DOWNLINK, ReadAt.TIER0),
    Shape(Kind.TIER1_DOWNLINK, ReadAt.TIER0, per_node=True),
    Shape(Kind.TIER1_DOWNLINK, ReadAt.TIER1),
)
SUMMARY = Shape(Kind.TIER1_DOWNLINK, ReadAt.TIER0_SUMMARY)


class Onlooker:
    """Counts what the meter says of its batches."""

    def __init__(self) -> None:
        self.dropped_readings = 0
        self.batches: list[Batch] = []

    def committed(self, batch: Batch, readings: int, seconds: float) -> None:
        """Remember the batch."""
        assert readings >= 0
        assert seconds >= 0
        self.batches.append(batch)

    def noted(self, events: Sequence[Event]) -> None:
        """Look at the events of an inventory."""
        assert all(event.source == SOURCE for event in events)

    def dropped(self, readings: int, error: LedgerError) -> None:
        """Count the readings."""
        assert str(error)
        self.dropped_readings += readings


class Daemon:
    """A meter that can be started again on the ledger that it left."""

    def __init__(self, ledger: LedgerWriter, params: Params, shape: Shape) -> None:
        self.ledger = ledger
        self.params = params
        self.shape = shape
        self.clock = ManualClock()
        self.onlooker = Onlooker()
        self.totals = Totals()
        self.meter = self._new()

    def _new(self) -> Meter:
        self.totals = Totals()
        rules = MeterRules(max_rate=self.params.max_rate, gap_after_ms=self.params.gap_after_ms)
        return Meter(self.ledger, self.clock, self.totals, rules, self.onlooker)

    async def begin(self, tenant: str) -> None:
        """Start, and show the meter the point; where it is new, after an inventory that lacked it."""
        await self.meter.load()
        if self.params.lacked_at is not None:
            await self.meter.apply_inventory(self._inventory(self.params.lacked_at, ()))
        await self.own(tenant, 1)

    async def own(self, tenant: str, at: int) -> None:
        """Show the meter an inventory of that time in which the point belongs to ``tenant``."""
        claims = () if tenant == UNATTRIBUTED else (self._claim(TenantId(tenant)),)
        rules = MeterRules(max_rate=self.params.max_rate, gap_after_ms=self.params.gap_after_ms, claims=claims)
        self.meter.set_rules(rules)
        found = FoundPoint(
            key=self.shape.key,
            name="point",
            gateway="/infra/tier-0s/t0",
            gateway_name="t0",
            read_at=self.shape.read_at,
            calls=(),
            tier1="/infra/tier-1s/t1" if self.shape.kind is Kind.TIER1_DOWNLINK else None,
            created_at=self.params.created_at,
        )
        await self.meter.apply_inventory(self._inventory(at, (found,)))

    async def restart(self, tenant: str, at: int) -> None:
        """Stop without a word and start again on what the ledger has; discovery comes before the first poll."""
        await self.ledger.stop()
        await self.ledger.start()
        self.meter = self._new()
        await self.meter.load()
        await self.own(tenant, at)

    def readings(self, answer: Answer, nodes: Sequence[str]) -> list[Reading]:
        """Return an answer as readings: one for all nodes, or one per node in the order of ``nodes``."""
        if not self.shape.per_node:
            return [self._reading(answer, None, [node for node in nodes if node in answer.rows])]
        return [self._reading(answer, node, [node] if node in answer.rows else []) for node in nodes]

    def _reading(self, answer: Answer, asked: str | None, nodes: Sequence[str]) -> Reading:
        rows = tuple(Row("port", node, told.sample(answer.rows[node])) for node in nodes)
        return Reading(
            point=self.shape.key,
            read_at=self.shape.read_at,
            polled_at=answer.polled_at,
            asked_node=asked,
            rows=rows,
        )

    def _claim(self, tenant: TenantId) -> Claim:
        link = self.shape.kind is Kind.TIER1_DOWNLINK
        return Claim(
            tenant=tenant,
            source=SOURCE,
            kind=self.shape.kind,
            tier0=None if link else "t0",
            tier1="t1" if link else None,
        )

    @staticmethod
    def _inventory(at: int, points: tuple[FoundPoint, ...]) -> Inventory:
        return Inventory(
            source=SOURCE, at=at, complete=True, version="4.2", points=points, changes=(), payload=b"{}", calls=1
        )
