"""Differences between two snapshots, as events."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from collector.model.usage import EventName
from collector.ports import Change
from collector.sources.nsxt.snapshot import VPCS, VPN, Gateway, Interface, Session, Snapshot, Vpc

ACTIVE = "ACTIVE"


def changes_between(previous: Snapshot, current: Snapshot) -> tuple[Change, ...]:
    """Return what was added, changed, moved and deleted, ordered by path.

    A Tier-1 under another Tier-0 is moved; an object with another ``unique_id`` or ``_create_time`` under its old
    path was made anew. Parts that were not read both times, such as VPN sessions, are not compared.
    """
    parts = set(previous.parts) & set(current.parts)
    found: list[Change] = []
    for path, gateway in current.gateways.items():
        old = previous.gateways.get(path)
        if old is None:
            found.append(_added(path, _kind(gateway), gateway.name))
        else:
            found.extend(_gateway_changes(old, gateway))
        found.extend(_interface_changes(old, gateway))
    found.extend(_deletions(previous, current))
    if VPN in parts:
        found.extend(_object_changes(_sessions(previous), _sessions(current)))
    if VPCS in parts:
        found.extend(_object_changes(previous.vpcs, current.vpcs))
    return tuple(sorted(found, key=lambda change: (change.path, change.event)))


def _gateway_changes(old: Gateway, new: Gateway) -> Iterator[Change]:
    if old.tier == 1 and old.parent != new.parent:
        detail = {"object": _kind(new), "name": new.name, "from": old.parent or "none", "to": new.parent or "none"}
        yield Change(path=new.path, event=EventName.POINT_MOVED, detail=detail)
    pairs = {
        "name": (old.name, new.name),
        "tags": (_tags(old.tags), _tags(new.tags)),
        "ha_mode": (old.ha_mode, new.ha_mode),
        "edge_clusters": (", ".join(old.clusters), ", ".join(new.clusters)),
        "edge_nodes": (_nodes(old), _nodes(new)),
        "active_nodes": (_nodes(old, ACTIVE), _nodes(new, ACTIVE)),
        "unique_id": (old.uid, new.uid),
        "created": (str(old.created or ""), str(new.created or "")),
    }
    if new.tier == 0:
        pairs["parent"] = (old.parent or "", new.parent or "")
    yield from _changed(new.path, _kind(new), new.name, pairs)


def _interface_changes(old: Gateway | None, new: Gateway) -> Iterator[Change]:
    known = {interface.path: interface for interface in old.interfaces} if old is not None else {}
    for interface in new.interfaces:
        before = known.get(interface.path)
        if before is None:
            yield _added(interface.path, _interface_kind(interface), interface.name)
            continue
        pairs = {
            "name": (before.name, interface.name),
            "tags": (_tags(before.tags), _tags(interface.tags)),
            "type": (_interface_kind(before), _interface_kind(interface)),
            "edge_path": (before.edge_path or "", interface.edge_path or ""),
            "segment": (before.segment or "", interface.segment or ""),
            "unique_id": (before.uid, interface.uid),
            "created": (str(before.created or ""), str(interface.created or "")),
        }
        yield from _changed(interface.path, _interface_kind(interface), interface.name, pairs)


def _object_changes(previous: Mapping[str, Session | Vpc], current: Mapping[str, Session | Vpc]) -> Iterator[Change]:
    """Yield the changes of VPN sessions, or of VPCs and transit gateways."""
    for path, new in current.items():
        old = previous.get(path)
        if old is None:
            yield _added(path, _object_kind(new), new.name)
            continue
        pairs = {
            "name": (old.name, new.name),
            "tags": (_tags(old.tags), _tags(new.tags)),
            "unique_id": (old.uid, new.uid),
            "created": (str(old.created or ""), str(new.created or "")),
        }
        yield from _changed(path, _object_kind(new), new.name, pairs)
    for path, old in previous.items():
        if path not in current:
            yield _deleted(path, _object_kind(old), old.name)


def _sessions(snapshot: Snapshot) -> dict[str, Session]:
    return {session.path: session for gateway in snapshot.gateways.values() for session in gateway.sessions}


def _changed(path: str, kind: str, name: str, pairs: dict[str, tuple[str, str]]) -> Iterator[Change]:
    different = {what: f"{old or 'none'} → {new or 'none'}" for what, (old, new) in pairs.items() if old != new}
    if different:
        if {"unique_id", "created"} & different.keys():
            different["made_anew"] = "true"
        detail = {"object": kind, "name": name, "changed": ", ".join(sorted(different)), **different}
        yield Change(path=path, event=EventName.OBJECT_CHANGED, detail=detail)


def _deletions(previous: Snapshot, current: Snapshot) -> Iterator[Change]:
    for path, old in previous.gateways.items():
        new = current.gateways.get(path)
        if new is None:
            yield _deleted(path, _kind(old), old.name)
        left = {interface.path for interface in new.interfaces} if new is not None else set()
        for interface in old.interfaces:
            if interface.path not in left:
                yield _deleted(interface.path, _interface_kind(interface), interface.name)


def _added(path: str, kind: str, name: str) -> Change:
    return Change(path=path, event=EventName.OBJECT_ADDED, detail={"object": kind, "name": name})


def _deleted(path: str, kind: str, name: str) -> Change:
    return Change(path=path, event=EventName.OBJECT_DELETED, detail={"object": kind, "name": name})


def _kind(gateway: Gateway) -> str:
    if gateway.tier == 1:
        return "tier1"
    return "vrf" if gateway.parent is not None else "tier0"


def _object_kind(found: Session | Vpc) -> str:
    if isinstance(found, Session):
        return "ipsec_session" if found.ipsec else "l2vpn_session"
    return "transit_gateway" if found.transit else "vpc"


def _interface_kind(interface: Interface) -> str:
    return "external_interface" if interface.external else "service_interface"


def _tags(tags: tuple[tuple[str, str], ...]) -> str:
    return ", ".join(sorted(f"{scope}:{tag}" for scope, tag in tags))


def _nodes(gateway: Gateway, status: str | None = None) -> str:
    return ", ".join(sorted(edge.node for edge in gateway.edges if status is None or edge.status == status))
