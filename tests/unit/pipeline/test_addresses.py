"""Addresses of a map: stored with it, then in force, and not when it does not speak of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import pytest

from collector.clock import ManualClock
from collector.core.addresses import count_at
from collector.core.attribution import AttributionRules, TenantEntry
from collector.errors import LedgerUnavailable
from collector.model.addresses import Holding
from collector.model.directory import AddressKind, Allocation, CloudMap, Org, Quota
from collector.model.identity import UNATTRIBUTED, TenantId
from collector.model.usage import InventoryUpdate
from collector.pipeline import Meter, MeterRules
from collector.telemetry.totals import Totals
from tests.property.daemon import Onlooker
from tests.property.memory import MemoryLedger

RULES = AttributionRules(tenants=(TenantEntry(TenantId("acme"), "Acme", "acme-org"),), auto_tenants=False)
AUTO = replace(RULES, auto_tenants=True)
ORGS = (Org("urn:org:1", "acme-org"), Org("urn:org:2", "globex"))


class Doubtful(MemoryLedger):
    """A ledger that may store a map and yet say that it could not.

    Attributes:
        trouble: Of the next maps: whether each is stored before the failure.
    """

    def __init__(self) -> None:
        super().__init__()
        self.trouble: list[bool] = []

    async def store_inventory(self, update: InventoryUpdate) -> None:
        stored = self.trouble.pop(0) if self.trouble else None
        if stored is not False:
            await super().store_inventory(update)
        if stored is not None:
            raise LedgerUnavailable("the disk of this test is full")


@dataclass
class World:
    """A meter with a director, and its ledger."""

    rules: AttributionRules = RULES
    ledger: Doubtful = field(default_factory=Doubtful)

    def __post_init__(self) -> None:
        self.meter = self._meter()

    def _meter(self) -> Meter:
        rules = MeterRules(max_rate=10**9, gap_after_ms=180_000, attribution=self.rules, directors=("vcd",))
        return Meter(self.ledger, ManualClock(1), Totals(), rules, Onlooker())

    async def restart(self) -> None:
        self.meter = self._meter()
        await self.meter.load()

    async def read(
        self, at: int, *allocations: Allocation, complete: bool = True, quotas: Sequence[Quota] = ()
    ) -> None:
        await self.meter.apply_map(
            CloudMap(
                source="vcd",
                at=at,
                version="38.1",
                complete=True,
                addresses_complete=complete,
                orgs=ORGS,
                allocations=allocations,
                quotas=tuple(quotas),
                payload=b"map",
            )
        )

    def spans(self) -> list[tuple[str, str, int, int | None]]:
        return sorted((one.id, one.tenant, one.start, one.end) for one in self.ledger.holdings)

    def held(self, *labels: str) -> float | None:
        return self.meter.addresses.figures(["vcd"]).held.get(("vcd", *labels))


def allocation(name: str, org: str = "urn:org:1", *, addresses: int = 1, used: int = 1) -> Allocation:
    kind = AddressKind.FLOATING_IP if addresses == 1 else AddressKind.IP_PREFIX
    value = "2001:db8::/56" if addresses > 1 else f"address of {name}"
    return Allocation(id=name, space="internet", org=org, kind=kind, value=value, addresses=addresses, used=used)


async def test_addresses_belong_to_the_tenant_of_their_organisation_or_to_nobody() -> None:
    world = World()
    await world.read(1_000, allocation("a"), allocation("b", "urn:org:2"), allocation("c", "urn:org:unheard-of"))
    assert world.spans() == [
        ("a", "acme", 1_000, None),
        ("b", UNATTRIBUTED, 1_000, None),
        ("c", UNATTRIBUTED, 1_000, None),
    ]
    assert world.held("acme", "internet", "floating_ip", "allocated") == 1
    assert world.held(UNATTRIBUTED, "internet", "floating_ip", "allocated") == 2
    assert world.meter.addresses.tenants() == {TenantId("acme"), UNATTRIBUTED}


async def test_an_organisation_that_becomes_a_tenant_takes_its_addresses_along_from_the_next_map_on() -> None:
    world = World()
    await world.read(1_000, allocation("b", "urn:org:2"))
    world.meter.set_rules(MeterRules(max_rate=10**9, gap_after_ms=180_000, attribution=AUTO, directors=("vcd",)))
    await world.read(2_000, allocation("b", "urn:org:2"))
    assert world.spans() == [("b", "globex", 2_000, None), ("b", UNATTRIBUTED, 1_000, 2_000)]
    assert world.meter.estate.org_names() == {"globex": "globex"}


async def test_a_map_without_addresses_leaves_them_as_they_are() -> None:
    world = World()
    await world.read(1_000, allocation("a"))
    await world.read(2_000, complete=False)
    assert world.spans() == [("a", "acme", 1_000, None)]
    assert world.meter.addresses.known_until("vcd") == world.ledger.address_known["vcd"] == 1_000
    assert world.meter.estate.at("vcd") == 2_000
    await world.read(3_000)
    assert world.spans() == [("a", "acme", 1_000, 3_000)]
    assert world.held("acme", "internet", "floating_ip", "allocated") is None


async def test_a_map_that_is_not_newer_leaves_them_as_they_are() -> None:
    world = World()
    await world.read(2_000, allocation("a"))
    await world.read(2_000)
    await world.read(1_000)
    assert world.spans() == [("a", "acme", 2_000, None)]
    assert world.ledger.address_known == {"vcd": 2_000}


async def test_a_restart_goes_on_where_the_ledger_is() -> None:
    world = World()
    quota = Quota("internet", "urn:org:1", AddressKind.FLOATING_IP, 5)
    await world.read(1_000, allocation("a"), allocation("p", addresses=2**72, used=0), quotas=[quota])
    before = world.meter.addresses.figures(["vcd"])
    await world.restart()
    assert world.meter.addresses.figures(["vcd"]) == before
    await world.read(2_000, allocation("a", used=0), allocation("p", addresses=2**72, used=0), quotas=[quota])
    assert world.spans() == [
        ("a", "acme", 1_000, 2_000),
        ("a", "acme", 2_000, None),
        ("p", "acme", 1_000, None),
    ]
    assert len(world.ledger.quotas) == 1


@pytest.mark.parametrize("stored", [True, False])
@pytest.mark.parametrize("times", [1, 2])
async def test_a_map_of_which_nobody_knows_whether_it_is_stored_counts_once(stored: bool, times: int) -> None:
    world = World()
    await world.read(1_000, allocation("a"))
    world.ledger.trouble = [stored] * times
    for number in range(times):
        with pytest.raises(LedgerUnavailable):
            await world.read(2_000 + number, allocation("a", used=0), allocation("b"))
        if number == 0:
            assert world.held("acme", "internet", "floating_ip", "allocated") == 1, "not in force before it is stored"
    await world.read(3_000, allocation("a", used=0), allocation("b"))
    since = 2_000 if stored else 3_000
    assert world.spans() == [("a", "acme", 1_000, since), ("a", "acme", since, None), ("b", "acme", since, None)]
    assert world.held("acme", "internet", "floating_ip", "allocated") == 2
    for at in (1_500, 2_500, 3_500):
        holdings: list[Holding] = [one for one in world.ledger.holdings if one.id == "a"]
        assert count_at(holdings, at)[0] == 1


async def test_gauges_show_counts_and_quotas_with_their_use() -> None:
    world = World()
    quotas = [
        Quota("internet", "urn:org:1", AddressKind.FLOATING_IP, 5),
        Quota("internet", "urn:org:1", AddressKind.IP_PREFIX, 2, 56),
        Quota("internet", "urn:org:1", AddressKind.IP_PREFIX, None, 64),
        Quota("internet", "urn:org:2", AddressKind.FLOATING_IP, 7),
    ]
    rows = [allocation("a"), allocation("b", used=0), allocation("p", addresses=2**72, used=2**72)]
    await world.read(1_000, *rows, quotas=quotas)
    figures = world.meter.addresses.figures(["vcd"])
    acme = ("vcd", "acme", "internet")
    assert figures.held == {
        (*acme, "floating_ip", "allocated"): 2,
        (*acme, "floating_ip", "used"): 1,
        (*acme, "ip_prefix", "allocated"): 2**72,
        (*acme, "ip_prefix", "used"): 2**72,
    }
    nobody = ("vcd", UNATTRIBUTED, "internet", "floating_ip", "")
    assert figures.quotas == {(*acme, "floating_ip", ""): 5, (*acme, "ip_prefix", "56"): 2, nobody: 7}
    assert figures.quotas_used == {(*acme, "floating_ip", ""): 2, (*acme, "ip_prefix", "56"): 1, nobody: 0}
    assert world.meter.addresses.figures(["another"]).held == {}


async def test_very_many_addresses_are_compared_beside_the_loop() -> None:
    world = World()
    await world.read(1_000, *(allocation(f"{number}") for number in range(2_000)))
    await world.read(2_000, *(allocation(f"{number}") for number in range(1, 2_001)))
    assert world.held("acme", "internet", "floating_ip", "allocated") == 2_000
    assert len(world.ledger.holdings) == 2_001
