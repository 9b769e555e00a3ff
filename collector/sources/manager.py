"""One manager of a source: its connections, its session, its requests."""

from __future__ import annotations

import asyncio
import socket
import ssl
from collections.abc import Mapping
from urllib.parse import urlsplit

import aiohttp
from yarl import URL

from collector.errors import ResponseInvalid, SourceUnavailable
from collector.sources.answers import Answer, AnswerTooLong, read_bounded, url_path
from collector.sources.limits import TimeLimit, TimeLimits
from collector.sources.options import HttpOptions

KEEP_ALIVE_SECONDS = 75.0
"""Longer than a poll interval of a minute, so that a connection lives from one cycle to the next."""

DNS_CACHE_SECONDS = 60
"""A VIP that moves to another address is found within a minute."""


class NotReached(SourceUnavailable):
    """No connection came about, so the manager got nothing of the request."""


class Manager:
    """Requests to one URL.

    Attributes:
        url: As the settings have it, without a slash at the end.
        host: Host and port, for messages.
        is_ready: True while the log-in holds.
        generation: Grows with each log-in, so that an answer to an older one does not end a newer one.
        answered_at: Loop's time of the last answer below 500, in seconds.
        failed_at: Loop's time at which it was last found to be away, in seconds.
        login: The log-in under way, if any.
    """

    def __init__(self, url: str, options: HttpOptions) -> None:
        self.url = url.rstrip("/")
        parts = urlsplit(self.url)
        self.host = parts.netloc.rpartition("@")[2]
        self._scheme = parts.scheme
        self.is_ready = False
        self.generation = 0
        self.answered_at = float("-inf")
        self.failed_at = float("-inf")
        self.login: asyncio.Task[None] | None = None
        self._options = options
        self._credentials: tuple[str, ...] = ()
        self._session: aiohttp.ClientSession | None = None
        self._limits = TimeLimits(options.timeout_seconds)

    def open(self, context: ssl.SSLContext) -> None:
        """Make the pool of connections; nothing is sent."""
        connector = aiohttp.TCPConnector(
            limit=0,  # the budget bounds what is under way, over all managers; a second bound would cost each request
            ssl=context,
            keepalive_timeout=KEEP_ALIVE_SECONDS,
            ttl_dns_cache=DNS_CACHE_SECONDS,
            family=socket.AF_UNSPEC,
        )
        self._session = aiohttp.ClientSession(
            connector=connector,
            # Cookies are kept with the log-in's headers, so that none travels between managers.
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": "northmeter"},
            timeout=aiohttp.ClientTimeout(),  # the limit below is cheaper, and counts from the connection on as well
            trust_env=False,
            raise_for_status=False,
        )
        # The library sends a request twice when a kept connection turns out to be closed. The second one would be
        # outside the budget; our own retries take their place in it.
        self._session._retry_connection = False

    async def close(self) -> None:
        """Close the connections."""
        self.is_ready = False
        if self._session is not None:
            await self._session.close()
            self._session = None
            self._limits.close()

    def accept(self, headers: Mapping[str, str]) -> None:
        """Use a log-in's headers from now on."""
        if self._session is not None:
            self._session.headers.update(headers)
        self._credentials = tuple(headers)
        self.is_ready = True
        self.generation += 1

    def expire(self, generation: int) -> None:
        """Take a log-in for ended, unless a newer one has replaced it."""
        if generation == self.generation:
            self.is_ready = False

    def forget(self) -> None:
        """Send no credentials of an earlier log-in any more."""
        self.is_ready = False
        if self._session is not None:
            for name in self._credentials:
                self._session.headers.popall(name, None)
        self._credentials = ()

    def where(self, path: str) -> str:
        """Return the manager and the URL's path, for messages."""
        return f"{self.host}{url_path(path)}"

    async def exchange(
        self, method: str, path: str, *, headers: Mapping[str, str] | None = None, form: Mapping[str, str] | None = None
    ) -> Answer:
        """Send one request and return its answer, whatever the status.

        Raises:
            NotReached: No connection.
            SourceUnavailable: Time-out, or the connection broke.
            ResponseInvalid: What came is not HTTP, or too long.
        """
        session = self._session
        if session is None:
            raise SourceUnavailable(f"{self.where(path)}: the source is stopped")
        login = self.generation
        # Parsed by hand: the library's parser costs twice as much, for each request of each poll.
        policy_path, _, query = path.partition("?")
        url = URL.build(scheme=self._scheme, authority=self.host, path=policy_path, query_string=query, encoded=True)
        try:
            with TimeLimit(self._limits):
                async with session.request(method, url, allow_redirects=False, headers=headers, data=form) as response:
                    body = await read_bounded(response, self._options.answer_bytes_max)
                    return Answer(response.status, response.headers, body, login)
        except AnswerTooLong as error:
            raise ResponseInvalid(f"{self.where(path)}: {error}; it is refused") from error
        except TimeoutError as error:
            raise SourceUnavailable(
                f"{self.where(path)}: no answer within {self._options.timeout_seconds:g} s"
            ) from error
        except aiohttp.ClientConnectorCertificateError as error:
            raise NotReached(
                f"{self.where(path)}: the certificate is not trusted: {_reason(error.certificate_error)}; "
                "expected one that tls.ca_file or tls.fingerprint names"
            ) from error
        except aiohttp.ClientConnectorError as error:
            raise NotReached(f"{self.where(path)}: no connection: {_reason(error.os_error)}") from error
        except aiohttp.ClientResponseError as error:
            raise ResponseInvalid(f"{self.where(path)}: the answer is not proper HTTP: {error.message}") from error
        except (aiohttp.ClientError, OSError) as error:
            raise SourceUnavailable(f"{self.where(path)}: the connection broke: {_reason(error)}") from error


def _reason(error: BaseException) -> str:
    return str(error) or type(error).__name__
