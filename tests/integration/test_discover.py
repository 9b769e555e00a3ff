"""What ``discover``, ``discover --balance`` and ``check`` say of a simulated provider behind a Cloud Director."""

from __future__ import annotations

import io
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from rich.console import Console

from collector.clock import SystemClock
from collector.commands.balance import balance
from collector.commands.check import check_online, say_offline
from collector.commands.discover import discover
from config.loader import Loaded, load
from simulator import Simulator, parse_scenario, settings_for
from tests.integration.sources.rig import SOURCE, started
from tests.integration.test_balances import BOUND_PPM, SCENARIO, Metered

pytestmark = pytest.mark.integration

MINUTE = 60_000
Command = Callable[[Console, Console], Awaitable[int]]


def loaded(folder: Path, sim: Simulator, **settings: Any) -> Loaded:
    """Write the settings of a simulated provider into a folder and read them."""
    file = folder / "northmeter.yaml"
    made = settings_for(sim, source=SOURCE, points=False, ledger={"url": "sqlite:///ledger.db"}) | settings
    file.write_text(yaml.safe_dump(made), encoding="utf-8")
    return load(file, {})


async def said(command: Command, width: int = 200) -> tuple[int, str, str]:
    """Return the exit code of a command and what it printed on both outputs."""
    out, errors = (Console(file=io.StringIO(), width=width) for _ in range(2))
    code = await command(out, errors)
    shown, told = (str(one.file.getvalue()) for one in (out, errors))  # type: ignore[attr-defined]  # they write into text
    return code, shown, told


async def as_json(settings: Loaded) -> tuple[int, Any]:
    """Return what ``discover --format json`` says."""
    made = settings.settings
    code, out, _ = await said(lambda out, errors: discover(made, SystemClock(), out, errors, form="json"))
    return code, json.loads(out)


def roles(shown: Any) -> dict[str, tuple[str, str]]:
    """Return last element of a point's path → (tenant, role)."""
    return {
        row["point"].rpartition("/")[2]: (row["tenant"], row["role"])
        for source in shown["sources"]
        for row in source["points"]
    }


# --- discover --------------------------------------------------------------------------------------------------------


async def test_a_director_is_shown_beside_the_points_and_internal_ones_too(tmp_path: Path) -> None:
    async with Simulator("vcd-small", speed=0) as sim:
        sim.advance(MINUTE)
        code, shown = await as_json(loaded(tmp_path, sim))
    assert code == 0
    (director,) = shown["directors"]
    assert (director["complete"], director["faults"], director["not_found"]) == (True, [], [])
    assert (director["organisations"], director["gateways"]) == (5, 7)
    assert int(director["addresses"]) > 2**64
    assert [source["source"] for source in shown["sources"]] == [SOURCE, "nsxv-sim"]
    assert roles(shown)["net-inside"] == ("globex", "internal")
    assert roles(shown)["t1-acme"] == ("acme", "balance")
    nsx = shown["sources"][0]["points"]
    assert (nsx[-1]["point"], nsx[-1]["tenant"]) == (f"{SOURCE}:/infra/tier-1s/t1-nobody", "unattributed")
    reasons = {row["point"].rpartition("/")[2]: (row["rule"], row["reason"]) for row in nsx}
    assert reasons["t1-globex"][0] == "vcd"
    assert reasons["t1-nobody"] == (None, "no rule names its tenant; no gateway of VCD stands on its Tier-1")


@pytest.mark.parametrize("width", [80, 140])
async def test_the_table_says_what_was_not_found_and_what_disagrees(tmp_path: Path, width: int) -> None:
    async with Simulator("vcd-small", speed=0) as sim:
        sim.advance(MINUTE)
        sim.fault("delete", path="t1-acme-test")
        sim.fault("move", path="t1-globex", to="t0-acme")
        made = loaded(tmp_path, sim)
        code, out, _ = await said(
            lambda out, errors: discover(made.settings, SystemClock(), out, errors, form="table"), width
        )
        _, shown = await as_json(made)
    assert code == 0
    lines = out.splitlines()
    assert lines[0].startswith("vcd-sim: API ")
    assert lines[0].endswith("the map is complete")
    assert lines[1].startswith("not found: vcd-sim: gateway edge-t1-acme-test of organisation acme: its backing id")
    assert [line for line in lines if line.startswith("stale: ") and "edge-t1-globex" in line]
    assert sum("edge-t1-acme-test of organisation acme: its backing id" in line for line in lines) == 1
    assert all(len(line) <= width for line in lines if line.startswith(("│", "┃")))
    (director,) = shown["directors"]
    assert [(one["gateway"], one["organisation"], one["kind"]) for one in director["not_found"]] == [
        ("edge-t1-acme-test", "acme", "unresolved")
    ]
    notes = {note["kind"] for source in shown["sources"] for note in source["notes"]}
    assert notes == {"unresolved", "stale"}


