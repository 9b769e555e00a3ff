"""The NSX-V manager's listener: basic authentication, on the provider's accounts."""

from __future__ import annotations

import ssl

from aiohttp import web

from simulator.answers import broken_answer
from simulator.auth import Accounts, Denied, Sessions
from simulator.director import Director
from simulator.edge_samples import EdgeTruth, Recorder
from simulator.events import Fault
from simulator.faults import FaultBook
from simulator.limits import Limits
from simulator.listener import Answer, Listener
from simulator.nsxv_api import NsxvApi
from simulator.provider import Provider
from simulator.truth import Truth
from simulator.units import Instant

_PRESETS: dict[str, tuple[int, int, str]] = {
    "not_found": (404, 202, "The requested object could not be found. Object identifiers are case sensitive."),
    "invalid_path": (400, 101, "The request is not valid."),
    "no_edge_node": (400, 101, "The request is not valid."),
    "unauthorized": (403, 403, "The credentials are not valid."),
    "session_expired": (403, 403, "The credentials are not valid."),
    "throttle": (503, 503, "The service is busy."),
}
"""Errors in the product's shape; codes but 202 are the simulator's own."""


class EdgePart:
    """What the provider has of NSX-V: the API's answers, and the truth about them.

    Args:
        provider: The provider; it has edges.
        truth: Knows what was carried.
        faults: The faults in force.
    Attributes:
        api: Answers for the manager, and for the director's proxy.
        truth: What can be billed.
    """

    def __init__(self, provider: Provider, truth: Truth, faults: FaultBook) -> None:
        if provider.edges is None:
            raise ValueError("the scenario has no NSX-V manager")
        recorder = Recorder(provider, provider.edges, truth)
        self.name = provider.edges.spec.name
        self.truth = EdgeTruth(provider, provider.edges, recorder, provider.scenario.served_max)
        self.api = NsxvApi(self.name, provider.edges, faults, recorder, self.truth)


class NsxvManager(Listener):
    """An NSX-V manager.

    Args:
        name: Its name, by which faults choose it.
        provider: The provider.
        director: Keeps the provider in step with the clock.
        faults: The faults in force.
        api: What it answers.
        accounts: The provider's accounts.
        tls: The server's context; none is plain HTTP.
    Attributes:
        limits: Load that was seen; no limit of the product is known, so none is set.
    """

    def __init__(
        self,
        name: str,
        *,
        provider: Provider,
        director: Director,
        faults: FaultBook,
        api: NsxvApi,
        accounts: Accounts,
        tls: ssl.SSLContext | None,
    ) -> None:
        super().__init__(name, provider=provider, director=director, faults=faults, tls=tls)
        self.limits = Limits(0, 0, 0)
        self._api = api
        # Only Basic authentication is asked of it: the product knows no sessions.
        self._sessions = Sessions(accounts, 1)

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request: who asks, then what, spoilt by which faults."""
        now = self._director.catch_up()
        client = self._client(request)
        name = "anonymous" if isinstance(client, Denied) else client
        self.limits.enter(name)
        try:
            asked = self._api.asked(request.path)
            if asked.endpoint == "statistics":
                self._director.count_statistics()
            answer = await self.answered(request, asked, now, lambda at: self._act(request, client, at))
        finally:
            self.limits.leave(name)
        self.statuses[str(answer.status)] += 1
        return answer

    def _client(self, request: web.BaseRequest) -> str | Denied:
        authorization = request.headers.get("Authorization", "")
        if authorization[:6].lower() != "basic ":
            return Denied(403, 403, "Basic authentication is needed.")
        return self._sessions.identify(request.headers, None, None)

    def _act(self, request: web.BaseRequest, client: str | Denied, at: Instant) -> Answer:
        accept = request.headers.get("Accept", "")
        writer = self._api.writer(accept)
        if isinstance(client, Denied):
            return writer.error(403, 403, client.message), None
        if request.method != "GET":
            return writer.error(405, 405, f"{request.method} is not allowed here."), None
        return self._api.get(request.path, request.query, accept, at)

    def broken_answer(self, request: web.BaseRequest, fault: Fault) -> web.Response | None:
        """Return the answer that a fault puts in place of the true one, in this product's shape."""
        writer = self._api.writer(request.headers.get("Accept", ""))
        if fault.do == "error" and fault.body == "json":
            status = fault.status or 500
            return writer.error(status, fault.code or status, "A fault of the scenario.")
        preset = _PRESETS.get(fault.do)
        return broken_answer(fault, request.raw_path, "integer") if preset is None else writer.error(*preset)
