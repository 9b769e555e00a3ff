"""Answers of a source of rates to slots, publications, events and quarantine."""

from __future__ import annotations

from collector.core.accounting import Rules
from collector.core.books import Point
from collector.core.rate_metering import RateBook, RateFold, complete_rates_by, fold_rates
from collector.core.rates import CONFLICT, IMPLAUSIBLE, WHOLE
from collector.model.identity import BALANCE, Kind, PointKey, TenantId
from collector.model.period import SLOT_MS
from collector.model.rates import RateEvidence
from collector.model.sample import RateReading, RateSample
from collector.model.usage import Coverage, EventName, Owner, Publication, Role, SlotChange, Usage

NOON = 1_792_584_000_000
MINUTE = 60_000
KEY = PointKey("nsxv-a", Kind.EDGE_INTERFACE, "/edges/edge-1/vnics/0")
ACME, GLOBEX = TenantId("acme"), TenantId("globex")
ACCOUNTS = {ACME: 10, GLOBEX: 11, BALANCE: 12}


def point(*owners: Owner, max_rate: int = 10**10) -> Point:
    return Point(
        ref=1,
        key=KEY,
        rules=Rules(max_rate, 900_000),
        owners=owners or (Owner(ACME, Role.BILLED, 0, "test"),),
        accounts=ACCOUNTS,
    )


def sample(minute: int, rx: int = 600, tx: int = 60, interval: int = 5) -> RateSample:
    return RateSample(NOON + minute * MINUTE, interval * MINUTE, rx, tx)


def reading(*samples: RateSample, minute: int = 60, since: int = -60, faults: tuple[str, ...] = ()) -> RateReading:
    return RateReading(
        point=KEY,
        polled_at=NOON + minute * MINUTE,
        samples=samples,
        held_since=NOON + since * MINUTE,
        faults=faults,
    )


def after(*samples: RateSample, at: Point | None = None) -> RateBook:
    return fold_rates(at or point(), RateBook(7), reading(*samples)).book


def events(fold: RateFold) -> list[EventName]:
    return [event.event for event in fold.events]


def test_what_an_uplink_receives_comes_to_the_tenant() -> None:
    fold = fold_rates(point(), RateBook(7), reading(sample(5)))
    assert fold.slots == (SlotChange(10, NOON, Usage(600, 60), Coverage(SLOT_MS)),)
    assert fold.publish == (Publication(10, NOON),)
    assert fold.evidence == (RateEvidence(7, sample(5), NOON + 60 * MINUTE, WHOLE),)
    assert [(update.series, update.state) for update in fold.rates] == [(7, fold.book.state)]
    assert fold.book.complete_until == NOON + SLOT_MS


def test_a_sample_between_slots_is_split_and_its_last_slot_waits_for_its_end() -> None:
    fold = fold_rates(point(), RateBook(7), reading(sample(7)))
    assert fold.slots == (
        SlotChange(10, NOON, Usage(360, 36), Coverage(3 * MINUTE)),
        SlotChange(10, NOON + SLOT_MS, Usage(240, 24), Coverage(2 * MINUTE)),
    )
    assert fold.publish == (Publication(10, NOON),)


def test_a_reading_without_news_changes_nothing() -> None:
    book = after(sample(5), sample(10))
    fold = fold_rates(point(), book, reading(sample(5), sample(10)))
    assert fold == RateFold(book)
    assert fold.book is book
    assert fold_rates(point(), book, reading()) == RateFold(book)


def test_a_late_sample_is_published_again_in_its_slot() -> None:
    book = after(sample(5), sample(15))
    fold = fold_rates(point(), book, reading(sample(10)))
    assert fold.slots == (SlotChange(10, NOON + SLOT_MS, Usage(600, 60), Coverage(SLOT_MS)),)
    assert fold.publish == (Publication(10, NOON + SLOT_MS),)
    assert fold.book.complete_until == book.complete_until


def test_a_coarse_sample_covers_by_spread() -> None:
    fold = fold_rates(point(), after(sample(5)), reading(sample(15, rx=1_600, tx=60, interval=15)))
    assert [(change.usage.ingress_bytes, change.coverage) for change in fold.slots] == [
        (500, Coverage(0, 0, SLOT_MS)),
        (500, Coverage(0, 0, SLOT_MS)),
    ]


def test_fine_samples_of_an_answer_count_before_coarse_ones() -> None:
    mixed = (sample(15, rx=1_700, interval=15), sample(5), sample(15, rx=1_000))
    fold = fold_rates(point(), RateBook(7), reading(*mixed))
    assert [change.usage.ingress_bytes for change in fold.slots] == [600, 100, 1_000]


def test_of_two_figures_for_one_interval_in_one_answer_the_smaller_is_booked() -> None:
    fold = fold_rates(point(), RateBook(7), reading(sample(5, rx=9), sample(5, rx=8)))
    assert [change.usage.ingress_bytes for change in fold.slots] == [8]
    assert events(fold) == [EventName.FIRST_SEEN, EventName.CONFLICT]
    assert [one.rule for one in fold.evidence] == [WHOLE, CONFLICT]


def test_usage_follows_the_owner_of_the_moment() -> None:
    owners = (Owner(ACME, Role.BILLED, 0, "test"), Owner(GLOBEX, Role.BILLED, NOON + 2 * MINUTE, "moved"))
    fold = fold_rates(point(*owners), RateBook(7), reading(sample(5)))
    assert fold.slots == (
        SlotChange(10, NOON, Usage(240, 24), Coverage(2 * MINUTE)),
        SlotChange(11, NOON, Usage(360, 36), Coverage(3 * MINUTE)),
    )
    assert fold.publish == (Publication(10, NOON), Publication(11, NOON))


