"""Log-ins, their end, refused credentials, and which manager is asked."""

from __future__ import annotations

import asyncio

import pytest
from aiohttp import web

from collector.errors import AuthFailed, ResponseInvalid, SourceUnavailable
from collector.sources.nsxt.options import BasicLogin, BearerLogin
from tests.unit.sources.fake_nsx import PASSWORD, USERNAME, FakeManager, always, error, rig, session_login

PATH = "/x"


async def test_many_calls_share_one_log_in() -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        nsx.answers[PATH] = {}
        await asyncio.gather(*(it.http.get(PATH) for _ in range(20)))
        assert nsx.logins == 1


@pytest.mark.parametrize(
    "over", [lambda: web.Response(status=401), lambda: error(403, 98, "XSRF"), lambda: error(403, "98", "XSRF")]
)
async def test_an_ended_session_is_renewed_once_and_the_call_repeated(over: object) -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        nsx.answers[PATH] = {"fine": 1}
        await it.http.get(PATH)
        nsx.sessions.clear()
        nsx.script = [always(over)]  # type: ignore[arg-type]  # parametrised lambdas have no type
        assert (await it.http.get(PATH)).body == b'{"fine": 1}'
        assert nsx.logins == 2


async def test_many_calls_meet_an_ended_session_and_log_in_once() -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        nsx.answers[PATH] = {}
        await it.http.get(PATH)
        nsx.sessions.clear()
        await asyncio.gather(*(it.http.get(PATH) for _ in range(16)))
        assert nsx.logins == 2


async def test_a_fresh_session_that_is_refused_too_is_an_error_not_a_loop() -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        nsx.accepts = lambda request: False
        with pytest.raises(AuthFailed):
            await it.http.get(PATH)
        assert (nsx.logins, len(nsx.paths())) == (2, 2)


async def test_refused_credentials_are_tried_once_and_then_nothing_is_sent_for_long() -> None:
    async with FakeManager() as nsx, rig(nsx, login=session_login("wrong")) as it:
        results = await asyncio.gather(*(it.http.get(PATH) for _ in range(20)), return_exceptions=True)
        assert all(isinstance(result, AuthFailed) for result in results)
        assert nsx.logins == 1
        it.clock.advance(899_000)
        with pytest.raises(AuthFailed, match="nothing is sent for another 1 s"):
            await it.http.get(PATH)
        assert len(nsx.seen) == 1
        it.clock.advance(1_001)
        with pytest.raises(AuthFailed):
            await it.http.get(PATH)
        assert nsx.logins == 2
        it.clock.advance(1_790_000)
        with pytest.raises(AuthFailed):
            await it.http.get(PATH)
        assert nsx.logins == 2
        assert it.observed.of("login_refused") == [
            ("login_refused", nsx.host, "900"),
            ("login_refused", nsx.host, "1800"),
        ]
        assert len(it.observed.of("bad")) == 1
        text = " ".join(str(result) for result in results) + repr(it.observed.notes)
        assert "wrong" not in text


async def test_accepted_credentials_end_the_back_off() -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        nsx.answers[PATH] = {}
        nsx.password = "another"
        with pytest.raises(AuthFailed):
            await it.http.get(PATH)
        nsx.password = PASSWORD
        it.clock.advance(900_001)
        await it.http.get(PATH)
        assert [note[0] for note in it.observed.notes] == ["login_refused", "bad", "logged_in", "recovered"]
        nsx.sessions.clear()
        nsx.password = "another"
        with pytest.raises(AuthFailed):
            await it.http.get(PATH)
        assert it.observed.of("login_refused")[-1] == ("login_refused", nsx.host, "900")


async def test_a_log_in_outlives_the_call_that_began_it() -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        nsx.answers[PATH] = {}
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def slow(_: web.Request) -> web.StreamResponse:
            begun.set()
            await may_end.wait()
            nsx.sessions["c"] = "t"
            return web.Response(headers={"Set-Cookie": "JSESSIONID=c; Path=/; Secure; HttpOnly", "X-XSRF-TOKEN": "t"})

        nsx.login_handler = slow
        impatient = asyncio.create_task(it.http.get(PATH))
        await begun.wait()
        impatient.cancel()
        patient = asyncio.create_task(it.http.get(PATH))
        await asyncio.sleep(0)
        may_end.set()
        assert (await patient).status == 200
        assert nsx.logins == 1


