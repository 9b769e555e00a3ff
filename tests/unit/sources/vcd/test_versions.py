"""Which API version is spoken."""

from __future__ import annotations

import pytest

from collector.errors import ResponseInvalid
from collector.sources.vcd.versions import Offer, choose, number, offers
from tests.unit.sources.vcd.cloud import small_cloud
from tests.unit.sources.vcd.fake_vcd import FakeVcd, rig


def listed(*versions: str) -> tuple[Offer, ...]:
    """Offers; a version with a minus is deprecated."""
    return tuple(Offer(version.removeprefix("-"), version.startswith("-")) for version in versions)


@pytest.mark.parametrize(
    ("offered", "chosen"),
    [
        (("37.0", "38.1", "38.0"), "38.1"),
        (("9.0", "36.0", "100.0"), "36.0"),
        (("-38.0", "37.2"), "37.2"),
        (("-36.0", "-36.3"), "36.3"),
        (("39.1", "40.0", "41.0"), "39.1"),
        (("38.1", "39.0.0-alpha", "39"), "38.1"),
    ],
)
def test_the_highest_version_that_both_know_is_taken_and_a_deprecated_one_last(
    offered: tuple[str, ...], chosen: str
) -> None:
    assert choose(listed(*offered), None) == chosen


def test_a_pin_is_taken_as_it_is_or_refused_with_what_is_offered() -> None:
    assert choose(listed("-36.0", "38.1"), "36.0") == "36.0"
    with pytest.raises(ResponseInvalid, match=r"api_version 37.0 is not offered; the director offers 36.0, 38.1"):
        choose(listed("38.1", "36.0"), "37.0")


@pytest.mark.parametrize("offered", [("40.0", "32.0"), ()])
def test_a_director_that_offers_none_of_ours_is_told_with_both_lists(offered: tuple[str, ...]) -> None:
    theirs = "32.0, 40.0" if offered else "no version"
    with pytest.raises(ResponseInvalid, match=f"we know API versions 33.0 to 39.1, and the director offers {theirs}"):
        choose(listed(*offered), None)


def test_the_list_is_read_with_and_without_a_namespace() -> None:
    plain = (
        b'<SupportedVersions><VersionInfo deprecated="true"><Version> 36.0 </Version></VersionInfo></SupportedVersions>'
    )
    assert offers(plain) == (Offer("36.0", True),)
    spaced = plain.replace(b"<SupportedVersions>", b'<SupportedVersions xmlns="urn:x">')
    assert offers(spaced) == (Offer("36.0", True),)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{}",
        b"<SupportedVersions>",
        b"<html/>",
        b'<?xml version="1.0" encoding="nonsense"?><SupportedVersions/>',
        b'<!DOCTYPE a [<!ENTITY b "c">]><SupportedVersions>&b;</SupportedVersions>',
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><SupportedVersions/>',
    ],
)
def test_what_is_no_list_of_versions_is_an_error_and_entities_are_never_read(body: bytes) -> None:
    with pytest.raises(ResponseInvalid, match="/api/versions"):
        offers(body)


def test_versions_compare_as_numbers() -> None:
    assert number("9.0") < number("33.0") < number("38.1")
    assert number("x") == number("38") == number("38.1.1") == (0, 0)


async def test_a_director_without_a_version_of_ours_gets_no_credentials() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd)
        vcd.versions = [("40.0", False)]
        with pytest.raises(ResponseInvalid, match="we know API versions"):
            await it.source.read_map()
        assert {path for _, path in vcd.seen} == {"/api/versions"}
        assert it.observed.of("login_refused") == []


async def test_a_pin_is_what_is_spoken() -> None:
    async with FakeVcd() as vcd, rig(vcd, api_version="36.0") as it:
        small_cloud(vcd)
        assert (await it.whole_map()).version == "36.0"
        assert {accept for path, accept in vcd.accepted if path.endswith("/orgs")} == {"application/json;version=36.0"}
