"""Which port on which node carries which flow: the consistency between the points of a provider.

What a Tier-1's port to its Tier-0 receives, the Tier-0's port toward it sends; an uplink carries the sum of the links
behind it; traffic between two Tier-1s of a Tier-0 is on both links and on no uplink.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from random import Random
from typing import Final, Protocol

from simulator.counters import NodeCounters, Rates, Values
from simulator.objects import EdgeNode, Flow, Gateway, Interface, Port
from simulator.shapes import DROP_TICK, PACKET_TICK, SHAPES, WEIGHT_MEAN
from simulator.units import Instant

BYTES_PER_UNIT: Final = WEIGHT_MEAN * 1_000
"""Bytes per second of one unit of a byte rate, at the mean weight."""

DOWN_PACKET_BYTES: Final = 1_100
UP_PACKET_BYTES: Final = 420
DROPPED_OF_PACKETS: Final = 5_000
"""One packet in so many is dropped."""

NOISE: Final = Values(1, 0, 1, 0, DROP_TICK // PACKET_TICK // 16, 0)
"""What a standby node's service interface still sees: broadcasts that it drops."""


class Ports(Protocol):
    """Finds ports; the provider is one."""

    def interface_port(self, interface: Interface) -> Port | None:
        """Return the port of an interface."""

    def link_ports(self, tier1: Gateway) -> tuple[Port, Port] | None:
        """Return the ports of a Tier-1's link, at the Tier-1 and at the Tier-0."""


Hop = tuple[Port, EdgeNode, bool]
"""A port, the node, and whether the port looks toward the tenant, so that rx and tx are swapped."""


def flow_rates(bytes_per_second: int, random: Random) -> Values:
    """Return the six rates of a flow; three parts of four go toward the tenant, give or take."""
    units = max(2, bytes_per_second // BYTES_PER_UNIT)
    down = max(1, units * random.randint(60, 85) // 100)
    up = max(1, units - down)
    down_packets = max(1, down * PACKET_TICK // DOWN_PACKET_BYTES)
    up_packets = max(1, up * PACKET_TICK // UP_PACKET_BYTES)
    per_drop = DROP_TICK // PACKET_TICK
    return Values(
        down, up, down_packets, up_packets,
        max(1, down_packets * per_drop // DROPPED_OF_PACKETS), max(1, up_packets * per_drop // DROPPED_OF_PACKETS),
    )  # fmt: skip


def split_rate(bytes_per_second: int, parts: int, random: Random) -> list[int]:
    """Return uneven shares of a rate that add up to it."""
    weights = [random.randint(50, 150) for _ in range(parts)]
    total, cumulative, shares = sum(weights), 0, []
    for weight in weights:
        before = bytes_per_second * cumulative // total
        cumulative += weight
        shares.append(bytes_per_second * cumulative // total - before)
    return shares


def random_shape(random: Random) -> int:
    """Return the index of a shape."""
    return random.randrange(SHAPES)


def hops(flow: Flow, ports: Ports) -> Iterator[Hop]:
    """Yield where a flow passes now; nowhere, if any part of its way is down."""
    if flow.kind == "csp":
        yield from _csp(flow, ports)
        return
    if flow.kind == "inside":
        yield from _inside(flow)
        return
    if flow.kind == "cross":
        yield from _cross(flow, ports)
        return
    tier0 = flow.gateway if flow.kind == "own" else flow.gateway.parent
    way = None if tier0 is None else _way_out(tier0, flow.index, ports)
    if way is None or any(port.fixed is not None and not port.fixed.up for port in flow.through):
        return
    if flow.kind == "link":
        link = list(_link(flow.gateway, flow.index, way[1], ports, flipped=False))
        if not link:
            return
        yield from link
    for port in flow.through:
        yield port, port.fixed or way[1], False
    yield way


def _csp(flow: Flow, ports: Ports) -> Iterator[Hop]:
    port = None if flow.interface is None else ports.interface_port(flow.interface)
    active = [] if port is None else [node for node in flow.gateway.active() if node in port.hosts()]
    if port is not None and active:
        yield port, active[flow.index % len(active)], False


def _inside(flow: Flow) -> Iterator[Hop]:
    """What one VPC sends to another leaves it, and enters the transit gateway between them."""
    nodes = flow.gateway.active()
    for port in flow.through if nodes else ():
        yield port, nodes[flow.index % len(nodes)], port.kind == "transit_gateway_internal"


def _cross(flow: Flow, ports: Ports) -> Iterator[Hop]:
    source, target = flow.gateway, flow.target
    if target is None or source.parent is None or source.parent is not target.parent:
        return
    nodes = source.parent.active()
    if not nodes:
        return
    node = nodes[flow.index % len(nodes)]
    near = list(_link(source, flow.index, node, ports, flipped=False))
    far = list(_link(target, flow.index, node, ports, flipped=True))
    if near and far:
        yield from near
        yield from far


def _link(tier1: Gateway, index: int, at_tier0: EdgeNode, ports: Ports, *, flipped: bool) -> Iterator[Hop]:
    pair = ports.link_ports(tier1)
    active = tier1.active()
    if pair is None or not active:
        return
    yield pair[0], active[index % len(active)], flipped
    yield pair[1], at_tier0, not flipped


def _way_out(tier0: Gateway, index: int, ports: Ports) -> Hop | None:
    nodes = [node for node in tier0.active() if tier0.uplinks_on(node)]
    if not nodes:
        return None
    node = nodes[index % len(nodes)]
    uplinks = tier0.uplinks_on(node)
    port = ports.interface_port(uplinks[index // len(nodes) % len(uplinks)])
    return None if port is None else (port, node, False)


def route(flows: Iterable[Flow], live: Iterable[Port], ports: Ports, at: Instant, counters_of: CountersOf) -> None:
    """Give every counter the rates that it carries from ``at`` on."""
    loads: dict[NodeCounters, dict[int, list[int]]] = {}
    for flow in flows:
        for port, node, flipped in hops(flow, ports):
            _add(loads, counters_of(port, node, at), flow.shape, flow.rates.flipped() if flipped else flow.rates)
    for port in live:
        if port.kind in ("service_interface", "internal") and port.host.ha_mode == "ACTIVE_STANDBY":
            active = port.host.active()
            for node in port.hosts():
                if node.up and node.listed and node not in active:
                    _add(loads, counters_of(port, node, at), 3, NOISE)
    for port in live:
        for counters in port.counters.values():
            rates: Rates = {shape: Values(*sums) for shape, sums in loads.get(counters, {}).items()}
            counters.route(at, rates)


class CountersOf(Protocol):
    """Finds or makes the counters of a port on a node."""

    def __call__(self, port: Port, node: EdgeNode, at: Instant) -> NodeCounters:
        """Return them; counters made now begin at zero."""


def _add(loads: dict[NodeCounters, dict[int, list[int]]], counters: NodeCounters, shape: int, rates: Values) -> None:
    sums = loads.setdefault(counters, {}).setdefault(shape, [0] * 6)
    for index, rate in enumerate(rates):
        sums[index] += rate
