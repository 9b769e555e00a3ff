"""Tunnels, VPCs, transit gateways and segments in an inventory, and what happens when their lists cannot be read."""

from __future__ import annotations

from typing import Any

import pytest

from collector.model.identity import Kind, ReadAt
from collector.ports import FoundPoint, Inventory
from collector.sources.nsxt.source import DISCOVERY_WORKERS
from tests.unit.sources.fake_nsx import FakeManager, always, error
from tests.unit.sources.test_nsxt_discovery import discovered, source_on
from tests.unit.sources.world import API, CREATED, EP, World

T0, T1, VRF = "/infra/tier-0s/t0", "/infra/tier-1s/t1", "/infra/tier-0s/vrf"
OF_EP = "enforcement_point_path=%2Finfra%2Fsites%2Fdefault%2Fenforcement-points%2Fdefault"
TUNNELS = {Kind.L2VPN, Kind.IPSEC_VPN}


def provider(manager: FakeManager, version: str = "4.2.1") -> World:
    """A Tier-0 with a VRF, a Tier-1 with a service router and one without, and no services anywhere."""
    manager.answers["/api/v1/node/version"] = {"product_version": version}
    world = World(manager)
    cluster = world.cluster("ec", "node-0", "node-1")
    world.tier0("t0", cluster)
    world.tier0("vrf", None, vrf_config={"tier0_path": T0})
    world.tier1("t1", T0, cluster, tags=[{"scope": "tenant", "tag": "acme"}])
    world.tier1("t1-flat", T0, None)
    world.without_services(T0, VRF, T1)
    return world


def of_kinds(inventory: Inventory, *kinds: Kind) -> dict[str, FoundPoint]:
    return {f"{point.key.path} {point.key.kind}": point for point in inventory.points if point.key.kind in kinds}


def tunnels(inventory: Inventory) -> list[str]:
    return [point.key.path for point in inventory.points if point.key.kind in TUNNELS]


async def test_nothing_of_it_is_asked_for_unless_it_is_wanted() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        world.session(T1, "l2vpn", "l2", "s1")
        world.vpc(world.project("blue"), "v1")
        async with source_on(nsx) as source:
            inventory = await discovered(source)
        asked = " ".join(nsx.paths())
    assert inventory.complete
    assert not any(word in asked for word in ("vpn", "vpcs", "transit", "segments"))
    assert (inventory.gateways, inventory.segments) == ((), ())
    assert {point.key.kind for point in inventory.points} == {Kind.TIER1_DOWNLINK}


# --- tunnels ---------------------------------------------------------------------------------------------------------


async def test_sessions_of_tier0s_and_tier1s_are_points_of_their_gateways() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        stretch = world.session(T1, "l2vpn", "l2", "s1", display_name="to the old site", tags=[{"tag": "x"}])
        world.session(T1, "l2vpn", "l2", "s2")
        site = world.session(T0, "ipsec-vpn", "ip", "s1")
        world.session(VRF, "ipsec-vpn", "ip", "s9", marked_for_delete=True)
        async with source_on(nsx, vpn=True) as source:
            inventory = await discovered(source)
    assert inventory.complete, inventory.faults
    found = of_kinds(inventory, *TUNNELS)
    assert list(found) == [f"{site} ipsec_vpn", f"{stretch} l2vpn", f"{stretch.replace('s1', 's2')} l2vpn"]
    point = found[f"{stretch} l2vpn"]
    assert (point.name, point.gateway, point.tier1, point.parent) == ("to the old site", T1, T1, None)
    assert (point.read_at, point.created_at) == (ReadAt.SESSION, CREATED)
    assert point.tags == (("tenant", "acme"), ("", "x"))
    assert [call.node for call in point.calls] == ["default/default"]
    assert found[f"{site} ipsec_vpn"].tier1 is None


