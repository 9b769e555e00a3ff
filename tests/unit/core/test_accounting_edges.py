"""What could break the accounting and is in no table: equality, lacking counters, limits, ends, the order of rows."""

from __future__ import annotations

import pytest

from collector.core.accounting import GROWTH_MAX, Rules
from collector.core.books import Book, Fold, Point, SeriesBook
from collector.core.metering import fold
from collector.core.slots import Observed, coverage, split
from collector.model.identity import Kind, PointKey, ReadAt, TenantId
from collector.model.period import SLOT_MS
from collector.model.sample import Counters, Reading, Row, Sample
from collector.model.usage import Coverage, Delta, EventName, Growth, Owner, Quality, Role, Run
from tests.oracle.rules import Params, Told, account
from tests.property.told import Ran, assert_same, run

T0 = 1_791_000_000_000
"""On a slot boundary."""
PARAMS = Params(max_rate=10_000_000_000, gap_after_ms=180_000)
RULES = Rules(max_rate=10_000_000_000, gap_after_ms=180_000)


def _told(seconds: float, *values: int | None) -> Told:
    """A reading; the last value stands for the counters that are not given."""
    return Told(T0 + int(seconds * 1_000), (*values, *[values[-1]] * (6 - len(values))))


def _ran(*history: Told, params: Params = PARAMS) -> Ran:
    """Account a history, and let the oracle agree."""
    ran = run(history, params)
    assert_same(ran, account(history, params))
    return ran


