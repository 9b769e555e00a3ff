"""Every point of a simulated provider is found and read, and misbehaviour is told in the right words."""

from __future__ import annotations

import asyncio

import pytest

from collector.errors import ObjectGone, ResponseInvalid, SourceError, SourceUnavailable, Throttled
from collector.model.identity import Kind, ReadAt
from collector.model.sample import Sample
from collector.sources.nsxt.options import LinkEnd
from simulator import Simulator
from tests.integration.sources.rig import started

pytestmark = pytest.mark.integration

MINUTE = 60_000


@pytest.mark.parametrize("end", list(LinkEnd))
async def test_both_ends_of_a_link_show_the_true_bytes(end: LinkEnd) -> None:
    async with Simulator("small", speed=0) as sim, started(sim, link_end=end) as it:
        at_tier0 = end is LinkEnd.TIER0
        point = (await it.points())["t1-globex"]
        assert point.read_at is (ReadAt.TIER0 if at_tier0 else ReadAt.TIER1)
        samples: list[dict[str, Sample]] = []
        for _ in range(2):
            sim.advance(5 * MINUTE)
            samples.append({row.node: row.sample for each in await it.read_all(point) for row in each.rows})
        first, last = samples
        assert len(first) == len(last) == 2
        for node, sample in last.items():
            truth = sim.truth().growth(
                point.key.path, first[node].at, sample.at, node=node, port_end="tier0" if at_tier0 else "tier1"
            )
            rx = (sample.counters.rx_bytes or 0) - (first[node].counters.rx_bytes or 0)
            tx = (sample.counters.tx_bytes or 0) - (first[node].counters.tx_bytes or 0)
            into, out = (tx, rx) if at_tier0 else (rx, tx)
            assert (into, out) == (truth.ingress.bytes, truth.egress.bytes)
        assert any(sample.counters.rx_bytes for sample in last.values())


@pytest.mark.parametrize("scenario", ["small", "day"])
async def test_every_call_of_every_point_is_answered_by_its_node(scenario: str) -> None:
    async with Simulator(scenario, speed=0) as sim, started(sim) as it:
        sim.advance(MINUTE)
        inventory = await it.inventory()
        assert inventory.complete, inventory.faults
        kinds = {Kind.TIER0_UPLINK, Kind.TIER1_DOWNLINK, Kind.SERVICE_INTERFACE}
        assert {point.key.kind for point in inventory.points} == kinds
        for point in inventory.points:
            for call, reading in zip(point.calls, await it.read_all(point), strict=True):
                assert [row.node for row in reading.rows] == [call.node or call.fallback_node]
                assert reading.rows[0].sample.at > 0
                assert not reading.faults
        load = sim.limits.total.summary()
        assert load["per_sliding_second_max"] <= 90
        assert load["refused_rate"] == load["refused_concurrency"] == 0


async def test_a_federation_is_read_at_its_global_manager() -> None:
    async with Simulator("federation", speed=0) as sim, started(sim, federation=True) as it:
        sim.advance(MINUTE)
        inventory = await it.inventory()
        assert inventory.complete, inventory.faults
        assert len(inventory.points) == 10
        assert all(point.key.path.startswith("/global-infra/") for point in inventory.points)
        for point in inventory.points:
            for call, reading in zip(point.calls, await it.read_all(point), strict=True):
                assert [row.node for row in reading.rows] == [call.node or call.fallback_node]


async def test_an_older_release_is_read_from_the_summary() -> None:
    async with Simulator("small", speed=0) as sim, started(sim) as it:
        sim.advance(MINUTE)
        sim.fault("set_version", version="3.1.3.7.0.1")
        points = await it.points()
        assert points["t1-globex"].read_at is ReadAt.TIER0_SUMMARY
        assert points["csp-colo"].read_at is ReadAt.INTERFACE
        with pytest.raises(ObjectGone):
            await it.read(points["t1-globex"])


