"""Lists in pages: every way in which a director names the next page, and every way in which a list is not whole."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from aiohttp import web
from multidict import CIMultiDict, CIMultiDictProxy

from collector.errors import SourceError
from collector.sources.vcd.client import VcdClient
from collector.sources.vcd.dto import OrgDto
from collector.sources.vcd.links import next_page
from collector.sources.vcd.listing import Listing
from tests.unit.sources.vcd.cloud import urn
from tests.unit.sources.vcd.fake_vcd import ROOT, FakeVcd, Rig, rig

PATH = f"{ROOT}/things"


def things(count: int) -> list[dict[str, Any]]:
    return [{"id": urn("org", f"o{number}"), "name": f"o{number}"} for number in range(count)]


async def listing_of(it: Rig, by_cursor: bool = False, fiql: str = "") -> Listing[OrgDto]:
    client: VcdClient = VcdClient(it.source._http, it.source._api)
    return await client.rows("things", OrgDto, by_cursor=by_cursor, fiql=fiql)


@pytest.mark.parametrize("count", [0, 1, 127, 128, 129, 256, 300])
@pytest.mark.parametrize("paging", ["links", "counts", "cursor"])
async def test_a_list_is_whole_however_the_next_page_is_named(paging: str, count: int) -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        vcd.paging = paging
        vcd.lists["things"] = things(count)
        listing = await listing_of(it, by_cursor=paging == "cursor")
        assert listing.faults == []
        assert [row.name for row in listing.rows] == [f"o{number}" for number in range(count)]
        assert listing.pages == max(1, -(-count // 128))
        assert vcd.asked("things")[0] == "page=1&pageSize=128"


@pytest.mark.parametrize("paging", ["links", "counts"])
async def test_a_director_that_gives_smaller_pages_than_asked_for_is_read_to_the_end(paging: str) -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        vcd.paging, vcd.page_rows_max = paging, 25
        vcd.lists["things"] = things(60)
        listing = await listing_of(it)
        assert (len(listing.rows), listing.pages, listing.faults) == (60, 3, [])


async def test_a_filter_stays_on_every_page_that_is_asked_for_by_number() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        vcd.paging = "counts"
        rows = things(130)
        vcd.lists["things"] = [row | {"type": "A", "id": f"{row['id']}a"} for row in rows] + rows_of_type_b(rows)
        listing = await listing_of(it, fiql="type==A")
        assert (len(listing.rows), listing.faults) == (130, [])
        assert vcd.asked("things") == [f"page={page}&pageSize=128&filter=type%3D%3DA" for page in (1, 2)]


def rows_of_type_b(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [row | {"type": "B"} for row in rows]


async def test_a_link_to_another_host_is_never_followed_and_pages_are_asked_for_by_number() -> None:
    async with FakeVcd() as vcd, FakeVcd() as foreign, rig(vcd) as it:
        vcd.lists["things"] = foreign.lists["things"] = things(300)
        vcd.link_host = foreign.url
        listing = await listing_of(it)
        assert (len(listing.rows), listing.faults) == (300, [])
        assert foreign.seen == []
        assert vcd.asked("things")[1:] == ["page=2&pageSize=128", "page=3&pageSize=128"]


async def test_a_cursor_at_another_host_cuts_the_list_in_words() -> None:
    async with FakeVcd() as vcd, FakeVcd() as foreign, rig(vcd) as it:
        vcd.paging, vcd.link_host = "cursor", foreign.url
        vcd.lists["things"] = things(300)
        listing = await listing_of(it, by_cursor=True)
        assert len(listing.rows) == 128
        assert "links to another address, which is not followed" in listing.faults[0]
        assert foreign.seen == []


def page_of(rows: list[dict[str, Any]], total: Any, link: str | None = None) -> web.Response:
    response = web.json_response({"resultTotal": total, "values": rows})
    if link is not None:
        response.headers["Link"] = f'<{link}>;rel="nextPage"'
    return response


async def answered(*pages: web.Response, by_cursor: bool = False) -> tuple[list[str], list[str], int]:
    """Return (names, faults, requests) of a list whose pages are these; the last one repeats."""
    async with FakeVcd() as vcd, rig(vcd) as it:
        left = list(pages)

        async def things_page(_: web.Request) -> web.Response:
            page = left.pop(0) if len(left) > 1 else left[0]
            again = web.Response(body=page.body, status=page.status, content_type="application/json")
            again.headers.update({key: page.headers[key] for key in page.headers if key == "Link"})
            return again

        vcd.handlers[PATH] = things_page
        listing = await listing_of(it, by_cursor=by_cursor)
        return [row.name for row in listing.rows], listing.faults, len(vcd.asked("things"))


async def test_a_page_that_repeats_is_told_and_ends_the_list() -> None:
    names, faults, requests = await answered(page_of(things(2), 6))
    assert (names, requests) == (["o0", "o1"], 2)
    assert "came twice" in faults[0]
    assert "4 rows came, and its resultTotal says 6" in faults[-1]


async def test_a_link_that_leads_back_is_told_and_ends_the_list() -> None:
    back = f"{PATH}?page=1&pageSize=128"
    names, faults, requests = await answered(page_of(things(2), 6, back))
    assert (len(names), requests) == (2, 1)
    assert "leads back to an earlier page" in faults[0]


@pytest.mark.parametrize("total", [3, 5])
async def test_a_total_that_changes_between_pages_is_told(total: int) -> None:
    rows = things(4)
    names, faults, _ = await answered(page_of(rows[:2], 4), page_of(rows[2:], total))
    assert len(names) == 4
    assert f"the total changed from 4 to {total} on page 2" in faults[0]


@pytest.mark.parametrize("total", [1, 3, -1])
async def test_more_or_fewer_rows_than_the_total_are_told(total: int) -> None:
    _, faults, requests = await answered(page_of(things(2), total), page_of([], total))
    assert f"2 rows came, and its resultTotal says {total}" in faults[-1]
    assert requests == (2 if total > 2 else 1)


async def test_rows_beyond_the_total_that_a_link_leads_to_are_told() -> None:
    rows = things(4)
    names, faults, _ = await answered(page_of(rows[:2], 2, f"{PATH}?page=2"), page_of(rows[2:], 2))
    assert len(names) == 4
    assert "4 rows came, and its resultTotal says 2" in faults[-1]


async def test_a_link_past_a_reached_total_to_an_empty_page_does_no_harm() -> None:
    rows = things(2)
    names, faults, requests = await answered(page_of(rows, 2, f"{PATH}?page=2"), page_of([], 2, f"{PATH}?page=3"))
    assert (len(names), faults, requests) == (2, [], 2)


async def test_a_missing_total_and_missing_values_are_told() -> None:
    assert "its resultTotal is missing" in (await answered(page_of(things(2), None)))[1][0]
    _, faults, _ = await answered(web.json_response({"resultTotal": 0, "values": None}))
    assert "page 1 has no values" in faults[0]


async def test_a_cursor_without_end_is_cut() -> None:
    _, faults, requests = await answered(page_of([], None, f"{PATH}?cursor=a"), by_cursor=True)
    assert (faults, requests) == ([f"{PATH}: page 2 brings nothing new and leads on; the list is cut there"], 2)


async def test_a_later_page_that_fails_cuts_the_list_in_words() -> None:
    rows = things(4)
    names, faults, _ = await answered(page_of(rows[:2], 4), web.json_response([]))
    assert len(names) == 2
    assert "page 2: " in faults[0]
    assert "the list is cut there" in faults[0]


async def test_a_first_page_that_fails_is_an_error() -> None:
    with pytest.raises(SourceError, match="expected JSON"):
        await answered(page_of(things(1), "1"))


async def test_wrong_rows_are_left_out_and_told_a_few_times() -> None:
    rows: list[Any] = [{"id": number} for number in range(100)]
    names, faults, _ = await answered(page_of([*rows, *things(1)], 101))
    assert names == ["o0"]
    assert "an object is not what the API promises: Expected `str`, got `int` - at `$.id`; left out" in faults[0]
    assert len(faults) == 20


URL = "https://vcd.example.net"


@pytest.mark.parametrize(
    ("header", "query"),
    [
        ('<https://vcd.example.net/l?page=2>;rel="nextPage"', "page=2"),
        ("<https://vcd.example.net/l?page=2>; type=x; rel=nextPage", "page=2"),
        ('<https://vcd.example.net/l?page=9>;rel="lastPage", </l?page=2>; rel="up nextPage"', "page=2"),
        ('<https://VCD.example.net:443/l?cursor=a%2Cb>;model="A, B";rel="nextpage"', "cursor=a%2Cb"),
        ('<https://other.example.net/l?page=2>;rel="nextPage"', None),
        ('<https://vcd.example.net@other.example.net/l?page=2>;rel="nextPage"', None),
        ('<https://vcd.example.net:8443/l?page=2>;rel="nextPage"', None),
        ('<http://vcd.example.net/l?page=2>;rel="nextPage"', None),
        ('<//other/l?page=2>;rel="nextPage"', None),
        ('<https://vcd.example.net/oauth/provider/token?page=2>;rel="nextPage"', None),
        ('<https://vcd.example.net/l?page=2 x>;rel="nextPage"', None),
        ('<https://vcd.example.net/l>;rel="nextPage"', None),
        (f'<https://vcd.example.net/l?cursor={"a" * 5_000}>;rel="nextPage"', None),
        ('<https://[::1/l?page=2>;rel="nextPage"', None),
        ('<https://vcd.example.net:port/l?page=2>;rel="nextPage"', None),
    ],
)
def test_of_a_link_only_the_query_is_taken_and_only_of_the_list_that_was_asked(header: str, query: str | None) -> None:
    found = next_page({"Link": header}, "/l", [URL])
    assert (found.query, found.refused) == (query, query is None)


def test_without_a_link_to_the_next_page_there_is_none_and_none_is_refused() -> None:
    for header in ("", "nonsense", '<https://vcd.example.net/l?page=1>;rel="firstPage"', "<<<>>>;;rel"):
        assert next_page({"Link": header}, "/l", [URL]) == (None, False)


def test_the_header_may_come_several_times() -> None:
    headers = CIMultiDictProxy(
        CIMultiDict([("Link", "</l?page=1>;rel=firstPage"), ("link", "</l?page=2>;rel=nextPage")])
    )
    assert next_page(headers, "/l", [URL]).query == "page=2"


@pytest.mark.parametrize(
    "reference", ["urn:vcloud:org:../../oauth", "urn:vcloud:org:a?b", "urn:vcloud:org:a#b", "../x"]
)
def test_a_reference_that_could_lead_a_request_elsewhere_is_no_reference(reference: str) -> None:
    with pytest.raises(msgspec.ValidationError, match="matching regex"):
        msgspec.json.decode(msgspec.json.encode({"id": reference, "name": "x"}), type=OrgDto)
