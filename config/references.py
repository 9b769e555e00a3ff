"""Names by which one block of the settings speaks of another: sources, tenants, files that cannot be shared."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from collector.model.identity import UNATTRIBUTED, Kind
from config.leaves import flag, name
from config.part import Raw, block, blocks, repeated
from config.tenants import POINT_KINDS, POINT_SOURCES
from config.words import Expanded, Finding, Path, Wrong, listing, meant, shown

METERING_KINDS = ("nsxt", "nsxv")
"""Kinds of source that have metering points."""


def references(raw: Raw) -> Iterator[Finding]:
    """Return a finding for each name that stands for nothing, or for something of the wrong kind."""
    sources = {_text(one, "name"): _text(one, "kind") for _, one in blocks(raw, "sources")}
    known = {one: kind for one, kind in sources.items() if one}
    yield from _points(raw, known)
    yield from _directors(raw, known)
    yield from _tokens(raw)
    yield from _orgs(raw)


def nothing_to_meter(raw: Raw) -> Iterator[Finding]:
    """Return a finding where no source has metering points."""
    advice = f"so there is nothing to meter; write one at least, of kind: {listing(METERING_KINDS)}"
    if raw.get("sources") in (None, [], ()):
        yield Finding(("sources",), f"has no source, {advice}")
    elif {_text(one, "kind") for _, one in blocks(raw, "sources")} == {"vcd"}:
        yield Finding(("sources",), f"has only sources of kind vcd, which count nothing, {advice}")


def _points(raw: Raw, known: Mapping[str, str]) -> Iterator[Finding]:
    for position, tenant in blocks(raw, "tenants"):
        for number, point in blocks(tenant, "points"):
            written, kind = _text(point, "source"), _text(point, "kind")
            fitting = POINT_SOURCES[Kind(kind)] if kind in POINT_KINDS else None
            what = f"a point of kind {kind}"
            yield from _source(("tenants", position, "points", number, "source"), written, known, fitting, what)


def _directors(raw: Raw, known: Mapping[str, str]) -> Iterator[Finding]:
    """Return findings about the sources that a director's, and the director that an NSX-V source, names."""
    found = list(blocks(raw, "sources"))
    for position, source in found:
        path: Path = ("sources", position)
        if _text(source, "kind") == "nsxv":
            yield from _source((*path, "via_vcd"), _text(source, "via_vcd"), known, ("vcd",), "via_vcd")
        if _text(source, "kind") == "vcd":
            for key, manager in block(source, "managers").items():
                written = manager if isinstance(manager, str) else ""
                yield from _source((*path, "managers", key), written, known, METERING_KINDS, "a network provider")
    for shared in ("via_vcd", "service_account_token_file"):
        yield from repeated((("sources", position, shared), one.get(shared)) for position, one in found)


def _source(
    path: Path, written: str, known: Mapping[str, str], kinds: Sequence[str] | None, what: str
) -> Iterator[Finding]:
    """Return a finding where ``written`` names no source, or one of a kind that ``what`` cannot lie on."""
    if not written:
        return
    if written not in known:
        yield Finding(path, f"{shown(written)} is not the name of a source; {_hint(written, list(known))}")
    elif kinds is not None and known[written] in {"nsxt", "nsxv", "vcd"} and known[written] not in kinds:
        fitting = [one for one, kind in known.items() if kind in kinds]
        message = f"{shown(written)} is a source of kind {known[written]}; {what} needs one of kind {listing(kinds)}"
        yield Finding(path, f"{message} ({_hint('', fitting)})")


def unborn_tenants(raw: Raw) -> Iterator[Finding]:
    """Return a finding for each tenant of a token that only exists once a director, a tag or a Project names it."""
    for path, tenant, hint, possible in _foreign(raw):
        if possible:
            near = f" ({hint})" if hint.startswith("did you mean") else ""
            message = f"{shown(tenant)} is no tenant of these settings, so the token sees nothing of it"
            yield Finding(path, f"{message} until attribution.auto_tenants makes one of that id{near}")


def _tokens(raw: Raw) -> Iterator[Finding]:
    """Return a finding for each tenant of a token that is none and cannot come to be."""
    for path, tenant, hint, possible in _foreign(raw):
        if not possible:
            yield Finding(path, f"{shown(tenant)} is not the id of a tenant; {hint}")


def _foreign(raw: Raw) -> Iterator[tuple[Path, str, str, bool]]:
    """Return the tenants of tokens that are not written: (path, id, hint, whether it may come to be)."""
    known = [one for one in (_text(tenant, "id") for _, tenant in blocks(raw, "tenants")) if one]
    ids, automatic = {*known, UNATTRIBUTED}, _makes_tenants(block(raw, "attribution"))
    for position, token in blocks(block(raw, "http"), "tokens"):
        listed = token.get("tenants")
        for number, tenant in enumerate(listed if isinstance(listed, list | tuple) else ()):
            if isinstance(tenant, str) and tenant not in ids:
                path = ("http", "tokens", position, "tenants", number)
                yield path, tenant, _hint(tenant, known), automatic and _is_name(tenant)


def _makes_tenants(attribution: Raw) -> bool:
    """Return whether tenants may come to be that no block names: by a director, tags or Projects."""
    order = attribution.get("order")
    if isinstance(order, list | tuple) and all(one == "config" for one in order):
        return False
    try:
        return flag(attribution.get("auto_tenants", True))
    except Wrong:
        return True


def _orgs(raw: Raw) -> Iterator[Finding]:
    return repeated((("tenants", position, "vcd_org"), one.get("vcd_org")) for position, one in blocks(raw, "tenants"))


def _is_name(word: str) -> bool:
    try:
        name(word)
    except Wrong:
        return False
    return True


def _text(raw: Raw, key: str) -> str:
    value = raw.get(key)
    return value if isinstance(value, str) else ""


def _hint(word: str, known: Sequence[str]) -> str:
    """Return the nearest known word; one that came from the environment is shown as it is written, so it names none."""
    return meant(word, [one for one in known if not isinstance(one, Expanded)])
