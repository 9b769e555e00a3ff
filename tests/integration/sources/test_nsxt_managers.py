"""Log-ins, sessions and failover against simulated managers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest

from collector.errors import AuthFailed, SourceUnavailable
from collector.sources.nsxt.options import BasicLogin, BearerLogin, CertificateLogin, Login, SessionLogin
from collector.sources.options import TlsOptions
from simulator import Simulator
from tests.integration.sources.rig import started

pytestmark = pytest.mark.integration


async def until(holds: Callable[[], bool]) -> None:
    """Wait for a state; the test's own time limit is the bound."""
    while not holds():  # noqa: ASYNC110  # the simulator has no event for it
        await asyncio.sleep(0.005)


def ways(sim: Simulator) -> dict[str, tuple[Login, TlsOptions]]:
    assert sim.tls is not None
    assert sim.fingerprint is not None
    by_ca = TlsOptions(ca_file=sim.ca_file)
    with_certificate = TlsOptions(
        fingerprint=bytes.fromhex(sim.fingerprint), cert_file=sim.tls.client_cert_file, key_file=sim.tls.client_key_file
    )
    return {
        "session": (SessionLogin(sim.username, lambda: sim.password), by_ca),
        "basic": (BasicLogin(sim.username, lambda: sim.password), by_ca),
        "bearer": (BearerLogin(lambda: sim.token), by_ca),
        "certificate": (CertificateLogin(), with_certificate),
    }


@pytest.mark.parametrize("way", ["session", "basic", "bearer", "certificate"])
async def test_each_way_to_log_in_reads_a_point(way: str) -> None:
    async with Simulator("small", speed=0) as sim:
        login, tls = ways(sim)[way]
        async with started(sim, login=login, tls=tls) as it:
            point = (await it.points())["t1-acme"]
            assert (await it.read(point)).rows
            report = await it.source.check_online()
            assert report.ok, report.lines


@pytest.mark.parametrize("way", ["session", "basic"])
async def test_a_wrong_password_is_sent_once_and_locks_no_account(way: str) -> None:
    async with Simulator("small", speed=0) as sim:
        kind = SessionLogin if way == "session" else BasicLogin
        async with started(sim, login=kind(sim.username, lambda: "not-the-password")) as it:
            results = await asyncio.gather(*(it.inventory() for _ in range(10)), return_exceptions=True)
            assert all(isinstance(result, AuthFailed) for result in results)
            it.clock.advance(600_000)
            with pytest.raises(AuthFailed, match="nothing is sent for another 300 s"):
                await it.inventory()
            assert sim.accounts.failures(sim.username) == 1
            assert sim.accounts.counts.lockouts == 0
            assert it.notes.told == ["login_refused", "bad"]
            assert "not-the-password" not in " ".join(str(result) for result in results)


async def test_an_expired_session_is_renewed_without_a_lost_read() -> None:
    async with Simulator("small", speed=0) as sim, started(sim) as it:
        point = (await it.points())["t1-acme"]
        sim.fault("expire_sessions")
        readings = await asyncio.gather(*(it.read(point) for _ in range(10)))
        assert all(reading.rows for reading in readings)
        assert it.notes.told == ["logged_in", "logged_in"]


@pytest.mark.parametrize("do", ["session_expired", "unauthorized"])
async def test_an_answer_that_asks_for_a_log_in_leads_to_one(do: str) -> None:
    async with Simulator("small", speed=0) as sim, started(sim) as it:
        point = (await it.points())["t1-acme"]
        sim.fault(do, path="t1-acme", count=1)
        assert (await it.read(point)).rows
        assert it.notes.told == ["logged_in", "logged_in"]


async def test_a_manager_that_goes_down_is_left_and_returned_to() -> None:
    async with Simulator("small", speed=0) as sim, started(sim, return_probe_seconds=0.05) as it:
        point = (await it.points())["t1-acme"]
        sim.fault("manager_down", manager="nsx-a")
        await until(lambda: not sim.managers["nsx-a"].running)
        assert (await it.read(point)).rows
        assert it.notes.told == ["logged_in", "moved", "logged_in"]
        sim.fault("manager_up", manager="nsx-a")
        await until(lambda: it.notes.told.count("moved") == 2)
        before = sim.managers["nsx-a"].statuses["200"]
        assert (await it.read(point)).rows
        assert sim.managers["nsx-a"].statuses["200"] == before + 1
        assert "bad" not in it.notes.told


async def test_a_manager_that_answers_nothing_but_503_is_left() -> None:
    async with Simulator("small", speed=0) as sim, started(sim) as it:
        point = (await it.points())["t1-acme"]
        sim.fault("unavailable", manager="nsx-a", endpoint="any")
        assert (await it.read(point)).rows
        assert "moved" in it.notes.told


async def test_with_every_manager_down_the_source_is_bad_once_and_recovers_once() -> None:
    async with Simulator("small", speed=0) as sim, started(sim, return_probe_seconds=0.05) as it:
        point = (await it.points())["t1-acme"]
        for name in sim.managers:
            sim.fault("manager_down", manager=name)
        await until(lambda: not any(manager.running for manager in sim.managers.values()))
        for _ in range(3):
            with pytest.raises(SourceUnavailable):
                await it.read(point)
        for name in sim.managers:
            sim.fault("manager_up", manager=name)
        await until(lambda: all(manager.running for manager in sim.managers.values()))
        assert (await it.read(point)).rows
        assert [told for told in it.notes.told if told in {"bad", "recovered"}] == ["bad", "recovered"]
        assert it.notes.told.count("moved") <= 2


async def test_stopping_ends_the_sessions() -> None:
    async with Simulator("small", speed=0) as sim:
        async with started(sim) as it:
            await it.points()
            assert len(sim.managers["nsx-a"].sessions) == 1
        assert len(sim.managers["nsx-a"].sessions) == 0
