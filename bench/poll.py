"""Processor time of a poll, from the socket to the committed transaction.

Floor: a bare aiohttp loop that asks for the same URLs at the same pace, with as many at once, and decodes the answers
into the same typed records. Beside it, Prometheus scraping as many targets at the same pace, with the same counters.
All run over TLS against one light server; daemon, floor, server and Prometheus are processes of their own, and each
round counts only the processor time of the process in question, all its threads. Rounds take turns.
"""

from __future__ import annotations

import asyncio
import logging
import multiprocessing
import ssl
import tempfile
import time
from collections.abc import Awaitable, Callable
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median

import aiohttp
import msgspec
import structlog
from yarl import URL

from bench.answers import LightManager, light_manager
from bench.daemon import CONCURRENCY, PollPath, poll_path
from bench.prometheus import scraping
from bench.provider import inventory_of, shared_links, together, uplinks
from bench.result import Result, compared
from collector.poll.schedule import TICK_MS
from collector.sources.nsxt.snapshot import Snapshot
from collector.sources.nsxt.statistics import PerNodeAnswer
from collector.tuning import tune_memory

PACE = 1_000
"""Polls a second."""

CALLS = 5_000
"""In a cycle, and so in a round: five seconds. Half are uplinks (one call), half points with two edge nodes."""

ROUNDS = 5

Work = Callable[[], Awaitable[None]]


def run() -> list[Result]:
    """Measure."""
    with light_manager() as manager, _Child(_floor, manager) as floor, _Child(_daemon, manager) as daemon:
        with scraping(manager, targets=PACE, every_seconds=1) as prometheus:
            rounds = [(daemon.paced(), floor.paced(), prometheus.round(CALLS // PACE)) for _ in range(ROUNDS)]
        flat = [(daemon.flat_out(), floor.flat_out()) for _ in range(ROUNDS)]
    paced, bare, scrape = (median(column) for column in zip(*rounds, strict=True))
    quick, quick_bare = (median(column) for column in zip(*flat, strict=True))
    return [
        compared(f"poll against aiohttp, {PACE}/s", paced, "µs", bare, "≤ 1.4"),
        compared(f"poll against Prometheus, {PACE}/s", paced, "µs", scrape, "≤ 1.0"),
        compared("poll against aiohttp, as fast as it goes", quick, "µs", quick_bare),
    ]


# --- the two that are measured ---------------------------------------------------------------------------------------


class _Child:
    """A process that does a round of polls when told to."""

    def __init__(self, main: Callable[[Connection, LightManager], None], manager: LightManager) -> None:
        context = multiprocessing.get_context("spawn")
        self._pipe, theirs = context.Pipe()
        self._process = context.Process(target=main, args=(theirs, manager), daemon=True)

    def __enter__(self) -> _Child:
        self._process.start()
        assert self._pipe.recv() == "ready"
        return self

    def __exit__(self, *_: object) -> None:
        self._pipe.send("stop")
        self._process.join(timeout=30)

    def paced(self) -> float:
        """Return processor time per poll of a round at the pace, in microseconds."""
        return self._ask("paced")

    def flat_out(self) -> float:
        """Return the same of a round without pauses."""
        return self._ask("flat out")

    def _ask(self, what: str) -> float:
        self._pipe.send(what)
        taken: float = self._pipe.recv()
        return taken


def _provider() -> Snapshot:
    return together(uplinks(CALLS // 2), shared_links(CALLS // 5))


def _floor(pipe: Connection, manager: LightManager) -> None:
    asyncio.run(_bare(pipe, manager))


async def _bare(pipe: Connection, manager: LightManager) -> None:
    """Ask and decode, and nothing else."""
    urls = [manager.url + path for path in _paths()]
    decode = msgspec.json.Decoder(PerNodeAnswer).decode
    context = ssl.create_default_context(cafile=str(manager.ca_file))
    loop = asyncio.get_running_loop()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=CONCURRENCY, ssl=context)) as session:

        async def one(url: str) -> None:
            async with session.get(URL(url, encoded=True)) as response:
                decode(await response.read())

        async def paced() -> None:
            started, tick = loop.time(), PACE * TICK_MS // 1_000
            tasks = []
            for first in range(0, len(urls), tick):
                await asyncio.sleep(max(0.0, started + first / PACE - loop.time()))
                tasks += [loop.create_task(one(url)) for url in urls[first : first + tick]]
            await asyncio.gather(*tasks)

        async def flat_out() -> None:
            left = iter(urls)

            async def worker() -> None:
                for url in left:
                    await one(url)

            await asyncio.gather(*(worker() for _ in range(CONCURRENCY)))

        await _serve(pipe, paced, flat_out)


def _daemon(pipe: Connection, manager: LightManager) -> None:
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
    tune_memory()
    asyncio.run(_whole(pipe, manager))


async def _whole(pipe: Connection, manager: LightManager) -> None:
    """The daemon's own way: source, poller, pump, meter, ledger, metrics."""
    with tempfile.TemporaryDirectory(prefix="northmeter-bench-") as folder:
        async with poll_path(manager, Path(folder) / "ledger.db", _provider()) as path:
            assert len(path.paths) == CALLS
            steady = path.poller(CALLS * 1_000 // PACE)

            async def paced() -> None:
                await _stored(path, steady.cycle)

            async def flat_out() -> None:
                quick = path.poller(CALLS * 1_000 // PACE)
                await _stored(path, quick.cycle)
                await quick.stop()

            for _ in range(3):  # the first samples book nothing, and are told as events
                await flat_out()
            await paced()
            await _serve(pipe, paced, flat_out)
            await steady.stop()


async def _stored(path: PollPath, cycle: Work) -> None:
    """Run a cycle and wait until all of it is in the ledger."""
    target = path.watch.stored + CALLS
    await cycle()
    await path.watch.wait_for(target)


async def _serve(pipe: Connection, paced: Work, flat_out: Work) -> None:
    await paced()
    pipe.send("ready")
    while (told := await asyncio.to_thread(pipe.recv)) != "stop":
        started = time.process_time()
        await (paced if told == "paced" else flat_out)()
        pipe.send((time.process_time() - started) / CALLS * 1_000_000)


def _paths() -> list[str]:
    return [call.target for point in inventory_of(_provider(), 0).points for call in point.calls]
