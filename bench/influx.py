"""Lines for InfluxDB: building them against joining cached tags, and sending them against a bare aiohttp post."""

from __future__ import annotations

import asyncio
import gzip
import random
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import aiohttp

from bench.result import Result, compared
from collector.model.identity import Kind, TenantId
from collector.model.period import SLOT_MS
from collector.model.usage import Coverage, ExportRow, Usage
from exporters.influxdb import GZIP_LEVEL, InfluxDestination, InfluxOptions

ROWS: Final = 50_000
ACCOUNTS: Final = 5_000
BATCH_ROWS: Final = 2_500
ROUNDS: Final = 7

# A destination in a process of its own, so that its time is not ours.
_SINK: Final = """
import asyncio
from aiohttp import web
async def write(request):
    await request.read()
    return web.Response(status=204)
async def main():
    app = web.Application(client_max_size=1 << 30)
    app.router.add_post("/api/v2/write", write)
    runner = web.AppRunner(app, access_log=None, auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    print(runner.addresses[0][1], flush=True)
    await asyncio.Event().wait()
asyncio.run(main())
"""


def run() -> list[Result]:
    """Measure."""
    rows = _rows()
    tags = _tags(rows)
    destination = InfluxDestination("ams1", InfluxOptions(url="http://127.0.0.1:1", org="o", bucket="b"))
    destination.encode(rows)  # tags of all accounts are known from here on, as those of the floor
    assert "\n".join(destination.encode(rows)[0]).encode() == _join(rows, tags)
    rounds = [
        (_seconds(lambda: "\n".join(destination.encode(rows)[0]).encode()), _seconds(lambda: _join(rows, tags)))
        for _ in range(ROUNDS)
    ]
    ours, floor = (min(column) / (2 * ROWS) * 1e6 for column in zip(*rounds, strict=True))
    sent, bare = asyncio.run(_sending(rows, tags))
    return [
        compared("building a line for InfluxDB", ours, "µs", floor, "≤ 1.5"),
        compared("building and sending a line, CPU", sent, "µs", bare, "≤ 1.5"),
    ]


def _rows() -> list[ExportRow]:
    draw = random.Random(1)
    return [
        ExportRow(
            seq=seq,
            published_at=0,
            account=seq % ACCOUNTS,
            tenant=TenantId(f"tenant-{seq % 1_000:04}"),
            kind=Kind.TIER0_UPLINK,
            point=f"nsx-ams1:/infra/tier-0s/t0-{seq % ACCOUNTS:06}/locale-services/default/interfaces/uplink",
            slot=1_790_000_100_000 + seq // ACCOUNTS * SLOT_MS,
            usage=Usage(*(draw.getrandbits(40) for _ in Usage._fields)),
            coverage=Coverage(SLOT_MS - 2_000, 1_000, 1_000),
        )
        for seq in range(ROWS)
    ]


def _tags(rows: Sequence[ExportRow]) -> dict[int, tuple[str, str]]:
    return {
        row.account: tuple(  # type: ignore[misc] # of two
            f"northmeter_usage,direction={direction},kind={row.kind.value},point={row.point},site=ams1,tenant={row.tenant}"
            for direction in ("ingress", "egress")
        )
        for row in rows[:ACCOUNTS]
    }


def _join(rows: Sequence[ExportRow], tags: dict[int, tuple[str, str]]) -> bytes:
    """Return the lines by the least that anybody does: cached tags joined with numbers, nothing checked."""
    lines = []
    for row in rows:
        ingress, egress = tags[row.account]
        assert row.usage is not None
        a, b, c, d, e, f = row.usage
        measured, inferred, spread = row.coverage
        rest = f"measured_ms={measured}i,inferred_ms={inferred}i,spread_ms={spread}i {row.slot // 1_000}"
        lines.append(f"{ingress} bytes={a}i,packets={c}i,dropped_packets={e}i,{rest}")
        lines.append(f"{egress} bytes={b}i,packets={d}i,dropped_packets={f}i,{rest}")
    return "\n".join(lines).encode()


async def _sending(rows: Sequence[ExportRow], tags: dict[int, tuple[str, str]]) -> tuple[float, float]:
    """Return our own processor time per line in µs: through the client, and through a bare session."""
    parts = [rows[start : start + BATCH_ROWS] for start in range(0, ROWS, BATCH_ROWS)]
    async with _sink() as url, aiohttp.ClientSession() as session:
        destination = InfluxDestination("ams1", InfluxOptions(url=url, org="o", bucket="b", token=lambda: "t"))

        async def through_client() -> None:
            for part in parts:
                lines, _ = destination.encode(part)
                await destination.send(lines)

        async def bare() -> None:
            headers = {"Authorization": "Token t", "Content-Encoding": "gzip", "Content-Type": "text/plain"}
            query = {"org": "o", "bucket": "b", "precision": "s"}
            for part in parts:
                body = gzip.compress(_join(part, tags), GZIP_LEVEL)
                async with session.post(f"{url}/api/v2/write", params=query, data=body, headers=headers) as answer:
                    assert answer.status == 204

        try:
            await through_client()
            rounds = [(await _cpu_seconds(through_client), await _cpu_seconds(bare)) for _ in range(ROUNDS)]
        finally:
            await destination.close()
    ours, floor = (min(column) / (2 * ROWS) * 1e6 for column in zip(*rounds, strict=True))
    return ours, floor


@asynccontextmanager
async def _sink() -> AsyncIterator[str]:
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", _SINK, stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{int(await process.stdout.readline())}"
    finally:
        process.terminate()
        await process.wait()


async def _cpu_seconds(work: Callable[[], Awaitable[None]]) -> float:
    started = time.process_time()
    await work()
    return time.process_time() - started


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
