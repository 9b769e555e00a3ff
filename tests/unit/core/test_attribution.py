"""Whose a metering point is, and why."""

from __future__ import annotations

import pytest

from collector.core.attribution import AttributionRules, Claim, Rule, attribute, next_owner, owner_at
from collector.model.identity import UNATTRIBUTED, Kind, PointKey, ReadAt, TenantId
from collector.model.usage import Owner, Role
from collector.ports import FoundPoint
from tests.unit.core import provider

ACME, GLOBEX = TenantId("acme"), TenantId("globex")


def uplink(tier0: str, interface: str, name: str = "") -> FoundPoint:
    gateway = f"/infra/tier-0s/{tier0}"
    return FoundPoint(
        key=PointKey("nsx", Kind.TIER0_UPLINK, f"{gateway}/locale-services/default/interfaces/{interface}"),
        name=name or interface,
        gateway=gateway,
        gateway_name=f"name of {tier0}",
        read_at=ReadAt.INTERFACE,
        calls=(),
    )


def link(tier0: str, tier1: str, name: str = "", project: str | None = None) -> FoundPoint:
    prefix = f"/orgs/default/projects/{project}" if project else ""
    path = f"{prefix}/infra/tier-1s/{tier1}"
    return FoundPoint(
        key=PointKey("nsx", Kind.TIER1_DOWNLINK, path),
        name=name or f"name of {tier1}",
        gateway=f"/infra/tier-0s/{tier0}",
        gateway_name=f"name of {tier0}",
        read_at=ReadAt.TIER1,
        calls=(),
        tier1=path,
        project=project,
    )


def csp(tier1: str, interface: str) -> FoundPoint:
    gateway = f"/infra/tier-1s/{tier1}"
    return FoundPoint(
        key=PointKey("nsx", Kind.SERVICE_INTERFACE, f"{gateway}/locale-services/ls/interfaces/{interface}"),
        name=interface,
        gateway=gateway,
        gateway_name=f"name of {tier1}",
        read_at=ReadAt.INTERFACE,
        calls=(),
        tier1=gateway,
    )


def claim(tenant: TenantId, kind: Kind, **named: str) -> Claim:
    return Claim(
        tenant=tenant,
        source="nsx",
        kind=kind,
        tier0=named.get("tier0"),
        tier1=named.get("tier1"),
        interface=named.get("interface"),
        project=named.get("project"),
        path=named.get("path", "tenants[0].points[0]"),
    )


def tenant_of(point: FoundPoint, points: list[FoundPoint], *claims: Claim) -> tuple[TenantId, Role]:
    decision = attribute(points, claims).decisions[point.key]
    return decision.tenant, decision.role


def test_what_nobody_claims_is_unattributed_at_both_ends() -> None:
    points = [uplink("t0", "up1"), link("t0", "t1")]
    for point in points:
        assert tenant_of(point, points) == (UNATTRIBUTED, Role.BILLED)


def test_a_tier0_claims_all_its_uplinks_and_makes_its_links_balance() -> None:
    points = [uplink("t0", "up1"), uplink("t0", "up2"), link("t0", "t1"), uplink("other", "up1")]
    rule = claim(ACME, Kind.TIER0_UPLINK, tier0="t0")
    assert tenant_of(points[0], points, rule) == (ACME, Role.BILLED)
    assert tenant_of(points[1], points, rule) == (ACME, Role.BILLED)
    assert tenant_of(points[2], points, rule) == (UNATTRIBUTED, Role.BALANCE)
    assert tenant_of(points[3], points, rule) == (UNATTRIBUTED, Role.BILLED)


def test_one_interface_of_a_tier0_can_be_claimed() -> None:
    points = [uplink("t0", "up1"), uplink("t0", "up2")]
    rule = claim(ACME, Kind.TIER0_UPLINK, tier0="t0", interface="up2")
    assert tenant_of(points[0], points, rule) == (UNATTRIBUTED, Role.BILLED)
    assert tenant_of(points[1], points, rule) == (ACME, Role.BILLED)


