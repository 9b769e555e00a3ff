"""States that the tests wait for."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from simulator import Simulator
from tests.e2e.harness import SOURCE, Daemon

Look = Callable[[], Awaitable[bool]]
"""Tells whether a state is reached."""


def polls(outcome: str, source: str = SOURCE) -> str:
    """Return the metric that counts the calls of a source's polls with this outcome."""
    return f'northmeter_polls_total{{source="{source}",outcome="{outcome}"}}'


def more(daemon: Daemon, series: str, by: float = 1) -> Look:
    """Return what tells whether a metric has grown by so much since it was first looked at."""
    seen: list[float] = []

    async def look() -> bool:
        seen.append(await daemon.metric(series) or 0)
        return seen[-1] >= seen[0] + by

    return look


def booked(daemon: Daemon) -> Look:
    """Return what tells whether any byte was booked."""

    async def look() -> bool:
        series = await daemon.metrics()
        return sum(value for name, value in series.items() if name.startswith("northmeter_tenant_bytes_total{")) > 0

    return look


async def stand_still(daemon: Daemon, sim: Simulator, polls_more: int = 40) -> None:
    """Stop the simulated time and return when everything that can be read was read and stored."""
    sim.clock.set_speed(0)
    await daemon.until(more(daemon, polls("ok"), polls_more), "everything was read twice")
