"""A director's map in the books: who owns what from when on, and what it names that nobody polls."""

from __future__ import annotations

import asyncio

from collector.clock import ManualClock
from collector.core.attribution import AttributionRules, SourceEntry
from collector.model.directory import Backing, CloudGateway, CloudMap, ExternalNetwork, Org, Uplink
from collector.model.identity import UNATTRIBUTED, Kind, PointKey, ReadAt
from collector.model.sample import Counters, Reading, Row, Sample
from collector.model.usage import EventName, Owner
from collector.pipeline import Meter, MeterRules
from collector.ports import FoundGateway, FoundPoint, Inventory
from collector.telemetry.totals import Totals
from tests.property.daemon import Onlooker
from tests.property.memory import MemoryLedger

LINK = PointKey("nsx", Kind.TIER1_DOWNLINK, "/infra/tier-1s/t1")
ACME = Org("urn:vcloud:org:1", "acme")
PG = ExternalNetwork(id="urn:vcloud:network:1", name="pg", backings=(Backing("t0", "NSXT_TIER0", "m-1", "nsx"),))
EDGE = CloudGateway(
    id="urn:vcloud:gateway:1",
    name="edge",
    org=ACME.id,
    org_name=ACME.name,
    manager="m-1",
    manager_name="nsx",
    backing_id="t1",
    uplinks=(Uplink(PG.id, PG.name, "NSXT_TIER0"),),
)


def cloud(at: int, *gateways: CloudGateway) -> CloudMap:
    return CloudMap(
        source="vcd",
        at=at,
        version="38.1",
        complete=True,
        addresses_complete=False,
        orgs=(ACME,),
        gateways=gateways,
        networks=(PG,),
        payload=b"{}",
    )


class World:
    """A meter behind a director, on a ledger in memory."""

    def __init__(self) -> None:
        self.ledger = MemoryLedger()
        self.onlooker = Onlooker()
        self.onlooker.noted = lambda events: None  # type: ignore[method-assign]  # of another source than its own

    async def started(self) -> Meter:
        rules = MeterRules(
            max_rate=10**11,
            gap_after_ms=180_000,
            attribution=AttributionRules(sources=(SourceEntry("nsx", "nsxt"),)),
            directors=("vcd",),
        )
        meter = Meter(self.ledger, ManualClock(1), Totals(), rules, self.onlooker)
        await meter.load()
        return meter

    async def discovered(self, meter: Meter, at: int) -> None:
        point = FoundPoint(
            key=LINK,
            name="t1",
            gateway="/infra/tier-0s/t0",
            gateway_name="t0",
            read_at=ReadAt.TIER1,
            calls=(),
            tier1=LINK.path,
        )
        gateways = (
            FoundGateway("/infra/tier-0s/t0", "t0", 0, None, None, ("t0",)),
            FoundGateway(LINK.path, "t1", 1, "/infra/tier-0s/t0", None, ("t1",)),
        )
        await meter.apply_inventory(
            Inventory(
                source="nsx",
                at=at,
                complete=True,
                version="4.2",
                points=(point,),
                changes=(),
                payload=b"{}",
                calls=1,
                gateways=gateways,
            )
        )

    @property
    def owners(self) -> list[tuple[str, int]]:
        owners: list[Owner] = self.ledger.owners[0]
        return [(owner.tenant, owner.valid_from) for owner in owners]


def reading(at: int) -> Reading:
    row = Row("port", "edge", Sample(at, at, Counters(at, at, 0, 0, 0, 0)))
    return Reading(point=LINK, read_at=ReadAt.TIER1, polled_at=at, asked_node=None, rows=(row,))


async def first_map(*, booked: bool, late: bool) -> World:
    """Take an inventory, read it perhaps, and put a first map in force before or after it."""
    world = World()
    meter = await world.started()
    if late:
        await world.discovered(meter, 1_000)
    if booked:
        assert await meter.account([reading(60_000)])
        assert await meter.account([reading(120_000)])
    await meter.apply_map(cloud(500_000, EDGE))
    if not late:
        await world.discovered(meter, 1_000)
    return world


def test_the_first_map_holds_from_the_beginning_for_what_is_not_booked_yet() -> None:
    assert asyncio.run(first_map(booked=False, late=False)).owners == [("acme", 0)]
    assert asyncio.run(first_map(booked=False, late=True)).owners == [("acme", 0)]
    assert asyncio.run(first_map(booked=True, late=True)).owners == [(UNATTRIBUTED, 0), ("acme", 120_000)]


async def second_map() -> World:
    world = await first_map(booked=False, late=True)
    meter = await world.started()
    await world.discovered(meter, 600_000)
    assert world.owners == [("acme", 0)], "the ledger has a map that cannot be read: nothing changes hands meanwhile"
    await meter.apply_map(cloud(700_000))
    return world


def test_a_later_map_dates_what_it_changes_also_after_a_restart() -> None:
    assert asyncio.run(second_map()).owners[-1] == (UNATTRIBUTED, 700_000)


async def strange_manager() -> list[str]:
    world = World()
    meter = await world.started()
    await world.discovered(meter, 1_000)
    strange = CloudGateway(
        id="urn:vcloud:gateway:2",
        name="other",
        org=ACME.id,
        org_name="acme",
        manager="vc-9",
        manager_name="vc-9",
        type="NSXV_BACKED",
    )
    for at in (500_000, 600_000):
        await meter.apply_map(cloud(at, EDGE, strange))
    return [str(one.detail["message"]) for one in world.ledger.events if one.event is EventName.ATTRIBUTION_NOTE]


def test_a_network_provider_that_nobody_polls_is_told_once() -> None:
    (message,) = asyncio.run(strange_manager())
    assert "network provider 'vc-9' of 1 gateways is no source of kind nsxv" in message
