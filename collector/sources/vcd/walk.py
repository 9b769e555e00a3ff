"""The way through a director's lists: organisations, external networks, gateways, managers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeVar

from collector.errors import AuthFailed, SourceError
from collector.model.directory import Allocation, CloudGateway, ExternalNetwork, Manager, Org, Quota
from collector.model.period import Instant
from collector.sources.vcd.addresses import range_allocations
from collector.sources.vcd.api import RightLacking
from collector.sources.vcd.client import VcdClient
from collector.sources.vcd.dto import ExternalNetworkDto, GatewayDto, OrgDto, OwnerDto, Ref, Row
from collector.sources.vcd.gateways import gateway_oddities, gateway_of, network_oddities, network_of, org_of
from collector.sources.vcd.managers import read_managers
from collector.sources.vcd.spaces import SpaceReader
from collector.sources.vcd.versions import VERSION_OF_IP_SPACES, number

GROUP_PREFIX = "urn:vcloud:vdcGroup:"
"""References of VDC groups begin so. Source: VMware go-vcloud-director, types/v56 and govcd/vdc_group.go."""

R = TypeVar("R", bound=Row)


class Walk:
    """One reading. Build it, ``run`` it once, and read the attributes.

    Attributes:
        orgs: By reference, and so are ``networks``.
        gateways: In the order of their references.
        managers: Those of the query service, and those that only gateways and networks name.
        allocations: Of uplinks and IP Spaces.
        quotas: Of IP Spaces.
        is_complete: Every list that attribution rests on is whole.
        has_addresses: The same of the lists of addresses.
        faults: What could not be read, or was not what the API promises, in words.
        oddities: What the API lets pass and nobody expects, such as a reference that leads nowhere, in words.
        address_oddities: The same of addresses.
        at: ``Date`` of the first answer.
    """

    def __init__(
        self,
        client: VcdClient,
        *,
        is_provider: bool,
        ip_spaces: bool,
        workers: int,
        known: Mapping[str, Manager] | None = None,
    ) -> None:
        """Args:
        known: NSX managers by reference in lower case, with the addresses that they had: an answer that lacks one
            does not take it away.
        """
        self.orgs: dict[str, Org] = {}
        self.networks: dict[str, ExternalNetwork] = {}
        self.gateways: list[CloudGateway] = []
        self.managers: list[Manager] = []
        self.allocations: list[Allocation] = []
        self.quotas: list[Quota] = []
        self.is_complete = True
        self.has_addresses = True
        self.faults: list[str] = []
        self.oddities: list[str] = []
        self.address_oddities: list[str] = []
        self.at: Instant | None = None
        self._client = client
        self._is_provider = is_provider
        self._ip_spaces = ip_spaces
        self._workers = workers
        self._known = known or {}
        self._sees_networks = True
        self._is_away = False

    async def run(self) -> None:
        """Read everything. Raises SourceError when not even the first list can be read."""
        orgs = await self._client.rows("orgs", OrgDto)
        self.at = orgs.at
        self._lacking(orgs.faults)
        self.orgs = {dto.id: org_of(dto) for dto in orgs.rows}
        await self._read_networks()
        gateways = await self._list("edgeGateways", GatewayDto)
        org_of_owner = await self._org_of_owner([dto for dto in gateways if not _id(dto.org_ref)])
        for dto in gateways:
            self._add_gateway(dto, _id(dto.org_ref) or org_of_owner.get(_id(dto.owner_ref or dto.org_vdc), ""))
        await self._read_managers()
        await self._read_spaces()

    # --- lists --------------------------------------------------------------------------------------------------------

    async def _list(self, name: str, kind: type[R]) -> list[R]:
        """Return a list that attribution rests on, as far as it can be read."""
        if self._is_away:
            return []
        try:
            listing = await self._client.rows(name, kind)
        except SourceError as error:
            self._failed(error)
            return []
        self._lacking(listing.faults)
        return listing.rows

    def _failed(self, error: SourceError) -> None:
        """Take note of a list that could not be read; once nobody answers or lets us in, nothing more is asked."""
        self._is_away = error.retryable or (isinstance(error, AuthFailed) and not isinstance(error, RightLacking))
        self._lacking([str(error)])
        if self._is_away:
            self._lacking(["the rest was not asked for"])

    def _lacking(self, faults: Iterable[str]) -> None:
        for fault in faults:
            self.is_complete = False
            self.faults.append(fault)

    async def _read_networks(self) -> None:
        """Read the external networks; an account of an organisation need not see them, and knows its gateways still."""
        try:
            listing = await self._client.rows("externalNetworks", ExternalNetworkDto)
        except RightLacking as error:
            if self._is_provider:
                self._failed(error)
            else:
                self.faults.append(f"{error}; gateways are known by their backing alone")
            self._sees_networks = False
            return
        except SourceError as error:
            self._failed(error)
            return
        self._lacking(listing.faults)
        self.networks = {dto.id: network_of(dto) for dto in listing.rows}
        for network in self.networks.values():
            self.oddities.extend(network_oddities(network, self.orgs))

    async def _org_of_owner(self, gateways: list[GatewayDto]) -> dict[str, str]:
        """Return the organisation of each owner of these gateways, which name none themselves."""
        owners = {_id(dto.owner_ref or dto.org_vdc) for dto in gateways} - {""}
        found: dict[str, str] = {}
        groups = {owner for owner in owners if owner.startswith(GROUP_PREFIX)}
        for name, wanted in (("vdcGroups", groups), ("vdcs", owners - groups)):
            if wanted:
                rows = await self._list(name, OwnerDto)
                found |= {row.id: row.org_id or _id(row.org_ref or row.org) for row in rows if row.id in wanted}
        return found

    def _add_gateway(self, dto: GatewayDto, org: str) -> None:
        if not org:
            self.oddities.append(
                f"gateway {dto.name} ({dto.id}): it names no organisation, and its owner is not known; left out"
            )
            return
        gateway = gateway_of(dto, org, self.orgs, self.networks)
        self.gateways.append(gateway)
        networks = self.networks if self._sees_networks else None
        self.oddities.extend(gateway_oddities(gateway, self.orgs, networks))
        allocations, faults = range_allocations(dto, org)
        self.allocations.extend(allocations)
        self._without_addresses(faults)

    # --- what a map may be complete without ---------------------------------------------------------------------------

    async def _read_managers(self) -> None:
        """Read the addresses of the NSX managers; without them, those known so far, or else the name, tell it apart."""
        known: dict[str, Manager] = {}
        if self._is_provider and not self._is_away:
            try:
                known = {manager.id.lower(): manager for manager in await read_managers(self._client)}
            except SourceError as error:
                self.faults.append(
                    f"{error}; the addresses of NSX managers stay as they were known, which the map does not need"
                )
        named = [(gateway.manager, gateway.manager_name) for gateway in self.gateways]
        named.extend(
            (each.manager, each.manager_name) for network in self.networks.values() for each in network.backings
        )
        for reference, name in sorted(set(named)):
            if not reference:
                continue
            listed = known.get(reference.lower()) or self._known.get(reference.lower())
            known[reference.lower()] = Manager(reference, name, "") if listed is None else listed._replace(id=reference)
        self.managers = list(known.values())

    @property
    def reads_spaces(self) -> bool:
        """True where IP Spaces are wanted and the version that is spoken has them."""
        return self._ip_spaces and number(self._client.api.version) >= VERSION_OF_IP_SPACES

    async def _read_spaces(self) -> None:
        if not self.reads_spaces:
            return
        if self._is_away:
            self._without_addresses(["the IP Spaces were not asked for"])
            return
        spaces = SpaceReader(self._client, self._workers)
        await spaces.run()
        self.allocations.extend(spaces.allocations)
        self.quotas.extend(spaces.quotas)
        self._without_addresses(spaces.faults)
        held = {allocation.org for allocation in spaces.allocations} | {quota.org for quota in spaces.quotas}
        self.address_oddities.extend(
            f"IP Spaces: {org[:160]} holds addresses and is not in the list of organisations"
            for org in sorted(held - self.orgs.keys())
        )

    def _without_addresses(self, faults: Iterable[str]) -> None:
        for fault in faults:
            self.has_addresses = False
            self.faults.append(fault)


def _id(ref: Ref | None) -> str:
    return (ref.id or "") if ref is not None else ""
