"""What the maps of directors say of the metering points of one source: docs/accounting.md, section 5.

A gateway's Tier-1 is found by its backing id; its link is the organisation's, and so are the service interfaces on the
segments of its external networks. Its other service interfaces are the tenant's own inside. The uplinks and service
interfaces of a Tier-0 or VRF are an organisation's where its provider gateway is dedicated to it. Where director and
manager disagree about which Tier-0 a Tier-1 is connected to, traffic goes where the manager says, and so does the bill.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from collector.core.claims import TUNNELS
from collector.core.decisions import AttributionRules, Note, NoteKind, Saying
from collector.core.lookup import Estate
from collector.core.networks import Standing
from collector.core.places import Gateway, Place, Segment
from collector.core.reading import MapReader, Router
from collector.core.tenancy import Tenancy
from collector.model.identity import Kind


class _Sayings(NamedTuple):
    """What is said of a Tier-1: of its link, of the interfaces on some segments, of the others."""

    link: Saying
    external: dict[str, Saying]
    other: Saying
    unknown: Saying


class VcdMapping:
    """What every director says of one source.

    Attributes:
        notes: What was not found, fits several, or disagrees.
    """

    def __init__(
        self,
        rules: AttributionRules,
        source: str,
        tenancy: Tenancy,
        *,
        places: Sequence[Place],
        gateways: Sequence[Gateway],
        segments: Sequence[Segment],
    ) -> None:
        self.notes: dict[Note, None] = {}
        self._is_asked = bool(rules.maps)
        self._doubtful: dict[str, str] = {}
        routers: dict[str, Router] = {}
        providers: dict[str, list[tuple[MapReader, Standing]]] = {}
        estate = Estate(places, gateways, segments)
        readers = [
            MapReader(rules, source, cloud, estate=estate, tenancy=tenancy, routers=routers) for cloud in rules.maps
        ]
        for reader in readers:
            reader.read()
            self._doubtful.update(reader.doubtful)
            for path, standing in reader.networks.providers():
                providers.setdefault(path, []).append((reader, standing))
        self._tier1s = {path: self._of_router(path, router) for path, router in routers.items()}
        self._tier0s = {path: self._of_tier0(path, found) for path, found in providers.items()}
        for reader in readers:
            self.notes.update(dict.fromkeys((*reader.notes, *reader.orgs.notes)))

    def say(self, place: Place) -> Saying | None:
        """Return what the directors say of a point; ``None`` where they cannot know it."""
        kind = place.key.kind
        if kind is Kind.EDGE_INTERFACE:
            edge = self._tier1s.get(place.gateway)
            return edge.link if edge is not None else self._stranger(place.gateway, "no gateway of VCD is this edge")
        if kind not in TUNNELS and kind not in (Kind.TIER0_UPLINK, Kind.TIER1_DOWNLINK, Kind.SERVICE_INTERFACE):
            return None
        if place.tier1 is None:
            reason = "no provider gateway of VCD stands on its Tier-0"
            return self._tier0s.get(place.gateway) or self._stranger(place.gateway, reason)
        sayings = self._tier1s.get(place.tier1)
        if sayings is None:
            return self._stranger(place.tier1, "no gateway of VCD stands on its Tier-1")
        if kind is not Kind.SERVICE_INTERFACE:
            return sayings.link
        return sayings.external.get(place.segment, sayings.other) if place.segment else sayings.unknown

    def _stranger(self, path: str, reason: str) -> Saying | None:
        return Saying(None, self._doubtful.get(path, reason)) if self._is_asked else None

    # --- a Tier-1 or edge ------------------------------------------------------------------------------------------

    def _of_router(self, path: str, router: Router) -> _Sayings:
        first = router.holders[0]
        if len({(holder.director, holder.whose.reference) for holder in router.holders}) > 1:
            return self._contested(path, router)
        whose, who = first.whose, f"VCD: {first.who}"
        owner = f"{who}, but {whose.why}" if whose.tenant is None else who
        link = Saying(
            whose.tenant,
            f"{owner} (provider gateway {router.provider})" if router.provider else owner,
            is_counted=not any(holder.gateway.distributed_only for holder in router.holders),
        )
        external = {
            segment: Saying(whose.tenant, f"{owner} (external network {name})")
            for segment, name in router.externals.items()
        }
        cannot = f"{who}: nobody can tell whether it is inside or outside"
        if router.undecided:
            other = unknown = Saying(None, f"{cannot}: {router.undecided}")
        else:
            other = Saying(whose.tenant, f"VCD: inside {first.who}, on none of its external networks", internal=True)
            unknown = Saying(None, f"{cannot}: its segment is unknown") if external else other
        return _Sayings(link, external, other, unknown)

    def _contested(self, path: str, router: Router) -> _Sayings:
        """Gateways of several organisations name one router: it is nobody's until one of them is gone."""
        several = " and ".join(sorted(holder.who for holder in router.holders))
        message = f"{several} stand on one router, {path}, so nobody is billed for it"
        self.notes[Note(NoteKind.COLLISION, path, message)] = None
        nobody = Saying(None, f"VCD: {several} stand on it")
        return _Sayings(nobody, {}, nobody, nobody)

    # --- a Tier-0 or VRF -------------------------------------------------------------------------------------------

    def _of_tier0(self, path: str, found: Iterable[tuple[MapReader, Standing]]) -> Saying:
        """Return whose the uplinks of a Tier-0 or VRF are."""
        answers = [self._of_network(reader, standing) for reader, standing in found]
        if len({answer.tenant for answer in answers}) == 1:
            return answers[0]
        words = "; ".join(sorted(answer.reason for answer in answers))
        message = f"several provider gateways stand on {path} and disagree ({words}), so it counts as shared"
        self.notes[Note(NoteKind.COLLISION, path, message)] = None
        return Saying(None, "VCD: several provider gateways stand on it")

    def _of_network(self, reader: MapReader, standing: Standing) -> Saying:
        network = standing.network
        dedicated = reader.networks.dedicated_to(network)
        if dedicated is None:
            return Saying(None, f"VCD: provider gateway {network.name} is shared")
        if len(dedicated) != 1:
            which = "several organisations" if dedicated else "no gateway"
            words = f"provider gateway {network.name} is dedicated, but {which} {'have' if dedicated else 'has'} it"
            if dedicated:
                self.notes[Note(NoteKind.AMBIGUOUS, network.id, f"{words}; it counts as shared")] = None
            return Saying(None, f"VCD: {words}")
        users = reader.networks.users(network)
        whose = reader.orgs.whose(dedicated[0], next((one.org_name for one in users if one.org == dedicated[0]), ""))
        if len(users) == 1 and users[0].org == whose.reference:
            words = f"gateway {users[0].name} of organisation {whose.name} (dedicated provider gateway {network.name})"
        else:
            words = f"dedicated provider gateway {network.name} of organisation {whose.name}"
        return Saying(whose.tenant, f"VCD: {words}" + (f", but {whose.why}" if whose.why else ""))
