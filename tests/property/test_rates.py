"""Rates: code and oracle agree, and no order, repetition, division or restart changes what is booked."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from collector.core import rates
from collector.core.rates import DETAIL_MS, LATE_MS
from collector.model.identity import TenantId
from collector.model.period import SLOT_MS
from collector.model.rates import RateState, state_of
from collector.model.sample import RateSample
from collector.model.usage import Coverage, EventName, Quality, Usage
from tests.oracle import rates as oracle
from tests.oracle import shares
from tests.oracle.rates import Said
from tests.oracle.rules import Booked
from tests.property.effort import effort
from tests.property.rate_ledger import Ledger, point

BASE = 1_791_000_000_000 - 1_791_000_000_000 % SLOT_MS
FINE, COARSE = 300_000, 1_800_000
DAY = 86_400_000

_SAID = st.builds(
    lambda start, interval, rx, tx: Said(BASE + start + interval, interval, rx, tx),
    start=st.integers(0, 24),
    interval=st.sampled_from((1, 2, 3, 6, 12)),
    rx=st.sampled_from((0, 1, 5, 20, 1_000, 2**57)),
    tx=st.integers(0, 9),
)


def sample(said: Said) -> RateSample:
    return RateSample(said.at, said.interval, said.rx, said.tx)


@effort(8)
@given(history=st.lists(_SAID, max_size=25), max_rate=st.sampled_from((8_000, 80_000, 2**80)))
def test_code_and_oracle_agree_on_nonsense(history: list[Said], max_rate: int) -> None:
    state, judged = RateState(BASE + 2, BASE + 2), []
    for said in history:
        judged.append(rates.account(state, sample(said), max_rate))
        state = state_of(judged[-1].state.numbers())
        assert state == judged[-1].state
    diary = oracle.account(history, BASE + 2, max_rate)
    assert [one.rule for one in judged] == diary.rules
    told = {
        delta.start: (delta.end, delta.growth.rx_bytes, delta.growth.tx_bytes, aside)
        for one in judged
        for deltas, aside in ((one.deltas, False), (one.quarantined, True))
        for delta in deltas
    }
    assert told == diary.stretches
    assert {at for piece in state.pieces for at in range(piece.start, piece.end)} == set(diary.by)
    assert all(one.end <= other.start for one, other in zip(state.pieces, state.pieces[1:], strict=False))
    settled = BASE + 20
    after, lost = rates.settle(state, settled, BASE + 40, 8_000)
    expected = oracle.lost(diary, BASE + 2, min(settled, max(diary.by, default=0) + 1))
    assert [finding.at for finding in lost] == [end for _, end in expected]
    assert [finding.detail["unknown_bytes_max_ingress"] for finding in lost] == [str(b - a) for a, b in expected]
    assert after.pieces == () or after.settled == max(BASE + 2, min(settled, state.pieces[-1].end))


# --- a world that is known -------------------------------------------------------------------------------------------


class World:
    """An edge's uplink whose every five minutes are known, and the samples that a manager may give of it."""

    def __init__(self, true: Sequence[tuple[int, int]]) -> None:
        self.true = tuple(true)
        self.begin = BASE + 7_000  # samples need not end with a slot
        self.end = self.begin + len(self.true) * FINE

    def fine(self, number: int) -> RateSample:
        return RateSample(self.begin + (number + 1) * FINE, FINE, *self.true[number])

    def coarse(self, number: int) -> RateSample:
        six = self.true[number * 6 : number * 6 + 6]
        return RateSample(
            self.begin + (number + 1) * COARSE, COARSE, sum(rx for rx, _ in six), sum(tx for _, tx in six)
        )

    def between(self, start: int, end: int) -> tuple[int, int]:
        """The truth of whole fives of minutes."""
        part = self.true[(start - self.begin) // FINE : (end - self.begin) // FINE]
        return sum(rx for rx, _ in part), sum(tx for _, tx in part)


_TRUE = st.lists(st.tuples(st.integers(0, 10**9), st.integers(0, 10**6)), min_size=6, max_size=DETAIL_MS // FINE).map(
    lambda true: true[: len(true) // 6 * 6]
)


@effort(3)
@given(true=_TRUE, seed=st.integers(0, 2**32), data=st.data())
def test_each_interval_is_booked_once_in_any_order_repetition_division_and_restart(
    true: list[tuple[int, int]], seed: int, data: st.DataObject
) -> None:
    world, random = World(true), Random(seed)
    owners = data.draw(st.sampled_from((((0, "acme"),), ((0, "acme"), (BASE + 1_000_123, "globex")))))
    ledger = Ledger(point(*owners))
    wanted = [world.fine(number) for number in range(len(true)) if random.random() < 0.8]
    told = [*wanted, *random.choices(wanted, k=5)] if wanted else []
    random.shuffle(told)
    while told:
        several = [told.pop() for _ in range(min(len(told), random.randint(1, 5)))]
        ledger.read(several, now=world.end, since=world.begin - DAY, restart=random.random() < 0.3)
    assert ledger.totals() == (sum(s.rx_bytes for s in wanted), sum(s.tx_bytes for s in wanted))
    entries = [Booked(s.at - FINE, s.at, (s.rx_bytes, s.tx_bytes, 0, 0, 0, 0), "measured", rates.WHOLE) for s in wanted]
    expected = {
        (ledger.at.accounts[TenantId(tenant)], slot): Usage(*growth)
        for (tenant, slot), growth in shares.slots(entries, owners).items()
    }
    assert ledger.usage == expected
    for (account, slot), seen in ledger.coverage.items():
        assert seen == _covered(ledger, entries, account, slot)
    assert ledger.events(EventName.CONFLICT) == ledger.events(EventName.OUT_OF_ORDER) == 0
    if wanted:
        complete = max(s.at for s in wanted) // SLOT_MS * SLOT_MS
        assert ledger.book.complete_until == complete
        assert {key for key in ledger.usage if key[1] < complete} <= ledger.published


def _covered(ledger: Ledger, entries: Sequence[Booked], account: int, slot: int) -> Coverage:
    """Milliseconds of a slot, of one owner, in which a sample was booked."""
    milliseconds = 0
    for entry in entries:
        for left, right, tenant, _ in shares.parts(entry, [(o.valid_from, o.tenant) for o in ledger.at.owners]):
            if left - left % SLOT_MS == slot and ledger.at.accounts[TenantId(tenant)] == account:
                milliseconds += right - left
    return Coverage(milliseconds)


@effort(4)
@given(true=_TRUE, seed=st.integers(0, 2**32))
def test_fine_and_coarse_samples_together_never_come_to_more_than_the_truth(
    true: list[tuple[int, int]], seed: int
) -> None:
    world, random = World(true), Random(seed)
    ledger = Ledger(point())
    fine = [world.fine(number) for number in range(len(true)) if random.random() < 0.6]
    coarse = [world.coarse(number) for number in range(len(true) // 6) if random.random() < 0.6]
    told = [*fine, *coarse, *random.choices([*fine, *coarse, world.fine(0)], k=4)]
    random.shuffle(told)
    known = {(at - FINE, at) for s in told for at in range(s.at - s.interval_ms + FINE, s.at + 1, FINE)}
    while told:
        several = [told.pop() for _ in range(min(len(told), random.randint(1, 4)))]
        ledger.read(several, now=world.end, since=world.begin - DAY, restart=random.random() < 0.3)
    truth = [world.between(start, end) for start, end in known]
    assert ledger.totals() == (sum(rx for rx, _ in truth), sum(tx for _, tx in truth))
    covered = {(p.start, p.end) for p in ledger.state.pieces}
    assert sum(end - start for start, end in covered) == len(known) * FINE
    assert ledger.events(EventName.CONFLICT) == 0


@effort(3)
@given(true=_TRUE, seed=st.integers(0, 2**32))
def test_samples_of_any_grain_and_alignment_never_come_to_more_than_the_truth(
    true: list[tuple[int, int]], seed: int
) -> None:
    """Also where coarse samples reach over each other, and what one proves beyond another is a guess."""
    world, random = World(true), Random(seed)
    ledger = Ledger(point())
    for _ in range(20):
        first = random.randrange(len(true))
        last = min(len(true), first + random.choice((1, 2, 3, 6, 12)))
        start, end = world.begin + first * FINE, world.begin + last * FINE
        grain = RateSample(end, end - start, *world.between(start, end))
        ledger.read([grain], now=world.end, since=world.begin - DAY, restart=random.random() < 0.3)
        rx, tx = ledger.totals()
        assert rx <= sum(one for one, _ in true)
        assert tx <= sum(one for _, one in true)
    refused = ledger.events(EventName.CONFLICT)
    rules = [one.rule for fold in ledger.folds for one in fold.evidence]
    assert refused == rules.count(rates.UNPROVED)
    for piece in ledger.state.pieces:
        if piece.quality is Quality.MEASURED:
            assert (piece.rx_bytes, piece.tx_bytes) == world.between(piece.start, piece.end)


@effort(1)
@given(seed=st.integers(0, 2**32), hours=st.integers(1, 40))
def test_catching_up_books_what_a_daemon_that_never_slept_books(seed: int, hours: int) -> None:
    """Polls every few minutes, with outages, late samples and failed polls; what is asked for is what the core says."""
    random = Random(seed)
    true = [(random.randrange(10**9), random.randrange(10**9)) for _ in range(hours * 12)]
    world = World(true)
    late = {number: random.randint(1, LATE_MS // FINE - 3) for number in range(len(true)) if random.random() < 0.05}
    ledger = Ledger(point())
    now = world.begin
    ledger.read([], now=now, since=now)
    while now < world.end + 2 * LATE_MS:
        now += random.choice((60_000, 60_000, 300_000, 420_000, 5 * 3_600_000))
        since = rates.ask_from(ledger.book.state, now, 2 * DAY)
        ready = [
            world.fine(number)
            for number in range(len(true))
            if since < world.fine(number).at and world.fine(number).at + late.get(number, 0) * FINE <= now
        ]
        ledger.read(ready, now=now, since=since, restart=random.random() < 0.2)
    assert ledger.totals() == world.between(world.begin, world.end)
    assert len(ledger.state.pieces) <= 2 + DETAIL_MS // FINE
    assert ledger.events(EventName.OUT_OF_ORDER) == ledger.events(EventName.CONFLICT) == 0
