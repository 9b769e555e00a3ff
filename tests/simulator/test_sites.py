"""Gateways that are stretched over sites: what each site's enforcement point answers, and the truth of each site."""

from __future__ import annotations

import pytest

from simulator.truth import Both, add
from tests.simulator.conftest import Client, Start

pytestmark = pytest.mark.integration

GM = "/global-manager/api/v1"
ACME, GLOBEX = "/global-infra/tier-1s/t1-acme", "/global-infra/tier-1s/t1-globex"
CSP = f"{ACME}/locale-services/fra/interfaces/csp-fra"
MINUTE = 60_000


def point(site: str) -> str:
    return f"/global-infra/sites/{site}/enforcement-points/default"


@pytest.fixture
async def client(start: Start) -> Client:
    """A client of the Global Manager, half an hour after the start."""
    made = await start("sites")
    made.sim.advance(30 * MINUTE)
    return made


async def test_a_stretched_tier1_has_a_locale_service_at_each_site(client: Client) -> None:
    rows = (await client.get(f"{GM}{ACME}/locale-services")).body["results"]
    assert {row["id"]: row["edge_cluster_path"] for row in rows} == {
        "ams": f"{point('ams')}/edge-clusters/ec-ams", "fra": f"{point('fra')}/edge-clusters/ec-fra",
    }  # fmt: skip
    there = await client.get(f"{GM}{ACME}/locale-services/fra/interfaces")
    assert [row["id"] for row in there.body["results"]] == ["csp-fra"]
    assert (await client.get(f"{GM}{ACME}/locale-services/ams/interfaces")).body["results"] == []


@pytest.mark.parametrize("gateway", [ACME, GLOBEX])
async def test_each_enforcement_point_answers_for_its_own_edge_nodes(client: Client, gateway: str) -> None:
    link = f"{GM}{gateway}/tier-0-interface/statistics"
    everywhere = (await client.get(link)).rows
    found: list[str] = []
    for site in ("ams", "fra"):
        nodes = [node for node in client.sim.provider.clusters[f"ec-{site}"].nodes if node.nsx_id in everywhere]
        here = (await client.get(link, enforcement_point_path=point(site))).rows
        assert set(here) == {node.nsx_id for node in nodes}
        assert len(here) == 2
        found += here
        total = sum(row["rx"]["total_bytes"] for row in here.values())
        summary = await client.get(f"{link}/summary", enforcement_point_path=point(site))
        assert summary.body["rx"]["total_bytes"] == total
        edge = nodes[0].path(federated=True)
        assert list((await client.get(link, edge_path=edge)).rows) == [nodes[0].nsx_id]
    assert sorted(found) == sorted(everywhere)


async def test_the_truth_is_known_per_site(client: Client) -> None:
    truth, start, end = client.sim.truth(), client.sim.clock.start, client.sim.device_time()
    for path in (ACME, GLOBEX):
        assert truth.sites(path) == ["ams", "fra"]
        parts = [truth.growth(path, start, end, site=site) for site in ("ams", "fra")]
        assert add(*parts) == truth.growth(path, start, end)
        far = [truth.growth(path, start, end, site=site, port_end="tier0") for site in ("ams", "fra")]
        assert add(*far) == truth.growth(path, start, end)
    assert truth.growth(ACME, start, end, site="fra").ingress.bytes == 0, "it is active at one site"
    assert truth.growth(GLOBEX, start, end, site="fra").ingress.bytes > 0, "it is active at both"


async def test_readings_at_a_site_grow_by_the_truth_of_that_site(client: Client) -> None:
    sim = client.sim
    link = f"{GM}{GLOBEX}/tier-0-interface/statistics"
    first = (await client.get(link, enforcement_point_path=point("fra"))).rows
    sim.advance(20 * MINUTE)
    second = (await client.get(link, enforcement_point_path=point("fra"))).rows
    for node, row in second.items():
        grown = sim.truth().growth(
            GLOBEX, first[node]["last_update_timestamp"], row["last_update_timestamp"], node=node, site="fra"
        )
        assert row["rx"]["total_bytes"] - first[node]["rx"]["total_bytes"] == grown.ingress.bytes > 0
        elsewhere = sim.truth().growth(GLOBEX, sim.clock.start, sim.device_time(), node=node, site="ams")
        assert elsewhere.ingress.bytes == 0


async def test_a_gateway_moves_to_the_other_site(client: Client) -> None:
    sim = client.sim
    for site, mode in (("ams", "PRIMARY_LOCATION"), ("fra", "SECONDARY_LOCATION")):
        body = (await client.get(f"{GM}{ACME}/state", enforcement_point_path=point(site))).body
        assert body["enforcement_point_path"] == point(site)
        assert body["tier1_status"]["locale_operation_mode"] == mode
        assert len(body["tier1_status"]["per_node_status"]) == 2
    moved_at = sim.device_time()
    sim.fault("failover", path="t1-acme", to="fra")
    sim.advance(10 * MINUTE)
    body = (await client.get(f"{GM}{ACME}/state", enforcement_point_path=point("fra"))).body["tier1_status"]
    assert body["locale_operation_mode"] == "PRIMARY_LOCATION"
    assert [row["high_availability_status"] for row in body["per_node_status"]] == ["ACTIVE", "STANDBY"]
    truth, now = sim.truth(), sim.device_time()
    nothing = truth.growth(ACME, moved_at, moved_at)
    assert truth.growth(ACME, moved_at, now, site="ams") == nothing
    assert truth.growth(ACME, sim.clock.start, moved_at, site="fra") == nothing
    assert truth.growth(ACME, moved_at, now, site="fra").ingress.bytes > 0
    csp: Both = truth.growth(CSP, moved_at, now)
    assert csp.ingress.bytes > 10**6
    assert truth.sites(CSP) == ["fra"]
    with pytest.raises(ValueError, match="has no edge node at site 'nowhere'"):
        sim.fault("failover", path="t1-acme", to="nowhere")


async def test_a_site_keeps_its_truth_when_a_node_is_replaced(client: Client) -> None:
    sim = client.sim
    sim.fault("node_replace", node="ec-ams/0")
    sim.advance(MINUTE)
    truth, start, end = sim.truth(), sim.clock.start, sim.device_time()
    parts = [truth.growth(GLOBEX, start, end, site=site) for site in ("ams", "fra")]
    assert add(*parts) == truth.growth(GLOBEX, start, end)
    assert len(truth.nodes(GLOBEX)) == 5


async def test_a_local_manager_shows_its_own_site(client: Client) -> None:
    client.manager = 1
    await client.login()
    link = f"/policy/api/v1{GLOBEX}/tier-0-interface/statistics"
    here = {node.nsx_id for node in client.sim.provider.clusters["ec-ams"].nodes}
    assert set((await client.get(link)).rows) == here
