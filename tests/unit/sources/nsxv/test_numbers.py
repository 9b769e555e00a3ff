"""Numbers of foreign texts, exactly."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.sources.nsxv.numbers import bytes_of, instant, number, whole


@pytest.mark.parametrize(
    ("rate", "kilo", "seconds", "expected"),
    [
        ("1", 1_000, 300, 37_500),
        ("1", 1_024, 300, 38_400),
        ("18423.51", 1_000, 300, 690_881_625),
        ("9.19e+02", 1_000, 300, 34_462_500),
        ("1.842351e+04", 1_000, 300, 690_881_625),
        ("0.004", 1_000, 1, 1),  # half a byte
        ("0.003999999999999999999999999999", 1_000, 1, 0),
        ("0.0", 1_000, 300, 0),
        ("-0", 1_000, 300, 0),
        ("1e-999", 1_000, 86_400, 0),
        ("100000000000", 1_000, 300, 3_750_000_000_000_000),
        ("72057594037.927944", 1_000, 1_000, 2**53 + 1),  # which no double is
        ("12345678901.2345678901234567890", 1_000, 80_000, 123_456_789_012_345_679),
    ],
)
def test_bytes_of_a_rate_are_rounded_half_up_once(rate: str, kilo: int, seconds: int, expected: int) -> None:
    value = number(rate)
    assert value is not None
    assert bytes_of(value, kilo, seconds) == expected


@given(
    digits=st.integers(0, 10**20),
    exponent=st.integers(-25, 2),
    kilo=st.sampled_from((1_000, 1_024)),
    seconds=st.integers(1, 86_400),
)
def test_bytes_are_those_of_exact_arithmetic(digits: int, exponent: int, kilo: int, seconds: int) -> None:
    rate = number(f"{digits}e{exponent}")
    assert rate is not None
    exact = Fraction(digits) * Fraction(10) ** exponent * kilo * seconds / 8
    assert bytes_of(rate, kilo, seconds) == (exact + Fraction(1, 2)) // 1


@pytest.mark.parametrize(
    "text", ["", "NaN", "-Infinity", "inf", "1_000", "1,5", " 1", "٣", "0x10", "1e", ".", "1" * 65]
)
def test_other_texts_are_no_numbers(text: str) -> None:
    assert number(text) is None
    assert whole(text) is None
    assert number(None) is None


def test_whole_numbers_may_be_written_as_decimals() -> None:
    assert [whole(text) for text in ("300", "300.0", "3e2", "+300", "3.0E+2")] == [300] * 5
    assert [whole(text) for text in ("300.5", "1e-999999", "1e999999")] == [None] * 3
    assert number("-2.5e3") == Decimal(-2_500)


def test_times_are_told_apart_by_their_size() -> None:
    assert instant("1732170900") == instant("1732170900000") == instant("1.7321709e9") == 1_732_170_900_000
    assert instant("100000000001") == 100_000_000_001, "milliseconds, in 1973"
    assert [instant(text) for text in ("0", "-5", "yesterday", None)] == [None] * 4
