"""Log-ins, their end, refused credentials, and what of them may be seen."""

from __future__ import annotations

import asyncio
import base64
from pathlib import Path

import pytest
from aiohttp import web

from collector.errors import AuthFailed, ResponseInvalid, SourceError, SourceUnavailable
from collector.sources.vcd.options import Login, PasswordLogin, ServiceAccountLogin, TokenLogin
from tests.unit.sources.vcd.cloud import small_cloud
from tests.unit.sources.vcd.fake_vcd import API_TOKEN, PASSWORD, ROOT, USERNAME, FakeVcd, Handler, always, fault, rig


def password_login(password: str = PASSWORD, org: str = "System", user: str = USERNAME) -> PasswordLogin:
    return PasswordLogin(user, lambda: password, org)


def token_login(token: str = API_TOKEN, org: str = "System") -> TokenLogin:
    return TokenLogin(lambda: token, org)


@pytest.mark.parametrize(
    ("login", "path"),
    [
        (password_login(), f"{ROOT}/sessions/provider"),
        (password_login(org="system"), f"{ROOT}/sessions/provider"),
        (password_login(org="acme"), f"{ROOT}/sessions"),
        (password_login(user=f"{USERNAME}@system"), f"{ROOT}/sessions/provider"),
        (token_login(), "/oauth/provider/token"),
        (token_login(org="acme corp"), "/oauth/tenant/acme%20corp/token"),
    ],
)
async def test_each_way_to_log_in_has_its_own_path(login: Login, path: str) -> None:
    async with FakeVcd() as vcd, rig(vcd, login=login) as it:
        small_cloud(vcd)
        await it.whole_map()
        assert [asked for method, asked in vcd.seen if method == "POST"] == [path]
        assert it.observed.of("logged_in") == [("logged_in", vcd.host)]


async def test_an_ended_session_is_renewed_once_in_the_middle_of_a_reading() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd)
        rows = vcd.lists["externalNetworks"]

        async def networks(_: web.Request) -> web.Response:
            if vcd.logins == 1:
                vcd.access.clear()
                return web.Response(status=401)
            return web.json_response({"resultTotal": len(rows), "values": rows})

        vcd.handlers[f"{ROOT}/externalNetworks"] = networks
        await it.whole_map()
        assert vcd.logins == 2


async def test_a_session_that_ends_for_many_calls_at_once_is_renewed_once() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd)
        await it.whole_map()
        vcd.access.clear()
        await asyncio.gather(*(it.source.session_get(f"{ROOT}/orgs", "application/json") for _ in range(8)))
        assert vcd.logins == 2


async def test_a_fresh_session_that_is_refused_too_ends_the_reading() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd)
        vcd.handlers[f"{ROOT}/externalNetworks"] = always(lambda: web.Response(status=401))
        found = await it.source.read_map()
        assert not found.complete
        assert vcd.logins == 2
        assert "a fresh log-in was refused too" in found.faults[0]
        assert vcd.asked("edgeGateways") == []


@pytest.mark.parametrize("login", [password_login("wrong-one"), token_login("wrong-one")])
async def test_refused_credentials_are_tried_once_and_then_nothing_is_sent_for_long(login: Login) -> None:
    async with FakeVcd() as vcd, rig(vcd, login=login) as it:
        small_cloud(vcd)
        messages = []
        for _ in range(3):
            with pytest.raises(AuthFailed) as caught:
                await it.source.read_map()
            messages.append(str(caught.value))
        assert vcd.logins == 1
        it.clock.advance(900_001)
        with pytest.raises(AuthFailed):
            await it.source.read_map()
        assert vcd.logins == 2
        assert it.observed.of("login_refused") == [
            ("login_refused", vcd.host, "900"),
            ("login_refused", vcd.host, "1800"),
        ]
        assert "wrong-one" not in " ".join(messages) + repr(it.observed.notes)
        assert "since accounts lock" in messages[0]


@pytest.mark.parametrize(
    ("answer", "error", "words"),
    [
        (lambda: web.Response(status=503), SourceUnavailable, "HTTP 503"),
        (lambda: web.Response(status=404), SourceError, "HTTP 404"),
        (lambda: web.Response(text="<html>"), ResponseInvalid, "expected JSON with access_token"),
        (lambda: web.json_response({"access_token": 5}), ResponseInvalid, "without a proper access_token"),
        (lambda: web.json_response({"access_token": "a\nb"}), ResponseInvalid, "without a proper access_token"),
        (
            lambda: web.Response(status=302, headers={"Location": "https://elsewhere.example.net/x"}),
            ResponseInvalid,
            "points to elsewhere.example.net",
        ),
    ],
)
async def test_a_log_in_that_is_neither_taken_nor_refused_is_no_reason_to_wait_long(
    answer: object, error: type[SourceError], words: str
) -> None:
    async with FakeVcd() as vcd, rig(vcd, login=token_login()) as it:
        small_cloud(vcd)
        vcd.token_handler = always(answer)  # type: ignore[arg-type]  # parametrised lambdas have no type
        with pytest.raises(error, match=words):
            await it.source.read_map()
        assert it.observed.of("login_refused") == []
        vcd.token_handler = None
        await it.whole_map()


