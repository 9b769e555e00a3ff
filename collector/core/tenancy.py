"""Names to tenants: organisations, tags and Projects.

The tenant of a name is the settings' tenant with that ``vcd_org`` (organisations only), else the settings' tenant with
that id, else, with ``auto_tenants``, a tenant of its own: its id is the name, where ``-`` stands for what an id may not
have, and its display name is the name as it is.
The same name found by several rules is one tenant. Different names that come to one id never become one tenant: names
of earlier rules go first, then names that are ids as they stand, then the lesser reference; the others get a part of
the hash of their reference behind the id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from hashlib import sha256
from typing import NamedTuple

from collector.core.decisions import Named, Note, NoteKind, Rule, TenantEntry
from collector.model.identity import UNATTRIBUTED, TenantId

ID_CHARACTERS_MAX = 128
"""Longest id of a tenant, as in the settings: it becomes a label of every series."""

HASH_DIGITS = 6
"""Hexadecimal digits behind an id that would be another name's too."""

_NOT_IN_IDS = re.compile(r"[^A-Za-z0-9._-]")

_WORDS = {Rule.VCD: "organisation", Rule.NSX_TAG: "tag", Rule.NSX_PROJECT: "Project"}


def cleaned(name: str) -> str:
    """Return a name as an id: what an id may not have becomes ``-``; not cut to length."""
    made = _NOT_IN_IDS.sub("-", name)
    return made if made.strip(".") else "-" * len(made)


class _Answer(NamedTuple):
    tenant: TenantId | None
    note: Note | None = None


class Tenancy:
    """Which tenant each name means; the same names in any order give the same answers."""

    def __init__(
        self, entries: Sequence[TenantEntry], names: Iterable[Named], *, order: Sequence[Rule], auto: bool
    ) -> None:
        """Args:
        entries: Tenants of the settings.
        names: Every name that is asked about, and those of other sources.
        order: Rules in the order of belief.
        auto: A name without an entry becomes a tenant.
        """
        self._by_org = {entry.vcd_org: entry.id for entry in entries if entry.vcd_org}
        self._entries = {str(entry.id): entry for entry in entries}
        self._auto = auto
        self._answers: dict[tuple[bool, str], _Answer] = {}
        self._holders: dict[str, tuple[bool, str]] = {}
        self._notes: dict[Note, None] = {}
        self._names: dict[TenantId, str] = {}
        for named in sorted(names, key=lambda named: _turn(named, order)):
            if self._key(named) not in self._answers:
                answer = self._answers[self._key(named)] = self._answer(named)
                if answer.tenant is not None and answer.tenant not in self._entries:
                    self._names[answer.tenant] = named.name

    def tenant(self, named: Named) -> TenantId | None:
        """Return the tenant of a name, or ``None`` where it has none; what is odd about it is noted."""
        answer = self._answers.get(self._key(named), _Answer(None))
        if answer.note is not None:
            self._notes[answer.note] = None
        return answer.tenant

    @property
    def names(self) -> Mapping[TenantId, str]:
        """Tenants without an entry, with their display names."""
        return self._names

    @property
    def notes(self) -> tuple[Note, ...]:
        """What is odd about the names that were asked about."""
        return tuple(self._notes)

    def _key(self, named: Named) -> tuple[bool, str]:
        """Return what makes names the same: an organisation that an entry claims by name is not a tag of that name."""
        return named.rule is Rule.VCD and self._is_apart(named), named.name

    def _is_apart(self, named: Named) -> bool:
        entry = self._entries.get(cleaned(named.name))
        return named.name in self._by_org or (entry is not None and bool(entry.vcd_org))

    def _answer(self, named: Named) -> _Answer:
        what = f"{_WORDS[named.rule]} {named.name!r}"
        if named.rule is Rule.VCD and named.name in self._by_org:
            return _Answer(self._by_org[named.name])
        wanted = cleaned(named.name)
        if not wanted:
            return _Answer(None, Note(NoteKind.UNMATCHED, named.reference, f"{what} has no name to make a tenant of"))
        entry = self._entries.get(wanted)
        if entry is None and not self._auto:
            message = f"{what} has no tenant; write one with that id{_or_org(named)}, or set attribution.auto_tenants"
            return _Answer(None, Note(NoteKind.UNMATCHED, named.reference, message))
        taken = self._taken(named, wanted, entry)
        if taken is None:
            self._holders[wanted] = self._key(named)
            return _Answer(TenantId(wanted))
        return self._beside(named, what, wanted, taken)

    def _taken(self, named: Named, wanted: str, entry: TenantEntry | None) -> str | None:
        """Return why a name cannot have the id that it comes to, in words, or ``None`` when it can."""
        if wanted.lower() == UNATTRIBUTED:
            return "which is reserved for what belongs to nobody"
        if len(wanted) > ID_CHARACTERS_MAX:
            return f"which is longer than the {ID_CHARACTERS_MAX} characters of an id"
        if named.rule is Rule.VCD and entry is not None and entry.vcd_org:
            return f"which the settings keep for the organisation {entry.vcd_org!r}"
        if wanted in self._holders:
            return f"which {self._holders[wanted][1]!r} is already"
        return None

    def _beside(self, named: Named, what: str, wanted: str, why: str) -> _Answer:
        """Return what becomes of a name whose id is another's; it is told in any case."""
        would = f"{what} would be the tenant {wanted!r}, {why}"
        if not self._auto:
            message = f"{would}; it has none until a tenant of its own is written{_or_org(named)}"
            return _Answer(None, Note(NoteKind.COLLISION, named.reference, message))
        digits = HASH_DIGITS
        hashed = sha256(named.reference.encode(errors="backslashreplace")).hexdigest()
        while (tenant := _suffixed(wanted, hashed[:digits])) in self._entries or tenant in self._holders:
            digits += 1
        self._holders[tenant] = self._key(named)
        message = f"{would}; it is {tenant!r} until a tenant of its own is written{_or_org(named)}"
        return _Answer(TenantId(tenant), Note(NoteKind.COLLISION, named.reference, message))


def _turn(named: Named, order: Sequence[Rule]) -> tuple[int, bool, str, str]:
    rank = order.index(named.rule) if named.rule in order else len(order)
    return rank, cleaned(named.name) != named.name, named.reference, named.name


def _suffixed(wanted: str, digits: str) -> str:
    return f"{wanted[: ID_CHARACTERS_MAX - 1 - len(digits)]}-{digits}"


def _or_org(named: Named) -> str:
    return f" or with vcd_org: {named.name}" if named.rule is Rule.VCD else ""
