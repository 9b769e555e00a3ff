"""What an interval costs, and when each point is due."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.model.identity import Kind, PointKey
from collector.poll.schedule import TICK_MS, offset_ms, plan, ticks


def point(number: int) -> PointKey:
    return PointKey("nsx", Kind.TIER0_UPLINK, f"/infra/tier-0s/t0-{number}/locale-services/default/interfaces/up1")


def test_a_plan_that_fits_keeps_the_interval() -> None:
    made = plan(1_350, 2_700, wanted_ms=60_000, requests_per_second=50)
    assert (made.points, made.calls, made.interval_ms, made.fits) == (1_350, 2_700, 60_000, True)


def test_a_plan_that_does_not_fit_names_the_interval_that_can() -> None:
    made = plan(2_701, 2_701, wanted_ms=60_000, requests_per_second=50)
    assert not made.fits
    assert made.interval_ms == 61_000
    assert "61s can" in made.words("nsx", 50)
    assert "2701 calls a cycle" in made.words("nsx", 50)


@given(calls=st.integers(1, 20_000), wanted_s=st.integers(1, 600), rps=st.integers(1, 100))
def test_the_planned_interval_is_the_shortest_that_the_budget_allows(calls: int, wanted_s: int, rps: int) -> None:
    made = plan(1, calls, wanted_ms=wanted_s * 1_000, requests_per_second=rps)
    assert calls * 1_000 <= made.interval_ms * rps * 0.9 + 1e-6
    if not made.fits:
        assert calls * 1_000 > (made.interval_ms - 1_000) * rps * 0.9


def test_every_point_is_due_once_and_offsets_are_stable_and_even() -> None:
    points = [point(n) for n in range(4_000)]
    due = ticks(points, 60_000)
    assert sorted(number for _, group in due for number in group) == list(range(4_000))
    assert [at for at, _ in due] == sorted({at for at, _ in due})
    assert all(at % TICK_MS == 0 and 0 <= at < 60_000 for at, _ in due)
    assert all(offset_ms(points[n], 60_000) // TICK_MS * TICK_MS == at for at, group in due for n in group)
    per_tenth = [sum(len(group) for at, group in due if at // 6_000 == tenth) for tenth in range(10)]
    assert min(per_tenth) > 320, "the offsets leave parts of the interval empty"
    assert max(per_tenth) < 480, "the offsets bunch"
