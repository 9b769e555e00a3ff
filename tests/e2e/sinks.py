"""Usage as each sink shows it, in one form, so that they can be compared: the ledger, the command, the API, metrics,
Prometheus, InfluxDB and VictoriaMetrics."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from collector.core.periods import format_time
from collector.ledger.sqlite import SqliteReader
from collector.model.identity import TenantId
from collector.ports import LedgerQuery
from tests.e2e.harness import Daemon, Place
from tests.servers import InfluxServer, PrometheusServer, VictoriaServer

FIELDS: Final = ("bytes", "packets", "dropped_packets")

_LABELS = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


_NEXT = re.compile(r'<([^>]+)>; rel="next"')


class Who(NamedTuple):
    """What sums are compared by."""

    tenant: str
    kind: str
    direction: str


class Sum(NamedTuple):
    """Whole numbers."""

    bytes: int
    packets: int
    dropped_packets: int


Sums: TypeAlias = dict[Who, Sum]


def add(rows: Iterable[tuple[Who, Sum]]) -> Sums:
    """Return the sum of each group; groups of which nothing is known but zeros are left out."""
    sums: dict[Who, list[int]] = defaultdict(lambda: [0, 0, 0])
    for who, row in rows:
        for index, value in enumerate(row):
            sums[who][index] += value
    return {who: Sum(*values) for who, values in sorted(sums.items()) if any(values)}


def differences(expected: Mapping[Any, Any], got: Mapping[Any, Any]) -> str:
    """Return what two mappings differ in, one line each; nothing when they are equal."""
    keys = sorted(k for k in expected.keys() | got.keys() if expected.get(k) != got.get(k))
    lines = [f"  {key}: expected {expected.get(key)}, got {got.get(key)}" for key in keys[:20]]
    return "\n".join(lines + ([f"  … and {len(keys) - 20} more"] if len(keys) > 20 else []))


# --- the ledger's own ways -------------------------------------------------------------------------------------------


async def ledger_sums(path: Path, start: int, end: int) -> Sums:
    """Return what the ledger's file has in [start, end)."""
    reader = SqliteReader(path)
    await reader.start()
    try:
        rows = []
        for tenant in await reader.tenants():
            query = LedgerQuery(
                tenant=TenantId(tenant), start=start, end=end, step_ms=None, by=frozenset({"kind", "direction"})
            )
            for row in await reader.usage(query):
                assert row.kind is not None
                assert row.direction is not None
                who = Who(tenant, row.kind.value, row.direction.value)
                rows.append((who, Sum(row.bytes, row.packets, row.dropped_packets)))
    finally:
        await reader.stop()
    return add(rows)


def window(start: int, end: int) -> dict[str, str]:
    """Return the parameters of [start, end)."""
    return {"start": format_time(start), "end": format_time(end)}


def _row(row: Mapping[str, Any]) -> tuple[Who, Sum]:
    return (
        Who(row["tenant"], row["kind"], row["direction"]),
        Sum(int(row["bytes"]), int(row["packets"]), int(row["dropped_packets"])),
    )


async def api_sums(daemon: Daemon, start: int, end: int, granularity: str, form: str = "json") -> Sums:
    """Return what the API says, page by page and added up."""
    parameters = window(start, end) | {"granularity": granularity}
    if form == "json":
        return add(_row(row) for row in await daemon.rows("/api/v1/usage", parameters))
    rows: list[tuple[Who, Sum]] = []
    path, page = "/api/v1/usage", parameters | {"format": "csv", "limit": "5000"}
    while True:
        answer = await daemon.ask(path, page)
        assert answer.status == 200, f"CSV of {parameters}: expected 200, got {answer.status} {answer.text[:300]}"
        rows += [_row(row) for row in csv.DictReader(io.StringIO(answer.text))]
        following = _NEXT.match(answer.headers.get("Link", ""))
        if following is None:
            return add(rows)
        path, page = following[1], {}


