"""The text of /metrics: exact, valid in both formats, in short pieces."""

from __future__ import annotations

import gzip
import re

import pytest
from aiohttp import ClientSession, web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_openmetrics
from prometheus_client.parser import text_string_to_metric_families as parse_classic

from collector.clock import ManualClock
from collector.model.identity import Kind, PointKey, TenantId
from collector.model.usage import EventName, Usage
from collector.telemetry.metrics import Metrics
from collector.telemetry.totals import Totals
from exporters.prometheus import ACCOUNTS_PER_PIECE, CLASSIC, OPENMETRICS, SCRAPES_MAX, PrometheusExposition
from tests.servers import promtool_check_metrics

ACME, GLOBEX = TenantId("acme"), TenantId("globex")
UPLINK = PointKey("nsx-ams1", Kind.TIER0_UPLINK, "/infra/tier-0s/t0-acme/locale-services/default/interfaces/up1")
LINK = PointKey("nsx-ams1", Kind.TIER1_DOWNLINK, "/infra/tier-1s/t1-globex")
BEYOND_A_DOUBLE = 2**64 - 1


def _world() -> tuple[Totals, Metrics]:
    totals = Totals()
    totals.add_account(1, ACME, UPLINK, Usage(BEYOND_A_DOUBLE, 2**53 + 1, 7, 8, 1, 0))
    totals.add_account(2, GLOBEX, LINK, Usage(10, 20, 3, 4, 5, 6))
    metrics = Metrics(version="1.2.3", clock=ManualClock(1_790_000_000_000))
    metrics.add_source("nsx-ams1")
    metrics.poll("nsx-ams1", "ok", 0.02)
    metrics.event("nsx-ams1", EventName.RESET)
    metrics.quarantine(ACME, BEYOND_A_DOUBLE)
    return totals, metrics


def _exposition(points: bool = True) -> PrometheusExposition:
    return PrometheusExposition("ams1", *_world(), points=points)


def _text(exposition: PrometheusExposition, openmetrics: bool = False) -> str:
    return b"".join(exposition.chunks(openmetrics)).decode()


def test_usage_is_written_digit_by_digit() -> None:
    text = _text(_exposition())
    labels = 'site="ams1",tenant="acme",kind="tier0_uplink"'
    point = f'site="ams1",source="nsx-ams1",tenant="acme",kind="tier0_uplink",point="nsx-ams1:{UPLINK.path}"'
    for line in (
        f'northmeter_tenant_bytes_total{{{labels},direction="ingress"}} 18446744073709551615',
        f'northmeter_tenant_bytes_total{{{labels},direction="egress"}} 9007199254740993',
        f'northmeter_tenant_packets_total{{{labels},direction="ingress"}} 7',
        f'northmeter_tenant_packets_total{{{labels},direction="egress"}} 8',
        f'northmeter_tenant_dropped_packets_total{{{labels},direction="ingress"}} 1',
        f'northmeter_tenant_dropped_packets_total{{{labels},direction="egress"}} 0',
        f'northmeter_point_bytes_total{{{point},direction="ingress"}} 18446744073709551615',
        f'northmeter_point_bytes_total{{{point},direction="egress"}} 9007199254740993',
        'northmeter_quarantined_bytes{tenant="acme"} 18446744073709551615',
        'northmeter_events_total{source="nsx-ams1",event="reset"} 1.0',
        'northmeter_info{version="1.2.3"} 1',
    ):
        assert f"\n{line}\n" in f"\n{text}", line


def test_growth_and_new_accounts_show_in_the_next_scrape() -> None:
    totals, metrics = _world()
    exposition = PrometheusExposition("ams1", totals, metrics, points=True)
    _text(exposition)
    totals.apply([(2, Usage(5, 0, 0, 0, 0, 0))])
    totals.add_account(3, ACME, LINK, Usage(1, 2, 0, 0, 0, 0))
    text = _text(exposition)
    assert 'tenant="globex",kind="tier1_downlink",direction="ingress"} 15\n' in text
    assert f'tenant="acme",kind="tier1_downlink",point="nsx-ams1:{LINK.path}",direction="egress"}} 2\n' in text


