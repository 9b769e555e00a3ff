"""From the samples of one series to what is booked: the table of docs/accounting.md, section 2, row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

Counted: TypeAlias = "tuple[int | None, ...]"
"""rx_bytes, tx_bytes, rx_packets, tx_packets, rx_dropped, tx_dropped; ``None`` is a counter that the row lacked."""

WIDTH = 6
GROWTH_MAX = 2**56
"""Growth of one counter above which a delta cannot be believed: sums over a slot must stay inside 64 bits."""
CREATED_AFTER_MS = 60_000
"""An object counts as new when it was created more than this after the last complete inventory that lacked it."""

MEASURED, INFERRED, SPREAD, MISSING = "measured", "inferred", "spread", "missing"


class Params(NamedTuple):
    """Settings of a series, in bit/s and milliseconds, and what the inventories know of its object."""

    max_rate: int
    gap_after_ms: int
    summary: bool = False
    created_at: int | None = None
    lacked_at: int | None = None


class Told(NamedTuple):
    """One sample: the device's time in milliseconds (0: none), and six counters."""

    at: int
    counters: Counted


class Booked(NamedTuple):
    """Growth over [start, end)."""

    start: int
    end: int
    growth: tuple[int, ...]
    quality: str
    rule: int


class Noted(NamedTuple):
    """An event; ``bound`` is the greatest number of bytes per direction that a restart can have swallowed."""

    name: str
    at: int
    bound: int | None = None


@dataclass
class Book:
    """All that a history of samples leaves behind."""

    booked: list[Booked] = field(default_factory=list)
    quarantined: list[Booked] = field(default_factory=list)
    events: list[Noted] = field(default_factory=list)
    rules: list[int] = field(default_factory=list)
    baseline: Told | None = None
    held: Told | None = None
    first_at: int | None = None


def account(history: Iterable[Told], params: Params) -> Book:
    """Return what a history of one series comes to; samples in the order in which they were read."""
    book = Book()
    for sample in history:
        decide(book, sample, params)
    return book


def decide(book: Book, sample: Told, params: Params) -> int:
    """Let the first row of the table that fits change ``book``; return its number."""
    for number, fits, act in TABLE:
        if fits(book, sample, params):
            act(book, sample, params)
            book.rules.append(number)
            return number
    raise AssertionError(f"no row of the table fits {sample}")


# --- what the rows ask -----------------------------------------------------------------------------------------------


def both_have(one: Told, other: Told) -> list[int]:
    """The counters that two samples can be compared by."""
    return [i for i in range(WIDTH) if one.counters[i] is not None and other.counters[i] is not None]


def same(one: Told, other: Told) -> bool:
    """No counter that both have differs."""
    return all(one.counters[i] == other.counters[i] for i in both_have(one, other))


def not_below(new: Told, old: Told) -> bool:
    """No counter that both have fell."""
    return all(_known(new, i) >= _known(old, i) for i in both_have(new, old))


def grown(new: Told, old: Told) -> tuple[int, ...]:
    """Growth per counter; 0 for one that only one of them has, and for one that fell."""
    shared = both_have(new, old)
    return tuple(max(0, _known(new, i) - _known(old, i)) if i in shared else 0 for i in range(WIDTH))


def since_restart(held: Told, base: Told) -> tuple[int, ...]:
    """The held values as they are, counted since the restart. A counter that the base never had starts here."""
    shared = both_have(held, base)
    return tuple(_known(held, i) if i in shared else 0 for i in range(WIDTH))


def beyond_belief(growth: tuple[int, ...], start: int, end: int, params: Params) -> bool:
    """More bytes in a direction than the line can carry, or more of anything than a slot can hold."""
    fast = any(growth[i] * 8_000 > params.max_rate * (end - start) for i in (0, 1))
    return fast or any(value > GROWTH_MAX for value in growth)


