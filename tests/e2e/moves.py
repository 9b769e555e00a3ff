"""A provider whose gateways go from hand to hand, and whose each of them was when, by its ledger and in truth."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

from collector.core.owners import owner_at
from collector.model.identity import ReadAt
from collector.model.usage import LedgerState, Role, StoredPoint
from simulator import Scenario, Simulator
from simulator.objects import End
from simulator.scenario import parse_scenario
from simulator.settings import VCD_SOURCE
from simulator.truth import Both
from tests.e2e.committed import Committed, SeriesId, read_state
from tests.e2e.harness import SOURCE, Daemon, Place, Settings, daemon_settings
from tests.e2e.judging import Judged
from tests.e2e.kinds import Row

Move = Mapping[str, Any]
"""Members of a fault of the simulator."""

_MPLS: Final = {"id": "mpls", "segment": "vlan-mpls", "rate": "40Mbit/s"}

STEPS: Final[tuple[tuple[Move, ...], ...]] = (
    (
        {"do": "vcd_move", "path": "t1-org-00000-3", "to": "org-00002"},
        {"do": "vcd_move", "path": "t1-org-00002-1", "to": "org-00010"},
        {"do": "vcd_move", "path": "t1-org-00013-1", "to": "org-00014"},
    ),
    (
        {"do": "vcd_move", "path": "t1-org-00000-3", "to": "org-00003"},
        {"do": "vcd_reconnect", "path": "t1-org-00002-2", "to": "t0-west"},
        {"do": "vcd_reconnect", "path": "t1-org-00003-1", "to": "t0-east"},
    ),
    (
        {"do": "vcd_reconnect", "path": "t1-org-00005-1", "to": "t0-spare"},
        {"do": "vcd_rename", "path": "t1-org-00007-1", "to": "front-door"},
        {"do": "vcd_rename", "path": "t0-east", "to": "pg-internet"},
    ),
    (
        {"do": "vcd_dedicate", "path": "t0-spare", "to": "org-00005"},
        {"do": "move", "path": "t1-org-00004-1", "to": "t0-west"},
    ),
    (
        {"do": "vcd_share", "path": "t0-spare"},
        {"do": "vcd_delete", "path": "t1-org-00009-1", "nsx": False},
        {"do": "vcd_rename", "path": "org-00008", "to": "globex"},
    ),
    (
        {"do": "vcd_dedicate", "path": "t0-spare", "to": "org-00006"},
        {"do": "vcd_delete", "path": "t1-org-00010-1"},
        {"do": "vcd_add", "path": "t1-org-00009-1", "to": "org-00004"},
    ),
    (
        {"do": "vcd_recreate", "path": "t1-org-00011-1"},
        {"do": "vcd_recreate", "path": "t1-org-00012-1", "nsx": False},
    ),
    (
        {"do": "vcd_delete_org", "path": "org-00003"},
        {"do": "vcd_delete_org", "path": "org-00006"},
    ),
    (
        {"do": "vcd_add_org", "path": "org-00003"},
        {"do": "vcd_add_uplink", "path": "t1-org-00004-1", "interface": _MPLS},
        {"do": "vcd_add_uplink", "path": "t1-org-00005-1", "interface": _MPLS | {"segment": "vlan-other"}},
    ),
    (
        {"do": "vcd_add", "path": "t1-org-00003-1", "to": "org-00003"},
        {"do": "vcd_remove_uplink", "path": "t1-org-00004-1", "to": "vlan-mpls", "nsx": False},
        {"do": "vcd_remove_uplink", "path": "t1-org-00005-1", "to": "vlan-other"},
    ),
    (
        {"do": "vcd_move", "path": "t1-org-00013-1", "to": "org-00013"},
        {"do": "vcd_dedicate", "path": "t0-west", "to": "org-00001"},
    ),
    (
        {"do": "vcd_share", "path": "t0-west"},
        {"do": "vcd_share", "path": "t0-org-00000"},
    ),
)  # fmt: skip
"""Moves at the same time, one step after the other."""


def moving() -> Scenario:
    """Return a provider of 16 organisations and 20 gateways: dedicated Tier-0s, VRFs, interfaces outside and inside."""
    generate = {
        "prefix": "org", "orgs": 16, "gateways": 20, "without": 2, "dedicated": 3, "vrfs": 2, "externals": 6,
        "internals": 5, "groups": 3, "tier0s": ["t0-east", "t0-west"], "cluster": "ec-tier1", "own_cluster": "ec-own",
    }  # fmt: skip
    return parse_scenario(
        {
            "name": "moving", "seed": 31, "clock": {"start": "2026-10-01T00:00:00Z", "speed": 1},
            "managers": [{"name": "nsx-a"}, {"name": "nsx-b"}], "ids": "different", "tags": False,
            "phases": "together",
            "clusters": [{"id": name, "nodes": 2} for name in ("ec-prov", "ec-tier1", "ec-own")],
            "tier0s": [
                *({"id": name, "clusters": ["ec-prov"]} for name in ("t0-east", "t0-west")),
                {"id": "t0-spare", "clusters": ["ec-own"], "ha_mode": "ACTIVE_STANDBY"},
            ],
            "vcd": {"name": "vcd-a", "generate": [generate]},
        },
        "moving",
    )  # fmt: skip


def directed(place: Place, sim: Simulator, nsx: Mapping[str, Any] | None = None, **parts: Any) -> Settings:
    """Return settings that list no point; of tenants those of ``parts``.

    Args:
        nsx: Keys of the NSX source.
        parts: Top-level keys, of any shape.
    """
    settings = daemon_settings(place, sim, nsx, **{"tenants": [], **parts})
    for source in settings["sources"]:
        if source["name"] == VCD_SOURCE:
            source["password_file"] = place.secret("vcd-password", sim.vcd_password)
    return settings


# --- what is in force ------------------------------------------------------------------------------------------------


async def known_at(place: Place, source: str) -> int:
    """Return the time of the newest complete inventory or map in the ledger; 0 without one."""
    return (await read_state(place.ledger)).inventories.get(source, (0, b""))[0]


async def discovered(daemon: Daemon, sim: Simulator, place: Place, *sources: str) -> None:
    """Return when every source (both of them, if none is named) was discovered completely from now on."""
    since = sim.device_time()

    async def newer() -> bool:
        times = [await known_at(place, source) for source in sources or (SOURCE, VCD_SOURCE)]
        return min(times) > since

    await daemon.until(newer, "a complete map and inventory from now on", 60)


class Whose(NamedTuple):
    """Tenant and role."""

    tenant: str
    role: str


def true_owners(sim: Simulator) -> dict[str, Whose]:
    """Return path → whose each point that exists is; tenants are called as their organisations are now."""
    truth, cloud = sim.truth(), sim.provider.cloud
    assert cloud is not None
    names = {org.tenant: org.name for org in cloud.orgs.values()}
    found = {}
    for point in truth.points():
        history = truth.owner_history(point.path)
        if history and history[-1].end is None:
            found[point.path] = Whose(names.get(history[-1].tenant, history[-1].tenant), history[-1].role)
    return found


def owners_of(state: LedgerState, at: int) -> dict[str, Whose]:
    """Return path → whose each point was at an instant, by a ledger."""
    found = {}
    for point in state.points:
        if point.owners:
            owner = owner_at(point.owners, at)
            found[point.key.path] = Whose(str(owner.tenant), owner.role.value)
    return found


@dataclass
class Diary:
    """When the director and NSX changed, and what the ledger must say between the changes.

    Attributes:
        windows: (newest complete discovery before some moves, device time when the moves had been discovered).
        settled: Device time → whose every point was, while nothing changed.
    """

    windows: list[tuple[int, int]] = field(default_factory=list)
    settled: dict[int, dict[str, Whose]] = field(default_factory=dict)

    def settle(self, sim: Simulator) -> None:
        """Take note of whose every point is now."""
        self.settled[sim.device_time()] = true_owners(sim)

    def wrong_owners(self, state: LedgerState) -> list[str]:
        """Return what the ledger says otherwise, in words: owners between changes, and changes outside of windows."""
        wrong = []
        for point in state.points:
            for at, truth in self.settled.items():
                expected, owners = truth.get(point.key.path), self._owners_about(point, at)
                if expected is not None and expected not in owners:
                    wrong.append(f"at {at}: {point.key.label}: expected {expected}, got {owners}")
            wrong += [
                f"{point.key.label}: {owner} begins in none of {self.windows}"
                for owner in point.owners[1:]
                if not any(since <= owner.valid_from <= until for since, until in self.windows)
            ]
        known = {point.key.path for point in state.points}
        return wrong + [f"{path} is not known" for path in set().union(*self.settled.values()) - known]

    def _owners_about(self, point: StoredPoint, at: int) -> list[Whose]:
        """Return whose a point was at an instant: what a discovery that had begun by then saw of later moves, it dates
        by its beginning, so that the owner before it will do, too."""
        owners = [owner for owner in point.owners if owner.valid_from <= at or owner is point.owners[0]]
        since = next((since for since, until in self.windows if until > at), at)
        late = sum(owner.valid_from >= since for owner in owners)
        about = owners[-late - 1 :]
        return [Whose(str(owner.tenant), owner.role.value) for owner in about]


# --- what was carried ------------------------------------------------------------------------------------------------


class Shares(NamedTuple):
    """Bytes per row by the provider's counters, cut where the ledger dates its owners.

    Attributes:
        bytes: What was carried between the first and the last reading, while the row's tenant was billed.
        doubtful: What was carried between the two readings around each change: within them nobody read a counter.
    """

    bytes: dict[Row, int]
    doubtful: dict[Row, int]


def true_shares(sim: Simulator, committed: Committed, judged: Mapping[SeriesId, Judged]) -> Shares:
    """Return what every row must have."""
    owners = {point.key: point.owners for point in committed.state.points}
    carried: dict[Row, int] = defaultdict(int)
    doubtful: dict[Row, int] = defaultdict(int)
    for series, one in judged.items():
        if not one.book.booked:
            continue
        start, end = min(entry.start for entry in one.book.booked), max(entry.end for entry in one.book.booked)
        begins = [owner.valid_from for owner in owners[series.point]] + [end]
        for owner, following in zip(owners[series.point], begins[1:], strict=True):
            since, until = max(start, owner.valid_from), min(end, following)
            if owner.role is not Role.BILLED or since >= until:
                continue
            _add(carried, owner.tenant, series, _carried(sim, series, since, until))
            for change in {since, until} - {start, end}:
                read = [told.at for told, _, _ in one.steps]
                around = max(at for at in (start, *read) if at <= change), min(at for at in read if at >= change)
                _add(doubtful, owner.tenant, series, _carried(sim, series, *around))
    return Shares(carried, doubtful)


def _carried(sim: Simulator, series: SeriesId, start: int, end: int) -> Both:
    port_end: End | None = "tier0" if series.read_at is ReadAt.TIER0 else None
    return sim.truth().growth(series.point.path, start, end, node=series.node, port_end=port_end)


def _add(sums: dict[Row, int], tenant: str, series: SeriesId, traffic: Both) -> None:
    for direction, part in traffic._asdict().items():
        sums[Row(tenant, series.point.kind.value, series.point.label, direction)] += part.bytes


def wrong_shares(shares: Shares, got: Mapping[Row, int]) -> list[str]:
    """Return the rows that are not the truth, in words."""
    wrong = []
    for row in sorted(shares.bytes.keys() | got.keys()):
        expected, value, doubt = shares.bytes.get(row, 0), got.get(row, 0), shares.doubtful.get(row, 0)
        if abs(expected - value) > doubt:
            wrong.append(f"{row}: expected {expected} within {doubt}, got {value}")
    return wrong


def unbilled(state: LedgerState) -> set[str]:
    """Return the labels of points that were never billed to anybody."""
    return {
        point.key.label
        for point in state.points
        if point.owners and all(owner.role is not Role.BILLED for owner in point.owners)
    }
