"""An NSX-V source on a simulated provider: what is booked is what its manager's figures stand for."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from collector.clock import ManualClock
from collector.core.rates import LATE_MS, ask_from, holes
from collector.errors import AuthFailed, ResponseInvalid, SourceError, SourceUnavailable
from collector.model.identity import PointKey
from collector.model.usage import EventName
from collector.ports import FoundPoint, Inventory
from collector.sources.answers import Answer
from collector.sources.nsxv.options import (
    AnswerForm,
    DirectAccess,
    DirectorAccess,
    NsxvOptions,
    TimeUnit,
)
from collector.sources.nsxv.source import NsxvSource
from collector.sources.observer import SourceObserver
from collector.sources.options import HttpOptions, RetryPolicy, TlsOptions
from simulator import Simulator
from simulator.scenario import Scenario, load_scenario
from tests.property.rate_ledger import Ledger, point

pytestmark = pytest.mark.integration

MINUTE = 60_000
HOUR = 60 * MINUTE
DAY = 24 * HOUR
FIVE = 5 * MINUTE
UPLINKS = [
    "/edges/edge-1/vnics/0",
    "/edges/edge-1/vnics/3",
    "/edges/edge-12/vnics/0",
    "/edges/edge-20/vnics/0",
    "/edges/edge-4/vnics/0",
]


def scenario(**nsxv: Any) -> Scenario:
    loaded = load_scenario("nsxv")
    assert loaded.nsxv is not None
    return loaded.model_copy(update={"nsxv": loaded.nsxv.model_copy(update=nsxv)})


class Daemon:
    """Polls edges as the daemon does: what the core asks for, read by the source, folded into books."""

    def __init__(self, sim: Simulator, source: NsxvSource, clock: ManualClock) -> None:
        self.sim = sim
        self.source = source
        self.clock = clock
        self.inventory: Inventory | None = None
        self.ledgers: dict[PointKey, Ledger] = {}

    async def discover(self) -> Inventory:
        self.clock.jump(self.sim.now())
        previous = self.inventory.payload if self.inventory is not None else None
        self.inventory = await self.source.discover(previous, lambda _: None)
        for found in self.inventory.points:
            self.ledgers.setdefault(found.key, Ledger(point(key=found.key)))
        return self.inventory

    async def poll(self, *, restart: bool = False) -> None:
        """Read every edge once; one that fails is read with the next poll."""
        now = self.sim.now()
        self.clock.jump(now)
        assert self.inventory is not None
        edges: dict[str, list[FoundPoint]] = {}
        for found in self.inventory.points:
            edges.setdefault(found.gateway, []).append(found)
        for points in edges.values():
            keys = [found.key for found in points]
            since = min(ask_from(self.ledgers[key].book.state, now, self.source.catch_up_ms) for key in keys)
            try:
                readings = await self.source.read_rates(keys, since)
            except SourceError:
                continue
            for reading in readings:
                self.ledgers[reading.point].take(reading, restart=restart)

    async def run(self, length: int, *, every: int = MINUTE, restart: bool = False) -> None:
        for _ in range(length // every):
            self.sim.advance(every)
            await self.poll(restart=restart)

    def ledger(self, path: str) -> Ledger:
        return next(ledger for key, ledger in self.ledgers.items() if key.path == path)

    def assert_exact(self, *paths: str) -> None:
        """What was booked is what the samples stand for, from where metering began."""
        truth = self.sim.edge_truth()
        for path in paths or [key.path for key in self.ledgers]:
            ledger = self.ledger(path)
            billable = truth.billable(path, ledger.state.low, self.sim.now())
            assert ledger.totals() == (billable.ingress.bytes, billable.egress.bytes), path
            assert billable.ingress.bytes > 10**6


@asynccontextmanager
async def begun(chosen: Scenario | None = None, **options: Any) -> AsyncIterator[Daemon]:
    """A daemon an hour after the provider's beginning, with its first inventory and poll."""
    async with Simulator(chosen or scenario(), speed=0) as sim:
        http = HttpOptions(
            name="nsxv-sim",
            urls=(sim.nsxv_url,),
            tls=TlsOptions(ca_file=sim.ca_file),
            requests_per_second=1_000,
            timeout_seconds=30.0,
            retry_wait_seconds=0.001,
        )
        access = DirectAccess(http=http, username=sim.username, password=lambda: sim.password)
        clock = ManualClock(sim.now())
        built = NsxvOptions(name="nsxv-sim", access=access, **options)
        source = NsxvSource(built, clock, SourceObserver())
        await source.start()
        try:
            daemon = Daemon(sim, source, clock)
            sim.advance(HOUR)
            inventory = await daemon.discover()
            assert inventory.complete, inventory.faults
            await daemon.poll()
            yield daemon
        finally:
            await source.stop()


