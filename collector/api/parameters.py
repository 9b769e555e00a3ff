"""Query parameters as text: known ones only, once each unless they are lists, and of bounded size."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches

from collector.api.faults import ParameterFault, shown

LIMIT_DEFAULT = 1_000
"""Rows of a page when the request names no limit."""

LIMIT_MAX = 10_000
"""Rows of a page at most: a few megabytes, made in well under a second."""

VALUES_MAX = 200
"""Values of one list at most: more points than a tenant is looked at by at once."""

CHARACTERS_MAX = 2_048
"""Length of one value at most: policy paths stay far below it."""

_NUMBER = re.compile(r"[0-9]{1,9}", re.ASCII)
# A label is "source:/path", and a path may hold a comma: only one that a new label follows parts two of them.
_BETWEEN_LABELS = re.compile(r",(?=[^,:/]+:/)")


class Parameters:
    """The parameters of one request."""

    def __init__(self, pairs: Iterable[tuple[str, str]], known: Sequence[str]) -> None:
        """Take the pairs of a query.

        Raises:
            ParameterFault: One is not known, is too long, or is no text.
        """
        self._values: dict[str, list[str]] = {}
        for name, value in pairs:
            if name not in known:
                raise _unknown(name, known)
            _check_text(name, value)
            self._values.setdefault(name, []).append(value)

    def one(self, name: str) -> str | None:
        """Return the value of a parameter that may come once, or ``None``.

        Raises:
            ParameterFault: It comes twice or is empty.
        """
        values = self._values.get(name)
        if values is None:
            return None
        if len(values) > 1:
            raise ParameterFault(name, f"is given {len(values)} times; expected once")
        if not values[0]:
            raise ParameterFault(name, "is empty; give a value or leave it out")
        return values[0]

    def many(self, name: str) -> tuple[str, ...] | None:
        """Return the values of a list, given several times or with commas, or ``None``; an empty text has no values.

        Raises:
            ParameterFault: It has too many values.
        """
        texts = self._values.get(name)
        if texts is None:
            return None
        values = [part.strip() for text in texts for part in _parts(name, text)]
        if len(values) > VALUES_MAX:
            raise ParameterFault(name, f"has {len(values)} values; at most {VALUES_MAX} are taken")
        return tuple(dict.fromkeys(value for value in values if value))

    def limit(self) -> int:
        """Return the rows of a page.

        Raises:
            ParameterFault: It is no number from 1 to ``LIMIT_MAX``.
        """
        text = self.one("limit")
        if text is None:
            return LIMIT_DEFAULT
        if _NUMBER.fullmatch(text) is None or not 1 <= int(text) <= LIMIT_MAX:
            raise ParameterFault("limit", f"expected a number from 1 to {LIMIT_MAX}, not {shown(text)}")
        return int(text)

    def cursor(self) -> str | None:
        """Return the cursor, or ``None`` for the first page, which clients also ask for with an empty one."""
        return None if self._values.get("cursor") == [""] else self.one("cursor")


def _parts(name: str, text: str) -> list[str]:
    return _BETWEEN_LABELS.split(text) if name == "point" else text.split(",")


def _check_text(name: str, value: str) -> None:
    if len(value) > CHARACTERS_MAX:
        raise ParameterFault(name, f"has {len(value)} characters; at most {CHARACTERS_MAX} are taken")
    if any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value):
        raise ParameterFault(name, "is not UTF-8 text")


def _unknown(name: str, known: Sequence[str]) -> ParameterFault:
    near = get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]}?" if near else f"known are {', '.join(known)}"
    return ParameterFault(name[:CHARACTERS_MAX], f"no such parameter; {hint}")
