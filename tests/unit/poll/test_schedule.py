"""What an interval costs, and when each point is due."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collector.model.identity import Kind, PointKey, ReadAt
from collector.poll.schedule import TICK_MS, offset_ms, plan, ticks
from collector.ports import FoundPoint, PointCall


def point(number: int, calls: int = 1) -> FoundPoint:
    path = f"/infra/tier-0s/t0-{number}/locale-services/default/interfaces/up1"
    return FoundPoint(
        key=PointKey("nsx", Kind.TIER0_UPLINK, path),
        name="up1",
        gateway=f"/infra/tier-0s/t0-{number}",
        gateway_name=f"t0-{number}",
        read_at=ReadAt.INTERFACE,
        calls=tuple(PointCall(path=f"{path}?{call}", node=None) for call in range(calls)),
    )


def test_a_plan_that_fits_keeps_the_interval() -> None:
    made = plan([point(n, 2) for n in range(1_350)], wanted_ms=60_000, requests_per_second=50)
    assert (made.points, made.calls, made.interval_ms, made.fits) == (1_350, 2_700, 60_000, True)


def test_a_plan_that_does_not_fit_names_the_interval_that_can() -> None:
    made = plan([point(n) for n in range(2_701)], wanted_ms=60_000, requests_per_second=50)
    assert not made.fits
    assert made.interval_ms == 61_000
    assert "61s can" in made.words("nsx", 50)
    assert "2701 calls a cycle" in made.words("nsx", 50)


@given(calls=st.integers(1, 20_000), wanted_s=st.integers(1, 600), rps=st.integers(1, 100))
def test_the_planned_interval_is_the_shortest_that_the_budget_allows(calls: int, wanted_s: int, rps: int) -> None:
    made = plan([point(0, calls)], wanted_ms=wanted_s * 1_000, requests_per_second=rps)
    assert calls * 1_000 <= made.interval_ms * rps * 0.9 + 1e-6
    if not made.fits:
        assert calls * 1_000 > (made.interval_ms - 1_000) * rps * 0.9


def test_every_point_is_due_once_and_offsets_are_stable_and_even() -> None:
    points = [point(n) for n in range(4_000)]
    due = ticks(points, 60_000)
    assert sorted(p.key for _, group in due for p in group) == sorted(p.key for p in points)
    assert [at for at, _ in due] == sorted({at for at, _ in due})
    assert all(at % TICK_MS == 0 and 0 <= at < 60_000 for at, _ in due)
    assert all(offset_ms(p.key, 60_000) // TICK_MS * TICK_MS == at for at, group in due for p in group)
    per_tenth = [sum(len(group) for at, group in due if at // 6_000 == tenth) for tenth in range(10)]
    assert min(per_tenth) > 320, "the offsets leave parts of the interval empty"
    assert max(per_tenth) < 480, "the offsets bunch"
