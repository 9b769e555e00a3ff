"""An event loop whose clock jumps to the next timer, so that minutes of waiting take no time and are exact."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _JumpingSelector(selectors.SelectSelector):
    """Instead of waiting for the next timer, moves the loop's clock to it."""

    def __init__(self, loop: VirtualLoop) -> None:
        super().__init__()
        self._owner = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:
            raise AssertionError("the loop waits for something that no timer will bring")
        if timeout > 0:
            self._owner.seconds += timeout
        return super().select(0)


class VirtualLoop(asyncio.SelectorEventLoop):
    """A loop with a clock of its own, in seconds."""

    def __init__(self) -> None:
        self.seconds = 1_000.0
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self.seconds


def run_virtual(main: Coroutine[Any, Any, T]) -> T:
    """Return what the coroutine returns, run in virtual time."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
