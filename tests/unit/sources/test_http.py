"""Retries, throttling, bounds and words of the shared HTTP client."""

from __future__ import annotations

import asyncio
import gzip

import pytest
from aiohttp import web

from collector.errors import AuthFailed, ResponseInvalid, SourceError, SourceUnavailable, Throttled
from collector.sources.options import POLL_RETRY
from tests.unit.sources.fake_nsx import FakeManager, Handler, always, error, rig

PATH = "/policy/api/v1/infra/x?edge_path=secret-in-query"


def html(status: int) -> Handler:
    page = "<html><body>We are sorry</body></html>"
    return always(lambda: web.Response(text=page, status=status, content_type="text/html"))


def said(status: int, code: int | str | None = None, message: str = "no", **headers: str) -> Handler:
    return always(lambda: error(status, code, message, **headers))


async def cut(request: web.Request) -> web.StreamResponse:
    """Break the connection in the middle of an answer."""
    response = web.StreamResponse(headers={"Content-Length": "1000"})
    await response.prepare(request)
    await response.write(b'{"logical')
    assert request.transport is not None
    request.transport.abort()
    return response


async def drop(request: web.Request) -> web.StreamResponse:
    """Break the connection instead of answering."""
    assert request.transport is not None
    request.transport.abort()
    return web.Response()


@pytest.mark.parametrize(
    "failure",
    [said(500, 607), said(502), html(503), said(503, 98, "too many"), said(504), said(429, "102"), drop, cut],
    ids=["500", "502", "503-html", "503", "504", "429", "dropped", "cut"],
)
async def test_a_passing_failure_is_tried_again(failure: Handler) -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        nsx.answers["/policy/api/v1/infra/x"] = {"fine": True}
        nsx.script = [failure]
        answer = await it.http.get(PATH)
        assert answer.body == b'{"fine": true}'
        assert len(nsx.paths()) == 2


@pytest.mark.parametrize(
    ("failure", "kind", "words"),
    [
        (said(500, 607, "reconfigured"), SourceUnavailable, "HTTP 500, code 607: reconfigured"),
        (html(503), SourceUnavailable, "HTTP 503, text/html instead of a JSON error: '<html><body>We are sorry"),
        (said(503, None, "exceeded concurrency of 40"), Throttled, "concurrency"),
        (said(429, "102", "exceeded request rate"), Throttled, "code 102: exceeded request rate"),
        (drop, SourceUnavailable, "the connection broke"),
    ],
    ids=["500", "503-html", "503-concurrency", "429", "dropped"],
)
async def test_a_lasting_failure_ends_after_a_few_attempts(
    failure: Handler, kind: type[SourceError], words: str
) -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        await it.client.version()
        nsx.script = [failure] * 20
        with pytest.raises(kind) as caught:
            await it.http.get(PATH)
        assert type(caught.value) is kind
        assert words in str(caught.value)
        assert f"{nsx.host}/policy/api/v1/infra/x" in str(caught.value)
        assert "secret-in-query" not in str(caught.value)
        assert 20 - len(nsx.script) == 1 + POLL_RETRY.retries


@pytest.mark.parametrize(
    ("failure", "kind", "words"),
    [
        (said(400, 287), ResponseInvalid, "HTTP 400"),
        (said(409), ResponseInvalid, "HTTP 409"),
        (said(418), ResponseInvalid, "HTTP 418"),
        (said(403, 289, "no permission"), AuthFailed, "needs the right to read it"),
        (
            said(307, Location="https://me:pw@elsewhere.example/login?next=x"),
            ResponseInvalid,
            "HTTP 307 points to elsewhere.example; redirects are refused",
        ),
        (said(301, Location="/ui"), ResponseInvalid, "points to the same host"),
    ],
    ids=["400", "409", "418", "403", "307", "301"],
)
async def test_a_refusal_is_not_tried_again(failure: Handler, kind: type[SourceError], words: str) -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        await it.client.version()
        nsx.script = [failure]
        with pytest.raises(kind, match=words) as caught:
            await it.http.get(PATH)
        assert "pw@" not in str(caught.value)
        assert len(nsx.paths()) == 2
        assert nsx.logins == 1
        assert not it.observed.of("bad")


