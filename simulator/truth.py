"""What was truly carried, what was lost at each reset, and what the managers answered.

A test's oracle asks here. Intervals are in device time, the time of ``last_update_timestamp``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final, Literal, NamedTuple

from simulator.counters import ZERO, NodeCounters, Values
from simulator.objects import EXTERNAL_KINDS, Counted, End, Kind
from simulator.provider import Provider
from simulator.shapes import SLOT_MS
from simulator.units import Instant
from simulator.vcd.truth import CloudTruth, Owned

SUMMARY: Final = "summary"
"""The node of a reading that is the sum over nodes."""

LOSSES_MAX: Final = 100_000

Direction = Literal["ingress", "egress"]


class Traffic(NamedTuple):
    """Traffic of one direction, from the tenant's side."""

    bytes: int
    packets: int
    dropped_packets: int


class Both(NamedTuple):
    """Traffic to the tenant and away from it."""

    ingress: Traffic
    egress: Traffic


class Served(NamedTuple):
    """One row as it was answered; a member that the row lacked is none.

    Attributes:
        seq: Order of the answers.
        served_at: Simulated instant of the answer.
        at: ``last_update_timestamp``.
    """

    seq: int
    served_at: Instant
    path: str
    end: End
    port_id: str
    node: str
    at: Instant | None
    rx_bytes: int | None
    tx_bytes: int | None
    rx_packets: int | None
    tx_packets: int | None
    rx_dropped: int | None
    tx_dropped: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Loss:
    """What was counted after the last reading that was served and before a register was gone.

    Attributes:
        at: Device time of the reset.
        served: Whether the register was ever read; if not, everything it counted is in ``values``.
        values: As the port saw it, rx and tx.
    """

    at: Instant
    reason: Literal["reset", "recreated", "removed"]
    point: str
    end: End
    port_id: str
    node: str
    served: bool
    values: Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A metering point that exists or existed."""

    path: str
    kind: Kind
    tenant: str | None
    ends: tuple[End, ...]


def both(values: Values, end: End) -> Both:
    """Return values as the tenant sees them; the Tier-0's port of a link looks toward the tenant."""
    seen = values.flipped() if end == "tier0" else values
    return Both(
        Traffic(seen.rx_bytes, seen.rx_packets, seen.rx_dropped),
        Traffic(seen.tx_bytes, seen.tx_packets, seen.tx_dropped),
    )


