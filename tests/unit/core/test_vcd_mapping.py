"""Whose a metering point is by the map of a director."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collector.core.attribution import Claim, NoteKind, Rule, TenantEntry
from collector.model.directory import CloudMap
from collector.model.identity import UNATTRIBUTED, Kind, TenantId
from collector.model.usage import Role
from tests.unit.core.provider import (
    Objects,
    by_director,
    cloud,
    csp,
    external,
    gateway,
    kinds,
    link,
    on,
    on_segment,
    org,
    provider_gateway,
    segment,
    t0,
    t1,
    tunnel,
    uplink,
    whose,
)

ACME, GLOBEX = TenantId("acme"), TenantId("globex")
NOBODY = (UNATTRIBUTED, Role.BILLED)


def billed(tenant: str) -> tuple[str, Role]:
    return tenant, Role.BILLED


# --- which Tier-1 backs a gateway ------------------------------------------------------------------------------------


@pytest.mark.parametrize("backing", ["t1-a", "unique", "realised", "router", "/infra/tier-1s/t1-a"])
def test_a_gateway_finds_its_tier1_by_any_of_its_ids(backing: str) -> None:
    points = [link("t0", "t1-a"), link("t0", "t1-b")]
    objects = [t0("t0"), t1("t1-a", "unique", "realised", "router"), t1("t1-b", "other")]
    made = by_director(points, objects, cloud(gateway("edge-1", "acme", backing)))
    assert whose(made, *points) == [billed(ACME), NOBODY]


def test_a_gateway_is_never_found_by_its_name() -> None:
    points = [link("t0", "t1-a")]
    made = by_director(points, [t1("t1-a", "unique")], cloud(gateway("name of t1-a", "acme", "name of t1-a")))
    assert whose(made, *points) == [NOBODY]
    (note,) = [one for one in made.notes if one.kind is NoteKind.UNRESOLVED]
    assert note.path == "urn:vcloud:gateway:name of t1-a"
    assert "no Tier-1 of the source nsx" in note.message


def test_an_id_that_fits_two_gateways_fits_none_and_is_told() -> None:
    points = [link("t0", "one"), csp("one", "if1", "seg"), link("t0", "two")]
    made = by_director(points, [t1("one", "same"), t1("two", "x", "same")], cloud(gateway("edge-1", "acme", "same")))
    assert whose(made, *points) == [NOBODY] * 3
    (note,) = made.notes
    assert note.kind is NoteKind.AMBIGUOUS
    assert "/infra/tier-1s/one, /infra/tier-1s/two" in note.message
    assert "may stand on it" in made.decisions[points[0].key].reason


def test_the_settings_name_the_tier1_of_a_gateway_that_has_no_known_id() -> None:
    points = [link("t0", "one"), link("t0", "two")]
    objects = [t1("one", "same"), t1("two", "same")]
    backings = {("vcd", "urn:vcloud:gateway:edge-1"): "/infra/tier-1s/two"}
    made = by_director(points, objects, cloud(gateway("edge-1", "acme", "same")), backings=backings)
    assert whose(made, *points) == [NOBODY, billed(ACME)]
    by_id = {("vcd", "same"): "/infra/tier-1s/one"}
    made = by_director(points, objects, cloud(gateway("edge-1", "acme", "same")), backings=by_id)
    assert whose(made, *points) == [billed(ACME), NOBODY]
    wrong = {("vcd", "same"): "/infra/tier-1s/three"}
    made = by_director(points, objects, cloud(gateway("edge-1", "acme", "same")), backings=wrong)
    assert whose(made, *points) == [NOBODY, NOBODY]
    assert "/infra/tier-1s/three" in made.notes[0].message


def test_with_networking_tenancy_the_tier1_lies_in_a_project() -> None:
    points = [link("t0", "t1-a"), link("t0", "t1-a", project="p")]
    objects = [t1("t1-a"), t1("t1-a", project="p")]
    order = {"order": (Rule.VCD,)}
    made = by_director(points, objects, cloud(gateway("edge-1", "acme", "t1-a", in_project=True)), **order)
    assert whose(made, *points) == [NOBODY, billed(ACME)]
    made = by_director(points, objects, cloud(gateway("edge-1", "acme", "t1-a")), **order)
    assert whose(made, *points) == [billed(ACME), NOBODY], "what a Project's user may name goes last"
    made = by_director(points, objects[:1], cloud(gateway("edge-1", "acme", "t1-a", in_project=True)), **order)
    assert whose(made, points[0]) == [NOBODY]
    assert "of a Project" in made.notes[0].message


def test_each_site_of_a_stretched_gateway_has_the_same_owner() -> None:
    points = [link("t0", "t1-a", site="ams"), link("t0", "t1-a", site="fra")]
    made = by_director(points, [t1("t1-a")], cloud(gateway("edge-1", "acme", "t1-a")))
    assert whose(made, *points) == [billed(ACME)] * 2


def test_a_router_that_two_organisations_claim_is_nobodys() -> None:
    points = [link("t0", "t1-a"), csp("t1-a", "if1", "seg")]
    directory = cloud(gateway("edge-1", "acme", "t1-a"), gateway("edge-2", "globex", "t1-a"))
    made = by_director(points, [t1("t1-a")], directory)
    assert whose(made, *points) == [NOBODY] * 2
    assert kinds(made) == ["collision"]
    same = cloud(gateway("edge-1", "acme", "t1-a"), gateway("edge-2", "acme", "t1-a"))
    assert whose(by_director(points, [t1("t1-a")], same), points[0]) == [billed(ACME)]


def test_a_gateway_that_the_director_no_longer_has_is_nobodys_and_still_read() -> None:
    points = [link("t0", "t1-a"), csp("t1-a", "if1", "seg")]
    made = by_director(points, [t1("t1-a")], cloud(org("acme")))
    assert whose(made, *points) == [NOBODY] * 2
    assert made.decisions[points[0].key].reason == ("no rule names its tenant; no gateway of VCD stands on its Tier-1")


def test_an_organisation_that_is_gone_has_nothing_any_more() -> None:
    points = [link("t0", "t1-a"), csp("t1-a", "if1", "seg")]
    made = by_director(points, [t1("t1-a")], cloud(gateway("edge-1", "acme", "t1-a"), org("globex")))
    assert whose(made, points[0]) == [NOBODY]
    assert made.decisions[points[1].key].role is Role.INTERNAL
    assert [note.path for note in made.notes] == ["urn:vcloud:org:acme"]


def test_gateways_name_their_organisations_where_the_director_lists_none() -> None:
    directory = cloud(gateway("edge-1", "acme", "t1-a"))
    bare = CloudMap(
        source="vcd", at=1, version="38.1", complete=True, addresses_complete=True, gateways=directory.gateways
    )
    made = by_director([link("t0", "t1-a")], [t1("t1-a")], bare)
    assert whose(made, link("t0", "t1-a")) == [billed(ACME)]


def test_a_gateway_without_a_service_router_is_told_and_hides_no_uplink() -> None:
    points = [uplink("t0"), link("t0", "t1-a")]
    distributed = gateway("edge-1", "acme", "t1-a", on("pg"), distributed_only=True)
    made = by_director(points, [t0("t0"), t1("t1-a")], cloud(provider_gateway("pg", "t0"), distributed))
    assert whose(made, *points) == [NOBODY, billed(ACME)], (
        "its link counts nothing, so its traffic shows at the uplinks"
    )
    own = cloud(provider_gateway("pg", "t0", "acme"), distributed)
    made = by_director(points, [t0("t0"), t1("t1-a")], own)
    assert whose(made, *points) == [billed(ACME), (ACME, Role.BALANCE)]


def test_a_distributed_gateway_is_noted() -> None:
    made = by_director(
        [link("t0", "t1-a")], [t1("t1-a")], cloud(gateway("edge-1", "acme", "t1-a", distributed_only=True))
    )
    assert kinds(made) == ["uncounted"]


# --- shared and dedicated provider gateways --------------------------------------------------------------------------


def test_under_a_shared_provider_gateway_links_are_billed_and_its_uplinks_are_balance() -> None:
    points = [uplink("t0"), link("t0", "t1-a"), link("t0", "t1-b"), link("t0", "t1-c")]
    directory = cloud(
        provider_gateway("pg", "t0-uuid"),
        gateway("edge-a", "acme", "t1-a", on("pg")),
        gateway("edge-b", "globex", "t1-b", on("pg")),
    )
    made = by_director(points, [t0("t0", "t0-uuid"), t1("t1-a"), t1("t1-b"), t1("t1-c")], directory)
    assert whose(made, *points) == [(UNATTRIBUTED, Role.BALANCE), billed(ACME), billed(GLOBEX), NOBODY]
    assert made.decisions[points[1].key].reason == ("VCD: gateway edge-a of organisation acme (provider gateway pg)")
    assert (made.overlaps, made.notes) == ((), ())


@pytest.mark.parametrize("vrf", [False, True])
def test_a_dedicated_tier0_is_billed_at_its_uplinks(vrf: bool) -> None:
    points = [uplink("t0"), uplink("t0", "up2"), link("t0", "t1-a"), csp("t0", "mpls", "seg")]
    directory = cloud(
        provider_gateway("pg-acme", "t0-uuid", "acme", vrf=vrf),
        gateway("acme-edge-1", "acme", "t1-a", on("pg-acme", "NSXT_VRF_TIER0" if vrf else "NSXT_TIER0")),
    )
    made = by_director(points, [t0("t0", "t0-uuid", parent="t0-parent" if vrf else None), t1("t1-a")], directory)
    assert whose(made, *points) == [billed(ACME), billed(ACME), (ACME, Role.BALANCE), billed(ACME)]
    assert made.decisions[points[0].key].reason == (
        "VCD: gateway acme-edge-1 of organisation acme (dedicated provider gateway pg-acme)"
    )
    assert made.decisions[points[0].key].rule is Rule.VCD
    assert (made.overlaps, made.notes) == ((), ())


def test_a_dedicated_provider_gateway_of_one_gateway_is_of_its_organisation() -> None:
    points = [uplink("t0"), link("t0", "t1-a")]
    objects = [t0("t0"), t1("t1-a")]
    by_network = cloud(provider_gateway("pg", "t0", one=True), gateway("edge", "acme", "t1-a", on("pg")))
    by_uplink = cloud(provider_gateway("pg", "t0"), gateway("edge", "acme", "t1-a", on("pg", dedicated=True)))
    for directory in (by_network, by_uplink):
        made = by_director(points, objects, directory)
        assert whose(made, *points) == [billed(ACME), (ACME, Role.BALANCE)]


def test_the_gateway_that_has_a_tier0_for_itself_goes_before_others_on_it() -> None:
    points = [uplink("t0"), link("t0", "t1-a"), link("t0", "t1-b")]
    directory = cloud(
        provider_gateway("pg", "t0"),
        gateway("edge-a", "acme", "t1-a", on("pg", dedicated=True)),
        gateway("edge-b", "globex", "t1-b", on("pg")),
    )
    made = by_director(points, [t0("t0"), t1("t1-a"), t1("t1-b")], directory)
    assert whose(made, *points) == [billed(ACME), (ACME, Role.BALANCE), (GLOBEX, Role.BALANCE)]
    assert kinds(made) == ["stale"]


def test_several_gateways_of_the_organisation_may_share_its_dedicated_tier0() -> None:
    points = [uplink("t0"), link("t0", "t1-a"), link("t0", "t1-b")]
    directory = cloud(
        provider_gateway("pg", "t0", "acme"),
        gateway("edge-a", "acme", "t1-a", on("pg")),
        gateway("edge-b", "acme", "t1-b", on("pg")),
    )
    made = by_director(points, [t0("t0"), t1("t1-a"), t1("t1-b")], directory)
    assert whose(made, *points) == [billed(ACME), (ACME, Role.BALANCE), (ACME, Role.BALANCE)]
    assert made.decisions[points[0].key].reason == "VCD: dedicated provider gateway pg of organisation acme"
    assert (made.overlaps, made.notes) == ((), ())


def test_another_organisations_gateway_on_a_dedicated_tier0_is_stale_and_named() -> None:
    points = [uplink("t0"), link("t0", "t1-a"), link("t0", "t1-b")]
    directory = cloud(
        provider_gateway("pg", "t0", "acme"),
        gateway("edge-a", "acme", "t1-a", on("pg")),
        gateway("edge-b", "globex", "t1-b", on("pg")),
    )
    made = by_director(points, [t0("t0"), t1("t1-a"), t1("t1-b")], directory)
    assert whose(made, *points) == [billed(ACME), (ACME, Role.BALANCE), (GLOBEX, Role.BALANCE)]
    assert kinds(made) == ["stale"]
    assert "dedicated to organisation acme" in made.notes[0].message
    assert [overlap.point for overlap in made.overlaps] == [points[2].key]


def test_a_dedicated_tier0_without_a_gateway_is_of_its_organisation_all_the_same() -> None:
    points = [uplink("t0")]
    made = by_director(points, [t0("t0")], cloud(provider_gateway("pg", "t0", "acme")))
    assert whose(made, *points) == [billed(ACME)]
    unused = by_director(points, [t0("t0")], cloud(provider_gateway("pg", "t0", one=True)))
    assert whose(unused, *points) == [NOBODY]
    assert unused.notes == ()


def test_a_provider_gateway_that_several_have_for_themselves_counts_as_shared() -> None:
    points = [uplink("t0"), link("t0", "t1-a"), link("t0", "t1-b")]
    directory = cloud(
        provider_gateway("pg", "t0", one=True),
        gateway("edge-a", "acme", "t1-a", on("pg")),
        gateway("edge-b", "globex", "t1-b", on("pg")),
    )
    made = by_director(points, [t0("t0"), t1("t1-a"), t1("t1-b")], directory)
    assert whose(made, *points) == [(UNATTRIBUTED, Role.BALANCE), billed(ACME), billed(GLOBEX)]
    assert kinds(made) == ["ambiguous"]


def test_provider_gateways_that_disagree_about_one_tier0_make_it_shared() -> None:
    points = [uplink("t0"), link("t0", "t1-a")]
    directory = cloud(
        provider_gateway("pg-1", "t0", "acme"),
        provider_gateway("pg-2", "t0", "globex"),
        gateway("edge-a", "acme", "t1-a", on("pg-1")),
    )
    made = by_director(points, [t0("t0"), t1("t1-a")], directory)
    assert whose(made, *points) == [(UNATTRIBUTED, Role.BALANCE), billed(ACME)]
    assert kinds(made) == ["collision"]


def test_a_tier0_that_the_director_does_not_know_is_nobodys_also_as_a_parent_of_vrfs() -> None:
    points = [uplink("t0-parent"), uplink("t0-vrf"), link("t0-vrf", "t1-a")]
    objects = [t0("t0-parent"), t0("t0-vrf", parent="t0-parent"), t1("t1-a", under="t0-vrf")]
    directory = cloud(provider_gateway("pg", "t0-vrf", "acme", vrf=True), gateway("edge", "acme", "t1-a", on("pg")))
    made = by_director(points, objects, directory)
    assert whose(made, *points) == [NOBODY, billed(ACME), (ACME, Role.BALANCE)]
    assert made.decisions[points[0].key].reason == (
        "no rule names its tenant; no provider gateway of VCD stands on its Tier-0"
    )


def test_where_the_tier1_is_connected_elsewhere_the_bill_follows_the_traffic() -> None:
    points = [uplink("t0-a"), uplink("t0-b"), link("t0-b", "t1-a")]
    directory = cloud(
        provider_gateway("pg-a", "t0-a"), provider_gateway("pg-b", "t0-b"), gateway("edge", "acme", "t1-a", on("pg-a"))
    )
    made = by_director(points, [t0("t0-a"), t0("t0-b"), t1("t1-a", under="t0-b")], directory)
    assert whose(made, *points) == [NOBODY, (UNATTRIBUTED, Role.BALANCE), billed(ACME)]
    (note,) = made.notes
    assert note.kind is NoteKind.STALE
    assert "is connected to /infra/tier-0s/t0-b" in note.message


def test_a_disconnected_gateway_is_told_and_is_not_stale() -> None:
    directory = cloud(provider_gateway("pg", "t0"), gateway("edge", "acme", "t1-a", on("pg", connected=False)))
    made = by_director([uplink("t0")], [t0("t0"), t1("t1-a", under=None)], directory)
    assert kinds(made) == ["disconnected"]


def test_a_provider_gateway_whose_tier0_is_not_found_or_fits_two_is_told_once() -> None:
    points = [link("t0", "t1-a"), link("t0", "t1-b")]
    objects = [t0("t0", "same"), t0("t0-x", "same"), t1("t1-a"), t1("t1-b")]
    gateways = [gateway("a", "acme", "t1-a", on("pg")), gateway("b", "globex", "t1-b", on("pg"))]
    made = by_director(points, objects, cloud(provider_gateway("pg", "gone", "acme"), *gateways))
    assert whose(made, *points) == [billed(ACME), billed(GLOBEX)], "each link is billed where no uplinks are"
    assert [note.kind for note in made.notes if note.path == "urn:vcloud:network:pg"] == [NoteKind.UNRESOLVED]
    made = by_director(points, objects, cloud(provider_gateway("pg", "same", "acme"), *gateways))
    assert [note.kind for note in made.notes if note.path == "urn:vcloud:network:pg"] == [NoteKind.AMBIGUOUS]
    made = by_director(points, objects, cloud(provider_gateway("other", "t0"), *gateways))
    assert kinds(made) == ["unresolved", "unresolved"], "each gateway names a network that is not listed"


# --- service interfaces ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("backing", ["seg-mpls", "seg-uuid", "/infra/segments/seg-mpls"])
def test_an_external_segment_is_billed_and_the_others_are_inside(backing: str) -> None:
    points = [link("t0", "t1-a"), csp("t1-a", "mpls", "seg-mpls"), csp("t1-a", "web", "seg-web"), csp("t1-a", "x")]
    objects: Objects = [t0("t0"), t1("t1-a"), segment("seg-mpls", "seg-uuid"), segment("seg-web", "web-uuid")]
    directory = cloud(
        provider_gateway("pg", "t0"),
        external("mpls-acme", backing),
        gateway("edge", "acme", "t1-a", on("pg"), on_segment("mpls-acme")),
    )
    made = by_director(points, objects, directory)
    assert whose(made, *points) == [billed(ACME), billed(ACME), (ACME, Role.INTERNAL), NOBODY]
    reasons = [made.decisions[one.key].reason for one in points]
    assert reasons[1] == "VCD: gateway edge of organisation acme (external network mpls-acme)"
    assert reasons[2] == "VCD: inside gateway edge of organisation acme, on none of its external networks"
    assert "its segment is unknown" in reasons[3]
    assert made.notes == ()


def test_an_explicit_point_is_metered_wherever_it_lies() -> None:
    points = [csp("t1-a", "web", "seg-web")]
    claim = Claim(tenant=GLOBEX, source="nsx", kind=Kind.SERVICE_INTERFACE, tier1="t1-a", interface="web", path="here")
    for order in (tuple(Rule), (Rule.VCD, Rule.CONFIG)):
        rules = {"claims": (claim,), "order": order}
        made = by_director(points, [t1("t1-a")], cloud(gateway("edge", "acme", "t1-a")), **rules)
        assert whose(made, *points) == [billed(GLOBEX)]
        assert made.decisions[points[0].key].rule is Rule.CONFIG


@pytest.mark.parametrize("known", [(), ("one", "two")])
def test_while_an_external_segment_is_not_found_nothing_is_taken_for_inside(known: tuple[str, ...]) -> None:
    points = [link("t0", "t1-a"), csp("t1-a", "mpls", "seg-mpls"), csp("t1-a", "web", "seg-web")]
    directory = cloud(external("mpls", "uuid"), gateway("edge", "acme", "t1-a", on_segment("mpls")))
    objects: Objects = [t1("t1-a"), *(segment(one, "uuid") for one in known)]
    made = by_director(points, objects, directory)
    assert whose(made, *points) == [billed(ACME), NOBODY, NOBODY]
    assert "nobody can tell" in made.decisions[points[1].key].reason
    assert kinds(made) == ["ambiguous" if known else "unresolved"]


def test_an_external_segment_is_found_by_its_id_also_where_segments_are_not_listed() -> None:
    points = [csp("t1-a", "mpls", "seg-mpls"), csp("t1-a", "web", "seg-web")]
    directory = cloud(external("mpls", "seg-mpls"), gateway("edge", "acme", "t1-a", on_segment("mpls")))
    made = by_director(points, [t1("t1-a")], directory)
    assert whose(made, *points) == [billed(ACME), (ACME, Role.INTERNAL)]


def test_an_external_network_that_the_director_does_not_list_leaves_interfaces_in_doubt() -> None:
    points = [csp("t1-a", "web", "seg-web")]
    made = by_director(points, [t1("t1-a")], cloud(gateway("edge", "acme", "t1-a", on_segment("gone"))))
    assert whose(made, *points) == [NOBODY]


@pytest.mark.parametrize(("version", "role"), [("36.3", Role.BILLED), ("37.0", Role.BILLED), ("37.1", Role.INTERNAL)])
def test_before_uplinks_on_segments_nothing_is_taken_for_inside(version: str, role: Role) -> None:
    points = [link("t0", "t1-a"), csp("t1-a", "web", "seg")]
    directory = replace(cloud(gateway("edge", "acme", "t1-a")), version=version)
    made = by_director(points, [t1("t1-a")], directory)
    assert whose(made, points[0]) == [billed(ACME)]
    assert made.decisions[points[1].key].role is role
    assert (made.decisions[points[1].key].tenant == UNATTRIBUTED) is (role is Role.BILLED)


def test_an_account_that_sees_no_external_network_still_names_links_and_is_told_once() -> None:
    points = [link("t0", "t1-a"), link("t0", "t1-b")]
    directory = cloud(gateway("a", "acme", "t1-a", on("pg")), gateway("b", "globex", "t1-b", on("pg")))
    made = by_director(points, [t1("t1-a"), t1("t1-b")], directory)
    assert whose(made, *points) == [billed(ACME), billed(GLOBEX)]
    assert [note.path for note in made.notes] == ["vcd"]


def test_an_external_network_that_no_interface_is_on_is_told() -> None:
    points = [csp("t1-b", "mpls", "seg-mpls"), csp("t1-a", "web", "seg-web")]
    directory = cloud(external("mpls", "seg-mpls"), gateway("edge", "acme", "t1-a", on_segment("mpls")))
    made = by_director(points, [t1("t1-a"), t1("t1-b"), segment("seg-mpls")], directory)
    assert whose(made, *points) == [NOBODY, (ACME, Role.INTERNAL)]
    assert "no service interface of its Tier-1" in made.notes[0].message


def test_the_segment_of_another_organisations_gateway_is_inside_here() -> None:
    points = [csp("t1-a", "a", "shared"), csp("t1-b", "b", "shared")]
    directory = cloud(
        external("net", "shared"), gateway("a", "acme", "t1-a", on_segment("net")), gateway("b", "globex", "t1-b")
    )
    made = by_director(points, [t1("t1-a"), t1("t1-b"), segment("shared")], directory)
    assert whose(made, *points) == [billed(ACME), (GLOBEX, Role.INTERNAL)]


# --- tunnels ---------------------------------------------------------------------------------------------------------


def test_a_tunnel_is_the_tenants_whose_the_gateway_is() -> None:
    points = [tunnel("t1-a"), tunnel("t0-own"), tunnel("t0-shared"), tunnel("t1-x", kind=Kind.L2VPN)]
    directory = cloud(
        provider_gateway("own", "t0-own", "globex"),
        provider_gateway("shared", "t0-shared"),
        gateway("edge", "acme", "t1-a", on("shared")),
    )
    objects = [t0("t0-own"), t0("t0-shared"), t1("t1-a", under="t0-shared"), t1("t1-x")]
    made = by_director(points, objects, directory)
    assert whose(made, *points) == [billed(ACME), billed(GLOBEX), NOBODY, NOBODY]


# --- tenants ---------------------------------------------------------------------------------------------------------


def test_an_organisation_is_the_tenant_that_names_it_and_needs_one_without_auto_tenants() -> None:
    points = [link("t0", "t1-a"), link("t0", "t1-b"), link("t0", "t1-c")]
    objects = [t1("t1-a"), t1("t1-b"), t1("t1-c")]
    directory = cloud(
        gateway("a", "Acme Inc.", "t1-a"), gateway("b", "globex", "t1-b"), gateway("c", "initech", "t1-c")
    )
    tenants = (TenantEntry(TenantId("a-1"), "Acme", "Acme Inc."), TenantEntry(GLOBEX, "Globex"))
    made = by_director(points, objects, directory, tenants=tenants, auto_tenants=False)
    assert whose(made, *points) == [billed("a-1"), billed(GLOBEX), NOBODY]
    assert kinds(made) == ["unmatched"]
    assert "vcd_org: initech" in made.notes[0].message
    assert made.names == {}
    made = by_director(points, objects, directory, tenants=tenants)
    assert whose(made, points[2]) == [billed("initech")]
    assert made.names == {"initech": "initech"}


def test_a_later_rule_names_what_a_director_cannot() -> None:
    points = [link("t0", "t1-a", tags=(("tenant", "tagged"),))]
    made = by_director(points, [t1("t1-a")], cloud(org("acme")))
    assert whose(made, *points) == [billed("tagged")]


def test_a_director_that_is_not_in_the_order_says_nothing() -> None:
    points = [link("t0", "t1-a"), csp("t1-a", "web", "seg")]
    made = by_director(points, [t1("t1-a")], cloud(gateway("a", "acme", "t1-a")), order=(Rule.CONFIG,))
    assert whose(made, *points) == [NOBODY, NOBODY]
    assert made.notes == ()
