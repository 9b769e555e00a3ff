"""What a scraper prefers, as its headers say. Source: RFC 9110, sections 12.4.2, 12.5.1 and 12.5.3."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

ELEMENTS_MAX: Final = 64
"""Elements of a header that are looked at; Prometheus sends five."""


def prefers_openmetrics(accept: Iterable[str]) -> bool:
    """Return whether OpenMetrics 1.0.0 is asked for by name and liked at least as much as the classic text.

    What asks for neither gets the classic text: a scraper that knows no better can read it.

    Args:
        accept: The values of all ``Accept`` headers.
    """
    openmetrics = classic = 0.0
    exact = False
    for name, parameters, quality in _elements(accept):
        if name == "application/openmetrics-text" and parameters.get("version", "1.0.0") == "1.0.0":
            openmetrics = max(openmetrics, quality)
        elif name == "text/plain" and parameters.get("version", "0.0.4") == "0.0.4":
            classic, exact = (max(classic, quality) if exact else quality), True
        elif name in {"*/*", "text/*"} and not exact:
            classic = max(classic, quality)
    return openmetrics > 0 and openmetrics >= classic


def accepts_gzip(accept_encoding: Iterable[str]) -> bool:
    """Return whether gzip may be used.

    Args:
        accept_encoding: The values of all ``Accept-Encoding`` headers.
    """
    qualities = {name: quality for name, _, quality in _elements(accept_encoding)}
    return qualities.get("gzip", qualities.get("*", 0.0)) > 0


def _elements(headers: Iterable[str]) -> Iterator[tuple[str, Mapping[str, str], float]]:
    """Return (name, parameters, quality) of each element; a quality that is no number counts as 0."""
    for element in ",".join(headers).split(",")[:ELEMENTS_MAX]:
        name, *rest = element.split(";")
        pairs = (one.partition("=") for one in rest)
        parameters = {key.strip().lower(): value.strip().strip('"') for key, _, value in pairs}
        yield name.strip().lower(), parameters, _quality(parameters.pop("q", "1"))


def _quality(text: str) -> float:
    try:
        quality = float(text)
    except ValueError:
        return 0.0
    return quality if 0.0 <= quality <= 1.0 else 0.0
