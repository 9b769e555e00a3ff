"""A real Prometheus scrapes /metrics in both formats and has the ledger's totals."""

from __future__ import annotations

import gzip
from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web

from collector.clock import SystemClock
from collector.model.identity import Kind, PointKey, TenantId
from collector.model.usage import EventName, Usage
from collector.telemetry.metrics import Metrics
from collector.telemetry.totals import Totals
from exporters.prometheus import CLASSIC, OPENMETRICS, PrometheusExposition
from tests.servers import promtool_check_metrics
from tests.servers.fixtures import StartPrometheus

pytestmark = pytest.mark.integration

POINTS = 60
LARGEST = 2**53
"""Up to here Prometheus, which stores doubles, has whole numbers exactly."""


class Site:
    """/metrics on a free port, and the formats in which it was asked for."""

    def __init__(self) -> None:
        self.totals = Totals()
        self.metrics = Metrics(version="1.2.3", clock=SystemClock())
        self.exposition = PrometheusExposition("ams1", self.totals, self.metrics, points=True)
        self.served: set[tuple[str, str]] = set()
        self.port = 0

    def fill(self) -> None:
        """Make usage of three tenants, near the limit of a double too."""
        self.metrics.add_source("nsx-ams1")
        self.metrics.event("nsx-ams1", EventName.RESET, 3)
        self.metrics.quarantine(TenantId("tenant-0"), LARGEST - 1)
        for ref in range(POINTS):
            kind = list(Kind)[ref % 3]
            key = PointKey("nsx-ams1", kind, f'/infra/tier-0s/t0 {ref}/interfaces/"up\\1"')
            usage = Usage(LARGEST - 20 * ref, ref, 10 * ref, 11 * ref, ref % 2, ref % 5)
            self.totals.add_account(ref, TenantId(f"tenant-{ref // 3}"), key, usage)

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer, and note the format."""
        answer = await self.exposition.handle(request)
        self.served.add((answer.headers["Content-Type"], answer.headers.get("Content-Encoding", "")))
        return answer

    async def handle_classic(self, request: web.Request) -> web.StreamResponse:
        """Answer a scraper that knows no OpenMetrics: this Prometheus has no setting for it."""
        return await self.handle(request.clone(headers={**request.headers, "Accept": "text/plain;version=0.0.4"}))


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    """The metrics of a daemon."""
    site = Site()
    site.fill()
    app = web.Application()
    app.router.add_get("/metrics", site.handle)
    app.router.add_get("/classic", site.handle_classic)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    site.port = runner.addresses[0][1]
    yield site
    await runner.cleanup()


@pytest.mark.parametrize(("path", "content_type"), [("/classic", CLASSIC), ("/metrics", OPENMETRICS)])
async def test_prometheus_has_the_totals_digit_by_digit(
    site: Site, start_prometheus: StartPrometheus, path: str, content_type: str
) -> None:
    job = {
        "job_name": "northmeter",
        "metrics_path": path,
        "honor_labels": True,
        "static_configs": [{"targets": [f"127.0.0.1:{site.port}"]}],
    }
    server = start_prometheus([job])
    samples = await server.wait_for(
        "northmeter_point_bytes_total", lambda found: len(found) == 2 * POINTS, timeout_seconds=60
    )
    stored = {(one.labels["point"], one.labels["direction"], one.labels["tenant"]): one.value for one in samples}
    for account in site.totals.accounts:
        for direction, amount in (("ingress", account.ingress_bytes), ("egress", account.egress_bytes)):
            assert stored[account.point.label, direction, account.tenant] == str(amount)

    names = {"northmeter_tenant_bytes_total": 0, "northmeter_tenant_packets_total": 2}
    for name, first in {**names, "northmeter_tenant_dropped_packets_total": 4}.items():
        found = {
            (one.labels["tenant"], one.labels["kind"], one.labels["direction"]): one.value
            for one in await server.query(name)
        }
        assert found == {
            (tenant, kind.value, direction): str(usage[first + offset])
            for (tenant, kind), usage in site.totals.by_tenant.items()
            for offset, direction in enumerate(("ingress", "egress"))
        }
    assert [one.value for one in await server.query('northmeter_events_total{event="reset"}')] == ["3"]
    assert [one.value for one in await server.query("northmeter_quarantined_bytes")] == [str(LARGEST - 1)]
    assert site.served == {(content_type, "gzip")}
    assert {(target.health, target.last_error) for target in await server.targets()} == {("up", "")}


async def test_prometheus_sees_growth(site: Site, start_prometheus: StartPrometheus) -> None:
    job = {"job_name": "northmeter", "static_configs": [{"targets": [f"127.0.0.1:{site.port}"]}]}
    server = start_prometheus([job])
    name = 'northmeter_tenant_packets_total{tenant="tenant-0",direction="ingress"}'
    await server.wait_for(name, timeout_seconds=60)
    account = site.totals.accounts[0]
    before = site.totals.by_tenant[account.tenant, account.point.kind]
    site.totals.apply([(0, Usage(0, 0, 1_000, 0, 0, 0))])
    wanted = str(before.ingress_packets + 1_000)
    await server.wait_for(name, lambda found: wanted in {one.value for one in found}, timeout_seconds=60)


async def test_what_is_served_passes_promtool(site: Site) -> None:
    async with (
        aiohttp.ClientSession(auto_decompress=False) as session,
        session.get(f"http://127.0.0.1:{site.port}/metrics") as answer,
    ):
        body = await answer.read()
        assert answer.headers["Content-Encoding"] == "gzip"
    promtool_check_metrics(gzip.decompress(body).decode())
