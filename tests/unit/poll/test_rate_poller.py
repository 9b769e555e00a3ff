"""Cycles over edges: one request an edge, and an inventory when one of them is gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from collector.agenda import AgendaWriter
from collector.clock import SystemClock
from collector.errors import ObjectGone, SourceError, SourceUnavailable
from collector.model.identity import Kind, PointKey, ReadAt
from collector.model.period import Instant
from collector.model.sample import RateReading
from collector.poll.rates import RatePoller
from collector.ports import Inventory, OnlineReport, PointCall, PolledPoint
from tests.unit.poll.test_poller import Recorder


class ScriptedEdges:
    """Answers each edge as a script says."""

    name = "nsx"
    requests_per_second = 10
    catch_up_ms = 86_400_000

    def __init__(self) -> None:
        self.asked: list[tuple[str, ...]] = []
        self.failures: dict[str, SourceError] = {}

    async def read_rates(self, wanted: Sequence[PointKey], since: Instant) -> tuple[RateReading, ...]:
        self.asked.append(tuple(key.path for key in wanted))
        edge = wanted[0].path.split("/")[2]
        if edge in self.failures:
            raise self.failures[edge]
        return tuple(RateReading(point=key, polled_at=1, samples=(), held_since=since) for key in wanted)

    async def start(self) -> None:
        raise AssertionError("a poller starts no source")

    async def stop(self) -> None:
        raise AssertionError("a poller stops no source")

    async def discover(self, previous: bytes | None, known_ends: Callable[[PointKey], ReadAt | None]) -> Inventory:
        raise AssertionError("a poller discovers nothing")

    async def check_online(self) -> OnlineReport:
        raise AssertionError("a poller checks nothing")

    def budget_used_ratio(self) -> float:
        return 0.0


class Bench:
    """A poller of two edges, the first with two uplinks, and everything around it."""

    def __init__(self) -> None:
        self.source = ScriptedEdges()
        self.recorder = Recorder()
        self.booked: list[RateReading] = []
        self.inventories = 0
        writer = AgendaWriter()
        for edge, index in (("edge-1", 0), ("edge-1", 3), ("edge-2", 0)):
            key = PointKey("nsx", Kind.EDGE_INTERFACE, f"/edges/{edge}/vnics/{index}")
            call = PointCall(path=f"/api/4.0/edges/{edge}/statistics/interfaces/uplink", node=None)
            writer.add(*PolledPoint(key, ReadAt.INTERFACE, (call,)))
        agenda = writer.agenda()
        self.poller = RatePoller(
            self.source,
            points=lambda: agenda,
            states=dict,
            book=self._book,
            rediscover=self._rediscover,
            observer=self.recorder,
            clock=SystemClock(),
            interval_ms=1,
        )

    async def _book(self, readings: Sequence[RateReading]) -> None:
        self.booked += readings

    def _rediscover(self) -> None:
        self.inventories += 1

    async def cycle(self) -> list[str]:
        """Run a cycle and the polls that it begins; return their outcomes."""
        before = len(self.recorder.outcomes)
        await self.poller.cycle()
        polls = {task for task in asyncio.all_tasks() if task.get_name().startswith("rates ")}
        await asyncio.gather(*polls)
        return sorted(self.recorder.outcomes[before:])


async def test_an_edge_is_asked_once_for_all_of_its_uplinks_and_costs_one_call() -> None:
    bench = Bench()
    assert await bench.cycle() == ["ok", "ok"]
    assert sorted(bench.source.asked) == [
        ("/edges/edge-1/vnics/0", "/edges/edge-1/vnics/3"),
        ("/edges/edge-2/vnics/0",),
    ]
    assert len(bench.booked) == 3
    plan = bench.poller.plan()
    assert (plan.points, plan.calls) == (3, 2)


async def test_an_edge_that_is_gone_asks_for_one_inventory_and_holds_up_no_other() -> None:
    bench = Bench()
    bench.source.failures["edge-1"] = ObjectGone("HTTP 404")
    for _ in range(3):
        assert "ok" in await bench.cycle()
    assert bench.inventories == 1
    assert {reading.point.path for reading in bench.booked} == {"/edges/edge-2/vnics/0"}

    # When it comes back and goes again, then it is news again
    del bench.source.failures["edge-1"]
    assert await bench.cycle() == ["ok", "ok"]
    bench.source.failures["edge-1"] = ObjectGone("HTTP 404")
    await bench.cycle()
    assert bench.inventories == 2


async def test_an_edge_that_does_not_answer_is_not_gone() -> None:
    bench = Bench()
    bench.source.failures["edge-1"] = SourceUnavailable("HTTP 503")
    await bench.cycle()
    assert bench.inventories == 0
    assert len(bench.recorder.errors) == 2, "each of its points is told"
