"""External networks and provider gateways of one director: what they stand on in one NSX source, and whose they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

from collector.core.decisions import Named, Note, NoteKind, Rule
from collector.core.lookup import Estate
from collector.core.managers import Managers
from collector.core.tenancy import Tenancy
from collector.model.directory import CloudGateway, CloudMap, ExternalNetwork, Uplink
from collector.model.identity import TenantId

TIER0_TYPES = frozenset({"NSXT_TIER0", "NSXT_VRF_TIER0"})
SEGMENT_TYPE = "IMPORTED_T_LOGICAL_SWITCH"
"""What an external network may stand on. Source: VMware go-vcloud-director, types/v56, ExternalNetworkV2Backing."""


class Whose(NamedTuple):
    """An organisation and its tenant; without one, ``why`` says so."""

    reference: str
    name: str
    tenant: TenantId | None
    why: str = ""


class Organisations:
    """The organisations of one director.

    Attributes:
        notes: Those that were asked about and do not exist.
    """

    def __init__(self, cloud: CloudMap, tenancy: Tenancy) -> None:
        self.notes: list[Note] = []
        self._source = cloud.source
        self._names = {named.reference: named for named in org_names(cloud)}
        self._tenancy = tenancy
        self._known: dict[str, Whose] = {}

    def whose(self, reference: str, name: str = "") -> Whose:
        """Return the organisation of a reference, ``name`` being what else it is called."""
        if reference not in self._known:
            self._known[reference] = self._whose(reference, name)
        return self._known[reference]

    def _whose(self, reference: str, name: str) -> Whose:
        named = self._names.get(reference)
        if named is None:
            shown = name or reference or "without a name"
            why = f"organisation {shown} is not among those that the director lists"
            message = f"{self._source}: {why}, so what it has is unattributed"
            self.notes.append(Note(NoteKind.UNRESOLVED, reference, message))
            return Whose(reference, shown, None, why)
        tenant = self._tenancy.tenant(named)
        return Whose(reference, named.name, tenant, "" if tenant else f"organisation {named.name} has no tenant")


def org_names(cloud: CloudMap) -> Iterator[Named]:
    """Yield the names of a director's organisations; where it lists none, those that its gateways name."""
    for org in cloud.orgs:
        yield Named(Rule.VCD, org.id, org.name)
    if not cloud.orgs:
        for gateway in cloud.gateways:
            if gateway.org:
                yield Named(Rule.VCD, gateway.org, gateway.org_name)


class Standing(NamedTuple):
    """What an external network stands on in one source.

    Attributes:
        is_here: Its backing names this source, or names none.
        is_sure: Its backing names this source.
        tier0s: The Tier-0s or VRFs that fit; one, if all is well.
        segments: The segments that fit; one, if all is well.
    """

    network: ExternalNetwork
    is_here: bool
    is_sure: bool
    tier0s: tuple[str, ...]
    segments: tuple[str, ...]

    @property
    def is_provider(self) -> bool:
        """It is a provider gateway: a backing is a Tier-0 or VRF."""
        return any(backing.type in TIER0_TYPES for backing in self.network.backings)


class Networks:
    """The external networks of one director as one source has them."""

    def __init__(self, cloud: CloudMap, source: str, estate: Estate, managers: Managers) -> None:
        self._cloud = cloud
        self._source = source
        self._estate = estate
        self._managers = managers
        self._standings = {network.id: self._stand(network) for network in cloud.networks}
        self._dedicated: dict[str, tuple[str, ...] | None] = {}
        self._users: dict[str, list[tuple[CloudGateway, Uplink]]] = {}
        for gateway in cloud.gateways:
            for uplink in gateway.uplinks:
                self._users.setdefault(uplink.network, []).append((gateway, uplink))

    def standing(self, reference: str) -> Standing | None:
        """Return what an external network stands on, or ``None`` where the director does not list it."""
        return self._standings.get(reference)

    def providers(self) -> Iterator[tuple[str, Standing]]:
        """Yield (Tier-0 or VRF, provider gateway) for those that were found."""
        for standing in self._standings.values():
            if len(standing.tier0s) == 1:
                yield standing.tier0s[0], standing

    def users(self, network: ExternalNetwork) -> list[CloudGateway]:
        """Return the gateways that are connected to an external network, in order."""
        return [gateway for gateway, _ in self._users.get(network.id, ())]

    def dedicated_to(self, network: ExternalNetwork) -> tuple[str, ...] | None:
        """Return the organisations that a provider gateway is dedicated to, ``None`` where it is shared.

        It says so itself, or its gateways do. With IP Spaces only the organisation is told, else only that one gateway
        has it: then it is of that gateway's organisation. One is a clear answer, none or several are not.
        """
        if network.id not in self._dedicated:
            self._dedicated[network.id] = self._dedicated_to(network)
        return self._dedicated[network.id]

    def _dedicated_to(self, network: ExternalNetwork) -> tuple[str, ...] | None:
        if network.dedicated_org:
            return (network.dedicated_org,)
        users = self._users.get(network.id, ())
        sure = {gateway.org for gateway, uplink in users if uplink.dedicated}
        if not network.dedicated_gateway and not sure:
            return None
        return tuple(sorted(sure or {gateway.org for gateway, _ in users}))

    def faults(self, is_here: Callable[[CloudGateway], bool]) -> Iterator[Note]:
        """Yield what of the provider gateways of this source was not found, or fits several.

        Args:
            is_here: Whether a gateway is this source's; where a backing names no source, its gateways do.
        """
        for standing in self._standings.values():
            if not standing.is_provider or not standing.is_here or len(standing.tier0s) == 1:
                continue
            if standing.is_sure or any(map(is_here, self.users(standing.network))):
                yield self._fault(standing)

    def _fault(self, standing: Standing) -> Note:
        network = standing.network
        ids = ", ".join(sorted({backing.id for backing in network.backings if backing.type in TIER0_TYPES}))
        who = f"{self._cloud.source}: provider gateway {network.name}"
        if standing.tier0s:
            fits = ", ".join(standing.tier0s)
            return Note(NoteKind.AMBIGUOUS, network.id, f"{who}: its backing {ids} fits several Tier-0s ({fits})")
        message = f"{who}: its backing {ids} is no Tier-0 or VRF of the source {self._source}"
        return Note(NoteKind.UNRESOLVED, network.id, message)

    def _stand(self, network: ExternalNetwork) -> Standing:
        is_sure = is_here = False
        tier0s: set[str] = set()
        segments: set[str] = set()
        for backing in network.backings:
            names_none = not backing.manager and not backing.manager_name
            found = self._managers.source(self._cloud.source, backing.manager, backing.manager_name)
            if found != self._source and not names_none:
                continue
            is_here = True
            is_sure = is_sure or found == self._source
            if backing.type in TIER0_TYPES:
                tier0s.update(self._estate.tier0s(backing.id))
            elif backing.type == SEGMENT_TYPE:
                segments.update(self._estate.segments(backing.id))
        return Standing(network, is_here, is_sure, tuple(sorted(tier0s)), tuple(sorted(segments)))
