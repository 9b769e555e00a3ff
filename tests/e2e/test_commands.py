"""The commands as a user runs them: what they print, and their exit codes."""

from __future__ import annotations

import json
import socket
from typing import Any

import jsonschema
import pytest
import yaml

from collector import __version__
from tests.e2e.conftest import StartDaemon, StartSimulator
from tests.e2e.harness import SOURCE, Done, Place, daemon_settings
from tests.e2e.sinks import api_sums, command_sums, differences
from tests.e2e.waits import booked, more, polls, stand_still

pytestmark = pytest.mark.e2e

DAY_MS = 86_400_000


def expect(done: Done, code: int, *words: str) -> None:
    """Pass when a command ended with this code and printed these words."""
    said = f"exit {done.code}\n--- out\n{done.out}\n--- err\n{done.err}"
    assert done.code == code, f"expected exit {code}, got {said}"
    for word in words:
        assert word in done.out + done.err, f"expected {word!r}, got {said}"
    assert "Traceback" not in done.err, f"expected no traceback, got {said}"


# --- check -----------------------------------------------------------------------------------------------------------


async def test_check_says_that_a_good_file_has_no_faults(place: Place, start_simulator: StartSimulator) -> None:
    sim = await start_simulator()
    place.write(daemon_settings(place, sim))
    expect(await place.command("check"), 0, "no faults", "1 source", "2 tenants")


async def test_check_lists_every_fault_at_once_and_shows_no_secret(
    place: Place, start_simulator: StartSimulator
) -> None:
    sim = await start_simulator()
    settings = daemon_settings(place, sim, {"password_file": None, "password": "pass-w0rd/seen", "concurrency": 400})
    settings["tenants"][1]["timezone"] = "Mars/Olympus"
    settings["intervall"] = "60s"
    place.write(settings)
    done = await place.command("check")
    expect(done, 2, "sources[0].concurrency", "400", "tenants[1].timezone", "intervall")
    assert done.out == "", f"expected the faults on standard error only, got {done.out}"
    assert "pass-w0rd" not in done.err, f"expected no secret, got {done.err}"


async def test_check_online_is_content_with_a_good_provider(place: Place, start_simulator: StartSimulator) -> None:
    sim = await start_simulator()
    place.write(daemon_settings(place, sim))
    expect(await place.command("check", "--online"), 0, SOURCE, "fits into")


@pytest.mark.parametrize(
    ("source", "points", "words"),
    [
        ({}, {"kind": "tier1_downlink", "tier1": "t1-acme"}, "the same bytes twice"),
        ({}, {"kind": "tier1_downlink", "tier1": "t1-nowhere"}, "tenants[1].points[2]: no such point"),
        ({"requests_per_second": 1}, None, "cannot be met within 1 requests/s"),
    ],
    ids=["overlap", "unmatched", "interval"],
)
async def test_check_online_finds_what_only_the_inventory_shows(
    place: Place, start_simulator: StartSimulator, source: dict[str, Any], points: dict[str, str] | None, words: str
) -> None:
    sim = await start_simulator()
    settings = daemon_settings(place, sim, source)
    if points is not None:
        settings["tenants"][1]["points"].append({"source": SOURCE, **points})
    place.write(settings)
    expect(await place.command("check", "--online"), 1, "FAIL", words)


async def test_check_online_and_discover_say_that_a_source_is_out_of_reach(
    place: Place, start_simulator: StartSimulator
) -> None:
    sim = await start_simulator()
    place.write(daemon_settings(place, sim))
    await sim.stop()
    expect(await place.command("check", "--online"), 3, "no connection")
    expect(await place.command("discover"), 3, "no connection")


async def test_check_online_says_that_a_password_is_wrong(place: Place, start_simulator: StartSimulator) -> None:
    sim = await start_simulator()
    place.write(daemon_settings(place, sim, {"password_file": place.secret("wrong-password", "no-such-passw0rd")}))
    done = await place.command("check", "--online")
    expect(done, 3, "credentials")
    refused = sim.stats()["logins"]["refused"]
    assert refused == 1, f"expected one log-in, since accounts lock; got {refused}"
    assert "no-such-passw0rd" not in done.out + done.err, f"expected no secret, got {done}"


# --- discover and usage ----------------------------------------------------------------------------------------------


