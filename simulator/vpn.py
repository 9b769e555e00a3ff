"""Answers about VPN sessions: traffic of each enforcement point, or an alarm in its place.

Shapes: NSX REST API reference, types AggregateL2VPNSessionStatistics, AggregateIPSecVpnSessionStatistics and their
elements. Sources of the behaviour: the vendor's SDK of November 2024: statistics of an IPsec session on a Tier-0 are
always taken in real time; those on a Tier-1 are cached, and the cache is renewed only by requests with
``source=realtime`` or without ``source``. An L2VPN answer carries no time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Final

from simulator.counters import INT64_MAX, ZERO, Values
from simulator.events import Fault
from simulator.faults import Asked, FaultBook
from simulator.objects import LOCAL_POINT, EdgeNode
from simulator.provider import Provider
from simulator.truth import Truth
from simulator.tunnels import Session, Tunnel
from simulator.units import Instant

Row = dict[str, Any]
"""A JSON object; its members are what the product's schema says, so their types differ."""

PARAMETERS: Final = frozenset({"enforcement_point_path", "source"})
BUM_SHARE: Final = 900
"""One byte or packet in so many is broadcast, unknown unicast or multicast."""

_ALTERING: Final = frozenset({"drop_fields", "glitch", "older_timestamp", "conflict", "spike", "alarm"})
_ALARM: Final = {
    "error_id": "ERR_ENFORCEMENT_POINT_UNREACHABLE",
    "message": "Statistics could not be fetched from the enforcement point.",
    "error_details": {
        "error_code": 503_000,
        "module_name": "Policy",
        "error_message": "The edge node is not reachable.",
    },
}


class VpnStatistics:
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

    def answer(self, session: Session, query: Mapping[str, str], now: Instant) -> tuple[Row, Callable[[], None]]:
        """Return the aggregate over enforcement points, and what to call once it was sent."""
        taken_at = self._taken_at(session, query.get("source"), now)
        values = [self._values(tunnel, taken_at) for tunnel in session.tunnels]
        effects: list[Fault] = []
        if not self._faults.quiet:
            asked = Asked("statistics", session.path, self._manager)
            effects = self._faults.for_row(asked, "session", taken_at)
        at = taken_at + self._provider.offsets_at(taken_at).device
        element = self._element(session, _altered(effects, values), _older(effects, at))
        for fault in effects:
            if fault.do == "drop_fields":
                for name in fault.fields:
                    _drop(element, name)
        answer: Row = {"intent_path": session.path, "results": [element]}
        kinds = {fault.do for fault in effects}
        if kinds & {"empty_rows", "drop_row"}:
            answer["results"] = []
        if "no_rows" in kinds:
            del answer["results"]
        if "alarm" in kinds:
            head = ("resource_type", "enforcement_point_path", "display_name")
            answer["results"] = [{name: element[name] for name in head} | {"alarm": _ALARM}]

        def record() -> None:
            if answer.get("results") and not kinds & _ALTERING:
                for tunnel, counted in zip(session.tunnels, values, strict=True):
                    self._record(tunnel, counted, taken_at, now)

        return answer, record

    def site(self, session: Session) -> str:
        """Return the site of the edge node that a session lives on."""
        node = session.active or session.gateway.nodes[0]
        return node.cluster.site

    def _taken_at(self, session: Session, source: str | None, now: Instant) -> Instant:
        """Return the simulated instant of the values that are answered, and renew the cache if that is asked for."""
        frozen_at = None if self._faults.quiet else self._faults.frozen_at(session.path, session.id, session.id)
        now = now if frozen_at is None else min(now, frozen_at)
        if session.spec.kind == "l2vpn":
            node = _node(session.tunnels[0])
            return now if source == "realtime" else max(self._provider.refreshed_at(node, now), session.tunnels[0].born)
        if session.gateway.tier == 1 and source == "cached":
            return session.cached_at
        session.cached_at = max(session.cached_at, now)
        return now

    def _values(self, tunnel: Tunnel, taken_at: Instant) -> Values:
        return tunnel.counters[_node(tunnel).nsx_id].register_at(taken_at)

    def _record(self, tunnel: Tunnel, values: Values, taken_at: Instant, now: Instant) -> None:
        node = _node(tunnel).nsx_id
        counters = tunnel.counters[node]
        counters.last_read_at = max(taken_at, counters.last_read_at or taken_at)
        row: dict[str, object] = {
            "rx": _totals(values.rx_bytes, values.rx_packets, values.rx_dropped),
            "tx": _totals(values.tx_bytes, values.tx_packets, values.tx_dropped),
        }
        if tunnel.kind == "ipsec_vpn":
            row["last_update_timestamp"] = taken_at + self._provider.offsets_at(taken_at).device
        self._truth.record(now, tunnel, tunnel.port_id, node, row)

    # Shapes -----------------------------------------------------------------------------------------------------

    def _element(self, session: Session, values: list[Values], at: Instant) -> Row:
        point = LOCAL_POINT
        if session.gateway.federated:
            point = f"/global-infra/sites/{self.site(session)}/enforcement-points/default"
        row: Row = {"enforcement_point_path": point, "display_name": session.id}
        total = ZERO
        for one in values:
            total = total.plus(one)
        if session.spec.kind == "l2vpn":
            row["resource_type"] = "L2VPNSessionStatisticsNsxT"
            row["tap_traffic_counters"] = [_l2vpn(total)]
            row["traffic_statistics_per_segment"] = [
                {"segment_path": tunnel.name} | _l2vpn(one) | _bum(one)
                for tunnel, one in zip(session.tunnels, values, strict=True)
            ]
            return row
        row |= {"resource_type": "IPSecVpnSessionStatisticsNSXT", "last_update_timestamp": at}
        row["ike_status"] = _ike(session)
        row["aggregate_traffic_counters"] = _ipsec(total)
        row["policy_statistics"] = [
            {
                "rule_path": f"{session.path}/rules/default",
                "aggregate_traffic_counters": _ipsec(total),
                "tunnel_statistics": [
                    _tunnel(tunnel, index, one)
                    for index, (tunnel, one) in enumerate(zip(session.tunnels, values, strict=True))
                ],
            }
        ]
        return row


