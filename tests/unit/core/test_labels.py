"""Tenants by tags of NSX and by Projects."""

from __future__ import annotations

import pytest

from collector.core.attribution import AttributionRules, Named, NoteKind, Rule, attribute
from collector.model.identity import UNATTRIBUTED, Kind
from collector.model.usage import Role
from collector.ports import FoundGateway, FoundPoint
from tests.unit.core.provider import cloud, csp, gateway, link, point, t0, t1, tunnel, uplink, whose

NOBODY = (UNATTRIBUTED, Role.BILLED)


def tag(*values: str, scope: str = "tenant") -> tuple[tuple[str, str], ...]:
    return tuple((scope, value) for value in values)


def tagged(points: list[FoundPoint], gateways: list[FoundGateway], **rules: object) -> list[tuple[str, Role]]:
    made = attribute(points, AttributionRules(**rules), gateways=gateways)  # type: ignore[arg-type]  # as given
    return whose(made, *points)


def test_a_tag_of_a_tier1_names_the_tenant_of_its_link_and_interfaces() -> None:
    mine = tag("acme")
    points = [link("t0", "t1-a", tags=mine), csp("t1-a", "web", tags=mine), link("t0", "t1-b")]
    assert tagged(points, []) == [("acme", Role.BILLED), ("acme", Role.BILLED), NOBODY]


def test_a_tag_of_a_tier0_names_the_tenant_of_its_uplinks() -> None:
    mine = tag("acme")
    points = [uplink("t0", tags=mine), csp("t0", "mpls", tags=mine), link("t0", "t1-a")]
    assert tagged(points, [t0("t0", tags=mine)]) == [
        ("acme", Role.BILLED),
        ("acme", Role.BILLED),
        (UNATTRIBUTED, Role.BALANCE),
    ]


def test_a_tag_of_an_interface_goes_before_its_gateways() -> None:
    both = tag("acme", "globex")
    points = [link("t0", "t1-a", tags=tag("acme")), csp("t1-a", "own", tags=both), csp("t1-a", "web", tags=tag("acme"))]
    expected = [("acme", Role.BILLED), ("globex", Role.BILLED), ("acme", Role.BILLED)]
    assert tagged(points, []) == expected, "the link tells the gateway's tags"
    assert tagged(points, [t1("t1-a", tags=tag("acme"))]) == expected


def test_a_point_whose_gateway_was_tagged_since_keeps_what_it_shows_itself() -> None:
    points = [csp("t1-a", "web", tags=tag("globex"))]
    assert tagged(points, [t1("t1-a", tags=tag("acme"))]) == [("globex", Role.BILLED)]


def test_two_values_on_one_object_name_nobody_and_it_is_told() -> None:
    points = [csp("t1-a", "own", tags=tag("acme", "globex"))]
    for gateways in ([], [t1("t1-a")], [t1("t1-a", tags=tag("acme", "globex"))]):
        made = attribute(points, AttributionRules(), gateways=gateways)
        assert whose(made, *points) == [NOBODY]
        (note,) = made.notes
        assert note.kind is NoteKind.AMBIGUOUS
        assert "acme, globex" in note.message
    twice = [csp("t1-a", "own", tags=tag("acme", "acme"))]
    assert tagged(twice, []) == [("acme", Role.BILLED)]


def test_an_ambiguous_interface_does_not_fall_back_to_its_gateway() -> None:
    mine = tag("initech")
    points = [link("t0", "t1-a", tags=mine), csp("t1-a", "own", tags=(*mine, *tag("acme", "globex")))]
    assert tagged(points, []) == [("initech", Role.BILLED), NOBODY]


def test_other_scopes_and_empty_values_name_nobody() -> None:
    points = [link("t0", "t1-a", tags=(*tag("acme", scope="customer"), *tag("")))]
    assert tagged(points, []) == [NOBODY]
    assert tagged(points, [], tag_scope="customer") == [("acme", Role.BILLED)]


def test_a_tunnel_has_its_own_tag_or_its_gateways() -> None:
    points = [link("t0", "t1-a", tags=tag("acme")), tunnel("t1-a"), tunnel("t1-a", "s2")]
    session = [point(one.key.kind, one.key.path, one.gateway, tier1=one.tier1, tags=tag("acme")) for one in points[1:]]
    assert tagged([points[0], *session], []) == [("acme", Role.BILLED)] * 3


def test_a_project_names_the_tenant_of_what_lies_in_it() -> None:
    vpc = "/orgs/default/projects/p1/vpcs/v"
    points = [
        link("t0", "t1-a", project="p1"),
        csp("t1-a", "web", project="p1"),
        point(Kind.VPC_EXTERNAL, vpc, vpc, project="p1"),
        point(Kind.TRANSIT_GATEWAY_EXTERNAL, "/orgs/default/projects/p1/transit-gateways/t", "t", project="p1"),
        link("t0", "t1-b"),
    ]
    assert tagged(points, []) == [("p1", Role.BILLED)] * 4 + [NOBODY]
    assert tagged(points, [], order=(Rule.CONFIG, Rule.VCD, Rule.NSX_TAG)) == [NOBODY] * 5
    made = attribute(points, AttributionRules(auto_tenants=False))
    assert whose(made, points[0]) == [NOBODY]
    assert made.decisions[points[0].key].reason == ("no rule names its tenant; NSX Project p1, which no tenant has")
    assert [note.kind for note in made.notes] == [NoteKind.UNMATCHED]


@pytest.mark.parametrize(
    ("order", "tenant"),
    [
        (("vcd", "nsx_tag", "nsx_project"), "by-vcd"),
        (("nsx_tag", "vcd", "nsx_project"), "by-tag"),
        (("nsx_project", "nsx_tag", "vcd"), "by-project"),
    ],
)
def test_the_first_rule_of_the_order_decides(order: tuple[str, ...], tenant: str) -> None:
    points = [link("t0", "t1-a", project="by-project", tags=tag("by-tag"))]
    made = attribute(
        points,
        AttributionRules(order=tuple(map(Rule, order)), maps=(cloud(gateway("a", "by-vcd", "t1-a")),)),
        gateways=[t1("t1-a", project="by-project")],
    )
    assert whose(made, *points) == [(tenant, Role.BILLED)]
    assert made.decisions[points[0].key].rule == order[0]


def test_a_name_of_another_source_does_not_become_the_same_tenant() -> None:
    points = [link("t0", "t1-a", tags=tag("a/b"))]
    alone = attribute(points, AttributionRules())
    assert whose(alone, *points) == [("a-b", Role.BILLED)]
    assert alone.found == {Named(Rule.NSX_TAG, "tenant=a/b", "a/b")}
    elsewhere = frozenset({Named(Rule.NSX_TAG, "tenant=a b", "a b")})
    ((tenant, _),) = whose(attribute(points, AttributionRules(names=elsewhere)), *points)
    assert tenant.startswith("a-b-")
