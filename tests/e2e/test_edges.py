"""Edges of NSX-V through the whole daemon: every sample of their manager is booked once, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Mapping
from random import Random
from typing import Any, Final

import pytest

from simulator import Scenario, Simulator, load_scenario
from simulator.settings import NSXV_SOURCE
from tests.e2e.committed import waiting
from tests.e2e.conftest import StartDaemon, StartSimulator
from tests.e2e.edges import (
    EDGE_KIND,
    Edges,
    SlotRow,
    not_once,
    of_edges,
    read_edges,
    served_slots,
    true_slots,
    true_sums,
    uplinks,
)
from tests.e2e.harness import Daemon, Place, Settings, daemon_settings
from tests.e2e.hours import HOUR, MINUTE, Hours
from tests.e2e.sinks import Sums, api_sums, differences, ledger_sums, metrics_sums, victoria_sums, window
from tests.e2e.truth import FAR
from tests.e2e.waits import more, polls
from tests.servers import VictoriaServer, promtool_check_metrics

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

SLOT: Final = 5 * MINUTE
DAY: Final = 24 * HOUR

KILLS: Final = 10

REQUESTS_MAX: Final = 7
"""Kills come after fewer statistics requests than these: in the first or the second round over four edges."""

DOUBTS: Final = frozenset({"conflict", "out_of_order", "implausible", "answer_invalid"})
"""Events of samples that were not booked as they are."""


def scenario(**nsxv: Any) -> Scenario:
    """Return the scenario of edges, with another manager."""
    loaded = load_scenario("nsxv")
    assert loaded.nsxv is not None
    return loaded.model_copy(update={"nsxv": loaded.nsxv.model_copy(update=nsxv)})


def edge_settings(place: Place, sim: Simulator, **source: Any) -> Settings:
    """Return settings whose source of edges has these keys."""
    settings = daemon_settings(place, sim, poll={"interval": "1s", "gap_after": "15m"})
    edges = next(one for one in settings["sources"] if one["kind"] == "nsxv")
    edges |= {"requests_per_second": 40} | source
    return settings


async def polled(daemon: Daemon, rounds: int = 1) -> None:
    """Return when every edge was asked again."""
    await daemon.until(more(daemon, polls("ok", NSXV_SOURCE), 4 * rounds), "every edge was asked again")


async def caught_up(daemon: Daemon, sim: Simulator, place: Place) -> Edges:
    """Return what the ledger has once the newest sample of every uplink is booked."""
    newest = (sim.device_time() - MINUTE) // SLOT * SLOT

    async def booked() -> Edges | None:
        edges = await read_edges(place.ledger, sim)
        behind = {one.path for one in edges.uplinks.values() if one.end < newest}
        return edges if {one.path for one in edges.uplinks.values()} == uplinks(sim) and not behind else None

    found: Edges = await daemon.until(booked, f"every uplink is booked until {newest}", 60)
    return found


def same(what: str, expected: Any, got: Any) -> None:
    """Pass when two mappings are equal."""
    told = differences(expected, got)
    assert not told, f"{what} differs from what the manager recorded:\n{told}"


def bytes_of(served: Mapping[SlotRow, Mapping[str, Any]]) -> dict[SlotRow, int]:
    """Return the bytes of rows, without empty ones."""
    return {slot: int(row["bytes"]) for slot, row in served.items() if row["bytes"] != "0"}


async def every_answer_says(truth: Sums, daemon: Daemon, place: Place, begin: int) -> None:
    """Pass when ledger, API and metrics have these sums of edges."""
    assert truth, "expected some traffic"
    same("the ledger", truth, of_edges(await ledger_sums(place.ledger, 0, FAR)))
    for granularity in ("hour", "total"):
        same(f"the API, {granularity}", truth, of_edges(await api_sums(daemon, begin, begin + 2 * DAY, granularity)))
    shown, text = await metrics_sums(daemon)
    same("/metrics", truth, of_edges(shown))
    promtool_check_metrics(text)


async def holes_are_missing(daemon: Daemon, edges: Edges) -> None:
    """Pass when the API says of each uplink how long it was measured, and how long nothing is known."""
    for label, one in edges.uplinks.items():
        asked = window(one.start, one.end) | {"granularity": "total", "by": "point", "kind": EDGE_KIND}
        (row,) = [row for row in await daemon.rows("/api/v1/usage", asked) if row["point"] == label]
        known = sum(sample.sample.interval_ms for sample in one.samples) // 1_000
        expected = (known, (one.end - one.start) // 1_000 - known)
        got = (row["measured_seconds"], row["missing_seconds"])
        assert got == expected, f"{label}: expected {expected} seconds measured and missing, got {got}"


# --- outages of ours -------------------------------------------------------------------------------------------------


async def test_every_sample_is_booked_once_through_four_hours_of_ours(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon, victoria: VictoriaServer
) -> None:
    # Given a daemon that meters edges
    sim = await start_simulator(scenario(notation="exponent"), speed=1)
    hours = Hours(place, sim)
    hours.go(HOUR)
    token = place.secret("victoria-token", "victoria/t0ken")
    destination = {"name": "victoria", "url": victoria.url, "org": "any", "bucket": "any", "token_file": token}
    settings = edge_settings(place, sim) | {"exporters": {"influxdb": [destination]}}
    daemon = await start_daemon(settings, program=hours.program)
    await caught_up(daemon, sim, place)

    # When samples come late and twice, an edge fails over, and the daemon is away for four hours
    sim.fault("late_sample", path="/edges/edge-4/*", endpoint="statistics", label="spoilt")
    sim.fault("repeat_samples", path="/edges/edge-1/*", endpoint="statistics", label="spoilt")
    for _ in range(2):
        hours.go(6 * MINUTE)
        await polled(daemon)
    sim.fault("edge_failover", path="edge-1", by="11m")
    hours.go(13 * MINUTE)
    await polled(daemon)
    await daemon.kill()
    hours.go(4 * HOUR)
    sim.clear("spoilt")
    await daemon.start()
    edges = await caught_up(daemon, sim, place)

    # Then each sample that was recorded is booked once, in its own slot, and everything says so
    wrong = not_once(sim, edges)
    assert not wrong, "samples:\n" + "\n".join(wrong[:20])
    served = await served_slots(daemon, sim.clock.start)
    same("the API per slot", true_slots(sim, edges), bytes_of(served))
    await every_answer_says(true_sums(sim, edges), daemon, place, sim.clock.start)

    async def arrived() -> bool:
        return not await waiting(place.ledger, ("victoria",))

    await daemon.until(arrived, "nothing waits any more", 60)
    sent = await victoria_sums(victoria, sim.clock.start, sim.clock.start + DAY)
    same("VictoriaMetrics", true_sums(sim, edges), of_edges(sent))

    # And the failover alone is missing, and told
    await holes_are_missing(daemon, edges)
    gaps = [(gap.point, gap.tenant) for gap in edges.named("gap")]
    expected = [(f"{NSXV_SOURCE}:/edges/edge-1/vnics/{index}", "acme") for index in (0, 3)]
    assert sorted(gaps) == expected, f"expected {expected}, got {gaps}"
    assert not [one for one in edges.events if one.event in DOUBTS], f"expected no doubt, got {edges.events}"


async def test_every_sample_is_booked_once_whenever_the_daemon_is_killed(
    seed: int, place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    # Given a manager that answers in XML, and spoils some of it
    units: dict[str, Any] = {"asked_unit": "s", "sample_unit": "ms", "meta_unit": "ms"}
    sim = await start_simulator(scenario(namespace="urn:edges", vnic_types=False, **units), speed=1)
    hours = Hours(place, sim)
    hours.go(HOUR)
    settings = edge_settings(place, sim, format="xml")
    daemon = await start_daemon(without_nsxt(settings), program=hours.program)
    await caught_up(daemon, sim, place)
    sim.fault("late_sample", path="/edges/edge-4/*", endpoint="statistics", percent=40, label="spoilt")
    sim.fault("repeat_samples", path="/edges/edge-1/*", endpoint="statistics", percent=40, label="spoilt")
    sim.fault("cut", manager="nsxv-a", endpoint="statistics", percent=10, label="spoilt")

    # When the daemon is killed again and again, some requests after new samples came
    random = Random(f"{seed}/kills")
    for _ in range(KILLS):
        hours.go(random.randrange(3 * MINUTE, 20 * MINUTE))
        await asked(daemon, sim, random.randrange(1, REQUESTS_MAX))
        await daemon.kill()
        daemon.spawn()
    sim.clear("spoilt")
    await daemon.wait_ready()
    edges = await caught_up(daemon, sim, place)

    # Then each sample that was recorded is booked once, and everything says so
    met = sim.stats()["faults"]
    assert {"late_sample", "repeat_samples", "cut"} <= met.keys(), f"seed {seed}: expected all faults, got {met}"
    wrong = not_once(sim, edges)
    assert not wrong, f"seed {seed}: samples:\n" + "\n".join(wrong[:20])
    await every_answer_says(true_sums(sim, edges), daemon, place, sim.clock.start)
    await holes_are_missing(daemon, edges)
    told = [one for one in edges.events if one.event in {*DOUBTS, "gap"}]
    assert not told, f"seed {seed}: expected no doubt, got {told}"


async def asked(daemon: Daemon, sim: Simulator, requests: int) -> None:
    """Return when so many more statistics were asked for, at the manager or through its director."""
    before = sim.stats()["statistics_requests"]

    async def reached() -> bool:
        return bool(sim.stats()["statistics_requests"] >= before + requests)

    await daemon.until(reached, f"{requests} more requests", 60)


def without_nsxt(settings: Settings) -> Settings:
    """Return settings that meter edges alone."""
    sources = [one for one in settings["sources"] if one["kind"] != "nsxt"]
    names = {one["name"] for one in sources}
    tenants = [
        tenant | {"points": [point for point in tenant.get("points", []) if point["source"] in names]}
        for tenant in settings["tenants"]
    ]
    return settings | {"sources": sources, "tenants": tenants}


# --- through a director ----------------------------------------------------------------------------------------------


async def test_edges_through_a_director_are_metered_through_an_outage_that_leaves_coarse_samples(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    # Given a director that says whose an edge is, and passes on what its manager holds: two hours of fine samples
    loaded = load_scenario("vcd-small")
    assert loaded.nsxv is not None
    # Rates of so many decimals stand for whole bytes, so that coarse samples come to what the fine ones did.
    changed = {"keep": 2 * HOUR, "coarse_interval": 30 * MINUTE, "decimals": 15}
    sim = await start_simulator(loaded, speed=1, nsxv=loaded.nsxv.model_copy(update=changed))
    hours = Hours(place, sim)
    hours.go(HOUR)
    daemon = await start_daemon(through_director(place, sim), program=hours.program)
    await caught_up(daemon, sim, place)

    # When the daemon is away for longer than fine samples are held
    hours.go(20 * MINUTE)
    await caught_up(daemon, sim, place)
    await daemon.kill()
    hours.go(4 * HOUR)
    await daemon.start()
    await caught_up(daemon, sim, place)
    hours.go(20 * MINUTE)
    edges = await caught_up(daemon, sim, place)

    # Then every byte is booked once, the organisation's, and everything says so
    assert any(row.sample.interval_ms == 30 * MINUTE for one in edges.uplinks.values() for row in one.samples)
    truth = true_sums(sim, edges)
    assert {who.tenant for who in truth} == {"soylent"}, f"expected the organisation's, got {truth}"
    await every_answer_says(truth, daemon, place, sim.clock.start)
    told = [one for one in edges.events if one.event in {*DOUBTS, "gap"}]
    assert not told, f"expected no doubt, got {told}"
    assert sim.nsxv is not None
    assert not sim.nsxv.statuses, f"expected no request of ours at the manager itself, got {sim.nsxv.statuses}"


def through_director(place: Place, sim: Simulator) -> Settings:
    """Return settings whose only source of figures is asked through a director."""
    settings = edge_settings(place, sim)
    (edges,) = [one for one in settings["sources"] if one["kind"] == "nsxv"]
    director = {
        "kind": "vcd",
        "name": "vcd-sim",
        "urls": [sim.vcd_url],
        "username": sim.vcd_username,
        "password_file": place.secret("vcd-password", sim.vcd_password),
        "tls": edges["tls"],
        "requests_per_second": 40,
    }
    through = {"kind": "nsxv", "name": NSXV_SOURCE, "via_vcd": director["name"]}
    return settings | {"sources": [director, through], "tenants": [{"id": "soylent", "name": "Soylent"}]}
