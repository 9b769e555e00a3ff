"""Gateways and segments out of a stored inventory."""

from __future__ import annotations

from collector.sources.nsxt.directory import gateways_of, other_ids
from tests.unit.sources.fake_nsx import FakeManager
from tests.unit.sources.test_nsxt_discovery import discovered, source_on
from tests.unit.sources.test_nsxt_parts import T1, provider, with_segments


async def test_a_stored_inventory_gives_the_same_gateways_and_segments() -> None:
    async with FakeManager() as nsx:
        world = provider(nsx)
        with_segments(world)
        world.get(T1)["realization_id"] = "real-1"
        async with source_on(nsx, directory=True) as source:
            inventory = await discovered(source)
    assert len(inventory.gateways) == 4
    assert gateways_of(inventory.payload) == (inventory.gateways, inventory.segments)


async def test_an_inventory_without_a_director_still_has_the_ids_that_it_needs_itself() -> None:
    async with FakeManager() as nsx:
        with_segments(provider(nsx))
        async with source_on(nsx) as source:
            gateways, segments = gateways_of((await discovered(source)).payload)
    assert {gateway.path: gateway.ids for gateway in gateways}[T1] == ("t1", "uid-t1")
    assert segments == ()


def test_a_payload_that_is_none_has_nothing() -> None:
    assert gateways_of(b"nonsense") == ((), ())


def test_ids_that_are_known_or_no_text_are_left_out() -> None:
    assert other_ids("/infra/tier-1s/t1", "uid", "t1", None, "real", "uid", 7, "", "real", "router") == (
        "real",
        "router",
    )
