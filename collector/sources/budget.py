"""The request budget of a source: every call of every manager takes its place here before it is sent."""

from __future__ import annotations

import asyncio
from collections import deque

WINDOW_SECONDS = 1.0
"""The limit counts requests per second. Source: NSX type HttpServiceProperties, ``client_api_rate_limit``."""

MARGIN_SECONDS = 0.02
"""Added to the window: covers the resolution of both clocks and what their speeds differ within a second."""

SPAN_SECONDS = WINDOW_SECONDS + MARGIN_SECONDS
"""So long an ended request counts."""

UNANSWERED_SECONDS = 1.0
"""A request that we gave up may still be on its way for so long; a network that is slower still answers nothing."""

RECOVERY_STEPS = 20
"""A budget that fell comes back by a twentieth of the settings' value each good second: from half in ten seconds."""

HOLD_SECONDS_MAX = 30.0
"""The longest delay that we take from a server's ``Retry-After`` for the whole source; it could be nonsense."""


class RequestBudget:
    """At most N requests in any second and C at once, whatever the latency.

    A server takes note of a request at some moment between its start and its end here. So a new one starts only
    while fewer than N are in flight or ended within the last second: then no second at the server holds more than N.
    Places are given first come, first served. After an answer that says "too many" the budget is halved; it comes
    back step by step while answers are good.

    Must be used within one event loop.
    """

    def __init__(self, requests_per_second: int, concurrency: int) -> None:
        if requests_per_second < 1 or concurrency < 1:
            raise ValueError("BUG: a request budget needs at least one request per second and one at once")
        self._rate_max = requests_per_second
        self._concurrency_max = concurrency
        self._rate = requests_per_second
        self._concurrency = concurrency
        self._in_flight = 0
        self._ended: deque[float] = deque()
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._held_until = 0.0
        self._changed_at = float("-inf")

    @property
    def rate(self) -> int:
        """Requests per second that are allowed now."""
        return self._rate

    @property
    def concurrency(self) -> int:
        """Requests at once that are allowed now."""
        return self._concurrency

    @property
    def waiting(self) -> int:
        """Requests that wait for their place."""
        return len(self._waiting)

    def used_ratio(self) -> float:
        """Return the share of the settings' budget that the last second used, 0 to 1."""
        self._forget(asyncio.get_running_loop().time())
        return min(1.0, (self._in_flight + len(self._ended)) / self._rate_max)

    def try_acquire(self, now: float) -> bool:
        """Take a place if one is free and nobody waits; ``now`` is the loop's time in seconds."""
        if self._waiting or not self._has_room(now):
            return False
        self._in_flight += 1
        return True

    async def acquire(self) -> None:
        """Wait for a place, behind those who wait already. Safe to cancel: the place then goes to the next one."""
        if not self.try_acquire(asyncio.get_running_loop().time()):
            await self.wait()

    async def wait(self) -> None:
        """Wait for a place that ``try_acquire`` did not find just now. Safe to cancel, as ``acquire`` is."""
        loop = asyncio.get_running_loop()
        place: asyncio.Future[None] = loop.create_future()
        self._waiting.append(place)
        if self._in_flight < self._concurrency:  # else the next release serves
            self._serve(loop, loop.time())
        try:
            await place
        except asyncio.CancelledError:
            if place.done() and not place.cancelled():
                # The place was given in the same turn of the loop: nothing was sent with it, so it leaves no trace.
                self.abandon()
            raise

    def abandon(self) -> None:
        """Give a place back that nothing was sent with."""
        self._in_flight -= 1
        loop = asyncio.get_running_loop()
        self._serve(loop, loop.time())

    def release(self, now: float) -> None:
        """Give a place back when the request was answered or never sent; ``now`` is the loop's time in seconds."""
        self._in_flight -= 1
        ended = self._ended
        # In ascending order whatever the caller says: what is forgotten, and when, rests on it.
        ended.append(now if not ended or now >= ended[-1] else ended[-1])
        if self._waiting:
            self._serve(asyncio.get_running_loop(), now)

    def release_unanswered(self, now: float) -> None:
        """Give a place back a little later: the request was sent and given up, so it may yet arrive."""
        loop = asyncio.get_running_loop()
        loop.call_at(now + UNANSWERED_SECONDS, self.release, now + UNANSWERED_SECONDS)

    def good(self, now: float) -> None:
        """Take note of a good answer; only needed while the budget is below the settings."""
        if now - self._changed_at < WINDOW_SECONDS:
            return
        self._changed_at = now
        self._rate = min(self._rate_max, self._rate + max(1, self._rate_max // RECOVERY_STEPS))
        self._concurrency = min(
            self._concurrency_max, self._concurrency + max(1, self._concurrency_max // RECOVERY_STEPS)
        )

    def hold(self, until: float) -> None:
        """Give out no place before ``until``, the loop's time in seconds: somebody before us used the second up."""
        self._held_until = max(self._held_until, until)

    @property
    def is_reduced(self) -> bool:
        """True while the budget is below the settings."""
        return self._rate < self._rate_max or self._concurrency < self._concurrency_max

    def fall(self, now: float, *, concurrency: bool, hold_seconds: float | None = None) -> bool:
        """Halve the budget; False when it fell within the last second already, since those answers are one event.

        Args:
            now: The loop's time in seconds.
            concurrency: Halve the number of requests at once as well.
            hold_seconds: The server's own delay: nothing is sent for so long, at most HOLD_SECONDS_MAX.
        """
        if hold_seconds is not None:
            self._held_until = max(self._held_until, now + min(hold_seconds, HOLD_SECONDS_MAX))
        if self.is_reduced and now - self._changed_at < WINDOW_SECONDS:
            return False
        self._changed_at = now
        self._rate = max(1, self._rate // 2)
        if concurrency:
            self._concurrency = max(1, self._concurrency // 2)
        return True

    def _has_room(self, now: float) -> bool:
        if self._in_flight >= self._concurrency or now < self._held_until:
            return False
        if self._in_flight + len(self._ended) < self._rate:
            return True
        self._forget(now)
        return self._in_flight + len(self._ended) < self._rate

    def _forget(self, now: float) -> None:
        ended = self._ended
        # The same sum as the timer's, so that rounding cannot make one think that the other will do it.
        while ended and ended[0] + SPAN_SECONDS <= now:
            ended.popleft()

    def _serve(self, loop: asyncio.AbstractEventLoop, now: float) -> None:
        """Give out every free place; one timer at most waits for the next one to come free."""
        waiting = self._waiting
        while waiting:
            if waiting[0].done():
                waiting.popleft()
            elif self._has_room(now):
                waiting.popleft().set_result(None)
                self._in_flight += 1
            else:
                break
        if waiting and self._timer is None and self._in_flight < self._concurrency:
            self._arm(loop, now)

    def _arm(self, loop: asyncio.AbstractEventLoop, now: float) -> None:
        wake_at = self._held_until
        # A place that hangs on requests in flight comes free by their release, which serves by itself.
        excess = self._in_flight + len(self._ended) - self._rate
        if 0 <= excess < len(self._ended) and self._in_flight < self._concurrency:
            wake_at = max(wake_at, self._ended[excess] + SPAN_SECONDS)
        if wake_at > now:
            self._timer = loop.call_at(wake_at, self._on_timer, loop)

    def _on_timer(self, loop: asyncio.AbstractEventLoop) -> None:
        self._timer = None
        self._serve(loop, loop.time())
