"""When an owner begins."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.core.attribution import Decision, next_owner, owner_at, owners_with
from collector.model.identity import UNATTRIBUTED, TenantId
from collector.model.usage import Owner, Role
from tests.property.effort import effort

ACME, GLOBEX = TenantId("acme"), TenantId("globex")


def decision(tenant: TenantId, role: Role = Role.BILLED) -> Decision:
    return Decision(tenant, role, f"of {tenant}")


def owner(tenant: TenantId, since: int, role: Role = Role.BILLED) -> Owner:
    return Owner(tenant, role, since, f"of {tenant}")


def test_a_change_is_dated_by_what_first_shows_it_and_never_before_what_is_booked() -> None:
    owners = (owner(ACME, 0),)
    assert next_owner(owners, decision(GLOBEX), 5_000) == owner(GLOBEX, 5_000)
    assert next_owner(owners, decision(GLOBEX), 5_000, booked_until=6_000) == owner(GLOBEX, 6_000)
    assert next_owner((owner(ACME, 9_000),), decision(GLOBEX), 5_000) == owner(GLOBEX, 9_001)


def test_another_role_is_a_change_and_another_reason_is_none() -> None:
    owners = (owner(ACME, 0),)
    assert next_owner(owners, decision(ACME, Role.BALANCE), 5) == owner(ACME, 5, Role.BALANCE)
    assert next_owner(owners, decision(ACME)._replace(reason="renamed"), 5) is None


def test_the_first_map_holds_from_the_beginning_where_nothing_is_booked() -> None:
    owners = (owner(UNATTRIBUTED, 0),)
    found = next_owner(owners, decision(ACME), 5_000, first_map=True)
    assert found == owner(ACME, 0)
    assert owners_with(owners, owner(ACME, 0)) == (owner(ACME, 0),)
    assert next_owner((), decision(ACME), 5_000, first_map=True) == owner(ACME, 0)


def test_the_first_map_begins_where_the_books_end() -> None:
    owners = (owner(UNATTRIBUTED, 0),)
    found = next_owner(owners, decision(ACME), 5_000, first_map=True, booked_until=3_000)
    assert found == owner(ACME, 3_000)
    assert owners_with(owners, owner(ACME, 3_000)) == (owner(UNATTRIBUTED, 0), owner(ACME, 3_000))


def test_the_first_map_takes_the_place_of_owners_that_nothing_is_booked_to() -> None:
    owners = (owner(UNATTRIBUTED, 0), owner(GLOBEX, 4_000))
    found = next_owner(owners, decision(ACME), 9_000, first_map=True, booked_until=2_000)
    assert found == owner(ACME, 2_000)
    assert owners_with(owners, owner(ACME, 2_000)) == (owner(UNATTRIBUTED, 0), owner(ACME, 2_000))


def test_the_first_map_changes_nothing_that_is_so_already() -> None:
    owners = (owner(UNATTRIBUTED, 0), owner(ACME, 4_000))
    assert next_owner(owners, decision(ACME), 9_000, first_map=True, booked_until=6_000) is None
    assert next_owner(owners, decision(ACME), 9_000, first_map=True, booked_until=2_000) == owner(ACME, 2_000)


STEPS = st.lists(
    st.tuples(
        st.sampled_from([UNATTRIBUTED, ACME, GLOBEX]), st.sampled_from(Role), st.integers(0, 50), st.integers(0, 50)
    ),
    min_size=1,
    max_size=8,
)


@effort()
@given(steps=STEPS, first_map=st.integers(0, 8))
def test_what_is_booked_keeps_its_owner_whatever_comes(
    steps: list[tuple[TenantId, Role, int, int]], first_map: int
) -> None:
    owners: tuple[Owner, ...] = ()
    at = booked_until = 0
    for number, (tenant, role, passes, books) in enumerate(steps):
        at += passes
        booked_until = max(booked_until, min(at + 10, booked_until + books))
        before = owners
        new = next_owner(owners, decision(tenant, role), at, first_map=number == first_map, booked_until=booked_until)
        owners = owners_with(owners, new) if new is not None else owners
        assert owners[0].valid_from == 0
        assert [one.valid_from for one in owners] == sorted({one.valid_from for one in owners})
        assert (owners[-1].tenant, owners[-1].role) == (tenant, role)
        if before and booked_until:
            assert [owner_at(owners, t) for t in range(booked_until)] == [
                owner_at(before, t) for t in range(booked_until)
            ]
        if number == first_map:
            assert (owner_at(owners, booked_until).tenant, owner_at(owners, booked_until).role) == (tenant, role)
