"""What a ledger must have of points of any kind, from what a simulated provider truly carried between two readings."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from typing import NamedTuple

from collector.model.identity import Kind, ReadAt
from collector.model.usage import Role
from simulator import Simulator
from simulator.objects import EXTERNAL_KINDS, End
from simulator.objects import Kind as TrueKind
from simulator.truth import Both, Traffic, add, both
from tests.e2e.committed import Committed, SeriesId
from tests.e2e.harness import Daemon
from tests.e2e.sinks import Sum, Sums, Who, window
from tests.e2e.sinks import add as summed

DAY_MS = 86_400_000

NOTHING = Both(Traffic(0, 0, 0), Traffic(0, 0, 0))

_SIDES: dict[Kind, TrueKind] = {
    Kind.VPC_EXTERNAL: "vpc_external",
    Kind.VPC_INTERNAL: "vpc_internal",
    Kind.TRANSIT_GATEWAY_EXTERNAL: "transit_gateway_external",
    Kind.TRANSIT_GATEWAY_INTERNAL: "transit_gateway_internal",
}
"""Kinds of which an object has several under one path."""


class Row(NamedTuple):
    """A row of usage over all time."""

    tenant: str
    kind: str
    point: str
    direction: str


def true_rows(sim: Simulator, committed: Committed) -> dict[Row, Sum]:
    """Return the usage of every billed point: what was carried from its first reading to its last one, without what
    was lost with a register that was zeroed in between."""
    owners = {one.key: one.owners[-1] for one in committed.state.points if one.owners}
    carried: dict[Row, Both] = defaultdict(lambda: NOTHING)
    for series, samples in committed.samples.items():
        owner = owners[series.point]
        if owner.role is Role.BILLED and samples:
            row = Row(owner.tenant, series.point.kind.value, series.point.label, "")
            carried[row] = add(carried[row], _carried(sim, series, samples[0].sample.at, samples[-1].sample.at))
    return {
        row._replace(direction=direction): Sum(*part)
        for row, traffic in carried.items()
        for direction, part in zip(("ingress", "egress"), traffic, strict=True)
        if any(part)
    }


def _carried(sim: Simulator, series: SeriesId, start: int, end: int) -> Both:
    truth = sim.truth()
    path, _, _ = series.point.path.partition("@")
    at: End | None = "tier0" if series.read_at in (ReadAt.TIER0, ReadAt.TIER0_SUMMARY) else None
    node = series.node if series.node in truth.nodes(path, at) else None
    grown = truth.growth(path, start, end, node=node, port_end=at, kind=_SIDES.get(series.point.kind))
    return grown if node is not None else _minus(grown, lost(sim, path, start, end))


def lost(sim: Simulator, path: str, start: int, end: int) -> Both:
    """Return what was counted at a point after its last reading, and before a register was zeroed."""
    total = NOTHING
    for loss in sim.truth().losses:
        if loss.point == path and start < loss.at <= end:
            total = add(total, both(loss.values, loss.end))
    return total


def _minus(one: Both, other: Both) -> Both:
    return Both(*(Traffic(*(a - b for a, b in zip(*parts, strict=True))) for parts in zip(one, other, strict=True)))


async def served_rows(daemon: Daemon, sim: Simulator) -> dict[Row, Sum]:
    """Return what the API says of every point, without empty rows."""
    asked = _all_time(sim) | {"by": "tenant,kind,point,direction"}
    return {
        Row(row["tenant"], row["kind"], row["point"], row["direction"]): counts
        for row in await daemon.rows("/api/v1/usage", asked)
        if any(counts := Sum(int(row["bytes"]), int(row["packets"]), int(row["dropped_packets"])))
    }


def by_tenant(rows: dict[Row, Sum]) -> Sums:
    """Return the sums per tenant, kind and direction."""
    return summed((Who(row.tenant, row.kind, row.direction), one) for row, one in rows.items())


async def require_external_sums(daemon: Daemon, sim: Simulator, rows: dict[Row, Sum]) -> None:
    """Pass when a sum that names no kind is external traffic alone."""
    asked = _all_time(sim) | {"by": "tenant,direction"}
    got = {
        (row["tenant"], row["direction"]): int(row["bytes"])
        for row in await daemon.rows("/api/v1/usage", asked)
        if row["bytes"] != "0"
    }
    expected: dict[tuple[str, str], int] = defaultdict(int)
    for row, one in rows.items():
        if row.kind in EXTERNAL_KINDS:
            expected[row.tenant, row.direction] += one.bytes
    assert got == expected, f"expected external traffic alone, {dict(expected)}, got {got}"


def kinds_of(rows: Iterable[Row]) -> set[str]:
    """Return the kinds of rows."""
    return {row.kind for row in rows}


def _all_time(sim: Simulator) -> dict[str, str]:
    start = sim.clock.start // DAY_MS * DAY_MS
    return window(start, start + 3 * DAY_MS) | {"granularity": "total"}
