"""Pages: together they are the whole, whatever their size, and a cursor belongs to its request."""

from __future__ import annotations

import asyncio
import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Any
from urllib.parse import urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.api import usage as usage_module
from collector.api.cursors import EventsCursor, TenantsCursor, UsageCursor, decode_cursor
from collector.api.faults import CursorFault
from collector.api.lines import UsageLine
from collector.api.request import GroupBy, UsageParameters
from collector.api.usage import Position, UsageService
from collector.clock import ManualClock
from collector.model.identity import Kind, Tenant, TenantId
from collector.model.period import SLOT_MS
from collector.model.usage import Coverage, StoredEvent, Usage
from tests.unit.api.conftest import ACME, GLOBEX, LINK, NOW, UPLINK, World, at, fact
from tests.unit.api.fake_ledger import Fact, FakeLedger

TENANTS = [ACME, GLOBEX, Tenant(id=TenantId("initech"), name="Initech", timezone="UTC")]
BEGIN = at("2026-10-24T20:00:00")
SLOTS = 26 * 12
END = BEGIN + SLOTS * SLOT_MS

coverages = st.builds(Coverage, *([st.integers(0, SLOT_MS // 3)] * 3))
facts = st.lists(
    st.builds(
        Fact,
        st.sampled_from([tenant.id for tenant in TENANTS]),
        st.sampled_from(Kind),
        st.sampled_from([UPLINK, LINK, "nsx-b:/x"]),
        st.integers(0, SLOTS - 1).map(lambda number: BEGIN + number * SLOT_MS),
        st.builds(Usage, *([st.integers(0, 2**64)] * 6)),
        coverages,
    ),
    max_size=25,
    unique_by=lambda fact: (fact.tenant, fact.point, fact.slot),
)
parameters = st.builds(
    UsageParameters,
    start=st.sampled_from(["2026-10-24T20:00:00Z", "2026-10-24T21:35:00Z"]),
    end=st.sampled_from(["2026-10-25T22:00:00Z", "2026-10-25T17:40:00Z", "2026-10-26T00:00:00Z"]),
    granularity=st.sampled_from(["slot", "hour", "day", "month", "total"]),
    by=st.lists(st.sampled_from([name.value for name in GroupBy]), unique=True),
    tenant=st.sampled_from([None, None, "acme"]),
)


async def collect(service: UsageService, asked: UsageParameters, limit: int) -> list[UsageLine]:
    request = await service.request(asked, None)
    lines: list[UsageLine] = []
    after: Position | None = None
    while True:
        page = await service.page(request, after, limit)
        assert len(page.lines) <= limit
        lines.extend(page.lines)
        if page.next is None:
            return lines
        after = page.next


def order(line: UsageLine) -> tuple[str, int, int, str, str, str]:
    return (line.tenant or "", line.start, line.end, line.kind or "", line.point or "", line.direction or "")


@given(facts, parameters, st.integers(1, 7))
def test_pages_are_the_whole_in_order(found: list[Fact], asked: UsageParameters, limit: int) -> None:
    async def check() -> None:
        service = UsageService(FakeLedger(found), lambda: TENANTS, ManualClock(at("2026-11-20T00:00:00")))
        whole = (await service.page(await service.request(asked, None), None, 10_000)).lines
        assert await collect(service, asked, limit) == whole
        assert [line async for line in service.lines(await service.request(asked, None))] == whole
        assert [order(line) for line in whole] == sorted({order(line) for line in whole})
        for line in whole:
            length = (line.end - line.start) // 1_000
            assert sum(line[-4:]) == length
            assert min(line[-4:]) >= 0

    asyncio.run(check())


@given(facts, parameters)
def test_every_grouping_and_granularity_has_the_same_bytes(found: list[Fact], asked: UsageParameters) -> None:
    async def check() -> None:
        service = UsageService(FakeLedger(found), lambda: TENANTS, ManualClock(at("2026-11-20T00:00:00")))
        request = await service.request(asked, None)
        wanted = {tenant.id for tenant in request.tenants}
        inside = [
            row
            for row in found
            if row.tenant in wanted
            and request.start <= row.slot < request.end
            and (request.kinds is None or row.kind in request.kinds)
        ]
        lines = await collect(service, asked, 3)
        assert sum(line.bytes for line in lines) == sum(sum(row.usage[:2]) for row in inside)
        assert sum(line.packets for line in lines) == sum(sum(row.usage[2:4]) for row in inside)
        assert sum(line.dropped_packets for line in lines) == sum(sum(row.usage[4:]) for row in inside)

    asyncio.run(check())


@given(facts, parameters, st.integers(1, 5))
def test_a_page_that_asks_too_much_is_handed_out_early(found: list[Fact], asked: UsageParameters, reads: int) -> None:
    async def check() -> None:
        ledger = FakeLedger(found)
        service = UsageService(ledger, lambda: TENANTS, ManualClock(at("2026-11-20T00:00:00")))
        whole = await collect(service, asked, 10_000)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(usage_module, "QUERIES_PER_PAGE_MAX", reads)
            patch.setattr(usage_module, "MERGED_ROWS_MAX", 9)
            request = await service.request(asked, None)
            ledger.queries.clear()
            await service.page(request, None, 5)
            assert len(ledger.queries) < reads + len(TENANTS)
            assert await collect(service, asked, 5) == whole

    asyncio.run(check())


async def test_a_page_that_takes_too_long_is_handed_out_early() -> None:
    clock = ManualClock(NOW)

    class SlowLedger(FakeLedger):
        async def usage(self, query):  # type: ignore[no-untyped-def] # as its parent's
            clock.advance(3_000)
            return await super().usage(query)

    ledger = SlowLedger([fact(ACME, "2026-10-01T10:00:00", 1, 1)])
    service = UsageService(ledger, lambda: TENANTS, clock)
    request = await service.request(UsageParameters(start="2026-09-01", granularity="day"), None)
    page = await service.page(request, None, 100)
    assert page.lines == []
    assert page.next is not None
    assert len(ledger.queries) == 2


async def walk(world: World, path: str, **asked: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    cursor = ""
    while True:
        status, _, body = await world.get(f"{path}?{urlencode({**asked, 'cursor': cursor})}")
        assert status == 200, body
        answer = json.loads(body)
        rows.extend(answer["rows"])
        if answer["next_cursor"] is None:
            return rows
        cursor = answer["next_cursor"]
        assert cursor.replace("-", "").replace("_", "").isalnum()


async def test_usage_is_read_page_by_page(world: World) -> None:
    world.ledger.facts = [
        fact(tenant, f"2026-10-01T10:{minute:02d}:00", minute, minute)
        for tenant in (ACME, GLOBEX)
        for minute in range(0, 60, 5)
    ]
    for by in ("tenant,direction", "direction", "kind,point"):
        asked = {"granularity": "slot", "by": by}
        whole = await walk(world, "/api/v1/usage", **asked)
        assert await walk(world, "/api/v1/usage", limit="1", **asked) == whole
        assert await walk(world, "/api/v1/usage", limit="7", **asked) == whole
        # A last page that is exactly full has no cursor either.
        assert await walk(world, "/api/v1/usage", limit=str(len(whole)), **asked) == whole


async def test_usage_that_is_booked_meanwhile_shifts_no_row(world: World) -> None:
    world.ledger.facts = [fact(ACME, f"2026-10-01T10:{minute:02d}:00", minute, 0) for minute in (10, 20, 30)]
    asked = "by=tenant&granularity=slot&limit=1"
    first = json.loads((await world.get(f"/api/v1/usage?{asked}"))[2])
    world.ledger.facts[:0] = [fact(ACME, "2026-10-01T10:05:00", 5, 0), fact(ACME, "2026-10-01T10:15:00", 15, 0)]
    # The clock has moved on as well: the cursor keeps the interval of the first page.
    world.clock.advance(3_600_000)
    second = json.loads((await world.get(f"/api/v1/usage?{asked}&cursor={first['next_cursor']}"))[2])
    assert [row["bytes"] for row in first["rows"] + second["rows"]] == ["10", "15"]


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "globex"},
        {"start": "2026-09-30"},
        {"end": "2026-10-03"},
        {"granularity": "hour"},
        {"by": "tenant"},
        {"kind": "tier0_uplink"},
        {"point": UPLINK},
        {"direction": "ingress"},
    ],
)
async def test_a_cursor_of_another_request_is_refused(world: World, change: dict[str, str]) -> None:
    world.ledger.facts = [fact(ACME, f"2026-10-01T10:{minute:02d}:00", 1, 1) for minute in (10, 20)]
    asked = {"tenant": "acme", "start": "2026-10-01", "end": "2026-10-02", "granularity": "slot", "limit": "1"}
    _, _, body = await world.get(f"/api/v1/usage?{urlencode(asked)}")
    cursor = json.loads(body)["next_cursor"]
    status, _, body = await world.get(f"/api/v1/usage?{urlencode({**asked, **change, 'cursor': cursor})}")
    assert status == 400
    assert json.loads(body)["type"] == "urn:northmeter:problem:invalid-cursor"
    # Page size and format are nothing that the rows depend on.
    for same in ({"limit": "5"}, {"format": "csv"}):
        assert (await world.get(f"/api/v1/usage?{urlencode({**asked, **same, 'cursor': cursor})}"))[0] == 200


def encoded(value: object) -> str:
    return urlsafe_b64encode(json.dumps(value, separators=(",", ":")).encode()).decode().rstrip("=")


def decoded(cursor: str) -> list[Any]:
    value: list[Any] = json.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    return value


@pytest.mark.parametrize(
    ("index", "value"),
    [
        (0, 2),
        (1, "0" * 16),
        (2, -300_000),
        (2, 10**18),
        (2, True),
        (2, "0"),
        (3, None),
        (4, 5),
        (5, 0),
        (5, 2**70),
        (5, at("2026-10-01T10:10:00") + 1),
        (6, 0),
        (7, ["a", "b", "c"]),
        (7, ["", "", "sideways"]),
        (7, ["", "x\u0000", ""]),
        (7, ["", ""]),
        (7, ""),
        (8, "more"),
    ],
)
async def test_a_forged_cursor_is_refused(world: World, index: int, value: object) -> None:
    world.ledger.facts = [fact(ACME, f"2026-10-01T10:{minute:02d}:00", 1, 1) for minute in (10, 20)]
    asked = "tenant=acme&start=2026-10-01&end=2026-10-02&granularity=slot&limit=1"
    cursor = json.loads((await world.get(f"/api/v1/usage?{asked}"))[2])["next_cursor"]
    parts = decoded(cursor)
    assert encoded(parts) == cursor
    parts[index : index + 1] = [value]
    status, _, body = await world.get(f"/api/v1/usage?{asked}&cursor={encoded(parts)}")
    assert status == 400, body
    assert json.loads(body)["type"] == "urn:northmeter:problem:invalid-cursor"


@given(st.text(max_size=60))
def test_no_text_makes_more_than_a_400(text: str) -> None:
    with pytest.raises(CursorFault):
        decode_cursor(text, UsageCursor)
    with pytest.raises(CursorFault):
        decode_cursor(text, EventsCursor)
    with pytest.raises(CursorFault):
        decode_cursor(text, TenantsCursor)


def event(seq: int, tenant: Tenant | None, name: str = "reset") -> StoredEvent:
    moment = at("2026-10-01T10:00:00") + seq * 1_000
    return StoredEvent(
        seq=seq,
        at=moment,
        last_at=moment,
        count=1,
        source="nsx-ams1",
        event=name,
        tenant=None if tenant is None else tenant.id,
        point=None if tenant is None else UPLINK,
        node=None,
        detail={},
    )


async def test_tenants_and_events_are_read_page_by_page(world: World) -> None:
    world.ledger.facts = [fact(TENANTS[2], "2026-10-01T10:00:00", 1, 1)]
    world.ledger.stored_events = [event(seq * 3, TENANTS[seq % 3]) for seq in range(1, 12)]
    for path in ("/api/v1/tenants", "/api/v1/events"):
        whole = await walk(world, path)
        for limit in (1, 2, len(whole)):
            assert await walk(world, path, limit=str(limit)) == whole
    _, _, body = await world.get("/api/v1/events?limit=1")
    cursor = json.loads(body)["next_cursor"]
    for path in (
        "events?tenant=acme",
        "events?event=gap",
        "events?since=2026-10-01",
        "tenants?limit=1",
        "usage?limit=1",
    ):
        assert (await world.get(f"/api/v1/{path}&cursor={cursor}"))[0] == 400
