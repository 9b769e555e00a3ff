"""A VPC's external traffic passes its Project's Tier-0, so that the same bytes are billed at one of the two."""

from __future__ import annotations

from collector.core.attribution import Claim, attribute
from collector.model.identity import Kind, PointKey, ReadAt, TenantId
from collector.model.usage import Role
from collector.ports import FoundPoint
from collector.sources.nsxt.endpoints import Endpoints
from collector.sources.nsxt.extra_points import SEVERAL_TIER0S, vpc_points
from collector.sources.nsxt.snapshot import Gateway, Snapshot, Vpc

T0 = Gateway(path="/infra/tier-0s/t0", name="T0 Acme", tier=0)
UPLINK = FoundPoint(
    key=PointKey("nsx", Kind.TIER0_UPLINK, "/infra/tier-0s/t0/locale-services/ls/interfaces/up1"),
    name="up1",
    gateway=T0.path,
    gateway_name=T0.name,
    read_at=ReadAt.INTERFACE,
    calls=(),
)


def points(*tier0s: str) -> dict[Kind, FoundPoint]:
    vpc = Vpc(path="/orgs/default/projects/p/vpcs/v", name="v", project="p", tier0s=tier0s)
    snapshot = Snapshot(gateways={T0.path: T0}, version="4.2.1", vpcs={vpc.path: vpc})
    return {point.key.kind: point for point in vpc_points("nsx", Endpoints(False), snapshot)}


def test_the_gateway_of_external_traffic_is_the_tier0_of_the_project() -> None:
    found = points(T0.path)
    assert (found[Kind.VPC_EXTERNAL].gateway, found[Kind.VPC_EXTERNAL].gateway_name) == (T0.path, "T0 Acme")
    assert found[Kind.VPC_INTERNAL].gateway == "/orgs/default/projects/p/vpcs/v"
    assert points()[Kind.VPC_EXTERNAL].gateway == "/orgs/default/projects/p/vpcs/v"


def test_of_several_tier0s_the_first_is_taken_and_told() -> None:
    point = points("/infra/tier-0s/other", T0.path)[Kind.VPC_EXTERNAL]
    assert (point.gateway, point.gateway_name) == ("/infra/tier-0s/other", "other")
    assert SEVERAL_TIER0S in point.note


def test_a_vpc_under_billed_uplinks_is_read_for_balance() -> None:
    vpc = points(T0.path)[Kind.VPC_EXTERNAL]
    claim = Claim(tenant=TenantId("acme"), source="nsx", kind=Kind.TIER0_UPLINK, tier0="t0")
    roles = {key.kind: decision.role for key, decision in attribute([UPLINK, vpc], [claim]).decisions.items()}
    assert roles == {Kind.TIER0_UPLINK: Role.BILLED, Kind.VPC_EXTERNAL: Role.BALANCE}
