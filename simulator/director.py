"""Plays a scenario's events when their time has come, and the faults that a test commands."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from simulator.changes import Changes
from simulator.clock import SimClock
from simulator.events import Fault
from simulator.faults import Active, FaultBook
from simulator.limits import Limits
from simulator.units import Instant

WAITING_MAX: Final = 1_000

Hook = Callable[[Fault], None]


class Director:
    """Keeps the provider in step with the clock.

    Events are applied at their own instants, in order, before anything is read at a later one; so a late request sees
    what an early one would have seen.

    Args:
        clock: The simulated clock.
        events: The scenario's events.
        changes: Changes the provider.
        faults: Takes the effects.
        limits: Is changed by ``set_limits``.
        hooks: What the managers do: ``expire_sessions``, ``manager_down``, ``manager_up``.
    """

    def __init__(
        self,
        *,
        clock: SimClock,
        events: list[Fault],
        changes: Changes,
        faults: FaultBook,
        limits: Limits,
        hooks: dict[str, Hook],
    ) -> None:
        self._clock = clock
        self._changes = changes
        self._faults = faults
        self._limits = limits
        self._hooks = hooks
        self._events = sorted(events, key=lambda fault: fault.at or 0)
        self._counted: list[tuple[int, Fault]] = []
        self.statistics_requests = 0
        self._at = clock.start

    def catch_up(self) -> Instant:
        """Play everything that is due and return the present instant; it never goes back."""
        now = max(self._at, self._clock.now())
        while self._events and self._clock.start + (self._events[0].at or 0) <= now:
            fault = self._events.pop(0)
            self._play(fault, max(self._at, self._clock.start + (fault.at or 0)))
        self._at = now
        if not self._faults.quiet:
            self._faults.expire(now)
        return now

    def command(self, fault: Fault) -> Active | None:
        """Play a fault now, or at its ``at`` after the start, or after the requests that it waits for.

        Raises:
            LookupError: It names an object that does not exist.
            ValueError: It cannot be played.
        """
        now = self.catch_up()
        if fault.at is not None and self._clock.start + fault.at > now:
            self._events.append(fault)
            self._events.sort(key=lambda one: one.at or 0)
            return None
        return self._play(fault, now)

    def count_statistics(self) -> None:
        """Count a statistics request, and play the changes that waited for it."""
        self.statistics_requests += 1
        if self._counted:
            due = [fault for after, fault in self._counted if after <= self.statistics_requests]
            self._counted = [entry for entry in self._counted if entry[0] > self.statistics_requests]
            for fault in due:
                self._play(fault.model_copy(update={"after_requests": 0}), self._at)

    def _play(self, fault: Fault, at: Instant) -> Active | None:
        self._at = max(self._at, at)
        if not fault.is_action:
            return self._faults.add(fault, at)
        if fault.after_requests:
            if len(self._counted) >= WAITING_MAX:
                raise ValueError(f"{WAITING_MAX} changes wait for requests already")
            self._counted.append((self.statistics_requests + fault.after_requests, fault))
            return None
        hook = self._hooks.get(fault.do)
        if hook is not None:
            hook(fault)
        elif fault.do == "clear":
            self._faults.clear(fault.label)
        elif fault.do == "set_limits":
            if fault.requests_per_second is not None:
                self._limits.requests_per_second = fault.requests_per_second
            if fault.concurrency is not None:
                self._limits.concurrency = fault.concurrency
        else:
            self._changes.apply(fault, at)
        return None
