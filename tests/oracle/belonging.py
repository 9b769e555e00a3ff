"""Whose each metering point of a provider is: docs/accounting.md, section 5, asked of one point at a time."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

NOBODY = "unattributed"
BILLED, BALANCE, INTERNAL = "billed", "balance", "internal"
CONFIG, VCD, TAG, PROJECT = "config", "vcd", "nsx_tag", "nsx_project"

UPLINK, LINK, SERVICE, TUNNEL = "uplink", "link", "service", "tunnel"


class Router(NamedTuple):
    """A Tier-0 or VRF (tier 0), or a Tier-1 with the Tier-0 that it is connected to."""

    path: str
    tier: int
    parent: str | None
    project: str | None
    ids: tuple[str, ...]
    tags: tuple[str, ...]


class Port(NamedTuple):
    """A metering point of a router: an uplink, its link, a service interface or a tunnel; values of its own tags."""

    path: str
    what: str
    router: str
    segment: str | None = None
    tags: tuple[str, ...] = ()


class Segment(NamedTuple):
    """A segment and what it may be called."""

    path: str
    ids: tuple[str, ...]


class Network(NamedTuple):
    """An external network of the director, on a Tier-0 or on a segment."""

    id: str
    on_tier0: bool
    backing: str
    dedicated_org: str | None = None
    dedicated_gateway: bool = False


class Way(NamedTuple):
    """What connects a gateway of the director to an external network; ``to_tier0`` is what the director says."""

    network: str
    to_tier0: bool
    dedicated: bool = False


class Edge(NamedTuple):
    """A gateway of the director."""

    id: str
    org: str
    backing: str
    in_project: bool = False
    ways: tuple[Way, ...] = ()


class Wish(NamedTuple):
    """An explicit point of the settings: all of a router's points of a kind, or one of them."""

    tenant: str
    what: str
    router: str
    port: str | None = None


@dataclass(frozen=True)
class Provider:
    """Everything that decides."""

    routers: tuple[Router, ...]
    ports: tuple[Port, ...]
    segments: tuple[Segment, ...] = ()
    orgs: tuple[str, ...] = ()
    edges: tuple[Edge, ...] = ()
    networks: tuple[Network, ...] = ()
    wishes: tuple[Wish, ...] = ()
    order: tuple[str, ...] = (CONFIG, VCD, TAG, PROJECT)
    entries: Mapping[str, str] | None = None
    """Organisation → tenant of the settings; others become tenants where ``auto`` says so."""
    auto: bool = True


def belongs(world: Provider, port: Port) -> tuple[str, str]:
    """Return (tenant, role) of a point."""
    _, tenant, internal = _said(world, port)
    shown = tenant if tenant is not None else NOBODY
    if internal:
        return shown, INTERNAL
    if port.what == UPLINK and _links_win(world, port.router):
        return shown, BALANCE
    if port.what == LINK and _uplinks_win(world, _router(world, port.router).parent):
        return shown, BALANCE
    return shown, BILLED


# --- the other end ---------------------------------------------------------------------------------------------------


def _uplinks_win(world: Provider, tier0: str | None) -> bool:
    uplinks, links = _best(world, tier0, UPLINK), _best(world, tier0, LINK)
    return uplinks is not None and (links is None or uplinks <= links)


def _links_win(world: Provider, tier0: str | None) -> bool:
    uplinks, links = _best(world, tier0, UPLINK), _best(world, tier0, LINK)
    return links is not None and (uplinks is None or links < uplinks)


def _best(world: Provider, tier0: str | None, what: str) -> int | None:
    """Return the place in the order of the best rule that names a tenant at one side of a Tier-0."""
    found = []
    for port in world.ports:
        router = _router(world, port.router)
        if port.what == what and tier0 == (router.path if what == UPLINK else router.parent):
            rule, tenant, _ = _said(world, port)
            if tenant is not None:
                found.append(world.order.index(rule))
    return min(found, default=None)


# --- the rules -------------------------------------------------------------------------------------------------------


def _said(world: Provider, port: Port) -> tuple[str, str | None, bool]:
    """Return (rule, tenant, internal): the first rule that names a tenant, or calls the point internal."""
    for rule in world.order:
        tenant, internal = ASKED[rule](world, port)
        if internal and CONFIG in world.order and _by_config(world, port)[0] is not None:
            return CONFIG, _by_config(world, port)[0], False
        if internal or tenant is not None:
            return rule, tenant, internal
    return "", None, False


