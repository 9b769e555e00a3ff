"""The truth adds up: slots to growth, nodes to points, both ends of a link, points to tenants, and what was lost."""

from __future__ import annotations

import random

import pytest

from simulator.counters import Values
from simulator.scenario import load_scenario
from simulator.simulator import Simulator
from simulator.truth import Both, add, both
from tests.simulator.conftest import CSP, CSP_POINT, GLOBEX, T0_LINK, T1_LINK, Client, Start

HOUR = 3_600_000
NOTHING = both(Values(), "interface")


def _sum(parts: list[Both]) -> Both:
    total = NOTHING
    for part in parts:
        total = add(total, part)
    return total


def _played(name: str, milliseconds: int) -> Simulator:
    sim = Simulator(load_scenario(name), speed=0)
    sim.advance(milliseconds)
    return sim


@pytest.mark.parametrize("name", ["small", "demo", "day", "federation"])
def test_slots_nodes_and_ends_add_up_to_the_growth_of_each_point(name: str) -> None:
    sim = _played(name, 11 * HOUR + 123_457)
    truth = sim.truth()
    start, end = sim.scenario.clock.start_ms - HOUR, sim.device_time()
    for point in truth.points():
        growth = truth.growth(point.path, start, end)
        assert _sum([slot for _, slot in truth.slots(point.path, start, end)]) == growth
        nodes = [truth.growth(point.path, start, end, node=node) for node in truth.nodes(point.path)]
        assert _sum(nodes) == growth
        if point.kind == "tier1_downlink":
            assert truth.growth(point.path, start, end, port_end="tier0") == growth, "one link, the same bytes"


@pytest.mark.parametrize("name", ["small", "demo", "federation"])
def test_tenants_are_the_sums_of_their_points(name: str) -> None:
    sim = _played(name, 7 * HOUR)
    truth = sim.truth()
    start, end = sim.scenario.clock.start_ms, sim.device_time()
    for tenant in sim.scenario.tenants:
        points = truth.billed(tenant.id)
        total = truth.tenant(tenant.id, start, end)
        assert total == _sum([truth.growth(point.path, start, end) for point in points])
        assert total.ingress.bytes > total.egress.bytes > 0
        assert _sum([slot for _, slot in truth.tenant_slots(tenant.id, start, end)]) == total


def test_uplinks_carry_the_links_behind_them_less_what_stays_inside() -> None:
    sim = _played("demo", 30 * HOUR)
    truth = sim.truth()
    start, end = sim.scenario.clock.start_ms, sim.device_time()
    cross = {"t1-globex", "t1-globex-dr", "t1-initech", "t1-soylent"}
    for tier0 in ("t0-prov", "t0-acme", "vrf-umbrella", "vrf-stark"):
        uplinks = [p.path for p in truth.points() if f"/{tier0}/" in p.path and p.kind == "tier0_uplink"]
        links = [
            g for g in sim.provider.gateways.values() if g.parent is not None and g.parent.id == tier0 and g.tier == 1
        ]
        outside = _sum([truth.growth(path, start, end) for path in uplinks])
        inside = _sum([truth.growth(link.path, start, end) for link in links])
        if not cross & {link.id for link in links}:
            assert outside == inside
        else:
            assert inside.ingress.bytes - outside.ingress.bytes == inside.egress.bytes - outside.egress.bytes > 0, (
                "what one tenant sends to another enters the other, and no uplink sees it"
            )


