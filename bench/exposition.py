"""``/metrics`` of 200 000 series against a join by hand, and how long it holds the event loop."""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Final

from aiohttp import web

from bench.result import Result, compared
from collector.clock import SystemClock
from collector.model.identity import Kind, PointKey, TenantId
from collector.model.usage import Usage
from collector.telemetry.metrics import Metrics
from collector.telemetry.totals import Totals
from exporters.prometheus import PrometheusExposition

SERIES: Final = 200_000
TENANTS: Final = 1_000
PIECE_ACCOUNTS: Final = 500
"""How many the join by hand puts together at once; with one piece of all it would take four times as long."""

SCRAPES: Final = 5

ROUNDS: Final = 7
BEAT_SECONDS: Final = 0.001

# In a process of its own: a scraper beside the server would hold the loop that is measured.
_SCRAPER: Final = """
import sys, urllib.request
request = urllib.request.Request(sys.argv[1], headers={"Accept-Encoding": sys.argv[2]})
size = 0
with urllib.request.urlopen(request) as answer:
    while piece := answer.read(1 << 20):
        size += len(piece)
print(size)
"""


def run() -> list[Result]:
    """Measure."""
    totals = _totals()
    metrics = Metrics(version="0", clock=SystemClock())
    metrics.add_source("nsx-ams1")
    exposition = PrometheusExposition("ams1", totals, metrics, points=True)
    first = _seconds(lambda: _exhaust(exposition.chunks(False)))
    join = _by_hand(totals)
    assert b"".join(join()) in b"".join(exposition.chunks(False))
    ours, floor = _best(lambda: _exhaust(exposition.chunks(False)), lambda: _exhaust(join()))
    results = [
        compared("/metrics of 200 000 series", ours * 1e3, "ms", floor * 1e3, "≤ 1.5"),
        Result("/metrics of 200 000 series, the first time", first * 1e3, "ms"),
        Result("kept label texts, per series", _kept_bytes(exposition), "B"),
    ]
    for coding in ("identity", "gzip"):
        hold, seconds, size = asyncio.run(_scrape(exposition, coding))
        results += [
            Result(f"longest hold of the loop in a scrape, {coding}", hold * 1e3, "ms", target="≤ 20"),
            Result(f"a scrape over HTTP, {coding}", seconds * 1e3, "ms"),
            Result(f"an answer, {coding}", size / 2**20, "MiB"),
        ]
    results.append(Result("counting one poll", _poll_seconds(metrics) * 1e6, "µs", target="≤ 3"))
    return results


def _totals() -> Totals:
    draw, totals = random.Random(1), Totals()
    for ref in range(SERIES // 2):
        path = f"/infra/tier-0s/t0-{ref:06}/locale-services/default/interfaces/uplink-{ref % 4}"
        usage = Usage(*(draw.getrandbits(50) for _ in Usage._fields))
        key = PointKey("nsx-ams1", Kind.TIER0_UPLINK, path)
        totals.add_account(ref, TenantId(f"tenant-{ref % TENANTS:04}"), key, usage)
    return totals


def _by_hand(totals: Totals) -> Callable[[], Iterator[bytes]]:
    """Return the least that any exposition does: kept texts joined with numbers, in pieces, for two lines at a time."""
    prefixes = [
        f'northmeter_point_bytes_total{{site="ams1",source="nsx-ams1",tenant="{one.tenant}",kind="tier0_uplink",'
        f'point="{one.point.label}",direction="'
        for one in totals.accounts
    ]

    def join() -> Iterator[bytes]:
        for start in range(0, len(prefixes), PIECE_ACCOUNTS):
            end = start + PIECE_ACCOUNTS
            yield "".join(
                [
                    f'{prefix}ingress"}} {account.ingress_bytes}\n{prefix}egress"}} {account.egress_bytes}\n'
                    for prefix, account in zip(prefixes[start:end], totals.accounts[start:end], strict=True)
                ]
            ).encode()

    return join


async def _scrape(exposition: PrometheusExposition, coding: str) -> tuple[float, float, int]:
    """Return the longest hold of the loop, the time of a scrape, and its size.

    Of several scrapes the least counts: what the exposition does is the same in each, what else the machine did is not.
    """
    app = web.Application()
    app.router.add_get("/metrics", exposition.handle)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    url = f"http://127.0.0.1:{runner.addresses[0][1]}/metrics"
    hold, seconds, size = float("inf"), float("inf"), 0
    try:
        for _ in range(SCRAPES):
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-c", _SCRAPER, url, coding, stdout=subprocess.PIPE
            )
            with _beats() as gaps:
                started = time.perf_counter()
                out, _ = await process.communicate()
                seconds = min(seconds, time.perf_counter() - started)
            hold, size = min(hold, max(gaps)), int(out)
    finally:
        await runner.cleanup()
    return hold, seconds, size


@contextmanager
def _beats() -> Iterator[list[float]]:
    """Give a list of how much later than asked for a timer of a millisecond came, each time."""
    loop, gaps = asyncio.get_running_loop(), [0.0]
    due = loop.time() + BEAT_SECONDS

    def beat() -> None:
        nonlocal due
        gaps.append(loop.time() - due)
        due = loop.time() + BEAT_SECONDS
        handles[0] = loop.call_at(due, beat)

    handles = [loop.call_at(due, beat)]
    try:
        yield gaps
    finally:
        handles[0].cancel()


def _poll_seconds(metrics: Metrics) -> float:
    def polls() -> None:
        for _ in range(10_000):
            metrics.poll("nsx-ams1", "ok", 0.02)

    return min(_seconds(polls) for _ in range(ROUNDS)) / 10_000


def _kept_bytes(exposition: PrometheusExposition) -> float:
    texts = exposition._point_labels
    return (sys.getsizeof(texts) + sum(map(sys.getsizeof, texts))) / SERIES


def _best(ours: Callable[[], None], floor: Callable[[], None]) -> tuple[float, float]:
    """Return the least time of each, taken in turns, so that a busy machine slows both."""
    rounds = [(_seconds(ours), _seconds(floor)) for _ in range(ROUNDS)]
    return min(one for one, _ in rounds), min(other for _, other in rounds)


def _seconds(work: Callable[[], None]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def _exhaust(pieces: Iterator[bytes]) -> None:
    for _ in pieces:
        pass
