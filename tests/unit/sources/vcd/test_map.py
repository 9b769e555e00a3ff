"""What a reading of a director makes of its lists."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web

from collector.errors import AuthFailed, SourceUnavailable
from collector.model.directory import Backing, CloudGateway, ExternalNetwork, Manager, Org, Uplink
from collector.ports import Director
from collector.sources.vcd.options import PasswordLogin
from tests.unit.sources.vcd.cloud import NSX, VCENTER, Cloud, ref, small_cloud, uplink, urn
from tests.unit.sources.vcd.fake_vcd import NOW, PASSWORD, ROOT, USERNAME, FakeVcd, always, fault, rig


async def test_organisations_gateways_and_networks_are_read_with_all_that_attribution_needs() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd)
        found = await it.whole_map()
    assert found.orgs == tuple(Org(urn("org", name), name, f"{name} Corp") for name in ("acme", "globex", "initech"))
    assert found.version == "38.1"
    gateways = {gateway.name: gateway for gateway in found.gateways}
    assert gateways["gw-acme"] == CloudGateway(
        id=urn("gateway", "gw-acme"),
        name="gw-acme",
        org=urn("org", "acme"),
        org_name="acme",
        owner=urn("vdcGroup", "group-acme"),
        owner_name="group-acme",
        manager=str(NSX["id"]),
        manager_name="nsx-a",
        backing_id="id-gw-acme",
        type="NSXT_BACKED",
        status="REALIZED",
        uplinks=(
            Uplink(urn("network", "mpls"), "mpls", "IMPORTED_T_LOGICAL_SWITCH"),
            Uplink(urn("network", "pg-acme"), "pg-acme", "NSXT_VRF_TIER0", dedicated=True),
        ),
    )
    assert gateways["gw-globex"].distributed_only
    assert (gateways["gw-initech"].in_project, gateways["gw-initech"].uplinks[0].connected) == (True, False)
    assert (gateways["gw-old"].type, gateways["gw-old"].backing_id) == ("NSXV_BACKED", "edge-12")
    networks = {network.name: network for network in found.networks}
    assert networks["pg-acme"] == ExternalNetwork(
        id=urn("network", "pg-acme"),
        name="pg-acme",
        backings=(Backing("id-pg-acme", "NSXT_VRF_TIER0", str(NSX["id"]), "nsx-a", "pg-acme"),),
        dedicated_org=urn("org", "acme"),
        using_ip_space=True,
    )
    assert found.managers == (
        Manager(str(NSX["id"]), "nsx-a", "https://nsx-a.example.net"),
        Manager(str(VCENTER["id"]), "vc-old", ""),
    )


async def test_the_map_bears_the_time_of_the_first_answer() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        cloud = small_cloud(vcd)
        rows = cloud.vcd.lists["orgs"]

        async def orgs(_: web.Request) -> web.Response:
            return web.json_response(
                {"resultTotal": len(rows), "values": rows}, headers={"Date": formatdate(1_600_000_000, usegmt=True)}
            )

        vcd.handlers[f"{ROOT}/orgs"] = orgs
        assert (await it.whole_map()).at == 1_600_000_000_000
        vcd.handlers[f"{ROOT}/orgs"] = always(
            lambda: web.json_response({"resultTotal": len(rows), "values": rows}, headers={"Date": "never"})
        )
        assert (await it.whole_map()).at == NOW


async def test_every_request_counts_and_names_the_version_that_was_chosen() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd)
        found = await it.whole_map()
        assert found.calls == len(vcd.seen) - 2  # the versions and the log-in
        accepted = {accept for path, accept in vcd.accepted if path.startswith(ROOT) and "sessions" not in path}
        assert accepted == {"application/json;version=38.1"}
        assert ("/api/query", "application/*+json;version=38.1") in vcd.accepted


async def test_a_gateway_without_an_organisation_has_that_of_its_vdc_group_or_vdc() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        cloud = small_cloud(vcd)
        vcd.lists["vdcGroups"].append(
            {"id": urn("vdcGroup", "shared"), "name": "shared", "orgId": urn("org", "globex")}
        )
        vcd.lists["vdcs"].append({"id": urn("vdc", "v"), "name": "v", "org": ref("org", "initech")})
        cloud.gateway("gw-1", "x", "pg-shared", orgRef=None, ownerRef=ref("vdcGroup", "shared"))
        cloud.gateway("gw-2", "x", "pg-shared", orgRef={"name": "x"}, ownerRef=None, orgVdc=ref("vdc", "v"))
        gateways = {gateway.name: gateway for gateway in (await it.whole_map()).gateways}
        assert (gateways["gw-1"].org, gateways["gw-1"].org_name) == (urn("org", "globex"), "globex")
        assert (gateways["gw-2"].org, gateways["gw-2"].owner) == (urn("org", "initech"), urn("vdc", "v"))


async def test_groups_and_vdcs_are_read_only_where_they_are_needed() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd)
        await it.whole_map()
        assert vcd.asked("vdcGroups") == vcd.asked("vdcs") == []


async def test_old_releases_say_less_and_their_map_is_whole() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        vcd.versions = [("34.0", False)]
        cloud = Cloud(vcd)
        cloud.org("acme")
        network = cloud.network("pg")
        backing = network["networkBackings"]["values"][0]
        backing["backingType"] = backing.pop("backingTypeValue")
        gateway = cloud.gateway("gw", "acme", "pg")
        for name in ("ownerRef", "deploymentMode"):
            del gateway[name]
        for name in ("backingType", "usingIpSpace", "connected", "dedicated"):
            del gateway["edgeGatewayUplinks"][0][name]
        found = await it.whole_map()
        assert found.gateways[0].uplinks == (Uplink(urn("network", "pg"), "pg", "NSXT_TIER0"),)
        assert found.gateways[0].owner == urn("vdc", "vdc-acme")
        assert found.addresses_complete
        assert not any("ipSpaces" in path for _, path in vcd.seen)


@pytest.mark.parametrize("dedicated", [{"name": "gw", "id": "urn:vcloud:gateway:gw"}, True])
async def test_a_network_dedicated_to_a_gateway_is_known_by_a_reference_or_a_flag(dedicated: Any) -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd).network("pg-own", dedicatedEdgeGateway=dedicated)
        networks = {network.name: network.dedicated_gateway for network in (await it.whole_map()).networks}
        assert networks == {"pg-own": True, "pg-shared": False, "pg-acme": False, "mpls": False, "old": False}


@pytest.mark.parametrize("kind", [None, "NETWORK", "NSXT_TIER0"])
async def test_what_an_uplink_of_nsxv_is_called_matters_to_nobody(kind: str | None) -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd)
        vcd.lists["edgeGateways"][-1]["edgeGatewayUplinks"][0]["backingType"] = kind
        found = (await it.whole_map()).gateways[-1]
        assert (found.name, found.uplinks[0].backing_type) == ("gw-old", kind or "DV_PORTGROUP")


async def test_a_gateway_on_its_way_need_not_have_a_backing_yet() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd).gateway("gw-new", "acme", status="CONFIGURING", gatewayBacking=None, edgeGatewayUplinks=None)
        assert "gw-new" in {gateway.name for gateway in (await it.whole_map()).gateways}


@pytest.mark.parametrize(
    "managers",
    [
        lambda: fault(403, "ACCESS_TO_RESOURCE_IS_FORBIDDEN", "no"),
        lambda: web.json_response({"record": [{"name": "nsx-a"}]}),
        lambda: web.json_response([]),
        lambda: web.Response(text="<QueryResultRecords", content_type="text/xml"),
        lambda: web.Response(text="<Other/>", content_type="text/xml"),
    ],
)
async def test_unknown_addresses_of_managers_are_told_and_cost_no_map(managers: Any) -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd)
        vcd.handlers["/api/query"] = always(managers)
        found = await it.whole_map()
        assert Manager(str(NSX["id"]), "nsx-a", "") in found.managers
        assert "which the map does not need" in found.faults[0]


async def test_managers_are_read_from_xml_too() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd)
        href = f"{vcd.url}/api/admin/extension/nsxtManagers/{str(NSX['id']).rpartition(':')[2]}"
        text = (
            '<?xml version="1.0" encoding="UTF-8"?>'
            '<QueryResultRecords xmlns="http://www.vmware.com/vcloud/v1.5" total="1">'
            f'<Link rel="up"/><NsxTManagerRecord name="nsx-a" href="{href}" url="https://nsx-b.example.net"/>'
            "</QueryResultRecords>"
        )
        vcd.handlers["/api/query"] = always(lambda: web.Response(text=text, content_type="text/xml"))
        assert Manager(str(NSX["id"]), "nsx-a", "https://nsx-b.example.net") in (await it.whole_map()).managers


async def test_an_account_of_an_organisation_need_not_see_external_networks() -> None:
    tenant = PasswordLogin(USERNAME, lambda: PASSWORD, "acme")
    async with FakeVcd() as vcd, rig(vcd, login=tenant) as it, rig(vcd) as provider:
        cloud = Cloud(vcd)
        cloud.org("acme")
        cloud.gateway("gw", "acme", "pg")
        vcd.handlers[f"{ROOT}/externalNetworks"] = always(lambda: fault(403, "FORBIDDEN", "not yours"))
        found = await it.whole_map()
        assert [gateway.backing_id for gateway in found.gateways] == ["id-gw"]
        assert "known by their backing alone" in found.faults[0]
        assert not any("/api/query" in path for _, path in vcd.seen)
        assert not (await provider.source.read_map()).complete


async def test_a_director_that_goes_away_is_not_asked_for_the_rest() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd)
        vcd.handlers[f"{ROOT}/externalNetworks"] = always(lambda: web.Response(status=502))
        found = await it.source.read_map()
        assert (found.complete, found.addresses_complete) == (False, False)
        assert "the rest was not asked for" in found.faults
        assert vcd.asked("edgeGateways") == []


async def test_a_director_whose_first_list_cannot_be_read_is_an_error() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd)
        vcd.handlers[f"{ROOT}/orgs"] = always(lambda: web.Response(status=503))
        with pytest.raises(SourceUnavailable, match="HTTP 503"):
            await it.source.read_map()
        vcd.handlers[f"{ROOT}/orgs"] = always(lambda: fault(403, "FORBIDDEN", "no"))
        with pytest.raises(AuthFailed, match="the account needs the right to view it"):
            await it.source.read_map()


async def test_all_gateways_gone_at_once_are_believed_gone_when_it_stays_so_for_hours() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd)
        gateways = vcd.lists["edgeGateways"]
        assert (await it.source.read_map()).complete
        vcd.lists["edgeGateways"] = []
        found = await it.source.read_map()
        assert not found.complete
        assert found.faults[-1] == (
            "there were gateways and now there are none; believed once it has stayed so for 6 h"
        )
        it.clock.advance(6 * 3_600_000 - 1)
        assert not (await it.source.read_map()).complete
        it.clock.advance(1)
        assert (await it.source.read_map()).complete
        vcd.lists["edgeGateways"] = gateways
        assert (await it.source.read_map()).complete
        vcd.lists["edgeGateways"] = []
        assert not (await it.source.read_map()).complete


async def test_one_odd_gateway_does_not_keep_the_others_out_of_force_for_ever() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        cloud = small_cloud(vcd)
        await it.whole_map()
        cloud.gateway("gw-odd", "acme")
        first = await it.source.read_map()
        assert not first.complete
        assert f"gateway gw-odd ({urn('gateway', 'gw-odd')}): it has no uplinks; believed once" in first.faults[0]
        it.clock.advance(3 * 3_600_000)
        cloud.gateway("gw-other", "nobody", "pg-shared")
        second = await it.source.read_map()
        assert (len(second.faults), second.faults[0]) == (2, first.faults[0])
        it.clock.advance(3 * 3_600_000)
        assert not (await it.source.read_map()).complete
        it.clock.advance(3 * 3_600_000)
        found = await it.whole_map()
        assert {"gw-odd", "gw-other"} < {gateway.name for gateway in found.gateways}
        assert all(fault.endswith("; believed after 6 h") for fault in found.faults)


async def test_what_was_odd_and_is_no_more_is_doubted_anew() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        odd = small_cloud(vcd).gateway("gw-odd", "acme")
        assert not (await it.source.read_map()).complete
        it.clock.advance(5 * 3_600_000)
        odd["edgeGatewayUplinks"] = [uplink("pg-shared")]
        assert (await it.source.read_map()).complete
        odd["edgeGatewayUplinks"] = []
        it.clock.advance(5 * 3_600_000)
        assert not (await it.source.read_map()).complete


async def test_a_reading_that_is_not_whole_says_nothing_of_what_is_odd() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        odd = small_cloud(vcd).gateway("gw-odd", "acme")
        vcd.handlers[f"{ROOT}/externalNetworks"] = always(lambda: fault(404, "NOT_FOUND", "no"))
        found = await it.source.read_map()
        assert len(found.faults) == 1
        it.clock.advance(7 * 3_600_000)
        del vcd.handlers[f"{ROOT}/externalNetworks"]
        assert not (await it.source.read_map()).complete
        assert odd["edgeGatewayUplinks"] == []


async def test_a_remembered_map_is_what_a_first_reading_is_measured_by() -> None:
    async with FakeVcd() as vcd:
        small_cloud(vcd)
        async with rig(vcd) as before:
            known = await before.whole_map()
        vcd.lists["edgeGateways"] = []
        async with rig(vcd) as after, rig(vcd) as fresh:
            after.source.remember(known)
            assert not (await after.source.read_map()).complete
            assert (await fresh.source.read_map()).complete


async def test_another_source_may_use_the_session_for_paths_of_its_own() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        path = "/network/edges/6f83e7a0-0e1c-4b0a-8a0e-2f6d1d6f3a11/statistics/interfaces"
        vcd.handlers[path] = always(lambda: web.Response(text="<statistics/>", content_type="application/xml"))
        answer = await it.source.session_get(f"{path}?startTime=1", "application/xml")
        assert answer.body == b"<statistics/>"
        assert vcd.accepted[-1] == (path, "application/xml")
        assert vcd.logins == 1


async def test_the_source_is_a_director_that_names_itself_and_its_budget() -> None:
    async with FakeVcd() as vcd, rig(vcd, requests_per_second=7) as it:
        director: Director = it.source
        assert (director.name, director.requests_per_second, director.budget_used_ratio()) == ("vcd", 7, 0.0)
        assert not it.source.insecure


async def test_unknown_members_are_passed_over() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd)
        plain = await it.whole_map()
        for name, rows in vcd.lists.items():
            for row in rows:
                row["somethingNew"] = {"of": [name]}
        odd = await it.whole_map()
        assert (odd.orgs, odd.gateways, odd.networks) == (plain.orgs, plain.gateways, plain.networks)
        assert uplink("x").keys() >= {"uplinkId"}
