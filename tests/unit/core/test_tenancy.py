"""Names of organisations, tags and Projects to tenants."""

from __future__ import annotations

import re
from itertools import permutations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.decisions import Named, NoteKind, Rule, TenantEntry
from collector.core.tenancy import ID_CHARACTERS_MAX, Tenancy, cleaned
from collector.model.identity import TenantId
from tests.property.effort import effort

ORDER = tuple(Rule)


def org(name: str, reference: str = "") -> Named:
    return Named(Rule.VCD, reference or f"urn:{name}", name)


def tag(name: str) -> Named:
    return Named(Rule.NSX_TAG, f"tenant={name}", name)


def project(name: str) -> Named:
    return Named(Rule.NSX_PROJECT, f"project {name}", name)


def entry(tenant: str, vcd_org: str = "") -> TenantEntry:
    return TenantEntry(TenantId(tenant), f"name of {tenant}", vcd_org)


def tenants(*names: Named, entries: tuple[TenantEntry, ...] = (), auto: bool = True) -> list[str | None]:
    made = Tenancy(entries, names, order=ORDER, auto=auto)
    return [made.tenant(name) for name in names]


@pytest.mark.parametrize(
    ("name", "tenant"),
    [
        ("acme", "acme"),
        ("Acme Corp. (NL)", "Acme-Corp.--NL-"),
        ("a/b:c", "a-b-c"),
        ("münchen", "m-nchen"),
        ("..", "--"),
        ("x" * ID_CHARACTERS_MAX, "x" * ID_CHARACTERS_MAX),
    ],
)
def test_a_name_becomes_an_id_with_a_dash_for_what_ids_may_not_have(name: str, tenant: str) -> None:
    made = Tenancy((), [org(name)], order=ORDER, auto=True)
    assert made.tenant(org(name)) == tenant
    assert made.names == {tenant: name}
    assert made.notes == ()


def test_an_entry_names_its_organisation_before_ids_do() -> None:
    entries = (entry("a-1", "acme"), entry("globex"))
    assert tenants(org("acme"), org("globex"), org("Globex"), entries=entries) == ["a-1", "globex", "Globex"]
    assert tenants(org("acme"), org("globex"), org("x"), entries=entries, auto=False) == ["a-1", "globex", None]


def test_an_entry_that_names_another_organisation_is_not_the_one_of_its_id() -> None:
    entries = (entry("acme", "acme-inc"),)
    made = Tenancy(entries, [org("acme"), org("acme-inc"), tag("acme")], order=ORDER, auto=True)
    assert made.tenant(org("acme-inc")) == "acme"
    assert made.tenant(tag("acme")) == "acme", "vcd_org speaks of organisations alone"
    other = made.tenant(org("acme"))
    assert re.fullmatch(r"acme-[0-9a-f]{6}", str(other))
    assert "'acme-inc'" in made.notes[0].message
    assert tenants(org("acme"), entries=entries, auto=False) == [None]


def test_one_name_is_one_tenant_whoever_found_it() -> None:
    assert tenants(org("acme"), tag("acme"), project("acme"), org("acme", "urn:other")) == ["acme"] * 4


def test_two_names_that_come_to_one_id_stay_apart_and_it_is_told() -> None:
    names = [org("a b", "urn:1"), org("a/b", "urn:2"), org("a:b", "urn:3")]
    for order in permutations(names):
        made = Tenancy((), order, order=ORDER, auto=True)
        found = [made.tenant(name) for name in names]
        assert found[0] == "a-b", "the lesser reference goes first"
        assert all(re.fullmatch(r"a-b-[0-9a-f]{6}", str(one)) for one in found[1:])
        assert len(set(found)) == 3
        assert [note.kind for note in made.notes] == [NoteKind.COLLISION] * 2
        assert {note.path for note in made.notes} == {"urn:2", "urn:3"}
        assert made.names == dict(zip(found, ("a b", "a/b", "a:b"), strict=True))


