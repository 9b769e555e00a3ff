"""Calls to an NSX manager that return records: readings, lists, versions."""

from __future__ import annotations

from typing import Generic, TypeVar

import msgspec

from collector.clock import Clock
from collector.errors import SourceError
from collector.model.identity import PointKey, ReadAt
from collector.model.period import Instant
from collector.model.sample import Reading
from collector.ports import PointCall
from collector.sources.answers import Answer, http_date, not_json, url_path
from collector.sources.http import HttpClient
from collector.sources.manager import Manager
from collector.sources.nsxt.api import VERSION_PATH
from collector.sources.nsxt.dto import NodeVersion, Page
from collector.sources.nsxt.endpoints import Endpoints
from collector.sources.nsxt.statistics import UNREADABLE, Malformed, per_node_rows, summary_row
from collector.sources.options import DISCOVERY_RETRY, RetryPolicy

PAGES_MAX = 1_000
"""A list of a million objects is beyond any NSX (its limits are in the ten thousands): it is a loop."""

END_CURSOR_PREFIX = "0000"
"""Old releases answer the last page with a cursor that begins so; it means the end."""

T = TypeVar("T")


class Listing(Generic[T]):
    """A list, read to its end.

    Attributes:
        rows: Objects, in the manager's order; an unreadable one is left out.
        faults: Why it is not whole, in words; empty when it is.
        calls: Requests that it took.
        at: ``Date`` of its first answer.
    """

    __slots__ = ("at", "calls", "faults", "rows")

    def __init__(self) -> None:
        self.rows: list[T] = []
        self.faults: list[str] = []
        self.calls = 0
        self.at: Instant | None = None


class NsxtClient:
    """Typed calls over the shared HTTP client."""

    def __init__(self, http: HttpClient, endpoints: Endpoints, clock: Clock) -> None:
        self.http = http
        self._endpoints = endpoints
        self._clock = clock

    async def read(self, point: PointKey, read_at: ReadAt, call: PointCall) -> Reading:
        """Return what a metering point's counters are. Raises SourceError."""
        answer = await self.http.get(call.target)
        polled_at = self._clock.now()
        try:
            if call.summary:
                rows, faults = summary_row(answer.body, polled_at)
            else:
                rows, faults = per_node_rows(answer.body, polled_at, call.node or call.fallback_node)
        except Malformed as error:
            raise not_json(answer, f"source {point.source}: {call.path}", str(error)) from error
        return Reading(point, read_at, polled_at, call.node, rows, tuple(faults) if faults else ())

    async def version(self, manager: Manager | None = None) -> tuple[str, Answer]:
        """Return the version of the current manager, or of the one given, with the whole answer. Raises SourceError."""
        if manager is None:
            answer = await self.http.get(VERSION_PATH, DISCOVERY_RETRY)
        else:
            answer = await self.http.get_at(manager, VERSION_PATH)
        found = decoded(answer, NodeVersion, VERSION_PATH)
        return found.product_version or found.node_version or "", answer

    async def one(self, path: str, kind: type[T], policy: RetryPolicy = DISCOVERY_RETRY) -> T:
        """Return one object; ``path`` is a request path. Raises SourceError."""
        return decoded(await self.http.get(path, policy), kind, path)

    async def rows(self, path: str, kind: type[T]) -> Listing[T]:
        """Return a list, page by page; ``path`` is a policy path.

        The total stands on the first page only. A list whose rows do not add up to it, one with an unreadable object
        and one that turns in a circle are not whole. Raises SourceError when not even the first page can be read.
        Source: NSX type ListResult.
        """
        listing: Listing[T] = Listing()
        seen: set[str] = set()
        total: int | None = None
        held = 0
        cursor: str | None = None
        for number in range(1, PAGES_MAX + 1):
            request = self._endpoints.page(path, cursor)
            listing.calls += 1
            try:
                answer = await self.http.get(request, DISCOVERY_RETRY)
                page = decoded(answer, Page, request)
            except SourceError as error:
                if number == 1:
                    raise
                listing.faults.append(f"{path}: page {number}: {error}; the list is cut there")
                break
            if number == 1:
                total = page.result_count
                listing.at = http_date(answer.headers.get("Date", ""))
            held += len(page.results or ())
            if page.results is None and page.result_count != 0:
                listing.faults.append(f"{path}: page {number} has no results")
            _take(page, kind, path, listing)
            cursor = page.cursor
            if not cursor or cursor.startswith(END_CURSOR_PREFIX):
                break
            if cursor in seen:
                listing.faults.append(
                    f"{path}: page {number} gives a cursor that an earlier page gave; the list is cut there"
                )
                break
            seen.add(cursor)
        else:
            listing.faults.append(f"{path}: more than {PAGES_MAX} pages; the list is cut there")
        if total is not None and held != total:
            listing.faults.append(f"{path}: {held} rows came, and its result_count says {total}")
        return listing


def decoded(answer: Answer, kind: type[T], path: str) -> T:
    """Return the body as a record. Raises ResponseInvalid with the URL's path in its words."""
    try:
        return msgspec.json.decode(answer.body, type=kind)
    except UNREADABLE as error:
        raise not_json(answer, url_path(path), str(error)) from error


def _take(page: Page, kind: type[T], path: str, listing: Listing[T]) -> None:
    for raw in page.results or ():
        try:
            listing.rows.append(msgspec.json.decode(raw, type=kind))
        except UNREADABLE as error:
            listing.faults.append(f"{path}: an object is not what the API promises: {error}; left out")
