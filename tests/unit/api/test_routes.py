"""Paths and methods, health, metrics, reload, tenants, events, and the frame around every answer."""

from __future__ import annotations

import json

import aiohttp
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from collector.api import routes as routes_module
from collector.api import server as server_module
from collector.errors import LedgerCorrupt
from collector.model.identity import UNATTRIBUTED, Tenant, TenantId
from collector.model.usage import StoredEvent
from tests.unit.api.conftest import ACME, ACME_SECRET, ALL_SECRET, GLOBEX, UPLINK, Make, World, at, fact


@pytest.mark.parametrize(
    "path", ["/", "/nothing", "/api/v1/nothing", "/api", "/api/", "/api/v1/usage/", "/-/", "/metrics/", "//metrics"]
)
async def test_an_unknown_path_is_404(world: World, path: str) -> None:
    status, headers, body = await world.get(path)
    assert status == 404
    assert headers["Content-Type"] == "application/problem+json"
    assert json.loads(body)["title"] == "Not Found"


@pytest.mark.parametrize(
    ("method", "path", "allow"),
    [
        ("POST", "/api/v1/usage", {"GET", "HEAD"}),
        ("DELETE", "/api/v1/tenants", {"GET", "HEAD"}),
        ("PUT", "/metrics", {"GET", "HEAD"}),
        ("GET", "/-/reload", {"POST"}),
        ("OPTIONS", "/api/v1/usage", {"GET", "HEAD"}),
    ],
)
async def test_a_wrong_method_is_405_and_names_the_right_ones(
    world: World, method: str, path: str, allow: set[str]
) -> None:
    status, headers, body = await world.get(path, method=method)
    assert status == 405
    assert set(headers["Allow"].split(",")) == allow
    assert json.loads(body)["status"] == 405
    assert "Access-Control-Allow-Origin" not in headers


@pytest.mark.parametrize("path", ["/api/v1/usage", "/metrics", "/-/healthy", "/nothing", "/api/v1/usage?limit=0"])
async def test_every_answer_has_the_headers_that_keep_browsers_safe(world: World, path: str) -> None:
    for secret in (ALL_SECRET, None):
        _, headers, _ = await world.get(path, secret, Origin="https://elsewhere.example.net")
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Cache-Control"] == "no-store"
        assert headers["Server"] == "northmeter"
        assert not [name for name in headers if name.startswith("Access-Control")]


async def test_head_has_no_body(world: World) -> None:
    status, _, body = await world.get("/api/v1/tenants", method="HEAD")
    assert (status, body) == (200, b"")


async def test_healthy_even_when_not_ready(world: World) -> None:
    assert (await world.get("/-/ready", None))[::2] == (200, b"ready\n")
    world.health.fault("ledger", "no space left on device")
    world.health.fault("source nsx-a", "not tried yet")
    status, headers, body = await world.get("/-/ready", None)
    assert status == 503
    assert headers["Content-Type"] == "application/problem+json"
    assert json.loads(body) == {
        "type": "urn:northmeter:problem:not-ready",
        "title": "Not ready",
        "status": 503,
        "detail": "ledger: no space left on device; source nsx-a: not tried yet",
        "instance": "/-/ready",
        "faults": {"ledger": "no space left on device", "source nsx-a": "not tried yet"},
    }
    assert (await world.get("/-/healthy", None))[::2] == (200, b"healthy\n")
    world.health.well("ledger")
    world.health.well("source nsx-a")
    assert (await world.get("/-/ready", None))[0] == 200


async def test_metrics_are_what_the_exporter_says(world: World) -> None:
    assert (await world.get("/metrics", None))[::2] == (200, b"northmeter_up 1\n")


async def test_reload_says_what_is_wrong_and_needs_a_token_for_all_tenants(world: World) -> None:
    world.reload_answers[:] = [None, "tenants[1].timezone: no such zone\nsite: is missing", RuntimeError("/etc/x")]
    for secret, expected in ((None, 401), ("wrong", 401), (ACME_SECRET, 403)):
        assert (await world.get("/-/reload", secret, "POST"))[0] == expected
    assert len(world.reload_answers) == 3

    status, _, body = await world.get("/-/reload", method="POST")
    assert (status, json.loads(body)) == (200, {"status": "reloaded"})
    status, _, body = await world.get("/-/reload", method="POST")
    assert status == 400
    assert json.loads(body)["faults"] == ["tenants[1].timezone: no such zone", "site: is missing"]
    with capture_logs() as logs:
        status, _, body = await world.get("/-/reload", method="POST")
    assert status == 500
    assert b"/etc/x" not in body
    assert [entry["event"] for entry in logs] == ["http_request_failed"]


