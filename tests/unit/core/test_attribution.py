"""Whose a metering point is, and why."""

from __future__ import annotations

from collector.core.attribution import Claim, attribute, next_owner, owner_at
from collector.model.identity import UNATTRIBUTED, Kind, PointKey, ReadAt, TenantId
from collector.model.usage import Owner, Role
from collector.ports import FoundPoint

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
