"""The whole daemon beside a simulated provider: addresses in its API, its metrics and its InfluxDB."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from collector.app import App
from collector.telemetry.redaction import Redactor
from config.loader import load
from simulator import Simulator, settings_for
from tests.contract.exporters.influx import Answer, ScriptedInflux
from tests.servers.process import free_port, until

pytestmark = pytest.mark.integration

TOKEN = "billing-token/0123456789+word"
DIRECTOR = "vcd-sim"


def _write_settings(folder: Path, sim: Simulator, influx: ScriptedInflux) -> Path:
    settings = settings_for(
        sim,
        points=False,
        ledger={"url": f"sqlite:///{folder / 'ledger.db'}"},
        http={
            "listen": f"127.0.0.1:{free_port()}",
            "tokens": [{"name": "billing", "token": TOKEN, "tenants": "all"}],
        },
        exporters={"influxdb": {"url": influx.url, "org": "provider", "bucket": "usage", "token": influx.token}},
    )
    settings["sources"] = [one for one in settings["sources"] if one["kind"] != "nsxv"]
    for one in settings["sources"]:
        one.pop("managers", None)
    path = folder / "northmeter.yaml"
    path.write_text(yaml.safe_dump(settings), encoding="utf-8")
    path.chmod(0o600)
    return path


@asynccontextmanager
async def _running(path: Path) -> AsyncIterator[App]:
    stop = asyncio.Event()
    app = App(load(path, {}).settings, lambda: load(path, {}).settings, Redactor())
    running = asyncio.create_task(app.run(stop))
    try:

        async def is_listening() -> bool:
            if running.done():
                running.result()
            try:
                return await _get(app, "/-/healthy") != ""
            except aiohttp.ClientConnectionError:
                return False

        await until(is_listening, "the daemon listens", 60.0)
        yield app
    finally:
        stop.set()
        await running


async def _get(app: App, path: str) -> str:
    url = f"http://127.0.0.1:{app.server.port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url, headers={"Authorization": f"Bearer {TOKEN}"}) as it:
        assert it.status == 200, await it.text()
        return await it.text()


async def _rows(app: App) -> list[dict[str, Any]]:
    span = "start=2026-10-01T00:00:00Z&end=2026-10-02T00:00:00Z"
    found: list[dict[str, Any]] = json.loads(await _get(app, f"/api/v1/usage?kind=ip_space&{span}"))["rows"]
    return found


def _true(sim: Simulator) -> dict[tuple[str, str, str], int]:
    """Return (tenant, space, type) → addresses that are held now."""
    counts: Counter[tuple[str, str, str]] = Counter()
    for _, spell in sim.truth().cloud().held():
        if spell.end is None:
            counts[spell.value.tenant, spell.value.space, spell.value.kind] += spell.value.addresses
    return dict(counts)


def _shown(rows: list[dict[str, Any]]) -> dict[tuple[str, str, str], int]:
    return {
        (row["tenant"], row["point"].removeprefix(f"{DIRECTOR}:"), row["type"]): int(row["addresses"]) for row in rows
    }


async def test_addresses_reach_every_sink_through_an_outage_and_a_restart(tmp_path: Path) -> None:
    async with Simulator("vcd-small") as sim, ScriptedInflux() as influx:
        influx.always = Answer(503)
        path = _write_settings(tmp_path, sim, influx)
        truth = _true(sim)
        async with _running(path) as app:

            async def is_known() -> bool:
                return _shown(await _rows(app)) == truth

            await until(is_known, "the addresses are in the API", 60.0)

            async def is_shown() -> bool:
                return f'northmeter_ip_addresses{{source="{DIRECTOR}"' in await _get(app, "/metrics")

            await until(is_shown, "the gauges are there", 60.0)
            tenants = {row["id"] for row in json.loads(await _get(app, "/api/v1/tenants"))["rows"]}
            assert tenants >= {tenant for tenant, _, _ in truth}
            assert influx.stored == {}
        influx.always = None
        async with _running(path) as app:
            assert set(_shown(await _rows(app))) == set(truth), "they are there before the director is asked"
            lines = await until(_addresses_of(influx), "the counts are in InfluxDB", 60.0)
        assert {tuple(map(_tags(series).get, ("tenant", "space", "type"))) for series in lines} == set(truth)
        assert {_tags(series)["source"] for series in lines} == {DIRECTOR}
        texts = [fields for fields in lines.values() if "_text=" in fields]
        assert all('allocated_text="' in fields for fields in texts)
        assert bool(texts) == any(count >= 2**63 for count in truth.values())


def _addresses_of(influx: ScriptedInflux) -> Any:  # Any: a coroutine function for ``until``
    async def look() -> dict[str, str]:
        found = [key for key in influx.stored if key[0].startswith("northmeter_addresses")]
        return {series: influx.stored[series, at] for series, at in found}

    return look


def _tags(series: str) -> dict[str, str]:
    return dict(tag.split("=", 1) for tag in series.replace("\\,", ",").replace("\\ ", " ").split(",")[1:])
