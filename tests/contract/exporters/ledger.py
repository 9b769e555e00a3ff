"""The outbox of a ledger in memory, with the two calls that an exporter makes of the writer."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from collector.errors import LedgerError, LedgerUnavailable
from collector.model.addresses import AddressReport
from collector.model.identity import Kind, TenantId
from collector.model.period import SLOT_MS, Instant
from collector.model.usage import Coverage, ExportRow, ParkedLine, Usage
from collector.ports import LedgerReader, LedgerWriter

START: Instant = 1_790_000_100_000 - 1_790_000_100_000 % SLOT_MS


def row(seq: int, *, account: int = 1, slot: int | None = None, usage: Usage | None = None) -> ExportRow:
    """Return a publication; its slot follows its number where none is given, and so does its usage."""
    number = seq if slot is None else slot
    return ExportRow(
        seq=seq,
        published_at=START + number * SLOT_MS,
        account=account,
        tenant=TenantId(f"tenant-{account}"),
        kind=Kind.TIER0_UPLINK,
        point=f"nsx-ams1:/infra/tier-0s/t0-{account}/locale-services/default/interfaces/up1",
        slot=START + number * SLOT_MS,
        usage=Usage(seq, 10 * seq, 1, 2, 3, 4) if usage is None else usage,
        coverage=Coverage(SLOT_MS - 3_000, 2_000, 1_000),
    )


class MemoryOutbox:
    """Publications, cursors and parked lines."""

    def __init__(self, rows: Sequence[ExportRow] = ()) -> None:
        self.rows = list(rows)
        self.reports: list[AddressReport] = []
        self.cursors: dict[str, int] = {}
        self.address_cursors: dict[str, int] = {}
        self.parked: list[ParkedLine] = []
        self.failures: list[LedgerError] = []

    @property
    def reader(self) -> LedgerReader:
        """The ledger as the exporter reads it; the other methods of the port are never called."""
        return cast("LedgerReader", self)

    @property
    def writer(self) -> LedgerWriter:
        """The ledger as the exporter writes it; the other methods of the port are never called."""
        return cast("LedgerWriter", self)

    async def outbox(self, exporter: str, limit: int) -> list[ExportRow]:
        """Return the publications after the exporter's cursor."""
        self._fail()
        cursor = self.cursors.get(exporter, 0)
        return [one for one in self.rows if one.seq > cursor][:limit]

    async def address_outbox(self, exporter: str, limit: int) -> list[AddressReport]:
        """Return the readings after the exporter's cursor."""
        self._fail()
        cursor = self.address_cursors.get(exporter, 0)
        return [one for one in self.reports if one.seq > cursor][:limit]

    async def move_address_cursor(self, exporter: str, seq: int) -> None:
        """Record what is confirmed."""
        self._fail()
        assert seq > self.address_cursors.get(exporter, 0), "a cursor moves forward"
        self.address_cursors[exporter] = seq

    async def move_cursor(self, exporter: str, seq: int) -> None:
        """Record what is confirmed."""
        self._fail()
        assert seq > self.cursors.get(exporter, 0), "a cursor moves forward"
        self.cursors[exporter] = seq

    async def park(self, exporter: str, lines: Sequence[ParkedLine]) -> None:
        """Set lines aside."""
        self._fail()
        assert {line.exporter for line in lines} == {exporter}
        self.parked += lines

    def _fail(self) -> None:
        if self.failures:
            if isinstance(self.failures[0], LedgerUnavailable):
                raise self.failures.pop(0)
            raise self.failures[0]
