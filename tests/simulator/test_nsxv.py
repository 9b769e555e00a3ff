"""The NSX-V manager over HTTPS: lists, rates in both forms, what is held, and every way in which samples go wrong."""

from __future__ import annotations

import base64
import json
from decimal import ROUND_HALF_UP, Decimal
from typing import Any
from xml.etree import ElementTree

import pytest
from defusedxml.ElementTree import fromstring as parse

from simulator.edge_samples import EdgeTruth
from simulator.scenario import Scenario, load_scenario
from simulator.truth import Both
from tests.simulator.conftest import Answer, Client, Start, until

pytestmark = pytest.mark.integration

EDGE = "/api/4.0/edges/edge-1"
RATES = f"{EDGE}/statistics/interfaces"
UPLINK = "/edges/edge-1/vnics/0"
MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
JSON, XML = "application/json", "application/xml"


def scenario(**nsxv: Any) -> Scenario:
    """Return the shipped scenario with another manager."""
    loaded = load_scenario("nsxv")
    assert loaded.nsxv is not None
    return loaded.model_copy(update={"nsxv": loaded.nsxv.model_copy(update=nsxv)})


@pytest.fixture
async def client(start: Start) -> Client:
    """A client two hours after the start."""
    made = await start("nsxv")
    made.sim.advance(2 * HOUR)
    return made


def _basic(client: Client, password: str | None = None) -> str:
    text = f"{client.sim.username}:{password or client.sim.password}"
    return "Basic " + base64.b64encode(text.encode()).decode()


async def ask(
    client: Client, path: str = RATES, accept: str = JSON, *, password: str | None = None, **query: object
) -> Answer:
    """Ask the NSX-V manager."""
    headers = {"Authorization": _basic(client, password), "Accept": accept}
    params = {name: str(value) for name, value in query.items()}
    async with client.http.get(client.sim.nsxv_url + path, params=params, headers=headers) as response:
        text = await response.text()
        # Decimals are read as texts, so that the test sees every digit that was written.
        body = json.loads(text, parse_float=str) if response.content_type == JSON and text[-1:] == "}" else None
        return Answer(response.status, response.headers, text, body)


def rows(answer: Answer, vnic: int = 0) -> dict[int, tuple[Decimal, Decimal]]:
    """Return ``timestamp: (in, out)`` of a vNIC in a JSON answer."""
    found = answer.body["dataDto"].get(f"vnic_{vnic}", [])
    return {row["timestamp"]: (Decimal(row["in"]), Decimal(row["out"])) for row in found}


def billed(rate: Decimal, interval: int) -> int:
    """Return the bytes of a rate by the rule, written down once more."""
    return int((rate * 1_000 * interval / 8).to_integral_value(rounding=ROUND_HALF_UP))


# Lists --------------------------------------------------------------------------------------------------------------


async def test_edges_are_listed_in_pages_in_both_forms(start: Start) -> None:
    client = await start(scenario(page_size_max=3))
    first = (await ask(client, "/api/4.0/edges")).body["edgePage"]
    assert [row["id"] for row in first["data"]] == ["edge-1", "edge-2", "edge-4"]
    assert (first["pagingInfo"]["totalCount"], first["pagingInfo"]["pageSize"]) == (5, 3)
    second = await ask(client, "/api/4.0/edges", startIndex=3, pageSize=3)
    assert [row["name"] for row in second.body["edgePage"]["data"]] == ["initech-edge", "nobody-edge"]
    root = parse((await ask(client, "/api/4.0/edges", XML)).text)
    assert root.tag == "pagedEdgeList"
    assert [one.findtext("objectId") for one in root.iter("edgeSummary")] == ["edge-1", "edge-2", "edge-4"]
    assert root.findtext("edgePage/pagingInfo/totalCount") == "5"
    assert root.findtext("edgePage/edgeSummary/appliancesSummary/numberOfDeployedVms") == "2"
    assert (await ask(client, "/api/4.0/edges", pageSize="many")).status == 400


