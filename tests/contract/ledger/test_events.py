"""Events: repeats are one row, counts outlive rows, readers page by the order of storing."""

from __future__ import annotations

from typing import Any

from collector.model.identity import TenantId
from collector.model.usage import EventName, StoredEvent
from collector.ports import LedgerReader, LedgerWriter
from tests.contract.ledger.build import ACME, GLOBEX, T0, batch, event

HOUR_MS = 3_600_000


async def _all(reader: LedgerReader) -> list[StoredEvent]:
    return await reader.events(tenants=None, since=None, event=None, after=0, limit=1_000)


async def test_repeats_within_an_hour_are_one_row(writer: LedgerWriter, reader: LedgerReader) -> None:
    first = {"unknown_bytes_max_ingress": str(2**70), "unknown_bytes_max_egress": "5", "rx_bytes": "1", "old": "kept"}
    second = {"unknown_bytes_max_ingress": "7", "rx_bytes": "2", "nodes": ["a", "b"], "note": None}
    place: dict[str, Any] = {"tenant": ACME, "point": "nsx-a:/infra/up1", "node": "node-1"}
    await writer.commit(batch(events=(event(T0, repeat_key="s1", detail=first, **place),)))
    await writer.commit(
        batch(
            events=(
                event(T0 + HOUR_MS - 1, repeat_key="s1", detail=second, **place),
                event(T0 + 5, repeat_key="s1", detail={"rx_bytes": "3"}, **place),
            )
        )
    )
    (row,) = await _all(reader)
    assert row == StoredEvent(
        seq=row.seq,
        at=T0,
        last_at=T0 + HOUR_MS - 1,
        count=3,
        source="nsx-a",
        event="reset",
        tenant=ACME,
        point="nsx-a:/infra/up1",
        node="node-1",
        detail={
            "unknown_bytes_max_ingress": str(2**70 + 7),
            "unknown_bytes_max_egress": "5",
            "rx_bytes": "3",
            "old": "kept",
            "nodes": ["a", "b"],
            "note": None,
        },
    )
    assert (await writer.load()).event_counts == {("nsx-a", "reset"): 3}


async def test_what_is_no_repeat_is_a_row_of_its_own(writer: LedgerWriter, reader: LedgerReader) -> None:
    await writer.commit(
        batch(
            events=(
                event(T0, repeat_key="s1"),
                event(T0 + HOUR_MS, repeat_key="s1"),  # an hour later
                event(T0, repeat_key="s2"),  # another series
                event(T0, EventName.GAP, repeat_key="s1"),  # another event
                event(T0, repeat_key="s1", source="nsx-b"),  # another source
                event(T0),
                event(T0),  # no key: never merged
            )
        )
    )
    rows = await _all(reader)
    assert [row.count for row in rows] == [1] * 7
    assert [row.seq for row in rows] == sorted({row.seq for row in rows})


async def test_a_repeat_keeps_its_place(writer: LedgerWriter, reader: LedgerReader) -> None:
    await writer.commit(batch(events=(event(T0, repeat_key="s1"), event(T0, EventName.GAP))))
    before = [row.seq for row in await _all(reader)]
    await writer.commit(batch(events=(event(T0 + 9, repeat_key="s1"),)))
    assert [row.seq for row in await _all(reader)] == before


async def test_readers_filter_and_page(writer: LedgerWriter, reader: LedgerReader) -> None:
    tenants = [ACME, GLOBEX, None]
    await writer.commit(
        batch(
            events=tuple(
                event(T0 + number, EventName.GAP if number % 2 else EventName.RESET, tenant=tenants[number % 3])
                for number in range(12)
            )
        )
    )

    async def ats(
        who: list[TenantId] | None = None, since: int | None = None, name: str | None = None, after: int = 0
    ) -> list[int]:
        rows = await reader.events(tenants=who, since=since, event=name, after=after, limit=5)
        return [row.at - T0 for row in rows]

    assert await ats() == [0, 1, 2, 3, 4]
    assert await ats([ACME]) == [0, 3, 6, 9]
    assert await ats([ACME, GLOBEX]) == [0, 1, 3, 4, 6]
    assert await ats([]) == []
    assert await ats(since=T0 + 10) == [10, 11]
    assert await ats(name="gap") == [1, 3, 5, 7, 9]
    assert await ats([GLOBEX], T0 + 2, "gap") == [7]
    page = await reader.events(tenants=None, since=None, event=None, after=0, limit=5)
    assert await ats(after=page[-1].seq) == [5, 6, 7, 8, 9]
