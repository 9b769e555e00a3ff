"""Who may ask the director: passwords, API tokens, a service account whose token changes, sessions and their ends.

Sources: VMware go-vcloud-director, api_vcd.go and api_token.go. Ends are real time, as all that clients wait for.
"""

from __future__ import annotations

import base64
import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from simulator.auth import Accounts, Denied
from simulator.vcd.specs import ADMINISTRATOR, SYSTEM, VcdSpec

SESSIONS_MAX: Final = 10_000
"""The oldest goes first, so that a client that never logs out cannot fill the memory."""


@dataclass(frozen=True, slots=True)
class Account:
    """Who asks."""

    name: str
    org: str
    role: str
    rights: tuple[str, ...]

    @property
    def is_provider(self) -> bool:
        """Whether it sees every organisation."""
        return self.org.lower() == SYSTEM.lower()

    def may(self, right: str) -> bool:
        """Return whether it has a right; none is needed where none is named."""
        return not right or self.role == ADMINISTRATOR or right in self.rights


@dataclass(slots=True)
class _Session:
    account: Account
    used_at: float
    ends_at: float | None


@dataclass(slots=True)
class CloudCounts:
    """What tests ask about log-ins.

    Attributes:
        logins: Sessions made with a password.
        redeemed: Access tokens given for a refresh token.
        refused: Passwords and tokens that were refused.
    """

    logins: int = 0
    redeemed: int = 0
    refused: int = 0


class CloudSessions:
    """The director's accounts and sessions.

    Args:
        spec: The director.
        monotonic: Seconds of a clock that never goes back.
    Attributes:
        api_token: The API token in force.
        service_token: The service account's next token.
        spent: Tokens of the service account that were used up, oldest first.
    """

    def __init__(self, spec: VcdSpec, *, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.counts = CloudCounts()
        self.api_token = spec.api_token.get_secret_value()
        self.service_token = spec.service_account.token.get_secret_value()
        self.spent: list[str] = []
        self._spec = spec
        self._monotonic = monotonic
        self._users = {f"{user.name}@{user.org}".lower(): user for user in spec.users}
        self._accounts = Accounts(
            {name: user.password.get_secret_value() for name, user in self._users.items()}, {},
            failures_max=0, lockout_seconds=0, reset_seconds=0, monotonic=monotonic,
        )  # fmt: skip
        self._sessions: dict[str, _Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def log_in(self, user: str, password: str, *, as_provider: bool | None) -> tuple[str, Account] | None:
        """Return an access token for ``user@org`` and a password; none, if they are refused.

        Args:
            user: With its organisation.
            password: As it was sent.
            as_provider: Whether the provider's log-in is used or an organisation's; none is either.
        """
        denied = self._accounts.check(user.lower(), password)
        found = self._users.get(user.lower())
        if isinstance(denied, Denied) or found is None or as_provider not in (None, found.org.lower() == "system"):
            self.counts.refused += 1
            return None
        self.counts.logins += 1
        account = Account(found.name, found.org, found.role, tuple(found.rights))
        return self._open(account, None), account

    def redeem(self, token: str, org: str | None) -> tuple[str, str] | None:
        """Return an access token and the next refresh token; none, if it is refused.

        Args:
            token: The refresh token.
            org: Whose log-in is used; none is the provider's.
        """
        account, following = self._refreshed(token)
        if account is None or account.org.lower() != (org or SYSTEM).lower():
            self.counts.refused += 1
            return None
        self.counts.redeemed += 1
        if following != token:
            self.spent.append(token)
            self.service_token = following
        return self._open(account, self._spec.expires_seconds), following

    def _refreshed(self, token: str) -> tuple[Account | None, str]:
        user, service = self._spec.users[0], self._spec.service_account
        if secrets.compare_digest(token.encode(), self.api_token.encode()):
            return Account(user.name, user.org, user.role, tuple(user.rights)), token
        if secrets.compare_digest(token.encode(), self.service_token.encode()):
            account = Account(service.name, service.org, service.role, tuple(service.rights))
            return account, secrets.token_urlsafe(24)
        return None, token

    def _open(self, account: Account, lasts: float | None) -> str:
        now = self._monotonic()
        while len(self._sessions) >= SESSIONS_MAX:
            self._sessions.pop(next(iter(self._sessions)))
        access = _access_token(account)
        self._sessions[access] = _Session(account, now, None if lasts is None else now + lasts)
        return access

    def who(self, access: str) -> Account | None:
        """Return who an access token belongs to; none, if it is unknown or has ended."""
        session = self._sessions.get(access)
        if session is None:
            return None
        now = self._monotonic()
        ended = now > session.ends_at if session.ends_at is not None else (
            now - session.used_at > self._spec.idle_seconds
        )  # fmt: skip
        if ended:
            del self._sessions[access]
            return None
        session.used_at = now
        return session.account

    def end(self, access: str) -> None:
        """End a session."""
        self._sessions.pop(access, None)

    def clear(self) -> None:
        """End every session."""
        self._sessions.clear()

    def replace_api_token(self, token: str | None) -> None:
        """Put another API token in force and end every session."""
        self.api_token = token if token is not None else secrets.token_urlsafe(24)
        self.clear()


def _access_token(account: Account) -> str:
    parts = [{"alg": "RS256"}, {"sub": account.name, "org": account.org, "jti": secrets.token_hex(16)}]
    written = [base64.urlsafe_b64encode(json.dumps(part).encode()).decode().rstrip("=") for part in parts]
    return ".".join([*written, secrets.token_urlsafe(32)])
