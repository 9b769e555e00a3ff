"""The next page of a list, as the header ``Link`` says it."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple
from urllib.parse import SplitResult, urlsplit

NEXT = "nextpage"

QUERY_CHARACTERS_MAX = 4_096
"""A cursor is some hundred characters long; a longer query is no cursor of ours to repeat."""

_LINK = re.compile(r"<([^<>]*)>([^<>]*)")
"""A target with its parameters. Several stand in one header, and a header may come several times."""

_RELATION = re.compile(r";\s*rel\s*=\s*(?:\"([^\"]*)\"|([^\s\",;]+))", re.IGNORECASE)

_QUERY = re.compile(r"[!-~]+")

DEFAULT_PORTS = {"https": 443, "http": 80}


class NextPage(NamedTuple):
    """The next page as a header says it.

    Attributes:
        query: To be asked for next, percent-encoded; ``None`` without a link that may be followed.
        refused: There is a link, and it may not be followed.
    """

    query: str | None
    refused: bool


def next_page(headers: Mapping[str, str], path: str, urls: Collection[str]) -> NextPage:
    """Return what the header ``Link`` says of the next page.

    Nothing but a query is taken of it: a link to another host, or to another path than the one asked for, is refused,
    since a foreign text must not decide where our credentials go.

    Args:
        headers: Of the answer.
        path: Path that was asked for, without its query.
        urls: Of the managers, as the settings have them.
    Source: RFC 8288; VMware go-vcloud-director, openapi.go.
    """
    ours = {_host(urlsplit(url)) for url in urls}
    refused = False
    for target in _targets(headers):
        query = _query_of(target, path, ours)
        if query is not None:
            return NextPage(query, refused=False)
        refused = True
    return NextPage(None, refused)


def _query_of(target: str, path: str, ours: Collection[tuple[str, int | None]]) -> str | None:
    try:
        parts = urlsplit(target)
        is_ours = not parts.netloc or _host(parts) in ours
    except ValueError:
        return None
    sound = len(parts.query) <= QUERY_CHARACTERS_MAX and _QUERY.fullmatch(parts.query)
    return parts.query if is_ours and sound and parts.path.rstrip("/") == path.rstrip("/") else None


def _targets(headers: Mapping[str, str]) -> Iterator[str]:
    getall: Any = getattr(headers, "getall", None)  # A multidict's own; a plain mapping has one value a name.
    for line in getall("Link", []) if getall else [headers.get("Link", "")]:
        for target, parameters in _LINK.findall(line):
            for quoted, bare in _RELATION.findall(parameters):
                if NEXT in (quoted or bare).lower().split():
                    yield target.strip()


def _host(parts: SplitResult) -> tuple[str, int | None]:
    return (parts.hostname or "").lower(), parts.port or DEFAULT_PORTS.get(parts.scheme.lower())
