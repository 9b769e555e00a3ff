"""Gateways that are stretched over the sites of a federation, and links whose ends are compared."""

from __future__ import annotations

import pytest

from collector.model.identity import Kind, PointKey, ReadAt
from collector.ports import FoundPoint, Inventory
from collector.sources.nsxt.options import LinkEnd
from collector.sources.nsxt.sites import link_sites, site_of
from collector.sources.nsxt.snapshot import Edge, Gateway
from tests.unit.sources.fake_nsx import FakeManager
from tests.unit.sources.test_nsxt_discovery import by_path, discovered, no_ends, provider, source_on
from tests.unit.sources.world import EP, World

ROOT, INFRA = "/global-manager/api/v1", "/global-infra"
AMS, FRA = (f"{INFRA}/sites/{name}/enforcement-points/default" for name in ("ams", "fra"))
T1 = f"{INFRA}/tier-1s/t1"


def edge(site: str) -> Edge:
    return Edge(f"/global-infra/sites/{site}/enforcement-points/default/edge-clusters/ec/edge-nodes/0", f"node-{site}")


def gateway(tier: int, *sites: str) -> Gateway:
    return Gateway(path=f"/t{tier}", name="t", tier=tier, edges=tuple(edge(site) for site in sites))


def test_the_site_stands_in_the_path_of_an_edge_node() -> None:
    assert site_of(edge("ams").path) == "ams"
    assert site_of("/somewhere/edge-nodes/0") == ""


def test_a_link_lies_where_its_tier1_lives_and_else_where_its_tier0_does() -> None:
    assert link_sites(gateway(1, "fra", "ams"), gateway(0, "ams")) == ("ams", "fra")
    assert link_sites(gateway(1, "ams"), gateway(0, "ams", "fra")) == ()
    assert link_sites(gateway(1), gateway(0, "ams", "fra")) == ("ams", "fra")
    assert link_sites(gateway(1), gateway(0, "ams")) == ()
    assert link_sites(gateway(1), None) == ()


def federation(
    manager: FakeManager, *, tier1_sites: tuple[str, ...], tier0_sites: tuple[str, ...] = ("ams", "fra")
) -> tuple[World, World]:
    """Two sites, and a Tier-0 and a Tier-1 that live at some of them."""
    ams = World(manager, root=ROOT, infra=INFRA, ep=AMS)
    fra = World(manager, root=ROOT, infra=INFRA, ep=FRA)
    ams.list(f"{INFRA}/sites").extend({"id": name, "path": f"{INFRA}/sites/{name}"} for name in ("ams", "fra"))
    clusters = {"ams": ams.cluster("ec", "a0", "a1"), "fra": fra.cluster("ec", "f0", "f1")}
    t0 = ams.tier0("t0", clusters[tier0_sites[0]])
    for site in tier0_sites[1:]:
        stretch(ams, t0, site, clusters[site])
    t1 = ams.tier1("t1", t0, clusters[tier1_sites[0]])
    for site in tier1_sites[1:]:
        stretch(ams, t1, site, clusters[site])
    return ams, fra


def stretch(world: World, gateway: str, site: str, cluster: str) -> None:
    """Let a gateway live at another site too."""
    path = f"{gateway}/locale-services/{site}"
    world.list(f"{gateway}/locale-services").append({"id": site, "path": path, "edge_cluster_path": cluster})
    world.list(f"{path}/interfaces").append({"id": f"csp-{site}", "path": f"{path}/interfaces/csp-{site}"})


def links(inventory: Inventory) -> dict[str, FoundPoint]:
    return {point.key.path: point for point in inventory.points if point.key.kind is Kind.TIER1_DOWNLINK}


@pytest.mark.parametrize("end", [LinkEnd.AUTO, LinkEnd.TIER0])
async def test_a_stretched_link_is_one_point_for_each_site_with_the_calls_of_that_site(end: LinkEnd) -> None:
    async with FakeManager() as nsx:
        federation(nsx, tier1_sites=("ams", "fra"))
        async with source_on(nsx, federation=True, link_end=end) as source:
            found = links(await discovered(source))
    assert list(found) == [f"{T1}@ams", f"{T1}@fra"]
    assert [[call.node for call in point.calls] for point in found.values()] == [["a0", "a1"], ["f0", "f1"]]
    owner = "tier-0s/t0/tier-1-interface" if end is LinkEnd.TIER0 else "tier-1s/t1/tier-0-interface"
    for site, point in zip((AMS, FRA), found.values(), strict=True):
        assert point.tier1 == T1
        for call in point.calls:
            assert call.path == f"{ROOT}{INFRA}/{owner}/statistics"
            assert f"enforcement_point_path={site.replace('/', '%2F')}&" in call.query
            assert "@" not in call.target
    assert [point.note.partition(":")[0] for point in found.values()] == ["site ams", "site fra"]


async def test_each_part_of_a_stretched_link_keeps_the_end_that_it_was_read_at() -> None:
    async with FakeManager() as nsx:
        federation(nsx, tier1_sites=("ams", "fra"))
        async with source_on(nsx, federation=True) as source:
            known = {PointKey("nsx-a", Kind.TIER1_DOWNLINK, f"{T1}@fra"): ReadAt.TIER0}
            first = await source.discover(None, known.get)
            assert [point.read_at for point in links(first).values()] == [ReadAt.TIER1, ReadAt.TIER0]
            source.mark_end_failed(links(first)[f"{T1}@ams"].key, ReadAt.TIER1)
            again = links(await source.discover(first.payload, known.get))
    assert [point.read_at for point in again.values()] == [ReadAt.TIER0, ReadAt.TIER0]


