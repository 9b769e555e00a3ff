"""Samples of rates to what is booked: the table of docs/accounting.md, section 8.

A source of rates says how much passed in each interval of its own. Every sample is believed once, whatever the order
in which samples come and however often: the pieces of time that were booked are kept, and a sample books only what it
proves beyond them. The row numbers in the code are those of the table; the first row that fits decides.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import NamedTuple

from collector.core.accounting import GROWTH_MAX, Finding, is_implausible
from collector.core.periods import format_time
from collector.model.period import Instant, slot_start
from collector.model.rates import Piece, RateState
from collector.model.sample import RateSample
from collector.model.usage import Delta, EventName, Growth, Quality

TOO_OLD, REPEAT, CONFLICT, IMPLAUSIBLE, WHOLE, BEYOND, UNPROVED = range(21, 28)
"""Rows of the table. They go on from those of section 2, so that the number alone says which table decided."""

LATE_MS = 3_600_000
"""How long a hole before the newest sample is asked for again, in milliseconds. Samples come late by a poll or two;
what lacks for an hour was lost on the way (a failover, a redeployed edge)."""

OVERLAP_INTERVALS = 2
"""Intervals before the newest sample that are asked for again: a sample that was not ready is found then."""

INTERVAL_MS_MAX = 86_400_000
"""Longest interval of a sample, in milliseconds: one average a day. A longer one is no interval."""

FIRST_LOOK_MS = 900_000
"""How far back the first reading of a point asks, in milliseconds: three intervals of the usual length."""

DETAIL_MS = 7_200_000
"""How long each sample is kept by itself, in milliseconds. Older neighbours become one piece. A coarser sample that
reaches over the end of what was booked meets single ones then, so that the rest of it can be told."""

KEPT_MS = 32 * 86_400_000
"""How far back samples can be judged, in milliseconds: farther than any catching up asks."""

PIECES_MAX = 1_000
"""Pieces of a series; it has some thirty. A series with so many holes is judged less far back."""


class Judged(NamedTuple):
    """What one sample does to its series.

    Attributes:
        state: New state; the very same object when nothing changed.
        rule: Row of the table that decided.
        deltas: What is booked, in order of time.
        quarantined: What is set aside.
        findings: What was seen.
    """

    state: RateState
    rule: int
    deltas: tuple[Delta, ...] = ()
    quarantined: tuple[Delta, ...] = ()
    findings: tuple[Finding, ...] = ()


# --- one sample ------------------------------------------------------------------------------------------------------


def account(state: RateState, sample: RateSample, max_rate: int) -> Judged:
    """Return what a sample books and the state that it leaves.

    Args:
        state: State after the samples before.
        sample: The sample; its interval is longer than nothing.
        max_rate: Ceiling of a believable rate, bit/s.

    Source: docs/accounting.md, section 8.
    """
    start = sample.at - sample.interval_ms
    if start < state.low:
        words = {"judged_from": format_time(state.low), **_bound(sample.rx_bytes, sample.tx_bytes)}
        return Judged(state, TOO_OLD, findings=(_told(EventName.OUT_OF_ORDER, sample, words),))
    known = state.pieces[overlapping(state.pieces, start, sample.at)]
    free = _free(known, start, sample.at)
    if not free:
        return _covered(state, known, sample)
    whole = Growth(sample.rx_bytes, sample.tx_bytes)
    if not known:
        return _booked(state, sample, free, whole, ceiling=max_rate, rule=WHOLE)
    if not all(_lies_within(piece, start, sample.at) for piece in known):
        bound = _bound(sample.rx_bytes, sample.tx_bytes)
        return Judged(state, UNPROVED, findings=(_told(EventName.CONFLICT, sample, bound),))
    beyond = Growth(
        max(0, sample.rx_bytes - sum(piece.rx_bytes for piece in known)),
        max(0, sample.tx_bytes - sum(piece.tx_bytes for piece in known)),
    )
    return _booked(state, sample, free, beyond, ceiling=max_rate, rule=BEYOND)


def _covered(state: RateState, known: Sequence[Piece], sample: RateSample) -> Judged:
    """Rows 22 and 23: all of its interval is booked."""
    piece = known[0]
    is_same_sample = piece.samples == 1 and (piece.end - piece.start, piece.end) == (sample.interval_ms, sample.at)
    more = (sample.rx_bytes - piece.rx_bytes, sample.tx_bytes - piece.tx_bytes)
    if not is_same_sample or more == (0, 0):
        return Judged(state, REPEAT)
    words = {
        "known_rx_bytes": str(piece.rx_bytes),
        "known_tx_bytes": str(piece.tx_bytes),
        **_bound(max(0, more[0]), max(0, more[1])),
    }
    return Judged(state, CONFLICT, findings=(_told(EventName.CONFLICT, sample, words),))


def _booked(
    state: RateState,
    sample: RateSample,
    free: Sequence[tuple[Instant, Instant]],
    amount: Growth,
    *,
    ceiling: int,
    rule: int,
) -> Judged:
    """Rows 24 to 26: book an amount over the free parts of a sample's interval, or set it aside."""
    start, at = sample.at - sample.interval_ms, sample.at
    milliseconds = sum(right - left for left, right in free)
    whole = Growth(sample.rx_bytes, sample.tx_bytes)
    quality = Quality.MEASURED if rule == WHOLE else Quality.SPREAD
    findings: tuple[Finding, ...] = ()
    aside = is_implausible(whole, sample.interval_ms, ceiling) or is_implausible(amount, milliseconds, ceiling)
    if aside:
        rule = IMPLAUSIBLE
        findings = (_told(EventName.IMPLAUSIBLE, sample, {"max_rate": str(ceiling)}),)
    deltas = tuple(
        Delta(left, right, growth, quality, rule) for (left, right), growth in _shared_out(amount, free, milliseconds)
    )
    single = 1 if len(free) == 1 and free[0] == (start, at) else 0
    known_as = Quality.MISSING if aside else quality
    made = [Piece(d.start, d.end, d.growth.rx_bytes, d.growth.tx_bytes, known_as, start, at, single) for d in deltas]
    state = state._replace(pieces=_with(state.pieces, made))
    return Judged(state, rule, () if aside else deltas, deltas if aside else (), findings)


