"""The whole way from answers to the ledger: what is stored is what the oracle says, however it got there."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from collector.model.period import SLOT_MS
from collector.model.usage import Coverage, Usage
from collector.ports import LedgerWriter
from tests.oracle import shares
from tests.oracle.coverage import Watched, coverage, expected_from
from tests.oracle.rules import Book, Params, decide
from tests.property import told
from tests.property.daemon import SHAPES, SUMMARY, Daemon, Shape
from tests.property.effort import effort
from tests.property.memory import MemoryLedger, drive
from tests.property.worlds import ANYTHING, RESETS, TENANTS, Answer, Change, Restart, World, worlds


@dataclass(frozen=True)
class Manner:
    """How answers reach the ledger: how many at once, in which order of nodes, and which batches cannot be stored."""

    shape: Shape
    chunk: int = 1
    shuffle: int = 0
    failing: frozenset[int] = frozenset()

    def order(self, nodes: Sequence[str], turn: int) -> list[str]:
        """Return the nodes in the order of this turn."""
        start = (self.shuffle * (turn + 1)) % max(1, len(nodes))
        turned = [*nodes[start:], *nodes[:start]]
        return turned[::-1] if self.shuffle >> (turn % 3) & 1 else turned


def manners(shapes: Sequence[Shape] = SHAPES, *, failing: bool = True) -> st.SearchStrategy[Manner]:
    """Any manner, for points of these shapes."""
    fails = st.frozensets(st.integers(0, 12), max_size=3) if failing else st.just(frozenset[int]())
    return st.builds(Manner, st.sampled_from(shapes), st.integers(1, 4), st.integers(0, 7), fails)


@dataclass
class Lived:
    """What came of a world: the daemon, its ledger, the answers that the ledger took, and those that it still may."""

    daemon: Daemon
    taken: list[Answer] = field(default_factory=list)
    owed: list[Answer] = field(default_factory=list)

    @property
    def ledger(self) -> MemoryLedger:
        """The ledger in memory that the daemon wrote."""
        assert isinstance(self.daemon.ledger, MemoryLedger)
        return self.daemon.ledger

    def settle(self, answers: list[Answer], *, failed: bool, asked: bool) -> None:
        """The first batch that fails is stored before the next that does not; others that fail are dropped."""
        if failed:
            self.owed = self.owed or answers
        elif asked:
            self.taken += [*self.owed, *answers]
            self.owed = []


def live(world: World, manner: Manner) -> Lived:
    """Lead a daemon with a ledger in memory through a world."""
    return drive(lead(world, manner, MemoryLedger()))


async def lead(world: World, manner: Manner, ledger: LedgerWriter) -> Lived:
    """Lead a daemon through a world; only a ledger in memory can fail on demand."""
    lived = Lived(Daemon(ledger, world.params, manner.shape))
    await lived.daemon.begin(TENANTS[0])
    nodes, waiting, turn, tenant, now = world.nodes(), list[Answer](), 0, TENANTS[0], 1
    for happening in [*world.happenings, Restart()]:
        if isinstance(happening, Answer):
            waiting.append(happening)
            now = happening.polled_at
            if len(waiting) < manner.chunk:
                continue
        if waiting:
            readings = [
                r for i, a in enumerate(waiting) for r in lived.daemon.readings(a, manner.order(nodes, turn + i))
            ]
            fails = isinstance(ledger, MemoryLedger) and bool(readings) and turn in manner.failing
            if isinstance(ledger, MemoryLedger):
                ledger.failing = fails
            assert await lived.daemon.meter.account(readings) is not fails
            lived.settle(waiting, failed=fails, asked=bool(readings))
            waiting, turn = [], turn + 1
        if isinstance(happening, Change):
            tenant = happening.tenant
            await lived.daemon.own(tenant, happening.at)
        if isinstance(happening, Restart):
            await lived.daemon.restart(tenant, now)
            lived.owed = []
    return lived


# --- what the oracle says --------------------------------------------------------------------------------------------


@dataclass
class Judged:
    """The oracle's view of the answers that the ledger took."""

    books: dict[str, Book] = field(default_factory=dict)
    watched: list[Watched] = field(default_factory=list)


