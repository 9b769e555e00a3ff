"""Every point has one owner, and no byte is billed twice: docs/accounting.md, sections 3, 5 and 10."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from random import Random
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from collector.core.attribution import Attribution, attribute
from collector.model.identity import EXTERNAL_KINDS, UNATTRIBUTED
from collector.model.usage import Role
from collector.ports import FoundPoint
from tests.oracle.belonging import LINK, SERVICE, UPLINK, Provider, belongs
from tests.property.effort import effort
from tests.property.providers import gateways_of, point_of, providers, rules_of, segments_of

T = TypeVar("T")


def attributed(world: Provider) -> Attribution:
    return attribute(
        [point_of(world, port) for port in world.ports],
        rules_of(world),
        source="nsx",
        gateways=gateways_of(world),
        segments=segments_of(world),
    )


@effort(6)
@given(world=providers())
def test_every_point_belongs_to_whom_the_rules_say(world: Provider) -> None:
    made = attributed(world)
    assert len(made.decisions) == len(world.ports)
    for port in world.ports:
        decision = made.decisions[point_of(world, port).key]
        assert (decision.tenant, decision.role.value) == belongs(world, port), f"{port}: {decision.reason}"
        assert decision.reason
        assert (decision.rule is None) <= (decision.tenant == UNATTRIBUTED)
        assert decision.rule is None or decision.rule in world.order


@effort(3)
@given(world=providers())
def test_no_uplink_is_billed_beside_a_link_under_its_gateway(world: Provider) -> None:
    made = attributed(world)
    billed: dict[str, set[str]] = {}
    for port in world.ports:
        point = point_of(world, port)
        if port.what in (UPLINK, LINK) and _is_billed(made, point):
            billed.setdefault(point.gateway, set()).add(port.what)
    assert all(len(ends) == 1 for ends in billed.values())


@effort(3)
@given(world=providers())
def test_each_byte_is_billed_once_at_most_and_never_vanishes(world: Provider) -> None:
    made = attributed(world)
    for way in _flows(world):
        external = [point for point in way if point.key.kind in EXTERNAL_KINDS]
        billed = [point for point in external if _is_billed(made, point)]
        assert len(billed) <= 1, "the same bytes twice"
        roles = {made.decisions[point.key].role for point in external}
        assert roles != {Role.BALANCE}, "what is read for balance only is billed or shown at its other end"


def _flows(world: Provider) -> Iterator[list[FoundPoint]]:
    """Yield the ways that traffic between a tenant and the outside takes, as the points that it passes."""
    routers = {router.path: router for router in world.routers}
    for port in world.ports:
        if port.what == UPLINK:
            under = [one for one in world.ports if one.what == LINK and routers[one.router].parent == port.router]
            # Without a link it is the Tier-0's own traffic.
            yield from ([point_of(world, port), point_of(world, one)] for one in under)
            if not under:
                yield [point_of(world, port)]
        elif port.what == SERVICE:
            yield [point_of(world, port)]


def _is_billed(made: Attribution, point: FoundPoint) -> bool:
    decision = made.decisions[point.key]
    return decision.role is Role.BILLED and decision.tenant != UNATTRIBUTED


@effort(2)
@given(world=providers(), chance=st.randoms(use_true_random=False))
def test_the_order_of_lists_decides_nothing(world: Provider, chance: Random) -> None:
    def mixed(rows: Sequence[T]) -> tuple[T, ...]:
        return tuple(chance.sample(rows, len(rows)))

    other = replace(
        world,
        routers=mixed(world.routers),
        ports=mixed(world.ports),
        segments=mixed(world.segments),
        orgs=mixed(world.orgs),
        edges=mixed(world.edges),
        networks=mixed(world.networks),
    )
    first, again = attributed(world), attributed(other)
    assert {key: (one.tenant, one.role) for key, one in first.decisions.items()} == {
        key: (one.tenant, one.role) for key, one in again.decisions.items()
    }
    assert {(note.kind, note.path) for note in first.notes} == {(note.kind, note.path) for note in again.notes}
    assert {overlap.point for overlap in first.overlaps} == {overlap.point for overlap in again.overlaps}
    assert first.names == again.names


@effort(2)
@given(world=providers())
def test_an_overlap_is_named_wherever_two_tenants_want_the_same_bytes(world: Provider) -> None:
    made = attributed(world)
    named = {overlap.point for overlap in made.overlaps}
    for uplink, link in (way for way in _flows(world) if len(way) == 2):
        at_uplink, at_link = made.decisions[uplink.key], made.decisions[link.key]
        wanted = {one.tenant for one in (at_uplink, at_link) if one.rule is not None}
        if len(wanted) == 2:
            assert uplink.key in named or link.key in named
