"""An exporter, its destination and its ledger."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field

import pytest

from collector.clock import ManualClock
from collector.model.usage import ExportRow
from collector.telemetry.metrics import ExportOutcome, Metrics
from exporters.base import Destination, ExportOptions, OutboxExporter
from exporters.influxdb import InfluxDestination, InfluxOptions
from tests.contract.exporters.influx import ScriptedInflux
from tests.contract.exporters.ledger import MemoryOutbox
from tests.servers import until

NAME = "influxdb"
FIRST_WAIT_SECONDS = 0.005


@dataclass
class Bench:
    """Everything that a test touches."""

    server: ScriptedInflux
    ledger: MemoryOutbox
    metrics: Metrics
    exporter: OutboxExporter
    tokens: list[str] = field(default_factory=list)

    async def publish(self, rows: Sequence[ExportRow]) -> None:
        """Add publications and tell the exporter."""
        self.ledger.rows += rows
        self.exporter.wake()

    async def settled(self, seq: int, timeout_seconds: float = 20.0) -> None:
        """Wait until the cursor stands at ``seq``."""

        async def look() -> bool:
            return self.ledger.cursors.get(NAME) == seq

        await until(look, f"cursor at {seq}", timeout_seconds)

    def count(self, outcome: ExportOutcome) -> float:
        """Return how many sendings ended so."""
        labels = {"exporter": NAME, "outcome": outcome.value}
        return self.metrics.registry.get_sample_value("northmeter_export_requests_total", labels) or 0.0

    async def counted(self, outcome: ExportOutcome, times: int) -> None:
        """Wait until so many sendings ended so."""

        async def look() -> bool:
            return self.count(outcome) >= times

        await until(look, f"{times} sendings that were {outcome}")


MakeExporter = Callable[..., OutboxExporter]


@pytest.fixture
async def server() -> AsyncIterator[ScriptedInflux]:
    """A destination that takes everything until told otherwise."""
    async with ScriptedInflux() as server:
        yield server


@pytest.fixture
async def bench(server: ScriptedInflux) -> AsyncIterator[Bench]:
    """An exporter of few rows at a time and short waits, not yet started."""
    metrics = Metrics(version="0", clock=ManualClock(1_790_000_000_000))
    ledger = MemoryOutbox()
    tokens = ["good-token"]
    # The last token stays; what comes before it is asked for once each.
    options = InfluxOptions(
        url=server.url,
        org="provider",
        bucket="usage",
        token=lambda: tokens.pop(0) if len(tokens) > 1 else tokens[0],
        timeout_seconds=1.0,
    )
    exporter = make_exporter(InfluxDestination("ams1", options), ledger, metrics)
    yield Bench(server, ledger, metrics, exporter, tokens)
    await exporter.stop()


def make_exporter(destination: Destination, ledger: MemoryOutbox, metrics: Metrics) -> OutboxExporter:
    """Return an exporter of few rows at a time and short waits, not yet started."""
    options = ExportOptions(
        name=NAME, batch_rows=8, idle_seconds=30.0, wait_seconds_first=FIRST_WAIT_SECONDS, wait_seconds_max=0.05
    )
    return OutboxExporter(
        options, destination, reader=ledger.reader, writer=ledger.writer, clock=ManualClock(), metrics=metrics
    )
