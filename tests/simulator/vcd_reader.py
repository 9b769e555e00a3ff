"""Whose every metering point is, worked out of the answers of both products alone, as a meter would have to."""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.simulator.conftest import Client
from tests.simulator.vcd import Director

TIER0S = ("NSXT_TIER0", "NSXT_VRF_TIER0")
SEGMENT = "IMPORTED_T_LOGICAL_SWITCH"
POLICY = "/policy/api/v1"


class Whose(NamedTuple):
    """Name of an organisation, or nothing; and whether it is billed there."""

    org: str
    role: str


async def _search(client: Client, kind: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        query: dict[str, Any] = {"query": f"resource_type:{kind}"} | cursor
        body = (await client.get(f"{POLICY}/search/query", **query)).body
        rows += body["results"]
        if "cursor" not in body:
            return rows
        cursor = {"cursor": body["cursor"]}


async def whose(vcd: Director, client: Client) -> dict[str, Whose]:
    """Return whose every uplink, link and service interface is.

    Args:
        vcd: A client of the director, logged in.
        client: A client of the NSX manager, logged in.
    """
    gateways = [row for row in await vcd.every("edgeGateways") if row["gatewayBacking"]["gatewayType"] != "NSXV_BACKED"]
    networks = {row["id"]: row for row in await vcd.every("externalNetworks")}
    tier1s = {row["path"]: row for row in await _search(client, "Tier1")}
    dedicated = _dedicated(networks.values(), gateways)
    holders = _holders(gateways, list(tier1s.values()))
    found: dict[str, Whose] = {}
    below: set[str] = set()
    for path, row in tier1s.items():
        parent = row.get("tier0_path", "")
        org = holders[path]["orgRef"]["name"] if path in holders else ""
        found[path] = Whose(org, "balance" if parent in dedicated else "billed")
        below |= {parent} if org else set()
    for row in await _search(client, "Tier0Interface"):
        tier0 = row["path"].partition("/locale-services/")[0]
        org = dedicated.get(tier0, "")
        shared = row["type"] == "EXTERNAL" and not org and tier0 in below
        found[row["path"]] = Whose(org, "balance" if shared else "billed")
    for row in await _search(client, "Tier1Interface"):
        holder = holders.get(row["path"].partition("/locale-services/")[0])
        if holder is None:
            found[row["path"]] = Whose("", "billed")
            continue
        outside = row["segment_path"].rpartition("/")[2] in _segments(holder, networks)
        found[row["path"]] = Whose(holder["orgRef"]["name"], "billed" if outside else "internal")
    return found


def _dedicated(networks: Any, gateways: list[dict[str, Any]]) -> dict[str, str]:
    by_id = {row["id"]: row["orgRef"]["name"] for row in gateways}
    found = {}
    for row in networks:
        for backing in row["networkBackings"]["values"]:
            org, gateway = row["dedicatedOrg"], row["dedicatedEdgeGateway"]
            if backing["backingTypeValue"] in TIER0S and (org or gateway):
                name = org["name"] if org else by_id[gateway["id"]]
                found[f"/infra/tier-0s/{backing['backingId']}"] = name
    return found


def _holders(gateways: list[dict[str, Any]], tier1s: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for gateway in gateways:
        wanted = gateway["gatewayBacking"]["backingId"]
        fits = [row["path"] for row in tier1s if wanted in (row["id"], row["unique_id"], row["realization_id"])]
        assert len(fits) <= 1, f"{wanted} fits {fits}"
        found |= dict.fromkeys(fits, gateway)
    return found


def _segments(gateway: dict[str, Any], networks: dict[str, dict[str, Any]]) -> set[str]:
    return {
        backing["backingId"]
        for uplink in gateway["edgeGatewayUplinks"]
        if uplink["backingType"] == SEGMENT
        for backing in networks[uplink["uplinkId"]]["networkBackings"]["values"]
    }