async def test_a_summary_with_empty_ids_is_still_a_row() -> None:
    async with Simulator("small", speed=0) as sim, started(sim) as it:
        sim.advance(MINUTE)
        sim.fault("set_version", version="3.1.3.7.0.1")
        point = (await it.points())["t1-globex"]
        sim.fault("set_version", version="4.1.2")
        sim.fault("empty_summary_ids")
        reading = await it.read(point)
        assert [(row.port, row.node) for row in reading.rows] == [("", "summary")]
        assert reading.rows[0].sample.counters.rx_bytes


@pytest.mark.parametrize(
    ("do", "kind", "words"),
    [
        ("throttle", Throttled, "code 102"),
        ("unavailable", SourceUnavailable, "HTTP 503, text/html instead of a JSON error"),
        ("invalid_path", ObjectGone, "code 500012"),
        ("no_edge_node", ObjectGone, "code 503065"),
        ("not_found", ObjectGone, "HTTP 404"),
        ("redirect", ResponseInvalid, "redirects are refused"),
        ("html", ResponseInvalid, "expected JSON, got text/html"),
        ("truncated", ResponseInvalid, "expected JSON"),
        ("cut", SourceUnavailable, "the connection broke"),
        ("oversized", ResponseInvalid, "longer than"),
        ("hang", SourceUnavailable, "no answer within"),
        ("connection_reset", SourceUnavailable, "the connection broke"),
    ],
)
async def test_one_broken_object_is_told_and_the_next_one_is_read(do: str, kind: type[SourceError], words: str) -> None:
    async with Simulator("small", speed=0) as sim, started(sim, timeout_seconds=0.5) as it:
        points = await it.points()
        fault = sim.fault(do, path="t1-acme", code_as="string", size_bytes=17 * 2**20)
        with pytest.raises(kind) as caught:
            await it.read(points["t1-acme"])
        assert words in str(caught.value)
        assert "edge_path" not in str(caught.value)
        assert fault is not None
        assert (await it.read(points["csp-colo"])).rows
        sim.clear()
        assert (await it.read(points["t1-acme"])).rows
        assert "login_refused" not in it.notes.told


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        ({"do": "no_rows"}, None),
        ({"do": "empty_rows"}, None),
        ({"do": "drop_row"}, None),
        ({"do": "drop_node_id"}, (True, True, True)),
        ({"do": "drop_fields", "fields": ["rx"]}, (True, False, True)),
        ({"do": "drop_fields", "fields": ["tx"]}, (True, True, False)),
        ({"do": "drop_fields", "fields": ["last_update_timestamp"]}, (False, True, True)),
        ({"do": "drop_fields", "fields": ["rx", "tx", "last_update_timestamp"]}, (False, False, False)),
    ],
)
async def test_what_a_row_lacks_is_lacking(fault: dict[str, object], expected: tuple[bool, bool, bool] | None) -> None:
    async with Simulator("small", speed=0) as sim, started(sim) as it:
        sim.advance(MINUTE)
        points = await it.points()
        for name in ("t1-acme", "up1-1"):
            point = points[name]
            sim.fault(str(fault["do"]), path=point.key.path, **{k: v for k, v in fault.items() if k != "do"})
            reading = await it.read(point)
            found = [
                (row.sample.at > 0, row.sample.counters.rx_bytes is not None, row.sample.counters.tx_bytes is not None)
                for row in reading.rows
            ]
            assert found == ([] if expected is None else [expected])
            assert all(row.node for row in reading.rows)


async def test_the_limits_hold_while_polls_and_a_discovery_compete() -> None:
    async with Simulator("day", speed=0) as sim, started(sim, requests_per_second=60, concurrency=12) as it:
        points = list((await it.points()).values())
        calls = [(point, number) for point in points for number in range(len(point.calls))]
        await asyncio.gather(it.inventory(), *(it.read(point, number) for point, number in calls))
        load = sim.limits.total.summary()
        assert load["per_sliding_second_max"] <= 60
        assert load["in_flight_max"] <= 12
        assert 0 < it.source.budget_used_ratio() <= 1
