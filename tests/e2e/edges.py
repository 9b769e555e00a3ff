"""What a ledger must have of NSX-V edges, from what their simulated manager recorded."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from collector.core.periods import parse_time
from collector.ledger.sqlite import SqliteReader, SqliteWriter
from collector.model.identity import Kind, PointKey
from collector.model.rates import RateEvidence, RateState
from collector.model.usage import StoredEvent
from simulator import Simulator
from simulator.edge_samples import EdgeSample
from tests.e2e.committed import ALWAYS
from tests.e2e.harness import Daemon
from tests.e2e.sinks import Sum, Sums, Who, add, window

EDGE_KIND = Kind.EDGE_INTERFACE.value

MILLISECONDS = 1_000


@dataclass(frozen=True, slots=True)
class Metered:
    """An uplink of an edge, as a ledger has it.

    Attributes:
        path: As the simulated manager names it.
        state: What it has booked.
        samples: Those that were news, in order of time.
        tenant: Whose it is now.
    """

    key: PointKey
    path: str
    state: RateState
    samples: tuple[RateEvidence, ...]
    tenant: str

    @property
    def start(self) -> int:
        """Since when it is metered."""
        return self.state.pieces[0].start

    @property
    def end(self) -> int:
        """Where its newest sample ends."""
        return self.state.pieces[-1].end


class Edges(NamedTuple):
    """The edges of a ledger: their uplinks by the label of rows, and every event."""

    uplinks: dict[str, Metered]
    events: tuple[StoredEvent, ...]

    def named(self, event: str) -> list[StoredEvent]:
        """Return the events of a name at uplinks of edges."""
        return [one for one in self.events if one.event == event and one.point in self.uplinks]


async def read_edges(path: Path, sim: Simulator) -> Edges:
    """Return what a ledger has of edges, beside a running daemon or without one."""
    writer, reader = SqliteWriter(path, daemon=False), SqliteReader(path)
    await writer.start()
    await reader.start()
    try:
        state = await writer.load()
        series = {one.ref: one.point for one in state.series}
        states = {series[update.series]: update.state for update in state.rates}
        found = {}
        for point in state.points:
            if point.ref in states and states[point.ref].pieces:
                samples = tuple(await reader.rate_samples(point.key, 0, ALWAYS))
                tenant = point.owners[-1].tenant
                found[point.key.label] = Metered(
                    point.key, _path(point.key.path, sim), states[point.ref], samples, tenant
                )
        events = await reader.events(tenants=None, since=None, event=None, after=0, limit=1_000_000)
    finally:
        await reader.stop()
        await writer.stop()
    return Edges(found, tuple(events))


def _path(path: str, sim: Simulator) -> str:
    """Return the manager's path of a vNIC; through a director its edge is called by the director's id."""
    assert sim.provider.edges is not None
    _, _, edge, rest = path.split("/", 3)
    return f"/edges/{sim.provider.edges.find(edge).id}/{rest}"


def uplinks(sim: Simulator) -> set[str]:
    """Return the manager's paths of every uplink of an edge gateway."""
    assert sim.provider.edges is not None
    return {vnic.point for vnic in sim.provider.edges.vnics() if vnic.type == "uplink"}


# --- samples ---------------------------------------------------------------------------------------------------------


def recorded(sim: Simulator, one: Metered) -> list[EdgeSample]:
    """Return the samples of an uplink that the manager recorded while it was metered."""
    return sim.edge_truth().samples(one.path, one.start, one.end)


def as_booked(sample: EdgeSample) -> tuple[int, int, int, int]:
    """Return a sample as a ledger keeps it: end, length, bytes received and sent."""
    return sample.at, sample.interval * MILLISECONDS, sample.bytes_of(sample.rx), sample.bytes_of(sample.tx)


def not_once(sim: Simulator, edges: Edges) -> list[str]:
    """Return samples that were booked twice or never, or otherwise than they were recorded; there must be none."""
    wrong = []
    for label, one in edges.uplinks.items():
        booked = Counter((*row.sample,) for row in one.samples)
        expected = Counter(as_booked(sample) for sample in recorded(sim, one))
        wrong += [f"{label}: {row}: expected {expected[row]} times, got {booked[row]}" for row in booked | expected
                  if booked[row] != expected[row]]  # fmt: skip
    return wrong


# --- usage -----------------------------------------------------------------------------------------------------------


class SlotRow(NamedTuple):
    """A row of usage in one slot."""

    tenant: str
    point: str
    direction: str
    start: int


def true_slots(sim: Simulator, edges: Edges) -> dict[SlotRow, int]:
    """Return the bytes of every slot: each sample is as long as one, and ends where one ends."""
    return {
        SlotRow(one.tenant, label, direction, start): count
        for label, one in edges.uplinks.items()
        for sample in recorded(sim, one)
        for direction, count, start in _by_direction(sample)
        if count
    }


def _by_direction(sample: EdgeSample) -> Iterator[tuple[str, int, int]]:
    at, interval_ms, rx, tx = as_booked(sample)
    yield "ingress", rx, at - interval_ms
    yield "egress", tx, at - interval_ms


def true_sums(sim: Simulator, edges: Edges) -> Sums:
    """Return the billable bytes per tenant and direction; rates tell no packets."""
    truth, rows = sim.edge_truth(), []
    for one in edges.uplinks.values():
        ingress, egress = truth.billable(one.path, one.start, one.end)
        rows += [
            (Who(one.tenant, EDGE_KIND, "ingress"), Sum(*ingress)),
            (Who(one.tenant, EDGE_KIND, "egress"), Sum(*egress)),
        ]
    return add(rows)


async def served_slots(daemon: Daemon, start: int) -> dict[SlotRow, dict[str, Any]]:
    """Return the rows of edges that the API serves per slot and point from an instant on, without empty ones."""
    asked = window(start, start + 30 * 86_400_000) | {"granularity": "slot", "by": "tenant,kind,point,direction"}
    rows = await daemon.rows("/api/v1/usage", asked | {"kind": EDGE_KIND})
    utc = ZoneInfo("UTC")
    return {SlotRow(row["tenant"], row["point"], row["direction"], parse_time(row["start"], utc)): row for row in rows}


def of_edges(sums: Sums) -> Sums:
    """Return the sums of edges alone."""
    return {who: row for who, row in sums.items() if who.kind == EDGE_KIND}