def test_points_can_be_left_out() -> None:
    text = _text(_exposition(points=False))
    assert "northmeter_point_" not in text
    assert "northmeter_tenant_bytes_total{" in text


@pytest.mark.parametrize("openmetrics", [False, True])
def test_every_metric_is_declared_once_and_its_lines_stand_together(openmetrics: bool) -> None:
    text = _text(_exposition(), openmetrics)
    families = re.findall(r"^# TYPE (\S+) ", text, re.MULTILINE)
    assert len(families) == len(set(families))
    family = ""
    for line in text.splitlines():
        if line.startswith("# TYPE "):
            family = line.split()[2]
        elif not line.startswith("#"):
            assert line.startswith(family), (line, family)


@pytest.mark.parametrize("filled", [False, True])
def test_classic_text_is_valid(filled: bool) -> None:
    empty = PrometheusExposition("ams1", Totals(), Metrics(version="0", clock=ManualClock()), points=True)
    text = _text(_exposition() if filled else empty)
    promtool_check_metrics(text)
    assert {family.name for family in parse_classic(text)} >= {
        "northmeter_tenant_bytes",
        "northmeter_export_lag_seconds",
    }


@pytest.mark.parametrize("filled", [False, True])
def test_openmetrics_text_is_valid(filled: bool) -> None:
    empty = PrometheusExposition("ams1", Totals(), Metrics(version="0", clock=ManualClock()), points=True)
    text = _text(_exposition() if filled else empty, openmetrics=True)
    assert text.endswith("\n# EOF\n")
    families = {family.name: family for family in parse_openmetrics(text)}  # type: ignore[no-untyped-call] # no types
    assert families["northmeter_tenant_bytes"].type == "counter"
    assert families["northmeter_tenant_bytes"].unit == "bytes"
    assert families["northmeter"].type == "info"


@pytest.mark.parametrize("openmetrics", [False, True])
def test_odd_characters_in_labels_come_back_as_they_were(openmetrics: bool) -> None:
    odd = 'a\\b"c\nd,e={}é'
    totals = Totals()
    totals.add_account(1, TenantId(odd), PointKey(odd, Kind.SERVICE_INTERFACE, odd), Usage(1, 2))
    metrics = Metrics(version="0", clock=ManualClock())
    metrics.poll(odd, "ok", 0.1)
    text = _text(PrometheusExposition(odd, totals, metrics, points=True), openmetrics)
    parse = parse_openmetrics if openmetrics else parse_classic
    samples = {sample.name: sample.labels for family in parse(text) for sample in family.samples if sample.value}
    assert samples["northmeter_point_bytes_total"] == {
        "site": odd,
        "source": odd,
        "tenant": odd,
        "kind": "service_interface",
        "point": f"{odd}:{odd}",
        "direction": "egress",
    }
    assert samples["northmeter_polls_total"] == {"source": odd, "outcome": "ok"}


def test_pieces_are_short_and_two_scrapes_may_interleave() -> None:
    totals, metrics = Totals(), Metrics(version="0", clock=ManualClock())
    for ref in range(3 * ACCOUNTS_PER_PIECE + 1):
        path = f"/infra/tier-0s/t0-{ref:06}/locale-services/default/interfaces/uplink"
        totals.add_account(ref, TenantId(f"t{ref}"), PointKey("nsx-ams1", Kind.TIER0_UPLINK, path), Usage(2**63, 2**63))
    exposition = PrometheusExposition("ams1", totals, metrics, points=True)
    one, other = exposition.chunks(False), exposition.chunks(False)
    pieces = [(a, b) for a, b in zip(one, other, strict=True)]
    assert max(len(a) for a, _ in pieces) <= 256 * 1024
    usage = [(a, b) for a, b in pieces if b"process_" not in a]
    assert all(a == b for a, b in usage)
    lines = b"".join(a for a, _ in pieces).decode().splitlines()
    assert sum(line.startswith("northmeter_point_bytes_total{") for line in lines) == 2 * (3 * ACCOUNTS_PER_PIECE + 1)