def test_a_claimed_link_makes_the_uplinks_of_its_shared_tier0_balance() -> None:
    points = [uplink("t0", "up1"), link("t0", "t1-acme"), link("t0", "t1-other")]
    rule = claim(ACME, Kind.TIER1_DOWNLINK, tier1="t1-acme")
    assert tenant_of(points[0], points, rule) == (UNATTRIBUTED, Role.BALANCE)
    assert tenant_of(points[1], points, rule) == (ACME, Role.BILLED)
    assert tenant_of(points[2], points, rule) == (UNATTRIBUTED, Role.BILLED)


def test_a_service_interface_is_billed_beside_its_link() -> None:
    points = [link("t0", "t1"), csp("t1", "colo"), csp("t1", "inside")]
    rules = (
        claim(ACME, Kind.TIER1_DOWNLINK, tier1="t1"),
        claim(ACME, Kind.SERVICE_INTERFACE, tier1="t1", interface="colo"),
    )
    assert [tenant_of(p, points, *rules) for p in points] == [
        (ACME, Role.BILLED),
        (ACME, Role.BILLED),
        (UNATTRIBUTED, Role.BILLED),
    ]


def test_the_same_bytes_are_never_billed_twice_and_the_overlap_is_named() -> None:
    points = [uplink("t0", "up1"), link("t0", "t1")]
    rules = (
        claim(ACME, Kind.TIER0_UPLINK, tier0="t0", path="tenants[0].points[0]"),
        claim(ACME, Kind.TIER1_DOWNLINK, tier1="t1", path="tenants[0].points[1]"),
    )
    made = attribute(points, rules)
    assert made.decisions[points[0].key].role is Role.BILLED
    assert made.decisions[points[1].key].role is Role.BALANCE
    (overlap,) = made.overlaps
    assert overlap.point == points[1].key
    assert "tenants[0].points[0]" in overlap.message
    assert "tenants[0].points[1]" in overlap.message


def test_of_two_claims_of_one_point_the_first_counts_and_both_are_named() -> None:
    points = [link("t0", "t1")]
    made = attribute(
        points,
        (claim(ACME, Kind.TIER1_DOWNLINK, tier1="t1"), claim(GLOBEX, Kind.TIER1_DOWNLINK, tier1="t1", path="second")),
    )
    assert made.decisions[points[0].key].tenant == ACME
    assert "second" in made.overlaps[0].message


def test_an_id_goes_before_a_display_name() -> None:
    points = [link("t0", "t1-real", name="acme"), link("t0", "acme", name="something else")]
    rule = claim(ACME, Kind.TIER1_DOWNLINK, tier1="acme")
    assert tenant_of(points[0], points, rule)[0] == UNATTRIBUTED
    assert tenant_of(points[1], points, rule)[0] == ACME


def test_a_display_name_that_fits_several_gateways_names_none() -> None:
    points = [link("t0", "one", name="acme"), link("t0", "two", name="acme")]
    made = attribute(points, (claim(ACME, Kind.TIER1_DOWNLINK, tier1="acme"),))
    assert {decision.tenant for decision in made.decisions.values()} == {UNATTRIBUTED}
    assert "/infra/tier-1s/one, /infra/tier-1s/two" in made.overlaps[0].message


def test_a_claim_may_name_the_tier0_and_the_project_of_its_link() -> None:
    points = [link("t0-a", "t1"), link("t0-b", "t1", project="p1")]
    by_project = claim(ACME, Kind.TIER1_DOWNLINK, tier1="t1", project="p1")
    assert [tenant_of(p, points, by_project)[0] for p in points] == [UNATTRIBUTED, ACME]
    by_tier0 = claim(ACME, Kind.TIER1_DOWNLINK, tier1="t1", tier0="t0-a")
    assert [tenant_of(p, points, by_tier0)[0] for p in points] == [ACME, UNATTRIBUTED]


def test_a_claim_that_fits_nothing_is_reported() -> None:
    rule = claim(ACME, Kind.TIER1_DOWNLINK, tier1="typo")
    assert attribute([link("t0", "t1")], (rule,)).unmatched == (rule,)


def test_owners_change_at_the_inventory_that_first_shows_it() -> None:
    points = [link("t0", "t1")]
    first = attribute(points, ()).decisions[points[0].key]
    owner = next_owner((), first, 5_000)
    assert owner == Owner(UNATTRIBUTED, Role.BILLED, 0, first.reason)
    assert next_owner((owner,), first, 6_000) is None
    later = attribute(points, (claim(ACME, Kind.TIER1_DOWNLINK, tier1="t1"),)).decisions[points[0].key]
    changed = next_owner((owner,), later, 7_000)
    assert changed is not None
    assert (changed.tenant, changed.valid_from) == (ACME, 7_000)
    owners = (owner, changed)
    assert [owner_at(owners, at).tenant for at in (0, 6_999, 7_000)] == [UNATTRIBUTED, UNATTRIBUTED, ACME]