def believably_new(sample: Told, params: Params) -> bool:
    """The object did not exist at the last complete inventory before it, and this is its first value."""
    if params.created_at is None or params.lacked_at is None:
        return False
    return params.created_at - params.lacked_at > CREATED_AFTER_MS and params.created_at < sample.at


def _known(sample: Told, i: int) -> int:
    value = sample.counters[i]
    assert value is not None
    return value


# --- what the rows do ------------------------------------------------------------------------------------------------


def trust(book: Book, sample: Told, keep: Told | None) -> None:
    """Make ``sample`` the baseline; what it lacks stays as ``keep`` had it. Nothing is held any more."""
    old = keep.counters if keep is not None else (None,) * WIDTH
    values = tuple(new if new is not None else was for new, was in zip(sample.counters, old, strict=True))
    book.baseline, book.held = Told(sample.at, values), None
    if book.first_at is None:
        book.first_at = sample.at


def book_or_set_aside(book: Book, params: Params, entry: Booked, gap: bool) -> None:
    """Rule 7 guards the delta; ``gap`` marks one that, when too long, is spread."""
    if beyond_belief(entry.growth, entry.start, entry.end, params):
        book.quarantined.append(entry._replace(quality=MISSING))
        book.events.append(Noted("implausible", entry.end))
        return
    if gap and entry.end - entry.start > params.gap_after_ms:
        entry = entry._replace(quality=SPREAD)
        book.events.append(Noted("gap", entry.end))
    book.booked.append(entry)


def bound_of(start: int, end: int, params: Params) -> int:
    """Bytes per direction that can have passed unread in [start, end); of whole bytes, so rounded down."""
    return params.max_rate * (end - start) // 8_000


def settle_restart(book: Book, params: Params, rule: int) -> Told:
    """Rows 11 and 12, first part: what happened up to the held sample. Returns the held sample."""
    base, held = _both(book)
    if params.summary:
        book.events.append(Noted("summary_fall", held.at, bound_of(base.at, held.at, params)))
        return held
    book.events.append(Noted("reset", held.at, bound_of(base.at, held.at, params)))
    entry = Booked(base.at, held.at, since_restart(held, base), INFERRED, rule)
    book_or_set_aside(book, params, entry, gap=False)
    return held


def _both(book: Book) -> tuple[Told, Told]:
    assert book.baseline is not None
    assert book.held is not None
    return book.baseline, book.held


def _base(book: Book) -> Told:
    assert book.baseline is not None
    return book.baseline


def _newest(book: Book) -> Told:
    return book.held if book.held is not None else _base(book)


# --- the rows --------------------------------------------------------------------------------------------------------


def is_empty(_book: Book, s: Told, _params: Params) -> bool:
    """Row 1: timestamp missing or 0, or no counter at all."""
    return s.at == 0 or all(value is None for value in s.counters)


def note_empty(book: Book, s: Told, _params: Params) -> None:
    """Row 1."""
    book.events.append(Noted("never_updated", s.at))


def is_creation(book: Book, s: Told, params: Params) -> bool:
    """Row 2: no baseline, and the object is younger than the last inventory that lacked it."""
    return book.baseline is None and believably_new(s, params)


def book_creation(book: Book, s: Told, params: Params) -> None:
    """Row 2: the whole value since the creation."""
    assert params.created_at is not None
    book.events.append(Noted("created", s.at))
    whole = tuple(value or 0 for value in s.counters)
    book_or_set_aside(book, params, Booked(params.created_at, s.at, whole, INFERRED, 2), gap=False)
    trust(book, s, None)


def is_first(book: Book, _s: Told, _params: Params) -> bool:
    """Row 3: no baseline."""
    return book.baseline is None


def note_first(book: Book, s: Told, _params: Params) -> None:
    """Row 3."""
    book.events.append(Noted("first_seen", s.at))
    trust(book, s, None)


def is_repeat(book: Book, s: Told, _params: Params) -> bool:
    """Row 4: the newest sample again, or the baseline while something is held."""
    newest, base = _newest(book), _base(book)
    return (s.at == newest.at and same(s, newest)) or (s.at == base.at and same(s, base))


