"""Answers of a Cloud Director: JSON with the version in its type, errors of the OpenAPI, of the legacy API, of OAuth.

Source: VMware go-vcloud-director, types/v56 (OpenApiError, Error), and RFC 6749, section 5.2.
"""

from __future__ import annotations

from typing import Final
from xml.sax.saxutils import quoteattr

from aiohttp import web

from simulator.answers import encode
from simulator.vcd.page import Json, Page

XML: Final = "application/xml"
XML_HEAD: Final = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
NAMESPACE: Final = "http://www.vmware.com/vcloud/v1.5"

CODES: Final = {
    400: "BAD_REQUEST",
    401: "UNAUTHORIZED",
    403: "ACCESS_TO_RESOURCE_IS_FORBIDDEN",
    404: "RESOURCE_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    429: "TOO_MANY_REQUESTS",
    500: "INTERNAL_SERVER_ERROR",
    503: "SERVICE_UNAVAILABLE",
}
"""Minor error codes; those of 401, 404 and from 405 on are the simulator's own words."""


def error_answer(path: str, status: int, message: str) -> web.Response:
    """Return an error as the part of the API writes it that a path belongs to."""
    code = CODES.get(status, "INTERNAL_SERVER_ERROR")
    if path.startswith("/oauth/"):
        body = {"error": "invalid_grant" if status == 400 else code.lower(), "error_description": message}
        return web.Response(body=encode(body), status=status, content_type="application/json")
    if path.startswith("/api/"):
        words = f"majorErrorCode={quoteattr(str(status))} minorErrorCode={quoteattr(code)} message={quoteattr(message)}"
        return web.Response(text=f'{XML_HEAD}<Error xmlns="{NAMESPACE}" {words}/>', status=status, content_type=XML)
    fault: Json = {"minorErrorCode": code, "message": message, "stackTrace": None}
    return web.Response(body=encode(fault), status=status, content_type="application/json")


def written(page: Page, *, version: str, one_header: bool) -> web.Response:
    """Return the answer of a page."""
    raw = page.raw if page.raw is not None else encode(page.document)
    content_type = page.content_type or f"application/json;version={version}"
    answer = web.Response(body=raw or None, status=page.status, headers={**page.headers, "Content-Type": content_type})
    for line in [", ".join(page.links)] if one_header and page.links else page.links:
        answer.headers.add("Link", line)
    return answer
