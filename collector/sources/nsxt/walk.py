"""The way through a manager's lists: gateways, their interfaces, the edge nodes that they live on."""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from collector.errors import ObjectGone, ResponseInvalid, SourceError
from collector.model.period import Instant
from collector.sources.answers import http_date
from collector.sources.nsxt.client import NsxtClient
from collector.sources.nsxt.directory import other_ids
from collector.sources.nsxt.dto import (
    EdgeClusterDto,
    EdgeNodeDto,
    GatewayDto,
    GatewayStateDto,
    InterfaceDto,
    LocaleServicesDto,
    NodeStatusDto,
    ProjectDto,
    SiteDto,
)
from collector.sources.nsxt.endpoints import (
    VERSION_OF_PROJECTS,
    Endpoints,
    enforcement_point,
    is_at_least,
    parse_version,
)
from collector.sources.nsxt.options import NsxtOptions
from collector.sources.nsxt.parts import Parts
from collector.sources.nsxt.reader import ListReader
from collector.sources.nsxt.sites import site_of, sites_of
from collector.sources.nsxt.snapshot import Edge, Gateway, Interface, Snapshot, Vpc


class Walk:
    """One discovery. Build it, ``run`` it once, and read the attributes.

    Attributes:
        gateways: What was read, by policy path.
        vpcs: VPCs and transit gateways, by policy path, where they are wanted.
        segments: Segments that service interfaces name, path to ``unique_id``, where a director is to find them.
        unread: Gateways whose locale services were not all read.
        reader: What could not be read, and how many requests it took.
        at: ``Date`` of the first answer.
        version: Version of the manager, as it says.
    """

    def __init__(
        self,
        client: NsxtClient,
        endpoints: Endpoints,
        options: NsxtOptions,
        previous: Snapshot | None,
        workers: int,
    ) -> None:
        self.gateways: dict[str, Gateway] = {}
        self.vpcs: dict[str, Vpc] = {}
        self.segments: dict[str, str] = {}
        self.unread: set[str] = set()
        self.reader = ListReader(client, workers)
        self.at: Instant | None = None
        self.version = ""
        self._client = client
        self._endpoints = endpoints
        self._options = options
        self._snapshot = previous
        self._previous = previous.gateways if previous is not None else {}
        self._projects: list[ProjectDto] = []
        self._router_ids: dict[str, list[object]] = {}
        self._members: dict[str, tuple[Edge, ...]] = {}
        self._edge_of_node: dict[str, Edge] = {}
        self._edge_of_path: dict[str, Edge] = {}

    async def run(self) -> None:
        """Read everything. Raises SourceError when not even the first lists can be read, or the source goes away."""
        self.version, answer = await self._client.version()
        self.reader.calls += 1
        self.at = http_date(answer.headers.get("Date", ""))
        infra = self._endpoints.infra
        tier0s = await self.reader.certain(f"{infra}/tier-0s", GatewayDto)
        self._add_gateways(tier0s.rows, tier=0)
        self._add_gateways(await self.reader.rows(f"{infra}/tier-1s", GatewayDto), tier=1)
        await self._read_projects()
        await self.reader.for_each(list(self.gateways), self._read_parts)
        await self._read_edges()
        await self.reader.for_each(list(self.gateways), self._read_edges_of)
        self._inherit_edges()
        await self._read_parts_beside()

    async def _read_parts_beside(self) -> None:
        """Read what the options ask for beside gateways and interfaces."""
        parts = Parts(self.reader, parse_version(self.version), self._snapshot)
        if self._options.vpn:
            await parts.read_sessions(self.gateways)
        if self._options.vpcs:
            self.vpcs = await parts.read_vpcs(self._projects)
        if self._options.directory:
            self.segments = await parts.read_segments(self.gateways)

    # --- gateways -----------------------------------------------------------------------------------------------------

    def _add_gateways(self, found: Iterable[GatewayDto], tier: int, project: str | None = None) -> None:
        for dto in found:
            if dto.marked_for_delete:
                continue
            vrf = dto.vrf_config
            self.gateways[dto.path] = Gateway(
                path=dto.path,
                name=dto.name,
                tier=tier,
                parent=dto.tier0_path if tier == 1 else (vrf.tier0_path if vrf is not None else None),
                project=project,
                ha_mode=dto.ha_mode or "",
                tags=dto.tag_pairs,
                uid=dto.unique_id or "",
                created=dto.created_at,
                ids=other_ids(dto.path, dto.unique_id or "", dto.id, dto.realization_id) if self._is_asked else (),
            )

    async def _read_projects(self) -> None:
        """Read the Tier-1s of Projects; their Tier-0s are the provider's."""
        wanted = self._options.projects
        if wanted == "none" or self._endpoints.federation:
            return
        if not is_at_least(parse_version(self.version), VERSION_OF_PROJECTS):
            return
        try:
            listing = await self.reader.certain(self._endpoints.projects, ProjectDto)
        except ObjectGone as error:
            # A release without Projects; but where there were any, it is the answer that is wrong.
            if any(gateway.project is not None for gateway in self._previous.values()):
                self.reader.lacking(error)
            return
        except SourceError as error:
            self.reader.lacking(error)
            return
        projects = [each for each in listing.rows if not each.marked_for_delete]
        if wanted != "all":
            lacking = [name for name in wanted if not any(name in {each.id, each.name} for each in projects)]
            self.reader.faults.extend(f"no Project is called {name}" for name in lacking)
            projects = [each for each in projects if each.id in wanted or each.name in wanted]
        for project in projects:
            tier1s = await self.reader.rows(f"{project.path}/infra/tier-1s", GatewayDto)
            # The default Project may list the provider's own objects again, under their own paths.
            self._add_gateways((each for each in tier1s if each.path not in self.gateways), 1, project.name)
        self._projects = projects

    async def _read_parts(self, path: str) -> None:
        """Read a gateway's locale services and their interfaces."""
        services = await self.reader.listing(f"{path}/locale-services", LocaleServicesDto)
        if services is None or services.faults:
            self.unread.add(path)
        if services is None:
            return
        gateway = self.gateways[path]
        interfaces: list[Interface] = []
        alive = [each for each in services.rows if not each.marked_for_delete]
        clusters = [each.edge_cluster_path for each in alive if each.edge_cluster_path]
        is_stretched = len(sites_of(clusters)) > 1
        for each in alive:
            site = site_of(each.edge_cluster_path or "") if is_stretched else ""
            found = await self.reader.rows(f"{each.path}/interfaces", InterfaceDto)
            interfaces.extend(_interface(dto, gateway.tier, site) for dto in found if _is_metered(dto, gateway.tier))
        self.gateways[path] = msgspec.structs.replace(
            gateway,
            clusters=tuple(dict.fromkeys(clusters)),
            interfaces=tuple(sorted(interfaces, key=lambda interface: interface.path)),
        )

    # --- edge nodes ---------------------------------------------------------------------------------------------------

    async def _read_edges(self) -> None:
        """Read the members of every edge cluster that is listed or that a gateway names."""
        clusters: dict[str, None] = {}
        for point in await self._enforcement_points():
            found = await self.reader.rows(f"{point}/edge-clusters", EdgeClusterDto)
            clusters.update((each.path, None) for each in found if not each.marked_for_delete)
        for gateway in self.gateways.values():
            clusters.update((path, None) for path in gateway.clusters)
        await self.reader.for_each(clusters, self._read_members)

    async def _enforcement_points(self) -> list[str]:
        if not self._endpoints.federation:
            return [self._endpoints.default_enforcement_point]
        sites = await self.reader.rows(f"{self._endpoints.infra}/sites", SiteDto)
        return [f"{site.path}/enforcement-points/default" for site in sites if not site.marked_for_delete]

    async def _read_members(self, cluster: str) -> None:
        listing = await self.reader.listing(f"{cluster}/edge-nodes", EdgeNodeDto)
        if listing is None:
            return
        edges = [Edge(node.path, node.nsx_id or node.id) for node in listing.rows if not node.marked_for_delete]
        self._members[cluster] = tuple(edge for edge in edges if edge.node)
        for edge in self._members[cluster]:
            self._edge_of_node[edge.node] = edge
            self._edge_of_path[edge.path] = edge

    async def _read_edges_of(self, path: str) -> None:
        """Find the edge nodes that a gateway lives on: as its HA state says, or else all members of its clusters."""
        gateway = self.gateways[path]
        if gateway.tier == 1 and not gateway.clusters:
            # No service router, so no state of one; its logical router has an id all the same.
            if self._is_asked:
                await self._read_router_id(gateway)
            return
        edges: list[Edge] = []
        try:
            for point in self._points_of(gateway):
                edges.extend(await self._edges_by_state(path, point))
        except (ObjectGone, ResponseInvalid):
            edges = []  # A release, or a kind of gateway, that has no such state.
            self._keep_ids(gateway)
        except SourceError as error:
            # No list, so the inventory may be complete without it; the nodes known so far go on being asked.
            self.reader.unanswered(error)
            old = self._previous.get(path)
            edges = list(old.edges) if old is not None else []
            self._keep_ids(gateway)
        if not edges:
            edges = [edge for cluster in gateway.clusters for edge in self._members.get(cluster, ())]
        if not edges and gateway.clusters and path in self._previous:
            edges = list(self._previous[path].edges)
        unique = {edge.node: edge for edge in edges}
        ordered = sorted(unique.values(), key=lambda edge: edge.path)
        interfaces = tuple(self._with_node(interface) for interface in gateway.interfaces)
        ids = (*gateway.ids, *other_ids(path, gateway.uid, *self._router_ids.pop(path, ())))
        self.gateways[path] = msgspec.structs.replace(
            gateway, edges=tuple(ordered), interfaces=interfaces, ids=tuple(dict.fromkeys(ids))
        )

    async def _read_router_id(self, gateway: Gateway) -> None:
        try:
            for point in self._points_of(gateway):
                await self._edges_by_state(gateway.path, point)
        except (ObjectGone, ResponseInvalid):
            self._keep_ids(gateway)  # A release, or a kind of gateway, that has no such state.
        except SourceError as error:
            self.reader.unanswered(error)
            self._keep_ids(gateway)
        ids = (*gateway.ids, *other_ids(gateway.path, gateway.uid, *self._router_ids.pop(gateway.path, ())))
        self.gateways[gateway.path] = msgspec.structs.replace(gateway, ids=tuple(dict.fromkeys(ids)))

    def _keep_ids(self, gateway: Gateway) -> None:
        """Let a gateway whose state cannot be read now go on being known by what it said before, if it is the same."""
        old = self._previous.get(gateway.path)
        if self._is_asked and old is not None and old.uid == gateway.uid:
            self._router_ids[gateway.path] = list(old.ids)

    @property
    def _is_asked(self) -> bool:
        """A director's ids are to be found here."""
        return self._options.directory

    def _with_node(self, interface: Interface) -> Interface:
        edge = self._edge_of_path.get(interface.edge_path or "")
        return interface if edge is None else msgspec.structs.replace(interface, edge_node=edge.node)

    def _points_of(self, gateway: Gateway) -> list[str | None]:
        """Return the enforcement points to ask for a gateway's state; ``None`` asks all of them."""
        clusters = gateway.clusters
        if not clusters and gateway.parent in self.gateways:
            clusters = self.gateways[gateway.parent].clusters
        points = list(dict.fromkeys(enforcement_point(cluster) for cluster in clusters))
        if points:
            return points
        return [None if self._endpoints.federation else self._endpoints.default_enforcement_point]

    async def _edges_by_state(self, path: str, point: str | None) -> list[Edge]:
        self.reader.calls += 1
        state = await self._client.one(self._endpoints.state(path, point), GatewayStateDto)
        self.reader.answered()
        status = state.tier0_status or state.tier1_status
        if self._is_asked and status is not None:
            self._router_ids.setdefault(path, []).append(status.logical_router_id)
        listed = (status.per_node_status if status is not None else None) or ()
        return [edge for edge in map(self._edge, listed) if edge is not None]

    def _edge(self, status: NodeStatusDto) -> Edge | None:
        node, path = status.transport_node_id, status.edge_path
        known = self._edge_of_node.get(node or "") or self._edge_of_path.get(path or "")
        path = path or (known.path if known is not None else None)
        node = node or (known.node if known is not None else None)
        return Edge(path, node, status.high_availability_status or "") if path and node else None

    def _inherit_edges(self) -> None:
        """A VRF lives where its parent does; it need not name an edge cluster of its own."""
        for path, gateway in self.gateways.items():
            parent = self.gateways.get(gateway.parent or "")
            if gateway.tier == 0 and not gateway.edges and parent is not None:
                self.gateways[path] = msgspec.structs.replace(gateway, edges=parent.edges)


def _is_metered(dto: InterfaceDto, tier: int) -> bool:
    """True for EXTERNAL and SERVICE; LOOPBACK carries no traffic.

    An interface of a Tier-1 has no type: each is SERVICE.
    """
    return not dto.marked_for_delete and (tier == 1 or dto.type in {"EXTERNAL", "SERVICE"})


def _interface(dto: InterfaceDto, tier: int, site: str) -> Interface:
    return Interface(
        path=dto.path,
        name=dto.name,
        external=tier == 0 and dto.type == "EXTERNAL",
        edge_path=dto.edge_path,
        segment=dto.segment_path,
        tags=dto.tag_pairs,
        uid=dto.unique_id or "",
        created=dto.created_at,
        site=site,
    )
