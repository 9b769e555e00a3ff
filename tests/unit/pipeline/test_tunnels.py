"""A tunnel's state is told when it changes, with the usage of the same reading."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collector.clock import ManualClock
from collector.core.attribution import Claim
from collector.model.identity import Kind, PointKey, ReadAt, TenantId
from collector.model.sample import Counters, Reading, Row, Sample
from collector.model.usage import Event, EventName
from collector.pipeline import Meter, MeterRules
from collector.ports import FoundPoint, Inventory
from collector.telemetry.totals import Totals
from tests.property.daemon import Onlooker
from tests.property.memory import MemoryLedger, drive

ACME = TenantId("acme")
TUNNEL = PointKey("nsx", Kind.IPSEC_VPN, "/infra/tier-1s/t1/ipsec-vpn-services/v/sessions/s")
CLAIM = Claim(tenant=ACME, source="nsx", kind=Kind.TIER1_DOWNLINK, tier1="t1")


async def told_by(states: list[str | None]) -> tuple[Meter, Onlooker]:
    """Read a tunnel once a minute in these states."""
    onlooker = Onlooker()
    onlooker.noted = lambda events: None  # type: ignore[method-assign]  # of another source than its own
    rules = MeterRules(max_rate=10**11, gap_after_ms=180_000, claims=(CLAIM,))
    meter = Meter(MemoryLedger(), ManualClock(1), Totals(), rules, onlooker)
    await meter.load()
    point = FoundPoint(
        key=TUNNEL,
        name="s",
        gateway="/infra/tier-1s/t1",
        gateway_name="t1",
        read_at=ReadAt.SESSION,
        calls=(),
        tier1="/infra/tier-1s/t1",
    )
    link = replace(point, key=PointKey("nsx", Kind.TIER1_DOWNLINK, "/infra/tier-1s/t1"), read_at=ReadAt.TIER1)
    await meter.apply_inventory(
        Inventory(
            source="nsx", at=1, complete=True, version="4.2", points=(link, point), changes=(), payload=b"", calls=1
        )
    )
    for minute, state in enumerate(states, 1):
        at = minute * 60_000
        row = Row("ipsec", "default", Sample(at, at, Counters(minute, minute, 0, 0, 0, 0)))
        reading = Reading(point=TUNNEL, read_at=ReadAt.SESSION, polled_at=at, asked_node=None, rows=(row,), state=state)
        assert await meter.account([reading])
    return meter, onlooker


async def told(states: list[str | None]) -> list[tuple[object, object]]:
    """Return what the events of these states say."""
    _, onlooker = await told_by(states)
    events = [event for batch in onlooker.batches for event in batch.events]
    return [(one.detail["before"], one.detail["now"]) for one in events if one.event is EventName.TUNNEL_STATE]


def test_each_change_is_one_event() -> None:
    assert drive(told(["UP", "UP", "DOWN", "DOWN", None, "UP", "UP"])) == [("UP", "DOWN"), ("DOWN", "UP")]


def test_a_tunnel_that_is_down_from_the_start_is_told_and_one_that_is_up_is_not() -> None:
    assert drive(told(["DOWN", "DOWN", "UP"])) == [(None, "DOWN"), ("DOWN", "UP")]
    assert drive(told([None, "UP", "UP"])) == []


async def shown(states: list[str | None]) -> dict[tuple[str, str, str, str], bool]:
    meter = (await told_by(states))[0]
    return meter.tunnels_up()


@pytest.mark.parametrize(
    ("states", "up"), [(["UP"], True), (["DOWN", "UP"], True), (["UP", "DEGRADED"], False), (["DOWN"], False)]
)
def test_the_newest_state_is_shown_under_the_newest_owner(states: list[str | None], up: bool) -> None:
    assert drive(shown(states)) == {("nsx", ACME, "ipsec_vpn", TUNNEL.label): up}


def test_a_tunnel_whose_source_tells_no_state_is_not_shown() -> None:
    assert drive(shown([None])) == {}


async def recorded() -> list[Event]:
    onlooker = Onlooker()
    meter = Meter(MemoryLedger(), ManualClock(7), Totals(), MeterRules(max_rate=1, gap_after_ms=1), onlooker)
    await meter.load()
    assert await meter.record([Event(at=1, source="nsx", event=EventName.LINK_IMBALANCE)])
    return [event for batch in onlooker.batches for event in batch.events]


def test_an_event_that_no_reading_brought_is_stored_in_a_batch_of_its_own() -> None:
    assert [event.event for event in drive(recorded())] == [EventName.LINK_IMBALANCE]
