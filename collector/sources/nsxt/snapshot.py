"""An inventory as it is compared and carried over: gateways with their interfaces, tunnels and edge nodes, and VPCs."""

from __future__ import annotations

import zlib

import msgspec

from collector.model.period import Instant

PAYLOAD_VERSION = 1
"""Grows when older code could misread the payload; another version is not read."""

PAYLOAD_LEVEL = 1
"""UUIDs are most of it, of which higher levels make nothing smaller either."""

PAYLOAD_BYTES_MAX = 1 << 30
"""Greatest payload once inflated: fifty times that of the largest provider; a longer one is damaged."""

VPN, VPCS = "vpn", "vpcs"
"""Parts of an inventory that a source may leave out."""


class Edge(msgspec.Struct, frozen=True):
    """An edge node that a gateway lives on.

    Attributes:
        path: Policy path, as ``edge_path`` wants it.
        node: Transport node id.
        status: HA status there, ACTIVE, STANDBY and so on, or empty.
    """

    path: str
    node: str
    status: str = ""


class Interface(msgspec.Struct, frozen=True, omit_defaults=True):
    """An EXTERNAL or SERVICE interface.

    Attributes:
        edge_node: Transport node id of ``edge_path``, where an edge cluster lists it.
        site: Site of its locale services, where the gateway is stretched over several.
        uid: ``unique_id``: another one under the same path is another object.
        created: ``_create_time``.
    """

    path: str
    name: str
    external: bool = False
    edge_path: str | None = None
    edge_node: str | None = None
    segment: str | None = None
    tags: tuple[tuple[str, str], ...] = ()
    uid: str = ""
    created: Instant | None = None
    site: str = ""


class Session(msgspec.Struct, frozen=True, omit_defaults=True):
    """A session of an L2VPN or an IPsec service of a gateway."""

    path: str
    name: str
    ipsec: bool = False
    tags: tuple[tuple[str, str], ...] = ()
    uid: str = ""
    created: Instant | None = None


class Gateway(msgspec.Struct, frozen=True, omit_defaults=True):
    """A Tier-0, a VRF or a Tier-1.

    Attributes:
        tier: 0 or 1.
        parent: The Tier-0 or VRF of a Tier-1, or the parent Tier-0 of a VRF.
        project: Name of the Project that it lies in.
        clusters: Edge clusters of its locale services; none means no service router.
        edges: Edge nodes that it lives on.
        sessions: Sessions of its VPN services.
        ids: Other ids than the last part of ``path`` and ``uid``: of its realisation, of its logical router.
    """

    path: str
    name: str
    tier: int
    parent: str | None = None
    project: str | None = None
    ha_mode: str = ""
    tags: tuple[tuple[str, str], ...] = ()
    uid: str = ""
    created: Instant | None = None
    clusters: tuple[str, ...] = ()
    edges: tuple[Edge, ...] = ()
    interfaces: tuple[Interface, ...] = ()
    sessions: tuple[Session, ...] = ()
    ids: tuple[str, ...] = ()


class Vpc(msgspec.Struct, frozen=True, omit_defaults=True):
    """A VPC or, with ``transit``, a transit gateway of a Project.

    Attributes:
        tier0s: Tier-0s and VRFs that the Project goes out by.
    """

    path: str
    name: str
    project: str
    transit: bool = False
    tags: tuple[tuple[str, str], ...] = ()
    uid: str = ""
    created: Instant | None = None
    tier0s: tuple[str, ...] = ()


class Snapshot(msgspec.Struct, frozen=True):
    """All gateways by path, and what else was asked for.

    Attributes:
        vpcs: VPCs and transit gateways by path.
        segments: Segments that service interfaces name, path to ``unique_id``, or to nothing where no list had it.
        parts: Which of the parts that a source may leave out were read; what a snapshot lacks because nobody asked
            was neither added nor deleted.
    """

    gateways: dict[str, Gateway]
    version: str = ""
    v: int = PAYLOAD_VERSION
    vpcs: dict[str, Vpc] = {}
    segments: dict[str, str] = {}
    parts: tuple[str, ...] = ()


class _Header(msgspec.Struct):
    v: int = 0


def encode(snapshot: Snapshot) -> bytes:
    """Return the payload: compact JSON, objects ordered by path, deflated.

    It is kept in memory between discoveries and in the ledger: 20 MiB for 25 000 points are one, for 50 ms of work.
    """
    ordered = msgspec.structs.replace(
        snapshot,
        gateways=dict(sorted(snapshot.gateways.items())),
        vpcs=dict(sorted(snapshot.vpcs.items())),
        segments=dict(sorted(snapshot.segments.items())),
    )
    return zlib.compress(msgspec.json.encode(ordered), PAYLOAD_LEVEL)


def decode(payload: bytes | None) -> Snapshot | None:
    """Return the snapshot of a payload, deflated or not, or ``None`` where there is none that this version reads.

    Without it the next inventory is taken for the first: it reports no changes.
    """
    if payload is None:
        return None
    try:
        plain = payload if payload.startswith(b"{") else zlib.decompressobj().decompress(payload, PAYLOAD_BYTES_MAX)
        if msgspec.json.decode(plain, type=_Header).v != PAYLOAD_VERSION:
            return None
        return msgspec.json.decode(plain, type=Snapshot)
    except (zlib.error, msgspec.DecodeError, UnicodeDecodeError):
        return None


def merged(previous: Snapshot, current: Snapshot, unread: frozenset[str]) -> Snapshot:
    """Return what an incomplete inventory stands for: what it read, and what it could not disprove.

    Nothing that the previous one had is taken for deleted. Of gateways in ``unread`` the edge nodes are the previous
    ones too.
    """
    gateways = dict(current.gateways)
    for path, old in previous.gateways.items():
        new = gateways.get(path)
        if new is None:
            gateways[path] = old
            continue
        interfaces = {interface.path: interface for interface in (*old.interfaces, *new.interfaces)}
        sessions = {session.path: session for session in (*old.sessions, *new.sessions)}
        keep = path in unread
        gateways[path] = msgspec.structs.replace(
            new,
            interfaces=tuple(sorted(interfaces.values(), key=lambda interface: interface.path)),
            clusters=old.clusters if keep else new.clusters,
            edges=old.edges if keep else new.edges,
            sessions=tuple(sorted(sessions.values(), key=lambda session: session.path)),
            ids=old.ids if keep else new.ids,
        )
    return msgspec.structs.replace(
        current,
        gateways=gateways,
        vpcs=previous.vpcs | current.vpcs,
        segments=previous.segments | current.segments,
    )
