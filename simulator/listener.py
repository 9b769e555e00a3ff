"""One listener of the provider: its life, its clock, and how faults spoil what it answers."""

from __future__ import annotations

import asyncio
import ssl
from collections import Counter
from collections.abc import Callable
from typing import Final

from aiohttp import web

from simulator.answers import broken_answer, date_header, hang, reset_connection, send_cut, send_oversized, truncated
from simulator.director import Director
from simulator.events import Fault
from simulator.faults import Asked, FaultBook
from simulator.provider import Provider
from simulator.units import Instant

STOP_SECONDS: Final = 0.2
"""How long a stopping listener waits for answers in flight; a real one is not polite either."""

Answer = tuple[web.Response, Callable[[], None] | None]
"""What is answered, and what to call once it was sent."""

Act = Callable[[Instant], Answer]
"""Makes the answer as of an instant, which is later than that of the request if the answer is slow."""


class Listener:
    """Listens for one API of the provider; what it answers is its subclass's.

    Args:
        name: Its name, by which faults choose it.
        provider: The provider behind it.
        director: Keeps the provider in step with the clock.
        faults: The faults in force.
        tls: The server's context; none is plain HTTP.
    Attributes:
        statuses: How often each status was answered.
    """

    def __init__(
        self, name: str, *, provider: Provider, director: Director, faults: FaultBook, tls: ssl.SSLContext | None
    ) -> None:
        self.name = name
        self.statuses: Counter[str] = Counter()
        self._provider = provider
        self._director = director
        self._faults = faults
        self._tls = tls
        self._stopping = asyncio.Event()
        self._runner: web.ServerRunner | None = None
        self._host, self._port = "127.0.0.1", 0
        self._date = (-1, "")

    @property
    def url(self) -> str:
        """The address, without a path."""
        return f"{'https' if self._tls else 'http'}://{self._host}:{self._port}"

    @property
    def running(self) -> bool:
        """Whether it listens."""
        return self._runner is not None

    async def start(self, host: str | None = None, port: int | None = None) -> None:
        """Listen; started again, at the same address."""
        if self._runner is not None:
            return
        self._host = host if host is not None else self._host
        self._port = port if port is not None else self._port
        self._stopping = asyncio.Event()
        runner = web.ServerRunner(web.Server(self.handle, access_log=None), shutdown_timeout=STOP_SECONDS)
        await runner.setup()
        try:
            site = web.TCPSite(runner, self._host, self._port, ssl_context=self._tls, reuse_address=True)
            await site.start()
        except OSError:
            await runner.cleanup()
            raise
        self._port = runner.addresses[0][1]
        self._runner = runner

    async def stop(self) -> None:
        """Stop listening and cut what is in flight."""
        runner, self._runner = self._runner, None
        if runner is not None:
            self._stopping.set()
            self.forget()
            await runner.cleanup()

    def forget(self) -> None:
        """Lose what a restart loses."""

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request."""
        raise NotImplementedError

    # Faults -----------------------------------------------------------------------------------------------------

    async def answered(self, request: web.BaseRequest, asked: Asked, now: Instant, act: Act) -> web.StreamResponse:
        """Return the answer, spoilt by the faults that touch it."""
        if self._faults.quiet:
            return self._finish(request, act(now), now)
        for fault in self._faults.for_request(asked):
            if fault.do == "slow":
                await self._pause(fault)
                now = self._director.catch_up()
                continue
            broken = await self._broken(request, fault, now, act)
            if broken is not None:
                return broken
        return self._finish(request, act(now), now)

    async def _pause(self, fault: Fault) -> None:
        try:
            await asyncio.wait_for(self._stopping.wait(), fault.by / 1_000)
        except TimeoutError:
            return

    async def _broken(
        self, request: web.BaseRequest, fault: Fault, now: Instant, act: Act
    ) -> web.StreamResponse | None:
        if fault.do in ("hang", "connection_reset"):
            if fault.do == "hang":
                await hang(self._stopping)
            reset_connection(request)
            return web.Response(status=503)
        if fault.do == "oversized":
            return await send_oversized(request, fault.size_bytes, self._date_at(now))
        answer = self.broken_answer(request, fault)
        if answer is None:
            whole, _ = act(now)
            if fault.do == "cut":
                return await send_cut(request, whole, self._date_at(now))
            answer = truncated(whole)
        return self.dated(answer, now)

    def broken_answer(self, request: web.BaseRequest, fault: Fault) -> web.Response | None:
        """Return the answer that a fault puts in place of the true one; none, if it spoils the true one."""
        return broken_answer(fault, request.raw_path, self._provider.scenario.error_code_as)

    def _finish(self, request: web.BaseRequest, made: Answer, now: Instant) -> web.StreamResponse:
        answer, record = made
        transport = request.transport
        if record is not None and transport is not None and not transport.is_closing():
            record()
        return self.dated(answer, now)

    def dated(self, answer: web.Response, now: Instant) -> web.Response:
        """Return an answer with the managers' time in its ``Date`` header."""
        answer.headers["Date"] = self._date_at(now)
        return answer

    def _date_at(self, now: Instant) -> str:
        second = self._provider.manager_time(now) // 1_000
        if self._date[0] != second:
            self._date = (second, date_header(second * 1_000))
        return self._date[1]
