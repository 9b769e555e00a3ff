"""What the ways to log in have in common: secrets that are written once, keys that belong together."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from config.part import Raw
from config.secret import SECRET_KEYS, Secret
from config.words import Finding


def is_written(raw: Raw, key: str) -> bool:
    """Return whether a key is written; a secret also where its file is named."""
    return key in raw or f"{key}_file" in raw


def one_secret(raw: Raw, key: str) -> Iterator[Finding]:
    """Return a finding where a secret is written and a file for it named too.

    What the loader read from the file is a ``Secret`` already; what was written is not.
    """
    if f"{key}_file" in raw and key in raw and not isinstance(raw[key], Secret):
        yield Finding((f"{key}_file",), f"is written beside {key}; keep one of the two")


def needed_for(raw: Raw, keys: Iterable[str], login: str) -> Iterator[Finding]:
    """Return a finding for each of ``keys`` that is missing though ``login`` needs it, or is written twice."""
    for key in keys:
        secret = key in SECRET_KEYS
        if secret:
            yield from one_secret(raw, key)
        if not (is_written(raw, key) if secret else key in raw):
            either = f"{key} or {key}_file" if secret else key
            yield Finding((key,), f"is missing; {login} needs {either}")