@pytest.mark.parametrize("headers", [{"X-XSRF-TOKEN": "t"}, {"Set-Cookie": "JSESSIONID=c"}])
async def test_a_log_in_without_cookie_or_token_is_invalid(headers: dict[str, str]) -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        nsx.login_handler = always(lambda: web.Response(headers=headers))
        with pytest.raises(ResponseInvalid, match="answered without the header"):
            await it.http.get(PATH)


async def test_a_log_in_that_is_throttled_is_tried_again_and_not_taken_for_refused() -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        nsx.login_handler = always(lambda: error(503, None, "starting"))
        with pytest.raises(SourceUnavailable):
            await it.http.get(PATH)
        nsx.login_handler = None
        nsx.answers[PATH] = {}
        await it.http.get(PATH)
        assert not it.observed.of("login_refused")


async def test_the_session_is_ended_when_the_source_stops() -> None:
    async with FakeManager() as nsx:
        async with rig(nsx) as it:
            await it.client.version()
            assert len(nsx.sessions) == 1
        assert nsx.seen[-1] == ("POST", "/api/session/destroy")
        assert not nsx.sessions


async def test_stopping_does_not_wait_for_a_manager_that_is_silent() -> None:
    async with FakeManager() as nsx:
        async with rig(nsx, requests_per_second=2) as it:
            await it.client.version()
            begun = asyncio.get_running_loop().time()
        assert asyncio.get_running_loop().time() - begun < 2


async def test_basic_log_in_sends_the_credentials_and_proves_them_first() -> None:
    async with FakeManager() as nsx, rig(nsx, login=BasicLogin(USERNAME, lambda: PASSWORD)) as it:
        nsx.accepts = lambda request: request.headers.get("Authorization") == "Basic bWV0ZXI6cGFzcy1waHJhc2UtNDcxMQ=="
        nsx.answers[PATH] = {}
        await asyncio.gather(*(it.http.get(PATH) for _ in range(8)))
        assert nsx.paths() == ["/api/v1/node/version"] + [PATH] * 8


async def test_basic_log_in_with_a_wrong_password_is_sent_once() -> None:
    async with FakeManager() as nsx, rig(nsx, login=BasicLogin(USERNAME, lambda: "wrong")) as it:
        nsx.accepts = lambda request: False
        results = await asyncio.gather(*(it.http.get(PATH) for _ in range(16)), return_exceptions=True)
        assert all(isinstance(result, AuthFailed) for result in results)
        assert len(nsx.seen) == 1


async def test_a_password_that_changes_meanwhile_costs_only_what_is_in_flight() -> None:
    async with FakeManager() as nsx, rig(nsx, login=BasicLogin(USERNAME, lambda: PASSWORD), concurrency=4) as it:
        nsx.accepts = lambda request: True
        nsx.answers[PATH] = {}
        await it.http.get(PATH)
        nsx.accepts = lambda request: False
        results = await asyncio.gather(*(it.http.get(PATH) for _ in range(50)), return_exceptions=True)
        assert all(isinstance(result, AuthFailed) for result in results)
        assert len(nsx.seen) - 2 <= 4 + 1


async def test_a_new_log_in_carries_nothing_of_the_old_one() -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        nsx.answers[PATH] = {}
        await it.http.get(PATH)
        nsx.sessions.clear()
        await it.http.get(PATH)
        logins = [headers for (_, path), headers in zip(nsx.seen, nsx.headers, strict=True) if "create" in path]
        assert len(logins) == 2
        assert all("Cookie" not in headers and "X-XSRF-TOKEN" not in headers for headers in logins)


async def test_a_bearer_token_is_read_anew_when_it_is_no_longer_taken() -> None:
    tokens = iter(["first", "second"])
    good = "first"
    async with FakeManager() as nsx, rig(nsx, login=BearerLogin(lambda: next(tokens))) as it:
        nsx.accepts = lambda request: request.headers.get("Authorization") == f"Bearer {good}"
        nsx.answers[PATH] = {}
        await it.http.get(PATH)
        good = "second"
        await it.http.get(PATH)
        assert [path for path in nsx.paths() if path == PATH] == [PATH] * 3


