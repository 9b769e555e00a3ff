"""Objects of a small cloud, put into a fake director's lists."""

from __future__ import annotations

from typing import Any

from tests.unit.sources.vcd.fake_vcd import FakeVcd

NSX = {"name": "nsx-a", "id": "urn:vcloud:nsxtmanager:85aa2514-6a6f-4a32-8904-9695dc0f0298"}
VCENTER = {"name": "vc-old", "id": "urn:vcloud:vimserver:0c0ffee0-0000-4000-8000-000000000001"}


def urn(kind: str, name: str) -> str:
    return f"urn:vcloud:{kind}:{name}"


def ref(kind: str, name: str) -> dict[str, Any]:
    return {"name": name, "id": urn(kind, name)}


class Cloud:
    """Adds objects to the lists of a director; each method returns the object, to be changed."""

    def __init__(self, vcd: FakeVcd) -> None:
        self.vcd = vcd
        for name in ("orgs", "edgeGateways", "externalNetworks", "vdcGroups", "vdcs"):
            vcd.lists[name] = []
        for name in ("ipSpaces/summaries", "ipSpaces/orgAssignments"):
            vcd.lists[name] = []
        vcd.managers.append(
            {
                "_type": "QueryResultNsxTManagerRecordType",
                "name": NSX["name"],
                "href": f"{vcd.url}/api/admin/extension/nsxtManagers/{NSX['id'].rpartition(':')[2]}",
                "url": "https://nsx-a.example.net",
            }
        )

    def _add(self, where: str, row: dict[str, Any]) -> dict[str, Any]:
        self.vcd.lists[where].append(row)
        return row

    def org(self, name: str, **fields: Any) -> dict[str, Any]:
        row = {"id": urn("org", name), "name": name, "displayName": f"{name} Corp", "isEnabled": True}
        return self._add("orgs", row | fields)

    def network(self, name: str, kind: str = "NSXT_TIER0", **fields: Any) -> dict[str, Any]:
        backing = {"backingId": f"id-{name}", "name": name, "backingTypeValue": kind, "networkProvider": NSX}
        row = {"id": urn("network", name), "name": name, "networkBackings": {"values": [backing]}}
        return self._add("externalNetworks", row | {"usingIpSpace": False} | fields)

    def gateway(self, name: str, org: str, *networks: str, **fields: Any) -> dict[str, Any]:
        backing = {"backingId": f"id-{name}", "gatewayType": "NSXT_BACKED", "networkProvider": NSX}
        row = {
            "id": urn("gateway", name),
            "name": name,
            "status": "REALIZED",
            "orgRef": ref("org", org),
            "ownerRef": ref("vdc", f"vdc-{org}"),
            "orgVdc": ref("vdc", f"vdc-{org}"),
            "deploymentMode": "ACTIVE_STANDBY",
            "gatewayBacking": backing,
            "edgeGatewayUplinks": [uplink(network) for network in networks],
        }
        return self._add("edgeGateways", row | fields)

    def space(self, name: str, **fields: Any) -> dict[str, Any]:
        row = {"id": urn("ipSpace", name), "name": name, "type": "PUBLIC"}
        self._add("ipSpaces/summaries", row)
        whole = row | {"ipSpaceRanges": {"defaultFloatingIpQuota": "1"}, "ipSpacePrefixes": [], "status": "REALIZED"}
        whole |= fields
        self.vcd.objects[f"ipSpaces/{row['id']}"] = whole
        self.vcd.lists[f"ipSpaces/{row['id']}/allocations"] = []
        return whole

    def allocation(self, space: str, org: str, value: str, kind: str = "FLOATING_IP", **fields: Any) -> dict[str, Any]:
        row = {
            "id": urn("ipSpaceIpAllocation", f"{space}-{value.replace('/', '-')}"),
            "type": kind,
            "value": value,
            "usageState": "USED",
            "orgRef": ref("org", org),
            "allocationDate": "2024-11-02T09:12:44.000Z",
        }
        return self._add(f"ipSpaces/{urn('ipSpace', space)}/allocations", row | fields)

    def assignment(self, space: str, org: str, **fields: Any) -> dict[str, Any]:
        row = {"id": urn("ipSpaceOrgAssignment", f"{space}-{org}"), "ipSpaceRef": ref("ipSpace", space)}
        return self._add("ipSpaces/orgAssignments", row | {"orgRef": ref("org", org)} | fields)


def uplink(network: str, kind: str = "NSXT_TIER0", **fields: Any) -> dict[str, Any]:
    row = {"uplinkId": urn("network", network), "uplinkName": network, "backingType": kind, "connected": True}
    return row | {"dedicated": False, "usingIpSpace": False, "subnets": {"values": []}} | fields


def subnet(*ranges: tuple[str, str], used: Any = 0, primary: str | None = None) -> dict[str, Any]:
    values = [{"startAddress": first, "endAddress": last} for first, last in ranges]
    return {"gateway": "10.99.0.1", "prefixLength": 24, "primaryIp": primary, "usedIpCount": used} | {
        "ipRanges": {"values": values}
    }


def small_cloud(vcd: FakeVcd) -> Cloud:
    """Three organisations, four gateways of which one is NSX-V's, and an IP Space."""
    cloud = Cloud(vcd)
    for name in ("acme", "globex", "initech"):
        cloud.org(name)
    cloud.network("pg-shared")
    cloud.network("pg-acme", "NSXT_VRF_TIER0", dedicatedOrg=ref("org", "acme"), usingIpSpace=True)
    cloud.network("mpls", "IMPORTED_T_LOGICAL_SWITCH")
    cloud.network("old", "DV_PORTGROUP")
    acme = cloud.gateway("gw-acme", "acme", "pg-acme", ownerRef=ref("vdcGroup", "group-acme"))
    acme["edgeGatewayUplinks"] = [
        uplink("mpls", "IMPORTED_T_LOGICAL_SWITCH", subnets={"values": [subnet(("10.99.0.10", "10.99.0.13"), used=1)]}),
        uplink("pg-acme", "NSXT_VRF_TIER0", dedicated=True, usingIpSpace=True),
    ]
    cloud.gateway("gw-globex", "globex", "pg-shared", deploymentMode="DISTRIBUTED_ONLY")
    initech = cloud.gateway("gw-initech", "initech", "pg-shared")
    initech["gatewayBacking"] |= {"networkingTenancyEnabled": True, "gatewayType": "NSXT_IMPORTED"}
    initech["edgeGatewayUplinks"][0]["connected"] = False
    old = cloud.gateway("gw-old", "initech", edgeGatewayUplinks=[uplink("old", "DV_PORTGROUP")])
    old["gatewayBacking"] = {"backingId": "edge-12", "gatewayType": "NSXV_BACKED", "networkProvider": VCENTER}
    cloud.space("internet-v4")
    cloud.allocation("internet-v4", "acme", "203.0.113.17")
    cloud.allocation("internet-v4", "globex", "203.0.113.64/28", "IP_PREFIX", usageState="UNUSED")
    cloud.assignment("internet-v4", "acme", customQuotas={"floatingIpQuota": 5, "ipPrefixQuotas": None})
    return cloud