async def command_sums(place: Place, start: int, end: int, form: str, granularity: str = "total") -> Sums:
    """Return what ``northmeter usage`` prints."""
    asked = window(start, end)
    done = await place.command(
        "usage", "--start", asked["start"], "--end", asked["end"], "--granularity", granularity, "--format", form
    )
    assert done.code == 0, f"usage --format {form}: expected exit 0, got {done.code}: {done.err}"
    rows = json.loads(done.out)["rows"] if form == "json" else csv.DictReader(io.StringIO(done.out))
    return add(_row(row) for row in rows)


# --- Prometheus ------------------------------------------------------------------------------------------------------


def _metric(field: str) -> str:
    return f"northmeter_tenant_{field}_total"


async def metrics_sums(daemon: Daemon) -> tuple[Sums, str]:
    """Return the totals on ``/metrics``, digit by digit, and its whole text."""
    text = (await daemon.ask("/metrics", token=None)).text
    found: dict[Who, dict[str, int]] = defaultdict(dict)
    for field in FIELDS:
        for line in text.splitlines():
            if line.startswith(f"{_metric(field)}{{"):
                series, _, value = line.rpartition(" ")
                labels = dict(_LABELS.findall(series))
                found[Who(labels["tenant"], labels["kind"], labels["direction"])][field] = int(value)
    return add((who, Sum(*(values.get(field, 0) for field in FIELDS))) for who, values in found.items()), text


async def prometheus_sums(server: PrometheusServer) -> dict[tuple[Who, str], float]:
    """Return the newest totals that a Prometheus scraped, as the doubles that it keeps."""
    found: dict[tuple[Who, str], float] = {}
    for field in FIELDS:
        for sample in await server.query(_metric(field)):
            labels = sample.labels
            found[Who(labels["tenant"], labels["kind"], labels["direction"]), field] = float(sample.value)
    return {key: value for key, value in found.items() if value}


def as_doubles(sums: Sums) -> dict[tuple[Who, str], float]:
    """Return sums as Prometheus keeps them: each rounded to a double once."""
    values = ((who, field, getattr(row, field)) for who, row in sums.items() for field in FIELDS)
    return {(who, field): float(value) for who, field, value in values if value}


# --- InfluxDB --------------------------------------------------------------------------------------------------------


async def influx_sums(server: InfluxServer, bucket: str, start: int, end: int) -> Sums:
    """Return the sums of what InfluxDB has in [start, end); its whole numbers are exact."""
    chosen = ", ".join(f'sum("{field}") AS "{field}"' for field in FIELDS)
    wanted = f"FROM northmeter_usage WHERE time >= {start}ms AND time < {end}ms GROUP BY tenant, kind, direction"
    series = await server.query(f"SELECT {chosen} {wanted}", bucket)  # names and numbers of ours
    return add(
        (
            Who(one.tags["tenant"], one.tags["kind"], one.tags["direction"]),
            Sum(*(int(record[field] or 0) for field in FIELDS)),
        )
        for one in series
        for record in one.records()
    )


async def victoria_sums(server: VictoriaServer, start: int, end: int) -> Sums:
    """Return the sums of what VictoriaMetrics has in [start, end).

    A slot that was sent again has two samples of one time; usage of a slot only grows, so the greater is the newer.
    """
    found: dict[Who, dict[str, int]] = defaultdict(lambda: dict.fromkeys(FIELDS, 0))
    for field in FIELDS:
        for series in await server.export(f'{{__name__="northmeter_usage_{field}"}}'):
            newest: dict[int, int] = {}
            for at, value in zip(series.timestamps, series.values, strict=True):
                assert value == int(value) < 2**53, f"VictoriaMetrics rounds {value} of {series.labels}"
                newest[at] = max(int(value), newest.get(at, 0))
            who = Who(series.labels["tenant"], series.labels["kind"], series.labels["direction"])
            found[who][field] += sum(value for at, value in newest.items() if start <= at < end)
    return add((who, Sum(*(values[field] for field in FIELDS))) for who, values in found.items())
