"""Statistics answers to rows: what is lacking stays lacking, and one bad row costs no other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.model.sample import COUNTER_MAX, Counters, Row
from collector.sources.nsxt.statistics import FAULTS_MAX, Malformed, per_node_rows, summary_row

NOW = 1_700_000_000_000
AT = NOW - 1_000
GOOD = f'{{"transport_node_id":"good","last_update_timestamp":{AT},"rx":{{"total_bytes":5}},"tx":{{"total_bytes":6}}}}'


def rows_of(*rows: str, fallback: str | None = None) -> tuple[dict[str, Row], list[str]]:
    body = '{"logical_router_port_id":"port","per_node_statistics":[' + ",".join(rows) + "]}"
    rows_read, faults = per_node_rows(body.encode(), NOW, fallback)
    return {row.node: row for row in rows_read}, faults


def test_what_a_row_lacks_is_none_and_never_zero() -> None:
    rows, faults = rows_of('{"transport_node_id":"a"}', '{"transport_node_id":"b","rx":{"total_packets":7},"tx":null}')
    assert rows["a"].sample == (0, NOW, Counters())
    assert rows["b"].sample == (0, NOW, Counters(rx_packets=7))
    assert not faults


@pytest.mark.parametrize("body", ['{"logical_router_port_id":"p"}', '{"per_node_statistics":[]}'])
def test_an_answer_without_rows_is_an_empty_reading(body: str) -> None:
    assert per_node_rows(body.encode(), NOW, None) == ((), [])


@given(st.lists(st.integers(0, COUNTER_MAX), min_size=6, max_size=6))
def test_counters_are_exact_up_to_the_greatest(values: list[int]) -> None:
    names = ("total_bytes", "total_packets", "dropped_packets")
    row = {
        "transport_node_id": "a",
        "last_update_timestamp": AT,
        "rx": dict(zip(names, values[0::2], strict=True)),
        "tx": dict(zip(names, values[1::2], strict=True)),
    }
    rows, faults = rows_of(json.dumps(row))
    assert rows["a"].sample.counters == tuple(values)
    assert not faults


@pytest.mark.parametrize(
    "value", ["true", "-1", "18446744073709551616", "1.0", "1e3", '"5"', "[]", "{}", "1e400", str(10**40)]
)
def test_a_counter_that_cannot_be_is_lacking_and_told(value: str) -> None:
    counters = f'{{"total_bytes":{value},"total_packets":3}}'
    bad = f'{{"transport_node_id":"bad","last_update_timestamp":{AT},"rx":{counters}}}'
    rows, faults = rows_of(bad, GOOD)
    assert rows["bad"].sample == (AT, NOW, Counters(rx_packets=3))
    assert rows["good"].sample == (AT, NOW, Counters(rx_bytes=5, tx_bytes=6))
    assert len(faults) == 1
    assert "bad" in faults[0]
    assert "taken as lacking" in faults[0]


@pytest.mark.parametrize("value", ["-5", '"now"', "true", "1.5", "99999999999999999999"])
def test_a_time_that_is_none_is_lacking(value: str) -> None:
    rows, faults = rows_of(f'{{"transport_node_id":"bad","last_update_timestamp":{value},"rx":{{"total_bytes":1}}}}')
    assert rows["bad"].sample == (0, NOW, Counters(rx_bytes=1))
    assert len(faults) == 1


@pytest.mark.parametrize("rx", ["7", '"x"', "[1]"])
def test_counters_that_are_no_object_are_lacking(rx: str) -> None:
    rows, faults = rows_of(
        f'{{"transport_node_id":"bad","last_update_timestamp":{AT},"rx":{rx},"tx":{{"total_bytes":1}}}}'
    )
    assert rows["bad"].sample.counters == Counters(tx_bytes=1)
    assert len(faults) == 1


@pytest.mark.parametrize("bad", ["7", "null", '{"transport_node_id":7}', "[]"])
def test_a_row_that_is_nobodys_is_left_out_and_the_others_stay(bad: str) -> None:
    rows, faults = rows_of(bad, GOOD)
    assert set(rows) == {"good"}
    assert faults


def test_a_row_without_a_node_belongs_to_the_one_asked_for() -> None:
    nameless = f'{{"last_update_timestamp":{AT},"rx":{{"total_bytes":1}}}}'
    rows, faults = rows_of(nameless, fallback="asked")
    assert set(rows) == {"asked"}
    assert not faults
    assert set(rows_of(nameless)[0]) == set()
    assert rows_of(nameless)[1] == ["a row has no transport_node_id, and none was asked for"]
    broken = f'{{"last_update_timestamp":{AT},"rx":{{"total_bytes":true}}}}'
    assert set(rows_of(broken, fallback="asked")[0]) == {"asked"}


def test_of_several_rows_without_a_node_nobody_knows_whose_they_are() -> None:
    nameless = f'{{"last_update_timestamp":{AT},"rx":{{"total_bytes":1}}}}'
    rows, faults = rows_of(nameless, nameless, GOOD, fallback="asked")
    assert set(rows) == {"good"}
    assert "nobody can say whose they are" in faults[0]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"logical_router_port_id":"p","per_node_statistics":{}}',
        b'{"logical_router_port_id":"p","per_node_statistics":[',
        b"<html></html>",
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"a":' * 100_000,
    ],
)
def test_what_is_no_statistics_is_malformed(body: bytes) -> None:
    with pytest.raises(Malformed):
        per_node_rows(body, NOW, None)
    with pytest.raises(Malformed):
        summary_row(body.replace(b'"logical_router_port_id"', b'"x"'), NOW)


def test_a_summary_with_empty_ids_is_one_row() -> None:
    body = {"logical_router_port_id": "", "last_update_timestamp": AT, "rx": {"total_bytes": 1}, "tx": {}}
    rows, faults = summary_row(json.dumps(body).encode(), NOW)
    assert rows == (Row("", "summary", (AT, NOW, Counters(rx_bytes=1))),)  # type: ignore[arg-type]  # equal as tuples
    assert not faults


def test_a_summary_with_one_bad_counter_keeps_the_others() -> None:
    rows, faults = summary_row(b'{"logical_router_port_id":"p","rx":{"total_bytes":1.5},"tx":{"total_bytes":2}}', NOW)
    assert rows[0].sample.counters == Counters(tx_bytes=2)
    assert len(faults) == 1


def test_the_faults_of_an_answer_are_bounded() -> None:
    rows, faults = rows_of(*(f'{{"transport_node_id":"n{number}","rx":7}}' for number in range(100)))
    assert len(rows) == 100
    assert len(faults) == FAULTS_MAX


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**70), 2**70) | st.floats() | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["rx", "tx", "total_bytes", "transport_node_id"]), inner, max_size=3)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["logical_router_port_id", "per_node_statistics", "rx", "tx"]), JSON, max_size=4)
)
def test_no_answer_breaks_the_reader_or_brings_an_impossible_counter(answer: dict[str, Any]) -> None:
    body = json.dumps(answer).encode()
    for is_summary in (False, True):
        try:
            rows, _ = summary_row(body, NOW) if is_summary else per_node_rows(body, NOW, "asked")
        except Malformed:
            continue
        for row in rows:
            assert row.node
            for value in row.sample.counters:
                assert value is None or (type(value) is int and 0 <= value <= COUNTER_MAX)


@pytest.mark.parametrize("at", [1, NOW - 367 * 86_400_000, NOW + 367 * 86_400_000, 253_402_300_799_999])
def test_a_time_more_than_a_year_from_ours_is_lacking(at: int) -> None:
    row = f'{{"transport_node_id":"odd","last_update_timestamp":{at},"rx":{{"total_bytes":1}}}}'
    rows, faults = rows_of(row, GOOD)
    assert rows["odd"].sample.at == 0
    assert rows["good"].sample.at == AT
    assert "more than a year" in faults[0]
