"""A director without sockets, for thousands of readings: what it answers is made anew for each."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from typing import Any, cast

from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from collector.sources.answers import Answer
from collector.sources.http import HttpClient
from collector.sources.options import RetryPolicy
from collector.sources.vcd.api import VcdApi
from collector.sources.vcd.client import VcdClient
from collector.sources.vcd.options import PasswordLogin
from collector.sources.vcd.walk import Walk
from tests.unit.sources.vcd.fake_vcd import FakeVcd

URL = "https://vcd.example.net"

Serve = Callable[[str], Answer]
"""Path with query → answer."""


class _Cell:
    """Of a cell only the address is looked at."""

    url = URL


class StubHttp:
    """Stands for the HTTP client: no log-ins, no retries."""

    def __init__(self, api: VcdApi, serve: Serve) -> None:
        self.managers = (_Cell(),)
        self.requests = 0
        self._api = api
        self._serve = serve

    async def get(
        self, path: str, policy: RetryPolicy | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Return a good answer, or raise what the client raises."""
        self.requests += 1
        answer = self._serve(path)
        if 200 <= answer.status < 300:
            return answer
        raise self._api.error(answer, path)


def client_of(serve: Serve) -> tuple[VcdClient, StubHttp]:
    """Return a client whose requests are served so."""
    api = VcdApi(PasswordLogin("meter", lambda: "hush"), None, lambda _: None)
    api.version = "38.1"
    http = StubHttp(api, serve)
    return VcdClient(cast("HttpClient", http), api), http


def served_by(vcd: FakeVcd) -> Serve:
    """Serve what a fake director has, without its sockets."""
    vcd.url = URL

    def serve(path: str) -> Answer:
        request = make_mocked_request("GET", path)
        if request.path == "/api/query":
            response = web.json_response({"total": len(vcd.managers), "record": vcd.managers})
        else:
            response = vcd._answer(request)
        body = response.body
        assert isinstance(body, bytes)
        return Answer(response.status, response.headers, body)

    return serve


def read(serve: Serve) -> Walk:
    """Read everything once."""
    client, _ = client_of(serve)
    walk = Walk(client, is_provider=True, ip_spaces=True, workers=2)
    asyncio.run(walk.run())
    return walk


def replaced(document: Any, place: int, value: Any) -> Any:
    """Return a document with the value at one of its places; places are counted through all members and items."""
    left = [place % (_places(document) or 1)]

    def walk(node: Any) -> Any:
        left[0] -= 1
        if left[0] == -1:
            return value
        if isinstance(node, dict):
            return {key: walk(each) for key, each in node.items()}
        if isinstance(node, list):
            return [walk(each) for each in node]
        return node

    return walk(document)


def _places(document: Any) -> int:
    if isinstance(document, dict):
        return 1 + sum(map(_places, document.values()))
    if isinstance(document, list):
        return 1 + sum(map(_places, document))
    return 1
