"""Between the oracle's tuples and the code's records."""

from __future__ import annotations

import pickle
from collections.abc import Iterable
from dataclasses import dataclass, field

from collector.core.accounting import Outcome, Rules, account
from collector.core.slots import Observed
from collector.model.sample import Counters, Sample
from collector.model.usage import Delta, Quality, Run, SeriesState
from tests.oracle.rules import CREATED_AFTER_MS, Book, Booked, Params, Told

QUALITIES = {
    "measured": Quality.MEASURED,
    "inferred": Quality.INFERRED,
    "spread": Quality.SPREAD,
    "missing": Quality.MISSING,
}


def sample(told: Told) -> Sample:
    """A reading as the code has it."""
    return Sample(told.at, told.at + 5, Counters(*told.counters))


def rules(params: Params) -> Rules:
    """The settings of a series as the code has them."""
    created_at = params.created_at
    if created_at is None or params.lacked_at is None or created_at - params.lacked_at <= CREATED_AFTER_MS:
        created_at = None
    return Rules(params.max_rate, params.gap_after_ms, params.summary, created_at)


def plain(delta: Delta) -> Booked:
    """A delta as the oracle has it."""
    return Booked(delta.start, delta.end, tuple(delta.growth), delta.quality.name.lower(), delta.rule)


def told(known: Sample | None) -> Told | None:
    """A baseline or a held sample as the oracle has it."""
    return None if known is None else Told(known.at, tuple(known.counters))


@dataclass
class Ran:
    """What the code made of a history."""

    outcomes: list[Outcome] = field(default_factory=list)
    state: SeriesState | None = None

    def feed(self, reading: Told, by: Rules, *, restart: bool = False) -> Outcome:
        """Give the code one more sample, perhaps after its state was written and read again."""
        state = pickle.loads(pickle.dumps(self.state)) if restart else self.state  # noqa: S301  # our own bytes
        outcome = account(state, sample(reading), by)
        self.outcomes.append(outcome)
        self.state = outcome.state
        return outcome

    def booked(self) -> list[Booked]:
        """Every delta, in order."""
        return [plain(delta) for outcome in self.outcomes for delta in outcome.deltas]

    def aside(self) -> list[tuple[int, int, tuple[int, ...], int]]:
        """Every quarantined delta, in order: start, end, growth, rule."""
        return [(d.start, d.end, tuple(d.growth), d.rule) for outcome in self.outcomes for d in outcome.quarantined]

    def runs(self) -> list[Run]:
        """Every finished stretch of coverage, in order."""
        return [run for outcome in self.outcomes for run in outcome.closed]

    def observed(self, expected_from: int | None) -> Observed | None:
        """What coverage is computed from."""
        return None if self.state is None else Observed(self.runs(), self.state.run, expected_from)


def run(history: Iterable[Told], params: Params, *, restarts: bool = False) -> Ran:
    """Let the code account a history."""
    ran, by = Ran(), rules(params)
    for reading in history:
        ran.feed(reading, by, restart=restarts)
    return ran


def assert_same(ran: Ran, book: Book) -> None:
    """The code says exactly what the oracle says."""
    assert [outcome.rule for outcome in ran.outcomes] == book.rules
    assert ran.booked() == book.booked
    assert ran.aside() == [(d.start, d.end, d.growth, d.rule) for d in book.quarantined]
    found = [finding for outcome in ran.outcomes for finding in outcome.findings]
    assert sorted(f.event.value for f in found) == sorted(noted.name for noted in book.events)
    bounds = [f.detail[f"unknown_bytes_max_{way}"] for f in found for way in ("ingress", "egress") if _bounded(f.event)]
    assert bounds == [str(noted.bound) for noted in book.events if noted.bound is not None for _ in range(2)]
    assert told(ran.state.baseline if ran.state else None) == book.baseline
    assert told(ran.state.held if ran.state else None) == book.held


def _bounded(event: str) -> bool:
    return event in ("reset", "summary_fall")
