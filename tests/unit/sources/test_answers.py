"""Dates, delays and words that all answers share."""

from __future__ import annotations

import pytest

from collector.sources.answers import DELAY_SECONDS_MAX, EXCERPT_CHARACTERS, excerpt, http_date, retry_after, url_path

NOW = 1_732_171_230_000


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        ("", None),
        ("5", 5.0),
        (" 0 ", 0.0),
        ("99999999999", DELAY_SECONDS_MAX),
        ("-1", None),
        ("soon", None),
        ("Thu, 21 Nov 2024 06:40:40 GMT", 10.0),
        ("Thu, 21 Nov 2024 06:40:00 GMT", 0.0),
        ("Thu, 99 Nov 2024 06:40:00 GMT", None),
    ],
)
def test_the_servers_delay_is_seconds_or_a_date(value: str, seconds: float | None) -> None:
    assert retry_after({"Retry-After": value}, NOW) == seconds


@pytest.mark.parametrize(
    ("value", "instant"),
    [("Thu, 21 Nov 2024 06:40:30 GMT", NOW), ("Thu, 21 Nov 2024 07:40:30 +0100", NOW), ("", None), ("x", None)],
)
def test_a_date_header_is_an_instant(value: str, instant: int | None) -> None:
    assert http_date(value) == instant


def test_an_excerpt_is_one_short_line() -> None:
    assert excerpt(b"<html>\n\n  <body>\xff" + b"x" * 10_000).startswith("<html> <body>\ufffdxxx")
    assert len(excerpt(b"y" * 10_000)) == EXCERPT_CHARACTERS


def test_a_message_has_no_query() -> None:
    assert url_path("/policy/api/v1/infra/x?edge_path=%2Fa") == "/policy/api/v1/infra/x"
