"""The Cloud Director over HTTPS: versions, log-ins, pages, filters, what each version and each account is shown."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from defusedxml.ElementTree import fromstring as parse

from simulator.vcd.fiql import BadFilter
from simulator.vcd.fiql import parse as parse_filter
from simulator.vcd.sessions import CloudSessions
from simulator.vcd.specs import NetworkSpec, VcdSpec
from tests.simulator.conftest import Start
from tests.simulator.vcd import PROVIDER, ROOT, TOKEN, basic, director, link, with_director

pytestmark = pytest.mark.integration

VERSIONS = "{http://www.vmware.com/vcloud/versions}"


# Versions -----------------------------------------------------------------------------------------------------------


async def test_versions_are_shown_to_everybody(start: Start) -> None:
    vcd = await director(start, login=False)
    answer = await vcd.send("GET", "/api/versions")
    assert answer.headers["Content-Type"].startswith("application/xml")
    found = {one.findtext(f"{VERSIONS}Version"): one.get("deprecated") for one in parse(answer.text)}
    assert found["38.1"] == "false"
    assert found["34.0"] == "true"


@pytest.mark.parametrize("accept", ["application/json;version=99.0", "application/json", "*/*", "", "version=38.1"])
async def test_a_version_that_is_not_listed_is_refused(start: Start, accept: str) -> None:
    vcd = await director(start)
    answer = await vcd.get("orgs", accept)
    assert (answer.status, answer.body["minorErrorCode"]) == (406, "NOT_ACCEPTABLE")


async def test_older_versions_show_less(start: Start) -> None:
    vcd = await director(start)
    new = await vcd.one("edgeGateways", "edge-t1-globex")
    assert {one["backingType"] for one in new["edgeGatewayUplinks"]} == {"NSXT_TIER0", "IMPORTED_T_LOGICAL_SWITCH"}
    assert (await vcd.one("externalNetworks", "pg-acme"))["dedicatedOrg"]["name"] == "acme"
    vcd.version = "36.0"
    old = await vcd.one("edgeGateways", "edge-t1-globex")
    assert [one["uplinkName"] for one in old["edgeGatewayUplinks"]] == ["pg-t0-prov"], "no uplinks on segments yet"
    assert "backingType" not in old["edgeGatewayUplinks"][0]
    assert "dedicatedOrg" not in await vcd.one("externalNetworks", "pg-acme")
    assert (await vcd.get("ipSpaces/summaries")).status == 404
    vcd.version = "34.0"
    backing = (await vcd.one("externalNetworks", "pg-acme"))["networkBackings"]["values"][0]
    assert (backing["backingType"], "backingTypeValue" in backing) == ("NSXT_TIER0", False)
    assert "vlan-globex-colo" not in [row["name"] for row in await vcd.every("externalNetworks")]


# Log-ins ------------------------------------------------------------------------------------------------------------


async def test_a_password_gives_a_session_until_it_is_ended(start: Start) -> None:
    vcd = await director(start, login=False)
    assert (await vcd.get("orgs")).status == 401
    answer = await vcd.login()
    assert answer.status == 200
    assert answer.headers[TOKEN].count(".") == 2
    session = (await vcd.get("sessions/current")).body
    assert (session["user"]["name"], session["org"]["name"]) == ("northmeter", "System")
    assert session["roles"] == ["northmeter"]
    rights = await vcd.every(f"roles/{session['roleRefs'][0]['id']}/rights")
    assert {row["rightType"] for row in rights if row["name"].endswith("View")} == {"VIEW"}
    ended = await vcd.send(
        "DELETE", f"{ROOT}/sessions/current", headers=vcd.accept() | {"Authorization": f"Bearer {vcd.access}"}
    )
    assert ended.status == 204
    assert (await vcd.get("orgs")).status == 401


@pytest.mark.parametrize("body", ["json", "empty"])
async def test_a_wrong_password_is_refused(start: Start, body: str) -> None:
    vcd = await director(start, with_director(refused_body=body), login=False)
    answer = await vcd.login(password="wrong")
    assert (answer.status, TOKEN in answer.headers) == (401, False)
    assert (answer.body is None) is (body == "empty")
    assert (await vcd.login("clerk@globex", "simulated-clerk-password")).status == 401, "no account of the provider"
    assert vcd.sim.stats()["vcd"]["logins"] == {"made": 0, "redeemed": 0, "refused": 2}


async def test_an_account_of_an_organisation_sees_its_own(start: Start) -> None:
    vcd = await director(start, login=False)
    assert (await vcd.login("clerk@globex", "simulated-clerk-password", path=f"{ROOT}/sessions")).status == 200
    assert [row["name"] for row in await vcd.every("orgs")] == ["globex"]
    assert [row["name"] for row in await vcd.every("edgeGateways")] == ["edge-t1-globex"]
    assert [row["name"] for row in await vcd.every("vdcGroups")] == ["globex-group"]
    refused = await vcd.get("externalNetworks")
    assert (refused.status, refused.body["minorErrorCode"]) == (403, "ACCESS_TO_RESOURCE_IS_FORBIDDEN")
    space = (await vcd.every("ipSpaces/summaries"))[0]
    assert space["utilization"]["floatingIPs"]["totalCount"] == "-1", "how many there are is the provider's"
    assert "allocatedPercentage" not in space["utilization"]["floatingIPs"]


async def test_what_an_account_has_no_right_to_is_forbidden(start: Start) -> None:
    scenario = with_director()
    assert scenario.vcd is not None
    user = scenario.vcd.users[0].model_copy(update={"rights": ["Organization: View"]})
    vcd = await director(start, with_director(users=[user]))
    assert (await vcd.get("orgs")).status == 200
    assert (await vcd.get("edgeGateways")).status == 403
    boss = await director(start, login=False)
    assert (await boss.login("boss@System", "simulated-boss-password")).status == 200
    role = (await boss.get("sessions/current")).body["roleRefs"][0]
    assert role["name"] == "System Administrator"
    assert any(row["rightType"] == "MODIFY" for row in await boss.every(f"roles/{role['id']}/rights"))


async def test_an_api_token_stays_the_same_until_it_is_replaced(start: Start) -> None:
    vcd = await director(start, login=False)
    for _ in range(2):
        answer = await vcd.redeem(vcd.sim.vcd_token)
        assert (answer.body["token_type"], answer.body["expires_in"]) == ("Bearer", 3_600)
        assert answer.body["refresh_token"] == vcd.sim.vcd_token
        assert (await vcd.get("orgs")).status == 200
    old = vcd.sim.vcd_token
    vcd.sim.fault("vcd_rotate_token", to="another-token")
    assert (await vcd.get("orgs")).status == 401, "what the old token gave has ended"
    refused = await vcd.redeem(old)
    assert (refused.status, refused.body["error"]) == (400, "invalid_grant")
    assert (await vcd.redeem("another-token")).status == 200
    assert (await vcd.redeem("another-token", org="globex")).status == 400, "another organisation's log-in"


async def test_the_token_of_a_service_account_is_taken_once(start: Start) -> None:
    vcd = await director(start, login=False)
    first = vcd.sim.vcd_service_token
    answer = await vcd.redeem(first)
    second = answer.body["refresh_token"]
    assert second == vcd.sim.vcd_service_token != first
    assert (await vcd.get("sessions/current")).body["user"]["name"] == "northmeter-svc"
    assert (await vcd.redeem(first)).status == 400
    assert (await vcd.redeem(second)).status == 200
    assert vcd.sim.vcd is not None
    assert vcd.sim.vcd.sessions.spent == [first, second]


async def test_the_legacy_log_in(start: Start) -> None:
    vcd = await director(start, login=False)
    headers = vcd.accept("application/*+xml") | basic("northmeter@System", vcd.sim.vcd_password)
    answer = await vcd.send("POST", "/api/sessions", headers=headers)
    token = {"x-vcloud-authorization": answer.headers["x-vcloud-authorization"]}
    assert (await vcd.send("GET", f"{ROOT}/orgs", headers=vcd.accept() | token)).status == 200


async def test_strange_log_ins_are_refused(start: Start) -> None:
    vcd = await director(start, login=False)
    for authorization in ("Basic !!!", "Basic", "Bearer x", ""):
        headers = vcd.accept() | {"Authorization": authorization}
        assert (await vcd.send("POST", PROVIDER, headers=headers)).status == 401
    form = {"grant_type": "password", "refresh_token": vcd.sim.vcd_token}
    assert (await vcd.send("POST", "/oauth/provider/token", headers=vcd.accept(), data=form)).status == 400
    assert (await vcd.send("POST", f"{ROOT}/orgs", headers=vcd.accept())).status == 405
    assert (await vcd.send("POST", PROVIDER, headers=vcd.accept(), data=b"x" * 20_000)).status == 413


def test_sessions_end_by_themselves() -> None:
    now = [0.0]
    spec = VcdSpec(idle_seconds=100, expires_seconds=50)
    sessions = CloudSessions(spec, monotonic=lambda: now[0])
    made = sessions.log_in("northmeter@system", "simulated-vcd-password", as_provider=True)
    redeemed = sessions.redeem("simulated-api-token", None)
    assert made is not None
    assert redeemed is not None
    for now[0] in (40.0, 120.0, 219.0):
        assert sessions.who(made[0]) is not None, "each use keeps it"
    assert sessions.who(redeemed[0]) is None, "an access token ends, however it is used"
    now[0] = 320.0
    assert sessions.who(made[0]) is None
    assert len(sessions) == 0


async def test_every_session_ends_at_once(start: Start) -> None:
    vcd = await director(start)
    vcd.sim.fault("expire_sessions", manager="vcd-a")
    assert (await vcd.get("orgs")).status == 401
    assert (await vcd.login()).status == 200
    assert (await vcd.get("orgs")).status == 200


# Pages --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("links", ["one", "several"])
async def test_links_lead_through_a_list(start: Start, links: str) -> None:
    vcd = await director(start, with_director("vcd", links=links), events=[])
    first = await vcd.get("edgeGateways")
    counts = {name: first.body[name] for name in ("resultTotal", "pageCount", "page", "pageSize", "associations")}
    assert counts == {"resultTotal": 520, "pageCount": 21, "page": 1, "pageSize": 25, "associations": None}
    assert len(first.headers.getall("Link")) == (1 if links == "one" else 3)
    rows, answer = list(first.body["values"]), first
    while target := link(answer, "nextPage"):
        answer = await vcd.get(urlsplit(target).path, **dict(parse_qsl(urlsplit(target).query)))
        rows += answer.body["values"]
        assert link(answer, "previousPage")
    assert len({row["id"] for row in rows}) == len(rows) == 520
    assert [row["id"] for row in await vcd.every("edgeGateways")] == [row["id"] for row in rows]


async def test_some_lists_name_neither_a_next_page_nor_their_number(start: Start) -> None:
    vcd = await director(start, with_director("vcd"), events=[])
    first = await vcd.get("externalNetworks", pageSize=128)
    assert (first.body["pageCount"], "Link" in first.headers) == (None, False)
    total = first.body["resultTotal"]
    assert total > 128
    assert len(await vcd.every("externalNetworks")) == total


async def test_some_lists_go_by_cursor_without_totals(start: Start) -> None:
    vcd = await director(start, with_director(cursor_lists=["orgs"]))
    answer = await vcd.get("orgs", pageSize=2)
    names = [row["name"] for row in answer.body["values"]]
    assert set(answer.body) == {"values"}
    while target := link(answer, "nextPage"):
        answer = await vcd.get("orgs", **dict(parse_qsl(urlsplit(target).query)))
        names += [row["name"] for row in answer.body["values"]]
    assert names == ["acme", "globex", "Initech-EMEA", "soylent", "hooli"]
    assert (await vcd.get("orgs", cursor="zz")).status == 400
    clusters = await vcd.get("nsxTResources/edgeClusters")
    assert [row["name"] for row in clusters.body["values"]] == ["ec-prov", "ec-acme"]


async def test_importable_routers_need_a_context(start: Start) -> None:
    vcd = await director(start, with_director(networks=[NetworkSpec(tier0="t0-acme", hidden=True)]))
    assert (await vcd.get("nsxTResources/importableTier0Routers")).status == 400
    manager = (await vcd.one("edgeGateways", "edge-t1-acme"))["gatewayBacking"]["networkProvider"]["id"]
    found = await vcd.get("nsxTResources/importableTier0Routers", filter=f"_context=={manager}")
    assert [row["displayName"] for row in found.body["values"]] == ["t0-acme"]


@pytest.mark.parametrize("query", [{"pageSize": 129}, {"pageSize": 0}, {"page": 0}, {"page": "two"}, {"pageSize": ""}])
async def test_pages_that_cannot_be_are_refused(start: Start, query: dict[str, Any]) -> None:
    vcd = await director(start)
    answer = await vcd.get("orgs", **query)
    assert (answer.status, answer.body["minorErrorCode"]) == (400, "BAD_REQUEST")


async def test_a_greater_page_may_be_cut(start: Start) -> None:
    vcd = await director(start, with_director("vcd", page_size_over="cut"), events=[])
    answer = await vcd.get("orgs", pageSize=1_000)
    assert (len(answer.body["values"]), answer.body["pageSize"], answer.body["pageCount"]) == (128, 128, 3)
    behind = await vcd.get("orgs", pageSize=128, page=9)
    assert (behind.status, behind.body["values"]) == (200, [])


# Filters ------------------------------------------------------------------------------------------------------------


async def test_lists_are_filtered_and_sorted(start: Start) -> None:
    vcd = await director(start)
    acme = await vcd.one("orgs", "acme")
    rows = await vcd.every("edgeGateways", filter=f"orgRef.id=={acme['id']};name!=edge-t1-acme", sortDesc="name")
    assert [row["name"] for row in rows] == ["edge-t1-acme-test", "edge-t1-acme-dmz"]
    rows = await vcd.every("edgeGateways", filter="(name==edge-t1-in*,name==edge-t1-globex)", sortAsc="name")
    assert [row["name"] for row in rows] == ["edge-t1-globex", "edge-t1-initech"]
    rows = await vcd.every("edgeGateways", filter="gatewayBacking.gatewayType==NSXV_BACKED")
    assert [row["name"] for row in rows] == ["soylent-old"]


@pytest.mark.parametrize("text", ["colour==red", "name", "name=acme", "name==a;", "(name==a", "name==a)", "(" * 20])
async def test_filters_that_cannot_be_read_are_refused(start: Start, text: str) -> None:
    vcd = await director(start)
    assert (await vcd.get("orgs", filter=text)).status == 400
    assert (await vcd.get("orgs", sortAsc="colour")).status == 400


def test_or_binds_weaker_than_and() -> None:
    test = parse_filter("a==1;b==2,c==3", frozenset("abc"))
    assert test({"a": 1, "b": 2})
    assert test({"c": 3})
    assert not test({"a": 1, "b": 3})
    with pytest.raises(BadFilter, match="too long"):
        parse_filter("a==" + "1" * 5_000, frozenset("a"))


# Objects ------------------------------------------------------------------------------------------------------------


async def test_gateways_name_their_organisation_backing_and_uplinks(start: Start) -> None:
    vcd = await director(start)
    provider = vcd.sim.provider
    globex = await vcd.one("edgeGateways", "edge-t1-globex")
    assert globex["orgRef"]["name"] == "globex"
    assert globex["ownerRef"]["id"].startswith("urn:vcloud:vdcGroup:")
    assert globex["gatewayBacking"]["backingId"] == provider.gateway("t1-globex").unique_id
    assert globex["gatewayBacking"]["networkProvider"]["name"] == "nsx-a"
    soylent = await vcd.one("edgeGateways", "edge-t1-soylent")
    assert soylent["gatewayBacking"]["networkingTenancyEnabled"] is True
    assert soylent["ownerRef"]["id"].startswith("urn:vcloud:vdc:")
    old = await vcd.one("edgeGateways", "soylent-old")
    assert (old["gatewayBacking"]["gatewayType"], old["gatewayBacking"]["backingId"]) == ("NSXV_BACKED", "edge-7")
    assert await vcd.every("edgeGateways", filter=f"id=={globex['id']}") == [globex]
    assert (await vcd.get(f"edgeGateways/{globex['id']}")).body == globex
    assert (await vcd.get("edgeGateways/urn:vcloud:gateway:nobody")).status == 404
    names = [row["name"] for row in await vcd.every("edgeGateways")]
    assert "edge-t1-nobody" not in names


@pytest.mark.parametrize("kind", ["id", "unique_id", "realization_id", "router_id"])
async def test_a_backing_id_is_of_the_kind_that_the_scenario_says(start: Start, kind: str) -> None:
    vcd = await director(start, with_director(backing_id=kind))
    gateway, provider = vcd.sim.provider.gateway("t1-acme"), vcd.sim.provider
    ids = {
        "id": "t1-acme", "unique_id": gateway.unique_id, "realization_id": provider.realization_id(gateway),
        "router_id": provider.router_id(gateway),
    }  # fmt: skip
    assert len(set(ids.values())) == 4
    assert (await vcd.one("edgeGateways", "edge-t1-acme"))["gatewayBacking"]["backingId"] == ids[kind]


async def test_the_uplink_to_the_tier0_is_not_always_the_first(start: Start) -> None:
    vcd = await director(start, with_director("vcd"), events=[])
    rows = await vcd.every("edgeGateways")
    firsts = {row["edgeGatewayUplinks"][0]["backingType"] for row in rows if len(row["edgeGatewayUplinks"]) > 1}
    assert firsts > {"NSXT_TIER0", "IMPORTED_T_LOGICAL_SWITCH"}
    for row in rows:
        kinds = [one["backingType"] for one in row["edgeGatewayUplinks"]]
        tier0s = sum(kind in ("NSXT_TIER0", "NSXT_VRF_TIER0") for kind in kinds)
        assert tier0s == (row["gatewayBacking"]["gatewayType"] != "NSXV_BACKED")


async def test_external_networks_say_what_they_stand_on_and_whose_they_are(start: Start) -> None:
    vcd = await director(start)
    rows = {row["name"]: row for row in await vcd.every("externalNetworks")}
    backings = {
        name: (one["backingTypeValue"], one["backingId"])
        for name, row in rows.items()
        for one in row["networkBackings"]["values"]
    }
    assert backings["pg-t0-prov"] == ("NSXT_TIER0", "t0-prov")
    assert backings["pg-vrf-initech"] == ("NSXT_VRF_TIER0", "vrf-initech")
    assert backings["vlan-globex-colo"] == ("IMPORTED_T_LOGICAL_SWITCH", "vlan-globex-colo")
    assert backings["pg-ext-internet"][0] == "DV_PORTGROUP"
    assert "net-globex" not in rows, "a network of the tenant's own is no external one"
    assert rows["pg-t0-prov"]["dedicatedOrg"] is rows["pg-t0-prov"]["dedicatedEdgeGateway"] is None
    assert rows["pg-vrf-initech"]["dedicatedOrg"]["name"] == "Initech-EMEA"


async def test_a_provider_gateway_may_name_its_gateway_in_place_of_the_organisation(start: Start) -> None:
    networks = [NetworkSpec(tier0="vrf-initech", told="gateway")]
    vcd = await director(start, with_director(networks=networks))
    row = await vcd.one("externalNetworks", "pg-vrf-initech")
    assert row["dedicatedEdgeGateway"]["name"] == "edge-t1-initech"
    assert row["dedicatedOrg"] is None


async def test_addresses_of_uplinks_without_ip_spaces(start: Start) -> None:
    vcd = await director(start)
    gateway = await vcd.one("edgeGateways", "edge-t1-acme")
    uplink = gateway["edgeGatewayUplinks"][0]
    subnet = uplink["subnets"]["values"][0]
    assert uplink["usingIpSpace"] is False
    assert 1 <= subnet["usedIpCount"] <= subnet["totalIpCount"] <= 3
    used = await vcd.every(f"edgeGateways/{gateway['id']}/usedIpAddresses")
    assert used[0]["ipAddress"] == subnet["primaryIp"]
    assert len(used) == subnet["usedIpCount"]
    shared = await vcd.one("edgeGateways", "edge-t1-acme-test")
    assert shared["usingIpSpace"] is True
    assert shared["edgeGatewayUplinks"][0]["subnets"]["values"] == []


async def test_ip_spaces_count_in_texts(start: Start) -> None:
    vcd = await director(start)
    spaces = {row["name"]: row for row in await vcd.every("ipSpaces/summaries")}
    assert spaces["internet-v6"]["ipSpaceRanges"] is None, "some members are there only by itself"
    whole = (await vcd.get(f"ipSpaces/{spaces['internet-v6']['id']}")).body
    total = whole["utilization"]["floatingIPs"]["totalCount"]
    assert int(total) > 2**64
    assert whole["ipSpaceRanges"]["ipRanges"][0]["totalIpCount"] == total
    assert whole["utilization"]["ipPrefixes"]["prefixLengthUtilizations"][0]["totalCount"] == "256"
    assert spaces["acme-private"]["orgRef"]["name"] == "acme"


async def test_allocations_need_their_type(start: Start) -> None:
    vcd = await director(start)
    space = await vcd.one("ipSpaces/summaries", "internet-v6")
    path = f"ipSpaces/{space['id']}/allocations"
    assert (await vcd.get(path)).status == 400
    floating = await vcd.every(path, filter="type==FLOATING_IP")
    prefixes = await vcd.every(path, filter="type==IP_PREFIX")
    assert {row["type"] for row in floating} == {"FLOATING_IP"}
    assert len(floating) == int(space["utilization"]["floatingIPs"]["allocatedCount"]) > 0
    assert len(prefixes) == int(space["utilization"]["ipPrefixes"]["allocatedCount"]) > 0
    assert {row["allocationDate"][-1] for row in floating + prefixes} == {"Z"}
    assert (await vcd.get(f"{path}x", filter="type==FLOATING_IP")).status == 404


async def test_quotas_of_organisations(start: Start) -> None:
    vcd = await director(start)
    space = await vcd.one("ipSpaces/summaries", "internet-v4")
    rows = await vcd.every("ipSpaces/orgAssignments", filter=f"ipSpaceRef.id=={space['id']}")
    custom = {row["orgRef"]["name"]: row["customQuotas"] for row in rows}
    assert custom["globex"]["floatingIpQuota"] == 12
    assert custom["acme"] is None
    assert {row["defaultQuotas"]["floatingIpQuota"] for row in rows} == {5}
    gateway = await vcd.one("externalNetworks", "pg-t0-prov")
    uplinks = await vcd.every("ipSpaceUplinks", filter=f"externalNetworkRef.id=={gateway['id']}")
    assert {row["ipSpaceRef"]["name"] for row in uplinks} == {"internet-v4", "internet-v6"}


async def test_nsx_managers_by_the_query_service(start: Start) -> None:
    vcd = await director(start)
    query = {"type": "nsxTManager", "format": "records"}
    root = parse((await vcd.get("/api/query", "application/*+xml;version=38.1", **query)).text)
    records = [one for one in root if one.tag.endswith("NsxTManagerRecord")]
    assert [one.get("url") for one in records] == vcd.sim.urls[:1]
    found = (await vcd.get("/api/query", "application/*+json;version=38.1", **query)).body
    assert (found["total"], found["record"][0]["name"]) == (1, "nsx-a")
    manager = await vcd.get(urlsplit(found["record"][0]["href"]).path, "application/*+json;version=38.1")
    assert manager.body["url"] == vcd.sim.urls[0]
    wrong = await vcd.get("/api/query", "application/*+xml;version=38.1", type="moon")
    assert (wrong.status, parse(wrong.text).get("minorErrorCode")) == (400, "BAD_REQUEST")
    vdcs = (await vcd.get("/api/query", "application/*+json;version=38.1", type="adminOrgVdc")).body["record"]
    assert len(vdcs) == len(await vcd.every("vdcs"))


async def test_l2vpn_tunnels_count(start: Start) -> None:
    loaded = with_director()
    vpn = {"kind": "l2vpn", "id": "stretch", "rate": "8Mbit/s"}
    tier1s = [
        type(spec).model_validate(spec.model_dump() | ({"vpns": [vpn]} if spec.id == "t1-acme" else {}))
        for spec in loaded.tier1s
    ]
    vcd = await director(start, loaded.model_copy(update={"tier1s": tier1s}))
    gateway = await vcd.one("edgeGateways", "edge-t1-acme")
    tunnels = await vcd.every(f"edgeGateways/{gateway['id']}/l2vpn/tunnels")
    assert [row["name"] for row in tunnels] == ["stretch"]
    path = f"edgeGateways/{gateway['id']}/l2vpn/tunnels/{tunnels[0]['id']}"
    assert (await vcd.get(f"{path}/status")).body["runtimeStatus"] == "UP"
    before = (await vcd.get(f"{path}/metrics")).body
    start_at = vcd.sim.device_time()
    vcd.sim.advance(600_000)
    after = (await vcd.get(f"{path}/metrics")).body
    point = next(one.path for one in vcd.sim.truth().points() if one.kind == "l2vpn")
    grown = vcd.sim.truth().growth(point, start_at, vcd.sim.device_time())
    assert after["bytesIn"] - before["bytesIn"] == grown.ingress.bytes > 0
    assert after["packetsOut"] - before["packetsOut"] == grown.egress.packets
    assert await vcd.every(f"edgeGateways/{gateway['id']}/ipsec/tunnels") == []
    assert (await vcd.get(f"{path}x")).status == 404


async def test_edges_of_nsxv_through_the_director(start: Start) -> None:
    vcd = await director(start)
    vcd.sim.advance(2 * 3_600_000)
    gateway = await vcd.one("edgeGateways", "soylent-old")
    uuid = gateway["id"].rpartition(":")[2]
    answer = await vcd.get(f"/network/edges/{uuid}/statistics/interfaces/uplink", "application/json")
    rows = answer.body["dataDto"]["vnic_0"]
    assert len(rows) >= 20
    assert vcd.sim.edge_truth().billable("/edges/edge-7/vnics/0", 0, vcd.sim.now()).ingress.bytes > 0
    assert (await vcd.get(f"/network/edges/{uuid}/vnics", "application/xml")).text.startswith("<?xml")
    other = (await vcd.one("edgeGateways", "edge-t1-acme"))["id"].rpartition(":")[2]
    assert (await vcd.get(f"/network/edges/{other}/vnics", "application/json")).status == 404
    vcd.access = "nobody"
    assert (await vcd.get(f"/network/edges/{uuid}/vnics", "application/json")).status == 401


async def test_requests_keep_their_ids(start: Start) -> None:
    vcd = await director(start)
    headers = vcd.accept() | {"Authorization": f"Bearer {vcd.access}", "X-VMWARE-VCLOUD-CLIENT-REQUEST-ID": "nm-1!"}
    answer = await vcd.send("GET", f"{ROOT}/orgs", headers=headers)
    assert answer.headers["X-VMWARE-VCLOUD-REQUEST-ID"].startswith("nm-1-")
