"""Addresses of a simulated provider, from its director to the answers of the API, against what the simulator knows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from collector.api.addresses import AddressLine, AddressService
from collector.api.request import UsageParameters
from collector.api.usage import UsageService
from collector.clock import ManualClock
from collector.core.attribution import AttributionRules, TenantEntry
from collector.core.periods import format_time
from collector.errors import SourceError
from collector.ledger.sqlite import SqliteReader, SqliteWriter
from collector.model.directory import CloudMap
from collector.model.identity import Tenant, TenantId
from collector.pipeline import Meter, MeterRules
from collector.sources.options import HttpOptions, TlsOptions
from collector.sources.vcd.options import PasswordLogin, VcdOptions
from collector.sources.vcd.source import VcdSource
from collector.telemetry.totals import Totals
from simulator import Simulator
from simulator.vcd.holdings import Held
from tests.integration.sources.rig import Notes
from tests.property.daemon import Onlooker

pytestmark = pytest.mark.integration

HOUR_MS = 3_600_000
TENANTS = [
    Tenant(id=TenantId(name), name=name, timezone=zone)
    for name, zone in (("acme", "Europe/Amsterdam"), ("globex", "Asia/Kathmandu"), ("soylent", "UTC"))
]
RULES = AttributionRules(
    tenants=(
        *(TenantEntry(tenant.id, tenant.name) for tenant in TENANTS),
        TenantEntry(TenantId("initech"), "Initech", "Initech-EMEA"),
    )
)
EXPORTER = "influxdb"
STATES = ("allocated", "used")

Group = tuple[str, str, str]
"""Tenant, IP Space or network, type."""


class Read(NamedTuple):
    """A reading that was complete for addresses: its time, and what was true then: reference → what is held."""

    at: int
    held: Mapping[str, Held]


class Metered:
    """A daemon's parts around one director.

    Attributes:
        reads: Every reading that counts.
    """

    def __init__(self, folder: Path, sim: Simulator) -> None:
        self.sim = sim
        self.reads: list[Read] = []
        self._clock = ManualClock(sim.now())
        self.writer = SqliteWriter(folder / "ledger.db")
        self.reader = SqliteReader(folder / "ledger.db")
        options = HttpOptions(
            name="vcd",
            urls=(sim.vcd_url,),
            tls=TlsOptions(ca_file=sim.ca_file),
            requests_per_second=500,
            concurrency=4,
            timeout_seconds=10.0,
            retry_wait_seconds=0.001,
        )
        login = PasswordLogin(sim.vcd_username, lambda: sim.vcd_password)
        self._director = VcdSource(VcdOptions(http=options, login=login), self._clock, Notes())

    async def start(self) -> None:
        await self.writer.start()
        await self.reader.start()
        await self.writer.register_exporters([EXPORTER])
        await self._director.start()
        await self.restart()

    async def stop(self) -> None:
        await self._director.stop()
        await self.reader.stop()
        await self.writer.stop()

    async def restart(self) -> None:
        """Forget everything that is not in the ledger."""
        rules = MeterRules(max_rate=10**9, gap_after_ms=180_000, attribution=RULES, directors=("vcd",))
        self.meter = Meter(self.writer, self._clock, Totals(), rules, Onlooker())
        await self.meter.load()

    async def read(self) -> CloudMap:
        """Read the director as the daemon does: only a complete map is put in force."""
        self._clock.jump(self.sim.now())
        cloud = await self._director.read_map()
        if cloud.complete:
            await self.meter.apply_map(cloud)
            if cloud.addresses_complete:
                self.reads.append(Read(cloud.at, self._true_at(cloud.at)))
        return cloud

    def _true_at(self, at: int) -> dict[str, Held]:
        return {
            key: one
            for key, (start, end, one) in self.sim.truth().cloud().held()
            if start <= at and (end is None or at < end)
        }

    def expected(self, start: int, end: int) -> dict[Group, tuple[int, int]]:
        """Return what readings at these times can tell of the truth in [start, end): addresses times milliseconds.

        What is held counts from one reading to the next; what is new in a reading counts from the moment that it was
        given out, where the director tells one, and up to then for whom had the same address before.
        """
        begins: dict[str, int] = {}
        for key, spell in self.sim.truth().cloud().held():
            begins.setdefault(key, spell.start)
        sums: dict[Group, tuple[int, int]] = {}
        before: Mapping[str, Held] = {}
        for read, following in zip(self.reads, [*self.reads[1:], None], strict=True):
            later = following.held if following is not None else {}
            given_on = {(one.space, one.value): begins[key] for key, one in later.items() if key not in read.held}
            until = read.at if following is None else following.at
            for key, one in read.held.items():
                is_told = key not in before and one.kind != "uplink_range"
                first = begins[key] if is_told else read.at
                last = until if key in later else min(until, given_on.get((one.space, one.value), until))
                _add(sums, one, max(0, min(last, end) - max(first, start)))
            before = read.held
        return {group: both for group, both in sums.items() if both != (0, 0)}

    async def lines(self, granularity: str, start: int, end: int) -> list[AddressLine]:
        """Return the rows of every tenant, page by page."""
        self._clock.jump(self.sim.now())
        usage = UsageService(self.reader, lambda: TENANTS, self._clock)
        asked = UsageParameters(start=format_time(start), end=format_time(end), granularity=granularity)
        request = await usage.request(asked, None)
        service = AddressService(self.reader, self._clock)
        page = await service.page(request, None, 7)
        lines = page.lines
        while page.next is not None:
            page = await service.page(request, page.next, 7)
            lines += page.lines
        return lines


def _add(sums: dict[Group, tuple[int, int]], one: Held, times: int) -> None:
    group = (one.tenant, one.space, one.kind)
    held, used = sums.get(group, (0, 0))
    sums[group] = (held + one.addresses * times, used + one.used * times)


def sums(lines: Sequence[AddressLine]) -> dict[Group, tuple[int, int]]:
    found: dict[Group, tuple[int, int]] = {}
    for line in lines:
        group = (line.tenant, line.point.removeprefix("vcd:"), line.type.value)
        held, used = found.get(group, (0, 0))
        found[group] = (held + line.use.held_ms, used + line.use.used_ms)
    return {group: both for group, both in found.items() if both != (0, 0)}


async def test_address_seconds_are_those_of_the_provider(tmp_path: Path) -> None:
    async with Simulator("vcd-small", speed=0) as sim:
        begin = sim.now()
        metered = Metered(tmp_path, sim)
        await metered.start()
        try:
            await _live(metered, sim)
            end = begin + 12 * HOUR_MS
            sim.advance(end - sim.now())
            expected = metered.expected(begin, end)
            assert {group[0] for group in expected} >= {"acme", "globex", "initech", "soylent"}
            assert {group[2] for group in expected} == {"floating_ip", "ip_prefix", "uplink_range"}
            assert max(held for held, _ in expected.values()) > 2**64
            for granularity in ("total", "hour", "day", "month"):
                assert sums(await metered.lines(granularity, begin, end)) == expected, granularity
            for hour in range(begin, end, 4 * HOUR_MS):
                part = await metered.lines("total", hour, hour + 4 * HOUR_MS)
                assert sums(part) == metered.expected(hour, hour + 4 * HOUR_MS)
            await _reports_are_those_of_the_readings(metered)
            _gauges_are_those_of_the_last_reading(metered)
        finally:
            await metered.stop()


async def _live(metered: Metered, sim: Simulator) -> None:
    """Let addresses come and go, between readings and beyond them, with trouble and restarts."""
    assert (await metered.read()).addresses_complete
    sim.advance(HOUR_MS)
    sim.fault("vcd_allocate", path="internet-v4", to="globex")
    sim.fault("vcd_allocate", path="internet-v6", to="soylent", text="IP_PREFIX")
    sim.advance(HOUR_MS // 4)
    floating = _of(sim, "globex", "floating_ip")
    sim.fault("vcd_use", path=floating[-1])
    sim.advance(HOUR_MS // 4)
    await metered.read()
    await metered.restart()
    await metered.read()
    sim.advance(HOUR_MS)
    sim.fault("error", status=500, path="*/ipSpaces/summaries*", label="spaces")
    sim.fault("vcd_release", path=floating[0])
    cloud = await metered.read()
    assert (cloud.complete, cloud.addresses_complete) == (True, False), cloud.faults
    sim.clear("spaces")
    sim.advance(HOUR_MS)
    sim.fault("vcd_down")
    with pytest.raises(SourceError):
        await metered.read()
    sim.fault("vcd_up")
    await metered.restart()
    await metered.read()
    sim.advance(HOUR_MS)
    gone = _of(sim, "globex", "floating_ip")[-1]
    sim.fault("vcd_release", path=gone)
    sim.fault("vcd_allocate", path="internet-v4", to="soylent")  # the same address again, for another
    sim.fault("vcd_move", path="t1-globex", to="soylent")
    sim.advance(HOUR_MS)
    await metered.read()
    sim.advance(HOUR_MS)
    sim.fault("vcd_allocate", path="acme-private", to="acme")
    sim.fault("vcd_delete_org", path="Initech-EMEA")
    await metered.read()
    sim.advance(HOUR_MS)
    await metered.read()


def _of(sim: Simulator, tenant: str, kind: str) -> list[str]:
    """Return the references of what a tenant holds now, in the order of time."""
    held = [
        (spell.start, key)
        for key, spell in sim.truth().cloud().held()
        if spell.end is None and (spell.value.tenant, spell.value.kind) == (tenant, kind)
    ]
    return [key for _, key in sorted(held)]


async def _reports_are_those_of_the_readings(metered: Metered) -> None:
    reports = await metered.reader.address_outbox(EXPORTER, 10_000)
    expected = {read.at: read for read in metered.reads}
    assert [report.at for report in reports] == list(expected)
    for report in reports:
        counts: dict[Group, tuple[int, int]] = {}
        for one in expected[report.at].held.values():
            _add(counts, one, 1)
        told = {
            (group.tenant, group.space, group.kind.value): both for group, both in report.counts.items() if any(both)
        }
        assert told == counts


def _gauges_are_those_of_the_last_reading(metered: Metered) -> None:
    figures = metered.meter.addresses.figures(["vcd"])
    sums: dict[Group, tuple[int, int]] = {}
    for one in metered.reads[-1].held.values():
        _add(sums, one, 1)
    counts = {
        ("vcd", *group, state): count for group, both in sums.items() for state, count in zip(STATES, both, strict=True)
    }
    assert figures.held == counts
    assert figures.quotas["vcd", "globex", "internet-v4", "floating_ip", ""] == 12
    taken = counts.get(("vcd", "globex", "internet-v4", "floating_ip", "allocated"), 0)
    assert figures.quotas_used["vcd", "globex", "internet-v4", "floating_ip", ""] == taken
