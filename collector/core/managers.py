"""Which source of ours a director means by a network provider."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from collector.core.decisions import AttributionRules, Note, NoteKind, Rule, SourceEntry
from collector.model.directory import CloudMap, GatewayType

NSXT, NSXV = "nsxt", "nsxv"
"""Kinds of sources, as the settings write them."""

_PORTS = {"https": 443, "http": 80}


class Managers:
    """Finds the source of a network provider: by the settings, by its name, by its address, or the only one."""

    def __init__(self, rules: AttributionRules, here: str = "") -> None:
        """Args:
        here: The source that is looked at; the only one where the rules list none.
        """
        self._rules = rules
        self._here = here
        self._by_name = {entry.name: entry for entry in rules.sources}
        self._urls = {
            (cloud.source, key): manager.url
            for cloud in rules.maps
            for manager in cloud.managers
            for key in (manager.name, manager.id)
            if key and manager.url
        }

    def source(self, director: str, reference: str, name: str, kind: str = NSXT) -> str | None:
        """Return the name of the source, or ``None`` where nobody can tell."""
        return self._said(director, reference, name, kind) or self._only(kind)

    def proxies(self, director: str) -> frozenset[str]:
        """Return the sources that ask NSX-V edges through a director."""
        return frozenset(entry.name for entry in self._rules.sources if entry.via == director)

    def _said(self, director: str, reference: str, name: str, kind: str) -> str | None:
        """Return the source that settings, name or address say."""
        keys = [(director, key) for key in (reference, name) if key]
        for key in keys:
            if key in self._rules.managers:
                return self._rules.managers[key]
        same = self._by_name.get(name)
        if same is not None and same.kind == kind:
            return same.name
        for key in keys:
            found = self._at(_address(self._urls[key]), kind) if key in self._urls else None
            if found is not None:
                return found
        return None

    def _at(self, address: tuple[str, int | None] | None, kind: str) -> str | None:
        if address is None:
            return None
        entries = (entry for entry in self._rules.sources if entry.kind == kind)
        return next((entry.name for entry in entries if address in map(_address, entry.urls)), None)

    def _only(self, kind: str) -> str | None:
        if not self._rules.sources:
            return self._here or None
        direct: list[SourceEntry] = [one for one in self._rules.sources if one.kind == kind and not one.via]
        return direct[0].name if len(direct) == 1 else None


def unresolved_managers(rules: AttributionRules) -> tuple[Note, ...]:
    """Return a note for each network provider that no source of ours can be found for, once for all sources."""
    managers = Managers(rules)
    if Rule.VCD not in rules.order or not rules.sources:
        return ()
    return tuple(note for cloud in rules.maps for note in _unresolved(cloud, managers))


def _unresolved(cloud: CloudMap, managers: Managers) -> Iterator[Note]:
    counts: dict[tuple[str, str, str], int] = {}
    for gateway in cloud.gateways:
        kind = NSXV if gateway.type == GatewayType.NSXV else NSXT
        key = (gateway.manager, gateway.manager_name, kind)
        counts[key] = counts.get(key, 0) + 1
    for (reference, name, kind), count in sorted(counts.items()):
        if managers.source(cloud.source, reference, name, kind) is None:
            if kind == NSXV and managers.proxies(cloud.source):
                continue
            message = (
                f"{cloud.source}: network provider {name or reference or 'without a name'!r} of {count} gateways is no "
                f"source of kind {kind}; write it under managers of the source {cloud.source}"
            )
            yield Note(NoteKind.UNRESOLVED, reference or name, message)


def _address(url: str) -> tuple[str, int | None] | None:
    """Return (host, port) of an address, also of one without a scheme; ``None`` where it is none."""
    try:
        parts = urlsplit(url if "://" in url else f"https://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        return None
    return (host, port or _PORTS.get(parts.scheme)) if host else None
