"""A gateway's full hour is looked at once, shown while it is the newest, and told when it passes the bound."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path

import pytest

from collector.balances import Router, routers_of
from collector.balancing import Balancer
from collector.ledger.sqlite import SqliteReader, SqliteWriter
from collector.model.identity import BALANCE, Kind, PointKey, TenantId
from collector.model.period import SLOT_MS
from collector.model.usage import Coverage, Event, SlotChange, Usage
from collector.ports import FoundPoint
from tests.contract.ledger.build import ACME, T0, WHOLE, batch
from tests.unit.core.provider import link, point, tier0_path, uplink

HOUR = 12 * SLOT_MS
MB = 1_000_000
BOUND_PPM = 50_000
GATEWAY = tier0_path("t0")
UPLINK, ONE, TWO = uplink("t0"), link("t0", "t1"), link("t0", "t2")


class World:
    """A balancer on a ledger of its own; usage is written slot by slot."""

    def __init__(self, folder: Path) -> None:
        self.writer = SqliteWriter(folder / "ledger.db")
        self.reader = SqliteReader(folder / "ledger.db")
        self.found: tuple[FoundPoint, ...] = (UPLINK, ONE, TWO)
        self.shown: dict[tuple[str, ...], float] = {}
        self.events: list[Event] = []
        self.is_full = False
        self.balancer = self.restarted()

    def restarted(self) -> Balancer:
        """Return a balancer that remembers nothing."""
        return Balancer(self.reader, self._routers, self._record, self._show)

    def _routers(self) -> Sequence[Router]:
        return routers_of("nsx", self.found)

    async def _record(self, events: Sequence[Event]) -> bool:
        if self.is_full:
            return False
        await self.writer.commit(batch(events=tuple(events)))
        self.events += events
        return True

    def _show(self, gauges: Mapping[tuple[str, ...], float]) -> None:
        self.shown = dict(gauges)

    async def book(self, hour: int, megabytes: Mapping[PointKey, int], coverage: Coverage = WHOLE) -> None:
        """Book so much ingress to each point in an hour, evenly, and let its slots be complete."""
        points = await self.writer.intern_points(list(megabytes))
        owners: list[TenantId] = [BALANCE if key.kind is Kind.TIER0_UPLINK else ACME for key in megabytes]
        accounts = await self.writer.intern_accounts(list(zip(owners, points, strict=True)))
        changes = [
            SlotChange(account, T0 + hour * HOUR + slot * SLOT_MS, Usage(ingress_bytes=size * MB // 12), coverage)
            for account, size in zip(accounts, megabytes.values(), strict=True)
            for slot in range(12)
        ]
        completed = tuple((ref, T0 + (hour + 1) * HOUR) for ref in points)
        await self.writer.commit(batch(slots=tuple(changes), completed=completed))

    async def look(self) -> int | None:
        """Look, and return the ingress that is shown in megabytes."""
        await self.balancer.look(BOUND_PPM)
        shown = self.shown.get(("nsx", GATEWAY, "ingress"))
        return None if shown is None else int(shown) // MB


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    made = World(tmp_path)
    await made.writer.start()
    await made.reader.start()
    yield made
    await made.reader.stop()
    await made.writer.stop()


def sizes(uplinks: int, one: int, two: int) -> dict[PointKey, int]:
    return {UPLINK.key: uplinks, ONE.key: one, TWO.key: two}


async def test_the_newest_full_hour_is_shown_and_told_once(world: World) -> None:
    assert await world.look() is None
    await world.book(0, sizes(1_200, 600, 588))
    assert await world.look() == 12
    assert world.events == [], "one percent is within the bound"
    await world.book(1, sizes(1_200, 600, 120))
    assert await world.look() == 480
    assert await world.look() == 480
    assert [event.at for event in world.events] == [T0 + 2 * HOUR]
    assert world.events[0].detail["remainder_ingress_bytes"] == str(480 * MB)
    assert world.events[0].detail["bound"] == "5%"


async def test_a_restart_tells_nothing_again(world: World) -> None:
    await world.book(0, sizes(1_200, 600, 120))
    await world.look()
    world.balancer = world.restarted()
    assert await world.look() == 480
    assert len(world.events) == 1


async def test_what_a_full_ledger_did_not_take_is_told_with_the_next_look(world: World) -> None:
    await world.book(0, sizes(1_200, 600, 120))
    world.is_full = True
    assert await world.look() == 480
    world.is_full = False
    assert await world.look() == 480
    assert len(world.events) == 1


async def test_an_hour_is_not_looked_at_before_every_part_is_complete(world: World) -> None:
    await world.book(0, sizes(1_200, 600, 588))
    await world.book(1, {UPLINK.key: 1_200, ONE.key: 600})
    assert await world.look() == 12, "the hour before"
    await world.book(1, {TWO.key: 120})
    assert await world.look() == 480


async def test_an_hour_with_a_part_that_was_not_observed_shows_nothing(world: World) -> None:
    await world.book(0, sizes(1_200, 600, 588))
    await world.look()
    await world.book(1, {UPLINK.key: 1_200, ONE.key: 600})
    await world.book(1, {TWO.key: 120}, Coverage(SLOT_MS - 1))
    assert await world.look() is None
    assert world.events == []


async def test_a_link_that_was_never_observed_hides_the_remainder(world: World) -> None:
    world.found = (*world.found, link("t0", "t3"))
    await world.book(0, sizes(1_200, 600, 120))
    assert await world.look() is None
    assert world.events == []


async def test_an_hour_that_was_not_measured_is_shown_and_not_told(world: World) -> None:
    await world.book(0, sizes(1_200, 600, 120), Coverage(SLOT_MS - 1, 0, 1))
    assert await world.look() == 480
    assert world.events == []


async def test_a_link_that_is_gone_makes_no_event_in_the_hours_in_which_it_carried_some(world: World) -> None:
    await world.book(0, sizes(1_200, 600, 588))
    await world.look()
    world.found = (UPLINK, ONE)
    for hour in (1, 2, 3, 4):
        await world.book(hour, {UPLINK.key: 1_200, ONE.key: 600})
        assert await world.look() == 600
    assert [event.at for event in world.events] == [T0 + 5 * HOUR], "from then on it is news"


async def test_a_gateway_that_is_gone_is_shown_no_more(world: World) -> None:
    await world.book(0, sizes(1_200, 600, 588))
    await world.look()
    world.found = ()
    assert await world.look() is None


async def test_vpcs_that_leave_through_an_unknown_gateway_make_no_event(world: World) -> None:
    vpc = "/orgs/default/projects/p/vpcs/v"
    world.found = (*world.found, point(Kind.VPC_EXTERNAL, vpc, vpc))
    await world.book(0, sizes(1_200, 600, 120))
    assert await world.look() == 480
    assert world.events == []
