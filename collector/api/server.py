"""The listener: sockets, TLS, connections, and the frame around every answer."""

from __future__ import annotations

import asyncio
import errno
import os
import ssl
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import structlog
from aiohttp import web

from collector.api.addresses import AddressService
from collector.api.auth import AccessRules, Area, Gate
from collector.api.problems import (
    Problem,
    internal,
    problem_of,
    problem_of_http,
    problem_response,
    unavailable,
)
from collector.api.routes import Handler, Reload, Routes
from collector.api.usage import UsageService
from collector.clock import Clock
from collector.errors import ConfigError, Fault, MeteringError
from collector.model.identity import Tenant
from collector.ports import LedgerReader
from collector.telemetry.health import Health

CONNECTIONS_MAX = 512
"""Connections at once; more are closed at once, so that file descriptors are left for the sources."""

IDLE_SECONDS = 30.0
"""A connection that has not sent a whole request for so long is closed."""

REQUEST_SECONDS_MAX = 60.0
"""Longest work on one request."""

STOP_SECONDS = 1.0
"""Requests under way may finish for so long, twice over, when the server stops: far below five seconds in all."""

LINE_BYTES_MAX = 16_384
"""Longest request line: holds the greatest number of filters that is sensible."""

HEADER_BYTES_MAX = 8_190
BODY_BYTES_MAX = 1_024
"""No route takes a body."""

LINGER_SECONDS = 1.0
"""How long the rest of a body that nobody reads is awaited."""

TLS_SECONDS_MAX = 10.0
"""Longest handshake."""

_HEADERS = {
    "Server": "northmeter",
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Referrer-Policy": "no-referrer",
}

_STARTED = web.RequestKey("northmeter.started", bool)

_log = structlog.stdlib.get_logger("collector.api")


class ListenFailed(MeteringError):
    """The address cannot be listened on: in use, not ours, or not allowed; exit 3. Its cause is the OSError."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TlsOptions:
    """Files of the certificate chain and its key, and of the authorities that clients' certificates must come from."""

    cert_file: Path
    key_file: Path
    client_ca_file: Path | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiOptions:
    """What the server needs to know.

    Attributes:
        host: Address or name to listen on.
        port: Port to listen on; 0 takes a free one.
        tls: ``None`` for plain HTTP.
        access: Tokens, and what is answered without one.
    """

    host: str
    port: int
    tls: TlsOptions | None = None
    access: AccessRules = field(default_factory=AccessRules)