@pytest.mark.parametrize("tier0_sites", [("ams", "fra"), ("ams",)])
async def test_a_summary_of_a_stretched_link_is_that_of_one_site(tier0_sites: tuple[str, ...]) -> None:
    async with FakeManager() as nsx:
        federation(nsx, tier1_sites=("ams", "fra"), tier0_sites=tier0_sites)
        nsx.answers["/api/v1/node/version"] = {"product_version": "3.1.3"}
        async with source_on(nsx, federation=True) as source:
            found = links(await discovered(source))
    for site, point in zip((AMS, FRA), found.values(), strict=True):
        assert point.read_at is ReadAt.TIER0_SUMMARY
        assert [call.query.endswith(f"enforcement_point_path={site.replace('/', '%2F')}") for call in point.calls] == [
            True
        ]


@pytest.mark.parametrize("end", list(LinkEnd))
async def test_a_link_at_one_site_is_called_as_ever_whichever_end_is_read(end: LinkEnd) -> None:
    async with FakeManager() as nsx:
        federation(nsx, tier1_sites=("fra",))
        async with source_on(nsx, federation=True, link_end=end) as source:
            found = links(await discovered(source))
    assert list(found) == [T1]
    assert [call.node for call in found[T1].calls] == (["a0", "a1"] if end is LinkEnd.TIER0 else []) + ["f0", "f1"]


async def test_a_service_interface_of_a_stretched_gateway_is_asked_for_at_its_own_site() -> None:
    async with FakeManager() as nsx:
        federation(nsx, tier1_sites=("ams", "fra"))
        async with source_on(nsx, federation=True) as source:
            found = by_path(await discovered(source))
    interface = found[f"{T1}/locale-services/fra/interfaces/csp-fra"]
    assert [call.node for call in interface.calls] == ["f0", "f1"]


async def test_a_tunnel_of_a_stretched_gateway_has_a_call_for_each_enforcement_point() -> None:
    async with FakeManager() as nsx:
        world, _ = federation(nsx, tier1_sites=("ams", "fra"))
        world.without_services(f"{INFRA}/tier-0s/t0")
        path = world.session(T1, "ipsec-vpn", "ip", "s1")
        async with source_on(nsx, federation=True, vpn=True) as source:
            inventory = await discovered(source)
    assert inventory.complete, inventory.faults
    assert [call.node for call in by_path(inventory)[path].calls] == ["ams/default", "fra/default"]


# --- comparisons -----------------------------------------------------------------------------------------------------


async def test_links_with_both_ends_are_compared_a_part_at_a_time() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        cluster = f"{EP}/edge-clusters/ec"
        for number in range(4):
            world.tier1(f"t1-{number}", "/infra/tier-0s/t0-prov", cluster)
        world.tier1(
            "t1-blue",
            "/infra/tier-0s/t0-prov",
            cluster,
            where=f"{world.project('blue')}/infra/tier-1s",
        )
        async with source_on(nsx, comparisons=2) as source:
            inventories = [await discovered(source) for _ in range(4)]
            paths = [[each.point.path.rpartition("/")[2] for each in one.comparisons] for one in inventories]
            # t1-vrf has no service router, t1-alone no Tier-0, t1-blue only its own end.
            assert paths == [["t1-0", "t1-1"], ["t1-2", "t1-3"], ["t1-acme", "t1-0"], ["t1-1", "t1-2"]]
            source.mark_end_failed(inventories[0].comparisons[0].point, ReadAt.TIER0)
            assert [each.point.path[-4:] for each in (await discovered(source)).comparisons] == ["t1-3", "acme"]
            assert [each.point.path[-4:] for each in (await discovered(source)).comparisons] == ["t1-1", "t1-2"]


async def test_a_comparison_has_the_calls_of_both_ends() -> None:
    async with FakeManager() as nsx:
        provider(nsx)
        async with source_on(nsx) as source:
            inventory = await discovered(source)
            comparison = inventory.comparisons[0]
        async with source_on(nsx, comparisons=0) as source:
            assert (await discovered(source)).comparisons == ()
    point = by_path(inventory)["/infra/tier-1s/t1-acme"]
    assert comparison.point == point.key
    assert comparison.tier1_calls == point.calls
    assert [call.node for call in comparison.tier0_calls] == [f"node-{number}" for number in range(8)]
    assert all("tier1_path=%2Finfra%2Ftier-1s%2Ft1-acme&" in call.target for call in comparison.tier0_calls)


async def test_an_older_release_and_a_stretched_link_are_not_compared() -> None:
    async with FakeManager() as nsx:
        provider(nsx)
        nsx.answers["/api/v1/node/version"] = {"product_version": "3.1.3"}
        async with source_on(nsx) as source:
            assert (await source.discover(None, no_ends)).comparisons == ()
    async with FakeManager() as nsx:
        federation(nsx, tier1_sites=("ams", "fra"))
        async with source_on(nsx, federation=True) as source:
            assert (await discovered(source)).comparisons == ()
