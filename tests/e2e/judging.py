"""What the accounting rules make of the samples of a ledger, by their second reading in ``tests.oracle``."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from zoneinfo import ZoneInfo

from collector.core.periods import parse_time
from collector.model.identity import Kind, PointKey, ReadAt
from collector.model.usage import Role
from tests.e2e.committed import Committed, SeriesId
from tests.e2e.sinks import Sum, Who
from tests.oracle.rules import Book, Booked, Params, Told, decide
from tests.oracle.shares import owner_at, slots

BALANCE = "\0balance"
"""Stands in for the tenant of a point that is read for balance only."""


@dataclass(slots=True)
class Judged:
    """A series by the rules: its book, and each step as (rule, entries booked by it, entries set aside by it)."""

    book: Book
    params: Params
    steps: list[tuple[Told, list[Booked], list[Booked]]] = field(default_factory=list)


def judge(committed: Committed, *, max_rate: int, gap_after_ms: int) -> tuple[dict[SeriesId, Judged], list[str]]:
    """Return what the rules make of every series, and where the daemon applied another row of the table.

    The time of creation is the daemon's own finding; the true counters prove or refute it.
    """
    created: dict[tuple[str | None, str | None, int], int] = {
        (event.point, event.node, event.at): parse_time(str(event.detail["created_at"]), ZoneInfo("UTC"))
        for event in committed.events
        if event.event == "created"
    }
    judged, wrong = {}, []
    for series, samples in committed.samples.items():
        at = created.get((series.point.label, series.node, samples[0].sample.at)) if samples[0].rule == 2 else None
        params = Params(
            max_rate,
            gap_after_ms,
            summary=series.read_at is ReadAt.TIER0_SUMMARY,
            created_at=at,
            lacked_at=None if at is None else 0,
        )
        one = judged[series] = Judged(Book(), params)
        for sample in samples:
            told = Told(sample.sample.at, tuple(sample.sample.counters))
            booked, aside = len(one.book.booked), len(one.book.quarantined)
            rule = decide(one.book, told, params)
            one.steps.append((told, one.book.booked[booked:], one.book.quarantined[aside:]))
            if rule != sample.rule:
                wrong.append(f"{series}: {told}: expected rule {rule}, got {sample.rule}")
    return judged, wrong


class Seen(NamedTuple):
    """What events are counted by."""

    point: str
    node: str
    event: str


def noted_events(judged: dict[SeriesId, Judged]) -> dict[Seen, tuple[int, int]]:
    """Return how often the rules note each event, and the sum of the bounds of what was never read."""
    found: dict[Seen, tuple[int, int]] = {}
    for series, one in judged.items():
        for noted in one.book.events:
            seen = Seen(series.point.label, series.node, noted.name)
            count, bound = found.get(seen, (0, 0))
            found[seen] = (count + 1, bound + (noted.bound or 0))
    return found


def stored_events(committed: Committed, judged: dict[SeriesId, Judged]) -> dict[Seen, tuple[int, int]]:
    """Return the same as the ledger has it, of the events that samples with evidence cause."""
    names = {noted.name for one in judged.values() for noted in one.book.events}
    found: dict[Seen, tuple[int, int]] = {}
    for event in committed.events:
        if event.event in names:
            seen = Seen(str(event.point), str(event.node), event.event)
            bounds = {int(str(value)) for name, value in event.detail.items() if name.startswith("unknown_bytes_max")}
            assert len(bounds) <= 1, f"expected one bound for both directions, got {event}"
            count, bound = found.get(seen, (0, 0))
            found[seen] = (count + event.count, bound + sum(bounds))
    return found


def set_aside(committed: Committed, judged: dict[SeriesId, Judged]) -> dict[str, int]:
    """Return tenant → bytes in quarantine, both directions."""
    owners = _owners(committed)
    found: dict[str, int] = defaultdict(int)
    for series, one in judged.items():
        for entry in one.book.quarantined:
            found[owner_at(owners[series.point], entry.start)] += sum(entry.growth[:2])
    found.pop(BALANCE, None)
    return dict(found)


def _owners(committed: Committed) -> dict[PointKey, list[tuple[int, str]]]:
    return {
        point.key: [
            (owner.valid_from, owner.tenant if owner.role is Role.BILLED else BALANCE) for owner in point.owners
        ]
        for point in committed.state.points
    }


class SlotOf(NamedTuple):
    """A row of usage."""

    tenant: str
    kind: str
    point: str
    direction: str
    start: int


def expected_slots(committed: Committed, judged: dict[SeriesId, Judged]) -> dict[SlotOf, Sum]:
    """Return what every slot must have, without the rows that are all zeros."""
    owners = _owners(committed)
    sums: dict[SlotOf, list[int]] = defaultdict(lambda: [0, 0, 0])
    for series, one in judged.items():
        key = series.point
        for (tenant, start), growth in slots(one.book.booked, owners[key]).items():
            if tenant == BALANCE:
                continue
            for direction, part in zip(("ingress", "egress"), _seen(series, growth), strict=True):
                row = sums[SlotOf(tenant, key.kind.value, key.label, direction, start)]
                for index, value in enumerate(part):
                    row[index] += value
    return {slot: Sum(*values) for slot, values in sums.items() if any(values)}


def _seen(series: SeriesId, growth: Sequence[int]) -> tuple[Sum, Sum]:
    """Return (ingress, egress) of growth: the Tier-0's port of a link looks toward the tenant."""
    rx, tx = Sum(*growth[0::2]), Sum(*growth[1::2])
    flipped = series.point.kind is Kind.TIER1_DOWNLINK and series.read_at in (ReadAt.TIER0, ReadAt.TIER0_SUMMARY)
    return (tx, rx) if flipped else (rx, tx)


def totals(rows: dict[SlotOf, Sum]) -> dict[Who, Sum]:
    """Return slots added up per tenant, kind and direction."""
    sums: dict[Who, list[int]] = defaultdict(lambda: [0, 0, 0])
    for slot, row in rows.items():
        for index, value in enumerate(row):
            sums[Who(slot.tenant, slot.kind, slot.direction)][index] += value
    return {who: Sum(*values) for who, values in sorted(sums.items())}
