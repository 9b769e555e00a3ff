"""Two samples to a delta: the table of docs/accounting.md, section 2.

Counters are cumulative per router port and edge node and go back to zero when the node reboots or its dataplane process
restarts (Source: NSX-T REST API reference 4.2, types PolicyInterfaceStatistics and
LogicalRouterPortStatisticsPerNode), so a
fall is a restart or a misreading and never a wrap: 64 bits last for decades. The row numbers in the code are those of
the table; the first row that fits decides.
"""

from __future__ import annotations

from typing import NamedTuple

from collector.core.periods import format_time
from collector.model.period import Instant
from collector.model.sample import Counters, Sample
from collector.model.usage import Delta, Detail, EventName, Growth, Quality, Run, SeriesState

GROWTH_MAX = 2**56
"""Greatest growth of one counter in one delta that is believed, in bytes or packets.

Above it no rate is plausible, and below it the few deltas that can meet in one slot stay inside the ledger's 64-bit
integers.
"""


class Rules(NamedTuple):
    """What a sample of a series is judged by, beside the series' state.

    Attributes:
        max_rate: Ceiling of a believable rate, bit/s.
        gap_after_ms: An interval longer than this is a gap, and its usage is spread.
        summary: The series is a sum over nodes, in which a fall cannot be told from one node's restart.
        created_at: Creation time of the object, only where the last complete inventory that lacked it proves that the
            object is new; ``None`` otherwise.
    """

    max_rate: int
    gap_after_ms: int
    summary: bool = False
    created_at: Instant | None = None


class Finding(NamedTuple):
    """Something that the accounting saw: an event without its place."""

    event: EventName
    at: Instant
    detail: Detail


class Outcome(NamedTuple):
    """What one sample does to its series.

    Attributes:
        state: New state; the very same object when nothing changed.
        deltas: What is booked, in order of time.
        quarantined: What is set aside as a whole.
        findings: What was seen.
        closed: Stretches of coverage that ended.
        rule: Row of the table that decided.
    """

    state: SeriesState | None
    deltas: tuple[Delta, ...] = ()
    quarantined: tuple[Delta, ...] = ()
    findings: tuple[Finding, ...] = ()
    closed: tuple[Run, ...] = ()
    rule: int = 4


def account(state: SeriesState | None, sample: Sample, rules: Rules) -> Outcome:
    """Return what ``sample`` books and the state that it leaves.

    Args:
        state: State after the samples before, ``None`` before the first.
        sample: The new reading; ``at`` is the device's time in ms.
        rules: Ceiling, gap and kind of the series.

    Source: docs/accounting.md, section 2.
    """
    if sample.at <= 0 or sample.counters == _NOTHING:
        return Outcome(state, findings=(Finding(EventName.NEVER_UPDATED, sample.polled_at, {}),), rule=1)
    if state is None:
        return _first(sample, rules)
    if state.held is not None:
        return _after_fall(state, state.held, sample, rules)
    baseline = state.baseline
    if sample.at <= baseline.at:
        return _not_newer(state, baseline, sample)
    milliseconds = sample.at - baseline.at
    growth = differences(sample.counters, baseline.counters)
    if is_implausible(growth, milliseconds, rules.max_rate):
        quality = Quality.SPREAD if milliseconds > rules.gap_after_ms else Quality.MEASURED
        book = _Book(state.run, rules)
        book.add(baseline.at, sample.at, growth, quality, rule=7)
        return book.outcome(_carried(sample, baseline), None, rule=7)
    if min(growth) < 0:
        return Outcome(SeriesState(baseline, sample, state.run), rule=9)
    if milliseconds <= rules.gap_after_ms:
        return _measured(state, baseline, sample, growth)
    book = _Book(state.run, rules)
    book.add_observed(baseline.at, sample.at, growth, rule=8)
    return book.outcome(_carried(sample, baseline), None, rule=8)


# --- the rows --------------------------------------------------------------------------------------------------------


