"""A meter of twenty lines against the truth: what readings prove, and what the losses name, is everything."""

from __future__ import annotations

import base64
import json
from collections import defaultdict
from decimal import ROUND_HALF_UP, Decimal
from itertools import pairwise

import pytest

from simulator.truth import Served
from tests.simulator.conftest import Client, Start

pytestmark = pytest.mark.integration

STEPS = 40


def _proved(readings: list[Served], resets: list[int]) -> int:
    """Return the rx bytes that neighbouring readings prove; after a reset, what was counted since."""
    proved = 0
    for before, after in pairwise(readings):
        assert before.rx_bytes is not None
        assert after.rx_bytes is not None
        assert before.at is not None
        assert after.at is not None
        fresh = any(before.at < reset <= after.at for reset in resets)
        proved += after.rx_bytes - (0 if fresh else before.rx_bytes)
    return proved


async def _rates(client: Client, since: int, known: dict[int, tuple[int, int]]) -> None:
    """Book each sample of an uplink that is new: rate x 1000 x interval / 8, rounded half up."""
    auth = "Basic " + base64.b64encode(f"{client.sim.username}:{client.sim.password}".encode()).decode()
    url = f"{client.sim.nsxv_url}/api/4.0/edges/edge-1/statistics/interfaces/uplink"
    headers = {"Authorization": auth, "Accept": "application/json"}
    async with client.http.get(url, params={"startTime": str(since)}, headers=headers) as response:
        body = json.loads(await response.text(), parse_float=Decimal, parse_int=Decimal)
    step = body["metaDto"]["interval"]
    for row in body["dataDto"].get("vnic_0", []):
        counts = [int((row[name] * 125 * step).to_integral_value(ROUND_HALF_UP)) for name in ("in", "out")]
        known.setdefault(int(row["timestamp"]) * 1_000, (counts[0], counts[1]))


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_each_rate_booked_once_is_what_is_billable(start: Start, seed: int) -> None:
    client = await start("nsxv", seed=seed)
    sim, path = client.sim, "/edges/edge-1/vnics/0"
    chance = sim.provider.random("rates")
    known: dict[int, tuple[int, int]] = {}
    for turn in range(60):
        since = max(known, default=sim.clock.start) - 2 * 300_000
        match chance.randrange(5):
            case 0:
                sim.fault("late_sample", path=path, count=1)
            case 1:
                sim.fault("repeat_samples", count=1)
            case 2:
                sim.fault("edge_failover", path="edge-1", by=chance.randrange(60, 900))
        await _rates(client, since, known)
        sim.clear()
        # Four hours in which nobody asks, and otherwise about five minutes.
        sim.advance(4 * 3_600_000 if turn == 30 else chance.randrange(200_000, 400_000))
    await _rates(client, max(known) - 600_000, known)
    billable = sim.edge_truth().billable(path, sim.clock.start, max(known))
    received, sent = (sum(column) for column in zip(*known.values(), strict=True))
    assert (received, sent) == (billable.ingress.bytes, billable.egress.bytes), seed
    carried = sim.truth().growth(path, sim.clock.start, max(known))
    assert received < carried.ingress.bytes, "what passed during the failovers nobody counted"
    assert len(known) > 60


async def _poll(client: Client) -> None:
    for port in list(client.sim.provider.live_ports()):
        if port.end == "tier0":
            continue
        path = f"{port.point}/statistics" if port.end == "interface" else f"{port.point}/tier-0-interface/statistics"
        assert (await client.get("/policy/api/v1" + path)).status == 200


@pytest.mark.parametrize("seed", [1, 2, 3])
async def test_proved_and_lost_bytes_are_the_truth(start: Start, seed: int) -> None:
    client = await start("small", seed=seed)
    sim = client.sim
    sim.limits.requests_per_second = 0
    chance = sim.provider.random("meter")
    for _ in range(STEPS):
        await _poll(client)
        sim.advance(chance.randrange(5_000, 400_000))
        node = f"{chance.choice(['ec-prov', 'ec-acme'])}/{chance.randrange(2)}"
        match chance.randrange(5):
            case 0:
                sim.fault("reset", node=node)
            case 1:
                sim.fault("failover", path=chance.choice(["t1-globex", "t0-acme", "t1-acme"]))
            case 2:
                sim.fault("node_down", node=node, rows=chance.choice(["missing", "stale"]))
                sim.advance(chance.randrange(5_000, 400_000))
                await _poll(client)
                sim.fault("node_up", node=node)
            case _:
                sim.fault("freeze", node=node, for_=chance.randrange(1, 300))
        sim.advance(chance.randrange(5_000, 60_000))
    sim.advance(600_000)
    await _poll(client)

    truth = sim.truth()
    series: dict[tuple[str, str, str, str], list[Served]] = defaultdict(list)
    for row in truth.served:
        if row.at is not None:
            series[row.path, row.end, row.port_id, row.node].append(row)
    assert len(series) > 8
    for (path, end, port_id, node), readings in series.items():
        first, last = readings[0].at, readings[-1].at
        assert first is not None
        assert last is not None
        mine = [loss for loss in truth.losses if (loss.port_id, loss.node) == (port_id, node) and loss.at <= last]
        lost = sum(loss.values.rx_bytes for loss in mine)
        carried = truth.growth(path, first, last, node=node)
        assert _proved(readings, [loss.at for loss in mine]) + lost == carried.ingress.bytes, (seed, path, end, node)
