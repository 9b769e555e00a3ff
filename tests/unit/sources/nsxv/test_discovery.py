"""Edges and their uplinks, whatever the lists look like."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import web

from collector.errors import ObjectGone, ResponseInvalid, SourceUnavailable
from collector.model.identity import Kind, PointKey, ReadAt
from collector.ports import FoundGateway, Inventory, PointCall
from collector.sources.nsxv import snapshot
from collector.sources.nsxv.options import AnswerForm
from collector.sources.nsxv.source import INVENTORY_FAULTS_MAX
from collector.sources.nsxv.walk import FAILURES_MAX
from tests.unit.sources.nsxv.fake_nsxv import MINUTE, NOW, FakeEdge, FakeNsxv, FakeVnic, always, rig


def edge(which: str, *vnics: FakeVnic, **fields: Any) -> FakeEdge:
    return FakeEdge(which, vnics=list(vnics) or [FakeVnic(0), FakeVnic(1, "org-net", "internal")], **fields)


def end(_: PointKey) -> ReadAt | None:
    return None


async def found(manager: FakeNsxv, previous: bytes | None = None, **options: Any) -> Inventory:
    async with rig(manager, **options) as made:
        return await made.source.discover(previous, end)


def paths(inventory: Inventory) -> list[str]:
    return [point.key.path for point in inventory.points]


def broken(manager: FakeNsxv, status: int = 500) -> Any:
    return always(lambda: manager.error(status, 100, "a fault"))


@pytest.mark.parametrize("form", list(AnswerForm))
async def test_uplinks_of_edges_are_metering_points(form: AnswerForm) -> None:
    trunk = FakeVnic(2, "trunk", "trunk")
    async with FakeNsxv(edge("edge-7", FakeVnic(3, "ext-b"), FakeVnic(0, "ext-a"), trunk, name="gw-acme")) as manager:
        manager.xml, manager.namespace = form is AnswerForm.XML, "http://example.net/nsx"
        inventory = await found(manager, form=form)
        assert set(manager.accepts) == {form.accept}
    assert inventory.complete
    assert (inventory.faults, inventory.changes, inventory.calls, inventory.at) == ((), (), 2, NOW)
    first, second = inventory.points
    assert first.key == PointKey("nsxv-a", Kind.EDGE_INTERFACE, "/edges/edge-7/vnics/0")
    assert (first.name, first.gateway, first.gateway_name) == ("ext-a", "/edges/edge-7", "gw-acme")
    assert (first.read_at, first.note) == (ReadAt.INTERFACE, "port group pg-ext-a")
    assert first.calls == (PointCall(path="/api/4.0/edges/edge-7/statistics/interfaces/uplink", node=None),)
    assert second.key.path == "/edges/edge-7/vnics/3"
    assert second.calls == first.calls, "one call serves both"
    assert inventory.gateways == (
        FoundGateway(path="/edges/edge-7", name="gw-acme", tier=1, parent=None, project=None, ids=("edge-7",)),
    )


@pytest.mark.parametrize("form", list(AnswerForm))
async def test_a_long_list_is_read_page_by_page(form: AnswerForm) -> None:
    async with FakeNsxv(*(edge(f"edge-{number}") for number in range(1, 8))) as manager:
        manager.page_size, manager.xml = 3, form is AnswerForm.XML
        inventory = await found(manager, form=form)
        pages = [path for path in manager.seen if "pageSize=256" in path]
    assert len(inventory.points) == 7
    assert [path.partition("startIndex=")[2].partition("&")[0] for path in pages] == ["0", "3", "6"]


async def test_distributed_routers_are_left_out() -> None:
    async with FakeNsxv(edge("edge-1"), edge("edge-2", type="distributedRouter")) as manager:
        inventory = await found(manager)
        assert not manager.asked("edge-2")
    assert paths(inventory) == ["/edges/edge-1/vnics/0"]
    assert inventory.complete


async def test_only_wanted_edges_are_read() -> None:
    async with FakeNsxv(edge("edge-1"), edge("edge-2")) as manager:
        inventory = await found(manager, edges=("edge-2", "edge-9"))
        assert not manager.asked("edge-1/")
    assert paths(inventory) == ["/edges/edge-2/vnics/0"]
    assert inventory.faults == ("no edge is called edge-9",)


# --- where nothing says what a vNIC is -------------------------------------------------------------------------------


async def test_vnics_without_type_are_uplinks_where_uplink_rates_have_them() -> None:
    samples = [(NOW - MINUTE, 1, 1)]
    vnics = FakeVnic(0, type=None, samples=samples), FakeVnic(1, "inner", None), FakeVnic(2, "x", "internal")
    async with FakeNsxv(edge("edge-1", *vnics)) as manager:
        inventory = await found(manager)
    assert paths(inventory) == ["/edges/edge-1/vnics/0"]
    assert inventory.points[0].name == "ext"
    assert inventory.complete


async def test_vnics_that_cannot_be_listed_are_those_that_uplink_rates_describe() -> None:
    async with FakeNsxv(edge("edge-1", FakeVnic(4, "ext-b", samples=[(NOW, 1, 1)]))) as manager:
        manager.answers["/api/4.0/edges/edge-1/vnics"] = broken(manager, 404)
        inventory = await found(manager)
    assert paths(inventory) == ["/edges/edge-1/vnics/4"]
    assert inventory.points[0].name == "ext-b"
    assert inventory.complete


async def test_an_uplink_that_was_inferred_stays_one_while_it_is_idle() -> None:
    busy = FakeVnic(0, type=None, samples=[(NOW, 1, 1)])
    async with FakeNsxv(edge("edge-1", busy)) as manager:
        manager.answers["/api/4.0/edges/edge-1/vnics"] = broken(manager, 403)
        before = await found(manager)
        manager.edges[0].vnics = []
        after = await found(manager, before.payload)
    assert paths(after) == paths(before) == ["/edges/edge-1/vnics/0"]
    assert after.complete
    assert after.changes == ()


# --- what is lacking -------------------------------------------------------------------------------------------------


async def test_vnics_that_cannot_be_read_stay_as_they_were() -> None:
    async with FakeNsxv(edge("edge-1"), edge("edge-2")) as manager:
        before = await found(manager)
        manager.answers["/api/4.0/edges/edge-2/vnics"] = broken(manager)
        del manager.edges[0].vnics[0]
        after = await found(manager, before.payload)
    assert not after.complete
    assert paths(after) == ["/edges/edge-2/vnics/0"]
    assert after.changes == ()
    assert "edge edge-2: its vNICs cannot be read" in after.faults[0]


async def test_edges_that_an_incomplete_list_lacks_stay() -> None:
    async with FakeNsxv(edge("edge-1"), edge("edge-2")) as manager:
        before = await found(manager)

        async def short(_: web.Request) -> web.StreamResponse:
            paging = {"pageSize": 256, "startIndex": 0, "totalCount": 2}
            data = [manager.edges[0].summary(), {"name": "nameless"}]
            return manager.written("x", {"edgePage": {"pagingInfo": paging, "data": data}}, {})

        manager.answers["/api/4.0/edges"] = short
        after = await found(manager, before.payload)
    assert paths(after) == paths(before)
    assert not after.complete
    assert after.faults == ("1 edges of the list have no id; left out", "1 edges came, and totalCount says 2")


async def test_a_list_that_repeats_itself_is_cut() -> None:
    async with FakeNsxv(edge("edge-1")) as manager:

        async def same(_: web.Request) -> web.StreamResponse:
            paging = {"totalCount": 9}
            return manager.written("x", {"edgePage": {"pagingInfo": paging, "data": [manager.edges[0].summary()]}}, {})

        manager.answers["/api/4.0/edges"] = same
        inventory = await found(manager)
    assert not inventory.complete
    assert "holds those of an earlier page" in inventory.faults[0]


async def test_a_list_without_a_total_ends_with_a_short_page() -> None:
    async with FakeNsxv(edge("edge-1"), edge("edge-2")) as manager:

        async def pages(request: web.Request) -> web.StreamResponse:
            start = int(request.query["startIndex"])
            data = [one.summary() for one in manager.edges[start : start + 1]]
            return manager.written("x", {"edgePage": {"pagingInfo": {"pageSize": 1}, "data": data}}, {})

        manager.answers["/api/4.0/edges"] = pages
        inventory = await found(manager)
    assert len(inventory.points) == 2
    assert inventory.complete


async def test_a_page_that_fails_leaves_the_inventory_incomplete() -> None:
    async with FakeNsxv(*(edge(f"edge-{number}") for number in range(1, 5))) as manager:
        manager.page_size = 2
        pages = manager.script

        async def first(request: web.Request) -> web.StreamResponse:
            manager.answers["/api/4.0/edges"] = broken(manager, 400)
            return manager._edges(request)

        pages.append(always(lambda: web.Response(text="{}")))  # the log-in's own request
        pages.append(first)
        inventory = await found(manager)
    assert len(inventory.points) == 2
    assert not inventory.complete
    assert "page 2 of the edges" in inventory.faults[0]


@pytest.mark.parametrize(
    ("status", "kind"), [(500, SourceUnavailable), (404, ObjectGone), (400, ResponseInvalid), (302, ResponseInvalid)]
)
async def test_without_the_first_page_there_is_no_inventory(status: int, kind: type[Exception]) -> None:
    async with FakeNsxv(edge("edge-1")) as manager:
        manager.answers["/api/4.0/edges"] = broken(manager, status)
        with pytest.raises(kind):
            await found(manager)


@pytest.mark.parametrize("text", ["<html>busy</html>", "{}", "", '{"edgePage": {"data": 7}}'])
async def test_a_list_that_is_none_is_an_invalid_answer(text: str) -> None:
    async with FakeNsxv(edge("edge-1")) as manager:
        manager.answers["/api/4.0/edges"] = always(lambda: web.Response(text=text))
        with pytest.raises(ResponseInvalid, match=r"source nsxv-a: /api/4\.0/edges: "):
            await found(manager)


async def test_a_source_that_goes_away_ends_the_discovery() -> None:
    edges = [edge(f"edge-{number}") for number in range(1, FAILURES_MAX + 5)]
    async with FakeNsxv(*edges) as manager:
        for one in edges:
            manager.answers[f"/api/4.0/edges/{one.id}/vnics"] = broken(manager)
        with pytest.raises(SourceUnavailable):
            await found(manager)


async def test_faults_of_an_inventory_are_bounded() -> None:
    async with FakeNsxv(edge("edge-1")) as manager:
        inventory = await found(manager, edges=tuple(f"none-{number}" for number in range(INVENTORY_FAULTS_MAX + 5)))
    assert len(inventory.faults) == INVENTORY_FAULTS_MAX + 1
    assert inventory.faults[-1] == "and 5 more"


async def test_rows_of_vnics_that_are_none_make_the_inventory_incomplete() -> None:
    async with FakeNsxv(edge("edge-1")) as manager:
        good = FakeVnic(0).described()
        manager.answers["/api/4.0/edges/edge-1/vnics"] = always(
            lambda: manager.written("x", {"vnics": [good, good | {"name": "other"}, {"name": "no index"}]}, {})
        )
        inventory = await found(manager)
    assert paths(inventory) == ["/edges/edge-1/vnics/0"]
    assert inventory.points[0].name == "ext"
    assert not inventory.complete


# --- changes ---------------------------------------------------------------------------------------------------------


async def test_changes_between_two_inventories() -> None:
    async with FakeNsxv(edge("edge-1", name="gw-a"), edge("edge-2", name="gw-b")) as manager:
        before = await found(manager)
        assert await found(manager, before.payload) == before
        manager.edges[0].name = "gw-renamed"
        manager.edges[0].vnics[1].type = "uplink"
        del manager.edges[1]
        manager.edges.append(edge("edge-3", FakeVnic(0), name="gw-c"))
        after = await found(manager, before.payload)
    told = [
        (change.path, change.event, change.detail.get("changed", change.detail["name"])) for change in after.changes
    ]
    assert told == [
        ("/edges/edge-1", "object_changed", "name"),
        ("/edges/edge-1/vnics/1", "object_changed", "type"),
        ("/edges/edge-2", "object_deleted", "gw-b"),
        ("/edges/edge-2/vnics/0", "object_deleted", "ext"),
        ("/edges/edge-2/vnics/1", "object_deleted", "org-net"),
        ("/edges/edge-3", "object_added", "gw-c"),
        ("/edges/edge-3/vnics/0", "object_added", "ext"),
    ]
    assert after.changes[0].detail["name"] == "gw-a → gw-renamed"
    assert after.changes[1].detail["type"] == "internal → uplink"
    assert paths(after) == ["/edges/edge-1/vnics/0", "/edges/edge-1/vnics/1", "/edges/edge-3/vnics/0"]


async def test_vnics_come_and_go() -> None:
    async with FakeNsxv(edge("edge-1")) as manager:
        before = await found(manager)
        manager.edges[0].vnics = [FakeVnic(0, "ext"), FakeVnic(5, "new")]
        after = await found(manager, before.payload)
    assert [(change.path, change.event) for change in after.changes] == [
        ("/edges/edge-1/vnics/1", "object_deleted"),
        ("/edges/edge-1/vnics/5", "object_added"),
    ]


async def test_the_time_of_an_inventory_is_the_managers() -> None:
    async with FakeNsxv(edge("edge-1")) as manager:
        manager.date = "Wed, 21 Oct 2026 12:00:30 GMT"
        assert (await found(manager)).at == NOW + 30_000
        manager.date = "yesterday"
        assert (await found(manager)).at == NOW


@pytest.mark.parametrize("payload", [None, b"", b"{}", b'{"v": 2, "edges": {}}', b'{"v": 1, "edges": 7}', b"\xff"])
async def test_a_payload_that_is_none_means_no_changes(payload: bytes | None) -> None:
    async with FakeNsxv(edge("edge-1")) as manager:
        inventory = await found(manager, payload)
    assert inventory.changes == ()
    assert snapshot.decode(inventory.payload) is not None
