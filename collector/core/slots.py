"""Deltas to slots, and the coverage of slots: docs/accounting.md, section 4.

Traffic is taken as even over a delta's interval. Shares are cumulative, so the parts of any set of boundaries add up
to the whole exactly; the error is at most one unit per boundary.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from collector.model.identity import Kind, ReadAt
from collector.model.period import BEGINNING, MS_PER_SECOND, SLOT_MS, Instant, slot_start
from collector.model.usage import Coverage, Delta, Growth, Quality, Run, Usage


class Part(NamedTuple):
    """The part of a delta that lies in [start, end), which is inside one slot and between two changes of owner."""

    start: Instant
    end: Instant
    growth: Growth


def split(delta: Delta, changes: Sequence[Instant] = ()) -> list[Part]:
    """Return the parts of a delta by slot and by change of owner, in order of time.

    Args:
        delta: What is split; its interval is not empty.
        changes: Instants at which the owner changed, anywhere.
    """
    start, end, growth = delta.start, delta.end, delta.growth
    if not changes and slot_start(start) == slot_start(end - 1):
        return [Part(start, end, growth)]
    length = end - start
    parts: list[Part] = []
    before = Growth()
    previous = start
    for boundary in _boundaries(start, end, changes):
        passed = boundary - start
        upto = Growth(*[quantity * passed // length for quantity in growth])
        parts.append(Part(previous, boundary, Growth(*[now - then for now, then in zip(upto, before, strict=True)])))
        previous, before = boundary, upto
    return parts


def _boundaries(start: Instant, end: Instant, changes: Sequence[Instant]) -> list[Instant]:
    """Return the instants in (start, end] at which a part ends, in order."""
    inside = set(range(slot_start(start) + SLOT_MS, end, SLOT_MS))
    inside.update(change for change in changes if start < change < end)
    inside.add(end)
    return sorted(inside)


def usage(growth: Growth, *, rx_is_ingress: bool) -> Usage:
    """Return growth as the tenant sees it: docs/accounting.md, section 3."""
    # Once a reading, so it is made without the record's own constructor, which takes twice as long.
    if rx_is_ingress:
        return tuple.__new__(Usage, growth)
    rx_bytes, tx_bytes, rx_packets, tx_packets, rx_dropped, tx_dropped = growth
    return tuple.__new__(Usage, (tx_bytes, rx_bytes, tx_packets, rx_packets, tx_dropped, rx_dropped))


def rx_is_ingress(kind: Kind, read_at: ReadAt) -> bool:
    """Return whether what enters the router at this port comes to the tenant.

    True toward the outside (an uplink, a service interface, the Tier-1's end of a link); false at the Tier-0's port
    of a link, where rx comes from the tenant. Source: docs/accounting.md, section 3.
    """
    return not (kind is Kind.TIER1_DOWNLINK and read_at in (ReadAt.TIER0, ReadAt.TIER0_SUMMARY))


# --- coverage --------------------------------------------------------------------------------------------------------


class Observed(NamedTuple):
    """What a series saw and when.

    Attributes:
        closed: Finished stretches, in order of time; they join each other and ``run`` without a hole.
        run: The newest stretch; its end is the frontier.
        expected_from: From when on the series is expected to report, ``None`` while the last good answer did not list
            it.
    """

    closed: Sequence[Run]
    run: Run
    expected_from: Instant | None


def coverage(start: Instant, end: Instant, series: Sequence[Observed]) -> Coverage:
    """Return how [start, end) was observed, in milliseconds by quality; what is left is missing.

    At each instant the worst quality counts among the series that saw it or were expected to: a listed series is
    missing from its frontier on. An instant that no series saw is missing.
    """
    stretch = plain(series)
    if stretch is not None and stretch.start <= start:
        return Coverage(max(0, min(end, stretch.end) - start))
    pieces = [piece for observed in series for piece in _pieces(observed, start, end)]
    cuts = sorted({start, end, *(p.start for p in pieces), *(p.end for p in pieces)})
    totals = [0, 0, 0, 0]
    for left, right in pairwise(cuts):
        worst = max((p.quality for p in pieces if p.start <= left and p.end >= right), default=Quality.MISSING)
        totals[worst] += right - left
    return Coverage(totals[Quality.MEASURED], totals[Quality.INFERRED], totals[Quality.SPREAD])


def plain(series: Sequence[Observed]) -> Run | None:
    """Return the stretch that every series has measured, where all are expected and were seen so last; else ``None``.

    What follows it is missing; what came before it may be anything.
    """
    start, end = BEGINNING, None
    for _, run, expected_from in series:
        if run.quality is not Quality.MEASURED or expected_from is None or expected_from > run.end:
            return None
        start = max(start, run.start)
        if end is None or run.end < end:
            end = run.end
    return None if end is None else Run(start, end, Quality.MEASURED)


def _pieces(observed: Observed, start: Instant, end: Instant) -> Iterator[Run]:
    """Yield the stretches of one series inside [start, end), with the time in which it was expected and silent."""
    for stretch in (*observed.closed, observed.run):
        left, right = max(stretch.start, start), min(stretch.end, end)
        if left < right:
            yield Run(left, right, stretch.quality)
    if observed.expected_from is not None:
        left = max(observed.run.end, observed.expected_from, start)
        if left < end:
            yield Run(left, end, Quality.MISSING)


class Seconds(NamedTuple):
    """Coverage in whole seconds; the four add up to the interval's."""

    measured: int
    inferred: int
    spread: int
    missing: int


def whole_seconds(length_ms: int, measured_ms: int, inferred_ms: int, spread_ms: int) -> Seconds:
    """Return milliseconds of coverage as whole seconds that still add up, by the cumulative rule.

    Args:
        length_ms: Length of the whole interval; what the three others leave of it is missing.
    """
    one = measured_ms // MS_PER_SECOND
    two = (measured_ms + inferred_ms) // MS_PER_SECOND
    three = (measured_ms + inferred_ms + spread_ms) // MS_PER_SECOND
    return Seconds(one, two - one, three - two, length_ms // MS_PER_SECOND - three)
