"""Links take turns: two readings of both ends half an hour apart are compared, and nothing holds the others up."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from fractions import Fraction

import pytest

from collector.clock import ManualClock
from collector.core.balance import percent, stretches
from collector.errors import ObjectGone, SourceError, SourceUnavailable
from collector.model.identity import Kind, PointKey, ReadAt
from collector.model.sample import Counters, Reading, Row, Sample
from collector.model.usage import Event
from collector.poll import comparing
from collector.poll.comparing import EndComparer
from collector.ports import Comparison, Inventory, OnlineReport, PointCall

MINUTE = 60_000
EVERY = 30 * MINUTE
GROWTH = 100_000_000


def link(name: str) -> PointKey:
    return PointKey("nsx", Kind.TIER1_DOWNLINK, f"/infra/tier-1s/{name}")


def comparison(name: str) -> Comparison:
    calls = [(PointCall(path=f"/{end}/{name}", node="edge"),) for end in ("tier0", "tier1")]
    return Comparison(point=link(name), tier0_calls=calls[0], tier1_calls=calls[1])


class TwoEnds:
    """Both ends of every link grow alike, but for what is added to one.

    Attributes:
        extra: Bytes that the Tier-0's end of a link counted beyond the other.
        failing: What a link's readings raise.
    """

    name = "nsx"
    requests_per_second = 50

    def __init__(self, clock: ManualClock) -> None:
        self._clock = clock
        self.asked: list[str] = []
        self.extra: dict[PointKey, int] = {}
        self.failing: dict[PointKey, SourceError] = {}

    async def read(self, point: PointKey, read_at: ReadAt, call: PointCall) -> Reading:
        self.asked.append(call.path)
        if point in self.failing:
            raise self.failing[point]
        at = self._clock.now()
        seen = GROWTH * (at // MINUTE) + (self.extra.get(point, 0) if read_at is ReadAt.TIER0 else 0)
        # The same bytes leave the Tier-0's port and enter the Tier-1's.
        counters = Counters(seen, 2 * seen) if read_at is ReadAt.TIER1 else Counters(2 * seen, seen)
        return Reading(
            point=point, read_at=read_at, polled_at=at, asked_node=None, rows=(Row("p", "n", Sample(at, at, counters)),)
        )

    def turns(self) -> list[str]:
        """Return the links that were read since the last time, in order, each with both ends."""
        asked, self.asked = self.asked, []
        return list(dict.fromkeys(path.rpartition("/")[2] for path in asked))

    async def start(self) -> None: ...
    async def stop(self) -> None: ...
    def mark_end_failed(self, point: PointKey, read_at: ReadAt) -> None: ...

    async def discover(self, previous: bytes | None, known_ends: Callable[[PointKey], ReadAt | None]) -> Inventory:
        raise AssertionError("a comparer discovers nothing")

    async def check_online(self) -> OnlineReport:
        raise AssertionError("a comparer checks nothing")

    def budget_used_ratio(self) -> float:
        return 0.0


class World:
    """A comparer with a source, a clock, and a ledger that may be full."""

    def __init__(self) -> None:
        self.clock = ManualClock(1_790_000_000_000)
        self.source = TwoEnds(self.clock)
        self.events: list[Event] = []
        self.failures: list[tuple[PointKey, SourceError]] = []
        self.is_full = False
        self.comparer = EndComparer(
            self.source,
            record=self._record,
            observer=self,
            clock=self.clock,
            every_ms=EVERY,
            bound_ppm=20_000,
            pause_seconds=0,
        )

    async def _record(self, events: Sequence[Event]) -> bool:
        if not self.is_full:
            self.events += events
        return not self.is_full

    def polled(self, source: str, outcome: str, seconds: float) -> None:
        raise AssertionError("a comparison is no poll")

    def failed(self, point: PointKey, error: SourceError) -> None:
        self.failures.append((point, error))

    def broke(self, point: PointKey, error: Exception) -> None:
        raise error

    def name(self, *names: str) -> None:
        self.comparer.name([comparison(name) for name in names])

    async def after(self, minutes: int) -> list[str]:
        """Let minutes pass and look; return the links that were read."""
        self.clock.advance(minutes * MINUTE)
        await self.comparer.look()
        return self.source.turns()


@pytest.fixture
def world() -> World:
    return World()


async def test_a_link_is_read_at_both_ends_at_once_and_again_after_the_interval(world: World) -> None:
    world.name("a", "b")
    await world.comparer.look()
    assert world.source.asked == ["/tier0/a", "/tier1/a", "/tier0/b", "/tier1/b"]
    world.source.turns()
    assert await world.after(10) == []
    assert await world.after(20) == ["a", "b"]
    assert await world.after(29) == []
    assert await world.after(1) == ["a", "b"]
    assert world.events == []


async def test_links_of_another_inventory_take_their_turn_and_those_before_are_finished_first(world: World) -> None:
    world.name("a")
    assert await world.after(0) == ["a"]
    world.name("b")
    assert await world.after(10) == ["b"]
    world.source.extra[link("a")] = GROWTH * 30
    assert await world.after(20) == ["a"], "it was named before, and its second reading is due"
    assert [event.point for event in world.events] == [link("a").label]
    assert await world.after(10) == ["b"]
    assert await world.after(30) == ["b"], "nobody names the other any more"


async def test_there_is_room_for_so_many_links(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(comparing, "WATCHED_MAX", 2)
    world.name("a", "b", "c")
    assert await world.after(0) == ["a", "b"]
    assert await world.after(1) == []
    world.name("c")
    assert await world.after(29) == ["a", "b"]
    assert await world.after(1) == ["c"]


async def test_an_imbalance_is_told_at_most_once_an_hour(world: World) -> None:
    world.name("a")
    await world.after(0)
    for extra in range(1, 5):
        world.source.extra[link("a")] = extra * GROWTH * 10
        await world.after(30)
    assert len(world.events) == 2
    assert world.events[0].detail == {
        "tier0_ingress_bytes": str(GROWTH * 40),
        "tier0_egress_bytes": str(GROWTH * 80),
        "tier1_ingress_bytes": str(GROWTH * 30),
        "tier1_egress_bytes": str(GROWTH * 60),
        "seconds": 1_800,
        "seconds_apart": 0,
        "beyond": "24.99%",
        "tolerance": "2%",
    }


async def test_what_a_full_ledger_did_not_take_is_told_with_the_next_comparison(world: World) -> None:
    world.name("a")
    await world.after(0)
    world.is_full = True
    world.source.extra[link("a")] = GROWTH * 10
    await world.after(30)
    world.is_full = False
    world.source.extra[link("a")] = GROWTH * 20
    await world.after(30)
    assert len(world.events) == 1


async def test_a_link_that_fails_stops_no_other_and_is_compared_when_it_answers_again(world: World) -> None:
    world.name("a", "b")
    await world.after(0)
    world.source.failing[link("a")] = SourceUnavailable("no answer")
    assert await world.after(30) == ["a", "b"]
    assert [(point, str(error)) for point, error in world.failures] == [(link("a"), "no answer")]
    world.source.failing.clear()
    world.source.extra[link("a")] = GROWTH * 20
    assert await world.after(1) == ["a"]
    assert [event.point for event in world.events] == [link("a").label]


async def test_a_link_that_is_gone_is_forgotten_until_an_inventory_names_it_again(world: World) -> None:
    world.name("a")
    await world.after(0)
    world.name()
    world.source.failing[link("a")] = ObjectGone("no such path")
    assert await world.after(30) == ["a"]
    assert await world.after(30) == []


async def test_nothing_is_asked_any_more_once_it_was_stopped(world: World) -> None:
    world.name("a")
    world.comparer.stop()
    assert await world.after(0) == []


async def test_looks_do_not_overlap(world: World) -> None:
    world.name("a", "b")
    await asyncio.gather(world.comparer.look(), world.comparer.look())
    assert len(world.source.asked) == 4


# --- what two readings of an end prove -------------------------------------------------------------------------------


def end(**samples: tuple[int, int]) -> dict[tuple[str, str], Sample]:
    return {("p", node): Sample(at, at, Counters(value, value)) for node, (at, value) in samples.items()}


def test_an_idle_standby_whose_time_stands_still_is_left_out() -> None:
    found = stretches(end(active=(1, 5), standby=(1, 0)), end(active=(9, 8), standby=(1, 0)), rx_is_ingress=True)
    assert [part.ingress_bytes for part in found or []] == [3]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (end(a=(1, 5), b=(1, 5)), end(a=(9, 8), b=(9, 1))),
        (end(a=(1, 5)), end(a=(9, 8), b=(9, 1))),
        (end(a=(1, 5), b=(1, 5)), end(a=(9, 8))),
        (end(a=(1, 5), b=(0, 0)), end(a=(9, 8), b=(9, 3))),
        (end(a=(1, 5), b=(1, 5)), end(a=(9, 8), b=(1, 6))),
    ],
    ids=["fell", "came", "left", "first reported", "same time"],
)
def test_an_end_of_which_a_series_is_not_proved_is_not_judged(
    before: dict[tuple[str, str], Sample], after: dict[tuple[str, str], Sample]
) -> None:
    assert stretches(before, after, rx_is_ingress=True) is None


@pytest.mark.parametrize(
    ("share", "words"),
    [
        (Fraction(2, 100), "2%"),
        (Fraction(-1, 3), "-33.33%"),
        (Fraction(5, 1_000), "0.5%"),
        (Fraction(1, 10**6), "0%"),
        (Fraction(-1, 10**6), "0%"),
        (Fraction(1), "100%"),
    ],
)
def test_shares_in_words(share: Fraction, words: str) -> None:
    assert percent(share) == words
