"""What ``check --online`` says of a director."""

from __future__ import annotations

from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from collector.ports import OnlineReport
from collector.sources.options import TlsOptions
from collector.sources.vcd.online import writing_rights
from collector.sources.vcd.options import Login, PasswordLogin, ServiceAccountLogin, TokenLogin
from tests.unit.sources.vcd.cloud import small_cloud, urn
from tests.unit.sources.vcd.fake_vcd import NOW, PASSWORD, REFRESH_TOKEN, ROOT, USERNAME, FakeVcd, always, fault, rig

ROLE = urn("role", "meter")
VIEWS = ["Organization vDC Gateway: View", "IP Spaces: View", "API Tokens: Manage", "General: Administrator View"]


def prepared(vcd: FakeVcd, *rights: str, role: str = "Meter", seconds: int = 2) -> None:
    small_cloud(vcd)
    session = {
        "id": "urn:vcloud:session:1",
        "user": {"name": "meter", "id": urn("user", "1")},
        "org": {"name": "System", "id": urn("org", "sys")},
        "roles": [role],
        "roleRefs": [{"name": role, "id": ROLE}],
    }

    async def current(_: web.Request) -> web.Response:
        return web.json_response(session, headers={"Date": formatdate(NOW / 1_000 + seconds, usegmt=True)})

    vcd.handlers[f"{ROOT}/sessions/current"] = current
    rows = [{"id": urn("right", str(number)), "name": name} for number, name in enumerate(rights or VIEWS)]
    vcd.lists[f"roles/{ROLE}/rights"] = rows


async def report_of(*cells: FakeVcd, login: Login | None = None, **http: Any) -> OnlineReport:
    async with rig(*cells, login=login, **http) as it:
        return await it.source.check_online()


def words(report: OnlineReport, cell: FakeVcd) -> list[str]:
    return [text.removeprefix(f"{cell.host}: ") for _, text in report.lines]


async def test_a_good_account_has_a_line_for_everything_that_was_looked_at() -> None:
    async with FakeVcd() as vcd:
        prepared(vcd)
        report = await report_of(vcd)
        assert report.ok
        assert words(report, vcd) == [
            "logged in as meter@System, role Meter; API version 38.1",
            "its clock is 2 s ahead of ours",
            "organisations can be listed: 3",
            "edge gateways can be listed: 4",
            "external networks can be listed: 4",
            "NSX managers can be listed: 1",
            "IP Spaces can be listed: 1",
            "4 rights, and none of their names speaks of writing",
        ]


async def test_an_account_that_may_write_is_warned_of_and_that_is_no_fault() -> None:
    async with FakeVcd() as vcd:
        prepared(vcd, *VIEWS, *(f"Edge {verb}" for verb in ("Create", "Configure", "Delete", "Edit")))
        report = await report_of(vcd)
        assert report.ok
        assert words(report, vcd)[-1] == (
            "WARNING: the account may write, by its rights 'Edge Configure', 'Edge Create', 'Edge Delete' and 1 more; "
            "viewing is enough, so give it a role that only views"
        )


@pytest.mark.parametrize(
    ("role", "expected"),
    [
        ("System Administrator", "WARNING: the account may write, by its role System Administrator"),
        ("Meter", "the rights cannot be read, so whether the account may write is not known"),
    ],
)
async def test_where_the_rights_cannot_be_read_the_role_speaks(role: str, expected: str) -> None:
    async with FakeVcd() as vcd:
        prepared(vcd, role=role)
        vcd.handlers[f"{ROOT}/roles/{ROLE}/rights"] = always(lambda: fault(403, "FORBIDDEN", "no"))
        report = await report_of(vcd)
        assert report.ok
        assert words(report, vcd)[-1].startswith(expected)


async def test_an_administrator_whose_rights_say_nothing_is_warned_of_by_the_role() -> None:
    async with FakeVcd() as vcd:
        prepared(vcd, role="System Administrator")
        assert "by its role System Administrator" in words(await report_of(vcd), vcd)[-1]


