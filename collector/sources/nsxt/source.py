"""An NSX manager cluster as a source: discovery, readings, and what ``check --online`` says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

from collector.clock import Clock
from collector.model.identity import PointKey, ReadAt
from collector.model.period import Instant
from collector.model.sample import Reading
from collector.ports import Inventory, OnlineReport, PointCall
from collector.sources.http import HttpClient
from collector.sources.nsxt import snapshot as snapshots
from collector.sources.nsxt.api import NsxtApi
from collector.sources.nsxt.changes import changes_between
from collector.sources.nsxt.client import NsxtClient
from collector.sources.nsxt.compare import comparisons
from collector.sources.nsxt.directory import found_gateways, found_segments
from collector.sources.nsxt.endpoints import Endpoints, parse_version
from collector.sources.nsxt.extras import READ_HERE, ExtraClient
from collector.sources.nsxt.online import online_report
from collector.sources.nsxt.options import NsxtOptions
from collector.sources.nsxt.points import Ends, FailedEnds, PointBuilder
from collector.sources.nsxt.snapshot import VPCS, VPN, Snapshot
from collector.sources.nsxt.walk import Walk
from collector.sources.observer import SourceObserver

DISCOVERY_WORKERS = 8
"""Lists read at once, at most half of what the settings allow: the rest of the places is left to polls."""

FAULTS_MAX = 50
"""Faults told of one inventory; the rest is a number."""


class NsxtSource:
    """Implements :class:`collector.ports.Source` for NSX-T and NSX.

    Attributes:
        name: Name of the source.
        requests_per_second: What the settings allow it.
        insecure: Any certificate is taken; the caller warns.
    """

    def __init__(self, options: NsxtOptions, clock: Clock, observer: SourceObserver) -> None:
        self.name = options.http.name
        self.requests_per_second = options.http.requests_per_second
        self.insecure = options.http.tls.insecure
        self._options = options
        self._clock = clock
        self._endpoints = Endpoints(options.federation, options.enforcement_point, options.org)
        self._http = HttpClient(options.http, NsxtApi(options.login), clock, observer)
        self._client = NsxtClient(self._http, self._endpoints, clock)
        self._extras = ExtraClient(self._http, options, clock)
        self._builder = PointBuilder(self.name, self._endpoints, options.link_end, vpn=options.vpn, vpcs=options.vpcs)
        self._failed_ends: dict[PointKey, frozenset[ReadAt]] = {}
        self._compared = ""

    async def start(self) -> None:
        """Open the connection pools; nothing is sent. Raises SourceUnavailable when a TLS file cannot be used."""
        await self._http.start()

    async def stop(self) -> None:
        """Log out, as far as a second allows, and close."""
        await self._extras.stop()
        await self._http.stop()

    async def discover(self, previous: bytes | None, known_ends: Callable[[PointKey], ReadAt | None]) -> Inventory:
        """Return an inventory, compared with ``previous``, the payload of the last complete one.

        An incomplete inventory holds what the previous one had and this one could not disprove, so that its points
        go on being read; it reports no deletions. ``known_ends`` gives the end at which a link was read so far. A
        payload that this version cannot read counts as none: then there are no changes.

        Raises:
            SourceError: Not even the first lists can be read, or the source went away on the way.
        """
        begun_at = self._clock.now()
        old = await asyncio.to_thread(snapshots.decode, previous)
        workers = max(1, min(DISCOVERY_WORKERS, self._options.http.concurrency // 2))
        walk = Walk(self._client, self._endpoints, self._options, old, workers)
        await walk.run()
        self._extras.version = parse_version(walk.version)
        known = (old.gateways, walk.gateways) if old is not None else (walk.gateways,)
        ends = {key: known_ends(key) for gateways in known for key in self._builder.link_keys(gateways)}
        # Tens of thousands of points take a second to make; polls and scrapes must not wait for them.
        inventory = await asyncio.to_thread(self._inventory, walk, old, ends, dict(self._failed_ends), begun_at)
        keys = {point.key for point in inventory.points}
        self._failed_ends = {key: failed for key, failed in self._failed_ends.items() if key in keys}
        self._compared = inventory.comparisons[-1].point.path if inventory.comparisons else ""
        return inventory

    def _inventory(
        self, walk: Walk, old: Snapshot | None, ends: Ends, failed_ends: FailedEnds, begun_at: Instant
    ) -> Inventory:
        """Return what a walk found; pure, so that it may run in a thread."""
        reader = walk.reader
        options = self._options
        found = Snapshot(
            gateways=walk.gateways,
            version=walk.version,
            vpcs=walk.vpcs,
            segments=walk.segments,
            parts=tuple(name for name, is_read in ((VPN, options.vpn), (VPCS, options.vpcs)) if is_read),
        )
        if old is not None and not reader.is_complete:
            found = snapshots.merged(old, found, frozenset(walk.unread))
        return Inventory(
            source=self.name,
            at=begun_at if walk.at is None else walk.at,
            complete=reader.is_complete,
            version=walk.version,
            points=self._builder.points(found, ends, failed_ends),
            changes=changes_between(old, found) if old is not None and reader.is_complete else (),
            payload=snapshots.encode(found),
            calls=reader.calls,
            faults=_bounded(reader.faults),
            gateways=found_gateways(found) if options.directory else (),
            segments=found_segments(found) if options.directory else (),
            comparisons=comparisons(
                found,
                self._endpoints,
                self._builder.link_key,
                lambda key: failed_ends.get(key, frozenset()),
                after=self._compared,
                limit=options.comparisons,
            ),
        )

    def read(self, point: PointKey, read_at: ReadAt, call: PointCall) -> Coroutine[Any, Any, Reading]:
        """Ask once for a point's counters. Raises SourceError."""
        reader = self._extras if read_at in READ_HERE else self._client
        return reader.read(point, read_at, call)

    def mark_end_failed(self, point: PointKey, read_at: ReadAt) -> None:
        """Take note that an end of a link fails for good.

        Under ``auto`` the next discovery takes another one, if any.
        """
        self._failed_ends[point] = self._failed_ends.get(point, frozenset()) | {read_at}

    async def check_online(self) -> OnlineReport:
        """Log in to every manager and say its version, our rights, its limits and the difference of the clocks."""
        return OnlineReport(source=self.name, lines=await online_report(self._client, self._options, self._clock))

    def budget_used_ratio(self) -> float:
        """Return the share of the request budget that the last second used, 0 to 1."""
        return self._http.budget.used_ratio()


def _bounded(faults: list[str]) -> tuple[str, ...]:
    if len(faults) <= FAULTS_MAX:
        return tuple(faults)
    return (*faults[:FAULTS_MAX], f"and {len(faults) - FAULTS_MAX} more")
