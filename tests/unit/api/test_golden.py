"""Whole answers against recorded texts: a change of the contract shows as a change of a file in tests/golden/api."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from collector.model.identity import UNATTRIBUTED, Kind, Tenant
from collector.model.usage import Coverage, StoredEvent
from tests.unit.api.addresses import give_addresses
from tests.unit.api.conftest import ACME, ACME_SECRET, ALL_SECRET, GLOBEX, LINK, UPLINK, World, at, fact

GOLDEN = Path(__file__).parents[2] / "golden" / "api"
UPDATE_VARIABLE = "NORTHMETER_UPDATE_GOLDEN"
"""Set it to write the recorded texts anew; then read the difference."""

DAY = "start=2026-10-01&end=2026-10-02"

ANSWERS = {
    "usage-hours.txt": ("GET", f"/api/v1/usage?{DAY}&granularity=hour&by=tenant,kind,point,direction", ALL_SECRET),
    "usage-total.txt": ("GET", "/api/v1/usage", ALL_SECRET),
    "usage-sum.txt": ("GET", f"/api/v1/usage?{DAY}&by=direction", ALL_SECRET),
    "usage-scoped.txt": ("GET", f"/api/v1/usage?{DAY}&granularity=day", ACME_SECRET),
    "usage-page.txt": ("GET", f"/api/v1/usage?{DAY}&granularity=slot&limit=1", ALL_SECRET),
    "usage-hours.csv.txt": (
        "GET",
        f"/api/v1/usage?{DAY}&granularity=hour&by=tenant,kind,point,direction&format=csv",
        ALL_SECRET,
    ),
    "usage-page.csv.txt": ("GET", f"/api/v1/usage?{DAY}&granularity=slot&limit=1&format=csv", ALL_SECRET),
    "addresses-days.txt": ("GET", "/api/v1/usage?kind=ip_space&granularity=day", ALL_SECRET),
    "addresses-scoped.txt": ("GET", "/api/v1/usage?kind=ip_space&start=2026-09-01", ACME_SECRET),
    "addresses-page.csv.txt": (
        "GET",
        "/api/v1/usage?kind=ip_space&start=2026-09-01&granularity=month&limit=3&format=csv",
        ALL_SECRET,
    ),
    "tenants.txt": ("GET", "/api/v1/tenants", ALL_SECRET),
    "events.txt": ("GET", "/api/v1/events?since=2026-10-01", ALL_SECRET),
    "problem-no-token.txt": ("GET", "/api/v1/usage", None),
    "problem-scope.txt": ("POST", "/-/reload", ACME_SECRET),
    "problem-tenant.txt": ("GET", "/api/v1/usage?tenant=globex", ACME_SECRET),
    "problem-order.txt": ("GET", "/api/v1/usage?start=2026-10-02&end=2026-10-01", ALL_SECRET),
    "problem-boundary.txt": ("GET", "/api/v1/usage?start=2026-10-01T00:00:01Z", ALL_SECRET),
    "problem-range.txt": ("GET", "/api/v1/usage?start=2020-01-01&granularity=slot", ALL_SECRET),
    "problem-limit.txt": ("GET", "/api/v1/usage?limit=10001", ALL_SECRET),
    "problem-cursor.txt": ("GET", "/api/v1/usage?cursor=garbage", ALL_SECRET),
    "problem-format.txt": ("GET", "/api/v1/usage?format=xml", ALL_SECRET),
    "problem-granularity.txt": ("GET", "/api/v1/usage?granularity=week", ALL_SECRET),
    "problem-addresses-mixed.txt": ("GET", "/api/v1/usage?kind=ip_space,tier0_uplink", ALL_SECRET),
    "problem-addresses-by.txt": ("GET", "/api/v1/usage?kind=ip_space&by=tenant", ALL_SECRET),
    "problem-addresses-slot.txt": ("GET", "/api/v1/usage?kind=ip_space&granularity=slot", ALL_SECRET),
    "problem-addresses-tenant.txt": ("GET", "/api/v1/usage?kind=ip_space&tenant=globex", ACME_SECRET),
    "problem-unknown-parameter.txt": ("GET", "/api/v1/usage?tennant=acme", ALL_SECRET),
    "problem-repeated-parameter.txt": ("GET", "/api/v1/usage?tenant=acme&tenant=globex", ALL_SECRET),
    "problem-path.txt": ("GET", "/api/v2/usage", ALL_SECRET),
    "problem-method.txt": ("DELETE", "/api/v1/usage", ALL_SECRET),
}

SHOWN_HEADERS = ("Content-Type", "Allow", "WWW-Authenticate", "Link", "Cache-Control", "X-Content-Type-Options")


def fill(world: World) -> None:
    nobody = Tenant(id=UNATTRIBUTED, name="", timezone="UTC")
    world.ledger.facts = [
        fact(ACME, "2026-10-01T00:00:00", 918_273_645, 12_345),
        fact(ACME, "2026-10-01T00:05:00", 2**64 - 1, 0, coverage=Coverage(60_500, 120_250, 60_000)),
        fact(ACME, "2026-10-01T01:00:00", 5_000, 7_000, kind=Kind.TIER1_DOWNLINK, point=LINK),
        fact(GLOBEX, "2026-10-01T01:00:00", 1_000_000, 2_000_000, kind=Kind.SERVICE_INTERFACE, point="nsx-b:/x"),
        fact(nobody, "2026-10-01T01:00:00", 1, 2, point="nsx-ams1:/infra/tier-0s/t0/locale-services/d/interfaces/=1,2"),
    ]
    give_addresses(world.ledger)
    moment = at("2026-10-01T08:00:00")
    world.ledger.stored_events = [
        StoredEvent(
            seq=3,
            at=moment,
            last_at=moment + 1_800_500,
            count=3,
            source="nsx-ams1",
            event="reset",
            tenant=ACME.id,
            point=UPLINK,
            node="5c9ef2a1-0f7d-4a36-b1f5-000000000001",
            detail={"unknown_bytes_max": "1500000000000", "lost": ["rx_bytes", "tx_bytes"]},
        ),
        StoredEvent(
            seq=4,
            at=moment,
            last_at=moment,
            count=1,
            source="nsx-ams1",
            event="answer_invalid",
            tenant=None,
            point=None,
            node=None,
            detail={"reason": "no field rx"},
        ),
    ]


@pytest.mark.parametrize("name", ANSWERS)
async def test_the_answer_is_the_recorded_one(world: World, name: str) -> None:
    fill(world)
    method, path, secret = ANSWERS[name]
    status, headers, body = await world.get(path, secret, method)
    shown = "".join(f"{header}: {headers[header]}\n" for header in SHOWN_HEADERS if header in headers)
    rows = body.decode().replace("\r\n", "␍␊\n").replace("},{", "},\n{").replace("[{", "[\n{")
    text = f"{method} {path}\n\n{status}\n{shown}\n{rows}\n"
    if os.environ.get(UPDATE_VARIABLE):
        (GOLDEN / name).write_text(text)
    assert text == (GOLDEN / name).read_text()


def test_every_recorded_answer_is_asked_for() -> None:
    assert {path.name for path in GOLDEN.iterdir()} == set(ANSWERS)
