"""What we read of the API's objects, under the API's own names; everything else in them is passed over.

A row that does not fit is left out and told, and so is one without an id. A count may be a number or text, since those
of IPv6 go beyond 64 bits.

Source: VMware go-vcloud-director, types/v56 (openapi.go, nsxt_types.go, ip_space.go, vdc group and role types).
"""

from __future__ import annotations

from typing import Annotated, TypeAlias

import msgspec
from msgspec import Meta, Raw

Id: TypeAlias = Annotated[str, Meta(min_length=1, max_length=512, pattern=r"^\S+$")]
"""An identifier: a word."""

URN_PATTERN = r"^urn:vcloud:[A-Za-z0-9:_.\-]+$"

Urn: TypeAlias = Annotated[str, Meta(max_length=512, pattern=URN_PATTERN)]
"""A reference of the director's. It stands in paths of requests, so it has no slash."""

Name: TypeAlias = Annotated[str, Meta(min_length=1, max_length=1_024)]

Count: TypeAlias = int | Annotated[str, Meta(pattern=r"^-?[0-9]{1,60}$")]
"""``-1`` means without a bound."""


class Camel(msgspec.Struct, rename="camel", kw_only=True):
    """A record of the API."""


class Page(Camel):
    """One page of a list. Some endpoints give no counts, others no link to the next page."""

    result_total: int | None = None
    page_count: int | None = None
    page: int | None = None
    page_size: int | None = None
    values: list[Raw] | None = None


class Row(Camel):
    """What every listed object has."""

    id: Id


class Ref(Camel):
    """A reference; either member may be missing."""

    id: str | None = None
    name: str | None = None


class OrgDto(Row):
    """Type Org."""

    id: Urn
    name: Name
    display_name: str | None = None
    is_enabled: bool | None = None


class GatewayBackingDto(Camel):
    """Type OpenAPIEdgeGatewayBacking."""

    backing_id: str | None = None
    gateway_type: str | None = None
    network_provider: Ref | None = None
    networking_tenancy_enabled: bool | None = None


class UplinkDto(Camel):
    """Type EdgeGatewayUplinks; the subnets are read apart, so that a fault in them costs no gateway."""

    uplink_id: Urn
    uplink_name: str | None = None
    backing_type: str | None = None
    connected: bool | None = None
    dedicated: bool | None = None
    using_ip_space: bool | None = None
    subnets: Raw = Raw(b"null")


class GatewayDto(Row):
    """Type OpenAPIEdgeGateway."""

    id: Urn
    name: Name
    status: str | None = None
    org_ref: Ref | None = None
    owner_ref: Ref | None = None
    org_vdc: Ref | None = None
    gateway_backing: GatewayBackingDto | None = None
    edge_gateway_uplinks: list[UplinkDto] | None = None
    deployment_mode: str | None = None


class NetworkBackingDto(Camel):
    """Type ExternalNetworkV2Backing; ``backing_type`` is the older word for ``backing_type_value``."""

    backing_id: Id
    backing_type_value: str | None = None
    backing_type: str | None = None
    name: str | None = None
    network_provider: Ref | None = None


class NetworkBackingsDto(Camel):
    """Type ExternalNetworkV2Backings."""

    values: list[NetworkBackingDto] | None = None


class ExternalNetworkDto(Row):
    """Type ExternalNetworkV2."""

    id: Urn
    name: Name
    network_backings: NetworkBackingsDto | None = None
    using_ip_space: bool | None = None
    dedicated_edge_gateway: Ref | bool | None = None
    dedicated_org: Ref | None = None


class OwnerDto(Row):
    """A VDC group (``org_id``) or an Org VDC (which of the others it has is not documented); types VdcGroup and Vdc."""

    id: Urn
    org_id: str | None = None
    org_ref: Ref | None = None
    org: Ref | None = None


# --- managers --------------------------------------------------------------------------------------------------------


class Records(Camel):
    """An answer of the query service, ``/api/query?format=records``, as JSON; type QueryResultRecordsType."""

    total: int | None = None
    record: list[Raw] | None = None


class ManagerRecord(Camel):
    """Type QueryResultNsxtManagerRecordType; ``href`` ends in the manager's UUID."""

    name: Name
    id: str | None = None
    href: str | None = None
    url: str | None = None


# --- addresses -------------------------------------------------------------------------------------------------------


class IpRangeDto(Camel):
    """Type OpenApiIPRangeValues."""

    start_address: Name
    end_address: str | None = None


class IpRangesDto(Camel):
    """Type OpenApiIPRanges."""

    values: list[IpRangeDto] | None = None


class SubnetDto(Camel):
    """Type OpenAPIEdgeGatewaySubnetValue."""

    primary_ip: str | None = None
    used_ip_count: Count | None = None
    ip_ranges: IpRangesDto | None = None


class SubnetsDto(Camel):
    """Type OpenAPIEdgeGatewaySubnets."""

    values: list[SubnetDto] | None = None


class SpaceSummaryDto(Row):
    """Type IpSpace, as the summaries show it: some members are missing there."""

    id: Urn
    name: Name


class SpaceRangesDto(Camel):
    """Type IpSpaceRanges."""

    default_floating_ip_quota: Count | None = None


class SpacePrefixesDto(Camel):
    """Type IPSpacePrefixes; the sequence holds the length that the quota is of."""

    ip_prefix_sequence: list[PrefixSequenceDto] | None = None
    default_quota_for_prefix_length: Count | None = None


class PrefixSequenceDto(Camel):
    """Type IPPrefixSequence."""

    prefix_length: int | None = None


class SpaceDto(Row):
    """Type IpSpace."""

    id: Urn
    name: Name
    type: str | None = None
    ip_space_ranges: SpaceRangesDto | None = None
    ip_space_prefixes: list[SpacePrefixesDto] | None = None


class AllocationDto(Row):
    """Type IpSpaceIpAllocation."""

    type: str
    value: Name
    org_ref: Ref | None = None
    usage_state: str | None = None
    allocation_date: str | None = None


class PrefixQuotaDto(Camel):
    """Type IpSpaceOrgAssignmentIPPrefixQuotas."""

    prefix_length: int
    quota: Count | None = None


class QuotasDto(Camel):
    """Type IpSpaceOrgAssignmentQuotas."""

    floating_ip_quota: Count | None = None
    ip_prefix_quotas: list[PrefixQuotaDto] | None = None


class AssignmentDto(Row):
    """Type IpSpaceOrgAssignment."""

    org_ref: Ref
    default_quotas: QuotasDto | None = None
    custom_quotas: QuotasDto | None = None


# --- the account -----------------------------------------------------------------------------------------------------


class SessionDto(Camel):
    """Type CurrentSessionInfo."""

    user: Ref | None = None
    org: Ref | None = None
    roles: list[str] | None = None
    role_refs: list[Ref] | None = None


class RightDto(Row):
    """Type Right."""

    name: Name
