"""How Cloud Director is logged in to, and what its error answers mean."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping

from collector.errors import AuthFailed, ObjectGone, ResponseInvalid, SourceError, SourceUnavailable, Throttled
from collector.sources.answers import Answer, Exchange, redirect_error
from collector.sources.vcd.options import (
    SYSTEM,
    Login,
    PasswordLogin,
    Secret,
    ServiceAccountLogin,
    TokenLogin,
    is_provider,
)
from collector.sources.vcd.service_account import ServiceAccount
from collector.sources.vcd.tokens import Grant, is_sendable, redeem
from collector.sources.vcd.versions import VERSIONS_PATH, Offer, choose, offers
from collector.sources.vcd.words import error_words
from collector.telemetry.redaction import Redactor

PROVIDER_SESSIONS_PATH = "/cloudapi/1.0.0/sessions/provider"
SESSIONS_PATH = "/cloudapi/1.0.0/sessions"
CURRENT_SESSION_PATH = "/cloudapi/1.0.0/sessions/current"

TOKEN_HEADER = "X-VMWARE-VCLOUD-ACCESS-TOKEN"  # noqa: S105  # the header's name
"""The answer to a log-in by password carries the token here. Source: VMware go-vcloud-director, api_vcd.go."""


class RightLacking(AuthFailed):
    """403: the log-in holds, and the account may not do this."""


class VcdApi:
    """The log-in that the settings name, and the errors of the OpenAPI and the legacy API.

    Attributes:
        version: API version of the last log-in.
        offered: What the director offered then.
        strange: What was odd about the last log-in, in words, or nothing.
    """

    probe_path = CURRENT_SESSION_PATH

    def __init__(self, login: Login, pin: str | None, seen: Callable[[str], None]) -> None:
        self.version = pin or ""
        self.offered: tuple[Offer, ...] = ()
        self.strange = ""
        self._login = login
        self._pin = pin
        self._seen = seen
        self._redactor = Redactor()
        self._account = ServiceAccount(login, self._hide) if isinstance(login, ServiceAccountLogin) else None

    def accept(self, kind: str = "json") -> str:
        """Return the ``Accept`` of a request: ``json``, or ``*+json`` for the legacy API."""
        return f"application/{kind};version={self.version}"

    async def log_in(self, exchange: Exchange) -> Mapping[str, str]:
        """Return the headers of every later request.

        Source: VMware go-vcloud-director, api_vcd.go and api_token.go.

        Raises:
            AuthFailed: The director refused the credentials.
            SourceError: It said something else, or speaks no version that we know.
        """
        self.strange = ""
        if isinstance(self._login, PasswordLogin):
            await self._negotiate(exchange)
            token = await self._create_session(self._login, exchange)
        elif isinstance(self._login, TokenLogin):
            await self._negotiate(exchange)
            token = await self._redeem(self._login, exchange)
        else:
            token = await self._use_account(self._login, exchange)
        self._hide(token)
        return {
            "Authorization": f"Bearer {token}",
            "Accept": self.accept(),
            "X-VMWARE-VCLOUD-TOKEN-TYPE": "Bearer",
        }

    async def log_out(self, exchange: Exchange) -> None:
        """End the session of a password. A token's ends by itself within the hour.

        That a session is ended by DELETE on itself is taken from the shape of the API; where it is otherwise, the
        session ends by itself after its idle time.
        """
        if isinstance(self._login, PasswordLogin):
            await exchange("DELETE", CURRENT_SESSION_PATH)

    async def close(self) -> None:
        """Store a service account's next token, if that failed before."""
        if self._account is not None:
            await self._account.close()

    def is_session_over(self, answer: Answer) -> bool:
        """True for 401; a 403 is a right that lacks."""
        return answer.status == 401

    def error(self, answer: Answer, where: str) -> SourceError:
        """Return what an error answer means."""
        status = answer.status
        words = self._words(answer, where)
        if status == 404:
            return ObjectGone(f"{words}; the object is gone, or this release does not have it")
        if status == 403:
            return RightLacking(f"{words}; the account needs the right to view it")
        if status == 401:
            return AuthFailed(f"{words}; a fresh log-in was refused too")
        if status == 429:
            return Throttled(words)
        if status >= 500 or status == 408:
            return SourceUnavailable(words)
        return ResponseInvalid(words)

    def masked(self, words: str) -> str:
        """Return a message without the secrets of this source, which a foreign text may repeat."""
        return self._redactor.text(words)

    # --- the ways to log in -------------------------------------------------------------------------------------------

    async def _negotiate(self, exchange: Exchange) -> None:
        """Choose the API version; it needs no log-in."""
        answer = await exchange("GET", VERSIONS_PATH, headers={"Accept": "*/*"})
        if answer.status != 200:
            raise self._odd(answer, VERSIONS_PATH)
        self.offered = offers(answer.body)
        self.version = choose(self.offered, self._pin)

    async def _create_session(self, login: PasswordLogin, exchange: Exchange) -> str:
        path = PROVIDER_SESSIONS_PATH if is_provider(login.org) else SESSIONS_PATH
        org = SYSTEM if is_provider(login.org) else login.org
        name, at, behind = login.username.rpartition("@")
        user = f"{name if at and behind.lower() == org.lower() else login.username}@{org}"
        pair = base64.b64encode(f"{user}:{self._spoken(login.password)}".encode()).decode("ascii")
        self._hide(pair)
        headers = {"Authorization": f"Basic {pair}", "Accept": f"application/*;version={self.version}"}
        answer = await exchange("POST", path, headers=headers)
        if answer.status in {401, 403}:
            # The director's own words stay out of it: they may repeat what was sent.
            raise AuthFailed(f"user {user}: the log-in was refused with HTTP {answer.status}")
        if not 200 <= answer.status < 300:
            raise self._odd(answer, path)
        token = answer.headers.get(TOKEN_HEADER, "")
        if not is_sendable(token):
            raise ResponseInvalid(f"{path}: the log-in was answered without a proper header {TOKEN_HEADER}")
        return token

    async def _redeem(self, login: TokenLogin, exchange: Exchange) -> str:
        token = self._spoken(login.token)
        grant = await redeem(exchange, login.org, self.accept(), token, self._odd)
        if grant.refresh_token not in {"", token}:
            self._hide(grant.refresh_token)
            self.strange = (
                "the answer to the API token carries another one: if it is a service account's, each token is taken "
                "once, so give service_account_token_file instead"
            )
        if not grant.access_token:
            raise ResponseInvalid("the API token was answered without a proper access_token")
        return grant.access_token

    async def _use_account(self, login: ServiceAccountLogin, exchange: Exchange) -> str:
        if self._account is None:
            raise AssertionError("BUG: a log-in of a service account without one")

        async def use(token: str) -> Grant:
            await self._negotiate(exchange)
            return await redeem(exchange, login.org, self.accept(), token, self._odd)

        return await self._account.access_token(use)

    def _odd(self, answer: Answer, path: str) -> SourceError:
        """Return what an answer to a log-in means that neither lets us in nor refuses the credentials."""
        if 300 <= answer.status < 400:
            return redirect_error(answer, path)
        if answer.status in {401, 403}:
            return ResponseInvalid(self._words(answer, path))
        return self.error(answer, path)

    def _words(self, answer: Answer, where: str) -> str:
        return self.masked(f"{where}: HTTP {answer.status}{error_words(answer)}")

    def _spoken(self, secret: Secret) -> str:
        try:
            value = secret()
        except OSError as error:
            raise SourceUnavailable(f"the secret of the log-in cannot be read: {error}") from error
        self._hide(value)
        if not value or any(character < " " for character in value):
            raise AuthFailed("the secret of the log-in is empty or has a control character: write it on one line")
        return value

    def _hide(self, secret: str) -> None:
        """Keep a secret out of logs and messages from now on."""
        self._seen(secret)
        self._redactor.register(secret)
