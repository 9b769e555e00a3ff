"""Durations, rates, sizes and shares: text with a unit to whole milliseconds, bits per second, bytes and millionths,
and back.

A bare number is refused, since ``60`` means seconds to one reader and milliseconds to the next. Numbers are decimal
and exact: ``1.5s`` is 1500 ms, ``0.0001s`` is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal

from config.words import Wrong, listing, nearest, shown, what

_NUMBER = r"\d{1,18}(?:\.\d{1,12})?"
_WRITTEN = re.compile(rf"({_NUMBER}) ?([A-Za-z/%]*)", re.ASCII)

QUANTITY_MAX = 2**63 - 1
"""Greatest quantity, in any base unit: what the ledger's integers hold."""


@dataclass(frozen=True, slots=True)
class Unit:
    """A kind of quantity and the ways to write it.

    Attributes:
        name: What a message calls it.
        example: One that an operator can copy.
        factors: Base units in one of each written unit, ascending.
        thresholds: From how many base units a written unit is used for showing; without one, from one of it.
    """

    name: str
    example: str
    factors: tuple[tuple[str, int], ...]
    thresholds: tuple[tuple[str, int], ...] = ()

    @property
    def pattern(self) -> str:
        """Regular expression of what may be written."""
        return f"{_NUMBER} ?(?:{'|'.join(re.escape(name) for name, _ in self.factors)})"

    def read(self, value: object) -> int:
        """Return ``value`` in base units.

        Raises:
            Wrong: It is no text, has no unit or an unknown one, or is no whole number of base units.
        """
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise Wrong(f"expected {self.name} such as {self.example}, came {what(value)}")
        match = _WRITTEN.fullmatch(str(value))
        if match is None:
            raise Wrong(f"{shown(value)} is not {self.name}; write one such as {self.example}")
        number, written = match.groups()
        factor = dict(self.factors).get(written)
        if factor is None:
            raise Wrong(self._unit_fault(value, written))
        quantity = Decimal(number) * factor
        if quantity != int(quantity):
            raise Wrong(f"{shown(value)} is finer than {self.name} can be; the smallest step is 1{self.factors[0][0]}")
        if quantity > QUANTITY_MAX:
            raise Wrong(f"{shown(value)} is too large for {self.name}")
        return int(quantity)

    def _unit_fault(self, value: object, written: str) -> str:
        if not written:
            return f"{shown(value)} has no unit; write {self.name} such as {self.example}"
        units = [name for name, _ in self.factors]
        near = next((name for name in units if name.lower() == written.lower()), None) or nearest(written, units)
        hint = f'did you mean "{near}"? ' if near else ""
        return f"{shown(value)} has an unknown unit; {hint}Write {self.name} in {listing(units)}"

    def write(self, quantity: int) -> str:
        """Return base units as text that ``read`` takes, in the largest unit that is exact and usual."""
        least = dict(self.thresholds)
        for name, factor in reversed(self.factors):
            if quantity >= least.get(name, factor) and quantity % factor == 0:
                return f"{quantity // factor}{name}"
        return f"{quantity}{self.factors[0][0]}"


_SECOND, _MINUTE, _HOUR, _DAY = 1000, 60_000, 3_600_000, 86_400_000

DURATION = Unit(
    name="a duration",
    example="60s",
    factors=(("ms", 1), ("s", _SECOND), ("m", _MINUTE), ("h", _HOUR), ("d", _DAY)),
    thresholds=(("m", 5 * _MINUTE), ("h", 2 * _HOUR), ("d", 3 * _DAY)),
)
"""Base unit: milliseconds."""

RATE = Unit(
    name="a rate",
    example="10Gbit/s",
    factors=(("bit/s", 1), ("kbit/s", 10**3), ("Mbit/s", 10**6), ("Gbit/s", 10**9), ("Tbit/s", 10**12)),
)
"""Base unit: bits per second; prefixes are decimal, as network interfaces count."""

SIZE = Unit(
    name="a size",
    example="8MiB",
    factors=(
        ("B", 1),
        ("kB", 10**3),
        ("KiB", 2**10),
        ("MB", 10**6),
        ("MiB", 2**20),
        ("GB", 10**9),
        ("GiB", 2**30),
        ("TB", 10**12),
        ("TiB", 2**40),
    ),
)
"""Base unit: bytes."""

SHARE = Unit(name="a share", example="2%", factors=(("ppm", 1), ("%", 10_000)))
"""Base unit: millionths, so that a comparison stays one of whole numbers."""


def within(unit: Unit, at_least: str, at_most: str, reason: str = "") -> Callable[[object], int]:
    """Return a reader of ``unit`` that refuses what is outside both ends.

    Args:
        unit: What is read.
        at_least: The least, as it is written.
        at_most: The most, as it is written.
        reason: Why, for the message about too much; ``the most`` where there is no better one.
    """
    low, high = unit.read(at_least), unit.read(at_most)

    def read(value: object) -> int:
        quantity = unit.read(value)
        if quantity < low:
            raise Wrong(f"{shown(value)} is below {at_least}, the least; write {at_least} or more")
        if quantity > high:
            raise Wrong(f"{shown(value)} is above {at_most}, {reason or 'the most'}; write {at_most} or less")
        return quantity

    return read
