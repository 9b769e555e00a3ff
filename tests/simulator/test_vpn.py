"""VPN sessions over HTTPS: lists, counters, what is cached, and what an answer of 200 may hide."""

from __future__ import annotations

from typing import Any

import pytest

from simulator.objects import LOCAL_POINT
from tests.simulator.conftest import Answer, Client, Start

pytestmark = pytest.mark.integration

POLICY = "/policy/api/v1"
T1 = "/infra/tier-1s/t1-globex"
L2VPN = f"{T1}/l2vpn-services/default/sessions/migration"
IPSEC = f"{T1}/ipsec-vpn-services/default/sessions/to-dc"
BRANCH = f"{T1}/ipsec-vpn-services/branches/sessions/to-branch"
OFFICE = "/infra/tier-0s/t0-acme/ipsec-vpn-services/default/sessions/to-office"
PROJECT = "/orgs/default/projects/hooli/infra/tier-1s/t1-hooli"
MINUTE = 60_000


@pytest.fixture
async def client(start: Start) -> Client:
    """A client half an hour after the start."""
    made = await start("tunnels")
    made.sim.advance(30 * MINUTE)
    return made


async def stats(client: Client, session: str, **query: str) -> Answer:
    return await client.get(f"{POLICY}{session}/statistics", headers=None, **query)


async def element(client: Client, session: str, **query: str) -> Any:
    """Return the one element of an answer; JSON of any shape."""
    (found,) = (await stats(client, session, **query)).body["results"]
    return found


async def names(client: Client, path: str) -> list[str]:
    return [row["id"] for row in (await client.get(POLICY + path)).body["results"]]


async def test_services_and_sessions_are_listed(client: Client) -> None:
    assert await names(client, f"{T1}/l2vpn-services") == ["default"]
    assert await names(client, f"{T1}/l2vpn-services/default/sessions") == ["migration"]
    assert await names(client, f"{T1}/ipsec-vpn-services") == ["branches", "default"]
    assert await names(client, f"{T1}/ipsec-vpn-services/branches/sessions") == ["to-branch"]
    assert await names(client, "/infra/tier-0s/t0-acme/ipsec-vpn-services/default/sessions") == ["to-office"]
    assert await names(client, f"{PROJECT}/l2vpn-services/default/sessions") == ["stretch"]
    assert await names(client, "/infra/tier-1s/t1-acme/l2vpn-services") == [], "a gateway without services has a list"
    assert (await client.get(f"{POLICY}{T1}/l2vpn-services/none/sessions")).status == 404
    row = (await client.get(POLICY + L2VPN)).body
    assert (row["resource_type"], row["path"], row["enabled"]) == ("L2VPNSession", L2VPN, True)
    assert (await stats(client, f"{T1}/l2vpn-services/default/sessions/none")).status == 404


async def test_an_l2vpn_session_counts_per_tap_and_per_segment(client: Client) -> None:
    sim = client.sim
    first = await element(client, L2VPN, source="realtime")
    start = sim.device_time()
    sim.advance(20 * MINUTE)
    second = await element(client, L2VPN, source="realtime")
    truth = sim.truth()
    grown = truth.growth(L2VPN, start, sim.device_time())
    (before,), (after,) = first["tap_traffic_counters"], second["tap_traffic_counters"]
    assert after["bytes_in"] - before["bytes_in"] == grown.ingress.bytes > 10**7
    assert after["bytes_out"] - before["bytes_out"] == grown.egress.bytes > 10**6
    assert after["packets_in"] - before["packets_in"] == grown.ingress.packets
    assert after["packets_sent_error"] - before["packets_sent_error"] == grown.egress.dropped_packets
    paths = ["/infra/segments/company-network", "/infra/segments/company-dmz"]
    assert [row["segment_path"] for row in second["traffic_statistics_per_segment"]] == paths
    for path, one, other in zip(
        paths, first["traffic_statistics_per_segment"], second["traffic_statistics_per_segment"], strict=True
    ):
        part = truth.growth(L2VPN, start, sim.device_time(), node=path)
        assert other["bytes_in"] - one["bytes_in"] == part.ingress.bytes > 0
        assert other["bum_bytes_in"] < other["bytes_in"]
    total = sum(row["bytes_in"] for row in second["traffic_statistics_per_segment"])
    assert total == after["bytes_in"], "both count the same bytes"
    assert "last_update_timestamp" not in second, "an L2VPN answer carries no time"
    assert second["enforcement_point_path"] == LOCAL_POINT
    assert (await client.get(f"{POLICY}/infra/segments/company-dmz")).body["id"] == "company-dmz"


