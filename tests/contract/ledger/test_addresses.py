"""Addresses are dated, exact whatever their number, stored once on top of the reading before, and sent at each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collector.errors import LedgerError
from collector.model.addresses import (
    AddressGroup,
    AddressHistory,
    AddressState,
    AddressUpdate,
    Holding,
    QuotaKey,
    QuotaTerm,
)
from collector.model.directory import AddressKind
from collector.model.identity import TenantId
from collector.model.period import Instant
from collector.model.usage import EventName, InventoryUpdate
from collector.ports import LedgerReader, LedgerWriter
from tests.contract.ledger.build import ACME, GLOBEX, T0, batch, event
from tests.contract.ledger.conftest import Engine

HOUR_MS = 3_600_000
FLOATING, PREFIX = AddressKind.FLOATING_IP, AddressKind.IP_PREFIX


def holding(
    name: str = "a", tenant: TenantId = ACME, *, start: Instant = T0, addresses: int = 1, used: int = 0
) -> Holding:
    return Holding(
        source="vcd",
        id=f"urn:vcloud:ipSpaceIpAllocation:{name}",
        tenant=tenant,
        org=f"urn:vcloud:org:{tenant}",
        space="internet",
        kind=PREFIX if addresses > 1 else FLOATING,
        value=f"value of {name}",
        addresses=addresses,
        used=used,
        allocated_at=None,
        start=start,
    )


def quota(limit: int | None, start: Instant = T0, length: int | None = None) -> QuotaTerm:
    kind = FLOATING if length is None else PREFIX
    key = QuotaKey("urn:vcloud:org:acme", "internet", kind, length)
    return QuotaTerm(source="vcd", key=key, tenant=ACME, limit=limit, start=start)


async def store(writer: LedgerWriter, at: Instant, previous_at: Instant | None, **parts: object) -> None:
    addresses = AddressUpdate(
        **{"source": "vcd", "at": at, "previous_at": previous_at, **parts}  # type: ignore[arg-type]  # keywords of it
    )
    await writer.store_inventory(InventoryUpdate(source=addresses.source, at=at, payload=b"map", addresses=addresses))


def counted(tenant: TenantId, kind: AddressKind = FLOATING) -> AddressGroup:
    return AddressGroup("vcd", tenant, "internet", kind)


async def test_everything_comes_back_as_it_was(engine: Engine, writer: LedgerWriter) -> None:
    odd = replace(holding("ü '\"", addresses=2**128, used=2**64 + 1), allocated_at=T0 - 7, start=T0 - 7)
    begun = (odd, holding("b", GLOBEX))
    quotas = (quota(0), quota(None, length=56), quota(2**70, length=64))
    await store(writer, T0, None, begun=begun, quotas_begun=quotas)
    await engine.close()
    again = await engine.writer()
    state = await again.load()
    assert state.addresses == await again.load_addresses()
    assert set(state.addresses.held) == set(begun)
    assert set(state.addresses.quotas) == set(quotas)
    assert state.addresses.known_until == {"vcd": T0}
    assert state.inventories == {"vcd": (T0, b"map")}


async def test_a_ledger_without_directors_has_no_addresses(writer: LedgerWriter, reader: LedgerReader) -> None:
    assert await writer.load_addresses() == AddressState()
    assert await reader.addresses(None, 0, T0) == AddressHistory((), (), {})


async def test_what_ends_is_kept_with_its_end(writer: LedgerWriter, reader: LedgerReader) -> None:
    first, cap = holding(), quota(5)
    await store(writer, T0, None, begun=(first, holding("b")), quotas_begun=(cap,))
    second, now = holding(start=T0 + 100, used=1), quota(6, T0 + HOUR_MS)
    over, lower = replace(first, end=T0 + 100), replace(cap, end=T0 + HOUR_MS)
    await store(writer, T0 + HOUR_MS, T0, ended=(over,), begun=(second,), quotas_ended=(lower,), quotas_begun=(now,))
    state = await writer.load_addresses()
    assert set(state.held) == {second, holding("b")}
    assert state.quotas == (now,)
    assert state.known_until == {"vcd": T0 + HOUR_MS}
    found = await reader.addresses(ACME, 0, T0 + 2 * HOUR_MS)
    assert found.holdings == (over, holding("b"), second)
    assert found.quotas == (lower, now)


async def test_an_interval_without_a_length_never_was(writer: LedgerWriter, reader: LedgerReader) -> None:
    await store(writer, T0, None, begun=(holding(),))
    other = holding(used=1)
    await store(writer, T0 + 9, T0, ended=(replace(holding(), end=T0),), begun=(other,))
    assert (await reader.addresses(None, 0, T0 + 99)).holdings == (other,)


@pytest.mark.parametrize(
    ("start", "end", "names"),
    [(0, T0, ""), (0, T0 + 1, "ac"), (T0 + 9, T0 + 10, "ac"), (T0 + 10, T0 + 11, "c"), (T0 + 10, T0 + 21, "bc")],
)
async def test_a_reader_is_given_what_touches_the_interval(
    writer: LedgerWriter, reader: LedgerReader, start: Instant, end: Instant, names: str
) -> None:
    await store(writer, T0, None, begun=(holding("a"), holding("c")))
    await store(writer, T0 + 20, T0, ended=(replace(holding("a"), end=T0 + 10),), begun=(holding("b", start=T0 + 20),))
    found = await reader.addresses(None, start, end)
    assert "".join(sorted(one.id[-1] for one in found.holdings)) == names
    assert found.known_until == {"vcd": T0 + 20}


async def test_a_reader_is_given_one_tenants_or_all(writer: LedgerWriter, reader: LedgerReader) -> None:
    await store(writer, T0, None, begun=(holding("a"), holding("b", GLOBEX)), quotas_begun=(quota(1),))
    for tenant, names, quotas in ((ACME, "a", 1), (GLOBEX, "b", 0), (None, "ab", 1), (TenantId("nobody"), "", 0)):
        found = await reader.addresses(tenant, 0, T0 + 1)
        assert "".join(sorted(one.id[-1] for one in found.holdings)) == names
        assert len(found.quotas) == quotas


async def test_a_tenant_of_addresses_alone_is_a_tenant(writer: LedgerWriter, reader: LedgerReader) -> None:
    await store(writer, T0, None, begun=(holding("b", GLOBEX),))
    assert await reader.tenants() == [GLOBEX]


async def test_a_reading_that_does_not_follow_the_last_one_is_refused_whole(
    writer: LedgerWriter, reader: LedgerReader
) -> None:
    await store(writer, T0, None, begun=(holding(),))
    before = await writer.load()
    for previous_at in (None, T0 - 1, T0 + 1):
        with pytest.raises(LedgerError, match="does not follow"):
            await store(writer, T0 + 9, previous_at, begun=(holding("b"),))
    for strange in (replace(holding("b"), end=T0 + 9), replace(holding("b"), end=T0)):
        with pytest.raises(LedgerError, match="does not have"):
            await store(writer, T0 + 9, T0, ended=(strange,))
    with pytest.raises(LedgerError, match="does not have"):
        await store(writer, T0 + 9, T0, quotas_ended=(replace(quota(1), end=T0 + 9),))
    assert await writer.load() == before
    assert len((await reader.addresses(None, 0, T0 + 99)).holdings) == 1


async def test_a_map_is_stored_with_its_addresses_or_not_at_all(writer: LedgerWriter) -> None:
    update = InventoryUpdate(
        source="vcd",
        at=T0 + 9,
        payload=b"newer",
        events=(event(T0, EventName.OWNER_CHANGED),),
        addresses=AddressUpdate(source="vcd", at=T0 + 9, previous_at=T0),
    )
    with pytest.raises(LedgerError):
        await writer.store_inventory(update)
    state = await writer.load()
    assert (state.inventories, state.event_counts) == ({}, {})


# --- what is sent ----------------------------------------------------------------------------------------------------


async def test_each_reading_is_sent_once_with_the_counts_of_its_time(
    writer: LedgerWriter, reader: LedgerReader
) -> None:
    await writer.register_exporters(["influxdb"])
    one, huge = holding("a", used=1), holding("p", addresses=2**72)
    await store(writer, T0, None, begun=(one, huge, holding("b", GLOBEX)))
    await store(writer, T0 + 100, T0, ended=(replace(one, end=T0 + 50),), begun=(holding("c", start=T0 + 70),))
    await store(writer, T0 + 200, T0 + 100, ended=(replace(holding("b", GLOBEX), end=T0 + 200),))
    await store(writer, T0 + 300, T0 + 200)
    reports = await reader.address_outbox("influxdb", 100)
    assert [report.at for report in reports] == [T0, T0 + 100, T0 + 200, T0 + 300]
    prefixes = {counted(ACME, PREFIX): (2**72, 0)}
    assert [report.counts for report in reports] == [
        {counted(ACME): (1, 1), counted(GLOBEX): (1, 0), **prefixes},
        {counted(ACME): (1, 0), counted(GLOBEX): (1, 0), **prefixes},
        {counted(ACME): (1, 0), counted(GLOBEX): (0, 0), **prefixes},  # what was given back is 0 once
        {counted(ACME): (1, 0), **prefixes},
    ]
    await writer.move_address_cursor("influxdb", reports[1].seq)
    await writer.move_address_cursor("influxdb", reports[0].seq)  # never goes back
    assert await reader.address_outbox("influxdb", 100) == reports[2:]


async def test_a_reading_is_given_whole(writer: LedgerWriter, reader: LedgerReader) -> None:
    await writer.register_exporters(["influxdb"])
    held = tuple(holding(f"{number}", TenantId(f"t-{number}")) for number in range(5))
    for number in range(4):
        at = T0 + number
        await store(writer, at, at - 1 if number else None, begun=held if number == 0 else ())
    for limit, readings in ((1, 1), (5, 1), (6, 2), (100, 4)):
        reports = await reader.address_outbox("influxdb", limit)
        assert [len(report.counts) for report in reports] == [5] * readings


async def test_an_exporter_that_is_new_is_given_every_reading_and_an_unknown_one_none(
    writer: LedgerWriter, reader: LedgerReader
) -> None:
    await writer.register_exporters(["old"])
    await store(writer, T0, None, begun=(holding(),))
    await store(writer, T0 + 100, T0)
    old = await reader.address_outbox("old", 100)
    await writer.move_address_cursor("old", old[-1].seq)
    assert (await reader.figures()).lag == {"old": None}
    await writer.commit(batch(at=T0 + 500))  # our time, when the second one comes
    await writer.register_exporters(["old", "new"])
    assert [report.at for report in await reader.address_outbox("new", 100)] == [T0, T0 + 100]
    figures = await reader.figures()
    assert figures.lag == {"old": None, "new": T0 + 500}
    assert figures.outbox == 2
    assert await reader.address_outbox("unknown", 100) == []
    with pytest.raises(LedgerError, match="never registered"):
        await writer.move_address_cursor("unknown", 1)


async def test_the_oldest_reading_that_is_not_confirmed_is_the_lag(writer: LedgerWriter, reader: LedgerReader) -> None:
    await writer.register_exporters(["influxdb"])
    for number in range(3):
        at = T0 + number
        await store(writer, at, at - 1 if number else None)
    figures = await reader.figures()
    assert (figures.lag, figures.outbox) == ({"influxdb": T0}, 3)
    first, *_ = await reader.address_outbox("influxdb", 1)
    assert first.counts == {}
    await writer.move_address_cursor("influxdb", first.seq)
    figures = await reader.figures()
    assert (figures.lag, figures.outbox) == ({"influxdb": T0 + 1}, 2)


# --- retention -------------------------------------------------------------------------------------------------------


async def test_what_ended_long_ago_goes_and_what_is_held_stays(writer: LedgerWriter, reader: LedgerReader) -> None:
    await writer.register_exporters(["influxdb"])
    gone, kept, cap = holding("a"), holding("b", GLOBEX), quota(1)
    await store(writer, T0, None, begun=(gone, kept), quotas_begun=(cap,))
    ends = T0 + HOUR_MS
    after = quota(2, ends)
    await store(
        writer,
        ends,
        T0,
        ended=(replace(gone, end=ends),),
        quotas_ended=(replace(cap, end=ends),),
        quotas_begun=(after,),
    )
    await writer.prune(slots_before=ends, evidence_before=0)
    assert len((await reader.addresses(None, 0, 2**60)).holdings) == 2
    await writer.prune(slots_before=ends + 1, evidence_before=0)
    found = await reader.addresses(None, 0, 2**60)
    assert (found.holdings, found.quotas, found.known_until) == ((kept,), (after,), {"vcd": ends})
    assert await reader.address_outbox("influxdb", 100) == []
    await store(writer, ends + 9, ends, ended=(replace(kept, end=ends + 9),))
    assert [report.counts for report in await reader.address_outbox("influxdb", 100)] == [{counted(GLOBEX): (0, 0)}]