def judge(taken: Sequence[Answer], params: Params) -> Judged:
    """Return what the oracle makes of the answers."""
    judged = Judged()
    for node in sorted({node for answer in taken for node in answer.rows}):
        book, listed = Book(), list[tuple[int, bool]]()
        for answer in taken:
            if node in answer.rows:
                decide(book, answer.rows[node], params)
            if book.first_at is not None:
                listed.append((answer.polled_at, node in answer.rows))
        judged.books[node] = book
        frontier = book.baseline.at if book.baseline else None
        judged.watched.append(Watched(book.booked, book.quarantined, book.first_at, frontier, expected_from(listed)))
    return judged


def expected_complete(taken: Sequence[Answer], params: Params) -> int:
    """Return until when slots are complete: each series that the answer of then listed has a sample at or after."""
    books: dict[str, Book] = {}
    complete = 0
    for answer in taken:
        newest = []
        for node, row in answer.rows.items():
            book = books.setdefault(node, Book())
            decide(book, row, params)
            if (last := book.held or book.baseline) is not None:
                newest.append(last.at)
        if newest:
            complete = max(complete, min(newest) - min(newest) % SLOT_MS)
    return complete


def expected_usage(judged: Judged, owners: shares.Owners, shape: Shape) -> dict[tuple[str, int], Usage]:
    """Return (tenant, slot) → usage over all nodes, from the tenant's side."""
    entries = [entry for book in judged.books.values() for entry in book.booked]
    return {key: _seen(growth, shape) for key, growth in shares.slots(entries, owners).items()}


def _seen(growth: Sequence[int], shape: Shape) -> Usage:
    rx_bytes, tx_bytes, rx_packets, tx_packets, rx_dropped, tx_dropped = growth
    if shape.rx_is_ingress:
        return Usage(rx_bytes, tx_bytes, rx_packets, tx_packets, rx_dropped, tx_dropped)
    return Usage(tx_bytes, rx_bytes, tx_packets, rx_packets, tx_dropped, rx_dropped)


def expected_coverage(judged: Judged, owners: shares.Owners, tenant: str, slot: int) -> Coverage:
    """Return the coverage of a slot in the time in which the tenant had the point."""
    total = Counter[str]()
    edges = [slot, *(at for at, _ in owners[1:] if slot < at < slot + SLOT_MS), slot + SLOT_MS]
    for left, right in pairwise(edges):
        if shares.owner_at(owners, left) == tenant:
            known = coverage(judged.watched, slot, left, right)
            total.update({quality: known[quality] for quality in ("measured", "inferred", "spread")})
    return Coverage(total["measured"], total["inferred"], total["spread"])


def assert_ledger_is_right(lived: Lived, judged: Judged, owners: shares.Owners) -> None:
    """Usage, coverage, states, quarantine, events, evidence, totals and publications: nothing else than expected."""
    ledger, shape = lived.ledger, lived.daemon.shape
    rows = ledger.by_tenant()
    usage = expected_usage(judged, owners, shape)
    assert {key: row[0] for key, row in rows.items() if key in usage or any(row[0])} == usage
    for (tenant, slot), (_, known) in rows.items():
        assert known == expected_coverage(judged, owners, tenant, slot), (tenant, slot)
    assert_series_are_right(ledger, judged)
    assert ledger.unpublished() == set()
    if not shape.per_node:
        assert ledger.completed.get(0, 0) == expected_complete(lived.taken, lived.daemon.params)
    totals = lived.daemon.totals
    for one in totals.accounts:
        total = ledger.total(one.ref)
        assert (one.ingress_bytes, one.egress_bytes) == (total.ingress_bytes, total.egress_bytes)
        assert totals.by_tenant[one.tenant, one.point.kind] == total, "there is one point"


def assert_series_are_right(ledger: MemoryLedger, judged: Judged) -> None:
    """The series of the ledger are the oracle's books."""
    by_node = {key[3]: ref for ref, key in enumerate(ledger.series_keys)}
    aside = Counter((q.series, q.delta.start, q.delta.end, tuple(q.delta.growth)) for q in ledger.quarantined)
    assert sum(aside.values()) == sum(len(book.quarantined) for book in judged.books.values())
    for node, book in judged.books.items():
        ref = by_node[node]
        state = ledger.states[ref].state if ref in ledger.states else None
        assert told.told(state.baseline if state else None) == book.baseline
        assert told.told(state.held if state else None) == book.held
        assert all(aside[ref, d.start, d.end, d.growth] for d in book.quarantined)
        decided = [evidence.rule for evidence in ledger.evidence if evidence.series == ref]
        assert decided == [rule for rule in book.rules if rule not in (1, 4)]
        names = Counter(event.event.value for event in ledger.events if event.node == node)
        del names["node_missing"], names["node_back"]
        assert names == Counter(noted.name for noted in book.events)


