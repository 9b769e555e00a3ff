"""Changes of the provider as a client sees them: resets, failovers, nodes, ports and objects."""

from __future__ import annotations

import pytest

from simulator.scenario import load_scenario, parse_scenario
from tests.simulator.conftest import CSP, CSP_POINT, GLOBEX, T0_LINK, T1_LINK, Client, Start

T1S = "/policy/api/v1/infra/tier-1s"
POINT = "/policy/api/v1/infra/sites/default/enforcement-points/default"
pytestmark = pytest.mark.integration


def _bytes(rows: dict[str, dict[str, dict[str, int]]]) -> dict[str, int]:
    return {node: row["rx"]["total_bytes"] for node, row in rows.items()}


async def test_one_node_resets_and_the_other_runs_on(client: Client) -> None:
    before = _bytes((await client.get(CSP)).rows)
    node = client.sim.provider.gateway("t1-globex").nodes[0]
    client.sim.fault("reset", node=node.alias)
    client.sim.advance(60_000)
    after = _bytes((await client.get(CSP)).rows)
    assert 0 < after[node.nsx_id] < before[node.nsx_id]
    other = next(key for key in after if key != node.nsx_id)
    assert after[other] > before[other], "the noise of the standby node"
    summary = (await client.get(CSP + "/summary")).body["rx"]["total_bytes"]
    assert summary == sum(after.values())


async def test_a_reset_in_the_middle_of_a_poll(client: Client) -> None:
    node = client.sim.provider.gateway("t1-globex").active()[0]
    before = [_bytes((await client.get(path)).rows)[node.nsx_id] for path in (CSP, T1_LINK)]
    client.sim.advance(60_000)
    client.sim.fault("reset", node=node.alias, after_requests=2, refresh=True)
    after = [_bytes((await client.get(path)).rows)[node.nsx_id] for path in (CSP, T1_LINK)]
    assert after[0] > before[0], "the first request saw the old register"
    assert after[1] < before[1], "the second one the new"


async def test_failover_freezes_the_old_node_and_moves_the_traffic(client: Client) -> None:
    old, new = client.sim.provider.gateway("t1-globex").nodes
    client.sim.fault("failover", path="t1-globex")
    client.sim.advance(20_000)
    first = _bytes((await client.get(T1_LINK)).rows)
    client.sim.advance(60_000)
    second = _bytes((await client.get(T1_LINK)).rows)
    assert second[old.nsx_id] == first[old.nsx_id]
    assert second[new.nsx_id] > first[new.nsx_id]
    state = (await client.get(f"{T1S}/t1-globex/state")).body["tier1_status"]["per_node_status"]
    assert {row["transport_node_id"]: row["high_availability_status"] for row in state} == {
        new.nsx_id: "ACTIVE", old.nsx_id: "STANDBY",
    }  # fmt: skip


async def test_a_node_goes_and_comes_back_from_zero(client: Client) -> None:
    node = client.sim.provider.gateway("t1-globex").active()[0]
    before = _bytes((await client.get(CSP)).rows)
    client.sim.fault("node_down", node=node.alias)
    client.sim.advance(60_000)
    assert node.nsx_id not in (await client.get(CSP)).rows
    state = (await client.get(f"{T1S}/t1-globex/state")).body["tier1_status"]["per_node_status"]
    assert "DOWN" in [row["high_availability_status"] for row in state]
    client.sim.fault("node_up", node=node.alias)
    client.sim.advance(60_000)
    assert _bytes((await client.get(CSP)).rows)[node.nsx_id] < before[node.nsx_id]
    assert client.sim.provider.gateway("t1-globex").active() != [node], "a gateway does not go back by itself"


async def test_a_node_that_is_down_may_show_old_values(client: Client) -> None:
    node = client.sim.provider.gateway("t1-globex").active()[0]
    client.sim.advance(60_000)
    client.sim.fault("node_down", node=node.alias, rows="stale")
    first = (await client.get(CSP)).rows[node.nsx_id]
    client.sim.advance(600_000)
    assert (await client.get(CSP)).rows[node.nsx_id] == first
    client.sim.fault("node_up", node=node.alias, reset=False)
    client.sim.advance(20_000)
    assert (await client.get(CSP)).rows[node.nsx_id]["rx"]["total_bytes"] >= first["rx"]["total_bytes"]


