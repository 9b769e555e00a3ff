"""A real InfluxDB 1.6, and the v2 write call in front of it."""

from __future__ import annotations

import base64
import hmac
import http.client
import json
import urllib.parse
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Final, NamedTuple, Self

import aiohttp
from aiohttp import web

from tests.servers.process import ServerProcess

BODY_BYTES_MAX: Final = 64 * 1024 * 1024
"""What the proxy takes; above the server's own limit of 25 000 000, so that the 413 is the server's."""

PRECISIONS: Final = {"ns": "n", "us": "u", "ms": "ms", "s": "s"}
"""Precision of the v2 call to that of the v1 call. Source: InfluxDB 1.8, /api/v2/write compatibility endpoint."""


class InfluxSeries(NamedTuple):
    """One series of an answer: its measurement, the tags grouped by, the names of the columns, and the rows.

    Integer fields are exact ``int``; ``time`` is in the precision asked for.
    """

    name: str
    tags: dict[str, str]
    columns: list[str]
    values: list[list[Any]]

    def records(self) -> list[dict[str, Any]]:
        """Return the rows as mappings from column to value."""
        return [dict(zip(self.columns, row, strict=True)) for row in self.values]


class InfluxServer(ServerProcess):
    """InfluxDB 1.6.

    Args:
        folder: For configuration and data.
        username, password: With them the server asks for a log-in, and this is its administrator.
        http: More settings of its ``[http]`` section, such as ``{"max-body-size": 10_000}``.
    """

    name = "influxd"
    ready_path = "/ping"

    def __init__(
        self,
        folder: Path,
        *,
        username: str | None = None,
        password: str | None = None,
        http: Mapping[str, int | str | bool] | None = None,
    ) -> None:
        super().__init__(folder)
        assert (username is None) == (password is None), "BUG: a log-in is a name and a password"
        self._username = username
        self._password = password
        self._http = dict(http or {})

    @property
    def login(self) -> dict[str, str]:
        """Return the header with the administrator's log-in; empty when the server asks for none."""
        if self._username is None:
            return {}
        pair = base64.b64encode(f"{self._username}:{self._password}".encode()).decode()
        return {"Authorization": f"Basic {pair}"}

    def prepare(self) -> Sequence[str]:
        """Write the configuration and return the arguments."""
        settings: dict[str, int | str | bool] = {
            "enabled": True,
            "bind-address": f"127.0.0.1:{self.port}",
            "auth-enabled": self._username is not None,
            "log-enabled": False,
        }
        sections: dict[str, dict[str, int | str | bool]] = {
            "meta": {"dir": str(self.folder / "meta")},
            "data": {
                "dir": str(self.folder / "data"),
                "wal-dir": str(self.folder / "wal"),
                "query-log-enabled": False,
            },
            "monitor": {"store-enabled": False},
            "logging": {"level": "warn", "suppress-logo": True},
            "http": settings | self._http,
        }
        # JSON's strings, numbers and booleans are TOML's as well. Port 0: nobody asks its back-up service for anything.
        lines = ["reporting-disabled = true", 'bind-address = "127.0.0.1:0"']
        for section, values in sections.items():
            lines.append(f"[{section}]")
            lines += [f"{key} = {json.dumps(value)}" for key, value in values.items()]
        file = self.folder / "influxdb.conf"
        file.write_text("\n".join(lines) + "\n")
        return ["run", "-config", str(file)]

    def after_first_start(self) -> None:
        """Create the administrator: the one call that a server with log-in takes without one."""
        if self._username is None:
            return
        statement = f"CREATE USER \"{self._username}\" WITH PASSWORD '{self._password}' WITH ALL PRIVILEGES"
        body = urllib.parse.urlencode({"q": statement}).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
        try:
            connection.request("POST", "/query", body, {"Content-Type": "application/x-www-form-urlencoded"})
            said = connection.getresponse().read().decode()
        finally:
            connection.close()
        assert "error" not in said, f"InfluxDB: {said}"

    async def create_database(self, name: str) -> None:
        """Create a database; nothing happens when it is there."""
        await self.query(f'CREATE DATABASE "{name}"')

    async def query(self, q: str, db: str | None = None, epoch: str = "ms") -> list[InfluxSeries]:
        """Return the series of one InfluxQL statement; times are whole numbers of ``epoch`` (ns, us, ms or s)."""
        parameters = {"q": q, "epoch": epoch} | ({} if db is None else {"db": db})
        async with (
            aiohttp.ClientSession(headers=self.login) as session,
            session.post(f"{self.url}/query", data=parameters) as answer,
        ):
            body = await answer.json()
        result = body.get("results", [{}])[0]
        assert not {"error"} & (body.keys() | result.keys()), f"InfluxDB: {q}: {body}"
        return [
            InfluxSeries(row["name"], row.get("tags", {}), row["columns"], row.get("values", []))
            for row in result.get("series", [])
        ]

    async def write(self, db: str, lines: str, precision: str = "ms") -> None:
        """Write lines of the line protocol with the v1 call."""
        async with (
            aiohttp.ClientSession(headers=self.login) as session,
            session.post(f"{self.url}/write", params={"db": db, "precision": precision}, data=lines.encode()) as answer,
        ):
            assert answer.status == 204, f"InfluxDB: write to {db}: {answer.status} {await answer.text()}"