def test_an_owner_that_comes_back_within_a_slot_has_one_row() -> None:
    owners = (
        Owner(ACME, Role.BILLED, 0, "test"),
        Owner(GLOBEX, Role.BILLED, NOON + 1 * MINUTE, "moved"),
        Owner(ACME, Role.BILLED, NOON + 2 * MINUTE, "moved back"),
    )
    fold = fold_rates(point(*owners), RateBook(7), reading(sample(5)))
    assert fold.slots == (
        SlotChange(10, NOON, Usage(480, 48), Coverage(4 * MINUTE)),
        SlotChange(11, NOON, Usage(120, 12), Coverage(1 * MINUTE)),
    )


def test_what_is_read_for_balance_is_booked_and_not_exported() -> None:
    fold = fold_rates(point(Owner(ACME, Role.BALANCE, 0, "test")), RateBook(7), reading(sample(5)))
    assert [change.account for change in fold.slots] == [12]
    assert fold.publish == ()


def test_what_lies_inside_a_gateway_is_not_booked() -> None:
    fold = fold_rates(point(Owner(ACME, Role.INTERNAL, 0, "test")), RateBook(7), reading(sample(5)))
    assert fold.slots == ()
    assert fold.rates


# --- events ----------------------------------------------------------------------------------------------------------


def test_the_first_samples_of_a_point_are_told_once() -> None:
    fold = fold_rates(point(), RateBook(7), reading(sample(5), sample(10), since=3))
    (event,) = fold.events
    assert (event.event, event.at, event.tenant) == (EventName.FIRST_SEEN, NOON + 10 * MINUTE, ACME)
    assert event.point == "nsxv-a:/edges/edge-1/vnics/0"
    assert event.detail == {"metered_from": "2026-10-21T12:00:00Z"}
    later = fold_rates(point(), fold.book, reading(sample(10), sample(15)))
    assert events(later) == []
    assert [one.sample.at for one in later.evidence] == [NOON + 15 * MINUTE], "what is no news is no evidence"


def test_an_answer_without_samples_so_far_is_told_and_begins_metering() -> None:
    fold = fold_rates(point(), RateBook(7), reading(since=0))
    assert events(fold) == [EventName.NEVER_UPDATED]
    assert fold.book.state is not None
    assert fold.book.state.low == NOON
    assert fold.book.complete_until == 0
    later = fold_rates(point(), fold.book, reading(sample(5), since=0))
    assert events(later) == [EventName.FIRST_SEEN]


def test_faults_of_an_answer_are_told_and_the_rest_of_it_counts() -> None:
    fold = fold_rates(point(), after(sample(5)), reading(sample(10), faults=("a rate is no number",)))
    assert events(fold) == [EventName.ANSWER_INVALID]
    assert fold.events[0].detail == {"faults": ["a rate is no number"]}
    assert len(fold.slots) == 1


def test_each_lost_hole_is_a_row_of_its_own() -> None:
    samples = (sample(5), sample(15), sample(25), sample(240))
    fold = fold_rates(point(), RateBook(7), reading(*samples, minute=241))
    lost = [event for event in fold.events if event.event is EventName.GAP]
    assert [event.at for event in lost] == [NOON + 10 * MINUTE, NOON + 20 * MINUTE]
    assert len({event.repeat_key for event in lost}) == 2


def test_a_hole_is_told_even_when_the_answer_brings_no_sample() -> None:
    book = after(sample(5), sample(15))
    fold = fold_rates(point(), book, reading(since=10))
    assert events(fold) == [EventName.GAP]
    assert fold.rates[0].state.settled == NOON + 10 * MINUTE
    assert events(fold_rates(point(), fold.book, reading(since=12))) == []


def test_implausible_usage_waits_in_quarantine_and_its_time_is_missing() -> None:
    narrow = point(max_rate=16)
    fold = fold_rates(narrow, RateBook(7), reading(sample(5, rx=601)))
    (aside,) = fold.quarantined
    assert (aside.series, aside.usage, aside.tenant, aside.max_rate) == (7, Usage(601, 60), ACME, 16)
    assert EventName.IMPLAUSIBLE in events(fold)
    assert fold.slots == ()
    assert [one.rule for one in fold.evidence] == [IMPLAUSIBLE]
    again = fold_rates(narrow, fold.book, reading(sample(5, rx=601), sample(10, rx=0)))
    assert again.quarantined == ()
    assert [change.slot for change in again.slots] == [NOON + SLOT_MS]


def test_nothing_of_an_unbilled_point_waits_in_quarantine() -> None:
    narrow = point(Owner(ACME, Role.BALANCE, 0, "test"), max_rate=16)
    assert fold_rates(narrow, RateBook(7), reading(sample(5, rx=601))).quarantined == ()


# --- silence ---------------------------------------------------------------------------------------------------------


def test_slots_of_a_silent_point_become_complete() -> None:
    book = after(sample(7))
    fold = complete_rates_by(point(), book, NOON + 62 * MINUTE)
    assert fold.book.complete_until == NOON + 12 * SLOT_MS
    assert fold.publish == (Publication(10, NOON + SLOT_MS),)
    assert fold.book.state is book.state
    later = fold_rates(point(), fold.book, reading(sample(12)))
    assert later.publish == (Publication(10, NOON + SLOT_MS), Publication(10, NOON + 2 * SLOT_MS))


def test_a_point_that_never_spoke_has_no_slot_to_complete() -> None:
    assert complete_rates_by(point(), RateBook(7), NOON) == RateFold(RateBook(7))
    book = after(sample(5))
    assert complete_rates_by(point(), book, NOON + SLOT_MS) == RateFold(book)
