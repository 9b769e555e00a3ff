"""Log-ins: sessions, Basic, bearer, client certificates, and the lockout."""

from __future__ import annotations

import base64
import ssl

import aiohttp
import pytest

from simulator import Simulator
from simulator.auth import Accounts, Denied, Sessions
from tests.simulator.conftest import Client, Start

VERSION = "/api/v1/node/version"
pytestmark = pytest.mark.integration


async def test_a_session_needs_its_cookie_and_its_token(client: Client) -> None:
    cookie, token = client.headers["Cookie"], client.headers["X-XSRF-TOKEN"]
    assert (await client.get(VERSION)).status == 200
    no_token = await client.get(VERSION, headers={"Cookie": cookie})
    assert (no_token.status, no_token.body["error_code"]) == (403, 98)
    wrong = await client.get(VERSION, headers={"Cookie": cookie, "X-XSRF-TOKEN": token[::-1]})
    assert (wrong.status, wrong.body["error_code"]) == (403, 98)
    assert (await client.get(VERSION, headers={"X-XSRF-TOKEN": token})).status == 401
    assert (await client.get(VERSION, headers={"Cookie": "JSESSIONID=UNKNOWN"})).status == 401


async def test_the_cookie_is_marked_for_its_channel(start: Start) -> None:
    client = await start(login=False)
    flags = (await client.login()).headers["Set-Cookie"].split("; ")
    assert flags[1:] == ["Path=/", "Secure", "HttpOnly", "SameSite=Lax"]


async def test_a_session_is_known_to_the_manager_that_issued_it_only(client: Client) -> None:
    client.manager = 1
    answer = await client.get(VERSION)
    assert (answer.status, answer.body["error_code"]) == (403, 98)


async def test_a_session_that_was_destroyed_is_gone(client: Client) -> None:
    url = client.sim.urls[0] + "/api/session/destroy"
    async with client.http.post(url, headers=client.headers) as response:
        assert response.status == 200
    assert (await client.get(VERSION)).status == 403


def _basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


async def test_basic_and_bearer(client: Client) -> None:
    basic = _basic(client.sim.username, client.sim.password)
    assert (await client.get(VERSION, headers={"Authorization": basic})).status == 200
    wrong = _basic(client.sim.username, "wrong")
    assert (await client.get(VERSION, headers={"Authorization": wrong})).status == 403
    assert (await client.get(VERSION, headers={"Authorization": f"Bearer {client.sim.token}"})).status == 200
    assert (await client.get(VERSION, headers={"Authorization": "Bearer other"})).status == 401
    assert (await client.get(VERSION, headers={})).status == 401


async def test_a_client_certificate_is_an_account(start: Start) -> None:
    client = await start(login=False)
    files = client.sim.tls
    assert files is not None
    context = ssl.create_default_context(cafile=str(files.ca_file))
    context.load_cert_chain(files.client_cert_file, files.client_key_file)
    async with (
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(ssl=context)) as http,
        http.get(client.sim.urls[0] + VERSION) as response,
    ):
        assert response.status == 200
    assert "northmeter" in client.sim.limits.clients, "the certificate's requests count as its account's"


async def test_the_fingerprint_is_that_of_the_certificate(client: Client) -> None:
    assert client.sim.fingerprint is not None
    pin = aiohttp.Fingerprint(bytes.fromhex(client.sim.fingerprint))
    async with client.http.get(client.sim.urls[1] + VERSION, ssl=pin) as response:
        assert response.status == 401


async def test_wrong_passwords_lock_the_account(start: Start) -> None:
    client = await start(login=False)
    for _ in range(5):
        assert (await client.login("wrong")).status == 403
    assert client.sim.accounts.locked(client.sim.username)
    assert (await client.login()).status == 403, "the right password does not help while it is locked"
    assert client.sim.stats()["logins"] == {"made": 0, "refused": 5, "lockouts": 1, "while_locked": 1}
    client.sim.accounts.unlock(client.sim.username)
    assert (await client.login()).status == 200


def _accounts(now: list[float]) -> Accounts:
    return Accounts({"u": "p"}, {}, failures_max=2, lockout_seconds=60, reset_seconds=100, monotonic=lambda: now[0])


def test_a_lockout_ends_and_old_failures_are_forgotten() -> None:
    now = [0.0]
    accounts = _accounts(now)
    accounts.check("u", "x")
    now[0] = 101
    accounts.check("u", "x")
    assert not accounts.locked("u"), "the first failure is too long ago to count"
    accounts.check("u", "x")
    assert accounts.locked("u")
    now[0] = 162
    assert accounts.check("u", "p") is None
    assert accounts.failures("u") == 0


def test_an_idle_session_ends() -> None:
    now = [0.0]
    sessions = Sessions(_accounts(now), 30, monotonic=lambda: now[0])
    made = sessions.create("u", "p")
    assert not isinstance(made, Denied)
    cookie, session = made
    headers = {"X-XSRF-TOKEN": session.xsrf}
    now[0] = 29
    assert sessions.identify(headers, cookie, None) == "u"
    now[0] = 58
    assert sessions.identify(headers, cookie, None) == "u", "each request begins the time anew"
    now[0] = 89
    ended = sessions.identify(headers, cookie, None)
    assert isinstance(ended, Denied)
    assert ended.code == 98
    assert session.xsrf not in repr(session)


async def test_plain_http_has_no_certificates(start: Start) -> None:
    client = await start(tls=False)
    assert client.sim.urls[0].startswith("http://")
    assert client.sim.ca_file is None
    assert isinstance(client.sim, Simulator)
    assert (await client.get(VERSION)).status == 200
