"""Hours that pass for a provider and its daemon alike.

A source of rates is asked for what passed since an instant of our own clock, so a provider in another year, or one
whose clock runs faster, is none that any daemon meets.
"""

from __future__ import annotations

import time
from typing import Final

from simulator import Simulator
from tests.e2e.harness import Place

MINUTE: Final = 60_000
HOUR: Final = 60 * MINUTE


class Hours:
    """The clock of a provider, and of the daemons that are started with ``program``.

    Args:
        place: Where the daemon runs.
        sim: The provider; its clock runs as fast as the machine's, and leaps.
    """

    def __init__(self, place: Place, sim: Simulator) -> None:
        self._sim = sim
        self._file = place.folder / "ahead"
        self.go(0)

    @property
    def program(self) -> tuple[str, ...]:
        """What is run in place of the command."""
        return ("tests.e2e.ahead", str(self._file))

    def go(self, milliseconds: int) -> None:
        """Let time pass."""
        ahead = self._sim.advance(milliseconds) - time.time_ns() // 1_000_000
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(ahead), encoding="ascii")
        fresh.replace(self._file)
