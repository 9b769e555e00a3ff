"""What was truly carried for whom, by what the director knew at each moment.

Intervals are in device time, as everywhere in the truth; owners change at simulated instants, and bytes are split
exactly there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import NamedTuple

from simulator.counters import Values
from simulator.objects import EXTERNAL_KINDS, Counted, Kind
from simulator.provider import Provider
from simulator.units import Instant
from simulator.vcd.cloud import Cloud
from simulator.vcd.holdings import Held
from simulator.vcd.owners import Owner, Role
from simulator.vcd.timeline import Spell

METERED = EXTERNAL_KINDS | {"internal"}
"""A service interface of a network of the tenant's own is external to everybody who cannot know better."""

Spans = Callable[[Instant, Instant], Iterable[tuple[Instant, Instant]]]


class Owned(NamedTuple):
    """Whose a point was in [start, end) of device time; what still holds has no end."""

    start: Instant
    end: Instant | None
    tenant: str
    role: Role


class CloudTruth:
    """Answers about one director.

    Args:
        provider: The provider; it has a director.
        spans: Returns the simulated intervals of an interval of device time.
    """

    def __init__(self, provider: Provider, spans: Spans) -> None:
        if provider.cloud is None:
            raise LookupError("the scenario has no Cloud Director")
        self._cloud: Cloud = provider.cloud
        self._provider = provider
        self._spans = spans

    def history(self, path: str, read_at: Sequence[Instant] = ()) -> list[Owned]:
        """Return whose a point was, in the order of time."""
        return [
            Owned(self._device(start), None if end is None else self._device(end), *owner)
            for start, end, owner in self._spells(path, read_at)
        ]

    def held(self) -> list[tuple[str, Spell[Held]]]:
        """Return the addresses that were held, by reference: of the allocation, or of gateway and network.

        Times are of the managers' clock; what was held when the scenario began starts there.
        """
        found: list[tuple[str, Spell[Held]]] = []
        for key in self._cloud.held:
            for start, end, held in self._cloud.held.spells(key):
                until = None if end is None else self._provider.manager_time(end)
                found.append((key, Spell(self._provider.manager_time(start), until, held)))
        return found

    def carried(
        self,
        tenant: str,
        ports: Iterable[Counted],
        start: Instant,
        end: Instant,
        *,
        kinds: frozenset[Kind] | None = None,
        read_at: Sequence[Instant] = (),
    ) -> Iterator[tuple[Counted, Values]]:
        """Yield what each port carried in [start, end) while it was billed to a tenant.

        Args:
            tenant: Of the scenario, or ``unattributed``.
            ports: Those to look at; the Tier-0's end of a link is passed over.
            start: Device time.
            end: Device time.
            kinds: Only these; what is external, if absent.
            read_at: Instants at which the director was read: a change counts from the first one at or after it.
        """
        spans = list(self._spans(start, end))
        wanted = METERED if kinds is None else kinds
        for port in ports:
            if port.kind not in wanted or port.end == "tier0":
                continue
            for since, until, owner in self._spells(port.point, read_at):
                if owner.tenant != tenant or owner.role != "billed":
                    continue
                for first, last in spans:
                    one, two = max(first, since), last if until is None else min(last, until)
                    for counters in port.counters.values() if one < two else ():
                        yield port, counters.true_at(two).minus(counters.true_at(one))

    def _spells(self, path: str, read_at: Sequence[Instant]) -> Iterator[Spell[Owner]]:
        if not read_at:
            yield from self._cloud.owners.spells(path)
            return
        seen = sorted(read_at)
        for start, end, owner in self._cloud.owners.spells(path):
            since = self._seen(start, seen)
            until = None if end is None else self._seen(end, seen)
            if since is not None and (until is None or since < until):
                yield Spell(since, until, owner)

    def _seen(self, at: Instant, read_at: Sequence[Instant]) -> Instant | None:
        """Return when a change was seen; what the scenario began with was always so, the last ones perhaps never."""
        if at <= self._provider.clock.start:
            return at
        return next((one for one in read_at if one >= at), None)

    def _device(self, at: Instant) -> Instant:
        return at + self._provider.offsets_at(at).device
