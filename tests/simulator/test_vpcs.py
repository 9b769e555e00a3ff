"""VPCs and transit gateways over HTTPS, by release, and the truth of what leaves them and what stays inside."""

from __future__ import annotations

import pytest

from simulator.scenario import ScenarioError, load_scenario, parse_scenario
from simulator.truth import Both, add
from tests.simulator.conftest import Client, Start

pytestmark = pytest.mark.integration

POLICY = "/policy/api/v1"
ACME = "/orgs/default/projects/acme"
WEB, DATA = f"{ACME}/vpcs/web", f"{ACME}/vpcs/data"
LAB = "/orgs/default/projects/hooli/vpcs/lab"
TRANSIT = f"{ACME}/transit-gateways/default"
MINUTE = 60_000


@pytest.fixture
async def client(start: Start) -> Client:
    """A client half an hour after the start."""
    made = await start("vpcs")
    made.sim.advance(30 * MINUTE)
    return made


async def test_vpcs_and_transit_gateways_are_listed(client: Client) -> None:
    rows = (await client.get(f"{POLICY}{ACME}/vpcs")).body["results"]
    assert [(row["id"], row["resource_type"], row["path"]) for row in rows] == [
        ("data", "Vpc", DATA),
        ("web", "Vpc", WEB),
    ]
    assert rows[0]["tags"] == [{"scope": "tenant", "tag": "acme"}]
    assert [row["id"] for row in (await client.get(f"{POLICY}{ACME}/transit-gateways")).body["results"]] == ["default"]
    attached = (await client.get(f"{POLICY}{TRANSIT}/attachments")).body["results"]
    assert [row["connection_path"] for row in attached] == ["/infra/tier-0s/t0-prov"]
    assert (await client.get(f"{POLICY}/orgs/default/projects/hooli/transit-gateways")).body["results"] == []
    assert (await client.get(f"{POLICY}{ACME}/vpcs/none/statistics")).status == 404


@pytest.mark.parametrize(
    ("version", "statuses"),
    [
        ("4.1.0", (404, 404, 404, 404)),
        ("4.1.1", (200, 200, 404, 404)),
        ("4.2.0", (200, 200, 200, 200)),
        ("9.0.1", (200, 200, 200, 200)),
    ],
)
async def test_releases_know_more_and_more(start: Start, version: str, statuses: tuple[int, int, int, int]) -> None:
    listed, summary, split, transit = statuses
    client = await start("vpcs", version=version)
    for path, status in (
        (f"{ACME}/vpcs", listed), (f"{WEB}/statistics/summary", summary), (f"{WEB}/statistics", split),
        (f"{ACME}/transit-gateways", transit), (f"{TRANSIT}/statistics", transit),
        (f"{TRANSIT}/attachments/to-t0-prov/statistics", transit), (f"{TRANSIT}/statistics/summary", 404),
    ):  # fmt: skip
        assert (await client.get(POLICY + path)).status == status, path


@pytest.mark.parametrize(("version", "timed"), [("4.2.1", False), ("9.0.0", False), ("9.1.0", True)])
async def test_transit_gateways_tell_their_time_late(start: Start, version: str, timed: bool) -> None:
    client = await start("vpcs", version=version)
    client.sim.advance(MINUTE)
    body = (await client.get(f"{POLICY}{TRANSIT}/statistics")).body
    parts = [body["external_traffic"], body["internal_traffic"]]
    parts.append((await client.get(f"{POLICY}{TRANSIT}/attachments/to-t0-prov/statistics")).body)
    assert all(("last_update_timestamp" in part) is timed for part in parts)
    vpc = (await client.get(f"{POLICY}{WEB}/statistics")).body
    assert all("last_update_timestamp" in part for part in vpc.values())


async def test_external_and_internal_traffic_grow_by_the_truth(client: Client) -> None:
    sim = client.sim
    first = (await client.get(f"{POLICY}{WEB}/statistics")).body
    sim.advance(20 * MINUTE)
    second = (await client.get(f"{POLICY}{WEB}/statistics")).body
    assert set(second) == {"external_traffic", "internal_traffic"}
    for member, kind in (("external_traffic", "vpc_external"), ("internal_traffic", "vpc_internal")):
        before, after = first[member], second[member]
        assert set(after) == {"last_update_timestamp", "rx", "tx"}
        assert set(after["rx"]) == {"total_bytes", "total_packets", "dropped_packets"}
        start, end = before["last_update_timestamp"], after["last_update_timestamp"]
        grown = sim.truth().growth(WEB, start, end, kind=kind)  # type: ignore[arg-type]  # both are kinds
        for direction, part in (("rx", grown.ingress), ("tx", grown.egress)):
            assert after[direction]["total_bytes"] - before[direction]["total_bytes"] == part.bytes > 0
            assert after[direction]["total_packets"] - before[direction]["total_packets"] == part.packets


async def test_the_older_summary_is_the_sum_of_both_parts(client: Client) -> None:
    body = (await client.get(f"{POLICY}{WEB}/statistics")).body
    summary = (await client.get(f"{POLICY}{WEB}/statistics/summary")).body
    assert set(summary) == {"last_update_timestamp", "rx", "tx"}
    for direction in ("rx", "tx"):
        for name in ("total_bytes", "total_packets", "dropped_packets"):
            parts = [body[member][direction][name] for member in ("external_traffic", "internal_traffic")]
            assert summary[direction][name] == sum(parts)
    assert summary["last_update_timestamp"] == client.sim.device_time()


