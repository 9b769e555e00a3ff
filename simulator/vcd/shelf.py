"""The director's lists as JSON, as they are and as they were."""

from __future__ import annotations

from collections import Counter, deque
from typing import TYPE_CHECKING, Final

from simulator.units import Instant
from simulator.vcd.objects import CloudGateway
from simulator.vcd.page import Json
from simulator.vcd.space_views import allocation_row, assignment_row, space_row, summary_row, uplink_row
from simulator.vcd.views import gateway_row, group_row, network_row, org_row, used_addresses, vdc_row

if TYPE_CHECKING:
    from simulator.vcd.cloud import Cloud

KEPT_MAX: Final = 64
"""States that are kept, for answers that are behind their time."""

Rows = tuple[Json, ...]


class Shelf:
    """Rows of every list by its name, and single objects by theirs (``ipSpaces/urn:…``).

    Args:
        cloud: What is shown.
    """

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud
        self._kept: deque[tuple[Instant, dict[str, Rows]]] = deque(maxlen=KEPT_MAX)
        self._objects: dict[str, Json] = {}

    def rows(self, name: str, at: Instant | None = None) -> Rows | None:
        """Return the rows of a list as it was at an instant, or as it is; none, if there is no such list."""
        states = [rows for since, rows in self._kept if at is None or since <= at]
        return (states[-1] if states else self._kept[0][1]).get(name)

    def one(self, name: str) -> Json | None:
        """Return a single object."""
        return self._objects.get(name)

    def keep(self, at: Instant) -> None:
        """Render everything anew; rows that did not change are shared with the state before."""
        before = {row["id"]: row for rows in self._kept[-1][1].values() for row in rows} if self._kept else {}
        lists = {
            name: tuple(before[row["id"]] if before.get(row.get("id", "")) == row else row for row in rows)
            for name, rows in self._render().items()
        }
        if self._kept and self._kept[-1][0] == at:
            self._kept.pop()
        self._kept.append((at, lists))
        cloud = self._cloud
        self._objects = {
            f"{name}/{row['id']}": row
            for name in ("orgs", "vdcs", "vdcGroups", "edgeGateways", "externalNetworks")
            for row in lists[name]
        }
        self._objects |= {f"ipSpaces/{space.urn}": space_row(space) for space in cloud.spaces.values()}

    def _render(self) -> dict[str, list[Json]]:
        cloud = self._cloud
        orgs, spaces = list(cloud.orgs.values()), list(cloud.spaces.values())
        having = Counter(gateway.org.urn for gateway in cloud.gateways.values())
        users: dict[str, list[CloudGateway]] = {}
        for gateway in cloud.gateways.values():
            for uplink in gateway.uplinks:
                users.setdefault(uplink.network.urn, []).append(gateway)
        lists: dict[str, list[Json]] = {
            "orgs": [org_row(org, having[org.urn]) for org in orgs],
            "vdcs": [vdc_row(cloud, org, vdc) for org in orgs for vdc in org.vdcs],
            "vdcGroups": [group_row(cloud, org, org.group) for org in orgs if org.group is not None],
            "edgeGateways": [gateway_row(cloud, one) for one in cloud.gateways.values()],
            "externalNetworks": [network_row(cloud, one, users.get(one.urn, [])) for one in cloud.networks.values()],
            "ipSpaces/summaries": [summary_row(space) for space in spaces],
            "ipSpaces/orgAssignments": [
                assignment_row(cloud, space, org) for space in spaces for org in orgs if space.org in (None, org)
            ],
            "ipSpaceUplinks": [
                uplink_row(cloud, space, network)
                for space in spaces
                for network in cloud.networks.values()
                if network.tier0 is not None and network.backing_id in space.spec.tier0s
            ],
        }
        for space in spaces:
            held = [allocation_row(cloud, one) for one in space.allocations.values()]
            lists[f"ipSpaces/{space.urn}/allocations"] = held
        return lists

    def used_addresses(self, urn: str) -> list[Json] | None:
        """Return the addresses that a gateway uses; none, if there is no such gateway."""
        gateway = self._cloud.gateways.get(urn)
        return None if gateway is None else used_addresses(gateway)
