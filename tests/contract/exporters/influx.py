"""A destination of the InfluxDB v2 write call that misbehaves as told; it follows the published interface."""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Self

from aiohttp import web

LINE = re.compile(r"^(?P<series>(?:[^ \\]|\\.)+) (?P<fields>\S+) (?P<time>\d+)$")


@dataclass(frozen=True)
class Answer:
    """One answer instead of the usual one."""

    status: int
    body: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Reset:
    """The connection breaks: when the lines were stored (``taken``) or before; in the middle of the answer where
    ``status`` says how that began, else before it."""

    taken: bool
    status: int | None = None


@dataclass(frozen=True)
class Slow:
    """No answer within any time-out."""


class ScriptedInflux:
    """Takes lines on a free port.

    Attributes:
        script: Answers to the next requests; after them the usual ones.
        always: While set, the answer to every request.
        token: Requests with another one are 401.
        fault: Says why a line is wrong, or ``None``: such a request is a partial write, as InfluxDB does it.
        body_bytes_max: A longer request, unpacked, is 413.
        lines: Every line that was stored, in order, repeats too.
        stored: (series, time) → fields.
        requests: How many came.
    """

    def __init__(self) -> None:
        self.script: list[Answer | Reset | Slow] = []
        self.always: Answer | None = None
        self.token = "good-token"
        self.fault: Callable[[str], str | None] = lambda line: None
        self.body_bytes_max = 10_000_000
        self.lines: list[str] = []
        self.stored: dict[tuple[str, int], str] = {}
        self.requests = 0
        self.seen: list[Mapping[str, str]] = []
        self._port = 0
        self._runner: web.AppRunner | None = None

    @property
    def url(self) -> str:
        """Return the base address."""
        return f"http://127.0.0.1:{self._port}"

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

    async def start(self) -> None:
        """Listen, at the same port as before."""
        app = web.Application(client_max_size=100_000_000)
        app.router.add_post("/api/v2/write", self._write)
        self._runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=0.1)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", self._port).start()
        self._port = self._runner.addresses[0][1]

    async def stop(self) -> None:
        """Be away."""
        if self._runner is not None:
            await self._runner.cleanup()
            self._runner = None

    async def _write(self, request: web.Request) -> web.StreamResponse:
        self.requests += 1
        self.seen.append({**request.query, **request.headers})
        body = gzip.decompress(await request.read())
        step = self.script.pop(0) if self.script else self.always
        if isinstance(step, Slow):
            await asyncio.sleep(3600)
        if isinstance(step, Answer):
            return web.Response(status=step.status, text=step.body, headers=step.headers)
        if isinstance(step, Reset):
            return await self._reset(request, body.decode(), step)
        if request.headers.get("Authorization") != f"Token {self.token}":
            return web.json_response({"code": "unauthorized", "message": "unauthorized access"}, status=401)
        if len(body) > self.body_bytes_max:
            return web.json_response({"code": "request too large", "message": "too large"}, status=413)
        reasons = self._store(body.decode())
        if reasons:
            message = f"partial write: {reasons[0]} dropped={len(reasons)}"
            return web.json_response({"code": "invalid", "message": message}, status=400)
        return web.Response(status=204)

    async def _reset(self, request: web.Request, body: str, step: Reset) -> web.StreamResponse:
        if step.taken:
            self._store(body)
        response = web.StreamResponse(status=step.status or 500, headers={"Content-Length": "100"})
        if step.status is not None:
            await response.prepare(request)
            await response.write(b'{"code":')
        assert request.transport is not None
        request.transport.abort()
        return response

    def _store(self, body: str) -> list[str]:
        reasons = []
        for line in body.split("\n"):
            match = LINE.match(line)
            reason = self.fault(line) if match else "unable to parse"
            if match and reason is None:
                self.lines.append(line)
                self.stored[match["series"], int(match["time"])] = match["fields"]
            else:
                reasons.append(str(reason))
        return reasons