def _told(event: EventName, sample: RateSample, detail: dict[str, str]) -> Finding:
    """Return an event about a sample that is not booked, or not as it is."""
    words = {
        "start": format_time(sample.at - sample.interval_ms),
        "end": format_time(sample.at),
        "rx_bytes": str(sample.rx_bytes),
        "tx_bytes": str(sample.tx_bytes),
    }
    return Finding(event, sample.at, {**words, **detail})


def _bound(rx_bytes: int, tx_bytes: int) -> dict[str, str]:
    """Return what is not booked at most, as events carry it. Rates are read at uplinks: what they receive comes to the
    tenant."""
    return {"unknown_bytes_max_ingress": str(rx_bytes), "unknown_bytes_max_egress": str(tx_bytes)}


# --- pieces ----------------------------------------------------------------------------------------------------------


def overlapping(pieces: Sequence[Piece], start: Instant, end: Instant) -> slice:
    """Return where the pieces are that share time with [start, end)."""
    first = bisect_right(pieces, start, key=lambda piece: piece.end)
    return slice(first, bisect_left(pieces, end, lo=first, key=lambda piece: piece.start))


def _free(known: Sequence[Piece], start: Instant, end: Instant) -> list[tuple[Instant, Instant]]:
    """Return the parts of [start, end) that no piece covers."""
    edges = [start, *(edge for piece in known for edge in (piece.start, piece.end)), end]
    return [(left, right) for left, right in zip(edges[::2], edges[1::2], strict=True) if left < right]


def _lies_within(piece: Piece, start: Instant, end: Instant) -> bool:
    """True when the bytes of a piece, or of the whole sample that it is a part of, are known to lie in [start, end)."""
    return start <= piece.origin_start and piece.origin_end <= end and piece.quality is not Quality.MISSING