class ApiServer:
    """Serves health, metrics and the usage API."""

    def __init__(
        self,
        options: ApiOptions,
        *,
        reader: LedgerReader,
        tenants: Callable[[], Sequence[Tenant]],
        health: Health,
        clock: Clock,
        metrics: Handler,
        reload: Reload,
    ) -> None:
        """Take what it answers from; nothing is opened yet.

        Args:
            options: Address, certificates and tokens.
            reader: The ledger.
            tenants: Gives the tenants of the settings in force.
            health: What ``/-/ready`` answers.
            clock: Says which slot is open.
            metrics: Answers ``/metrics``.
            reload: Re-reads the settings; returns what is wrong with them, or ``None`` when they are in force.
        """
        self._options = options
        self._gate = Gate(options.access)
        self._routes = Routes(
            gate=self._gate,
            usage=UsageService(reader, tenants, clock),
            addresses=AddressService(reader, clock),
            reader=reader,
            health=health,
            metrics=metrics,
            reload=reload,
        )
        self._tls: ssl.SSLContext | None = None
        self._runner: web.AppRunner | None = None
        self._listener: asyncio.Server | None = None

    @property
    def port(self) -> int:
        """The port that is listened on; that of the options before ``start``."""
        sockets = self._listener.sockets if self._listener is not None else ()
        return int(sockets[0].getsockname()[1]) if sockets else self._options.port

    async def start(self) -> None:
        """Listen.

        Raises:
            ConfigError: A certificate, key or authority cannot be used.
            ListenFailed: The address cannot be listened on.
        """
        tls = self._options.tls
        self._tls = await asyncio.to_thread(_tls_context, tls) if tls is not None else None
        app = web.Application(middlewares=[self._frame], client_max_size=BODY_BYTES_MAX)
        app.add_routes(self._routes.table())
        app.on_response_prepare.append(_prepare)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=STOP_SECONDS)
        await self._runner.setup()
        try:
            self._listener = await self._listen(self._runner)
        except OSError as error:
            await self.stop()
            raise ListenFailed(self._failure(error)) from error

    async def stop(self) -> None:
        """Stop listening, let requests under way finish for a moment, and close every connection."""
        listener, self._listener = self._listener, None
        runner, self._runner = self._runner, None
        if listener is not None:
            listener.close()
        if runner is not None:
            await runner.cleanup()

    async def reload(self, options: ApiOptions) -> None:
        """Put tokens, what is open, and renewed certificates in force; the address stays until the next start.

        Raises:
            ConfigError: A certificate, key or authority cannot be used; everything stays as it was.
        """
        if self._tls is not None and options.tls is not None:
            # A context of its own shows whether the files can be used before the one in use is touched.
            await asyncio.to_thread(_tls_context, options.tls)
            await asyncio.to_thread(_load_chain, self._tls, options.tls)
        self._gate.replace(options.access)

    async def _listen(self, runner: web.AppRunner) -> asyncio.Server:
        manager = runner.server
        if manager is None:
            raise RuntimeError("BUG: the runner has no server after its set-up")
        loop = asyncio.get_running_loop()

        def connection() -> _Connection:
            return _Connection(
                manager,
                loop=loop,
                access_log=None,  # type: ignore[arg-type]  # None is what the runner passes for no log
                keepalive_timeout=IDLE_SECONDS,
                max_line_size=LINE_BYTES_MAX,
                max_field_size=HEADER_BYTES_MAX,
                lingering_time=LINGER_SECONDS,
            )

        return await loop.create_server(
            connection,
            self._options.host,
            self._options.port,
            ssl=self._tls,
            ssl_handshake_timeout=TLS_SECONDS_MAX if self._tls is not None else None,
            ssl_shutdown_timeout=STOP_SECONDS if self._tls is not None else None,
        )

    def _failure(self, error: OSError) -> str:
        where = f"http.listen: {self._options.host}:{self._options.port}"
        if error.errno == errno.EADDRINUSE:
            return f"{where} is in use; stop what listens there, or name another port"
        return f"{where} cannot be listened on: {error.strerror or type(error).__name__}"

    @web.middleware
    async def _frame(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Answer every error with a problem document."""
        try:
            async with asyncio.timeout(REQUEST_SECONDS_MAX):
                return await handler(request)
        except web.HTTPException as error:
            return problem_response(self._refused(request, error), request)
        except MeteringError as error:
            problem = problem_of(error)
            if problem.status >= 500 and not isinstance(error, Problem):
                _log_failure(request, error, traceback=not error.retryable)
            return _unless_started(request, problem, error)
        except TimeoutError as error:
            _log_failure(request, error, traceback=False)
            return _unless_started(request, unavailable("this took too long; ask for a shorter range"), error)
        except Exception as error:  # noqa: BLE001 - the outermost frame of a request: logged, answered, and on it goes
            _log_failure(request, error)
            return _unless_started(request, internal(), error)

    def _refused(self, request: web.Request, error: web.HTTPException) -> Problem:
        """Return the answer to a path or method that is not there; below ``/api``, only to whom the API is open."""
        if request.path == "/api" or request.path.startswith("/api/"):
            try:
                self._gate.admit(Area.API, request.headers)
            except Problem as problem:
                return problem
        return problem_of_http(error, request.rel_url.raw_path[:256])


class _Connection(web.RequestHandler):
    """A connection of a client, one of a bounded number, that does not say what it is built with."""

    __slots__ = ()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self._manager is not None and len(self._manager.connections) > CONNECTIONS_MAX:
            _log.warning("http_connections_exhausted", connections=CONNECTIONS_MAX)
            self.force_close()

    def handle_error(
        self,
        request: web.BaseRequest,
        status: int = 500,
        exc: BaseException | None = None,
        message: str | None = None,
    ) -> web.StreamResponse:
        """Return the answer to what the parser refuses, or to a failure of the frame itself, and close."""
        if request.writer.output_size > 0:
            raise ConnectionError("an answer was under way and cannot be finished")
        problem = Problem(status, "this is no valid HTTP request") if status < 500 else internal()
        response = problem_response(problem, request)
        response.headers.update(_HEADERS)
        response.force_close()
        return response


async def _prepare(request: web.Request, response: web.StreamResponse) -> None:
    request[_STARTED] = True
    for name, value in _HEADERS.items():
        if name == "Server":
            response.headers[name] = value
        else:
            response.headers.setdefault(name, value)


def _unless_started(request: web.Request, problem: Problem, error: Exception) -> web.Response:
    """Return a problem, unless an answer has begun: then the connection is broken off, so that it looks incomplete."""
    if request.get(_STARTED, False):
        raise ConnectionError("an answer was under way and cannot be finished") from error
    return problem_response(problem, request)


def _log_failure(request: web.Request, error: Exception, *, traceback: bool = True) -> None:
    _log.error(
        "http_request_failed",
        method=request.method,
        path=request.rel_url.raw_path[:256],
        error=f"{type(error).__name__}: {error}",
        exc_info=error if traceback else None,
    )


def _tls_context(options: TlsOptions) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    _load_chain(context, options)
    if options.client_ca_file is not None:
        try:
            context.load_verify_locations(cafile=os.fspath(options.client_ca_file))
        except OSError as error:
            raise _tls_fault("client_ca_file", options.client_ca_file, error) from error
        context.verify_mode = ssl.CERT_REQUIRED
    return context


def _load_chain(context: ssl.SSLContext, options: TlsOptions) -> None:
    for name, path in (("cert_file", options.cert_file), ("key_file", options.key_file)):
        try:
            path.read_bytes()
        except OSError as error:
            raise _tls_fault(name, path, error) from error
    try:
        # Without a password an encrypted key would ask for one on the terminal.
        context.load_cert_chain(options.cert_file, options.key_file, password="")
    except (OSError, ValueError) as error:
        raise _tls_fault("cert_file", options.cert_file, error, f" with key_file {options.key_file}") from error


def _tls_fault(name: str, path: Path, error: Exception, more: str = "") -> ConfigError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else type(error).__name__
    return ConfigError([Fault(f"http.tls.{name}", None, f"{path}{more} cannot be used: {reason}")])
