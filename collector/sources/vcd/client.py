"""Calls to Cloud Director that return records: objects, and lists read to their end."""

from __future__ import annotations

from typing import TypeVar
from urllib.parse import quote

import msgspec

from collector.errors import ResponseInvalid, SourceError
from collector.sources.answers import Answer, http_date, not_json, url_path
from collector.sources.http import HttpClient
from collector.sources.manager import Manager
from collector.sources.options import DISCOVERY_RETRY
from collector.sources.vcd.api import VcdApi
from collector.sources.vcd.dto import Page, Row
from collector.sources.vcd.links import next_page
from collector.sources.vcd.listing import Listing
from collector.sources.vcd.words import UNREADABLE

ROOT = "/cloudapi/1.0.0"
"""What every OpenAPI path begins with."""

T = TypeVar("T")
R = TypeVar("R", bound=Row)


class VcdClient:
    """Typed calls over the shared HTTP client.

    Attributes:
        calls: Requests for objects and pages, without log-ins and retries.
    """

    def __init__(self, http: HttpClient, api: VcdApi) -> None:
        self.http = http
        self.api = api
        self.calls = 0
        self._urls = tuple(manager.url for manager in http.managers)

    async def get(self, path: str, accept: str | None = None, manager: Manager | None = None) -> Answer:
        """Return the 2xx answer to a GET, of the current cell or of the one given. Raises SourceError."""
        self.calls += 1
        headers = None if accept is None else {"Accept": accept}
        if manager is not None:
            return await self.http.get_at(manager, path, headers)
        return await self.http.get(path, DISCOVERY_RETRY, headers)

    async def one(self, name: str, kind: type[T], manager: Manager | None = None) -> T:
        """Return one object; ``name`` is its path below the root. Raises SourceError."""
        path = request_path(name)
        return self.decoded(await self.get(path, manager=manager), kind, path)

    async def total(self, name: str, manager: Manager) -> int:
        """Return how many rows a list has. Raises SourceError."""
        path = request_path(name)
        page = self.decoded(await self.get(f"{path}?page=1&pageSize=1", manager=manager), Page, path)
        return len(page.values or ()) if page.result_total is None else page.result_total

    async def rows(
        self, name: str, kind: type[R], *, fiql: str = "", by_cursor: bool = False, manager: Manager | None = None
    ) -> Listing[R]:
        """Return a list, read page by page to its end, or as far as it can be read.

        Args:
            name: Path below the root.
            kind: Of the rows.
            fiql: Only rows that fit, ``type==FLOATING_IP``.
            by_cursor: The endpoint gives no totals.
            manager: The cell to ask, or ``None`` for the current one.
        Raises:
            SourceError: Not even the first page can be read.
        """
        listing: Listing[R] = Listing(request_path(name), fiql=fiql, by_cursor=by_cursor)
        query: str | None = listing.first()
        while query is not None:
            try:
                answer = await self.get(f"{listing.path}?{query}", manager=manager)
                page = self.decoded(answer, Page, listing.path)
            except SourceError as error:
                if listing.pages == 1:
                    raise
                listing.fault(f"page {listing.pages}: {error}; the list is cut there")
                break
            if listing.pages == 1:
                listing.at = http_date(answer.headers.get("Date", ""))
            listing.add(page, kind)
            query = listing.following(next_page(answer.headers, listing.path, self._urls))
        listing.end()
        listing.faults = [self.api.masked(fault) for fault in listing.faults]
        return listing

    def decoded(self, answer: Answer, kind: type[T], path: str) -> T:
        """Return the body as a record. Raises ResponseInvalid with the URL's path in its words."""
        try:
            return msgspec.json.decode(answer.body, type=kind)
        except UNREADABLE as error:
            raise ResponseInvalid(self.api.masked(str(not_json(answer, url_path(path), str(error))))) from error


def request_path(name: str) -> str:
    """Return the request path of an OpenAPI endpoint, percent-encoded."""
    return f"{ROOT}/{quote(name, safe='/:')}"
