"""A manager: one listener with its own sessions, over the provider's shared state."""

from __future__ import annotations

import hashlib
import ssl
from collections.abc import Mapping
from typing import Final
from urllib.parse import parse_qs

from aiohttp import web

from simulator.answers import JSON, Refused, encode, error_answer, html_answer
from simulator.auth import Accounts, Denied, Sessions
from simulator.director import Director
from simulator.events import Fault
from simulator.faults import Asked, Endpoint, FaultBook
from simulator.limits import Limits, Verdict
from simulator.listener import Act, Answer, Listener
from simulator.policy import Body, PolicyApi
from simulator.provider import Provider
from simulator.scenario import ManagerSpec
from simulator.truth import Truth
from simulator.units import Instant

COOKIE: Final = "JSESSIONID"
LOGIN_BODY_MAX: Final = 4_096
READ_ONLY_ROLES: Final = frozenset({"auditor", "network_auditor", "security_auditor"})

_PREFIX: Final = {"local": "/policy/api/v1", "global": "/global-manager/api/v1"}


class Manager(Listener):
    """One manager.

    Args:
        spec: Its name, role and site.
        provider: The provider that it manages.
        director: Keeps the provider in step with the clock.
        faults: The faults in force.
        truth: Is told what is answered.
        accounts: The provider's accounts.
        limits: The provider's limits.
        tls: The server's context; none is plain HTTP.
    """

    def __init__(
        self,
        spec: ManagerSpec,
        *,
        provider: Provider,
        director: Director,
        faults: FaultBook,
        truth: Truth,
        accounts: Accounts,
        limits: Limits,
        tls: ssl.SSLContext | None,
    ) -> None:
        super().__init__(spec.name, provider=provider, director=director, faults=faults, tls=tls)
        self.spec = spec
        self.sessions = Sessions(accounts, provider.scenario.auth.session_timeout_seconds)
        self._limits = limits
        self._api = PolicyApi(provider, faults, truth, spec)
        self._prefix = _PREFIX[spec.role]
        self._certificates: dict[bytes, str] = {}

    def forget(self) -> None:
        """Lose the sessions, as on a restart."""
        self.sessions.clear()

    # Requests ---------------------------------------------------------------------------------------------------

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Answer a request: who asks, within which limits, spoilt by which faults."""
        now = self._director.catch_up()
        path = request.path
        if path == "/api/session/create" and request.method == "POST":
            answer = await self._login(request, now)
        else:
            answer = await self._known(request, path, now)
        self.statuses[str(answer.status)] += 1
        return answer

    async def _login(self, request: web.BaseRequest, now: Instant) -> web.StreamResponse:
        if (request.content_length or 0) > LOGIN_BODY_MAX:
            return self.dated(html_answer(413, "Request Entity Too Large"), now)
        # A real form parser reads the names in any order; a repeated one counts once.
        form = parse_qs((await request.content.read(LOGIN_BODY_MAX)).decode(errors="replace"), keep_blank_values=True)
        user, password = form.get("j_username", [""])[0], form.get("j_password", [""])[0]

        def act(_: Instant) -> Answer:
            made = self.sessions.create(user, password)
            if isinstance(made, Denied):
                return error_answer(Refused(made.status, made.code, made.message, module="common-services")), None
            cookie, session = made
            secure = "Secure; " if self._tls else ""
            headers = {
                "Set-Cookie": f"{COOKIE}={cookie}; Path=/; {secure}HttpOnly; SameSite=Lax",
                "X-XSRF-TOKEN": session.xsrf,
            }
            return web.Response(headers=headers), None

        asked = Asked("login", "/api/session/create", self.spec.name, "/api/session/create")
        return await self._limited(request, user or "anonymous", asked, now, act)

    async def _known(self, request: web.BaseRequest, path: str, now: Instant) -> web.StreamResponse:
        cookie = request.cookies.get(COOKIE)
        certificate = self._certificate(request) if self._tls is not None else None
        client = self.sessions.identify(request.headers, cookie, certificate)
        if isinstance(client, Denied):
            denied = client

            def refuse(_: Instant) -> Answer:
                return error_answer(Refused(denied.status, denied.code, denied.message, module="common-services")), None

            return await self._limited(request, "anonymous", self._asked(path, request), now, refuse)

        def act(at: Instant) -> Answer:
            return self._act(request, path, client, at)

        return await self._limited(request, client, self._asked(path, request), now, act)

    def _certificate(self, request: web.BaseRequest) -> str | None:
        transport = request.transport
        found = None if transport is None else transport.get_extra_info("ssl_object")
        der = None if found is None else found.getpeercert(binary_form=True)
        if der is None:
            return None
        known = self._certificates.get(der)
        if known is None:
            known = self._certificates[der] = hashlib.sha256(der).hexdigest()
        return known

    def _asked(self, path: str, request: web.BaseRequest) -> Asked:
        """Return what a request is about; only faults want to know it."""
        if self._faults.quiet:
            endpoint: Endpoint = "statistics" if "/statistics" in path else "inventory"
            return Asked(endpoint, path, self.spec.name)
        policy = path.removeprefix(self._prefix)
        query = request.query
        point = self._api.point_of(policy, query)
        if point is None:
            return Asked("inventory", policy, self.spec.name, policy)
        edge = self._api.edge(query.get("edge_path"))
        node_id, alias = (None, None) if edge is None else (edge.nsx_id, edge.alias)
        return Asked("statistics", point, self.spec.name, policy, node_id, alias)

    async def _limited(
        self, request: web.BaseRequest, client: str, asked: Asked, now: Instant, act: Act
    ) -> web.StreamResponse:
        verdict = self._limits.enter(client)
        if verdict is Verdict.RATE:
            message = f"Client '{client}' exceeded request rate of {self._limits.requests_per_second} per second"
            refused = Refused(429, 102, message, as_text=True, module="common-services")
            return self.dated(error_answer(refused), now)
        if verdict is Verdict.CONCURRENCY:
            return self.dated(html_answer(503, "Service Temporarily Unavailable"), now)
        try:
            if asked.endpoint == "statistics":
                self._director.count_statistics()
            return await self.answered(request, asked, now, act)
        finally:
            self._limits.leave(client)

    # Answers ----------------------------------------------------------------------------------------------------

    def _act(self, request: web.BaseRequest, path: str, client: str, now: Instant) -> Answer:
        try:
            if path == "/api/session/destroy" and request.method == "POST":
                self.sessions.destroy(request.cookies.get(COOKIE) or "")
                return web.Response(), None
            if request.method == "POST" and request.query.get("action") == "reset":
                return self._reset(path, client), None
            if request.method != "GET":
                raise Refused(405, 405, f"{request.method} is not allowed here.", module="common-services")
            if path == f"{self._prefix}/aaa/user-info":
                return web.Response(body=encode(self._user_info(client)), content_type=JSON), None
            body, record = self._get(path, request.query, now)
        except Refused as refused:
            return error_answer(refused), None
        return web.Response(body=encode(body), content_type=JSON), record

    def _get(self, path: str, query: Mapping[str, str], now: Instant) -> Body:
        if path.startswith(self._prefix):
            policy = path[len(self._prefix) :]
            if self.spec.role == "local" or policy.startswith("/global-infra"):
                return self._api.get(policy, query, now)
        if path == "/api/v1/node/version":
            version = self._provider.version
            return {"node_version": version, "product_version": version}, None
        if path == "/api/v1/cluster/api-service":
            return self._service(), None
        raise self._api.not_found(path)

    def _roles(self, client: str) -> list[str]:
        users = self._provider.scenario.auth.users
        return next((user.roles for user in users if user.name == client), ["auditor"])

    def _user_info(self, client: str) -> dict[str, object]:
        """Return who asks; the ``permissions`` of a role are deprecated in the product, so there are none."""
        return {"user_name": client, "roles": [{"role": role, "permissions": []} for role in self._roles(client)]}

    def _reset(self, path: str, client: str) -> web.Response:
        """Zero the counters of an IPsec session, for a user who may write.

        Source: the vendor's SDK of November 2024, ``…/ipsec-vpn-services/…/statistics?action=reset``.
        """
        if set(self._roles(client)) <= READ_ONLY_ROLES:
            message = "User is not authorized to perform this operation on the application."
            raise Refused(403, 401, message, module="common-services")
        session = self._provider.sessions.get(path.removeprefix(self._prefix).removesuffix("/statistics"))
        if session is None or session.spec.kind != "ipsec":
            raise self._api.not_found(path)
        self._director.command(Fault(do="reset_session", path=session.path))
        return web.Response()

    def _service(self) -> dict[str, object]:
        auth = self._provider.scenario.auth
        return {
            "client_api_rate_limit": self._limits.requests_per_second,
            "client_api_concurrency_limit": self._limits.concurrency,
            "global_api_concurrency_limit": self._limits.global_concurrency,
            "session_timeout": auth.session_timeout_seconds,
            "connection_timeout": 30,
            "redirect_host": "",
            "basic_authentication_enabled": auth.basic,
            "cookie_based_authentication_enabled": auth.cookies,
        }
