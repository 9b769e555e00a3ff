"""Payloads: written, read again, merged."""

from __future__ import annotations

from collector.sources.nsxt.changes import changes_between
from collector.sources.nsxt.snapshot import Edge, Gateway, Interface, Snapshot, decode, encode, merged

EDGE = Edge("/e/0", "node-0", "ACTIVE")


def gateway(name: str, *interfaces: str, **fields: object) -> Gateway:
    found = tuple(Interface(path=f"/{name}/{each}", name=each, tags=(("a", "b"),)) for each in interfaces)
    return Gateway(path=f"/{name}", name=name, tier=1, interfaces=found, edges=(EDGE,), **fields)  # type: ignore[arg-type]  # any field


def snapshot(*gateways: Gateway) -> Snapshot:
    return Snapshot(gateways={each.path: each for each in gateways}, version="4.1.2")


def test_a_payload_is_read_again_as_it_was_and_does_not_depend_on_the_order() -> None:
    one, two = gateway("a", "x", parent="/t0", created=5), gateway("b", tags=(("s", "t"),))
    assert decode(encode(snapshot(one, two))) == snapshot(one, two)
    assert encode(snapshot(one, two)) == encode(snapshot(two, one))


def test_merging_keeps_what_was_not_seen_and_takes_what_was() -> None:
    old = snapshot(gateway("a", "x", "y"), gateway("b"))
    new = snapshot(gateway("a", "y", "z", ha_mode="ACTIVE_ACTIVE"))
    both = merged(old, new, frozenset())
    assert set(both.gateways) == {"/a", "/b"}
    assert [each.name for each in both.gateways["/a"].interfaces] == ["x", "y", "z"]
    assert both.gateways["/a"].ha_mode == "ACTIVE_ACTIVE"


def test_edges_of_a_gateway_that_was_not_read_stay() -> None:
    bare = Gateway(path="/a", name="a", tier=1)
    both = merged(snapshot(gateway("a", clusters=("/ec",))), snapshot(bare), frozenset({"/a"}))
    assert (both.gateways["/a"].edges, both.gateways["/a"].clusters) == ((EDGE,), ("/ec",))


def test_what_is_gone_is_deleted_with_its_interfaces() -> None:
    old, new = snapshot(gateway("a", "x"), gateway("b", "y")), snapshot(gateway("a"))
    found = [(each.event, each.path) for each in changes_between(old, new)]
    assert found == [("object_deleted", "/a/x"), ("object_deleted", "/b"), ("object_deleted", "/b/y")]