# --- totals ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("nsxv", "options"),
    [
        ({}, {}),
        ({"asked_unit": "s", "sample_unit": "ms", "meta_unit": "ms"}, {"time_unit": TimeUnit.SECONDS}),
        ({"notation": "exponent", "namespace": "http://example.net/edge"}, {"form": AnswerForm.XML}),
        ({"decimals": 15, "asked_unit": "any"}, {"form": AnswerForm.XML, "time_unit": TimeUnit.SECONDS}),
        ({"interval": 20_000, "publish_after": 1_000, "coarse_interval": 0}, {}),
    ],
)
async def test_two_hours_are_booked_to_the_byte(nsxv: dict[str, Any], options: dict[str, Any]) -> None:
    async with begun(scenario(**nsxv), **options) as daemon:
        assert daemon.inventory is not None
        assert [found.key.path for found in daemon.inventory.points] == UPLINKS
        await daemon.run(2 * HOUR)
        daemon.assert_exact()
        for ledger in daemon.ledgers.values():
            assert [event.event for fold in ledger.folds for event in fold.events] == [EventName.FIRST_SEEN]


async def test_an_outage_of_four_hours_loses_nothing() -> None:
    async with begun() as daemon:
        await daemon.run(40 * MINUTE, restart=True)
        daemon.sim.advance(4 * HOUR)
        await daemon.poll(restart=True)
        daemon.assert_exact()
        await daemon.run(HOUR)
        daemon.assert_exact()
        for ledger in daemon.ledgers.values():
            assert ledger.events(EventName.GAP) == ledger.events(EventName.CONFLICT) == 0
            assert {coverage.spread_ms for coverage in ledger.coverage.values()} == {0}


async def test_an_outage_of_days_is_caught_up_with_what_the_manager_still_has() -> None:
    async with begun(catch_up_ms=7 * DAY) as daemon:
        await daemon.run(20 * MINUTE)
        daemon.sim.advance(50 * HOUR)
        await daemon.poll()
        await daemon.run(20 * MINUTE, every=FIVE)
        for path in UPLINKS:
            ledger = daemon.ledger(path)
            billable = daemon.sim.edge_truth().billable(path, ledger.state.low, daemon.sim.now())
            coarse = 2 * 53
            for booked, true in zip(ledger.totals(), (billable.ingress.bytes, billable.egress.bytes), strict=True):
                assert abs(booked - true) <= coarse * 2_500, "but for the decimals of coarse and fine rates"
            assert ledger.events(EventName.GAP) == ledger.events(EventName.CONFLICT) == 0
            assert not list(holes(ledger.state))


async def test_what_the_manager_dropped_is_missing_and_has_a_bound() -> None:
    async with begun(scenario(keep=3 * HOUR, coarse_interval=0)) as daemon:
        await daemon.run(20 * MINUTE)
        daemon.sim.advance(8 * HOUR)
        await daemon.poll()
        for path in UPLINKS:
            ledger = daemon.ledger(path)
            (lost,) = ledger.told(EventName.GAP)
            (hole,) = holes(ledger.state)
            truth = daemon.sim.edge_truth()
            all_of_it = truth.billable(path, ledger.state.low, daemon.sim.now())
            lacking = truth.billable(path, *hole)
            assert ledger.totals() == (
                all_of_it.ingress.bytes - lacking.ingress.bytes,
                all_of_it.egress.bytes - lacking.egress.bytes,
            )
            assert lacking.ingress.bytes > 10**6
            assert int(str(lost.detail["unknown_bytes_max_ingress"])) >= lacking.ingress.bytes
            assert hole[1] - hole[0] >= 4 * HOUR


async def test_a_failover_leaves_a_hole_that_is_told_and_never_guessed() -> None:
    async with begun() as daemon:
        await daemon.run(20 * MINUTE)
        daemon.sim.fault("edge_failover", path="edge-1", by="12m")
        await daemon.run(HOUR)
        ledger = daemon.ledger(UPLINKS[0])
        assert ledger.events(EventName.GAP) == 0, "its samples may still come"
        await daemon.run(LATE_MS, every=FIVE)
        assert ledger.events(EventName.GAP) == 1
        assert daemon.ledger(UPLINKS[-1]).events(EventName.GAP) == 0
        daemon.assert_exact()


