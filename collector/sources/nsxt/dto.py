"""What we read of the API's objects, under the API's own names; everything else in them is passed over."""

from __future__ import annotations

from typing import Any

import msgspec

from collector.model.period import Instant


class Page(msgspec.Struct):
    """One page of a list. Source: NSX type ListResult."""

    results: list[msgspec.Raw] | None = None
    result_count: int | None = None
    cursor: str | None = None


class NodeVersion(msgspec.Struct):
    """Source: NSX type NodeVersion; either field may be used."""

    product_version: str | None = None
    node_version: str | None = None


class TagDto(msgspec.Struct):
    """Source: NSX type Tag; both strings are optional and opaque to NSX."""

    scope: str | None = None
    tag: str | None = None


class Managed(msgspec.Struct, kw_only=True):
    """What every policy object has. Source: NSX type PolicyConfigResource."""

    path: str
    id: str = ""
    display_name: str | None = None
    unique_id: str | None = None
    tags: list[TagDto] | None = None
    marked_for_delete: bool = False
    created: Any = msgspec.field(name="_create_time", default=None)  # An odd time must not cost the object.

    @property
    def name(self) -> str:
        """The display name, or the id where it has none."""
        return self.display_name or self.id or self.path.rpartition("/")[2]

    @property
    def created_at(self) -> Instant | None:
        """Time of creation, where the object says a plausible one."""
        value = self.created
        return value if type(value) is int and value > 0 else None

    @property
    def tag_pairs(self) -> tuple[tuple[str, str], ...]:
        """(scope, tag), in order."""
        return tuple((tag.scope or "", tag.tag or "") for tag in self.tags or ())


class VrfConfig(msgspec.Struct):
    """Source: NSX type Tier0VrfConfig."""

    tier0_path: str | None = None


class GatewayDto(Managed, kw_only=True):
    """A Tier-0, a VRF (a Tier-0 with ``vrf_config``) or a Tier-1. Source: NSX types Tier0 and Tier1."""

    ha_mode: str | None = None
    vrf_config: VrfConfig | None = None
    tier0_path: str | None = None
    realization_id: Any = None  # Only a director's ids are looked up in it: an odd one must not cost the object.


class LocaleServicesDto(Managed, kw_only=True):
    """Source: NSX type LocaleServices; without an edge cluster there is no service router."""

    edge_cluster_path: str | None = None


class InterfaceDto(Managed, kw_only=True):
    """Source: NSX types Tier0Interface and Tier1Interface.

    The latter has no ``type``, each one is a service interface.
    """

    type: str | None = None
    edge_path: str | None = None
    segment_path: str | None = None


class EdgeClusterDto(Managed, kw_only=True):
    """Source: NSX type PolicyEdgeCluster."""


class EdgeNodeDto(Managed, kw_only=True):
    """Source: NSX type PolicyEdgeNode; ``nsx_id`` is the transport node."""

    nsx_id: str | None = None


class ProjectDto(Managed, kw_only=True):
    """Source: NSX type Project; ``tier_0s`` are the Tier-0s and VRFs of the provider that it may use (inferred)."""

    tier_0s: tuple[str, ...] | None = None


class SiteDto(Managed, kw_only=True):
    """Source: NSX type Site, of a Global Manager."""


class SegmentDto(Managed, kw_only=True):
    """Source: NSX type Segment."""


class VpnServiceDto(Managed, kw_only=True):
    """Source: NSX types L2VPNService and IPSecVpnService."""


class VpnSessionDto(Managed, kw_only=True):
    """Source: NSX types L2VPNSession and IPSecVpnSession."""


class VpcDto(Managed, kw_only=True):
    """Source: NSX types Vpc and TransitGateway."""


class NodeStatusDto(msgspec.Struct):
    """Source: NSX type LogicalRouterStatusPerNode."""

    transport_node_id: str | None = None
    edge_path: str | None = None
    high_availability_status: str | None = None


class GatewayStatusDto(msgspec.Struct):
    """Source: NSX type LogicalRouterStatus."""

    logical_router_id: Any = None  # As with realization_id: an odd one must not cost the state.
    per_node_status: list[NodeStatusDto] | None = None


class GatewayStateDto(msgspec.Struct):
    """Source: NSX types Tier0GatewayState and Tier1GatewayState."""

    tier0_status: GatewayStatusDto | None = None
    tier1_status: GatewayStatusDto | None = None


class ApiServiceDto(msgspec.Struct):
    """Source: NSX type ApiServiceConfig; 0 disables a limit."""

    client_api_rate_limit: int | None = None
    client_api_concurrency_limit: int | None = None
    basic_authentication_enabled: bool | None = None
    cookie_based_authentication_enabled: bool | None = None


class RoleDto(msgspec.Struct):
    """Source: NSX type NsxRole; ``permissions`` is deprecated and may lack."""

    role: str = ""
    permissions: list[str] | None = None


class RolesForPathDto(msgspec.Struct):
    """Source: NSX type RolesForPath."""

    roles: list[RoleDto] | None = None


class UserInfoDto(msgspec.Struct):
    """Source: NSX type UserInfo; ``roles_for_paths`` came with 4.0 and stands in for ``roles``."""

    roles: list[RoleDto] | None = None
    roles_for_paths: list[RolesForPathDto] | None = None
