"""Rows of addresses: exact, in the tenant's calendar, up to the last reading, whatever the size of a page."""

from __future__ import annotations

import asyncio
import json
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.api.addresses import AddressLine, AddressService, address_lines, without_kind
from collector.api.request import UsageParameters
from collector.api.usage import Position, UsageService
from collector.clock import ManualClock
from collector.core.addresses import AddressUse, address_milliseconds, count_at
from collector.model.addresses import AddressHistory, Holding, QuotaTerm
from collector.model.identity import Tenant, TenantId
from collector.model.period import Interval
from tests.property.effort import effort
from tests.property.memory import drive
from tests.unit.api.addresses import KNOWN, give_addresses, holding, prefix, quota
from tests.unit.api.conftest import ACME, ACME_SECRET, ALL_SECRET, GLOBEX, NOW, World, at
from tests.unit.api.fake_ledger import FakeLedger, busy

HOUR_MS = 3_600_000
NOON = at("2026-10-01T12:00:00")


async def rows(world: World, secret: str = ALL_SECRET, **parameters: str) -> list[dict[str, Any]]:
    query = urlencode({"kind": "ip_space", **parameters})
    status, _, body = await world.get(f"/api/v1/usage?{query}", secret)
    assert status == 200, body
    found: list[dict[str, Any]] = json.loads(body)["rows"]
    return found


async def problem(world: World, path: str, secret: str = ALL_SECRET) -> tuple[int, dict[str, Any]]:
    status, _, body = await world.get(path, secret)
    return status, json.loads(body)


# --- what a row says -------------------------------------------------------------------------------------------------


async def test_an_hour_has_its_count_at_the_end_and_its_exact_seconds(world: World) -> None:
    world.ledger.holdings = [
        holding(ACME, "a", NOON),
        holding(ACME, "b", NOON + 1_800_250),
        holding(ACME, "c", NOON, NOON + 900_000, used=False),
    ]
    world.ledger.quotas = [quota(ACME, 5, NOON)]
    world.ledger.known_until = {"vcd": KNOWN}
    span = {"start": "2026-10-01T12:00:00Z", "end": "2026-10-01T13:00:00Z"}
    assert await rows(world, granularity="hour", tenant="acme", **span) == [
        {
            "tenant": "acme",
            "start": "2026-10-01T12:00:00Z",
            "end": "2026-10-01T13:00:00Z",
            "kind": "ip_space",
            "point": "vcd:internet",
            "type": "floating_ip",
            "addresses": "2",
            "used": "2",
            "address_seconds": "6299.75",
            "used_address_seconds": "5399.75",
            "quota": [{"prefix_length": None, "limit": "5", "used": "2"}],
            "known_until": "2026-10-02T10:30:00Z",
        }
    ]


async def test_nothing_is_counted_beyond_the_last_reading(world: World) -> None:
    world.ledger.holdings = [holding(ACME, "a", NOON), holding(ACME, "b", KNOWN)]
    world.ledger.known_until = {"vcd": KNOWN}
    found = await rows(world, granularity="hour", start="2026-10-02T09:00:00Z", tenant="acme")
    assert [(row["start"], row["addresses"], row["address_seconds"]) for row in found] == [
        ("2026-10-02T09:00:00Z", "1", "3600"),
        ("2026-10-02T10:00:00Z", "2", "1800"),
    ]


async def test_days_and_months_are_the_tenants_own(world: World) -> None:
    world.ledger.holdings = [holding(tenant, "a", at("2026-09-01T00:00:00")) for tenant in (ACME, GLOBEX)]
    world.ledger.known_until = {"vcd": KNOWN}
    found = await rows(world, granularity="month", start="2026-09-01", end="2026-10-02")
    assert [(row["tenant"], row["start"]) for row in found] == [
        ("acme", "2026-09-01T00:00:00Z"),
        ("acme", "2026-09-30T22:00:00Z"),
        ("globex", "2026-09-01T00:00:00Z"),
        ("globex", "2026-09-30T18:15:00Z"),
    ]


async def test_points_filter_by_label_and_may_be_repeated(world: World) -> None:
    give_addresses(world.ledger)
    assert {row["point"] for row in await rows(world, point="vcd:internet")} == {"vcd:internet"}
    status, _, body = await world.get("/api/v1/usage?kind=ip_space&point=vcd:internet-v6&point=vcd:%3Dpg-shared")
    assert status == 200
    assert {row["point"] for row in json.loads(body)["rows"]} == {"vcd:internet-v6", "vcd:=pg-shared"}
    assert await rows(world, point="vcd:none") == []