# --- what goes wrong -------------------------------------------------------------------------------------------------


async def test_late_and_repeated_samples_are_booked_once() -> None:
    async with begun() as daemon:
        for number in range(12):
            daemon.sim.fault(("late_sample", "repeat_samples")[number % 2], path=UPLINKS[0], count=1)
            await daemon.run(FIVE)
        await daemon.run(2 * MINUTE)
        daemon.assert_exact()


@pytest.mark.parametrize("form", list(AnswerForm))
@pytest.mark.parametrize("text", ["-1.5", "1e400", "NaN", ""])
async def test_a_rate_that_is_none_is_no_zero_and_is_booked_when_it_comes(text: str, form: AnswerForm) -> None:
    async with begun(form=form) as daemon:
        await daemon.run(FIVE)
        before = daemon.ledger(UPLINKS[0]).totals()
        daemon.sim.advance(FIVE)
        daemon.sim.fault("bad_value", path=UPLINKS[0], fields=["in"], text=text, count=1)
        await daemon.poll()
        ledger = daemon.ledger(UPLINKS[0])
        assert ledger.totals() == before
        assert ledger.events(EventName.ANSWER_INVALID) == 1
        await daemon.poll()
        daemon.assert_exact()


async def test_samples_without_an_interval_are_refused_and_booked_with_the_next_poll() -> None:
    async with begun() as daemon:
        await daemon.run(FIVE)
        daemon.sim.advance(FIVE)
        daemon.sim.fault("drop_fields", path=UPLINKS[0], fields=["interval"], count=1)
        await daemon.poll()
        assert daemon.ledger(UPLINKS[0]).events(EventName.ANSWER_INVALID) == 1
        await daemon.poll()
        daemon.assert_exact()


async def test_figures_that_contradict_those_booked_are_told_and_change_nothing() -> None:
    async with begun() as daemon:
        await daemon.run(10 * MINUTE)
        for what in ({"do": "conflict", "amount": 7}, {"do": "older_timestamp", "by": "5m"}):
            daemon.sim.fault(**what, path=UPLINKS[0], count=1)
            await daemon.poll()
        ledger = daemon.ledger(UPLINKS[0])
        assert ledger.events(EventName.CONFLICT) == 2
        daemon.assert_exact()


async def test_a_figure_beyond_belief_waits_for_a_person() -> None:
    async with begun() as daemon:
        await daemon.run(10 * MINUTE)
        daemon.sim.advance(FIVE)
        daemon.sim.fault("spike", path=UPLINKS[0], amount=2 * 10**9, count=1)
        await daemon.poll()
        await daemon.run(20 * MINUTE)
        ledger = daemon.ledger(UPLINKS[0])
        assert ledger.events(EventName.IMPLAUSIBLE) == 1
        aside = [one.usage for fold in ledger.folds for one in fold.quarantined]
        assert len(aside) == 1
        truth = daemon.sim.edge_truth().billable(UPLINKS[0], ledger.state.low, daemon.sim.now())
        assert ledger.totals()[0] + aside[0].ingress_bytes == truth.ingress.bytes
        assert ledger.totals()[1] + aside[0].egress_bytes == truth.egress.bytes


async def test_bad_answers_of_every_kind_cost_a_poll_and_no_byte() -> None:
    async with begun() as daemon:
        await daemon.run(10 * MINUTE)
        kinds: list[dict[str, Any]] = [
            {"do": "html"},
            {"do": "truncated"},
            {"do": "connection_reset"},
            {"do": "unavailable"},
            {"do": "unauthorized"},
            {"do": "not_found"},
            {"do": "throttle"},
            {"do": "redirect"},
            {"do": "error", "status": 500},
            {"do": "error", "status": 502, "body": "html"},
            {"do": "empty_rows"},
            {"do": "no_rows"},
        ]
        for kind in kinds:
            daemon.sim.fault(**kind, path="edge-1", count=3)
            await daemon.run(3 * MINUTE)
            daemon.sim.clear()
        await daemon.run(6 * MINUTE)
        daemon.assert_exact()
        assert daemon.ledger(UPLINKS[0]).events(EventName.CONFLICT) == 0


async def test_errors_by_kind() -> None:
    async with begun() as daemon:
        keys = [key for key in daemon.ledgers if key.path.startswith("/edges/edge-1/")]
        for do, kind in (("truncated", ResponseInvalid), ("unavailable", SourceUnavailable)):
            daemon.sim.fault(do, path="edge-1", count=9)
            with pytest.raises(kind):
                await daemon.source.read_rates(keys, daemon.sim.now() - HOUR)
            daemon.sim.clear()


