"""Evidence leads back to samples; retention deletes what is old and never a total."""

from __future__ import annotations

from collector.model.identity import ReadAt
from collector.model.usage import ClosedRun, Evidence, Quality, Run, Usage
from collector.ports import LedgerQuery, LedgerReader, LedgerWriter
from tests.contract.ledger.build import (
    ACME,
    COUNTER_MAX,
    T0,
    batch,
    change,
    event,
    evidence,
    one_account,
    one_series,
    point_key,
    sample,
    slot,
)


async def test_evidence_is_found_by_point_and_time(writer: LedgerWriter, reader: LedgerReader) -> None:
    mine, twin = await one_series(writer), await one_series(writer, "node-2")
    (point,) = await writer.intern_points([point_key("up2")])
    (other,) = await writer.intern_series([(point, ReadAt.INTERFACE, "port-1", "node-1")])
    lacking = Evidence(mine, sample(T0 + 4, COUNTER_MAX, tx_bytes=None), 12)
    await writer.commit(batch(evidence=(evidence(twin, T0 + 3), evidence(other, T0 + 2), lacking)))
    await writer.commit(batch(evidence=(evidence(mine, T0 + 2), evidence(mine, T0 + 9), evidence(mine, T0 + 1))))
    found = await reader.evidence(point_key(), T0 + 2, T0 + 4)
    assert found == [
        ("port-1", "node-1", evidence(mine, T0 + 2)),
        ("port-1", "node-2", evidence(twin, T0 + 3)),
        ("port-1", "node-1", lacking),
    ]
    assert isinstance(found[2][2], Evidence)
    assert await reader.evidence(point_key("nowhere"), T0, T0 + 9) == []
    assert await reader.evidence(point_key(), T0 + 10, T0 + 90) == []


async def test_retention_keeps_totals_and_counts(writer: LedgerWriter, reader: LedgerReader) -> None:
    account, series = await one_account(writer), await one_series(writer)
    for number in range(30):
        await writer.commit(
            batch(
                slot(number),
                slots=(change(account, number, Usage(1, 2, 3, 4, 5, 6)),),
                evidence=(evidence(series, slot(number)),),
                runs=(ClosedRun(series, Run(slot(number), slot(number + 1), Quality.SPREAD)),),
                events=(event(slot(number)),),
            )
        )
    before = await writer.load()

    # In the middle of an hour, since nobody promised the daemon a round retention.
    await writer.prune(slots_before=slot(17), evidence_before=slot(20))

    query = LedgerQuery(tenant=ACME, start=T0, end=slot(40), step_ms=300_000, by=frozenset())
    assert [row.start for row in await reader.usage(query)] == [slot(number) for number in range(17, 30)]
    kept = await reader.evidence(point_key(), T0, slot(40))
    assert [one.sample.at for _, _, one in kept] == [slot(number) for number in range(20, 30)]
    events = await reader.events(tenants=None, since=None, event=None, after=0, limit=100)
    assert [one.at for one in events] == [slot(number) for number in range(17, 30)]
    state = await writer.load()
    assert state.accounts == before.accounts
    assert state.accounts[0].total == Usage(30, 60, 90, 120, 150, 180)
    assert state.event_counts == before.event_counts
    assert [run.start for run in state.series[0].runs] == [slot(number) for number in range(16, 30)]


async def test_slots_between_two_slots_are_pruned_to_the_next(writer: LedgerWriter, reader: LedgerReader) -> None:
    account = await one_account(writer)
    await writer.commit(batch(slots=(change(account, 0), change(account, 1))))
    await writer.prune(slots_before=slot(0) + 1, evidence_before=0)
    query = LedgerQuery(tenant=ACME, start=T0, end=slot(40), step_ms=300_000, by=frozenset())
    assert [row.start for row in await reader.usage(query)] == [slot(1)]


async def test_a_ledger_says_that_it_can_be_written(writer: LedgerWriter) -> None:
    assert await writer.is_writable() is None
