"""Paths and parameters of every call, by release. Policy paths are read from answers, never built."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import quote

from collector.ports import PointCall
from collector.sources.nsxt.snapshot import Edge

PAGE_ROWS = 1_000
"""Rows asked for in a page: the API's default and greatest value. Source: NSX type ListRequestParameters."""

QUOTED_VALUES_MAX = 4_096
"""Values kept percent-encoded: a few hundred edge nodes stand in the calls of all points."""

API_SERVICE_PATH = "/api/v1/cluster/api-service"

VERSION_OF_LINKS = (3, 2)
"""The per-node statistics of both ends of a link: absent from the API specification of 3.1, present in that of 3.2."""

VERSION_OF_PROJECTS = (4, 1)
"""Projects and everything below ``/orgs``."""

VERSION_OF_VPCS = (4, 1, 1)
"""VPCs with one sum of all their traffic. Source: NSX API specification by release."""

VERSION_OF_SPLIT = (4, 2)
"""VPC statistics tell external from internal traffic. Source: NSX type VpcStatistics."""

VERSION_OF_TRANSIT_GATEWAYS = (4, 2)
"""The first specification that has them; not every 4.2 answers, so that a lack is no fault before 9."""

VERSION_WITH_TRANSIT_GATEWAYS = (9,)
"""Every release has them from here on."""

VERSION_OF_DATED_TRANSIT_GATEWAYS = (9, 1)
"""Their statistics carry a time from here on. Source: NSX REST reference 9.1."""

VERSION_OF_REALTIME = (4, 1, 1)
"""``source=realtime`` is known of interface statistics from here on; older managers may not take the parameter."""

USER_INFO = "/aaa/user-info"
"""Who we are to the manager, with our roles: under the root of policy paths and, on every manager, under ``/api/v1``.
Source: NSX type UserInfo."""


