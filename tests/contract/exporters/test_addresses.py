"""Counts of addresses arrive like slots do, through every outage, and whole whatever their size."""

from __future__ import annotations

import pytest

from collector.errors import LedgerUnavailable
from collector.model.addresses import AddressGroup, AddressReport
from collector.model.directory import AddressKind
from collector.model.identity import TenantId
from collector.telemetry.metrics import ExportOutcome
from exporters.address_lines import address_lines
from exporters.lines import INTEGER_MAX
from tests.contract.exporters.conftest import NAME, Bench
from tests.contract.exporters.influx import Answer
from tests.contract.exporters.ledger import START, row
from tests.servers import until

ACME = AddressGroup("vcd", TenantId("acme"), "internet", AddressKind.FLOATING_IP)
PREFIXES = ACME._replace(space="internet v6", kind=AddressKind.IP_PREFIX)


def report(seq: int, **counts: tuple[int, int]) -> AddressReport:
    """Return a reading with counts by tenant."""
    at = START + seq * 60_000
    groups = {ACME._replace(tenant=TenantId(tenant)): count for tenant, count in counts.items()}
    return AddressReport(seq, at, at, groups or {ACME: (seq, 1)})


async def sent(bench: Bench, seq: int) -> None:
    async def look() -> bool:
        return bench.ledger.address_cursors.get(NAME) == seq

    await until(look, f"cursor of addresses at {seq}")


def test_a_count_is_a_line() -> None:
    at = START + 999
    lines, unfit = address_lines("ams 1", [AddressReport(1, at, at, {PREFIXES: (INTEGER_MAX, 0), ACME: (3, 2)})])
    beginning, rest = "northmeter_addresses,site=ams\\ 1,source=vcd,space=internet", f"{START // 1_000}"
    assert unfit == []
    assert lines == [
        f"{beginning},tenant=acme,type=floating_ip allocated=3i,used=2i {rest}",
        f"{beginning}\\ v6,tenant=acme,type=ip_prefix allocated={INTEGER_MAX}i,used=0i {rest}",
    ]


def test_a_count_beyond_an_integer_is_text_digit_by_digit() -> None:
    ((line,), unfit) = address_lines("ams1", [AddressReport(1, START, START, {PREFIXES: (2**72 + 1, INTEGER_MAX + 1)})])
    assert unfit == []
    assert f' allocated_text="{2**72 + 1}",used_text="{INTEGER_MAX + 1}" ' in line


def test_what_the_line_protocol_cannot_carry_is_named() -> None:
    odd = report(1)._replace(counts={ACME._replace(space="a\n"): (1, 0), ACME._replace(space=""): (1, 0), ACME: (1, 0)})
    lines, unfit = address_lines("ams1", [odd])
    assert len(lines) == 1
    assert sorted(one.reason for one in unfit) == ["tag space: has a line break", "tag space: is empty"]
    assert all("\n" not in one.line for one in unfit)


async def test_readings_arrive_beside_slots_and_each_cursor_follows(bench: Bench) -> None:
    bench.ledger.rows += [row(seq) for seq in range(1, 21)]
    bench.ledger.reports += [report(seq, acme=(seq, 1), globex=(2, 2)) for seq in range(1, 12)]
    await bench.exporter.start()
    await bench.settled(20)
    await sent(bench, 11)
    stored = {key: fields for key, fields in bench.server.stored.items() if key[0].startswith("northmeter_addresses")}
    assert len(stored) == 22
    assert {fields for (series, _), fields in stored.items() if "acme" in series} == {
        f"allocated={seq}i,used=1i" for seq in range(1, 12)
    }
    assert len(bench.server.stored) == 22 + 40


async def test_a_reading_without_counts_is_passed_over(bench: Bench) -> None:
    bench.ledger.reports += [AddressReport(1, START, START, {}), report(2)]
    await bench.exporter.start()
    await sent(bench, 2)
    assert len(bench.server.stored) == 1


async def test_an_outage_loses_nothing(bench: Bench) -> None:
    bench.server.always = Answer(503)
    await bench.exporter.start()
    bench.ledger.reports += [report(1)]
    bench.exporter.wake()
    await bench.counted(ExportOutcome.UNAVAILABLE, 3)
    bench.ledger.reports += [report(2), report(3)]
    assert bench.ledger.address_cursors == {}
    bench.server.always = None
    bench.ledger.failures.append(LedgerUnavailable("busy"))
    await sent(bench, 3)
    assert sorted(bench.server.stored.values()) == [f"allocated={seq}i,used=1i" for seq in (1, 2, 3)]


@pytest.mark.parametrize("bad", [1, 2, 3])
async def test_a_reading_that_is_refused_is_parked_and_the_others_arrive(bench: Bench, bad: int) -> None:
    bench.server.fault = lambda line: "too odd" if f"allocated={bad}i" in line else None
    bench.ledger.reports += [report(seq) for seq in (1, 2, 3)]
    await bench.exporter.start()
    await sent(bench, 3)
    assert sorted(bench.server.stored.values()) == [f"allocated={seq}i,used=1i" for seq in (1, 2, 3) if seq != bad]
    (parked,) = bench.ledger.parked
    assert f"allocated={bad}i" in parked.line