async def test_an_l2vpn_session_is_cached_unless_asked_otherwise(client: Client) -> None:
    def counted(found: Any) -> int:  # JSON of any shape
        return int(found["tap_traffic_counters"][0]["bytes_in"])

    client.sim.advance(10_000 - client.sim.now() % 10_000 + 3_000)
    fresh = [counted(await element(client, L2VPN, source="realtime"))]
    cached = [counted(await element(client, L2VPN))]
    for _ in range(10):
        client.sim.advance(1_000)
        cached.append(counted(await element(client, L2VPN, source="cached")))
        fresh.append(counted(await element(client, L2VPN, source="realtime")))
    assert len(set(fresh)) == 11
    assert 2 <= len(set(cached)) <= 3, "renewed every ten seconds"


async def test_an_ipsec_session_counts_and_tells_its_time(client: Client) -> None:
    sim = client.sim
    first = await element(client, BRANCH)
    sim.advance(20 * MINUTE)
    second = await element(client, BRANCH)
    start, end = first["last_update_timestamp"], second["last_update_timestamp"]
    assert end == sim.device_time()
    grown = sim.truth().growth(BRANCH, start, end)
    before, after = first["aggregate_traffic_counters"], second["aggregate_traffic_counters"]
    assert after["bytes_in"] - before["bytes_in"] == grown.ingress.bytes > 10**6
    assert after["packets_out"] - before["packets_out"] == grown.egress.packets
    assert after["dropped_packets_in"] - before["dropped_packets_in"] == grown.ingress.dropped_packets
    (policy,) = second["policy_statistics"]
    tunnels = policy["tunnel_statistics"]
    assert [row["tunnel_status"] for row in tunnels] == ["UP"] * 3
    assert sum(row["bytes_out"] for row in tunnels) == after["bytes_out"]
    assert second["ike_status"] == {"ike_session_state": "UP"}


async def test_a_cached_value_of_a_tier1_is_old_for_ever_unless_it_is_renewed(client: Client) -> None:
    sim = client.sim
    old = await element(client, IPSEC, source="cached")
    for _ in range(5):
        sim.advance(20 * MINUTE)
        assert await element(client, IPSEC, source="cached") == old
    assert old["last_update_timestamp"] == sim.clock.start
    fresh = await element(client, IPSEC, source="realtime")
    assert fresh["last_update_timestamp"] == sim.device_time()
    sim.advance(MINUTE)
    assert await element(client, IPSEC, source="cached") == fresh, "whoever asks in real time renews it for all"
    assert (await element(client, IPSEC))["last_update_timestamp"] == sim.device_time()
    office = await element(client, OFFICE, source="cached")
    assert office["last_update_timestamp"] == sim.device_time(), "on a Tier-0 the parameter is ignored"
    assert (await stats(client, IPSEC, source="soon")).status == 400
    assert (await stats(client, IPSEC, edge_path="x")).status == 400


async def test_tunnels_pass_the_gateways_own_way_out(client: Client) -> None:
    truth, start, end = client.sim.truth(), client.sim.clock.start, client.sim.device_time()
    kinds = {point.path: point.kind for point in truth.points()}
    assert (kinds[L2VPN], kinds[IPSEC]) == ("l2vpn", "ipsec_vpn")
    inside = sum(truth.growth(path, start, end).ingress.bytes for path in (L2VPN, IPSEC, BRANCH))
    link = truth.growth(T1, start, end).ingress.bytes
    assert 0 < inside < link, "the payload passes the link too"
    billed = {point.path for point in truth.billed("globex")}
    assert billed == {T1, f"{T1}/locale-services/default/interfaces/csp-colo"}
    parts = sum(truth.growth(path, start, end).ingress.bytes for path in billed)
    assert truth.tenant("globex", start, end).ingress.bytes == parts, "so a tunnel is never added"


async def test_an_alarm_hides_in_a_good_status(client: Client) -> None:
    client.sim.fault("alarm", path=L2VPN, count=1)
    answer = await stats(client, L2VPN)
    assert answer.status == 200
    (found,) = answer.body["results"]
    assert set(found) == {"resource_type", "enforcement_point_path", "display_name", "alarm"}
    assert set(found["alarm"]) == {"error_id", "message", "error_details"}
    assert "alarm" not in await element(client, L2VPN)
    client.sim.fault("alarm", path=IPSEC, count=1)
    assert "aggregate_traffic_counters" not in await element(client, IPSEC)