async def test_a_longer_answer_than_allowed_is_refused_with_and_without_a_length() -> None:
    async def endless(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        try:
            while True:
                await response.write(b"x" * 1_000)
                await asyncio.sleep(0)
        except ConnectionError:
            return response

    packed = gzip.compress(b"0" * 1_000_000)
    async with FakeManager() as nsx, rig(nsx, answer_bytes_max=5_000) as it:
        await it.client.version()
        for handler in (
            endless,
            always(lambda: web.Response(body=b"x" * 5_001)),
            always(lambda: web.Response(body=packed, headers={"Content-Encoding": "gzip"})),
        ):
            nsx.script = [handler]
            with pytest.raises(ResponseInvalid, match="longer than 5000 bytes"):
                await it.http.get(PATH)
        nsx.script = [always(lambda: web.Response(body=b"x" * 5_000))]
        assert len((await it.http.get(PATH)).body) == 5_000


async def test_a_silent_manager_is_given_up_after_the_time_out() -> None:
    async def silent(_: web.Request) -> web.StreamResponse:
        await asyncio.sleep(60)
        return web.Response()

    async with FakeManager() as nsx, rig(nsx, timeout_seconds=0.05) as it:
        await it.client.version()
        nsx.script = [silent] * 3
        with pytest.raises(SourceUnavailable, match=r"no answer within 0\.05 s"):
            await it.http.get(PATH)
        assert it.observed.outcomes[2:] == ["timeout"] * 3
        assert [note[0] for note in it.observed.notes] == ["logged_in", "bad"]


async def test_nobody_there_is_unavailable() -> None:
    async with FakeManager() as nsx:
        pass
    async with rig(nsx) as it:
        with pytest.raises(SourceUnavailable, match="no connection"):
            await it.http.get(PATH)
        assert it.observed.outcomes == ["connection"] * 3


async def test_what_is_no_http_is_said_to_be_none() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"SSH-2.0-OpenSSH_9.6\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    nsx = FakeManager()
    nsx.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    async with server, rig(nsx) as it:
        with pytest.raises(ResponseInvalid, match="not proper HTTP"):
            await it.http.get(PATH)


async def test_429_and_503_lower_the_budget_and_good_answers_raise_it() -> None:
    async with FakeManager() as nsx, rig(nsx, requests_per_second=80, concurrency=16) as it:
        nsx.answers["/policy/api/v1/infra/x"] = {}
        await it.client.version()
        nsx.script = [said(429, "102")]
        await it.http.get(PATH)
        assert it.observed.of("throttled") == [("throttled", "429", "40", "16")]
        assert it.http.budget.rate == 40


async def test_the_servers_own_delay_is_waited_for() -> None:
    loop = asyncio.get_running_loop()
    async with FakeManager() as nsx, rig(nsx) as it:
        nsx.answers["/policy/api/v1/infra/x"] = {}
        await it.client.version()
        nsx.script = [always(lambda: error(429, "102", "slow down", **{"Retry-After": "1"}))]
        begun = loop.time()
        await it.http.get(PATH)
        assert loop.time() - begun >= 1.0


async def test_a_delay_beyond_the_deadline_is_left_to_the_next_cycle() -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        await it.client.version()
        nsx.script = [always(lambda: error(429, "102", "slow down", **{"Retry-After": "120"}))]
        with pytest.raises(Throttled) as caught:
            await it.http.get(PATH)
        assert caught.value.delay_seconds == 120
        assert not nsx.script


async def test_the_library_never_sends_a_request_twice_by_itself() -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        await it.client.version()
        nsx.script = [drop, drop, drop]
        with pytest.raises(SourceUnavailable):
            await it.http.get_at(it.http.current, PATH)
        assert len(nsx.paths()) == 2
        assert len(it.observed.outcomes) == len(nsx.seen)


async def test_proxies_of_the_environment_are_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    async with FakeManager() as nsx, rig(nsx) as it:
        assert (await it.client.version())[0] == "4.1.2.0.0"


async def test_a_source_turns_bad_once_and_recovers_once() -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        await it.client.version()
        nsx.script = [said(500)] * 9
        for _ in range(3):
            with pytest.raises(SourceUnavailable):
                await it.http.get(PATH)
        for _ in range(3):
            await it.client.version()
        assert [note[0] for note in it.observed.notes] == ["logged_in", "bad", "recovered"]


async def test_the_budget_holds_for_every_request_that_reaches_the_manager() -> None:
    async with FakeManager() as nsx, rig(nsx, requests_per_second=25, concurrency=8) as it:
        nsx.answers["/policy/api/v1/infra/x"] = {}
        await asyncio.gather(*(it.http.get(PATH) for _ in range(60)))
        ordered = sorted(nsx.at)
        windows = [sum(1 for at in ordered if first <= at <= first + 1) for first in ordered]
        assert max(windows) <= 25
        assert len(ordered) == 61


async def test_a_cancelled_call_leaves_no_trace() -> None:
    async with FakeManager() as nsx, rig(nsx) as it:
        arrived = asyncio.Event()

        async def slow(_: web.Request) -> web.StreamResponse:
            arrived.set()
            await asyncio.sleep(60)
            return web.Response()

        await it.client.version()
        nsx.script = [slow]
        task = asyncio.create_task(it.http.get(PATH))
        await arrived.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert it.observed.outcomes[-1] == "cancelled"
        assert (await it.client.version())[0] == "4.1.2.0.0"
