"""Answers and what is common to all their faults: redirects, sizes, delays, words."""

from __future__ import annotations

from collections.abc import Awaitable, Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from typing import NamedTuple, Protocol
from urllib.parse import urlsplit

from aiohttp import ClientResponse

from collector.errors import ResponseInvalid, SourceError
from collector.model.period import Instant

EXCERPT_CHARACTERS = 80
"""Of a foreign text in a message: enough to recognise an error page, too little to fill a log."""

DELAY_SECONDS_MAX = 3_600.0
"""A ``Retry-After`` beyond an hour is taken for an hour; the caller's own bounds are shorter."""


class Answer(NamedTuple):
    """One HTTP answer, read to its end.

    Attributes:
        login: Which of the manager's log-ins the request was sent with; 0 before the first.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    login: int = 0


class Exchange(Protocol):
    """Sends one request to one manager, within the budget, and returns its answer whatever the status is."""

    def __call__(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, form: Mapping[str, str] | None = None
    ) -> Awaitable[Answer]: ...


class Api(Protocol):
    """What one product adds to plain HTTP: how to log in and what its error answers mean."""

    probe_path: str

    async def log_in(self, exchange: Exchange) -> Mapping[str, str]:
        """Return the headers of every later request.

        Raises AuthFailed when the credentials are refused, SourceError otherwise.
        """

    async def log_out(self, exchange: Exchange) -> None:
        """End the session, where there is one."""

    def is_session_over(self, answer: Answer) -> bool:
        """True when a new log-in may help."""

    def error(self, answer: Answer, where: str) -> SourceError:
        """Return what an answer other than 2xx and 3xx means; ``where`` names the manager and the URL's path."""


class AnswerTooLong(ValueError):
    """A body beyond its bound."""


async def read_bounded(response: ClientResponse, limit: int) -> bytes:
    """Return the body, at most ``limit`` bytes.

    Raises:
        AnswerTooLong: It is longer; the connection is closed then.
    """
    headers = response.headers
    length = headers.get("Content-Length", "")
    if length.isdecimal() and int(length) <= limit and "Content-Encoding" not in headers:
        return await response.read()
    chunks = []
    size = 0
    # Neither a body without a length nor an unpacked one says how long it will be.
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > limit:
            response.close()
            raise AnswerTooLong(f"the answer is longer than {limit} bytes")
        chunks.append(chunk)
    return b"".join(chunks)


def redirect_error(answer: Answer, where: str) -> ResponseInvalid:
    """Return the fault of a redirect, which is never followed: it would carry our credentials elsewhere."""
    host = urlsplit(answer.headers.get("Location", "")).netloc.rpartition("@")[2] or "the same host"
    return ResponseInvalid(
        f"{where}: HTTP {answer.status} points to {host[:EXCERPT_CHARACTERS]}; redirects are refused, "
        "so put the manager's own address in urls"
    )


def not_json(answer: Answer, where: str, reason: str) -> ResponseInvalid:
    """Return the fault of a 200 that is no JSON, or not what was promised."""
    kind = answer.headers.get("Content-Type", "no content type")
    beginning = "" if kind.startswith("application/json") else f", beginning {excerpt(answer.body)!r}"
    return ResponseInvalid(f"{where}: expected JSON, got {kind[:EXCERPT_CHARACTERS]}{beginning}: {reason}")


def excerpt(body: bytes) -> str:
    """Return the beginning of a foreign text on one line."""
    return " ".join(body[: 4 * EXCERPT_CHARACTERS].decode("utf-8", "replace").split())[:EXCERPT_CHARACTERS]


def retry_after(headers: Mapping[str, str], now: Instant) -> float | None:
    """Return the server's own delay in seconds, or ``None``; given as seconds or as a date.

    Source: RFC 9110, 10.2.3.
    """
    value = headers.get("Retry-After", "").strip()
    if value.isdecimal():
        return min(float(value), DELAY_SECONDS_MAX)
    at = http_date(value)
    return None if at is None else min(max(0.0, (at - now) / 1_000), DELAY_SECONDS_MAX)


def http_date(value: str) -> Instant | None:
    """Return the instant of an HTTP date, or ``None`` if it is none. Source: RFC 9110, 5.6.7."""
    try:
        at = parsedate_to_datetime(value)
    except (ValueError, IndexError, OverflowError):
        return None
    aware = at if at.tzinfo is not None else at.replace(tzinfo=UTC)
    return int((aware - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds()) * 1_000


def url_path(path: str) -> str:
    """Return the path without its query, for messages: a query may hold what nobody should read."""
    return path.partition("?")[0]
