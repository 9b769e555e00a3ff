"""Calls that return records: the list of edges, their vNICs, their rates."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar
from urllib.parse import urlencode

from collector.clock import Clock
from collector.errors import ResponseInvalid
from collector.model.period import MS_PER_SECOND, Instant
from collector.sources.answers import EXCERPT_CHARACTERS, Answer, excerpt, http_date, url_path
from collector.sources.nsxv.forms import Form, Malformed, Page, parsed
from collector.sources.nsxv.lists import vnics_of
from collector.sources.nsxv.options import DAY_MS, NsxvOptions, TimeUnit
from collector.sources.nsxv.points import statistics_path
from collector.sources.nsxv.reach import Reach
from collector.sources.nsxv.snapshot import Vnic
from collector.sources.nsxv.statistics import Rates, rates
from collector.sources.options import DISCOVERY_RETRY, POLL_RETRY, RetryPolicy

PAGE_SIZE = 256
"""Edges of a page; the product's own size."""

CLOCK_DIFFERENCE_MS_MAX = 366 * DAY_MS
"""Farthest that the manager's clock may be from ours, in milliseconds, to be believed."""

T = TypeVar("T")


class NsxvClient:
    """Typed calls, however the edges are reached."""

    def __init__(self, reach: Reach, options: NsxvOptions, clock: Clock) -> None:
        self.reach = reach
        self._options = options
        self._clock = clock

    async def edges(self, start: int) -> tuple[Page, Instant | None]:
        """Return a page of the list of edges, and the ``Date`` of the answer. Raises SourceError."""
        path = f"{self.reach.root}/edges?{urlencode({'startIndex': start, 'pageSize': PAGE_SIZE})}"
        answer = await self.reach.get(path, DISCOVERY_RETRY)
        return self._read(answer, path, lambda form: form.edges()), http_date(answer.headers.get("Date", ""))

    async def vnics(self, edge: str) -> tuple[tuple[Vnic, ...], list[str]]:
        """Return the vNICs of an edge, and what was wrong with their rows. Raises SourceError."""
        path = f"{self.reach.root}/edges/{edge}/vnics"
        answer = await self.reach.get(path, DISCOVERY_RETRY)
        return vnics_of(self._read(answer, path, lambda form: form.vnics()))

    async def rates(
        self, edge: str, start: Instant, end: Instant | None = None, policy: RetryPolicy = POLL_RETRY
    ) -> Rates:
        """Return the rates of an edge's uplinks.

        Args:
            edge: Its id.
            start: From when on.
            end: Until when, or up to now by the manager's own clock.
            policy: How often and how long a retryable failure is tried again.
        Raises:
            SourceError: By kind, see collector.errors.
        """
        unit = 1 if self._options.time_unit is TimeUnit.MILLISECONDS else MS_PER_SECOND
        query = {"startTime": start // unit}
        if end is not None:
            query["endTime"] = -(-end // unit)  # rounded up, as the start is rounded down: never less than asked
        path = f"{statistics_path(self.reach.root, edge)}?{urlencode(query)}"
        answer = await self.reach.get(path, policy)
        try:
            return rates(answer.body, self._now_there(answer), self._options.kilo)
        except Malformed as error:
            raise self._invalid(answer, path, error) from error

    def _now_there(self, answer: Answer) -> Instant:
        """Return the manager's time, or ours where it says none that can be."""
        ours, theirs = self._clock.now(), http_date(answer.headers.get("Date", ""))
        return ours if theirs is None or abs(theirs - ours) > CLOCK_DIFFERENCE_MS_MAX else theirs

    def _read(self, answer: Answer, path: str, take: Callable[[Form], T]) -> T:
        try:
            return take(parsed(answer.body))
        except Malformed as error:
            raise self._invalid(answer, path, error) from error

    def _invalid(self, answer: Answer, path: str, error: Malformed) -> ResponseInvalid:
        kind = answer.headers.get("Content-Type", "no content type")[:EXCERPT_CHARACTERS]
        where = f"source {self._options.name}: {url_path(path)}"
        return ResponseInvalid(f"{where}: {error}; got {kind}, beginning {excerpt(answer.body)!r}")