class InfluxV2Proxy:
    """The v2 write call in front of InfluxDB 1.6, as InfluxDB 1.8 has it built in: bucket is database, org is ignored.

    Bodies and answers pass unchanged, gzip included. ``token`` may be changed at any time; other tokens are 401.
    Source: InfluxDB 1.8, 2.0 API compatibility endpoints.
    """

    def __init__(self, server: InfluxServer, token: str) -> None:
        self.token = token
        self._server = server
        self._port = 0
        self._runner: web.AppRunner | None = None
        self._session: aiohttp.ClientSession | None = None

    @property
    def url(self) -> str:
        """Return the base address, without a slash at the end."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        # auto_decompress would unpack what passes through.
        self._session = aiohttp.ClientSession(headers=self._server.login, auto_decompress=False)
        app = web.Application(client_max_size=BODY_BYTES_MAX)
        app.router.add_post("/api/v2/write", self._write)
        app.router.add_get("/health", self._health)
        app.router.add_get("/ping", self._ping)
        self._runner = web.AppRunner(app, access_log=None, auto_decompress=False)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port)
        await site.start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._runner is not None
        assert self._session is not None
        await self._runner.cleanup()
        await self._session.close()

    async def _write(self, request: web.Request) -> web.Response:
        expected = f"Token {self.token}"
        if not hmac.compare_digest(request.headers.get("Authorization", "").encode(), expected.encode()):
            return web.json_response({"code": "unauthorized", "message": "unauthorized access"}, status=401)
        bucket = request.query.get("bucket", "")
        precision = PRECISIONS.get(request.query.get("precision", "ns"))
        if not bucket or precision is None:
            return web.json_response({"code": "invalid", "message": "bucket or precision is wrong"}, status=400)
        database, _, policy = bucket.partition("/")
        parameters = {"db": database, "precision": precision} | ({"rp": policy} if policy else {})
        headers = {name: request.headers[name] for name in ("Content-Encoding",) if name in request.headers}
        return await self._pass("POST", "/write", parameters, headers, await request.read())

    async def _ping(self, request: web.Request) -> web.Response:
        return await self._pass("GET", "/ping", {}, {}, None)

    async def _health(self, request: web.Request) -> web.Response:
        answer = await self._pass("GET", "/ping", {}, {}, None)
        healthy = answer.status == 204
        body: dict[str, object] = {"name": "influxdb", "status": "pass" if healthy else "fail", "checks": []}
        return web.json_response(body, status=200 if healthy else 503)

    async def _pass(
        self, method: str, path: str, parameters: Mapping[str, str], headers: Mapping[str, str], body: bytes | None
    ) -> web.Response:
        assert self._session is not None
        url = f"{self._server.url}{path}"
        try:
            async with self._session.request(method, url, params=parameters, headers=headers, data=body) as answer:
                kept = {
                    name: value
                    for name, value in answer.headers.items()
                    if name.lower() in {"content-type", "content-encoding"} or name.lower().startswith("x-influxdb")
                }
                return web.Response(status=answer.status, body=await answer.read(), headers=kept)
        except aiohttp.ClientConnectionError as error:
            return web.json_response({"code": "unavailable", "message": type(error).__name__}, status=503)
