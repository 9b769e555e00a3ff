"""The explicit points of the settings: which metering points they mean, and what tags and Projects say beside them."""

from __future__ import annotations

from collections.abc import Sequence

from collector.core.decisions import Claim, Overlap, Saying
from collector.core.places import Place, last
from collector.model.identity import Kind, PointKey, TenantId

TUNNELS = frozenset({Kind.L2VPN, Kind.IPSEC_VPN})
"""Their payload passes a gateway's other points too: they are the tenant's whose the gateway is."""

_OF_ROUTERS = frozenset({Kind.TIER0_UPLINK, Kind.TIER1_DOWNLINK, Kind.SERVICE_INTERFACE})

_INTERFACES = frozenset({Kind.TIER0_UPLINK, Kind.SERVICE_INTERFACE, Kind.EDGE_INTERFACE})
"""Their claims name the gateway that has them; those of links and VPCs name what the point is called after."""


class Explicit:
    """The claims of the settings on the points of one source.

    Attributes:
        overlaps: Points that two claims mean, and claims that mean several gateways.
        unmatched: Claims that no point fits.
    """

    def __init__(self, places: Sequence[Place], claims: Sequence[Claim]) -> None:
        self.overlaps: list[Overlap] = []
        self.unmatched: list[Claim] = []
        self._claimed: dict[PointKey, Claim] = {}
        self._gateways: dict[str, set[TenantId]] = {}
        if claims:
            index = _Index(places)
            for claim in claims:
                self._take(claim, *index.find(claim))
            self._gateways = self._owners(places)

    def claim(self, key: PointKey) -> Claim | None:
        """Return the claim on a point; of two that fit, the first of the settings."""
        return self._claimed.get(key)

    def say(self, place: Place) -> Saying | None:
        """Return whose a point is by the settings: of a tunnel, whose the link or the uplinks of its gateway are."""
        claim = self._claimed.get(place.key)
        if claim is not None:
            return Saying(claim.tenant, f"settings: {claim.path}" if claim.path else "settings")
        if place.key.kind not in TUNNELS:
            return None
        owners = self._gateways.get(place.tier1 or place.gateway, set())
        if len(owners) != 1:
            return None
        return Saying(next(iter(owners)), "settings: they name its gateway")

    def _take(self, claim: Claim, found: Sequence[Place], ambiguous: Sequence[Overlap]) -> None:
        self.overlaps.extend(ambiguous)
        if not found and not ambiguous:
            self.unmatched.append(claim)
        for place in found:
            first = self._claimed.setdefault(place.key, claim)
            if first is not claim:
                message = f"{place.key.label} is claimed by {_who(first)} and by {_who(claim)}; the first counts"
                self.overlaps.append(Overlap(point=place.key, message=message))

    def _owners(self, places: Sequence[Place]) -> dict[str, set[TenantId]]:
        """Return gateway → tenants of its link, or of its uplinks."""
        owners: dict[str, set[TenantId]] = {}
        for place in places:
            claim = self._claimed.get(place.key)
            if claim is not None and place.key.kind in (Kind.TIER0_UPLINK, Kind.TIER1_DOWNLINK):
                owners.setdefault(_gateway(place), set()).add(claim.tenant)
        return owners


class _Index:
    """Places by the names of the gateway that a claim may use; ids and paths go before display names.

    Display names are not unique in NSX, so one that fits several gateways names none of them.
    """

    def __init__(self, places: Sequence[Place]) -> None:
        self._exact: dict[tuple[str, Kind, str], list[Place]] = {}
        self._named: dict[tuple[str, Kind, str], list[Place]] = {}
        for place in places:
            source, kind, gateway = place.key.source, place.key.kind, _gateway(place)
            name = place.gateway_name if kind in _INTERFACES else place.name
            for exact in {gateway, last(gateway)}:
                self._exact.setdefault((source, kind, exact), []).append(place)
            self._named.setdefault((source, kind, name), []).append(place)

    def find(self, claim: Claim) -> tuple[list[Place], list[Overlap]]:
        """Return the places that a claim means, or what makes it ambiguous."""
        wanted = claim.tier1 or claim.tier0 or claim.edge or claim.vpc
        key = (claim.source, claim.kind, wanted or "")
        found = [place for place in self._exact.get(key, ()) if _fits(claim, place)]
        if not found:
            found = [place for place in self._named.get(key, ()) if _fits(claim, place)]
        if len({_gateway(place) for place in found}) > 1:
            paths = ", ".join(sorted({_gateway(place) for place in found}))
            message = f"{_who(claim)}: {wanted!r} names several gateways ({paths}); write the policy path of one"
            return [], [Overlap(point=found[0].key, message=message)]
        exact = [place for place in found if claim.interface in (place.key.path, last(place.key.path))]
        return exact or found, []


def _gateway(place: Place) -> str:
    """Return the path of the object that a claim names: a link's Tier-1, an interface's gateway, a VPC."""
    if place.key.kind is Kind.TIER1_DOWNLINK:
        return place.tier1 if place.tier1 is not None else place.key.path
    if place.key.kind in _OF_ROUTERS:
        return place.tier1 if place.tier1 is not None else place.gateway
    return place.gateway if place.key.kind is Kind.EDGE_INTERFACE else place.key.path


def _who(claim: Claim) -> str:
    return f"{claim.tenant} ({claim.path})" if claim.path else claim.tenant


def _fits(claim: Claim, place: Place) -> bool:
    """True when a place of the claim's gateway also has what else the claim names."""
    if claim.project not in (None, place.project):
        return False
    if claim.kind in _OF_ROUTERS and (place.tier1 is None) == (claim.tier1 is not None):
        return False
    if claim.kind is Kind.TIER1_DOWNLINK:
        return claim.tier0 is None or claim.tier0 in (place.gateway, last(place.gateway), place.gateway_name)
    return claim.interface is None or claim.interface in (place.key.path, last(place.key.path), place.name)
