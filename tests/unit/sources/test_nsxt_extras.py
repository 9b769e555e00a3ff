"""Readings of tunnels, VPCs and transit gateways over HTTP."""

from __future__ import annotations

import asyncio
from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web

from collector.errors import ResponseInvalid, SourceUnavailable
from collector.model.identity import Kind, PointKey, ReadAt
from collector.model.sample import Counters, Reading, Sample
from collector.ports import FoundPoint
from collector.sources.nsxt.source import NsxtSource
from tests.unit.sources.fake_nsx import FakeManager, Handler, counters
from tests.unit.sources.test_nsxt_discovery import NOW, discovered, source_on
from tests.unit.sources.test_nsxt_parts import T1, provider, with_vpcs
from tests.unit.sources.world import API, EP

MINUTE = 60_000


def answered(body: Any, at: int | None) -> Handler:
    """Return a handler that answers so at the manager's time, or without one."""

    async def handler(_: web.Request) -> web.Response:
        response = web.json_response(body)
        response.headers["Date"] = formatdate(at / 1_000, usegmt=True) if at is not None else "some day"
        return response

    return handler


def taps(value: int) -> dict[str, Any]:
    tap = {"bytes_in": value, "bytes_out": 2 * value, "packets_in": 3, "packets_out": 4}
    tap |= {"packets_receive_error": 5, "packets_sent_error": 6}
    segment = {"segment_path": "/infra/segments/net", "bytes_in": value - 1}
    result = {"enforcement_point_path": EP, "tap_traffic_counters": [tap], "traffic_statistics_per_segment": [segment]}
    return {"results": [result]}


async def points_of(source: NsxtSource) -> dict[Kind, FoundPoint]:
    inventory = await discovered(source)
    assert inventory.complete, inventory.faults
    return {point.key.kind: point for point in inventory.points}


async def read(source: NsxtSource, point: FoundPoint) -> Reading:
    return await source.read(point.key, point.read_at, point.calls[0])


async def read_l2vpn(at: int | None, **options: Any) -> Reading:
    async with FakeManager() as nsx:
        path = provider(nsx).session(T1, "l2vpn", "l2", "s1")
        nsx.answers[f"{API}{path}/statistics"] = answered(taps(100), at)
        async with source_on(nsx, vpn=True, **options) as source:
            return await read(source, (await points_of(source))[Kind.L2VPN])


async def test_an_l2vpn_session_is_read_with_the_managers_time() -> None:
    reading = await read_l2vpn(NOW - 5_000)
    assert reading.read_at is ReadAt.SESSION
    assert reading.asked_node == "default/default"
    assert [(row.port, row.node, row.sample) for row in reading.rows] == [
        ("tap-0", "default/default", Sample(NOW - 5_000, NOW, Counters(100, 200, 3, 4, 5, 6)))
    ]
    assert reading.state is None


@pytest.mark.parametrize("at", [None, NOW + 400 * 86_400_000])
async def test_without_a_time_of_the_managers_that_can_be_it_is_ours(at: int | None) -> None:
    assert (await read_l2vpn(at)).rows[0].sample.at == NOW


async def test_the_direction_of_an_l2vpn_session_is_a_setting() -> None:
    assert (await read_l2vpn(NOW, l2vpn_in="egress")).rows[0].sample.counters == Counters(200, 100, 4, 3, 6, 5)


async def test_the_counters_of_an_l2vpn_session_are_a_setting() -> None:
    row = (await read_l2vpn(NOW, l2vpn_counters="segments")).rows[0]
    assert (row.port, row.sample.counters) == ("/infra/segments/net", Counters(rx_bytes=99))


async def test_an_ipsec_session_is_read_with_its_own_time_and_state() -> None:
    async with FakeManager() as nsx:
        path = provider(nsx).session(T1, "ipsec-vpn", "ip", "s1")
        result = {
            "last_update_timestamp": NOW - 9_000,
            "ike_status": {"ike_session_state": "UP"},
            "aggregate_traffic_counters": {"bytes_in": 10, "bytes_out": 20, "dropped_packets_in": 1},
            "policy_statistics": [{"tunnel_statistics": [{"tunnel_status": "DOWN"}]}],
        }
        nsx.answers[f"{API}{path}/statistics"] = answered({"results": [result]}, NOW)
        async with source_on(nsx, vpn=True) as source:
            reading = await read(source, (await points_of(source))[Kind.IPSEC_VPN])
    assert reading.rows[0].sample == Sample(NOW - 9_000, NOW, Counters(rx_bytes=10, tx_bytes=20, rx_dropped=1))
    assert reading.state == "DEGRADED"
    assert not reading.faults


async def test_an_alarm_inside_a_200_is_an_error_and_sends_nobody_to_another_manager() -> None:
    async with FakeManager() as nsx, FakeManager() as other:
        path = provider(nsx).session(T1, "l2vpn", "l2", "s1")
        alarm = {"error_id": "CONNECTION_FAILED", "message": "the enforcement point does not answer"}
        nsx.answers[f"{API}{path}/statistics"] = {"results": [{"alarm": alarm, "tap_traffic_counters": []}]}
        async with source_on(nsx, other, vpn=True) as source:
            point = (await points_of(source))[Kind.L2VPN]
            asked = len(nsx.seen)
            with pytest.raises(
                SourceUnavailable, match="CONNECTION_FAILED instead of statistics: the enforcement point"
            ):
                await read(source, point)
        assert len(nsx.seen) == asked + 2  # the request, and the log-out
        assert other.seen == []