@pytest.mark.parametrize(("version", "source_of_l2vpn"), [("4.1.0", ""), ("4.1.1", "&source=realtime")])
async def test_a_cached_value_is_never_asked_for(version: str, source_of_l2vpn: str) -> None:
    async with FakeManager() as nsx:
        world = provider(nsx, version)
        stretch = world.session(T1, "l2vpn", "l2", "s1")
        site = world.session(T1, "ipsec-vpn", "ip", "s1")
        async with source_on(nsx, vpn=True) as source:
            targets = {point.key.path: point.calls[0].target for point in (await discovered(source)).points}
    assert targets[stretch] == f"{API}{stretch}/statistics?{OF_EP}{source_of_l2vpn}"
    assert targets[site] == f"{API}{site}/statistics?{OF_EP}"


async def test_sessions_of_a_projects_tier1_are_the_projects() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        project = world.project("blue")
        tier1 = world.tier1("t1-blue", T0, f"{EP}/edge-clusters/ec", where=f"{project}/infra/tier-1s")
        path = world.session(tier1, "ipsec-vpn", "ip", "s1")
        async with source_on(nsx, vpn=True) as source:
            found = of_kinds(await discovered(source), *TUNNELS)[f"{path} ipsec_vpn"]
    assert (found.project, found.tier1) == ("Blue", tier1)
    assert found.calls[0].path == f"{API}{path}/statistics"


async def test_it_costs_two_calls_for_each_gateway_with_a_service_router_and_one_for_each_service() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        world.session(T1, "l2vpn", "l2", "s1")
        async with source_on(nsx) as source:
            before = (await discovered(source)).calls
        async with source_on(nsx, vpn=True) as source:
            nsx.seen.clear()
            inventory = await discovered(source)
    assert inventory.calls == before + 3 * 2 + 1
    assert inventory.calls == len(nsx.paths())
    assert not any("t1-flat" in path and "vpn" in path for path in nsx.paths())


async def test_a_release_without_the_lists_is_asked_twice_and_told_once() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        cluster = f"{EP}/edge-clusters/ec"
        gateways = [world.tier1(f"t1-{number:02}", T0, cluster) for number in range(20)]
        for gateway in (T0, VRF, T1, *gateways):
            for name in ("l2vpn-services", "ipsec-vpn-services"):
                nsx.lists.pop(f"{API}{gateway}/{name}", None)
        async with source_on(nsx, vpn=True) as source:
            inventory = await discovered(source)
            again = await discovered(source, inventory)
    assert inventory.complete
    assert again.faults == inventory.faults
    assert [fault.partition(":")[0] for fault in inventory.faults] == [
        "l2vpn-services of Tier-0s",
        "ipsec-vpn-services of Tier-0s",
        "l2vpn-services of Tier-1s",
        "ipsec-vpn-services of Tier-1s",
    ]
    assert all("this release has none" in fault for fault in inventory.faults)
    assert sum("vpn-services" in path for path in nsx.paths()) == 2 * 8


async def test_one_gateway_without_the_list_has_no_sessions_and_stops_no_other() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        path = world.session(T1, "l2vpn", "l2", "s1")
        world.tier1("a-first", T0, f"{EP}/edge-clusters/ec")
        world.tier1("z-last", T0, f"{EP}/edge-clusters/ec")
        async with source_on(nsx, vpn=True) as source:
            inventory = await discovered(source)
    assert inventory.complete, inventory.faults
    assert tunnels(inventory) == [path]


async def test_an_account_that_may_not_read_them_is_told_once_and_keeps_what_is_known() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        path = world.session(T1, "l2vpn", "l2", "s1")
        world.tier1("t2", T0, f"{EP}/edge-clusters/ec")
        world.without_services("/infra/tier-1s/t2")
        async with source_on(nsx, vpn=True) as source:
            first = await discovered(source)
            for gateway in (T0, VRF, T1, "/infra/tier-1s/t2"):
                del nsx.lists[f"{API}{gateway}/l2vpn-services"]
                nsx.answers[f"{API}{gateway}/l2vpn-services"] = always(lambda: error(403, 289, "no permission"))
            second = await discovered(source, first)
    assert second.complete
    assert [fault.partition(":")[0] for fault in second.faults] == [
        "l2vpn-services of Tier-0s",
        "l2vpn-services of Tier-1s",
    ]
    assert all("their sessions are not metered" in fault for fault in second.faults)
    assert tunnels(second) == [path]
    assert second.changes == ()


