"""One figure, with the floor that was measured in the same run."""

from __future__ import annotations

import operator
from collections.abc import Callable
from dataclasses import dataclass

_COMPARISONS: dict[str, Callable[[float, float], bool]] = {"≥": operator.ge, "≤": operator.le}


@dataclass(frozen=True, slots=True)
class Result:
    """A figure.

    Attributes:
        name: What was measured.
        value: How much.
        unit: Of what.
        floor: The same work done with nothing around it, in the same unit; ``None`` where there is none.
        ratio: Value to floor; ``None`` without one.
        target: ``≥ 0.7`` or ``≤ 30``: of the ratio where there is one, else of the value; empty for information.
    """

    name: str
    value: float
    unit: str
    floor: float | None = None
    ratio: float | None = None
    target: str = ""

    @property
    def met(self) -> bool | None:
        """Whether the target is met, ``None`` without one."""
        if not self.target:
            return None
        sign, bound = self.target.split()
        return _COMPARISONS[sign](self.value if self.ratio is None else self.ratio, float(bound))


def compared(name: str, value: float, unit: str, floor: float, target: str = "") -> Result:
    """Return a figure with its floor."""
    return Result(name, value, unit, floor, value / floor, target)
