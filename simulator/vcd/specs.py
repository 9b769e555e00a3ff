"""What a scenario says about a Cloud Director: versions, accounts, organisations, external networks, IP Spaces."""

from __future__ import annotations

from ipaddress import ip_address, ip_network
from typing import Annotated, Final, Literal

from pydantic import Field, SecretStr, StringConstraints, field_validator

from simulator.specs import GENERATED_MAX, Id, Spec
from simulator.units import RateBytes

SYSTEM: Final = "System"
"""The provider's own organisation, which sees all others."""

ADMINISTRATOR: Final = "System Administrator"
"""The role that the product ships with and that may do everything."""

PAGE_SIZE_MAX: Final = 128
"""Source: VMware go-vcloud-director, openapi.go."""

VIEWS: Final = (
    "Organization: View",
    "Organization vDC: View",
    "Organization vDC Gateway: View",
    "Organization vDC Gateway: View L2 VPN",
    "Organization vDC Gateway: View IPSec VPN",
    "VDC Group: View",
    "External Network: View",
    "NSX-T: View",
    "IP Spaces: View",
    "API Tokens: Manage",
)
"""Rights of an account that may only view; the names are in the product's manner."""

VersionText = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,3}\.[0-9]{1,2}$")]
Name = Annotated[str, StringConstraints(min_length=1, max_length=128)]
IdKind = Literal["id", "unique_id", "realization_id", "router_id"]
GatewayType = Literal["NSXT_BACKED", "NSXT_IMPORTED"]


class VersionSpec(Spec):
    """A version of the API that the director lists."""

    version: VersionText
    deprecated: bool = False


class CloudUserSpec(Spec):
    """A user of an organisation; one of ``System`` is the provider's."""

    name: Name
    password: SecretStr
    org: Name = SYSTEM
    role: Name = "northmeter"
    rights: list[str] = Field(default_factory=lambda: list(VIEWS))


class ServiceAccountSpec(Spec):
    """An account for programs; each use of its token gives the next one."""

    name: Name = "northmeter-svc"
    token: SecretStr = SecretStr("simulated-service-token")
    org: Name = SYSTEM
    role: Name = "northmeter"
    rights: list[str] = Field(default_factory=lambda: list(VIEWS))


class OrgSpec(Spec):
    """What is special about the organisation of a tenant.

    Attributes:
        name: Its name; the tenant's id, if absent.
        display_name: The tenant's name, if absent.
        vdcs: How many Org VDCs it has.
        group: Whether its gateways belong to a group of its VDCs.
    """

    tenant: Id
    name: Name | None = None
    display_name: Name | None = None
    enabled: bool = True
    vdcs: int = Field(1, ge=1, le=16)
    group: bool = False


class NetworkSpec(Spec):
    """What is special about an external network.

    Attributes:
        tier0: Id of the Tier-0 or VRF that it stands on.
        segment: Last element of the path of the segment that it stands on.
        name: ``pg-`` and the Tier-0's id, or the segment's, if absent.
        told: How a dedicated provider gateway says so: it names the organisation, or its one gateway.
        hidden: Whether the director does not know it.
    """

    tier0: Id | None = None
    segment: Id | None = None
    name: Name | None = None
    told: Literal["org", "gateway"] = "org"
    hidden: bool = False


class GatewaySpec(Spec):
    """What is special about the gateway that a Tier-1 backs.

    Attributes:
        name: ``edge-`` and the Tier-1's id, if absent.
        hidden: Whether the director does not know it.
    """

    tier1: Id
    name: Name | None = None
    type: GatewayType = "NSXT_BACKED"
    status: Name = "REALIZED"
    hidden: bool = False


class PrefixSpec(Spec):
    """A sequence of prefixes of one length, beginning with ``first``."""

    first: str
    count: int = Field(16, ge=1, le=2**20)
    quota: int = Field(-1, ge=-1)

    @field_validator("first")
    @classmethod
    def _is_prefix(cls, first: str) -> str:
        ip_network(first)
        return first


class IpSpaceSpec(Spec):
    """An IP Space.

    Attributes:
        org: Tenant whose organisation has it; only a private one.
        ranges: ``first-last`` of the addresses that are given out one by one.
        quota: Floating addresses that an organisation may hold; -1 is without a cap.
        quotas: The same for some tenants.
        tier0s: Tier-0s and VRFs whose provider gateways use it.
        held: Floating addresses that an organisation holds at first: none up to twice this.
        prefixes_held: Share of the organisations that hold a prefix, in percent.
    """

    name: Name
    type: Literal["PUBLIC", "PRIVATE", "SHARED_SERVICES"] = "PUBLIC"
    org: Id | None = None
    external_scope: str = "0.0.0.0/0"
    internal_scope: list[str] = Field(default_factory=list)
    ranges: list[str] = Field(default_factory=list)
    prefixes: list[PrefixSpec] = Field(default_factory=list)
    quota: int = Field(-1, ge=-1)
    quotas: dict[Id, int] = Field(default_factory=dict)
    tier0s: list[Id] = Field(default_factory=list)
    held: int = Field(2, ge=0, le=64)
    prefixes_held: int = Field(10, ge=0, le=100)

    @field_validator("ranges")
    @classmethod
    def _are_ranges(cls, ranges: list[str]) -> list[str]:
        for one in ranges:
            first, _, last = one.partition("-")
            if int(ip_address(first)) > int(ip_address(last)):
                raise ValueError(f"{one} ends before it begins")
        return ranges


