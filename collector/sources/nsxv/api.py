"""How an NSX-V manager is logged in to, and what its error answers mean."""

from __future__ import annotations

import base64
from collections.abc import Mapping

from collector.errors import AuthFailed, ObjectGone, ResponseInvalid, SourceError, SourceUnavailable, Throttled
from collector.sources.answers import EXCERPT_CHARACTERS, Answer, Exchange, excerpt
from collector.sources.nsxv.forms import Fields, Malformed, parsed
from collector.sources.nsxv.options import AnswerForm, Secret

ROOT = "/api/4.0"

PROBE_PATH = f"{ROOT}/edges?startIndex=0&pageSize=1"
"""The smallest answer that needs the right which metering needs."""

CODE_NO_OBJECT = "202"
"""The requested object could not be found."""


class NsxvApi:
    """Basic authentication on every request, and errors in XML or JSON.

    Source: the vendor's RAML of the NSX-V API; the shape of errors (``errorCode``, ``details``) and that refused
    credentials are a 403 are inferred.
    """

    probe_path = PROBE_PATH

    def __init__(self, username: str, password: Secret, form: AnswerForm) -> None:
        self._username = username
        self._password = password
        self._form = form

    async def log_in(self, exchange: Exchange) -> Mapping[str, str]:
        """Return the headers of every later request.

        One request proves them first: several at once with a wrong password would lock the account.

        Raises:
            AuthFailed: The manager refused the credentials.
            SourceError: It said something else.
        """
        headers = {"Authorization": f"Basic {self._credentials()}", "Accept": self._form.accept}
        answer = await exchange("GET", self.probe_path, headers=headers)
        if answer.status in {401, 403}:
            raise AuthFailed(f"HTTP {answer.status}{_words(answer, _body(answer))}; user {self._username} was refused")
        if answer.status != 200:
            raise self.error(answer, ROOT)
        return headers

    async def log_out(self, exchange: Exchange) -> None:
        """Do nothing: there is no session."""

    def is_session_over(self, answer: Answer) -> bool:
        """True where the password may have changed. Whether it did, the log-in's own request tells."""
        return answer.status in {401, 403}

    def error(self, answer: Answer, where: str) -> SourceError:
        """Return what an error answer means."""
        status, body = answer.status, _body(answer)
        words = f"{where}: HTTP {status}{_words(answer, body)}"
        if status == 404 or (status == 400 and body.get("errorCode") == CODE_NO_OBJECT):
            return ObjectGone(f"{words}; the edge is gone")
        if status in {401, 403}:
            return AuthFailed(f"{words}; the account needs the right to read it (role Auditor)")
        if status == 429:
            return Throttled(words)
        if status >= 500 or status == 408:
            return SourceUnavailable(words)
        return ResponseInvalid(words)

    def _credentials(self) -> str:
        try:
            password = self._password()
        except (OSError, ValueError) as error:
            raise AuthFailed(f"the password cannot be read: {error}") from error
        return base64.b64encode(f"{self._username}:{password}".encode()).decode("ascii")


def _body(answer: Answer) -> Fields:
    try:
        return parsed(answer.body).error()
    except Malformed:
        return {}


def _words(answer: Answer, body: Fields) -> str:
    code, details = body.get("errorCode"), body.get("details")
    if not (code or details):
        kind = answer.headers.get("Content-Type", "no content type").partition(";")[0]
        return f", {kind}: {excerpt(answer.body)!r}" if answer.body else ""
    message = " ".join((details or "").split())[: 2 * EXCERPT_CHARACTERS]
    return ", ".join(["", *([f"code {code[:20]}"] if code else []), *([message] if message else [])])
