"""How NSX-T is logged in to, and what its error answers mean."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from http import HTTPStatus
from http.cookies import CookieError, SimpleCookie
from typing import Any

import msgspec

from collector.errors import AuthFailed, ObjectGone, ResponseInvalid, SourceError, SourceUnavailable, Throttled
from collector.sources.answers import EXCERPT_CHARACTERS, Answer, Exchange, excerpt
from collector.sources.nsxt.options import BasicLogin, BearerLogin, CertificateLogin, Login, Secret, SessionLogin

VERSION_PATH = "/api/v1/node/version"
SESSION_CREATE_PATH = "/api/session/create"
SESSION_DESTROY_PATH = "/api/session/destroy"

CODE_TOKEN_MISSING = 98
"""403: the XSRF token is missing or expired."""

CODE_CREDENTIALS = 403
"""403 with this code of its own: the credentials are wrong or the account is locked."""

CODES_GONE = {500012, 503065}
"""400: a policy path that does not exist, and an edge path that names no edge node."""

CODES_INDEX_BUSY = {60508, 60514}
"""400: the search index is being built, or timed out."""

CODE_RATE = 102
"""429, in the wild a string."""


class ErrorBody(msgspec.Struct):
    """What is read of an ApiError; the code is an integer or a string."""

    error_code: int | str | None = None
    error_message: str | None = None


class NsxtApi:
    """The log-in that the settings name, and the errors of the Policy and manager APIs.

    Source: NSX-T REST API reference, method CreateAuthenticatedSession and type ApiError.
    """

    probe_path = VERSION_PATH

    def __init__(self, login: Login) -> None:
        self._login = login

    async def log_in(self, exchange: Exchange) -> Mapping[str, str]:
        """Return the headers of every later request.

        Where each request carries the credentials, one request proves them first: sixteen at once with a wrong
        password would lock the account.

        Raises:
            AuthFailed: The manager refused the credentials.
            SourceError: It said something else.
        """
        if isinstance(self._login, SessionLogin):
            return await self._create_session(self._login, exchange)
        headers = _credentials(self._login)
        answer = await exchange("GET", self.probe_path, headers=headers)
        if answer.status in {401, 403}:
            raise _refused(answer, "the credentials")
        if answer.status != 200:
            raise self.error(answer, self.probe_path)
        return headers

    async def log_out(self, exchange: Exchange) -> None:
        """End the session, where there is one."""
        if isinstance(self._login, SessionLogin):
            await exchange("POST", SESSION_DESTROY_PATH)

    def is_session_over(self, answer: Answer) -> bool:
        """True for 401, and for a 403 that speaks of the token or the credentials, not of a right that lacks."""
        if answer.status == 401:
            return True
        return answer.status == 403 and _code(_body(answer)) in {CODE_TOKEN_MISSING, CODE_CREDENTIALS, None}

    def error(self, answer: Answer, where: str) -> SourceError:
        """Return what an error answer means."""
        status = answer.status
        body = _body(answer)
        code = _code(body)
        words = f"{where}: HTTP {status}{_words(answer, body, code)}"
        if status == 404 or (status == 400 and code in CODES_GONE):
            return ObjectGone(f"{words}; the object is gone or its path has changed")
        if status in {401, 403}:
            return AuthFailed(f"{words}; the account needs the right to read it (role Auditor)")
        if status == 429 or (status == 503 and _is_concurrency(body, code)):
            return Throttled(words)
        if status >= 500 or status == 408 or (status == 400 and code in CODES_INDEX_BUSY):
            return SourceUnavailable(words)
        return ResponseInvalid(words)

    async def _create_session(self, login: SessionLogin, exchange: Exchange) -> Mapping[str, str]:
        form = {"j_username": login.username, "j_password": _secret(login.password)}
        answer = await exchange("POST", SESSION_CREATE_PATH, form=form)
        if answer.status in {401, 403}:
            raise _refused(answer, f"user {login.username}")
        if answer.status != 200:
            raise self.error(answer, SESSION_CREATE_PATH)
        cookies = _cookies(answer)
        token = answer.headers.get("X-XSRF-TOKEN", "")
        if not cookies or not token:
            lacking = "X-XSRF-TOKEN" if cookies else "Set-Cookie"
            raise ResponseInvalid(f"{SESSION_CREATE_PATH}: the log-in was answered without the header {lacking}")
        return {"Cookie": cookies, "X-XSRF-TOKEN": token}


def _credentials(login: BasicLogin | BearerLogin | CertificateLogin) -> dict[str, str]:
    match login:
        case BasicLogin(username, password):
            pair = f"{username}:{_secret(password)}".encode()
            return {"Authorization": f"Basic {base64.b64encode(pair).decode('ascii')}"}
        case BearerLogin(token):
            return {"Authorization": f"Bearer {_secret(token)}"}
        case CertificateLogin():
            # A password sent as well would win over the certificate.
            return {}


def _secret(secret: Secret) -> str:
    try:
        value = secret()
    except OSError as error:
        raise SourceUnavailable(f"the secret of the log-in cannot be read: {error}") from error
    if any(character < " " for character in value):
        raise AuthFailed("the secret of the log-in has a line break or another control character: write it on one line")
    return value


def _refused(answer: Answer, who: str) -> AuthFailed:
    # The manager's own words stay out of it: they may repeat what was sent.
    code = _code(_body(answer))
    return AuthFailed(f"{who}: the log-in was refused with HTTP {answer.status}" + (f", code {code}" if code else ""))


def _cookies(answer: Answer) -> str:
    getall: Any = getattr(answer.headers, "getall", None)  # A multidict's own; a plain mapping has one value a name.
    lines = getall("Set-Cookie", []) if getall else [answer.headers.get("Set-Cookie", "")]
    jar: SimpleCookie = SimpleCookie()
    for line in lines:
        try:
            jar.load(line)
        except CookieError:
            continue  # One that we cannot read we cannot send; the session's own is looked for below.
    return "; ".join(f"{name}={morsel.coded_value}" for name, morsel in jar.items())


def _body(answer: Answer) -> ErrorBody:
    try:
        return msgspec.json.decode(answer.body, type=ErrorBody)
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ErrorBody()


def _code(body: ErrorBody) -> int | None:
    code = body.error_code
    if isinstance(code, str):
        # Logs and some releases put the module before the number: MP503065.
        digits = code.lstrip("ABCDEFGHIJKLMNOPQRSTUVWXYZ")
        return int(digits) if digits.isdecimal() else None
    return code


def _words(answer: Answer, body: ErrorBody, code: int | None) -> str:
    if body.error_message:
        message = " ".join(body.error_message.split())[: 2 * EXCERPT_CHARACTERS]
        return f", code {code}: {message}" if code is not None else f": {message}"
    if code is not None:
        return f", code {code}"
    kind = answer.headers.get("Content-Type", "").partition(";")[0]
    if not answer.body:
        return f" ({HTTPStatus(answer.status).phrase})" if answer.status in set(HTTPStatus) else ""
    return f", {kind or 'no content type'} instead of a JSON error: {excerpt(answer.body)!r}"


def _is_concurrency(body: ErrorBody, code: int | None) -> bool:
    return code == CODE_RATE or "concurren" in (body.error_message or "").lower()