async def test_an_answer_that_is_something_else_is_invalid() -> None:
    async with FakeManager() as nsx:
        path = provider(nsx).session(T1, "l2vpn", "l2", "s1")
        nsx.answers[f"{API}{path}/statistics"] = ["what"]
        async with source_on(nsx, vpn=True) as source:
            with pytest.raises(ResponseInvalid, match="sessions/s1/statistics: expected JSON"):
                await read(source, (await points_of(source))[Kind.L2VPN])


# --- VPCs and transit gateways ---------------------------------------------------------------------------------------


def split(external: int, internal: int, **more: Any) -> dict[str, Any]:
    return {
        "external_traffic": {"rx": counters(external), "tx": counters(2 * external)} | more,
        "internal_traffic": {"rx": counters(internal), "tx": counters(2 * internal)} | more,
    }


async def test_both_kinds_of_a_vpcs_traffic_come_from_one_request() -> None:
    async with FakeManager() as nsx:
        vpc, _ = with_vpcs(provider(nsx))
        nsx.answers[f"{API}{vpc}/statistics"] = split(1_000, 5_000, last_update_timestamp=NOW - MINUTE)
        async with source_on(nsx, vpcs=True) as source:
            points = await points_of(source)
            pair = [points[Kind.VPC_EXTERNAL], points[Kind.VPC_INTERNAL]]
            nsx.seen.clear()
            readings = await asyncio.gather(*(read(source, point) for point in pair))
            assert len(nsx.paths()) == 1
            await read(source, pair[0])
            assert len(nsx.paths()) == 2
    assert [reading.point for reading in readings] == [point.key for point in pair]
    assert [row.sample for reading in readings for row in reading.rows] == [
        Sample(NOW - MINUTE, NOW, Counters(1_000, 2_000, 1, 2, 0, 0)),
        Sample(NOW - MINUTE, NOW, Counters(5_000, 10_000, 5, 10, 0, 0)),
    ]
    assert {(row.port, row.node) for reading in readings for row in reading.rows} == {("", "summary")}


async def test_one_point_that_gives_up_leaves_the_answer_to_the_other() -> None:
    async with FakeManager() as nsx:
        vpc, _ = with_vpcs(provider(nsx))
        arrived, go_on = asyncio.Event(), asyncio.Event()

        async def slow(_: web.Request) -> web.Response:
            arrived.set()
            await go_on.wait()
            return web.json_response(split(1, 2, last_update_timestamp=NOW))

        nsx.answers[f"{API}{vpc}/statistics"] = slow
        async with source_on(nsx, vpcs=True) as source:
            points = await points_of(source)
            first, second = (
                asyncio.create_task(read(source, points[kind])) for kind in (Kind.VPC_EXTERNAL, Kind.VPC_INTERNAL)
            )
            await arrived.wait()
            first.cancel()
            await asyncio.gather(first, return_exceptions=True)
            go_on.set()
            assert (await second).rows[0].sample.counters.rx_bytes == 2
            assert first.cancelled()


async def test_a_stop_drops_what_is_under_way() -> None:
    async with FakeManager() as nsx:
        vpc, _ = with_vpcs(provider(nsx))
        arrived = asyncio.Event()

        async def silent(_: web.Request) -> web.Response:
            arrived.set()
            await asyncio.sleep(3_600)
            return web.Response()

        nsx.answers[f"{API}{vpc}/statistics"] = silent
        async with source_on(nsx, vpcs=True) as source:
            point = (await points_of(source))[Kind.VPC_EXTERNAL]
            waiting = asyncio.create_task(read(source, point))
            await arrived.wait()
        with pytest.raises(asyncio.CancelledError):
            await waiting


@pytest.mark.parametrize(
    ("version", "kind", "at"),
    [
        ("4.2.1", Kind.TRANSIT_GATEWAY_EXTERNAL, NOW - 3_000),
        ("9.0.1", Kind.TRANSIT_GATEWAY_INTERNAL, NOW - 3_000),
        ("9.1.0", Kind.TRANSIT_GATEWAY_EXTERNAL, 0),
        ("9.0.1", Kind.VPC_EXTERNAL, 0),
    ],
)
async def test_only_a_transit_gateway_before_9_1_takes_the_time_of_its_answer(
    version: str, kind: Kind, at: int
) -> None:
    async with FakeManager() as nsx:
        vpc, transit = with_vpcs(provider(nsx, version))
        for path in (vpc, transit):
            nsx.answers[f"{API}{path}/statistics"] = answered(split(1, 2), NOW - 3_000)
        async with source_on(nsx, vpcs=True) as source:
            assert (await read(source, (await points_of(source))[kind])).rows[0].sample.at == at


async def test_an_older_vpc_is_read_as_one_sum() -> None:
    async with FakeManager() as nsx:
        vpc, _ = with_vpcs(provider(nsx, "4.1.2"))
        answer = {"last_update_timestamp": NOW - 7, "rx": counters(1_000), "tx": counters(2_000)}
        nsx.answers[f"{API}{vpc}/statistics/summary"] = answer
        async with source_on(nsx, vpcs=True) as source:
            reading = await read(source, (await points_of(source))[Kind.VPC])
    assert reading.point == PointKey("nsx-a", Kind.VPC, vpc)
    assert reading.rows[0].sample == Sample(NOW - 7, NOW, Counters(1_000, 2_000, 1, 2, 0, 0))
