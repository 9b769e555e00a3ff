"""Limits per client, and the greatest load that was seen.

Source: NSX REST API reference 4.2, type HttpServiceProperties: client_api_rate_limit (100 requests per second, then
429), client_api_concurrency_limit (40, then 503), global_api_concurrency_limit; 0 disables a limit. Time is real time
here, also when the simulated clock runs faster, because the limits protect the manager's real processor.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

SECOND_NS: Final = 1_000_000_000
CLIENTS_MAX: Final = 1_000
"""Distinct names of clients that are told apart; later ones share one record."""


class Verdict(Enum):
    """What becomes of a request."""

    ADMITTED = "admitted"
    RATE = "rate"
    CONCURRENCY = "concurrency"


@dataclass(slots=True)
class Load:
    """Requests of one client, or of all: totals and the greatest values so far.

    Attributes:
        per_sliding_second_max: The most requests in any window of one second.
        per_calendar_second_max: The most requests in a second as a clock on the wall counts them.
    """

    requests: int = 0
    in_flight: int = 0
    in_flight_max: int = 0
    per_sliding_second_max: int = 0
    per_calendar_second_max: int = 0
    refused_rate: int = 0
    refused_concurrency: int = 0
    _window: deque[int] = field(default_factory=deque)
    _admitted: deque[int] = field(default_factory=deque)
    _second: int = 0
    _in_second: int = 0

    def arrive(self, now: int, wall_second: int) -> None:
        """Count a request that arrived."""
        self.requests += 1
        window = self._window
        window.append(now)
        while window[0] <= now - SECOND_NS:
            window.popleft()
        self.per_sliding_second_max = max(self.per_sliding_second_max, len(window))
        self._in_second = self._in_second + 1 if wall_second == self._second else 1
        self._second = wall_second
        self.per_calendar_second_max = max(self.per_calendar_second_max, self._in_second)

    def admitted_in_second(self, now: int) -> int:
        """Return how many requests of the last second were let through."""
        admitted = self._admitted
        while admitted and admitted[0] <= now - SECOND_NS:
            admitted.popleft()
        return len(admitted)

    def enter(self, now: int) -> None:
        """Count a request that is let through."""
        self._admitted.append(now)
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)

    def leave(self) -> None:
        """Count its end."""
        self.in_flight -= 1

    def summary(self) -> dict[str, int]:
        """Return the numbers for a test or the control listener."""
        return {
            "requests": self.requests,
            "in_flight": self.in_flight,
            "in_flight_max": self.in_flight_max,
            "per_sliding_second_max": self.per_sliding_second_max,
            "per_calendar_second_max": self.per_calendar_second_max,
            "refused_rate": self.refused_rate,
            "refused_concurrency": self.refused_concurrency,
        }


class Limits:
    """Admits or refuses requests; one budget per client over all managers.

    Args:
        requests_per_second: Per client; 0 disables it.
        concurrency: Requests at once per client; 0 disables it.
        global_concurrency: Requests at once of all clients; 0 disables it.
        monotonic_ns: Nanoseconds of a clock that never goes back.
        wall_ns: Nanoseconds of the wall clock, for calendar seconds.
    """

    def __init__(
        self,
        requests_per_second: int,
        concurrency: int,
        global_concurrency: int,
        *,
        monotonic_ns: Callable[[], int] = time.monotonic_ns,
        wall_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        self.requests_per_second = requests_per_second
        self.concurrency = concurrency
        self.global_concurrency = global_concurrency
        self._monotonic_ns = monotonic_ns
        self._wall_ns = wall_ns
        self.total = Load()
        self.clients: dict[str, Load] = {}

    def client(self, name: str) -> Load:
        """Return the record of a client."""
        load = self.clients.get(name)
        if load is None:
            if len(self.clients) >= CLIENTS_MAX:
                name = "others"
            load = self.clients.setdefault(name, Load())
        return load

    def enter(self, name: str) -> Verdict:
        """Count a request and say whether it is let through; each one that is must ``leave``."""
        now = self._monotonic_ns()
        wall_second = self._wall_ns() // SECOND_NS
        load = self.client(name)
        load.arrive(now, wall_second)
        self.total.arrive(now, wall_second)
        if self.requests_per_second and load.admitted_in_second(now) >= self.requests_per_second:
            load.refused_rate += 1
            self.total.refused_rate += 1
            return Verdict.RATE
        full = self.concurrency and load.in_flight >= self.concurrency
        if full or (self.global_concurrency and self.total.in_flight >= self.global_concurrency):
            load.refused_concurrency += 1
            self.total.refused_concurrency += 1
            return Verdict.CONCURRENCY
        load.enter(now)
        self.total.admitted_in_second(now)
        self.total.enter(now)
        return Verdict.ADMITTED

    def leave(self, name: str) -> None:
        """End a request that was let through."""
        self.client(name).leave()
        self.total.leave()

    def summary(self) -> dict[str, object]:
        """Return the load in total and per client."""
        return {
            "total": self.total.summary(),
            "clients": {name: load.summary() for name, load in sorted(self.clients.items())},
        }
