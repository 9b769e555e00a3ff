"""Pages of lists: by number with totals and links, by number without links, and by cursor without totals.

Source: VMware go-vcloud-director, openapi.go: 128 rows at most; ``nextPage`` in the header ``Link``, which some
endpoints lack together with ``pageCount``; others give a ``cursor`` in place of totals.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, NamedTuple
from urllib.parse import urlencode

from simulator.vcd.page import Json, Page, Wrong
from simulator.vcd.specs import PAGE_SIZE_MAX, VcdSpec

Manner = Literal["links", "counts", "cursor"]


class Wanted(NamedTuple):
    """What is asked for.

    Attributes:
        base: Address of the list, without its query.
        fixed: What the links repeat of the query: filter and order.
        model: The word for the rows in links.
    """

    base: str
    number: int
    size: int
    fixed: dict[str, str]
    model: str
    manner: Manner


def wanted(spec: VcdSpec, base: str, query: Mapping[str, str], model: str, manner: Manner) -> Wanted:
    """Return which page is asked for.

    Raises:
        Wrong: A number is none, or outside its bounds.
    """
    size = _number(query, "pageSize", spec.page_size_default)
    if size > PAGE_SIZE_MAX and spec.page_size_over == "refuse":
        raise Wrong(400, f"pageSize {size} is greater than {PAGE_SIZE_MAX}.")
    fixed = {name: query[name] for name in ("filter", "sortAsc", "sortDesc") if name in query}
    number = _number(query, "page", 1)
    if manner == "cursor":
        cursor = query.get("cursor")
        number = 1 if cursor is None else _of_cursor(cursor)
    return Wanted(base, number, min(size, spec.page_size_max), fixed, model, manner)


def _number(query: Mapping[str, str], name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isascii() or not text.isdecimal() or not 1 <= int(text) <= 10**9:
        raise Wrong(400, f"{name} '{text}' is no number from 1 on.")
    return int(text)


def _of_cursor(cursor: str) -> int:
    try:
        return int(bytes.fromhex(cursor).decode().removeprefix("after/")) + 1
    except ValueError as error:
        raise Wrong(400, "The cursor is not valid.") from error


def page_of(rows: Sequence[Json], asked: Wanted) -> Page:
    """Return the page of a list that is asked for; one behind the last is empty."""
    first = (asked.number - 1) * asked.size
    document: Json = {}
    count = -(-len(rows) // asked.size)
    if asked.manner != "cursor":
        document = {
            "resultTotal": len(rows), "pageCount": count if asked.manner == "links" else None,
            "page": asked.number, "pageSize": asked.size, "associations": None,
        }  # fmt: skip
    document["values"] = list(rows[first : first + asked.size])
    page = Page(document, before=rows[max(0, first - asked.size) : first], number=asked.number, base=asked.base)
    if asked.manner == "links":
        page.links = [_link(asked, "firstPage", 1), _link(asked, "lastPage", max(1, count))]
        if asked.number > 1:
            page.links.insert(0, _link(asked, "previousPage", asked.number - 1))
    if asked.manner != "counts" and first + asked.size < len(rows):
        page.links.insert(len(page.links) // 2, _link(asked, "nextPage", asked.number + 1))
    return page


def _link(asked: Wanted, relation: str, number: int) -> str:
    cursor = f"after/{number - 1}".encode().hex()
    place = {"cursor": cursor} if asked.manner == "cursor" else {"page": str(number)}
    query = urlencode(place | {"pageSize": str(asked.size)} | asked.fixed)
    return f'<{asked.base}?{query}>;rel="{relation}";type="application/json";model="{asked.model}"'
