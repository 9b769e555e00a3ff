"""Text that is never shown."""

from __future__ import annotations

import hmac
from typing import Final

SECRET_KEYS: Final = frozenset({"password", "token", "api_token", "service_account_token"})
"""Keys whose values are secret, wherever they stand; each has a twin that ends in ``_file``."""

SECRET_CHARACTERS_MAX = 64 * 1024
"""Longest secret; tokens of identity providers have some thousand characters."""


class Secret:
    """A password or token; only ``reveal`` gives it away.

    It has no ``str``, ``repr``, dump or pickle that shows it.
    """

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret itself, for the one place that sends or compares it."""
        return self._text

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __format__(self, spec: str) -> str:
        return repr(self)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._text.encode(), other._text.encode())

    def __hash__(self) -> int:
        return hash((Secret, self._text))

    def __reduce__(self) -> str:
        raise TypeError("a secret is not pickled or copied to where it could be read")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, object]) -> Secret:
        return self


def secret_fault(text: str) -> str | None:
    """Return what is wrong with the text of a secret, without showing it, or ``None``."""
    if not text:
        return "is empty"
    if len(text) > SECRET_CHARACTERS_MAX:
        return f"is longer than {SECRET_CHARACTERS_MAX} characters"
    if any(not character.isprintable() for character in text):
        return "has line breaks or other control characters in it; a secret is one line"
    return None
