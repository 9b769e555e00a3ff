"""Edges and vNICs out of the lists that name them. What a row lacks is lacking; a row without its id is told.

Source: the vendor's RAML of the NSX-V API, ``/4.0/edges`` and ``/4.0/edges/{edgeId}/vnics``; the models EdgeSummary and
Vnic of VMware Cloud on AWS. That ``type`` of a vNIC is ``uplink``, ``internal`` or ``trunk`` is inferred.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from collector.sources.nsxv.forms import Fields
from collector.sources.nsxv.numbers import whole
from collector.sources.nsxv.snapshot import Edge, Vnic

VNICS_MAX = 1_000
"""An edge has ten vNICs. An index beyond this is none."""

UPLINK = "uplink"

DISTRIBUTED = "distributedRouter"
"""A router on the hypervisors: no vNIC of it counts anything, and what leaves it passes another edge."""

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}")


class Named(NamedTuple):
    """An edge as a list has it."""

    id: str
    name: str
    type: str


def edge_of(row: Fields) -> Named | None:
    """Return the edge of a row, or ``None`` where it has no id that a path can hold."""
    found = row.get("objectId") or row.get("id") or ""
    if not is_id(found):
        return None
    return Named(found, row.get("name") or found, row.get("edgeType", ""))


def is_id(text: str) -> bool:
    """True for an id that a path can hold, such as ``edge-12`` or a UUID."""
    return _ID.fullmatch(text) is not None


def vnics_of(rows: Iterable[Fields]) -> tuple[tuple[Vnic, ...], list[str]]:
    """Return vNICs by index, and what was wrong with rows."""
    found: dict[int, Vnic] = {}
    faults: list[str] = []
    for row in rows:
        index = index_of(row.get("index"))
        if index is None:
            faults.append("a vNIC has no index; left out")
        elif index in found:
            faults.append(f"vNIC {index} is listed twice; the first row counts")
        else:
            found[index] = _vnic(index, row)
    return tuple(found[index] for index in sorted(found)), faults


def index_of(text: str | None) -> int | None:
    """Return the index of a vNIC."""
    index = whole(text)
    return index if index is not None and 0 <= index < VNICS_MAX else None


def _vnic(index: int, row: Fields) -> Vnic:
    return Vnic(
        index=index,
        name=row.get("name") or row.get("label") or f"vnic {index}",
        label=row.get("label", ""),
        type=row.get("type", "").lower(),
        portgroup=row.get("portgroupName") or row.get("portgroupId", ""),
    )


def uplinks(edge: Edge) -> tuple[Vnic, ...]:
    """Return the vNICs to be metered."""
    return tuple(vnic for vnic in edge.vnics if vnic.type == UPLINK)
