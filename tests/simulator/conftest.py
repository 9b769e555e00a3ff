"""A client of the simulated managers, and simulators whose clock the test moves."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import pytest

from simulator import Simulator
from simulator.scenario import Scenario, load_scenario

T1_LINK = "/policy/api/v1/infra/tier-1s/t1-globex/tier-0-interface/statistics"
T0_LINK = "/policy/api/v1/infra/tier-0s/t0-prov/tier-1-interface/statistics"
CSP = "/policy/api/v1/infra/tier-1s/t1-globex/locale-services/default/interfaces/csp-colo/statistics"
UPLINK = "/policy/api/v1/infra/tier-0s/t0-acme/locale-services/default/interfaces/up1-1/statistics"
GLOBEX = "/infra/tier-1s/t1-globex"
CSP_POINT = f"{GLOBEX}/locale-services/default/interfaces/csp-colo"


async def until(condition: Callable[[], bool]) -> None:
    """Wait for a state, at most ten seconds."""
    async with asyncio.timeout(10):
        while True:
            if condition():
                return
            await asyncio.sleep(0.002)


@dataclass(slots=True)
class Answer:
    """An answer that was read to its end."""

    status: int
    headers: Any
    """A multi-dictionary of aiohttp."""
    text: str
    body: Any
    """JSON of any shape; nothing, if it is none."""

    @property
    def rows(self) -> dict[str, dict[str, Any]]:
        """The rows per node of a statistics answer."""
        return {row["transport_node_id"]: row for row in self.body["per_node_statistics"]}


@dataclass(slots=True)
class Client:
    """Asks the managers of a simulator."""

    sim: Simulator
    http: aiohttp.ClientSession
    manager: int = 0
    headers: dict[str, str] = field(default_factory=dict)

    async def get(self, path: str, *, headers: dict[str, str] | None = None, **query: str) -> Answer:
        """Ask for a path."""
        url = self.sim.urls[self.manager] + path
        sent = self.headers if headers is None else headers
        async with self.http.get(url, params=query, headers=sent, allow_redirects=False) as response:
            text = await response.text()
            body = await response.json() if response.content_type == "application/json" and text[-1:] == "}" else None
            return Answer(response.status, response.headers, text, body)

    async def login(self, password: str | None = None, user: str | None = None) -> Answer:
        """Log in, and send the session's headers from now on."""
        form = {"j_username": user or self.sim.username, "j_password": password or self.sim.password}
        url = self.sim.urls[self.manager] + "/api/session/create"
        async with self.http.post(url, data=form) as response:
            if response.status == 200:
                cookie = response.headers["Set-Cookie"].partition(";")[0]
                self.headers = {"Cookie": cookie, "X-XSRF-TOKEN": response.headers["X-XSRF-TOKEN"]}
            return Answer(response.status, response.headers, await response.text(), None)

    async def total(self, path: str, counter: str = "total_bytes", **query: str) -> tuple[int, int]:
        """Return rx and tx of a statistics path, summed over its rows."""
        rows = (await self.get(path, headers=None, **query)).body["per_node_statistics"]
        return sum(row["rx"][counter] for row in rows), sum(row["tx"][counter] for row in rows)


Start = Callable[..., Awaitable[Client]]


@pytest.fixture
async def start() -> AsyncIterator[Start]:
    """Start a simulator in manual mode and return a client of it that has logged in."""
    async with AsyncExitStack() as stack:

        async def begin(scenario: str | Scenario = "small", *, login: bool = True, **changes: Any) -> Client:
            loaded = load_scenario(scenario) if isinstance(scenario, str) else scenario
            sim = await stack.enter_async_context(Simulator(loaded.model_copy(update=changes), speed=0))
            context = ssl.create_default_context(cafile=str(sim.ca_file)) if sim.ca_file else None
            connector = aiohttp.TCPConnector(ssl=context) if context else aiohttp.TCPConnector()
            http = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())
            await stack.enter_async_context(http)
            client = Client(sim, http)
            if login:
                assert (await client.login()).status == 200
            return client

        yield begin


@pytest.fixture
async def client(start: Start) -> Client:
    """A client of the small scenario."""
    return await start()
