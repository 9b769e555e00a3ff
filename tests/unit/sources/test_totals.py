"""Statistics of VPCs and transit gateways to rows."""

from __future__ import annotations

import json
from typing import Any

import pytest

from collector.model.identity import SUMMARY_NODE, Kind
from collector.model.sample import Counters, Row, Sample
from collector.sources.nsxt.statistics import Malformed
from collector.sources.nsxt.totals import totals

NOW = 1_700_000_000_000
AT = NOW - 1_000


def traffic(value: int, at: int | None = AT) -> dict[str, Any]:
    rx = {"total_bytes": value, "total_packets": value + 2, "dropped_packets": value + 4}
    tx = {"total_bytes": value + 1, "total_packets": value + 3, "dropped_packets": value + 5}
    return {"rx": rx, "tx": tx} | ({"last_update_timestamp": at} if at is not None else {})


def row(value: int, at: int = AT) -> Row:
    return Row("", SUMMARY_NODE, Sample(at, NOW, Counters(*(value + number for number in range(6)))))


def read(kind: Kind, answer: Any, at: int | None = None) -> tuple[tuple[Row, ...], tuple[str, ...]]:
    return totals(json.dumps(answer).encode(), kind, NOW, at)


SPLIT = {"external_traffic": traffic(100), "internal_traffic": traffic(7_000)}


@pytest.mark.parametrize(
    ("kind", "value"),
    [
        (Kind.VPC_EXTERNAL, 100),
        (Kind.VPC_INTERNAL, 7_000),
        (Kind.TRANSIT_GATEWAY_EXTERNAL, 100),
        (Kind.TRANSIT_GATEWAY_INTERNAL, 7_000),
    ],
)
def test_external_and_internal_traffic_stay_apart(kind: Kind, value: int) -> None:
    assert read(kind, SPLIT) == ((row(value),), ())


def test_an_older_vpc_has_one_sum() -> None:
    assert read(Kind.VPC, traffic(5)) == ((row(5),), ())


def test_what_has_no_time_has_none_unless_the_caller_gives_one() -> None:
    undated = {"external_traffic": traffic(100, at=None), "internal_traffic": traffic(7_000)}
    assert read(Kind.VPC_EXTERNAL, undated) == ((row(100, at=0),), ())
    assert read(Kind.TRANSIT_GATEWAY_EXTERNAL, undated, at=NOW - 500) == ((row(100, at=NOW - 500),), ())
    assert read(Kind.TRANSIT_GATEWAY_INTERNAL, undated, at=NOW - 500) == ((row(7_000),), ())


def test_an_object_without_that_kind_of_traffic_has_no_row() -> None:
    assert read(Kind.VPC_EXTERNAL, {"internal_traffic": traffic(1)}) == ((), ())


def test_what_a_part_lacks_is_none_and_what_cannot_be_is_told() -> None:
    answer = {"external_traffic": {"rx": {"total_bytes": -1, "total_packets": 4}, "tx": 7}}
    rows, faults = read(Kind.VPC_EXTERNAL, answer)
    assert rows[0].sample == (0, NOW, Counters(rx_packets=4))
    assert len(faults) == 2


@pytest.mark.parametrize("answer", [{}, [], {"rx_bytes": 5}, "text"])
def test_an_answer_that_is_something_else_is_malformed(answer: Any) -> None:
    for kind in (Kind.VPC, Kind.VPC_EXTERNAL, Kind.TRANSIT_GATEWAY_INTERNAL):
        with pytest.raises(Malformed):
            read(kind, answer)