class Truth:
    """Recomputes the truth from the provider's counters on demand; keeps only losses and what was served.

    Args:
        provider: The provider.
        served_max: Rows that are kept; the oldest go first, and 0 keeps none.
    """

    def __init__(self, provider: Provider, served_max: int) -> None:
        self._provider = provider
        self.losses: deque[Loss] = deque(maxlen=LOSSES_MAX)
        self.served: deque[Served] = deque(maxlen=served_max)
        self.served_total = 0
        self._by_point: dict[str, list[Counted]] = {}
        self._indexed = 0
        self._last: dict[tuple[str, End, str, str], tuple[object, ...]] = {}

    # Points -----------------------------------------------------------------------------------------------------

    def points(self) -> list[Point]:
        """Return every metering point, by path."""
        found: dict[tuple[str, Kind], Point] = {}
        for port in self._provider.ports:
            known = found.get((port.point, port.kind))
            ends = (port.end,) if known is None else tuple(sorted({*known.ends, port.end}))
            found[port.point, port.kind] = Point(path=port.point, kind=port.kind, tenant=port.tenant, ends=ends)
        return [found[key] for key in sorted(found)]

    def billed(self, tenant: str) -> list[Point]:
        """Return the points that a tenant is billed for: uplinks, links and service interfaces, no byte twice.

        A link under a Tier-0 that is the tenant's own carries what its uplinks carry, so it is left out.
        """
        ports = self._provider.ports
        known = {(port.point, port.kind) for port in ports if port.tenant == tenant and _billable(port)}
        return [point for point in self.points() if (point.path, point.kind) in known]

    # Growth -----------------------------------------------------------------------------------------------------

    def _spans(self, start: Instant, end: Instant) -> Iterator[tuple[Instant, Instant]]:
        """Yield the simulated intervals of a device interval; a clock that jumps makes several, the future none."""
        offsets = self._provider.offsets
        now = self._provider.clock.now()
        for index, piece in enumerate(offsets):
            until = offsets[index + 1].since if index + 1 < len(offsets) else None
            first = max(start - piece.device, piece.since)
            last = min(end - piece.device, now if until is None else until)
            if first < last:
                yield first, last

    def _growth(self, counters: Iterable[NodeCounters], start: Instant, end: Instant) -> Values:
        total = ZERO
        spans = list(self._spans(start, end))
        for one in counters:
            for first, last in spans:
                total = total.plus(one.true_at(last).minus(one.true_at(first)))
        return total

    def growth(
        self,
        path: str,
        start: Instant,
        end: Instant,
        *,
        node: str | None = None,
        port_end: End | None = None,
        kind: Kind | None = None,
        site: str | None = None,
    ) -> Both:
        """Return what a point carried in [start, end), over all ports it ever had.

        Args:
            path: The point.
            start: Device time.
            end: Device time.
            node: One edge node's share, by its id.
            port_end: Which end of a link; the Tier-1's by default. Both carry the same.
            kind: One kind, where a path has several: a VPC has external and internal traffic; both by default.
            site: The share of one site's edge nodes, those of the past too.
        """
        ports = (port for port in self._ports(path) if _at_end(port, port_end) and kind in (None, port.kind))
        return self._sum(ports, start, end, node, site)

    def _ports(self, path: str) -> list[Counted]:
        """Return every port that a point ever had."""
        ports = self._provider.ports
        for port in ports[self._indexed :]:
            self._by_point.setdefault(port.point, []).append(port)
        self._indexed = len(ports)
        return self._by_point.get(path, [])

    def _sum(
        self,
        ports: Iterable[Counted],
        start: Instant,
        end: Instant,
        node: str | None = None,
        site: str | None = None,
    ) -> Both:
        total = Both(Traffic(0, 0, 0), Traffic(0, 0, 0))
        for port in ports:
            counters = [
                one
                for name, one in port.counters.items()
                if node in (None, name) and site in (None, self._provider.sites.get(name))
            ]
            total = add(total, both(self._growth(counters, start, end), port.end))
        return total

    def nodes(self, path: str, port_end: End | None = None, *, kind: Kind | None = None) -> list[str]:
        """Return the ids of the nodes that ever had counters of a point."""
        ports = [port for port in self._ports(path) if _at_end(port, port_end) and kind in (None, port.kind)]
        return sorted({node for port in ports for node in port.counters})

    def sites(self, path: str) -> list[str]:
        """Return the sites whose edge nodes ever had counters of a point."""
        return sorted({self._provider.sites[node] for node in self.nodes(path) if node in self._provider.sites})

    def slots(
        self, path: str, start: Instant, end: Instant, *, node: str | None = None, kind: Kind | None = None
    ) -> list[tuple[Instant, Both]]:
        """Return ``(slot_start, traffic)`` of each 5-minute slot that [start, end) touches, cut to it."""
        return [
            (slot, self.growth(path, first, last, node=node, kind=kind)) for slot, first, last in _slots(start, end)
        ]

    def tenant(self, tenant: str, start: Instant, end: Instant) -> Both:
        """Return what a tenant's billed points carried in [start, end)."""
        ports = (p for p in self._provider.ports if p.tenant == tenant and _billable(p) and _at_end(p, None))
        return self._sum(ports, start, end)

    def tenant_slots(self, tenant: str, start: Instant, end: Instant) -> list[tuple[Instant, Both]]:
        """Return ``(slot_start, traffic)`` of a tenant's billed points, as ``slots`` does for a point."""
        return [(slot, self.tenant(tenant, first, last)) for slot, first, last in _slots(start, end)]

    # By the director --------------------------------------------------------------------------------------------

    def cloud(self) -> CloudTruth:
        """Return what is known of the director.

        Raises:
            LookupError: The scenario has none.
        """
        return CloudTruth(self._provider, self._spans)

    def owner_history(self, path: str, *, read_at: Sequence[Instant] = ()) -> list[Owned]:
        """Return whose a point was by what the director knew, in device time.

        Args:
            path: The point.
            read_at: Simulated instants at which the director was read; a change then counts from the first one at or
                after it. Without them it counts from its own moment.
        """
        return self.cloud().history(path, read_at)

    def tenant_by_vcd(
        self,
        tenant: str,
        start: Instant,
        end: Instant,
        *,
        path: str | None = None,
        kinds: frozenset[Kind] | None = None,
        read_at: Sequence[Instant] = (),
    ) -> Both:
        """Return what was carried in [start, end) while it was a tenant's by what the director knew.

        Args:
            tenant: Of the scenario, or ``unattributed`` for what belonged to nobody.
            start: Device time.
            end: Device time.
            path: One point only.
            kinds: These kinds only; external ones, if absent.
            read_at: As in ``owner_history``.
        """
        total = Both(Traffic(0, 0, 0), Traffic(0, 0, 0))
        ports = self._provider.ports if path is None else self._ports(path)
        for port, values in self.cloud().carried(tenant, ports, start, end, kinds=kinds, read_at=read_at):
            total = add(total, both(values, port.end))
        return total

    def tenant_by_vcd_slots(self, tenant: str, start: Instant, end: Instant) -> list[tuple[Instant, Both]]:
        """Return ``(slot_start, traffic)`` of a tenant by what the director knew, as ``slots`` does for a point."""
        return [(slot, self.tenant_by_vcd(tenant, first, last)) for slot, first, last in _slots(start, end)]

    # Records ----------------------------------------------------------------------------------------------------

    def lose(self, port: Counted, node: str, at: Instant, reason: Literal["reset", "recreated", "removed"]) -> None:
        """Record what can no longer be read; called before the register is gone."""
        counters = port.counters[node]
        self.losses.append(
            Loss(
                at=at + self._provider.offsets_at(at).device, reason=reason, point=port.point, end=port.end,
                port_id=port.port_id, node=node, served=counters.was_read(), values=counters.unread(at),
            )
        )  # fmt: skip

    def record(self, served_at: Instant, port: Counted, port_id: str, node: str, row: dict[str, object]) -> None:
        """Record a row that was answered, unless the series showed the very same before."""
        if self.served.maxlen == 0:
            return
        rx, tx = row.get("rx"), row.get("tx")
        members = (
            row.get("last_update_timestamp"), _of(rx, "total_bytes"), _of(tx, "total_bytes"),
            _of(rx, "total_packets"), _of(tx, "total_packets"), _of(rx, "dropped_packets"), _of(tx, "dropped_packets"),
        )  # fmt: skip
        series = (port.point, port.end, port_id, node)
        if self._last.get(series) == members:
            return
        self._last[series] = members
        self.served_total += 1
        at, *counters = (value if isinstance(value, int) else None for value in members)
        self.served.append(Served(self.served_total, served_at, *series, at, *counters))


def _slots(start: Instant, end: Instant) -> Iterator[tuple[Instant, Instant, Instant]]:
    for slot in range(start // SLOT_MS * SLOT_MS, end, SLOT_MS):
        yield slot, max(slot, start), min(slot + SLOT_MS, end)


def _billable(port: Counted) -> bool:
    return port.kind in EXTERNAL_KINDS and not port.dedicated


def _at_end(port: Counted, end: End | None) -> bool:
    return port.end != "tier0" if end is None else port.end == end


def _of(part: object, name: str) -> object:
    return part.get(name) if isinstance(part, dict) else None


def add(one: Both, other: Both) -> Both:
    """Return the sums."""
    return Both(
        Traffic(*[a + b for a, b in zip(one.ingress, other.ingress, strict=True)]),
        Traffic(*[a + b for a, b in zip(one.egress, other.egress, strict=True)]),
    )