async def test_a_director_that_is_out_of_reach_is_3_and_the_others_are_shown(tmp_path: Path) -> None:
    async with Simulator("vcd-small", speed=0) as sim:
        sim.advance(MINUTE)
        made = loaded(tmp_path, sim)
        assert sim.vcd is not None
        await sim.vcd.stop()
        code, shown = await as_json(made)
        _, _, errors = await said(lambda out, errors: discover(made.settings, SystemClock(), out, errors, form="table"))
    assert code == 3
    assert "vcd-sim" in errors
    assert set(shown["directors"][0]) == {"source", "error"}
    assert roles(shown)["t1-globex"] == ("unattributed", "billed")


# --- check -----------------------------------------------------------------------------------------------------------


async def test_check_counts_sources_by_kind_and_asks_directors_too(tmp_path: Path) -> None:
    async with Simulator("vcd-small", speed=0) as sim:
        sim.advance(MINUTE)
        made = loaded(tmp_path, sim)

        async def check(out: Console, errors: Console) -> int:
            say_offline(made, "northmeter.yaml", out)
            return await check_online(made, SystemClock(), out)

        code, out, _ = await said(check)
        assert code == 0, out
        assert "3 sources (1 nsxt, 1 nsxv, 1 vcd), 5 tenants" in out
        assert "ok   API " in out
        assert "note" not in out
        # When a gateway of the director has no Tier-1, then that is said, and is no fault of the settings
        sim.fault("delete", path="t1-acme-test")
        code, out, _ = await said(check)
    assert code == 0, out
    assert "note unresolved: vcd-sim: gateway edge-t1-acme-test of organisation acme" in out


# --- balances --------------------------------------------------------------------------------------------------------


async def test_balances_are_read_from_the_ledger_with_the_reason_where_one_is_not_known(tmp_path: Path) -> None:
    async with Simulator(parse_scenario(SCENARIO)) as sim, started(sim) as it:
        made = loaded(tmp_path, sim)
        metered = Metered(tmp_path, sim, it)
        await metered.start()

        async def asked(form: str, width: int = 200) -> str:
            code, out, _ = await said(
                lambda out, errors: balance(made.settings, metered.reader, SystemClock(), out, errors, form=form), width
            )
            assert code == 0
            return out

        assert "not known: nsx-sim: t0-prov (/infra/tier-0s/t0-prov): no hour of it is full yet" in await asked("table")
        await metered.poll(5)
        assert f"{SOURCE}:/infra/tier-1s/t1-acme (0 of 60 minutes)" in await asked("table")
        await metered.poll(63)
        await metered.balancer().look(BOUND_PPM)
        (shown,) = json.loads(await asked("json"))["balances"]
        assert (shown["known"], shown["measured"], shown["lacking"]) == (True, True, [])
        assert (shown["start"], shown["end"]) == ("2026-10-01T01:00:00Z", "2026-10-01T02:00:00Z")
        for direction in ("ingress", "egress"):
            told = shown[direction]
            sums = {name: int(told[name]) for name in ("uplinks", "services", "links", "remainder")}
            assert sums["remainder"] == sums["uplinks"] + sums["services"] - sums["links"]
            assert sums["remainder"] == metered.shown[SOURCE, shown["gateway"], direction]
            for width in (80, 140):
                table = await asked("table", width)
                assert all(f"{value:,}".replace(",", " ") in table for value in sums.values())
                assert told["share"] in table
        await metered.stop()