async def test_a_session_without_a_token_is_invalid() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        vcd.new_access = lambda: ""  # type: ignore[method-assign]  # the fake's own tokens are what is odd here
        with pytest.raises(ResponseInvalid, match="without a proper header X-VMWARE-VCLOUD-ACCESS-TOKEN"):
            await it.source.read_map()


@pytest.mark.parametrize("secret", ["", "two\nlines"])
async def test_a_secret_that_is_empty_or_has_lines_is_not_sent(secret: str) -> None:
    async with FakeVcd() as vcd, rig(vcd, login=password_login(secret)) as it:
        with pytest.raises(AuthFailed, match="empty or has a control character"):
            await it.source.read_map()
        assert vcd.logins == 0


async def test_a_secret_that_cannot_be_read_is_told_and_tried_again() -> None:
    def secret() -> str:
        return Path("/nonexistent/secret").read_text()

    async with FakeVcd() as vcd, rig(vcd, login=PasswordLogin(USERNAME, secret)) as it:
        with pytest.raises(SourceUnavailable, match="/nonexistent/secret"):
            await it.source.read_map()
        assert vcd.logins == 0


async def test_the_session_of_a_password_is_ended_and_that_of_a_token_is_not() -> None:
    async with FakeVcd() as vcd:
        small_cloud(vcd)
        for login in (password_login(), token_login()):
            async with rig(vcd, login=login) as it:
                await it.whole_map()
        assert [path for method, path in vcd.seen if method == "DELETE"] == [f"{ROOT}/sessions/current"]
        assert len(vcd.access) == 1


async def test_secrets_are_told_before_they_are_used_and_stand_in_no_message() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd)
        pair = base64.b64encode(f"{USERNAME}@System:{PASSWORD}".encode()).decode()

        def echo(request: web.Request) -> str:
            return f"you sent {request.headers['Authorization']} and {PASSWORD} and {pair}"

        async def html(request: web.Request) -> web.Response:
            return web.Response(text=echo(request), content_type="text/html")

        async def error(request: web.Request) -> web.Response:
            return fault(400, "BAD_REQUEST", echo(request))

        async def xml(request: web.Request) -> web.Response:
            return web.Response(text=f'<Error minorErrorCode="X" message="{echo(request)}"/>', status=500)

        handlers: tuple[Handler, ...] = (html, error, xml)
        texts: list[str] = []
        for handler in handlers:
            vcd.handlers[f"{ROOT}/edgeGateways"] = handler
            texts.extend((await it.source.read_map()).faults)
            vcd.handlers[f"{ROOT}/orgs"] = vcd.handlers.pop(f"{ROOT}/edgeGateways")
            with pytest.raises(SourceError) as caught:
                await it.source.read_map()
            texts.append(str(caught.value))
            del vcd.handlers[f"{ROOT}/orgs"]
        text = "\n".join(texts)
        assert text.count("you sent Bearer ***") >= 5
        assert {PASSWORD, pair, *vcd.access} <= set(it.secrets)
        for secret in (PASSWORD, pair, *vcd.access):
            assert secret not in text


async def test_two_cells_share_refused_credentials_and_the_second_serves_when_the_first_is_away() -> None:
    async with FakeVcd() as first, FakeVcd() as second:
        small_cloud(second)
        async with rig(first, second) as it:
            await first.__aexit__(None, None, None)
            await it.whole_map()
            assert it.observed.of("moved") == [("moved", first.host, second.host)]


async def test_an_api_token_that_is_answered_with_another_one_goes_on_being_used() -> None:
    async with FakeVcd() as vcd, rig(vcd, login=token_login()) as it:
        small_cloud(vcd)

        async def other(_: web.Request) -> web.Response:
            return web.json_response({"access_token": vcd.new_access(), "refresh_token": "another-one"})

        vcd.token_handler = other
        await it.whole_map()
        assert "another-one" in it.secrets


def test_no_login_shows_its_secret() -> None:
    shown = repr([password_login("hush-hush"), token_login("hush-hush"), ServiceAccountLogin(Path("/run/token"))])
    assert "hush-hush" not in shown