def _by_config(world: Provider, port: Port) -> tuple[str | None, bool]:
    if port.what == TUNNEL:
        side = LINK if _router(world, port.router).tier == 1 else UPLINK
        others = {_by_config(world, one)[0] for one in world.ports if one.router == port.router and one.what == side}
        others.discard(None)
        return (others.pop() if len(others) == 1 else None), False
    for wish in world.wishes:
        if wish.what == port.what and wish.router == port.router and wish.port in (None, port.path):
            return wish.tenant, False
    return None, False


def _by_tag(world: Provider, port: Port) -> tuple[str | None, bool]:
    values = set(port.tags) or set(_router(world, port.router).tags)
    return (_tenant(world, values.pop()) if len(values) == 1 else None), False


def _by_project(world: Provider, port: Port) -> tuple[str | None, bool]:
    project = _router(world, port.router).project
    return (_tenant(world, project) if project is not None else None), False


def _by_vcd(world: Provider, port: Port) -> tuple[str | None, bool]:
    router = _router(world, port.router)
    if router.tier == 0:
        return _tier0_tenant(world, router), False
    edges = [edge for edge in world.edges if _tier1_of(world, edge) == router.path]
    orgs = {edge.org for edge in edges}
    if len(orgs) != 1:
        return None, False
    tenant = _org_tenant(world, orgs.pop())
    if port.what != SERVICE:
        return tenant, False
    ways = [_segment_of(world, way) for edge in edges for way in edge.ways if not _leads_to_tier0(world, way)]
    if port.segment is None:
        return (None, False) if ways else (tenant, True)
    if port.segment in ways:
        return tenant, False
    return (None, False) if None in ways else (tenant, True)


ASKED = {CONFIG: _by_config, VCD: _by_vcd, TAG: _by_tag, PROJECT: _by_project}


# --- what a director means -------------------------------------------------------------------------------------------


def _tier1_of(world: Provider, edge: Edge) -> str | None:
    fits = [one for one in world.routers if one.tier == 1 and edge.backing in (one.path, *one.ids)]
    inside = [one for one in fits if one.project is not None]
    outside = [one for one in fits if one.project is None]
    found = inside if edge.in_project else outside or inside
    return found[0].path if len(found) == 1 else None


def _tier0_of(world: Provider, network: Network) -> str | None:
    fits = [one.path for one in world.routers if one.tier == 0 and network.backing in (one.path, *one.ids)]
    return fits[0] if network.on_tier0 and len(fits) == 1 else None


def _network(world: Provider, way: Way) -> Network | None:
    return next((network for network in world.networks if network.id == way.network), None)


def _leads_to_tier0(world: Provider, way: Way) -> bool:
    network = _network(world, way)
    return way.to_tier0 or (network is not None and network.on_tier0)


def _segment_of(world: Provider, way: Way) -> str | None:
    network = _network(world, way)
    if network is None:
        return None
    known = {segment.path: set(segment.ids) for segment in world.segments}
    for port in world.ports:
        if port.segment is not None:
            known.setdefault(port.segment, set()).add(port.segment.rsplit("/", 1)[-1])
    fits = [path for path, ids in known.items() if network.backing in (path, *ids)]
    return fits[0] if len(fits) == 1 else None


def _tier0_tenant(world: Provider, router: Router) -> str | None:
    answers = {
        _provider_tenant(world, network) for network in world.networks if _tier0_of(world, network) == router.path
    }
    return answers.pop() if len(answers) == 1 else None


def _provider_tenant(world: Provider, network: Network) -> str | None:
    """Return whose a provider gateway is, ``None`` where it is shared or nobody can tell."""
    if network.dedicated_org is not None:
        return _org_tenant(world, network.dedicated_org)
    users = [(edge.org, way.dedicated) for edge in world.edges for way in edge.ways if way.network == network.id]
    sure = {org for org, dedicated in users if dedicated}
    if not sure and not network.dedicated_gateway:
        return None
    orgs = sure or {org for org, _ in users}
    return _org_tenant(world, orgs.pop()) if len(orgs) == 1 else None


def _org_tenant(world: Provider, org: str) -> str | None:
    if org not in world.orgs:
        return None
    named = world.entries or {}
    return named[org] if org in named else _tenant(world, org)


def _tenant(world: Provider, name: str) -> str | None:
    return name if world.auto else None


def _router(world: Provider, path: str) -> Router:
    return next(router for router in world.routers if router.path == path)
