"""What must hold whatever happens, by the truth of made-up worlds: docs/accounting.md, section 10."""

from __future__ import annotations

from itertools import pairwise
from zoneinfo import ZoneInfo

from hypothesis import assume, given
from hypothesis import strategies as st

from collector.core.accounting import Outcome
from collector.core.periods import parse_time
from collector.model.usage import EventName
from tests.oracle.rules import WIDTH, Told
from tests.property.effort import effort
from tests.property.told import Ran, rules, run
from tests.property.worlds import ANYTHING, HONEST, LACKING, RESETS, World, worlds

UTC = ZoneInfo("UTC")


def _sum(ran: Ran) -> tuple[int, ...]:
    """Everything booked or set aside, per counter."""
    growths = [entry.growth for entry in ran.booked()] + [growth for _, _, growth, _ in ran.aside()]
    return tuple(map(sum, zip(*growths, strict=True))) if growths else (0,) * WIDTH


def _trusted(ran: Ran) -> list[Told]:
    """The samples that became the baseline, in order."""
    seen: list[Told] = []
    for outcome in ran.outcomes:
        if outcome.state is not None:
            base = Told(outcome.state.baseline.at, tuple(outcome.state.baseline.counters))
            if not seen or seen[-1] != base:
                seen.append(base)
    return seen


@effort(2)
@given(world=worlds(HONEST))
def test_without_restarts_what_is_booked_is_the_growth_to_the_byte(world: World) -> None:
    for node in world.nodes():
        ran = run(world.history(node), world.params)
        trusted = _trusted(ran)
        if not trusted:
            assert _sum(ran) == (0,) * WIDTH
            continue
        begins = world.params.created_at if ran.booked() and ran.booked()[0].rule == 2 else trusted[0].at
        assert begins is not None
        assert ran.aside() == []
        assert _sum(ran) == world.passed(node, begins, trusted[-1].at)
        for entry in ran.booked():
            assert entry.growth == world.passed(node, entry.start, entry.end)


@effort(2)
@given(world=worlds(LACKING))
def test_lacking_counters_are_booked_late_and_never_twice(world: World) -> None:
    for node in world.nodes():
        ran = run(world.history(node), world.params)
        trusted = _trusted(ran)
        if not trusted:
            continue
        begins = world.params.created_at if ran.booked() and ran.booked()[0].rule == 2 else trusted[0].at
        assert begins is not None
        truth = world.passed(node, begins, trusted[-1].at)
        assert all(booked <= passed for booked, passed in zip(_sum(ran), truth, strict=True))


@effort(3)
@given(world=worlds(RESETS))
def test_restarts_lose_only_what_their_events_bound(world: World) -> None:
    for node in world.nodes():
        ran = run(world.history(node), world.params)
        bounds = _bounds(ran)
        assert ran.aside() == []
        for start, end, growth in _covered(ran):
            truth = world.passed(node, start, end)
            assert all(booked <= passed for booked, passed in zip(growth, truth, strict=True))
            restarted = any(start <= at < end for at in world.resets[node])
            if not restarted:
                assert growth == truth
            elif (start, end) in bounds:
                lost = [passed - booked for booked, passed in zip(growth, truth, strict=True)]
                assert max(lost[:2]) <= bounds[start, end]


def _bounds(ran: Ran) -> dict[tuple[int, int], int]:
    """Interval of a restart → bytes per direction that it can have swallowed."""
    found = [f for outcome in ran.outcomes for f in outcome.findings]
    return {
        (parse_time(str(f.detail["baseline_at"]), UTC), f.at): int(str(f.detail["unknown_bytes_max_ingress"]))
        for f in found
        if f.event in (EventName.RESET, EventName.SUMMARY_FALL)
    }


def _covered(ran: Ran) -> list[tuple[int, int, tuple[int, ...]]]:
    """The intervals between the baselines with what was booked in them: nothing, where a summary fell."""
    covered = [(entry.start, entry.end, entry.growth) for entry in ran.booked()]
    known = {(start, end) for start, end, _ in covered}
    return covered + [(start, end, (0,) * WIDTH) for start, end in _bounds(ran) if (start, end) not in known]


@effort(2)
@given(world=worlds(RESETS))
def test_every_instant_since_the_first_sample_is_booked_or_bounded_once(world: World) -> None:
    for node in world.nodes():
        ran = run(world.history(node), world.params)
        intervals = sorted((start, end) for start, end, _ in _covered(ran))
        assert all(before[1] == after[0] for before, after in pairwise(intervals))
        if intervals:
            assert ran.state is not None
            assert intervals[-1][1] == ran.state.baseline.at


@effort(2)
@given(world=worlds(ANYTHING))
def test_booked_and_set_aside_are_the_growth_between_trusted_samples(world: World) -> None:
    """Rule 1 of section 10, from the baselines that the code reports: what is not growth is a value since a restart."""
    for node in world.nodes():
        history = world.history(node)
        ran, by = Ran(), rules(world.params)
        for reading in history:
            before = ran.state
            outcome = ran.feed(reading, by)
            if outcome.rule in (7, 8, 10):
                assert before is not None
                assert outcome.state is not None
                new, old = outcome.state.baseline.counters, before.baseline.counters
                growth = tuple(max(0, (n or 0) - o) if o is not None else 0 for n, o in zip(new, old, strict=True))
                assert _moved(outcome) == growth
            if outcome.rule in (1, 3, 4, 5, 6, 9):
                assert _moved(outcome) == (0,) * WIDTH


def _moved(outcome: Outcome) -> tuple[int, ...]:
    deltas = (*outcome.deltas, *outcome.quarantined)
    return tuple(map(sum, zip(*(d.growth for d in deltas), strict=True))) if deltas else (0,) * WIDTH


@effort(2)
@given(world=worlds(ANYTHING), times=st.lists(st.integers(0, 3), min_size=1, max_size=8))
def test_the_same_samples_again_change_nothing(world: World, times: list[int]) -> None:
    for node in world.nodes():
        history = world.history(node)
        once, by, often = run(history, world.params), rules(world.params), Ran()
        for i, reading in enumerate(history):
            often.feed(reading, by)
            for _ in range(times[i % len(times)]):
                state = often.state
                assert often.feed(reading, by).state is state
        assert often.booked() == once.booked()
        assert often.aside() == once.aside()
        assert often.state == once.state


@effort(2)
@given(world=worlds(ANYTHING), cut=st.integers(0, 19))
def test_a_history_told_again_from_its_beginning_books_nothing(world: World, cut: int) -> None:
    for node in world.nodes():
        history = world.history(node)
        ran = run(history, world.params)
        assume(ran.state is not None)
        before = ran.state
        by, moved = rules(world.params), []
        for reading in history[: cut + 1]:
            outcome = ran.feed(reading, by)
            moved += [*outcome.deltas, *outcome.quarantined]
        assert moved == []
        assert ran.state == before


@effort(2)
@given(world=worlds(ANYTHING))
def test_a_restart_between_any_two_samples_changes_nothing(world: World) -> None:
    for node in world.nodes():
        history = world.history(node)
        assert run(history, world.params, restarts=True).outcomes == run(history, world.params).outcomes
