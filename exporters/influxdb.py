"""Writes slots and counts of addresses to InfluxDB, through the official client's v2 write call.

Slots: measurement ``northmeter_usage``; tags ``site``, ``tenant``, ``kind``, ``point``, ``direction``; whole-number
fields; time is the start of the slot in seconds. Addresses: see ``exporters.address_lines``. The same tags and time
overwrite, so a repeat changes nothing.

The client is imported when it is first needed: it takes 16 MiB. Of it we use the asynchronous write service, since a
cancelled call ends at once, where one in a thread would hold up a stop for its time-out. Its batching and retries are
not used; the exporter does both. Neither its ``INFLUXDB_V2_*`` variables nor a proxy of the environment are looked at.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import ssl
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import aiohttp

from collector.errors import ExportRejected, ExportUnavailable, MeteringError
from collector.model.addresses import AddressReport
from collector.model.usage import ExportRow
from exporters.address_lines import address_lines
from exporters.base import Unfit
from exporters.lines import LineBuilder

if TYPE_CHECKING:
    from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync
    from influxdb_client.service.write_service import WriteService

ANSWER_BYTES_MAX: Final = 16_384
"""How much of an answer is read: an error is a sentence, a confirmation is empty."""

MESSAGE_CHARACTERS_MAX: Final = 300
"""How much of an error's words is shown."""

GZIP_LEVEL: Final = 1
"""Lines repeat their tags; level 1 makes a tenth of them at some 300 MB/s."""

GZIP_THREAD_BYTES: Final = 65_536
"""From this size on compression happens beside the event loop; below it takes less time than the way to a thread."""

CONFIRMED: Final = frozenset({201, 204})
"""A write that was taken. Other codes below 300 come from something that is no InfluxDB, such as a log-in page."""

LINE_AT_FAULT: Final = frozenset({400, 422})
TOO_LARGE: Final = 413

