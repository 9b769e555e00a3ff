"""Which source a director's managers and edges are."""

from __future__ import annotations

import pytest

from collector.core.attribution import AttributionRules as Rules
from collector.core.attribution import NoteKind, Rule, SourceEntry, attribute
from collector.core.managers import unresolved_managers
from collector.model.directory import Backing, CloudMap, ExternalNetwork, Manager
from collector.model.identity import UNATTRIBUTED, TenantId
from collector.model.usage import Role
from tests.unit.core.provider import (
    SEGMENT_TYPE,
    by_director,
    cloud,
    csp,
    edge,
    gateway,
    kinds,
    link,
    nsxv_gateway,
    on_segment,
    segment,
    t0,
    t1,
    uplink,
    whose,
)

ACME, GLOBEX = TenantId("acme"), TenantId("globex")
NOBODY = (UNATTRIBUTED, Role.BILLED)


def billed(tenant: str) -> tuple[str, Role]:
    return tenant, Role.BILLED


# --- which source ----------------------------------------------------------------------------------------------------

NSX = SourceEntry("nsx", "nsxt", ("https://nsx-a.example.net", "https://10.0.0.1:8443"))
OTHER = SourceEntry("other", "nsxt", ("https://other.example.net",))


def found_on(manager_name: str, *sources: SourceEntry, managers: dict[tuple[str, str], str], url: str = "") -> bool:
    one = gateway("edge", "acme", "t1-a", manager_name=manager_name)
    base = cloud(one)
    directory = CloudMap(
        source="vcd",
        at=1,
        version="38.1",
        complete=True,
        addresses_complete=True,
        orgs=base.orgs,
        gateways=base.gateways,
        managers=(Manager("urn:vcloud:nsxtmanager:1", manager_name, url),),
    )
    points = [link("t0", "t1-a")]
    made = by_director(points, [t1("t1-a")], directory, sources=sources, managers=managers)
    return whose(made, *points) == [billed(ACME)]


@pytest.mark.parametrize(
    ("name", "sources", "managers", "url", "found"),
    [
        ("nsx", (NSX, OTHER), {}, "", True),
        ("else", (NSX, OTHER), {}, "", False),
        ("else", (NSX,), {}, "", True),
        ("old", (NSX, OTHER, SourceEntry("old", "nsxv")), {}, "https://nsx-a.example.net", True),
        ("else", (NSX, SourceEntry("old", "nsxv")), {}, "", True),
        ("else", (NSX, OTHER), {("vcd", "else"): "nsx"}, "", True),
        ("else", (NSX, OTHER), {("vcd", "urn:vcloud:nsxtmanager:1"): "nsx"}, "", True),
        ("nsx", (NSX, OTHER), {("vcd", "nsx"): "other"}, "", False),
        ("else", (NSX, OTHER), {("vcd-2", "else"): "nsx"}, "", False),
        ("else", (NSX, OTHER), {}, "https://NSX-A.example.net:443/", True),
        ("else", (NSX, OTHER), {}, "nsx-a.example.net", True),
        ("else", (NSX, OTHER), {}, "https://10.0.0.1:8443", True),
        ("else", (NSX, OTHER), {}, "https://10.0.0.1", False),
        ("else", (NSX, OTHER), {}, "https://[", False),
        ("else", (NSX, OTHER), {}, "https://other.example.net", False),
    ],
)
def test_a_network_provider_is_found_by_the_settings_its_name_its_address_or_as_the_only_one(
    name: str, sources: tuple[SourceEntry, ...], managers: dict[tuple[str, str], str], url: str, found: bool
) -> None:
    assert found_on(name, *sources, managers=managers, url=url) is found


def test_a_network_provider_that_no_source_is_found_for_is_told_once() -> None:
    directory = cloud(
        gateway("a", "acme", "x", manager_name="far"),
        gateway("b", "acme", "y", manager_name="far"),
        nsxv_gateway("c", "acme", "edge-1"),
    )
    notes = unresolved_managers(Rules(maps=(directory,), sources=(NSX, OTHER)))
    assert [note.kind for note in notes] == [NoteKind.UNRESOLVED] * 2
    assert "'far' of 2 gateways is no source of kind nsxt" in notes[0].message
    assert "is no source of kind nsxv" in notes[1].message
    proxy = SourceEntry("proxy", "nsxv", via="vcd")
    assert len(unresolved_managers(Rules(maps=(directory,), sources=(NSX, OTHER, proxy)))) == 1
    assert unresolved_managers(Rules(maps=(directory,), sources=(NSX,), order=(Rule.CONFIG,))) == ()


