"""What discovery and polling read: objects, lists, paging, statistics and their parameters, versions."""

from __future__ import annotations

from email.utils import parsedate_to_datetime
from itertools import pairwise

import pytest

from simulator.scenario import load_scenario
from tests.simulator.conftest import CSP, GLOBEX, T0_LINK, T1_LINK, UPLINK, Client, Start

POLICY = "/policy/api/v1"
POINT = "/infra/sites/default/enforcement-points/default"
pytestmark = pytest.mark.integration


async def _pages(client: Client, path: str, **query: str) -> tuple[list[str], list[dict[str, object]]]:
    names: list[str] = []
    pages: list[dict[str, object]] = []
    cursor: str | None = None
    while True:
        answer = await client.get(POLICY + path, headers=None, **query, **({"cursor": cursor} if cursor else {}))
        assert answer.status == 200, answer.text
        names += [row["id"] for row in answer.body["results"]]
        pages.append(answer.body)
        cursor = answer.body.get("cursor")
        if not cursor or cursor.startswith("0000"):
            return names, pages


async def test_lists_and_objects_agree(client: Client) -> None:
    for path in (
        "/infra/tier-0s", "/infra/tier-1s", "/infra/segments", "/infra/sites",
        "/infra/sites/default/enforcement-points", f"{POINT}/edge-clusters",
        f"{POINT}/edge-clusters/ec-prov/edge-nodes", "/infra/tier-0s/t0-acme/locale-services",
        "/infra/tier-0s/t0-acme/locale-services/default/interfaces", f"{GLOBEX}/locale-services/default/interfaces",
    ):  # fmt: skip
        answer = await client.get(POLICY + path)
        assert answer.body["result_count"] == len(answer.body["results"]) > 0, path
        for row in answer.body["results"]:
            assert (await client.get(POLICY + row["path"])).body == row
    assert (await client.get(POLICY + "/infra/tier-1s/none")).status == 404


async def test_interface_types(client: Client) -> None:
    answer = await client.get(f"{POLICY}/infra/tier-0s/t0-acme/locale-services/default/interfaces")
    types = {row["id"]: row["type"] for row in answer.body["results"]}
    assert types == {"up1-1": "EXTERNAL", "up2-1": "EXTERNAL", "loopback": "LOOPBACK"}
    edges = {row["id"]: "edge_path" in row for row in answer.body["results"]}
    assert edges == {"up1-1": True, "up2-1": True, "loopback": False}
    csp = (await client.get(f"{POLICY}{GLOBEX}/locale-services/default/interfaces/csp-colo")).body
    assert "type" not in csp, "a Tier-1 interface has no type field"
    assert csp["segment_path"] == "/infra/segments/vlan-globex-colo"
    segment = (await client.get(POLICY + csp["segment_path"])).body
    assert segment["vlan_ids"] == ["100"]


async def test_result_count_is_on_the_first_page_only(start: Start) -> None:
    client = await start("large")
    names, pages = await _pages(client, "/infra/tier-1s", page_size="300")
    assert len(names) == len(set(names)) == 800
    assert [page.get("result_count") for page in pages] == [800, None, None]
    assert "cursor" not in pages[-1]
    bad = await client.get(f"{POLICY}/infra/tier-1s", page_size="1001")
    assert bad.status == 400
    assert (await client.get(f"{POLICY}/infra/tier-1s", cursor="nonsense")).status == 400


async def test_the_manager_caps_pages_and_may_end_with_a_null_cursor(start: Start) -> None:
    limits = load_scenario("small").limits.model_copy(update={"page_size_max": 1, "null_cursor": True})
    client = await start("small", limits=limits)
    names, pages = await _pages(client, "/infra/tier-1s", page_size="1000")
    assert names == ["t1-acme", "t1-globex"]
    assert str(pages[-1]["cursor"]).startswith("0000")
    after = await client.get(f"{POLICY}/infra/tier-1s", cursor=str(pages[-1]["cursor"]))
    assert after.body["results"] == []


async def test_per_node_form_of_the_tier0_end_needs_both_paths(client: Client) -> None:
    edge = (await client.get(f"{POLICY}{POINT}/edge-clusters/ec-prov/edge-nodes")).body["results"][0]
    assert (await client.get(T0_LINK)).status == 400
    assert (await client.get(T0_LINK, tier1_path=GLOBEX)).status == 400
    answer = await client.get(T0_LINK, tier1_path=GLOBEX, edge_path=edge["path"], enforcement_point_path=POINT)
    assert list(answer.rows) == [edge["nsx_id"]]
    wrong = await client.get(T0_LINK, tier1_path="/infra/tier-1s/none", edge_path=edge["path"])
    assert (wrong.status, wrong.body["error_code"], wrong.body["httpStatus"]) == (400, 500012, "BAD_REQUEST")
    other = await client.get(T0_LINK, tier1_path="/infra/tier-1s/t1-acme", edge_path=edge["path"])
    assert other.body["error_code"] == 500012, "a Tier-1 under another Tier-0 has no link here"
    summary = await client.get(T0_LINK + "/summary", tier1_path=GLOBEX)
    assert summary.body["interface_policy_path"].endswith("/t0-prov-t1-globex-t0_lrp")


