"""Made-up providers: routers, a director that knows some of them, settings, and what the daemon is told of all that."""

from __future__ import annotations

from hypothesis import strategies as st

from collector.core.attribution import AttributionRules, Claim, Rule, TenantEntry
from collector.model.directory import Backing, CloudGateway, CloudMap, ExternalNetwork, Org, Uplink
from collector.model.identity import Kind, PointKey, ReadAt, TenantId
from collector.ports import FoundGateway, FoundPoint, FoundSegment
from tests.oracle.belonging import (
    CONFIG,
    LINK,
    PROJECT,
    SERVICE,
    TAG,
    TUNNEL,
    UPLINK,
    VCD,
    Edge,
    Network,
    Port,
    Provider,
    Router,
    Segment,
    Way,
    Wish,
)

KINDS = {
    UPLINK: Kind.TIER0_UPLINK,
    LINK: Kind.TIER1_DOWNLINK,
    SERVICE: Kind.SERVICE_INTERFACE,
    TUNNEL: Kind.IPSEC_VPN,
}
SCOPE = "tenant"
NAMES = ("acme", "globex", "initech")
COMMON_IDS = ("u1", "u2", "u3")
"""Ids that several objects may have."""


@st.composite
def providers(draw: st.DrawFn) -> Provider:
    """A few routers, whose ids may clash, and a director that may be wrong about any of it."""
    routers = [*_tier0s(draw), *_tier1s(draw)]
    segments = tuple(Segment(f"/infra/segments/s{n}", (f"s{n}", *draw(_ids))) for n in range(3))
    ports = [port for router in routers for port in _ports(draw, router, segments)]
    networks = _networks(draw, routers, segments)
    orgs = tuple(draw(st.lists(st.sampled_from(NAMES), unique=True)))
    return Provider(
        routers=tuple(routers),
        ports=tuple(ports),
        segments=segments[: draw(st.integers(0, 3))],
        orgs=orgs,
        edges=_edges(draw, routers, networks),
        networks=tuple(draw(st.permutations(networks)))[: draw(st.integers(0, len(networks)))],
        wishes=_wishes(draw, ports),
        order=tuple(draw(st.permutations((CONFIG, VCD, TAG, PROJECT))))[: draw(st.integers(1, 4))],
        entries={org: f"tenant-{org}" for org in draw(st.sets(st.sampled_from(NAMES)))},
        auto=draw(st.booleans()),
    )


_ids = st.lists(st.sampled_from(COMMON_IDS), max_size=1)
_tags = st.lists(st.sampled_from(("red", "blue")), max_size=2).map(tuple)


def _tier0s(draw: st.DrawFn) -> list[Router]:
    found: list[Router] = []
    for number in range(draw(st.integers(1, 3))):
        is_vrf = draw(st.booleans())
        parent = found[0].path if found and is_vrf else None
        path = f"/infra/tier-0s/t0-{number}"
        found.append(Router(path, 0, parent, None, (f"t0-{number}", *draw(_ids)), draw(_tags)))
    return found


def _tier1s(draw: st.DrawFn) -> list[Router]:
    found: list[Router] = []
    for number in range(draw(st.integers(0, 4))):
        project = draw(st.sampled_from((None, None, "p1")))
        prefix = f"/orgs/default/projects/{project}" if project else ""
        name = draw(st.sampled_from((f"t1-{number}", "t1-same"))) if project else f"t1-{number}"
        path = f"{prefix}/infra/tier-1s/{name}"
        parent = draw(st.sampled_from((None, "/infra/tier-0s/t0-0", "/infra/tier-0s/t0-0", "/infra/tier-0s/t0-1")))
        if all(router.path != path for router in found):
            found.append(Router(path, 1, parent, project, (name, *draw(_ids)), draw(_tags)))
    return found


def _ports(draw: st.DrawFn, router: Router, segments: tuple[Segment, ...]) -> list[Port]:
    found = []
    if router.tier == 0:
        found += [Port(f"{router.path}/up{n}", UPLINK, router.path, None, draw(_tags)) for n in range(draw(_few))]
    elif router.parent is not None:
        found.append(Port(router.path, LINK, router.path))
    for number in range(draw(_few)):
        on = draw(st.sampled_from((*(segment.path for segment in segments), None)))
        found.append(Port(f"{router.path}/csp{number}", SERVICE, router.path, on, draw(_tags)))
    if draw(st.booleans()):
        found.append(Port(f"{router.path}/vpn", TUNNEL, router.path))
    return found


_few = st.integers(0, 2)


def _networks(draw: st.DrawFn, routers: list[Router], segments: tuple[Segment, ...]) -> list[Network]:
    tier0s = st.sampled_from([one for router in routers if router.tier == 0 for one in (router.path, *router.ids)])
    on_segments = st.sampled_from([one for segment in segments for one in (segment.path, *segment.ids)])
    found = []
    for number in range(draw(st.integers(0, 3))):
        org = draw(st.sampled_from((None, None, *NAMES)))
        found.append(Network(f"pg{number}", True, draw(tier0s), org, draw(st.booleans())))
    return [*found, *(Network(f"net{number}", False, draw(on_segments)) for number in range(draw(_few)))]