def test_backings_on_other_managers_are_not_looked_for_here() -> None:
    both = ExternalNetwork(
        id="urn:vcloud:network:pg",
        name="pg",
        backings=(Backing("t0", "NSXT_TIER0", "", "other"), Backing("t0-here", "NSXT_TIER0", "", "nsx")),
        dedicated_org="urn:vcloud:org:acme",
    )
    points = [uplink("t0"), uplink("t0-here")]
    made = by_director(points, [t0("t0"), t0("t0-here")], cloud(both), sources=(NSX, OTHER))
    assert whose(made, *points) == [NOBODY, billed(ACME)]


def test_a_backing_that_names_no_manager_is_looked_for_where_its_gateways_are() -> None:
    bare = ExternalNetwork(id="urn:vcloud:network:net", name="net", backings=(Backing("seg", SEGMENT_TYPE),))
    points = [csp("t1-a", "x", "seg")]
    directory = cloud(bare, gateway("edge", "acme", "t1-a", on_segment("net")))
    made = by_director(points, [t1("t1-a"), segment("seg")], directory, sources=(NSX, OTHER))
    assert whose(made, *points) == [billed(ACME)]


# --- NSX-V -----------------------------------------------------------------------------------------------------------

UUID = "6f83e7a0-0e1c-4b0a-8a0e-2f6d1d6f3a11"


@pytest.mark.parametrize("backing", ["edge-12", "42:edge-12", "urn:x/edge-12"])
def test_an_nsxv_edge_is_found_by_its_id(backing: str) -> None:
    points = [edge("edge-12"), edge("edge-12", 1), edge("edge-1")]
    made = by_director(points, [], cloud(nsxv_gateway("old", "acme", backing)))
    assert whose(made, *points) == [billed(ACME), billed(ACME), NOBODY]
    assert made.decisions[points[0].key].reason == "VCD: gateway old of organisation acme"


def test_through_a_director_an_edge_is_found_by_its_gateway() -> None:
    points = [edge(UUID, source="proxy")]
    sources = (SourceEntry("proxy", "nsxv", via="vcd"), SourceEntry("other", "nsxv", via="vcd-2"))
    one = nsxv_gateway(UUID, "acme", "edge-12")
    assert whose(by_director(points, [], cloud(one), sources=sources), *points) == [billed(ACME)]
    assert whose(by_director(points, [], cloud(one, source="vcd-2"), sources=sources), *points) == [NOBODY]


def test_an_edge_that_is_read_both_ways_is_billed_once() -> None:
    direct, proxied = edge("edge-12", source="old"), edge(UUID, source="proxy")
    sources = (SourceEntry("old", "nsxv"), SourceEntry("proxy", "nsxv", via="vcd"))
    directory = cloud(nsxv_gateway(UUID, "acme", "edge-12"))
    assert whose(by_director([direct], [], directory, sources=sources), direct) == [billed(ACME)]
    made = by_director([proxied], [], directory, sources=sources)
    assert whose(made, proxied) == [NOBODY]
    assert kinds(made) == ["collision"]


def test_an_edge_that_is_not_found_or_fits_two_is_told() -> None:
    directory = cloud(nsxv_gateway("a", "acme", "edge-9"))
    assert kinds(by_director([edge("edge-12")], [], directory)) == ["unresolved"]
    twins = [t0("x", "same")._replace(path="/edges/edge-1"), t0("y", "same")._replace(path="/edges/edge-2")]
    points = [edge("edge-1"), edge("edge-2")]
    made = by_director(points, twins, cloud(nsxv_gateway("a", "acme", "same")))
    assert whose(made, *points) == [NOBODY] * 2
    assert kinds(made) == ["ambiguous"]


def test_an_nsxt_gateway_is_no_edge_and_an_edge_no_tier1() -> None:
    points = [edge("t1-a", source="nsx"), link("t0", "edge-12")]
    directory = cloud(gateway("a", "acme", "t1-a"), nsxv_gateway("b", "globex", "edge-12"))
    made = by_director(points, [t1("edge-12")], directory)
    assert whose(made, *points) == [NOBODY, NOBODY]


def test_attribution_without_any_point_names_nothing_and_fails_nowhere() -> None:
    made = attribute((), Rules(maps=(cloud(gateway("a", "acme", "t1-a")),)), source="nsx")
    assert made.decisions == {}
    assert kinds(made) == ["unresolved"]