# --- uplinks and links of one gateway, by several rules --------------------------------------------------------------


def by_rules(points: list[FoundPoint], *claims: Claim, order: tuple[Rule, ...] = tuple(Rule)) -> list[tuple[str, Role]]:
    made = attribute(points, AttributionRules(claims=claims, order=order))
    return provider.whose(made, *points)


TAGGED = (("tenant", "initech"),)


def test_the_side_that_an_earlier_rule_names_is_billed() -> None:
    points = [provider.uplink("t0"), provider.link("t0", "t1", tags=TAGGED), provider.link("t0", "t2")]
    rule = claim(ACME, Kind.TIER0_UPLINK, tier0="t0")
    assert by_rules(points, rule) == [
        (ACME, Role.BILLED),
        ("initech", Role.BALANCE),
        (UNATTRIBUTED, Role.BALANCE),
    ]
    later = (Rule.NSX_TAG, Rule.CONFIG)
    assert by_rules(points, rule, order=later) == [
        (ACME, Role.BALANCE),
        ("initech", Role.BILLED),
        (UNATTRIBUTED, Role.BILLED),
    ]


def test_at_the_same_rule_the_uplinks_are_billed() -> None:
    points = [provider.uplink("t0", tags=TAGGED), provider.link("t0", "t1", tags=TAGGED)]
    assert by_rules(points) == [("initech", Role.BILLED), ("initech", Role.BALANCE)]


def test_an_overlap_is_named_where_both_are_explicit_or_the_tenants_differ() -> None:
    points = [provider.uplink("t0", tags=TAGGED), provider.uplink("t0", "up2"), provider.link("t0", "t1", tags=TAGGED)]
    assert attribute(points, AttributionRules()).overlaps == (), "one tenant at both ends by tags is no mistake"
    globex = claim(GLOBEX, Kind.TIER1_DOWNLINK, tier1="t1", path="tenants[1].points[0]")
    made = attribute(points, AttributionRules(claims=(globex,)))
    assert [overlap.point for overlap in made.overlaps] == [points[0].key]
    message = made.overlaps[0].message
    assert "billed to initech (NSX tag tenant=initech on it)" in message
    assert "the links under its gateway t0 to globex (settings: tenants[1].points[0])" in message
    assert "the uplink is read for balance only" in message


def test_of_many_tenants_at_the_other_end_the_message_names_one_and_counts_the_others() -> None:
    links = [provider.link("t0", f"t1-{n}", tags=(("tenant", f"tenant-{n}"),)) for n in range(5)]
    rule = claim(ACME, Kind.TIER0_UPLINK, tier0="t0", interface="up1")
    made = attribute(
        [provider.uplink("t0"), *links], AttributionRules(order=(Rule.NSX_TAG, Rule.CONFIG), claims=(rule,))
    )
    assert "to tenant-0 and 4 more (" in made.overlaps[0].message
    made = attribute([provider.uplink("t0"), *links], AttributionRules(claims=(rule,)))
    assert len(made.overlaps) == 5
    assert made.decisions[links[0].key].reason == "the uplinks of t0 are billed to acme"


def test_a_tier0s_own_service_interface_is_billed_beside_uplinks_and_links() -> None:
    points = [provider.uplink("t0"), provider.csp("t0", "mpls"), provider.link("t0", "t1")]
    mpls = claim(GLOBEX, Kind.SERVICE_INTERFACE, tier0="t0", interface="mpls")
    for other in (claim(ACME, Kind.TIER0_UPLINK, tier0="t0"), claim(ACME, Kind.TIER1_DOWNLINK, tier1="t1")):
        made = by_rules(points, mpls, other)
        assert made[1] == (GLOBEX, Role.BILLED)
        assert sorted(role for tenant, role in (made[0], made[2])) == [Role.BALANCE, Role.BILLED]


