"""``northmeter demo``: a simulated provider and the daemon on it, in one process and a folder of its own."""

from __future__ import annotations

import asyncio
import secrets
import shutil
import signal
import socket
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml
from rich.console import Console, Group
from rich.live import Live
from rich.table import Table

from collector.app import App, set_up_logs
from collector.clock import SystemClock
from collector.core.periods import format_time
from collector.errors import ConfigError, Fault
from collector.model.identity import Kind, TenantId
from collector.model.period import slot_start
from collector.model.usage import Usage
from collector.telemetry.redaction import Redactor
from config.loader import load
from config.units import DURATION
from simulator import Simulator, load_scenario, settings_for

SPEED = 60
"""Simulated seconds in a real one: a slot of five minutes is over in five seconds."""

BEFORE_NOW_MS = 2 * 86_400_000
"""How long before now the simulated provider begins, in milliseconds: it meets the present after 48 minutes."""

LISTEN_PORT = 9470
"""The daemon's usual port; a free one where it is taken."""

PLAIN_EVERY_SECONDS = 5.0
"""How often a line is printed where there is no terminal."""

READY_SECONDS_MAX = 30.0
"""How long the start may take."""

Totals = Mapping[tuple[TenantId, Kind], Usage]


def demo(duration: str | None, out: Console) -> int:
    """Run until interrupted, or for so long; return the exit code.

    Raises:
        ConfigError: ``duration`` is none.
    """
    seconds = None
    if duration is not None:
        try:
            seconds = DURATION.read(duration) / 1_000
        except ValueError as error:
            raise ConfigError([Fault("--for", None, str(error))]) from error
    with tempfile.TemporaryDirectory(prefix="northmeter-demo-") as folder:
        asyncio.run(_demo(Path(folder), seconds, out))
    return 0


async def _demo(folder: Path, seconds: float | None, out: Console) -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with AsyncExitStack() as stack:
        sim = await stack.enter_async_context(_provider())
        influx = await stack.enter_async_context(_victoria(folder))
        file, token = _settings(folder, sim, influx)
        daemon = await stack.enter_async_context(_daemon(file, stop))
        _introduce(daemon, sim, file, token=token, influx=influx, out=out)
        if seconds is not None:
            loop.call_later(seconds, stop.set)
        await _watch(daemon, sim, stop, out)
        _summary(daemon.totals.by_tenant, sim, out)


# --- the parts -------------------------------------------------------------------------------------------------------


@asynccontextmanager
async def _provider() -> AsyncIterator[Simulator]:
    scenario = load_scenario("demo")
    start = datetime.fromtimestamp(slot_start(SystemClock().now() - BEFORE_NOW_MS) / 1_000, UTC)
    scenario = scenario.model_copy(update={"clock": scenario.clock.model_copy(update={"start": start})})
    async with Simulator(scenario, speed=SPEED) as sim:
        yield sim


@asynccontextmanager
async def _victoria(folder: Path) -> AsyncIterator[str | None]:
    """Run VictoriaMetrics, which takes InfluxDB's write call, where it is installed; give its address."""
    program = shutil.which("victoria-metrics")
    if program is None:
        yield None
        return
    address = f"127.0.0.1:{_free_port()}"
    with (folder / "victoria-metrics.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            program,
            f"-storageDataPath={folder / 'victoria-metrics'}",
            f"-httpListenAddr={address}",
            stdout=log,
            stderr=log,
        )
    try:
        yield f"http://{address}"
    finally:
        with suppress(ProcessLookupError):
            process.terminate()
        await process.wait()


@asynccontextmanager
async def _daemon(file: Path, stop: asyncio.Event) -> AsyncIterator[App]:
    redactor = Redactor()
    settings = load(file, {}).settings
    with (file.parent / "northmeter.log").open("w", encoding="utf-8") as stream:
        set_up_logs(settings, redactor, stream)
        app = App(settings, lambda: load(file, {}).settings, redactor)
        running = asyncio.create_task(app.run(stop), name="daemon")
        try:
            async with asyncio.timeout(READY_SECONDS_MAX):
                while not app.health.ready or not app.meter.estate.times():
                    if running.done():
                        running.result()
                    await asyncio.sleep(0.05)
            yield app
        finally:
            stop.set()
            await running


def _settings(folder: Path, sim: Simulator, influx: str | None) -> tuple[Path, str]:
    """Write the settings file of the demo; return it with the token of its API."""
    token = secrets.token_urlsafe(24)
    exporters: dict[str, Any] = {}  # Any: plain data of a settings file
    if influx is not None:
        exporters["influxdb"] = {"url": influx, "org": "provider", "bucket": "usage"}
    settings = settings_for(
        sim,
        source="nsx-demo",
        site="demo",
        poll={"interval": "2s", "gap_after": "300s"},
        discovery={"interval": "20s"},
        ledger={"url": f"sqlite:///{folder / 'ledger.db'}"},
        exporters=exporters,
        http={
            "listen": f"127.0.0.1:{_usual_or_free()}",
            "tokens": [{"name": "billing", "token": token, "tenants": "all"}],
        },
    )
    file = folder / "northmeter.yaml"
    file.touch(mode=0o600)
    file.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")
    return file, token