async def test_answers_lack_rows_or_members(client: Client) -> None:
    client.sim.fault("empty_rows", path=L2VPN, count=1)
    assert (await stats(client, L2VPN)).body["results"] == []
    client.sim.fault("no_rows", path=L2VPN, count=1)
    assert "results" not in (await stats(client, L2VPN)).body
    client.sim.fault("drop_fields", path=L2VPN, fields=["tap_traffic_counters.bytes_in"], count=1)
    (tap,) = (await element(client, L2VPN))["tap_traffic_counters"]
    assert "bytes_in" not in tap
    assert "bytes_out" in tap
    fields = ["last_update_timestamp", "aggregate_traffic_counters.packets_in"]
    client.sim.fault("drop_fields", path=IPSEC, fields=fields, count=1)
    found = await element(client, IPSEC)
    assert "last_update_timestamp" not in found
    assert "packets_in" not in found["aggregate_traffic_counters"]


async def test_values_that_mislead(client: Client) -> None:
    def counted(found: Any) -> int:  # JSON of any shape
        return int(found["aggregate_traffic_counters"]["bytes_in"])

    good = await element(client, IPSEC)
    client.sim.fault("glitch", path=IPSEC, count=1)
    assert counted(await element(client, IPSEC)) == counted(good) // 2
    client.sim.advance(MINUTE)
    client.sim.fault("spike", path=IPSEC, count=1)
    assert counted(await element(client, IPSEC)) >= counted(good) + 10**15
    client.sim.advance(MINUTE)
    client.sim.fault("older_timestamp", path=IPSEC, by="10m", count=1)
    assert (await element(client, IPSEC))["last_update_timestamp"] == client.sim.device_time() - 10 * MINUTE
    client.sim.clear()
    client.sim.fault("freeze", path=IPSEC, for_="5m")
    frozen = await element(client, IPSEC)
    client.sim.advance(4 * MINUTE)
    assert await element(client, IPSEC) == frozen
    client.sim.advance(MINUTE)
    assert counted(await element(client, IPSEC)) > counted(frozen)


async def test_a_tunnel_goes_down_and_comes_back(client: Client) -> None:
    sim = client.sim
    sim.fault("tunnel_down", path="t1-globex/to-branch/1")
    found = await element(client, BRANCH)
    tunnels = found["policy_statistics"][0]["tunnel_statistics"]
    assert [row["tunnel_status"] for row in tunnels] == ["UP", "DOWN", "UP"]
    assert tunnels[1]["tunnel_down_reason"]
    assert found["ike_status"]["ike_session_state"] == "UP"
    sim.fault("tunnel_down", path=BRANCH)
    down_at = sim.device_time()
    link = sim.truth().growth(T1, sim.clock.start, down_at)
    sim.advance(10 * MINUTE)
    assert sim.truth().growth(BRANCH, down_at, sim.device_time()).ingress.bytes == 0
    assert sim.truth().growth(T1, sim.clock.start, sim.device_time()).ingress.bytes > link.ingress.bytes
    assert (await element(client, BRANCH))["ike_status"]["ike_session_state"] == "DOWN"
    sim.fault("tunnel_up", path=BRANCH)
    sim.advance(MINUTE)
    assert sim.truth().growth(BRANCH, down_at, sim.device_time()).ingress.bytes > 0
    with pytest.raises(LookupError, match="has no tunnel 7"):
        sim.fault("tunnel_down", path="t1-globex/to-branch/7")
    with pytest.raises(LookupError, match="no VPN session"):
        sim.fault("tunnel_down", path="t1-globex/none")


async def test_a_user_zeroes_a_session(client: Client) -> None:
    sim = client.sim
    before = await element(client, IPSEC)
    sim.advance(7 * MINUTE)
    url = f"{sim.urls[0]}{POLICY}{IPSEC}/statistics?action=reset"
    async with client.http.post(url, headers=client.headers) as response:
        assert response.status == 403, "an auditor cannot"
    await client.login("simulated-operator", "operator")
    async with client.http.post(url, headers=client.headers) as response:
        assert response.status == 200
    reset_at = sim.device_time()
    async with client.http.post(url.replace(IPSEC, L2VPN), headers=client.headers) as response:
        assert response.status == 404, "only IPsec sessions have it"
    sim.advance(3 * MINUTE)
    after = await element(client, IPSEC)
    (loss,) = [loss for loss in sim.truth().losses if loss.point == IPSEC]
    assert (loss.at, loss.reason, loss.served, loss.end) == (reset_at, "reset", True, "session")
    whole = sim.truth().growth(IPSEC, before["last_update_timestamp"], after["last_update_timestamp"])
    assert loss.values.rx_bytes + after["aggregate_traffic_counters"]["bytes_in"] == whole.ingress.bytes


