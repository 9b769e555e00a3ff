"""What the Policy API answers to a GET, without HTTP: objects, lists with paging, states, statistics, search.

Sources: NSX REST API reference 3.2 to 4.2 (methods under "Policy"), the Global Manager's twin, and the vendor's SDK
for which release knows which path and parameter.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from simulator.answers import Refused
from simulator.changes import REFRESHES_MAX
from simulator.faults import Asked, FaultBook
from simulator.objects import LOCAL_POINT, EdgeNode, Gateway, Port
from simulator.provider import Provider
from simulator.scenario import ManagerSpec
from simulator.statistics import Statistics
from simulator.tree import Json, Tree, version_tuple
from simulator.truth import Truth
from simulator.tunnels import Session
from simulator.units import Instant
from simulator.vpc_api import SPLIT_VERSION, VpcStatistics
from simulator.vpn import PARAMETERS, VpnStatistics

NULL_CURSOR: Final = "0000"
"""Old releases put a cursor that begins so on the last page."""

CURSOR_BASE: Final = 3_600_000
"""Makes cursors that do not look like offsets and never begin with zeros."""

LINK_VERSION: Final = (3, 2)
SOURCE_VERSION: Final = (4, 1, 1)
BGP_VERSION: Final = (4, 2)

_PAGING: Final = frozenset({"cursor", "included_fields", "page_size", "sort_ascending", "sort_by"})
_SUMMARY: Final = _PAGING | {"enforcement_point_path"}
_NODE: Final = _SUMMARY | {"edge_path", "include_mark_for_delete_objects"}
_LINK: Final = _NODE | {"tier1_path"}
_SINCE_411: Final = frozenset({"source", "transport_node_id", "stats_type"})
_EDGE_NODE: Final = re.compile(
    r"^(/[a-z-]+/sites/[^/]+/enforcement-points/[^/]+/edge-clusters/[^/]+)/edge-nodes/[^/]+$"
)
_GLOBAL_POINT: Final = re.compile(r"^/global-infra/sites/([^/]+)/enforcement-points/default$")
_STATE: Final = re.compile(r"^(.+/tier-[01]s/[^/]+)/state$")
_TERM: Final = re.compile(r"^\(?\s*([A-Za-z_]+)\s*:\s*\"?([^\")]*)\"?\s*\)?$")

Query = Mapping[str, str]
Body = tuple[Json, Callable[[], None] | None]
"""An answer, and what to call once it was sent."""


class PolicyApi:
    """The Policy API of one manager.

    Args:
        provider: The provider.
        faults: The faults in force.
        truth: Is told what is answered.
        manager: Whose API it is; decides the sites that are seen.
    """

    def __init__(self, provider: Provider, faults: FaultBook, truth: Truth, manager: ManagerSpec) -> None:
        self._provider = provider
        self._faults = faults
        self._manager = manager
        self._tree = Tree(provider, manager.site)
        self._statistics = Statistics(provider, faults, truth, manager.name)
        self._totals = VpcStatistics(self._statistics)
        self._vpn = VpnStatistics(provider, faults, truth, manager.name)
        self._edges: tuple[int, dict[str, EdgeNode]] = (-1, {})

    def get(self, path: str, query: Query, now: Instant) -> Body:
        """Return the answer to a policy path.

        Raises:
            Refused: An error of the product.
        """
        made = self._service(path, query, now)
        if made is not None:
            return made
        if path.endswith("/statistics"):
            return self._per_node(path[: -len("/statistics")], query, now)
        if path.endswith("/statistics/summary"):
            return self._summary(path[: -len("/statistics/summary")], query, now)
        found = self._tree.get(path)
        if found is not None:
            return found, None
        rows = self._tree.rows(path)
        if rows is not None:
            return self._page(path, rows, query), None
        state = _STATE.match(path)
        if state is not None:
            return self._state(state[1], query, now), None
        if path == "/search/query":
            return self._search(path, query), None
        if path.endswith("/realized-state/realized-entities"):
            return self._realized(path, query), None
        raise self.not_found(path)

    def point_of(self, path: str, query: Query) -> str | None:
        """Return the metering point of a statistics path, whether it exists or not; none for other paths."""
        target, found, rest = path.rpartition("/statistics")
        if not found or rest not in ("", "/summary"):
            return None
        if target.endswith("/tier-1-interface"):
            return query.get("tier1_path", "")
        return target.removesuffix("/tier-0-interface")

    def edge(self, path: str | None) -> EdgeNode | None:
        """Return the edge node of a path, if it is a member of its cluster."""
        if self._edges[0] != self._provider.revision:
            known: dict[str, EdgeNode] = {}
            for node in self._provider.nodes.values():
                if node.listed:
                    known[node.path()] = known[node.path(federated=True)] = node
            self._edges = (self._provider.revision, known)
        return self._edges[1].get(path or "")

    def not_found(self, path: str) -> Refused:
        """Return the error for a path that names nothing."""
        return self._refuse(404, 202, f"The path=[{path}] could not be found. Object identifiers are case sensitive.")

    def _refuse(self, status: int, code: int, message: str) -> Refused:
        return Refused(status, code, message, as_text=self._provider.scenario.error_code_as == "string")

    def _version(self) -> tuple[int, ...]:
        return version_tuple(self._provider.version)

    # Statistics -------------------------------------------------------------------------------------------------

    def _per_node(self, target: str, query: Query, now: Instant) -> Body:
        link = target.endswith("/tier-1-interface")
        allowed = _LINK if link else _NODE
        if not link and self._version() >= SOURCE_VERSION:
            allowed |= _SINCE_411 | ({"bgp_neighbor_type"} if self._version() >= BGP_VERSION else frozenset())
        self._check(query, allowed)
        if link and "tier1_path" in query and "edge_path" not in query:
            raise self._refuse(
                400, 500_012, "The path=[] is invalid: edge_path is mandatory for router link statistics"
            )
        port = self._port(target, query)
        if port is None:
            return {"logical_router_port_id": "", "per_node_statistics": []}, None
        nodes = self._nodes(port, query)
        wanted = query.get("transport_node_id")
        if wanted is not None:
            nodes = [node for node in nodes if node.nsx_id == wanted]
        if query.get("source") == "realtime":
            self._renew(nodes, now)
        return self._statistics.per_node(port, nodes, now)

    def _service(self, path: str, query: Query, now: Instant) -> Body | None:
        """Return statistics of a VPN session, a VPC or a transit gateway; nothing, if the path is none's."""
        session = self._provider.sessions.get(path.removesuffix("/statistics"))
        if session is not None and path.endswith("/statistics"):
            return self._session(session, query, now)
        return self._vpc(path, query, now) if self._provider.vpcs else None

    def _session(self, session: Session, query: Query, now: Instant) -> Body:
        if self._tree.get(session.path) is None:
            raise self.not_found(session.path)
        self._check(query, PARAMETERS)
        point = query.get("enforcement_point_path")
        site = None if point is None else self._site(point)
        if site not in (None, self._vpn.site(session)):
            return {"intent_path": session.path, "results": []}, None
        return self._vpn.answer(session, query, now)

    def _vpc(self, path: str, query: Query, now: Instant) -> Body | None:
        target, found, rest = path.rpartition("/statistics")
        if not found or rest not in ("", "/summary"):
            return None
        vpc = self._provider.vpcs.get(target)
        owner = vpc or self._provider.vpcs.get(target.rpartition("/attachments/")[0])
        if owner is None or self._tree.get(owner.path) is None:
            return None
        self._check(query, _SUMMARY | {"source"})
        version = self._version()
        if vpc is None:
            if rest or owner.attached is None or target != owner.attachment:
                return None
            return self._totals.attachment(owner.attached, version, now)
        if rest:
            return None if vpc.is_transit else self._totals.summary(vpc, now)
        return self._totals.split(vpc, version, now) if version >= SPLIT_VERSION else None

    def _renew(self, nodes: list[EdgeNode], now: Instant) -> None:
        for node in nodes:
            if not node.up:
                raise self._refuse(504, 504, f"Edge node {node.nsx_id} did not answer.")
            node.refreshed.append(now)
            del node.refreshed[:-REFRESHES_MAX]

    def _summary(self, target: str, query: Query, now: Instant) -> Body:
        self._check(query, _LINK if target.endswith("/tier-1-interface") else _SUMMARY)
        port = self._port(target, query)
        if port is None:
            return {"logical_router_port_id": "", "interface_policy_path": ""}, None
        return self._statistics.summary(port, self._nodes(port, query), now)

    def _check(self, query: Query, allowed: frozenset[str]) -> None:
        if self._provider.scenario.unknown_parameters == "reject":
            for name in query:
                if name not in allowed:
                    raise self._refuse(400, 255, f"Unknown query parameter {name}.")
        if query.get("source", "cached") not in ("cached", "realtime"):
            raise self._refuse(400, 255, "source is cached or realtime.")

    def _port(self, target: str, query: Query) -> Port | None:
        provider = self._provider
        if target.endswith("/tier-0-interface"):
            gateway = self._gateway(target.removesuffix("/tier-0-interface"), tier=1)
            pair = provider.link_ports(gateway)
            return None if pair is None else pair[0]
        if target.endswith("/tier-1-interface"):
            tier0 = self._gateway(target.removesuffix("/tier-1-interface"), tier=0)
            named = query.get("tier1_path")
            if named is None:
                raise self._refuse(400, 500_012, "The path=[] is invalid: tier1_path is required")
            tier1 = provider.gateways.get(named)
            if tier1 is None or tier1.tier != 1 or tier1.parent is not tier0:
                raise self._refuse(400, 500_012, f"The path=[{named}] is invalid")
            pair = provider.link_ports(tier1)
            return None if pair is None else pair[1]
        port = provider.port_at(target)
        if port is None:
            raise self.not_found(target)
        return port

    def _gateway(self, path: str, *, tier: int) -> Gateway:
        gateway = self._provider.gateways.get(path)
        if gateway is None or gateway.tier != tier or self._version() < LINK_VERSION:
            raise self.not_found(path)
        return gateway

    def _nodes(self, port: Port, query: Query) -> list[EdgeNode]:
        nodes = port.nodes()
        if self._manager.role == "local" and port.host.federated:
            nodes = [node for node in nodes if node.cluster.site == self._manager.site]
        point = query.get("enforcement_point_path")
        if point is not None:
            site = self._site(point)
            nodes = [node for node in nodes if site is None or node.cluster.site == site]
        path = query.get("edge_path")
        if path is None:
            return nodes
        edge = self.edge(path)
        if edge is not None:
            return [node for node in nodes if node is edge]
        parts = _EDGE_NODE.match(path)
        if self._tree.get(path) is not None or (parts is not None and self._tree.get(parts[1]) is not None):
            raise self._refuse(400, 503_065, f"Invalid edge path {path} specified.")
        raise self._refuse(400, 500_012, f"The path=[{path}] is invalid")

    def _site(self, point: str) -> str | None:
        """Return the site of an enforcement point; none for a Local Manager's own."""
        if point == LOCAL_POINT and self._manager.role == "local":
            return None
        found = _GLOBAL_POINT.match(point)
        if found is None or self._tree.get(point) is None:
            raise self._refuse(400, 500_012, f"The path=[{point}] is invalid")
        return found[1]

    # Lists ------------------------------------------------------------------------------------------------------

    def _page(self, path: str, rows: list[Json], query: Query) -> Json:
        limits = self._provider.scenario.limits
        size = self._number(query.get("page_size", "1000"), 1_000) or 1_000
        size = min(size, limits.page_size_max)
        cursor = query.get("cursor")
        first = 0 if cursor is None else len(rows) if cursor.startswith(NULL_CURSOR) else self._offset(cursor)
        page = rows[first : first + size]
        answer: Json = {"results": page, "sort_by": "display_name", "sort_ascending": True}
        if cursor is None:
            answer["result_count"] = len(rows)
        null_cursor = limits.null_cursor
        if not self._faults.quiet:
            for fault in self._faults.for_list(Asked("inventory", path, self._manager.name, path)):
                null_cursor = null_cursor or fault.do == "null_cursor"
                if fault.do == "short_list":
                    answer["results"] = page[: -fault.amount] if fault.amount < len(page) else page[:-1]
        if first + size < len(rows):
            answer["cursor"] = f"{CURSOR_BASE + first + size}"
        elif null_cursor:
            answer["cursor"] = f"{NULL_CURSOR}{first:08d}"
        return answer

    def _number(self, text: str, greatest: int) -> int:
        if not text.isdecimal() or int(text) > greatest:
            raise self._refuse(400, 255, f"page_size {text!r} is outside 0..{greatest}.")
        return int(text)

    def _offset(self, cursor: str) -> int:
        if not cursor.isdecimal() or int(cursor) < CURSOR_BASE:
            raise self._refuse(400, 255, "The cursor is not valid.")
        return int(cursor) - CURSOR_BASE

    def _search(self, path: str, query: Query) -> Json:
        wanted: list[tuple[str, str]] = []
        for term in re.split(r"\s+AND\s+", query.get("query", "").strip()):
            found = _TERM.match(term)
            if found is None:
                raise self._refuse(400, 60_500, f"The query {term!r} cannot be read.")
            wanted.append((found[1], found[2].replace("\\/", "/")))
        rows = [row for row in self._tree.every() if all(_says(row, name, value) for name, value in wanted)]
        rows.sort(key=lambda row: str(row["path"]))
        return self._page(path, rows, query)

    def _realized(self, path: str, query: Query) -> Json:
        intent = query.get("intent_path")
        gateway = self._provider.gateways.get(intent or "")
        if gateway is None:
            raise self._refuse(400, 500_012, f"The path=[{intent or ''}] is invalid")
        kinds = [("RealizedLogicalRouter", self._provider.router_id(gateway))]
        kinds += [("RealizedLogicalRouterPort", port.port_id) for port in self._provider.link_ports(gateway) or ()]
        rows = [
            {
                "entity_type": kind, "id": entity, "realization_specific_identifier": entity,
                "intent_paths": [gateway.path], "enforcement_point_path": LOCAL_POINT,
                "site_path": "/infra/sites/default", "display_name": entity, "path": f"{path}/{entity}",
            }
            for kind, entity in kinds
        ]  # fmt: skip
        return self._page(path, rows, query)

    # State ------------------------------------------------------------------------------------------------------

    def _state(self, path: str, query: Query, now: Instant) -> Json:
        gateway = self._provider.gateways.get(path)
        if gateway is None:
            raise self.not_found(path)
        if query.get("type", "GATEWAY_STATUS") not in ("GATEWAY_STATE", "GATEWAY_STATUS", "IPV6_STATUS"):
            raise self._refuse(400, 255, "type is GATEWAY_STATE, GATEWAY_STATUS or IPV6_STATUS.")
        point = query.get("enforcement_point_path")
        site = None if point is None else self._site(point)
        active = gateway.active()
        rows: list[dict[str, Any]] = []
        for node in gateway.nodes:
            if not node.listed or site not in (None, node.cluster.site):
                continue
            if self._manager.role == "local" and gateway.federated and node.cluster.site != self._manager.site:
                continue
            status = "DOWN" if not node.up else "ACTIVE" if node in active else "STANDBY"
            rows.append(
                {
                    "transport_node_id": node.nsx_id,
                    "service_router_id": self._provider.uuid(f"sr/{gateway.path}"),
                    "high_availability_status": status,
                    "edge_path": node.path(federated=gateway.federated),
                }
            )
        answer: Json = {
            "logical_router_id": self._provider.router_id(gateway),
            "last_update_timestamp": self._provider.manager_time(now),
        }
        if rows:
            answer["per_node_status"] = rows
        if site is not None and len({node.cluster.site for node in gateway.nodes}) > 1:
            primary = any(node.cluster.site == site for node in active)
            answer["locale_operation_mode"] = "PRIMARY_LOCATION" if primary else "SECONDARY_LOCATION"
        return {"enforcement_point_path": point or LOCAL_POINT, f"tier{gateway.tier}_status": answer}


def _says(row: Json, name: str, value: str) -> bool:
    found = row.get(name)
    text = str(found).lower() if isinstance(found, bool) else str(found)
    if value.endswith("*"):
        return text.startswith(value[:-1])
    return text == value
