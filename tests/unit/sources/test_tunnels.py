"""Statistics of VPN sessions to rows and states: an alarm is an error, and what is lacking is never zero."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.errors import ResponseInvalid, SourceUnavailable
from collector.model.sample import COUNTER_MAX, Counters, Row, Sample
from collector.sources.nsxt.statistics import FAULTS_MAX, Malformed
from collector.sources.nsxt.tunnels import TunnelAnswer, ipsec_answer, l2vpn_answer

NOW = 1_700_000_000_000
DATE = NOW - 2_000
HERE = "default/default"
SITE = "/infra/sites/default/enforcement-points/default"
INTENT = "/infra/tier-1s/t1-acme/l2vpn-services/l2/sessions/s1"


def body(*results: Any) -> bytes:
    return json.dumps({"intent_path": INTENT, "results": list(results)}).encode()


def traffic(value: int, **more: Any) -> dict[str, Any]:
    return {"bytes_in": value, "bytes_out": value + 1, "packets_in": value + 2, "packets_out": value + 3} | more


def tap(value: int) -> dict[str, Any]:
    return traffic(value, packets_receive_error=value + 4, packets_sent_error=value + 5)


def counted(value: int) -> Counters:
    return Counters(*(value + number for number in range(6)))


def l2vpn(answer: bytes, node: str | None = HERE, counted: Any = "taps") -> TunnelAnswer:
    return l2vpn_answer(answer, DATE, NOW, node, counted)


def ipsec(**fields: Any) -> TunnelAnswer:
    result = {"enforcement_point_path": SITE, "last_update_timestamp": DATE} | fields
    return ipsec_answer(body(result), NOW, HERE)


def tunnels(*states: str) -> list[dict[str, Any]]:
    return [{"rule_path": "r", "tunnel_statistics": [{"tunnel_status": state}]} for state in states]


# --- L2VPN -----------------------------------------------------------------------------------------------------------


def test_each_tap_of_an_l2vpn_session_is_a_row_with_the_time_of_the_answer() -> None:
    found = l2vpn(body({"enforcement_point_path": SITE, "tap_traffic_counters": [tap(100), tap(7)]}))
    assert found.rows == (
        Row("tap-0", HERE, Sample(DATE, NOW, counted(100))),
        Row("tap-1", HERE, Sample(DATE, NOW, counted(7))),
    )
    assert found.faults == ()
    assert found.state is None


def test_segments_are_read_instead_of_taps_and_never_beside_them() -> None:
    result = {
        "enforcement_point_path": SITE,
        "tap_traffic_counters": [tap(1)],
        "traffic_statistics_per_segment": [
            {"segment_path": "/infra/segments/net-a", "bum_bytes_in": 3} | tap(10),
            {"segment_path": "/infra/segments/net-b"} | tap(20),
        ],
    }
    assert [row.port for row in l2vpn(body(result)).rows] == ["tap-0"]
    found = l2vpn(body(result), counted="segments").rows
    assert [(row.port, row.sample.counters) for row in found] == [
        ("/infra/segments/net-a", counted(10)),
        ("/infra/segments/net-b", counted(20)),
    ]


def test_a_segment_that_is_listed_twice_or_has_no_path_is_left_out_and_told() -> None:
    twice = {"segment_path": "/infra/segments/net-a"}
    listed = [twice | tap(1), twice | tap(2), tap(3), {"segment_path": "/infra/segments/net-b"} | tap(4)]
    found = l2vpn(body({"traffic_statistics_per_segment": listed}), counted="segments")
    assert [row.port for row in found.rows] == ["/infra/segments/net-b"]
    assert any("several rows of /infra/segments/net-a" in fault for fault in found.faults)


def test_a_session_without_taps_has_no_rows() -> None:
    assert l2vpn(body({"enforcement_point_path": SITE})) == ((), (), None)
    assert l2vpn(body()) == ((), (), None)


# --- IPsec -----------------------------------------------------------------------------------------------------------


def test_an_ipsec_session_is_one_row_with_its_own_time_and_its_drops() -> None:
    found = ipsec(aggregate_traffic_counters=traffic(50, dropped_packets_in=54, dropped_packets_out=55))
    assert found.rows == (Row("ipsec", HERE, Sample(DATE, NOW, counted(50))),)
    assert found.faults == ()


@pytest.mark.parametrize(
    ("ike", "policies", "state"),
    [
        ({"ike_session_state": "UP"}, ["UP", "UP"], "UP"),
        ({"ike_session_state": "UP"}, ["UP", "DOWN"], "DEGRADED"),
        ({"ike_session_state": "DOWN", "fail_reason": "peer"}, ["DOWN"], "DOWN"),
        ({"ike_session_state": "DOWN"}, [], "DOWN"),
        ({"ike_session_state": "NEGOTIATING"}, [], "NEGOTIATING"),
        ({"ike_session_state": "UP"}, ["DOWN", "DOWN"], "DEGRADED"),
        ("UP", ["UP"], "UP"),
        (None, ["down"], "DOWN"),
        (None, [], None),
    ],
)
def test_the_state_is_that_of_all_or_degraded(ike: Any, policies: list[str], state: str | None) -> None:
    found = ipsec(ike_status=ike, policy_statistics=tunnels(*policies))
    assert found.state == state
    assert found.faults == ()


def test_what_an_ipsec_answer_lacks_is_none_and_never_zero() -> None:
    found = ipsec_answer(body({"enforcement_point_path": SITE}), NOW, HERE)
    assert found.rows == (Row("ipsec", HERE, Sample(0, NOW, Counters())),)
    assert ipsec(aggregate_traffic_counters={"bytes_in": 5}).rows[0].sample.counters == Counters(rx_bytes=5)


@pytest.mark.parametrize("value", [True, -1, COUNTER_MAX + 1, 1.0, "5", [], {}])
def test_a_counter_that_cannot_be_is_lacking_and_told(value: Any) -> None:
    found = ipsec(aggregate_traffic_counters={"bytes_in": value, "bytes_out": 7})
    assert found.rows[0].sample == (DATE, NOW, Counters(tx_bytes=7))
    assert len(found.faults) == 1
    assert "aggregate_traffic_counters bytes_in" in found.faults[0]


@pytest.mark.parametrize("value", [-5, "now", True, 1.5, NOW + 10**12, 10**30])
def test_a_time_that_is_none_is_lacking_and_told(value: Any) -> None:
    found = ipsec(last_update_timestamp=value, aggregate_traffic_counters=traffic(1))
    assert found.rows[0].sample.at == 0
    assert len(found.faults) == 1


@given(st.integers(0, COUNTER_MAX))
def test_counters_are_exact_up_to_the_greatest(value: int) -> None:
    assert ipsec(aggregate_traffic_counters={"bytes_in": value}).rows[0].sample.counters.rx_bytes == value


# --- enforcement points and alarms -----------------------------------------------------------------------------------


@pytest.mark.parametrize("error_id", ["CONNECTION_FAILED", "", "100", None])
def test_an_alarm_is_an_error_that_may_pass(error_id: str | None) -> None:
    alarm = {"error_id": error_id, "message": "enforcement point\n is not reachable"}
    with pytest.raises(SourceUnavailable, match="enforcement point is not reachable"):
        l2vpn(body({"enforcement_point_path": SITE, "alarm": alarm, "tap_traffic_counters": [tap(0)]}))
    with pytest.raises(SourceUnavailable):
        ipsec(alarm=alarm, aggregate_traffic_counters=traffic(0))


@pytest.mark.parametrize("error_id", ["INVALID_ENFORCEMENT_POINT", "operation not supported"])
def test_an_alarm_that_will_not_pass_is_an_invalid_answer(error_id: str) -> None:
    with pytest.raises(ResponseInvalid, match="instead of statistics"):
        ipsec(alarm={"error_id": error_id})


def test_an_alarm_that_is_no_object_is_an_error_all_the_same() -> None:
    with pytest.raises(SourceUnavailable, match="without id"):
        ipsec(alarm="gone")


def test_an_alarm_of_one_enforcement_point_does_not_hide_another() -> None:
    other = "/global-infra/sites/fra/enforcement-points/default"
    good = {"enforcement_point_path": other, "tap_traffic_counters": [tap(3)]}
    found = l2vpn(body({"enforcement_point_path": SITE, "alarm": {"message": "away"}}, good), node=None)
    assert [(row.node, row.sample.counters) for row in found.rows] == [("fra/default", counted(3))]
    assert any("enforcement point default/default: alarm" in fault for fault in found.faults)


def test_the_only_result_is_the_one_that_was_asked_for_however_it_calls_itself() -> None:
    answer = body({"enforcement_point_path": SITE, "tap_traffic_counters": [tap(3)]})
    assert [row.node for row in l2vpn(answer, node="ams/default").rows] == ["ams/default"]
    assert [row.node for row in l2vpn(answer, node=None).rows] == [HERE]


def test_of_several_results_the_one_that_was_asked_for_counts() -> None:
    sites = [f"/global-infra/sites/{site}/enforcement-points/default" for site in ("ams", "fra")]
    results = [{"enforcement_point_path": path, "tap_traffic_counters": [tap(3)]} for path in sites]
    assert [row.node for row in l2vpn(body(*results), node="fra/default").rows] == ["fra/default"]


@pytest.mark.parametrize("answer", [b"", b"[]", b"{}", b"<html>", b'{"results":', b'{"x": 1}', b"\xff", b'{"a":1e400}'])
def test_an_answer_that_is_something_else_is_malformed(answer: bytes) -> None:
    with pytest.raises(Malformed):
        l2vpn(answer)
    with pytest.raises(Malformed):
        ipsec_answer(answer, NOW, HERE)


def test_results_that_are_no_objects_are_told_a_bounded_number_of_times() -> None:
    found = l2vpn(body(*([7] * 100), {"enforcement_point_path": SITE, "tap_traffic_counters": [tap(3)]}))
    assert len(found.rows) == 1
    assert len(found.faults) == FAULTS_MAX
