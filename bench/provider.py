"""A provider of any size as discovery would find it: gateways, inventory, claims. Nothing here is measured."""

from __future__ import annotations

import uuid

from collector.core.attribution import Claim
from collector.model.identity import Kind, TenantId
from collector.model.period import Instant
from collector.ports import Inventory
from collector.sources.nsxt import snapshot as snapshots
from collector.sources.nsxt.endpoints import Endpoints
from collector.sources.nsxt.options import LinkEnd
from collector.sources.nsxt.points import PointBuilder
from collector.sources.nsxt.snapshot import Edge, Gateway, Interface, Snapshot

SOURCE = "nsx-bench"
MAX_RATE = 100_000_000_000
GAP_AFTER_MS = 180_000
EDGES_PER_CLUSTER = 2
TIER1S_PER_TIER0 = 200
"""A shared Tier-0 carries some hundreds of Tier-1s at most."""

CREATED_AT: Instant = 1_700_000_000_000
"""Long before anything is measured, so that no object counts as new."""


def shared_links(tier1s: int, *, service_every: int = 4) -> Snapshot:
    """Return a provider whose Tier-1s each have a link with two edge nodes, and every fourth a service interface.

    A point costs two calls a poll then and has two series.
    """
    gateways: dict[str, Gateway] = {}
    for number in range(tier1s):
        cluster = number // TIER1S_PER_TIER0
        edges = _edges(cluster)
        tier0 = f"/infra/tier-0s/t0-shared-{cluster:03}"
        if tier0 not in gateways:
            gateways[tier0] = Gateway(tier0, f"t0-shared-{cluster:03}", 0, uid=_uuid(tier0), edges=edges)
        path = f"/infra/tier-1s/{_uuid(f't1-{number}')}"
        interfaces = (
            (Interface(f"{path}/locale-services/default/interfaces/csp-{number}", f"csp-{number}", created=CREATED_AT),)
            if number % service_every == 0
            else ()
        )
        gateways[path] = Gateway(
            path,
            f"t1-tenant-{number:05}",
            1,
            parent=tier0,
            uid=_uuid(path),
            created=CREATED_AT,
            clusters=(f"/infra/sites/default/enforcement-points/default/edge-clusters/{_uuid(f'c{cluster}')}",),
            edges=edges,
            interfaces=interfaces,
        )
    return Snapshot(gateways=gateways, version="4.2.1.0.0")


def uplinks(count: int) -> Snapshot:
    """Return a provider of dedicated Tier-0s with two uplinks each; a point costs one call and has one series."""
    gateways: dict[str, Gateway] = {}
    for number in range(-(-count // 2)):
        edges = _edges(number // TIER1S_PER_TIER0)
        path = f"/infra/tier-0s/t0-dedicated-{number:05}"
        interfaces = tuple(
            Interface(
                f"{path}/locale-services/default/interfaces/up-{side}",
                f"up-{side}",
                external=True,
                edge_path=edges[side].path,
                created=CREATED_AT,
            )
            for side in range(2)
        )
        gateways[path] = Gateway(
            path, f"t0-dedicated-{number:05}", 0, uid=_uuid(path), edges=edges, interfaces=interfaces
        )
    return Snapshot(gateways=gateways, version="4.2.1.0.0")


def together(*parts: Snapshot) -> Snapshot:
    """Return several providers as one."""
    return Snapshot(
        gateways={path: one for part in parts for path, one in part.gateways.items()}, version=parts[0].version
    )


def inventory_of(found: Snapshot, at: Instant) -> Inventory:
    """Return the inventory that discovery makes of what it found, by the code that it uses itself."""
    builder = PointBuilder(SOURCE, Endpoints(federation=False), LinkEnd.AUTO)
    return Inventory(
        source=SOURCE,
        at=at,
        complete=True,
        version=found.version,
        points=builder.points(found, {}, {}),
        changes=(),
        payload=snapshots.encode(found),
        calls=0,
    )


def claims_of(found: Snapshot, tenants: int) -> tuple[Claim, ...]:
    """Return explicit points that give every metering point to one of so many tenants, as the settings would."""
    claims = []
    for number, gateway in enumerate(gateway for gateway in found.gateways.values() if _is_billed(gateway)):
        tenant = TenantId(f"tenant-{number % tenants:04}")
        name = gateway.path.rpartition("/")[2]
        if gateway.tier == 0:
            claims.append(Claim(tenant=tenant, source=SOURCE, kind=Kind.TIER0_UPLINK, tier0=name))
            continue
        claims.append(Claim(tenant=tenant, source=SOURCE, kind=Kind.TIER1_DOWNLINK, tier1=name))
        if gateway.interfaces:
            claims.append(Claim(tenant=tenant, source=SOURCE, kind=Kind.SERVICE_INTERFACE, tier1=name))
    return tuple(claims)


def _is_billed(gateway: Gateway) -> bool:
    return gateway.tier == 1 or bool(gateway.interfaces)


def _edges(cluster: int) -> tuple[Edge, ...]:
    point = "/infra/sites/default/enforcement-points/default"
    folder = f"{point}/edge-clusters/{_uuid(f'c{cluster}')}/edge-nodes"
    nodes = [_uuid(f"e{cluster}-{number}") for number in range(EDGES_PER_CLUSTER)]
    return tuple(
        Edge(f"{folder}/{node}", node, status) for node, status in zip(nodes, ("ACTIVE", "STANDBY"), strict=True)
    )


def _uuid(text: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, text))
