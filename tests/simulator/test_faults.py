"""One test for each misbehaviour, over HTTPS: what the client sees, and that it ends."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import pytest

from simulator.events import EffectKind, Fault
from simulator.faults import Asked, FaultBook
from tests.simulator.conftest import CSP, CSP_POINT, GLOBEX, T1_LINK, Answer, Client, Start, until

T1S = "/policy/api/v1/infra/tier-1s"
pytestmark = pytest.mark.integration


async def _once(client: Client, do: str, path: str = CSP, **members: Any) -> Answer:
    """Return the answer under a fault that ends after one use; the next answer must be good."""
    good = (await client.get(path)).text
    active = client.sim.fault(do, count=1, **members)
    assert active is not None
    answer = await client.get(path)
    assert not client.sim.in_force(active)
    assert (await client.get(path)).text == good
    return answer


@pytest.mark.parametrize(
    ("do", "status", "code"),
    [
        ("throttle", 429, "102"),
        ("invalid_path", 400, 500012),
        ("no_edge_node", 400, 503065),
        ("not_found", 404, 202),
        ("session_expired", 403, 98),
        ("unauthorized", 401, 403),
    ],
)
async def test_errors_of_the_product(client: Client, do: str, status: int, code: object) -> None:
    answer = await _once(client, do)
    assert (answer.status, answer.body["error_code"]) == (status, code)


async def test_policy_errors_may_carry_their_code_as_a_string(start: Start) -> None:
    client = await start("small", error_code_as="string")
    assert (await _once(client, "invalid_path")).body["error_code"] == "500012"
    real = await client.get(f"{T1S}/none/locale-services/default/interfaces/x/statistics")
    assert (real.status, real.body["error_code"]) == (404, "202")


async def test_any_status_in_any_body(client: Client) -> None:
    odd = await _once(client, "error", status=500, code=607, code_as="string")
    assert (odd.status, odd.body["error_code"]) == (500, "607")
    assert "text/html" in (await _once(client, "error", status=504, body="html")).headers["Content-Type"]
    assert "text/plain" in (await _once(client, "error", status=502, body="text")).headers["Content-Type"]


async def test_unavailable_is_html(client: Client) -> None:
    answer = await _once(client, "unavailable")
    assert (answer.status, answer.text[:6]) == (503, "<html>")


@pytest.mark.parametrize("status", [301, 307])
async def test_redirects(client: Client, status: int) -> None:
    answer = await _once(client, "redirect", status=status, location="https://elsewhere.example.net/")
    assert (answer.status, answer.headers["Location"]) == (status, "https://elsewhere.example.net/")


async def test_html_with_status_200(client: Client) -> None:
    answer = await _once(client, "html")
    assert (answer.status, answer.text[:6], answer.body) == (200, "<html>", None)


async def test_truncated_json_has_a_length_to_match(client: Client) -> None:
    answer = await _once(client, "truncated")
    assert answer.status == 200
    assert answer.text.startswith('{"logical_router_port_id"')
    assert int(answer.headers["Content-Length"]) == len(answer.text)
    assert answer.headers["Date"] == "Thu, 01 Oct 2026 00:00:00 GMT", "broken answers have the manager's clock too"
    assert answer.body is None


async def test_an_answer_may_be_cut_before_its_length(client: Client) -> None:
    client.sim.fault("cut", count=1)
    with pytest.raises(aiohttp.ClientPayloadError):
        await client.get(CSP)
    assert (await client.get(CSP)).status == 200


async def test_an_oversized_body(client: Client) -> None:
    answer = await _once(client, "oversized", size_bytes=3_000_000)
    assert len(answer.text) > 2_900_000
    assert answer.body["results"] == []
    assert answer.headers["Date"] == "Thu, 01 Oct 2026 00:00:00 GMT"


async def test_a_broken_answer_is_not_a_reading(client: Client) -> None:
    for do in ("truncated", "cut", "html", "connection_reset"):
        client.sim.fault(do, count=2)  # the client repeats a request whose kept connection was reset
        try:
            await client.get(CSP)
        except (aiohttp.ClientPayloadError, aiohttp.ClientConnectionError):
            continue
        finally:
            client.sim.clear()
    assert client.sim.truth().served_total == 0
    await client.get(CSP)
    assert client.sim.truth().served_total == 2


async def test_slow_for_one_object_only(client: Client) -> None:
    client.sim.fault("slow", path=GLOBEX, by="30s")
    client.sim.limits.requests_per_second = 0
    asked = asyncio.create_task(client.get(CSP))
    await until(lambda: client.sim.stats()["faults"].get("slow") == 1)
    assert (await client.get(f"{T1S}/t1-acme/tier-0-interface/statistics")).status == 200
    assert not asked.done()
    asked.cancel()
    await asyncio.gather(asked, return_exceptions=True)


async def test_a_slow_answer_is_the_answer_of_its_end(client: Client) -> None:
    client.sim.fault("slow", by="300ms", count=1)
    asked = asyncio.create_task(client.get(CSP))
    await until(lambda: client.sim.stats()["faults"].get("slow") == 1)
    client.sim.advance(60_000)
    row = next(iter((await asked).rows.values()))
    assert row["last_update_timestamp"] > client.sim.clock.start + 40_000


async def test_a_hang_for_one_node_ends_with_the_client(client: Client) -> None:
    nodes = client.sim.provider.gateway("t1-globex").nodes
    client.sim.fault("hang", node=nodes[0].alias)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.1):
            await client.get(CSP, edge_path=nodes[0].path())
    assert list((await client.get(CSP, edge_path=nodes[1].path())).rows) == [nodes[1].nsx_id]


async def test_connection_reset(client: Client) -> None:
    client.sim.fault("connection_reset", count=2)  # the client repeats a request whose kept connection was reset
    with pytest.raises(aiohttp.ClientConnectionError):
        await client.get(CSP)
    assert (await client.get(CSP)).status == 200


async def test_a_manager_stops_and_comes_back_at_its_address(client: Client) -> None:
    url = client.sim.urls[0]
    client.sim.fault("manager_down", manager="nsx-a")
    await until(lambda: not client.sim.managers["nsx-a"].running)

    async def refused() -> bool:
        try:
            await client.get(CSP)
        except aiohttp.ClientConnectionError:
            return True
        return False

    assert await refused()
    client.manager = 1
    assert (await client.login()).status == 200
    client.sim.fault("manager_up", manager="nsx-a")
    await until(lambda: client.sim.managers["nsx-a"].running)
    client.manager = 0
    assert client.sim.urls[0] == url
    assert (await client.login()).status == 200, "the manager is back, its old sessions are not"


async def test_one_manager_is_unavailable(client: Client) -> None:
    client.sim.fault("unavailable", manager="nsx-a", for_="5m")
    assert (await client.get(CSP)).status == 503
    client.manager = 1
    assert (await client.login()).status == 200
    client.manager = 0
    client.sim.advance(300_000)
    assert (await client.login()).status == 200, "a fault with a duration ends by itself"


async def test_sessions_expire_in_mid_run(client: Client) -> None:
    client.sim.fault("expire_sessions")
    answer = await client.get(CSP)
    assert (answer.status, answer.body["error_code"]) == (403, 98)
    await client.login()
    assert (await client.get(CSP)).status == 200


async def test_a_cursor_of_zeros_on_the_last_page(client: Client) -> None:
    answer = await _once(client, "null_cursor", T1S)
    assert answer.body["cursor"].startswith("0000")
    assert len(answer.body["results"]) == 2


async def test_a_list_shorter_than_its_total(client: Client) -> None:
    answer = await _once(client, "short_list", T1S)
    assert (answer.body["result_count"], len(answer.body["results"])) == (2, 1)


# Rows ---------------------------------------------------------------------------------------------------------------


async def test_a_row_without_its_node(client: Client) -> None:
    node = client.sim.provider.gateway("t1-globex").nodes[0]
    client.sim.fault("drop_node_id", path="t1-globex", count=1)
    rows = (await client.get(CSP, edge_path=node.path())).body["per_node_statistics"]
    assert "transport_node_id" not in rows[0]
    assert rows[0]["rx"]["total_bytes"] > 0
    assert client.sim.truth().served[-1].node == node.nsx_id, "the record knows the node all the same"


async def test_rows_that_are_missing_or_empty(client: Client) -> None:
    assert "per_node_statistics" not in (await _once(client, "no_rows")).body
    client.sim.fault("empty_rows", path=GLOBEX, for_="1m")
    assert (await client.get(CSP)).rows == {}
    client.sim.advance(60_000)
    assert len((await client.get(CSP)).rows) == 2
    node = client.sim.provider.gateway("t1-globex").nodes[1]
    client.sim.fault("drop_row", node=node.alias)
    assert node.nsx_id not in (await client.get(CSP)).rows


@pytest.mark.parametrize("name", ["rx", "tx", "last_update_timestamp", "rx.total_bytes", "tx.dropped_packets"])
async def test_a_row_lacks_a_member(client: Client, name: str) -> None:
    node = client.sim.provider.gateway("t1-globex").nodes[0]
    client.sim.fault("drop_fields", fields=[name], node=node.nsx_id, count=1)
    rows = (await client.get(CSP)).rows
    outer, _, inner = name.partition(".")
    if inner:
        assert inner not in rows[node.nsx_id][outer]
        assert "total_packets" in rows[node.nsx_id][outer]
    else:
        assert outer not in rows[node.nsx_id]
    assert outer in next(row for key, row in rows.items() if key != node.nsx_id)


async def test_a_frozen_node_stands_still_and_catches_up(client: Client) -> None:
    node = client.sim.provider.gateway("t1-globex").nodes[0].nsx_id
    client.sim.advance(60_000)
    client.sim.fault("freeze", node=node, for_="10m")
    before = (await client.get(CSP)).rows
    client.sim.advance(300_000)
    frozen = (await client.get(CSP)).rows
    assert frozen[node] == before[node]
    other = next(key for key in frozen if key != node)
    assert frozen[other]["last_update_timestamp"] > before[other]["last_update_timestamp"]
    client.sim.advance(300_000)
    assert (await client.get(CSP)).rows[node]["last_update_timestamp"] > client.sim.clock.start + 640_000


async def test_a_glitch_lasts_for_one_reading(client: Client) -> None:
    good = (await client.get(T1_LINK)).rows
    client.sim.advance(60_000)
    client.sim.fault("glitch", path="t1-globex", node=next(iter(good)), count=1)
    node = next(iter(good))
    fallen = (await client.get(T1_LINK)).rows
    assert fallen[node]["rx"]["total_bytes"] < good[node]["rx"]["total_bytes"]
    assert (await client.get(T1_LINK)).rows == fallen, "asked again before the cache is renewed: the same"
    client.sim.advance(60_000)
    assert (await client.get(T1_LINK)).rows[node]["rx"]["total_bytes"] > good[node]["rx"]["total_bytes"]


async def test_an_older_timestamp_once(client: Client) -> None:
    client.sim.advance(300_000)
    good = (await client.get(CSP)).rows
    client.sim.advance(20_000)
    client.sim.fault("older_timestamp", by="1m", path=GLOBEX)
    old = (await client.get(CSP)).rows
    assert all(old[node]["last_update_timestamp"] < row["last_update_timestamp"] for node, row in good.items())
    client.sim.advance(20_000)
    now = (await client.get(CSP)).rows
    assert all(now[node]["last_update_timestamp"] > row["last_update_timestamp"] for node, row in good.items())


async def test_other_values_at_the_same_instant(client: Client) -> None:
    good = (await client.get(CSP)).rows
    node = next(iter(good))
    client.sim.fault("conflict", node=node, amount=7, count=1)
    other = (await client.get(CSP)).rows[node]
    assert other["last_update_timestamp"] == good[node]["last_update_timestamp"]
    assert other["rx"]["total_bytes"] == good[node]["rx"]["total_bytes"] + 7
    assert (await client.get(CSP)).rows == good
    assert [row.rx_bytes for row in client.sim.truth().served if row.node == node] == [
        good[node]["rx"]["total_bytes"], good[node]["rx"]["total_bytes"] + 7, good[node]["rx"]["total_bytes"],
    ]  # fmt: skip


async def test_a_wildly_high_reading(client: Client) -> None:
    good = (await client.get(CSP)).rows
    client.sim.advance(60_000)
    client.sim.fault("spike", path=CSP_POINT)
    high = (await client.get(CSP)).rows
    assert all(high[node]["rx"]["total_bytes"] >= row["rx"]["total_bytes"] + 10**15 for node, row in good.items())
    client.sim.advance(60_000)
    again = (await client.get(CSP)).rows
    assert all(again[node]["rx"]["total_bytes"] < row["rx"]["total_bytes"] for node, row in high.items())


async def test_a_summary_with_empty_ids(client: Client) -> None:
    good = (await client.get(T1_LINK + "/summary")).body
    answer = await _once(client, "empty_summary_ids", T1_LINK + "/summary")
    assert (answer.body["logical_router_port_id"], answer.body["interface_policy_path"]) == ("", "")
    assert answer.body["rx"] == good["rx"]


async def test_counters_beyond_what_a_double_holds(client: Client) -> None:
    big = [
        (port, node, counters.register_at(client.sim.now()).rx_bytes)
        for port in client.sim.provider.ports
        for node, counters in port.counters.items()
        if port.kind == "tier0_uplink" and counters.register_at(client.sim.now()).rx_bytes > 2**53
    ]
    assert big
    for port, node, value in big:
        answer = await client.get(f"/policy/api/v1{port.point}/statistics")
        assert f'"total_bytes":{value},' in answer.text
        assert answer.rows[node]["rx"]["total_bytes"] == value


# When and how often -------------------------------------------------------------------------------------------------


async def test_a_share_of_requests_by_the_seed(start: Start) -> None:
    seen: list[list[int]] = []
    for _ in range(2):
        client = await start("small")
        client.sim.fault("unavailable", percent=40)
        seen.append([(await client.get(CSP)).status for _ in range(30)])
    assert seen[0] == seen[1], "the seed decides"
    assert 5 < seen[0].count(503) < 20


async def test_labels_endpoints_and_patterns(client: Client) -> None:
    client.sim.fault("unavailable", endpoint="inventory", label="a")
    assert (await client.get(CSP)).status == 200
    assert (await client.get(T1S)).status == 503
    client.sim.clear("a")
    assert (await client.get(T1S)).status == 200
    active = client.sim.fault("not_found", path="*/t1-globex*")
    assert active is not None
    assert (await client.get(CSP)).status == 404
    assert (await client.get(f"{T1S}/t1-acme")).status == 200
    assert client.sim.in_force(active)
    client.sim.clear()
    assert not client.sim.in_force(active)


def test_every_effect_is_either_for_requests_rows_lists_or_the_director() -> None:
    book = FaultBook(1)
    kinds: tuple[str, ...] = EffectKind.__args__  # type: ignore[attr-defined]  # a Literal has them at run time
    for do in kinds:
        book.add(Fault.model_validate({"do": do, "status": 500, "fields": ["rx"], "how": "twice", "for": "1m"}), 0)
    assert len(book) == len(kinds)
    asked = Asked("statistics", CSP_POINT, "nsx-a")
    assert {fault.do for fault in book.for_request(asked)} == {"error", "slow"}, "slowness goes with one other effect"
    assert {fault.do for fault in book.for_list(asked)} == {"null_cursor", "short_list"}
    assert len(book.for_row(asked, "interface", 5)) == 14
    assert [fault.do for fault in book.for_spoil(asked)] == ["spoil"]
    book.expire(60_000)
    assert book.quiet