async def test_discover_shows_every_point_its_tenant_and_why(place: Place, start_simulator: StartSimulator) -> None:
    sim = await start_simulator()
    place.write(daemon_settings(place, sim))
    expect(await place.command("discover"), 0, "t1-globex", "csp-colo", "settings: tenants[1].points[0]", "calls")
    done = await place.command("discover", "--format", "json")
    expect(done, 0)
    (source,) = json.loads(done.out)["sources"]
    shown = {(row["kind"], row["point"].partition(":")[2]): row for row in source["points"]}
    expected = {(point.kind, point.path) for point in sim.truth().points() if point.kind != "loopback"}
    assert shown.keys() == expected, f"expected {sorted(expected)}, got {sorted(shown)}"
    owned = {row["tenant"] for row in shown.values() if row["role"] == "billed"}
    assert owned == {"acme", "globex"}, f"expected every billed point to have a tenant, got {owned}"
    assert source["complete"], f"expected a complete inventory, got {source['faults']}"


async def test_discover_tells_the_history_of_a_point_beside_a_running_daemon(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    sim = await start_simulator(speed=60)
    place.write(daemon_settings(place, sim))
    expect(await place.command("discover", "--history", "/infra/tier-1s/t1-globex"), 3, str(place.ledger))
    daemon = await start_daemon(daemon_settings(place, sim))
    await daemon.until(booked(daemon), "bytes are booked")
    done = await place.command("discover", "--history", "/infra/tier-1s/t1-globex", "--format", "json")
    expect(done, 0)
    story = json.loads(done.out)
    assert story["point"] == f"{SOURCE}:/infra/tier-1s/t1-globex", f"expected the label, got {story}"
    (owner,) = story["kinds"][0]["owners"]
    assert (owner["tenant"], owner["from"], owner["to"]) == ("globex", None, None), f"expected globex, got {owner}"
    expect(await place.command("discover", "--history", "t1-globix"), 1, "the ledger knows no such point", "t1-globex")
    expect(await place.command("discover", "--history", "t1-globex", "--balance"), 2, "--balance")
    done = await place.command("discover", "--balance", "--format", "json")
    expect(done, 0)
    found = {one["gateway_name"] for one in json.loads(done.out)["balances"]}
    assert found == {"t0-acme", "t0-prov"}, f"expected both Tier-0s, got {done.out}"


async def test_usage_prints_what_the_api_serves(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    sim = await start_simulator(speed=600)
    daemon = await start_daemon(daemon_settings(place, sim))
    await daemon.until(booked(daemon), "bytes are booked")
    await stand_still(daemon, sim)
    window = (sim.clock.start, sim.clock.start + DAY_MS)
    served = await api_sums(daemon, *window, "slot")
    assert len(served) >= 4, f"expected usage of two tenants in two directions, got {served}"
    for form in ("csv", "json"):
        for granularity in ("slot", "total"):
            told = differences(served, await command_sums(place, *window, form, granularity))
            assert not told, f"usage --format {form} --granularity {granularity} differs from the API:\n{told}"
    table = await place.command("usage", "--start", "2026-10-01T00:00:00Z", "--end", "2026-10-02T00:00:00Z")
    expect(table, 0, *(f"{row.bytes:,}".replace(",", " ") for row in served.values()))


# --- what keeps the daemon from starting -----------------------------------------------------------------------------


async def test_a_ledger_in_use_names_its_holder(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    sim = await start_simulator()
    daemon = await start_daemon(daemon_settings(place, sim))
    other = daemon.settings | {"http": {"listen": "127.0.0.1:0"}}
    place.write(other)
    expect(
        await place.command("run"), 3, f"process id {daemon.pid}", f"host {socket.gethostname()}", "since 2", "stop it"
    )


async def test_a_port_in_use_is_said(place: Place, start_simulator: StartSimulator) -> None:
    sim = await start_simulator()
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        place.write(daemon_settings(place, sim, http={"listen": f"127.0.0.1:{port}"}))
        expect(await place.command("run"), 3, f"127.0.0.1:{port}")
    assert not (place.folder / "state" / "ledger.db-wal").exists(), "expected the ledger to be closed"


@pytest.mark.parametrize("content", [b"", b"this is no database, and someone's file\n" * 400], ids=["empty", "foreign"])
async def test_an_unreadable_ledger_is_refused_and_left_alone(
    place: Place, start_simulator: StartSimulator, content: bytes
) -> None:
    sim = await start_simulator()
    place.write(daemon_settings(place, sim))
    place.ledger.write_bytes(content)
    expect(await place.command("run"), 3, str(place.ledger), "backup")
    expect(await place.command("usage"), 3, str(place.ledger))
    assert place.ledger.read_bytes() == content, "expected the file as it was"


async def test_wrong_settings_and_arguments_are_refused(place: Place) -> None:
    place.write({"sources": []})
    expect(await place.command("run"), 2, "sources")
    expect(await place.command("run", "-c", str(place.folder / "nowhere.yaml"), settings=False), 2, "nowhere.yaml")
    expect(await place.command("meter", settings=False), 2, "meter")


# --- signals and reload ----------------------------------------------------------------------------------------------


async def test_sigterm_leaves_at_once_while_the_manager_hangs(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    sim = await start_simulator(speed=60)
    daemon = await start_daemon(daemon_settings(place, sim, {"timeout": "60s"}))
    await daemon.until(booked(daemon), "bytes are booked")
    sim.fault("hang")

    async def hangs() -> bool:
        return bool(sim.limits.total.in_flight >= 3)

    await daemon.until(hangs, "polls hang")
    code, seconds = await daemon.terminate()
    assert code == 0, f"expected exit 0, got {code}:\n{daemon.log_tail()}"
    assert seconds < 5, f"expected an end within 5 s, took {seconds:.1f} s"
    assert daemon.events("stopped"), f"expected the word stopped in the log, got:\n{daemon.log_tail()}"


async def test_reload_puts_a_good_file_in_force_and_refuses_a_bad_one_whole(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    sim = await start_simulator(speed=60)
    daemon = await start_daemon(daemon_settings(place, sim, {"requests_per_second": 8}))

    async def tenants() -> set[str]:
        return {row["id"] for row in await daemon.rows("/api/v1/tenants", {})}

    # Given a file with one tenant more, when SIGHUP comes, then it is in force
    daemon.settings["tenants"].append({"id": "initech", "name": "Initech"})
    place.write(daemon.settings)
    daemon.send(1)

    async def has_three() -> bool:
        return "initech" in await tenants()

    await daemon.until(has_three, "the new tenant is known")

    # Given a file with a fault and a good change, when SIGHUP comes, then nothing of it is in force
    bad = yaml.safe_load(place.settings_file.read_text())
    bad["tenants"].append({"id": "hooli", "name": "Hooli"})
    bad["poll"]["interval"] = "soon"
    place.write(bad)
    daemon.send(1)

    async def refused() -> bool:
        return bool(daemon.events("reload_refused"))

    await daemon.until(refused, "the bad file is refused")
    assert "hooli" not in await tenants(), "expected the old settings to stay in force"
    failed = await daemon.metric("northmeter_config_last_reload_successful")
    assert failed == 0, f"expected northmeter_config_last_reload_successful 0, got {failed}"

    # When the same is asked over HTTP, then the answer names the fault, and nobody without a token may ask
    answer = await daemon.ask("/-/reload", method="POST")
    assert (answer.status, "poll.interval" in answer.text) == (400, True), f"expected 400 and the fault, got {answer}"
    answer = await daemon.ask("/-/reload", method="POST", token=None)
    assert answer.status == 401, f"expected 401 without a token, got {answer}"
    place.write(daemon.settings)
    answer = await daemon.ask("/-/reload", method="POST")
    assert answer.status == 200, f"expected 200 for a good file, got {answer}"

    # Then it meters on, and no second had more requests than before and after a reload are allowed
    await daemon.until(more(daemon, polls("ok"), 10), "polls go on after a reload")
    load = sim.stats()["load"]["total"]
    assert load["per_sliding_second_max"] <= 8, f"expected at most 8 requests in any second, got {load}"


# --- words -----------------------------------------------------------------------------------------------------------


async def test_version_and_schema(place: Place, start_simulator: StartSimulator) -> None:
    expect(await place.command("--version", settings=False), 0, f"northmeter {__version__}")
    done = await place.command("schema", settings=False)
    expect(done, 0)
    schema = json.loads(done.out)
    sim = await start_simulator()
    jsonschema.validate(daemon_settings(place, sim), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(daemon_settings(place, sim, poll={"intervall": "60s"}), schema)
