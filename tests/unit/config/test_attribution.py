"""Whose the points are: explicit points of every kind, organisations, the order of rules, tenants to come."""

from __future__ import annotations

from pathlib import Path

import pytest

from collector.model.identity import Kind
from config.tenants import POINT_KINDS, point_kind
from config.words import Wrong
from tests.unit.config.support import Values, director, faults, legacy, loaded, point, settings, source, tenant, token

# --- points and tenants ----------------------------------------------------------------------------------------------

EDGE: Values = {"source": "nsxv", "kind": "edge_interface", "edge": "edge-12"}
VPC: Values = {"source": "nsx-ams1", "kind": "vpc_external", "project": "retail", "vpc": "shop"}
ALL_KINDS = [source(), director(), legacy()]


@pytest.mark.parametrize("interface", [0, "0", "ext-internet", None])
def test_an_edge_is_claimed_whole_or_by_vnic(tmp_path: Path, interface: object) -> None:
    point = {**EDGE, "interface": interface} if interface is not None else EDGE
    (made,) = loaded(tmp_path, settings(sources=ALL_KINDS, tenants=[tenant(points=[point])])).settings.tenants
    assert made.points[0].kind is Kind.EDGE_INTERFACE
    assert (made.points[0].edge, made.points[0].interface) == (
        "edge-12",
        str(interface) if interface is not None else None,
    )


@pytest.mark.parametrize("kind", ["vpc_external", "vpc_internal", "vpc"])
def test_a_vpc_is_claimed_by_project_and_name(tmp_path: Path, kind: str) -> None:
    point = {**VPC, "kind": kind}
    (made,) = loaded(tmp_path, settings(sources=ALL_KINDS, tenants=[tenant(points=[point])])).settings.tenants
    assert (made.points[0].kind, made.points[0].project, made.points[0].vpc) == (Kind(kind), "retail", "shop")


def test_every_kind_is_an_explicit_point_or_says_whose_it_is() -> None:
    followers = set()
    for kind in set(Kind) - {Kind(one) for one in POINT_KINDS}:
        with pytest.raises(Wrong, match="cannot be an explicit point, since it belongs to the tenant of its"):
            point_kind(kind.value)
        followers.add(kind)
    assert {Kind.L2VPN, Kind.IPSEC_VPN} <= followers


@pytest.mark.parametrize(
    ("point", "fault"),
    [
        (
            {**EDGE, "source": "nsx-ams1"},
            '"nsx-ams1" is a source of kind nsxt; a point of kind edge_interface needs one of kind nsxv (known: nsxv)',
        ),
        (
            {**VPC, "source": "nsxv"},
            '"nsxv" is a source of kind nsxv; a point of kind vpc_external needs one of kind nsxt (known: nsx-ams1)',
        ),
        (
            point(source="vcd"),
            '"vcd" is a source of kind vcd; a point of kind tier0_uplink needs one of kind nsxt (known: nsx-ams1)',
        ),
    ],
)
def test_a_point_lies_on_a_source_of_its_kind(tmp_path: Path, point: Values, fault: str) -> None:
    values = settings(sources=ALL_KINDS, tenants=[tenant(points=[point])])
    assert faults(tmp_path, values) == [f"tenants[0].points[0].source: {fault}"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (EDGE, EDGE),
        (EDGE, {**EDGE, "interface": 0}),
        ({**EDGE, "interface": 0}, {**EDGE, "interface": "0"}),
        (VPC, VPC),
        (VPC, {**VPC, "vpc": "/orgs/default/projects/retail/vpcs/shop"}),
    ],
)
def test_the_same_edge_or_vpc_twice_is_a_fault(tmp_path: Path, first: Values, second: Values) -> None:
    values = settings(sources=ALL_KINDS, tenants=[tenant(points=[first]), tenant(id="globex", points=[second])])
    (found,) = faults(tmp_path, values)
    assert found.startswith("tenants[1].points[0]: is the same as tenants[0].points[0] of tenant")


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (EDGE, {**EDGE, "edge": "edge-13"}),
        ({**EDGE, "interface": 0}, {**EDGE, "interface": 1}),
        (VPC, {**VPC, "kind": "vpc_internal"}),
        (VPC, {**VPC, "project": "wholesale"}),
    ],
)
def test_different_edges_and_vpcs_are_no_fault(tmp_path: Path, first: Values, second: Values) -> None:
    values = settings(sources=ALL_KINDS, tenants=[tenant(points=[first, second])])
    assert len(loaded(tmp_path, values).settings.tenants[0].points) == 2


