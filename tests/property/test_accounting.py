"""The pure core: code and oracle agree on every history, every slot and every stretch of coverage."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from collector.core.slots import coverage as code_coverage
from collector.core.slots import split
from collector.model.usage import Delta, Growth, Quality
from tests.oracle import shares
from tests.oracle.coverage import BADNESS, Watched, coverage
from tests.oracle.rules import GROWTH_MAX, Booked, Params, Told, account
from tests.oracle.shares import SLOT_MS
from tests.property.effort import effort
from tests.property.told import assert_same, run
from tests.property.worlds import ANYTHING, World, babble, loud_babble, worlds

_PARAMS = st.builds(
    Params,
    max_rate=st.sampled_from((1, 8_000, 16_000, 10**9)),
    gap_after_ms=st.sampled_from((1, 2, 4, 100)),
    summary=st.booleans(),
    created_at=st.one_of(st.none(), st.integers(-2, 9)),
    lacked_at=st.sampled_from((None, -60_003, -60_002, -60_000, -59_998)),
)


@effort(8)
@given(history=babble(), params=_PARAMS)
def test_code_and_oracle_agree_on_small_nonsense(history: list[Told], params: Params) -> None:
    assert_same(run(history, params), account(history, params))


@effort(3)
@given(history=loud_babble(), params=_PARAMS)
def test_code_and_oracle_agree_on_great_nonsense(history: list[Told], params: Params) -> None:
    ran = run(history, params)
    assert_same(ran, account(history, params))
    assert all(0 <= quantity <= GROWTH_MAX for entry in ran.booked() for quantity in entry.growth)


@effort(3)
@given(world=worlds(ANYTHING))
def test_code_and_oracle_agree_on_worlds(world: World) -> None:
    for node in world.nodes():
        history = world.history(node)
        assert_same(run(history, world.params, restarts=True), account(history, world.params))


@effort(2)
@given(world=worlds(ANYTHING, nodes=1))
def test_code_and_oracle_agree_on_summaries(world: World) -> None:
    for node in world.nodes():
        history = world.history(node)
        assert_same(run(history, world.params), account(history, world.params))


@effort(2)
@given(history=babble(), params=_PARAMS)
def test_stretches_of_coverage_join_and_end_at_the_baseline(history: list[Told], params: Params) -> None:
    ran = run(history, params)
    if ran.state is None:
        assert ran.runs() == []
        return
    stretches = [*ran.runs(), ran.state.run]
    assert all(one.end == other.start for one, other in pairwise(stretches))
    assert all(stretch.start < stretch.end for stretch in stretches[:-1])
    assert stretches[-1].end == ran.state.baseline.at
    deltas = [(d.start, d.end) for outcome in ran.outcomes for d in (*outcome.deltas, *outcome.quarantined)]
    assert all(any(s.start <= start and end <= s.end for s in stretches) for start, end in deltas)


@effort(3)
@given(world=worlds(ANYTHING), away=st.lists(st.sampled_from((None, 0, 0, 1_791_000_400_000)), min_size=3, max_size=3))
def test_code_and_oracle_agree_on_coverage(world: World, away: list[int | None]) -> None:
    observed, watched, touched = [], [], set()
    for node, since in zip(world.nodes(), away, strict=False):
        ran, book = run(world.history(node), world.params), account(world.history(node), world.params)
        frontier = book.baseline.at if book.baseline else None
        watched.append(Watched(book.booked, book.quarantined, book.first_at, frontier, since))
        if (seen := ran.observed(since)) is not None:
            observed.append(seen)
        touched |= {slot for _, slot in shares.slots(book.booked)}
    for slot in sorted(touched)[:8]:
        for end in (slot + SLOT_MS, slot + 123_457):
            expected = coverage(watched, slot, slot, end)
            got = code_coverage(slot, end, observed)
            assert (got.measured_ms, got.inferred_ms, got.spread_ms) == tuple(
                expected[quality] for quality in list(BADNESS)[:3]
            )


_DELTAS = st.tuples(
    st.integers(0, 2_000_000),
    st.integers(1, 2_000_000),
    st.tuples(*[st.one_of(st.integers(0, 9), st.integers(0, GROWTH_MAX))] * 6),
)


@effort(3)
@given(
    deltas=st.lists(_DELTAS, min_size=1, max_size=3),
    changes=st.lists(st.integers(1, 4_000_000), max_size=4, unique=True),
)
def test_code_and_oracle_split_alike_and_parts_add_up(
    deltas: list[tuple[int, int, tuple[int, ...]]], changes: list[int]
) -> None:
    owners = [(0, "acme"), *((at, f"tenant-{at}") for at in sorted(changes))]
    for start, length, growth in deltas:
        entry = Booked(start, start + length, growth, "measured", 8)
        expected = [(left, right, part) for left, right, _, part in shares.parts(entry, owners)]
        parts = split(Delta(start, start + length, Growth(*growth), Quality.MEASURED, 8), sorted(changes))
        assert [(part.start, part.end, tuple(part.growth)) for part in parts] == expected
        assert tuple(map(sum, zip(*(part.growth for part in parts), strict=True))) == growth
        assert all(quantity >= 0 for part in parts for quantity in part.growth)
