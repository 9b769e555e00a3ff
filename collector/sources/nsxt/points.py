"""A snapshot's metering points, with the requests that read them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from sys import intern

import msgspec

from collector.model.identity import Kind, PointKey, ReadAt
from collector.ports import FoundPoint, PointCall
from collector.sources.nsxt.endpoints import Endpoints, parse_version, quoted
from collector.sources.nsxt.ends import Choice, choose_end, possible_ends
from collector.sources.nsxt.extra_points import session_points, vpc_points
from collector.sources.nsxt.options import LinkEnd
from collector.sources.nsxt.sites import at_site, link_path, link_sites, site_of
from collector.sources.nsxt.snapshot import Edge, Gateway, Interface, Snapshot

Ends = Mapping[PointKey, ReadAt | None]
FailedEnds = Mapping[PointKey, frozenset[ReadAt]]

NO_SERVICE_ROUTER = "the Tier-1 has no edge cluster: the link is counted by distributed routers, if at all"


class PointBuilder:
    """Makes points of the gateways of one source."""

    def __init__(
        self, source: str, endpoints: Endpoints, link_end: LinkEnd, *, vpn: bool = False, vpcs: bool = False
    ) -> None:
        self._source = source
        self._endpoints = endpoints
        self._link_end = link_end
        self._has_vpn = vpn
        self._has_vpcs = vpcs

    def link_key(self, tier1: str, site: str = "") -> PointKey:
        """Return the metering point of a Tier-1's link, or of its part at one site."""
        return PointKey(self._source, Kind.TIER1_DOWNLINK, intern(link_path(tier1, site)))

    def link_keys(self, gateways: Mapping[str, Gateway]) -> Iterable[PointKey]:
        """Return every metering point that the links of these gateways may have."""
        for path, gateway in gateways.items():
            yield self.link_key(path)
            if gateway.tier == 1:
                sites = link_sites(gateway, gateways.get(gateway.parent or ""))
                yield from (self.link_key(path, site) for site in sites)

    def points(self, snapshot: Snapshot, known_ends: Ends, failed_ends: FailedEnds) -> tuple[FoundPoint, ...]:
        """Return every metering point, ordered by path.

        Args:
            snapshot: Gateways with their interfaces and edge nodes.
            known_ends: The end at which a link was read so far.
            failed_ends: Ends of links that fail for good.
        """
        found: list[FoundPoint] = []
        version = parse_version(snapshot.version)
        edges = {edge.path: edge for gateway in snapshot.gateways.values() for edge in gateway.edges}
        for gateway in snapshot.gateways.values():
            parent = snapshot.gateways.get(gateway.parent or "")
            found.extend(self._interfaces(gateway, parent, edges))
            if gateway.tier == 1 and gateway.parent is not None:
                found.extend(self._links(gateway, parent, version, known_ends, failed_ends))
        if self._has_vpn:
            found.extend(session_points(self._source, self._endpoints, snapshot))
        if self._has_vpcs:
            found.extend(vpc_points(self._source, self._endpoints, snapshot))
        # What they remember are texts of this snapshot: a few of them would keep the memory around them all.
        for remembered in (_nodes, quoted, site_of):
            remembered.cache_clear()
        return tuple(sorted(found, key=lambda point: (point.key.path, point.key.kind)))

    def _interfaces(self, gateway: Gateway, parent: Gateway | None, edges: dict[str, Edge]) -> Iterator[FoundPoint]:
        is_tier1 = gateway.tier == 1
        for interface in gateway.interfaces:
            kind = Kind.TIER0_UPLINK if interface.external else Kind.SERVICE_INTERFACE
            calls, nodes = self._calls(gateway, interface, edges)
            yield FoundPoint(
                key=PointKey(self._source, kind, intern(interface.path)),
                name=interface.name,
                gateway=gateway.path,
                gateway_name=gateway.name,
                tier1=intern(gateway.path) if is_tier1 else None,
                parent=_parent_of(parent) if is_tier1 else gateway.parent,
                project=gateway.project,
                segment=interface.segment,
                tags=(*gateway.tags, *interface.tags),
                read_at=ReadAt.INTERFACE,
                calls=calls,
                created_at=interface.created,
                nodes=_nodes(nodes),
                note="" if nodes else "no edge node is known: one call asks for all of them",
            )

    def _calls(
        self, gateway: Gateway, interface: Interface, edges: dict[str, Edge]
    ) -> tuple[tuple[PointCall, ...], tuple[Edge, ...]]:
        own = edges.get(interface.edge_path or "")
        if own is None and interface.edge_path:
            # Where no cluster lists it: the last element of an edge path is the node's UUID on current releases.
            own = Edge(interface.edge_path, interface.edge_node or interface.edge_path.rpartition("/")[2])
        if interface.external:
            return (self._endpoints.uplink(interface.path, own),), ((own,) if own is not None else ())
        # Where the gateway is stretched over sites, the interface still lies at one of them.
        nodes = (at_site(gateway.edges, interface.site) if interface.site else ()) or gateway.edges
        if own is not None and own.path not in {edge.path for edge in nodes}:
            nodes = (*nodes, own)
        return self._endpoints.interface(interface.path, nodes), nodes

    def _links(
        self,
        tier1: Gateway,
        tier0: Gateway | None,
        version: tuple[int, ...],
        known_ends: Ends,
        failed_ends: FailedEnds,
    ) -> Iterator[FoundPoint]:
        """Yield the link of a Tier-1 or, where it is stretched over sites, its part at each of them."""
        for site in link_sites(tier1, tier0) or ("",):
            key = self.link_key(tier1.path, site)
            lower, upper = (_at(tier1, site), tier0 and _at(tier0, site)) if site else (tier1, tier0)
            ends = possible_ends(version, lower, upper)
            choice = choose_end(self._link_end, ends, known_ends.get(key), failed_ends.get(key, frozenset()))
            yield self._link(key, lower, upper, choice._replace(note=f"site {site}: {choice.note}") if site else choice)

    def _link(self, key: PointKey, tier1: Gateway, tier0: Gateway | None, choice: Choice) -> FoundPoint:
        tier0_path = tier1.parent or ""
        nodes = tier1.edges if choice.read_at is ReadAt.TIER1 else (tier0.edges if tier0 is not None else ())
        if not nodes and key.path != tier1.path:
            nodes = tier1.edges  # The summary of a part must be of its site, also where the Tier-0 has no node there.
        return FoundPoint(
            key=key,
            name=tier1.name,
            gateway=tier0_path,
            gateway_name=tier0.name if tier0 is not None else tier0_path.rpartition("/")[2],
            tier1=intern(tier1.path),
            parent=_parent_of(tier0),
            project=tier1.project,
            tags=tier1.tags,
            read_at=choice.read_at,
            calls=self._link_calls(choice.read_at, tier1, tier0_path, nodes),
            created_at=tier1.created,
            nodes=_nodes(nodes),
            note=intern(choice.note if tier1.clusters or tier1.edges else f"{choice.note}; {NO_SERVICE_ROUTER}"),
        )

    def _link_calls(
        self, read_at: ReadAt, tier1: Gateway, tier0_path: str, nodes: tuple[Edge, ...]
    ) -> tuple[PointCall, ...]:
        if read_at is ReadAt.TIER1:
            return self._endpoints.link_at_tier1(tier1.path, nodes)
        if read_at is ReadAt.TIER0:
            return self._endpoints.link_at_tier0(tier0_path, tier1.path, nodes)
        return self._endpoints.link_summary(tier0_path, tier1.path, nodes)


def _at(gateway: Gateway, site: str) -> Gateway:
    """Return what of a gateway lies at one site."""
    return msgspec.structs.replace(gateway, edges=at_site(gateway.edges, site))


@lru_cache(maxsize=1_024)
def _nodes(edges: tuple[Edge, ...]) -> tuple[tuple[str, str], ...]:
    """Return (transport node, HA status) of edge nodes; points on the same nodes share it."""
    return tuple((edge.node, edge.status) for edge in edges)


def _parent_of(tier0: Gateway | None) -> str | None:
    """Return the parent Tier-0 of a VRF; a plain Tier-0 has none."""
    return tier0.parent if tier0 is not None and tier0.tier == 0 else None