def _node(tunnel: Tunnel) -> EdgeNode:
    if tunnel.fixed is None:
        raise ValueError(f"BUG: {tunnel.point} has no node of its own")
    return tunnel.fixed


def _ike(session: Session) -> Row:
    if any(_node(tunnel).up for tunnel in session.tunnels):
        return {"ike_session_state": "UP"}
    return {"ike_session_state": "DOWN", "fail_reason": "Peer is not responding."}


def _tunnel(tunnel: Tunnel, index: int, values: Values) -> Row:
    row: Row = {"local_subnet": f"10.{index}.0.0/24", "peer_subnet": f"172.16.{index}.0/24"}
    row["tunnel_status"] = "UP" if _node(tunnel).up else "DOWN"
    if not _node(tunnel).up:
        row["tunnel_down_reason"] = "IKE SA not established."
    return row | _ipsec(values) | {"replay_errors": 0, "decryption_failures": 0}


def _totals(count: int, packets: int, dropped: int) -> Row:
    return {"total_bytes": count, "total_packets": packets, "dropped_packets": dropped}


def _traffic(values: Values) -> Row:
    return {
        "bytes_in": values.rx_bytes, "bytes_out": values.tx_bytes,
        "packets_in": values.rx_packets, "packets_out": values.tx_packets,
    }  # fmt: skip


def _l2vpn(values: Values) -> Row:
    return _traffic(values) | {
        "packets_receive_error": values.rx_dropped, "packets_sent_error": values.tx_dropped,
    }  # fmt: skip


def _ipsec(values: Values) -> Row:
    return _traffic(values) | {
        "dropped_packets_in": values.rx_dropped, "dropped_packets_out": values.tx_dropped,
    }  # fmt: skip


def _bum(values: Values) -> Row:
    return {f"bum_{name}": value // BUM_SHARE for name, value in _traffic(values).items()}


# Faults -------------------------------------------------------------------------------------------------------------


def _altered(effects: list[Fault], values: list[Values]) -> list[Values]:
    for fault in effects:
        if fault.do in ("glitch", "older_timestamp"):
            values = [Values(*[value // 2 for value in one]) for one in values]
        elif fault.do in ("conflict", "spike"):
            values = [Values(*[*map(partial(_raised, fault.amount), one)]) for one in values]
    return values


def _raised(amount: int, value: int) -> int:
    return min(INT64_MAX, value + amount)


def _older(effects: list[Fault], at: Instant) -> Instant:
    return at - sum(fault.by for fault in effects if fault.do == "older_timestamp")


def _drop(row: Row, name: str) -> None:
    """Take a member away: of the element itself, or of its counters as ``tap_traffic_counters.bytes_in``."""
    outer, _, inner = name.partition(".")
    if not inner:
        row.pop(outer, None)
        return
    parts = row.get(outer)
    for part in parts if isinstance(parts, list) else [parts]:
        if isinstance(part, dict):
            part.pop(inner, None)
