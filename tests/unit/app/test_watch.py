"""What the parts tell of themselves becomes metrics, health, and one log line per change."""

from __future__ import annotations

import asyncio

import pytest
from structlog.testing import capture_logs

from collector.clock import ManualClock
from collector.errors import LedgerCorrupt, LedgerUnavailable, ObjectGone, SourceUnavailable
from collector.model.identity import Kind, PointKey, TenantId
from collector.model.usage import Batch, Delta, Event, EventName, Growth, Publication, Quality, Quarantined, Usage
from collector.telemetry.health import Health
from collector.telemetry.metrics import Metrics
from collector.watch import SAY_AGAIN_SECONDS, Watch

POINT = PointKey("nsx", Kind.TIER0_UPLINK, "/infra/tier-0s/t0/locale-services/default/interfaces/up1")


class Bench:
    """A watch with everything around it."""

    def __init__(self) -> None:
        self.clock = ManualClock(1_000_000)
        self.metrics = Metrics(version="test", clock=self.clock)
        self.health = Health()
        self.published = 0
        self.missing: list[str] = []
        self.watch = Watch(
            self.metrics, self.health, self.clock, published=self._publish, node_missing=self.missing.append
        )

    def _publish(self) -> None:
        self.published += 1

    def value(self, name: str, **labels: str) -> float | None:
        return self.metrics.registry.get_sample_value(name, labels)


@pytest.fixture
async def bench() -> Bench:
    return Bench()


def event(name: EventName) -> Event:
    return Event(at=1, source="nsx", event=name, tenant=TenantId("acme"), point=POINT.label, node="edge")


async def test_a_committed_batch_is_counted(bench: Bench) -> None:
    delta = Delta(0, 60_000, Growth(rx_bytes=7), Quality.MEASURED, 7)
    aside = Quarantined(1, delta, Usage(ingress_bytes=7, egress_bytes=5), TenantId("acme"), 10)
    events = (event(EventName.RESET), event(EventName.RESET), event(EventName.FIRST_SEEN))
    with capture_logs() as lines:
        bench.watch.committed(
            Batch(id="b", at=1, events=events, quarantined=(aside,), publish=(Publication(1, 0),)), 3, 0.01
        )
    assert bench.value("northmeter_events_total", source="nsx", event="reset") == 2
    assert bench.value("northmeter_events_total", source="nsx", event="first_seen") == 1
    assert bench.metrics.quarantined == {"acme": 12}
    assert bench.published == 1
    assert [line["event"] for line in lines] == ["reset", "reset"], "every start brings first_seen: it is not logged"


async def test_a_batch_without_news_wakes_nobody(bench: Bench) -> None:
    bench.watch.committed(Batch(id="b", at=1), 1, 0.01)
    assert bench.published == 0


async def test_a_node_that_stops_reporting_asks_for_a_discovery_of_its_source(bench: Bench) -> None:
    bench.watch.noted([event(EventName.NODE_MISSING), event(EventName.NODE_MISSING)])
    assert bench.missing == ["nsx"]


async def test_trouble_of_the_ledger_is_said_once_and_so_is_its_end(bench: Bench) -> None:
    with capture_logs() as lines:
        bench.watch.dropped(3, LedgerUnavailable("disk full"))
        bench.watch.dropped(2, LedgerUnavailable("disk full"))
        assert bench.health.faults == {"ledger": "disk full"}
        assert bench.value("northmeter_ledger_writable") == 0
        bench.watch.committed(Batch(id="b", at=1), 1, 0.01)
    assert [line["event"] for line in lines] == ["ledger_unavailable", "ledger_recovered"]
    assert bench.health.ready
    assert bench.value("northmeter_ledger_writable") == 1
    assert bench.value("northmeter_samples_dropped_total", reason="ledger") == 5


async def test_the_same_trouble_of_a_point_is_said_once_an_hour(bench: Bench) -> None:
    with capture_logs() as lines:
        bench.watch.failed(POINT, SourceUnavailable("no answer"))
        bench.watch.failed(POINT, SourceUnavailable("no answer"))
        bench.watch.failed(POINT, ObjectGone("404"))
        bench.clock.advance(int(SAY_AGAIN_SECONDS * 1_000))
        bench.watch.failed(POINT, ObjectGone("404"))
    assert [line["error"] for line in lines] == ["SourceUnavailable", "ObjectGone", "ObjectGone"]


async def test_a_job_that_finds_the_ledger_damaged_ends_the_daemon(bench: Bench) -> None:
    bench.watch.job_failed("retention", RuntimeError("a defect"))
    assert not bench.watch.damaged.done()
    bench.watch.job_failed("retention", LedgerCorrupt("damaged"))
    with pytest.raises(LedgerCorrupt):
        await asyncio.wait_for(bench.watch.damaged, 1)
