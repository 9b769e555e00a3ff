"""Wrong and half answers: none of them gives a map that could be put in force, unless it is the right one."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from collector.errors import SourceError
from collector.model.directory import CloudMap
from tests.unit.sources.vcd.cloud import NSX, Cloud, ref, small_cloud, uplink, urn
from tests.unit.sources.vcd.fake_vcd import ROOT, FakeVcd, fault, rig

Break = Callable[[FakeVcd, Cloud], None]


def page(name: str, edit: Callable[[dict[str, Any]], None]) -> Break:
    """Break every page of a list."""

    def edited(document: dict[str, Any]) -> dict[str, Any]:
        changed: dict[str, Any] = json.loads(json.dumps(document))
        edit(changed)
        return changed

    return lambda vcd, _: vcd.edits.__setitem__(name, edited)


def instead(name: str, answer: Callable[[], web.StreamResponse]) -> Break:
    """Answer a list with something else."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return answer()

    return lambda vcd, _: vcd.handlers.__setitem__(f"{ROOT}/{name}", handler)


def body(name: str, change: Callable[[bytes], bytes]) -> Break:
    """Break the bytes of a list's answer."""

    def apply(vcd: FakeVcd, _: Cloud) -> None:
        rows = vcd.lists[name]
        whole = json.dumps({"resultTotal": len(rows), "pageCount": 1, "values": rows}).encode()

        async def handler(_: web.Request) -> web.Response:
            return web.Response(body=change(whole), content_type="application/json")

        vcd.handlers[f"{ROOT}/{name}"] = handler

    return apply


def gateway(name: str, /, **fields: Any) -> Break:
    """Change members of a gateway; ``...`` deletes one."""

    def edit(document: dict[str, Any]) -> None:
        row = next(each for each in document["values"] if each.get("name") == name)
        _change(row, fields)

    return page("edgeGateways", edit)


def network(name: str, /, **fields: Any) -> Break:
    def edit(document: dict[str, Any]) -> None:
        _change(next(each for each in document["values"] if each.get("name") == name), fields)

    return page("externalNetworks", edit)


def _change(row: dict[str, Any], fields: dict[str, Any]) -> None:
    for key, value in fields.items():
        if value is ...:
            del row[key]
        else:
            row[key] = value


def backing(**fields: Any) -> dict[str, Any]:
    whole: dict[str, Any] = {"backingId": "id-gw-globex", "gatewayType": "NSXT_BACKED", "networkProvider": NSX}
    _change(whole, fields)
    return whole


def spare(cloud: Cloud, kind: str | None) -> None:
    row = cloud.network("spare", kind or "")
    if kind is None:
        row["networkBackings"] = None


def without(vcd: FakeVcd, name: str, row: str) -> None:
    vcd.lists[name] = [each for each in vcd.lists[name] if each["name"] != row]


