"""The whole daemon in this process: remainders of gateways and states of tunnels reach its metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import yaml

from collector import app as daemons
from collector.app import App
from collector.telemetry.redaction import Redactor
from config.loader import load
from simulator import Simulator, parse_scenario, settings_for
from tests.integration.test_balances import GATEWAY, SCENARIO

pytestmark = pytest.mark.integration

WAIT_SECONDS = 60.0


@asynccontextmanager
async def running(folder: Path, sim: Simulator, **changes: Any) -> AsyncIterator[App]:
    """Run a daemon on a simulated provider."""
    settings = settings_for(sim, poll={"interval": "1s", "gap_after": "1h"}, http={"listen": "127.0.0.1:0"})
    settings |= {"ledger": {"url": "sqlite:///ledger.db"}}
    settings["sources"][0] |= changes
    file = folder / "northmeter.yaml"
    file.write_text(yaml.safe_dump(settings), encoding="utf-8")
    stop = asyncio.Event()
    made = App(load(file, {}).settings, lambda: load(file, {}).settings, Redactor())
    task = asyncio.create_task(made.run(stop))
    try:
        yield made
    finally:
        stop.set()
        await task


def shown(daemon: App, name: str) -> dict[tuple[str, ...], float]:
    """Return the values of a gauge by its labels, without the source."""
    return {
        tuple(value for label, value in sample.labels.items() if label != "source"): sample.value
        for family in daemon.metrics.families()
        for sample in family.samples
        if sample.name == name
    }


async def until_shown(daemon: App, name: str, count: int) -> dict[tuple[str, ...], float]:
    """Return a gauge once it has so many values."""
    async with asyncio.timeout(WAIT_SECONDS):
        while len(found := shown(daemon, name)) < count:  # noqa: ASYNC110 - a gauge has no event to wait for
            await asyncio.sleep(0.05)
    return found


async def test_the_remainder_of_a_gateway_is_a_gauge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemons, "BALANCE_FIRST_MS", 200)
    monkeypatch.setattr(daemons, "BALANCE_EVERY_MS", 200)
    async with Simulator(parse_scenario(SCENARIO), speed=600) as sim, running(tmp_path, sim) as daemon:
        found = await until_shown(daemon, "northmeter_gateway_remainder_bytes", 2)
    assert set(found) == {(GATEWAY, "ingress"), (GATEWAY, "egress")}
    assert all(value < 0 for value in found.values()), "tenants exchange more than the router itself says"


async def test_the_state_of_tunnels_is_a_gauge(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(daemons, "FIGURES_EVERY_MS", 200)
    async with Simulator("tunnels", speed=60) as sim:
        sim.now()
        sim.fault("tunnel_down", path="t0-acme/to-office")
        async with running(tmp_path, sim, vpn=True) as daemon:
            found = await until_shown(daemon, "northmeter_tunnel_up", 3)
    by_session = {(labels[0], labels[1], labels[2].rpartition("/")[2]): value for labels, value in found.items()}
    assert by_session["acme", "ipsec_vpn", "to-office"] == 0
    assert by_session["globex", "ipsec_vpn", "to-dc"] == 1