def _edges(draw: st.DrawFn, routers: list[Router], networks: list[Network]) -> tuple[Edge, ...]:
    known = [one for router in routers if router.tier == 1 for one in (router.path, *router.ids)]
    backings = st.sampled_from([*known, *known, "gone", *COMMON_IDS])
    ways = st.lists(
        st.builds(
            lambda network, dedicated: Way(network.id, network.on_tier0, dedicated and network.on_tier0),
            st.sampled_from([*networks, Network("unlisted", False, "")]),
            st.integers(0, 5).map(lambda number: number == 0),
        ),
        max_size=2,
        unique_by=lambda way: way.network,
    ).map(tuple)
    return tuple(
        Edge(f"edge{number}", draw(st.sampled_from(NAMES)), draw(backings), draw(st.booleans()), draw(ways))
        for number in range(draw(st.integers(0, 4)))
    )


def _wishes(draw: st.DrawFn, ports: list[Port]) -> tuple[Wish, ...]:
    named = [port for port in ports if port.what != TUNNEL]
    found = []
    for port in draw(st.lists(st.sampled_from(named), max_size=2)) if named else ():
        alone = port.path if port.what == SERVICE or draw(st.booleans()) else None
        found.append(Wish(f"wish-{draw(st.integers(0, 1))}", port.what, port.router, alone))
    return tuple(found)


# --- what the daemon is told -----------------------------------------------------------------------------------------


def point_of(world: Provider, port: Port) -> FoundPoint:
    """Return a port as an inventory shows it."""
    router = next(one for one in world.routers if one.path == port.router)
    is_link = port.what == LINK
    own = tuple((SCOPE, value) for value in port.tags)
    return FoundPoint(
        key=PointKey("nsx", KINDS[port.what], port.path),
        name=port.path.rsplit("/", 1)[-1],
        gateway=(router.parent or "") if is_link else router.path,
        gateway_name="gateway",
        read_at=ReadAt.INTERFACE,
        calls=(),
        tier1=router.path if router.tier == 1 else None,
        project=router.project,
        segment=port.segment,
        tags=(*_tags_of(router), *own),
    )


def gateways_of(world: Provider) -> list[FoundGateway]:
    """Return the routers as an inventory shows them."""
    return [
        FoundGateway(one.path, one.path.rsplit("/", 1)[-1], one.tier, one.parent, one.project, one.ids, _tags_of(one))
        for one in world.routers
    ]


def segments_of(world: Provider) -> list[FoundSegment]:
    """Return the segments as an inventory shows them."""
    return [FoundSegment(one.path, one.ids) for one in world.segments]


def rules_of(world: Provider) -> AttributionRules:
    """Return the settings and the director's map."""
    return AttributionRules(
        order=tuple(map(Rule, world.order)),
        claims=tuple(map(_claim, world.wishes)),
        maps=(_map(world),),
        tag_scope=SCOPE,
        auto_tenants=world.auto,
        tenants=tuple(TenantEntry(TenantId(tenant), tenant, org) for org, tenant in (world.entries or {}).items()),
    )


def _tags_of(router: Router) -> tuple[tuple[str, str], ...]:
    return tuple((SCOPE, value) for value in router.tags)


def _claim(wish: Wish) -> Claim:
    is_tier1 = "/tier-1s/" in wish.router
    return Claim(
        tenant=TenantId(wish.tenant),
        source="nsx",
        kind=KINDS[wish.what],
        tier0=None if is_tier1 else wish.router,
        tier1=wish.router if is_tier1 else None,
        interface=wish.port if wish.what != LINK else None,
        path="tenants[0].points[0]",
    )


def _map(world: Provider) -> CloudMap:
    return CloudMap(
        source="vcd",
        at=1,
        version="38.1",
        complete=True,
        addresses_complete=True,
        # One more than the world asks about: a director that lists none would be asked for the names of its gateways.
        orgs=(*(Org(f"urn:{org}", org) for org in world.orgs), Org("urn:umbrella", "umbrella")),
        gateways=tuple(map(_gateway, world.edges)),
        networks=tuple(map(_network, world.networks)),
    )


def _gateway(edge: Edge) -> CloudGateway:
    return CloudGateway(
        id=f"urn:{edge.id}",
        name=edge.id,
        org=f"urn:{edge.org}",
        org_name=edge.org,
        manager_name="nsx",
        backing_id=edge.backing,
        in_project=edge.in_project,
        uplinks=tuple(Uplink(way.network, way.network, _type(way.to_tier0), True, way.dedicated) for way in edge.ways),
    )


def _network(network: Network) -> ExternalNetwork:
    return ExternalNetwork(
        id=network.id,
        name=network.id,
        backings=(Backing(network.backing, _type(network.on_tier0), "", "nsx"),),
        dedicated_org=f"urn:{network.dedicated_org}" if network.dedicated_org else "",
        dedicated_gateway=network.dedicated_gateway,
    )


def _type(to_tier0: bool) -> str:
    return "NSXT_TIER0" if to_tier0 else "IMPORTED_T_LOGICAL_SWITCH"