def _first(sample: Sample, rules: Rules) -> Outcome:
    """Rows 2 and 3: no baseline."""
    created_at = rules.created_at
    if created_at is None or created_at >= sample.at:
        state = SeriesState(sample, None, Run(sample.at, sample.at, Quality.MEASURED))
        finding = Finding(EventName.FIRST_SEEN, sample.at, _values(sample.counters))
        return Outcome(state, findings=(finding,), rule=3)
    book = _Book(Run(created_at, created_at, Quality.INFERRED), rules)
    whole = Growth(*(value or 0 for value in sample.counters))
    book.add(created_at, sample.at, whole, Quality.INFERRED, rule=2)
    book.find(EventName.CREATED, sample.at, {"created_at": format_time(created_at), **_values(sample.counters)})
    return book.outcome(sample, None, rule=2)


def _not_newer(state: SeriesState, newest: Sample, sample: Sample) -> Outcome:
    """Rows 4, 5 and 6: not newer than the newest sample seen."""
    if sample.at < newest.at:
        repeat = state.held is not None and _repeats(sample, state.baseline)
        return Outcome(state, rule=4) if repeat else _refused(state, sample, newest, EventName.OUT_OF_ORDER, 6)
    if _repeats(sample, newest):
        return Outcome(state, rule=4)
    return _refused(state, sample, newest, EventName.CONFLICT, 5)


def _refused(state: SeriesState, sample: Sample, newest: Sample, event: EventName, rule: int) -> Outcome:
    detail = {"newest_at": format_time(newest.at), **_values(sample.counters)}
    return Outcome(state, findings=(Finding(event, sample.at, detail),), rule=rule)


def _measured(state: SeriesState, baseline: Sample, sample: Sample, growth: Growth) -> Outcome:
    """Row 8 without a gap: nearly every sample comes this way."""
    run = state.run
    closed: tuple[Run, ...] = ()
    if run.quality is Quality.MEASURED:
        run = Run(run.start, sample.at, Quality.MEASURED)
    else:
        closed = (run,)
        run = Run(baseline.at, sample.at, Quality.MEASURED)
    delta = Delta(baseline.at, sample.at, growth, Quality.MEASURED, 8)
    return Outcome(SeriesState(_carried(sample, baseline), None, run), (delta,), (), (), closed, 8)


def _after_fall(state: SeriesState, held: Sample, sample: Sample, rules: Rules) -> Outcome:
    """Rows 10, 11 and 12: the sample after a held one tells what the fall was."""
    if sample.at <= held.at:
        return _not_newer(state, held, sample)
    baseline = state.baseline
    book = _Book(state.run, rules)
    since_baseline = differences(sample.counters, baseline.counters)
    if min(since_baseline) >= 0:
        book.find(EventName.GLITCH, held.at, _values(held.counters))
        book.add_observed(baseline.at, sample.at, since_baseline, rule=10)
        return book.outcome(_carried(sample, baseline), None, rule=10)
    since_held = differences(sample.counters, held.counters)
    rule = 11 if min(since_held) >= 0 else 12
    _restarted(book, baseline, held, rules, rule)
    if rule == 12:
        return book.outcome(held, sample, rule=12)
    book.add_observed(held.at, sample.at, since_held, rule=11)
    return book.outcome(_carried(sample, held), None, rule=11)


