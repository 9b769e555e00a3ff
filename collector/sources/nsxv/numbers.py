"""Numbers of a foreign text, exactly: a rate never passes through a float."""

from __future__ import annotations

import re
from decimal import Decimal

from collector.model.period import MS_PER_SECOND, Instant

DIGITS_MAX = 64
"""Longest text that is read as a number: a double has seventeen digits."""

MILLISECONDS_FROM = 10**11
"""A time above it is in milliseconds, below in seconds: 10^11 seconds are the year 5138, 10^11 ms are March 1973.

Source: the models of VMware Cloud on AWS say milliseconds of what is asked and seconds of what is answered; the
product's own guide shows seconds in both. So each value is told by itself.
"""

RATE_KBIT_MAX = Decimal(10**11)
"""100 Tbit/s: no vNIC passes as much, and the bytes of a day of it still fit 63 bits."""

TINY_EXPONENT = -40
"""A rate below 10^-40 kbit/s is not a byte in any interval; its digits are not worked with."""

INTERVAL_SECONDS_MAX = 86_400
"""Longest interval that is believed: one sample a day."""

_NUMBER = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]{1,6})?")


def number(text: str | None) -> Decimal | None:
    """Return the number that a text is, exactly; ``None`` for anything else, NaN and infinity among them."""
    if text is None or len(text) > DIGITS_MAX:
        return None
    return Decimal(text) if _NUMBER.fullmatch(text) else None


def whole(text: str | None) -> int | None:
    """Return the whole number that a text is, also where it is written as ``300.0`` or ``3e2``."""
    value = number(text)
    if value is None or value.adjusted() > DIGITS_MAX or value != value.to_integral_value():
        return None
    return int(value)


def instant(text: str | None) -> Instant | None:
    """Return the instant that a text names in milliseconds or seconds since the epoch."""
    value = whole(text)
    if value is None or value <= 0:
        return None
    return value if value > MILLISECONDS_FROM else value * MS_PER_SECOND


def bytes_of(rate: Decimal, kilo: int, interval_seconds: int) -> int:
    """Return the bytes of a rate over an interval, rounded half up once.

    Args:
        rate: Kilobits per second, from 0 to ``RATE_KBIT_MAX``.
        kilo: Bits in a kilobit.
        interval_seconds: Length of the interval.

    Source: docs/accounting.md, section 8.
    """
    if not rate or rate.adjusted() < TINY_EXPONENT:
        return 0
    kilobits, unit = rate.as_integer_ratio()
    bits = kilobits * kilo * interval_seconds
    return (2 * bits + 8 * unit) // (16 * unit)
