"""Wrong and half answers of the director: each is really sent, touches what it names only, and ends."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from defusedxml import EntitiesForbidden
from defusedxml.ElementTree import fromstring as parse

from simulator import Fault
from simulator.vcd.spoils import HARMLESS, SPOILS, STALE
from tests.simulator.conftest import Answer, Start, until
from tests.simulator.vcd import HOUR, PROVIDER, ROOT, TOKEN, Director, director, link, with_director

pytestmark = pytest.mark.integration

LISTED = "edgeGateways"
OF_NETWORKS = frozenset({"network_backings_null", "network_type_unknown", "dedicated_unknown"})
OF_ALLOCATIONS = frozenset({"value_unknown", "state_unknown"})
OF_SECOND_PAGES = frozenset({"repeat_page", "total_grows"})
OF_LOGINS = frozenset(one for one in SPOILS if one.startswith(("versions_", "token_", "refresh_")))
OF_LAST_PAGES = frozenset({"link_endless"})


def _seen(answer: Answer) -> tuple[Any, ...]:
    """Return everything of an answer that a client can tell."""
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    return answer.status, answer.text, answer.headers.getall("Link", []), answer.headers.get(TOKEN), kind


async def _target(vcd: Director, how: str) -> tuple[str, dict[str, str]]:
    """Return a path and a query where a wrong answer shows."""
    if how in OF_NETWORKS:
        return "externalNetworks", {"pageSize": "128", "filter": "name==pg-vrf-*"}
    if how in OF_ALLOCATIONS:
        space = await vcd.one("ipSpaces/summaries", "internet-v4")
        return f"ipSpaces/{space['id']}/allocations", {"filter": "type==FLOATING_IP"}
    if how in OF_SECOND_PAGES:
        return LISTED, {"page": "2", "pageSize": "3"}
    return LISTED, {"pageSize": "128" if how in OF_LAST_PAGES else "3"}


@pytest.mark.parametrize("how", sorted(SPOILS - OF_LOGINS))
async def test_each_wrong_answer_is_sent_while_it_is_in_force(start: Start, how: str) -> None:
    vcd = await director(start)
    vcd.sim.advance(HOUR)
    if how == STALE:
        vcd.sim.fault("vcd_rename", path="t1-acme", to="renamed")
    path, query = await _target(vcd, how)
    right = _seen(await vcd.get(path, **query))
    vcd.sim.fault("spoil", how=how, path=f"*/{path.rpartition('/')[2]}", by="30m")
    wrong = _seen(await vcd.get(path, **query))
    assert wrong != right
    assert _seen(await vcd.get("vdcs")) == _seen(await vcd.get("vdcs")), "another list is not touched"
    assert (await vcd.get("orgs")).body["resultTotal"] == 5
    vcd.sim.clear()
    assert _seen(await vcd.get(path, **query)) == right, "what others see of it was not changed"


def test_there_are_more_than_forty_that_no_meter_may_take_for_the_truth() -> None:
    assert len(SPOILS - HARMLESS) > 40
    assert HARMLESS < SPOILS


@pytest.mark.parametrize("how", sorted(one for one in SPOILS if one.startswith("versions_")))
async def test_wrong_lists_of_versions(start: Start, how: str) -> None:
    vcd = await director(start, login=False)
    right = (await vcd.send("GET", "/api/versions")).text
    vcd.sim.fault("spoil", how=how, endpoint="login", path="/api/versions")
    wrong = (await vcd.send("GET", "/api/versions")).text
    assert wrong != right
    if how == "versions_entities":
        with pytest.raises(EntitiesForbidden):
            parse(wrong)
    else:
        assert "38.1" not in wrong or 'deprecated="false"' not in wrong


@pytest.mark.parametrize(("how", "member"), [
    ("token_missing", "access_token"), ("token_odd", "access_token"), ("refresh_missing", "refresh_token"),
])  # fmt: skip
async def test_wrong_answers_to_log_ins(start: Start, how: str, member: str) -> None:
    vcd = await director(start, login=False)
    right = (await vcd.redeem(vcd.sim.vcd_token)).body
    vcd.sim.fault("spoil", how=how, endpoint="login")
    wrong = (await vcd.redeem(vcd.sim.vcd_token)).body
    assert member in right
    assert wrong.get(member) != vcd.sim.vcd_token
    if how != "refresh_missing":
        assert (await vcd.login()).headers.get(TOKEN, "not a token") == "not a token"
        assert (await vcd.get("orgs")).status == 401
    spent = vcd.sim.vcd_service_token
    await vcd.redeem(spent)
    assert vcd.sim.vcd_service_token != spent, "the account's token is used up, whatever the answer says"


async def test_a_stale_list_is_as_it_was(start: Start) -> None:
    vcd = await director(start)
    vcd.sim.advance(HOUR)
    vcd.sim.fault("vcd_move", path="t1-globex", to="hooli")
    vcd.sim.advance(HOUR)
    vcd.sim.fault("vcd_move", path="t1-globex", to="acme")
    vcd.sim.advance(HOUR)
    seen = {}
    for by in ("30m", "90m", "150m", "10h"):
        vcd.sim.fault("spoil", how="stale", by=by, path=f"*/{LISTED}", label=by)
        seen[by] = (await vcd.one(LISTED, "edge-t1-globex"))["orgRef"]["name"]
        vcd.sim.clear(by)
    assert seen == {"30m": "acme", "90m": "hooli", "150m": "globex", "10h": "globex"}


async def test_a_list_may_repeat_a_page_or_lead_astray(start: Start) -> None:
    vcd = await director(start)
    first = await vcd.get(LISTED, pageSize=3)
    vcd.sim.fault("spoil", how="repeat_page")
    assert (await vcd.get(LISTED, pageSize=3)).text == first.text, "there is no page before the first"
    assert (await vcd.get(LISTED, pageSize=3, page=2)).body["values"] == first.body["values"]
    vcd.sim.clear()
    for how, part in (("link_elsewhere", "192.0.2.1"), ("link_other_list", "/orgs"), ("link_loop", "page=1&")):
        vcd.sim.fault("spoil", how=how, count=1)
        target = link(await vcd.get(LISTED, pageSize=3), "nextPage")
        assert target is not None
        assert part in target
    assert urlsplit(link(await vcd.get(LISTED, pageSize=3), "nextPage") or "").query.startswith("page=2")
    vcd.sim.fault("spoil", how="link_endless")
    assert link(await vcd.get(LISTED, pageSize=3, page=99), "nextPage") is not None


async def test_single_objects_are_spoilt_too(start: Start) -> None:
    vcd = await director(start)
    space = await vcd.one("ipSpaces/summaries", "internet-v4")
    path = f"ipSpaces/{space['id']}"
    vcd.sim.fault("spoil", how="name_number", path=f"{ROOT}/{path}")
    assert (await vcd.get(path)).body["name"] == 7
    vcd.sim.clear()
    assert (await vcd.get(path)).body["name"] == "internet-v4"


async def test_effects_are_spent_and_take_turns(start: Start) -> None:
    vcd = await director(start)
    vcd.sim.fault("spoil", how="short_page", count=2, path=f"*/{LISTED}")
    counts = [len((await vcd.get(LISTED)).body["values"]) for _ in range(3)]
    assert counts == [6, 6, 7]
    vcd.sim.fault("spoil", how="short_page", percent=50)
    assert {len((await vcd.get(LISTED)).body["values"]) for _ in range(30)} == {6, 7}
    vcd.sim.clear()
    vcd.sim.fault("spoil", how="short_page", manager="nsx-a")
    assert len((await vcd.get(LISTED)).body["values"]) == 7, "another manager's"
    assert vcd.sim.stats()["faults"]["spoil"] >= 12


@pytest.mark.parametrize(("do", "status", "code"), [
    ("unauthorized", 403, "ACCESS_TO_RESOURCE_IS_FORBIDDEN"), ("session_expired", 401, "UNAUTHORIZED"),
    ("not_found", 404, "RESOURCE_NOT_FOUND"), ("throttle", 429, "TOO_MANY_REQUESTS"),
])  # fmt: skip
async def test_errors_have_the_directors_shape(start: Start, do: str, status: int, code: str) -> None:
    vcd = await director(start)
    vcd.sim.fault(do, manager="vcd-a", endpoint="inventory")
    answer = await vcd.get(LISTED)
    assert (answer.status, answer.body["minorErrorCode"]) == (status, code)
    assert set(answer.body) == {"minorErrorCode", "message", "stackTrace"}
    legacy = await vcd.get("/api/query", "application/*+xml;version=38.1", type="nsxTManager")
    assert (legacy.status, parse(legacy.text).get("minorErrorCode")) == (status, code)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 429, 500, 502, 503, 504])
@pytest.mark.parametrize("body", ["json", "html", "text"])
async def test_any_status_with_any_body(start: Start, status: int, body: str) -> None:
    vcd = await director(start)
    vcd.sim.fault("error", status=status, body=body)
    answer = await vcd.get(LISTED)
    assert answer.status == status
    assert (answer.body is not None) is (body == "json")


@pytest.mark.parametrize("do", ["redirect", "html", "unavailable", "truncated"])
async def test_answers_of_what_stands_before_it(start: Start, do: str) -> None:
    vcd = await director(start)
    right = await vcd.get(LISTED)
    vcd.sim.fault(do, path=f"*/{LISTED}")
    answer = await vcd.get(LISTED)
    assert (answer.status, answer.text) != (right.status, right.text)
    assert answer.body is None
    assert ("Location" in answer.headers) is (do == "redirect")


@pytest.mark.parametrize("do", ["cut", "connection_reset"])
async def test_connections_that_break(start: Start, do: str) -> None:
    vcd = await director(start)
    vcd.sim.fault(do, manager="vcd-a")
    with pytest.raises(aiohttp.ClientError):
        await vcd.get(LISTED)
    vcd.sim.clear()
    assert (await vcd.get(LISTED)).status == 200


async def test_answers_without_end_and_without_measure(start: Start) -> None:
    vcd = await director(start)
    vcd.sim.fault("oversized", size_bytes=3_000_000, count=1)
    assert len((await vcd.get(LISTED)).text) > 2_900_000
    vcd.sim.fault("slow", by="1s", count=1)
    assert (await vcd.get(LISTED)).status == 200
    cell = vcd.sim.vcd
    assert cell is not None
    vcd.sim.fault("hang", manager="vcd-a")
    vcd.sim.fault("vcd_down", at="1m")

    asking = asyncio.create_task(vcd.get(LISTED))
    await until(lambda: cell.limits.total.in_flight > 0)
    vcd.sim.advance(60_000)
    with pytest.raises(aiohttp.ClientError):
        await asking


async def test_a_log_in_may_fail_too(start: Start) -> None:
    vcd = await director(start, login=False)
    vcd.sim.fault("error", status=500, endpoint="login", path=PROVIDER, count=1)
    assert (await vcd.login()).status == 500
    vcd.sim.fault("not_found")
    vcd.sim.fault("spoil", how="document_null")
    assert (await vcd.login()).status == 200, "errors about a path are none of a log-in"


def test_a_wrong_answer_has_a_name_that_is_known() -> None:
    with pytest.raises(ValueError, match="spoil needs how"):
        Fault.model_validate({"do": "spoil"})
    with pytest.raises(ValueError, match=r"known: .*backing_null"):
        Fault.model_validate({"do": "spoil", "how": "backwards"})


async def test_faults_of_the_nsx_managers_leave_the_director_alone(start: Start) -> None:
    vcd = await director(start, with_director())
    vcd.sim.fault("unavailable", manager="nsx-a")
    assert (await vcd.get(LISTED)).status == 200
    vcd.sim.fault("manager_down", manager="vcd-a")
    cell = vcd.sim.vcd
    assert cell is not None
    await until(lambda: not cell.running)
    vcd.sim.fault("manager_up", manager="vcd-a")
    await until(lambda: cell.running)