async def test_a_right_that_lacks_later_on_is_found_out_once_and_not_at_every_gateway() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        for number in range(40):
            path = world.tier1(f"t2-{number:02}", T0, f"{EP}/edge-clusters/ec")
            nsx.answers[f"{API}{path}/l2vpn-services"] = always(lambda: error(403, 289, "no permission"))
            world.list(f"{path}/ipsec-vpn-services")
        async with source_on(nsx, vpn=True) as source:
            inventory = await discovered(source)
    assert inventory.complete
    assert len(inventory.faults) == 1
    assert sum("/t2-" in path and "/l2vpn-services" in path for path in nsx.paths()) <= DISCOVERY_WORKERS


@pytest.mark.parametrize("broken", ["l2vpn-services", "l2vpn-services/l2/sessions"])
async def test_a_list_that_fails_makes_the_inventory_incomplete_and_loses_nothing(broken: str) -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        stretch = world.session(T1, "l2vpn", "l2", "s1")
        site = world.session(T1, "ipsec-vpn", "ip", "s1")
        async with source_on(nsx, vpn=True) as source:
            first = await discovered(source)
            del nsx.lists[f"{API}{T1}/{broken}"]
            nsx.answers[f"{API}{T1}/{broken}"] = always(lambda: error(500, 99, "internal"))
            second = await discovered(source, first)
    assert not second.complete
    assert any(broken in fault for fault in second.faults)
    assert tunnels(second) == sorted((stretch, site))


async def test_lists_that_were_there_and_are_answered_with_404_prove_no_deletion() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        path = world.session(T1, "l2vpn", "l2", "s1")
        async with source_on(nsx, vpn=True) as source:
            first = await discovered(source)
            del nsx.lists[f"{API}{T1}/l2vpn-services"]
            second = await discovered(source, first)
    assert not second.complete
    assert tunnels(second) == [path]


async def test_changes_of_sessions_are_told_once_they_were_read_before() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        stretch = world.session(T1, "l2vpn", "l2", "s1")
        gone = world.session(T1, "ipsec-vpn", "ip", "s1")
        async with source_on(nsx) as source:
            without = await discovered(source)
        async with source_on(nsx, vpn=True) as source:
            first = await discovered(source, without)
            assert first.changes == ()
            world.get(stretch)["_create_time"] = CREATED + 5
            world.remove(gone)
            world.session(T1, "ipsec-vpn", "ip", "s2")
            second = await discovered(source, first)
        async with source_on(nsx) as source:
            assert (await discovered(source, second)).changes == ()
    told = [(change.event, change.detail["object"], change.path.rpartition("/")[2]) for change in second.changes]
    assert told == [
        ("object_deleted", "ipsec_session", "s1"),
        ("object_added", "ipsec_session", "s2"),
        ("object_changed", "l2vpn_session", "s1"),
    ]
    assert second.changes[2].detail["made_anew"] == "true"


# --- VPCs and transit gateways ---------------------------------------------------------------------------------------


def with_vpcs(world: World) -> tuple[str, str]:
    blue, green = world.project("blue"), world.project("green")
    for project in (blue, green):
        world.list(f"{project}/vpcs")
        world.list(f"{project}/transit-gateways")
    return world.vpc(blue, "v1", tags=[{"scope": "tenant", "tag": "blue"}]), world.transit_gateway(green, "default")