def _shared_out(
    amount: Growth, free: Sequence[tuple[Instant, Instant]], milliseconds: int
) -> Iterator[tuple[tuple[Instant, Instant], Growth]]:
    """Yield each free part with its share by the cumulative rule, so that the shares add up to the amount."""
    passed, before = 0, Growth()
    for left, right in free:
        passed += right - left
        upto = Growth(*(quantity * passed // milliseconds for quantity in amount))
        yield (left, right), Growth(*(now - then for now, then in zip(upto, before, strict=True)))
        before = upto


def _with(pieces: tuple[Piece, ...], made: Sequence[Piece]) -> tuple[Piece, ...]:
    if not pieces or pieces[-1].end <= made[0].start:
        return (*pieces, *made)
    return tuple(sorted((*pieces, *made)))


# --- one reading -----------------------------------------------------------------------------------------------------


def begun(state: RateState | None, samples: Sequence[RateSample], held_since: Instant) -> RateState:
    """Return the state that a reading is judged by: metering begins with what the first answers hold."""
    if state is not None and state.pieces:
        return state
    if state is not None and not samples:
        return state
    first = min((sample.at - sample.interval_ms for sample in samples), default=held_since)
    low = min(first, held_since if state is None else state.low)
    return RateState(low, low)


def settle(
    state: RateState, held_since: Instant, polled_at: Instant, max_rate: int
) -> tuple[RateState, tuple[Finding, ...]]:
    """Return the state after a reading, and the holes that nothing will fill any more.

    A hole is lost when the source no longer holds it, or when it lacks an hour before the newest sample.

    Args:
        state: State after the reading's samples.
        held_since: The oldest instant that the answer could have shown.
        polled_at: Our time: what is said to come later does not count as news.
        max_rate: Ceiling of a believable rate, bit/s: it bounds what a hole may hide.
    """
    if not state.pieces:
        return state, ()
    newest = min(state.pieces[-1].end, polled_at)
    settled = max(state.settled, min(held_since, newest), newest - LATE_MS)
    lost = tuple(_lost(hole, max_rate) for hole in holes(state) if state.settled < hole[1] <= settled)
    return _compacted(state._replace(settled=settled), newest), lost


def holes(state: RateState) -> Iterator[tuple[Instant, Instant]]:
    """Yield (start, end) of the time between pieces, in order."""
    return ((before.end, after.start) for before, after in pairwise(state.pieces) if before.end < after.start)


def _lost(hole: tuple[Instant, Instant], max_rate: int) -> Finding:
    start, end = hole
    bytes_max = max_rate * (end - start) // 8_000
    detail = {"start": format_time(start), "end": format_time(end), **_bound(bytes_max, bytes_max)}
    return Finding(EventName.GAP, end, detail)


def _compacted(state: RateState, newest: Instant) -> RateState:
    """Return the state with older neighbours joined and the oldest pieces forgotten, by whole slots."""
    pieces = _joined(state.pieces, newest - DETAIL_MS)
    low = max(state.low, slot_start(newest - KEPT_MS))
    if len(pieces) > PIECES_MAX:
        low = max(low, slot_start(pieces[-PIECES_MAX].start))
    if pieces[0].end <= low:
        pieces = tuple(piece for piece in pieces if piece.end > low)
    return RateState(low, state.settled, pieces)


def _joined(pieces: tuple[Piece, ...], until: Instant) -> tuple[Piece, ...]:
    """Return the pieces with neighbours that ended by ``until`` joined, where both are whole samples."""
    kept: list[Piece] = []
    for piece in pieces:
        before = kept[-1] if kept else None
        if before is None or piece.end > until or not _can_join(before, piece):
            kept.append(piece)
            continue
        kept[-1] = Piece(
            before.start,
            piece.end,
            before.rx_bytes + piece.rx_bytes,
            before.tx_bytes + piece.tx_bytes,
            piece.quality,
            before.start,
            piece.end,
            before.samples + piece.samples,
        )
    return pieces if len(kept) == len(pieces) else tuple(kept)


def _can_join(before: Piece, after: Piece) -> bool:
    together = max(before.rx_bytes + after.rx_bytes, before.tx_bytes + after.tx_bytes)
    is_whole = all(piece.samples and piece.quality is Quality.MEASURED for piece in (before, after))
    return is_whole and before.end == after.start and together <= GROWTH_MAX


# --- what is asked for -----------------------------------------------------------------------------------------------


def ask_from(state: RateState | None, now: Instant, catch_up_ms: int) -> Instant:
    """Return from when on samples are to be asked for.

    That is a few intervals before the newest sample, or the oldest hole that may still be filled, and never longer ago
    than ``catch_up_ms``.

    Args:
        state: State of the series, ``None`` before its first reading.
        now: Our time.
        catch_up_ms: How far back is asked after an outage.
    """
    earliest = now - catch_up_ms
    if state is None:
        return max(earliest, now - FIRST_LOOK_MS)
    if not state.pieces:
        return max(earliest, min(state.low, now - FIRST_LOOK_MS))
    newest = state.pieces[-1]
    interval = min(newest.origin_end - newest.origin_start, INTERVAL_MS_MAX)
    awaited = [start for start, end in ((state.low, state.pieces[0].start), *holes(state)) if end > state.settled]
    return max(earliest, min([min(newest.end, now) - OVERLAP_INTERVALS * interval, *awaited]))