async def test_a_dead_manager_is_left_and_returned_to() -> None:
    async with FakeManager() as second:
        second.answers[PATH] = {"from": 2}
        first = FakeManager()
        async with first:
            pass
        async with rig(first, second, return_probe_seconds=0.02) as it:
            assert (await it.http.get(PATH)).body == b'{"from": 2}'
            assert it.observed.of("moved") == [("moved", first.host, second.host)]
            assert not it.observed.of("bad")
            port = int(first.host.rpartition(":")[2])
            back = web.AppRunner(_app(first), access_log=None, shutdown_timeout=0.1)
            first.answers[PATH] = {"from": 1}
            await back.setup()
            await web.TCPSite(back, "127.0.0.1", port).start()
            it.observed.has_moved.clear()
            await it.observed.has_moved.wait()
            assert (await it.http.get(PATH)).body == b'{"from": 1}'
            assert (first.logins, second.logins) == (1, 1)
            await it.http.stop()
            await back.cleanup()


def _app(manager: FakeManager) -> web.Application:
    app = web.Application()
    app.router.add_route("*", "/{tail:.*}", manager._serve)
    return app


async def test_many_calls_that_find_a_manager_dead_leave_it_once() -> None:
    first = FakeManager()
    async with first:
        pass
    async with FakeManager() as second, FakeManager() as third, rig(first, second, third) as it:
        second.answers[PATH] = {"from": 2}
        await asyncio.gather(*(it.http.get(PATH) for _ in range(40)))
        assert it.observed.of("moved") == [("moved", first.host, second.host)]
        assert not third.seen


async def test_with_all_managers_dead_the_moves_between_them_are_not_told() -> None:
    dead = [FakeManager() for _ in range(3)]
    for manager in dead:
        async with manager:
            pass
    async with rig(*dead) as it:
        for _ in range(10):
            with pytest.raises(SourceUnavailable):
                await it.http.get(PATH)
        names = [note[0] for note in it.observed.notes]
        assert names.count("bad") == 1
        assert names.count("moved") <= 2


async def test_a_secret_that_cannot_be_read_or_sent_is_said_and_sends_nothing() -> None:
    def missing() -> str:
        raise FileNotFoundError("/run/secrets/token")

    async with FakeManager() as nsx:
        async with rig(nsx, login=BearerLogin(missing)) as it:
            with pytest.raises(SourceUnavailable, match="/run/secrets/token"):
                await it.http.get(PATH)
        async with rig(nsx, login=BearerLogin(lambda: "two\nlines")) as it:
            with pytest.raises(AuthFailed, match="write it on one line") as caught:
                await it.http.get(PATH)
            assert "two" not in str(caught.value)
        assert not nsx.seen


async def test_a_manager_that_answers_503_to_everything_is_left_on_the_second_time() -> None:
    async with FakeManager() as first, FakeManager() as second, rig(first, second) as it:
        first.accepts = second.accepts = lambda request: True
        second.answers[PATH] = {"from": 2}
        first.answers[PATH] = always(lambda: web.Response(status=503))
        await it.client.version()
        assert (await it.http.get(PATH)).body == b'{"from": 2}'
        assert first.paths().count(PATH) == 2


async def test_one_object_that_fails_on_every_manager_does_not_move_the_others() -> None:
    async with FakeManager() as first, FakeManager() as second, rig(first, second) as it:
        first.answers["/good"] = {}

        async def broken(_: web.Request) -> web.Response:
            await it.http.get("/good")
            return web.Response(status=504)

        first.answers[PATH] = broken
        await it.http.get("/good")
        with pytest.raises(SourceUnavailable):
            await it.http.get(PATH)
        assert it.http.current.url == first.url
        assert not it.observed.of("moved")


async def test_each_manager_has_a_session_and_cookies_of_its_own() -> None:
    async with FakeManager() as first, FakeManager() as second, rig(first, second) as it:
        second.answers[PATH] = first.answers[PATH] = {}
        await it.http.get(PATH)
        await it.http.get_at(it.http.managers[1], PATH)
        cookies = [headers["Cookie"] for nsx in (first, second) for headers in nsx.headers if "X-XSRF-TOKEN" in headers]
        assert len(set(cookies)) == 2
        assert all("Cookie" not in nsx.headers[0] for nsx in (first, second))
