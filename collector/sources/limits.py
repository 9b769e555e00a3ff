"""One time limit for many waits, for the price of one timer."""

from __future__ import annotations

import asyncio
from types import TracebackType


class TimeLimits:
    """Limits of equal length: they run out in the order in which they began, so one timer serves them all.

    A timer for each request takes eight microseconds, which is a twentieth of a whole poll (bench/poll.py).

    Args:
        seconds: How long each wait may take.
    """

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._begun: dict[TimeLimit, None] = {}
        self._timer: asyncio.TimerHandle | None = None

    @property
    def under_way(self) -> tuple[TimeLimit, ...]:
        """The limits that run, in the order in which they run out."""
        return tuple(self._begun)

    def close(self) -> None:
        """Stop the timer; waits that are under way have no limit any more."""
        self._begun.clear()
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def begin(self, limit: TimeLimit, loop: asyncio.AbstractEventLoop) -> None:
        """Let a limit run from now on."""
        limit.ends_at = loop.time() + self.seconds
        self._begun[limit] = None
        if self._timer is None:
            self._timer = loop.call_at(limit.ends_at, self._on_timer, loop)

    def end(self, limit: TimeLimit) -> None:
        """Forget a limit. The timer goes on: it finds the next one when it runs out."""
        self._begun.pop(limit, None)

    def _on_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        now = loop.time()
        for limit in list(self._begun):
            if limit.ends_at > now:
                self._timer = loop.call_at(limit.ends_at, self._on_timer, loop)
                break
            del self._begun[limit]
            limit.run_out()


class TimeLimit:
    """Raises TimeoutError out of its block when that takes too long, as ``asyncio.timeout`` does.

    Attributes:
        ends_at: The loop's time in seconds.
    """

    __slots__ = ("_cancelling", "_limits", "_ran_out", "_task", "ends_at")

    def __init__(self, limits: TimeLimits) -> None:
        self._limits = limits
        self._ran_out = False
        self.ends_at = 0.0

    def __enter__(self) -> None:
        loop = asyncio.get_running_loop()
        task = asyncio.current_task(loop)
        if task is None:
            raise AssertionError("BUG: a time limit needs a task")
        self._task = task
        self._cancelling = task.cancelling()
        self._limits.begin(self, loop)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._limits.end(self)
        # Whoever else cancelled the task meant it: then the cancellation goes on.
        if self._ran_out and self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error

    def run_out(self) -> None:
        """End the wait."""
        self._ran_out = True
        self._task.cancel()
