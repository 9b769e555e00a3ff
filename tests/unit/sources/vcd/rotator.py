"""Uses a token up in a process of its own, which ends without warning at a chosen moment.

``python -m tests.unit.sources.vcd.rotator FILE STEP``: the process ends just before its call number ``STEP`` of what
changes the disk, and with status 0 where there are fewer calls. ``FILE.answered`` says which tokens were handed out; it
stands for the director, which forgets nothing.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from collector.sources.vcd.token_file import TokenFile

KILLED = 9

CALLS = ("open", "pwrite", "fsync", "ftruncate", "utime", "replace", "unlink", "fchown", "fchmod", "close")


def dying(real: Callable[..., Any], step: int, counted: list[int]) -> Callable[..., Any]:
    """Return a call that ends the process instead, when its number has come."""

    def call(*arguments: Any, **named: Any) -> Any:
        if counted[0] == step:
            os._exit(KILLED)
        counted[0] += 1
        return real(*arguments, **named)

    return call


def main(path: Path, step: int) -> None:
    """Take the token, get the next one, keep it."""
    answered = Path(f"{path}.answered")
    counted = [0]
    real = {name: getattr(os, name) for name in CALLS}
    for name in CALLS:
        setattr(os, name, dying(real[name], step, counted))
    use = TokenFile(path).take()
    assert use is not None
    for name in CALLS:
        setattr(os, name, real[name])
    used = len(answered.read_text().split())
    with answered.open("a") as file:
        file.write(f"token-{used}\n")
    for name in CALLS:
        setattr(os, name, dying(real[name], step, counted))
    use.keep(f"token-{used}")
    use.close()
    os._exit(0)


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