def _booked(ran: Ran) -> list[tuple[int, int, int]]:
    """(start, end in seconds, rx bytes) of every delta."""
    return [((e.start - T0) // 1_000, (e.end - T0) // 1_000, e.growth[0]) for e in ran.booked()]


# --- two samples -----------------------------------------------------------------------------------------------------


def test_the_ceiling_itself_is_believed_and_one_byte_more_is_not() -> None:
    most = 75_000_000_000  # 10 Gbit/s for 60 s
    assert _booked(_ran(_told(0, 0), _told(60, most, 0))) == [(0, 60, most)]
    refused = _ran(_told(0, 0), _told(60, most + 1, 0))
    assert refused.booked() == []
    assert [growth[0] for _, _, growth, _ in refused.aside()] == [most + 1]


def test_an_interval_of_gap_after_is_measured_and_one_millisecond_more_is_spread() -> None:
    assert [e.quality for e in _ran(_told(0, 0), _told(180, 9)).booked()] == ["measured"]
    assert [e.quality for e in _ran(_told(0, 0), _told(180.001, 9)).booked()] == ["spread"]


def test_a_jump_that_is_refused_does_not_hide_a_counter_that_fell_with_it() -> None:
    ran = _ran(_told(0, 100, 100, 50), _told(60, 2**60, 100, 7))
    assert [(growth[0], growth[2]) for _, _, growth, _ in ran.aside()] == [(2**60 - 100, 0)]
    assert ran.state is not None
    assert ran.state.held is None


@pytest.mark.parametrize("counter", range(6))
def test_growth_beyond_every_port_is_refused_for_packets_too(counter: int) -> None:
    century = 3_600 * 24 * 365 * 100
    values = [0] * 6
    values[counter] = GROWTH_MAX + 1
    ran = _ran(_told(0, 0), _told(century, *values), params=Params(2**80, 180_000))
    assert ran.booked() == []
    assert len(ran.aside()) == 1


def test_the_greatest_counter_can_be_a_baseline_and_be_reached() -> None:
    ran = _ran(_told(0, 2**64 - 1 - 500, 0), _told(60, 2**64 - 1, 0), _told(120, 5, 0), _told(180, 9, 0))
    assert _booked(ran) == [(0, 60, 500), (60, 120, 5), (120, 180, 4)]


def test_two_restarts_in_a_row_book_each_value_once() -> None:
    ran = _ran(_told(0, 1_000), _told(60, 70), _told(120, 30), _told(180, 10), _told(240, 12))
    assert _booked(ran) == [(0, 60, 70), (60, 120, 30), (120, 180, 10), (180, 240, 2)]


def test_a_restart_that_is_back_at_its_old_value_is_a_glitch_and_books_less_not_more() -> None:
    ran = _ran(_told(0, 1_000), _told(60, 10), _told(120, 1_000))
    assert _booked(ran) == [(0, 120, 0)]


def test_a_fall_to_zero_books_nothing_for_the_time_before() -> None:
    ran = _ran(_told(0, 1_000), _told(60, 0), _told(120, 5))
    assert _booked(ran) == [(0, 60, 0), (60, 120, 5)]


def test_the_baseline_told_again_while_a_sample_is_held_is_no_news() -> None:
    ran = _ran(_told(0, 1_000), _told(60, 10), _told(0, 1_000), _told(60, 10), _told(60, 11), _told(30, 500))
    assert [outcome.rule for outcome in ran.outcomes] == [3, 9, 4, 4, 5, 6]


def test_each_delta_of_a_restart_is_guarded_by_itself() -> None:
    ran = _ran(_told(0, 2**62), _told(60, 2**60), _told(120, 2**60 + 5))
    assert _booked(ran) == [(60, 120, 5)]
    assert [(growth[0], rule) for _, _, growth, rule in ran.aside()] == [(2**60, 11)]


def test_a_summary_that_fell_books_nothing_before_the_fall_and_goes_on_after_it() -> None:
    ran = _ran(_told(0, 1_000), _told(60, 600), _told(120, 650), params=PARAMS._replace(summary=True))
    assert _booked(ran) == [(60, 120, 50)]
    assert ran.state is not None
    assert [(r.end - T0, r.quality) for r in ran.runs()] == [(60_000, Quality.MISSING)]


# --- lacking counters ------------------------------------------------------------------------------------------------


def test_a_lacking_counter_is_booked_by_the_next_row_that_has_it() -> None:
    ran = _ran(_told(0, 100, 100), _told(60, None, 150), _told(120, 190, 170))
    assert [(e.start - T0, e.growth[:2]) for e in ran.booked()] == [(0, (0, 50)), (60_000, (90, 20))]


def test_a_counter_that_appears_later_starts_there() -> None:
    ran = _ran(_told(0, None, 100), _told(60, 5_000, 150), _told(120, 5_010, 170))
    assert [e.growth[:2] for e in ran.booked()] == [(0, 50), (10, 20)]


def test_a_counter_that_the_held_sample_lacks_starts_after_the_restart() -> None:
    ran = _ran(_told(0, 900, 900), _told(60, None, 30), _told(120, 2_000, 40), _told(180, 2_007, 41))
    assert [e.growth[:2] for e in ran.booked()] == [(0, 30), (0, 10), (7, 1)]


def test_a_row_with_one_counter_only_is_news_and_one_with_none_is_not() -> None:
    ran = _ran(_told(0, 5), _told(60, 9, None), _told(120, None))
    assert [outcome.rule for outcome in ran.outcomes] == [3, 8, 1]


# --- limits of a slot ------------------------------------------------------------------------------------------------


def test_parts_of_the_greatest_growth_over_an_odd_interval_add_up() -> None:
    delta = Delta(T0 + 1, T0 + 7 * SLOT_MS + 13, Growth(*[GROWTH_MAX] * 6), Quality.SPREAD, 8)
    parts = split(delta, [T0 + 1, T0 + 2, T0 + SLOT_MS, delta.end - 1, delta.end])
    assert [sum(part.growth[i] for part in parts) for i in range(6)] == [GROWTH_MAX] * 6
    assert [part.start for part in parts][1:] == [part.end for part in parts][:-1]
    assert delta.end - 1 in [part.start for part in parts]


def test_one_byte_over_many_slots_lands_once() -> None:
    parts = split(Delta(T0, T0 + 5 * SLOT_MS, Growth(rx_bytes=1), Quality.SPREAD, 8))
    assert [part.growth.rx_bytes for part in parts] == [0, 0, 0, 0, 1]


# --- coverage --------------------------------------------------------------------------------------------------------


def _measured(start: int, end: int, expected_from: int | None) -> Observed:
    return Observed((), Run(T0 + start, T0 + end, Quality.MEASURED), expected_from)


def test_a_listed_node_that_is_silent_makes_the_time_missing_and_an_unlisted_one_does_not() -> None:
    busy, silent = _measured(0, SLOT_MS, 0), _measured(0, 60_000, 0)
    assert coverage(T0, T0 + SLOT_MS, [busy, silent]) == Coverage(60_000)
    assert coverage(T0, T0 + SLOT_MS, [busy, silent._replace(expected_from=None)]) == Coverage(SLOT_MS)
    assert coverage(T0, T0 + SLOT_MS, [busy, silent._replace(expected_from=T0 + 200_000)]) == Coverage(200_000)


def test_a_point_without_series_is_missing() -> None:
    assert coverage(T0, T0 + SLOT_MS, []) == Coverage()


# --- a point ---------------------------------------------------------------------------------------------------------

LINK = PointKey("nsx", Kind.TIER1_DOWNLINK, "/infra/tier-1s/t1")
ACME = Owner(TenantId("acme"), Role.BILLED, 0, "test")


def _point(rules: Rules = RULES) -> Point:
    return Point(ref=1, key=LINK, rules=rules, owners=(ACME,), accounts={ACME.tenant: 7})


def _reading(read_at: ReadAt, *rows: tuple[str, Told], asked: str | None = None, polled: int = 0) -> Reading:
    samples = tuple(Row("port", node, Sample(t.at, polled or t.at, Counters(*t.counters))) for node, t in rows)
    moment = polled or max((t.at for _, t in rows), default=T0) + 1_000
    return Reading(point=LINK, read_at=read_at, polled_at=moment, asked_node=asked, rows=samples)


def _fold_all(point: Point, *readings: Reading) -> tuple[Book, list[Fold]]:
    series = {
        (reading.read_at, row.port, row.node): SeriesBook(hash((reading.read_at, row.node)))
        for reading in readings
        for row in reading.rows
    }
    book, folds = Book(series), list[Fold]()
    for reading in readings:
        folds.append(fold(point, book, reading))
        book = folds[-1].book
    return book, folds


def _bytes(folds: list[Fold]) -> tuple[int, int]:
    usages = [change.usage for one in folds for change in one.slots]
    return sum(u.ingress_bytes for u in usages), sum(u.egress_bytes for u in usages)


def test_another_end_of_a_new_link_does_not_book_its_first_value_again() -> None:
    """Both ends count the same bytes: what the Tier-0's end booked since the creation, the Tier-1's has counted too."""
    new = _point(RULES._replace(created_at=T0))
    _, folds = _fold_all(
        new,
        _reading(ReadAt.TIER0, ("edge", _told(60, 400, 90))),
        _reading(ReadAt.TIER0, ("edge", _told(120, 500, 100))),
        _reading(ReadAt.TIER1, ("edge", _told(180, 120, 600))),
        _reading(ReadAt.TIER1, ("edge", _told(240, 121, 602))),
    )
    assert [e.rule for one in folds for e in one.evidence] == [2, 8, 3, 8]
    assert _bytes(folds) == (100 + 121 - 120, 500 + 602 - 600)


def test_another_node_of_a_new_link_books_its_first_value() -> None:
    new = _point(RULES._replace(created_at=T0))
    _, folds = _fold_all(
        new,
        _reading(ReadAt.TIER0, ("edge-1", _told(60, 400, 0))),
        _reading(ReadAt.TIER0, ("edge-1", _told(120, 500, 0)), ("edge-2", _told(120, 70, 0))),
    )
    assert _bytes(folds)[1] == 570


@pytest.mark.parametrize("turned", [False, True])
def test_the_order_of_rows_does_not_decide_from_when_a_node_is_expected(turned: bool) -> None:
    def rows(*pairs: tuple[str, Told]) -> tuple[tuple[str, Told], ...]:
        return pairs[::-1] if turned else pairs

    book, _ = _fold_all(
        _point(),
        _reading(ReadAt.TIER0, *rows(("a", _told(0, 1)), ("b", _told(0, 1)))),
        _reading(ReadAt.TIER0, ("a", _told(60, 2))),
        _reading(ReadAt.TIER0, *rows(("a", _told(120, 3)), ("b", _told(0, 1)))),
    )
    assert book.series[ReadAt.TIER0, "port", "b"].expected_from == T0 + 121_000


def test_a_node_first_seen_behind_the_others_makes_their_lead_missing() -> None:
    """Its first sample is older than what the point already covered: the time since is not known of it."""
    book, folds = _fold_all(
        _point(),
        _reading(ReadAt.TIER0, ("a", _told(0, 1)), asked="a"),
        _reading(ReadAt.TIER0, ("a", _told(200, 9)), asked="a"),
        _reading(ReadAt.TIER0, ("b", _told(50, 1)), asked="b"),
    )
    assert [change.coverage for change in folds[-1].slots] == [Coverage(spread_ms=50_000)]
    assert book.series[ReadAt.TIER0, "port", "b"].expected_from == 0


def test_two_rows_of_one_node_in_one_answer_are_accounted_one_after_the_other() -> None:
    _, folds = _fold_all(
        _point(),
        _reading(ReadAt.TIER0, ("a", _told(0, 1))),
        _reading(ReadAt.TIER0, ("a", _told(60, 5)), ("a", _told(120, 7)), ("a", _told(60, 5))),
    )
    assert _bytes(folds) == (6, 6)
    assert [e.rule for e in folds[1].evidence] == [8, 8, 6]


def test_what_is_set_aside_leaves_its_time_missing_also_beside_another_node() -> None:
    _, folds = _fold_all(
        _point(),
        _reading(ReadAt.TIER0, ("a", _told(0, 1)), ("b", _told(0, 1))),
        _reading(ReadAt.TIER0, ("a", _told(60, 5)), ("b", _told(60, 2**60, 1))),
    )
    assert [change.coverage for change in folds[1].slots] == [Coverage()]
    assert [q.delta.growth.rx_bytes for q in folds[1].quarantined] == [2**60 - 1]


def test_what_could_not_be_used_of_an_answer_is_an_event() -> None:
    key = PointKey("nsx", Kind.TIER0_UPLINK, "/infra/up1")
    owners = (Owner(TenantId("acme"), Role.BILLED, 0, "settings"),)
    point = Point(ref=1, key=key, rules=Rules(10**9, 180_000), owners=owners, accounts={TenantId("acme"): 1})
    reading = Reading(
        point=key, read_at=ReadAt.INTERFACE, polled_at=T0, asked_node="edge", rows=(), faults=("rx is no object",)
    )
    (event,) = fold(point, Book({}), reading).events
    assert (event.event, event.node, event.tenant) == (EventName.ANSWER_INVALID, "edge", "acme")
    assert event.detail == {"faults": ["rx is no object"]}
