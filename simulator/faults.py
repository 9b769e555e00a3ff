"""The misbehaviour that is in force: which effects touch a request, a row or a list, and when they are spent."""

from __future__ import annotations

from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from random import Random
from typing import Final, Literal

from simulator.events import LIST_KINDS, ROW_KINDS, Fault
from simulator.units import Instant

FAULTS_MAX: Final = 10_000
STICKY: Final = frozenset({"glitch", "older_timestamp", "spike"})
"""Effects on one reading: asked again before the cache is renewed, the answer is the same."""

_NOT_OF_A_LOGIN: Final = frozenset(
    {"invalid_path", "no_edge_node", "not_found", "session_expired", "unauthorized", "spoil"}
)

Endpoint = Literal["login", "inventory", "statistics"]


@dataclass(slots=True, eq=False)
class Active:
    """A fault in force.

    Attributes:
        since: Simulated instant from which it is in force.
        until: Simulated instant at which it ends.
        left: Uses until it is spent.
        waits: Statistics requests that it still lets pass.
        readings: For sticky effects: the series that were touched, and at which instant of the cache.
    """

    fault: Fault
    since: Instant
    until: Instant | None
    left: int | None
    waits: int
    readings: dict[tuple[str, str, str], Instant] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Asked:
    """What a request is about, as far as effects look at it.

    Attributes:
        path: The metering point of statistics, otherwise the policy path that was asked.
        request: The policy path that was asked.
    """

    endpoint: Endpoint
    path: str
    manager: str
    request: str = ""
    node_id: str | None = None
    node_alias: str | None = None


def path_matches(pattern: str | None, path: str) -> bool:
    """Return whether a pattern names a path: with ``*`` as a pattern, else as the object, its parts or its id."""
    if pattern is None:
        return True
    if "*" in pattern:
        return fnmatchcase(path, pattern)
    return path == pattern or path.startswith(f"{pattern}/") or f"/{pattern}/" in f"{path}/"


def _touches(fault: Fault, endpoint: Endpoint) -> bool:
    """Return whether a fault is about this kind of request.

    Errors about a path or a session never answer a log-in unless a scenario says so: a log-in names no path and has
    no session yet, and a refused one makes clients stop for long.
    """
    if fault.endpoint is None:
        return endpoint != "login" or fault.do not in _NOT_OF_A_LOGIN
    return fault.endpoint in ("any", endpoint)


class FaultBook:
    """All faults in force.

    Args:
        seed: Decides which requests a fault with ``percent`` touches.
    """

    def __init__(self, seed: int) -> None:
        self._random = Random(f"{seed}/faults")
        self._requests: list[Active] = []
        self._rows: list[Active] = []
        self._lists: list[Active] = []
        self._spoils: list[Active] = []
        self.uses: dict[str, int] = {}

    def __len__(self) -> int:
        return sum(map(len, self._all()))

    def _all(self) -> tuple[list[Active], ...]:
        return self._requests, self._rows, self._lists, self._spoils

    @property
    def quiet(self) -> bool:
        """Whether nothing is in force."""
        return not any(self._all())

    def add(self, fault: Fault, at: Instant) -> Active:
        """Put an effect in force from ``at`` on.

        Raises:
            ValueError: Too many are in force.
        """
        if len(self) >= FAULTS_MAX:
            raise ValueError(f"{FAULTS_MAX} faults are in force already")
        active = Active(fault, at, None if fault.for_ is None else at + fault.for_, fault.count, fault.after_requests)
        kept = self._rows if fault.do in ROW_KINDS else self._lists if fault.do in LIST_KINDS else self._requests
        kept = self._spoils if fault.do == "spoil" else kept
        kept.append(active)
        return active

    def clear(self, label: str | None = None) -> None:
        """End all effects, or those of a label."""
        for kept in self._all():
            kept[:] = [active for active in kept if label is not None and active.fault.label != label]

    def in_force(self, active: Active) -> bool:
        """Return whether an effect was neither cleared nor used up."""
        return any(active in kept for kept in self._all())

    def expire(self, now: Instant) -> None:
        """Drop what has ended."""
        for kept in self._all():
            if any(active.until is not None and active.until <= now for active in kept):
                kept[:] = [active for active in kept if active.until is None or active.until > now]

    def _use(self, kept: list[Active], active: Active) -> None:
        self.uses[active.fault.do] = self.uses.get(active.fault.do, 0) + 1
        if active.left is not None:
            active.left -= 1
            if active.left <= 0 and active.fault.do not in STICKY:
                kept.remove(active)

    def _meets(self, active: Active, asked: Asked) -> bool:
        fault = active.fault
        if fault.manager is not None and fault.manager != asked.manager:
            return False
        if fault.node is not None and fault.node not in (asked.node_id, asked.node_alias):
            return False
        if not (path_matches(fault.path, asked.path) or path_matches(fault.path, asked.request)):
            return False
        if active.waits > 0:
            active.waits -= 1 if asked.endpoint == "statistics" else 0
            return False
        return fault.percent >= 100 or self._random.randrange(100) < fault.percent

    def for_request(self, asked: Asked) -> list[Fault]:
        """Return the effects on a whole answer: any number of ``slow`` and at most one other."""
        found: list[Fault] = []
        for active in list(self._requests):
            slow = active.fault.do == "slow"
            if not _touches(active.fault, asked.endpoint) or (not slow and any(f.do != "slow" for f in found)):
                continue
            if self._meets(active, asked):
                self._use(self._requests, active)
                found.append(active.fault)
        return found

    def for_list(self, asked: Asked) -> list[Fault]:
        """Return the effects on a list."""
        found: list[Fault] = []
        for active in list(self._lists):
            if self._meets(active, asked):
                self._use(self._lists, active)
                found.append(active.fault)
        return found

    def for_spoil(self, asked: Asked) -> list[Fault]:
        """Return the effects on an answer of the director."""
        found: list[Fault] = []
        for active in list(self._spoils):
            if _touches(active.fault, asked.endpoint) and self._meets(active, asked):
                self._use(self._spoils, active)
                found.append(active.fault)
        return found

    def frozen_at(self, path: str, node_id: str, node_alias: str) -> Instant | None:
        """Return since when the cached values of a point on a node stand still."""
        instants = [
            active.since
            for active in self._rows
            if active.fault.do == "freeze"
            and active.fault.node in (None, node_id, node_alias)
            and path_matches(active.fault.path, path)
        ]
        return min(instants, default=None)

    def for_row(self, asked: Asked, end: str, taken_at: Instant) -> list[Fault]:
        """Return the effects on one row, ``freeze`` aside.

        Args:
            asked: The point's path and the row's node.
            end: The port's end.
            taken_at: The instant of the cached reading; a sticky effect keeps to one of them.
        """
        found: list[Fault] = []
        series = (asked.path, end, asked.node_id or "")
        for active in list(self._rows):
            if active.fault.do == "freeze":
                continue
            if active.fault.do not in STICKY:
                if self._meets(active, asked):
                    self._use(self._rows, active)
                    found.append(active.fault)
                continue
            touched = active.readings.get(series)
            if touched is None and (active.left is None or active.left > 0) and self._meets(active, asked):
                self._use(self._rows, active)
                active.readings[series] = touched = taken_at
            if touched == taken_at:
                found.append(active.fault)
        return found