_EXPIRED: Final = re.compile(r"partial write: points beyond retention policy dropped=(?P<lines>\d+)")
"""All lines were written but those older than the bucket keeps. Source: InfluxDB 1.x and 2.x, partial write errors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InfluxOptions:
    """Where to write.

    Attributes:
        url: Base address, perhaps with the path of a proxy.
        org: Organisation.
        bucket: Bucket.
        token: Returns the token; asked at first and again after each refusal. ``None`` where none is asked for.
        ca_file: Certificates to trust, PEM; the system's where it is ``None``.
        fingerprint: SHA-256 of the server's certificate, 32 bytes: it alone decides.
        verify: False takes any certificate; the caller warns.
        timeout_seconds: For one write, from the connection to the end of the answer.
    """

    url: str
    org: str
    bucket: str
    token: Callable[[], str] | None = field(default=None, repr=False)
    ca_file: Path | None = None
    fingerprint: bytes | None = None
    verify: bool = True
    timeout_seconds: float = 10.0


class _Answer(NamedTuple):
    status: int
    retry_after: str | None
    body: bytes


class InfluxDestination:
    """One InfluxDB bucket; what an ``OutboxExporter`` sends to.

    Args:
        site: The tag ``site``.
        options: Where to write.
    """

    def __init__(self, site: str, options: InfluxOptions) -> None:
        self._options = options
        self._site = site
        self._lines = LineBuilder(site)
        self._client: InfluxDBClientAsync | None = None
        self._service: WriteService | None = None
        self._token = ""
        self._token_is_good = False

    def encode(self, rows: Sequence[ExportRow]) -> tuple[list[str], list[Unfit]]:
        """Return two lines a row, and those that the line protocol cannot carry."""
        return self._lines.build(rows)

    def encode_addresses(self, reports: Sequence[AddressReport]) -> tuple[list[str], list[Unfit]]:
        """Return a line for each count of a reading, and those that the line protocol cannot carry."""
        return address_lines(self._site, reports)

    async def send(self, lines: Sequence[str]) -> int:
        """Write lines in one request; return how many the bucket does not keep, being older than its retention.

        Raises:
            ExportUnavailable: Connection, time-out, any refusal but the following.
            ExportRejected: 400 and 422, a line is wrong; 413, too many.
        """
        body = "\n".join(lines).encode()
        if len(body) < GZIP_THREAD_BYTES:
            packed = gzip.compress(body, GZIP_LEVEL)
        else:
            packed = await asyncio.to_thread(gzip.compress, body, GZIP_LEVEL)
        try:
            answer = await self._write(packed)
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise ExportUnavailable(self._say(f"cannot be reached: {_words(error)}")) from error
        if answer.status in CONFIRMED:
            return 0
        message = _message(self._hide(answer.body.decode(errors="replace")))
        if answer.status in LINE_AT_FAULT and (expired := _EXPIRED.search(message)):
            return int(expired["lines"])
        raise self._refuse(answer, message)

    async def close(self) -> None:
        """Close the connection."""
        client, self._client, self._service = self._client, None, None
        if client is not None:
            await client.close()  # type: ignore[no-untyped-call] # the client has types elsewhere

    async def _write(self, packed: bytes) -> _Answer:
        service = self._service or await self._open()
        self._authorize(service)
        response = await service.post_write_async(  # type: ignore[no-untyped-call] # the client has types elsewhere
            self._options.org,
            self._options.bucket,
            packed,
            precision="s",
            content_encoding="gzip",
            content_type="text/plain; charset=utf-8",
            _preload_content=False,  # the client would read an answer of any length
        )
        async with response:
            body = bytearray()
            async for piece in response.content.iter_any():
                body += piece[: ANSWER_BYTES_MAX - len(body)]
                if len(body) >= ANSWER_BYTES_MAX:
                    break
            return _Answer(response.status, response.headers.get("Retry-After"), bytes(body))

    async def _open(self) -> WriteService:
        """Connect the client; every option that matters is stated, whatever its default."""
        options = self._options
        tls = await asyncio.to_thread(self._trust)
        client_class, service_class = await asyncio.to_thread(_import_client)
        self._client = client_class(
            options.url,
            org=options.org,
            debug=False,
            timeout=aiohttp.ClientTimeout(total=options.timeout_seconds),
            enable_gzip=False,  # it would compress on the event loop, at level 9
            ssl_context=tls,
            connection_pool_maxsize=1,
            allow_redirects=False,  # the token would go along
            client_session_kwargs={"trust_env": False},
        )
        self._service = service_class(self._client.api_client)
        return self._service

    def _trust(self) -> ssl.SSLContext | aiohttp.Fingerprint:
        """Return how the server's certificate is checked; reads files."""
        options = self._options
        if options.fingerprint is not None:
            # The client hands it to aiohttp as it is, which compares it before a byte of a request leaves.
            return aiohttp.Fingerprint(options.fingerprint)
        try:
            context = ssl.create_default_context(cafile=options.ca_file)
        except OSError as error:
            raise ExportUnavailable(
                self._say(f"{options.ca_file}: {_words(error)}; expected readable certificates, PEM")
            ) from error
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        if not options.verify:
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
        return context

    def _authorize(self, service: WriteService) -> None:
        """Send the token along, read anew after a refusal: it may have been changed since."""
        if self._options.token is None or self._token_is_good:
            return
        try:
            self._token = self._options.token().strip()
        except (OSError, MeteringError) as error:
            raise ExportUnavailable(self._say(f"the token cannot be read: {_words(error)}")) from error
        self._token_is_good = True
        service.api_client.set_default_header("Authorization", f"Token {self._token}")

    def _refuse(self, answer: _Answer, message: str) -> Exception:
        """Return what an answer that is no confirmation means."""
        status, delay = answer.status, _delay_seconds(answer.retry_after)
        if status in LINE_AT_FAULT and not answer.body.lstrip().startswith(b"<"):
            return ExportRejected(self._say(f"says {status}: {message}"))
        if status == TOO_LARGE:
            return ExportRejected(self._say(f"says 413: {message}"), too_large=True)
        hint = ""
        if status in {401, 403}:
            self._token_is_good = False
            hint = "; expected a token that may write to the bucket"
        elif status == 404:
            hint = f"; expected the bucket {self._options.bucket} of the organisation {self._options.org}"
        elif status < 300 or status in LINE_AT_FAULT:
            hint = "; this is not how InfluxDB answers, so look at the address"
        elif status < 400:
            hint = "; redirects are not followed, so write the address that it leads to"
        return ExportUnavailable(self._say(f"says {status}: {message}{hint}"), delay_seconds=delay)

    def _say(self, words: str) -> str:
        """Return a message about this destination."""
        return self._hide(f"influxdb {self._options.url}: {words}")

    def _hide(self, text: str) -> str:
        """Return the text without the token: a server may repeat what it was sent."""
        return text.replace(self._token, "***") if self._token else text


def _import_client() -> tuple[type[InfluxDBClientAsync], type[WriteService]]:
    from influxdb_client.client.influxdb_client_async import InfluxDBClientAsync as Client
    from influxdb_client.service.write_service import WriteService as Service

    return Client, Service


def _message(text: str) -> str:
    """Return the words of an error: ``message`` of InfluxDB 2, ``error`` of InfluxDB 1, or the text as it is."""
    with suppress(ValueError):
        fields = json.loads(text)
        if isinstance(fields, dict):
            text = str(fields.get("message") or fields.get("error") or text)
    return " ".join(text[: 4 * MESSAGE_CHARACTERS_MAX].split())[:MESSAGE_CHARACTERS_MAX] or "no reason given"


def _delay_seconds(retry_after: str | None) -> float | None:
    """Return the seconds of a ``Retry-After``, or ``None`` without a sensible one. Source: RFC 9110, 10.2.3."""
    if retry_after is None:
        return None
    if retry_after.strip().isascii() and retry_after.strip().isdigit():
        return float(retry_after)
    try:
        at = parsedate_to_datetime(retry_after)
    except ValueError:
        return None
    return max(0.0, (at.replace(tzinfo=at.tzinfo or UTC) - datetime.now(UTC)).total_seconds())


def _words(error: Exception) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
