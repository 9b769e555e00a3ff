"""Points that give rates go through the same ledger: booked once, whatever is asked again, dropped or restarted."""

from __future__ import annotations

import asyncio

from collector.clock import ManualClock
from collector.core.attribution import Claim
from collector.model.identity import Kind, PointKey, ReadAt, TenantId
from collector.model.period import SLOT_MS
from collector.model.sample import RateReading, RateSample
from collector.pipeline import RATES_LATE_MS, Meter, MeterRules
from collector.ports import FoundPoint, Inventory
from collector.telemetry.totals import Totals
from tests.property.daemon import Onlooker
from tests.property.memory import MemoryLedger

ACME = TenantId("acme")
VNIC = PointKey("nsxv", Kind.EDGE_INTERFACE, "/edges/edge-1/vnics/0")
CLAIM = Claim(tenant=ACME, source="nsxv", kind=Kind.EDGE_INTERFACE, edge="edge-1", interface="0")
T0 = 1_790_000_000_000 - 1_790_000_000_000 % SLOT_MS
GAP_MS = 180_000


def sample(number: int, amount: int) -> RateSample:
    return RateSample(T0 + (number + 1) * SLOT_MS, SLOT_MS, amount, 2 * amount)


def reading(*samples: RateSample) -> RateReading:
    asked = max(one.at for one in samples) + 10_000
    return RateReading(point=VNIC, polled_at=asked, samples=samples, held_since=T0)


class World:
    """A meter that can be started again on its ledger."""

    def __init__(self) -> None:
        self.ledger = MemoryLedger()
        self.clock = ManualClock(T0)
        self.onlooker = Onlooker()
        self.onlooker.noted = lambda events: None  # type: ignore[method-assign]  # of another source than its own
        self.totals = Totals()

    async def started(self) -> Meter:
        self.totals = Totals()
        rules = MeterRules(max_rate=10**11, gap_after_ms=GAP_MS, claims=(CLAIM,))
        meter = Meter(self.ledger, self.clock, self.totals, rules, self.onlooker)
        await meter.load()
        point = FoundPoint(
            key=VNIC, name="up", gateway="/edges/edge-1", gateway_name="old", read_at=ReadAt.INTERFACE, calls=()
        )
        await meter.apply_inventory(
            Inventory(
                source="nsxv", at=1, complete=True, version="6.4", points=(point,), changes=(), payload=b"", calls=1
            )
        )
        return meter

    @property
    def booked(self) -> int:
        return sum(usage.ingress_bytes for (usage, _) in self.ledger.by_tenant().values())


async def through_trouble() -> World:
    world = World()
    meter = await world.started()
    assert await meter.account_rates([reading(sample(0, 10), sample(1, 100))])
    assert await meter.account_rates([reading(sample(0, 10), sample(1, 100))]), "asked again"
    world.ledger.failing = True
    assert not await meter.account_rates([reading(sample(1, 100), sample(2, 1_000))])
    world.ledger.failing = False
    meter = await world.started()
    assert meter.rate_states("nsxv")[VNIC].pieces, "the state outlives the process"
    assert await meter.account_rates([reading(sample(1, 100), sample(2, 1_000), sample(4, 100_000))])
    assert await meter.account_rates([reading(sample(3, 10_000), sample(4, 100_000))]), "a late sample fills the hole"
    return world


def test_each_sample_is_booked_once() -> None:
    world = asyncio.run(through_trouble())
    assert world.booked == 111_110
    assert world.totals.by_tenant[ACME, Kind.EDGE_INTERFACE].egress_bytes == 2 * 111_110
    assert {one.sample for one in world.ledger.rate_evidence} == {sample(n, 10 ** (n + 1)) for n in range(5)}


async def silent() -> World:
    world = World()
    meter = await world.started()
    assert await meter.account_rates([reading(sample(0, 10))])
    world.clock.jump(T0 + 3 * SLOT_MS + GAP_MS + RATES_LATE_MS)
    assert await meter.complete_silent()
    return world


def test_slots_of_a_silent_point_count_as_complete_after_a_while() -> None:
    world = asyncio.run(silent())
    assert max(world.ledger.completed.values()) == T0 + 3 * SLOT_MS
