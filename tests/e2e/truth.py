"""What the ledger must have, from what the simulated provider served and truly carried.

Three judges, none of which is the daemon's code: the provider's list of served readings (every committed sample must be
one of them, digit by digit), the second reading of the accounting rules in ``tests.oracle`` (what these samples come
to, per slot), and the provider's true counters (what was carried between two readings).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from simulator import Served, Simulator
from simulator.counters import NodeCounters, Values
from tests.e2e.committed import ALWAYS, Committed, SeriesId, read_ledger
from tests.e2e.judging import (
    Judged,
    SlotOf,
    expected_slots,
    judge,
    noted_events,
    set_aside,
    stored_events,
    totals,
)
from tests.e2e.sinks import Sum, differences, ledger_sums
from tests.oracle.rules import INFERRED, Book, Booked, Params, Told

FAR = 2**42 // 300_000 * 300_000
"""The start of a slot in the next century."""

YEAR_MS = 366 * 86_400_000
SLOT_MS = 300_000

MAX_RATE = 100 * 10**9
"""Ceiling of the settings' default, in bit/s."""

GAP_AFTER_MS = 3_600_000
"""What the tests' settings say."""


async def require_truth(
    path: Path, sim: Simulator, *, max_rate: int = MAX_RATE, gap_after_ms: int = GAP_AFTER_MS
) -> Proof:
    """Pass when every byte of a ledger is one that was served, booked by the rules, and truly carried.

    The ledger must stand still meanwhile.
    """
    committed = await read_ledger(path)
    strange = never_served(committed, list(sim.truth().served))
    assert not strange, "committed samples that were never served:\n" + "\n".join(strange[:20])
    judged, wrong = judge(committed, max_rate=max_rate, gap_after_ms=gap_after_ms)
    assert not wrong, "other rules than those of the table:\n" + "\n".join(wrong[:20])
    told = differences(noted_events(judged), stored_events(committed, judged))
    assert not told, f"events (how often, and the sum of their bounds) differ from the rules:\n{told}"
    told = differences(set_aside(committed, judged), dict(committed.state.quarantined_bytes))
    assert not told, f"quarantine differs from the rules:\n{told}"
    proof = prove(sim, judged)
    assert not proof.wrong, "not what was truly carried:\n" + "\n".join(proof.wrong[:20])
    proof.rows = expected_slots(committed, judged)
    expected = totals(proof.rows)
    got = await ledger_sums(path, *whole_window(committed))
    told = differences(expected, got)
    assert not told, f"the ledger differs from what its samples prove:\n{told}"
    return proof


def whole_window(committed: Committed) -> tuple[int, int]:
    """Return slots from a year before the first reading to a year after the last one: nothing may be booked there."""
    moments = [one.sample.at for samples in committed.samples.values() for one in samples] or [YEAR_MS]
    return (min(moments) - YEAR_MS) // SLOT_MS * SLOT_MS, (max(moments) + YEAR_MS) // SLOT_MS * SLOT_MS


def _members(row: Served) -> tuple[int | None, ...]:
    return (row.at, row.rx_bytes, row.tx_bytes, row.rx_packets, row.tx_packets, row.rx_dropped, row.tx_dropped)


def never_served(committed: Committed, served: Sequence[Served]) -> list[str]:
    """Return the committed samples that the provider never answered, in words; there must be none."""
    known = {(row.path, row.end, row.port_id, row.node, _members(row)) for row in served}
    strange = []
    for series, samples in committed.samples.items():
        path, end = series.point.path, series.read_at.value.removeprefix("tier0_").replace("summary", "")
        ends = ("interface", "tier0", "tier1") if not end else (end,)
        for one in samples:
            row = (one.sample.at, *one.sample.counters)
            if not any((path, e, series.port, series.node, row) in known for e in ends):
                strange.append(f"{series}: {one}")
    return strange


# --- what was truly carried ------------------------------------------------------------------------------------------


