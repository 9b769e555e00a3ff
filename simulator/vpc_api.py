"""Statistics of VPCs and transit gateways, by release.

Sources: the vendor's SDK of November 2023 and 2024 and the NSX REST API reference: a VPC has
``statistics/summary`` since 4.1.1, ``{last_update_timestamp, rx, tx}``, and since 4.2 ``statistics`` with
``external_traffic`` and ``internal_traffic``; a transit gateway has the latter, and ``rx`` and ``tx`` of each
attachment, whose ``last_update_timestamp`` exists since 9.1 alone. Inferred: the older summary is the sum of both
sides; rx of the outer side comes from outside; a transit gateway's own answer carries its time since the same release.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from simulator.objects import Port
from simulator.statistics import Row, Statistics
from simulator.units import Instant
from simulator.vpcs import Vpc

VPC_VERSION: Final = (4, 1, 1)
SPLIT_VERSION: Final = (4, 2)
TRANSIT_VERSION: Final = (4, 2)
TRANSIT_TIME_VERSION: Final = (9, 1)

_MEMBERS: Final[tuple[str, ...]] = ("last_update_timestamp", "rx", "tx")

Body = tuple[Row, Callable[[], None]]


class VpcStatistics:
    """Builds the answers of one manager.

    Args:
        statistics: Builds sums over nodes, spoilt by faults.
    """

    def __init__(self, statistics: Statistics) -> None:
        self._statistics = statistics

    def summary(self, vpc: Vpc, now: Instant) -> Body:
        """Return the older answer: outer and inner side together."""
        parts, records = self._parts([vpc.external, vpc.internal], now)
        answer: Row = {}
        stamps = [part["last_update_timestamp"] for part in parts if "last_update_timestamp" in part]
        if stamps:
            answer["last_update_timestamp"] = min(stamps)
        for direction in ("rx", "tx"):
            counts = [part[direction] for part in parts if direction in part]
            if len(counts) == len(parts):
                answer[direction] = {name: sum(one.get(name, 0) for one in counts) for name in counts[0]}
        return answer, records

    def split(self, vpc: Vpc, version: tuple[int, ...], now: Instant) -> Body:
        """Return external and internal traffic."""
        parts, records = self._parts([vpc.external, vpc.internal], now)
        if vpc.is_transit:
            parts = [_timed(part, version) for part in parts]
        return dict(zip(("external_traffic", "internal_traffic"), parts, strict=True)), records

    def attachment(self, port: Port, version: tuple[int, ...], now: Instant) -> Body:
        """Return what passes an attachment of a transit gateway."""
        parts, records = self._parts([port], now)
        return _timed(parts[0], version), records

    def _parts(self, ports: list[Port], now: Instant) -> tuple[list[Row], Callable[[], None]]:
        made = [self._statistics.summary(port, port.nodes(), now) for port in ports]
        parts: list[Row] = [{name: row[name] for name in _MEMBERS if name in row} for row, _ in made]

        def record() -> None:
            for _, one in made:
                one()

        return parts, record


def _timed(part: Row, version: tuple[int, ...]) -> Row:
    if version >= TRANSIT_TIME_VERSION:
        return part
    return {name: value for name, value in part.items() if name != "last_update_timestamp"}
