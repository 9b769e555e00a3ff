"""VPN tunnels of gateways, as the director shows them: the one kind of traffic that it counts itself.

Source: VMware go-vcloud-director, types/v56 (NsxtL2VpnTunnel, EdgeL2VpnTunnelStatistics, NsxtIpSecVpnTunnelStatus).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from simulator.counters import ZERO, Values
from simulator.tunnels import Session
from simulator.units import Instant
from simulator.vcd.objects import CloudGateway
from simulator.vcd.page import Json

if TYPE_CHECKING:
    from simulator.vcd.cloud import Cloud

BUM_SHARE = 50
"""One byte in so many is of a broadcast."""


class GatewayTunnels:
    """The tunnels of one gateway.

    Args:
        cloud: The director's state.
        gateway: The gateway.
        kind: Which kind of them.
    """

    def __init__(self, cloud: Cloud, gateway: CloudGateway, kind: str) -> None:
        self._kind = kind
        self._cloud = cloud
        router = cloud.router(gateway)
        sessions = cloud.provider.sessions.values() if router is not None else ()
        self._sessions = [one for one in sessions if one.gateway is router and one.spec.kind == kind]

    def rows(self) -> list[Json]:
        """Return the tunnels."""
        return [self._row(session) for session in self._sessions]

    def one(self, name: str, what: str, now: Instant) -> Json | None:
        """Return a tunnel (``what`` is empty), its ``metrics`` or its ``status``; none, if there is no such thing."""
        for session in self._sessions:
            if session.unique_id == name:
                if not what:
                    return self._row(session)
                if what == "status":
                    return self._status(session)
                return _metrics(session, now) if what == "metrics" and self._kind == "l2vpn" else None
        return None

    def _row(self, session: Session) -> Json:
        row: Json = {"id": session.unique_id, "name": session.id, "description": "", "enabled": True, "logging": False}
        if self._kind == "l2vpn":
            return row | {"sessionMode": "SERVER", "connectorInitiationMode": "RESPOND_ONLY"}
        return row | {"securityType": "DEFAULT", "authenticationMode": "PSK"}

    def _status(self, session: Session) -> Json:
        up = any(tunnel.fixed is not None and tunnel.fixed.up for tunnel in session.tunnels)
        if self._kind == "l2vpn":
            return {"runtimeStatus": "UP" if up else "DOWN", "failureReason": "" if up else "Peer is not responding."}
        ike = {"ikeServiceStatus": "UP" if up else "DOWN", "failReason": "" if up else "Peer is not responding."}
        return {"tunnelStatus": "UP" if up else "DOWN", "ikeStatus": ike}


def _metrics(session: Session, now: Instant) -> Json:
    total = ZERO
    for tunnel in session.tunnels:
        for counters in tunnel.counters.values():
            total = total.plus(counters.register_at(now))
    return _counts(total) | {"segmentPath": session.tunnels[0].name}


def _counts(values: Values) -> Json:
    counts = {
        "bytesIn": values.rx_bytes, "bytesOut": values.tx_bytes,
        "packetsIn": values.rx_packets, "packetsOut": values.tx_packets,
    }  # fmt: skip
    bum = {f"bum{name[0].upper()}{name[1:]}": value // BUM_SHARE for name, value in counts.items()}
    return counts | bum | {"packetsReceiveError": values.rx_dropped, "packetsSentError": values.tx_dropped}
