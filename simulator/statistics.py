"""Answers of the statistics endpoints: rows per node, the summary, and what faults make of them.

Shapes: NSX REST API reference 4.2, types PolicyInterfaceStatistics, PolicyInterfaceStatisticsSummary,
LogicalRouterPortStatisticsPerNode and LogicalRouterPortCounters. Every sub-counter is optional, and the two directions
carry different ones.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Final

from simulator.counters import INT64_MAX, ZERO, Values
from simulator.events import Fault
from simulator.faults import Asked, FaultBook
from simulator.objects import EdgeNode, Port
from simulator.provider import Provider, Reading
from simulator.truth import SUMMARY, Truth
from simulator.units import Instant

Row = dict[str, Any]
"""A JSON object of a row; faults take members away or put others in."""

_GLITCH_DIVISOR: Final = 2
_ALTERING: Final = frozenset({"drop_fields", "glitch", "older_timestamp", "conflict", "spike"})
_MEMBERS: Final = (
    ("rx", "total_bytes"), ("tx", "total_bytes"), ("rx", "total_packets"), ("tx", "total_packets"),
    ("rx", "dropped_packets"), ("tx", "dropped_packets"),
)  # fmt: skip


def _direction(total_bytes: int, packets: int, dropped: int) -> Row:
    return {"total_bytes": total_bytes, "total_packets": packets, "dropped_packets": dropped}


class Statistics:
    """Builds the answers of one manager.

    Args:
        provider: The provider.
        faults: The faults in force.
        truth: Is told what is answered.
        manager: Name of the manager.
    """

    def __init__(self, provider: Provider, faults: FaultBook, truth: Truth, manager: str) -> None:
        self._provider = provider
        self._faults = faults
        self._truth = truth
        self._manager = manager
        self._subcounters = provider.scenario.subcounters

    def per_node(self, port: Port, nodes: Sequence[EdgeNode], now: Instant) -> tuple[Row, Callable[[], None]]:
        """Return the answer with a row for each node, and what to call once it was sent."""
        rows: list[Row] = []
        sent: list[tuple[EdgeNode, Row, Reading | None]] = []
        answer: Row = {"logical_router_port_id": port.port_id, "per_node_statistics": rows}
        for node in nodes:
            reading, row = self._row(port, node, now)
            if not self._faults.quiet:
                asked = Asked("statistics", port.point, self._manager, node_id=node.nsx_id, node_alias=node.alias)
                taken_at = now if reading is None else reading.taken_at
                found = self._faults.for_row(asked, port.end, taken_at)
                if not self._spoil(found, answer, row):
                    continue
                reading = None if _altered(found) else reading
            rows.append(row)
            sent.append((node, row, reading))

        def record() -> None:
            if answer.get("per_node_statistics"):
                for node, row, reading in sent:
                    self._note(port, node, reading)
                    self._truth.record(now, port, port.port_id, node.nsx_id, row)

        return answer, record

    def summary(self, port: Port, nodes: Sequence[EdgeNode], now: Instant) -> tuple[Row, Callable[[], None]]:
        """Return the sum over nodes, and what to call once it was sent."""
        readings = [(node, reading) for node in nodes if (reading := self._reading(port, node, now)) is not None]
        total = ZERO
        for _, reading in readings:
            total = total.plus(reading.values)
        answer: Row = {"logical_router_port_id": "" if port.spans else port.port_id}
        answer["interface_policy_path"] = "" if port.spans else port.realized_path or port.point
        if readings:
            # Which node's time a sum carries is not documented; the oldest promises the least.
            answer["last_update_timestamp"] = min(reading.at for _, reading in readings)
            answer["rx"] = _direction(total.rx_bytes, total.rx_packets, total.rx_dropped)
            answer["tx"] = _direction(total.tx_bytes, total.tx_packets, total.tx_dropped)
        if not self._faults.quiet:
            asked = Asked("statistics", port.point, self._manager)
            taken_at = min((reading.taken_at for _, reading in readings), default=now)
            found = self._faults.for_row(asked, SUMMARY, taken_at)
            self._spoil(found, answer, answer)
            readings = [] if _altered(found) else readings

        def record() -> None:
            for node, reading in readings:
                self._note(port, node, reading)
            port_id = str(answer.get("logical_router_port_id", ""))
            self._truth.record(now, port, port_id, SUMMARY, answer)

        return answer, record

    @staticmethod
    def _note(port: Port, node: EdgeNode, reading: Reading | None) -> None:
        if reading is not None:
            counters = port.counters[node.nsx_id]
            counters.last_read_at = max(reading.taken_at, counters.last_read_at or reading.taken_at)

    def _reading(self, port: Port, node: EdgeNode, now: Instant) -> Reading | None:
        frozen_at = None
        if not self._faults.quiet:
            frozen_at = self._faults.frozen_at(port.point, node.nsx_id, node.alias)
        return self._provider.read(port, node, now, frozen_at)

    def _row(self, port: Port, node: EdgeNode, now: Instant) -> tuple[Reading | None, Row]:
        reading = self._reading(port, node, now)
        row: Row = {"transport_node_id": node.nsx_id}
        if reading is None:
            return None, row
        values = reading.values
        row["last_update_timestamp"] = reading.at
        row["rx"] = rx = _direction(values.rx_bytes, values.rx_packets, values.rx_dropped)
        row["tx"] = tx = _direction(values.tx_bytes, values.tx_packets, values.tx_dropped)
        if self._subcounters:
            rx |= {
                "blocked_packets": 0,
                "firewall_dropped_packets": values.rx_dropped - values.rx_dropped // 9,
                "no_route_dropped_packets": values.rx_dropped // 9,
            }
            tx |= {"blocked_packets": 0, "no_arp_dropped_packets": values.tx_dropped}
        return reading, row

    def _spoil(self, found: Sequence[Fault], answer: Row, row: Row) -> bool:
        """Change an answer and a row of it; return whether the row stays in the answer."""
        stays = True
        for fault in found:
            match fault.do:
                case "drop_node_id":
                    row.pop("transport_node_id", None)
                case "no_rows":
                    answer.pop("per_node_statistics", None)
                case "empty_rows" | "drop_row":
                    stays = False
                case "empty_summary_ids":
                    if answer is row:
                        row["logical_router_port_id"] = row["interface_policy_path"] = ""
                case "drop_fields":
                    for name in fault.fields:
                        _drop(row, name)
                case "older_timestamp":
                    if "last_update_timestamp" in row:
                        row["last_update_timestamp"] -= fault.by
                        _change(row, _lowered)
                case "glitch":
                    _change(row, _lowered)
                case "conflict" | "spike":
                    _change(row, partial(_raised, fault.amount))
        return stays


def _altered(found: Sequence[Fault]) -> bool:
    """Return whether what the register showed did not reach the client."""
    return any(fault.do in _ALTERING for fault in found)


def _raised(amount: int, value: int) -> int:
    return min(INT64_MAX, value + amount)


def _lowered(value: int) -> int:
    return value // _GLITCH_DIVISOR


def _drop(row: Row, name: str) -> None:
    outer, _, inner = name.partition(".")
    if not inner:
        row.pop(outer, None)
    elif isinstance(row.get(outer), dict):
        row[outer].pop(inner, None)


def _change(row: Row, change: Callable[[int], int]) -> None:
    for direction, name in _MEMBERS:
        part = row.get(direction)
        if isinstance(part, dict) and name in part:
            part[name] = change(part[name])


def values_of(row: Row) -> Values:
    """Return the six counters of a row that has them all."""
    return Values(*[row[direction][name] for direction, name in _MEMBERS])
