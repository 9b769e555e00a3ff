"""A manager that answers what a test tells it to, and takes note of everything that reaches it."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any, Self

from aiohttp import web

from collector.clock import ManualClock
from collector.sources.http import HttpClient
from collector.sources.nsxt.api import NsxtApi
from collector.sources.nsxt.client import NsxtClient
from collector.sources.nsxt.endpoints import Endpoints
from collector.sources.nsxt.options import Login, SessionLogin
from collector.sources.observer import SourceObserver
from collector.sources.options import HttpOptions, TlsOptions

USERNAME = "meter"
PASSWORD = "pass-phrase-4711"
VERSION = "/api/v1/node/version"

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class FakeManager:
    """One manager: sessions as NSX has them, lists and single answers by path.

    Attributes:
        answers: Path without query → JSON, or a handler of its own.
        lists: Path without query → objects, served in pages of ``page_rows``.
        script: Answers that are given first, whatever is asked (log-ins excepted); one each.
        seen: (method, path with query) of every request, in order.
        at: Monotonic time of every request.
    """

    def __init__(self) -> None:
        self.answers: dict[str, Any] = {VERSION: {"product_version": "4.1.2.0.0"}}
        self.lists: dict[str, list[dict[str, Any]]] = {}
        self.page_rows = 1_000
        self.script: list[Handler] = []
        self.seen: list[tuple[str, str]] = []
        self.at: list[float] = []
        self.logins = 0
        self.password = PASSWORD
        self.sessions: dict[str, str] = {}
        self.login_handler: Handler | None = None
        self.accepts: Callable[[web.Request], bool] = self.has_session
        self.url = ""
        self.headers: list[dict[str, str]] = []
        self._stack = AsyncExitStack()
        self._tls: ssl.SSLContext | None = None

    def over_tls(self, context: ssl.SSLContext) -> Self:
        self._tls = context
        return self

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        port = runner.addresses[0][1]
        self.url = f"https://localhost:{port}" if self._tls else f"http://127.0.0.1:{port}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def host(self) -> str:
        return self.url.partition("://")[2]

    def paths(self) -> list[str]:
        """Paths with queries of all requests but the log-ins."""
        return [path for _, path in self.seen if "/session/" not in path]

    def has_session(self, request: web.Request) -> bool:
        cookie = request.cookies.get("JSESSIONID", "")
        return cookie in self.sessions and request.headers.get("X-XSRF-TOKEN") == self.sessions[cookie]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.raw_path))
        self.at.append(time.monotonic())
        self.headers.append(dict(request.headers))
        if request.path == "/api/session/create":
            return await self._log_in(request)
        if request.path == "/api/session/destroy":
            self.sessions.pop(request.cookies.get("JSESSIONID", ""), None)
            return web.Response()
        if self.script:
            return await self.script.pop(0)(request)
        if not self.accepts(request):
            return error(403, 98, "The XSRF token is missing or has expired")
        return await self._answer(request)

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        self.logins += 1
        if self.login_handler is not None:
            return await self.login_handler(request)
        form = await request.post()
        if (form.get("j_username"), form.get("j_password")) != (USERNAME, self.password):
            return error(403, 403, "The credentials were incorrect or the account specified has been locked.")
        cookie = f"session-{self.logins}-{id(self)}"
        self.sessions[cookie] = f"token-{self.logins}"
        response = web.Response(headers={"X-XSRF-TOKEN": self.sessions[cookie]})
        response.set_cookie("JSESSIONID", cookie, path="/", httponly=True, samesite="Lax")
        return response

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if request.path in self.lists:
            return self._page(request)
        answer = self.answers.get(request.path)
        if answer is None:
            return error(404, 202, "The object does not exist")
        if callable(answer):
            response: web.StreamResponse = await answer(request)
            return response
        return web.json_response(answer)

    def _page(self, request: web.Request) -> web.Response:
        rows = self.lists[request.path]
        first = int(request.query.get("cursor", "c0")[1:])
        page: dict[str, Any] = {"results": rows[first : first + self.page_rows]}
        if first == 0:
            page["result_count"] = len(rows)
        if first + self.page_rows < len(rows):
            page["cursor"] = f"c{first + self.page_rows}"
        return web.json_response(page)


def error(status: int, code: int | str | None, message: str, **headers: str) -> web.Response:
    return web.json_response(
        {"module_name": "policy", "error_message": message, "error_code": code}, status=status, headers=headers
    )


def always(response: Callable[[], web.StreamResponse]) -> Handler:
    """Return a handler that answers so, whatever is asked."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return response()

    return handler


def counters(value: int) -> dict[str, int]:
    return {"total_bytes": value, "total_packets": value // 1_000, "dropped_packets": 0}


def node_row(node: str, at: int, rx: int, tx: int) -> dict[str, Any]:
    return {"transport_node_id": node, "last_update_timestamp": at, "rx": counters(rx), "tx": counters(tx)}


@dataclass
class Observed(SourceObserver):
    """An observer that takes notes."""

    notes: list[tuple[str, ...]] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)
    has_moved: asyncio.Event = field(default_factory=asyncio.Event)

    def of(self, name: str) -> list[tuple[str, ...]]:
        return [note for note in self.notes if note[0] == name]

    def request_done(self, source: str, outcome: str, seconds: float) -> None:
        assert seconds >= 0
        self.outcomes.append(outcome)

    def throttled(self, source: str, status: int, requests_per_second: int, concurrency: int) -> None:
        self.notes.append(("throttled", str(status), str(requests_per_second), str(concurrency)))

    def logged_in(self, source: str, manager: str) -> None:
        self.notes.append(("logged_in", manager))

    def login_refused(self, source: str, manager: str, retry_seconds: float) -> None:
        self.notes.append(("login_refused", manager, f"{retry_seconds:.0f}"))

    def moved(self, source: str, left: str, taken: str, reason: str) -> None:
        self.notes.append(("moved", left, taken))
        self.has_moved.set()

    def source_bad(self, source: str, reason: str) -> None:
        self.notes.append(("bad", reason))

    def source_recovered(self, source: str) -> None:
        self.notes.append(("recovered",))


@dataclass
class Rig:
    """A client on fake managers."""

    client: NsxtClient
    http: HttpClient
    clock: ManualClock
    observed: Observed

    async def __aenter__(self) -> Self:
        await self.http.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.http.stop()


def session_login(password: str = PASSWORD) -> SessionLogin:
    return SessionLogin(USERNAME, lambda: password)


def rig(*managers: FakeManager, login: Login | None = None, tls: TlsOptions | None = None, **options: Any) -> Rig:
    """Return a client with a manual clock on the managers, the first one preferred."""
    clock = ManualClock(1_700_000_000_000)
    observed = Observed()
    http_options = HttpOptions(
        name="nsx-a",
        urls=tuple(manager.url for manager in managers),
        tls=tls or TlsOptions(),
        **{"requests_per_second": 1_000, "timeout_seconds": 5.0, "retry_wait_seconds": 0.001} | options,
    )
    http = HttpClient(http_options, NsxtApi(login or session_login()), clock, observed)
    return Rig(NsxtClient(http, Endpoints(federation=False), clock), http, clock, observed)
