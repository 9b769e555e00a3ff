"""What a shared gateway takes in and gives out, metered at a simulated provider that knows what tenants exchange."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from collector.balancing import Balancer
from collector.clock import ManualClock
from collector.core.attribution import Claim
from collector.ledger.sqlite import SqliteReader, SqliteWriter
from collector.model.identity import Direction, Kind, TenantId
from collector.model.usage import Event, EventName
from collector.pipeline import Meter, MeterRules
from collector.ports import FoundPoint
from collector.telemetry.totals import Totals
from simulator import Simulator, parse_scenario
from tests.integration.sources.rig import SOURCE, Rig, started
from tests.property.daemon import Onlooker

pytestmark = pytest.mark.integration

MINUTE, HOUR = 60_000, 3_600_000
BOUND_PPM = 50_000
GATEWAY = "/infra/tier-0s/t0-prov"
SCENARIO = {
    "name": "neighbours",
    "seed": 3,
    "tls": False,
    "clock": {"start": "2026-10-01T00:54:00Z", "speed": 0},
    "tenants": [{"id": "acme"}, {"id": "globex"}],
    "clusters": [{"id": "ec-prov", "nodes": 2}],
    "tier0s": [{"id": "t0-prov", "clusters": ["ec-prov"]}],
    "tier1s": [
        {"id": "t1-acme", "tier0": "t0-prov", "cluster": "ec-prov", "tenant": "acme", "rate": "30Mbit/s"},
        {"id": "t1-globex", "tier0": "t0-prov", "cluster": "ec-prov", "tenant": "globex", "rate": "20Mbit/s"},
    ],
    "cross": [{"source": "t1-acme", "target": "t1-globex", "rate": "40Mbit/s"}],
}
CLAIMS = tuple(
    Claim(tenant=TenantId(tenant), source=SOURCE, kind=Kind.TIER1_DOWNLINK, tier1=f"t1-{tenant}")
    for tenant in ("acme", "globex")
)


class Metered:
    """A meter on a ledger that polls a simulated provider once a minute."""

    def __init__(self, folder: Path, sim: Simulator, it: Rig) -> None:
        self.sim = sim
        self.it = it
        self.clock = ManualClock(sim.now())
        self.writer = SqliteWriter(folder / "ledger.db")
        self.reader = SqliteReader(folder / "ledger.db")
        self.onlooker = Onlooker()
        self.onlooker.noted = lambda events: None  # type: ignore[method-assign]  # of another source than its own
        rules = MeterRules(max_rate=10**11, gap_after_ms=3 * MINUTE, claims=CLAIMS)
        self.meter = Meter(self.writer, self.clock, Totals(), rules, self.onlooker)
        self.points: tuple[FoundPoint, ...] = ()
        self.shown: dict[tuple[str, ...], float] = {}

    async def start(self) -> None:
        await self.writer.start()
        await self.reader.start()
        await self.meter.load()
        inventory = await self.it.inventory()
        assert inventory.complete, inventory.faults
        self.points = inventory.points
        await self.meter.apply_inventory(inventory)

    async def stop(self) -> None:
        await self.reader.stop()
        await self.writer.stop()

    async def poll(self, minutes: int) -> None:
        for _ in range(minutes):
            self.sim.advance(MINUTE)
            self.clock.jump(self.sim.now())
            self.it.clock.jump(self.sim.now())
            assert await self.meter.account([one for point in self.points for one in await self.it.read_all(point)])

    def balancer(self) -> Balancer:
        return Balancer(self.reader, self.meter.estate.routers, self.meter.record, self._show)

    def _show(self, gauges: Mapping[tuple[str, ...], float]) -> None:
        self.shown = dict(gauges)

    def told(self) -> list[Event]:
        events = (event for batch in self.onlooker.batches for event in batch.events)
        return [event for event in events if event.event is EventName.GATEWAY_IMBALANCE]


def true_bytes(sim: Simulator, points: Sequence[FoundPoint], kind: Kind, start: int, end: int) -> dict[Direction, int]:
    """Return what the points of a kind truly carried."""
    found = [sim.truth().growth(point.key.path, start, end) for point in points if point.key.kind is kind]
    return {
        Direction.INGRESS: sum(one.ingress.bytes for one in found),
        Direction.EGRESS: sum(one.egress.bytes for one in found),
    }


async def test_traffic_between_tenants_is_the_negative_remainder_of_their_gateway(tmp_path: Path) -> None:
    async with Simulator(parse_scenario(SCENARIO)) as sim, started(sim) as it:
        metered = Metered(tmp_path, sim, it)
        await metered.start()
        start = (sim.now() // HOUR + 1) * HOUR
        balancer = metered.balancer()
        # Given an hour that is not over, when it is looked at, then nothing is known
        await metered.poll(50)
        await balancer.look(BOUND_PPM)
        assert metered.shown == {}
        # When it is over and every slot of it complete, then it is shown and told
        await metered.poll((start + HOUR - sim.now()) // MINUTE + 2)
        await balancer.look(BOUND_PPM)
        uplinks = true_bytes(sim, metered.points, Kind.TIER0_UPLINK, start, start + HOUR)
        links = true_bytes(sim, metered.points, Kind.TIER1_DOWNLINK, start, start + HOUR)
        # Both ends of the hour lie between two samples, a poll and a cache apart, of which slots get a share by time.
        apart = MINUTE + sim.scenario.cache
        edges = [start, start + HOUR]
        for direction in Direction:
            between = links[direction] - uplinks[direction]
            doubt = sum(
                true_bytes(sim, metered.points, kind, edge - apart, edge + apart)[direction]
                for edge in edges
                for kind in (Kind.TIER0_UPLINK, Kind.TIER1_DOWNLINK)
            )
            shown = metered.shown[SOURCE, GATEWAY, direction.value]
            assert between > 2 * doubt, "the traffic between them is more than what time may hide"
            assert abs(shown + between) <= min(doubt, between // 100)
        (event,) = metered.told()
        assert (event.source, event.point, event.tenant) == (SOURCE, f"{SOURCE}:{GATEWAY}", None)
        assert (event.at, event.detail["hour"]) == (start + HOUR, "2026-10-01T01:00:00Z")
        for direction in Direction:
            sides = [int(str(event.detail[f"{side}_{direction}_bytes"])) for side in ("uplinks", "services", "links")]
            rest = int(str(event.detail[f"remainder_{direction}_bytes"]))
            assert rest == sides[0] + sides[1] - sides[2] == metered.shown[SOURCE, GATEWAY, direction.value]
        # When it is looked at again, also after a restart, then it is not told again
        await balancer.look(BOUND_PPM)
        await metered.balancer().look(BOUND_PPM)
        assert len(metered.told()) == 1
        assert (SOURCE, GATEWAY, "ingress") in metered.shown
        await metered.stop()