async def test_external_and_internal_traffic_are_points_of_their_own_with_one_request() -> None:
    async with FakeManager() as nsx:
        vpc, transit = with_vpcs(provider(nsx))
        async with source_on(nsx, vpcs=True) as source:
            inventory = await discovered(source)
    assert inventory.complete, inventory.faults
    found = {key: point for key, point in of_kinds(inventory, *Kind).items() if "/orgs/" in key}
    assert list(found) == [
        f"{vpc} vpc_external",
        f"{vpc} vpc_internal",
        f"{transit} transit_gateway_external",
        f"{transit} transit_gateway_internal",
    ]
    points = list(found.values())
    assert [point.project for point in points] == ["Blue", "Blue", "Green", "Green"]
    assert {point.read_at for point in points} == {ReadAt.SUMMARY}
    assert points[0].calls == points[1].calls
    assert points[0].calls[0].target == f"{API}{vpc}/statistics"
    assert points[0].calls[0].node is None
    assert points[2].calls[0].target == f"{API}{transit}/statistics"
    assert points[0].tags == (("tenant", "blue"),)


async def test_an_older_release_has_one_sum_of_a_vpc_and_no_transit_gateways() -> None:
    async with FakeManager() as nsx:
        vpc, _ = with_vpcs(provider(nsx, "4.1.1"))
        async with source_on(nsx, vpcs=True) as source:
            found = {key: point for key, point in of_kinds(await discovered(source), *Kind).items() if "/orgs/" in key}
        assert list(found) == [f"{vpc} vpc"]
        assert found[f"{vpc} vpc"].calls[0].target == f"{API}{vpc}/statistics/summary"
        assert not any("transit" in path for path in nsx.paths())
    async with FakeManager() as nsx:
        with_vpcs(provider(nsx, "4.1.0"))
        async with source_on(nsx, vpcs=True) as source:
            assert not any("/orgs/" in point.key.path for point in (await discovered(source)).points)
        assert not any("vpcs" in path for path in nsx.paths())


async def test_vpcs_of_projects_that_are_not_chosen_are_not_asked_for() -> None:
    async with FakeManager() as nsx:
        with_vpcs(provider(nsx))
        async with source_on(nsx, vpcs=True, projects=("green",)) as source:
            found = [point.key.path for point in (await discovered(source)).points if "/orgs/" in point.key.path]
        async with source_on(nsx, vpcs=True, projects="none") as source:
            nobody = (await discovered(source)).points
    assert {path.split("/")[4] for path in found} == {"green"}
    assert not any("/orgs/" in point.key.path for point in nobody)


@pytest.mark.parametrize(("version", "has_fault"), [("4.2.1", False), ("9.0.0", True)])
async def test_a_release_without_transit_gateways_is_no_fault_before_9(version: str, has_fault: bool) -> None:
    async with FakeManager() as nsx:
        with_vpcs(provider(nsx, version))
        for project in ("blue", "green"):
            del nsx.lists[f"{API}/orgs/default/projects/{project}/transit-gateways"]
        async with source_on(nsx, vpcs=True) as source:
            inventory = await discovered(source)
    assert inventory.complete
    assert any("transit-gateways: this release has none" in fault for fault in inventory.faults) is has_fault


@pytest.mark.parametrize(
    ("status", "complete"),
    [(403, True), (404, False), (500, False)],
)
async def test_vpcs_that_cannot_be_read_now_stay(status: int, complete: bool) -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        vpc, _ = with_vpcs(world)
        async with source_on(nsx, vpcs=True) as source:
            first = await discovered(source)
            for project in ("blue", "green"):
                del nsx.lists[f"{API}/orgs/default/projects/{project}/vpcs"]
                nsx.answers[f"{API}/orgs/default/projects/{project}/vpcs"] = always(lambda: error(status, 1, "no"))
            second = await discovered(source, first)
    assert second.complete is complete
    assert second.faults
    assert f"{vpc} vpc_external" in of_kinds(second, Kind.VPC_EXTERNAL)
    assert second.changes == ()


async def test_a_vpc_that_comes_and_goes_is_a_change() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        vpc, transit = with_vpcs(world)
        async with source_on(nsx, vpcs=True) as source:
            first = await discovered(source)
            world.remove(vpc)
            world.get(transit)["display_name"] = "renamed"
            second = await discovered(source, first)
    told = [(change.event, change.detail["object"]) for change in second.changes]
    assert told == [("object_deleted", "vpc"), ("object_changed", "transit_gateway")]


