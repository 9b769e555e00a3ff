"""What a discovery finds, what it compares, and what it does when a part cannot be read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from collector.clock import ManualClock
from collector.errors import SourceUnavailable
from collector.model.identity import Kind, PointKey, ReadAt
from collector.ports import FoundPoint, Inventory
from collector.sources.nsxt.options import LinkEnd, NsxtOptions
from collector.sources.nsxt.source import NsxtSource
from collector.sources.options import HttpOptions
from tests.unit.sources.fake_nsx import FakeManager, Observed, always, error, session_login
from tests.unit.sources.world import API, CREATED, EP, World

NOW = 1_700_000_000_000


@asynccontextmanager
async def source_on(*managers: FakeManager, **options: Any) -> AsyncIterator[NsxtSource]:
    urls = tuple(manager.url for manager in managers)
    http = HttpOptions(name="nsx-a", urls=urls, requests_per_second=5_000, retry_wait_seconds=0.001)
    source = NsxtSource(NsxtOptions(http=http, login=session_login(), **options), ManualClock(NOW), Observed())
    await source.start()
    try:
        yield source
    finally:
        await source.stop()


def no_ends(_: PointKey) -> ReadAt | None:
    return None


async def discovered(source: NsxtSource, previous: Inventory | None = None) -> Inventory:
    return await source.discover(previous.payload if previous is not None else None, no_ends)


def by_path(inventory: Inventory) -> dict[str, FoundPoint]:
    return {point.key.path: point for point in inventory.points}


def provider(manager: FakeManager) -> World:
    """A shared Tier-0 on eight nodes with a Tier-1 on two of them, a VRF, an unconnected Tier-1."""
    world = World(manager)
    cluster = world.cluster("ec", *(f"node-{number}" for number in range(8)))
    t0 = world.tier0("t0-prov", cluster, ha_mode="ACTIVE_ACTIVE", tags=[{"scope": "tenant", "tag": "all"}])
    world.interface(t0, "up0", type="EXTERNAL", edge_path=f"{cluster}/edge-nodes/0", tags=[{"tag": "uplink"}])
    world.interface(t0, "lo0", type="LOOPBACK", edge_path=f"{cluster}/edge-nodes/0")
    world.interface(t0, "colo", type="SERVICE", segment_path="/infra/segments/colo")
    vrf = world.tier0("vrf-acme", None, vrf_config={"tier0_path": t0})
    world.interface(vrf, "up1", type="EXTERNAL", edge_path=f"{cluster}/edge-nodes/1", access_vlan_id=7)
    t1 = world.tier1("t1-acme", t0, cluster, display_name="acme-edge-1")
    edges = [(f"node-{number}", f"{cluster}/edge-nodes/{number}") for number in (2, 3)]
    world.state(t1, (*edges[0], "ACTIVE"), (*edges[1], "STANDBY"))
    world.interface(t1, "csp", segment_path="/infra/segments/acme colo")
    world.tier1("t1-vrf", vrf, None)
    world.tier1("t1-alone", None, cluster)
    return world


async def test_finds_uplinks_links_and_service_interfaces_with_their_calls() -> None:
    async with FakeManager() as nsx:
        provider(nsx)
        async with source_on(nsx) as source:
            inventory = await discovered(source)
    assert inventory.complete, inventory.faults
    assert inventory.version == "4.1.2.0.0"
    found = by_path(inventory)
    assert [(point.key.kind.value, path, len(point.calls)) for path, point in found.items()] == [
        ("service_interface", "/infra/tier-0s/t0-prov/locale-services/default/interfaces/colo", 8),
        ("tier0_uplink", "/infra/tier-0s/t0-prov/locale-services/default/interfaces/up0", 1),
        ("tier0_uplink", "/infra/tier-0s/vrf-acme/locale-services/default/interfaces/up1", 1),
        ("tier1_downlink", "/infra/tier-1s/t1-acme", 2),
        ("service_interface", "/infra/tier-1s/t1-acme/locale-services/default/interfaces/csp", 2),
        ("tier1_downlink", "/infra/tier-1s/t1-vrf", 8),
    ]


async def test_an_uplink_is_asked_for_at_its_own_edge_and_lists_every_node() -> None:
    async with FakeManager() as nsx:
        provider(nsx)
        async with source_on(nsx) as source:
            found = by_path(await discovered(source))
    uplink = found["/infra/tier-0s/t0-prov/locale-services/default/interfaces/up0"]
    call = uplink.calls[0]
    assert (call.node, call.fallback_node, call.summary) == (None, "node-0", False)
    assert call.target.startswith(f"{API}{uplink.key.path}/statistics?enforcement_point_path=%2Finfra%2Fsites")
    assert call.target.endswith("edge-clusters%2Fec%2Fedge-nodes%2F0")
    assert uplink.tags == (("tenant", "all"), ("", "uplink"))
    assert (uplink.gateway, uplink.gateway_name, uplink.parent) == ("/infra/tier-0s/t0-prov", "t0-prov", None)
    assert uplink.created_at == CREATED
    vrf = found["/infra/tier-0s/vrf-acme/locale-services/default/interfaces/up1"]
    assert (vrf.gateway, vrf.parent) == ("/infra/tier-0s/vrf-acme", "/infra/tier-0s/t0-prov")


async def test_a_link_is_read_at_the_end_that_costs_fewer_calls() -> None:
    async with FakeManager() as nsx:
        provider(nsx)
        async with source_on(nsx) as source:
            found = by_path(await discovered(source))
    link = found["/infra/tier-1s/t1-acme"]
    assert link.key.kind is Kind.TIER1_DOWNLINK
    assert link.read_at is ReadAt.TIER1
    assert link.nodes == (("node-2", "ACTIVE"), ("node-3", "STANDBY"))
    assert [call.node for call in link.calls] == ["node-2", "node-3"]
    assert all(
        call.target.startswith(f"{API}/infra/tier-1s/t1-acme/tier-0-interface/statistics?") for call in link.calls
    )
    assert (link.name, link.gateway, link.tier1) == ("acme-edge-1", "/infra/tier-0s/t0-prov", "/infra/tier-1s/t1-acme")
    csp = found["/infra/tier-1s/t1-acme/locale-services/default/interfaces/csp"]
    assert [call.node for call in csp.calls] == ["node-2", "node-3"]
    assert csp.segment == "/infra/segments/acme colo"


async def test_a_tier1_without_edge_cluster_is_read_at_its_tier0_and_says_so() -> None:
    async with FakeManager() as nsx:
        provider(nsx)
        async with source_on(nsx) as source:
            found = by_path(await discovered(source))
    link = found["/infra/tier-1s/t1-vrf"]
    assert link.read_at is ReadAt.TIER0
    assert len(link.calls) == 8
    assert "tier1_path=%2Finfra%2Ftier-1s%2Ft1-vrf&" in link.calls[0].target
    assert link.calls[0].target.startswith(f"{API}/infra/tier-0s/vrf-acme/tier-1-interface/statistics?")
    assert "no edge cluster" in link.note
    assert "/infra/tier-1s/t1-alone" not in found


async def test_an_old_manager_has_only_the_summary_of_the_tier0() -> None:
    async with FakeManager() as nsx:
        provider(nsx)
        nsx.answers["/api/v1/node/version"] = {"node_version": "3.1.2.0.0.17883596"}
        async with source_on(nsx) as source:
            link = by_path(await discovered(source))["/infra/tier-1s/t1-acme"]
    assert link.read_at is ReadAt.TIER0_SUMMARY
    assert [call.summary for call in link.calls] == [True]
    assert "/tier-1-interface/statistics/summary?tier1_path=" in link.calls[0].target
    assert "edge_path" not in link.calls[0].target


async def test_an_end_that_fails_for_good_is_left_for_the_other_one() -> None:
    async with FakeManager() as nsx:
        provider(nsx)
        async with source_on(nsx) as source:
            first = by_path(await discovered(source))["/infra/tier-1s/t1-acme"]
            source.mark_end_failed(first.key, first.read_at)
            inventory = await source.discover(None, lambda _: ReadAt.TIER1)
            second = by_path(inventory)["/infra/tier-1s/t1-acme"]
            assert second.read_at is ReadAt.TIER0
            assert "fails for good" in second.note
    async with FakeManager() as nsx:
        provider(nsx)
        async with source_on(nsx, link_end=LinkEnd.TIER0) as source:
            forced = by_path(await discovered(source))["/infra/tier-1s/t1-acme"]
            assert forced.read_at is ReadAt.TIER0


async def test_projects_tier1s_have_only_their_own_end() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        for name in ("blue", "green"):
            world.list("/orgs/default/projects").append(
                {"id": name, "path": f"/orgs/default/projects/{name}", "display_name": name.title()}
            )
            where = f"/orgs/default/projects/{name}/infra/tier-1s"
            path = world.tier1(f"t1-{name}", "/infra/tier-0s/t0-prov", f"{EP}/edge-clusters/ec", where=where)
            world.interface(path, "csp")
        async with source_on(nsx, link_end=LinkEnd.TIER0) as source:
            everyone = by_path(await discovered(source))
        async with source_on(nsx, projects=("Green",)) as source:
            chosen = by_path(await discovered(source))
        async with source_on(nsx, projects="none") as source:
            nobody = by_path(await discovered(source))
    link = everyone["/orgs/default/projects/blue/infra/tier-1s/t1-blue"]
    assert (link.read_at, link.project, len(link.calls)) == (ReadAt.TIER1, "Blue", 8)
    assert link.calls[0].target.startswith(f"{API}/orgs/default/projects/blue/infra/tier-1s/t1-blue/tier-0-interface/")
    assert "poll.link_end asks for" in link.note
    assert sum(path.startswith("/orgs/") for path in everyone) == 4
    assert [path for path in chosen if path.startswith("/orgs/")] == [
        "/orgs/default/projects/green/infra/tier-1s/t1-green",
        "/orgs/default/projects/green/infra/tier-1s/t1-green/locale-services/default/interfaces/csp",
    ]
    assert not any(path.startswith("/orgs/") for path in nobody)


async def test_a_global_manager_is_read_under_its_own_root_and_per_site() -> None:
    async with FakeManager() as nsx:
        root, infra = "/global-manager/api/v1", "/global-infra"
        sites = [f"{infra}/sites/{name}/enforcement-points/default" for name in ("ams", "fra")]
        world = World(nsx, root=root, infra=infra, ep=sites[0])
        ams = world.cluster("ec", "node-a")
        other = World(nsx, root=root, infra=infra, ep=sites[1])
        fra = other.cluster("ec", "node-f")
        world.list(f"{infra}/sites").extend({"id": name, "path": f"{infra}/sites/{name}"} for name in ("ams", "fra"))
        t0 = world.tier0("t0", ams)
        world.list(f"{t0}/locale-services").append(
            {"id": "fra", "path": f"{t0}/locale-services/fra", "edge_cluster_path": fra}
        )
        world.list(f"{t0}/locale-services/fra/interfaces").append(
            {
                "id": "up",
                "path": f"{t0}/locale-services/fra/interfaces/up",
                "type": "EXTERNAL",
                "edge_path": f"{fra}/edge-nodes/0",
            }
        )
        world.tier1("t1", t0, None)
        async with source_on(nsx, federation=True) as source:
            inventory = await discovered(source)
    assert inventory.complete, inventory.faults
    found = by_path(inventory)
    uplink = found[f"{t0}/locale-services/fra/interfaces/up"].calls[0]
    assert uplink.target.startswith(f"{root}{t0}/locale-services/fra/interfaces/up/statistics?")
    assert "enforcement_point_path=%2Fglobal-infra%2Fsites%2Ffra%2Fenforcement-points%2Fdefault&" in uplink.target
    assert uplink.fallback_node == "node-f"
    # Without a service router the link is wherever its stretched Tier-0 is, and each site is a point of its own.
    links = [found[f"/global-infra/tier-1s/t1@{site}"] for site in ("ams", "fra")]
    assert [[call.node for call in link.calls] for link in links] == [["node-a"], ["node-f"]]
    assert {link.tier1 for link in links} == {"/global-infra/tier-1s/t1"}
    assert all("tier1_path=%2Fglobal-infra%2Ftier-1s%2Ft1&" in link.calls[0].target for link in links)


async def test_every_page_is_read_and_the_total_stands_on_the_first_page_only() -> None:
    async with FakeManager() as nsx:
        world = World(nsx)
        for number in range(23):
            world.tier1(f"t1-{number:02}", "/infra/tier-0s/gone", None)
        nsx.page_rows = 5
        async with source_on(nsx) as source:
            inventory = await discovered(source)
        assert inventory.complete, inventory.faults
        assert len(inventory.points) == 23
        assert sum("cursor=c" in path for path in nsx.paths()) == 4


@pytest.mark.parametrize(
    ("pages", "words"),
    [
        ([{"results": [{"path": "/infra/tier-0s/a"}], "result_count": 2}], "1 rows came, and its result_count says 2"),
        ([{"results": [], "result_count": 0, "cursor": "x"}, {"results": [], "cursor": "x"}], "an earlier page gave"),
        ([{"sort_by": "display_name"}], "has no results"),
        ([{"results": [{"path": 7}], "result_count": 1}], "left out"),
    ],
)
async def test_a_list_that_is_not_whole_makes_the_inventory_incomplete(pages: list[Any], words: str) -> None:
    async with FakeManager() as nsx:
        World(nsx)
        answers = iter(pages)

        async def answer(_: web.Request) -> web.Response:
            return web.json_response(next(answers))

        del nsx.lists[f"{API}/infra/tier-0s"]
        nsx.answers[f"{API}/infra/tier-0s"] = answer
        nsx.lists[f"{API}/infra/tier-0s/a/locale-services"] = []
        async with source_on(nsx) as source:
            inventory = await discovered(source)
        assert not inventory.complete
        assert words in " ".join(inventory.faults)


async def test_a_last_cursor_of_zeros_is_the_end() -> None:
    async with FakeManager() as nsx:
        World(nsx)
        del nsx.lists[f"{API}/infra/tier-0s"]
        nsx.answers[f"{API}/infra/tier-0s"] = {"results": [], "result_count": 0, "cursor": "0000000000"}
        async with source_on(nsx) as source:
            assert (await discovered(source)).complete


async def test_the_time_of_an_inventory_is_the_date_of_its_first_answer() -> None:
    async with FakeManager() as nsx:
        World(nsx)

        async def version(_: web.Request) -> web.Response:
            return web.json_response({"node_version": "4.2"}, headers={"Date": "Thu, 21 Nov 2024 06:40:30 GMT"})

        nsx.answers["/api/v1/node/version"] = version
        async with source_on(nsx) as source:
            assert (await discovered(source)).at == 1_732_171_230_000


async def test_what_is_marked_for_delete_is_left_out() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        world.get("/infra/tier-1s/t1-acme")["marked_for_delete"] = True
        async with source_on(nsx) as source:
            inventory = await discovered(source)
        assert inventory.complete
        assert "/infra/tier-1s/t1-acme" not in by_path(inventory)


async def test_one_broken_object_stops_no_other_and_keeps_its_points() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        async with source_on(nsx) as source:
            first = await discovered(source)
            broken = always(lambda: error(500, 99, "internal"))
            services = f"{API}/infra/tier-1s/t1-acme/locale-services"
            del nsx.lists[services]
            nsx.answers[services] = broken
            world.remove("/infra/tier-1s/t1-vrf")
            world.tier1("t1-new", "/infra/tier-0s/t0-prov", f"{EP}/edge-clusters/ec")
            second = await discovered(source, first)
    assert not second.complete
    assert any("t1-acme/locale-services" in fault for fault in second.faults)
    before, after = by_path(first), by_path(second)
    assert after["/infra/tier-1s/t1-acme"].calls == before["/infra/tier-1s/t1-acme"].calls
    assert "/infra/tier-1s/t1-acme/locale-services/default/interfaces/csp" in after
    assert "/infra/tier-1s/t1-vrf" in after
    assert "/infra/tier-1s/t1-new" in after
    assert second.changes == ()


async def test_changes_between_two_inventories() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        other = world.tier0("t0-other", f"{EP}/edge-clusters/ec")
        async with source_on(nsx) as source:
            first = await discovered(source)
            assert first.changes == ()
            assert (await discovered(source, first)).changes == ()
            world.get("/infra/tier-1s/t1-acme").update(tier0_path=other, display_name="acme renamed")
            world.get("/infra/tier-0s/t0-prov").update(ha_mode="ACTIVE_STANDBY", tags=[])
            world.get("/infra/tier-0s/t0-prov/locale-services/default/interfaces/colo")["unique_id"] = "another"
            world.remove("/infra/tier-1s/t1-alone")
            second = await discovered(source, first)
    assert [(change.path.removeprefix("/infra/"), change.event) for change in second.changes] == [
        ("tier-0s/t0-prov", "object_changed"),
        ("tier-0s/t0-prov/locale-services/default/interfaces/colo", "object_changed"),
        ("tier-1s/t1-acme", "object_changed"),
        ("tier-1s/t1-acme", "point_moved"),
        ("tier-1s/t1-alone", "object_deleted"),
    ]
    details = [change.detail for change in second.changes]
    assert details[0]["ha_mode"] == "ACTIVE_ACTIVE → ACTIVE_STANDBY"
    assert details[0]["tags"] == "tenant:all → none"
    assert details[1]["made_anew"] == "true"
    assert details[2]["name"] == "acme-edge-1 → acme renamed"
    assert (details[3]["from"], details[3]["to"]) == ("/infra/tier-0s/t0-prov", other)


async def test_a_failover_shows_as_a_change_of_the_active_node() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        edge = f"{EP}/edge-clusters/ec/edge-nodes/"
        async with source_on(nsx) as source:
            first = await discovered(source)
            world.state("/infra/tier-1s/t1-acme", ("node-2", f"{edge}2", "STANDBY"), ("node-3", f"{edge}3", "ACTIVE"))
            second = await discovered(source, first)
    assert [change.detail["active_nodes"] for change in second.changes] == ["node-2 → node-3"]


async def test_a_state_that_cannot_be_read_now_keeps_the_nodes_that_were_known() -> None:
    async with FakeManager() as nsx:
        provider(nsx)
        async with source_on(nsx) as source:
            first = await discovered(source)
            nsx.answers[f"{API}/infra/tier-1s/t1-acme/state"] = always(lambda: error(503, None, "starting"))
            second = await discovered(source, first)
    assert second.complete
    assert second.faults
    assert by_path(second)["/infra/tier-1s/t1-acme"].calls == by_path(first)["/infra/tier-1s/t1-acme"].calls


async def test_without_the_first_lists_there_is_no_inventory() -> None:
    async with FakeManager() as nsx, source_on(nsx) as source:
        nsx.answers[f"{API}/infra/tier-0s"] = always(lambda: error(500, 1, "broken"))
        with pytest.raises(SourceUnavailable, match="tier-0s"):
            await discovered(source)


async def test_an_unreadable_payload_counts_as_none() -> None:
    async with FakeManager() as nsx:
        provider(nsx)
        async with source_on(nsx) as source:
            for payload in (b"", b"{}", b'{"v":99}', b"nonsense"):
                inventory = await source.discover(payload, no_ends)
                assert inventory.complete
                assert inventory.changes == ()