async def test_edge_path_selects_a_row_and_wrong_ones_are_told_apart(client: Client) -> None:
    assert len((await client.get(CSP)).rows) == 2
    assert len((await client.get(UPLINK)).rows) == 1, "an uplink lives on one edge node"
    cluster = f"{POINT}/edge-clusters/ec-prov"
    node = (await client.get(f"{POLICY}{cluster}/edge-nodes")).body["results"][1]
    assert list((await client.get(CSP, edge_path=node["path"])).rows) == [node["nsx_id"]]
    codes = {
        path: (await client.get(CSP, edge_path=path)).body["error_code"]
        for path in (cluster, f"{cluster}/edge-nodes/9", f"{POINT}/edge-clusters/none/edge-nodes/9", "/infra/x")
    }
    assert list(codes.values()) == [503065, 503065, 500012, 500012]
    elsewhere = (await client.get(f"{POLICY}{POINT}/edge-clusters/ec-acme/edge-nodes")).body["results"][0]
    assert (await client.get(CSP, edge_path=elsewhere["path"])).rows == {}, "a node that does not host the gateway"
    assert (await client.get(CSP, enforcement_point_path=POINT)).status == 200
    assert (await client.get(CSP, enforcement_point_path=POINT + "s")).body["error_code"] == 500012


@pytest.mark.parametrize(
    ("version", "link", "source", "projects"),
    [("3.1.3", 404, 400, 404), ("3.2.1", 200, 400, 404), ("4.1.0", 200, 400, 200), ("4.1.1", 200, 200, 200)],
)
async def test_releases_differ(start: Start, version: str, link: int, source: int, projects: int) -> None:
    client = await start("small", version=version)
    assert (await client.get("/api/v1/node/version")).body["product_version"] == version
    assert (await client.get(T1_LINK)).status == link
    assert (await client.get(T0_LINK + "/summary", tier1_path=GLOBEX)).status == link
    assert (await client.get(CSP, source="realtime")).status == source
    assert (await client.get(CSP, stats_type="DATAPATH_STATS")).status == source
    assert (await client.get(f"{POLICY}/orgs/default/projects")).status == projects
    assert (await client.get(CSP + "/summary", source="cached")).status == 400, "a summary never takes a source"


async def test_realtime_renews_the_cache(client: Client) -> None:
    client.sim.advance(61_234)
    cached = (await client.get(CSP)).rows
    fresh = (await client.get(CSP, source="realtime")).rows
    assert all(row["last_update_timestamp"] == client.sim.device_time() for row in fresh.values())
    assert any(row["last_update_timestamp"] < client.sim.device_time() for row in cached.values())
    node = next(iter(fresh))
    assert list((await client.get(CSP, transport_node_id=node)).rows) == [node]


async def test_values_stand_still_between_refreshes(client: Client) -> None:
    seen: set[tuple[int, int]] = set()
    for _ in range(40):
        row = next(iter((await client.get(T1_LINK)).rows.values()))
        seen.add((row["last_update_timestamp"], row["rx"]["total_bytes"]))
        client.sim.advance(1_000)
    stamps = sorted(at for at, _ in seen)
    assert len(seen) == 5, "one at the start and four refreshes in forty seconds"
    assert {b - a for a, b in pairwise(stamps[1:])} == {10_000}


async def test_state_names_the_active_node(client: Client) -> None:
    body = (await client.get(f"{POLICY}{GLOBEX}/state", type="GATEWAY_STATUS")).body
    nodes = body["tier1_status"]["per_node_status"]
    assert [node["high_availability_status"] for node in nodes] == ["ACTIVE", "STANDBY"]
    assert (await client.get(POLICY + nodes[0]["edge_path"])).body["nsx_id"] == nodes[0]["transport_node_id"]
    tier0 = (await client.get(f"{POLICY}/infra/tier-0s/t0-prov/state")).body["tier0_status"]["per_node_status"]
    assert {node["high_availability_status"] for node in tier0} == {"ACTIVE"}