class GenerateCloudSpec(Spec):
    """A provider of many organisations; their gateways are Tier-1s of NSX like all others.

    Attributes:
        prefix: Ids begin so.
        orgs: Organisations.
        gateways: Gateways of theirs; the first organisations have more than one.
        without: Organisations that have no gateway.
        dedicated: Organisations with a Tier-0 of their own.
        vrfs: Organisations with a VRF of their own.
        externals: Gateways with an external service interface.
        internals: Gateways with a service interface for a network of the tenant's own.
        groups: Organisations whose gateways belong to a VDC group.
        edges: Organisations with an NSX-V gateway beside.
        tier0s: The shared Tier-0s, and the parents of VRFs.
        cluster: Edge cluster of the Tier-1s.
        own_cluster: Edge cluster of the Tier-0s of single organisations.
    """

    prefix: Id = "org"
    orgs: int = Field(ge=1, le=GENERATED_MAX)
    gateways: int = Field(ge=0, le=GENERATED_MAX)
    without: int = Field(0, ge=0)
    dedicated: int = Field(0, ge=0)
    vrfs: int = Field(0, ge=0)
    externals: int = Field(0, ge=0)
    internals: int = Field(0, ge=0)
    groups: int = Field(0, ge=0)
    edges: int = Field(0, ge=0)
    tier0s: list[Id] = Field(min_length=1)
    cluster: Id
    own_cluster: Id | None = None
    rate: RateBytes = 5_000_000


def _versions() -> list[VersionSpec]:
    old = [VersionSpec(version=f"{major}.0", deprecated=True) for major in (34, 35)]
    return [*old, *(VersionSpec(version=one) for one in ("36.0", "36.3", "37.0", "37.1", "37.2", "38.0", "38.1"))]


class VcdSpec(Spec):
    """A Cloud Director.

    Attributes:
        versions: API versions that it lists.
        api_token: Of the first user; it stays the same when it is used.
        manager: Its name for the NSX manager; that of the first manager, if absent.
        page_size_over: What a greater ``pageSize`` than 128 does.
        page_size_default: Rows of a page where none is asked for.
        counts_only: Lists that name no next page and no number of pages.
        cursor_lists: Lists without totals, which lead on by a cursor.
        links: Whether all links stand in one header, or each in one of its own.
        idle_seconds: A session that was made with a password ends after so long without a request, in real time.
        expires_seconds: An access token that was given for a refresh token ends after so long, in real time.
        refused_body: What follows a refused log-in.
        backing_id: Which id of a Tier-1 ``backingId`` is.
        segment_id: Which id of a segment the backing of an external network is.
        networking_tenancy: Whether gateways whose Tier-1 lies in a Project say so.
        unknown_tenants: Tenants that are no organisation.
    """

    name: Id = "vcd-a"
    versions: list[VersionSpec] = Field(default_factory=_versions, min_length=1)
    users: list[CloudUserSpec] = Field(
        default_factory=lambda: [CloudUserSpec(name="northmeter", password=SecretStr("simulated-vcd-password"))],
        min_length=1,
    )
    api_token: SecretStr = SecretStr("simulated-api-token")
    service_account: ServiceAccountSpec = ServiceAccountSpec()
    manager: Name | None = None
    page_size_over: Literal["refuse", "cut"] = "refuse"
    page_size_default: int = Field(25, ge=1, le=PAGE_SIZE_MAX)
    page_size_max: int = Field(PAGE_SIZE_MAX, ge=1, le=PAGE_SIZE_MAX)
    counts_only: list[str] = Field(default_factory=lambda: ["externalNetworks", "ipSpaces/orgAssignments"])
    cursor_lists: list[str] = Field(default_factory=list)
    links: Literal["one", "several"] = "one"
    idle_seconds: int = Field(1_800, ge=1)
    expires_seconds: int = Field(3_600, ge=1)
    refused_body: Literal["json", "empty"] = "empty"
    backing_id: IdKind = "unique_id"
    segment_id: Literal["id", "unique_id", "path"] = "id"
    networking_tenancy: bool = True
    unknown_tenants: list[Id] = Field(default_factory=list)
    orgs: list[OrgSpec] = Field(default_factory=list)
    networks: list[NetworkSpec] = Field(default_factory=list)
    gateways: list[GatewaySpec] = Field(default_factory=list)
    ip_spaces: list[IpSpaceSpec] = Field(default_factory=list)
    generate: list[GenerateCloudSpec] = Field(default_factory=list)
