"""A ledger of every past schema opens, with everything that was in it.

``NNNN.sql`` is a ledger as schema NNNN wrote it, as SQLite dumps it: each is made once, when its schema is new, by
``python -m tests.golden.ledger.test_schemas NNNN.sql`` and never again.
"""

from __future__ import annotations

import asyncio
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from collector.ledger.schema import APPLICATION_ID, migrations, newest_version
from collector.ledger.sqlite import SqliteReader, SqliteWriter
from collector.model.addresses import AddressGroup, AddressState, AddressUpdate, Holding, QuotaKey, QuotaTerm
from collector.model.directory import AddressKind
from collector.model.identity import Kind, PointKey, ReadAt, TenantId
from collector.model.period import SLOT_MS, Instant
from collector.model.sample import Counters, Sample
from collector.model.usage import (
    Batch,
    ClosedRun,
    Coverage,
    Delta,
    Event,
    EventName,
    Evidence,
    Growth,
    InventoryUpdate,
    Owner,
    ParkedLine,
    PointFacts,
    Publication,
    Quality,
    Quarantined,
    Role,
    Run,
    SeriesState,
    SeriesUpdate,
    SlotChange,
    StoredAccount,
    StoredPoint,
    StoredSeries,
    Usage,
    UsageRow,
)
from collector.ports import LedgerQuery

HERE = Path(__file__).parent
T0: Instant = 1_789_999_200_000
MAX = 2**64 - 1
ACME = TenantId("acme")
POINT = PointKey("nsx-a", Kind.TIER0_UPLINK, "/infra/up1")
OWNER = Owner(ACME, Role.BILLED, 0, "config")
BASELINE = Sample(T0, T0 + 900, Counters(MAX, None, 3, 4, 5, 6))
HELD = Sample(T0 + 60_000, T0 + 60_900, Counters(1, 2, 3, 4, 5, 6))
STATE = SeriesState(BASELINE, HELD, Run(T0 - 60_000, T0, Quality.MEASURED))
RUN = Run(T0 - 120_000, T0 - 60_000, Quality.INFERRED)
USAGE = Usage(2**61, 2, 3, 4, 5, 6)
COVERAGE = Coverage(200_000, 30_000, 40_000)
DELTA = Delta(T0, T0 + 60_000, Growth(MAX, 1, 1, 1, 1, 1), Quality.MEASURED, 7)
PREFIX = Holding(
    source="vcd",
    id="urn:vcloud:ipSpaceIpAllocation:1",
    tenant=ACME,
    org="urn:vcloud:org:1",
    space="internet-v6",
    kind=AddressKind.IP_PREFIX,
    value="2001:db8::/56",
    addresses=2**72,
    used=2**72,
    allocated_at=T0 - 10,
    start=T0 - 10,
)
QUOTA = QuotaTerm(
    source="vcd",
    key=QuotaKey(PREFIX.org, PREFIX.space, PREFIX.kind, 56),
    tenant=ACME,
    limit=4,
    start=T0,
)


async def _fill(path: Path) -> None:
    """Write something of everything."""
    writer = SqliteWriter(path)
    await writer.start()
    (point,) = await writer.intern_points([POINT])
    (series,) = await writer.intern_series([(point, ReadAt.INTERFACE, "port-1", "node-1")])
    (account,) = await writer.intern_accounts([(ACME, point)])
    facts = PointFacts(point=point, read_at=ReadAt.INTERFACE, created_at=T0 - 9, lacked_at=T0 - 8)
    await writer.store_inventory(
        InventoryUpdate(source="nsx-a", at=T0, payload=b"\x00inventory", points=(facts,), owners=((point, OWNER),))
    )
    addresses = AddressUpdate(source="vcd", at=T0, previous_at=None, begun=(PREFIX,), quotas_begun=(QUOTA,))
    await writer.store_inventory(InventoryUpdate(source="vcd", at=T0, payload=b"map", addresses=addresses))
    await writer.register_exporters(["influxdb"])
    event = Event(
        at=T0,
        source="nsx-a",
        event=EventName.RESET,
        tenant=ACME,
        point=POINT.label,
        node="node-1",
        detail={"unknown_bytes_max_ingress": str(2**70), "nodes": ["a"], "note": None},
        repeat_key="series-1",
    )
    await writer.commit(
        Batch(
            id="batch-1",
            at=T0,
            series=(SeriesUpdate(series, STATE, T0 - 5),),
            runs=(ClosedRun(series, RUN),),
            slots=tuple(SlotChange(account, T0 + number * SLOT_MS, USAGE, COVERAGE) for number in range(8)),
            publish=(Publication(account, T0), Publication(account, T0 + SLOT_MS)),
            completed=((point, T0 + 8 * SLOT_MS),),
            evidence=(Evidence(series, BASELINE, 3), Evidence(series, HELD, 9)),
            quarantined=(Quarantined(series, DELTA, Usage(MAX), ACME, 10**11),),
            events=(event, event),
            watermarks=(("nsx-a", T0 + 7),),
        )
    )
    await writer.move_cursor("influxdb", 1)
    await writer.park("influxdb", [ParkedLine("influxdb", T0, "usage bytes=1i", "partial write")])
    await writer.stop()