@dataclass(frozen=True, slots=True)
class Endpoints:
    """Calls to a Local Manager, or to a Global Manager with its own root and paths.

    Attributes:
        federation: The manager is a Global Manager.
        point: The enforcement point that the settings name, or ``None``.
        org: Organisation that Projects lie in.
    """

    federation: bool
    point: str | None = None
    org: str = "default"

    @property
    def root(self) -> str:
        """What a policy path is appended to."""
        return "/global-manager/api/v1" if self.federation else "/policy/api/v1"

    @property
    def infra(self) -> str:
        """The policy path that provider objects lie under."""
        return "/global-infra" if self.federation else "/infra"

    @property
    def projects(self) -> str:
        """The policy path that Projects lie under."""
        return f"/orgs/{self.org}/projects"

    @property
    def default_enforcement_point(self) -> str:
        """The one enforcement point of a Local Manager, unless the settings name another one."""
        return self.point or f"{self.infra}/sites/default/enforcement-points/default"

    # --- statistics ---------------------------------------------------------------------------------------------------

    def uplink(self, interface: str, edge: Edge | None) -> PointCall:
        """Statistics of an EXTERNAL interface, which lives on one edge node.

        The answer lists every node that it has.
        """
        if edge is None:
            return self._statistics(interface, self._at(None))
        return self._statistics(interface, self._at(edge), fallback_node=edge.node)

    def interface(self, interface: str, edges: Sequence[Edge]) -> tuple[PointCall, ...]:
        """Statistics of a SERVICE interface: one call for each edge node, or one for all where none is known."""
        return self._per_edge(interface, edges)

    def link_at_tier1(self, tier1: str, edges: Sequence[Edge]) -> tuple[PointCall, ...]:
        """Statistics of a link at the Tier-1's port, per edge node, or one call for all where none is known."""
        return self._per_edge(f"{tier1}/tier-0-interface", edges)

    def link_at_tier0(self, tier0: str, tier1: str, edges: Sequence[Edge]) -> tuple[PointCall, ...]:
        """Statistics of a link at the Tier-0's port; ``edge_path`` is mandatory there."""
        path = f"{tier0}/tier-1-interface"
        return tuple(self._statistics(path, [("tier1_path", tier1), *self._at(edge)], edge.node) for edge in edges)

    def link_summary(self, tier0: str, tier1: str, edges: Sequence[Edge]) -> tuple[PointCall, ...]:
        """The sum over all nodes of the Tier-0's end of a link."""
        points = {enforcement_point(edge.path) for edge in edges} - {None}
        # Without the parameter every enforcement point is evaluated, as a stretched gateway needs.
        one = [("enforcement_point_path", point) for point in points] if len(points) == 1 else []
        if not points and not self.federation:
            one = [("enforcement_point_path", self.default_enforcement_point)]
        return (self._statistics(f"{tier0}/tier-1-interface", [("tier1_path", tier1), *one], summary=True),)

    def _per_edge(self, path: str, edges: Sequence[Edge]) -> tuple[PointCall, ...]:
        if not edges:
            return (self._statistics(path, self._at(None)),)
        return tuple(self._statistics(path, self._at(edge), edge.node) for edge in edges)

    def _at(self, edge: Edge | None) -> list[tuple[str, str | None]]:
        if edge is not None:
            point = enforcement_point(edge.path) or self.default_enforcement_point
            return [("enforcement_point_path", point), ("edge_path", edge.path)]
        if self.federation and self.point is None:
            return []
        return [("enforcement_point_path", self.default_enforcement_point)]

    def _statistics(
        self,
        path: str,
        parameters: Iterable[tuple[str, str | None]],
        node: str | None = None,
        *,
        summary: bool = False,
        fallback_node: str | None = None,
    ) -> PointCall:
        whole = self.of(f"{path}/statistics/summary" if summary else f"{path}/statistics", parameters)
        request_path, _, query = whole.partition("?")
        return PointCall(path=request_path, query=query, node=node, summary=summary, fallback_node=fallback_node)

    # --- tunnels, VPCs, transit gateways ------------------------------------------------------------------------------

    def session(self, session: str, point: str | None, *, realtime: bool) -> PointCall:
        """Statistics of a VPN session at one enforcement point, or at all of them.

        ``source=cached`` is never asked for: on a Tier-1 the cache of an IPsec session is refreshed only by calls with
        ``realtime`` or without ``source``, so that an old value would stay for ever. L2VPN answers carry no time, so
        they are asked for in real time where the release knows how.
        Source: NSX API specification, session statistics of L2VPN and IPsec services.
        """
        source = "realtime" if realtime else None
        node = enforcement_point_name(point) if point is not None else None
        return self._statistics(session, [("enforcement_point_path", point), ("source", source)], node)

    def totals(self, vpc: str, *, is_split: bool) -> PointCall:
        """Statistics of a VPC or a transit gateway, external and internal traffic apart, or the older one sum."""
        path = f"{vpc}/statistics" if is_split else f"{vpc}/statistics/summary"
        return PointCall(path=self.of(path), node=None, summary=True)

    # --- lists and states ---------------------------------------------------------------------------------------------

    def of(self, path: str, parameters: Iterable[tuple[str, str | None]] = ()) -> str:
        """Return the request path of a policy path, percent-encoded, slashes in values included."""
        query = "&".join(f"{name}={quoted(value)}" for name, value in parameters if value)
        return f"{self.root}{quote(path)}" + (f"?{query}" if query else "")

    def page(self, path: str, cursor: str | None) -> str:
        """Return the request path of one page of a list."""
        return self.of(path, [("page_size", str(PAGE_ROWS)), ("cursor", cursor)])

    def state(self, gateway: str, point: str | None) -> str:
        """Return the request path of a gateway's HA state, at one enforcement point or all."""
        return self.of(f"{gateway}/state", [("type", "GATEWAY_STATUS"), ("enforcement_point_path", point)])


@lru_cache(maxsize=QUOTED_VALUES_MAX)
def quoted(value: str) -> str:
    """Return a value of a query, percent-encoded."""
    return quote(value, safe="")


def enforcement_point(edge_path: str) -> str | None:
    """Return the policy path of the enforcement point that an edge cluster or node belongs to."""
    head, found, _ = edge_path.partition("/edge-clusters/")
    return head if found else None


def enforcement_point_name(path: str) -> str:
    """Return what an enforcement point is called as the node of a series: its site and its id."""
    parts = path.split("/")
    return f"{parts[-3]}/{parts[-1]}" if len(parts) >= 3 else path


def parse_version(text: str) -> tuple[int, ...]:
    """Return the leading numbers of a version, ``(4, 1, 2)``; nothing where there are none."""
    numbers = []
    for part in text.split("."):
        if not part.isdecimal():
            break
        numbers.append(int(part))
    return tuple(numbers)


def is_at_least(version: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
    """True when a release has what came with another one; a version that nobody could read counts as new."""
    return not version or version >= wanted
