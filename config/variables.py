"""``${ENV}`` in the values of the settings.

``${NAME}`` is the variable of the environment, ``${NAME:-default}`` its value or the default where it is not set or
empty, ``$${`` is ``${`` itself. What comes out is text: it is never read as YAML again, so that a value cannot add
keys.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from config.words import Expanded

_REFERENCE = re.compile(r"\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)(:-([^}]*))?\})?")

EXPANDED_CHARACTERS_MAX = 64 * 1024
"""Longest value of one key after its variables are put in."""


class VariableFault(ValueError):
    """A variable that cannot be put in; the message shows no value."""


def expanded(written: str, environ: Mapping[str, str], *, secret: bool = False) -> str:
    """Return ``written`` with its variables put in; text without any comes back as it is.

    Args:
        written: A value of the file.
        environ: Names and values.
        secret: The value is secret; then a message names a variable only where it is the whole value, since
            ``pa${ss}word`` may be a password whose dollar was not doubled.
    Raises:
        VariableFault: A variable is not set, or ``${`` begins no reference.
    """
    if "${" not in written:
        return written

    def value_of(match: re.Match[str]) -> str:
        name, default = match.group(1), match.group(3)
        if match.group() == "$${":
            return "${"
        if name is None:
            raise VariableFault("has a ${ that no name and } follow; write $${ for the two characters themselves")
        value = environ.get(name, "")
        if value or (default is None and name in environ):
            return value
        if default is not None:
            return default
        if secret and match.group() != written:
            raise VariableFault(
                "a variable in it is not set; set it, or write $${ for the two characters ${ themselves"
            )
        raise VariableFault(f"the environment variable {name} is not set; set it, or write ${{{name}:-default}}")

    text = _REFERENCE.sub(value_of, written)
    if len(text) > EXPANDED_CHARACTERS_MAX:
        raise VariableFault(f"is longer than {EXPANDED_CHARACTERS_MAX} characters with its variables put in")
    return Expanded(text, written)
