"""Durations and rates of scenario files, read into integers: milliseconds and bytes per second."""

from __future__ import annotations

import re
from typing import Annotated, Final

from pydantic import BeforeValidator

Instant = int
"""Milliseconds since the epoch, UTC."""

_MS: Final = {"ms": 1, "s": 1_000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}
_RATE: Final = {"bit/s": 1, "kbit/s": 10**3, "Mbit/s": 10**6, "Gbit/s": 10**9}
_DURATION: Final = re.compile(r"^(-?)((?:\d+(?:ms|s|m|h|d))+)$")
_PART: Final = re.compile(r"(\d+)(ms|s|m|h|d)")
_RATE_TEXT: Final = re.compile(r"^(\d+)\s*(bit/s|kbit/s|Mbit/s|Gbit/s)$")


def duration_ms(text: object) -> int:
    """Return the milliseconds of a duration such as ``90s``, ``1h30m`` or ``-10m``.

    Raises:
        ValueError: The text is no duration.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        return text * 1_000
    found = _DURATION.match(str(text).strip())
    if found is None:
        raise ValueError(f"{text!r} is no duration; write 90s, 5m, 1h30m or 2d")
    total = sum(int(count) * _MS[unit] for count, unit in _PART.findall(found[2]))
    return -total if found[1] else total


def rate_bytes(text: object) -> int:
    """Return bytes per second of a rate such as ``20Mbit/s``; an integer is bytes per second already.

    Raises:
        ValueError: The text is no rate.
    """
    if isinstance(text, int) and not isinstance(text, bool):
        return text
    found = _RATE_TEXT.match(str(text).strip())
    if found is None:
        raise ValueError(f"{text!r} is no rate; write 500kbit/s, 20Mbit/s or 1Gbit/s")
    return int(found[1]) * _RATE[found[2]] // 8


DurationMs = Annotated[int, BeforeValidator(duration_ms)]
RateBytes = Annotated[int, BeforeValidator(rate_bytes)]
