"""A large provider over real sockets: sessions that end and cells that go away in the middle of a reading."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from aiohttp import web

from collector.model.directory import CloudMap
from collector.sources.vcd.options import Login, PasswordLogin, TokenLogin
from tests.unit.sources.vcd.cloud import Cloud, urn
from tests.unit.sources.vcd.fake_vcd import API_TOKEN, PASSWORD, ROOT, USERNAME, FakeVcd, rig

pytestmark = pytest.mark.integration

ORGS, GATEWAYS, SPACES = 300, 500, 20


def large_cloud(*cells: FakeVcd) -> dict[str, str]:
    """Fill cells with the same provider; return the organisation of each gateway by their names."""
    cloud = Cloud(cells[0])
    owners = {}
    for number in range(ORGS):
        cloud.org(f"org-{number:03}")
    for number in range(40):
        cloud.network(f"pg-{number:02}")
    for number in range(GATEWAYS):
        owner = f"org-{number % ORGS:03}"
        owners[f"gw-{number:03}"] = owner
        cloud.gateway(f"gw-{number:03}", owner, f"pg-{number % 40:02}")
    for number in range(SPACES):
        cloud.space(f"space-{number:02}")
        for each in range(10):
            cloud.allocation(f"space-{number:02}", f"org-{each:03}", f"10.{number}.0.{each}")
    for cell in cells[1:]:
        cell.lists, cell.objects, cell.managers = cells[0].lists, cells[0].objects, cells[0].managers
    return owners


def owners_of(found: CloudMap) -> dict[str, str]:
    return {gateway.name: gateway.org_name for gateway in found.gateways}


@pytest.mark.parametrize("paging", ["links", "counts"])
@pytest.mark.parametrize(
    "login", [PasswordLogin(USERNAME, lambda: PASSWORD), TokenLogin(lambda: API_TOKEN)], ids=["password", "token"]
)
async def test_a_large_provider_is_read_whole_while_sessions_end_all_the_time(paging: str, login: Login) -> None:
    async with FakeVcd() as vcd, rig(vcd, login=login) as it:
        owners = large_cloud(vcd)
        vcd.paging = paging
        answered = 0
        answer = vcd._answer

        def ending(request: web.Request) -> web.Response:
            nonlocal answered
            answered += 1
            if answered % 9 == 0:
                vcd.access.clear()
            return answer(request)

        vcd._answer = ending  # type: ignore[method-assign]  # sessions end behind every ninth answer
        found = await it.whole_map()
        assert owners_of(found) == owners
        assert len(found.orgs) == ORGS
        assert len(found.allocations) == SPACES * 10
        assert found.addresses_complete
        assert vcd.logins > 5
        assert it.observed.of("login_refused") == []


async def test_a_cell_that_goes_away_in_the_middle_is_replaced_by_the_next_one() -> None:
    async with FakeVcd() as first, FakeVcd() as second, rig(first, second) as it:
        owners = large_cloud(first, second)

        async def dying(request: web.Request) -> web.StreamResponse:
            assert request.transport is not None
            request.transport.abort()
            return web.Response()

        first.handlers[f"{ROOT}/edgeGateways"] = dying
        found = await it.whole_map()
        assert owners_of(found) == owners
        assert it.observed.of("moved") == [("moved", first.host, second.host)]
        assert second.asked("edgeGateways")


async def test_readings_one_after_the_other_show_what_changed_and_nothing_else() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        owners = large_cloud(vcd)
        before = await it.whole_map()
        moved: dict[str, Any] = vcd.lists["edgeGateways"][17]
        moved["orgRef"] = {"name": "org-200", "id": urn("org", "org-200")}
        deleted = vcd.lists["edgeGateways"].pop(33)
        after = await it.whole_map()
        expected = owners | {moved["name"]: "org-200"}
        del expected[deleted["name"]]
        assert owners_of(after) == expected
        assert (after.orgs, after.networks, after.allocations) == (before.orgs, before.networks, before.allocations)


async def test_a_list_that_changes_while_it_is_read_gives_no_map_and_the_next_reading_does() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        owners = large_cloud(vcd)
        rows = vcd.lists["edgeGateways"]

        def shrinking(page: dict[str, Any]) -> dict[str, Any]:
            if page["page"] == 2:
                vcd.lists["edgeGateways"] = rows[1:]
            return page

        vcd.edits["edgeGateways"] = shrinking
        found = await it.source.read_map()
        assert not found.complete
        assert any("the total changed from 500 to 499" in fault for fault in found.faults)
        del vcd.edits["edgeGateways"], owners["gw-000"]
        assert owners_of(await it.whole_map()) == owners


async def test_a_reading_beside_another_ones_requests_keeps_to_the_budget() -> None:
    async with FakeVcd() as vcd, rig(vcd, requests_per_second=1_000, concurrency=2) as it:
        large_cloud(vcd)
        at_once = most = 0
        serve = vcd._answer

        async def counting(request: web.Request) -> web.StreamResponse:
            nonlocal at_once, most
            at_once += 1
            most = max(most, at_once)
            await asyncio.sleep(0)
            at_once -= 1
            return serve(request)

        for name in (*vcd.lists, *vcd.objects):
            vcd.handlers[f"{ROOT}/{name}"] = counting
        path = f"{ROOT}/orgs?page=1&pageSize=1"
        await asyncio.gather(it.whole_map(), *(it.source.session_get(path, "application/json") for _ in range(20)))
        assert 0 < most <= 2
        assert 0.0 <= it.source.budget_used_ratio() <= 1.0