async def test_a_session_begins_anew_on_another_edge_node(client: Client) -> None:
    sim = client.sim
    await element(client, IPSEC)
    sim.advance(MINUTE)
    sim.fault("failover", path="t1-globex")
    moved = [loss.point for loss in sim.truth().losses]
    assert set(moved) == {L2VPN, IPSEC, BRANCH}
    assert (await element(client, IPSEC))["aggregate_traffic_counters"]["bytes_in"] == 0
    sim.advance(MINUTE)
    node = sim.provider.session("t1-globex/to-dc").active
    assert node is not None
    sim.fault("reset", node=node.alias)
    assert [loss.point for loss in sim.truth().losses].count(IPSEC) == 2
    assert (await element(client, IPSEC))["aggregate_traffic_counters"]["bytes_in"] == 0


async def test_sessions_are_deleted_and_made_again(client: Client) -> None:
    sim = client.sim
    old = (await client.get(POLICY + L2VPN)).body
    sim.fault("delete", path="t1-globex/migration")
    assert (await stats(client, L2VPN)).status == 404
    assert await names(client, f"{T1}/l2vpn-services") == []
    gone_at = sim.device_time()
    sim.advance(MINUTE)
    assert sim.truth().growth(L2VPN, gone_at, sim.device_time()).ingress.bytes == 0
    sim.fault("recreate", path="t1-globex/migration")
    new = (await client.get(POLICY + L2VPN)).body
    assert (new["unique_id"] != old["unique_id"], new["_create_time"]) == (True, sim.now())
    sim.advance(MINUTE)
    grown = sim.truth().growth(L2VPN, gone_at, sim.device_time()).ingress.bytes
    assert (await element(client, L2VPN, source="realtime"))["tap_traffic_counters"][0]["bytes_in"] == grown > 0
    sim.fault("recreate", path="t1-globex")
    assert await names(client, f"{T1}/ipsec-vpn-services/branches/sessions") == ["to-branch"]
    assert len([flow for flow in sim.provider.flows if flow.through]) == 9, "one for each tunnel, and none twice"


async def test_what_was_answered_of_a_tunnel_is_recorded(client: Client) -> None:
    await element(client, IPSEC)
    await element(client, IPSEC)
    served = [row for row in client.sim.truth().served if row.path == IPSEC]
    assert [(row.end, row.node, row.at) for row in served] == [("session", "tunnel-0", client.sim.device_time())]


async def test_three_ids_of_an_object(client: Client) -> None:
    row = (await client.get(POLICY + T1)).body
    state = (await client.get(f"{POLICY}{T1}/state")).body["tier1_status"]
    ids = {row["id"], row["unique_id"], row["realization_id"], state["logical_router_id"]}
    assert len(ids) == 4
    realized = await client.get(f"{POLICY}/infra/realized-state/realized-entities", intent_path=T1)
    assert state["logical_router_id"] in [one["id"] for one in realized.body["results"]]
    csp = (await client.get(f"{POLICY}{T1}/locale-services/default/interfaces/csp-colo")).body
    assert csp["unique_id"] != csp["realization_id"]


async def test_an_object_has_one_id_elsewhere(start: Start) -> None:
    client = await start("small")
    row = (await client.get(POLICY + T1)).body
    state = (await client.get(f"{POLICY}{T1}/state")).body["tier1_status"]
    assert row["unique_id"] == row["realization_id"] == state["logical_router_id"] != row["id"]


async def test_segments_tell_what_they_are(client: Client) -> None:
    rows = {row["id"]: row for row in (await client.get(f"{POLICY}/infra/segments")).body["results"]}
    assert len({row["unique_id"] for row in rows.values()}) == len(rows)
    assert "vlan_ids" in rows["vlan-uplink-t0-prov"]
    assert "vlan_ids" not in rows["overlay-globex"], "an imported segment may be an overlay"
    assert rows["overlay-globex"]["transport_zone_path"].endswith("/transport-zones/overlay")
    assert rows["vlan-uplink-t0-prov"]["transport_zone_path"].endswith("/transport-zones/vlan")
    project = "/orgs/default/projects/hooli/infra/segments"
    inside = (await client.get(POLICY + project)).body["results"]
    assert [(row["path"], row["type"]) for row in inside] == [
        (f"{project}/seg-inside", "ROUTED"), (f"{project}/stretched", "ROUTED")
    ]  # fmt: skip


async def test_who_asks_and_what_they_may(client: Client) -> None:
    body = (await client.get(f"{POLICY}/aaa/user-info")).body
    assert (body["user_name"], [row["role"] for row in body["roles"]]) == ("northmeter", ["auditor"])
    await client.login("simulated-operator", "operator")
    body = (await client.get(f"{POLICY}/aaa/user-info")).body
    assert (body["user_name"], [row["role"] for row in body["roles"]]) == ("operator", ["enterprise_admin"])
