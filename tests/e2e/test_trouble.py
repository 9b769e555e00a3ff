"""One trouble at a time: what the daemon says meanwhile, and that nothing is lost when it is over."""

from __future__ import annotations

import asyncio
import datetime as dt
import resource
from collections import Counter
from typing import Any

import pytest

from simulator import load_scenario
from tests.e2e.committed import read_state, waiting
from tests.e2e.conftest import StartDaemon, StartSimulator
from tests.e2e.harness import SOURCE, Place, daemon_settings
from tests.e2e.sinks import Sums, differences, influx_sums, ledger_sums, victoria_sums
from tests.e2e.truth import require_truth
from tests.e2e.waits import more, polls, stand_still
from tests.servers import InfluxServer, InfluxV2Proxy, VictoriaServer
from tests.servers.fixtures import INFLUX_TOKEN

pytestmark = [pytest.mark.e2e, pytest.mark.fault]

SLOT_MS = 300_000


# --- managers --------------------------------------------------------------------------------------------------------


async def test_managers_that_are_down_at_the_start_are_found_when_they_come(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    sim = await start_simulator(speed=60)
    settings = daemon_settings(place, sim)
    for manager in sim.managers.values():
        await manager.stop()
    daemon = await start_daemon(settings)
    assert (await daemon.ask("/-/healthy", token=None)).status == 200
    failed = await daemon.metric(f'northmeter_discoveries_total{{source="{SOURCE}",outcome="failed"}}')
    assert (failed or 0) >= 1, f"expected a failed discovery to be counted, got {failed}"
    for manager in sim.managers.values():
        await manager.start()
    await daemon.until(more(daemon, polls("ok"), 30), "polls go on once a manager is there")
    bad, good = daemon.events("source_unavailable"), daemon.events("source_recovered")
    assert (len(bad), len(good)) == (1, 1), f"expected one line for each change, got {bad} {good}"
    await stand_still(daemon, sim)
    await daemon.terminate()
    proof = await require_truth(place.ledger, sim)
    assert proof.exact > 10, f"expected stretches to compare, got {proof}"


async def test_the_second_manager_takes_over_and_the_first_one_gets_the_work_back(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    sim = await start_simulator(speed=60)
    daemon = await start_daemon(daemon_settings(place, sim, {"timeout": "2s"}))
    first, second = (manager.url.partition("//")[2] for manager in sim.managers.values())
    await daemon.until(more(daemon, polls("ok"), 30), "the first manager is polled")

    await next(iter(sim.managers.values())).stop()
    await daemon.until(more(daemon, polls("ok"), 30), "the second manager is polled")
    moved = [(line["left"], line["taken"]) for line in daemon.events("manager_changed")]
    assert moved == [(first, second)], f"expected one move from {first} to {second}, got {moved}"

    await next(iter(sim.managers.values())).start()

    async def back() -> bool:
        return len(daemon.events("manager_changed")) == 2

    await daemon.until(back, "the work goes back to the first manager", 90)
    moved = [(line["left"], line["taken"]) for line in daemon.events("manager_changed")]
    assert moved == [(first, second), (second, first)], f"expected the way back, got {moved}"
    await daemon.until(more(daemon, polls("ok"), 30), "the first manager is polled again")
    await stand_still(daemon, sim)
    await daemon.terminate()
    await require_truth(place.ledger, sim)


async def test_an_expired_session_is_renewed_with_one_log_in(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    sim = await start_simulator(speed=60)
    daemon = await start_daemon(daemon_settings(place, sim))
    await daemon.until(more(daemon, polls("ok"), 30), "polls go on")
    for times in (2, 3):
        sim.fault("expire_sessions")

        async def again(times: int = times) -> bool:
            return bool(sim.accounts.counts.logins >= times)

        await daemon.until(again, f"log-in {times}")
        await daemon.until(more(daemon, polls("ok"), 30), "polls go on with the new session")
    logins = sim.stats()["logins"]
    assert (logins["made"], logins["refused"]) == (3, 0), f"expected three log-ins, got {logins}"
    failed = await daemon.metric(polls("auth_failed"))
    assert not failed, f"expected no failed poll, got {failed}"


async def test_a_wrong_password_is_tried_once_and_never_locks_the_account(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    sim = await start_simulator(speed=60)
    file = place.secret("nsx-mistyped", "mistyped-passw0rd")
    daemon = await start_daemon(daemon_settings(place, sim, {"password_file": file}))
    failed = f'northmeter_discoveries_total{{source="{SOURCE}",outcome="failed"}}'
    await daemon.until(more(daemon, failed, 3), "discovery is tried again and again", 60)
    logins = sim.stats()["logins"]
    assert logins == {"made": 0, "refused": 1, "lockouts": 0, "while_locked": 0}, f"expected one try, got {logins}"
    said = daemon.events("login_refused")
    assert [line["level"] for line in said] == ["error"], f"expected one error, got {said}"
    bad = daemon.events("source_unavailable")
    assert len(bad) == 1, f"expected one line, got {bad}"
    assert "mistyped-passw0rd" not in daemon.log_path.read_text(), "expected no password in the log"

    # When the password is mended and the settings are read again, then the meter runs
    place.secret("nsx-mistyped", sim.password)
    answer = await daemon.ask("/-/reload", method="POST")
    assert answer.status == 200, f"expected 200, got {answer}"
    await daemon.until(more(daemon, polls("ok"), 30), "polls go on")
    logins = sim.stats()["logins"]
    assert (logins["made"], logins["refused"]) == (1, 1), f"expected one more log-in, got {logins}"


async def test_an_object_that_hangs_delays_no_other(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    sim = await start_simulator(speed=60)
    daemon = await start_daemon(daemon_settings(place, sim, {"timeout": "30s", "concurrency": 8}))
    await daemon.until(more(daemon, polls("ok"), 30), "polls go on")
    sim.fault("hang", path="t1-globex", endpoint="statistics")
    before = sim.truth().served_total

    def read() -> Counter[str]:
        # A reading is renewed six times a second, so every poll has one of its own.
        return Counter(row.path for row in sim.truth().served if row.seq > before)

    others = {point.path for point in sim.truth().points() if point.kind != "loopback"}
    others -= {path for path in others if "t1-globex" in path}
    (pace,) = (path for path in others if path.endswith("interfaces/up1-1") and "t0-prov" in path)

    async def eight() -> bool:
        return read()[pace] >= 8

    await daemon.until(eight, "the others are polled on")
    seen = read()
    late = {path: seen[path] for path in others if seen[path] < 7}
    assert not late, f"expected seven or more readings of each other point, got {late} of {seen}"


async def test_a_manager_whose_clock_is_ten_minutes_off_is_metered_by_its_own_time(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    scenario = load_scenario("small")
    offset = 600_000
    now = dt.datetime.now(dt.UTC)
    clock = scenario.clock.model_copy(update={"start": now, "manager_offset": offset, "device_offset": offset})
    sim = await start_simulator(scenario.model_copy(update={"clock": clock}), speed=1, cache=1_000)
    daemon = await start_daemon(daemon_settings(place, sim))
    await daemon.until(more(daemon, polls("ok"), 60), "polls go on")
    # A gateway that is made now is new by the manager's clock, so its first value is all its own.
    sim.fault("add_interface", path="t1-globex", interface={"id": "csp-late", "rate": "8Mbit/s"})

    async def late() -> bool:
        state = await read_state(place.ledger)
        return any(point.key.path.endswith("csp-late") for point in state.points)

    await daemon.until(late, "the new interface is found")
    await daemon.until(more(daemon, polls("ok"), 60), "the new interface is polled")
    await stand_still(daemon, sim)
    await daemon.terminate()
    proof = await require_truth(place.ledger, sim)
    ahead = {slot.start for slot in proof.rows}
    expected = (int(now.timestamp() * 1_000) + offset) // SLOT_MS * SLOT_MS
    assert min(ahead) == expected, f"expected usage from the manager's {expected} on, got {sorted(ahead)}"


async def test_an_interval_that_the_budget_cannot_meet_is_said_and_stretched_evenly(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    sim = await start_simulator(speed=60)
    daemon = await start_daemon(
        daemon_settings(place, sim, {"requests_per_second": 3, "concurrency": 2}, discovery={"interval": "1h"})
    )

    async def said() -> bool:
        return bool(daemon.events("poll_plan"))

    await daemon.until(said, "the plan is said", 60)
    (line,) = daemon.events("poll_plan")
    assert line["level"] == "warning", f"expected a warning, got {line}"
    assert "cannot be met within 3 requests/s" in line["plan"], f"expected which interval can, got {line}"
    assert "s can." in line["plan"], f"expected which interval can, got {line}"

    def read() -> Counter[tuple[str, str]]:
        return Counter((row.path, row.node) for row in sim.truth().served)

    async def four() -> bool:
        return max(read().values(), default=0) >= 5

    await daemon.until(four, "some point was polled five times", 90)
    counts = read()
    assert max(counts.values()) - min(counts.values()) <= 2, f"expected every point as often, got {counts}"
    load = sim.stats()["load"]["total"]
    assert load["per_sliding_second_max"] <= 3, f"expected at most 3 requests in any second, got {load}"
    assert load["in_flight_max"] <= 2, f"expected at most 2 at once, got {load}"


# --- the disk --------------------------------------------------------------------------------------------------------


async def test_a_full_disk_is_said_and_loses_nothing(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    sim = await start_simulator(speed=60)
    daemon = await start_daemon(daemon_settings(place, sim))
    await daemon.until(more(daemon, polls("ok"), 60), "polls go on")

    # Given a disk that takes nothing more: no file of the process may grow
    log = place.ledger.with_name("ledger.db-wal")
    unlimited = resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE)
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, (log.stat().st_size, unlimited[1]))

    # When the next readings come, then the daemon says what is wrong, and stays up
    async def unready() -> Any:
        answer = await daemon.ask("/-/ready", token=None)
        return answer if answer.status == 503 else None

    answer = await daemon.until(unready, "the daemon is not ready")
    assert "ledger" in answer.json["faults"], f"expected the ledger as the reason, got {answer.text}"
    assert (await daemon.ask("/-/healthy", token=None)).status == 200
    assert await daemon.metric("northmeter_ledger_writable") == 0
    dropped = [n for n in await daemon.metrics() if n.startswith("northmeter_samples_dropped_total{")]
    await daemon.until(more(daemon, dropped[0]), "dropped readings are counted")
    usage = await daemon.ask("/api/v1/usage", {"start": "2026-10-01T00:00:00Z", "end": "2026-10-02T00:00:00Z"})
    assert usage.status == 200, f"expected usage to be served on, got {usage}"

    # When there is room again, then everything goes on, and not a byte is lost
    resource.prlimit(daemon.pid, resource.RLIMIT_FSIZE, unlimited)
    await daemon.wait_ready()
    assert await daemon.metric("northmeter_ledger_writable") == 1
    await daemon.until(more(daemon, polls("ok"), 60), "polls go on")
    await stand_still(daemon, sim)
    await daemon.terminate()
    proof = await require_truth(place.ledger, sim)
    assert proof.exact > 50, f"expected stretches to compare, got {proof}"
    assert proof.restarts + proof.hidden == 0, f"expected no restart, got {proof}"


# --- destinations ----------------------------------------------------------------------------------------------------


async def test_destinations_that_were_away_get_everything(  # noqa: PLR0917 - servers are arguments of a test
    place: Place,
    start_simulator: StartSimulator,
    start_daemon: StartDaemon,
    influx: InfluxServer,
    influx_v2: InfluxV2Proxy,
    victoria: VictoriaServer,
) -> None:
    await influx.create_database("usage")
    sim = await start_simulator(speed=600)
    token = place.secret("influx-token", INFLUX_TOKEN)
    common = {"org": "provider", "bucket": "usage", "token_file": token}
    settings = daemon_settings(
        place,
        sim,
        exporters={
            "influxdb": [
                {"name": "influx", "url": influx_v2.url, **common},
                {"name": "victoria", "url": victoria.url, **common},
            ]
        },
    )
    daemon = await start_daemon(settings)
    begin = sim.clock.start

    async def has_some() -> bool:
        return bool(await influx_sums(influx, "usage", begin, begin + 10**9))

    await daemon.until(has_some, "InfluxDB has usage")

    # Given destinations that are away, when slots become complete, then they wait and the lag shows it
    await asyncio.to_thread(influx.stop)
    await asyncio.to_thread(victoria.stop)

    async def backlog() -> bool:
        lags = [await daemon.metric(f'northmeter_export_lag_seconds{{exporter="{n}"}}') for n in ("influx", "victoria")]
        return await waiting(place.ledger, ("influx", "victoria")) >= 100 and all(lags)

    await daemon.until(backlog, "publications wait", 60)
    assert (await daemon.ask("/-/ready", token=None)).status == 200, "expected a ready daemon without its destinations"

    # When they come back, one of them with another token at first, then everything arrives
    influx_v2.token = "another-token"
    await asyncio.to_thread(influx.start)
    await asyncio.to_thread(victoria.start)

    async def refused() -> bool:
        return any("401" in str(line) for line in daemon.log())

    await daemon.until(refused, "the refused token is said", 60)
    influx_v2.token = INFLUX_TOKEN
    end = sim.device_time() // SLOT_MS * SLOT_MS

    async def complete() -> bool:
        state = await read_state(place.ledger)
        return all(point.complete_until >= end for point in state.points if point.complete_until)

    await daemon.until(complete, "the slots are complete", 60)
    sim.clock.set_speed(0)

    async def arrived() -> bool:
        return not await waiting(place.ledger, ("influx", "victoria"))

    await daemon.until(arrived, "nothing waits any more", 100)
    expected = await ledger_sums(place.ledger, begin, end)

    def same(sink: str, got: Sums) -> None:
        told = differences(expected, got)
        assert not told, f"{sink} differs from the ledger:\n{told}"

    same("InfluxDB", await influx_sums(influx, "usage", begin, end))
    same("VictoriaMetrics", await victoria_sums(victoria, begin, end))
    parked = await daemon.metric('northmeter_export_parked_lines{exporter="influx"}')
    assert not parked, f"expected no parked line, got {parked}"
    await daemon.terminate()
    await require_truth(place.ledger, sim)