# --- discovery -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("nsxv", [{"page_size_max": 2}, {"vnic_types": False}])
@pytest.mark.parametrize("form", list(AnswerForm))
async def test_edges_and_their_uplinks_are_found(nsxv: dict[str, Any], form: AnswerForm) -> None:
    async with begun(scenario(**nsxv), form=form) as daemon:
        assert daemon.inventory is not None
        assert [found.key.path for found in daemon.inventory.points] == UPLINKS
        assert daemon.inventory.points[0].gateway_name == "acme-edge"
        assert [gateway.path for gateway in daemon.inventory.gateways] == [
            "/edges/edge-1",
            "/edges/edge-12",
            "/edges/edge-20",
            "/edges/edge-4",
        ]


async def test_edges_come_go_and_are_renamed() -> None:
    async with begun() as daemon:
        daemon.sim.fault("edge_rename", path="edge-4", to="globex-new")
        daemon.sim.fault("edge_delete", path="edge-20")
        daemon.sim.fault("edge_add", edge={"id": "edge-30", "name": "late-edge"})
        daemon.sim.advance(MINUTE)
        inventory = await daemon.discover()
        told = {(change.path, change.event) for change in inventory.changes}
        assert ("/edges/edge-4", "object_changed") in told
        assert ("/edges/edge-20", "object_deleted") in told
        assert ("/edges/edge-30", "object_added") in told
        assert [found.key.path for found in inventory.points] == [
            *UPLINKS[:3],
            "/edges/edge-30/vnics/0",
            "/edges/edge-4/vnics/0",
        ]
        await daemon.run(30 * MINUTE)
        daemon.assert_exact("/edges/edge-30/vnics/0", "/edges/edge-4/vnics/0")


async def test_a_short_list_leaves_the_edges_that_it_lacks() -> None:
    async with begun() as daemon:
        daemon.sim.fault("short_list", count=2)
        inventory = await daemon.discover()
        assert not inventory.complete
        assert [found.key.path for found in inventory.points] == UPLINKS
        assert inventory.changes == ()


async def test_the_check_names_a_good_manager_and_a_wrong_password() -> None:
    async with begun() as daemon:
        report = await daemon.source.check_online()
        assert report.ok
        assert "logged in, edges can be listed: 5" in report.lines[0][1]
        wrong = DirectAccess(
            http=HttpOptions(name="x", urls=(daemon.sim.nsxv_url,), tls=TlsOptions(ca_file=daemon.sim.ca_file)),
            username=daemon.sim.username,
            password=lambda: "wrong",
        )
        source = NsxvSource(NsxvOptions(name="x", access=wrong), daemon.clock, SourceObserver())
        await source.start()
        try:
            assert not (await source.check_online()).ok
            with pytest.raises(AuthFailed):
                await source.discover(None, lambda _: None)
        finally:
            await source.stop()


# --- through a director ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", list(AnswerForm))
async def test_the_same_edges_through_a_director_come_to_the_same_bytes(form: AnswerForm) -> None:
    async with begun() as daemon:
        sim, part = daemon.sim, daemon.sim.edges
        assert part is not None

        async def get(path: str, accept: str, policy: RetryPolicy) -> Answer:
            assert policy.retries
            where, _, asked = path.partition("?")
            gateway, _, rest = where.removeprefix("/network/edges/").partition("/")
            query = dict(one.split("=", 1) for one in asked.split("&") if one)
            response, sent = part.api.proxied(gateway, rest, query, accept, sim.now())
            if sent is not None:
                sent()
            assert isinstance(response.body, bytes)
            return Answer(response.status, {}, response.body)

        edges = daemon.sim.provider.edges
        assert edges is not None
        known = [(edge.gateway, edge.name) for edge in edges.edges.values()]
        access = DirectorAccess(get=get, gateways=lambda: known, requests_per_second=10)
        source = NsxvSource(NsxvOptions(name="nsxv-vcd", access=access, form=form), daemon.clock, SourceObserver())
        through = Daemon(sim, source, daemon.clock)
        await through.discover()
        await through.poll()
        await through.run(30 * MINUTE)
        for edge in edges.edges.values():
            for vnic in edge.vnics.values():
                if vnic.type == "uplink":
                    ledger = through.ledger(f"/edges/{edge.gateway}/vnics/{vnic.index}")
                    billable = sim.edge_truth().billable(vnic.point, ledger.state.low, sim.now())
                    assert ledger.totals() == (billable.ingress.bytes, billable.egress.bytes)
