"""What the director answers, without a listener: log-ins, versions, the two APIs, and the way through to NSX-V edges.

Sources: VMware go-vcloud-director, api_vcd.go, api_token.go, api_vcd_versions.go and openapi.go.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple
from urllib.parse import parse_qs

from aiohttp import web

from simulator.events import Fault
from simulator.faults import Asked, FaultBook
from simulator.listener import Answer
from simulator.nsxv_api import NsxvApi
from simulator.units import Instant
from simulator.vcd.answers import error_answer, written
from simulator.vcd.cloud import Cloud
from simulator.vcd.legacy import LegacyApi
from simulator.vcd.openapi import OpenApi
from simulator.vcd.page import Page, Wrong
from simulator.vcd.sessions import Account, CloudSessions
from simulator.vcd.spoils import STALE, spoil

ROOT: Final = "/cloudapi/1.0.0/"
EDGES: Final = "/network/edges/"
VERSIONS: Final = "/api/versions"
TOKEN_HEADER: Final = "X-VMWARE-VCLOUD-ACCESS-TOKEN"
REQUEST_HEADER: Final = "X-VMWARE-VCLOUD-CLIENT-REQUEST-ID"
REQUEST_ID_MAX: Final = 128

_VERSION: Final = re.compile(r"^(application/[^;\s]+)\s*;\s*version=([0-9]+)\.([0-9]+)$")
_OAUTH: Final = re.compile(r"^/oauth/(?:provider|tenant/([^/]+))/token$")


class Request(NamedTuple):
    """A request.

    Attributes:
        base: The director's address as the client used it.
        body: Of a log-in.
    """

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    base: str
    body: bytes = b""


class CloudApi:
    """The director's APIs.

    Args:
        name: The director's name, by which faults choose it.
        cloud: Its state.
        sessions: Its accounts and sessions.
        faults: The faults in force.
        edges: What the NSX-V manager answers, if there is one.
        nsx_url: Returns the address of the NSX manager.
    """

    def __init__(
        self,
        name: str,
        cloud: Cloud,
        sessions: CloudSessions,
        faults: FaultBook,
        *,
        edges: NsxvApi | None,
        nsx_url: Callable[[], str],
    ) -> None:
        self._name = name
        self._cloud = cloud
        self._spec = cloud.spec
        self._sessions = sessions
        self._faults = faults
        self._edges = edges
        self._nsx_url = nsx_url
        self._open = OpenApi(cloud)
        self._legacy = LegacyApi(cloud)

    def asked(self, method: str, path: str) -> Asked:
        """Return what a request is about."""
        login = path == VERSIONS or _OAUTH.match(path) or (method == "POST" and "/sessions" in path)
        if login:
            return Asked("login", path, self._name, path)
        statistics = path.startswith(EDGES) and "/statistics/" in path
        return Asked("statistics" if statistics else "inventory", path, self._name, path)

    def answer(self, request: Request, now: Instant) -> Answer:
        """Return the answer to a request as of an instant, and what to call once it was sent."""
        effects = self._faults.for_spoil(self.asked(request.method, request.path))
        version = ""
        try:
            if request.path == VERSIONS:
                return self._written(self._legacy.versions(request.base), version, effects), None
            accept, version = self._accepted(request)
            if request.method == "POST":
                return self._written(self._log_in(request), version, effects), None
            access, account = self._who(request)
            if request.path.startswith(EDGES):
                return self._proxied(request, accept, now)
            if request.method == "DELETE" and request.path == f"{ROOT}sessions/current":
                self._sessions.end(access)
                return self._written(Page(None, raw=b"", status=204), version, effects), None
            if request.method != "GET":
                raise Wrong(405, f"{request.method} is not allowed here.")
            page = self._page(request, accept, version, account, now=now, effects=effects)
        except Wrong as wrong:
            return self._refused(request, wrong), None
        return self._written(page, version, effects), None

    def _page(
        self, request: Request, accept: str, version: str, account: Account, *, now: Instant, effects: list[Fault]
    ) -> Page:
        if request.path.startswith("/api/"):
            return self._legacy.get(
                request.path, request.query, accept=accept, base=request.base, nsx_url=self._nsx_url()
            )
        if not request.path.startswith(ROOT):
            raise Wrong(404, f"The path {request.path} is not known.")
        major, _, minor = version.partition(".")
        name = request.path.removeprefix(ROOT).rstrip("/")
        behind = sum(fault.by for fault in effects if fault.how == STALE)
        return self._open.get(
            name, request.query, account=account, version=(int(major), int(minor)),
            base=f"{request.base}{request.path}", now=now, at=now - behind,
        )  # fmt: skip

    def _written(self, page: Page, version: str, effects: list[Fault]) -> web.Response:
        for fault in effects:
            spoil(fault.how or "", page)
        return written(page, version=version, one_header=self._spec.links == "one")

    def _refused(self, request: Request, wrong: Wrong) -> web.Response:
        if wrong.status == 401 and self._spec.refused_body == "empty":
            return web.Response(status=401)
        return error_answer(request.path, wrong.status, wrong.message)

    # Versions and accounts --------------------------------------------------------------------------------------

    def _accepted(self, request: Request) -> tuple[str, str]:
        """Return the type that is asked for and the version that is spoken."""
        for part in request.headers.get("Accept", "").split(","):
            found = _VERSION.match(part.strip())
            version = f"{found[2]}.{found[3]}" if found is not None else ""
            if found is not None and any(one.version == version for one in self._spec.versions):
                return found[1], version
        if request.path.startswith(EDGES):  # the product behind it knows no versions of the director
            return request.headers.get("Accept", ""), self._spec.versions[-1].version
        raise Wrong(406, "The request has an invalid accept header: a supported version of the API is needed.")

    def _who(self, request: Request) -> tuple[str, Account]:
        scheme, _, access = request.headers.get("Authorization", "").partition(" ")
        if scheme.lower() != "bearer":
            access = request.headers.get("x-vcloud-authorization", "")
        account = self._sessions.who(access.strip())
        if account is None:
            raise Wrong(401, "The session is not known, or it has ended.")
        return access.strip(), account

    def _log_in(self, request: Request) -> Page:
        oauth = _OAUTH.match(request.path)
        if oauth is not None:
            return self._redeemed(request, oauth[1])
        ways = {f"{ROOT}sessions/provider": True, f"{ROOT}sessions": False, "/api/sessions": None}
        if request.path not in ways:
            raise Wrong(405, "POST is not allowed here.")
        user, password = _basic(request.headers.get("Authorization", ""))
        made = self._sessions.log_in(user, password, as_provider=ways[request.path])
        if made is None:
            raise Wrong(401, "The credentials are not valid.")
        access, account = made
        legacy = request.path == "/api/sessions"
        headers = {"x-vcloud-authorization": access} if legacy else {}
        document = {"user": {"name": account.name}, "org": {"name": account.org}, "roles": [account.role]}
        return Page(document, headers={TOKEN_HEADER: access, "X-VMWARE-VCLOUD-TOKEN-TYPE": "Bearer"} | headers)

    def _redeemed(self, request: Request, org: str | None) -> Page:
        form = parse_qs(request.body.decode(errors="replace"), keep_blank_values=True)
        if form.get("grant_type") != ["refresh_token"]:
            raise Wrong(400, "The grant type is not supported.")
        made = self._sessions.redeem(form.get("refresh_token", [""])[0], org)
        if made is None:
            raise Wrong(400, "The refresh token is not valid.")
        access, following = made
        return Page(
            {"access_token": access, "token_type": "Bearer", "expires_in": self._spec.expires_seconds,
             "refresh_token": following}
        )  # fmt: skip

    # NSX-V ------------------------------------------------------------------------------------------------------

    def _proxied(self, request: Request, accept: str, now: Instant) -> Answer:
        """Pass a request on to the NSX-V manager; an edge is named by the director's id of its gateway."""
        gateway, _, rest = request.path.removeprefix(EDGES).partition("/")
        known = self._cloud.gateways.get(f"urn:vcloud:gateway:{gateway}")
        if request.method != "GET":
            raise Wrong(405, f"{request.method} is not allowed here.")
        if self._edges is None or known is None or known.edge is None:
            raise Wrong(404, f"No edge gateway {gateway} is there.")
        return self._edges.proxied(known.edge.gateway, rest, request.query, accept, now)


def _basic(authorization: str) -> tuple[str, str]:
    scheme, _, value = authorization.partition(" ")
    try:
        user, _, password = base64.b64decode(value, validate=True).decode().partition(":")
    except (binascii.Error, UnicodeDecodeError):
        user = password = ""
    return (user, password) if scheme.lower() == "basic" else ("", "")