async def test_a_prefix_is_counted_whole_and_its_quota_by_length(world: World) -> None:
    start = at("2026-10-02T08:00:00")
    world.ledger.holdings = [prefix(ACME, "2001:db8::", 56, start), prefix(ACME, "2001:db8:1::", 64, start)]
    give = FakeLedger()
    give_addresses(give)
    world.ledger.quotas, world.ledger.known_until = give.quotas, give.known_until
    (row,) = await rows(world, tenant="acme")
    assert row["addresses"] == str(2**72 + 2**64)
    assert row["address_seconds"] == str((2**72 + 2**64) * 9_000)
    assert row["quota"] == [
        {"prefix_length": 56, "limit": "4", "used": "1"},
        {"prefix_length": 64, "limit": str(2**70), "used": "1"},
    ]


async def test_a_tenant_with_an_uncapped_quota_has_none(world: World) -> None:
    give_addresses(world.ledger)
    assert [row["quota"] for row in await rows(world, tenant="globex")] == [None, None]


async def test_rows_of_traffic_stay_as_they_are(world: World) -> None:
    give_addresses(world.ledger)
    status, body = await problem(world, "/api/v1/usage")
    assert (status, body["rows"]) == (200, [])


# --- who may ask, and what is refused --------------------------------------------------------------------------------


async def test_a_token_sees_the_addresses_of_its_tenants_only(world: World) -> None:
    give_addresses(world.ledger)
    assert {row["tenant"] for row in await rows(world)} == {"acme", "globex"}
    assert {row["tenant"] for row in await rows(world, ACME_SECRET)} == {"acme"}
    status, document = await problem(world, "/api/v1/usage?kind=ip_space&tenant=globex", ACME_SECRET)
    assert (status, document["type"]) == (404, "urn:northmeter:problem:unknown-tenant")


async def test_a_tenant_that_only_holds_addresses_is_found(world: World) -> None:
    world.tenants.remove(GLOBEX)
    give_addresses(world.ledger)
    assert await rows(world, tenant="globex")


@pytest.mark.parametrize(
    ("query", "parameter"),
    [
        ("kind=ip_space,tier0_uplink", "kind"),
        ("kind=l2vpn&kind=ip_space", "kind"),
        ("kind=ip_space&by=tenant", "by"),
        ("kind=ip_space&direction=ingress", "direction"),
        ("kind=ip_space&granularity=slot", "granularity"),
        ("kind=ip_space&granularity=week", "granularity"),
        ("kind=ip_space&start=2020-01-01&granularity=hour", "end"),
        ("kind=ip_space&cursor=garbage", "cursor"),
    ],
)
async def test_what_makes_no_sense_is_refused_by_name(world: World, query: str, parameter: str) -> None:
    status, document = await problem(world, f"/api/v1/usage?{query}")
    assert (status, document["parameter"]) == (400, parameter)


async def test_a_busy_ledger_is_503(world: World) -> None:
    world.ledger.fault = busy()
    status, document = await problem(world, "/api/v1/usage?kind=ip_space&tenant=acme")
    assert status == 503
    assert "/var/lib" not in document["detail"]


async def test_a_cursor_of_traffic_is_none_of_addresses_and_the_other_way_round(world: World) -> None:
    give_addresses(world.ledger)
    _, body = await problem(world, "/api/v1/usage?kind=ip_space&limit=1")
    cursor = body["next_cursor"]
    for other in ("by=tenant,kind,point", "kind=ip_space&tenant=acme", "kind=ip_space&granularity=day"):
        status, document = await problem(world, f"/api/v1/usage?{other}&cursor={cursor}")
        assert (status, document["parameter"]) == (400, "cursor")


async def test_pages_over_http_are_the_whole(world: World) -> None:
    give_addresses(world.ledger)
    whole = await rows(world, granularity="day")
    found: list[dict[str, Any]] = []
    cursor: str | None = ""
    while cursor is not None:
        _, body = await problem(world, f"/api/v1/usage?kind=ip_space&granularity=day&limit=1&cursor={cursor}")
        found += body["rows"]
        cursor = body["next_cursor"]
    assert found == whole
    assert len(found) > 5


# --- whatever is held ------------------------------------------------------------------------------------------------

BEGIN, END = at("2026-10-24T20:00:00"), at("2026-10-26T00:00:00")
INITECH = Tenant(id=TenantId("initech"), name="Initech", timezone="UTC")

