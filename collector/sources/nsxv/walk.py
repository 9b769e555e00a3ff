"""The way through the edges: their list, and the vNICs of each."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec

from collector.errors import AuthFailed, ObjectGone, ResponseInvalid, SourceError
from collector.model.period import Instant
from collector.sources.nsxv.client import PAGE_SIZE, NsxvClient
from collector.sources.nsxv.forms import Page
from collector.sources.nsxv.lists import DISTRIBUTED, UPLINK, Named, edge_of, is_id
from collector.sources.nsxv.numbers import whole
from collector.sources.nsxv.options import NsxvOptions
from collector.sources.nsxv.snapshot import Edge, Snapshot, Vnic
from collector.sources.options import DISCOVERY_RETRY

PAGES_MAX = 1_000
"""A quarter of a million edges is beyond any manager (its limit is 2 000): it is a loop."""

FAILURES_MAX = 20
"""So many failures in a row mean that the source is away: reading ends instead of waiting for each edge in turn."""

LOOK_BACK_MS = 3_600_000
"""How far back it is asked which vNICs have rates, in milliseconds, where nothing says what they are."""


class Walk:
    """One discovery. Build it, ``run`` it once, and read the attributes.

    Attributes:
        edges: What was read, by id.
        unread: Edges whose vNICs could not be read.
        is_complete: Every list was answered and holds what it says.
        faults: What could not be read, in words.
        calls: Requests that it took.
        at: ``Date`` of the first answer.
    """

    def __init__(
        self, client: NsxvClient, options: NsxvOptions, previous: Snapshot | None, now: Instant, workers: int
    ) -> None:
        self.edges: dict[str, Edge] = {}
        self.unread: set[str] = set()
        self.is_complete = True
        self.faults: list[str] = []
        self.calls = 0
        self.at: Instant | None = None
        self._client = client
        self._wanted = options.edges
        self._previous = previous.edges if previous is not None else {}
        self._now = now
        self._workers = workers
        self._failures = 0

    @property
    def snapshot(self) -> Snapshot:
        """What was read."""
        return Snapshot(edges=self.edges)

    async def run(self) -> None:
        """Read everything. Raises SourceError when not even the first list can be read, or the source goes away."""
        listed = self._client.reach.listed()
        if listed is None:
            await self._read_edges()
        else:
            self._take([Named(name, title or name, "") for name, title in listed if self._is_good(name)])
        self._choose()
        await self._read_all_vnics()

    # --- edges --------------------------------------------------------------------------------------------------------

    async def _read_edges(self) -> None:
        """Read the list, page by page. A list that does not add up to its total is not whole.

        Raises SourceError when not even the first page can be read.
        """
        start, total = 0, None
        for number in range(1, PAGES_MAX + 1):
            self.calls += 1
            try:
                page, at = await self._client.edges(start)
            except SourceError as error:
                if number == 1:
                    raise
                self._lacking(f"page {number} of the edges: {error}; the list is cut there")
                break
            if number == 1:
                self.at, total = at, whole(page.paging.get("totalCount"))
            new = self._take(self._named(page))
            start += len(page.rows)
            if page.rows and not new:
                self._lacking(f"page {number} of the edges holds those of an earlier page; the list is cut there")
                break
            size = whole(page.paging.get("pageSize")) or PAGE_SIZE
            if not page.rows or (len(page.rows) < size if total is None else start >= total):
                break
        else:
            self._lacking(f"the edges have more than {PAGES_MAX} pages; the list is cut there")
        if total is not None and len(self.edges) != total:
            self._lacking(f"{len(self.edges)} edges came, and totalCount says {total}")

    def _named(self, page: Page) -> list[Named]:
        rows = [edge_of(row) for row in page.rows]
        found = [row for row in rows if row is not None]
        if len(found) < len(rows):
            self._lacking(f"{len(rows) - len(found)} edges of the list have no id; left out")
        return found

    def _is_good(self, name: str) -> bool:
        if is_id(name):
            return True
        self._lacking(f"gateway {name[:80]!r} has an id that no path can hold; left out")
        return False

    def _take(self, found: list[Named]) -> int:
        """Take edges; return how many are new."""
        before = len(self.edges)
        for named in found:
            self.edges.setdefault(named.id, Edge(named.id, named.name, named.type))
        return len(self.edges) - before

    def _choose(self) -> None:
        """Keep the edges that are wanted and can have traffic of their own."""
        wanted = self._wanted
        if wanted != "all":
            self.faults.extend(f"no edge is called {name}" for name in wanted if name not in self.edges)
        self.edges = {
            name: edge
            for name, edge in self.edges.items()
            if edge.type != DISTRIBUTED and (wanted == "all" or name in wanted)
        }

    # --- vNICs --------------------------------------------------------------------------------------------------------

    async def _read_all_vnics(self) -> None:
        """Read the vNICs of every edge, a few edges at once: polls go on meanwhile and need their places."""
        queue = iter(sorted(self.edges))
        gone_away: SourceError | None = None
        try:
            async with asyncio.TaskGroup() as group:
                for _ in range(self._workers):
                    group.create_task(self._drain(queue))
        except* SourceError as errors:
            gone_away = _first(errors)
        if gone_away is not None:
            raise gone_away

    async def _drain(self, queue: Iterator[str]) -> None:
        for name in queue:
            await self._read_vnics(name)

    async def _read_vnics(self, name: str) -> None:
        """Read an edge's vNICs, and where nothing says what they are, which of them have rates of uplinks."""
        self.calls += 1
        try:
            vnics, faults = await self._client.vnics(name)
        except (ObjectGone, AuthFailed, ResponseInvalid) as error:
            await self._infer(name, None, error)
            return
        except SourceError as error:
            self._unanswered(name, error)
            return
        if faults:
            self.unread.add(name)
            self._lacking(f"edge {name}: {'; '.join(faults)}")
        if vnics and all(vnic.type for vnic in vnics):
            self._answered(name, vnics)
        else:
            await self._infer(name, vnics, None)

    async def _infer(self, name: str, listed: tuple[Vnic, ...] | None, error: SourceError | None) -> None:
        """Take the vNICs that the rates of uplinks speak of for uplinks, and those that were known as such.

        Args:
            name: The edge.
            listed: Its vNICs as far as listed, or ``None`` where they cannot be.
            error: Why they cannot.
        """
        self.calls += 1
        try:
            answer = await self._client.rates(name, self._now - LOOK_BACK_MS, policy=DISCOVERY_RETRY)
        except SourceError as failed:
            self._unanswered(name, error or failed)
            return
        old = self._previous.get(name)
        before = {vnic.index: vnic for vnic in (old.vnics if old is not None else ())}
        described = {vnic.index: vnic for vnic in answer.vnics}
        known = dict(before) if listed is None else {vnic.index: vnic for vnic in listed}
        for index in answer.indexes():
            known.setdefault(index, Vnic(index, f"vnic {index}"))
        uplinks = answer.indexes() | {index for index, vnic in before.items() if vnic.type == UPLINK}
        self._answered(
            name, tuple(_described(known[index], described.get(index), index in uplinks) for index in sorted(known))
        )

    def _answered(self, name: str, vnics: tuple[Vnic, ...]) -> None:
        self._failures = 0
        self.edges[name] = msgspec.structs.replace(self.edges[name], vnics=vnics)

    # --- what is lacking ----------------------------------------------------------------------------------------------

    def _lacking(self, words: str) -> None:
        self.is_complete = False
        self.faults.append(words)

    def _unanswered(self, name: str, error: SourceError) -> None:
        """Take note of vNICs that could not be read. Raises ``error`` when it is one too many in a row."""
        self.unread.add(name)
        self._lacking(f"edge {name}: its vNICs cannot be read: {error}")
        if isinstance(error, ObjectGone):
            return
        self._failures += 1
        if self._failures >= FAILURES_MAX:
            raise error


def _described(vnic: Vnic, other: Vnic | None, is_uplink: bool) -> Vnic:
    """Return a vNIC with what another description of it says, and as an uplink if nothing says what it is."""
    if other is not None and not vnic.type:
        vnic = other
    return vnic if vnic.type or not is_uplink else msgspec.structs.replace(vnic, type=UPLINK)


def _first(errors: BaseExceptionGroup[SourceError]) -> SourceError:
    for error in errors.exceptions:
        return _first(error) if isinstance(error, BaseExceptionGroup) else error
    raise AssertionError("BUG: an exception group without an exception")