def _sum(parts: list[Both]) -> Both:
    total = parts[0]
    for part in parts[1:]:
        total = add(total, part)
    return total


async def test_what_leaves_vpcs_passes_the_transit_gateway_and_the_uplinks(client: Client) -> None:
    truth, start, end = client.sim.truth(), client.sim.clock.start, client.sim.device_time()
    outside = _sum([truth.growth(path, start, end, kind="vpc_external") for path in (WEB, DATA)])
    assert truth.growth(TRANSIT, start, end, kind="transit_gateway_external") == outside
    assert truth.growth(f"{TRANSIT}/attachments/to-t0-prov", start, end) == outside
    inside = _sum([truth.growth(path, start, end, kind="vpc_internal") for path in (WEB, DATA)])
    between = truth.growth(TRANSIT, start, end, kind="transit_gateway_internal")
    assert (between.ingress, between.egress) == (inside.egress, inside.ingress), "what a VPC sends, it receives"
    uplinks = _sum([truth.growth(p.path, start, end) for p in truth.points() if p.kind == "tier0_uplink"])
    link = truth.growth("/infra/tier-1s/t1-globex", start, end)
    lab = truth.growth(LAB, start, end, kind="vpc_external")
    assert uplinks == _sum([outside, link, lab])
    assert truth.growth(LAB, start, end, kind="vpc_internal").ingress.bytes == 0


async def test_a_tenant_is_billed_for_the_outside_alone(client: Client) -> None:
    truth, start, end = client.sim.truth(), client.sim.clock.start, client.sim.device_time()
    assert [(point.path, point.kind) for point in truth.billed("acme")] == [
        (DATA, "vpc_external"),
        (WEB, "vpc_external"),
    ]
    outside = _sum([truth.growth(path, start, end, kind="vpc_external") for path in (WEB, DATA)])
    assert truth.tenant("acme", start, end) == outside
    both = truth.growth(WEB, start, end)
    kinds = [truth.growth(WEB, start, end, kind=kind) for kind in ("vpc_external", "vpc_internal")]
    assert both == _sum(kinds)
    rows = client.sim.truth_summary(start, end)["points"]
    told = {row["kind"]: row["total"]["ingress"]["bytes"] for row in rows if row["path"] == WEB}  # type: ignore[attr-defined]  # plain data
    assert told == {"vpc_external": str(kinds[0].ingress.bytes), "vpc_internal": str(kinds[1].ingress.bytes)}


async def test_a_sum_falls_by_the_share_of_one_node(client: Client) -> None:
    before = (await client.get(f"{POLICY}{WEB}/statistics")).body["external_traffic"]["rx"]["total_bytes"]
    client.sim.fault("reset", node="ec-prov/0", refresh=True)
    after = (await client.get(f"{POLICY}{WEB}/statistics")).body["external_traffic"]["rx"]["total_bytes"]
    assert 0 < after < before


async def test_faults_touch_vpcs_like_any_other_point(client: Client) -> None:
    client.sim.fault("drop_fields", fields=["last_update_timestamp", "rx.total_bytes"], path=WEB, count=2)
    body = (await client.get(f"{POLICY}{WEB}/statistics")).body
    assert all("last_update_timestamp" not in part and "total_bytes" not in part["rx"] for part in body.values())
    client.sim.fault("drop_fields", fields=["rx"], path=WEB, count=1)
    assert "rx" not in (await client.get(f"{POLICY}{WEB}/statistics/summary")).body
    client.sim.fault("unavailable", path=f"{ACME}/vpcs", count=1)
    assert (await client.get(f"{POLICY}{ACME}/vpcs")).status == 503
    client.sim.fault("error", status=403, path="*/vpcs*", count=1)
    assert (await client.get(f"{POLICY}{WEB}/statistics")).status == 403


async def test_vpcs_are_deleted_and_made_again(client: Client) -> None:
    sim = client.sim
    with pytest.raises(ValueError, match="has 2 VPCs behind it"):
        sim.fault("delete", path=TRANSIT)
    sim.fault("delete", path="web")
    gone_at = sim.device_time()
    assert (await client.get(f"{POLICY}{WEB}/statistics")).status == 404
    assert {loss.point for loss in sim.truth().losses} == {WEB}
    sim.advance(MINUTE)
    assert sim.truth().growth(WEB, gone_at, sim.device_time()).ingress.bytes == 0
    sim.fault("recreate", path="web")
    sim.advance(MINUTE)
    assert (await client.get(POLICY + WEB)).body["_create_time"] == sim.now() - MINUTE
    assert sim.truth().growth(WEB, gone_at, sim.device_time()).ingress.bytes > 0


def test_names_that_lead_nowhere_are_named() -> None:
    good = load_scenario("vpcs").model_dump(mode="json", include={"clusters", "tier0s"})
    wrong = good | {"vpcs": [{"id": "a", "project": "p", "tier0": "t9", "transit_gateway": "x", "tenant": "who"}]}
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(wrong, "bad.yaml")
    assert str(caught.value).splitlines() == [
        "bad.yaml: vpcs[0].tier0: no Tier-0 't9'; known: t0-prov",
        "bad.yaml: vpcs[0].tenant: no tenant 'who'; known: none",
        "bad.yaml: vpcs[0].transit_gateway: no transit gateway 'p/x'; known: none",
    ]
