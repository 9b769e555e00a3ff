"""Maps as payloads: written and read again."""

from __future__ import annotations

from dataclasses import replace

import pytest

from collector.sources.vcd.snapshot import decode_map, with_payload
from tests.unit.sources.vcd.cloud import small_cloud
from tests.unit.sources.vcd.fake_vcd import FakeVcd, rig


async def test_a_map_is_read_again_as_it_was() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd).allocation("internet-v4", "acme", "2001:db8::/32", "IP_PREFIX")
        found = await it.whole_map()
    again = decode_map(found.payload, "vcd")
    assert again == replace(found, calls=0)
    assert again is not None
    assert with_payload(again) == again


async def test_a_payload_says_nothing_of_defaults_and_does_not_depend_on_the_order_of_the_lists() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd)
        first = await it.whole_map()
        for rows in vcd.lists.values():
            rows.reverse()
        second = await it.whole_map()
    assert replace(with_payload(replace(second, at=first.at)), calls=0) == replace(first, calls=0)
    assert b"status" in first.payload
    assert b"in_project" in first.payload
    assert first.payload.count(b"in_project") == 1  # of four gateways


@pytest.mark.parametrize(
    "payload", [None, b"", b"{}", b"[]", b'{"v": 2}', b'{"v": 1}', b'{"v":1,"at":"x"}', b"\xff", b"[" * 100_000]
)
def test_what_is_no_payload_of_this_version_counts_as_none(payload: bytes | None) -> None:
    assert decode_map(payload, "vcd") is None
