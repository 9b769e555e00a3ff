"""Bytes that the settings would bill twice.

A point named twice, an uplink beside all uplinks of its gateway, and a link under a gateway whose uplinks are billed
are the same bytes twice. Only what the settings show is judged here: an id and a display name of one gateway look
different, and the inventory finds the rest. Source: docs/accounting.md, section 3.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from collector.model.identity import Kind
from config.part import Raw, blocks
from config.words import Finding, Path, path_text, shown

_GATEWAYS = ("edge", "vpc", "tier1", "tier0")
"""Keys that name what a point lies on; a link lies on its Tier-1."""


class _Gateway(NamedTuple):
    """What tells gateways apart: source, kind of point, the key that names it, its last name, its Project."""

    source: str
    kind: Kind
    tier: str
    name: str
    project: str


@dataclass(frozen=True, slots=True)
class _Claim:
    path: Path
    tenant: object
    gateway: _Gateway
    interface: str | None
    under: str | None

    @property
    def who(self) -> str:
        return f"{path_text(self.path)} of tenant {shown(self.tenant)}"


def overlaps(raw: Raw) -> Iterator[Finding]:
    """Return a finding for each point of the settings whose bytes another one bills already."""
    claims = [claim for claim in _claims(raw) if claim is not None]
    by_gateway: dict[_Gateway, list[_Claim]] = {}
    for claim in claims:
        before = next((one for one in by_gateway.get(claim.gateway, ()) if _same(one.interface, claim.interface)), None)
        if before is not None:
            yield Finding(
                claim.path, f"is the same as {before.who}, so its bytes would be billed twice; remove one of the two"
            )
        else:
            by_gateway.setdefault(claim.gateway, []).append(claim)
    for claim in claims:
        if claim.gateway.kind is Kind.TIER1_DOWNLINK and claim.under is not None:
            above = _Gateway(claim.gateway.source, Kind.TIER0_UPLINK, "tier0", _last(claim.under), "")
            for uplink in by_gateway.get(above, ())[:1]:
                yield Finding(
                    claim.path, f"lies under the gateway of {uplink.who}: the same bytes twice; remove one of the two"
                )


def _claims(raw: Raw) -> Iterator[_Claim | None]:
    for position, tenant in blocks(raw, "tenants"):
        for number, point in blocks(tenant, "points"):
            yield _claim(("tenants", position, "points", number), tenant.get("id"), point)


def _claim(path: Path, tenant: object, point: Raw) -> _Claim | None:
    """Return a point as a claim, or ``None`` when it is too wrong to be compared."""
    source, kind = _text(point, "source"), _text(point, "kind")
    if source is None or kind is None or kind not in set(Kind):
        return None
    tier0, interface = _text(point, "tier0"), _text(point, "interface")
    tier, gateway = next(((key, name) for key in _GATEWAYS if (name := _text(point, key)) is not None), ("", None))
    if gateway is None or (Kind(kind) is Kind.SERVICE_INTERFACE and interface is None):
        return None
    project = _text(point, "project") or _project(gateway)
    key = _Gateway(source, Kind(kind), tier, _last(gateway), project)
    link = Kind(kind) is Kind.TIER1_DOWNLINK
    return _Claim(path, tenant, key, None if link else interface, tier0 if link else None)


def _text(point: Raw, key: str) -> str | None:
    value = point.get(key)
    if key == "interface" and type(value) is int:
        return str(value)
    return str(value) if isinstance(value, str) and value else None


def _last(name: str) -> str:
    return name.rstrip("/").rsplit("/", 1)[-1]


def _project(gateway: str) -> str:
    """Return the Project that a policy path lies in: ``/orgs/default/projects/p1/infra/tier-1s/t1`` lies in ``p1``."""
    parts = gateway.split("/")
    return parts[4] if len(parts) > 4 and parts[1] == "orgs" and parts[3] == "projects" else ""


def _same(one: str | None, other: str | None) -> bool:
    """Return whether two interfaces of one gateway are the same; no interface means all of them."""
    if one is None or other is None:
        return True
    return one == other if one.startswith("/") and other.startswith("/") else _last(one) == _last(other)
