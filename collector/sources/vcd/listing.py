"""A list that comes in pages, and whether it is whole."""

from __future__ import annotations

from typing import Generic, TypeVar
from urllib.parse import quote

import msgspec

from collector.model.period import Instant
from collector.sources.vcd.dto import Page, Row
from collector.sources.vcd.links import NextPage
from collector.sources.vcd.words import UNREADABLE

PAGE_ROWS = 128
"""Rows asked for in a page: the greatest value. Source: VMware go-vcloud-director, openapi.go."""

PAGES_MAX = 1_000
"""A list of 128 000 objects is beyond any Cloud Director: it is a loop."""

FAULTS_MAX = 20
"""Faults told of one list; the rest is most likely wrong in the same way."""

R = TypeVar("R", bound=Row)


class Listing(Generic[R]):
    """A list on its way.

    It is whole when it holds as many rows as each page's total says, each row once. The next page is the one that the
    header ``Link`` names. Some endpoints name none and give no number of pages: then pages are asked for by number
    until the total is reached. Others, by cursor, give no total and end with the last link.

    Attributes:
        path: Request path.
        rows: Objects, in the director's order; one that is not what the API promises is left out.
        faults: Why it is not whole, in words; empty when it is.
        total: How many there are, as the first page says.
        held: How many came, those left out included.
        at: ``Date`` of its first answer.
    Source: VMware go-vcloud-director, openapi.go.
    """

    __slots__ = ("_asked", "_by_cursor", "_fixed", "_ids", "_is_news", "at", "faults", "held", "path", "rows", "total")

    def __init__(self, path: str, *, fiql: str = "", by_cursor: bool = False) -> None:
        self.path = path
        self.rows: list[R] = []
        self.faults: list[str] = []
        self.total: int | None = None
        self.held = 0
        self.at: Instant | None = None
        self._by_cursor = by_cursor
        self._fixed = f"&filter={quote(fiql, safe='')}" if fiql else ""
        self._ids: set[str] = set()
        self._asked: set[str] = set()
        self._is_news = True

    @property
    def pages(self) -> int:
        """How many pages were asked for."""
        return len(self._asked)

    def fault(self, words: str) -> None:
        """Take note of why it is not whole. Of very many the first ones are told."""
        if len(self.faults) < FAULTS_MAX:
            self.faults.append(f"{self.path}: {words}")

    def first(self) -> str:
        """Return the query of the first page."""
        return self._ask(self._numbered(1))

    def add(self, page: Page, kind: type[R]) -> None:
        """Take a page over."""
        if page.values is None:
            self.fault(f"page {self.pages} has no values")
        if self.pages == 1:
            self.total = page.result_total
        elif page.result_total != self.total:
            self.fault(f"the total changed from {self.total} to {page.result_total} on page {self.pages}")
        raws = page.values or []
        self.held += len(raws)
        self._is_news = True in [self._add_row(raw, kind) for raw in raws]

    def following(self, link: NextPage) -> str | None:
        """Return the query of the page to ask for after the one just taken over, or ``None`` at the end."""
        query = link.query
        if query is None and self.total is not None and self.held < self.total:
            query = self._numbered(self.pages + 1)
        if query is None:
            if link.refused and self.total is None:
                self.fault(f"page {self.pages} links to another address, which is not followed; the list is cut there")
            return None
        if not self._is_news and (self.pages > 1 or not self._by_cursor):
            if self._by_cursor:
                self.fault(f"page {self.pages} brings nothing new and leads on; the list is cut there")
            return None
        if query in self._asked:
            self.fault(f"page {self.pages} leads back to an earlier page; the list is cut there")
            return None
        if self.pages >= PAGES_MAX:
            self.fault(f"more than {PAGES_MAX} pages; the list is cut there")
            return None
        return self._ask(query)

    def end(self) -> None:
        """Compare what came with the total."""
        if self.total is not None:
            if self.held != self.total:
                self.fault(f"{self.held} rows came, and its resultTotal says {self.total}")
        elif not self._by_cursor:
            self.fault("its resultTotal is missing, so nobody can say whether the list is whole")

    def _numbered(self, number: int) -> str:
        return f"page={number}&pageSize={PAGE_ROWS}{self._fixed}"

    def _ask(self, query: str) -> str:
        self._asked.add(query)
        return query

    def _add_row(self, raw: msgspec.Raw, kind: type[R]) -> bool:
        """Take a row over; False when it was here before."""
        try:
            row = msgspec.json.decode(raw, type=kind)
        except UNREADABLE as error:
            self.fault(f"an object is not what the API promises: {error}; left out")
            return True
        if row.id in self._ids:
            self.fault(f"{row.id} came twice")
            return False
        self._ids.add(row.id)
        self.rows.append(row)
        return True
