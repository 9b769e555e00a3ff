"""The director's listener: one cell, with the faults of the scenario in the director's own shapes."""

from __future__ import annotations

import re
import ssl
import uuid
from collections.abc import Callable
from typing import Final

from aiohttp import web

from simulator.answers import broken_answer, html_answer
from simulator.director import Director
from simulator.events import Fault
from simulator.faults import FaultBook
from simulator.limits import Limits
from simulator.listener import Answer, Listener
from simulator.nsxv_api import NsxvApi
from simulator.provider import Provider
from simulator.units import Instant
from simulator.vcd.answers import error_answer
from simulator.vcd.api import EDGES, REQUEST_HEADER, REQUEST_ID_MAX, CloudApi, Request
from simulator.vcd.cloud import Cloud
from simulator.vcd.sessions import CloudSessions

BODY_MAX: Final = 16_384
"""A log-in is far smaller."""

_STATUSES: Final = {
    "not_found": 404, "invalid_path": 400, "no_edge_node": 400, "unauthorized": 403, "session_expired": 401,
    "throttle": 429,
}  # fmt: skip
_REQUEST_ID: Final = re.compile(r"[^A-Za-z0-9-]")


class CloudCell(Listener):
    """A Cloud Director.

    Args:
        cloud: Its state.
        provider: The provider.
        director: Keeps the provider in step with the clock.
        faults: The faults in force.
        edges: What the NSX-V manager answers, if there is one.
        nsx_url: Returns the address of the NSX manager.
        tls: The server's context; none is plain HTTP.
    Attributes:
        sessions: Accounts, tokens and counts of log-ins.
        limits: Load that was seen; the product documents no limit, so none is set.
        requests: How often each path was asked for.
    """

    def __init__(
        self,
        cloud: Cloud,
        *,
        provider: Provider,
        director: Director,
        faults: FaultBook,
        edges: NsxvApi | None,
        nsx_url: Callable[[], str],
        tls: ssl.SSLContext | None,
    ) -> None:
        super().__init__(cloud.spec.name, provider=provider, director=director, faults=faults, tls=tls)
        self.sessions = CloudSessions(cloud.spec)
        self.limits = Limits(0, 0, 0)
        self._api = CloudApi(self.name, cloud, self.sessions, faults, edges=edges, nsx_url=nsx_url)

    def forget(self) -> None:
        """Lose the sessions, as on a restart."""
        self.sessions.clear()

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request: what it is about, spoilt by which faults."""
        now = self._director.catch_up()
        client = request.remote or "anonymous"
        self.limits.enter(client)
        try:
            answer = await self._answered(request, now)
        finally:
            self.limits.leave(client)
        self.statuses[str(answer.status)] += 1
        return answer

    async def _answered(self, request: web.BaseRequest, now: Instant) -> web.StreamResponse:
        if (request.content_length or 0) > BODY_MAX:
            return self.dated(html_answer(413, "Request Entity Too Large"), now)
        body = await request.content.read(BODY_MAX) if request.method == "POST" else b""
        asked = self._api.asked(request.method, request.path)
        if asked.endpoint == "statistics":
            self._director.count_statistics()
        base = f"{'https' if self._tls else 'http'}://{request.host}"
        made = Request(request.method, request.path, request.query, request.headers, base, body)

        def act(at: Instant) -> Answer:
            answer, record = self._api.answer(made, at)
            answer.headers["X-VMWARE-VCLOUD-REQUEST-ID"] = _request_id(request.headers.get(REQUEST_HEADER, ""))
            return answer, record

        return await self.answered(request, asked, now, act)

    def broken_answer(self, request: web.BaseRequest, fault: Fault) -> web.Response | None:
        """Return the answer that a fault puts in place of the true one, in this product's shape."""
        if fault.do == "error" and fault.body == "json":
            return error_answer(request.path, fault.status or 500, "A fault of the scenario.")
        status = _STATUSES.get(fault.do)
        if status is None or request.path.startswith(EDGES):
            return broken_answer(fault, request.raw_path, "integer")
        return error_answer(request.path, status, "A fault of the scenario.")


def _request_id(sent: str) -> str:
    """Return an id of a request that begins with the client's own."""
    own = _REQUEST_ID.sub("", sent)[:REQUEST_ID_MAX]
    made = str(uuid.uuid4())
    return f"{own}-{made}" if own else made
