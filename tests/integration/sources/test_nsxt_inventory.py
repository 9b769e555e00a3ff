"""What changes at a simulated provider shows in the next inventory."""

from __future__ import annotations

import pytest

from collector.ports import Inventory
from simulator import Simulator
from tests.integration.sources.rig import started

pytestmark = pytest.mark.integration


def told(inventory: Inventory) -> list[tuple[str, str]]:
    return [(change.event, change.path.rpartition("/")[2]) for change in inventory.changes]


async def test_additions_moves_and_deletions_are_changes() -> None:
    async with Simulator("day", speed=0) as sim, started(sim) as it:
        first = await it.inventory()
        assert first.complete, first.faults
        sim.advance(60_000)
        sim.fault("move", path="t1-stark", to="t0-second")
        sim.fault("delete", path="t1-acme/csp-colo")
        sim.fault("add_interface", path="t1-wayne", interface={"id": "csp-new", "rate": "8Mbit/s"})
        second = await it.inventory(first)
        assert second.complete, second.faults
        assert ("point_moved", "t1-stark") in told(second)
        assert ("object_deleted", "csp-colo") in told(second)
        assert ("object_added", "csp-new") in told(second)
        assert second.at > first.at
        sim.fault("recreate", path="t1-acme/csp-colo")
        third = await it.inventory(second)
        assert ("object_added", "csp-colo") in told(third)
        assert told(await it.inventory(third)) == []


async def test_a_recreated_port_and_a_failover_are_changes() -> None:
    async with Simulator("day", speed=0) as sim, started(sim) as it:
        first = await it.inventory()
        sim.advance(60_000)
        sim.fault("recreate_port", path="t1-initech/csp-mpls")
        sim.fault("failover", path="t1-globex")
        second = await it.inventory(first)
        details = {change.path.rpartition("/")[2]: change.detail for change in second.changes}
        assert details["csp-mpls"]["made_anew"] == "true"
        assert "active_nodes" in details["t1-globex"]["changed"]


async def test_a_list_that_is_too_short_makes_the_inventory_incomplete_and_loses_nothing() -> None:
    async with Simulator("day", speed=0) as sim, started(sim) as it:
        first = await it.inventory()
        sim.fault("short_list", path="/infra/tier-1s", amount=2)
        second = await it.inventory(first)
        assert not second.complete
        assert "result_count says" in second.faults[0]
        assert {point.key for point in second.points} == {point.key for point in first.points}
        assert told(second) == []
        sim.clear()
        assert (await it.inventory(first)).complete


async def test_cursors_of_zeros_and_small_pages_lose_nothing() -> None:
    async with Simulator("day", speed=0) as sim, started(sim) as it:
        first = await it.inventory()
        sim.fault("null_cursor")
        second = await it.inventory(first)
        assert second.complete, second.faults
        assert second.points == first.points


async def test_a_part_that_cannot_be_read_keeps_its_points() -> None:
    async with Simulator("day", speed=0) as sim, started(sim) as it:
        first = await it.inventory()
        sim.fault("error", status=400, code=1, path="/infra/tier-1s/t1-acme/locale-services", endpoint="inventory")
        second = await it.inventory(first)
        assert not second.complete
        assert [point.calls for point in second.points] == [point.calls for point in first.points]


async def test_an_edge_node_that_joins_or_leaves_changes_the_calls() -> None:
    async with Simulator("day", speed=0) as sim, started(sim) as it:
        first = await it.inventory()
        sim.fault("node_remove", node="ec-prov/3")
        second = await it.inventory(first)
        assert second.complete, second.faults
        assert any("edge_nodes" in change.detail.get("changed", "") for change in second.changes)


async def test_projects_can_be_chosen_or_left_out() -> None:
    async with Simulator("day", speed=0) as sim:
        async with started(sim, projects=("hooli",)) as it:
            assert "t1-hooli" in await it.points()
        async with started(sim, projects="none") as it:
            assert "t1-hooli" not in await it.points()