@dataclass(slots=True)
class Proof:
    """How booked usage compares with the true counters.

    Attributes:
        exact: Stretches between two honest readings, without a restart, that are equal to the truth.
        restarts: Restarts whose loss lies inside the bound of their event.
        hidden: Restarts that no reading can show, since the counter had passed its old value again.
        told: Samples by what they are: honest, or not what the register showed.
        wrong: What contradicts the truth, in words.
        rows: What every slot must have.
    """

    exact: int = 0
    restarts: int = 0
    hidden: int = 0
    told: Counter[str] = field(default_factory=Counter)
    wrong: list[str] = field(default_factory=list)
    rows: dict[SlotOf, Sum] = field(default_factory=dict)

    def words(self) -> str:
        """Return what was compared."""
        return (
            f"{self.exact} stretches equal to the truth, {self.restarts} restarts inside their bounds, "
            f"{self.hidden} that no reading shows; samples: {dict(self.told)}"
        )

    def stretch(self, series: SeriesId, told: Told, booked: Sequence[int], true: Values) -> None:
        """Compare what was booked up to a sample with what passed."""
        if tuple(booked) == tuple(true):
            self.exact += 1
        else:
            self.wrong.append(f"{series} until {told.at}: expected {tuple(true)}, booked {tuple(booked)}")

    def whole(self, series: SeriesId, book: Book, passed: Values) -> None:
        """Whatever happened, all that is booked of a series is no more than what passed, or what the provider lied."""
        sums = [sum(entry.growth[index] for entry in book.booked) for index in range(6)]
        if any(value > true for value, true in zip(sums, passed, strict=True)):
            self.wrong.append(f"{series}: booked {sums} in all, where only {tuple(passed)} passed")

    def hidden_restart(self, series: SeriesId, told: Told, booked: Sequence[int], true: Values) -> None:
        """What is booked over a restart that no reading shows passed truly."""
        self.hidden += 1
        if any(value > passed for value, passed in zip(booked, true, strict=True)):
            self.wrong.append(f"{series} until {told.at}: booked {tuple(booked)}, where only {tuple(true)} passed")

    def restart(
        self, series: SeriesId, params: Params, booked: Sequence[Booked], last: _Reading | None, held: _Reading | None
    ) -> None:
        """What is booked over a restart passed truly, and what is not lies inside the bound of the restart's event."""
        inferred = [entry for entry in booked if entry.quality == INFERRED]
        if last is None or held is None or not inferred:
            return
        self.restarts += 1
        entry, passed = inferred[0], held.true.minus(last.true)
        if any(value > true for value, true in zip(entry.growth, passed, strict=True)):
            self.wrong.append(f"{series}: booked {entry.growth} over a restart, where only {tuple(passed)} passed")
        lost = max(true - value for value, true in zip(entry.growth[:2], passed[:2], strict=True))
        bound = params.max_rate * (entry.end - entry.start) // 8_000
        if lost > bound:
            self.wrong.append(f"{series}: a restart until {entry.end} lost {lost} bytes, above its bound of {bound}")


class _Reading(NamedTuple):
    """An honest reading: when its register was read, what the port had truly carried, and what was reset away."""

    at: int
    true: Values
    offset: Values


def prove(sim: Simulator, judged: dict[SeriesId, Judged]) -> Proof:
    """Compare every series that is read per node with the true counters of its port."""
    proof = Proof()
    ports = {port.port_id: port for port in sim.provider.ports}
    for series, one in judged.items():
        port = ports.get(series.port)
        counters = port.counters.get(series.node) if port is not None else None
        if counters is None:
            proof.told["sums over nodes"] += len(one.steps)
            continue
        _prove_series(sim, series, one, counters, proof)
    return proof


def _prove_series(sim: Simulator, series: SeriesId, one: Judged, counters: NodeCounters, proof: Proof) -> None:
    """Follow a series from trusted reading to trusted reading."""
    first: Values | None = None  # what had passed when the first of all readings was taken
    since: _Reading | None = None  # where the stretch began
    last: _Reading | None = None  # the newest trusted reading
    held: _Reading | None = None
    grown = [0] * 6  # what was booked in the stretch
    lied = Values()  # by how much accepted readings showed more than the register; no rule can tell
    for rule, (told, booked, aside) in zip(one.book.rules, one.steps, strict=True):
        reading = _honest(sim, counters, told)
        proof.told["honest" if reading else "not what the register showed"] += 1
        whole = reading if None not in told.counters else None
        if rule in (5, 6):
            continue
        if rule == 9:
            held = whole
            continue
        if rule == 2 and whole is not None and booked:
            proof.stretch(series, told, booked[0].growth, whole.true)
        if rule in (2, 3):
            first = Values() if rule == 2 else whole.true if whole is not None else None
        if rule in (11, 12):
            proof.restart(series, one.params, booked, last, held)
            since, last, grown = held, held or last, [0] * 6
        elif rule in (2, 3) or aside:
            since, grown = whole, [0] * 6
        held = whole if rule == 12 else None
        if rule == 12:
            continue
        last = whole or last
        if reading is None and rule == 8:
            lied = lied.plus(_excess(sim, counters, told))
        for entry in booked:
            if entry.quality == INFERRED or aside:
                continue  # judged above, or no part of a stretch
            grown = [a + b for a, b in zip(grown, entry.growth, strict=True)]
        if rule not in (8, 10, 11) or whole is None:
            continue
        if since is None or aside:
            since, grown = whole, [0] * 6
        elif since.offset == whole.offset:
            proof.stretch(series, told, grown, whole.true.minus(since.true))
        else:
            proof.hidden_restart(series, told, grown, whole.true.minus(since.true))
            since, grown = whole, [0] * 6
    if first is not None and last is not None:
        proof.whole(series, one.book, last.true.minus(first).plus(lied))


def _excess(sim: Simulator, counters: NodeCounters, told: Told) -> Values:
    """Return by how much a sample shows more than the register showed at its time."""
    at = told.at - sim.provider.offsets_at(told.at).device
    register = counters.register_at(at)
    return Values(*(max(0, value - shown) for value, shown in zip(_known(told), register, strict=True)))


def _known(told: Told) -> list[int]:
    return [value or 0 for value in told.counters]


def _honest(sim: Simulator, counters: NodeCounters, told: Told) -> _Reading | None:
    """Return the reading that a sample is, or nothing where the register never showed these values at that time."""
    pieces = sim.provider.offsets
    for index in reversed(range(len(pieces))):
        at = told.at - pieces[index].device
        until = pieces[index + 1].since if index + 1 < len(pieces) else ALWAYS
        if not pieces[index].since <= at < until or at < counters.born:
            continue
        register, true = counters.register_at(at), counters.true_at(at)
        if all(value is None or value == shown for value, shown in zip(told.counters, register, strict=True)):
            return _Reading(at, true, true.minus(register))
    return None