# --- what a director looks for ---------------------------------------------------------------------------------------


async def test_a_gateway_has_every_id_that_a_director_may_know_it_by() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        world.get(T1)["realization_id"] = "real-1"
        world.get("/infra/tier-1s/t1-flat")["realization_id"] = 7
        world.state(T1, ("node-0", f"{EP}/edge-clusters/ec/edge-nodes/0", "ACTIVE"))
        nsx.answers[f"{API}{T1}/state"]["tier1_status"]["logical_router_id"] = "router-1"
        nsx.answers[f"{API}/infra/tier-1s/t1-flat/state"] = {"tier1_status": {"logical_router_id": "router-flat"}}
        nsx.answers[f"{API}{T0}/state"] = {"tier0_status": {"logical_router_id": "uid-t0"}}
        async with source_on(nsx, directory=True) as source:
            inventory = await discovered(source)
            broken = always(lambda: error(503, None, "starting"))
            nsx.answers[f"{API}{T1}/state"] = nsx.answers[f"{API}/infra/tier-1s/t1-flat/state"] = broken
            again = await discovered(source, inventory)
    assert inventory.complete, inventory.faults
    found = {gateway.path: gateway for gateway in inventory.gateways}
    assert found[T1].ids == ("t1", "uid-t1", "real-1", "router-1")
    assert found["/infra/tier-1s/t1-flat"].ids == ("t1-flat", "uid-t1-flat", "router-flat")
    assert found[T0].ids == ("t0", "uid-t0")
    assert (found[T1].tier, found[T1].parent, found[VRF].parent) == (1, T0, T0)
    assert found[T1].tags == (("tenant", "acme"),)
    assert again.gateways == inventory.gateways


def with_segments(world: World) -> list[dict[str, Any]]:
    world.interface(T1, "colo", segment_path="/infra/segments/colo")
    world.interface(T1, "old", segment_path="/infra/tier-1s/t1/segments/old")
    segments = world.list("/infra/segments")
    segments += [
        {"id": name, "path": f"/infra/segments/{name}", "unique_id": f"uid-{name}"} for name in ("colo", "unrelated")
    ]
    return segments


async def test_segments_behind_service_interfaces_have_their_ids() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        with_segments(world)
        project = world.project("blue")
        tier1 = world.tier1("t1-blue", T0, f"{EP}/edge-clusters/ec", where=f"{project}/infra/tier-1s")
        world.interface(tier1, "mpls", segment_path=f"{project}/infra/segments/mpls")
        world.list(f"{project}/infra/segments").append(
            {"id": "mpls", "path": f"{project}/infra/segments/mpls", "unique_id": "uid-mpls"}
        )
        async with source_on(nsx, directory=True) as source:
            inventory = await discovered(source)
    assert inventory.complete, inventory.faults
    assert [(segment.path, segment.ids) for segment in inventory.segments] == [
        ("/infra/segments/colo", ("colo", "uid-colo")),
        ("/infra/tier-1s/t1/segments/old", ("old",)),
        (f"{project}/infra/segments/mpls", ("mpls", "uid-mpls")),
    ]


async def test_segments_that_cannot_be_listed_are_a_fault_and_leave_the_inventory_complete() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        with_segments(world)
        async with source_on(nsx, directory=True) as source:
            first = await discovered(source)
            del nsx.lists[f"{API}/infra/segments"]
            nsx.answers[f"{API}/infra/segments"] = always(lambda: error(500, 1, "broken"))
            second = await discovered(source, first)
    assert second.complete
    assert any("/infra/segments" in fault for fault in second.faults)
    assert second.segments == first.segments


async def test_without_service_interfaces_no_segments_are_listed() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        world.interface(T0, "up", type="EXTERNAL", segment_path="/infra/segments/vlan-uplink")
        async with source_on(nsx, directory=True) as source:
            assert (await discovered(source)).segments == ()
        assert not any("segments" in path for path in nsx.paths())
