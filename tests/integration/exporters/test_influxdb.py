"""The exporter against a real InfluxDB 1.6, behind the v2 write call, and a real VictoriaMetrics."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

import pytest

from collector.clock import SystemClock
from collector.model.period import SLOT_MS
from collector.model.usage import ExportRow, Usage
from collector.telemetry.metrics import ExportOutcome, Metrics
from exporters.base import ExportOptions, OutboxExporter
from exporters.influxdb import InfluxDestination, InfluxOptions
from tests.contract.exporters.ledger import START, MemoryOutbox, row
from tests.servers import InfluxServer, InfluxV2Proxy, VictoriaServer, until
from tests.servers.fixtures import INFLUX_TOKEN, StartInflux

pytestmark = pytest.mark.integration

NAME = "influxdb"
ACCOUNTS = 3
ROWS = 120
GREATEST = 2**63 - 1
WEEK_MS = 7 * 86_400_000
"""Length of a shard of InfluxDB, where field types hold, unless told otherwise."""


def _rows(first: int = 1, count: int = ROWS) -> list[ExportRow]:
    return [row(seq, account=1 + seq % ACCOUNTS, slot=seq // ACCOUNTS) for seq in range(first, first + count)]


@asynccontextmanager
async def _exporting(
    url: str, ledger: MemoryOutbox, *, token: Callable[[], str] = lambda: INFLUX_TOKEN, batch_rows: int = 16
) -> AsyncIterator[tuple[OutboxExporter, Metrics]]:
    metrics = Metrics(version="0", clock=SystemClock())
    options = InfluxOptions(url=url, org="provider", bucket="usage", token=token)
    exporter = OutboxExporter(
        ExportOptions(name=NAME, batch_rows=batch_rows, idle_seconds=30, wait_seconds_first=0.05, wait_seconds_max=0.5),
        InfluxDestination("ams1", options),
        reader=ledger.reader,
        writer=ledger.writer,
        clock=SystemClock(),
        metrics=metrics,
    )
    await exporter.start()
    try:
        yield exporter, metrics
    finally:
        await exporter.stop()


async def _settled(ledger: MemoryOutbox) -> None:
    async def look() -> bool:
        return ledger.cursors.get(NAME) == ledger.rows[-1].seq

    await until(look, "every publication confirmed")


def _count(metrics: Metrics, outcome: ExportOutcome) -> float:
    labels = {"exporter": NAME, "outcome": outcome.value}
    return metrics.registry.get_sample_value("northmeter_export_requests_total", labels) or 0.0


Stored = dict[tuple[str, str, int], tuple[int, ...]]
FIELDS = ("bytes", "packets", "dropped_packets", "measured_ms", "inferred_ms", "spread_ms")


def _expected(rows: Sequence[ExportRow]) -> Stored:
    """Return (tenant, direction, ms) → fields; of several publications of a slot the last."""
    return {
        (one.tenant, direction, one.slot): (*one.usage[offset::2], *one.coverage)
        for one in rows
        if one.usage is not None
        for offset, direction in enumerate(("ingress", "egress"))
    }


async def _stored(server: InfluxServer) -> Stored:
    series = await server.query("SELECT * FROM northmeter_usage GROUP BY *", db="usage")
    assert all(one.tags["site"] == "ams1" and one.tags["kind"] == "tier0_uplink" for one in series)
    assert all(one.tags["point"].startswith("nsx-ams1:/infra/tier-0s/") for one in series)
    return {
        (one.tags["tenant"], one.tags["direction"], record["time"]): tuple(record[field] for field in FIELDS)
        for one in series
        for record in one.records()
    }


async def test_influxdb_has_every_slot_exactly(influx: InfluxServer, influx_v2: InfluxV2Proxy) -> None:
    await influx.create_database("usage")
    ledger = MemoryOutbox(
        [*_rows(), row(1_000, slot=999, usage=Usage(GREATEST, GREATEST - 1, GREATEST, 2**53 + 1, 0, 1))]
    )
    async with _exporting(influx_v2.url, ledger):
        await _settled(ledger)
    assert await _stored(influx) == _expected(ledger.rows)
    assert ledger.parked == []


async def test_repeats_and_changes_overwrite(influx: InfluxServer, influx_v2: InfluxV2Proxy) -> None:
    await influx.create_database("usage")
    ledger = MemoryOutbox(_rows())
    async with _exporting(influx_v2.url, ledger) as (exporter, _):
        await _settled(ledger)
        # when: everything again, and then late usage in the same slots
        ledger.cursors.clear()
        exporter.wake()
        await _settled(ledger)
        changed = [one._replace(seq=one.seq + ROWS, usage=Usage(7, 8, 9, 10, 11, 12)) for one in ledger.rows[:30]]
        ledger.rows += changed
        exporter.wake()
        await _settled(ledger)
    assert await _stored(influx) == _expected(ledger.rows)


async def test_an_outage_and_a_wrong_token_lose_nothing(influx: InfluxServer, influx_v2: InfluxV2Proxy) -> None:
    await influx.create_database("usage")
    ledger = MemoryOutbox(_rows())
    tokens = ["wrong-token"]
    async with _exporting(influx_v2.url, ledger, token=lambda: tokens[-1]) as (exporter, metrics):

        async def refused() -> bool:
            return _count(metrics, ExportOutcome.UNAVAILABLE) >= 2

        await until(refused, "refusals of the token")
        tokens.append(INFLUX_TOKEN)
        await _settled(ledger)
        influx.stop()
        ledger.rows += _rows(first=ROWS + 1)
        exporter.wake()
        before = _count(metrics, ExportOutcome.UNAVAILABLE)

        async def away() -> bool:
            return _count(metrics, ExportOutcome.UNAVAILABLE) >= before + 2

        await until(away, "failures of the outage")
        influx.start()
        await _settled(ledger)
    assert await _stored(influx) == _expected(ledger.rows)
    assert ledger.parked == []


async def test_lines_at_fault_are_set_aside_and_the_rest_arrives(
    influx: InfluxServer, influx_v2: InfluxV2Proxy
) -> None:
    # given: a week in which somebody wrote bytes as a float, so that whole numbers of it are refused
    await influx.create_database("usage")
    await influx.write("usage", f"northmeter_usage,site=other bytes=1.5 {START - WEEK_MS}")
    spoilt = row(60, account=2, slot=-(WEEK_MS // SLOT_MS))
    ledger = MemoryOutbox([*_rows(count=50), spoilt, *_rows(first=61, count=50)])
    # when
    async with _exporting(influx_v2.url, ledger, batch_rows=40) as (_, metrics):
        await _settled(ledger)
        assert _count(metrics, ExportOutcome.REJECTED) > 2
    # then
    assert [
        (f" {spoilt.slot // 1_000}" in line.line, "field type conflict" in line.reason) for line in ledger.parked
    ] == [
        (True, True),
        (True, True),
    ]
    await influx.query("DROP SERIES FROM northmeter_usage WHERE site = 'other'", db="usage")
    assert await _stored(influx) == _expected([one for one in ledger.rows if one is not spoilt])


async def test_lines_beyond_the_retention_are_passed_over(influx: InfluxServer, influx_v2: InfluxV2Proxy) -> None:
    await influx.query('CREATE DATABASE "usage" WITH DURATION 1h')
    now = SystemClock().now()
    young = row(200)._replace(slot=now - now % SLOT_MS)
    ledger = MemoryOutbox([*_rows(), young])
    async with _exporting(influx_v2.url, ledger) as (_, metrics):
        await _settled(ledger)
        assert _count(metrics, ExportOutcome.EXPIRED) > 0
        assert _count(metrics, ExportOutcome.REJECTED) == 0
    assert ledger.parked == []
    assert await _stored(influx) == _expected([young])


async def test_a_batch_above_the_limit_of_the_server_is_halved(start_influx: StartInflux) -> None:
    server = start_influx(http={"max-body-size": 1_000})
    await server.create_database("usage")
    ledger = MemoryOutbox(_rows())
    async with (
        InfluxV2Proxy(server, INFLUX_TOKEN) as proxy,
        _exporting(proxy.url, ledger, batch_rows=100) as (_, metrics),
    ):
        await _settled(ledger)
        assert _count(metrics, ExportOutcome.TOO_LARGE) > 0
    assert ledger.parked == []
    assert await _stored(server) == _expected(ledger.rows)


async def test_victoriametrics_has_every_slot(victoria: VictoriaServer) -> None:
    ledger = MemoryOutbox([*_rows(), row(1_000, slot=999, usage=Usage(2**53, 2**53 - 1, 1, 1, 1, 1))])
    async with _exporting(victoria.url, ledger):
        await _settled(ledger)
    stored: dict[tuple[str, str, int], dict[str, float]] = {}
    for series in await victoria.export('{__name__=~"northmeter_usage_.*"}'):
        for at, value in zip(series.timestamps, series.values, strict=True):
            key = (series.labels["tenant"], series.labels["direction"], at)
            stored.setdefault(key, {})[series.labels["__name__"].removeprefix("northmeter_usage_")] = value
    assert {key: tuple(values[field] for field in FIELDS) for key, values in stored.items()} == _expected(ledger.rows)
