"""The HTTP client of a source: log-ins, failover and retries over the request budget."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from functools import partial

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, stop_after_attempt, stop_before_delay
from tenacity.wait import wait_random_exponential

from collector.clock import Clock
from collector.errors import AuthFailed, ResponseInvalid, SourceError, SourceUnavailable, Throttled
from collector.sources.answers import Answer, Api, Exchange, redirect_error, retry_after
from collector.sources.budget import RequestBudget
from collector.sources.failover import Failover
from collector.sources.lockout import Lockout
from collector.sources.manager import Manager, NotReached
from collector.sources.observer import SourceObserver
from collector.sources.options import POLL_RETRY, HttpOptions, RetryPolicy
from collector.sources.tls import client_context

LOGOUT_SECONDS = 1.0
"""For the log-outs of all managers together.

The daemon leaves within five seconds, and sessions time out by themselves.
"""


class HttpClient:
    """Requests to a source, whichever of its managers answers.

    All calls go to one manager until it fails; then to the next one, until the preferred one answers again. Every
    request, also of a log-in, a probe or a retry, takes its place in one budget.
    """

    def __init__(self, options: HttpOptions, api: Api, clock: Clock, observer: SourceObserver) -> None:
        self.budget = RequestBudget(options.requests_per_second, options.concurrency)
        self.managers = tuple(Manager(url, options) for url in options.urls)
        self._options = options
        self._api = api
        self._clock = clock
        self._observer = observer
        self._failover = Failover(options.name, self.managers, observer, self._probe, options.return_probe_seconds)
        self._lockout = Lockout(options.name, clock, options.lockout_seconds)
        self._login_turn = asyncio.Lock()

    # --- life ---------------------------------------------------------------------------------------------------------

    async def start(self) -> None:
        """Make the connection pools; nothing is sent. Raises SourceUnavailable when a TLS file cannot be used."""
        self.budget.hold(asyncio.get_running_loop().time() + self._options.start_hold_seconds)
        context = await asyncio.to_thread(client_context, self._options.tls)
        for manager in self.managers:
            manager.open(context)

    async def stop(self) -> None:
        """Log out, as far as a second allows, and close."""
        await self._failover.stop()
        logins = [manager.login for manager in self.managers if manager.login is not None]
        for login in logins:
            login.cancel()
        await asyncio.gather(*logins, return_exceptions=True)
        outs = [self._api.log_out(self._exchange_of(manager)) for manager in self.managers if manager.is_ready]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LOGOUT_SECONDS):
                # A manager that does not hear us ends the session by itself.
                await asyncio.gather(*outs, return_exceptions=True)
        for manager in self.managers:
            await manager.close()

    # --- calls --------------------------------------------------------------------------------------------------------

    async def get(
        self, path: str, policy: RetryPolicy = POLL_RETRY, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Return the 2xx answer to a GET.

        Args:
            path: Path and query, percent-encoded.
            policy: How often and how long a retryable failure is tried again.
            headers: Of this request alone; they win over the log-in's.
        Raises:
            SourceError: By kind, see collector.errors; the last one where there were retries.
        """
        started = asyncio.get_running_loop().time()
        manager = self._failover.current
        try:
            try:
                return await self.get_at(manager, path, headers)
            except SourceError as error:
                if not error.retryable or policy.retries == 0:
                    raise
                return await self._again(path, policy, headers, manager, first=error, started=started)
        except (SourceUnavailable, AuthFailed) as error:
            self._note_bad(error, started)
            raise

    async def get_at(self, manager: Manager, path: str, headers: Mapping[str, str] | None = None) -> Answer:
        """Return one manager's 2xx answer to a GET, without retries; an ended session is renewed once."""
        answer = await self._exchange(manager, "GET", path, headers=headers) if manager.is_ready else None
        if answer is None:
            answer = await self._authorised(manager, path, headers)
        if answer.status == 200:
            if self._failover.is_bad:
                self._failover.answered()
            return answer
        if self._api.is_session_over(answer):
            manager.expire(answer.login)
            answer = await self._authorised(manager, path, headers)
        if 200 <= answer.status < 300:
            return answer
        raise self._error(answer, manager.where(path))

    async def _authorised(self, manager: Manager, path: str, headers: Mapping[str, str] | None) -> Answer:
        """Send a GET once we are logged in.

        One whose log-in ends while it waits for its place waits for the next log-in.
        """
        while True:
            if not manager.is_ready:
                await self._log_in(manager)
            answer = await self._exchange(manager, "GET", path, headers=headers)
            if answer is not None:
                return answer

    @property
    def current(self) -> Manager:
        """The manager that calls go to."""
        return self._failover.current

    async def _probe(self, manager: Manager) -> Answer:
        return await self.get_at(manager, self._api.probe_path)

    def _note_bad(self, error: SourceError, started: float) -> None:
        """Take note when the source refuses us, or answered nothing since the call began."""
        answered_at = max(manager.answered_at for manager in self.managers)
        if self._lockout.is_active if isinstance(error, AuthFailed) else answered_at < started:
            self._failover.silent(str(error))

    async def _again(
        self,
        path: str,
        policy: RetryPolicy,
        headers: Mapping[str, str] | None,
        manager: Manager,
        *,
        first: SourceError,
        started: float,
    ) -> Answer:
        """Go on after a manager's first failure. The library enters here only, so that a good call does not pay."""
        loop = asyncio.get_running_loop()
        pending: SourceError | None = first
        failures_here = 0

        async def attempt() -> Answer:
            nonlocal manager, pending, failures_here
            error, pending = pending, None
            if error is None:
                try:
                    return await self.get_at(manager, path, headers)
                except SourceError as failed:
                    error = failed
            failures_here += 1
            self._failover.failed(manager, error, failures_here, started)
            if manager is not self._failover.current:
                manager, failures_here = self._failover.current, 0
            raise error

        left = policy.deadline_seconds - (loop.time() - started)
        retrying = AsyncRetrying(
            stop=stop_after_attempt(1 + policy.retries) | stop_before_delay(left),
            wait=partial(_wait, wait_random_exponential(self._options.retry_wait_seconds * 2, policy.wait_seconds_max)),
            retry=retry_if_exception(lambda error: isinstance(error, SourceError) and error.retryable),
            sleep=asyncio.sleep,
            reraise=True,
        )
        return await retrying(attempt)

    # --- one request --------------------------------------------------------------------------------------------------

    async def _exchange(
        self,
        manager: Manager,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        form: Mapping[str, str] | None = None,
        needs_login: bool = True,
    ) -> Answer | None:
        """Send one request; ``None`` when it needs a log-in that ended before its place came: then nothing was sent."""
        loop = asyncio.get_running_loop()
        budget = self.budget
        begun = loop.time()
        if not budget.try_acquire(begun):
            await budget.wait()
            begun = loop.time()
            if needs_login and not manager.is_ready:
                budget.abandon()
                return None
        outcome = "cancelled"
        is_over = False
        try:
            answer = await manager.exchange(method, path, headers=headers, form=form)
            outcome = str(answer.status)
            is_over = True
        except SourceError as error:
            outcome = _outcome(error)
            is_over = isinstance(error, NotReached)
            raise
        finally:
            ended = loop.time()
            if is_over:
                budget.release(ended)
            else:
                budget.release_unanswered(ended)
            self._observer.request_done(self._options.name, outcome, ended - begun)
        if answer.status < 500:
            manager.answered_at = ended
        if answer.status in {429, 503}:
            self._slow_down(answer, ended)
        elif budget.is_reduced and answer.status < 500:
            budget.good(ended)
        return answer

    def _exchange_of(self, manager: Manager) -> Exchange:
        """Return what a log-in sends its requests with."""

        async def exchange(
            method: str, path: str, *, headers: Mapping[str, str] | None = None, form: Mapping[str, str] | None = None
        ) -> Answer:
            answer = await self._exchange(manager, method, path, headers=headers, form=form, needs_login=False)
            if answer is None:
                raise AssertionError("BUG: a log-in waited for a log-in")
            return answer

        return exchange

    def _slow_down(self, answer: Answer, now: float) -> None:
        delay = retry_after(answer.headers, self._clock.now())
        if self.budget.fall(now, concurrency=answer.status == 503, hold_seconds=delay):
            self._observer.throttled(self._options.name, answer.status, self.budget.rate, self.budget.concurrency)

    def _error(self, answer: Answer, where: str) -> SourceError:
        if 300 <= answer.status < 400:
            return redirect_error(answer, where)
        error = self._api.error(answer, where)
        if isinstance(error, Throttled) and error.delay_seconds is None:
            error.delay_seconds = retry_after(answer.headers, self._clock.now())
        return error

    # --- log-in -------------------------------------------------------------------------------------------------------

    async def _log_in(self, manager: Manager) -> None:
        """Return when the manager knows us. However many calls wait for it, one log-in is sent.

        It is a task of its own: a caller that gives up must not leave it half done, or the next one would count as
        another attempt against the account.
        """
        self._lockout.check()
        if manager.login is None:
            manager.login = asyncio.create_task(self._log_in_once(manager), name=f"log-in {manager.host}")
            manager.login.add_done_callback(partial(_forget_login, manager))
        await asyncio.shield(manager.login)

    async def _log_in_once(self, manager: Manager) -> None:
        async with self._login_turn:
            self._lockout.check()
            manager.forget()
            try:
                headers = await self._api.log_in(self._exchange_of(manager))
            except AuthFailed as error:
                for each in self.managers:
                    each.is_ready = False
                seconds = self._lockout.refused(str(error))
                self._observer.login_refused(self._options.name, manager.host, seconds)
                raise AuthFailed(
                    f"{error}; the next log-in is tried in {seconds:.0f} s, since accounts lock"
                ) from error
            self._lockout.accepted()
            manager.accept(headers)
            self._observer.logged_in(self._options.name, manager.host)


def _forget_login(manager: Manager, task: asyncio.Task[None]) -> None:
    manager.login = None
    if not task.cancelled():
        # Those who waited have it; where nobody waits any more, the next call meets it again.
        task.exception()


def _wait(jitter: wait_random_exponential, state: RetryCallState) -> float:
    """Return the seconds until the next attempt: the server's own delay, or a random one that grows."""
    error = state.outcome.exception() if state.outcome is not None else None
    asked = error.delay_seconds if isinstance(error, Throttled) else None
    return max(jitter(state), asked or 0.0)


def _outcome(error: SourceError) -> str:
    if isinstance(error, ResponseInvalid):
        return "invalid"
    if isinstance(error.__cause__, TimeoutError):
        return "timeout"
    return "connection"
