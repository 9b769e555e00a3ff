"""Both ends of links at a simulated provider: they agree, until one of them counts wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest

from collector.errors import SourceError
from collector.model.identity import PointKey
from collector.model.usage import Event, EventName
from collector.poll.comparing import EndComparer
from simulator import Simulator
from tests.integration.sources.rig import SOURCE, Rig, started

pytestmark = pytest.mark.integration

MINUTE = 60_000
EVERY = 30 * MINUTE
LINK = "/infra/tier-1s/t1-globex"


class Failures:
    """Remembers which points could not be read."""

    def __init__(self) -> None:
        self.paths: set[str] = set()

    def polled(self, source: str, outcome: str, seconds: float) -> None:
        raise AssertionError("a comparison is no poll")

    def failed(self, point: PointKey, error: SourceError) -> None:
        self.paths.add(point.path)

    def broke(self, point: PointKey, error: Exception) -> None:
        raise error


class Compared:
    """A comparer at a simulated provider."""

    def __init__(self, sim: Simulator, it: Rig) -> None:
        self.sim = sim
        self.it = it
        self.events: list[Event] = []
        self.failures = Failures()
        self.comparer = EndComparer(
            it.source,
            record=self._record,
            observer=self.failures,
            clock=it.clock,
            every_ms=EVERY,
            bound_ppm=20_000,
            pause_seconds=0,
        )

    async def _record(self, events: Sequence[Event]) -> bool:
        self.events += events
        return True

    async def turn(self) -> list[Event]:
        """Let half an hour pass and look; return what is told."""
        self.events.clear()
        self.sim.advance(EVERY)
        self.it.clock.advance(EVERY)
        await self.comparer.look()
        return list(self.events)


@asynccontextmanager
async def compared() -> AsyncIterator[Compared]:
    async with Simulator("small", speed=0) as sim, started(sim) as it:
        sim.advance(EVERY)
        made = Compared(sim, it)
        inventory = await it.inventory()
        assert [one.point.path for one in inventory.comparisons] == ["/infra/tier-1s/t1-acme", LINK]
        made.comparer.name(inventory.comparisons)
        assert await made.turn() == [], "one reading alone proves nothing"
        yield made


async def test_the_ends_of_healthy_links_agree() -> None:
    async with compared() as it:
        assert await it.turn() == []
        assert await it.turn() == []
        assert it.failures.paths == set()


async def test_an_end_that_counts_more_than_the_other_is_told_once_and_judged_no_more_where_it_fell() -> None:
    async with compared() as it:
        it.sim.fault("spike", path=LINK, count=1, amount=10**12, label="spike")
        (event,) = await it.turn()
        assert (event.event, event.source, event.point) == (EventName.LINK_IMBALANCE, SOURCE, f"{SOURCE}:{LINK}")
        assert event.tenant is None
        sides = {name: int(str(value)) for name, value in event.detail.items() if name.endswith("_bytes")}
        assert sides["tier0_ingress_bytes"] > 10**12 > sides["tier1_ingress_bytes"] > 10**8
        assert sides["tier0_egress_bytes"] > 10**12 > sides["tier1_egress_bytes"] > 10**7
        assert event.detail["tolerance"] == "2%"
        assert 1_700 <= int(str(event.detail["seconds"])) <= 1_900
        it.sim.clear("spike")
        assert await it.turn() == [], "the counter fell, which proves nothing"
        assert await it.turn() == []


async def test_a_node_that_restarts_in_between_is_not_judged() -> None:
    async with compared() as it:
        it.sim.advance(5 * MINUTE)
        it.sim.fault("reset", node="ec-prov/1")
        it.sim.advance(20 * MINUTE)
        assert await it.turn() == []


async def test_a_link_that_does_not_answer_stops_no_other() -> None:
    async with compared() as it:
        it.sim.fault("invalid_path", path="/infra/tier-1s/t1-acme", label="bad")
        it.sim.fault("spike", path=LINK, count=1, amount=10**12, label="spike")
        assert [event.point for event in await it.turn()] == [f"{SOURCE}:{LINK}"]
        assert it.failures.paths == {"/infra/tier-1s/t1-acme"}


async def test_comparisons_add_nothing_to_what_polls_read() -> None:
    async with compared() as it:
        points = await it.it.points()
        link = points["t1-globex"]
        before = [row.sample for one in await it.it.read_all(link) for row in one.rows]
        await it.comparer.look()
        after = [row.sample for one in await it.it.read_all(link) for row in one.rows]
        assert before == after
