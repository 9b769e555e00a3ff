"""What is read for the balance of a gateway is booked beside all usage, and shown as nobody's."""

from __future__ import annotations

from collector.clock import ManualClock
from collector.core.attribution import Claim
from collector.model.identity import BALANCE, Kind, PointKey, ReadAt, TenantId
from collector.model.period import SLOT_MS
from collector.model.sample import Counters, Reading, Row, Sample
from collector.pipeline import Meter, MeterRules
from collector.ports import FoundPoint, Inventory
from collector.telemetry.totals import Totals
from tests.property.daemon import Onlooker
from tests.property.memory import MemoryLedger, drive

ACME = TenantId("acme")
UPLINK = PointKey("nsx", Kind.TIER0_UPLINK, "/infra/tier-0s/t0/locale-services/default/interfaces/up1")
LINK = PointKey("nsx", Kind.TIER1_DOWNLINK, "/infra/tier-1s/t1")
CLAIM = Claim(tenant=ACME, source="nsx", kind=Kind.TIER1_DOWNLINK, tier1="t1")
T0 = 1_790_000_000_000 - 1_790_000_000_000 % SLOT_MS


def found(key: PointKey, read_at: ReadAt, tier1: str | None) -> FoundPoint:
    return FoundPoint(
        key=key, name="x", gateway="/infra/tier-0s/t0", gateway_name="t0", read_at=read_at, calls=(), tier1=tier1
    )


def reading(key: PointKey, read_at: ReadAt, at: int, value: int) -> Reading:
    row = Row("port", "edge", Sample(at, at, Counters(value, 2 * value, 0, 0, 0, 0)))
    return Reading(point=key, read_at=read_at, polled_at=at, asked_node=None, rows=(row,))


async def metered(steps: int) -> tuple[MemoryLedger, Totals, Onlooker]:
    """Read the uplinks and the link of a shared gateway once a minute; the link is Acme's."""
    ledger, totals, onlooker = MemoryLedger(), Totals(), Onlooker()
    onlooker.noted = lambda events: None  # type: ignore[method-assign]  # of another source than its own
    rules = MeterRules(max_rate=10**11, gap_after_ms=180_000, claims=(CLAIM,))
    meter = Meter(ledger, ManualClock(T0), totals, rules, onlooker)
    await meter.load()
    points = (found(UPLINK, ReadAt.INTERFACE, None), found(LINK, ReadAt.TIER1, LINK.path))
    await meter.apply_inventory(
        Inventory(source="nsx", at=1, complete=True, version="4.2", points=points, changes=(), payload=b"{}", calls=1)
    )
    for step in range(steps):
        at = T0 + step * 60_000
        await meter.account([reading(UPLINK, ReadAt.INTERFACE, at, 1_000 * step)])
        await meter.account([reading(LINK, ReadAt.TIER1, at, 900 * step)])
    return ledger, totals, onlooker


def test_the_other_end_is_booked_to_the_balance_alone() -> None:
    ledger, totals, onlooker = drive(metered(12))
    booked = {tenant: usage for (tenant, _), (usage, _) in ledger.by_tenant().items()}
    by_tenant: dict[str, int] = {}
    for (tenant, _), (usage, _) in ledger.by_tenant().items():
        by_tenant[tenant] = by_tenant.get(tenant, 0) + usage.ingress_bytes
    assert set(booked) == {ACME, BALANCE}
    assert by_tenant == {ACME: 900 * 11, BALANCE: 1_000 * 11}
    assert {tenant for tenant, _ in totals.by_tenant} == {ACME}
    assert [account.tenant for account in totals.accounts] == [ACME]
    published = {one.account for batch in onlooker.batches for one in batch.publish}
    assert published == {totals.accounts[0].ref}, "its slots are complete, and nobody is told of the other's"
