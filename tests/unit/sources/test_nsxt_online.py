"""What ``check --online`` says of a source."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

from aiohttp import web

from collector.clock import ManualClock
from collector.ports import OnlineReport
from collector.sources.nsxt.options import Login, NsxtOptions
from collector.sources.nsxt.source import NsxtSource
from collector.sources.options import HttpOptions, TlsOptions
from tests.unit.sources.fake_nsx import FakeManager, Observed, always, error, session_login
from tests.unit.sources.world import API, World

NOW = 1_700_000_000_000
LIMITS = "/api/v1/cluster/api-service"


async def report_of(*managers: FakeManager, login: Login | None = None, **http: Any) -> OnlineReport:
    options = HttpOptions(name="nsx-a", urls=tuple(manager.url for manager in managers), **http)
    source = NsxtSource(NsxtOptions(http=options, login=login or session_login()), ManualClock(NOW), Observed())
    await source.start()
    try:
        return await source.check_online()
    finally:
        await source.stop()


def version_at(seconds: int) -> Any:
    async def version(_: web.Request) -> web.Response:
        headers = {"Date": formatdate(NOW / 1_000 + seconds, usegmt=True)}
        return web.json_response({"product_version": "4.1.2"}, headers=headers)

    return version


def prepared(manager: FakeManager, seconds: int = 2, **limits: Any) -> None:
    world = World(manager)
    world.tier1("t1", None)
    manager.answers["/api/v1/node/version"] = version_at(seconds)
    manager.answers[LIMITS] = {"client_api_rate_limit": 100, "client_api_concurrency_limit": 40} | limits


def faults(report: OnlineReport) -> list[str]:
    return [words for ok, words in report.lines if not ok]


async def test_a_good_source_has_a_line_for_everything_that_was_looked_at() -> None:
    async with FakeManager() as nsx:
        prepared(nsx)
        report = await report_of(nsx)
        host = nsx.host
    assert report.ok
    assert [words.removeprefix(f"{host}: ") for _, words in report.lines] == [
        "logged in, version 4.1.2",
        "its clock is 2 s ahead of ours",
        "tier-0s can be listed: 0",
        "tier-1s can be listed: 1",
        "requests_per_second: 50 of the manager's 100",
        "concurrency: 16 of the manager's 40",
    ]


async def test_limits_below_ours_and_a_lacking_right_are_faults_and_a_wrong_clock_is_told() -> None:
    async with FakeManager() as nsx:
        prepared(nsx, seconds=-600, client_api_concurrency_limit=40)
        del nsx.lists[f"{API}/infra/tier-1s"]
        nsx.answers[f"{API}/infra/tier-1s"] = always(lambda: error(403, 289, "no permission"))
        report = await report_of(nsx, concurrency=400)
    assert not report.ok
    text = "\n".join(faults(report))
    assert any("600 s behind ours" in words and "NTP" in words for _, words in report.lines)
    assert "tier-1s cannot be listed" in text
    assert "concurrency: 400 is above the manager's limit of 40" in text
    assert len(faults(report)) == 2


async def test_each_manager_is_looked_at_and_a_dead_one_does_not_hide_the_others() -> None:
    dead = FakeManager()
    async with dead:
        pass
    async with FakeManager() as nsx:
        prepared(nsx, client_api_rate_limit=0)
        report = await report_of(dead, nsx)
        assert len(faults(report)) == 1
        assert "no connection" in faults(report)[0]
        assert any("logged in" in words and nsx.host in words for _, words in report.lines)
        assert any("the manager sets no limit" in words for _, words in report.lines)


async def test_refused_credentials_are_tried_at_one_manager_only() -> None:
    async with FakeManager() as first, FakeManager() as second:
        prepared(first)
        prepared(second)
        report = await report_of(first, second, login=session_login("wrong"))
        assert (first.logins, second.logins) == (1, 0)
    assert len(faults(report)) == 2


async def test_a_log_in_that_is_switched_off_is_a_fault_and_unreadable_limits_are_none() -> None:
    async with FakeManager() as nsx:
        prepared(nsx, cookie_based_authentication_enabled=False)
        assert "log-in by session switched off" in faults(await report_of(nsx))[0]
        del nsx.answers[LIMITS]
        report = await report_of(nsx, tls=TlsOptions(verify=False))
        assert report.ok
        assert any("limits cannot be read" in words for _, words in report.lines)
        assert any("any certificate is taken" in words for _, words in report.lines)