async def _client(exposition: PrometheusExposition) -> TestClient[web.Request, web.Application]:
    app = web.Application()
    app.router.add_get("/metrics", exposition.handle)
    client = TestClient(TestServer(app), auto_decompress=False)
    await client.start_server()
    return client


PROMETHEUS_2 = (
    "application/openmetrics-text;version=1.0.0,application/openmetrics-text;version=0.0.1;q=0.75,"
    "text/plain;version=0.0.4;q=0.5,*/*;q=0.1"
)


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        (None, CLASSIC),
        ("*/*", CLASSIC),
        ("text/html, */*;q=0.8", CLASSIC),
        (PROMETHEUS_2, OPENMETRICS),
        ("application/openmetrics-text; version=1.0.0; charset=utf-8", OPENMETRICS),
        (
            "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,text/plain;version=0.0.4;q=0.4",
            OPENMETRICS,
        ),
        ("application/openmetrics-text;q=0.3, text/plain;q=0.7", CLASSIC),
        ("application/openmetrics-text;q=0", CLASSIC),
        ("application/openmetrics-text;q=nonsense", CLASSIC),
        ("application/openmetrics-text;version=0.0.1", CLASSIC),
        ("application/openmetrics-text, text/plain;q=0, */*;q=0.9", OPENMETRICS),
        ("application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited", CLASSIC),
    ],
)
async def test_format_is_what_the_scraper_prefers(accept: str | None, expected: str) -> None:
    client = await _client(_exposition())
    try:
        headers = {"Accept-Encoding": "identity"} | ({} if accept is None else {"Accept": accept})
        answer = await client.get("/metrics", headers=headers)
        assert answer.headers["Content-Type"] == expected
        assert (await answer.text()).endswith("# EOF\n") is (expected == OPENMETRICS)
    finally:
        await client.close()


@pytest.mark.parametrize(
    ("coding", "zipped"),
    [("gzip", True), ("gzip;q=0", False), ("identity", False), ("br, *", True), ("deflate, gzip;q=0.5", True)],
)
async def test_gzip_when_asked_for(coding: str, zipped: bool) -> None:
    client = await _client(_exposition())
    try:
        answer = await client.get("/metrics", headers={"Accept-Encoding": coding})
        body = await answer.read()
        assert (answer.headers.get("Content-Encoding") == "gzip") is zipped
        assert b"northmeter_tenant_bytes_total{" in (gzip.decompress(body) if zipped else body)
    finally:
        await client.close()


async def test_head_has_no_body() -> None:
    client = await _client(_exposition())
    try:
        answer = await client.head("/metrics")
        assert (answer.status, await answer.read()) == (200, b"")
        assert answer.headers["Content-Type"] == CLASSIC
    finally:
        await client.close()


async def test_too_many_scrapes_at_once_are_told_to_come_again() -> None:
    # given: scrapers that ask and do not read, of more than the sockets' buffers hold
    totals, metrics = Totals(), Metrics(version="0", clock=ManualClock())
    for ref in range(60_000):
        key = PointKey("nsx-ams1", Kind.TIER0_UPLINK, f"/infra/tier-0s/{ref:06}/{'x' * 100}")
        totals.add_account(ref, ACME, key, Usage())
    client = await _client(PrometheusExposition("ams1", totals, metrics, points=True))
    url = client.make_url("/metrics")
    try:
        async with ClientSession(auto_decompress=False) as session:
            held = [await session.get(url, headers={"Accept-Encoding": "identity"}) for _ in range(SCRAPES_MAX)]
            # when, then
            async with session.get(url) as refused:
                assert (refused.status, refused.headers["Retry-After"]) == (503, "5")
            for answer in held:
                answer.close()
    finally:
        await client.close()