def test_an_organisation_has_one_tenant(tmp_path: Path) -> None:
    twice = [tenant(vcd_org="Acme"), tenant(id="globex", vcd_org="Acme")]
    assert faults(tmp_path, settings(sources=ALL_KINDS, tenants=twice)) == [
        'tenants[1].vcd_org: "Acme" is taken by tenants[0].vcd_org; choose another'
    ]


def test_an_organisation_without_a_director_warns(tmp_path: Path) -> None:
    named = [tenant(vcd_org="Acme Corp")]
    assert loaded(tmp_path, settings(sources=ALL_KINDS, tenants=named)).warnings == ()
    (warning,) = loaded(tmp_path, settings(tenants=named)).warnings
    assert (warning.path, warning.message) == (
        "tenants[0].vcd_org",
        "has no effect, since there is no source of kind vcd",
    )


# --- attribution -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("attribution", "fault"),
    [
        ({"order": []}, "order: is empty, so that all traffic belongs to nobody; name one rule at least"),
        ({"order": "vcd"}, "order: expected a list, came text; write [one, another] or a line with - for each"),
        ({"order": ["vcd", "config", "vcd"]}, 'order[2]: names "vcd" a second time; remove it'),
        (
            {"order": ["nsx_tags"]},
            'order[0]: "nsx_tags" is not known here; did you mean "nsx_tag"? Known: config, ',
        ),
        ({"nsx_tag_scope": 5}, "nsx_tag_scope: expected text, came a number; put it in quotes"),
        ({"auto_tenants": 1}, "auto_tenants: expected true or false, came 1"),
        ({"auto_tenant": True}, 'auto_tenant: is not a known key here; did you mean "auto_tenants"?'),
    ],
)
def test_a_fault_of_attribution_names_its_place(tmp_path: Path, attribution: Values, fault: str) -> None:
    (found,) = faults(tmp_path, settings(attribution=attribution))
    assert found.startswith(f"attribution.{fault}")


@pytest.mark.parametrize(
    ("order", "sources", "points", "warned"),
    [
        (["vcd", "nsx_tag"], ALL_KINDS, [point()], ["has no config, so the points of the tenants are not used; add"]),
        (["vcd", "nsx_tag"], ALL_KINDS, [], []),
        (["config"], ALL_KINDS, [point()], ["has no vcd, so what is known there of gateways is not used; add vcd"]),
        (["config", "nsx_tag"], [source()], [point()], []),
    ],
)
def test_an_order_that_leaves_out_what_is_written_warns(
    tmp_path: Path, order: list[str], sources: list[Values], points: list[Values], warned: list[str]
) -> None:
    values = settings(sources=sources, tenants=[tenant(points=points)], attribution={"order": order})
    found = loaded(tmp_path, values).warnings
    assert [one.path for one in found] == ["attribution.order"] * len(warned)
    assert all(one.message.startswith(words) for one, words in zip(found, warned, strict=True))


def seeing(*tenants: str, **attribution: object) -> Values:
    """Return settings with a token that sees ``tenants``, where acme alone is written."""
    return settings(tenants=[tenant()], http={"tokens": [token(tenants=list(tenants))]}, attribution=attribution)


def test_a_token_may_name_a_tenant_that_is_to_come(tmp_path: Path) -> None:
    result = loaded(tmp_path, seeing("acme", "acne", "unattributed", "zebra"))
    nothing = "is no tenant of these settings, so the token sees nothing of it until attribution.auto_tenants makes one"
    assert [(one.path, one.message) for one in result.warnings] == [
        ("http.tokens[0].tenants[1]", f'"acne" {nothing} of that id (did you mean "acme"?)'),
        ("http.tokens[0].tenants[3]", f'"zebra" {nothing} of that id'),
    ]


@pytest.mark.parametrize(
    "values",
    [
        seeing("acne", auto_tenants=False),
        seeing("acne", auto_tenants="false"),
        seeing("acne", order=["config"]),
    ],
)
def test_a_token_may_name_no_tenant_that_cannot_come(tmp_path: Path, values: Values) -> None:
    assert faults(tmp_path, values) == [
        'http.tokens[0].tenants[0]: "acne" is not the id of a tenant; did you mean "acme"?'
    ]


def test_a_token_may_name_nothing_that_cannot_be_an_id(tmp_path: Path) -> None:
    (found,) = faults(tmp_path, seeing("Globex Corp"))
    assert found.startswith('http.tokens[0].tenants[0]: "Globex Corp" is not the id of a tenant; ')


def test_a_warning_shows_no_value_of_the_environment(tmp_path: Path) -> None:
    result = loaded(tmp_path, seeing("${T}"), {"T": "zebra"})
    (warning,) = result.warnings
    assert "zebra" not in str(warning)
    assert '"${T}" is no tenant of these settings' in warning.message
    assert result.settings.http.tokens[0].tenants == ("zebra",)
