"""How edges are reached: at an NSX-V manager, or through a director that passes the same answers on.

Source: vCloud Director API for NSX Programming Guide: a part of the NSX-V API lies at ``/network`` of the director,
under a normal session of it; an edge is named by the director's own UUID of the gateway, never by ``edge-12``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from collector.clock import Clock
from collector.errors import SourceUnavailable
from collector.sources.answers import Answer
from collector.sources.http import HttpClient
from collector.sources.nsxv.api import ROOT, NsxvApi
from collector.sources.nsxv.options import AnswerForm, DirectAccess, DirectorAccess
from collector.sources.observer import SourceObserver
from collector.sources.options import RetryPolicy

DIRECTOR_ROOT = "/network"


class Reach(Protocol):
    """Asks for what lies at a path.

    Attributes:
        root: What paths begin with.
        requests_per_second: What the settings allow.
        concurrency: The same, at once.
        insecure: Any certificate is taken.
    """

    root: str
    requests_per_second: int
    concurrency: int
    insecure: bool

    async def start(self) -> None:
        """Open what is needed; nothing is sent."""

    async def stop(self) -> None:
        """Close it."""

    async def get(self, path: str, policy: RetryPolicy) -> Answer:
        """Return the 2xx answer to a GET; ``path`` with its root. Raises SourceError."""

    def listed(self) -> Sequence[tuple[str, str]] | None:
        """Return (id, name) of the edges, or ``None`` where the API itself lists them. Raises SourceError."""

    def used_ratio(self) -> float:
        """Return the share of the request budget that the last second used, 0 to 1."""


class ManagerReach:
    """A manager of its own."""

    root = ROOT

    def __init__(self, access: DirectAccess, form: AnswerForm, clock: Clock, observer: SourceObserver) -> None:
        self.requests_per_second = access.http.requests_per_second
        self.concurrency = access.http.concurrency
        self.insecure = access.http.tls.insecure
        self.http = HttpClient(access.http, NsxvApi(access.username, access.password, form), clock, observer)

    async def start(self) -> None:
        """Open the connection pools. Raises SourceUnavailable when a TLS file cannot be used."""
        await self.http.start()

    async def stop(self) -> None:
        """Close them."""
        await self.http.stop()

    async def get(self, path: str, policy: RetryPolicy) -> Answer:
        """Return the 2xx answer to a GET. Raises SourceError."""
        return await self.http.get(path, policy)

    def listed(self) -> None:
        """Return nothing: the manager lists its edges."""
        return

    def used_ratio(self) -> float:
        """Return the share of the request budget that the last second used, 0 to 1."""
        return self.http.budget.used_ratio()


class DirectorReach:
    """The gateways of a director; its session and its budget are its own source's."""

    root = DIRECTOR_ROOT
    insecure = False

    def __init__(self, name: str, access: DirectorAccess, form: AnswerForm) -> None:
        self.requests_per_second = access.requests_per_second
        self.concurrency = access.concurrency
        self._name = name
        self._access = access
        self._accept = form.accept

    async def start(self) -> None:
        """Do nothing."""

    async def stop(self) -> None:
        """Do nothing."""

    async def get(self, path: str, policy: RetryPolicy) -> Answer:
        """Return the 2xx answer to a GET. Raises SourceError."""
        return await self._access.get(path, self._accept, policy)

    def listed(self) -> Sequence[tuple[str, str]]:
        """Return (UUID, name) of the gateways. Raises SourceUnavailable before the director's first map."""
        found = self._access.gateways()
        if found is None:
            raise SourceUnavailable(
                f"source {self._name}: the director's gateways are not known yet; they are asked for again"
            )
        return found

    def used_ratio(self) -> float:
        """Return the share of the director's request budget that the last second used, 0 to 1."""
        return self._access.used_ratio()
