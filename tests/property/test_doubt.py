"""A commit whose outcome is not known: whatever the ledger has, no byte is booked twice and none is lost."""

from __future__ import annotations

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from collector.errors import LedgerError, LedgerUnavailable
from collector.model.usage import Batch
from tests.oracle.rules import Params, Told
from tests.property.daemon import SHAPES, Daemon
from tests.property.effort import effort
from tests.property.memory import MemoryLedger, drive
from tests.property.test_pipeline import Lived, assert_ledger_is_right, judge
from tests.property.worlds import ANYTHING, TENANTS, Answer, Change, World, worlds


class DoubtfulLedger(MemoryLedger):
    """A ledger that may store a batch and then say that it could not.

    Attributes:
        mood: ``fine``; ``lost``: nothing was stored; ``silent``: everything was stored, and the answer is an error.
    """

    def __init__(self) -> None:
        super().__init__()
        self.mood = "fine"

    async def commit(self, batch: Batch) -> bool:
        """Store the batch, or not, and say so, or not."""
        mood, self.mood = self.mood, "fine"
        stored = mood != "lost" and await super().commit(batch)
        if mood != "fine":
            raise LedgerUnavailable("the line to the ledger broke")
        return stored


@effort(2)
@given(world=worlds(ANYTHING), moods=st.lists(st.sampled_from(("fine", "fine", "lost", "silent")), min_size=1))
def test_a_commit_of_unknown_outcome_is_settled(world: World, moods: list[str]) -> None:
    ledger = DoubtfulLedger()
    daemon = Daemon(ledger, world.params, SHAPES[0])
    drive(daemon.begin(TENANTS[0]))
    lived, now, doubt = Lived(daemon), 1, False
    for turn, happening in enumerate(world.happenings):
        if isinstance(happening, Change):
            drive(daemon.own(happening.tenant, happening.at))
        if isinstance(happening, Answer):
            ledger.mood, now = moods[turn % len(moods)], happening.polled_at
            broken = ledger.mood != "fine"
            assert drive(daemon.meter.account(daemon.readings(happening, world.nodes()))) is not broken
            if not (broken and doubt):  # else the batch before was still not settled, and this answer is dropped
                lived.taken.append(happening)
            doubt = broken
    lived.taken.append(Answer(now, {}))
    assert drive(daemon.meter.account(daemon.readings(lived.taken[-1], [])))
    assert_ledger_is_right(lived, judge(lived.taken, world.params), world.owners())


class SlowLedger(MemoryLedger):
    """A ledger whose thread goes on when nobody waits for it any more, as a real one's does."""

    def __init__(self) -> None:
        super().__init__()
        self.begun = asyncio.Event()
        self.go_on = asyncio.Event()
        self.work: list[asyncio.Task[bool]] = []

    async def commit(self, batch: Batch) -> bool:
        """Store the batch in a task of its own."""
        self.work.append(asyncio.create_task(self._store(batch)))
        return await asyncio.shield(self.work[-1])

    async def _store(self, batch: Batch) -> bool:
        self.begun.set()
        await self.go_on.wait()
        return await MemoryLedger.commit(self, batch)


async def test_a_cancelled_commit_that_reached_the_ledger_is_not_booked_again() -> None:
    # given a meter with a baseline
    ledger = SlowLedger()
    daemon = Daemon(ledger, Params(max_rate=10**10, gap_after_ms=180_000), SHAPES[0])
    await daemon.begin("acme")
    ledger.go_on.set()
    await daemon.meter.account(daemon.readings(_answer(60_000, 1_000), ["edge"]))
    # when a commit is cancelled and its thread finishes all the same
    ledger.go_on.clear()
    ledger.begun.clear()
    task = asyncio.create_task(daemon.meter.account(daemon.readings(_answer(120_000, 1_600), ["edge"])))
    await ledger.begun.wait()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    ledger.go_on.set()
    # then the next reading books only what is new
    assert await daemon.meter.account(daemon.readings(_answer(180_000, 1_900), ["edge"]))
    assert ledger.total(0).ingress_bytes == daemon.totals.accounts[0].ingress_bytes == 900
    assert len(daemon.onlooker.batches) == 3, "the settled batch is told too, or its events would not be counted"


class RefusingLedger(MemoryLedger):
    """A ledger that refuses what it is given, as one does that finds a defect."""

    refusing = False

    async def commit(self, batch: Batch) -> bool:
        """Refuse, or store."""
        if self.refusing:
            raise LedgerError("BUG: the ledger refused what it was given")
        return await super().commit(batch)


def test_a_batch_that_is_refused_as_wrong_does_not_block_the_next() -> None:
    ledger = RefusingLedger()
    daemon = Daemon(ledger, Params(max_rate=10**10, gap_after_ms=180_000), SHAPES[0])
    drive(daemon.begin("acme"))
    assert drive(daemon.meter.account(daemon.readings(_answer(60_000, 1_000), ["edge"])))
    ledger.refusing = True
    assert not drive(daemon.meter.account(daemon.readings(_answer(120_000, 1_600), ["edge"])))
    ledger.refusing = False
    assert drive(daemon.meter.account(daemon.readings(_answer(180_000, 1_900), ["edge"])))
    assert [e.sample.counters.rx_bytes for e in ledger.evidence] == [1_000, 1_900]
    assert ledger.total(0).ingress_bytes == 900


def _answer(at: int, value: int) -> Answer:
    return Answer(at + 1_000, {"edge": Told(at, (value,) * 6)})
