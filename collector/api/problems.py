"""Errors as problem documents. Source: RFC 9457."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus

import msgspec
from aiohttp import web

from collector.api.faults import CursorFault, ParameterFault, TenantUnknown
from collector.errors import LedgerUnavailable, MeteringError

BLANK = "about:blank"
"""The type of a problem that says no more than its status."""

TYPE_PREFIX = "urn:northmeter:problem:"

RETRY_AFTER_SECONDS = 5
"""What a client is told to wait when the ledger is busy: a writer holds it for a fraction of that."""

INSTANCE_CHARACTERS_MAX = 256


class Problem(MeteringError):
    """An answer that is an error.

    Attributes:
        status: Of HTTP.
        detail: What is wrong with this request and what to do; no secret, nothing internal.
        kind: Last part of the type's name; empty when the status says it all.
        headers: Further headers of the answer.
        members: Further members of the document.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        *,
        kind: str = "",
        headers: Mapping[str, str] | None = None,
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status = status
        self.detail = detail
        self.kind = kind
        self.headers = dict(headers or {})
        self.members = dict(members or {})


def unauthorized() -> Problem:
    """Return the one answer to no token and to a wrong one. Source: RFC 6750, section 3."""
    return Problem(401, "a valid bearer token is needed", headers={"WWW-Authenticate": "Bearer"})


def forbidden() -> Problem:
    """Return the answer to a token that sees some tenants only, where every tenant is concerned."""
    return Problem(403, "this needs a token that sees all tenants")


def problem_of(error: MeteringError) -> Problem:
    """Return what HTTP says of an error."""
    match error:
        case Problem():
            return error
        case CursorFault():
            return Problem(400, str(error), kind="invalid-cursor", members={"parameter": error.parameter})
        case ParameterFault():
            return Problem(400, str(error), kind="invalid-parameter", members={"parameter": error.parameter})
        case TenantUnknown():
            return Problem(404, str(error), kind="unknown-tenant")
        case LedgerUnavailable():
            return unavailable("the ledger cannot be read now; ask again")
        case _:
            return internal()


def problem_of_http(error: web.HTTPException, path: str) -> Problem:
    """Return what the web framework refused."""
    allow = error.headers.get("Allow")
    if error.status == 404:
        detail = f"there is nothing at {path}"
    elif error.status == 405 and allow is not None:
        detail = f"{path} takes {allow.replace(',', ', ')} only"
        return Problem(405, detail, headers={"Allow": allow})
    else:
        detail = HTTPStatus(error.status).description or error.reason
    return Problem(error.status, detail)


def unavailable(detail: str) -> Problem:
    """Return the answer when it is worth asking again soon."""
    return Problem(503, detail, headers={"Retry-After": str(RETRY_AFTER_SECONDS)})


def internal() -> Problem:
    """Return the answer to our own mistakes; what they are is in the log."""
    return Problem(500, "the request could not be answered; the log of the daemon says why")


def problem_response(problem: Problem, request: web.BaseRequest) -> web.Response:
    """Return a problem as an answer."""
    phrase = HTTPStatus(problem.status).phrase
    document = {
        "type": f"{TYPE_PREFIX}{problem.kind}" if problem.kind else BLANK,
        "title": problem.kind.replace("-", " ").capitalize() if problem.kind else phrase,
        "status": problem.status,
        "detail": problem.detail,
        "instance": instance(request),
        **problem.members,
    }
    return web.Response(
        status=problem.status,
        body=msgspec.json.encode(document),
        content_type="application/problem+json",
        headers=problem.headers,
    )


def instance(request: web.BaseRequest) -> str:
    """Return the path of a request as problem documents show it: without its query, and not endless."""
    return request.rel_url.raw_path[:INSTANCE_CHARACTERS_MAX]