def test_counters_are_pure_in_time() -> None:
    one, two = _played("day", 0), _played("day", 0)
    rng = random.Random(5)
    for _ in range(60):
        step = rng.randrange(1, 1_200_000)
        one.advance(step)
        for _ in range(3):
            two.advance(step // 3)
        two.advance(step - step // 3 * 3)
        ports = zip(one.provider.ports, two.provider.ports, strict=True)
        for port, twin in ports:
            for node, counters in port.counters.items():
                now = one.clock.now()
                assert counters.register_at(now) == twin.counters[node].register_at(now)


@pytest.mark.integration
async def test_both_ends_of_a_link_answer_the_same_growth(client: Client) -> None:
    before = await _both_ends(client)
    client.sim.advance(20 * 60_000)
    after = await _both_ends(client)
    near = tuple(b - a for a, b in zip(before[0], after[0], strict=True))
    far = tuple(b - a for a, b in zip(before[1], after[1], strict=True))
    assert near == far[::-1] > (0, 0), "what one end receives, the other sends"


async def _both_ends(client: Client) -> tuple[tuple[int, int], tuple[int, int]]:
    # The nodes renew their values at instants of their own, so both ends are read at one instant, in real time.
    near = await client.total(T1_LINK, source="realtime")  # renews what the node shows of all its ports
    edges = [node.path() for node in client.sim.provider.gateway("t0-prov").nodes]
    far = [await client.total(T0_LINK, tier1_path=GLOBEX, edge_path=edge) for edge in edges]
    return near, (sum(rx for rx, _ in far), sum(tx for _, tx in far))


@pytest.mark.integration
async def test_readings_differ_by_the_truth_between_them(client: Client) -> None:
    sim = client.sim
    first = (await client.get(CSP)).rows
    sim.advance(17 * 60_000)
    second = (await client.get(CSP)).rows
    for node, row in second.items():
        start, end = first[node]["last_update_timestamp"], row["last_update_timestamp"]
        grown = sim.truth().growth(CSP_POINT, start, end, node=node)
        assert row["rx"]["total_bytes"] - first[node]["rx"]["total_bytes"] == grown.ingress.bytes
        assert row["tx"]["total_packets"] - first[node]["tx"]["total_packets"] == grown.egress.packets
        assert row["rx"]["dropped_packets"] - first[node]["rx"]["dropped_packets"] == grown.ingress.dropped_packets


@pytest.mark.integration
async def test_what_was_not_read_before_a_reset_is_the_loss(client: Client) -> None:
    sim = client.sim
    node = sim.provider.gateway("t1-globex").active()[0]
    before = (await client.get(CSP)).rows[node.nsx_id]
    sim.advance(95_000)
    sim.fault("reset", node=node.alias)
    reset_at = sim.device_time()
    sim.advance(60_000)
    after = (await client.get(CSP)).rows[node.nsx_id]
    loss = next(loss for loss in sim.truth().losses if loss.point == CSP_POINT and loss.node == node.nsx_id)
    assert (loss.at, loss.served, loss.reason) == (reset_at, True, "reset")
    start, end = before["last_update_timestamp"], after["last_update_timestamp"]
    whole = sim.truth().growth(CSP_POINT, start, end, node=node.nsx_id)
    assert loss.values.rx_bytes + after["rx"]["total_bytes"] == whole.ingress.bytes
    other = next(loss for loss in sim.truth().losses if loss.point == GLOBEX and loss.node == node.nsx_id)
    assert not other.served, "a register that nobody read loses all that it counted"


@pytest.mark.integration
async def test_what_was_answered_is_recorded_once(client: Client) -> None:
    sim = client.sim
    rows = (await client.get(CSP)).rows
    for _ in range(3):
        assert (await client.get(CSP)).rows == rows
    served = [row for row in sim.truth().served if row.path == CSP_POINT]
    assert {row.node for row in served} == set(rows)
    assert len(served) == 2, "the same answer again is no new reading"
    for row in served:
        answered = rows[row.node]
        assert (row.at, row.rx_bytes) == (answered["last_update_timestamp"], answered["rx"]["total_bytes"])
        assert (row.end, row.tx_dropped) == ("interface", answered["tx"]["dropped_packets"])
    sim.advance(60_000)
    await client.get(CSP)
    assert len([row for row in sim.truth().served if row.path == CSP_POINT]) == 4
    await client.get(CSP + "/summary")
    assert sim.truth().served[-1].node == "summary"


@pytest.mark.integration
async def test_the_record_is_bounded(start: Start) -> None:
    client = await start("small", served_max=3)
    for _ in range(4):
        await client.get(CSP)
        client.sim.advance(60_000)
    assert len(client.sim.truth().served) == 3
    assert client.sim.truth().served_total == 8
    quiet = await start("small", served_max=0)
    await quiet.get(CSP)
    assert len(quiet.sim.truth().served) == 0


def test_a_clock_that_jumps_back_counts_both_passages_of_a_slot() -> None:
    sim = _played("small", HOUR)
    sim.fault("clock_jump", device_offset="-10m")
    sim.advance(HOUR)
    truth, start = sim.truth(), sim.scenario.clock.start_ms
    assert sim.device_time() == start + 2 * HOUR - 600_000
    sim.advance(HOUR)
    port = sim.provider.port_at(CSP_POINT)
    assert port is not None
    carried = sum(one.true_at(start + 2 * HOUR).rx_bytes for one in port.counters.values())
    assert truth.growth(CSP_POINT, start, start + 2 * HOUR - 600_000).ingress.bytes == carried
    twice = truth.growth(CSP_POINT, start + HOUR - 600_000, start + HOUR).ingress.bytes
    spans = ((HOUR - 600_000, HOUR), (HOUR, HOUR + 600_000))
    assert twice == sum(
        one.true_at(start + last).rx_bytes - one.true_at(start + first).rx_bytes
        for one in port.counters.values()
        for first, last in spans
    )