@pytest.mark.parametrize("reference", [None, "urn:vcloud:role:../../../oauth"])
async def test_a_session_without_a_proper_role_leaves_it_unknown(reference: str | None) -> None:
    async with FakeVcd() as vcd:
        prepared(vcd)
        session = {"user": None, "roleRefs": [{"name": None, "id": reference}]}
        vcd.handlers[f"{ROOT}/sessions/current"] = always(lambda: web.json_response(session))
        report = await report_of(vcd)
        assert words(report, vcd)[0].startswith("logged in as an unnamed user@an unnamed organisation, role unknown")
        assert "names no role" in words(report, vcd)[-1]
        assert not any("oauth" in path for _, path in vcd.seen)


async def test_a_lacking_right_is_a_fault_and_unknown_managers_are_none() -> None:
    async with FakeVcd() as vcd:
        prepared(vcd, seconds=-600)
        vcd.handlers[f"{ROOT}/externalNetworks"] = always(lambda: fault(403, "FORBIDDEN", "no right"))
        vcd.handlers["/api/query"] = always(lambda: fault(403, "FORBIDDEN", "no right"))
        report = await report_of(vcd)
        faults = [text for ok, text in report.lines if not ok]
        assert len(faults) == 1
        assert "external networks cannot be listed" in faults[0]
        assert any("told apart by name alone" in text for ok, text in report.lines if ok)
        assert any("600 s behind ours" in text and "NTP" in text for _, text in report.lines)


async def test_an_account_of_an_organisation_need_not_list_external_networks() -> None:
    async with FakeVcd() as vcd:
        prepared(vcd)
        vcd.handlers[f"{ROOT}/externalNetworks"] = always(lambda: fault(403, "FORBIDDEN", "no right"))
        report = await report_of(vcd, login=PasswordLogin(USERNAME, lambda: PASSWORD, "acme"))
        assert report.ok
        assert any("which an organisation's account need not" in text for _, text in report.lines)


async def test_each_cell_is_looked_at_and_a_dead_one_does_not_hide_the_others() -> None:
    dead = FakeVcd()
    async with dead:
        pass
    async with FakeVcd() as vcd:
        prepared(vcd)
        report = await report_of(dead, vcd)
        faults = [text for ok, text in report.lines if not ok]
        assert len(faults) == 1
        assert "no connection" in faults[0]
        assert any("logged in" in text and vcd.host in text for _, text in report.lines)


async def test_refused_credentials_are_tried_at_one_cell_only() -> None:
    async with FakeVcd() as first, FakeVcd() as second:
        prepared(first)
        prepared(second)
        report = await report_of(first, second, login=PasswordLogin(USERNAME, lambda: "wrong"))
        assert (first.logins, second.logins) == (1, 0)
        assert [ok for ok, _ in report.lines] == [False, False]


async def test_a_deprecated_version_an_insecure_connection_and_a_strange_token_are_told() -> None:
    async with FakeVcd() as vcd:
        prepared(vcd)
        vcd.versions = [("36.0", True)]
        vcd.api_token = "not-this-one"
        report = await report_of(vcd, login=TokenLogin(lambda: REFRESH_TOKEN), tls=TlsOptions(verify=False))
        assert report.ok
        text = "\n".join(line for _, line in report.lines)
        assert "API version 36.0, which the director calls deprecated" in text
        assert "any certificate is taken" in text
        assert "give service_account_token_file instead" in text
        assert "refresh-" not in text


async def test_a_service_accounts_next_token_is_stored_by_a_check_too(tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(REFRESH_TOKEN)
    async with FakeVcd() as vcd:
        prepared(vcd)
        assert (await report_of(vcd, login=ServiceAccountLogin(file))).ok
        assert file.read_text() == "refresh-1\n"


def test_only_names_that_speak_of_writing_count() -> None:
    assert writing_rights(["IP Spaces: Manage", "Edge: Edit Properties", "General: Administrator Control"]) == [
        "Edge: Edit Properties",
        "General: Administrator Control",
        "IP Spaces: Manage",
    ]
    assert writing_rights([*VIEWS, "Credit: View", "Management Console: View"]) == []