def do_nothing(_book: Book, _s: Told, _params: Params) -> None:
    """Row 4."""


def is_conflict(book: Book, s: Told, _params: Params) -> bool:
    """Row 5: the newest sample's time with other counters."""
    return s.at == _newest(book).at


def note_conflict(book: Book, s: Told, _params: Params) -> None:
    """Row 5."""
    book.events.append(Noted("conflict", s.at))


def is_late(book: Book, s: Told, _params: Params) -> bool:
    """Row 6: older than the newest sample."""
    return s.at < _newest(book).at


def note_late(book: Book, s: Told, _params: Params) -> None:
    """Row 6."""
    book.events.append(Noted("out_of_order", s.at))


def is_implausible(book: Book, s: Told, params: Params) -> bool:
    """Row 7, where nothing is held: too much at once."""
    base = _base(book)
    return book.held is None and beyond_belief(grown(s, base), base.at, s.at, params)


def set_aside(book: Book, s: Told, params: Params) -> None:
    """Row 7."""
    base = _base(book)
    book_or_set_aside(book, params, Booked(base.at, s.at, grown(s, base), MISSING, 7), gap=False)
    trust(book, s, base)


def is_growth(book: Book, s: Told, _params: Params) -> bool:
    """Row 8, where nothing is held: nothing fell."""
    return book.held is None and not_below(s, _base(book))


def book_growth(book: Book, s: Told, params: Params) -> None:
    """Row 8."""
    base = _base(book)
    book_or_set_aside(book, params, Booked(base.at, s.at, grown(s, base), MEASURED, 8), gap=True)
    trust(book, s, base)


def is_fall(book: Book, _s: Told, _params: Params) -> bool:
    """Row 9, where nothing is held: what is left."""
    return book.held is None


def hold(book: Book, s: Told, _params: Params) -> None:
    """Row 9."""
    book.held = s


def was_glitch(book: Book, n: Told, _params: Params) -> bool:
    """Row 10: the next sample goes on from the baseline as if the held one had never been."""
    return not_below(n, _base(book))


def book_glitch(book: Book, n: Told, params: Params) -> None:
    """Row 10."""
    base = _base(book)
    book.events.append(Noted("glitch", n.at))
    book_or_set_aside(book, params, Booked(base.at, n.at, grown(n, base), MEASURED, 10), gap=True)
    trust(book, n, base)


def was_restart(book: Book, n: Told, _params: Params) -> bool:
    """Row 11: the next sample goes on from the held one."""
    _, held = _both(book)
    return not_below(n, held)


def book_restart(book: Book, n: Told, params: Params) -> None:
    """Row 11."""
    held = settle_restart(book, params, 11)
    book_or_set_aside(book, params, Booked(held.at, n.at, grown(n, held), MEASURED, 11), gap=True)
    trust(book, n, held)


def fell_again(_book: Book, _n: Told, _params: Params) -> bool:
    """Row 12: what is left."""
    return True


def book_and_hold(book: Book, n: Told, params: Params) -> None:
    """Row 12."""
    held = settle_restart(book, params, 12)
    trust(book, held, None)
    book.held = n


Fits: TypeAlias = Callable[[Book, Told, Params], bool]
Act: TypeAlias = Callable[[Book, Told, Params], None]

TABLE: tuple[tuple[int, Fits, Act], ...] = (
    (1, is_empty, note_empty),
    (2, is_creation, book_creation),
    (3, is_first, note_first),
    (4, is_repeat, do_nothing),
    (5, is_conflict, note_conflict),
    (6, is_late, note_late),
    (7, is_implausible, set_aside),
    (8, is_growth, book_growth),
    (9, is_fall, hold),
    (10, was_glitch, book_glitch),
    (11, was_restart, book_restart),
    (12, fell_again, book_and_hold),
)
