"""What a gateway takes in against what it gives out, and the two ends of a link."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.core.balance import (
    FLOOR_BYTES,
    HOUR_MS,
    Hour,
    Imbalance,
    Stretch,
    compare,
    remainder,
    routers,
    stretch,
)
from collector.model.identity import Kind
from collector.model.sample import Counters, Sample
from collector.model.usage import Coverage, Usage
from tests.property.effort import effort
from tests.unit.core.provider import csp, link, point, tier0_path, uplink

MB = 1_000_000


def hour(ingress: int, egress: int, covered: Coverage | None = None) -> Hour:
    return Hour(Usage(ingress, egress), covered if covered is not None else Coverage(HOUR_MS))


# --- a gateway over an hour ------------------------------------------------------------------------------------------


def test_the_parts_of_a_gateway_are_its_uplinks_its_own_interfaces_and_the_links_under_it() -> None:
    vpc = point(Kind.VPC_EXTERNAL, "/orgs/default/projects/p/vpcs/v", tier0_path("t0"))
    points = [
        uplink("t0"),
        csp("t0", "mpls"),
        link("t0", "t1"),
        csp("t1", "web"),
        vpc,
        link("t0-x", "t2"),
        uplink("t0-y"),
    ]
    (gateway,) = routers(points)
    parts = routers(points)[gateway]
    assert gateway == tier0_path("t0")
    assert (parts.uplinks, parts.services) == ([points[0].key], [points[1].key])
    assert parts.links == [points[2].key, vpc.key]


def test_what_no_other_end_explains_is_signed_per_direction() -> None:
    made = remainder([hour(100, 50), hour(10, 5)], [hour(7, 3)], [hour(60, 70), hour(30, 8)])
    assert made is not None
    assert (made.ingress_bytes, made.egress_bytes) == (117 - 90, 58 - 78)
    assert (made.ingress_bytes_max, made.egress_bytes_max) == (117, 78)
    assert made.is_measured


@pytest.mark.parametrize("part", [0, 1, 2])
def test_an_hour_in_which_a_part_was_not_observed_throughout_has_no_remainder(part: int) -> None:
    parts = [[hour(1, 1)], [hour(1, 1)], [hour(1, 1)]]
    parts[part].append(hour(1, 1, Coverage(HOUR_MS - 1)))
    assert remainder(parts[0], parts[1], parts[2]) is None
    parts[part][1] = hour(1, 1, Coverage(HOUR_MS - 1, 0, 1))
    made = remainder(parts[0], parts[1], parts[2])
    assert made is not None
    assert not made.is_measured


def test_a_gateway_without_uplinks_or_without_links_has_no_remainder() -> None:
    assert remainder([], [hour(1, 1)], [hour(1, 1)]) is None
    assert remainder([hour(1, 1)], [], []) is None


@pytest.mark.parametrize(
    ("uplinks", "links", "told"),
    [
        ((100 * MB, 0), (95 * MB, 0), False),
        ((100 * MB, 0), (95 * MB - 1, 0), True),
        ((0, 100 * MB), (0, 94 * MB), True),
        ((90 * MB, 0), (100 * MB, 0), True),
        ((95 * MB, 0), (100 * MB, 0), False),
        ((FLOOR_BYTES, 0), (0, 0), False),
        ((FLOOR_BYTES + 1, 0), (0, 0), True),
    ],
)
def test_a_remainder_is_told_beyond_its_bound_and_its_floor(
    uplinks: tuple[int, int], links: tuple[int, int], told: bool
) -> None:
    made = remainder([hour(*uplinks)], [], [hour(*links)])
    assert made is not None
    assert made.exceeds(50_000) is told
    unsure = remainder([hour(*uplinks)], [], [hour(*links, Coverage(HOUR_MS - 1, 1))])
    assert unsure is not None
    assert not unsure.exceeds(50_000), "what a restart swallowed is no remainder"


FLOWS = st.lists(
    st.tuples(st.sampled_from(["through", "own", "between"]), st.integers(0, 10**15), st.integers(0, 10**15)),
    max_size=6,
)


@effort()
@given(flows=FLOWS)
def test_the_remainder_is_what_the_router_itself_says_less_what_tenants_exchange(
    flows: list[tuple[str, int, int]],
) -> None:
    up, down, own, between = [0, 0], [0, 0], [0, 0], 0
    for what, ingress, egress in flows:
        if what == "between":
            # From one link to another: egress of the one is ingress of the other.
            down = [down[0] + ingress, down[1] + ingress]
            between += ingress
        else:
            up = [up[0] + ingress, up[1] + egress]
            ways = down if what == "through" else own
            ways[0] += ingress
            ways[1] += egress
    made = remainder([hour(up[0], up[1])], [], [hour(down[0], down[1])])
    assert made is not None
    assert (made.ingress_bytes, made.egress_bytes) == (own[0] - between, own[1] - between)


# --- the two ends of a link ------------------------------------------------------------------------------------------

MINUTE = 60_000


def sample(at: int, rx: int | None, tx: int | None) -> Sample:
    return Sample(at, at, Counters(rx, tx, 0, 0, 0, 0))


def test_a_stretch_is_the_growth_from_the_tenants_side() -> None:
    assert stretch(sample(1, 10, 20), sample(9, 15, 27), rx_is_ingress=True) == Stretch(1, 9, 5, 7)
    assert stretch(sample(1, 10, 20), sample(9, 15, 27), rx_is_ingress=False) == Stretch(1, 9, 7, 5)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (sample(5, 1, 1), sample(5, 2, 2)),
        (sample(5, 1, 1), sample(4, 2, 2)),
        (sample(0, 1, 1), sample(4, 2, 2)),
        (sample(1, 2, 1), sample(4, 1, 2)),
        (sample(1, None, 1), sample(4, 1, 2)),
        (sample(1, 1, 1), sample(4, 1, None)),
    ],
)
def test_what_two_readings_do_not_prove_is_no_stretch(before: Sample, after: Sample) -> None:
    assert stretch(before, after, rx_is_ingress=True) is None


def ends(tier0: int, tier1: int, shift_ms: int = 0) -> Imbalance:
    found = compare([Stretch(0, 30 * MINUTE, tier0, tier0)], [Stretch(shift_ms, 30 * MINUTE + shift_ms, tier1, tier1)])
    assert found is not None
    return found


def test_ends_that_counted_the_same_are_balanced() -> None:
    assert ends(10**15, 10**15).worst == 0


def test_an_imbalance_is_the_share_that_neither_time_nor_the_floor_explains() -> None:
    found = ends(100 * MB, 90 * MB)
    assert found.worst == Fraction(9, 100)
    assert (found.exceeds(89_999), found.exceeds(90_000)) == (True, False)
    assert ends(90 * MB, 100 * MB).worst == Fraction(9, 100)
    assert ends(0, 100 * MB).ingress == Fraction(99, 100)
    assert ends(0, FLOOR_BYTES).worst == 0


def test_readings_that_differ_by_seconds_may_differ_by_so_much_traffic() -> None:
    minute_off = ends(100 * MB, 95 * MB, shift_ms=MINUTE)
    assert minute_off.worst == 0, "two times a minute of half an hour is a sixteenth, at twice the mean rate an eighth"
    assert ends(100 * MB, 80 * MB, shift_ms=MINUTE).worst > 0


def test_swapped_directions_show() -> None:
    found = compare([Stretch(0, MINUTE, 100 * MB, 10 * MB)], [Stretch(0, MINUTE, 10 * MB, 100 * MB)])
    assert found is not None
    assert min(found) > Fraction(8, 10)


def test_a_standby_node_whose_time_stands_still_does_not_excuse_anything() -> None:
    active = Stretch(0, 30 * MINUTE, 100 * MB, 0)
    standby = Stretch(0, MINUTE, 0, 0)
    found = compare([active], [Stretch(0, 30 * MINUTE, 50 * MB, 0), standby])
    assert found is not None
    assert found.ingress == Fraction(49, 100)


def test_ends_that_share_no_time_or_lack_a_reading_are_not_compared() -> None:
    assert compare([Stretch(0, MINUTE, 1, 1)], [Stretch(MINUTE, 2 * MINUTE, 1, 1)]) is None
    assert compare([], [Stretch(0, MINUTE, 1, 1)]) is None
    assert compare([Stretch(0, MINUTE, 1, 1)], []) is None


@effort()
@given(
    rate=st.integers(0, 10**6),
    length=st.integers(5 * MINUTE, 60 * MINUTE),
    starts=st.lists(st.integers(0, MINUTE), min_size=2, max_size=4),
    stops=st.lists(st.integers(0, MINUTE), min_size=4, max_size=4),
)
def test_even_traffic_is_balanced_whenever_the_ends_are_read(
    rate: int, length: int, starts: list[int], stops: list[int]
) -> None:
    parts = []
    for start, stop in zip(starts, stops, strict=False):
        end = length + stop
        parts.append(Stretch(start, end, rate * (end - start), rate * (end - start) // 3))
    found = compare([parts[0]], [parts[1]])
    assert found is not None
    assert found.worst == 0
    assert compare([parts[1]], [parts[0]]) == found
