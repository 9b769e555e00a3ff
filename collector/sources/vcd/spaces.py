"""The IP Spaces: who holds which addresses, and how many one may hold. From API 37.1 on."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

from collector.errors import ObjectGone, SourceError
from collector.model.directory import Allocation, Quota
from collector.sources.vcd.addresses import KINDS, allocation_of, quotas_of
from collector.sources.vcd.client import VcdClient
from collector.sources.vcd.dto import AllocationDto, AssignmentDto, SpaceDto, SpaceSummaryDto

FAILURES_MAX = 3
"""So many failures in a row mean that the director is away: reading ends instead of waiting for each space in turn."""


class SpaceReader:
    """Reads all IP Spaces, a few at once. Build it, ``run`` it once, and read the attributes.

    Attributes:
        allocations: In no order.
        quotas: In no order.
        faults: Why it is not everything, in words; empty when it is.
    """

    def __init__(self, client: VcdClient, workers: int) -> None:
        self.allocations: list[Allocation] = []
        self.quotas: list[Quota] = []
        self.faults: list[str] = []
        self._client = client
        self._workers = workers
        self._failures = 0
        self._ids: set[str] = set()

    async def run(self) -> None:
        """Read everything; what fails is in ``faults``."""
        try:
            # The only way to list them; some members are missing there, so each is read by itself.
            listing = await self._client.rows("ipSpaces/summaries", SpaceSummaryDto)
        except SourceError as error:
            self.faults.append(str(error))
            return
        self.faults.extend(listing.faults)
        queue = iter(listing.rows)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._workers):
                group.create_task(self._drain(queue))
        if self._failures >= FAILURES_MAX:
            self.faults.append("the rest of the IP Spaces was not asked for")

    async def _drain(self, queue: Iterator[SpaceSummaryDto]) -> None:
        for summary in queue:
            if self._failures >= FAILURES_MAX:
                return
            try:
                await self._read(summary)
                self._failures = 0
            except SourceError as error:
                self.faults.append(f"IP Space {summary.name}: {error}")
                if not isinstance(error, ObjectGone):
                    self._failures += 1

    async def _read(self, summary: SpaceSummaryDto) -> None:
        space = await self._client.one(f"ipSpaces/{summary.id}", SpaceDto)
        if space.id != summary.id:
            self.faults.append(f"IP Space {summary.name}: asked for {summary.id}, got {space.id}")
            return
        for kind in KINDS:
            found = await self._client.rows(f"ipSpaces/{space.id}/allocations", AllocationDto, fiql=f"type=={kind}")
            self.faults.extend(found.faults)
            for dto in found.rows:
                if dto.type == kind or dto.type not in KINDS:
                    self._add_allocation(dto, space)
        assigned = await self._client.rows("ipSpaces/orgAssignments", AssignmentDto, fiql=f"ipSpaceRef.id=={space.id}")
        self.faults.extend(assigned.faults)
        for assignment in assigned.rows:
            try:
                self.quotas.extend(quotas_of(assignment, space))
            except ValueError as error:
                self.faults.append(f"IP Space {space.name}: {error}")

    def _add_allocation(self, dto: AllocationDto, space: SpaceDto) -> None:
        try:
            allocation = allocation_of(dto, space.name)
        except ValueError as error:
            self.faults.append(f"IP Space {space.name}: {error}; left out")
            return
        if allocation.id in self._ids:
            self.faults.append(f"IP Space {space.name}: allocation {allocation.id} came twice; left out")
            return
        self._ids.add(allocation.id)
        self.allocations.append(allocation)