def _usual_or_free() -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", LISTEN_PORT))
        except OSError:
            return _free_port()
    return LISTEN_PORT


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


# --- what is shown ---------------------------------------------------------------------------------------------------


def _introduce(app: App, sim: Simulator, file: Path, *, token: str, influx: str | None, out: Console) -> None:
    url = f"http://127.0.0.1:{app.server.port}"
    lines = [
        f"A simulated provider with {len(sim.scenario.tenants)} tenants, {SPEED} times as fast as the clock,",
        f"metered over HTTPS by the daemon in this process. Everything lies in {file.parent}",
        "",
        f"  metrics    curl -s {url}/metrics | grep tenant_bytes",
        f"  usage API  curl -s -H 'Authorization: Bearer {token}' '{url}/api/v1/usage?granularity=hour'",
        f"  events     curl -s -H 'Authorization: Bearer {token}' '{url}/api/v1/events'",
        f"  health     curl -s {url}/-/ready",
        f"  the truth  curl -s '{sim.control_url}/sim/truth'",
    ]
    if influx is not None:
        query = f"{influx}/api/v1/export' -d 'match[]=northmeter_usage_bytes'"
        lines.append(f"  InfluxDB   curl -s '{query}   (VictoriaMetrics takes the write call)")
    lines += ["", f"  northmeter usage -c {file} --granularity hour", f"  northmeter discover -c {file}", ""]
    for line in lines:
        out.print(line, highlight=False, markup=False, soft_wrap=True)


async def _watch(app: App, sim: Simulator, stop: asyncio.Event, out: Console) -> None:
    """Show usage growing until told to stop."""
    before, since = dict(app.totals.by_tenant), time.monotonic()
    if not out.is_terminal:
        while not await _stopped(stop, PLAIN_EVERY_SECONDS):
            _print_plain(app.totals.by_tenant, sim, out)
        return
    with Live(console=out, auto_refresh=False) as live:
        while not await _stopped(stop, 1.0):
            now, elapsed = dict(app.totals.by_tenant), time.monotonic() - since
            live.update(Group(_table(now, before, elapsed * SPEED, sim)), refresh=True)


async def _stopped(stop: asyncio.Event, seconds: float) -> bool:
    with suppress(TimeoutError):
        await asyncio.wait_for(stop.wait(), seconds)
    return stop.is_set()


def _table(now: Totals, before: Totals, simulated_seconds: float, sim: Simulator) -> Table:
    table = Table(title=f"usage by tenant, simulated time {_clock(sim)} (Ctrl-C ends)")
    for heading in ("tenant", "kind"):
        table.add_column(heading)
    for heading in ("ingress bytes", "egress bytes", "ingress Mbit/s", "egress Mbit/s"):
        table.add_column(heading, justify="right")
    for tenant, kind in sorted(now):
        usage, old = now[tenant, kind], before.get((tenant, kind), Usage())
        rates = [
            f"{(after - start) * 8 / max(1.0, simulated_seconds) / 1e6:,.1f}"
            for after, start in ((usage.ingress_bytes, old.ingress_bytes), (usage.egress_bytes, old.egress_bytes))
        ]
        table.add_row(tenant, kind.value, _grouped(usage.ingress_bytes), _grouped(usage.egress_bytes), *rates)
    return table


def _print_plain(totals: Totals, sim: Simulator, out: Console) -> None:
    by_tenant = _by_tenant(totals)
    said = ", ".join(f"{tenant} {_grouped(total)}" for tenant, total in sorted(by_tenant.items()))
    out.print(f"{_clock(sim)}  bytes so far: {said}", highlight=False, soft_wrap=True)


def _summary(totals: Totals, sim: Simulator, out: Console) -> None:
    by_tenant = _by_tenant(totals)
    out.print(
        f"metered {_grouped(sum(by_tenant.values()))} bytes of {len(by_tenant)} tenants until {_clock(sim)}, simulated",
        highlight=False,
        soft_wrap=True,
    )


def _by_tenant(totals: Totals) -> dict[str, int]:
    sums: dict[str, int] = {}
    for (tenant, _), usage in totals.items():
        sums[tenant] = sums.get(tenant, 0) + usage.ingress_bytes + usage.egress_bytes
    return sums


def _grouped(number: int) -> str:
    return f"{number:,}".replace(",", " ")


def _clock(sim: Simulator) -> str:
    return format_time(sim.now() // 1_000 * 1_000)
