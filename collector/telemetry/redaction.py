"""Keeps secrets out of what is shown: values known to be secret, and values under keys that look secret."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import quote, quote_plus

from structlog.typing import EventDict, WrappedLogger

HIDDEN: Final = "***"

SECRET_CHARACTERS_MIN: Final = 4
"""A shorter secret is hidden only where it is a whole value: as a part of words it would blank out whole logs."""

SECRETS_MAX: Final = 1_000
"""Secrets that are looked for; of more, since tokens are renewed, the one that was not used for longest goes."""

DEPTH_MAX: Final = 6
"""How deep fields are searched; what lies deeper is shown as text, in which known secrets are hidden all the same."""

_SECRET_KEY: Final = re.compile(
    r"(pass(word|wd|phrase)?|secret|token|authorization|cookie|credentials?|api_?key|private_?key)$", re.IGNORECASE
)


class Redactor:
    """Replaces secrets by ``***``.

    Secrets are registered when they are read, before they are used. They are found as they are, and as JSON, an URL, a
    form or ``repr`` writes them. A key looks secret when it ends like ``password`` or ``X-XSRF-TOKEN``;
    ``password_file`` names a file and is shown.
    """

    def __init__(self) -> None:
        self._known: dict[str, None] = {}  # in the order of their last use
        self._pattern: re.Pattern[str] | None = None

    def register(self, secret: str) -> None:
        """Hide a secret from now on; an empty one is none."""
        if not secret:
            return
        is_news = secret not in self._known
        self._known.pop(secret, None)
        self._known[secret] = None
        if not is_news:
            return
        if len(self._known) > SECRETS_MAX:
            del self._known[next(iter(self._known))]
        spellings = {spelling for one in self._known for spelling in _spellings(one)}
        # The longest first, so that no rest of a secret stays that begins like a shorter one.
        ordered = sorted(filter(_is_searchable, spellings), key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, ordered))) if ordered else None

    def text(self, text: str) -> str:
        """Return the text without known secrets."""
        if text in self._known:
            return HIDDEN
        return self._pattern.sub(HIDDEN, text) if self._pattern else text

    def value(self, value: object, depth: int = 0) -> object:
        """Return a value of a log field without known secrets and without what stands under a secret key."""
        if isinstance(value, str):
            return self.text(value)
        if value is None or isinstance(value, bool | int | float):
            return value
        if isinstance(value, Mapping) and depth < DEPTH_MAX:
            return {self.text(str(key)): self._field(str(key), one, depth) for key, one in value.items()}
        if isinstance(value, list | tuple | set | frozenset) and depth < DEPTH_MAX:
            return [self.value(one, depth + 1) for one in value]
        return self.text(value.decode(errors="replace") if isinstance(value, bytes) else str(value))

    def fields(self, _logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        """Redact the fields of an event: a processor of structlog, for before the fields become text."""
        # What begins with an underscore is structlog's own (the record), and so is an exception until it is formatted.
        kept = {key: value for key, value in event.items() if key.startswith("_") or key == "exc_info"}
        shown = {key: self._field(key, value, 0) for key, value in event.items() if key not in kept}
        return shown | kept

    def line(self, _logger: WrappedLogger, _method: str, line: str) -> str:
        """Redact a line as it is written: a processor of structlog, for after everything has become text."""
        return self._pattern.sub(HIDDEN, line) if self._pattern else line

    def _field(self, key: str, value: object, depth: int) -> object:
        return HIDDEN if value is not None and _SECRET_KEY.search(key) else self.value(value, depth + 1)


def _spellings(secret: str) -> set[str]:
    return {
        secret,
        json.dumps(secret)[1:-1],
        json.dumps(secret, ensure_ascii=False)[1:-1],
        quote(secret, safe=""),
        quote(secret),
        quote_plus(secret),
        repr(secret)[1:-1],
    }


def _is_searchable(spelling: str) -> bool:
    return len(spelling) >= SECRET_CHARACTERS_MIN
