"""The policy tree as JSON: every object and list that discovery reads, under its policy path.

Field names: NSX REST API reference 4.2, types Tier0, Tier1, LocaleServices, Tier0Interface, Tier1Interface,
PolicyEdgeCluster, PolicyEdgeNode, Project, Segment. A Tier-1 interface has no field ``type``.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Final

from simulator.objects import LOCAL_POINT, EdgeCluster, Gateway, Interface, LocaleService
from simulator.provider import Provider
from simulator.tunnels import SERVICES, Session
from simulator.vpc_api import TRANSIT_VERSION, VPC_VERSION
from simulator.vpcs import Vpc

Json = dict[str, Any]
"""A JSON object; its members are what the product's schema says, so their types differ."""

FEDERATION_VERSION: Final = (3, 0)
PROJECTS_VERSION: Final = (4, 1)


@lru_cache(maxsize=64)
def version_tuple(version: str) -> tuple[int, ...]:
    """Return the leading numbers of a product version."""
    numbers: list[int] = []
    for part in version.split("."):
        if not part.isdigit():
            break
        numbers.append(int(part))
    return tuple(numbers)


class Tree:
    """All objects by policy path and all lists by theirs; built anew when the provider has changed.

    Args:
        provider: The provider.
        site: The site of the manager that serves it; a Local Manager shows its own edge clusters only.
    """

    def __init__(self, provider: Provider, site: str) -> None:
        self._provider = provider
        self._site = site
        self._built = (-1, "")
        self._objects: dict[str, Json] = {}
        self._lists: dict[str, list[Json]] = {}

    def get(self, path: str) -> Json | None:
        """Return the object of a path."""
        self._refresh()
        return self._objects.get(path)

    def rows(self, path: str) -> list[Json] | None:
        """Return the objects of a list's path, in the order of their names."""
        self._refresh()
        return self._lists.get(path)

    def every(self) -> list[Json]:
        """Return all objects, for the search."""
        self._refresh()
        return list(self._objects.values())

    def _refresh(self) -> None:
        state = (self._provider.revision, self._provider.version)
        if state == self._built:
            return
        self._objects, self._lists = {}, {}
        self._add_sites()
        projects = version_tuple(self._provider.version) >= PROJECTS_VERSION
        for path, external in self._provider.segments.items():
            if projects or not path.startswith("/orgs/"):
                self._put(path.rsplit("/", 1)[0], self._segment(path, external=external))
        for gateway in self._provider.gateways.values():
            self._add_gateway(gateway)
        for vpc in self._provider.vpcs.values():
            if version_tuple(self._provider.version) >= (TRANSIT_VERSION if vpc.is_transit else VPC_VERSION):
                self._add_vpc(vpc)
        for session in self._provider.sessions.values():
            if session.gateway.path in self._objects:
                self._add_session(session)
        for rows in self._lists.values():
            rows.sort(key=lambda row: (str(row["display_name"]), str(row["path"])))
        self._built = state

    def _put(self, collection: str, row: Json) -> None:
        self._objects[row["path"]] = row
        self._lists.setdefault(collection, []).append(row)

    def _add_sites(self) -> None:
        provider = self._provider
        for root in ("/infra", "/global-infra"):
            for name in ("tier-0s", "tier-1s", "segments"):
                self._lists[f"{root}/{name}"] = []
        self._put("/infra/sites", _plain("Site", "/infra/sites/default"))
        self._put("/infra/sites/default/enforcement-points", _plain("EnforcementPoint", LOCAL_POINT))
        self._lists[f"{LOCAL_POINT}/edge-clusters"] = []
        for site in sorted({cluster.site for cluster in provider.clusters.values()}):
            path = f"/global-infra/sites/{site}"
            self._put("/global-infra/sites", _plain("Site", path))
            self._put(f"{path}/enforcement-points", _plain("EnforcementPoint", f"{path}/enforcement-points/default"))
        sites = {cluster.site for cluster in provider.clusters.values()}
        for cluster in provider.clusters.values():
            if len(sites) == 1 or cluster.site == self._site:
                self._add_cluster(cluster, federated=False)
            self._add_cluster(cluster, federated=True)
        if version_tuple(provider.version) >= PROJECTS_VERSION:
            self._lists["/orgs/default/projects"] = []
            self._put("/orgs", _plain("Org", "/orgs/default"))
            for project in provider.projects:
                path = f"/orgs/default/projects/{project}"
                tier0s = sorted({vpc.tier0.path for vpc in provider.vpcs.values() if vpc.path.startswith(f"{path}/")})
                self._put("/orgs/default/projects", _plain("Project", path, tier_0s=tier0s))
                for name in ("tier-1s", "segments"):
                    self._lists[f"{path}/infra/{name}"] = []
                for name, since in (("vpcs", VPC_VERSION), ("transit-gateways", TRANSIT_VERSION)):
                    if version_tuple(provider.version) >= since:
                        self._lists[f"{path}/{name}"] = []

    def _add_cluster(self, cluster: EdgeCluster, *, federated: bool) -> None:
        path = cluster.path(federated=federated)
        row = _plain("PolicyEdgeCluster", path) | {
            "nsx_id": cluster.nsx_id,
            "rtep_ips": [],
            "inter_site_forwarding_enabled": False,
        }
        self._put(path.rsplit("/", 1)[0], row)
        self._lists[f"{path}/edge-nodes"] = []
        for node in cluster.nodes:
            if node.listed:
                node_row = _plain("PolicyEdgeNode", node.path(federated=federated))
                node_row |= {
                    "nsx_id": node.nsx_id,
                    "member_index": node.member_index,
                    "display_name": node.alias.replace("/", "-"),
                }
                self._put(f"{path}/edge-nodes", node_row)

    def _add_gateway(self, gateway: Gateway) -> None:
        if gateway.project is not None and version_tuple(self._provider.version) < PROJECTS_VERSION:
            return
        row = _gateway(gateway, tags=self._provider.scenario.tags)
        row["realization_id"] = self._provider.realization_id(gateway)
        self._put(gateway.path.rsplit("/", 1)[0], row)
        self._lists[f"{gateway.path}/locale-services"] = []
        for service in gateway.services:
            self._put(f"{gateway.path}/locale-services", _service(service, gateway))
            self._lists[f"{service.path}/interfaces"] = []
            for interface in service.interfaces.values():
                realization_id = self._provider.realization_id(interface)
                self._put(f"{service.path}/interfaces", _interface(interface) | {"realization_id": realization_id})
        for name in SERVICES.values():
            self._lists[f"{gateway.path}/{name}"] = []

    def _add_vpc(self, vpc: Vpc) -> None:
        row = _plain("TransitGateway" if vpc.is_transit else "Vpc", vpc.path, unique_id=vpc.unique_id)
        row |= {"_create_time": vpc.created_at}
        if self._provider.scenario.tags and vpc.tenant is not None:
            row["tags"] = [{"scope": "tenant", "tag": vpc.tenant}]
        self._put(vpc.path.rpartition("/")[0], row)
        if vpc.is_transit:
            attached = _plain("TransitGatewayAttachment", vpc.attachment, connection_path=vpc.tier0.path)
            self._put(f"{vpc.path}/attachments", attached)

    def _add_session(self, session: Session) -> None:
        if session.service not in self._objects:
            kind = "L2VPNService" if session.spec.kind == "l2vpn" else "IPSecVpnService"
            service = _plain(kind, session.service)
            service |= {"mode": "SERVER"} if session.spec.kind == "l2vpn" else {"enabled": True}
            self._put(session.service.rpartition("/")[0], service)
        row = _plain(
            "L2VPNSession" if session.spec.kind == "l2vpn" else "RouteBasedIPSecVpnSession",
            session.path,
            unique_id=session.unique_id,
            enabled=True,
            _create_time=session.created_at,
        )
        row |= {} if session.spec.kind == "l2vpn" else {"peer_address": "192.0.2.1", "peer_id": "192.0.2.1"}
        self._put(f"{session.service}/sessions", row)

    def _segment(self, path: str, *, external: bool) -> Json:
        segment_id = self._provider.segment_id(path)
        row = _plain("Segment", path, type="DISCONNECTED" if external else "ROUTED", admin_state="UP")
        row |= {"unique_id": segment_id, "realization_id": segment_id}
        overlay = path in self._provider.overlays
        row["transport_zone_path"] = f"{LOCAL_POINT}/transport-zones/{'overlay' if overlay else 'vlan'}"
        if not overlay:
            row["vlan_ids"] = ["100"]
        return row


