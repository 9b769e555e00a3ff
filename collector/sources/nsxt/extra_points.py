"""Metering points of VPN sessions, VPCs and transit gateways, with the requests that read them."""

from __future__ import annotations

from collections.abc import Iterator
from sys import intern

from collector.model.identity import Kind, PointKey, ReadAt
from collector.ports import FoundPoint, PointCall
from collector.sources.nsxt.endpoints import (
    VERSION_OF_REALTIME,
    VERSION_OF_SPLIT,
    Endpoints,
    enforcement_point,
    is_at_least,
    parse_version,
)
from collector.sources.nsxt.snapshot import Gateway, Session, Snapshot, Vpc

VPC_KINDS = (Kind.VPC_EXTERNAL, Kind.VPC_INTERNAL)
TRANSIT_KINDS = (Kind.TRANSIT_GATEWAY_EXTERNAL, Kind.TRANSIT_GATEWAY_INTERNAL)

NO_SPLIT = "this release does not tell external from internal traffic"
BOTH_OF_ONE = "one request reads the external and the internal traffic"


def session_points(source: str, endpoints: Endpoints, snapshot: Snapshot) -> Iterator[FoundPoint]:
    """Yield the sessions of every gateway: one call a poll each, or one for each enforcement point it lies at."""
    version = parse_version(snapshot.version)
    for gateway in snapshot.gateways.values():
        parent = snapshot.gateways.get(gateway.parent or "")
        points = _enforcement_points(gateway, endpoints)
        for session in gateway.sessions:
            realtime = not session.ipsec and is_at_least(version, VERSION_OF_REALTIME)
            calls = tuple(endpoints.session(session.path, point, realtime=realtime) for point in points)
            yield _session_point(source, session, gateway, parent, calls)


def _session_point(
    source: str, session: Session, gateway: Gateway, parent: Gateway | None, calls: tuple[PointCall, ...]
) -> FoundPoint:
    is_tier1 = gateway.tier == 1
    return FoundPoint(
        key=PointKey(source, Kind.IPSEC_VPN if session.ipsec else Kind.L2VPN, intern(session.path)),
        name=session.name,
        gateway=gateway.path,
        gateway_name=gateway.name,
        tier1=gateway.path if is_tier1 else None,
        parent=(parent.parent if parent is not None else None) if is_tier1 else gateway.parent,
        project=gateway.project,
        tags=(*gateway.tags, *session.tags),
        read_at=ReadAt.SESSION,
        calls=calls,
        created_at=session.created,
    )


def _enforcement_points(gateway: Gateway, endpoints: Endpoints) -> tuple[str | None, ...]:
    """Return the enforcement points that a gateway lies at; ``None`` asks all of them."""
    found = sorted({point for edge in gateway.edges if (point := enforcement_point(edge.path)) is not None})
    if found:
        return tuple(found)
    return (None if endpoints.federation and endpoints.point is None else endpoints.default_enforcement_point,)


SEVERAL_TIER0S = "its Project has several Tier-0s; it is taken to leave by the first"


def vpc_points(source: str, endpoints: Endpoints, snapshot: Snapshot) -> Iterator[FoundPoint]:
    """Yield VPCs and transit gateways: a point for each kind of traffic that the release tells apart."""
    is_split = is_at_least(parse_version(snapshot.version), VERSION_OF_SPLIT)
    for vpc in snapshot.vpcs.values():
        if vpc.transit or is_split:
            call = endpoints.totals(vpc.path, is_split=True)
            for kind in TRANSIT_KINDS if vpc.transit else VPC_KINDS:
                yield _vpc_point(source, snapshot, vpc, kind, call=call, note=BOTH_OF_ONE)
        else:
            call = endpoints.totals(vpc.path, is_split=False)
            yield _vpc_point(source, snapshot, vpc, Kind.VPC, call=call, note=NO_SPLIT)


def _vpc_point(source: str, snapshot: Snapshot, vpc: Vpc, kind: Kind, *, call: PointCall, note: str) -> FoundPoint:
    """Return one kind of a VPC's traffic. What leaves it passes the uplinks of the Project's Tier-0, so that is its
    gateway: the same bytes are billed at one of the two. Which of several Tier-0s it passes, nobody tells."""
    gateway, name = vpc.path, vpc.name
    if kind is Kind.VPC_EXTERNAL and vpc.tier0s:
        gateway = vpc.tier0s[0]
        tier0 = snapshot.gateways.get(gateway)
        name = tier0.name if tier0 is not None else gateway.rpartition("/")[2]
        if len(vpc.tier0s) > 1:
            note = f"{note}; {SEVERAL_TIER0S}"
    return FoundPoint(
        key=PointKey(source, kind, intern(vpc.path)),
        name=vpc.name,
        gateway=intern(gateway),
        gateway_name=name,
        project=vpc.project,
        tags=vpc.tags,
        read_at=ReadAt.SUMMARY,
        calls=(call,),
        created_at=vpc.created,
        note=note,
    )