def test_a_name_that_is_an_id_as_it_stands_keeps_it_within_its_rule() -> None:
    assert tenants(org("a-b", "urn:2"), org("a b", "urn:1"))[0] == "a-b"
    by_rule = tenants(tag("a-b"), org("a b", "urn:1"))
    assert by_rule[1] == "a-b", "no tag takes the tenant of an organisation"
    assert by_rule[0] != "a-b"


def test_two_names_of_one_entry_stay_apart_too() -> None:
    found = tenants(org("a b", "urn:1"), org("a/b", "urn:2"), entries=(entry("a-b"),))
    assert found[0] == "a-b"
    assert found[1] not in (None, "a-b")
    assert tenants(org("a b", "urn:1"), org("a/b", "urn:2"), entries=(entry("a-b"),), auto=False) == ["a-b", None]


@pytest.mark.parametrize("name", ["unattributed", "Unattributed", "x" * (ID_CHARACTERS_MAX + 1)])
def test_what_cannot_be_an_id_as_it_stands_gets_another_and_it_is_told(name: str) -> None:
    made = Tenancy((), [org(name)], order=ORDER, auto=True)
    found = str(made.tenant(org(name)))
    assert found.lower() != "unattributed"
    assert len(found) <= ID_CHARACTERS_MAX
    assert [note.kind for note in made.notes] == [NoteKind.COLLISION]


def test_an_id_with_a_hash_never_meets_one_of_the_settings() -> None:
    names = (org("a b", "urn:1"), org("a/b", "urn:2"))
    taken = tenants(*names)[1]
    again = tenants(*names, entries=(entry(str(taken)),))[1]
    assert again is not None
    assert again != taken
    assert again.startswith("a-b-")


def test_an_organisation_without_a_name_is_nobody() -> None:
    made = Tenancy((), [org("", "urn:1")], order=ORDER, auto=True)
    assert made.tenant(org("", "urn:1")) is None
    assert [note.kind for note in made.notes] == [NoteKind.UNMATCHED]


def test_a_note_is_made_of_what_is_asked_about_and_of_nothing_else() -> None:
    made = Tenancy((), [org("acme"), org("globex")], order=ORDER, auto=False)
    assert made.tenant(org("acme")) is None
    assert [note.path for note in made.notes] == ["urn:acme"]
    assert "vcd_org: acme" in made.notes[0].message
    assert made.tenant(org("never told")) is None


NAMES = st.lists(
    st.builds(
        lambda make, name: make(name),
        st.sampled_from([org, tag, project]),
        st.text(st.sampled_from("ab-. /é"), max_size=4),
    ),
    max_size=12,
)


@effort()
@given(names=NAMES, entries=st.sets(st.sampled_from(["a", "a-b", "-", "b"])), auto=st.booleans())
def test_different_names_are_never_one_tenant(names: list[Named], entries: set[str], auto: bool) -> None:
    listed = tuple(map(entry, sorted(entries)))
    made = Tenancy(listed, names, order=ORDER, auto=auto)
    by_tenant: dict[str, set[str]] = {}
    for name in names:
        tenant = made.tenant(name)
        if tenant is None:
            assert not auto or not name.name
            continue
        by_tenant.setdefault(tenant, set()).add(name.name)
        assert tenant in entries or made.names[tenant] == name.name
        assert re.fullmatch(r"[A-Za-z0-9._-]{1,128}", tenant)
        assert tenant.strip(".")
    assert all(len(different) == 1 for different in by_tenant.values())
    again = Tenancy(tuple(reversed(listed)), list(reversed(names)), order=ORDER, auto=auto)
    assert [again.tenant(name) for name in names] == [made.tenant(name) for name in names]


@effort()
@given(st.text(max_size=20))
def test_a_clean_name_is_clean_and_stays_what_it_is(name: str) -> None:
    assert cleaned(cleaned(name)) == cleaned(name)
    assert len(cleaned(name)) == len(name)
