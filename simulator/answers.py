"""HTTP answers of a manager: JSON, errors in the product's shapes, and broken ones.

Source: NSX REST API reference 4.2, type ApiError; ``error_code`` is an integer, or a string for some services, and
policy errors add ``httpStatus``. The front proxy answers in HTML.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import Mapping
from email.utils import formatdate
from http import HTTPStatus
from typing import Final

import msgspec
from aiohttp import web

from simulator.events import Fault
from simulator.units import Instant

HANG_SECONDS_MAX: Final = 3_600
"""The longest that a hanging answer is held; clients give up long before."""

CHUNK_BYTES: Final = 2**16
JSON: Final = "application/json"
encode = msgspec.json.Encoder().encode


class Refused(Exception):
    """A request that is answered with an error.

    Args:
        status: HTTP status.
        code: Product code.
        message: What the product says.
        as_text: Whether the code is a string.
        module: Which part of the product says it.
    """

    def __init__(self, status: int, code: int, message: str, *, as_text: bool = False, module: str = "Policy") -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.as_text = as_text
        self.module = module


def date_header(at: Instant) -> str:
    """Return an instant of the managers' clock as a ``Date`` header; it has whole seconds."""
    return formatdate(at // 1_000, usegmt=True)


def json_answer(body: object, status: int = 200, headers: Mapping[str, str] | None = None) -> web.Response:
    """Return a JSON answer."""
    return web.Response(body=encode(body), status=status, headers=headers, content_type=JSON)


def error_answer(refused: Refused) -> web.Response:
    """Return an error as the product writes it."""
    body: dict[str, object] = {
        "module_name": refused.module,
        "error_message": refused.message,
        "error_code": str(refused.code) if refused.as_text else refused.code,
    }
    if refused.module == "Policy":
        body["httpStatus"] = HTTPStatus(refused.status).name
    return json_answer(body, refused.status)


def html_answer(status: int, title: str) -> web.Response:
    """Return what the front proxy says."""
    text = f"<html><head><title>{status} {title}</title></head><body><h1>{title}</h1></body></html>"
    return web.Response(text=text, status=status, content_type="text/html")


_PRESETS: Final[dict[str, tuple[int, int, str]]] = {
    "invalid_path": (400, 500_012, "The path=[…] is invalid"),
    "no_edge_node": (400, 503_065, "Invalid edge path specified."),
    "not_found": (404, 202, "The requested object could not be found. Object identifiers are case sensitive."),
    "session_expired": (403, 98, "Missing or expired XSRF token."),
    "unauthorized": (401, 403, "The credentials were incorrect or the account specified has been locked."),
}


def broken_answer(fault: Fault, path: str, code_as: str) -> web.Response | None:
    """Return the answer that a fault puts in place of the true one; none, if it spoils the true one.

    Args:
        fault: The effect.
        path: What was asked, for a redirect.
        code_as: How policy errors carry their code.
    """
    if fault.do == "throttle":
        message = "Client exceeded request rate of 100 per second"
        return error_answer(Refused(429, 102, message, as_text=True, module="common-services"))
    if fault.do == "unavailable":
        return html_answer(503, "Service Unavailable")
    if fault.do == "html":
        return html_answer(200, "Welcome")
    if fault.do == "redirect":
        status = fault.status or 307
        return web.Response(status=status, headers={"Location": fault.location or f"https://127.0.0.1:1{path}"})
    if fault.do == "error":
        return _chosen(fault)
    preset = _PRESETS.get(fault.do)
    if preset is None:
        return None
    as_text = "string" in (code_as, fault.code_as)
    return error_answer(Refused(*preset, as_text=as_text))


def _chosen(fault: Fault) -> web.Response:
    status = fault.status or 500
    if fault.body == "html":
        return html_answer(status, "Error")
    if fault.body == "text":
        return web.Response(text="upstream connect error", status=status, content_type="text/plain")
    refused = Refused(status, fault.code or status, "A fault of the scenario.", as_text=fault.code_as == "string")
    return error_answer(refused)


def truncated(answer: web.Response) -> web.Response:
    """Return an answer whose text ends in the middle, with a length to match."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    return web.Response(body=body[: len(body) // 2], status=answer.status, content_type=answer.content_type)


async def send_cut(request: web.BaseRequest, answer: web.Response, date: str) -> web.StreamResponse:
    """Send half of an answer that promised the whole, and close the connection."""
    body = answer.body if isinstance(answer.body, bytes) else b""
    stream = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type, "Date": date})
    stream.content_length = len(body)
    await stream.prepare(request)
    await stream.write(body[: len(body) // 2])
    if request.transport is not None:
        request.transport.close()
    return stream


async def send_oversized(request: web.BaseRequest, size_bytes: int, date: str) -> web.StreamResponse:
    """Send a valid JSON object of about ``size_bytes``, in pieces."""
    stream = web.StreamResponse(headers={"Content-Type": JSON, "Date": date})
    await stream.prepare(request)
    await stream.write(b'{"results": [], "padding": "')
    for _ in range(max(1, size_bytes // CHUNK_BYTES)):
        await stream.write(b"x" * CHUNK_BYTES)
    await stream.write(b'"}')
    await stream.write_eof()
    return stream


def reset_connection(request: web.BaseRequest) -> None:
    """End the connection with a reset instead of a close."""
    transport = request.transport
    if transport is None:
        return
    found = transport.get_extra_info("socket")
    if found is not None:
        found.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    transport.abort()


async def hang(stopping: asyncio.Event) -> None:
    """Wait until the manager stops, or as long as anybody would."""
    try:
        async with asyncio.timeout(HANG_SECONDS_MAX):
            await stopping.wait()
    except TimeoutError:
        return
