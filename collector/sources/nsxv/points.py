"""A snapshot's metering points: one per uplink vNIC of an edge."""

from __future__ import annotations

import re
from collections.abc import Sequence

from collector.model.identity import Kind, PointKey, ReadAt
from collector.ports import FoundGateway, FoundPoint, PointCall
from collector.sources.nsxv.lists import uplinks
from collector.sources.nsxv.snapshot import Snapshot

_PATH = re.compile(r"/edges/([^/]+)/vnics/([0-9]+)")


def vnic_path(edge: str, index: int) -> str:
    """Return the path of a vNIC's metering point."""
    return f"/edges/{edge}/vnics/{index}"


def edge_and_index(point: PointKey) -> tuple[str, int]:
    """Return edge and index of a metering point.

    Raises:
        ValueError: It is no vNIC.
    """
    found = _PATH.fullmatch(point.path)
    if found is None:
        raise ValueError(f"{point.label} is no vNIC of an edge; expected /edges/ID/vnics/INDEX")
    return found[1], int(found[2])


def points(source: str, snapshot: Snapshot, root: str) -> tuple[FoundPoint, ...]:
    """Return every metering point, ordered by path.

    Args:
        source: Name of the source.
        snapshot: Edges with their vNICs.
        root: What request paths begin with.
    """
    found = [
        FoundPoint(
            key=PointKey(source, Kind.EDGE_INTERFACE, vnic_path(edge.id, vnic.index)),
            name=vnic.name,
            gateway=edge.path,
            gateway_name=edge.name,
            read_at=ReadAt.INTERFACE,
            calls=(PointCall(path=statistics_path(root, edge.id), node=None),),
            note=f"port group {vnic.portgroup}" if vnic.portgroup else "",
        )
        for edge in snapshot.edges.values()
        for vnic in uplinks(edge)
    ]
    return tuple(sorted(found, key=lambda point: point.key.path))


def gateways(snapshot: Snapshot) -> tuple[FoundGateway, ...]:
    """Return every edge, for a director's ids to be looked up in."""
    edges: Sequence[str] = sorted(snapshot.edges)
    return tuple(
        FoundGateway(
            path=snapshot.edges[name].path,
            name=snapshot.edges[name].name,
            tier=1,
            parent=None,
            project=None,
            ids=(name,),
        )
        for name in edges
    )


def statistics_path(root: str, edge: str) -> str:
    """Return the path of an edge's rates, of its uplinks alone."""
    return f"{root}/edges/{edge}/statistics/interfaces/uplink"
