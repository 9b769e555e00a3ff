"""What a cloud director knows: organisations, their gateways, external networks and addresses.

A :class:`CloudMap` is read whole and put in force whole, or not at all. References are the director's own
(``urn:vcloud:org:…``), which outlive names.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import NamedTuple

from collector.model.period import Instant


class Org(NamedTuple):
    """An organisation."""

    id: str
    name: str
    display_name: str = ""
    enabled: bool = True


class Uplink(NamedTuple):
    """What connects a gateway to an external network.

    Attributes:
        network: Reference of the external network or provider gateway.
        name: Its name.
        backing_type: ``NSXT_TIER0``, ``NSXT_VRF_TIER0``, ``IMPORTED_T_LOGICAL_SWITCH`` or another word of the
            director.
        connected: False where the gateway is cut off from its Tier-0.
        dedicated: The provider gateway serves this gateway alone.
    """

    network: str
    name: str
    backing_type: str
    connected: bool = True
    dedicated: bool = False


class GatewayType(StrEnum):
    """What backs a gateway. Source: VMware go-vcloud-director, types/v56, OpenAPIEdgeGatewayBacking."""

    NSXT = "NSXT_BACKED"
    NSXT_IMPORTED = "NSXT_IMPORTED"
    NSXV = "NSXV_BACKED"


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudGateway:
    """An edge gateway of an organisation.

    Attributes:
        id: ``urn:vcloud:gateway:…``.
        org: Reference of the organisation that it belongs to.
        org_name: Name of that organisation.
        owner: Reference of the Org VDC or VDC group.
        owner_name: Its name.
        manager: Reference of the network provider: an NSX manager, or a vCenter.
        manager_name: Its name.
        backing_id: Identifier of the backing router; which kind of id it is differs by release.
        type: ``NSXT_BACKED``, ``NSXT_IMPORTED``, ``NSXV_BACKED``, or another word of the director.
        in_project: Networking tenancy: the Tier-1 lies in an NSX Project.
        distributed_only: A Tier-1 without service router, which counts nothing.
        uplinks: One to a Tier-0 or VRF, any number on segments; in no order.
    """

    id: str
    name: str
    org: str
    org_name: str
    owner: str = ""
    owner_name: str = ""
    manager: str = ""
    manager_name: str = ""
    backing_id: str = ""
    type: str = GatewayType.NSXT
    status: str = ""
    in_project: bool = False
    distributed_only: bool = False
    uplinks: tuple[Uplink, ...] = ()


class Backing(NamedTuple):
    """What an external network stands on.

    Attributes:
        id: Id of the Tier-0 or VRF, of the segment, or of a port group.
        type: ``NSXT_TIER0``, ``NSXT_VRF_TIER0``, ``IMPORTED_T_LOGICAL_SWITCH``, ``DV_PORTGROUP``, ``NETWORK``.
        manager: Reference of the network provider.
        manager_name: Its name.
        name: Name of the backing.
    """

    id: str
    type: str
    manager: str = ""
    manager_name: str = ""
    name: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ExternalNetwork:
    """An external network or provider gateway.

    Attributes:
        id: ``urn:vcloud:network:…``.
        dedicated_org: Reference of the organisation that it is dedicated to.
        dedicated_gateway: It is dedicated to one gateway; unset where IP Spaces are used.
    """

    id: str
    name: str
    backings: tuple[Backing, ...] = ()
    dedicated_org: str = ""
    dedicated_gateway: bool = False
    using_ip_space: bool = False


class AddressKind(StrEnum):
    """How addresses are given out."""

    FLOATING_IP = "floating_ip"
    IP_PREFIX = "ip_prefix"
    UPLINK_RANGE = "uplink_range"
    """Addresses of a gateway's uplink, where no IP Space is used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Allocation:
    """Addresses that an organisation holds.

    Attributes:
        id: The director's id of the allocation; of a range, gateway and range.
        space: Name of the IP Space, or of the external network of a range.
        org: Reference of the organisation.
        kind: How they were given out.
        value: Address, CIDR, or ``first-last``.
        addresses: How many; beyond 64 bits with IPv6.
        used: How many of them are in use, as far as the director says.
        allocated_at: When, where the director says.
    """

    id: str
    space: str
    org: str
    kind: AddressKind
    value: str
    addresses: int
    used: int
    allocated_at: Instant | None = None


class Quota(NamedTuple):
    """How many addresses an organisation may hold in an IP Space; ``limit`` is ``None`` without a cap.

    Attributes:
        prefix_length: Of prefixes; ``None`` for floating addresses. The limit counts prefixes then.
    """

    space: str
    org: str
    kind: AddressKind
    limit: int | None
    prefix_length: int | None = None


class Manager(NamedTuple):
    """A network provider that the director knows, with its address where it says one."""

    id: str
    name: str
    url: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CloudMap:
    """Everything that one reading of a director found.

    Attributes:
        source: Name of the source.
        at: The ``Date`` header of its first answer, or our time.
        version: API version that was spoken.
        complete: Every page of every list that attribution rests on was answered; only a complete map is put in force.
        addresses_complete: The same of the lists of addresses; incomplete ones leave what is known of addresses.
        payload: The map as the source writes it, to start from after a restart.
        calls: Requests that it took.
        faults: What could not be read, or was not what the API promises, in words.
    """

    source: str
    at: Instant
    version: str
    complete: bool
    addresses_complete: bool
    orgs: tuple[Org, ...] = ()
    gateways: tuple[CloudGateway, ...] = ()
    networks: tuple[ExternalNetwork, ...] = ()
    allocations: tuple[Allocation, ...] = ()
    quotas: tuple[Quota, ...] = ()
    managers: tuple[Manager, ...] = ()
    payload: bytes = b""
    calls: int = 0
    faults: tuple[str, ...] = ()