def hang(name: str) -> Break:
    async def handler(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(30)
        return web.Response()

    return lambda vcd, _: vcd.handlers.__setitem__(f"{ROOT}/{name}", handler)


def broken_off(name: str) -> Break:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": "1000", "Content-Type": "application/json"})
        await response.prepare(request)
        await response.write(b'{"resultTotal": 0, "values": []')
        assert request.transport is not None
        request.transport.abort()
        return response

    return lambda vcd, _: vcd.handlers.__setitem__(f"{ROOT}/{name}", handler)


def repeated(vcd: FakeVcd, _: Cloud) -> None:
    vcd.paging = "counts"
    rows = vcd.lists["edgeGateways"]
    first = {"resultTotal": len(rows), "pageCount": None, "values": rows[:2]}

    async def handler(_: web.Request) -> web.StreamResponse:
        return web.json_response(first)

    vcd.handlers[f"{ROOT}/edgeGateways"] = handler


GATEWAYS = "edgeGateways"

WRONG: dict[str, Break] = {
    "html with 200": instead(GATEWAYS, lambda: web.Response(text="<html>maintenance", content_type="text/html")),
    "an empty body": instead(GATEWAYS, lambda: web.Response(text="", content_type="application/json")),
    "no content": instead(GATEWAYS, lambda: web.Response(status=204)),
    "accepted": instead(GATEWAYS, lambda: web.json_response({}, status=202)),
    "truncated JSON": body(GATEWAYS, lambda whole: whole[: len(whole) // 2]),
    "JSON with rubbish behind it": body(GATEWAYS, lambda whole: whole + b"}"),
    "not UTF-8": body(GATEWAYS, lambda whole: whole.replace(b"gw-globex", b"\xff\xfe")),
    "lists in lists without end": body(GATEWAYS, lambda _: b'{"values": ' + b"[" * 100_000),
    "null": body(GATEWAYS, lambda _: b"null"),
    "a list": body(GATEWAYS, lambda _: b"[]"),
    "an empty object": body(GATEWAYS, lambda _: b"{}"),
    "401": instead(GATEWAYS, lambda: web.Response(status=401)),
    "403": instead(GATEWAYS, lambda: fault(403, "ACCESS_TO_RESOURCE_IS_FORBIDDEN", "no")),
    "404": instead(GATEWAYS, lambda: fault(404, "NOT_FOUND", "no")),
    "400": instead(GATEWAYS, lambda: fault(400, "BAD_REQUEST", "no")),
    "406": instead(GATEWAYS, lambda: fault(406, "UNSUPPORTED_API_VERSION", "no")),
    "429": instead(GATEWAYS, lambda: web.Response(status=429)),
    "500": instead(GATEWAYS, lambda: fault(500, "INTERNAL_SERVER_ERROR", "no")),
    "503": instead(GATEWAYS, lambda: web.Response(status=503)),
    "a redirect": instead(GATEWAYS, lambda: web.Response(status=302, headers={"Location": "https://x.example.net/"})),
    "a connection that breaks": broken_off(GATEWAYS),
    "no answer": hang(GATEWAYS),
    "too long an answer": instead(GATEWAYS, lambda: web.Response(body=b" " * 300_000)),
    "values null": page(GATEWAYS, lambda document: document.update({"values": None})),
    "values an object": page(GATEWAYS, lambda document: document.update({"values": {}})),
    "values missing": page(GATEWAYS, lambda document: document.pop("values")),
    "total missing": page(GATEWAYS, lambda document: document.pop("resultTotal")),
    "total as text": page(GATEWAYS, lambda document: document.update({"resultTotal": "4"})),
    "total too small": page(GATEWAYS, lambda document: document.update({"resultTotal": 3})),
    "total too large": page(GATEWAYS, lambda document: document.update({"resultTotal": 5})),
    "total zero": page(GATEWAYS, lambda document: document.update({"resultTotal": 0})),
    "a row lacks": page(GATEWAYS, lambda document: document["values"].pop()),
    "no row came": page(GATEWAYS, lambda document: document.update({"values": []})),
    "a row twice": page(GATEWAYS, lambda document: document["values"].__setitem__(0, document["values"][1])),
    "a row null": page(GATEWAYS, lambda document: document["values"].__setitem__(0, None)),
    "a row a list": page(GATEWAYS, lambda document: document["values"].__setitem__(0, [])),
    "the same page again and again": repeated,
    "an empty list of organisations": lambda vcd, _: vcd.lists.__setitem__("orgs", []),
    "an organisation lacks": lambda vcd, _: without(vcd, "orgs", "globex"),
    "an organisation without an id": page("orgs", lambda document: document["values"][0].pop("id")),
    "an organisation without a name": page("orgs", lambda document: document["values"][0].update({"name": None})),
    "an external network lacks": lambda vcd, _: without(vcd, "externalNetworks", "pg-shared"),
    "no external networks": lambda vcd, _: vcd.lists.__setitem__("externalNetworks", []),
    "external networks forbidden": instead("externalNetworks", lambda: fault(403, "FORBIDDEN", "no")),
    "a network without backings": network("pg-shared", networkBackings=None),
    "a network with empty backings": network("pg-shared", networkBackings={"values": []}),
    "a network with a backing without id": network(
        "pg-shared", networkBackings={"values": [{"backingTypeValue": "NSXT_TIER0"}]}
    ),
    "a network of a type that nobody knows": network(
        "pg-shared", networkBackings={"values": [{"backingId": "id-pg-shared", "backingTypeValue": "NSXT_TIER7"}]}
    ),
    "an unused network of a type that nobody knows": lambda _, cloud: spare(cloud, "NSXT_TIER7"),
    "an unused network on nothing": lambda _, cloud: spare(cloud, None),
    "an NSX-V gateway on another kind of network": gateway("gw-old", edgeGatewayUplinks=[uplink("old", "NSXT_TIER7")]),
    "an NSX-V gateway without backing id": gateway(
        "gw-old", gatewayBacking=backing(gatewayType="NSXV_BACKED", backingId=None)
    ),
    "a network dedicated to an organisation that is not there": network("pg-acme", dedicatedOrg=ref("org", "nobody")),
    "a network dedicated to a number": network("pg-acme", dedicatedOrg=5),
    "a gateway without id": gateway("gw-globex", id=...),
    "a gateway with an id of another kind": gateway("gw-globex", id="gw-globex"),
    "a gateway with an id that is a number": gateway("gw-globex", id=17),
    "a gateway without a name": gateway("gw-globex", name=""),
    "a gateway without organisation": gateway("gw-globex", orgRef=None),
    "a gateway with an organisation without id": gateway("gw-globex", orgRef={"name": "globex"}),
    "a gateway of an organisation that is not there": gateway("gw-globex", orgRef=ref("org", "nobody")),
    "a gateway with a reference as text": gateway("gw-globex", orgRef=urn("org", "globex")),
    "a gateway without backing": gateway("gw-globex", gatewayBacking=None),
    "a gateway without backing id": gateway("gw-globex", gatewayBacking=backing(backingId=None)),
    "a gateway with a backing id that is a number": gateway("gw-globex", gatewayBacking=backing(backingId=12)),
    "a gateway without manager": gateway("gw-globex", gatewayBacking=backing(networkProvider=None)),
    "a gateway without type": gateway("gw-globex", gatewayBacking=backing(gatewayType=...)),
    "a gateway of a type that nobody knows": gateway("gw-globex", gatewayBacking=backing(gatewayType="NSXT_MAGIC")),
    "a gateway without uplinks": gateway("gw-globex", edgeGatewayUplinks=None),
    "a gateway with an uplink without id": gateway("gw-globex", edgeGatewayUplinks=[{"uplinkName": "pg-shared"}]),
    "a gateway on a network that is not there": gateway("gw-globex", edgeGatewayUplinks=[uplink("nowhere")]),
    "an uplink of another type than its network": gateway(
        "gw-globex", edgeGatewayUplinks=[uplink("pg-shared", "IMPORTED_T_LOGICAL_SWITCH")]
    ),
    "an uplink of a type that nobody knows": gateway(
        "gw-globex", edgeGatewayUplinks=[uplink("pg-shared", "NSXT_TIER7")]
    ),
    "an uplink with dedicated as text": gateway(
        "gw-globex", edgeGatewayUplinks=[uplink("pg-shared", dedicated="false")]
    ),
}


def what_attribution_sees(found: CloudMap) -> tuple[object, ...]:
    return found.orgs, found.gateways, found.networks


@pytest.mark.parametrize("name", WRONG)
async def test_a_wrong_or_half_answer_gives_no_map_that_could_be_put_in_force(name: str) -> None:
    limits: dict[str, Any] = {"answer_bytes_max": 200_000}
    if name == "no answer":
        limits["timeout_seconds"] = 0.2
    async with FakeVcd() as vcd, rig(vcd, **limits) as it, rig(vcd) as good:
        cloud = small_cloud(vcd)
        await good.whole_map()
        WRONG[name](vcd, cloud)
        try:
            found = await it.source.read_map()
        except SourceError:
            return
        assert not found.complete
        assert found.faults
        assert all(fault and "\n" not in fault for fault in found.faults)


def test_there_are_more_than_forty_of_them() -> None:
    assert len(WRONG) > 40


SPACE = urn("ipSpace", "internet-v4")
ALLOCATIONS = f"ipSpaces/{SPACE}/allocations"
HALF: dict[str, Break] = {
    "summaries forbidden": instead("ipSpaces/summaries", lambda: fault(403, "FORBIDDEN", "no")),
    "summaries without a total": page("ipSpaces/summaries", lambda document: document.pop("resultTotal")),
    "summaries with a wrong row": page("ipSpaces/summaries", lambda document: document["values"].__setitem__(0, 5)),
    "a space gone": lambda vcd, _: vcd.objects.clear(),
    "a space of another id": lambda vcd, _: vcd.objects[f"ipSpaces/{SPACE}"].update({"id": urn("ipSpace", "x")}),
    "a space with a wrong quota": lambda vcd, _: vcd.objects[f"ipSpaces/{SPACE}"].update(
        {"ipSpaceRanges": {"defaultFloatingIpQuota": "many"}}
    ),
    "allocations away": instead(ALLOCATIONS, lambda: web.Response(status=503)),
    "an allocation lacks": page(ALLOCATIONS, lambda document: document["values"].clear()),
    "an allocation without organisation": page(ALLOCATIONS, lambda document: document["values"][0].pop("orgRef")),
    "an allocation without a value": page(ALLOCATIONS, lambda document: document["values"][0].pop("value")),
    "an allocation that is no address": page(
        ALLOCATIONS, lambda document: document["values"][0].update({"value": "203.0.113.256"})
    ),
    "an allocation of a type that nobody knows": page(
        ALLOCATIONS, lambda document: document["values"][0].update({"type": "MAGIC"})
    ),
    "an allocation in a state that nobody knows": page(
        ALLOCATIONS, lambda document: document["values"][0].update({"usageState": "MAGIC"})
    ),
    "assignments away": instead("ipSpaces/orgAssignments", lambda: fault(400, "BAD_REQUEST", "no filter")),
    "an allocation of an organisation that is not there": page(
        ALLOCATIONS, lambda document: document["values"][0].update({"orgRef": ref("org", "nobody")})
    ),
    "an assignment without organisation": page(
        "ipSpaces/orgAssignments", lambda document: document["values"][0]["orgRef"].pop("id")
    ),
    "subnets of an uplink as a list": gateway("gw-globex", edgeGatewayUplinks=[uplink("pg-shared", subnets=[])]),
    "a range that ends before it begins": gateway(
        "gw-globex",
        edgeGatewayUplinks=[
            uplink(
                "pg-shared",
                subnets={
                    "values": [{"ipRanges": {"values": [{"startAddress": "10.0.0.9", "endAddress": "10.0.0.1"}]}}]
                },
            )
        ],
    ),
}


@pytest.mark.parametrize("name", HALF)
async def test_a_fault_of_addresses_costs_the_addresses_alone(name: str) -> None:
    async with FakeVcd() as vcd, rig(vcd) as it, rig(vcd) as good:
        cloud = small_cloud(vcd)
        right = await good.whole_map()
        HALF[name](vcd, cloud)
        found = await it.source.read_map()
        assert (found.complete, found.addresses_complete) == (True, False)
        assert what_attribution_sees(found) == what_attribution_sees(right)
        assert found.faults
