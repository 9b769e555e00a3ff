"""Gateways and segments with every id that a director may know them by."""

from __future__ import annotations

from collector.ports import FoundGateway, FoundSegment
from collector.sources.nsxt.snapshot import Gateway, Snapshot, decode


def gateways_of(payload: bytes) -> tuple[tuple[FoundGateway, ...], tuple[FoundSegment, ...]]:
    """Return the gateways and segments of an inventory's payload, ordered by path; nothing of one that is unreadable.

    A payload of a source without a director has of each gateway its ``id`` and ``unique_id`` alone, and no segments.
    """
    snapshot = decode(payload)
    return (found_gateways(snapshot), found_segments(snapshot)) if snapshot is not None else ((), ())


def found_gateways(snapshot: Snapshot) -> tuple[FoundGateway, ...]:
    """Return every gateway of a snapshot, ordered by path."""
    return tuple(_gateway(gateway) for _, gateway in sorted(snapshot.gateways.items()))


def found_segments(snapshot: Snapshot) -> tuple[FoundSegment, ...]:
    """Return the segments that service interfaces name, ordered by path."""
    return tuple(FoundSegment(path, _unique(_last(path), uid)) for path, uid in sorted(snapshot.segments.items()))


def other_ids(path: str, uid: str, *candidates: object) -> tuple[str, ...]:
    """Return which of the ids are neither the last part of the path nor ``uid``; what is no text is no id."""
    known = {_last(path), uid}
    return tuple(each for each in _unique(*(c for c in candidates if isinstance(c, str))) if each not in known)


def _gateway(gateway: Gateway) -> FoundGateway:
    return FoundGateway(
        path=gateway.path,
        name=gateway.name,
        tier=gateway.tier,
        parent=gateway.parent,
        project=gateway.project,
        ids=_unique(_last(gateway.path), gateway.uid, *gateway.ids),
        tags=gateway.tags,
    )


def _last(path: str) -> str:
    return path.rpartition("/")[2]


def _unique(*ids: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(each for each in ids if each))
