"""Tunnels, VPCs, stretched links and both ends of a link at a simulated provider that knows the true bytes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

import pytest

from collector.errors import SourceUnavailable
from collector.model.identity import Kind, ReadAt
from collector.model.sample import Counters, Reading, Sample
from collector.ports import FoundPoint, PointCall
from collector.sources.nsxt.directory import gateways_of
from collector.sources.nsxt.options import SessionLogin
from simulator import Simulator
from simulator.objects import Kind as TrueKind
from tests.integration.sources.rig import Rig, started

pytestmark = pytest.mark.integration

MINUTE = 60_000
SIDES: dict[Kind, TrueKind] = {
    Kind.VPC_EXTERNAL: "vpc_external",
    Kind.VPC_INTERNAL: "vpc_internal",
    Kind.TRANSIT_GATEWAY_EXTERNAL: "transit_gateway_external",
    Kind.TRANSIT_GATEWAY_INTERNAL: "transit_gateway_internal",
}
TUNNELS: dict[str, Any] = {"vpn": True, "directory": True}
T1 = "/infra/tier-1s/t1-globex"
L2VPN = f"{T1}/l2vpn-services/default/sessions/migration"
IPSEC = f"{T1}/ipsec-vpn-services/default/sessions/to-dc"
PROJECT = "/orgs/default/projects/hooli/infra/tier-1s/t1-hooli"


async def found(it: Rig, *kinds: Kind) -> dict[tuple[str, Kind], FoundPoint]:
    inventory = await it.inventory()
    assert inventory.complete, inventory.faults
    return {(point.key.path, point.key.kind): point for point in inventory.points if point.key.kind in kinds}


def samples(readings: Iterable[Reading]) -> dict[tuple[str, str], Sample]:
    return {(row.port, row.node): row.sample for reading in readings for row in reading.rows}


def grown(before: Iterable[Sample], after: Iterable[Sample]) -> tuple[int, int]:
    """Return by how much rx and tx bytes grew, over all series."""
    values = [[(each.counters.rx_bytes or 0, each.counters.tx_bytes or 0) for each in side] for side in (before, after)]
    (rx, tx), (rx_then, tx_then) = (map(sum, zip(*side, strict=True)) for side in reversed(values))
    return rx - rx_then, tx - tx_then


# --- tunnels ---------------------------------------------------------------------------------------------------------


async def test_every_session_is_found_and_shows_the_true_bytes() -> None:
    async with Simulator("tunnels", speed=0) as sim, started(sim, parts=TUNNELS) as it:
        sim.advance(30 * MINUTE)
        points = await found(it, Kind.L2VPN, Kind.IPSEC_VPN)
        assert [(kind.value, path.partition("-services/")[0]) for path, kind in points] == [
            ("ipsec_vpn", "/infra/tier-0s/t0-acme/ipsec-vpn"),
            ("ipsec_vpn", f"{T1}/ipsec-vpn"),
            ("ipsec_vpn", f"{T1}/ipsec-vpn"),
            ("l2vpn", f"{T1}/l2vpn"),
            ("l2vpn", f"{PROJECT}/l2vpn"),
        ]
        before = {key: samples(await it.read_all(point)) for key, point in points.items()}
        sim.advance(20 * MINUTE)
        after = {key: samples(await it.read_all(point)) for key, point in points.items()}
        for (path, kind), first in before.items():
            last = after[path, kind]
            ((port, node),) = last
            assert (port, node) == ("ipsec" if kind is Kind.IPSEC_VPN else "tap-0", "default/default")
            (start,), (end,) = first.values(), last.values()
            assert end.at - start.at == 20 * MINUTE
            truth = sim.truth().growth(path, start.at, end.at)
            assert grown([start], [end]) == (truth.ingress.bytes, truth.egress.bytes)
            assert truth.ingress.bytes > 0


@pytest.mark.parametrize("end", ["ingress", "egress"])
async def test_segments_and_taps_count_the_same_bytes_in_the_direction_that_is_set(
    end: Literal["ingress", "egress"],
) -> None:
    async with Simulator("tunnels", speed=0) as sim:
        sim.advance(30 * MINUTE)
        sums = []
        for counted in ("taps", "segments"):
            parts = TUNNELS | {"l2vpn_counters": counted, "l2vpn_in": end}
            async with started(sim, parts=parts) as it:
                point = (await found(it, Kind.L2VPN))[L2VPN, Kind.L2VPN]
                rows = samples(await it.read_all(point))
                sums.append(grown([Sample(0, 0, Counters(0, 0))], rows.values()))
                assert len(rows) == (1 if counted == "taps" else 2)
        assert sums[0] == sums[1]
        assert (sums[0][0] > sums[0][1]) is (end == "ingress")


async def test_the_state_of_a_session_follows_its_tunnels() -> None:
    async with Simulator("tunnels", speed=0) as sim, started(sim, parts=TUNNELS) as it:
        sim.advance(MINUTE)
        office = "/infra/tier-0s/t0-acme/ipsec-vpn-services/default/sessions/to-office"
        points = await found(it, Kind.IPSEC_VPN, Kind.L2VPN)
        point = points[office, Kind.IPSEC_VPN]
        states = [(await it.read(point)).state]
        for path, change in (("to-office/1", "tunnel_down"), ("to-office", "tunnel_down"), ("to-office", "tunnel_up")):
            sim.fault(change, path=f"t0-acme/{path}")
            states.append((await it.read(point)).state)
        assert states == ["UP", "DEGRADED", "DOWN", "UP"]
        assert (await it.read(points[L2VPN, Kind.L2VPN])).state is None


async def test_a_reset_by_a_user_is_a_fall_and_an_alarm_is_an_error() -> None:
    async with Simulator("tunnels", speed=0) as sim, started(sim, parts=TUNNELS) as it:
        sim.advance(30 * MINUTE)
        points = await found(it, Kind.IPSEC_VPN, Kind.L2VPN)
        point = points[IPSEC, Kind.IPSEC_VPN]
        (before,) = samples(await it.read_all(point)).values()
        sim.fault("reset_session", path="t1-globex/to-dc")
        sim.advance(MINUTE)
        (after,) = samples(await it.read_all(point)).values()
        assert after.at == before.at + MINUTE
        assert 0 < (after.counters.rx_bytes or 0) < (before.counters.rx_bytes or 0)
        for key in ((IPSEC, Kind.IPSEC_VPN), (L2VPN, Kind.L2VPN)):
            sim.fault("alarm", path=key[0], count=1)
            with pytest.raises(SourceUnavailable, match="ERR_ENFORCEMENT_POINT_UNREACHABLE instead of statistics"):
                await it.read(points[key])
            assert (await it.read(points[key])).rows
        assert "moved" not in it.notes.told


async def test_gateways_and_segments_have_the_ids_that_a_director_knows() -> None:
    async with Simulator("tunnels", speed=0) as sim, started(sim, parts=TUNNELS) as it:
        sim.advance(MINUTE)
        inventory = await it.inventory()
        assert inventory.complete, inventory.faults
        ids = {gateway.path: gateway.ids for gateway in inventory.gateways}
        assert set(ids) == {T1, PROJECT, "/infra/tier-1s/t1-acme", "/infra/tier-0s/t0-acme", "/infra/tier-0s/t0-prov"}
        assert ids[T1][0] == "t1-globex"
        assert [len(set(each)) for each in ids.values()] == [4] * 5
        assert len({one for each in ids.values() for one in each}) == 20
        segments = {segment.path.rpartition("/")[2]: segment.ids for segment in inventory.segments}
        assert {name: len(each) for name, each in segments.items()} == {"overlay-globex": 2, "seg-inside": 2}
        assert gateways_of(inventory.payload) == (inventory.gateways, inventory.segments)


@pytest.mark.parametrize(("user", "words"), [("northmeter", "may only read"), ("operator", "may write")])
async def test_check_online_tells_who_may_write(user: str, words: str) -> None:
    async with Simulator("tunnels", speed=0) as sim:
        passwords = {each.name: each.password.get_secret_value() for each in sim.scenario.auth.users}
        login = SessionLogin(user, lambda: passwords[user])
        async with started(sim, login=login, parts=TUNNELS | {"vpcs": True}) as it:
            report = await it.source.check_online()
    assert report.ok, report.lines
    told = " ".join(line for _, line in report.lines)
    assert words in told
    for name in ("segments", "l2vpn-services", "ipsec-vpn-services", "Projects", "vpcs", "transit-gateways"):
        assert f"{name} can be listed" in told


# --- VPCs ------------------------------------------------------------------------------------------------------------


async def test_vpcs_and_transit_gateways_show_external_and_internal_bytes_apart() -> None:
    async with Simulator("vpcs", speed=0) as sim, started(sim, parts={"vpcs": True}) as it:
        sim.advance(30 * MINUTE)
        points = await found(it, *SIDES)
        assert len(points) == 2 * 4
        before = {key: samples(await it.read_all(point)) for key, point in points.items()}
        sim.advance(20 * MINUTE)
        after = {key: samples(await it.read_all(point)) for key, point in points.items()}
        for (path, kind), first in before.items():
            (start,), (end,) = first.values(), after[path, kind].values()
            rx, _ = grown([start], [end])
            # A sum over nodes is of the age of its oldest part, and no part is older than the cache.
            around = 2 * sim.scenario.cache
            least = sim.truth().growth(path, start.at + around, end.at - around, kind=SIDES[kind]).ingress.bytes
            most = sim.truth().growth(path, start.at - around, end.at + around, kind=SIDES[kind]).ingress.bytes
            assert least <= rx <= most
            assert rx > 0 or (path.endswith("/lab") and kind is Kind.VPC_INTERNAL)


@pytest.mark.parametrize(
    ("version", "kinds"),
    [("4.1.0", set()), ("4.1.1", {Kind.VPC}), ("4.2.0", 4), ("9.1.0", 4)],
)
async def test_each_release_is_asked_what_it_knows(version: str, kinds: Any) -> None:
    async with Simulator("vpcs", speed=0) as sim, started(sim, parts={"vpcs": True}) as it:
        sim.advance(MINUTE)
        sim.fault("set_version", version=version)
        points = [
            point
            for point in (await it.inventory()).points
            if "/vpcs/" in point.key.path or "/transit-gateways/" in point.key.path
        ]
        told = {point.key.kind for point in points}
        assert (len(told) == kinds) if isinstance(kinds, int) else (told == kinds)
        for point in points:
            (reading,) = await it.read_all(point)
            assert [row.sample.at > 0 for row in reading.rows] == [True]
            assert not reading.faults


# --- sites -----------------------------------------------------------------------------------------------------------


async def test_each_site_of_a_stretched_link_shows_its_own_bytes() -> None:
    async with Simulator("sites", speed=0) as sim, started(sim, federation=True) as it:
        sim.advance(30 * MINUTE)
        points = await found(it, Kind.TIER1_DOWNLINK)
        tier1s = ("/global-infra/tier-1s/t1-acme", "/global-infra/tier-1s/t1-globex")
        assert [path for path, _ in points] == [f"{path}@{site}" for path in tier1s for site in ("ams", "fra")]
        before = {path: samples(await it.read_all(point)) for (path, _), point in points.items()}
        sim.advance(20 * MINUTE)
        after = {path: samples(await it.read_all(point)) for (path, _), point in points.items()}
        total = 0
        for (path, _), point in points.items():
            assert len(after[path]) == 2
            for series, last in after[path].items():
                first = before[path][series]
                truth = sim.truth().growth(point.tier1 or "", first.at, last.at, node=series[1])
                assert grown([first], [last]) == (truth.ingress.bytes, truth.egress.bytes)
                total += truth.ingress.bytes
        assert total > 10**8


async def test_a_service_interface_of_a_stretched_gateway_is_read_at_its_site() -> None:
    async with Simulator("sites", speed=0) as sim, started(sim, federation=True) as it:
        sim.advance(MINUTE)
        ((_, point),) = (await found(it, Kind.SERVICE_INTERFACE)).items()
        readings = await it.read_all(point)
        assert [row.node for reading in readings for row in reading.rows] == [call.node for call in point.calls]
        assert len(readings) == 2


# --- comparisons -----------------------------------------------------------------------------------------------------


async def test_both_ends_of_a_compared_link_show_the_same_bytes() -> None:
    async with Simulator("small", speed=0) as sim, started(sim) as it:
        sim.advance(30 * MINUTE)
        comparison = (await it.inventory()).comparisons[0]
        ends = ((ReadAt.TIER0, comparison.tier0_calls), (ReadAt.TIER1, comparison.tier1_calls))

        async def read(read_at: ReadAt, calls: tuple[PointCall, ...]) -> dict[tuple[str, str], Sample]:
            return samples([await it.source.read(comparison.point, read_at, call) for call in calls])

        before = [await read(*end) for end in ends]
        sim.advance(60 * MINUTE)
        after = [await read(*end) for end in ends]
        (rx_at_tier0, tx_at_tier0), (rx_at_tier1, tx_at_tier1) = (
            grown(first.values(), last.values()) for first, last in zip(before, after, strict=True)
        )
        assert rx_at_tier1 > 10**6
        assert tx_at_tier0 == pytest.approx(rx_at_tier1, rel=0.02)
        assert rx_at_tier0 == pytest.approx(tx_at_tier1, rel=0.02)