def test_a_ceiling_of_the_settings_holds_whichever_rule_names_the_tenant() -> None:
    points = [provider.link("t0", "t1", tags=TAGGED)]
    rule = Claim(tenant=ACME, source="nsx", kind=Kind.TIER1_DOWNLINK, tier1="t1", max_rate=5, path="here")
    made = attribute(points, AttributionRules(claims=(rule,), order=(Rule.NSX_TAG, Rule.CONFIG)))
    decision = made.decisions[points[0].key]
    assert (decision.tenant, decision.max_rate) == ("initech", 5)


def test_claims_on_other_sources_are_neither_taken_nor_missed() -> None:
    rule = Claim(tenant=ACME, source="other", kind=Kind.TIER1_DOWNLINK, tier1="t1")
    made = attribute([provider.link("t0", "t1")], AttributionRules(claims=(rule,)))
    assert made.unmatched == ()
    assert {one.tenant for one in made.decisions.values()} == {UNATTRIBUTED}


def test_settings_that_are_not_in_the_order_say_nothing() -> None:
    rule = claim(ACME, Kind.TIER1_DOWNLINK, tier1="t1")
    assert by_rules([provider.link("t0", "t1")], rule, order=(Rule.VCD,)) == [(UNATTRIBUTED, Role.BILLED)]


def test_a_claim_on_a_stretched_gateway_means_every_site() -> None:
    points = [provider.link("t0", "t1", site="ams"), provider.link("t0", "t1", site="fra")]
    assert by_rules(points, claim(ACME, Kind.TIER1_DOWNLINK, tier1="t1")) == [(ACME, Role.BILLED)] * 2


def test_a_tunnel_is_billed_to_whom_the_settings_bill_its_gateway() -> None:
    points = [
        provider.link("t0", "t1"),
        provider.tunnel("t1"),
        provider.uplink("t0-own"),
        provider.uplink("t0-own", "up2"),
        provider.tunnel("t0-own", kind=Kind.L2VPN),
        provider.tunnel("t0"),
    ]
    rules = [claim(ACME, Kind.TIER1_DOWNLINK, tier1="t1"), claim(GLOBEX, Kind.TIER0_UPLINK, tier0="t0-own")]
    assert [tenant for tenant, _ in by_rules(points, *rules)] == [ACME, ACME, GLOBEX, GLOBEX, GLOBEX, UNATTRIBUTED]
    rules[1] = claim(GLOBEX, Kind.TIER0_UPLINK, tier0="t0-own", interface="up1")
    rules.append(claim(ACME, Kind.TIER0_UPLINK, tier0="t0-own", interface="up2"))
    assert by_rules(points, *rules)[4] == (UNATTRIBUTED, Role.BILLED), "of two tenants it is neither's"


@pytest.mark.parametrize("wanted", ["edge-12", "/edges/edge-12", "name of edge-12"])
def test_an_edge_is_claimed_whole_or_by_a_vnic(wanted: str) -> None:
    points = [provider.edge("edge-12"), provider.edge("edge-12", 1), provider.edge("edge-13")]
    rule = Claim(tenant=ACME, source="nsxv", kind=Kind.EDGE_INTERFACE, edge=wanted)
    assert by_rules(points, rule) == [(ACME, Role.BILLED)] * 2 + [(UNATTRIBUTED, Role.BILLED)]
    for vnic in ("1", "vnic1"):
        one = Claim(tenant=ACME, source="nsxv", kind=Kind.EDGE_INTERFACE, edge=wanted, interface=vnic)
        assert [tenant for tenant, _ in by_rules(points, one)] == [UNATTRIBUTED, ACME, UNATTRIBUTED]


def test_a_vpc_is_claimed_in_its_project() -> None:
    paths = [f"/orgs/default/projects/{project}/vpcs/shop" for project in ("p1", "p2")]
    points = [provider.point(Kind.VPC_EXTERNAL, path, path, project=path.split("/")[4], name="Shop") for path in paths]
    for wanted in ("shop", "Shop", paths[1]):
        rule = Claim(tenant=ACME, source="nsx", kind=Kind.VPC_EXTERNAL, project="p2", vpc=wanted)
        made = by_rules(points, rule, order=(Rule.CONFIG,))
        assert made == [(UNATTRIBUTED, Role.BILLED), (ACME, Role.BILLED)]
