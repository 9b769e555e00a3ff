"""Payloads: written, read again, merged."""

from __future__ import annotations

from collector.sources.nsxt.changes import changes_between
from collector.sources.nsxt.snapshot import Edge, Gateway, Interface, Session, Snapshot, Vpc, decode, encode, merged

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


# A payload as it was written before sessions, sites, VPCs, segments and other ids were part of it.
FIRST_PAYLOAD = (
    b'{"gateways":{"/infra/tier-1s/t1":{"path":"/infra/tier-1s/t1","name":"t1","tier":1,"parent":"/infra/tier-0s/t0",'
    b'"uid":"u","created":5,"clusters":["/ec"],"edges":[{"path":"/ec/0","node":"n0","status":"ACTIVE"}],'
    b'"interfaces":[{"path":"/infra/tier-1s/t1/i","name":"i","segment":"/infra/segments/s","edge_node":"n0"}]}},'
    b'"version":"4.1.2","v":1}'
)


def test_a_payload_of_the_first_form_is_still_read() -> None:
    found = decode(FIRST_PAYLOAD)
    assert found is not None
    read = found.gateways["/infra/tier-1s/t1"]
    assert (read.uid, read.interfaces[0].segment, read.edges[0].node) == ("u", "/infra/segments/s", "n0")
    assert (read.sessions, read.ids, found.vpcs, found.segments, found.parts) == ((), (), {}, {}, ())
    assert changes_between(found, found) == ()


def test_sessions_vpcs_segments_and_ids_are_carried_over() -> None:
    session = Session(path="/a/s1", name="s1", ipsec=True, uid="u1")
    vpc = Vpc(path="/orgs/default/projects/p/vpcs/v", name="v", project="P", tags=(("x", "y"),))
    old = Snapshot(
        gateways={"/a": gateway("a", sessions=(session,), ids=("real",))},
        vpcs={vpc.path: vpc},
        segments={"/infra/segments/s": "uid-s"},
        parts=("vpn", "vpcs"),
    )
    assert decode(encode(old)) == old
    both = merged(old, snapshot(Gateway(path="/a", name="a", tier=1)), frozenset({"/a"}))
    assert (both.gateways["/a"].sessions, both.gateways["/a"].ids) == ((session,), ("real",))
    assert (both.vpcs, both.segments) == (old.vpcs, old.segments)
