"""A day of misbehaviour, thirty kills, and every sink equal to the truth."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from random import Random
from typing import Final

import pytest

from simulator import Scenario, Simulator, load_scenario
from tests.e2e.committed import read_state, waiting
from tests.e2e.conftest import StartDaemon, StartSimulator
from tests.e2e.harness import Daemon, Place, daemon_settings
from tests.e2e.judging import SlotOf, totals
from tests.e2e.secrecy import Sessions, leaks
from tests.e2e.sinks import (
    Sum,
    Sums,
    api_sums,
    as_doubles,
    command_sums,
    differences,
    influx_sums,
    ledger_sums,
    metrics_sums,
    prometheus_sums,
    victoria_sums,
)
from tests.e2e.truth import require_truth
from tests.servers import InfluxServer, InfluxV2Proxy, VictoriaServer, promtool_check_metrics, until
from tests.servers.fixtures import INFLUX_TOKEN, StartPrometheus
from tests.servers.prometheus import PrometheusServer

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(420)]

SPEED: Final = 640
"""Simulated seconds in a real one: a day in 135 seconds."""

DAY_MS: Final = 86_400_000
SLOT_MS: Final = 300_000

KILLS: Final = 30

LONGER: Final = 4
"""Effects last so many times as long as the scenario says: at this speed a cycle spans eleven simulated minutes, and
most would begin and end between two readings."""

HIDDEN_MAX: Final = 10
"""Restarts of counters that had hardly begun, such as those of standby nodes after an earlier restart."""

REQUESTS_PER_SECOND: Final = 80
CONCURRENCY: Final = 24

CALLS_MAX: Final = 4
"""No metering point of the day costs more calls a cycle."""

VICTORIA_TOKEN: Final = "victoria/t0ken+of-the-test="


def day() -> Scenario:
    """Return the day of misbehaviour with effects that last long enough to be met."""
    scenario = load_scenario("day")
    events = [
        event if event.for_ is None else event.model_copy(update={"for_": event.for_ * LONGER})
        for event in scenario.events
    ]
    return scenario.model_copy(update={"events": events})


async def test_a_day_of_misbehaviour_and_thirty_kills(  # noqa: PLR0917 - servers are arguments of a test
    seed: int,
    place: Place,
    start_simulator: StartSimulator,
    start_daemon: StartDaemon,
    start_prometheus: StartPrometheus,
    influx: InfluxServer,
    influx_v2: InfluxV2Proxy,
    victoria: VictoriaServer,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # Given a provider, its daemon, and every sink
    await influx.create_database("usage")
    sim = await start_simulator(day(), speed=0)
    sessions = Sessions(sim, monkeypatch)
    token = place.secret("influx-token", INFLUX_TOKEN)
    other = place.secret("victoria-token", VICTORIA_TOKEN)
    settings = daemon_settings(
        place,
        sim,
        {
            "requests_per_second": REQUESTS_PER_SECOND,
            "concurrency": CONCURRENCY,
            "timeout": "2s",
            # An inventory has to fit between two kills; tunnels and VPCs have tests of their own.
            "vpn": False,
            "vpcs": False,
        },
        discovery={"interval": "3s"},
        exporters={
            "influxdb": [
                {"name": "influx", "url": influx_v2.url, "org": "provider", "bucket": "usage", "token_file": token},
                {"name": "victoria", "url": victoria.url, "org": "any", "bucket": "any", "token_file": other},
            ]
        },
    )
    daemon = await start_daemon(settings)
    prometheus = await asyncio.to_thread(
        start_prometheus,
        [{"job_name": "northmeter", "static_configs": [{"targets": [f"127.0.0.1:{daemon.port}"]}]}],
        scrape_interval="1s",
    )

    # When a day passes in which everything goes wrong, and the daemon is killed again and again
    sim.clock.set_speed(SPEED)
    await _kill_again_and_again(daemon, sim, Random(f"{seed}/kills"), seed)
    sim.clear()
    end = await _settle(daemon, sim, place)

    # Then the samples are what was served, and the usage is what they prove
    rows = await _true_rows(place, sim, seed)
    truth = totals(rows)
    complete = totals({slot: row for slot, row in rows.items() if slot.start < end})

    # And every sink says the same
    begin = sim.clock.start // DAY_MS * DAY_MS - DAY_MS
    far = end // DAY_MS * DAY_MS + 2 * DAY_MS
    await _every_sink_says(truth, complete, (begin, end, far), daemon, place, prometheus, influx, victoria, seed)

    # And the budget was kept in every second of the day
    load = sim.stats()["load"]["total"]
    for window in ("per_sliding_second_max", "per_calendar_second_max"):
        assert load[window] <= REQUESTS_PER_SECOND, (
            f"seed {seed}: {window}: expected at most {REQUESTS_PER_SECOND}, got {load}"
        )
    assert load["in_flight_max"] <= CONCURRENCY, f"seed {seed}: expected at most {CONCURRENCY} at once, got {load}"

    # And no secret is anywhere but in its own file
    code, seconds = await daemon.terminate()
    assert (code, seconds < 5) == (0, True), f"seed {seed}: expected exit 0 within 5 s, got {code} in {seconds:.1f} s"
    strange = [line for line in daemon.other_lines() if line]
    assert not strange, f"seed {seed}: expected log lines only, got warnings or tracebacks:\n" + "\n".join(strange[:20])
    broken = [line for line in daemon.log(all_runs=True) if "exception" in line]
    assert not broken, f"seed {seed}: expected no defect in the log, got {broken[:3]}"
    found = leaks(place, sessions.words)
    assert not found, f"seed {seed}: secrets in sight:\n" + "\n".join(found)


# --- the day ---------------------------------------------------------------------------------------------------------


async def _kill_again_and_again(daemon: Daemon, sim: Simulator, random: Random, seed: int) -> None:
    """Kill the daemon at random moments of the day, in whatever it is about, and start it again at once."""
    start = sim.clock.start
    moments = sorted(start + random.randrange(DAY_MS * 2 // 100, DAY_MS * 98 // 100) for _ in range(KILLS))
    print(f"seed {seed}: kills at {[(moment - start) // 1_000 for moment in moments]} simulated seconds")  # noqa: T201
    for moment in moments:
        await _simulated(sim, moment, daemon)
        await daemon.kill()
        daemon.spawn()
    await _simulated(sim, start + DAY_MS, daemon)


async def _simulated(sim: Simulator, moment: int, daemon: Daemon) -> None:
    async def reached() -> bool:
        assert daemon.ended is None, f"the daemon ended with {daemon.ended}:\n{daemon.log_tail()}"
        return sim.now() >= moment

    await until(reached, f"simulated instant {moment}", DAY_MS / 1_000 / SPEED + 60)


async def _settle(daemon: Daemon, sim: Simulator, place: Place) -> int:
    """Let every slot of the day become complete, then let time stand still until nothing changes any more.

    Return the end of the day: every slot that ends by then is complete and was sent to every destination.
    """
    await daemon.wait_ready()
    end = sim.device_time() // SLOT_MS * SLOT_MS

    async def complete() -> bool:
        state = await read_state(place.ledger)
        return all(point.complete_until >= end for point in state.points if point.complete_until)

    await daemon.until(complete, "every slot of the day is complete", 90)
    sim.clock.set_speed(0)
    await daemon.until(_quiet(daemon, place), "usage stands still and every destination has everything", 120)
    return end


def _quiet(daemon: Daemon, place: Place) -> Callable[[], Awaitable[bool]]:
    """Return what tells whether two cycles have passed in which nothing was booked and nothing waits to be sent."""
    seen: dict[str, object] = {}

    async def look() -> bool:
        series = await daemon.metrics()
        # Answers alone: one that failed proves nothing, and there is nothing to ask for before the first inventory.
        polls = sum(
            value
            for name, value in series.items()
            if name.startswith("northmeter_polls_total{") and 'outcome="ok"' in name
        )
        points = sum(value for name, value in series.items() if name.startswith("northmeter_points{"))
        usage = {name: value for name, value in series.items() if name.startswith("northmeter_tenant_")}
        if usage != seen.get("usage"):
            seen.update(usage=usage, polls=polls)
        waits = await waiting(place.ledger, ("influx", "victoria"))
        return points > 0 and polls - float(str(seen["polls"])) > CALLS_MAX * 2 * points and not waits

    return look


# --- the judges ------------------------------------------------------------------------------------------------------


async def _true_rows(place: Place, sim: Simulator, seed: int) -> dict[SlotOf, Sum]:
    """Return what every slot must have, once the committed samples were found true."""
    try:
        proof = await require_truth(place.ledger, sim)
    except AssertionError as error:
        raise AssertionError(f"seed {seed}: {error}") from error
    print(f"seed {seed}: {proof.words()}; faults that were met: {sim.stats()['faults']}")  # noqa: T201
    assert proof.exact > 1_000, f"seed {seed}: expected more than 1000 stretches to compare, got {proof.words()}"
    assert proof.restarts > 10, f"seed {seed}: expected more than 10 restarts, got {proof.words()}"
    assert proof.hidden <= HIDDEN_MAX, f"seed {seed}: expected few restarts that nothing shows, got {proof.words()}"
    return proof.rows


async def _every_sink_says(  # noqa: PLR0917 - each sink is one argument
    truth: Sums,
    complete: Sums,
    window: tuple[int, int, int],
    daemon: Daemon,
    place: Place,
    prometheus: PrometheusServer,
    influx: InfluxServer,
    victoria: VictoriaServer,
    seed: int,
) -> None:
    begin, end, far = window

    def same(sink: str, expected: Sums, got: Sums) -> None:
        told = differences(expected, got)
        assert not told, f"seed {seed}: {sink} differs from the truth:\n{told}"

    same("the ledger", truth, await ledger_sums(place.ledger, begin, far))
    for granularity in ("slot", "hour", "day", "month", "total"):
        for form in ("json", "csv"):
            same(f"the API, {granularity}, {form}", truth, await api_sums(daemon, begin, far, granularity, form))
    same("the command usage, csv", truth, await command_sums(place, begin, far, "csv", "hour"))
    same("the command usage, json", truth, await command_sums(place, begin, far, "json"))
    shown, text = await metrics_sums(daemon)
    same("/metrics", truth, shown)
    promtool_check_metrics(text)
    same("InfluxDB", complete, await influx_sums(influx, "usage", begin, end))
    same("VictoriaMetrics", complete, await victoria_sums(victoria, begin, end))

    async def scraped() -> bool:
        return await prometheus_sums(prometheus) == as_doubles(truth)

    await until(scraped, f"seed {seed}: Prometheus has {as_doubles(truth)}", 30)
