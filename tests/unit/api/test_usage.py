"""Usage over HTTP: buckets, groups, filters, coverage and ranges."""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import urlencode

import pytest

from collector.model.identity import UNATTRIBUTED, Kind, Tenant
from collector.model.usage import Coverage
from tests.unit.api.conftest import ACME, ACME_SECRET, ALL_SECRET, GLOBEX, LINK, UPLINK, World, at, fact
from tests.unit.api.fake_ledger import busy

HUGE = 2**64 - 1


async def rows(world: World, secret: str = ALL_SECRET, **parameters: str) -> list[dict[str, Any]]:
    status, headers, body = await world.get(f"/api/v1/usage?{urlencode(parameters)}", secret)
    assert status == 200, body
    assert headers["Content-Type"] == "application/json"
    answer = json.loads(body)
    assert set(answer) == {"rows", "next_cursor"}
    assert answer["next_cursor"] is None
    found: list[dict[str, Any]] = answer["rows"]
    return found


def seconds(row: dict[str, Any]) -> tuple[int, ...]:
    return tuple(row[f"{name}_seconds"] for name in ("measured", "inferred", "spread", "missing"))


async def test_a_row_is_as_the_contract_shows_it(world: World) -> None:
    world.ledger.facts = [fact(ACME, f"2026-10-01T00:{minute:02d}:00", HUGE, 7_000) for minute in range(0, 60, 5)]
    found = await rows(
        world,
        tenant="acme",
        start="2026-10-01T00:00:00Z",
        end="2026-10-01T01:00:00Z",
        granularity="hour",
        by="tenant,kind,point,direction",
    )
    assert [row["direction"] for row in found] == ["egress", "ingress"]
    assert found[1] == {
        "tenant": "acme",
        "start": "2026-10-01T00:00:00Z",
        "end": "2026-10-01T01:00:00Z",
        "kind": "tier0_uplink",
        "point": UPLINK,
        "direction": "ingress",
        "bytes": str(12 * HUGE),
        "packets": str(12 * (HUGE // 100)),
        "dropped_packets": str(12 * (HUGE // 1_000)),
        "measured_seconds": 3600,
        "inferred_seconds": 0,
        "spread_seconds": 0,
        "missing_seconds": 0,
    }
    assert list(found[1]) == list(found[0])


async def test_the_defaults_are_this_month_so_far_by_tenant_kind_and_direction(world: World) -> None:
    world.ledger.facts = [
        fact(ACME, "2026-09-30T21:55:00", 1, 1),  # September in Amsterdam
        fact(ACME, "2026-09-30T22:00:00", 10, 20),
        fact(ACME, "2026-10-02T12:00:00", 100, 200),  # the open slot
    ]
    found = await rows(world, tenant="acme")
    assert [(row["direction"], row["bytes"]) for row in found] == [("egress", "220"), ("ingress", "110")]
    assert {row["start"] for row in found} == {"2026-09-30T22:00:00Z"}
    assert {row["end"] for row in found} == {"2026-10-02T12:05:00Z"}
    assert "point" not in found[0]


async def test_a_sum_over_kinds_is_external_traffic_alone(world: World) -> None:
    world.ledger.facts = [
        fact(ACME, "2026-10-01T00:00:00", 10, 20),
        fact(ACME, "2026-10-01T00:00:00", 1, 2, kind=Kind.SERVICE_INTERFACE, point=LINK),
        fact(ACME, "2026-10-01T00:00:00", 5, 5, kind=Kind.IPSEC_VPN, point=f"{LINK}/ipsec"),
    ]
    summed = await rows(world, tenant="acme", by="tenant,direction")
    assert [(row["direction"], row["bytes"]) for row in summed] == [("egress", "22"), ("ingress", "11")]
    named = await rows(world, tenant="acme", by="tenant", kind="ipsec_vpn,tier0_uplink")
    assert [row["bytes"] for row in named] == ["40"]
    apart = await rows(world, tenant="acme", direction="ingress")
    assert {row["kind"]: row["bytes"] for row in apart} == {
        "ipsec_vpn": "5",
        "service_interface": "1",
        "tier0_uplink": "10",
    }


async def test_the_default_start_is_the_month_of_the_end(world: World) -> None:
    world.ledger.facts = [fact(ACME, "2026-02-01T00:00:00", 1, 1)]
    found = await rows(world, end="2026-03-01T00:00:00Z")
    assert {(row["start"], row["end"]) for row in found} == {("2026-02-01T00:00:00Z", "2026-03-01T00:00:00Z")}


@pytest.mark.parametrize(
    ("by", "expected"),
    [
        ("tenant", [{"tenant": "acme", "bytes": "330"}, {"tenant": "globex", "bytes": "3000"}]),
        ("direction", [{"direction": "egress", "bytes": "2220"}, {"direction": "ingress", "bytes": "1110"}]),
        ("kind", [{"kind": "tier0_uplink", "bytes": "3030"}, {"kind": "tier1_downlink", "bytes": "300"}]),
        ("point", [{"point": UPLINK, "bytes": "3030"}, {"point": LINK, "bytes": "300"}]),
        ("", [{"bytes": "3330"}]),
        (
            "direction,kind",
            [
                {"kind": "tier0_uplink", "direction": "egress", "bytes": "2020"},
                {"kind": "tier0_uplink", "direction": "ingress", "bytes": "1010"},
                {"kind": "tier1_downlink", "direction": "egress", "bytes": "200"},
                {"kind": "tier1_downlink", "direction": "ingress", "bytes": "100"},
            ],
        ),
    ],
)
async def test_rows_are_grouped_and_other_keys_are_absent(
    world: World, by: str, expected: list[dict[str, str]]
) -> None:
    world.ledger.facts = [
        fact(ACME, "2026-10-01T10:00:00", 10, 20),
        fact(ACME, "2026-10-01T10:05:00", 100, 200, kind=Kind.TIER1_DOWNLINK, point=LINK),
        fact(GLOBEX, "2026-10-01T10:00:00", 1_000, 2_000),
    ]
    found = await rows(world, by=by)
    keys = ("tenant", "kind", "point", "direction", "bytes")
    assert [{key: row[key] for key in keys if key in row} for row in found] == expected


async def test_a_scoped_token_sees_and_sums_its_tenants_only(world: World) -> None:
    world.ledger.facts = [
        fact(ACME, "2026-10-01T10:00:00", 10, 20),
        fact(GLOBEX, "2026-10-01T10:00:00", 1_000, 2_000),
        fact(Tenant(id=UNATTRIBUTED, name="", timezone="UTC"), "2026-10-01T10:00:00", 5, 5),
    ]
    assert {row["tenant"] for row in await rows(world, ACME_SECRET)} == {"acme"}
    assert [row["bytes"] for row in await rows(world, ACME_SECRET, by="direction")] == ["20", "10"]
    assert [row["tenant"] for row in await rows(world, by="tenant")] == ["acme", "globex", "unattributed"]
    assert [row["bytes"] for row in await rows(world, by="direction")] == ["2025", "1015"]


@pytest.mark.parametrize(
    "filters",
    [
        "kind=tier1_downlink",
        "kind=tier1_downlink,service_interface",
        "kind=tier1_downlink&kind=service_interface",
        f"point={LINK}",
        f"point={LINK},nsx-b:/x",
        "point=nsx-b:/x&point=" + LINK,
    ],
)
async def test_filters_take_lists(world: World, filters: str) -> None:
    world.ledger.facts = [
        fact(ACME, "2026-10-01T10:00:00", 10, 20),
        fact(ACME, "2026-10-01T10:05:00", 100, 200, kind=Kind.TIER1_DOWNLINK, point=LINK),
    ]
    _, _, body = await world.get(f"/api/v1/usage?by=direction&direction=ingress&{filters}")
    assert [row["bytes"] for row in json.loads(body)["rows"]] == ["100"]


async def test_a_comma_inside_a_path_parts_no_labels(world: World) -> None:
    odd = "nsx-ams1:/infra/tier-1s/a,b"
    world.ledger.facts = [fact(ACME, "2026-10-01T10:00:00", 10, 20, point=odd), fact(ACME, "2026-10-01T10:00:00", 1, 1)]
    assert [row["point"] for row in await rows(world, by="point", point=odd)] == [odd]
    assert len(await rows(world, by="point", point=f"{odd},{UPLINK}")) == 2


async def test_days_are_the_tenants_and_hours_are_utc(world: World) -> None:
    world.ledger.facts = [
        fact(GLOBEX, "2026-09-30T18:10:00", 1, 1),  # 23:55 on 30 September in Kathmandu
        fact(GLOBEX, "2026-09-30T18:15:00", 10, 10),
        fact(GLOBEX, "2026-10-01T18:10:00", 100, 100),
    ]
    span = {"tenant": "globex", "start": "2026-09-30", "end": "2026-10-02", "by": "tenant"}
    days = await rows(world, granularity="day", **span)
    assert [(row["start"], row["end"], row["bytes"]) for row in days] == [
        ("2026-09-29T18:15:00Z", "2026-09-30T18:15:00Z", "2"),
        ("2026-09-30T18:15:00Z", "2026-10-01T18:15:00Z", "220"),
    ]
    hours = await rows(world, granularity="hour", **span)
    assert [(row["start"], row["end"], row["bytes"]) for row in hours] == [
        ("2026-09-30T18:00:00Z", "2026-09-30T19:00:00Z", "22"),
        ("2026-10-01T18:00:00Z", "2026-10-01T18:15:00Z", "200"),
    ]


@pytest.mark.parametrize(("day", "length"), [("2026-03-29", 23 * 3600), ("2026-10-25", 25 * 3600)])
async def test_a_day_with_a_clock_change_has_its_own_length(world: World, day: str, length: int) -> None:
    world.clock.jump(at("2026-11-15T00:00:00"))
    world.ledger.facts = [fact(ACME, f"{day}T10:00:00", 1, 1)]
    following = f"{day[:8]}{int(day[8:]) + 1}"
    (row,) = await rows(world, tenant="acme", start=day, end=following, granularity="day", by="tenant")
    assert seconds(row) == (300, 0, 0, length - 300)


async def test_months_are_cut_at_the_ends(world: World) -> None:
    world.ledger.facts = [
        fact(ACME, "2026-07-20T12:00:00", 1, 0),
        fact(ACME, "2026-08-10T12:00:00", 2, 0),
        fact(ACME, "2026-09-03T12:00:00", 3, 0),
    ]
    found = await rows(world, tenant="acme", start="2026-07-15", end="2026-09-05", granularity="month", by="tenant")
    assert [(row["start"], row["end"], row["bytes"]) for row in found] == [
        ("2026-07-14T22:00:00Z", "2026-07-31T22:00:00Z", "1"),
        ("2026-07-31T22:00:00Z", "2026-08-31T22:00:00Z", "2"),
        ("2026-08-31T22:00:00Z", "2026-09-04T22:00:00Z", "3"),
    ]


async def test_part_of_one_hour_is_one_row(world: World) -> None:
    world.ledger.facts = [fact(ACME, "2026-10-01T10:10:00", 1, 2), fact(ACME, "2026-10-01T10:20:00", 5, 5)]
    found = await rows(world, start="2026-10-01T10:05:00Z", end="2026-10-01T10:20:00Z", granularity="hour", by="tenant")
    assert [(row["start"], row["end"], row["bytes"]) for row in found] == [
        ("2026-10-01T10:05:00Z", "2026-10-01T10:20:00Z", "3")
    ]


async def test_seconds_are_cumulative_and_add_up(world: World) -> None:
    world.ledger.facts = [
        fact(ACME, "2026-10-01T10:00:00", 1, 1, coverage=Coverage(99_900, 50_550, 49_800)),
        fact(ACME, "2026-10-01T10:05:00", 0, 0, coverage=Coverage(0, 1, 299_998)),
    ]
    first, second = await rows(world, granularity="slot", by="tenant")
    # Cumulative milliseconds: 99 900, 150 450, 200 250, 300 000.
    assert seconds(first) == (99, 51, 50, 100)
    assert seconds(second) == (0, 0, 299, 1)
    (total,) = await rows(
        world, start="2026-10-01T10:00:00Z", end="2026-10-01T10:10:00Z", granularity="total", by="tenant"
    )
    assert seconds(total) == (99, 51, 350, 100)


async def test_the_open_slot_is_served_and_the_future_is_not_missing(world: World) -> None:
    world.ledger.facts = [fact(ACME, "2026-10-02T12:00:00", 7, 7, coverage=Coverage(measured_ms=180_000))]
    (slot,) = await rows(world, granularity="slot", by="tenant")
    assert seconds(slot) == (180, 0, 0, 120)
    (hour,) = await rows(
        world, start="2026-10-02T11:00:00Z", end="2026-10-02T14:00:00Z", granularity="hour", by="tenant"
    )
    assert hour["end"] == "2026-10-02T13:00:00Z"
    assert seconds(hour) == (180, 0, 0, 120)
    (day,) = await rows(world, tenant="acme", start="2026-10-02", end="2026-10-05", granularity="day", by="tenant")
    assert seconds(day) == (180, 0, 0, 14 * 3600 + 300 - 180)


async def test_usage_of_a_device_whose_clock_is_ahead_is_shown(world: World) -> None:
    world.ledger.facts = [fact(ACME, "2026-10-02T12:10:00", 7, 7, coverage=Coverage(measured_ms=1_500))]
    (row,) = await rows(
        world, start="2026-10-02T12:00:00Z", end="2026-10-02T12:30:00Z", granularity="slot", by="tenant"
    )
    assert row["bytes"] == "14"
    assert seconds(row) == (1, 0, 0, 299)


async def test_a_slot_with_coverage_and_no_traffic_is_a_row_of_zeros(world: World) -> None:
    world.ledger.facts = [fact(ACME, "2026-10-01T10:00:00", 0, 0)]
    (row,) = await rows(world, granularity="slot", by="tenant")
    assert (row["bytes"], row["packets"], row["dropped_packets"]) == ("0", "0", "0")
    assert seconds(row) == (300, 0, 0, 0)


async def test_a_sum_over_tenants_is_covered_like_the_worst_of_them(world: World) -> None:
    world.ledger.facts = [
        fact(ACME, "2026-10-01T10:00:00", 1, 1, coverage=Coverage(measured_ms=300_000)),
        fact(GLOBEX, "2026-10-01T10:00:00", 1, 1, coverage=Coverage(100_000, 50_000, 60_000)),
    ]
    (row,) = await rows(world, granularity="slot", by="")
    assert row["bytes"] == "4"
    assert seconds(row) == (100, 50, 60, 90)


async def test_days_of_two_zones_are_rows_of_their_own_in_a_sum(world: World) -> None:
    world.ledger.facts = [fact(tenant, "2026-10-01T10:00:00", 1, 0) for tenant in (ACME, GLOBEX)]
    found = await rows(
        world, start="2026-10-01T00:00:00Z", end="2026-10-02T00:00:00Z", granularity="day", by="direction"
    )
    assert [(row["start"], row["end"], row["direction"]) for row in found] == [
        ("2026-10-01T00:00:00Z", "2026-10-01T18:15:00Z", "egress"),
        ("2026-10-01T00:00:00Z", "2026-10-01T18:15:00Z", "ingress"),
        ("2026-10-01T00:00:00Z", "2026-10-01T22:00:00Z", "egress"),
        ("2026-10-01T00:00:00Z", "2026-10-01T22:00:00Z", "ingress"),
    ]


async def test_a_plus_that_was_not_escaped_is_understood(world: World) -> None:
    world.ledger.facts = [fact(ACME, "2026-09-30T22:00:00", 1, 0)]
    query = "start=2026-10-01T00:00:00+02:00&end=2026-10-01T00:05:00%2B02:00&by=tenant"
    _, _, body = await world.get(f"/api/v1/usage?{query}")
    assert json.loads(body)["rows"][0]["start"] == "2026-09-30T22:00:00Z"


BAD = {
    "start=2026-10-02T00:00:00Z&end=2026-10-01T00:00:00Z": "start",
    "start=2026-10-01T00:00:00Z&end=2026-10-01T00:00:00Z": "start",
    "start=2027-01-01": "start",
    "start=2026-10-01T00:00:01Z": "start",
    "end=2026-10-01T00:01:00Z": "end",
    "start=yesterday": "start",
    "start=2026-10-01T00:00:00": "start",
    "start=1969-12-31": "start",
    "start=1970-01-01T00:00:00%2B02:00": "start",
    "start=": "start",
    "start=2026-10-01&start=2026-10-01": "start",
    "start=2025-01-01&end=2026-10-01&granularity=slot": "end",
    "start=2025-01-01&end=2026-10-01&granularity=hour": "end",
    "start=2020-01-01&end=2026-10-01&granularity=day": "end",
    "start=2000-01-01&end=2026-10-01&granularity=month": "end",
    "start=1970-01-01&end=2999-10-01": "end",
    "granularity=week": "granularity",
    "granularity=": "granularity",
    "by=tenant,port": "by",
    "kind=router": "kind",
    "direction=up": "direction",
    "format=xml": "format",
    "format=json&format=csv": "format",
    "limit=0": "limit",
    "limit=10001": "limit",
    "limit=-1": "limit",
    "limit=1e3": "limit",
    "limit=١": "limit",
    "limit=": "limit",
    "limit=99999999999999999999": "limit",
    "tenant=": "tenant",
    "tenant=acme&tenant=globex": "tenant",
    "tennant=acme": "tennant",
    "tenant=a%00b": "tenant",
    "point=" + "x" * 2_049: "point",
    "point=" + ",a:/".join("x" * 300): "point",
    "cursor=x": "cursor",
    "cursor=x&cursor=x": "cursor",
    "cursor=é": "cursor",
    "cursor=W10": "cursor",
    "cursor=" + "A" * 2_049: "cursor",
}


@pytest.mark.parametrize("query", BAD)
async def test_a_wrong_parameter_is_named_in_a_400(world: World, query: str) -> None:
    status, headers, body = await world.get(f"/api/v1/usage?{query}")
    problem = json.loads(body)
    assert status == problem["status"] == 400
    assert headers["Content-Type"] == "application/problem+json"
    assert problem["parameter"] == BAD[query]
    assert problem["detail"].startswith(f"{BAD[query]}: ")
    assert problem["instance"] == "/api/v1/usage"
    assert len(body) < 700


async def test_the_longest_ranges_are_taken(world: World) -> None:
    world.ledger.facts = [fact(ACME, "2026-01-01T00:00:00", 1, 1)]
    for granularity, start in (("slot", "2025-09-01"), ("day", "2024-01-01"), ("total", "2017-01-01")):
        found = await rows(world, tenant="acme", start=start, end="2026-10-01", granularity=granularity, by="tenant")
        assert [row["bytes"] for row in found] == ["2"]


async def test_a_ledger_that_cannot_be_read_is_503_without_its_path(world: World) -> None:
    world.ledger.fault = busy()
    for path in ("usage", "usage?tenant=acme&start=2026-10-01", "tenants", "events"):
        status, headers, body = await world.get(f"/api/v1/{path}")
        assert status == 503
        assert headers["Retry-After"] == "5"
        assert b"/var/lib" not in body