def _ledger(dump: Path, folder: Path) -> Path:
    """Return the ledger of a dump."""
    path = folder / "ledger.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(dump.read_text("utf-8"))
    return path


def test_every_schema_has_its_ledger() -> None:
    assert [int(file.stem) for file in sorted(HERE.glob("*.sql"))] == [number for number, _ in migrations()]


@pytest.mark.parametrize("dump", sorted(HERE.glob("*.sql")), ids=lambda dump: dump.stem)
async def test_a_ledger_of_this_schema_opens_with_everything_in_it(dump: Path, tmp_path: Path) -> None:
    path = _ledger(dump, tmp_path)
    writer, reader = SqliteWriter(path), SqliteReader(path)
    await writer.start()
    await reader.start()
    try:
        state = await writer.load()
        assert state.points == (
            StoredPoint(
                ref=1,
                key=POINT,
                read_at=ReadAt.INTERFACE,
                created_at=T0 - 9,
                lacked_at=T0 - 8,
                complete_until=T0 + 8 * SLOT_MS,
                owners=(OWNER,),
            ),
        )
        assert state.series == (StoredSeries(1, 1, ReadAt.INTERFACE, "port-1", "node-1", STATE, T0 - 5, (RUN,)),)
        total = Usage(*(8 * quantity for quantity in USAGE))
        assert state.accounts == (StoredAccount(1, ACME, 1, total),)
        assert state.inventories == {"nsx-a": (T0, b"\x00inventory"), "vcd": (T0, b"map")}
        assert state.watermarks == {"nsx-a": T0 + 7}
        assert state.addresses == AddressState(held=(PREFIX,), quotas=(QUOTA,), known_until={"vcd": T0})
        (report,) = await reader.address_outbox("influxdb", 9)
        group = AddressGroup("vcd", ACME, PREFIX.space, PREFIX.kind)
        assert (report.seq, report.at, report.counts) == (1, T0, {group: (2**72, 2**72)})
        assert (state.event_counts, state.quarantined_bytes) == ({("nsx-a", "reset"): 2}, {ACME: MAX})
        query = LedgerQuery(tenant=ACME, start=T0, end=T0 + 8 * SLOT_MS, step_ms=None, by=frozenset())
        assert await reader.usage(query) == [
            UsageRow(ACME, T0, query.end, None, None, None, 2**64 + 16, 56, 88, 1_600_000, 240_000, 320_000)
        ]
        (event,) = await reader.events(tenants=[ACME], since=None, event=None, after=0, limit=9)
        assert (event.count, event.detail["unknown_bytes_max_ingress"]) == (2, str(2**71))
        (row,) = await reader.outbox("influxdb", 9)
        assert (row.seq, row.slot, row.usage, row.coverage) == (2, T0 + SLOT_MS, USAGE, COVERAGE)
        assert await reader.evidence(POINT, T0, T0 + 60_000) == [
            ("port-1", "node-1", Evidence(1, BASELINE, 3)),
            ("port-1", "node-1", Evidence(1, HELD, 9)),
        ]
        figures = await reader.figures()
        assert (figures.outbox, figures.parked, figures.lag) == (2, {"influxdb": 1}, {"influxdb": T0})
        assert await writer.commit(Batch(id="batch-1", at=T0)) is False
    finally:
        await reader.stop()
        await writer.stop()


def _dump(target: Path) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "ledger.db"
        asyncio.run(_fill(path))
        with closing(sqlite3.connect(path)) as connection:
            lines = [
                f"PRAGMA application_id = {APPLICATION_ID};",
                f"PRAGMA user_version = {newest_version()};",
                *connection.iterdump(),
            ]
    target.write_text("\n".join(lines) + "\n", "utf-8")


if __name__ == "__main__":
    _dump(Path(sys.argv[1]))
