"""A batch is stored whole, once, and comes back as it was."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from collector.errors import LedgerError
from collector.model.identity import Kind, PointKey, ReadAt, TenantId
from collector.model.period import BEGINNING
from collector.model.sample import Counters, Sample
from collector.model.usage import (
    ClosedRun,
    Coverage,
    Delta,
    EventName,
    Growth,
    InventoryUpdate,
    Owner,
    PointFacts,
    Quality,
    Quarantined,
    Role,
    Run,
    SeriesState,
    SeriesUpdate,
    StoredAccount,
    StoredPoint,
    StoredSeries,
    Usage,
)
from collector.ports import LedgerReader, LedgerWriter
from tests.contract.ledger.build import (
    ACME,
    COUNTER_MAX,
    GLOBEX,
    T0,
    accounts,
    batch,
    change,
    event,
    evidence,
    one_account,
    one_series,
    point_key,
    publication,
    sample,
    slot,
    update,
)
from tests.contract.ledger.conftest import Engine

QUARANTINED = Quarantined(
    1,
    Delta(T0, T0 + 60_000, Growth(COUNTER_MAX, 1, 2, 3, 4, 5), Quality.MEASURED, 7),
    Usage(COUNTER_MAX, 1, 2, 3, 4, 5),
    ACME,
    100_000_000_000,
)


async def test_an_empty_ledger_loads(writer: LedgerWriter, reader: LedgerReader) -> None:
    state = await writer.load()
    assert (state.points, state.series, state.accounts) == ((), (), ())
    assert (state.inventories, state.watermarks, state.event_counts, state.quarantined_bytes) == ({}, {}, {}, {})
    assert await reader.tenants() == []
    assert await reader.outbox("influxdb", 10) == []


async def test_a_known_batch_changes_nothing(engine: Engine, writer: LedgerWriter) -> None:
    account, series = await one_account(writer), await one_series(writer)
    await writer.register_exporters(["influxdb"])
    first = batch(
        series=(update(series),),
        slots=(change(account, 0),),
        publish=(publication(account, 0),),
        evidence=(evidence(series, T0),),
        events=(event(T0),),
        quarantined=(QUARANTINED,),
        watermarks=(("nsx-a", T0),),
    )
    assert await writer.commit(first) is True
    before = await writer.load()
    reader = await engine.reader()
    publications = await reader.outbox("influxdb", 10)

    assert await writer.commit(first) is False

    assert await writer.load() == before
    assert await reader.outbox("influxdb", 10) == publications
    assert len(await reader.evidence(point_key(), T0, T0)) == 1
    assert len(await reader.events(tenants=None, since=None, event=None, after=0, limit=10)) == 1


async def test_a_batch_that_fails_leaves_nothing(writer: LedgerWriter, reader: LedgerReader) -> None:
    account, series = await one_account(writer), await one_series(writer)
    await writer.register_exporters(["influxdb"])
    before = await writer.load()
    parts: dict[str, Any] = {
        "slots": (change(account, 0),),
        "publish": (publication(account, 0),),
        "evidence": (evidence(series, T0),),
        "events": (event(T0),),
        "watermarks": (("nsx-a", T0),),
    }
    unknown_series = batch(series=(update(series), update(series + 1)), **parts)
    unknown_run = batch(runs=(ClosedRun(99, Run(T0, T0 + 1, Quality.SPREAD)),), **parts)
    for bad in (unknown_series, unknown_run):
        with pytest.raises(LedgerError):
            await writer.commit(bad)

    assert await writer.load() == before
    assert await reader.outbox("influxdb", 10) == []
    assert await reader.evidence(point_key(), T0, T0) == []
    assert await reader.events(tenants=None, since=None, event=None, after=0, limit=10) == []
    # The ledger is as usable as before, and the id of a batch that failed is free.
    assert await writer.commit(batch(id=unknown_series.id, series=(update(series),), **parts)) is True


async def test_usage_of_an_unknown_account_is_refused(writer: LedgerWriter) -> None:
    with pytest.raises(LedgerError, match="BUG: a batch speaks of accounts"):
        await writer.commit(batch(slots=(change(1, 0),)))


async def test_a_sum_that_leaves_64_bits_is_refused_whole(writer: LedgerWriter, reader: LedgerReader) -> None:
    account = await one_account(writer)
    huge = change(account, 0, Usage(ingress_bytes=2**62))
    await writer.commit(batch(slots=(huge,)))
    before = await writer.load()
    with pytest.raises(LedgerError):
        await writer.commit(batch(slots=(huge,)))
    assert await writer.load() == before


async def test_references_last(engine: Engine, writer: LedgerWriter) -> None:
    keys = [point_key(f"up{number}") for number in range(5)]
    points = await writer.intern_points([*keys, keys[0]])
    assert points[5] == points[0]
    assert len(set(points)) == 5
    same_path = await writer.intern_points([PointKey("nsx-a", Kind.SERVICE_INTERFACE, keys[0].path)])
    assert same_path[0] not in points
    series = [(points[0], end, port, "node-1") for end in ReadAt for port in ("", "port-1")]
    of_series = await writer.intern_series(series)
    assert len(set(of_series)) == len(series)
    of_accounts = await writer.intern_accounts([(ACME, points[0]), (GLOBEX, points[0]), (ACME, points[1])])
    assert len(set(of_accounts)) == 3
    await engine.close()

    again = await engine.writer()

    assert await again.intern_points(list(reversed(keys))) == list(reversed(points[:5]))
    assert await again.intern_series(series) == of_series
    assert await again.intern_accounts([(ACME, points[1])]) == [of_accounts[2]]


async def test_everything_comes_back_as_it_was(engine: Engine, writer: LedgerWriter) -> None:
    key, other = point_key(), point_key("t1-globex", Kind.TIER1_DOWNLINK)
    point, link = await writer.intern_points([key, other])
    first, second, silent = await writer.intern_series(
        [
            (point, ReadAt.INTERFACE, "port-1", "node-1"),
            (point, ReadAt.INTERFACE, "port-2", "node-2"),
            (link, ReadAt.TIER0_SUMMARY, "", "summary"),
        ]
    )
    account, unused = await writer.intern_accounts([(ACME, point), (GLOBEX, link)])
    lacking = Sample(T0, T0 + 7, Counters(COUNTER_MAX, None, 0, 2**63, None, 2**53 + 1))
    held = SeriesState(lacking, sample(T0 + 60_000, COUNTER_MAX - 9), Run(T0, T0, Quality.INFERRED))
    plain = update(second, T0 + 60_000).state
    runs = [Run(T0 - 9, T0 - 5, Quality.SPREAD), Run(T0 - 5, T0, Quality.MISSING)]
    owners = (Owner(ACME, Role.BILLED, BEGINNING, "config"), Owner(GLOBEX, Role.BALANCE, T0 + 5, "a shared Tier-0"))
    await writer.store_inventory(
        InventoryUpdate(
            source="nsx-a",
            at=T0,
            payload=b"\x00inventory",
            points=(
                PointFacts(point=point, read_at=ReadAt.INTERFACE, created_at=T0 - 1, lacked_at=T0 - 2),
                PointFacts(point=link, read_at=None, created_at=None, lacked_at=None),
            ),
            owners=((point, owners[1]), (point, owners[0])),
            events=(event(T0, EventName.POINT_ADDED), event(T0, EventName.POINT_ADDED)),
        )
    )
    await writer.commit(
        batch(
            series=(SeriesUpdate(first, held, None), SeriesUpdate(second, plain, T0 - 77)),
            runs=tuple(ClosedRun(second, run) for run in reversed(runs)),
            slots=(change(account, 0), change(account, 1), change(account, 0)),
            completed=((point, slot(2)), (link, slot(1))),
            quarantined=(QUARANTINED, QUARANTINED),
            events=(event(T0),),
            watermarks=(("nsx-a", T0), ("nsx-b", T0 + 1)),
        )
    )
    await writer.commit(batch(completed=((link, slot(0)),), watermarks=(("nsx-a", T0 - 1),)))
    await engine.close()

    state = await (await engine.writer()).load()

    assert state.points == (
        StoredPoint(
            ref=point,
            key=key,
            read_at=ReadAt.INTERFACE,
            created_at=T0 - 1,
            lacked_at=T0 - 2,
            complete_until=slot(2),
            owners=owners,
        ),
        StoredPoint(
            ref=link, key=other, read_at=None, created_at=None, lacked_at=None, complete_until=slot(1), owners=()
        ),
    )
    assert state.series == (
        StoredSeries(first, point, ReadAt.INTERFACE, "port-1", "node-1", held, None, ()),
        StoredSeries(second, point, ReadAt.INTERFACE, "port-2", "node-2", plain, T0 - 77, tuple(runs)),
        StoredSeries(silent, link, ReadAt.TIER0_SUMMARY, "", "summary", None, None, ()),
    )
    assert isinstance(state.series[0].state, SeriesState)
    assert isinstance(state.series[0].state.run.quality, Quality)
    assert isinstance(state.points[0].key.kind, Kind)
    assert state.accounts == (
        StoredAccount(account, ACME, point, Usage(3, 6, 9, 12, 15, 18)),
        StoredAccount(unused, GLOBEX, link, Usage()),
    )
    assert state.inventories == {"nsx-a": (T0, b"\x00inventory")}
    assert state.watermarks == {"nsx-a": T0, "nsx-b": T0 + 1}
    assert state.event_counts == {("nsx-a", "point_added"): 2, ("nsx-a", "reset"): 1}
    assert state.quarantined_bytes == {ACME: 2 * (COUNTER_MAX + 1)}


async def test_an_incomplete_inventory_keeps_the_last_complete_one(writer: LedgerWriter) -> None:
    await writer.store_inventory(InventoryUpdate(source="nsx-a", at=T0, payload=b"whole"))
    await writer.store_inventory(InventoryUpdate(source="nsx-a", at=T0 + 9, payload=None, events=(event(T0),)))
    state = await writer.load()
    assert state.inventories == {"nsx-a": (T0, b"whole")}
    assert state.event_counts == {("nsx-a", "reset"): 1}


async def test_totals_are_the_sums_of_slots_beyond_64_bits(writer: LedgerWriter) -> None:
    account = await one_account(writer)
    usages = [Usage(2**61, 2**60 + number, 1, 2**61 - 1, 0, number) for number in range(40)]
    for start in range(0, 40, 8):
        changes = [change(account, start + place, usages[start + place]) for place in range(8)]
        await writer.commit(batch(slots=tuple(changes)))
    (stored,) = (await writer.load()).accounts
    assert stored.total == Usage(*(sum(column) for column in zip(*usages, strict=True)))
    assert stored.total.ingress_bytes > 2**64


async def test_coverage_is_replaced_and_usage_added(writer: LedgerWriter, reader: LedgerReader) -> None:
    account = await one_account(writer)
    await writer.register_exporters(["influxdb"])
    await writer.commit(batch(slots=(change(account, 0, Usage(1, 1, 1, 1, 1, 1), Coverage(60_000, 1, 2)),)))
    last = Coverage(200_000, 30_000, 40_000)
    await writer.commit(
        batch(slots=(change(account, 0, Usage(1, 2, 3, 4, 5, 6), last),), publish=(publication(account, 0),))
    )
    (row,) = await reader.outbox("influxdb", 10)
    assert row.usage == Usage(2, 3, 4, 5, 6, 7)
    assert row.coverage == last


async def test_tenants_are_those_of_billed_points(writer: LedgerWriter, reader: LedgerReader) -> None:
    point, other = await writer.intern_points([point_key(), point_key("up2")])
    await writer.store_inventory(
        InventoryUpdate(
            source="nsx-a",
            at=T0,
            payload=b"",
            owners=(
                (point, Owner(GLOBEX, Role.BILLED, 0, "config")),
                (point, Owner(ACME, Role.BILLED, T0, "config")),
                (other, Owner(TenantId("carrier"), Role.BALANCE, 0, "shared")),
            ),
        )
    )
    assert await reader.tenants() == [ACME, GLOBEX]


async def test_a_reader_never_sees_half_a_batch(writer: LedgerWriter, reader: LedgerReader) -> None:
    both = await accounts(writer, [(ACME, point_key("up1")), (ACME, point_key("up2"))])
    await writer.register_exporters(["influxdb"])
    for number in range(60):
        growth = Usage(1, 1, 1, 1, 1, 1)
        writing = writer.commit(
            batch(
                slots=tuple(change(account, 0, growth) for account in both),
                publish=tuple(publication(account, number) for account in both),
            )
        )
        reading = reader.outbox("influxdb", 1_000)
        _, rows = await asyncio.gather(writing, reading)
        assert len(rows) % 2 == 0
        assert len({row.usage for row in rows if row.slot == T0}) <= 1
