"""Time limits that share one timer."""

from __future__ import annotations

import asyncio

import pytest

from collector.sources.limits import TimeLimit, TimeLimits


async def _hang(limits: TimeLimits) -> None:
    with TimeLimit(limits):
        await asyncio.Event().wait()


async def test_a_wait_that_takes_too_long_ends_with_a_timeout() -> None:
    limits = TimeLimits(0.01)
    started = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        await _hang(limits)
    assert asyncio.get_running_loop().time() - started >= 0.01


async def test_each_wait_has_the_whole_limit() -> None:
    limits = TimeLimits(0.05)
    loop = asyncio.get_running_loop()

    async def waited() -> float:
        started = loop.time()
        with pytest.raises(TimeoutError):
            await _hang(limits)
        return loop.time() - started

    first = asyncio.create_task(waited())
    await asyncio.sleep(0.02)
    second = asyncio.create_task(waited())
    assert await first >= 0.05
    assert await second >= 0.05


async def test_a_wait_that_ends_in_time_is_left_alone() -> None:
    limits = TimeLimits(0.02)
    with TimeLimit(limits):
        await asyncio.sleep(0)
    with pytest.raises(TimeoutError):
        await _hang(limits)  # by now the timer of the first one has run out as well


async def test_who_is_cancelled_from_outside_stays_cancelled() -> None:
    limits = TimeLimits(10)
    task = asyncio.create_task(_hang(limits))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_a_cancellation_that_comes_with_the_limit_goes_on() -> None:
    limits = TimeLimits(10)
    task = asyncio.create_task(_hang(limits))
    await asyncio.sleep(0)
    (limit,) = limits.under_way
    task.cancel()
    limit.run_out()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_inside_passes_through() -> None:
    with pytest.raises(ValueError, match="inside"), TimeLimit(TimeLimits(10)):
        raise ValueError("inside")


async def test_closing_leaves_no_timer_behind() -> None:
    limits = TimeLimits(0.01)
    with TimeLimit(limits):
        limits.close()
        assert limits.under_way == ()
        await asyncio.sleep(0.03)  # longer than the limit, which nobody keeps any more
