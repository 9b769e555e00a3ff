"""What a director's ids mean in one NSX source: Tier-1s, Tier-0s, segments and edges by id; never by name.

Which kind of id a director gives is not documented: the policy id, the ``unique_id``, the ``realization_id``, the id of
the realised router, or a policy path. So any of them may fit; one that fits two objects fits none, since ids under a
Project are its user's choice.
Source: VMware go-vcloud-director, types/v56, OpenAPIEdgeGatewayBacking ("identifier of the backing router").
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from collector.core.places import Gateway, Place, Segment, last
from collector.model.identity import Kind

EDGES = "/edges/"
"""Where the paths of NSX-V edges begin."""

_BEFORE_EDGE = re.compile(r"^.*[:/]")


class Ids:
    """Objects by everything that they may be called."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}
        self._more: dict[str, set[str]] = {}

    def add(self, path: str, ids: Iterable[str]) -> None:
        """Let an object be found by its path and ids."""
        for one in (path, *ids):
            if one and self._first.setdefault(one, path) != path:
                self._more.setdefault(one, set()).add(path)

    def find(self, wanted: str) -> tuple[str, ...]:
        """Return the paths of the objects that an id fits, in order."""
        first = self._first.get(wanted)
        if first is None:
            return ()
        return tuple(sorted((first, *self._more[wanted]))) if wanted in self._more else (first,)


class Estate:
    """The objects of one source.

    Attributes:
        gateways: By policy path.
        interfaces: Tier-1 → its service interfaces.
    """

    def __init__(self, places: Sequence[Place], gateways: Sequence[Gateway], segments: Sequence[Segment]) -> None:
        self.gateways = {gateway.path: gateway for gateway in gateways}
        self.interfaces: dict[str, list[Place]] = {}
        self._tiers = (Ids(), Ids())
        self._segments = Ids()
        self._edges = Ids()
        for gateway in gateways:
            ids = self._edges if gateway.path.startswith(EDGES) else self._tiers[1 if gateway.tier == 1 else 0]
            ids.add(gateway.path, gateway.ids)
        for segment in segments:
            self._segments.add(segment.path, segment.ids)
        for place in places:
            if place.key.kind is Kind.EDGE_INTERFACE:
                self._edges.add(place.gateway, (last(place.gateway),))
            elif place.key.kind is Kind.SERVICE_INTERFACE:
                if place.tier1 is not None:
                    self.interfaces.setdefault(place.tier1, []).append(place)
                if place.segment:
                    self._segments.add(place.segment, (last(place.segment),))

    def tier1s(self, wanted: str, *, in_project: bool) -> tuple[str, ...]:
        """Return the Tier-1s that a backing id fits.

        With networking tenancy the Tier-1 lies in a Project; without it, one outside of Projects goes first.
        """
        found = self._tiers[1].find(wanted)
        inside = tuple(path for path in found if self.gateways[path].project is not None)
        outside = tuple(path for path in found if self.gateways[path].project is None)
        return inside if in_project else outside or inside

    def tier0s(self, wanted: str) -> tuple[str, ...]:
        """Return the Tier-0s and VRFs that a backing id fits."""
        return self._tiers[0].find(wanted)

    def segments(self, wanted: str) -> tuple[str, ...]:
        """Return the segments that a backing id fits."""
        return self._segments.find(wanted)

    def edges(self, *wanted: str) -> tuple[str, ...]:
        """Return the NSX-V edges that any of some ids fits, also with an NSX manager's id before ``:``."""
        found = {
            path for one in wanted for path in self._edges.find(one) or self._edges.find(_BEFORE_EDGE.sub("", one))
        }
        return tuple(sorted(found))