async def test_vnics_have_types_and_the_unused_ones_are_listed_too(client: Client) -> None:
    found = (await ask(client, f"{EDGE}/vnics")).body["vnics"]
    assert [row["index"] for row in found] == list(range(10))
    kinds = {row["index"]: row["type"] for row in found if row["isConnected"]}
    assert kinds == {0: "uplink", 1: "internal", 2: "internal", 3: "uplink", 5: "internal"}
    root = parse((await ask(client, "/api/4.0/edges/edge-12/vnics", XML)).text)
    assert {one.findtext("index"): one.findtext("type") for one in root if one.findtext("isConnected") == "true"} == {
        "0": "uplink", "4": "trunk", "7": "internal",
    }  # fmt: skip
    assert root.findtext("vnic/addressGroups/addressGroup/primaryAddress") == "203.0.113.1"


async def test_a_distributed_router_is_listed_and_counts_nothing(client: Client) -> None:
    listed = (await ask(client, "/api/4.0/edges")).body["edgePage"]["data"]
    assert [row["edgeType"] for row in listed].count("distributedRouter") == 1
    assert listed[1]["edgeType"] == "distributedRouter"
    vnics = (await ask(client, "/api/4.0/edges/edge-2/vnics")).body["vnics"]
    assert not any(row["isConnected"] for row in vnics)
    assert (await ask(client, "/api/4.0/edges/edge-2/statistics/interfaces")).body["dataDto"] == {}


async def test_vnics_may_keep_their_type_to_themselves(start: Start) -> None:
    client = await start(scenario(vnic_types=False))
    client.sim.advance(HOUR)
    assert all("type" not in row for row in (await ask(client, f"{EDGE}/vnics")).body["vnics"])
    body = (await ask(client, RATES + "/uplink")).body
    assert all("type" not in row for row in body["metaDto"]["vnics"])
    assert sorted(body["dataDto"]) == ["vnic_0", "vnic_3"], "so which ones are uplinks is told by this answer alone"


async def test_edges_come_go_and_are_renamed(client: Client) -> None:
    client.sim.fault("edge_rename", path="edge-4", to="globex-new")
    client.sim.fault("edge_delete", path="edge-20")
    client.sim.fault("edge_add", edge={"id": "edge-21", "name": "new-edge", "tenant": "initech"})
    listed = (await ask(client, "/api/4.0/edges")).body["edgePage"]["data"]
    assert [(row["id"], row["name"]) for row in listed] == [
        ("edge-1", "acme-edge"), ("edge-2", "acme-dlr"), ("edge-4", "globex-new"), ("edge-12", "initech-edge"),
        ("edge-21", "new-edge"),
    ]  # fmt: skip
    assert (await ask(client, "/api/4.0/edges/edge-20/vnics")).status == 404
    born = client.sim.now()
    client.sim.advance(12 * MINUTE)
    new = rows(await ask(client, "/api/4.0/edges/edge-21/statistics/interfaces"))
    assert min(new) * 1_000 >= born + 5 * MINUTE, "an edge's first sample covers an interval that it saw whole"
    gone = client.sim.truth().growth("/edges/edge-20/vnics/0", 0, client.sim.now())
    assert gone == client.sim.truth().growth("/edges/edge-20/vnics/0", 0, born), "nothing passes what is deleted"
    with pytest.raises(ValueError, match="edge-20 was used before"):
        client.sim.fault("edge_add", edge={"id": "edge-20"})
    with pytest.raises(LookupError, match="no edge 'edge-9'"):
        client.sim.fault("edge_delete", path="edge-9")


# Rates --------------------------------------------------------------------------------------------------------------


async def test_rates_times_intervals_are_what_was_carried(client: Client) -> None:
    sim = client.sim
    answer = await ask(client)
    found, truth = rows(answer), sim.edge_truth()
    assert len(found) == 23, "two hours, and the last interval has not appeared yet"
    assert any(rate % 1 for rates in found.values() for rate in rates), "rates have decimals"
    start, end = sim.clock.start, max(found) * 1_000
    received = sum(billed(rx, 300) for rx, _ in found.values())
    sent = sum(billed(tx, 300) for _, tx in found.values())
    billable = truth.billable(UPLINK, start, end)
    assert (received, sent) == (billable.ingress.bytes, billable.egress.bytes)
    exact = truth.exact(UPLINK, start, end)
    assert exact == tuple(sum(column) * 125 * 300 for column in zip(*found.values(), strict=True))
    carried = sim.truth().growth(UPLINK, start, end)
    for told, true in ((received, carried.ingress.bytes), (sent, carried.egress.bytes)):
        assert true > 10**9
        # Two decimals of a rate are 375 bytes of five minutes, so at most half of that is lost or won by each sample.
        assert abs(told - true) <= 188 * len(found)


