"""An NSX-T source on a simulated provider."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from collector.clock import ManualClock
from collector.model.sample import Reading
from collector.ports import FoundPoint, Inventory
from collector.sources.nsxt.options import LinkEnd, Login, NsxtOptions, ProjectChoice, SessionLogin
from collector.sources.nsxt.source import NsxtSource
from collector.sources.observer import SourceObserver
from collector.sources.options import HttpOptions, TlsOptions
from simulator import Simulator

SOURCE = "nsx-sim"


@dataclass
class Notes(SourceObserver):
    """What the source told, in order."""

    told: list[str] = field(default_factory=list)
    outcomes: list[str] = field(default_factory=list)

    def request_done(self, source: str, outcome: str, seconds: float) -> None:
        self.outcomes.append(outcome)

    def throttled(self, source: str, status: int, requests_per_second: int, concurrency: int) -> None:
        self.told.append("throttled")

    def logged_in(self, source: str, manager: str) -> None:
        self.told.append("logged_in")

    def login_refused(self, source: str, manager: str, retry_seconds: float) -> None:
        self.told.append("login_refused")

    def moved(self, source: str, left: str, taken: str, reason: str) -> None:
        self.told.append("moved")

    def source_bad(self, source: str, reason: str) -> None:
        self.told.append("bad")

    def source_recovered(self, source: str) -> None:
        self.told.append("recovered")


@dataclass
class Rig:
    """A started source, with its clock and its notes."""

    source: NsxtSource
    clock: ManualClock
    notes: Notes

    async def inventory(self, previous: Inventory | None = None) -> Inventory:
        return await self.source.discover(previous.payload if previous else None, lambda _: None)

    async def points(self) -> dict[str, FoundPoint]:
        """Points by the end of their path: ``t1-acme``, ``up1-1``."""
        inventory = await self.inventory()
        assert inventory.complete, inventory.faults
        return {point.key.path.rpartition("/")[2]: point for point in inventory.points}

    async def read(self, point: FoundPoint, call: int = 0) -> Reading:
        return await self.source.read(point.key, point.read_at, point.calls[call])

    async def read_all(self, point: FoundPoint) -> list[Reading]:
        return [await self.read(point, number) for number in range(len(point.calls))]


@asynccontextmanager
async def started(
    sim: Simulator,
    *,
    login: Login | None = None,
    tls: TlsOptions | None = None,
    federation: bool = False,
    projects: ProjectChoice = "all",
    link_end: LinkEnd = LinkEnd.AUTO,
    parts: Mapping[str, Any] | None = None,
    **http: Any,
) -> AsyncIterator[Rig]:
    role = "global" if federation else "local"
    options = HttpOptions(
        name=SOURCE,
        urls=tuple(manager.url for manager in sim.managers.values() if manager.spec.role == role),
        tls=tls or TlsOptions(ca_file=sim.ca_file),
        **{"requests_per_second": 90, "timeout_seconds": 5.0, "retry_wait_seconds": 0.001} | http,
    )
    clock, notes = ManualClock(1_790_000_000_000), Notes()
    source = NsxtSource(
        NsxtOptions(
            http=options,
            login=login or SessionLogin(sim.username, lambda: sim.password),
            federation=federation,
            projects=projects,
            link_end=link_end,
            **(parts or {}),
        ),
        clock,
        notes,
    )
    await source.start()
    try:
        yield Rig(source, clock, notes)
    finally:
        await source.stop()
