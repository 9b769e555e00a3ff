"""VPN sessions of gateways, and their tunnels: what counts, on which edge node, and which value is cached."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from simulator.objects import EdgeNode, Flow, Gateway, Port
from simulator.traffic import flow_rates, random_shape, split_rate
from simulator.units import Instant

if TYPE_CHECKING:
    from simulator.provider import Provider
    from simulator.specs import VpnSpec

SERVICES: Final = {"l2vpn": "l2vpn-services", "ipsec": "ipsec-vpn-services"}


@dataclass(slots=True, eq=False, kw_only=True)
class Tunnel(Port):
    """One counter of a session: of a stretched segment, or of a pair of subnets.

    Its ``fixed`` node stands for the tunnel itself: it is up while the tunnel is.
    """

    name: str


@dataclass(slots=True, eq=False)
class Session:
    """A session of an L2VPN or IPsec service.

    Attributes:
        service: Path of its service.
        created_at: On the managers' clock.
        active: The edge node that it lives on; its counters begin anew on another one.
        cached_at: When the cached value of an IPsec session was taken.
    """

    spec: VpnSpec
    path: str
    service: str
    gateway: Gateway
    created_at: Instant
    unique_id: str
    cached_at: Instant
    tunnels: list[Tunnel] = field(default_factory=list)
    active: EdgeNode | None = None

    @property
    def id(self) -> str:
        """The last element of its path."""
        return self.spec.id

    def place(self) -> EdgeNode | None:
        """Return the edge node that the session lives on now."""
        nodes = self.gateway.active()
        return nodes[0] if nodes else None


def open_session(provider: Provider, gateway: Gateway, spec: VpnSpec, at: Instant) -> Session:
    """Make a session of a gateway, with its traffic, which passes the gateway's own way out too."""
    service = f"{gateway.path}/{SERVICES[spec.kind]}/{spec.service}"
    path = f"{service}/sessions/{spec.id}"
    session = Session(
        spec, path, service, gateway, provider.created_at(path, at), provider.uuid(f"{path}/{at}"), cached_at=at
    )
    session.active = session.place()
    random = provider.random(f"flows/{path}")
    names = _names(gateway, spec)
    shape, kind = random_shape(random), "own" if gateway.tier == 0 else "link"
    for index, (name, share) in enumerate(zip(names, split_rate(spec.rate, len(names), random), strict=True)):
        tunnel = _open_tunnel(provider, session, name, index, at)
        session.tunnels.append(tunnel)
        if spec.rate:
            rates = flow_rates(share, random)
            flow = Flow("own" if kind == "own" else "link", gateway, shape, rates, index, through=(tunnel,))
            provider.flows.append(flow)
        if spec.kind == "l2vpn":
            provider.segments.setdefault(name, False)
            provider.overlays.add(name)
    provider.sessions[path] = session
    return session


def _names(gateway: Gateway, spec: VpnSpec) -> list[str]:
    if spec.kind == "ipsec":
        return [f"tunnel-{index}" for index in range(spec.tunnels)]
    root = gateway.path.rpartition(f"/tier-{gateway.tier}s/")[0]
    return [f"{root}/segments/{segment}" for segment in spec.segments]


def _open_tunnel(provider: Provider, session: Session, name: str, index: int, at: Instant) -> Tunnel:
    key = tunnel_key(session, index)
    phase = provider.phase(provider.uuid(f"phase/{key}"))
    node = EdgeNode(name, f"{session.id}/{index}", session.gateway.nodes[0].cluster, index, phase)
    tunnel = Tunnel(
        port_id=provider.new_port_id(key), point=session.path, end="session", born=at, tenant=session.gateway.tenant,
        kind="ipsec_vpn" if session.spec.kind == "ipsec" else "l2vpn", host=session.gateway, fixed=node, name=name,
    )  # fmt: skip
    provider.make_port(key, tunnel)
    return tunnel


def tunnel_key(session: Session, index: int) -> str:
    """Return the key by which the provider knows a tunnel."""
    return f"{session.path}|{index}"
