"""An inventory as it is compared and carried over: gateways with their interfaces and edge nodes."""

from __future__ import annotations

import msgspec

from collector.model.period import Instant

PAYLOAD_VERSION = 1
"""Grows when older code could misread the payload; another version is not read."""


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


class Gateway(msgspec.Struct, frozen=True, omit_defaults=True):
    """A Tier-0, a VRF or a Tier-1.

    Attributes:
        tier: 0 or 1.
        parent: The Tier-0 or VRF of a Tier-1, or the parent Tier-0 of a VRF.
        project: Name of the Project that it lies in.
        clusters: Edge clusters of its locale services; none means no service router.
        edges: Edge nodes that it lives on.
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


class Snapshot(msgspec.Struct, frozen=True):
    """All gateways by path."""

    gateways: dict[str, Gateway]
    version: str = ""
    v: int = PAYLOAD_VERSION


class _Header(msgspec.Struct):
    v: int = 0


def encode(snapshot: Snapshot) -> bytes:
    """Return the payload: compact JSON, gateways ordered by path."""
    ordered = dict(sorted(snapshot.gateways.items()))
    return msgspec.json.encode(msgspec.structs.replace(snapshot, gateways=ordered))


def decode(payload: bytes | None) -> Snapshot | None:
    """Return the snapshot of a payload, or ``None`` where there is none that this version reads.

    Without it the next inventory is taken for the first: it reports no changes.
    """
    if payload is None:
        return None
    try:
        if msgspec.json.decode(payload, type=_Header).v != PAYLOAD_VERSION:
            return None
        return msgspec.json.decode(payload, type=Snapshot)
    except (msgspec.DecodeError, UnicodeDecodeError):
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
        keep = path in unread
        gateways[path] = msgspec.structs.replace(
            new,
            interfaces=tuple(sorted(interfaces.values(), key=lambda interface: interface.path)),
            clusters=old.clusters if keep else new.clusters,
            edges=old.edges if keep else new.edges,
        )
    return msgspec.structs.replace(current, gateways=gateways)
