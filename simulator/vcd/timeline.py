"""What was true since when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

from simulator.units import Instant

V = TypeVar("V")


class Spell(NamedTuple, Generic[V]):
    """A value in [start, end); one that still holds has no end."""

    start: Instant
    end: Instant | None
    value: V


class Timeline(Generic[V]):
    """Values by key over time; noted in the order of time.

    A key that is not noted any more has no value from then on.
    """

    def __init__(self) -> None:
        self._changes: dict[str, list[tuple[Instant, V | None]]] = {}

    def note(self, at: Instant, present: Mapping[str, V]) -> None:
        """Take note of everything that is so from ``at`` on; a second note of one instant replaces the first."""
        for key in self._changes.keys() | present.keys():
            changes = self._changes.setdefault(key, [])
            value = present.get(key)
            if changes and changes[-1][0] == at:
                changes.pop()
            if value != (changes[-1][1] if changes else None):
                changes.append((at, value))

    def __iter__(self) -> Iterator[str]:
        """Yield every key that ever had a value, in order."""
        return iter(sorted(key for key, changes in self._changes.items() if changes))

    def spells(self, key: str) -> Iterator[Spell[V]]:
        """Yield the values of a key in the order of time; none where it had no value."""
        changes = self._changes.get(key, [])
        for index, (start, value) in enumerate(changes):
            end = changes[index + 1][0] if index + 1 < len(changes) else None
            if value is not None:
                yield Spell(start, end, value)
