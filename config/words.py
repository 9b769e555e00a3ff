"""How faults speak: values that may be shown, lists of words, the nearest known word."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from difflib import get_close_matches
from itertools import islice
from typing import NamedTuple

SHOWN_CHARACTERS_MAX = 80
"""Longest part of a value in a message; more would hide the message in it."""

LISTED_WORDS_MAX = 20
"""Most words of a list in a message; a provider has thousands of tenants."""

COMPARED_WORDS_MAX = 1_000
"""Most words that an unknown one is compared with; all time zones, and the tenants of most providers."""

HIDDEN = "…"
"""Stands for what a message must not show."""

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_-]{0,39}")

Path = tuple[str | int, ...]
"""Where a value stands: keys and positions from the top of the file."""


class Wrong(ValueError):
    """A value that cannot be used; its text is a sentence for the operator, without a secret."""


class Finding(NamedTuple):
    """Something to say about one place of the settings.

    Attributes:
        path: The place, from where the check began.
        message: What is wrong, what was expected, what to do.
    """

    path: Path
    message: str


class Expanded(str):
    """Text that has values of environment variables in it.

    Attributes:
        written: The text as it stands in the file, which messages may show.
    """

    __slots__ = ("written",)

    written: str

    def __new__(cls, value: str, written: str) -> Expanded:
        """Return ``value``, known to come from ``written``."""
        made = super().__new__(cls, value)
        made.written = written
        return made


def shown(value: object) -> str:
    """Return ``value`` as a message may show it: quoted and short; what came from the environment as it is written."""
    if isinstance(value, Expanded):
        value = str(value.written)
    if isinstance(value, str):
        short = value if len(value) <= SHOWN_CHARACTERS_MAX else value[:SHOWN_CHARACTERS_MAX] + HIDDEN
        return json.dumps(short, ensure_ascii=False)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return what(value)


def what(value: object) -> str:
    """Return what kind of thing ``value`` is, without showing it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "text"
    if isinstance(value, Mapping):
        return "a block of keys"
    if isinstance(value, Sequence):
        return "a list"
    return "something else"


def listing(words: Iterable[str], last: str = "or") -> str:
    """Return words as a sentence lists them: ``a, b or c``; a long list is cut."""
    known = list(words)
    if len(known) > LISTED_WORDS_MAX:
        return ", ".join(known[:LISTED_WORDS_MAX]) + f" and {len(known) - LISTED_WORDS_MAX} more"
    if len(known) < 2:
        return "".join(known)
    return f"{', '.join(known[:-1])} {last} {known[-1]}"


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the known word that ``word`` was most likely meant to be, or ``None`` where none is near."""
    by_lower: dict[str, str] = {}
    for one in islice(known, COMPARED_WORDS_MAX):
        by_lower.setdefault(one.lower(), one)
    found = get_close_matches(word.lower()[:SHOWN_CHARACTERS_MAX], by_lower, n=1, cutoff=0.6)
    return by_lower[found[0]] if found else None


def meant(word: object, known: Iterable[str]) -> str:
    """Return the end of a message about an unknown word: the nearest known one, or all of them."""
    words = list(known)
    near = None if isinstance(word, Expanded) or not isinstance(word, str) else nearest(word, words)
    if near is not None:
        return f'did you mean "{near}"?'
    return f"known: {listing(words, 'and')}" if words else "none is known"


def key_text(key: str) -> str:
    """Return a key as messages show it; what does not look like one may be a secret in the wrong place."""
    return key if _KEY.fullmatch(key) else HIDDEN


def path_text(path: Path) -> str:
    """Return a path as operators write it: ``tenants[1].timezone``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            text += f".{key_text(part)}" if text else key_text(part)
    return text
