"""Addresses that organisations hold, from readings of a director to dated intervals."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise
from typing import NamedTuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.addresses import (
    AddressChange,
    AddressUse,
    Holding,
    address_milliseconds,
    advance,
    advance_quotas,
    count_at,
    grouped,
    quota_use,
)
from collector.model.directory import AddressKind, Allocation, CloudMap, Quota
from collector.model.identity import TenantId
from tests.property.effort import effort

HOUR_MS = 3_600_000


def allocation(
    name: str = "a", org: str = "acme", *, value: str = "", addresses: int = 1, used: int = 0, since: int | None = None
) -> Allocation:
    return Allocation(
        id=name,
        space="internet",
        org=org,
        kind=AddressKind.FLOATING_IP,
        value=value or f"address of {name}",
        addresses=addresses,
        used=used,
        allocated_at=since,
    )


def reading(at: int, *allocations: Allocation, complete: bool = True) -> CloudMap:
    return CloudMap(
        source="vcd", at=at, version="38.1", complete=True, addresses_complete=complete, allocations=allocations
    )


def tenant_of(org: str) -> TenantId:
    return TenantId(f"tenant of {org}")


def after(held: Mapping[str, Holding], previous_at: int | None, found: CloudMap) -> AddressChange:
    return advance(held, previous_at, found, tenant_of)


def first(*allocations: Allocation, at: int = 1_000) -> Mapping[str, Holding]:
    return after({}, None, reading(at, *allocations)).held


@pytest.mark.parametrize(("told", "start"), [(None, 1_000), (400, 400), (1_000, 1_000), (1_001, 1_000)])
def test_the_first_reading_begins_where_the_director_says_or_now(told: int | None, start: int) -> None:
    (holding,) = first(allocation(since=told)).values()
    assert (holding.start, holding.end) == (start, None)
    assert (holding.source, holding.tenant, holding.space) == ("vcd", "tenant of acme", "internet")


@pytest.mark.parametrize(
    ("told", "start"), [(None, 2_000), (999, 2_000), (1_000, 1_000), (1_500, 1_500), (2_000, 2_000), (2_001, 2_000)]
)
def test_a_later_one_begins_between_the_readings_that_lack_and_show_it(told: int | None, start: int) -> None:
    made = after({}, 1_000, reading(2_000, allocation(since=told)))
    assert [holding.start for holding in made.begun] == [start]
    assert list(made.held.values()) == list(made.begun)


def test_an_allocation_ends_with_the_first_complete_reading_that_lacks_it() -> None:
    held = first(allocation())
    silent = after(held, 1_000, reading(2_000, complete=False))
    assert (silent.held, silent.ended, silent.begun) == (held, (), ())
    made = after(held, 1_000, reading(3_000))
    assert made.held == {}
    assert [one.end for one in made.ended] == [3_000]


def test_a_reading_that_is_not_newer_changes_nothing() -> None:
    held = first(allocation())
    assert after(held, 1_000, reading(1_000)).held == held
    assert after(held, 1_000, reading(999)).held == held


def test_the_same_allocation_again_is_no_news() -> None:
    held = first(allocation(since=400))
    made = after(held, 1_000, reading(2_000, allocation(since=400)))
    assert (made.held, made.ended, made.begun) == (held, (), ())


@pytest.mark.parametrize("change", [{"org": "globex"}, {"addresses": 2}, {"used": 1}, {"value": "other"}])
def test_a_change_begins_a_new_interval_where_the_old_one_ends(change: dict[str, object]) -> None:
    before = allocation(since=1_000)
    made = after(first(before), 1_000, reading(2_000, replace(before, **change)))  # type: ignore[arg-type]  # as given
    assert [(one.start, one.end) for one in made.ended] == [(1_000, 2_000)]
    assert [(one.start, one.end) for one in made.begun] == [(2_000, None)]


def test_another_tenant_of_an_organisation_begins_a_new_interval() -> None:
    made = advance(first(allocation()), 1_000, reading(2_000, allocation()), lambda _: TenantId("other"))
    assert [one.tenant for one in made.ended] == ["tenant of acme"]
    assert [(one.tenant, one.start) for one in made.begun] == [("other", 2_000)]


def test_what_was_given_out_anew_under_its_id_changes_hands_then() -> None:
    made = after(first(allocation(since=400)), 1_000, reading(2_000, allocation(org="globex", since=1_700)))
    assert [one.end for one in made.ended] == [1_700]
    assert [one.start for one in made.begun] == [1_700]


def test_other_addresses_under_the_same_id_begin_where_the_old_ones_end() -> None:
    made = after(first(allocation()), 1_000, reading(2_000, allocation(value="another", since=1_700)))
    assert [one.end for one in made.ended] == [one.start for one in made.begun] == [1_700]


def test_an_address_that_was_given_to_another_is_never_held_by_two() -> None:
    held = first(allocation("a", value="203.0.113.9"))
    made = after(held, 1_000, reading(2_000, allocation("b", "globex", value="203.0.113.9", since=1_300)))
    assert [one.end for one in made.ended] == [1_300]
    assert [one.start for one in made.begun] == [1_300]


def test_of_two_rows_with_one_id_the_first_counts() -> None:
    (holding,) = first(allocation("a", "acme"), allocation("a", "globex")).values()
    assert holding.org == "acme"


# --- quotas ----------------------------------------------------------------------------------------------------------


def quotas_of(at: int, *quotas: Quota) -> CloudMap:
    return replace(reading(at), quotas=quotas)


def test_a_quota_holds_from_the_reading_that_shows_it_to_the_one_that_lacks_it() -> None:
    floating = Quota("internet", "acme", AddressKind.FLOATING_IP, 5)
    prefixes = Quota("internet", "acme", AddressKind.IP_PREFIX, None, 56)
    made = advance_quotas({}, quotas_of(1_000, floating, prefixes), tenant_of)
    assert [(term.limit, term.start, term.end, term.tenant) for term in made.begun] == [
        (5, 1_000, None, "tenant of acme"),
        (None, 1_000, None, "tenant of acme"),
    ]
    same = advance_quotas(made.in_force, quotas_of(2_000, prefixes, floating), tenant_of)
    assert (same.ended, same.begun, set(same.in_force)) == ((), (), set(made.in_force))
    lower = advance_quotas(same.in_force, quotas_of(3_000, floating._replace(limit=4)), tenant_of)
    assert {(term.limit, term.start, term.end) for term in lower.ended} == {(5, 1_000, 3_000), (None, 1_000, 3_000)}
    assert [(term.limit, term.start) for term in lower.begun] == [(4, 3_000)]
    moved = advance_quotas(lower.in_force, quotas_of(4_000, floating._replace(limit=4)), lambda _: TenantId("other"))
    assert [(term.tenant, term.start) for term in moved.begun] == [("other", 4_000)]


def test_a_quota_of_floating_addresses_counts_them_and_one_of_prefixes_those_of_its_length() -> None:
    (one,) = first(allocation("a")).values()
    prefixes = [
        replace(one, kind=AddressKind.IP_PREFIX, value=value, addresses=2**length)
        for value, length in (("2001:db8::/56", 72), ("2001:db8:1::/56", 72), ("2001:db8:2::/6", 122))
    ]
    held = [one, replace(one, addresses=1), *prefixes]
    assert quota_use(None, held) == 2
    assert [quota_use(length, held) for length in (56, 6, 5)] == [2, 1, 0]
    assert sorted(len(each) for each in grouped(held).values()) == [2, 3]


# --- sums ------------------------------------------------------------------------------------------------------------


def holding(start: int, end: int | None, addresses: int = 1, used: int = 0) -> Holding:
    found = next(iter(first(allocation(addresses=addresses, used=used)).values()))
    return replace(found, start=start, end=end)


def test_addresses_count_while_they_are_held() -> None:
    whole = [holding(0, 2 * HOUR_MS, 3, 1), holding(HOUR_MS, None, 10)]
    assert address_milliseconds(whole, 0, 3 * HOUR_MS) == AddressUse(26 * HOUR_MS, 2 * HOUR_MS)
    assert address_milliseconds(whole, 5 * HOUR_MS, 6 * HOUR_MS) == AddressUse(10 * HOUR_MS, 0)
    assert count_at(whole, HOUR_MS) == (13, 1)
    assert count_at(whole, 2 * HOUR_MS) == (10, 0)
    assert count_at([], 0) == (0, 0)


def test_addresses_beyond_what_64_bits_hold_are_exact() -> None:
    huge = holding(0, None, 2**96 + 1)
    assert address_milliseconds([huge], 0, 3).held_ms == 3 * 2**96 + 3


HOLDINGS = st.lists(
    st.builds(
        lambda start, length, addresses: holding(start, None if length is None else start + length, addresses, 1),
        st.integers(0, 100),
        st.none() | st.integers(0, 50),
        st.integers(1, 2**70),
    ),
    max_size=6,
)


@effort()
@given(holdings=HOLDINGS, cuts=st.lists(st.integers(0, 160), min_size=2, max_size=5))
def test_parts_of_a_period_add_up_to_it_and_to_the_count_of_each_moment(
    holdings: list[Holding], cuts: list[int]
) -> None:
    cuts = sorted(cuts)
    parts = [address_milliseconds(holdings, a, b) for a, b in pairwise(cuts)]
    whole = address_milliseconds(holdings, cuts[0], cuts[-1])
    assert whole == AddressUse(sum(part.held_ms for part in parts), sum(part.used_ms for part in parts))
    moments = [count_at(holdings, at) for at in range(cuts[0], cuts[-1])]
    assert whole == AddressUse(sum(held for held, _ in moments), sum(used for _, used in moments))


class Life(NamedTuple):
    """What truly happened to an address: who held it from when to when, and whether the director tells when."""

    value: int
    org: str
    start: int
    end: int
    is_told: bool

    @property
    def id(self) -> str:
        return f"{self.value} {self.start}"

    def row(self) -> Allocation:
        return allocation(self.id, self.org, value=str(self.value), since=self.start if self.is_told else None)


@st.composite
def lives(draw: st.DrawFn) -> list[Life]:
    """Some addresses, each held by one organisation after the other."""
    found = []
    for value in range(draw(st.integers(1, 3))):
        at = 0
        for _ in range(draw(st.integers(0, 4))):
            start = at + draw(st.integers(0, 30))
            end = start + draw(st.integers(1, 60))
            found.append(Life(value, draw(st.sampled_from(["acme", "globex"])), start, end, draw(st.booleans())))
            at = end
    return found


@effort(2)
@given(world=lives(), gaps=st.lists(st.tuples(st.integers(1, 40), st.booleans()), min_size=1, max_size=8))
def test_intervals_hold_what_the_readings_prove_and_nobody_holds_an_address_twice(
    world: list[Life], gaps: list[tuple[int, bool]]
) -> None:
    held: Mapping[str, Holding] = {}
    ended: list[Holding] = []
    read: list[int] = []
    at = 0
    for gap, complete in gaps:
        at += gap
        rows = [
            allocation(
                f"{one.value} {one.start}", one.org, value=str(one.value), since=one.start if one.is_told else None
            )
            for one in world
            if one.start <= at < one.end
        ]
        made = after(held, read[-1] if read else None, reading(at, *rows, complete=complete))
        held, ended = made.held, [*ended, *(one for one in made.ended if one.end != one.start)]
        read = [*read, at] if complete else read
    intervals = [*ended, *held.values()]
    for moment in range(at):
        owners = [
            (one.value, one.org) for one in intervals if one.start <= moment and (one.end is None or moment < one.end)
        ]
        assert len({value for value, _ in owners}) == len(owners), "an address has one holder at an instant"
    for one in world:
        seen = [moment for moment in read if one.start <= moment < one.end]
        mine = [interval for interval in intervals if interval.id == one.id]
        assert len(mine) == (1 if seen else 0), "what no reading saw is not made up"
        if seen:
            (interval,) = mine
            assert interval.start == (one.start if one.is_told else seen[0])
            later = [moment for moment in read if moment >= one.end]
            assert interval.end is None or one.end <= interval.end <= later[0]
            assert (interval.end is None) == (not later)
