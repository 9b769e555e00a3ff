"""Addresses that organisations hold: allocations and quotas of IP Spaces, and ranges of uplinks."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from collector.model.directory import AddressKind, Allocation, Quota
from collector.sources.vcd.addresses import range_allocations
from collector.sources.vcd.dto import GatewayDto
from tests.unit.sources.vcd.cloud import small_cloud, subnet, uplink, urn
from tests.unit.sources.vcd.fake_vcd import FakeVcd, Rig, rig

SPACE = urn("ipSpace", "internet-v4")


async def allocations(it: Rig) -> dict[str, Allocation]:
    found = await it.whole_map()
    assert found.addresses_complete, found.faults
    return {allocation.value: allocation for allocation in found.allocations}


async def test_allocations_of_ip_spaces_and_ranges_of_uplinks_are_read_with_their_organisation() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd)
        found = await allocations(it)
        filters = [query for query in vcd.asked(f"ipSpaces/{SPACE}/allocations") if "filter" in query]
    assert found == {
        "203.0.113.17": Allocation(
            id=urn("ipSpaceIpAllocation", "internet-v4-203.0.113.17"),
            space="internet-v4",
            org=urn("org", "acme"),
            kind=AddressKind.FLOATING_IP,
            value="203.0.113.17",
            addresses=1,
            used=1,
            allocated_at=1_730_538_764_000,
        ),
        "203.0.113.64/28": Allocation(
            id=urn("ipSpaceIpAllocation", "internet-v4-203.0.113.64-28"),
            space="internet-v4",
            org=urn("org", "globex"),
            kind=AddressKind.IP_PREFIX,
            value="203.0.113.64/28",
            addresses=16,
            used=0,
            allocated_at=1_730_538_764_000,
        ),
        "10.99.0.10-10.99.0.13": Allocation(
            id=f"{urn('gateway', 'gw-acme')}/{urn('network', 'mpls')}/10.99.0.10-10.99.0.13",
            space="mpls",
            org=urn("org", "acme"),
            kind=AddressKind.UPLINK_RANGE,
            value="10.99.0.10-10.99.0.13",
            addresses=4,
            used=1,
        ),
    }
    assert [query.partition("filter=")[2] for query in filters] == ["type%3D%3DFLOATING_IP", "type%3D%3DIP_PREFIX"]


async def test_counts_of_ipv6_go_beyond_64_bits() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd).allocation("internet-v4", "acme", "2001:db8::/48", "IP_PREFIX", usageState="USED_MANUAL")
        found = (await allocations(it))["2001:db8::/48"]
        assert found.addresses == found.used == 2**80


async def test_a_director_that_ignores_the_filter_gives_each_allocation_once() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd)
        rows = vcd.lists[f"ipSpaces/{SPACE}/allocations"]
        vcd.edits[f"ipSpaces/{SPACE}/allocations"] = lambda page: page | {"resultTotal": len(rows), "values": rows}
        assert len(await allocations(it)) == 3


@pytest.mark.parametrize(
    ("date", "expected"),
    [
        (None, None),
        ("", None),
        ("yesterday", None),
        ("0001-01-01T00:00:00+14:00", None),
        ("2024-11-02", 1_730_505_600_000),
        ("2024-11-02T01:00:00.5+01:00", 1_730_505_600_500),
    ],
)
async def test_an_odd_date_costs_no_allocation(date: str | None, expected: int | None) -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        small_cloud(vcd).allocation("internet-v4", "acme", "203.0.113.18", allocationDate=date)
        assert (await allocations(it))["203.0.113.18"].allocated_at == expected


FLOATING, PREFIX = AddressKind.FLOATING_IP, AddressKind.IP_PREFIX


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, [(FLOATING, 1, None), (PREFIX, 2, 28)]),
        ({"defaultQuotas": {"floatingIpQuota": 3}}, [(FLOATING, 3, None), (PREFIX, 2, 28)]),
        (
            {"defaultQuotas": {"floatingIpQuota": 3}, "customQuotas": {"floatingIpQuota": "-1"}},
            [(FLOATING, None, None), (PREFIX, 2, 28)],
        ),
        (
            {
                "defaultQuotas": {
                    "ipPrefixQuotas": [{"prefixLength": 28, "quota": 4}, {"prefixLength": 27, "quota": 1}]
                },
                "customQuotas": {"floatingIpQuota": 0, "ipPrefixQuotas": [{"prefixLength": 28, "quota": -1}]},
            },
            [(FLOATING, 0, None), (PREFIX, 1, 27), (PREFIX, None, 28)],
        ),
    ],
)
async def test_a_quota_of_ones_own_wins_over_the_default_ones(fields: dict[str, Any], expected: list[Any]) -> None:
    async with FakeVcd() as vcd, rig(vcd) as it:
        cloud = small_cloud(vcd)
        vcd.lists["ipSpaces/orgAssignments"] = []
        cloud.assignment("internet-v4", "acme", **fields)
        vcd.objects[f"ipSpaces/{SPACE}"]["ipSpacePrefixes"] = [
            {"ipPrefixSequence": [{"prefixLength": 28, "totalPrefixCount": "18446744073709551616"}]}
            | {"defaultQuotaForPrefixLength": "2"}
        ]
        quotas = (await it.whole_map()).quotas
        assert sorted(quotas, key=repr) == sorted(
            [Quota("internet-v4", urn("org", "acme"), kind, limit, length) for kind, limit, length in expected],
            key=repr,
        )


async def test_ip_spaces_can_be_left_out_by_the_settings() -> None:
    async with FakeVcd() as vcd, rig(vcd, ip_spaces=False) as it:
        small_cloud(vcd)
        found = await it.whole_map()
        assert found.addresses_complete
        assert [allocation.kind for allocation in found.allocations] == [AddressKind.UPLINK_RANGE]
        assert not any("ipSpaces" in path for _, path in vcd.seen)


async def test_all_addresses_gone_at_once_are_believed_gone_when_it_stays_so_for_hours() -> None:
    async with FakeVcd() as vcd, rig(vcd) as it, rig(vcd) as after:
        small_cloud(vcd)
        after.source.remember(await it.whole_map())
        vcd.lists["ipSpaces/summaries"] = []
        for each in (it, after):
            found = await each.source.read_map()
            assert (found.complete, found.addresses_complete) == (True, False)
            assert "there were addresses of IP Spaces and now there are none" in found.faults[0]
            each.clock.advance(6 * 3_600_000)
            assert (await each.source.read_map()).addresses_complete


async def test_a_director_that_goes_away_is_not_asked_for_every_space() -> None:
    async with FakeVcd() as vcd, rig(vcd, concurrency=2) as it:
        cloud = small_cloud(vcd)
        for number in range(10):
            cloud.space(f"space-{number}")
        for name in list(vcd.objects):
            vcd.edits[name] = lambda document: [document]
        found = await it.source.read_map()
        assert (found.complete, found.addresses_complete) == (True, False)
        assert "the rest of the IP Spaces was not asked for" in found.faults
        assert sum("/ipSpaces/urn" in path for _, path in vcd.seen) == 3


def ranges(*subnets: dict[str, Any], **fields: Any) -> tuple[list[tuple[str, int, int]], list[str]]:
    """Return ((value, addresses, used) of the ranges of one uplink, faults)."""
    document = {
        "id": urn("gateway", "gw"),
        "name": "gw",
        "edgeGatewayUplinks": [uplink("pg", subnets={"values": list(subnets)}, **fields)],
    }
    dto = msgspec.json.decode(json.dumps(document), type=GatewayDto)
    found, faults = range_allocations(dto, urn("org", "acme"))
    return [(each.value, each.addresses, each.used) for each in found], faults


def test_used_addresses_fill_the_ranges_of_a_subnet_in_their_order() -> None:
    assert ranges(subnet(("10.0.0.1", "10.0.0.4"), ("10.0.0.9", "10.0.0.9"), ("10.0.1.0", "10.0.1.9"), used="7")) == (
        [("10.0.0.1-10.0.0.4", 4, 4), ("10.0.0.9", 1, 1), ("10.0.1.0-10.0.1.9", 10, 2)],
        [],
    )


def test_a_primary_address_outside_of_the_ranges_is_held_too() -> None:
    inside = subnet(("10.0.0.1", "10.0.0.4"), used=1, primary="10.0.0.2")
    outside = subnet(("10.0.0.1", "10.0.0.4"), used=1, primary="10.0.0.7")
    assert ranges(inside)[0] == [("10.0.0.1-10.0.0.4", 4, 1)]
    assert ranges(outside)[0] == [("10.0.0.7", 1, 1), ("10.0.0.1-10.0.0.4", 4, 0)]
    assert ranges(subnet(primary="2001:db8::1"))[0] == [("2001:db8::1", 1, 0)]


def test_a_range_of_one_address_may_have_no_end_and_one_that_comes_twice_counts_once() -> None:
    lone: dict[str, Any] = {"ipRanges": {"values": [{"startAddress": "10.0.0.1", "endAddress": None}]}}
    assert ranges(lone, lone) == ([("10.0.0.1", 1, 0)], [])


def test_an_uplink_with_ip_spaces_has_no_ranges_of_its_own() -> None:
    assert ranges(subnet(("10.0.0.1", "10.0.0.4")), usingIpSpace=True) == ([], [])


@pytest.mark.parametrize("odd", ["10.0.0", "2001:db8::1", "", None, 5])
def test_a_range_that_is_none_is_told_with_its_uplink(odd: Any) -> None:
    found, faults = ranges({"ipRanges": {"values": [{"startAddress": odd, "endAddress": "10.0.0.4"}]}})
    assert found == []
    assert faults[0].startswith(
        f"gateway gw ({urn('gateway', 'gw')}): addresses of its uplink {urn('network', 'pg')}: "
    )
