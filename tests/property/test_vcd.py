"""Whatever a director answers: no list is taken for whole that is not, and nothing foreign ends in a traceback."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from hypothesis import assume, given
from hypothesis import strategies as st

from collector.errors import ResponseInvalid, SourceError
from collector.model.directory import CloudMap
from collector.sources.answers import Answer
from collector.sources.vcd.dto import OrgDto
from collector.sources.vcd.links import next_page
from collector.sources.vcd.listing import PAGES_MAX, Listing
from collector.sources.vcd.snapshot import decode_map, with_payload
from collector.sources.vcd.versions import Offer, choose, number, offers
from collector.sources.vcd.walk import Walk
from collector.sources.vcd.words import error_words
from tests.property.directors import URL, Serve, client_of, read, replaced, served_by
from tests.property.effort import effort
from tests.unit.sources.vcd.cloud import small_cloud, urn
from tests.unit.sources.vcd.fake_vcd import ROOT, FakeVcd

LEAVES = st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats(allow_nan=False) | st.text(max_size=8)
JSON = st.recursive(
    LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
)


def rows(count: int) -> list[dict[str, Any]]:
    return [{"id": urn("org", f"o{each}"), "name": f"o{each}"} for each in range(count)]


def listed(serve: Serve, *, by_cursor: bool = False) -> tuple[Listing[OrgDto], int]:
    client, http = client_of(serve)
    listing = asyncio.run(client.rows("things", OrgDto, by_cursor=by_cursor))
    return listing, http.requests


@given(count=st.integers(0, 700), page_rows=st.integers(1, 128), paging=st.sampled_from(["links", "counts", "cursor"]))
@effort()
def test_a_sound_list_is_read_to_its_end_whatever_its_pages_are(count: int, page_rows: int, paging: str) -> None:
    assume(count / page_rows < 100)
    vcd = FakeVcd()
    vcd.paging, vcd.page_rows_max, vcd.lists["things"] = paging, page_rows, rows(count)
    listing, requests = listed(served_by(vcd), by_cursor=paging == "cursor")
    assert listing.faults == []
    assert [row.name for row in listing.rows] == [row["name"] for row in rows(count)]
    assert requests == max(1, -(-count // page_rows))


PAGES = st.lists(
    st.tuples(
        st.lists(st.integers(0, 5), max_size=4),
        st.none() | st.integers(-1, 8),
        st.none() | st.sampled_from(["page=1&pageSize=128", "page=2&pageSize=128", "cursor=a", "cursor=b", "cursor=c"]),
        st.sampled_from([200, 200, 200, 500]),
    ),
    min_size=1,
    max_size=5,
)


@given(pages=PAGES, by_cursor=st.booleans())
@effort(3)
def test_a_list_without_faults_holds_each_row_once_and_as_many_as_every_page_says(
    pages: list[tuple[list[int], int | None, str | None, int]], by_cursor: bool
) -> None:
    asked: list[str] = []
    totals: list[int | None] = []

    def serve(path: str) -> Answer:
        chosen, total, link, status = pages[min(len(asked), len(pages) - 1)]
        asked.append(path)
        totals.append(total)
        headers = {"Link": f'<{URL}{ROOT}/things?{link}>;rel="nextPage"'} if link else {}
        return Answer(
            status, headers, json.dumps({"resultTotal": total, "values": [rows(6)[i] for i in chosen]}).encode()
        )

    try:
        listing, _ = listed(serve, by_cursor=by_cursor)
    except SourceError:
        assert len(asked) == 1
        return
    assert len(asked) == len(set(asked)) <= PAGES_MAX
    ids = [row.id for row in listing.rows]
    assert len(ids) == len(set(ids))
    if not listing.faults:
        assert set(totals) == {listing.total}
        assert listing.total == len(ids) or (by_cursor and listing.total is None)


@given(
    header=st.text(max_size=80)
    | st.lists(st.sampled_from(list('<>;,="rel nextPage/a?:@[]#\\.')), max_size=60).map("".join)
)
@effort(3)
def test_no_link_leads_elsewhere_or_ends_in_a_traceback(header: str) -> None:
    found = next_page({"Link": header}, "/l", [URL])
    assert found.query is None or (found.query and not set(found.query) & set(" \r\n"))


def whole(vcd: FakeVcd, walk: Walk) -> CloudMap:
    return CloudMap(
        source="vcd",
        at=1,
        version="38.1",
        # What is odd is doubted by the source, so that the map is not complete at first.
        complete=walk.is_complete and not walk.oddities,
        addresses_complete=walk.has_addresses,
        orgs=tuple(walk.orgs.values()),
        gateways=tuple(walk.gateways),
        networks=tuple(walk.networks.values()),
        allocations=tuple(walk.allocations),
        quotas=tuple(walk.quotas),
        managers=tuple(walk.managers),
    )


def is_sound(found: CloudMap) -> bool:
    """True when every reference of a map leads somewhere and every identifier is there once."""
    orgs, networks = {org.id for org in found.orgs}, {network.id for network in found.networks}
    return (
        len(orgs) == len(found.orgs)
        and len(networks) == len(found.networks)
        and len({gateway.id for gateway in found.gateways}) == len(found.gateways) == 4
        and all(gateway.org in orgs for gateway in found.gateways)
        and all(each.network in networks for gateway in found.gateways[:3] for each in gateway.uplinks)
    )


NAMES = [
    "orgs",
    "externalNetworks",
    "edgeGateways",
    "ipSpaces/summaries",
    f"ipSpaces/{urn('ipSpace', 'internet-v4')}",
    f"ipSpaces/{urn('ipSpace', 'internet-v4')}/allocations",
    "ipSpaces/orgAssignments",
]


@given(name=st.sampled_from(NAMES), place=st.integers(0, 400), value=JSON)
@effort(3)
def test_a_wrong_value_anywhere_ends_in_a_fault_or_in_a_map_that_is_sound(name: str, place: int, value: Any) -> None:
    vcd = FakeVcd()
    vcd.url = URL
    small_cloud(vcd)
    vcd.edits[name] = lambda document: replaced(json.loads(json.dumps(document)), place, value)
    try:
        walk = read(served_by(vcd))
    except SourceError:
        assert name == "orgs"
        return
    found = whole(vcd, walk)
    assert found.complete or walk.faults or walk.oddities
    assert is_sound(found) or not found.complete
    if found.complete and name.startswith("ipSpaces"):
        assert found.addresses_complete or walk.faults
    again = decode_map(with_payload(found).payload, "vcd")
    assert again is not None
    assert (again.gateways, again.allocations) == (found.gateways, found.allocations)


@given(
    name=st.sampled_from([*NAMES, "query"]),
    body=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()),
)
@effort(2)
def test_any_body_instead_of_a_list_ends_in_words(name: str, body: bytes) -> None:
    vcd = FakeVcd()
    vcd.url = URL
    small_cloud(vcd)
    serve = served_by(vcd)
    wanted = "/api/query" if name == "query" else f"{ROOT}/{name}"

    def broken(path: str) -> Answer:
        return (
            Answer(200, {"Content-Type": "application/json"}, body) if path.partition("?")[0] == wanted else serve(path)
        )

    try:
        walk = read(broken)
    except SourceError:
        assert name == "orgs"
        return
    assert walk.faults


@given(body=st.binary(max_size=80) | st.text(max_size=80).map(lambda text: f"<SupportedVersions>{text}".encode()))
@effort(2)
def test_any_body_is_a_list_of_versions_or_an_error(body: bytes) -> None:
    try:
        found = offers(body)
    except ResponseInvalid:
        return
    assert all(isinstance(offer, Offer) for offer in found)


@given(offered=st.lists(st.tuples(st.text(max_size=6) | st.from_regex(r"\A[34][0-9]\.[0-3]\Z"), st.booleans())))
@effort(2)
def test_a_version_that_is_chosen_is_offered_and_known(offered: list[tuple[str, bool]]) -> None:
    known = tuple(Offer(*each) for each in offered)
    try:
        chosen = choose(known, None)
    except ResponseInvalid:
        assert not any((33, 0) <= number(offer.version) <= (39, 1) for offer in known)
        return
    assert chosen in {offer.version for offer in known}
    assert (33, 0) <= number(chosen) <= (39, 1)


@given(status=st.integers(100, 599), body=st.binary(max_size=60) | JSON.map(lambda value: json.dumps(value).encode()))
@effort(2)
def test_any_error_answer_has_words_on_one_line(status: int, body: bytes) -> None:
    assert "\n" not in error_words(Answer(status, {}, body))


@given(payload=st.binary(max_size=60) | JSON.map(lambda value: json.dumps({"v": 1, "at": value}).encode()))
@effort(2)
def test_any_payload_is_a_map_or_none(payload: bytes) -> None:
    found = decode_map(payload, "vcd")
    assert found is None or found.source == "vcd"
