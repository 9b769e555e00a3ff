"""What ``check --online`` says of a source."""

from __future__ import annotations

from email.utils import formatdate
from typing import Any

import pytest
from aiohttp import web

from collector.clock import ManualClock
from collector.ports import OnlineReport
from collector.sources.nsxt.dto import RoleDto
from collector.sources.nsxt.options import Login, NsxtOptions
from collector.sources.nsxt.rights import may_write
from collector.sources.nsxt.source import NsxtSource
from collector.sources.options import HttpOptions, TlsOptions
from tests.unit.sources.fake_nsx import FakeManager, Observed, always, error, session_login
from tests.unit.sources.world import API, World

NOW = 1_700_000_000_000
LIMITS = "/api/v1/cluster/api-service"
USER_INFO = "/policy/api/v1/aaa/user-info"


async def report_of(
    *managers: FakeManager, login: Login | None = None, parts: dict[str, Any] | None = None, **http: Any
) -> OnlineReport:
    options = HttpOptions(name="nsx-a", urls=tuple(manager.url for manager in managers), **http)
    nsxt = NsxtOptions(http=options, login=login or session_login(), **(parts or {}))
    source = NsxtSource(nsxt, ManualClock(NOW), Observed())
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
    manager.answers[USER_INFO] = {"user_name": "meter", "roles": [{"role": "auditor"}]}
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
        "Projects: this release has none",
        "the account may only read (role auditor)",
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


# --- rights ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("role", "permissions", "verdict"),
    [
        ("auditor", None, False),
        ("lb_auditor", None, False),
        ("read_only_api_users", None, False),
        ("enterprise_admin", None, True),
        ("network_engineer", None, True),
        ("read_write_api_users", None, True),
        ("metering", ["read"], False),
        ("metering", ["read", "crud"], True),
        ("metering", None, None),
        ("metering", [], None),
        ("network_op", None, None),
        ("", None, None),
    ],
)
def test_the_name_of_a_role_tells_whether_it_may_write_and_else_its_permissions(
    role: str, permissions: list[str] | None, verdict: bool | None
) -> None:
    assert may_write(RoleDto(role, permissions)) is verdict


@pytest.mark.parametrize(
    ("info", "words"),
    [
        ({"roles": [{"role": "enterprise_admin"}, {"role": "auditor"}]}, "may write (role enterprise_admin)"),
        ({"roles": [], "roles_for_paths": [{"path": "/", "roles": [{"role": "project_admin"}]}]}, "project_admin"),
        ({"roles": [{"role": "metering"}]}, "could not be told: role metering"),
        ({"roles": []}, "could not be told: it has no roles"),
        ({"roles": "all"}, "could not be told: "),
    ],
)
async def test_an_account_that_may_write_is_told_and_is_no_fault(info: Any, words: str) -> None:
    async with FakeManager() as nsx:
        prepared(nsx)
        nsx.answers[USER_INFO] = info
        report = await report_of(nsx)
    assert report.ok
    assert any(words in line for _, line in report.lines)


async def test_an_account_whose_roles_cannot_be_read_is_no_fault() -> None:
    async with FakeManager() as nsx:
        prepared(nsx)
        nsx.answers[USER_INFO] = always(lambda: error(403, 289, "no permission"))
        report = await report_of(nsx)
    assert report.ok
    assert any("whether the account may write could not be told" in line for _, line in report.lines)


async def test_where_the_policy_root_does_not_know_us_the_managers_own_api_does() -> None:
    async with FakeManager() as nsx:
        prepared(nsx)
        nsx.answers["/api/v1/aaa/user-info"] = nsx.answers.pop(USER_INFO)
        report = await report_of(nsx)
    assert any("the account may only read" in line for _, line in report.lines)


EVERYTHING: dict[str, Any] = {"vpn": True, "vpcs": True, "directory": True}


async def test_what_is_wanted_beside_gateways_is_tried_too() -> None:
    async with FakeManager() as nsx:
        prepared(nsx)
        world = World(nsx)
        world.list("/infra/segments")
        world.without_services("/infra/tier-1s/t1")
        world.list(f"{world.project('blue')}/vpcs")
        report = await report_of(nsx, parts=EVERYTHING)
        host = nsx.host
    lines = [words.removeprefix(f"{host}: ") for _, words in report.lines]
    assert report.ok
    assert lines[4:9] == [
        "segments can be listed",
        "l2vpn-services can be listed",
        "ipsec-vpn-services can be listed",
        "Projects can be listed",
        "vpcs can be listed",
    ]


async def test_a_list_that_the_account_may_not_read_is_a_fault_that_says_what_comes_of_it() -> None:
    async with FakeManager() as nsx:
        prepared(nsx)
        nsx.answers["/api/v1/node/version"] = {"product_version": "4.2.1"}
        world = World(nsx)
        world.list("/infra/segments")
        project = world.project("blue")
        for path in ("/infra/tier-1s/t1/l2vpn-services", f"{project}/vpcs"):
            nsx.answers[f"{API}{path}"] = always(lambda: error(403, 289, "no permission"))
        report = await report_of(nsx, parts=EVERYTHING)
    assert [words.partition(": ")[2].partition(":")[0] for words in faults(report)] == [
        "l2vpn-services cannot be listed, so their sessions are not metered",
        "vpcs cannot be listed, so they are not metered",
    ]
    told = " ".join(words for _, words in report.lines)
    assert "ipsec-vpn-services: this release has none" in told
    assert "transit-gateways: this release has none" in told