async def test_realtime_from_a_dead_node_times_out(client: Client) -> None:
    node = client.sim.provider.gateway("t1-globex").active()[0]
    client.sim.fault("node_down", node=node.alias, rows="stale")
    assert (await client.get(CSP, source="realtime")).status == 504


async def test_a_node_is_removed_from_its_cluster_and_added_again(client: Client) -> None:
    node = client.sim.provider.node("ec-prov/1")
    nodes = f"{POINT}/edge-clusters/ec-prov/edge-nodes"
    client.sim.fault("node_remove", node="ec-prov/1")
    assert len((await client.get(nodes)).body["results"]) == 1
    assert (await client.get(CSP, edge_path=node.path())).body["error_code"] == 503065
    client.sim.fault("node_add", node="ec-prov/1")
    assert len((await client.get(nodes)).body["results"]) == 2
    assert (await client.get(CSP, edge_path=node.path())).status == 200


async def test_a_node_is_redeployed_under_another_id(client: Client) -> None:
    old = client.sim.provider.node("ec-prov/0")
    uplink = "/infra/tier-0s/t0-prov/locale-services/default/interfaces/up1-1"
    before = (await client.get(CSP)).rows
    client.sim.fault("node_replace", node="ec-prov/0")
    new = client.sim.provider.node("ec-prov/0")
    client.sim.advance(60_000)
    after = (await client.get(CSP)).rows
    assert set(before) - set(after) == {old.nsx_id}
    assert set(after) - set(before) == {new.nsx_id}
    start, end = client.sim.clock.start, after[new.nsx_id]["last_update_timestamp"]
    carried = client.sim.truth().growth(CSP_POINT, start, end, node=new.nsx_id)
    assert after[new.nsx_id]["rx"]["total_bytes"] == carried.ingress.bytes, "counts from zero"
    assert (await client.get("/policy/api/v1" + uplink)).body["edge_path"] == new.path()
    assert list((await client.get(f"/policy/api/v1{uplink}/statistics")).rows) == [new.nsx_id]
    assert (await client.get(CSP, edge_path=old.path())).body["error_code"] == 503065


async def test_a_gateway_is_given_another_node(start: Start) -> None:
    client = await start("day", events=[])
    gateway = client.sim.provider.gateway("t1-globex")
    old = gateway.active()[0]
    free = next(node for node in gateway.order[0].cluster.nodes if node not in gateway.order)
    port = (await client.get(T1_LINK)).body["logical_router_port_id"]
    client.sim.fault("relocate", path="t1-globex", node=free.alias)
    client.sim.advance(60_000)
    answer = await client.get(T1_LINK)
    assert answer.body["logical_router_port_id"] == port
    assert old.nsx_id not in answer.rows
    assert answer.rows[free.nsx_id]["rx"]["total_bytes"] > 0
    with pytest.raises(ValueError, match="needs another node of its cluster"):
        client.sim.fault("relocate", path="t1-globex", node=free.alias)


@pytest.mark.parametrize("new_create_time", [True, False])
async def test_a_port_is_made_again(client: Client, new_create_time: bool) -> None:
    path = "/policy/api/v1" + CSP_POINT
    before, old = (await client.get(path)).body, (await client.get(CSP)).body
    client.sim.advance(3_600_000)
    client.sim.fault("recreate_port", path="t1-globex/csp-colo", new_create_time=new_create_time)
    fresh = (await client.get(CSP)).body
    assert fresh["logical_router_port_id"] != old["logical_router_port_id"]
    assert all("rx" not in row for row in fresh["per_node_statistics"]), "never updated is not zero"
    after = (await client.get(path)).body
    assert (after["_create_time"] == client.sim.now()) is new_create_time
    assert (after["_create_time"] == before["_create_time"]) is not new_create_time
    client.sim.advance(60_000)
    rows = (await client.get(CSP)).rows
    born = client.sim.now() - 60_000
    for node, row in rows.items():
        carried = client.sim.truth().growth(CSP_POINT, born, row["last_update_timestamp"], node=node)
        assert row["rx"]["total_bytes"] == carried.ingress.bytes, "a new port counts from its creation"
    assert {loss.reason for loss in client.sim.truth().losses} == {"recreated"}


