"""The lists of the OpenAPI: since which version, how they are filtered, and which right shows them.

Source: VMware go-vcloud-director, openapi_endpoints.go and the comments there.
"""

from __future__ import annotations

from typing import Final, NamedTuple

from simulator.vcd.page import Json

IP_SPACES: Final = (37, 1)
SEGMENTS: Final = (36, 0)
INTENTIONS: Final = (38, 1)
OLD_BACKING: Final = (35, 0)
"""Before it, the type of a backing has another name."""


class Collection(NamedTuple):
    """A list.

    Attributes:
        model: The word for its rows in the header ``Link``.
        since: First version that has it.
        right: What shows it.
        fields: By what it can be filtered and sorted.
        org: Where in a row the organisation stands whose users see it too; none, if only the provider's do.
        needs: A field that a filter must name.
    """

    model: str
    since: tuple[int, int]
    right: str
    fields: frozenset[str] = frozenset({"id", "name"})
    org: str | None = None
    needs: str | None = None


_GATEWAY: Final = frozenset(
    {"id", "name", "orgRef.id", "ownerRef.id", "orgVdc.id", "gatewayBacking.backingId", "gatewayBacking.gatewayType"}
)

LISTS: Final = {
    "orgs": Collection("Orgs", (33, 0), "Organization: View", frozenset({"id", "name", "isEnabled"}), "id"),
    "vdcs": Collection("Vdcs", (33, 0), "Organization vDC: View", frozenset({"id", "name", "org.id"}), "org.id"),
    "vdcGroups": Collection("VdcGroups", (34, 0), "VDC Group: View", frozenset({"id", "name", "orgId"}), "orgId"),
    "edgeGateways": Collection("EdgeGateways", (34, 0), "Organization vDC Gateway: View", _GATEWAY, "orgRef.id"),
    "externalNetworks": Collection("ExternalNetworks", (33, 0), "External Network: View"),
    "ipSpaces/summaries": Collection(
        "IpSpaceSummaries", IP_SPACES, "IP Spaces: View", frozenset({"id", "name", "type", "orgRef.id"}), ""
    ),
    "ipSpaces/orgAssignments": Collection(
        "IpSpaceOrgAssignments", IP_SPACES, "IP Spaces: View", frozenset({"id", "ipSpaceRef.id", "orgRef.id"}),
        "orgRef.id",
    ),
    "ipSpaceUplinks": Collection(
        "IpSpaceUplinks", IP_SPACES, "IP Spaces: View",
        frozenset({"id", "name", "externalNetworkRef.id", "ipSpaceRef.id"}),
    ),
    "allocations": Collection(
        "IpSpaceIpAllocations", IP_SPACES, "IP Spaces: View",
        frozenset({"id", "type", "value", "orgRef.id", "usageState"}), "orgRef.id", "type",
    ),
    "roles": Collection("Roles", (33, 0), "", org=""),
    "rights": Collection("Rights", (33, 0), "", org=""),
    "usedIpAddresses": Collection(
        "GatewayUsedIpAddresses", (34, 0), "Organization vDC Gateway: View", frozenset({"ipAddress"}), ""
    ),
    "l2vpn/tunnels": Collection(
        "EdgeL2VpnTunnels", (35, 0), "Organization vDC Gateway: View L2 VPN", frozenset({"id", "name"}), ""
    ),
    "ipsec/tunnels": Collection(
        "EdgeIpSecVpnTunnels", (34, 0), "Organization vDC Gateway: View IPSec VPN", frozenset({"id", "name"}), ""
    ),
    "nsxTResources/importableTier0Routers": Collection(
        "NsxTTier0Routers", (33, 0), "NSX-T: View", frozenset({"id", "_context"}), needs="_context"
    ),
    "nsxTResources/edgeClusters": Collection(
        "NsxTEdgeClusters", (33, 0), "NSX-T: View", frozenset({"id", "name", "_context", "orgVdcId"})
    ),
}  # fmt: skip
"""By what follows ``/cloudapi/1.0.0/``, or by its last part where an object's reference stands before it."""

CURSORS: Final = ("nsxTResources/importableTier0Routers", "nsxTResources/edgeClusters")
"""Lists that lead on by a cursor and give no totals."""


def as_of(name: str, row: Json, version: tuple[int, int]) -> Json | None:
    """Return a row as a version shows it; none, if the version does not know such an object."""
    if version >= INTENTIONS:
        return row
    if name == "edgeGateways":
        return row if version >= IP_SPACES else _old_gateway(row)
    if name == "externalNetworks":
        return _old_network(row, version)
    return row


def _old_gateway(row: Json) -> Json:
    """Before VCD 10.4.1 a gateway has its one uplink to a Tier-0, which names no type, and no IP Spaces."""
    uplinks = [
        {name: value for name, value in uplink.items() if name not in {"usingIpSpace", "backingType"}}
        for uplink in row["edgeGatewayUplinks"]
        if uplink["backingType"] != "IMPORTED_T_LOGICAL_SWITCH"
    ]
    return {name: value for name, value in row.items() if name != "usingIpSpace"} | {"edgeGatewayUplinks": uplinks}


def _old_network(row: Json, version: tuple[int, int]) -> Json | None:
    hidden = {"natAndFirewallServiceIntention", "networkRouteAdvertisementIntention"}
    if version < IP_SPACES:
        hidden |= {"usingIpSpace", "dedicatedOrg"}
    made = {name: value for name, value in row.items() if name not in hidden}
    backing = row["networkBackings"]["values"][0]
    if version < SEGMENTS and backing["backingTypeValue"] == "IMPORTED_T_LOGICAL_SWITCH":
        return None
    if version < OLD_BACKING:
        old = {name: value for name, value in backing.items() if name != "backingTypeValue"}
        made["networkBackings"] = {"values": [old | {"backingType": backing["backingTypeValue"]}]}
    return made
