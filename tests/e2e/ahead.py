"""``northmeter`` with a wall clock that a test moves: ``python -m tests.e2e.ahead FILE run -c …``.

The file says by how many milliseconds the clock is ahead of the machine's. Only the wall clock is moved, as an
administrator moves it; pauses and time-outs are the machine's own.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from collector.cli import main
from collector.clock import SystemClock


def _run() -> None:
    file = Path(sys.argv.pop(1))

    def now(self: SystemClock) -> int:
        return time.time_ns() // 1_000_000 + int(file.read_text(encoding="ascii"))

    SystemClock.now = now  # type: ignore[method-assign]  # the one clock that everything asks
    main()


if __name__ == "__main__":
    _run()
