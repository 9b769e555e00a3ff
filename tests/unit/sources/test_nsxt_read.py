"""A metering point's counters over HTTP, log-in included."""

from __future__ import annotations

import pytest
from aiohttp import web

from collector.errors import ObjectGone, ResponseInvalid
from collector.model.identity import Kind, PointKey, ReadAt
from collector.model.sample import Counters, Row, Sample
from collector.ports import PointCall
from collector.sources.nsxt.endpoints import Endpoints
from collector.sources.nsxt.snapshot import Edge
from tests.unit.sources.fake_nsx import FakeManager, Rig, always, counters, error, node_row, rig

UPLINK = "/infra/tier-0s/t0-acme/locale-services/default/interfaces/up1"
POINT = PointKey("nsx-a", Kind.TIER0_UPLINK, UPLINK)
EDGE = Edge("/infra/sites/default/enforcement-points/default/edge-clusters/ec/edge-nodes/0", "node-1")
CALL = Endpoints(federation=False).uplink(UPLINK, EDGE)
STATISTICS = f"/policy/api/v1{UPLINK}/statistics"
AT = 1_700_000_000_123


async def read(it: Rig, call: PointCall = CALL) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    reading = await it.client.read(POINT, ReadAt.INTERFACE, call)
    return reading.rows, reading.faults


async def test_logs_in_and_reads_an_uplink() -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        nsx.answers[STATISTICS] = {
            "logical_router_port_id": "port-1",
            "per_node_statistics": [node_row("node-1", AT, 9_007_199_254_740_993, 2_000)],
        }
        reading = await it.client.read(POINT, ReadAt.INTERFACE, CALL)
        sample = Sample(AT, it.clock.now(), Counters(9_007_199_254_740_993, 2_000, 9_007_199_254_740, 2, 0, 0))
        assert reading.rows == (Row("port-1", "node-1", sample),)
        assert (reading.point, reading.polled_at, reading.asked_node) == (POINT, it.clock.now(), None)
        point = "%2Finfra%2Fsites%2Fdefault%2Fenforcement-points%2Fdefault"
        edge = f"{point}%2Fedge-clusters%2Fec%2Fedge-nodes%2F0"
        assert nsx.paths() == [f"{STATISTICS}?enforcement_point_path={point}&edge_path={edge}"]
        await it.client.read(POINT, ReadAt.INTERFACE, CALL)
        assert nsx.logins == 1
        assert it.observed.notes == [("logged_in", nsx.host)]
        assert it.observed.outcomes == ["200", "200", "200"]


async def test_a_row_without_a_node_belongs_to_the_uplinks_own_edge() -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        row = node_row("node-1", AT, 1_000, 2_000)
        del row["transport_node_id"]
        nsx.answers[STATISTICS] = {"logical_router_port_id": "port-1", "per_node_statistics": [row]}
        rows, faults = await read(it)
        assert [row.node for row in rows] == ["node-1"]
        assert not faults


async def test_a_summary_is_one_row_of_the_node_summary() -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        nsx.answers["/s"] = {
            "interface_policy_path": "",
            "logical_router_port_id": "",
            "last_update_timestamp": AT,
            "rx": counters(5_000),
            "tx": {},
        }
        rows, _ = await read(it, PointCall(path="/s", node=None, summary=True))
        expected = Sample(AT, it.clock.now(), Counters(rx_bytes=5_000, rx_packets=5, rx_dropped=0))
        assert rows == (Row("", "summary", expected),)


@pytest.mark.parametrize(
    ("status", "code"), [(404, 202), (404, None), (400, 500012), (400, 503065), (400, "MP503065"), (400, "500012")]
)
async def test_a_path_that_is_gone_is_told_apart_and_not_asked_again(status: int, code: int | str | None) -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        nsx.script.append(always(lambda: error(status, code, "The path is invalid")))
        with pytest.raises(ObjectGone, match="path is invalid"):
            await read(it)
        assert len(nsx.paths()) == 1


@pytest.mark.parametrize("body", ["[]", "{}", '{"results": []}', '{"logical_router_port_id": "p", "per_node_sta', "7"])
async def test_an_answer_that_is_no_statistics_says_so_with_the_path_and_no_query(body: str) -> None:

    async with FakeManager() as nsx, rig(nsx) as it:
        nsx.script.append(always(lambda: web.Response(text=body, content_type="application/json")))
        with pytest.raises(ResponseInvalid) as caught:
            await read(it)
        assert STATISTICS in str(caught.value)
        assert "edge_path" not in str(caught.value)
