"""Differences between two snapshots, as events."""

from __future__ import annotations

from collections.abc import Iterator

from collector.model.usage import EventName
from collector.ports import Change
from collector.sources.nsxv.points import vnic_path
from collector.sources.nsxv.snapshot import Edge, Snapshot, Vnic


def changes_between(previous: Snapshot, current: Snapshot) -> tuple[Change, ...]:
    """Return what was added, changed and deleted, ordered by path."""
    found: list[Change] = []
    for name, edge in current.edges.items():
        old = previous.edges.get(name)
        if old is None:
            found.append(_of(edge.path, EventName.OBJECT_ADDED, "edge", edge.name))
        else:
            found.extend(_changed(edge.path, "edge", edge.name, {"name": (old.name, edge.name)}))
        found.extend(_vnic_changes(old, edge))
    for name, old in previous.edges.items():
        if name not in current.edges:
            found.append(_of(old.path, EventName.OBJECT_DELETED, "edge", old.name))
            found.extend(_deleted(old, vnic) for vnic in old.vnics)
    return tuple(sorted(found, key=lambda change: (change.path, change.event)))


def _vnic_changes(old: Edge | None, new: Edge) -> Iterator[Change]:
    known = {vnic.index: vnic for vnic in old.vnics} if old is not None else {}
    for vnic in new.vnics:
        path, before = vnic_path(new.id, vnic.index), known.pop(vnic.index, None)
        if before is None:
            yield _of(path, EventName.OBJECT_ADDED, _kind(vnic), vnic.name)
            continue
        pairs = {
            "name": (before.name, vnic.name),
            "type": (before.type, vnic.type),
            "portgroup": (before.portgroup, vnic.portgroup),
        }
        yield from _changed(path, _kind(vnic), vnic.name, pairs)
    for vnic in known.values():
        yield _deleted(new, vnic)


def _changed(path: str, kind: str, name: str, pairs: dict[str, tuple[str, str]]) -> Iterator[Change]:
    different = {what: f"{old or 'none'} → {new or 'none'}" for what, (old, new) in pairs.items() if old != new}
    if different:
        detail = {"object": kind, "name": name, "changed": ", ".join(sorted(different)), **different}
        yield Change(path=path, event=EventName.OBJECT_CHANGED, detail=detail)


def _deleted(edge: Edge, vnic: Vnic) -> Change:
    return _of(vnic_path(edge.id, vnic.index), EventName.OBJECT_DELETED, _kind(vnic), vnic.name)


def _of(path: str, event: EventName, kind: str, name: str) -> Change:
    return Change(path=path, event=event, detail={"object": kind, "name": name})


def _kind(vnic: Vnic) -> str:
    return f"{vnic.type} vNIC" if vnic.type else "vNIC"