async def test_each_sample_is_the_mean_of_its_own_interval(client: Client) -> None:
    answer = await ask(client)
    for at, (received, _) in rows(answer).items():
        carried = client.sim.truth().growth(UPLINK, (at - 300) * 1_000, at * 1_000).ingress.bytes
        assert abs(received - Decimal(carried) / 37_500) <= Decimal("0.005")


async def test_both_sides_of_an_edge_carry_the_same(client: Client) -> None:
    truth, start, end = client.sim.truth(), client.sim.clock.start, client.sim.now()
    inside = [truth.growth(f"/edges/edge-1/vnics/{index}", start, end) for index in (1, 2, 5)]
    outside = [truth.growth(f"/edges/edge-1/vnics/{index}", start, end) for index in (0, 3)]
    assert sum(one.ingress.bytes for one in outside) == sum(one.egress.bytes for one in inside) > 10**9
    assert sum(one.egress.bytes for one in outside) == sum(one.ingress.bytes for one in inside)
    kinds = {point.path: point.kind for point in truth.points() if point.path.startswith("/edges/edge-1/")}
    assert [kind for _, kind in sorted(kinds.items())] == [
        "edge_interface", "edge_internal", "edge_internal", "edge_interface", "edge_internal",
    ]  # fmt: skip
    assert truth.tenant("acme", start, end).ingress.bytes == sum(one.ingress.bytes for one in outside)


async def test_uplinks_and_internals_are_asked_for_apart(client: Client) -> None:
    for which, vnics in (("", [0, 1, 2, 3, 5]), ("/uplink", [0, 3]), ("/internal", [1, 2, 5])):
        body = (await ask(client, RATES + which)).body
        assert sorted(body["dataDto"]) == [f"vnic_{index}" for index in vnics]
        assert [row["index"] for row in body["metaDto"]["vnics"]] == vnics


def _from_xml(text: str) -> tuple[dict[str, str], list[tuple[str, str, Decimal, Decimal]]]:
    root = parse(text)
    meta = {one.tag.rpartition("}")[2]: one.text or "" for one in root[0]}
    found = []
    for one in root[1]:
        row = {member.tag.rpartition("}")[2]: member.text or "" for member in one}
        found.append((row["vnic"], row["timestamp"], Decimal(row["in"]), Decimal(row["out"])))
    return meta, found


@pytest.mark.parametrize("notation", ["plain", "exponent"])
@pytest.mark.parametrize("namespace", ["", "http://www.vmware.com/vcns/edge"])
async def test_both_forms_say_the_same(start: Start, notation: str, namespace: str) -> None:
    client = await start(scenario(notation=notation, namespace=namespace))
    client.sim.advance(HOUR)
    told = await ask(client, RATES + "/uplink", XML)
    assert told.headers["Content-Type"].startswith(XML)
    assert ("xmlns=" in told.text) is bool(namespace)
    assert ("e+0" in told.text) is (notation == "exponent")
    meta, found = _from_xml(told.text)
    answer = await ask(client, RATES + "/uplink")
    assert ("e+0" in answer.text) is (notation == "exponent")
    assert {name: int(text) for name, text in meta.items()} == {
        name: value for name, value in answer.body["metaDto"].items() if name != "vnics"
    }
    assert found == [
        (str(vnic), str(at), *rates) for vnic in (0, 3) for at, rates in sorted(rows(answer, vnic).items())
    ]
    assert len(found) == 2 * 11


async def test_xml_comes_where_nothing_is_asked_for(client: Client) -> None:
    assert (await ask(client, accept="*/*")).text.startswith("<?xml")


