"""An inventory as it is compared and carried over: edges with their vNICs."""

from __future__ import annotations

import msgspec

PAYLOAD_VERSION = 1
"""Grows when older code could misread the payload; another version is not read."""


class Vnic(msgspec.Struct, frozen=True, omit_defaults=True):
    """A vNIC of an edge.

    Attributes:
        type: ``uplink``, ``internal``, ``trunk``, or empty where nothing says so.
        portgroup: Name of the port group that it is connected to.
    """

    index: int
    name: str
    label: str = ""
    type: str = ""
    portgroup: str = ""


class Edge(msgspec.Struct, frozen=True, omit_defaults=True):
    """An edge gateway; a pair for high availability is one.

    Attributes:
        id: ``edge-12``, or the director's UUID of the gateway.
        type: ``gatewayServices``, where the list says so.
    """

    id: str
    name: str
    type: str = ""
    vnics: tuple[Vnic, ...] = ()

    @property
    def path(self) -> str:
        """Its path, of which those of its metering points are made."""
        return f"/edges/{self.id}"


class Snapshot(msgspec.Struct, frozen=True):
    """All edges by id."""

    edges: dict[str, Edge]
    v: int = PAYLOAD_VERSION


class _Header(msgspec.Struct):
    v: int = 0


def encode(snapshot: Snapshot) -> bytes:
    """Return the payload: compact JSON, edges ordered by id."""
    return msgspec.json.encode(msgspec.structs.replace(snapshot, edges=dict(sorted(snapshot.edges.items()))))


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

    No edge that the previous one had is taken for deleted. Of edges in ``unread`` the vNICs are the previous ones.
    """
    edges = dict(current.edges)
    for name, old in previous.edges.items():
        new = edges.get(name)
        if new is None:
            edges[name] = old
        elif name in unread:
            known = {vnic.index: vnic for vnic in (*old.vnics, *new.vnics)}
            edges[name] = msgspec.structs.replace(new, vnics=tuple(known[index] for index in sorted(known)))
    return Snapshot(edges=edges)
