"""Resident memory of the daemon by the number of series: ledger, books, totals, inventory, labels of a scrape.

The provider has points with two edge nodes each. One process makes the ledger: an inventory, and the readings of two
cycles. Then a process of its own does on that file what ``northmeter run`` does: it loads the command's modules, builds
the daemon, opens the ledger, takes the books up, takes inventories over (all of discovery but its requests), accounts
five cycles and answers a scrape. Its resident set is what is shown. Not in it: connections to a manager, of which
sixteen take some 6 MiB, and the settings of tenants beyond their explicit points.
"""

from __future__ import annotations

import asyncio
import logging
import subprocess
import sys
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import psutil
import structlog

from bench.provider import GAP_AFTER_MS, MAX_RATE, SOURCE, claims_of, inventory_of, shared_links
from bench.result import Result
from collector.clock import SystemClock
from collector.ledger.sqlite import SqliteReader, SqliteWriter
from collector.model.period import Instant
from collector.model.sample import Counters, Reading, Row, Sample
from collector.pipeline import Meter, MeterRules
from collector.ports import PolledPoint
from collector.sources.nsxt.snapshot import Snapshot
from collector.telemetry.health import Health
from collector.telemetry.metrics import Metrics
from collector.telemetry.totals import Totals
from collector.tuning import give_back_memory, tune_memory
from collector.watch import Watch
from exporters.prometheus import PrometheusExposition

SIZES = (10_000, 50_000)
SERIES_PER_POINT = 2
TENANTS = 1_000
MINUTE_MS = 60_000
BEGUN_AT: Instant = 1_790_000_000_000
FILLED, WORKED = range(2), range(2, 7)
"""Minutes in which the ledger is filled, and those in which the daemon works on from there."""

INVENTORIES = 3
"""Taken over one after the other, as half an hour of work brings them: each is made while the one before is in use."""

BATCH = 800
"""Readings in a batch: what a second brings at the pace of 50 000 series a minute."""

MIB = 1024 * 1024


def run() -> list[Result]:
    """Measure."""
    results = [Result("imported", _measured("imported", Path(), 0), "MiB")]
    for series in SIZES:
        with tempfile.TemporaryDirectory(prefix="northmeter-bench-") as folder:
            path, points = Path(folder) / "ledger.db", series // SERIES_PER_POINT
            _measured("filled", path, points)
            loaded, working = _measured("loaded", path, points), _measured("working", path, points)
        results.append(Result(f"{series} series, ledger loaded", loaded, "MiB"))
        results.append(
            Result(f"{series} series, at work", working, "MiB", target="≤ 200" if series == max(SIZES) else "")
        )
    return results


def _measured(stage: str, path: Path, points: int) -> float:
    """Return the resident set of a process of its own that has come to a stage, in MiB."""
    command = [sys.executable, "-m", "bench.memory", stage, str(path), str(points)]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return float(done.stdout.split()[-1])


# --- in the process --------------------------------------------------------------------------------------------------


async def _reach(stage: str, path: Path, points: int) -> float:
    """Come to a stage and return the resident set there, in MiB."""
    import collector.app  # all that the daemon loads
    import collector.cli  # noqa: F401

    tune_memory()
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    if stage == "imported":
        return _resident()
    clock = SystemClock()
    totals, metrics = Totals(), Metrics(version="bench", clock=clock)
    writer, reader = SqliteWriter(path), SqliteReader(path)
    rules = MeterRules(max_rate=MAX_RATE, gap_after_ms=GAP_AFTER_MS, claims=claims_of(_provider(points), TENANTS))
    meter = Meter(writer, clock, totals, rules, Watch(metrics, Health(), clock))
    await writer.start()
    await reader.start()
    await meter.load()
    await asyncio.to_thread(give_back_memory)
    metrics.add_source(SOURCE)
    if stage != "loaded":
        for _ in range(1 if stage == "filled" else INVENTORIES):
            await meter.apply_inventory(inventory_of(_provider(points), clock.now()))
            await asyncio.to_thread(give_back_memory)
        await _cycles(meter, FILLED if stage == "filled" else WORKED)
    scrape = PrometheusExposition("bench", totals, metrics, points=True)
    assert sum(map(len, scrape.chunks(openmetrics=False))) > points
    resident = _resident()
    await reader.stop()
    await writer.stop()
    return resident


def _provider(points: int) -> Snapshot:
    return shared_links(points * 4 // 5)


async def _cycles(meter: Meter, minutes: range) -> None:
    """Account a cycle in each of these minutes, in batches as the pump makes them."""
    ours = meter.estate.metered(SOURCE)
    for minute in minutes:
        at = BEGUN_AT + minute * MINUTE_MS
        for first in range(0, len(ours), BATCH):
            numbers = range(first, min(first + BATCH, len(ours)))
            readings = [reading for number in numbers for reading in _readings(ours[number], at)]
            assert await meter.account(readings)


def _readings(found: PolledPoint, at: Instant) -> Iterator[Reading]:
    for call in found.calls:
        counters = Counters(at * 100_000, at * 50_000, at * 80, at * 40, at // 1_000, 0)
        port = str(uuid.uuid5(uuid.NAMESPACE_OID, found.key.path))
        row = Row(port, call.node or "", Sample(at, at, counters))
        yield Reading(point=found.key, read_at=found.read_at, polled_at=at, asked_node=call.node, rows=(row,))


def _resident() -> float:
    return psutil.Process().memory_info().rss / MIB


if __name__ == "__main__":
    print(asyncio.run(_reach(sys.argv[1], Path(sys.argv[2]), int(sys.argv[3]))))