# Time ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("asked", "written"), [("ms", "s"), ("s", "ms"), ("any", "s")])
async def test_units_of_time_are_the_scenarios(start: Start, asked: str, written: str) -> None:
    client = await start(scenario(asked_unit=asked, sample_unit=written, meta_unit=written))
    client.sim.advance(2 * HOUR)
    first, last = client.sim.clock.start + 30 * MINUTE, client.sim.clock.start + HOUR
    by = 1_000 if asked == "s" else 1
    answer = await ask(client, startTime=first // by, endTime=last // by)
    unit = 1_000 if written == "s" else 1
    assert sorted(rows(answer)) == [at // unit for at in range(first, last + 1, 5 * MINUTE)]
    meta = answer.body["metaDto"]
    assert (meta["startTime"], meta["endTime"], meta["interval"]) == (first // unit, last // unit, 300)
    if asked == "any":
        again = await ask(client, startTime=first // 1_000, endTime=last // 1_000)
        assert again.body == answer.body
    else:
        other = 1_000 if asked == "ms" else 1
        assert rows(await ask(client, startTime=first // other, endTime=last // other)) == {}
    assert (await ask(client, startTime="yesterday")).status == 400


async def test_polls_that_overlap_see_the_same_samples_again(client: Client) -> None:
    first = rows(await ask(client))
    client.sim.advance(10 * MINUTE)
    second = rows(await ask(client, startTime=client.sim.now() - 30 * MINUTE))
    repeated = set(first) & set(second)
    assert len(repeated) == 4
    assert all(first[at] == second[at] for at in repeated)
    assert len(set(second) - set(first)) == 2
    served = [one for one in client.sim.edge_truth().served.values() if one.path == UPLINK]
    assert len(served) == len(set(first) | set(second)), "a sample that is answered again is recorded once"


async def test_a_sample_appears_only_after_its_interval_has_ended(start: Start) -> None:
    client = await start(scenario(publish_after=20_000))
    client.sim.advance(5 * MINUTE + 19_999)
    assert (await ask(client)).body["dataDto"] == {}
    client.sim.advance(1)
    assert len(rows(await ask(client))) == 1


async def test_what_is_too_old_is_dropped(start: Start) -> None:
    client = await start(scenario(keep=6 * HOUR, coarse_interval=0))
    client.sim.advance(10 * HOUR)
    answer = await ask(client, startTime=client.sim.clock.start)
    held = client.sim.now() - 6 * HOUR
    assert answer.body["metaDto"]["startTime"] == held // 1_000, "the answer says how far back it goes"
    assert min(rows(answer)) == held // 1_000
    assert len(client.sim.edge_truth().samples(UPLINK, 0, client.sim.now())) > len(rows(answer)) == 72


async def test_a_range_that_begins_before_what_is_held_comes_in_coarse_intervals(client: Client) -> None:
    client.sim.advance(DAY)
    sim = client.sim
    answer = await ask(client, startTime=sim.clock.start)
    assert answer.body["metaDto"]["interval"] == 1_800
    coarse = rows(answer)
    assert all(at % 1_800 == 0 for at in coarse)
    for at, (received, _) in coarse.items():
        fine = sim.truth().growth(UPLINK, (at - 1_800) * 1_000, at * 1_000).ingress.bytes
        assert abs(billed(received, 1_800) - fine) <= 1_125, "the same bytes, but for the decimals of the rate"
    assert (await ask(client, startTime=sim.now() - HOUR)).body["metaDto"]["interval"] == 300


async def test_a_failover_leaves_a_gap_and_coarse_samples_do_not_fill_it(client: Client) -> None:
    sim = client.sim
    at = sim.now()
    sim.fault("edge_failover", path="edge-1", by="12m")
    sim.advance(HOUR)
    found = rows(await ask(client, startTime=at))
    lacking = [one for one in range(at // 1_000, max(found), 300) if one not in found]
    assert lacking == [at // 1_000 + 300, at // 1_000 + 600, at // 1_000 + 900]
    assert (await ask(client, "/api/4.0/edges")).body["edgePage"]["data"][0]["appliancesSummary"]["activeVseHaIndex"]
    assert len(rows(await ask(client, "/api/4.0/edges/edge-4/statistics/interfaces", startTime=at))) == 12
    sim.advance(DAY)
    window = at + 30 * MINUTE
    coarse = rows(await ask(client, startTime=sim.clock.start))[window // 1_000]
    fine = sim.edge_truth().billable(UPLINK, at, window).ingress.bytes
    carried = sim.truth().growth(UPLINK, at, window).ingress.bytes
    assert abs(billed(coarse[0], 1_800) - fine) <= 1_200 < carried - fine, "nobody counted during the failover"


# What goes wrong ----------------------------------------------------------------------------------------------------


async def test_a_late_sample_appears_with_the_second_poll(client: Client) -> None:
    active = client.sim.fault("late_sample", path=UPLINK, count=1)
    assert active is not None
    first, second = rows(await ask(client)), rows(await ask(client))
    assert set(second) - set(first) == {max(second)}
    assert not client.sim.in_force(active)


async def test_samples_are_repeated_within_an_answer(client: Client) -> None:
    client.sim.fault("repeat_samples", path=UPLINK, count=1)
    found = (await ask(client)).body["dataDto"]["vnic_0"]
    assert len(found) == 2 * len({row["timestamp"] for row in found}) == 46


async def test_data_lacks_or_is_empty(client: Client) -> None:
    client.sim.fault("empty_rows", count=5, label="empty")
    assert (await ask(client)).body["dataDto"] == {}
    client.sim.fault("empty_rows", count=5)
    assert "<data/>" in (await ask(client, accept=XML)).text
    client.sim.fault("no_rows", count=1)
    assert "dataDto" not in (await ask(client)).body
    client.sim.fault("drop_row", path=UPLINK, count=1)
    assert sorted((await ask(client)).body["dataDto"]) == ["vnic_1", "vnic_2", "vnic_3", "vnic_5"]
    assert min((await ask(client)).body["dataDto"]) == "vnic_0"


@pytest.mark.parametrize("text", ["-1.5", "1e400", '"NaN"', "null", ""])
async def test_a_rate_is_no_rate(client: Client, text: str) -> None:
    client.sim.fault("bad_value", path=UPLINK, fields=["in"], text=text, count=1)
    found = (await ask(client)).body["dataDto"]["vnic_0"]
    wrong = {"-1.5": "-1.5", "1e400": "1e400", '"NaN"': "NaN", "null": None, "": ""}[text]
    assert [row["in"] for row in found].count(wrong) == 1
    assert found[-1]["in"] == wrong
    newest = found[-1]["timestamp"] * 1_000
    assert (UPLINK, newest, 300) not in client.sim.edge_truth().served, "what was not answered was not served"


async def test_members_lack_and_intervals_are_absurd(client: Client) -> None:
    client.sim.fault("drop_fields", path=UPLINK, fields=["out", "interval"], count=1)
    body = (await ask(client)).body
    assert "interval" not in body["metaDto"]
    assert all("out" not in row for row in body["dataDto"]["vnic_0"])
    assert all("out" in row for row in body["dataDto"]["vnic_1"])
    client.sim.fault("bad_value", path=UPLINK, fields=["interval"], text="-300", count=1)
    assert (await ask(client)).body["metaDto"]["interval"] == -300
    client.sim.fault("bad_value", path=UPLINK, fields=["interval"], text="0", count=1)
    assert "<interval>0</interval>" in (await ask(client, accept=XML)).text


async def test_values_that_contradict_each_other(client: Client) -> None:
    good = rows(await ask(client))
    newest = max(good)
    client.sim.fault("conflict", path=UPLINK, amount=7, count=1)
    assert rows(await ask(client))[newest] == tuple(rate + 7 for rate in good[newest])
    assert rows(await ask(client)) == good
    client.sim.fault("older_timestamp", path=UPLINK, by="5m", count=1)
    assert newest not in rows(await ask(client))
    client.sim.advance(5 * MINUTE)
    client.sim.fault("spike", path=UPLINK, amount=10**9, count=1)
    high = rows(await ask(client))
    client.sim.advance(10 * MINUTE)
    later = rows(await ask(client))
    assert later[max(high)] == high[max(high)] > (Decimal(10**9), Decimal(10**9)), (
        "a sample that was stored wrong stays wrong"
    )
    assert later[newest] == good[newest]


async def test_statistics_stand_still(client: Client) -> None:
    active = client.sim.fault("freeze", path="edge-1", for_="30m")
    assert active is not None
    before = rows(await ask(client))
    client.sim.advance(29 * MINUTE)
    assert rows(await ask(client)) == before
    client.sim.advance(MINUTE)
    assert len(rows(await ask(client))) == len(before) + 6


async def test_who_may_not_ask(client: Client) -> None:
    wrong = await ask(client, password="wrong")
    assert (wrong.status, wrong.body["errorCode"], wrong.body["moduleName"]) == (403, 403, "core-services")
    async with client.http.get(client.sim.nsxv_url + RATES) as response:
        assert response.status == 403
        root = parse(await response.text())
        assert (root.tag, root.findtext("errorCode")) == ("error", "403")
    async with client.http.post(client.sim.nsxv_url + RATES, headers={"Authorization": _basic(client)}) as response:
        assert response.status == 405
    assert client.sim.accounts.counts.refused == 1


async def test_errors_have_the_products_shape(client: Client) -> None:
    missing = await ask(client, "/api/4.0/edges/edge-99/statistics/interfaces")
    assert (missing.status, missing.body["errorCode"]) == (404, 202)
    assert "edge-99 could not be found" in missing.body["details"]
    assert (await ask(client, "/api/4.0/edges/edge-1/firewall")).status == 404
    for do, members, status in (
        ("not_found", {}, 404), ("unauthorized", {}, 403), ("error", {"status": 503}, 503), ("throttle", {}, 503),
    ):  # fmt: skip
        client.sim.fault(do, count=1, **members)
        told = await ask(client)
        assert (told.status, set(told.body)) == (status, {"errorCode", "details", "moduleName", "rootCauseString"})
        client.sim.fault(do, count=1, **members)
        assert parse((await ask(client, accept=XML)).text).tag == "error"
    client.sim.fault("unavailable", count=1)
    assert (await ask(client)).text.startswith("<html>")


async def test_answers_end_in_the_middle(client: Client) -> None:
    client.sim.fault("truncated", count=1, manager="nsxv-a")
    half = await ask(client, accept=XML)
    assert half.headers["Content-Type"].startswith(XML)
    with pytest.raises(ElementTree.ParseError):
        parse(half.text)
    client.sim.fault("html", count=1, endpoint="statistics")
    assert (await ask(client, f"{EDGE}/vnics")).body is not None
    assert (await ask(client)).text.startswith("<html>")


async def test_a_list_that_is_short_says_the_whole_number(client: Client) -> None:
    client.sim.fault("short_list", amount=2, count=1, path="/api/4.0/edges")
    page = (await ask(client, "/api/4.0/edges")).body["edgePage"]
    assert (len(page["data"]), page["pagingInfo"]["totalCount"]) == (3, 5)


async def test_the_manager_goes_down_and_comes_back(client: Client) -> None:
    sim = client.sim
    assert sim.nsxv is not None
    sim.fault("manager_down", manager="nsxv-a")
    await until(lambda: sim.nsxv is not None and not sim.nsxv.running)
    assert all(manager.running for manager in sim.managers.values())
    url = sim.nsxv_url
    sim.fault("manager_up", manager="nsxv-a")
    await until(lambda: sim.nsxv is not None and sim.nsxv.running)
    assert sim.nsxv_url == url
    assert (await ask(client)).status == 200


# The director's proxy, the truth, scenarios -------------------------------------------------------------------------


async def test_the_proxy_names_an_edge_by_the_directors_id(client: Client) -> None:
    sim = client.sim
    assert sim.edges is not None
    assert sim.provider.edges is not None
    gateway = sim.provider.edges.edges["edge-1"].gateway
    answer, record = sim.edges.api.proxied(gateway, "statistics/interfaces/uplink", {}, JSON, sim.now())
    direct = await ask(client, RATES + "/uplink")
    assert isinstance(answer.body, bytes)
    assert json.loads(answer.body, parse_float=str) == direct.body
    assert record is not None
    for unknown in ("edge-1", "/edges/edge-1", "0b6f"):
        refused, _ = sim.edges.api.proxied(unknown, "statistics/interfaces", {}, XML, sim.now())
        assert refused.status == 404, "the proxy knows the director's ids alone"


def _sum(parts: list[Both]) -> tuple[int, int]:
    return sum(one.ingress.bytes for one in parts), sum(one.egress.bytes for one in parts)


async def test_billable_bytes_add_up_to_tenants(client: Client) -> None:
    truth: EdgeTruth = client.sim.edge_truth()
    start, end = client.sim.clock.start, client.sim.now()
    parts = [truth.billable(f"/edges/edge-1/vnics/{index}", start, end) for index in (0, 3)]
    assert _sum(parts) == _sum([truth.tenant("acme", start, end)]) > (10**9, 10**8)
    halves = [truth.billable(UPLINK, start, start + HOUR), truth.billable(UPLINK, start + HOUR, end)]
    assert _sum(halves) == _sum([parts[0]])
    row = next(row for row in client.sim.truth_summary(start, end)["points"] if row["path"] == UPLINK)  # type: ignore[attr-defined]  # plain data
    assert row["billable"]["ingress"]["bytes"] == str(parts[0].ingress.bytes)