async def test_tenants_are_those_of_the_settings_and_of_the_ledger(world: World) -> None:
    gone = Tenant(id=TenantId("gone"), name="", timezone="")
    nobody = Tenant(id=UNATTRIBUTED, name="", timezone="")
    world.ledger.facts = [fact(tenant, "2026-10-01T10:00:00", 1, 1) for tenant in (gone, nobody, ACME)]
    _, _, body = await world.get("/api/v1/tenants")
    assert json.loads(body) == {
        "rows": [
            {"id": "acme", "name": "Acme Corp", "timezone": "Europe/Amsterdam"},
            {"id": "globex", "name": "Globex", "timezone": "Asia/Kathmandu"},
            {"id": "gone", "name": "gone", "timezone": "UTC"},
            {"id": "unattributed", "name": "unattributed", "timezone": "UTC"},
        ],
        "next_cursor": None,
    }
    _, _, body = await world.get("/api/v1/tenants", ACME_SECRET)
    assert [row["id"] for row in json.loads(body)["rows"]] == ["acme"]
    world.tenants.pop(0)
    _, _, body = await world.get("/api/v1/tenants", ACME_SECRET)
    assert [row["name"] for row in json.loads(body)["rows"]] == ["acme"]


def reset(seq: int, tenant: TenantId | None, at_text: str = "2026-10-01T10:00:00") -> StoredEvent:
    return StoredEvent(
        seq=seq,
        at=at(at_text) + 250,
        last_at=at(at_text) + 60_250,
        count=2,
        source="nsx-ams1",
        event="reset",
        tenant=tenant,
        point=UPLINK if tenant else None,
        node="5c9ef2a1" if tenant else None,
        detail={"unknown_bytes_max": "1500000000000", "counters": ["rx_bytes"], "rule": 11, "held": None},
    )


async def test_an_event_is_as_the_contract_shows_it(world: World) -> None:
    world.ledger.stored_events = [reset(7, ACME.id)]
    _, _, body = await world.get("/api/v1/events")
    assert json.loads(body)["rows"] == [
        {
            "at": "2026-10-01T10:00:00.250Z",
            "last_at": "2026-10-01T10:01:00.250Z",
            "source": "nsx-ams1",
            "event": "reset",
            "tenant": "acme",
            "point": UPLINK,
            "node": "5c9ef2a1",
            "count": 2,
            "detail": {"unknown_bytes_max": "1500000000000", "counters": ["rx_bytes"], "rule": 11, "held": None},
        }
    ]


async def test_events_are_filtered_and_scoped(world: World) -> None:
    world.ledger.stored_events = [
        reset(1, ACME.id, "2026-09-30T21:00:00"),
        reset(2, ACME.id, "2026-09-30T22:30:00"),
        reset(3, GLOBEX.id),
        reset(4, None),
    ]

    async def found(query: str, secret: str = ALL_SECRET) -> int:
        status, _, body = await world.get(f"/api/v1/events?{query}", secret)
        assert status == 200, body
        return len(json.loads(body)["rows"])

    assert await found("") == 4
    assert await found("", ACME_SECRET) == 2
    assert await found("tenant=acme") == 2
    # A bare date is midnight in the tenant's zone, and without a tenant in UTC.
    assert await found("tenant=acme&since=2026-10-01") == 1
    assert await found("since=2026-10-01") == 2
    assert await found("since=2026-09-30T22:31:00.123Z") == 3
    assert await found("event=reset") == 4
    assert await found("event=gap") == 0


@pytest.mark.parametrize(
    ("path", "parameter"),
    [
        ("events?event=Reset!", "event"),
        ("events?since=now", "since"),
        ("events?format=csv", "format"),
        ("events?limit=0", "limit"),
        ("events?since=2026-10-01&since=2026-10-01", "since"),
        ("tenants?tenant=acme", "tenant"),
        ("tenants?limit=10001", "limit"),
        ("tenants?cursor=AAAA", "cursor"),
    ],
)
async def test_a_wrong_parameter_of_a_list_is_400(world: World, path: str, parameter: str) -> None:
    status, _, body = await world.get(f"/api/v1/{path}")
    assert (status, json.loads(body)["parameter"]) == (400, parameter)