async def test_search_and_realized_entities(client: Client) -> None:
    query = "resource_type:Tier1 AND marked_for_delete:false"
    found = await client.get(f"{POLICY}/search/query", query=query)
    assert [row["id"] for row in found.body["results"]] == ["t1-acme", "t1-globex"]
    by_path = await client.get(f"{POLICY}/search/query", query=r"path:\/infra\/tier-1s\/t1-acme")
    assert by_path.body["result_count"] == 1
    assert (await client.get(f"{POLICY}/search/query", query="???")).status == 400
    realized = await client.get(f"{POLICY}/infra/realized-state/realized-entities", intent_path=GLOBEX)
    assert len(realized.body["results"]) == 3


async def test_the_managers_clock_is_not_the_testers(start: Start) -> None:
    scenario = load_scenario("small")
    clock = scenario.clock.model_copy(update={"manager_offset": 600_000, "device_offset": -600_000})
    client = await start(scenario, clock=clock)
    client.sim.advance(20_000)
    answer = await client.get(CSP)
    date = int(parsedate_to_datetime(answer.headers["Date"]).timestamp()) * 1_000
    assert date == client.sim.now() + 600_000
    assert client.sim.device_time() == client.sim.now() - 600_000
    for row in answer.rows.values():
        assert client.sim.device_time() - 10_000 < row["last_update_timestamp"] <= client.sim.device_time()


async def test_limits_are_shown(client: Client) -> None:
    body = (await client.get("/api/v1/cluster/api-service")).body
    assert (body["client_api_rate_limit"], body["client_api_concurrency_limit"]) == (100, 40)


async def test_projects_have_the_tier1_end_only(start: Start) -> None:
    client = await start("demo")
    root = f"{POLICY}/orgs/default/projects"
    assert [row["id"] for row in (await client.get(root)).body["results"]] == ["hooli", "wayne"]
    gateway = (await client.get(f"{root}/hooli/infra/tier-1s")).body["results"][0]
    assert gateway["path"] == "/orgs/default/projects/hooli/infra/tier-1s/t1-hooli"
    assert "t1-hooli" not in (await _pages(client, "/infra/tier-1s"))[0]
    assert len((await client.get(f"{POLICY}{gateway['path']}/tier-0-interface/statistics")).rows) == 2
    assert (await client.get(f"{root}/hooli/infra/tier-0s/t0-prov/tier-1-interface/statistics")).status == 404
    provider = await client.get(T0_LINK + "/summary", tier1_path=gateway["path"])
    assert provider.status == 200


async def test_vrf_and_active_active(start: Start) -> None:
    client = await start("demo")
    vrf = (await client.get(f"{POLICY}/infra/tier-0s/vrf-umbrella")).body
    assert vrf["vrf_config"]["tier0_path"] == "/infra/tier-0s/t0-prov"
    uplinks = (await client.get(f"{POLICY}{vrf['path']}/locale-services/default/interfaces")).body["results"]
    assert len(uplinks) == 4
    assert all("access_vlan_id" in row for row in uplinks)
    spans = (await client.get(f"{POLICY}/infra/tier-1s/t1-soylent/tier-0-interface/statistics/summary")).body
    assert (spans["logical_router_port_id"], spans["interface_policy_path"]) == ("", "")


async def test_federation_has_two_views(start: Start) -> None:
    client = await start("federation")
    path = "/global-infra/tier-0s/t0-stretched/tier-1-interface/statistics/summary"
    query = {"tier1_path": "/global-infra/tier-1s/t1-acme"}
    services = await client.get("/global-manager/api/v1/global-infra/tier-0s/t0-stretched/locale-services")
    assert [row["id"] for row in services.body["results"]] == ["ams", "fra"]
    assert (await client.get("/global-manager/api/v1" + path, headers=None, **query)).status == 200
    for site, status in (("ams", 200), ("fra", 200), ("nowhere", 400)):
        point = f"/global-infra/sites/{site}/enforcement-points/default"
        answer = await client.get("/global-manager/api/v1" + path, headers=None, enforcement_point_path=point, **query)
        assert answer.status == status
    nodes = await client.get(
        "/global-manager/api/v1/global-infra/sites/fra/enforcement-points/default/edge-clusters/ec-fra/edge-nodes"
    )
    link = "/global-infra/tier-1s/t1-globex/tier-0-interface/statistics"
    at_global = await client.get("/global-manager/api/v1" + link, edge_path=nodes.body["results"][0]["path"])
    assert len(at_global.rows) == 1
    assert (await client.get(POLICY + "/infra/tier-1s")).status == 404, "a Global Manager has no local tree"
    client.manager = 1
    await client.login()
    clusters = await client.get(f"{POLICY}{POINT}/edge-clusters")
    assert [row["id"] for row in clusters.body["results"]] == ["ec-ams"], "a Local Manager has its own site's only"
    assert (await client.get(POLICY + "/global-infra/tier-1s/t1-globex")).status == 200
    assert (await client.get(POLICY + link)).rows == {}, "the other site's nodes do not report here"
