"""Lists read one beside the other, with their faults taken note of instead of raised."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import TypeVar

from collector.errors import ObjectGone, SourceError
from collector.sources.nsxt.client import Listing, NsxtClient

FAILURES_MAX = 20
"""So many failures in a row mean that the source is away: reading ends instead of waiting for each object in turn."""

T = TypeVar("T")


class ListReader:
    """Reads the lists of one inventory.

    Attributes:
        is_complete: Every page of every list was answered and holds what it says.
        faults: What could not be read, in words.
        calls: Requests that it took.
    """

    def __init__(self, client: NsxtClient, workers: int) -> None:
        self.is_complete = True
        self.faults: list[str] = []
        self.calls = 0
        self._client = client
        self._workers = workers
        self._failures = 0

    async def rows(self, path: str, kind: type[T]) -> list[T]:
        """Return the rows of a list, as far as it can be read. Raises SourceError when the source went away."""
        listing = await self.listing(path, kind)
        return listing.rows if listing is not None else []

    async def listing(self, path: str, kind: type[T]) -> Listing[T] | None:
        """Return a list, or ``None`` when it cannot be read. Raises SourceError when the source went away."""
        try:
            return await self.certain(path, kind)
        except SourceError as error:
            self.lacking(error)
            return None

    async def certain(self, path: str, kind: type[T]) -> Listing[T]:
        """Return a list that others rest on. Raises SourceError when it cannot be read."""
        try:
            listing = await self._client.rows(path, kind)
        except SourceError:
            self.calls += 1
            raise
        self._failures = 0
        self.calls += listing.calls
        if listing.faults:
            self.is_complete = False
            self.faults.extend(listing.faults)
        return listing

    async def optional(self, path: str, kind: type[T]) -> Listing[T] | None:
        """Return a list that an inventory is complete without, or ``None`` when it cannot be read: that is a fault.

        Raises SourceError when the source went away.
        """
        try:
            listing = await self._client.rows(path, kind)
        except SourceError as error:
            self.calls += 1
            self.unanswered(error)
            return None
        self.answered()
        self.calls += listing.calls
        self.faults.extend(listing.faults)
        return listing

    def lacking(self, error: SourceError) -> None:
        """Take note of a list that could not be read. Raises ``error`` when it is one too many in a row."""
        self.is_complete = False
        self.unanswered(error)

    def refused(self, words: str, error: SourceError) -> None:
        """Take note of lists that this release does not have, or this account may not read, by the first of them.

        The inventory may be complete without: asking again would say the same.
        """
        self.faults.append(f"{words}: {error}")

    def unanswered(self, error: SourceError) -> None:
        """Take note of a call that failed. Raises ``error`` when it is one too many in a row."""
        self.faults.append(str(error))
        if isinstance(error, ObjectGone):
            return
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            raise error

    def answered(self) -> None:
        """Take note of a call, other than for a list, that was answered."""
        self._failures = 0

    async def for_each(self, items: Iterable[str], work: Callable[[str], Awaitable[None]]) -> None:
        """Do the work for each item, a few at once: polls go on meanwhile and need their places in the budget.

        Raises SourceError as the work does.
        """
        queue = iter(items)
        gone_away: SourceError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._workers):
                    group.create_task(_drain(queue, work))
        except* SourceError as errors:
            gone_away = _first(errors)
        if gone_away is not None:
            raise gone_away


async def _drain(queue: Iterator[str], work: Callable[[str], Awaitable[None]]) -> None:
    for item in queue:
        await work(item)


def _first(errors: BaseExceptionGroup[SourceError]) -> SourceError:
    for error in errors.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError("BUG: an exception group without an exception")
