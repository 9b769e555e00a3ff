"""Usage, grouped and paged, equals a plain model of the same rows."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from pathlib import Path
from tempfile import TemporaryDirectory
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from collector.ledger import sums
from collector.ledger.sqlite import SqliteReader, SqliteWriter
from collector.model.identity import Direction, Kind, PointKey, TenantId
from collector.model.period import SLOT_MS, Instant
from collector.model.usage import Coverage, SlotChange, Usage, UsageRow
from collector.ports import LedgerQuery, LedgerReader, LedgerWriter
from tests.contract.ledger.build import ACME, GLOBEX, T0, accounts, batch, change, one_account, point_key, slot

HOUR_MS = 3_600_000
KEYS: list[tuple[TenantId, PointKey]] = [
    (ACME, point_key("a")),
    (ACME, point_key("b")),
    (ACME, point_key("c", Kind.TIER1_DOWNLINK)),
    (ACME, point_key("a", Kind.SERVICE_INTERFACE)),  # a label that two kinds have
    (GLOBEX, point_key("a")),
]
SLOTS = 30
QUANTITY = st.one_of(st.integers(0, 9), st.integers(2**60, 2**62))


@st.composite
def coverages(draw: st.DrawFn) -> Coverage:
    cuts = sorted(draw(st.lists(st.integers(0, SLOT_MS), min_size=3, max_size=3)))
    return draw(
        st.sampled_from(
            [
                Coverage(SLOT_MS),
                Coverage(),
                Coverage(cuts[0], cuts[1] - cuts[0], cuts[2] - cuts[1]),
            ]
        )
    )


CHANGES = st.dictionaries(
    st.tuples(st.integers(0, len(KEYS) - 1), st.integers(0, SLOTS - 1)),
    st.tuples(st.builds(Usage, *[QUANTITY] * 6), coverages()),
    max_size=40,
)

QUERIES = st.builds(
    lambda span, step, by, kinds, points, directions: LedgerQuery(
        tenant=ACME,
        start=slot(min(span)),
        end=slot(max(span)),
        step_ms=step,
        by=frozenset(by),
        kinds=kinds,
        points=points,
        directions=directions,
    ),
    st.tuples(st.integers(-3, SLOTS + 3), st.integers(-3, SLOTS + 15)),
    st.sampled_from([SLOT_MS, HOUR_MS, 24 * HOUR_MS, None]),
    st.sets(st.sampled_from(["kind", "point", "direction"])),
    st.none() | st.just((Kind.TIER0_UPLINK,)) | st.just((Kind.SERVICE_INTERFACE, Kind.TIER1_DOWNLINK)),
    st.none() | st.just(("nsx-a:/infra/a",)) | st.just(("nsx-a:/infra/b", "nsx-a:/infra/c")),
    st.none() | st.just((Direction.INGRESS,)) | st.just((Direction.EGRESS, Direction.INGRESS)),
)

Cells = dict[tuple[int, int], tuple[Usage, Coverage]]


def expected(cells: Cells, query: LedgerQuery) -> list[UsageRow]:
    """Return what the query should answer, computed row by row."""
    groups: dict[tuple[Instant, str, str, str], list[tuple[int, Usage, Coverage]]] = {}
    for (place, number), (usage, coverage) in cells.items():
        tenant, key = KEYS[place]
        if (
            tenant != query.tenant
            or not query.start <= slot(number) < query.end
            or (query.kinds is not None and key.kind not in query.kinds)
            or (query.points is not None and key.label not in query.points)
        ):
            continue
        at = query.start if query.step_ms is None else slot(number) // query.step_ms * query.step_ms
        kind = key.kind.value if "kind" in query.by else ""
        point = key.label if "point" in query.by else ""
        wanted = query.directions or tuple(Direction)
        for direction in wanted if "direction" in query.by else [""]:
            groups.setdefault((at, kind, point, direction), []).append((number, usage, coverage))
    return [_row(query, key, groups[key]) for key in sorted(groups)]


def _row(
    query: LedgerQuery, key: tuple[Instant, str, str, str], members: Iterable[tuple[int, Usage, Coverage]]
) -> UsageRow:
    at, kind, point, direction = key
    wanted = [direction] if direction else [d.value for d in query.directions or tuple(Direction)]
    quantities = [0, 0, 0]
    slots: dict[int, list[Coverage]] = {}
    for number, usage, coverage in members:
        slots.setdefault(number, []).append(coverage)
        for one in wanted:
            for place, field in enumerate(("bytes", "packets", "dropped")):
                quantities[place] += getattr(usage, f"{one}_{field}")
    measured = inferred = spread = 0
    for covers in slots.values():
        missing = max(SLOT_MS - sum(c) for c in covers)
        unproved = max(SLOT_MS - c.measured_ms - c.inferred_ms for c in covers)
        unmeasured = max(SLOT_MS - c.measured_ms for c in covers)
        measured += SLOT_MS - unmeasured
        inferred += unmeasured - unproved
        spread += unproved - missing
    end = query.end if query.step_ms is None else min(query.end, at + query.step_ms)
    return UsageRow(
        query.tenant,
        max(at, query.start),
        end,
        Kind(kind) if kind else None,
        point or None,
        Direction(direction) if direction else None,
        quantities[0],
        quantities[1],
        quantities[2],
        measured,
        inferred,
        spread,
    )


async def paged(reader: LedgerReader, query: LedgerQuery, limit: int) -> list[UsageRow]:
    """Return all rows, page by page."""
    rows: list[UsageRow] = []
    after = None
    while True:
        page = await reader.usage(_with(query, after, limit))
        assert len(page) <= limit
        if not page:
            return rows
        rows += page
        last = page[-1]
        after = (last.start, last.kind or "", last.point or "", last.direction or "")


def _with(query: LedgerQuery, after: tuple[Instant, str, str, str] | None, limit: int) -> LedgerQuery:
    return LedgerQuery(
        tenant=query.tenant,
        start=query.start,
        end=query.end,
        step_ms=query.step_ms,
        by=query.by,
        kinds=query.kinds,
        points=query.points,
        directions=query.directions,
        after=after,
        limit=limit,
    )


async def store(writer: LedgerWriter, cells: Cells) -> None:
    """Store the cells."""
    refs = await accounts(writer, KEYS)
    changes = (SlotChange(refs[place], slot(number), *cell) for (place, number), cell in cells.items())
    await writer.commit(batch(slots=tuple(changes)))


@given(
    cells=CHANGES,
    queries=st.lists(QUERIES, min_size=8, max_size=8),
    limit=st.sampled_from([1, 2, 3, 7, 1_000]),
    rows_max=st.sampled_from([1, 30, 50_000]),
)
def test_grouping_and_paging_equal_the_model(
    cells: Cells, queries: list[LedgerQuery], limit: int, rows_max: int
) -> None:
    async def run() -> None:
        with TemporaryDirectory() as folder:
            path = Path(folder) / "ledger.db"
            writer, reader = SqliteWriter(path), SqliteReader(path)
            await writer.start()
            await reader.start()
            try:
                await store(writer, cells)
                for query in queries:
                    # However the engine cuts its work, the sums are the same.
                    with patch.object(sums, "ROWS_MAX", rows_max):
                        rows = await paged(reader, query, limit)
                    assert rows == expected(cells, query)
            finally:
                await reader.stop()
                await writer.stop()

    asyncio.run(run())


async def test_sums_are_exact_beyond_64_bits(writer: LedgerWriter, reader: LedgerReader) -> None:
    account = await one_account(writer)
    usages = [Usage(2**62 + number, 2**53 + 1, 0, 2**62 - 1, 1, 2**62 + 3) for number in range(9)]
    for number, usage in enumerate(usages):
        await writer.commit(batch(slots=(change(account, number, usage),)))
    query = LedgerQuery(tenant=ACME, start=T0, end=slot(12), step_ms=HOUR_MS, by=frozenset({"direction"}))
    egress, ingress = await reader.usage(query)
    total = Usage(*(sum(column) for column in zip(*usages, strict=True)))
    assert (ingress.bytes, ingress.packets, ingress.dropped_packets) == total[0::2]
    assert (egress.bytes, egress.packets, egress.dropped_packets) == total[1::2]
    assert ingress.bytes > 2**65
    both = await reader.usage(LedgerQuery(tenant=ACME, start=T0, end=slot(12), step_ms=None, by=frozenset()))
    assert both[0].bytes == total.ingress_bytes + total.egress_bytes


async def test_a_row_of_zeros_with_coverage_is_a_row(writer: LedgerWriter, reader: LedgerReader) -> None:
    account = await one_account(writer)
    await writer.commit(batch(slots=(change(account, 3, Usage(), Coverage(60_000, 0, 5_000)),)))
    query = LedgerQuery(tenant=ACME, start=T0, end=slot(12), step_ms=SLOT_MS, by=frozenset({"kind"}))
    assert await reader.usage(query) == [
        UsageRow(ACME, slot(3), slot(4), Kind.TIER0_UPLINK, None, None, 0, 0, 0, 60_000, 0, 5_000)
    ]


async def test_an_interval_without_rows_is_empty(writer: LedgerWriter, reader: LedgerReader) -> None:
    account = await one_account(writer)
    await writer.commit(batch(slots=(change(account, 0),)))
    for start, end in ((slot(1), slot(9_000)), (slot(5), slot(5)), (slot(5), slot(4))):
        query = LedgerQuery(tenant=ACME, start=start, end=end, step_ms=SLOT_MS, by=frozenset())
        assert await reader.usage(query) == []
    assert await reader.usage(LedgerQuery(tenant=TenantId("x"), start=0, end=T0, step_ms=None, by=frozenset())) == []
