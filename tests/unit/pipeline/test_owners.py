"""What is booked while an inventory is taken, and the owner that this inventory finds."""

from __future__ import annotations

from collector.model.identity import UNATTRIBUTED
from tests.oracle.rules import Params, Told
from tests.property.daemon import SHAPES, Daemon
from tests.property.memory import MemoryLedger, drive
from tests.property.worlds import Answer

PARAMS = Params(max_rate=10**12, gap_after_ms=180_000)


def answer(at: int, value: int) -> Answer:
    return Answer(polled_at=at, rows={"node": Told(at, (value,) * 6)})


async def overtaken() -> MemoryLedger:
    """Book a reading of 80 s before an inventory of 50 s is taken over, and one more after it."""
    ledger = MemoryLedger()
    daemon = Daemon(ledger, PARAMS, SHAPES[0])
    await daemon.begin(UNATTRIBUTED)
    for at, value in ((20_000, 1_000), (80_000, 1_600)):
        await daemon.meter.account(daemon.readings(answer(at, value), ["node"]))
    await daemon.own("acme", 50_000)
    await daemon.meter.account(daemon.readings(answer(140_000, 2_600), ["node"]))
    return ledger


def test_a_reading_that_overtakes_an_inventory_is_booked_to_the_owner_that_the_ledger_names() -> None:
    ledger = drive(overtaken())
    booked = {tenant: usage.ingress_bytes for (tenant, _), (usage, _) in ledger.by_tenant().items()}
    assert booked == {UNATTRIBUTED: 600, "acme": 1_000}
    owners = [(owner.tenant, owner.valid_from) for owner in ledger.owners[0]]
    assert owners == [(UNATTRIBUTED, 0), ("acme", 80_000)], "what was booked before stays, and the owners say so"
