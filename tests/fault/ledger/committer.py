"""A process that commits batches until it is killed, and says of each when it is stored.

``python -m tests.fault.ledger.committer LEDGER FIRST`` writes one line per acknowledged batch: its number.
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from collector.ledger.sqlite import SqliteWriter
from collector.model.identity import Kind, PointKey, ReadAt, TenantId
from collector.model.period import SLOT_MS, Instant
from collector.model.sample import Counters, Sample
from collector.model.usage import (
    Batch,
    Coverage,
    Event,
    EventName,
    Evidence,
    Publication,
    Quality,
    Run,
    SeriesState,
    SeriesUpdate,
    SlotChange,
    Usage,
)

T0: Instant = 1_789_999_200_000
TENANT = TenantId("acme")
POINTS = [PointKey("nsx-a", Kind.TIER0_UPLINK, f"/infra/up{number}") for number in range(40)]


def batch(number: int, accounts: list[int], series: list[int]) -> Batch:
    """Return batch ``number``: it adds ``number`` bytes to each account."""
    slot = T0 + number % 500 * SLOT_MS
    sample = Sample(T0 + number, T0 + number, Counters(number, number, number, number, number, number))
    state = SeriesState(sample, None, Run(T0, T0 + number, Quality.MEASURED))
    return Batch(
        id=f"batch-{number}",
        at=T0 + number,
        series=tuple(SeriesUpdate(ref, state, T0) for ref in series),
        slots=tuple(SlotChange(ref, slot, Usage(number), Coverage(SLOT_MS)) for ref in accounts),
        publish=tuple(Publication(ref, slot) for ref in accounts),
        evidence=tuple(Evidence(ref, sample, 8) for ref in series),
        events=(Event(at=T0 + number, source="nsx-a", event=EventName.GAP),),
        watermarks=(("nsx-a", T0 + number),),
    )


async def references(writer: SqliteWriter) -> tuple[list[int], list[int]]:
    """Return accounts and series, registered where they were not."""
    points = await writer.intern_points(POINTS)
    accounts = await writer.intern_accounts([(TENANT, point) for point in points])
    return accounts, await writer.intern_series([(point, ReadAt.INTERFACE, "port", "node") for point in points])


async def _main(path: Path, first: int) -> None:
    writer = SqliteWriter(path)
    await writer.start()
    await writer.register_exporters(["influxdb"])
    accounts, series = await references(writer)
    number = first
    while True:
        await writer.commit(batch(number, accounts, series))
        os.write(1, f"{number}\n".encode())
        number += 1


if __name__ == "__main__":
    asyncio.run(_main(Path(sys.argv[1]), int(sys.argv[2])))
