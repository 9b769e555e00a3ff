"""Who may ask: passwords, sessions, bearer tokens, client certificates, and the lockout after wrong passwords.

Sources: NSX REST API reference 4.2, methods CreateAuthenticatedSession and auth-policy (api_max_auth_failures,
api_failed_auth_lockout_period, api_failed_auth_reset_period). A session is known only to the manager that issued it.
Periods are real time, like the limits.
"""

from __future__ import annotations

import base64
import binascii
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

FAILURES_KEPT_MAX: Final = 1_000
SESSIONS_MAX: Final = 10_000
"""Sessions of one manager; the oldest goes first, so that a client that never logs out cannot fill the memory."""


@dataclass(frozen=True, slots=True)
class Denied:
    """Why a request was refused: HTTP status, product code, text."""

    status: int
    code: int
    message: str


@dataclass(slots=True)
class _Failures:
    count: int = 0
    first_at: float = 0.0
    locked_until: float = 0.0


@dataclass(slots=True)
class Session:
    """A log-in on one manager."""

    user: str
    xsrf: str = field(repr=False)
    used_at: float


@dataclass(slots=True)
class AuthCounts:
    """What tests ask about log-ins."""

    logins: int = 0
    refused: int = 0
    lockouts: int = 0
    while_locked: int = 0


class Accounts:
    """The accounts of a provider, shared by its managers.

    Args:
        users: Name to password.
        tokens: Bearer token to name.
        failures_max: Wrong passwords until an account is locked; 0 never locks.
        lockout_seconds: How long it stays locked.
        reset_seconds: After so long without a lock, wrong passwords are forgotten.
        basic: Whether Basic authentication is enabled.
        cookies: Whether sessions are enabled.
    """

    def __init__(
        self,
        users: Mapping[str, str],
        tokens: Mapping[str, str],
        *,
        failures_max: int,
        lockout_seconds: int,
        reset_seconds: int,
        basic: bool = True,
        cookies: bool = True,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.users = dict(users)
        self.tokens = dict(tokens)
        self.certificates: dict[str, str] = {}
        self.basic = basic
        self.cookies = cookies
        self.counts = AuthCounts()
        self._failures_max = failures_max
        self._lockout_seconds = lockout_seconds
        self._reset_seconds = reset_seconds
        self._monotonic = monotonic
        self._failures: dict[str, _Failures] = {}

    def failures(self, user: str) -> int:
        """Return how many wrong passwords count against a user now."""
        found = self._failures.get(user)
        return 0 if found is None else found.count

    def locked(self, user: str) -> bool:
        """Return whether a user is locked out."""
        found = self._failures.get(user)
        return found is not None and self._monotonic() < found.locked_until

    def unlock(self, user: str) -> None:
        """Forget a user's wrong passwords and end a lockout."""
        self._failures.pop(user, None)

    def check(self, user: str, password: str) -> Denied | None:
        """Return why a name and a password are refused, or nothing; wrong ones count."""
        if self.locked(user):
            self.counts.while_locked += 1
            return Denied(403, 403, "The account is locked.")
        expected = self.users.get(user)
        if expected is not None and secrets.compare_digest(expected.encode(), password.encode()):
            self._failures.pop(user, None)
            return None
        self._fail(user)
        return Denied(403, 403, "The credentials were incorrect or the account specified has been locked.")

    def _fail(self, user: str) -> None:
        self.counts.refused += 1
        if len(self._failures) >= FAILURES_KEPT_MAX and user not in self._failures:
            self._failures.pop(next(iter(self._failures)))
        now = self._monotonic()
        found = self._failures.setdefault(user, _Failures(first_at=now))
        if now - found.first_at > self._reset_seconds:
            found.count, found.first_at = 0, now
        found.count += 1
        if self._failures_max and found.count >= self._failures_max:
            found.locked_until = now + self._lockout_seconds
            found.count, found.first_at = 0, now
            self.counts.lockouts += 1


class Sessions:
    """The sessions of one manager.

    Args:
        accounts: The provider's accounts.
        timeout_seconds: An idle session ends after so long, in real time.
    """

    def __init__(
        self, accounts: Accounts, timeout_seconds: int, *, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self.accounts = accounts
        self._timeout_seconds = timeout_seconds
        self._monotonic = monotonic
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def create(self, user: str, password: str) -> tuple[str, Session] | Denied:
        """Return a new session and its cookie, or why there is none."""
        if not self.accounts.cookies:
            return Denied(403, 403, "Cookie-based authentication is disabled.")
        denied = self.accounts.check(user, password)
        if denied is not None:
            return denied
        self.accounts.counts.logins += 1
        while len(self._sessions) >= SESSIONS_MAX:
            self._sessions.pop(next(iter(self._sessions)))
        cookie = secrets.token_hex(16).upper()
        session = Session(user=user, xsrf=secrets.token_hex(18), used_at=self._monotonic())
        self._sessions[cookie] = session
        return cookie, session

    def destroy(self, cookie: str) -> bool:
        """End a session; return whether there was one."""
        return self._sessions.pop(cookie, None) is not None

    def clear(self) -> None:
        """End every session, as a restart of the manager does."""
        self._sessions.clear()

    def identify(self, headers: Mapping[str, str], cookie: str | None, certificate: str | None) -> str | Denied:
        """Return the name of the client that asks, or why nobody is recognised.

        A name and a password win over a client certificate that is sent as well.

        Args:
            headers: The request's headers; names are found in any case.
            cookie: Value of JSESSIONID.
            certificate: SHA-256 of the client's certificate.
        """
        authorization = headers.get("Authorization")
        if authorization is not None:
            return self._authorized(authorization)
        if cookie is not None:
            return self._by_cookie(cookie, headers.get("X-XSRF-TOKEN"))
        if certificate is not None:
            name = self.accounts.certificates.get(certificate)
            return name if name is not None else Denied(500, 99, "The client certificate is not trusted.")
        return Denied(401, 403, "The credentials were incorrect or the account specified has been locked.")

    def _by_cookie(self, cookie: str, xsrf: str | None) -> str | Denied:
        session = self._sessions.get(cookie)
        now = self._monotonic()
        if session is not None and now - session.used_at > self._timeout_seconds:
            del self._sessions[cookie]
            session = None
        if session is None and xsrf is None:
            return Denied(401, 403, "The session is not known.")
        if session is None or xsrf is None or not secrets.compare_digest(session.xsrf.encode(), xsrf.encode()):
            return Denied(403, 98, "Missing or expired XSRF token.")
        session.used_at = now
        return session.user

    def _authorized(self, authorization: str) -> str | Denied:
        scheme, _, value = authorization.partition(" ")
        if scheme.lower() == "bearer":
            name = self.accounts.tokens.get(value.strip())
            return name if name is not None else Denied(401, 403, "The token is not valid.")
        if scheme.lower() != "basic" or not self.accounts.basic:
            return Denied(401, 403, "This kind of authentication is not enabled.")
        try:
            user, separator, password = base64.b64decode(value, validate=True).decode().partition(":")
        except (binascii.Error, UnicodeDecodeError):
            return Denied(401, 403, "The Authorization header cannot be read.")
        denied = self.accounts.check(user, password) if separator else Denied(401, 403, "No password was sent.")
        return denied if denied is not None else user