holdings = st.lists(
    st.builds(
        lambda tenant, start, length, big, used: (
            prefix(tenant, "2001:db8::", 40, BEGIN + start, None if length is None else BEGIN + start + length)
            if big
            else holding(tenant, "a", BEGIN + start, None if length is None else BEGIN + start + length, used=used)
        ),
        st.sampled_from([ACME, GLOBEX, INITECH]),
        st.integers(-HOUR_MS, END - BEGIN),
        st.none() | st.integers(1, END - BEGIN),
        st.booleans(),
        st.booleans(),
    ),
    max_size=12,
)
quotas = st.lists(
    st.builds(lambda limit, start: quota(ACME, limit, BEGIN + start), st.integers(0, 9), st.integers(0, HOUR_MS * 9)),
    max_size=2,
)


async def collect(asked: UsageParameters, ledger: FakeLedger, limit: int) -> list[AddressLine]:
    clock = ManualClock(NOW)
    usage = UsageService(ledger, lambda: [ACME, GLOBEX, INITECH], clock)
    request = await usage.request(without_kind(asked), None)
    lines: list[AddressLine] = []
    after: Position | None = None
    while True:
        page = await AddressService(ledger, clock).page(request, after, limit)
        assert len(page.lines) <= limit
        lines += page.lines
        if page.next is None:
            return lines
        after = page.next


@effort(1)
@given(
    held=holdings,
    caps=quotas,
    known=st.integers(0, END - BEGIN + HOUR_MS),
    granularity=st.sampled_from(["hour", "day", "month", "total"]),
    limit=st.integers(1, 9),
)
def test_buckets_add_up_and_pages_of_any_size_are_the_whole(
    held: list[Holding], caps: list[QuotaTerm], known: int, granularity: str, limit: int
) -> None:
    ledger = FakeLedger()
    ledger.holdings, ledger.quotas, ledger.known_until = held, caps, {"vcd": BEGIN + known}
    asked = UsageParameters(start="2026-10-24T20:05:00Z", end="2026-10-26T00:00:00Z", granularity=granularity)
    whole = asyncio.run(collect(asked, ledger, 10_000))
    assert asyncio.run(collect(asked, ledger, limit)) == whole
    assert [(line.tenant, line.start, line.point, line.type) for line in whole] == sorted(
        (line.tenant, line.start, line.point, line.type) for line in whole
    )
    start, until = BEGIN + 300_000, min(END, BEGIN + known)
    for tenant in (ACME, GLOBEX, INITECH):
        for kind in {one.kind for one in held}:
            mine = [one for one in held if one.tenant == tenant.id and one.kind == kind]
            lines = [line for line in whole if line.tenant == tenant.id and line.type == kind]
            expected = address_milliseconds(mine, start, max(start, until))
            found = AddressUse(sum(one.use.held_ms for one in lines), sum(one.use.used_ms for one in lines))
            assert found == expected
            for line in lines:
                assert (line.addresses, line.used) == count_at(mine, min(line.end - 1, line.known_until))


def test_what_is_first_seen_at_the_last_reading_is_shown_with_it() -> None:
    found = AddressHistory((holding(ACME, "a", KNOWN),), (), {"vcd": KNOWN})
    hours = [Interval(start=KNOWN + number * HOUR_MS, end=KNOWN + (number + 1) * HOUR_MS) for number in (-1, 0, 1)]
    lines = list(address_lines(ACME.id, found, hours))
    assert [(line.start, line.addresses, line.use.held_ms) for line in lines] == [(KNOWN, 1, 0)]


def test_addresses_of_a_director_without_a_reading_are_not_known() -> None:
    found = AddressHistory((holding(ACME, "a", NOON),), (), {})
    assert list(address_lines(ACME.id, found, [Interval(start=NOON, end=NOON + HOUR_MS)])) == []


def test_a_page_that_takes_too_long_ends_between_two_tenants() -> None:
    class Slow(FakeLedger):
        async def addresses(self, tenant: TenantId | None, start: int, end: int) -> AddressHistory:
            clock.advance(10_000)
            return AddressHistory((), (), {})

    clock = ManualClock(NOW)
    ledger = Slow()
    usage = UsageService(ledger, lambda: [ACME, GLOBEX], clock)
    request = drive(usage.request(UsageParameters(), None))
    service = AddressService(ledger, clock)
    first = drive(service.page(request, None, 10))
    assert first.next is not None
    assert (first.lines, first.next.tenant) == ([], "globex")
    assert drive(service.page(request, first.next, 10)).next is None
