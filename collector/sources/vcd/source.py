"""A Cloud Director as a source: its map, what ``check --online`` says of it, and its session for others."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from collector.clock import Clock
from collector.model.directory import AddressKind, Allocation, CloudMap, Manager
from collector.model.period import Instant
from collector.ports import OnlineReport
from collector.sources.answers import Answer
from collector.sources.http import HttpClient
from collector.sources.observer import SourceObserver
from collector.sources.options import POLL_RETRY, RetryPolicy
from collector.sources.vcd.api import VcdApi
from collector.sources.vcd.client import VcdClient
from collector.sources.vcd.doubts import Doubts
from collector.sources.vcd.online import online_report
from collector.sources.vcd.options import VcdOptions
from collector.sources.vcd.snapshot import with_payload
from collector.sources.vcd.walk import Walk

FAULTS_MAX = 50
"""Faults told of one reading; the rest is a number."""


class VcdSource:
    """Implements :class:`collector.ports.Director` for VMware Cloud Director.

    Attributes:
        name: Name of the source.
        requests_per_second: What the settings allow it.
        insecure: Any certificate is taken; the caller warns.
    """

    def __init__(self, options: VcdOptions, clock: Clock, observer: SourceObserver) -> None:
        self.name = options.http.name
        self.requests_per_second = options.http.requests_per_second
        self.insecure = options.http.tls.insecure
        self._options = options
        self._clock = clock
        self._api = VcdApi(options.login, options.api_version, options.seen)
        self._http = HttpClient(options.http, self._api, clock, observer)
        self._managers: dict[str, Manager] = {}
        self._had_gateways = False
        self._had_spaces = False
        self._doubts = Doubts(clock)
        self._address_doubts = Doubts(clock)

    async def start(self) -> None:
        """Open the connection pools; nothing is sent. Raises SourceUnavailable when a TLS file cannot be used."""
        await self._http.start()

    async def stop(self) -> None:
        """Log out, as far as a second allows, and close."""
        await self._http.stop()
        await self._api.close()

    def remember(self, known: CloudMap) -> None:
        """Take note of the last complete map of a daemon before this one."""
        self._had_gateways = self._had_gateways or bool(known.gateways)
        self._had_spaces = self._had_spaces or _has_spaces(known.allocations)
        self._note_managers(known.managers)

    async def read_map(self) -> CloudMap:
        """Return everything that attribution and addresses rest on, in the order of references.

        Raises:
            SourceError: Not even the first list can be read.
        """
        begun_at = self._clock.now()
        client = VcdClient(self._http, self._api)
        options = self._options
        workers = max(1, options.http.concurrency // 2)  # the rest of the places is left to others
        walk = Walk(
            client,
            is_provider=options.is_provider,
            ip_spaces=options.ip_spaces,
            workers=workers,
            known=self._managers,
        )
        await walk.run()
        self._note_managers(walk.managers)
        self._doubt(walk)
        # Thousands of records take a moment to sort and encode; polls must not wait for them.
        return await asyncio.to_thread(self._map, walk, client.calls, begun_at)

    def _note_managers(self, managers: Iterable[Manager]) -> None:
        """Keep the addresses of NSX managers: an answer that lacks them must not cost a source its gateways."""
        self._managers.update({manager.id.lower(): manager for manager in managers if manager.url})

    def _doubt(self, walk: Walk) -> None:
        """Take a reading with something odd for incomplete, until it has been odd in the same way for long."""
        if not walk.is_complete:
            return
        if self._had_gateways and not walk.gateways:
            # A provider does not lose all gateways at once; a director whose database is being repaired says so.
            walk.oddities.append("there were gateways and now there are none")
        walk.is_complete, words = self._doubts.of(walk.oddities)
        walk.faults.extend(words)
        has_spaces = _has_spaces(walk.allocations)
        if walk.has_addresses:
            if self._had_spaces and not has_spaces and walk.reads_spaces:
                walk.address_oddities.append("there were addresses of IP Spaces and now there are none")
            walk.has_addresses, words = self._address_doubts.of(walk.address_oddities)
            walk.faults.extend(words)
        self._had_gateways = self._had_gateways or bool(walk.gateways)
        self._had_spaces = self._had_spaces or has_spaces

    def _map(self, walk: Walk, calls: int, begun_at: Instant) -> CloudMap:
        """Return what a walk found; pure, so that it may run in a thread."""
        return with_payload(
            CloudMap(
                source=self.name,
                at=begun_at if walk.at is None else walk.at,
                version=self._api.version,
                complete=walk.is_complete,
                addresses_complete=walk.has_addresses,
                orgs=tuple(sorted(walk.orgs.values())),
                gateways=tuple(sorted(walk.gateways, key=lambda each: each.id)),
                networks=tuple(sorted(walk.networks.values(), key=lambda each: each.id)),
                allocations=tuple(sorted(walk.allocations, key=lambda each: each.id)),
                quotas=tuple(sorted(walk.quotas, key=repr)),
                managers=tuple(sorted(walk.managers)),
                calls=calls,
                faults=_bounded([self._api.masked(fault) for fault in walk.faults]),
            )
        )

    async def session_get(self, path: str, accept: str, policy: RetryPolicy = POLL_RETRY) -> Answer:
        """Return the 2xx answer to a GET with this source's log-in and within its budget.

        NSX-V edges are read so through the director's proxy, ``/network/edges/{uuid}/…``.

        Args:
            path: Path and query, percent-encoded.
            accept: The header ``Accept`` as it is sent.
            policy: How often and how long a retryable failure is tried again.
        Raises:
            SourceError: By kind, see collector.errors.
        """
        return await self._http.get(path, policy, {"Accept": accept})

    async def check_online(self) -> OnlineReport:
        """Log in to every cell and say its version, who we are, what can be listed and whether we may write."""
        client = VcdClient(self._http, self._api)
        return OnlineReport(source=self.name, lines=await online_report(client, self._options, self._clock))

    def budget_used_ratio(self) -> float:
        """Return the share of the request budget that the last second used, 0 to 1."""
        return self._http.budget.used_ratio()


def _has_spaces(allocations: Iterable[Allocation]) -> bool:
    return any(allocation.kind is not AddressKind.UPLINK_RANGE for allocation in allocations)


def _bounded(faults: list[str]) -> tuple[str, ...]:
    if len(faults) <= FAULTS_MAX:
        return tuple(faults)
    return (*faults[:FAULTS_MAX], f"and {len(faults) - FAULTS_MAX} more")