def _plain(resource_type: str, path: str, **more: object) -> Json:
    parent, _, name = path.rpartition("/")
    row: Json = {
        "resource_type": resource_type,
        "id": name,
        "display_name": name,
        "path": path,
        "relative_path": name,
        "parent_path": parent.rpartition("/")[0] if parent.count("/") > 1 else parent,
        "marked_for_delete": False,
        "_system_owned": False,
        "_revision": 0,
    }
    return row | more


def _gateway(gateway: Gateway, *, tags: bool) -> Json:
    row = _plain(
        f"Tier{gateway.tier}",
        gateway.path,
        unique_id=gateway.unique_id,
        failover_mode="NON_PREEMPTIVE",
        ha_mode=gateway.ha_mode,
        _create_user="vcd-svc",
        _create_time=gateway.created_at,
        _revision=gateway.revision,
    )
    if tags and gateway.tenant is not None:
        row["tags"] = [{"scope": "tenant", "tag": gateway.tenant}]
    if gateway.tier == 0:
        if gateway.parent is not None:
            row["vrf_config"] = {"resource_type": "Tier0VrfConfig", "tier0_path": gateway.parent.path}
        return row
    row |= {"type": "ROUTED", "pool_allocation": "ROUTING", "enable_standby_relocation": False}
    if gateway.parent is not None:
        row["tier0_path"] = gateway.parent.path
    return row


def _service(service: LocaleService, gateway: Gateway) -> Json:
    row = _plain("LocaleServices", service.path, _create_time=gateway.created_at)
    if service.cluster is not None:
        row["edge_cluster_path"] = service.cluster.path(federated=gateway.federated)
    return row


def _interface(interface: Interface) -> Json:
    gateway = interface.gateway
    number = int(interface.unique_id[:4], 16)
    row = _plain(
        f"Tier{gateway.tier}Interface",
        interface.path,
        unique_id=interface.unique_id,
        subnets=[{"ip_addresses": [f"198.18.{number >> 8}.{number & 255}"], "prefix_len": 29}],
        mtu=1_500,
        _create_user="vcd-svc",
        _create_time=interface.created_at,
        _revision=interface.revision,
    )
    if gateway.tier == 0:
        row |= {"type": interface.type, "ls_id": interface.service.id}
        if gateway.is_vrf and interface.type == "EXTERNAL":
            row["access_vlan_id"] = 100 + number % 3_000
    else:
        row |= {"admin_state": "UP", "urpf_mode": "STRICT"}
    if interface.segment_path is not None and interface.type != "LOOPBACK":
        row["segment_path"] = interface.segment_path
    if interface.node is not None:
        row["edge_path"] = interface.node.path(federated=gateway.federated)
    return row
