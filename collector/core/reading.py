"""One director's map, read against one source: which router backs each gateway, and what its uplinks lead to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from collector.core.decisions import AttributionRules, Note, NoteKind
from collector.core.lookup import Estate
from collector.core.managers import NSXV, Managers
from collector.core.networks import TIER0_TYPES, Networks, Organisations, Standing, Whose
from collector.core.tenancy import Tenancy
from collector.model.directory import CloudGateway, CloudMap, GatewayType, Uplink

VERSION_OF_SEGMENTS = (37, 1)
"""First API version whose gateways have uplinks on segments. Source: VMware go-vcloud-director, OpenAPIEdgeGateway."""


class Holder(NamedTuple):
    """A gateway of a director and whose it is."""

    director: str
    gateway: CloudGateway
    whose: Whose

    @property
    def who(self) -> str:
        """The gateway in words."""
        return f"gateway {self.gateway.name} of organisation {self.whose.name}"


@dataclass(slots=True)
class Router:
    """What directors say of one Tier-1 or edge.

    Attributes:
        holders: The gateways that it backs.
        provider: Name of the provider gateway, for words.
        externals: Segment → external network.
        undecided: Why nobody can tell which service interfaces are external, or nothing.
    """

    holders: list[Holder] = field(default_factory=list)
    provider: str = ""
    externals: dict[str, str] = field(default_factory=dict)
    undecided: str = ""


class MapReader:
    """One director's map on one source.

    Attributes:
        orgs: Its organisations.
        networks: Its external networks.
        routers: Tier-1 or edge → what is said of it; shared by all maps of a source.
        doubtful: Tier-1 or edge → why a gateway that may be its cannot be told.
        notes: What was not found, fits several, or disagrees.
    """

    def __init__(
        self,
        rules: AttributionRules,
        source: str,
        cloud: CloudMap,
        *,
        estate: Estate,
        tenancy: Tenancy,
        routers: dict[str, Router],
    ) -> None:
        self._rules = rules
        self._source = source
        self._estate = estate
        self._cloud = cloud
        self._managers = Managers(rules, source)
        self.orgs = Organisations(cloud, tenancy)
        self.networks = Networks(cloud, source, estate, self._managers)
        self.routers = routers
        self.doubtful: dict[str, str] = {}
        self.notes: dict[Note, None] = {}

    def read(self) -> None:
        """Read every gateway and provider gateway of the source."""
        for gateway in self._cloud.gateways:
            if gateway.type == GatewayType.NSXV:
                self._read_edge(gateway)
            elif self._is_here(gateway):
                self._read_gateway(self._holder(gateway))
        self.notes.update(dict.fromkeys(self.networks.faults(self._is_here)))

    def _is_here(self, gateway: CloudGateway) -> bool:
        found = self._managers.source(self._cloud.source, gateway.manager, gateway.manager_name)
        return gateway.type != GatewayType.NSXV and found == self._source

    def _holder(self, gateway: CloudGateway) -> Holder:
        return Holder(self._cloud.source, gateway, self.orgs.whose(gateway.org, gateway.org_name))

    def _note(self, kind: NoteKind, holder: Holder, words: str) -> None:
        self.notes[Note(kind, holder.gateway.id, f"{holder.director}: {holder.who}: {words}")] = None

    # --- which router ----------------------------------------------------------------------------------------------

    def _read_gateway(self, holder: Holder) -> None:
        path = self._tier1_of(holder)
        if path is None:
            return
        router = self.routers.setdefault(path, Router())
        router.holders.append(holder)
        if _version(self._cloud.version) < VERSION_OF_SEGMENTS:
            router.undecided = f"API {self._cloud.version} of the director shows no external networks on segments"
        if holder.gateway.distributed_only:
            self._note(NoteKind.UNCOUNTED, holder, "it has no service router, so nothing counts its traffic")
        for uplink in holder.gateway.uplinks:
            self._read_uplink(path, router, holder, uplink)

    def _tier1_of(self, holder: Holder) -> str | None:
        """Return the Tier-1 that backs a gateway, or ``None`` with a note; what the settings write goes first."""
        gateway = holder.gateway
        for key in (gateway.id, gateway.backing_id):
            written = self._rules.backings.get((holder.director, key))
            if written is not None:
                return self._written(holder, written)
        fits = self._estate.tier1s(gateway.backing_id, in_project=gateway.in_project)
        if len(fits) == 1:
            return fits[0]
        what = f"its backing id {gateway.backing_id or '(none)'}"
        if fits:
            words = f"{what} fits several Tier-1s ({', '.join(fits)}), so it fits none"
            self._doubt(holder, fits, f"{words}; write the right one under backings")
        else:
            where = f"no Tier-1{' of a Project' if gateway.in_project else ''} of the source {self._source}"
            state = f" (status {gateway.status})" if gateway.status else ""
            words = f"{what} is {where}{state}; write its policy path under backings if there is one"
            self._note(NoteKind.UNRESOLVED, holder, words)
        return None

    def _written(self, holder: Holder, path: str) -> str | None:
        gateway = self._estate.gateways.get(path)
        if gateway is not None and gateway.tier == 1:
            return path
        self._note(NoteKind.UNRESOLVED, holder, f"backings names {path}, which is no Tier-1 of {self._source}")
        return None

    def _doubt(self, holder: Holder, fits: tuple[str, ...], words: str) -> None:
        self._note(NoteKind.AMBIGUOUS, holder, words)
        for path in fits:
            self.doubtful[path] = f"VCD: {holder.who} may stand on it or on another: {holder.gateway.backing_id}"

    def _read_edge(self, gateway: CloudGateway) -> None:
        """Find the NSX-V edge of a gateway: by the gateway's id where edges are asked through the director, else by
        the edge's.

        One edge may be asked both ways; then the NSX-V manager's own source has it.
        """
        owner = self._managers.source(self._cloud.source, gateway.manager, gateway.manager_name, NSXV)
        uuid = gateway.id.rpartition(":")[2]
        if self._source in self._managers.proxies(self._cloud.source):
            fits = self._estate.edges(uuid)
        elif owner == self._source:
            fits = self._estate.edges(gateway.backing_id, uuid)
        else:
            return
        holder = self._holder(gateway)
        if len(fits) > 1:
            self._doubt(holder, fits, f"its backing id fits several edges ({', '.join(fits)}), so it fits none")
        elif not fits:
            words = f"neither its backing id {gateway.backing_id or '(none)'} nor its own is an edge of {self._source}"
            self._note(NoteKind.UNRESOLVED, holder, words)
        elif owner not in (None, self._source):
            self._note(NoteKind.COLLISION, holder, f"the source {owner} reads its edge, so it is not billed here too")
            self.doubtful[fits[0]] = f"the source {owner} reads the same edge"
        else:
            self.routers.setdefault(fits[0], Router()).holders.append(holder)

    # --- what its uplinks lead to ----------------------------------------------------------------------------------

    def _read_uplink(self, path: str, router: Router, holder: Holder, uplink: Uplink) -> None:
        standing = self.networks.standing(uplink.network)
        is_provider = uplink.backing_type in TIER0_TYPES or (standing is not None and standing.is_provider)
        if not uplink.connected:
            self._note(NoteKind.DISCONNECTED, holder, f"it is cut off from the external network {uplink.name}")
        if standing is None:
            self._miss(holder, uplink)
            if not is_provider:
                router.undecided = f"external network {uplink.name} is unknown"
        elif is_provider:
            router.provider = router.provider or standing.network.name
            for words in self._disagreements(path, holder, uplink, standing):
                self._note(NoteKind.STALE, holder, words)
        else:
            self._find_segment(path, router, holder, standing)

    def _miss(self, holder: Holder, uplink: Uplink) -> None:
        """Tell that an external network is not listed; once for all where none is, as an account may see none."""
        if self._cloud.networks:
            words = f"its external network {uplink.name} ({uplink.network}) is not among those that the director lists"
            self._note(NoteKind.UNRESOLVED, holder, words)
            return
        source = self._cloud.source
        words = f"{source}: it lists no external networks, so no Tier-0 of a provider gateway can be found"
        self.notes[Note(NoteKind.UNRESOLVED, source, words)] = None

    def _disagreements(self, path: str, holder: Holder, uplink: Uplink, standing: Standing) -> Iterator[str]:
        """Yield where the Tier-1 is connected elsewhere than the director says, or to another organisation's Tier-0."""
        name = standing.network.name
        parent = self._estate.gateways[path].parent
        if uplink.connected and len(standing.tier0s) == 1 and parent != standing.tier0s[0]:
            elsewhere = f"is connected to {parent or 'none'}"
            words = f"its provider gateway {name} is {standing.tier0s[0]}, but its Tier-1 {path} {elsewhere}"
            yield f"{words}; it is billed where the traffic goes"
        dedicated = self.networks.dedicated_to(standing.network)
        if dedicated is not None and len(dedicated) == 1 and dedicated[0] != holder.gateway.org:
            other = self.orgs.whose(dedicated[0]).name
            yield f"its provider gateway {name} is dedicated to organisation {other}, to which the uplinks are billed"

    def _find_segment(self, path: str, router: Router, holder: Holder, standing: Standing) -> None:
        """Find the service interfaces on the segment of an external network."""
        name, fits = standing.network.name, standing.segments
        if len(fits) == 1:
            router.externals[fits[0]] = name
            if all(place.segment != fits[0] for place in self._estate.interfaces.get(path, ())):
                words = f"no service interface of its Tier-1 {path} is on the segment {fits[0]} of {name}"
                self._note(NoteKind.UNRESOLVED, holder, words)
            return
        ids = ", ".join(backing.id for backing in standing.network.backings) or "(none)"
        words = f"fits several segments ({', '.join(fits)})" if fits else f"is no segment of the source {self._source}"
        kind = NoteKind.AMBIGUOUS if fits else NoteKind.UNRESOLVED
        self._note(kind, holder, f"the backing {ids} of its external network {name} {words}")
        router.undecided = f"the segment of external network {name} was not found"


def _version(written: str) -> tuple[int, ...]:
    """Return an API version such as ``38.1`` as numbers; what is none counts as new."""
    parts = written.split(".")
    return tuple(map(int, parts)) if all(part.isdecimal() for part in parts) else VERSION_OF_SEGMENTS
