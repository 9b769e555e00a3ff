"""What the OpenAPI answers to a GET, without HTTP: lists in pages, and objects by their references."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Final

from simulator.units import Instant
from simulator.vcd.cloud import Cloud
from simulator.vcd.fiql import BadFilter, parse
from simulator.vcd.lists import CURSORS, LISTS, Collection, as_of
from simulator.vcd.page import Json, Page, Wrong
from simulator.vcd.paging import Manner, page_of, wanted
from simulator.vcd.sessions import Account
from simulator.vcd.space_views import for_tenant
from simulator.vcd.specs import ADMINISTRATOR, SYSTEM, VIEWS
from simulator.vcd.tunnels import GatewayTunnels
from simulator.vcd.views import reference

Query = Mapping[str, str]
Version = tuple[int, int]

_OF_ROLE: Final = re.compile(r"^roles/([^/]+)/rights$")
_OF_GATEWAY: Final = re.compile(r"^edgeGateways/([^/]+)/usedIpAddresses$")
_TUNNELS: Final = re.compile(r"^edgeGateways/([^/]+)/(l2vpn|ipsec)/tunnels(?:/([^/]+)(?:/(metrics|status))?)?$")
_ALLOCATIONS: Final = re.compile(r"^ipSpaces/[^/]+/allocations$")


class OpenApi:
    """Everything below ``/cloudapi/1.0.0/`` that is read.

    Args:
        cloud: The director's state.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._spec = cloud.spec

    def get(
        self, name: str, query: Query, *, account: Account, version: Version, base: str, now: Instant, at: Instant
    ) -> Page:
        """Return the answer to a path.

        Args:
            name: What follows the root, without a slash at its end.
            query: As it was asked.
            account: Who asks.
            version: Which version is spoken.
            base: Address of the path, for links.
            now: The simulated instant.
            at: As of which instant lists are shown.

        Raises:
            Wrong: An error of the product.
        """
        if name == "sessions/current":
            return Page(self._session(account))
        tunnels = _TUNNELS.match(name)
        if tunnels is not None and tunnels[3]:
            self._allowed(LISTS[f"{tunnels[2]}/tunnels"], account, version)
            found = self._tunnels(tunnels[1], tunnels[2], account).one(tunnels[3], tunnels[4] or "", now)
            return Page(self._found(found, name))
        listed = self._list(name, account, at)
        if listed is None:
            return Page(self._object(name, account, version))
        kind, rows = listed
        collection = LISTS[kind]
        self._allowed(collection, account, version)
        rows = [made for row in self._seen(collection, rows, account) if (made := as_of(kind, row, version))]
        rows = self._sorted(collection, self._filtered(collection, rows, query), query)
        if kind == "ipSpaces/summaries" and not account.is_provider:
            rows = [for_tenant(row) for row in rows]
        return page_of(rows, wanted(self._spec, base, query, collection.model, self._manner(kind)))

    def _manner(self, kind: str) -> Manner:
        if kind in CURSORS or kind in self._spec.cursor_lists:
            return "cursor"
        return "counts" if kind in self._spec.counts_only else "links"

    def _found(self, row: Json | None, name: str) -> Json:
        if row is None:
            raise Wrong(404, f"No entity {name.rpartition('/')[2]} is there.")
        return row

    def _allowed(self, collection: Collection, account: Account, version: Version) -> None:
        if version < collection.since:
            raise Wrong(404, f"API version {version[0]}.{version[1]} does not have this.")
        if not account.may(collection.right) or (collection.org is None and not account.is_provider):
            raise Wrong(403, f"Either you need some or all of the following rights: [{collection.right}].")

    # Lists ------------------------------------------------------------------------------------------------------

    def _list(self, name: str, account: Account, at: Instant) -> tuple[str, Sequence[Json]] | None:
        """Return a list's kind and its rows; none, if the path is no list's."""
        rows = self._cloud.shelf.rows(name, at)
        if rows is not None:
            return ("allocations" if _ALLOCATIONS.match(name) else name), rows
        if name in CURSORS:
            return name, self._resources(name)
        if name == "roles":
            return name, [self._role(account)]
        role, used, tunnels = _OF_ROLE.match(name), _OF_GATEWAY.match(name), _TUNNELS.match(name)
        if role is not None:
            self._found(self._role(account) if role[1] == self._role(account)["id"] else None, role[1])
            return "rights", self._rights(account)
        if used is not None:
            self._gateway(used[1], account)
            return "usedIpAddresses", self._cloud.shelf.used_addresses(used[1]) or []
        if tunnels is not None:
            return f"{tunnels[2]}/tunnels", self._tunnels(tunnels[1], tunnels[2], account).rows()
        return None

    def _seen(self, collection: Collection, rows: Sequence[Json], account: Account) -> Sequence[Json]:
        if account.is_provider or not collection.org:
            return rows
        mine = self._org(account).get("id")
        outer, _, inner = collection.org.partition(".")
        return [row for row in rows if (row[outer][inner] if inner else row[outer]) == mine]

    def _filtered(self, collection: Collection, rows: Sequence[Json], query: Query) -> Sequence[Json]:
        text = query.get("filter", "")
        try:
            test = parse(text, collection.fields) if text else None
        except BadFilter as bad:
            raise Wrong(400, str(bad)) from bad
        if collection.needs is not None and f"{collection.needs}==" not in text:
            raise Wrong(400, f"A filter by '{collection.needs}' is needed.")
        return rows if test is None else [row for row in rows if test(row)]

    def _sorted(self, collection: Collection, rows: Sequence[Json], query: Query) -> Sequence[Json]:
        for name, descending in (("sortAsc", False), ("sortDesc", True)):
            field = query.get(name)
            if field is None:
                continue
            if field not in collection.fields or "." in field:
                raise Wrong(400, f"'{field}' is no field to sort by.")
            rows = sorted(rows, key=lambda row: str(row.get(field)), reverse=descending)
        return rows

    def _resources(self, name: str) -> list[Json]:
        provider, manager = self._cloud.provider, self._cloud.manager.urn
        if name == "nsxTResources/edgeClusters":
            clusters = provider.clusters.values()
            return [{"id": one.nsx_id, "name": one.id, "nodeCount": len(one.nodes), "nodeType": "EDGE_NODE",
                     "deploymentType": "VIRTUAL_MACHINE", "_context": manager} for one in clusters]  # fmt: skip
        known = {network.tier0 for network in self._cloud.networks.values()}
        return [
            {"id": router.id, "displayName": router.id, "description": "", "parentTier0Id": None, "_context": manager}
            for router in provider.gateways.values()
            if router.tier == 0 and router.path not in known
        ]

    # Objects ----------------------------------------------------------------------------------------------------

    def _object(self, name: str, account: Account, version: Version) -> Json:
        if name == f"roles/{self._role(account)['id']}":
            return self._role(account)
        kind = name.partition("/")[0]
        collection = LISTS.get("ipSpaces/summaries" if kind == "ipSpaces" else kind)
        if collection is None or name.count("/") != 1:
            raise Wrong(404, f"{name} is not known.")
        self._allowed(collection, account, version)
        row = self._found(self._cloud.shelf.one(name), name)
        if not self._seen(collection, [row], account):
            raise Wrong(403, "No access to the entity.")
        row = self._found(as_of(kind, row, version), name)
        return for_tenant(row) if kind == "ipSpaces" and not account.is_provider else row

    def _gateway(self, urn: str, account: Account) -> None:
        row = self._found(self._cloud.shelf.one(f"edgeGateways/{urn}"), urn)
        if not self._seen(LISTS["edgeGateways"], [row], account):
            raise Wrong(403, "No access to the entity.")

    def _tunnels(self, urn: str, kind: str, account: Account) -> GatewayTunnels:
        self._gateway(urn, account)
        return GatewayTunnels(self._cloud, self._cloud.gateways[urn], kind)

    # Who asks ---------------------------------------------------------------------------------------------------

    def _org(self, account: Account) -> Json:
        for org in self._cloud.orgs.values():
            if org.name.lower() == account.org.lower():
                return reference(org)
        return {"name": SYSTEM, "id": self._cloud.urn("org", SYSTEM)}

    def _role(self, account: Account) -> Json:
        return {"name": account.role, "id": self._cloud.urn("role", account.role), "readOnly": True, "description": ""}

    def _rights(self, account: Account) -> list[Json]:
        names = list(account.rights)
        if account.role == ADMINISTRATOR:
            names = [*VIEWS, "Organization: Edit", "Organization vDC Gateway: Configure", "IP Spaces: Manage"]
        return [
            {"id": self._cloud.urn("right", name), "name": name, "description": name, "bundleKey": None,
             "rightType": "VIEW" if ": View" in name else "MODIFY"}
            for name in names
        ]  # fmt: skip

    def _session(self, account: Account) -> Json:
        role = self._role(account)
        return {
            "id": self._cloud.urn("session", account.name),
            "user": {"name": account.name, "id": self._cloud.urn("user", account.name)},
            "org": self._org(account),
            "site": {"name": self._spec.name, "id": self._cloud.urn("site", "site")},
            "location": "us-en",
            "roles": [account.role],
            "roleRefs": [{"name": role["name"], "id": role["id"]}],
            "sessionIdleTimeoutMinutes": max(1, self._spec.idle_seconds // 60),
        }