# --- properties ------------------------------------------------------------------------------------------------------


@effort(4)
@given(world=worlds(ANYTHING), manner=manners())
def test_the_ledger_is_what_the_oracle_says(world: World, manner: Manner) -> None:
    lived = live(world, manner)
    assert_ledger_is_right(lived, judge(lived.taken, world.params), world.owners())


@effort(1)
@given(world=worlds(ANYTHING, nodes=1), manner=manners([SUMMARY]))
def test_the_ledger_of_a_summary_is_what_the_oracle_says(world: World, manner: Manner) -> None:
    world.params = world.params._replace(summary=True)
    lived = live(world, manner)
    assert_ledger_is_right(lived, judge(lived.taken, world.params), world.owners())


@effort(2)
@given(world=worlds(ANYTHING), one=manners(failing=False), other=manners(failing=False))
def test_batches_order_and_restarts_leave_no_trace(world: World, one: Manner, other: Manner) -> None:
    """Rules 3 and 4 of section 10: whole answers or node by node, one by one or many at once, in any order of nodes."""
    other = Manner(Shape(one.shape.kind, one.shape.read_at, other.shape.per_node), other.chunk, other.shuffle)
    calm = World(world.params, [h for h in world.happenings if not isinstance(h, Restart)], world.truth, world.resets)
    first, second = live(world, one).ledger, live(calm, other).ledger
    assert _shown(first) == _shown(second)


def _shown(ledger: MemoryLedger) -> object:
    """Everything of a ledger by name, not by reference; rows that say nothing are no rows."""
    series = {ref: key[1:] for ref, key in enumerate(ledger.series_keys)}
    return (
        {key: row for key, row in ledger.by_tenant().items() if row != (Usage(), Coverage())},
        {series[ref]: update[1:] for ref, update in ledger.states.items()},
        {series[ref]: runs for ref, runs in ledger.runs.items()},
        Counter((series[q.series], q.delta, q.tenant, q.usage) for q in ledger.quarantined),
        Counter((event.at, event.event, event.node) for event in ledger.events if event.node),
    )


@effort(2)
@given(world=worlds(RESETS), manner=manners())
def test_every_byte_has_one_tenant_and_none_is_billed_that_did_not_pass(world: World, manner: Manner) -> None:
    """Rules 5 and 6 of section 10, against the truth: tenants, slots and series add up to the same bytes."""
    lived = live(world, manner)
    judged = judge(lived.taken, world.params)
    sums = [0] * 6
    for usage, _ in lived.ledger.rows.values():
        sums = [a + b for a, b in zip(sums, usage, strict=True)]
    entries = [entry for book in judged.books.values() for entry in book.booked]
    growth = [sum(entry.growth[i] for entry in entries) for i in range(6)]
    assert sums == list(_seen(growth, lived.daemon.shape))
    passed = [0] * 6
    for node, book in judged.books.items():
        if book.booked and book.baseline is not None:
            truth = world.passed(node, book.booked[0].start, book.baseline.at)
            passed = [a + b for a, b in zip(passed, truth, strict=True)]
    assert all(booked <= true for booked, true in zip(growth, passed, strict=True))
    tenants = {tenant for tenant, _ in lived.ledger.by_tenant()}
    assert tenants <= {tenant for _, tenant in world.owners()}


@effort(1)
@given(world=worlds(ANYTHING), manner=manners(failing=False), cut=st.integers(0, 19))
def test_answers_told_again_book_nothing(world: World, manner: Manner, cut: int) -> None:
    lived = live(world, manner)
    before = {key: row[0] for key, row in lived.ledger.by_tenant().items() if any(row[0])}
    states = {ref: update.state for ref, update in lived.ledger.states.items()}
    for answer in lived.taken[: cut + 1]:
        again = Answer(lived.taken[-1].polled_at, {n: r for n, r in answer.rows.items() if n in _known(lived)})
        drive(lived.daemon.meter.account(lived.daemon.readings(again, world.nodes())))
    assert {key: row[0] for key, row in lived.ledger.by_tenant().items() if any(row[0])} == before
    assert {ref: update.state for ref, update in lived.ledger.states.items()} == states


def _known(lived: Lived) -> set[str]:
    """The nodes that have a baseline; the first trusted sample of a node is always news."""
    return {lived.ledger.series_keys[ref][3] for ref in lived.ledger.states}
