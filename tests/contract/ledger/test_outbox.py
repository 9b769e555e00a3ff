"""Publications: in order, until every destination has confirmed them, and the whole history for a new one."""

from __future__ import annotations

import pytest

from collector.errors import LedgerError
from collector.model.identity import Kind
from collector.model.usage import Coverage, ExportRow, ParkedLine, Usage
from collector.ports import LedgerReader, LedgerWriter
from tests.contract.ledger.build import (
    ACME,
    SOME,
    T0,
    WHOLE,
    accounts,
    batch,
    change,
    one_account,
    outbox_slots,
    point_key,
    publication,
    slot,
)
from tests.contract.ledger.conftest import Engine


async def _publish(writer: LedgerWriter, account: int, *numbers: int, at: int = T0) -> None:
    changes = tuple(change(account, number) for number in numbers)
    await writer.commit(
        batch(at, slots=changes, publish=tuple(publication(account, n) for n in numbers), completed=((1, slot(99)),))
    )


async def test_publications_wait_for_their_confirmation(
    engine: Engine, writer: LedgerWriter, reader: LedgerReader
) -> None:
    account = await one_account(writer)
    await writer.register_exporters(["influxdb"])
    await _publish(writer, account, 0, 1, at=T0 + 7)
    await _publish(writer, account, 2, 0)

    rows = await reader.outbox("influxdb", 3)
    assert [row.slot for row in rows] == [slot(0), slot(1), slot(2)]
    twice = Usage(*(2 * quantity for quantity in SOME))
    assert rows[0] == ExportRow(
        rows[0].seq, T0 + 7, account, ACME, Kind.TIER0_UPLINK, "nsx-a:/infra/up1", slot(0), twice, WHOLE
    )
    await writer.move_cursor("influxdb", rows[1].seq)
    await writer.move_cursor("influxdb", rows[0].seq)  # never goes back
    assert await outbox_slots(reader, "influxdb") == [(account, 2), (account, 0)]
    await engine.close()

    await (await engine.writer()).register_exporters(["influxdb"])
    assert await outbox_slots(await engine.reader(), "influxdb") == [(account, 2), (account, 0)]


async def test_a_publication_without_a_row_says_so(writer: LedgerWriter, reader: LedgerReader) -> None:
    account = await one_account(writer)
    await writer.register_exporters(["influxdb"])
    await writer.commit(batch(publish=(publication(account, 0),)))
    (row,) = await reader.outbox("influxdb", 10)
    assert (row.usage, row.coverage) == (None, Coverage())


async def test_nothing_is_kept_for_nobody(writer: LedgerWriter, reader: LedgerReader) -> None:
    account = await one_account(writer)
    await _publish(writer, account, 0)
    assert (await reader.figures()).outbox == 0
    with pytest.raises(LedgerError, match="BUG: exporter influxdb"):
        await writer.move_cursor("influxdb", 1)


async def test_a_new_exporter_gets_each_complete_slot_once(writer: LedgerWriter, reader: LedgerReader) -> None:
    one, two = await accounts(writer, [(ACME, point_key("up1")), (ACME, point_key("up2"))])
    await writer.register_exporters(["first"])
    await writer.commit(batch(slots=tuple(change(a, n) for n in (0, 1, 13, 14) for a in (two, one))))
    await writer.commit(batch(T0 + 5, completed=((1, slot(14)), (2, slot(2))), publish=(publication(one, 0),)))

    await writer.register_exporters(["first", "second"])
    await writer.commit(batch(T0 + 9, slots=(change(one, 15),), completed=((1, slot(99)),)))
    await writer.commit(batch(T0 + 9, publish=(publication(one, 14), publication(one, 15))))

    assert (await reader.figures()).lag == {"first": T0 + 5, "second": T0 + 5}
    history = [(one, 0), (one, 1), (two, 0), (two, 1), (one, 13)]
    seen: list[tuple[int, int]] = []
    seqs: list[int] = []
    while rows := await reader.outbox("second", 4):
        seen += [(row.account, (row.slot - T0) // 300_000) for row in rows]
        seqs += [row.seq for row in rows]
        await writer.move_cursor("second", rows[-1].seq)
    # What became complete after the exporter came was published then. The point of `two` lags behind, and is in
    # neither.
    assert seen == [*history, (one, 14), (one, 15)]
    assert seqs == sorted(set(seqs))
    assert await outbox_slots(reader, "first") == [(one, 0), (one, 14), (one, 15)]
    assert (await reader.figures()).lag["second"] is None


async def test_the_slowest_exporter_holds_the_outbox(writer: LedgerWriter, reader: LedgerReader) -> None:
    account = await one_account(writer)
    await writer.register_exporters(["fast", "slow"])
    await _publish(writer, account, 0, 1, 2)
    rows = await reader.outbox("fast", 10)
    await writer.move_cursor("fast", rows[2].seq)
    await writer.move_cursor("slow", rows[0].seq)
    figures = await reader.figures()
    assert (figures.outbox, figures.lag) == (2, {"fast": None, "slow": T0})
    assert figures.bytes_on_disk > 0
    await writer.prune(slots_before=0, evidence_before=0)
    assert await outbox_slots(reader, "slow") == [(account, 1), (account, 2)]
    assert (await reader.figures()).outbox == 2

    # Taken from the settings, it holds nothing any more, and is new when it comes back.
    await writer.register_exporters(["fast"])
    await _publish(writer, account, 3)
    assert await outbox_slots(reader, "slow") == [(account, 1), (account, 2), (account, 3)]
    await writer.prune(slots_before=0, evidence_before=0)
    assert (await reader.figures()).outbox == 1
    assert await outbox_slots(reader, "fast") == [(account, 3)]
    assert await outbox_slots(reader, "slow") == []
    await writer.register_exporters(["fast", "slow"])
    assert await outbox_slots(reader, "slow") == [(account, number) for number in range(4)]


async def test_an_exporter_away_for_a_while_misses_nothing(writer: LedgerWriter, reader: LedgerReader) -> None:
    account = await one_account(writer)
    await writer.register_exporters(["influxdb"])
    await writer.register_exporters([])
    await _publish(writer, account, 0)
    await writer.register_exporters(["influxdb"])
    assert await outbox_slots(reader, "influxdb") == [(account, 0)]


async def test_parked_lines_are_counted(writer: LedgerWriter, reader: LedgerReader) -> None:
    lines = [ParkedLine("influxdb", T0 + n, f"usage bytes={n}i", "partial write") for n in range(3)]
    await writer.park("influxdb", lines)
    assert (await reader.figures()).parked == {"influxdb": 3}
    await writer.prune(slots_before=0, evidence_before=T0 + 2)
    assert (await reader.figures()).parked == {"influxdb": 1}
