"""Durations, rates, sizes and shares."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from config.units import DURATION, QUANTITY_MAX, RATE, SHARE, SIZE, Unit, within

UNITS = (DURATION, RATE, SIZE, SHARE)


@pytest.mark.parametrize(
    ("unit", "text", "quantity"),
    [
        (DURATION, "60s", 60_000),
        (DURATION, "1500ms", 1_500),
        (DURATION, "1.5s", 1_500),
        (DURATION, "10m", 600_000),
        (DURATION, "48h", 172_800_000),
        (DURATION, "400d", 34_560_000_000),
        (DURATION, "5 m", 300_000),
        (RATE, "100Gbit/s", 100_000_000_000),
        (RATE, "10Mbit/s", 10_000_000),
        (RATE, "1.5Tbit/s", 1_500_000_000_000),
        (RATE, "7bit/s", 7),
        (SIZE, "64KiB", 65_536),
        (SIZE, "8MiB", 8_388_608),
        (SIZE, "1GB", 1_000_000_000),
        (SIZE, "0B", 0),
        (SHARE, "2%", 20_000),
        (SHARE, "0.5 %", 5_000),
        (SHARE, "100%", 1_000_000),
        (SHARE, "250ppm", 250),
    ],
)
def test_a_quantity_with_its_unit_is_read_exactly(unit: Unit, text: str, quantity: int) -> None:
    assert unit.read(text) == quantity
    assert unit.read(unit.write(quantity)) == quantity


@pytest.mark.parametrize(
    ("unit", "value", "message"),
    [
        (DURATION, 60, "60 has no unit; write a duration such as 60s"),
        (DURATION, "60", '"60" has no unit; write a duration such as 60s'),
        (DURATION, 1.5, "1.5 has no unit; write a duration such as 60s"),
        (RATE, 10, "10 has no unit; write a rate such as 10Gbit/s"),
        (SIZE, 10, "10 has no unit; write a size such as 8MiB"),
        (DURATION, "-5s", '"-5s" is not a duration; write one such as 60s'),
        (DURATION, "soon", '"soon" is not a duration; write one such as 60s'),
        (DURATION, "5s5s", '"5s5s" is not a duration; write one such as 60s'),
        (DURATION, True, "expected a duration such as 60s, came true or false"),
        (DURATION, ["60s"], "expected a duration such as 60s, came a list"),
        (DURATION, "0.5ms", '"0.5ms" is finer than a duration can be; the smallest step is 1ms'),
        (DURATION, "5x", '"5x" has an unknown unit; write a duration in ms, s, m, h or d'),
        (RATE, "10mbit/s", '"10mbit/s" has an unknown unit; did you mean "Mbit/s"? '),
        (RATE, "999999999999999999Tbit/s", '"999999999999999999Tbit/s" is too large for a rate'),
    ],
)
def test_anything_else_says_what_to_write(unit: Unit, value: object, message: str) -> None:
    with pytest.raises(ValueError, match=f"(?i)^{re.escape(message)}"):
        unit.read(value)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
@given(quantity=st.integers(0, QUANTITY_MAX))
def test_every_quantity_survives_writing_and_reading(unit: Unit, quantity: int) -> None:
    text = unit.write(quantity)
    # Above 18 digits, only the base unit could say it; settings have no such bound.
    if len(re.sub(r"\D", "", text)) <= 18:
        assert unit.read(text) == quantity
        assert re.fullmatch(unit.pattern, text)


@pytest.mark.parametrize("unit", UNITS, ids=lambda unit: unit.name)
@given(data=st.data(), number=st.integers(0, 10**6), fraction=st.integers(0, 999))
def test_a_fraction_is_exact_or_refused(unit: Unit, data: st.DataObject, number: int, fraction: int) -> None:
    name, factor = data.draw(st.sampled_from(unit.factors))
    thousandths = (number * 1000 + fraction) * factor
    text = f"{number}.{fraction:03}{name}"
    if thousandths % 1000:
        with pytest.raises(ValueError, match="is finer than"):
            unit.read(text)
    else:
        assert unit.read(text) == thousandths // 1000


@given(text=st.text(max_size=30))
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    for unit in UNITS:
        try:
            quantity = unit.read(text)
        except ValueError as error:
            quantity, message = -1, str(error)
        else:
            message = ""
        assert "\n" not in message
        if not message:
            assert quantity >= 0
            assert re.fullmatch(unit.pattern, text)


def test_bounds_are_part_of_what_is_allowed() -> None:
    read = within(DURATION, "1s", "1d")
    assert read("1s") == 1_000
    assert read("24h") == 86_400_000
    with pytest.raises(ValueError, match='"999ms" is below 1s, the least; write 1s or more'):
        read("999ms")
    with pytest.raises(ValueError, match='"25h" is above 1d, the most; write 1d or less'):
        read("25h")
