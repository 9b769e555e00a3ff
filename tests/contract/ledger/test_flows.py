"""What passed a point, whoever owned it; and what is read for balance only is nowhere else."""

from __future__ import annotations

from collector.model.identity import BALANCE, Kind, ReadAt
from collector.model.period import SLOT_MS
from collector.model.usage import Coverage, Flow, InventoryUpdate, Owner, PointFacts, Role, Usage
from collector.ports import LedgerQuery
from tests.contract.ledger.build import ACME, GLOBEX, SOME, T0, accounts, batch, change, event, point_key, publication
from tests.contract.ledger.conftest import Engine

UPLINK, LINK, IDLE = point_key("up1"), point_key("t1", Kind.TIER1_DOWNLINK), point_key("t2", Kind.TIER1_DOWNLINK)
HOUR_MS = 12 * SLOT_MS


async def test_a_flow_is_the_sum_over_owners_and_over_what_is_read_for_balance(engine: Engine) -> None:
    writer, reader = await engine.writer(), await engine.reader()
    acme, balance, link = await accounts(writer, [(ACME, UPLINK), (BALANCE, UPLINK), (GLOBEX, LINK)])
    changes = [
        change(acme, 0),
        change(balance, 1),
        change(balance, 11, coverage=Coverage(1_000, 2_000, 3_000)),
        change(link, 3, Usage(ingress_bytes=2**62)),
        change(link, 4, Usage(ingress_bytes=2**62)),
        change(link, 5, Usage(ingress_bytes=2**62)),
        change(acme, 12),
        change(link, -1),
    ]
    await writer.commit(batch(slots=tuple(changes)))
    flows = await reader.flows([IDLE, LINK, UPLINK], T0, T0 + HOUR_MS)
    assert flows == {
        UPLINK: Flow(Usage(*(3 * one for one in SOME)), Coverage(2 * SLOT_MS + 1_000, 2_000, 3_000)),
        LINK: Flow(Usage(ingress_bytes=3 * 2**62), Coverage(3 * SLOT_MS)),
    }
    assert await reader.flows([], T0, T0 + HOUR_MS) == {}


async def test_a_slot_in_which_a_point_changed_hands_was_observed_for_both_owners(engine: Engine) -> None:
    writer, reader = await engine.writer(), await engine.reader()
    acme, globex = await accounts(writer, [(ACME, UPLINK), (GLOBEX, UPLINK)])
    before = change(acme, 0, coverage=Coverage(120_000))
    after = change(globex, 0, coverage=Coverage(SLOT_MS - 125_000, 5_000))
    await writer.commit(batch(slots=(before, after)))
    flows = await reader.flows([UPLINK], T0, T0 + HOUR_MS)
    assert flows[UPLINK] == Flow(Usage(*(2 * one for one in SOME)), Coverage(SLOT_MS - 5_000, 5_000))


async def test_what_is_read_for_balance_is_no_usage_no_export_and_no_tenant(engine: Engine) -> None:
    writer, reader = await engine.writer(), await engine.reader()
    acme, balance = await accounts(writer, [(ACME, UPLINK), (BALANCE, LINK)])
    points = await writer.intern_points([UPLINK, LINK])
    await writer.commit(
        batch(
            slots=(change(acme, 0), change(balance, 0)),
            publish=(publication(acme, 0),),
            completed=tuple((point, T0 + SLOT_MS) for point in points),
        )
    )
    assert await reader.tenants() == [ACME]
    await writer.register_exporters(["late"])
    assert [row.tenant for row in await reader.outbox("late", 10)] == [ACME], "of the history too"
    query = LedgerQuery(tenant=ACME, start=T0, end=T0 + HOUR_MS, step_ms=None, by=frozenset({"kind"}))
    assert [row.kind for row in await reader.usage(query)] == [Kind.TIER0_UPLINK]


async def test_the_owners_of_a_point_come_in_order_of_time(engine: Engine) -> None:
    writer, reader = await engine.writer(), await engine.reader()
    (point,) = await writer.intern_points([UPLINK])
    story = [
        Owner(ACME, Role.BILLED, 0, "settings"),
        Owner(GLOBEX, Role.BILLED, T0, "VCD"),
        Owner(GLOBEX, Role.INTERNAL, T0 + 5, "VCD: on no external network"),
    ]
    facts = PointFacts(point=point, read_at=ReadAt.INTERFACE, created_at=None, lacked_at=None)
    for owner in story:
        update = InventoryUpdate(source="nsx-a", at=T0, payload=b"1", points=(facts,), owners=((point, owner),))
        await writer.store_inventory(update)
    assert await reader.owners(UPLINK.label, None) == story
    assert await reader.owners(UPLINK.label, Kind.TIER0_UPLINK) == story
    assert await reader.owners(UPLINK.label, Kind.IPSEC_VPN) == []
    assert await reader.owners("nsx-a:/infra/nobody", None) == []


async def test_until_when_points_are_complete_and_which_there_are(engine: Engine) -> None:
    writer, reader = await engine.writer(), await engine.reader()
    uplink, _ = await writer.intern_points([UPLINK, LINK])
    await writer.commit(batch(completed=((uplink, T0),)))
    assert await reader.complete_until([IDLE, LINK, UPLINK]) == {UPLINK: T0, LINK: 0}
    assert await reader.points() == [LINK, UPLINK]
    assert await reader.complete_until([]) == {}


async def test_events_are_found_by_the_point_they_are_of(engine: Engine) -> None:
    writer, reader = await engine.writer(), await engine.reader()
    await writer.commit(batch(events=tuple(event(T0 + place, point=label) for place, label in enumerate("abab"))))
    found = await reader.events(tenants=None, since=None, event=None, after=0, limit=10, point="b")
    assert [(one.point, one.at - T0) for one in found] == [("b", 1), ("b", 3)]