async def test_a_gateway_moves_to_another_tier0(start: Start) -> None:
    client = await start("day", events=[])
    link = "/policy/api/v1/infra/tier-1s/t1-stark/tier-0-interface/statistics"
    before = (await client.get(link)).body["logical_router_port_id"]
    client.sim.fault("move", path="t1-stark", to="t0-second")
    assert (await client.get(f"{T1S}/t1-stark")).body["tier0_path"] == "/infra/tier-0s/t0-second"
    assert (await client.get(link)).body["logical_router_port_id"] != before
    gone = await client.get(T0_LINK + "/summary", tier1_path="/infra/tier-1s/t1-stark")
    assert gone.body["error_code"] == 500012
    new = T0_LINK.replace("t0-prov", "t0-second")
    client.sim.advance(60_000)
    assert (await client.get(new + "/summary", tier1_path="/infra/tier-1s/t1-stark")).body["tx"]["total_bytes"] > 0


async def test_objects_go_and_come(client: Client) -> None:
    listed = await client.get(T1S)
    old = next(row for row in listed.body["results"] if row["id"] == "t1-globex")
    client.sim.fault("delete", path="t1-globex")
    assert (await client.get(CSP)).status == 404, "gone between the list and the statistics"
    assert (await client.get(T1_LINK)).status == 404
    assert (await client.get(T0_LINK + "/summary", tier1_path=GLOBEX)).status == 400
    client.sim.advance(60_000)
    client.sim.fault("recreate", path="t1-globex")
    new = (await client.get(f"{T1S}/t1-globex")).body
    assert new["_create_time"] == client.sim.now()
    assert new["unique_id"] != old["unique_id"]
    client.sim.fault("add_tier1", tier1={"id": "t1-new", "tier0": "t0-prov", "cluster": "ec-prov", "tenant": "globex"})
    client.sim.fault("add_interface", path="t1-new", interface={"id": "csp"})
    interfaces = await client.get(f"{T1S}/t1-new/locale-services/default/interfaces")
    assert [row["id"] for row in interfaces.body["results"]] == ["csp"]


async def test_the_clocks_jump(client: Client) -> None:
    client.sim.advance(60_000)
    before = (await client.get(CSP)).rows
    client.sim.fault("clock_jump", device_offset="-5m", manager_offset="2m")
    client.sim.advance(20_000)
    after = (await client.get(CSP)).rows
    assert all(after[node]["last_update_timestamp"] < row["last_update_timestamp"] for node, row in before.items())
    state = (await client.get(f"{T1S}/t1-globex/state")).body["tier1_status"]
    assert state["last_update_timestamp"] == client.sim.now() + 120_000


async def test_a_release_is_upgraded(start: Start) -> None:
    client = await start("small", version="3.1.3")
    assert (await client.get(T1_LINK)).status == 404
    client.sim.fault("set_version", version="4.2.0")
    assert (await client.get(T1_LINK, source="realtime")).status == 200


async def test_events_are_played_at_their_own_instants(start: Start) -> None:
    event = {"at": "1h", "do": "reset", "node": "ec-prov/0"}
    events = parse_scenario({"clusters": [{"id": "ec-prov"}], "events": [event]}).events
    client = await start(load_scenario("small"), events=events)
    client.sim.advance(7_200_000)
    assert {loss.at for loss in client.sim.truth().losses} == {client.sim.clock.start + 3_600_000}


async def test_what_cannot_be_done_is_said(client: Client) -> None:
    with pytest.raises(LookupError, match="no edge node 'ec-prov/7'; known: ec-prov/0, ec-prov/1"):
        client.sim.fault("reset", node="ec-prov/7")
    with pytest.raises(ValueError, match="has 1 gateways under it"):
        client.sim.fault("delete", path="t0-prov")
    with pytest.raises(ValueError, match="only a Tier-1 moves"):
        client.sim.fault("move", path="t0-prov", to="t0-acme")
    with pytest.raises(LookupError, match="no manager 'nsx-z'; known: nsx-a, nsx-b"):
        client.sim.fault("manager_down", manager="nsx-z")