async def test_an_unexpected_error_is_500_and_only_the_log_knows(world: World) -> None:
    for error in (ZeroDivisionError("in /usr/lib"), LedgerCorrupt("/var/lib/northmeter/ledger.db is damaged")):
        world.ledger.fault = error
        with capture_logs() as logs:
            status, headers, body = await world.get("/api/v1/tenants")
        assert status == 500
        assert headers["Content-Type"] == "application/problem+json"
        assert b"/var" not in body
        assert b"ZeroDivision" not in body
        (entry,) = logs
        assert (entry["event"], entry["log_level"]) == ("http_request_failed", "error")
        assert entry["path"] == "/api/v1/tenants"


async def test_too_much_work_and_too_long_work_are_503(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(routes_module, "API_REQUESTS_MAX", 0)
    status, headers, _ = await world.get("/api/v1/tenants")
    assert (status, headers["Retry-After"]) == (503, "5")
    monkeypatch.undo()
    world.ledger.fault = TimeoutError()
    with capture_logs() as logs:
        status, _, body = await world.get("/api/v1/tenants")
    assert status == 503
    assert "shorter range" in json.loads(body)["detail"]
    assert len(logs) == 1
    world.ledger.fault = None
    assert (await world.get("/api/v1/tenants"))[0] == 200


async def test_an_answer_that_fails_half_way_looks_incomplete(make: Make) -> None:
    async def metrics(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        await response.write(b"northmeter_up 1\n")
        raise RuntimeError("half way")

    world = await make(metrics=metrics)
    with capture_logs() as logs, pytest.raises(aiohttp.ClientPayloadError):
        await world.get("/metrics", None)
    assert logs[0]["event"] == "http_request_failed"
    assert (await world.get("/-/healthy", None))[0] == 200


async def test_csv_has_the_names_of_the_contract(world: World) -> None:
    world.ledger.facts = [
        fact(ACME, "2026-10-01T10:00:00", 2**64 - 1, 5, point='=cmd|"x",nsx:/a'),
        fact(ACME, "2026-10-01T10:05:00", 1, 0),
    ]
    asked = "tenant=acme&start=2026-10-01&end=2026-10-02&granularity=slot&by=tenant,point&limit=1"
    status, headers, body = await world.get(f"/api/v1/usage?{asked}&format=csv")
    assert status == 200
    assert headers["Content-Type"] == "text/csv; charset=utf-8; header=present"
    assert body.decode() == (
        "tenant,start,end,point,bytes,packets,dropped_packets,"
        "measured_seconds,inferred_seconds,spread_seconds,missing_seconds\r\n"
        'acme,2026-10-01T10:00:00Z,2026-10-01T10:05:00Z,"\'=cmd|""x"",nsx:/a",'
        "18446744073709551620,184467440737095516,18446744073709551,300,0,0,0\r\n"
    )
    link, _, relation = headers["Link"].partition(";")
    assert relation == ' rel="next"'
    status, headers, body = await world.get(link.strip("<>"))
    assert status == 200
    assert body.decode().splitlines()[1].startswith(f"acme,2026-10-01T10:05:00Z,2026-10-01T10:10:00Z,{UPLINK},1,0,0,")
    assert "Link" not in headers


@pytest.mark.parametrize(
    ("accept", "query", "content_type"),
    [
        ("text/csv", "", "text/csv"),
        ("text/csv;q=0.9, application/json;q=0.5", "", "text/csv"),
        ("application/json, text/csv;q=0.9", "", "application/json"),
        ("text/csv, */*;q=0.1", "", "text/csv"),
        ("*/*", "", "application/json"),
        ("text/html", "", "application/json"),
        ("text/csv;q=nan", "", "application/json"),
        ("text/csv;q=0", "", "application/json"),
        ("text/csv;q=0.001", "", "text/csv"),
        ("text/csv", "format=json", "application/json"),
        ("application/json", "format=csv", "text/csv"),
    ],
)
async def test_accept_chooses_the_format_unless_the_query_does(
    world: World, accept: str, query: str, content_type: str
) -> None:
    _, headers, _ = await world.get(f"/api/v1/usage?{query}", Accept=accept)
    assert headers["Content-Type"].split(";")[0] == content_type


def test_one_request_may_not_take_for_ever() -> None:
    assert server_module.REQUEST_SECONDS_MAX <= 60
    assert 2 * server_module.STOP_SECONDS < 5