def _restarted(book: _Book, baseline: Sample, held: Sample, rules: Rules, rule: int) -> None:
    """Book what was counted since the restart, [baseline.at, held.at); a summary's fall proves no such value."""
    bound = str(rules.max_rate * (held.at - baseline.at) // 8_000)
    detail = {
        "baseline_at": format_time(baseline.at),
        "unknown_bytes_max_ingress": bound,
        "unknown_bytes_max_egress": bound,
        **_values(held.counters),
    }
    if rules.summary:
        book.leave_out(baseline.at, held.at)
        book.find(EventName.SUMMARY_FALL, held.at, detail)
        return
    counted = Growth(
        *(
            value if value is not None and before is not None else 0
            for value, before in zip(held.counters, baseline.counters, strict=True)
        )
    )
    book.add(baseline.at, held.at, counted, Quality.INFERRED, rule=rule)
    book.find(EventName.RESET, held.at, detail)


# --- booking ---------------------------------------------------------------------------------------------------------


class _Book:
    """Collects what one sample books; each delta is guarded by the rate ceiling by itself (row 7)."""

    def __init__(self, run: Run, rules: Rules) -> None:
        self._run = run
        self._rules = rules
        self._deltas: list[Delta] = []
        self._quarantined: list[Delta] = []
        self._findings: list[Finding] = []
        self._closed: list[Run] = []

    def add(self, start: Instant, end: Instant, growth: Growth, quality: Quality, *, rule: int) -> bool:
        """Book growth over [start, end), or set it aside whole when no rate explains it; True when it was booked."""
        if is_implausible(growth, end - start, self._rules.max_rate):
            aside = Growth(*(max(0, value) for value in growth))
            self._quarantined.append(Delta(start, end, aside, quality, rule))
            detail = {
                "start": format_time(start),
                "end": format_time(end),
                "max_rate": str(self._rules.max_rate),
                **_values(aside),
            }
            self.find(EventName.IMPLAUSIBLE, end, detail)
            self._cover(start, end, Quality.MISSING)
            return False
        self._deltas.append(Delta(start, end, growth, quality, rule))
        self._cover(start, end, quality)
        return True

    def add_observed(self, start: Instant, end: Instant, growth: Growth, *, rule: int) -> None:
        """Book growth between two readings: measured, or spread when too much time lies between them."""
        gap = end - start > self._rules.gap_after_ms
        quality = Quality.SPREAD if gap else Quality.MEASURED
        if self.add(start, end, growth, quality, rule=rule) and gap:
            self.find(EventName.GAP, end, {"start": format_time(start), "end": format_time(end)})

    def leave_out(self, start: Instant, end: Instant) -> None:
        """Book nothing for [start, end): nobody can tell what was counted."""
        self._cover(start, end, Quality.MISSING)

    def find(self, event: EventName, at: Instant, detail: Detail) -> None:
        """Note something seen."""
        self._findings.append(Finding(event, at, detail))

    def outcome(self, baseline: Sample, held: Sample | None, *, rule: int) -> Outcome:
        """Return what was collected with the state that it leaves."""
        return Outcome(
            SeriesState(baseline, held, self._run),
            tuple(self._deltas),
            tuple(self._quarantined),
            tuple(self._findings),
            tuple(self._closed),
            rule,
        )

    def _cover(self, start: Instant, end: Instant, quality: Quality) -> None:
        run = self._run
        if run.quality is quality or run.start == run.end:
            self._run = Run(run.start, end, quality)
        else:
            self._closed.append(run)
            self._run = Run(start, end, quality)


# --- counters --------------------------------------------------------------------------------------------------------

_NOTHING = Counters()


def differences(new: Counters, old: Counters) -> Growth:
    """Return new − old per counter; 0 for one that either lacks. A fall is negative."""
    try:
        a, b, c, d, e, f = new
        u, v, w, x, y, z = old
        return tuple.__new__(Growth, (a - u, b - v, c - w, d - x, e - y, f - z))  # type: ignore[operator]  # None is the slow path below
    except TypeError:
        pairs = zip(new, old, strict=True)
        return Growth(*(0 if n is None or o is None else n - o for n, o in pairs))


def is_implausible(growth: Growth, milliseconds: int, max_rate: int) -> bool:
    """Row 7: rx or tx bytes beyond the ceiling, or growth that no port of any speed could have."""
    ceiling = max_rate * milliseconds
    return growth[0] * 8_000 > ceiling or growth[1] * 8_000 > ceiling or max(growth) > GROWTH_MAX


def _carried(sample: Sample, older: Sample) -> Sample:
    """Return ``sample`` with the counters that it lacks kept from ``older``."""
    if None not in sample.counters:
        return sample
    pairs = zip(sample.counters, older.counters, strict=True)
    return Sample(sample.at, sample.polled_at, Counters(*(o if n is None else n for n, o in pairs)))


def _repeats(sample: Sample, known: Sample) -> bool:
    """True when the sample tells nothing else than the known one of the same time."""
    if sample.at != known.at:
        return False
    if sample.counters == known.counters:
        return True
    pairs = zip(sample.counters, known.counters, strict=True)
    return all(n is None or o is None or n == o for n, o in pairs)


def _values(counters: Counters | Growth) -> dict[str, str]:
    return {name: str(value) for name, value in zip(Counters._fields, counters, strict=True) if value is not None}
