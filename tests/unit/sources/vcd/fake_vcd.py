"""A Cloud Director that answers what a test tells it to, and takes note of everything that reaches it."""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any, Self

from aiohttp import web
from multidict import CIMultiDict

from collector.clock import ManualClock
from collector.model.directory import CloudMap
from collector.sources.options import HttpOptions
from collector.sources.vcd.options import Login, PasswordLogin, VcdOptions
from collector.sources.vcd.source import VcdSource
from tests.unit.sources.fake_nsx import Observed

ROOT = "/cloudapi/1.0.0"
USERNAME, PASSWORD = "meter", "pass-phrase-4711"
API_TOKEN, REFRESH_TOKEN = "api-token-0815", "refresh-0"
NOW = 1_700_000_000_000

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
Edit = Callable[[Any], Any]


class FakeVcd:
    """One cell: log-ins, lists in pages, single objects.

    Attributes:
        lists: Name below the root → rows.
        objects: Name below the root → object.
        managers: Records of the query service.
        handlers: Path → a handler of its own, after the log-in was checked.
        edits: Name below the root → what is done to each of its pages or to the object.
        paging: ``links`` names the next page; ``counts`` does not, and gives no number of pages; ``cursor`` gives no
            totals.
        page_rows_max: A page holds no more, whatever is asked.
        link_host: What links name instead of the cell itself.
        seen: (method, path with query) of every request, in order.
        access: Access tokens that are taken.
        refresh_token: The service account's, which changes at each use; ``spent`` are those before.
    """

    def __init__(self) -> None:
        self.versions: list[tuple[str, bool]] = [("36.0", True), ("37.0", False), ("38.1", False), ("40.0", False)]
        self.lists: dict[str, list[dict[str, Any]]] = {}
        self.objects: dict[str, Any] = {}
        self.managers: list[dict[str, Any]] = []
        self.handlers: dict[str, Handler] = {}
        self.edits: dict[str, Edit] = {}
        self.paging = "links"
        self.page_rows_max = 128
        self.link_host = ""
        self.seen: list[tuple[str, str]] = []
        self.accepted: list[tuple[str, str]] = []
        self.password = PASSWORD
        self.api_token = API_TOKEN
        self.refresh_token = REFRESH_TOKEN
        self.spent: list[str] = []
        self.rotates = True
        self.access: set[str] = set()
        self.logins = 0
        self.token_handler: Handler | None = None
        self.url = ""
        self._stack = AsyncExitStack()

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._serve)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        self._stack.push_async_callback(runner.cleanup)
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def host(self) -> str:
        return self.url.partition("://")[2]

    def asked(self, name: str) -> list[str]:
        """Queries that a list was asked with."""
        return [path.partition("?")[2] for _, path in self.seen if path.partition("?")[0] == f"{ROOT}/{name}"]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.seen.append((request.method, request.raw_path))
        self.accepted.append((request.path, request.headers.get("Accept", "")))
        if request.path == "/api/versions" and request.path not in self.handlers:
            return self._versions()
        if request.method == "POST":
            return await self._log_in(request)
        bearer = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if bearer not in self.access and request.path != "/api/versions":
            return web.Response(status=401)
        if request.path in self.handlers:
            return await self.handlers[request.path](request)
        if request.method == "DELETE":
            self.access.discard(bearer)
            return web.Response(status=204)
        if request.path == "/api/query":
            return web.json_response({"total": len(self.managers), "record": self.managers})
        return self._answer(request)

    # --- log-ins ------------------------------------------------------------------------------------------------------

    def _versions(self) -> web.Response:
        infos = "".join(
            f'<VersionInfo deprecated="{str(deprecated).lower()}"><Version>{version}</Version>'
            f"<LoginUrl>{self.url}/api/sessions</LoginUrl></VersionInfo>"
            for version, deprecated in self.versions
        )
        text = f'<SupportedVersions xmlns="http://www.vmware.com/vcloud/versions">{infos}</SupportedVersions>'
        return web.Response(text=text, content_type="text/xml")

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        self.logins += 1
        if request.path.startswith("/oauth/"):
            if self.token_handler is not None:
                return await self.token_handler(request)
            return await self._redeem(request)
        pair = base64.b64decode(request.headers["Authorization"].removeprefix("Basic ")).decode()
        org = "System" if request.path.endswith("/provider") else "acme"
        if pair != f"{USERNAME}@{org}:{self.password}":
            return web.json_response({"minorErrorCode": "UNAUTHORIZED", "message": f"not {pair}"}, status=401)
        return web.Response(headers={"X-VMWARE-VCLOUD-ACCESS-TOKEN": self.new_access()})

    async def _redeem(self, request: web.Request) -> web.StreamResponse:
        form = await request.post()
        token = form.get("refresh_token")
        if form.get("grant_type") != "refresh_token" or token not in {self.api_token, self.refresh_token}:
            return web.json_response({"error": "invalid_grant", "error_description": f"not {token!r}"}, status=400)
        return web.json_response(self.grant(str(token)))

    def grant(self, token: str) -> dict[str, Any]:
        """Use a token up."""
        answer = {"token_type": "Bearer", "expires_in": 3600, "refresh_token": token, "access_token": self.new_access()}
        if token == self.refresh_token and self.rotates:
            self.spent.append(token)
            self.refresh_token = answer["refresh_token"] = f"refresh-{len(self.spent)}"
        return answer

    def new_access(self) -> str:
        token = f"access-{len(self.seen)}-{id(self)}"
        self.access.add(token)
        return token

    # --- answers ------------------------------------------------------------------------------------------------------

    def _answer(self, request: web.Request) -> web.Response:
        name = request.path.removeprefix(f"{ROOT}/")
        edit = self.edits.get(name, lambda document: document)
        if name in self.lists:
            document, link = self._page(name, request)
            document = edit(document)
        elif name in self.objects:
            document, link = edit(self.objects[name]), None
        else:
            return fault(404, "RESOURCE_NOT_FOUND", f"{name} is not there")
        if isinstance(document, web.Response):
            return document
        response = web.json_response(document)
        if link is not None:
            response.headers.extend(link)
        return response

    def _page(self, name: str, request: web.Request) -> tuple[dict[str, Any], CIMultiDict[str] | None]:
        rows = _fitting(self.lists[name], request.query.get("filter", ""))
        size = min(int(request.query.get("pageSize", "25")), self.page_rows_max)
        cursor = request.query.get("cursor", "")
        page = int(cursor.removeprefix("after-") or 0) + 1 if cursor else int(request.query.get("page", "1"))
        counts: dict[str, Any] = {
            "resultTotal": len(rows),
            "pageCount": -(-len(rows) // size),
            "page": page,
            "pageSize": size,
            "associations": None,
        }
        if self.paging == "counts":
            counts["pageCount"] = None
        elif self.paging == "cursor":
            counts = {}
        document = counts | {"values": rows[(page - 1) * size : page * size]}
        if self.paging == "counts" or page * size >= len(rows):
            return document, None
        query = (
            f"pageSize={size}&cursor=after-{page}" if self.paging == "cursor" else f"page={page + 1}&pageSize={size}"
        )
        base = f"{self.link_host or self.url}{request.path}"
        links = (
            f'<{base}?page=1&pageSize={size}>;rel="firstPage";type="application/json", '
            f'<{base}?{query}>;rel="nextPage";type="application/json";model="Page, of many"'
        )
        return document, CIMultiDict([("Link", f'<{base}?page=9>;rel="lastPage"'), ("Link", links)])


def _fitting(rows: list[dict[str, Any]], fiql: str) -> list[dict[str, Any]]:
    """Return the rows that a filter of one comparison lets pass."""
    if not fiql:
        return rows
    name, _, wanted = fiql.partition("==")
    found = []
    for row in rows:
        value: Any = row
        for part in name.split("."):
            value = value[part]
        if value == wanted:
            found.append(row)
    return found


def fault(status: int, code: str, message: str) -> web.Response:
    return web.json_response({"minorErrorCode": code, "message": message, "stackTrace": None}, status=status)


def always(response: Callable[[], web.StreamResponse]) -> Handler:
    """Return a handler that answers so, whatever is asked."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return response()

    return handler


@dataclass
class Rig:
    """A started source, with its clock and its notes."""

    source: VcdSource
    clock: ManualClock
    observed: Observed
    secrets: list[str]

    async def __aenter__(self) -> Self:
        await self.source.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.source.stop()

    async def whole_map(self) -> CloudMap:
        found = await self.source.read_map()
        assert found.complete, found.faults
        return found


def rig(
    *cells: FakeVcd,
    login: Login | None = None,
    api_version: str | None = None,
    ip_spaces: bool = True,
    **http: Any,
) -> Rig:
    """Return a source with a manual clock on the cells, the first one preferred."""
    clock, observed = ManualClock(NOW), Observed()
    quick = {"requests_per_second": 1_000, "concurrency": 4, "timeout_seconds": 10.0, "retry_wait_seconds": 0.001}
    options = HttpOptions(name="vcd", urls=tuple(cell.url for cell in cells), **quick | http)
    secrets: list[str] = []
    source = VcdSource(
        VcdOptions(
            http=options,
            login=login or PasswordLogin(USERNAME, lambda: PASSWORD),
            api_version=api_version,
            ip_spaces=ip_spaces,
            seen=secrets.append,
        ),
        clock,
        observed,
    )
    return Rig(source, clock, observed, secrets)
