"""Limits: what is admitted, and the load that was seen."""

from __future__ import annotations

import asyncio

import pytest

from simulator.limits import SECOND_NS, Limits, Verdict
from tests.simulator.conftest import Client, until

VERSION = "/api/v1/node/version"


class _Time:
    def __init__(self) -> None:
        self.now = 10 * SECOND_NS

    def __call__(self) -> int:
        return self.now


def test_the_sliding_second_sees_what_the_calendar_second_misses() -> None:
    time = _Time()
    limits = Limits(0, 0, 0, monotonic_ns=time, wall_ns=time)
    for offset in (6, 7, 8, 9, 10, 11, 12, 13):
        time.now = 10 * SECOND_NS + offset * SECOND_NS // 10
        assert limits.enter("a") is Verdict.ADMITTED
        limits.leave("a")
    load = limits.client("a")
    assert (load.per_sliding_second_max, load.per_calendar_second_max) == (8, 4)
    assert load.requests == 8


def test_the_rate_is_per_client_and_comes_back_after_a_second() -> None:
    time = _Time()
    limits = Limits(2, 0, 0, monotonic_ns=time, wall_ns=time)
    assert [limits.enter("a") for _ in range(3)] == [Verdict.ADMITTED, Verdict.ADMITTED, Verdict.RATE]
    assert limits.enter("b") is Verdict.ADMITTED
    time.now += SECOND_NS
    assert limits.enter("a") is Verdict.ADMITTED
    assert (limits.client("a").refused_rate, limits.total.requests) == (1, 5)


def test_concurrency_is_per_client_and_in_all() -> None:
    limits = Limits(0, 2, 3)
    assert [limits.enter("a") for _ in range(3)] == [Verdict.ADMITTED, Verdict.ADMITTED, Verdict.CONCURRENCY]
    assert [limits.enter("b") for _ in range(2)] == [Verdict.ADMITTED, Verdict.CONCURRENCY]
    limits.leave("a")
    assert limits.enter("b") is Verdict.ADMITTED
    assert (limits.total.in_flight_max, limits.client("a").in_flight_max) == (3, 2)


@pytest.mark.integration
async def test_over_the_rate_the_code_is_a_string(client: Client) -> None:
    client.sim.fault("set_limits", requests_per_second=5)
    answers = [await client.get(VERSION) for _ in range(8)]
    refused = [answer for answer in answers if answer.status == 429]
    assert refused
    assert refused[0].body["error_code"] == "102"
    assert refused[0].body["error_message"] == "Client 'northmeter' exceeded request rate of 5 per second"
    assert client.sim.limits.client("northmeter").refused_rate == len(refused)
    assert client.sim.limits.client("northmeter").requests == 9, "the log-in counts"


@pytest.mark.integration
async def test_over_the_concurrency_the_front_answers_in_html(client: Client) -> None:
    client.sim.fault("set_limits", concurrency=2)
    slow = client.sim.fault("hang", count=2)
    assert slow is not None
    held = [asyncio.create_task(client.get(VERSION)) for _ in range(2)]
    await until(lambda: client.sim.limits.total.in_flight == 2)
    answer = await client.get(VERSION)
    assert (answer.status, answer.headers["Content-Type"].partition(";")[0]) == (503, "text/html")
    assert client.sim.stats()["load"]["clients"]["northmeter"]["in_flight_max"] == 2
    for task in held:
        task.cancel()
    await asyncio.gather(*held, return_exceptions=True)


@pytest.mark.integration
async def test_one_budget_over_all_managers(client: Client) -> None:
    client.sim.fault("set_limits", requests_per_second=3)
    client.manager = 1
    statuses = [(await client.login()).status for _ in range(3)]
    assert 429 in statuses, "log-ins on another manager use the same budget"
