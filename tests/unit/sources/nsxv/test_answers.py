"""Answers about rates, in both forms: what counts, and what is refused and told."""

from __future__ import annotations

from typing import Any

import pytest

from collector.model.sample import RateSample
from collector.sources.nsxv.forms import Malformed, parsed
from collector.sources.nsxv.statistics import Rates, ordered, rates
from tests.unit.sources.nsxv.fake_nsxv import MINUTE, NOW, FakeEdge, FakeNsxv, FakeVnic, Number

SECONDS = NOW // 1_000
FORMS = ["json", "xml", "xml with a namespace"]


def body(edge: FakeEdge, form: str) -> bytes:
    manager = FakeNsxv(edge)
    manager.xml = form != "json"
    manager.namespace = "http://example.net/nsx" if "namespace" in form else ""
    answer = manager.rates(edge, edge.vnics)
    content = getattr(answer, "body", None)
    assert isinstance(content, bytes)
    return content


def read(edge: FakeEdge, form: str = "json", *, now: int = NOW, kilo: int = 1_000) -> Rates:
    return rates(body(edge, form), now, kilo)


def uplink(*samples: tuple[Any, Any, Any], index: int = 0, **fields: Any) -> FakeEdge:
    return FakeEdge("edge-1", vnics=[FakeVnic(index, samples=list(samples))], **fields)


def words(found: Rates, index: int = 0) -> str:
    return "\n".join(found.faults_of(index))


@pytest.mark.parametrize("form", FORMS)
def test_rates_become_bytes_of_each_vnic(form: str) -> None:
    edge = FakeEdge(
        "edge-1",
        vnics=[
            FakeVnic(0, samples=[(SECONDS - 300, Number("18423.51"), Number("4120.07")), (SECONDS, Number("1"), 0)]),
            FakeVnic(3, samples=[(SECONDS, Number("9.19e+02"), Number("8E-3"))]),
        ],
    )
    found = read(edge, form)
    assert found.faults == []
    assert dict(found.samples) == {
        0: [RateSample(NOW - 5 * MINUTE, 300_000, 690_881_625, 154_502_625), RateSample(NOW, 300_000, 37_500, 0)],
        3: [RateSample(NOW, 300_000, 34_462_500, 300)],
    }
    assert [(vnic.index, vnic.type) for vnic in found.vnics] == [(0, "uplink"), (3, "uplink")]


@pytest.mark.parametrize("form", FORMS)
def test_times_are_in_seconds_or_milliseconds_each_by_itself(form: str) -> None:
    found = read(uplink((SECONDS - 300, 1, 1), (NOW, 1, 1), since=NOW - 3_600_000), form)
    assert [sample.at for sample in found.samples[0]] == [NOW - 300_000, NOW]
    assert found.since == NOW - 3_600_000
    assert read(uplink(since=SECONDS - 3_600), form).since == NOW - 3_600_000


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("interval", [None, 0, -300, 86_401, 300_000, "300.5", "soon", Number("1e400")])
def test_without_a_believable_interval_every_sample_is_refused(interval: Any, form: str) -> None:
    found = read(uplink((SECONDS, 1, 1), interval=interval), form)
    assert not found.samples
    assert "interval" in words(found)
    assert "refused" in words(found, index=4), "it concerns every vNIC of the edge"
    assert read(uplink(interval=interval), form).faults == [], "where there is no sample, nothing is refused"


@pytest.mark.parametrize("form", FORMS)
def test_the_interval_of_the_answer_counts_not_a_usual_one(form: str) -> None:
    assert read(uplink((SECONDS, 1, 1), interval=1_800), form).samples[0] == [
        RateSample(NOW, 1_800_000, 225_000, 225_000)
    ]
    assert read(uplink((SECONDS, 1, 1), interval=Number("300.0")), form, kilo=1_024).samples[0] == [
        RateSample(NOW, 300_000, 38_400, 38_400)
    ]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bad", ["NaN", "-1", "-0.001", "Infinity", "100000000001", "1e300", "much", ""])
@pytest.mark.parametrize("name", ["in", "out"])
def test_a_rate_that_is_none_costs_its_sample_and_is_told(bad: str, name: str, form: str) -> None:
    pair = (bad, 1) if name == "in" else (1, bad)
    found = read(uplink((SECONDS, *pair), (SECONDS - 300, 1, 1)), form)
    assert [sample.at for sample in found.samples[0]] == [NOW - 300_000]
    assert f"vNIC 0 at 2026-10-21T12:00:00Z: {name} " in words(found)
    assert words(found, index=1) == "", "it is no fault of another vNIC"


def test_json_may_write_what_is_no_number_without_quotes() -> None:
    found = read(uplink((SECONDS, Number("NaN"), 1), (SECONDS - 300, Number("-Infinity"), 1)))
    assert not found.samples
    assert len(found.faults_of(0)) == 2


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("bad", [0, "noon", SECONDS + 3_700, SECONDS - 367 * 86_400, Number("1e300")])
def test_a_time_that_is_none_costs_its_sample_and_is_told(bad: Any, form: str) -> None:
    found = read(uplink((bad, 1, 1), (SECONDS, 1, 1)), form)
    assert [sample.at for sample in found.samples[0]] == [NOW]
    assert "no believable time" in words(found)


def test_an_interval_that_is_not_over_by_the_managers_clock_waits_for_a_later_poll() -> None:
    edge = uplink((SECONDS + 1, 1, 1), (SECONDS, 1, 1))
    assert [sample.at for sample in read(edge).samples[0]] == [NOW]
    assert read(edge).faults == []
    assert [sample.at for sample in read(edge, now=NOW + 1_000).samples[0]] == [NOW + 1_000, NOW]


@pytest.mark.parametrize("form", FORMS)
def test_an_answer_without_samples_is_no_fault(form: str) -> None:
    found = read(FakeEdge("edge-1", vnics=[FakeVnic(0)]), form)
    assert not found.samples
    assert found.faults == []
    assert found.indexes() == {0}


@pytest.mark.parametrize(
    "answer",
    [
        b"<statistics><data/></statistics>",
        b"<statistics/>",
        b'{"dataDto": {}}',
        b'{"metaDto": null, "dataDto": {}}',
        b'{"metaDto": {}}',
        b'{"dataDto": {"vnic_0": null}, "metaDto": {"interval": 300}}',
    ],
)
def test_empty_answers_of_many_kinds(answer: bytes) -> None:
    found = rates(answer, NOW, 1_000)
    assert (dict(found.samples), found.faults) == ({}, [])


def test_figures_of_the_dashboard_are_not_billed() -> None:
    at = b'[{"timestamp": %d, "value": 5.0, "in": 1, "out": 1, "vnic": 0}]' % SECONDS
    inner = rates(b'{"dataDto": {"interfaces": {"vnic_0_in_byte": %b}}, "metaDto": {"interval": 300}}' % at, NOW, 1_000)
    outer = rates(b'{"dataDto": {"vnic_0_in_byte": %b}, "metaDto": {"interval": 300}}' % at, NOW, 1_000)
    for found in (inner, outer):
        assert not found.samples
        assert "not billed" in words(found)


@pytest.mark.parametrize(
    ("row", "told"),
    [
        (b'{"timestamp": %d, "in": 1}', "out is lacking"),
        (b'{"timestamp": %d, "in": null, "out": 1}', "in is lacking"),
        (b'{"timestamp": %d, "in": [1], "out": 1}', "in is lacking"),
        (b'{"timestamp": %d, "in": true, "out": 1}', "'true' is no rate"),
        (b'{"vnic": 1, "timestamp": %d, "in": 1, "out": 1}', "stands under vnic_0"),
        (b'{"vnic": "zero", "timestamp": %d, "in": 1, "out": 1}', "names no vNIC"),
        (b"[%d]", "is no object"),
    ],
)
def test_a_row_that_is_no_sample_costs_no_other(row: bytes, told: str) -> None:
    good = b'{"timestamp": %d, "in": 1, "out": 1}' % (SECONDS - 300)
    found = rates(
        b'{"dataDto": {"vnic_0": [%b, %b]}, "metaDto": {"interval": 300}}'
        % (row.replace(b"%d", b"%d" % SECONDS), good),
        NOW,
        1_000,
    )
    assert [sample.at for sample in found.samples[0]] == [NOW - 300_000]
    assert told in words(found)


def test_a_series_that_is_no_list_costs_no_other() -> None:
    good = b'[{"timestamp": %d, "in": 1, "out": 1}]' % SECONDS
    found = rates(b'{"dataDto": {"vnic_0": 7, "vnic_1": %b}, "metaDto": {"interval": 300}}' % good, NOW, 1_000)
    assert list(found.samples) == [1]
    assert "vnic_0 is no list" in words(found)


def test_a_sample_in_xml_without_a_vnic_belongs_to_nobody() -> None:
    found = rates(
        b"<statistics><meta><interval>300</interval></meta><data>"
        b"<statistic><timestamp>%d</timestamp><in>1</in><out>1</out></statistic></data></statistics>" % SECONDS,
        NOW,
        1_000,
    )
    assert not found.samples
    assert "names no vNIC" in words(found)


def test_samples_in_xml_are_found_at_any_depth() -> None:
    found = rates(
        b"<?xml version='1.0'?><!-- by hand --><a:answer xmlns:a='urn:a'><a:dataDto><a:x><a:statistic>"
        b"<a:vnic>2</a:vnic><a:timestamp> %d </a:timestamp><a:in>1</a:in><a:out>2</a:out></a:statistic>"
        b"</a:x></a:dataDto>"
        b"<a:meta><a:interval>300</a:interval></a:meta></a:answer>" % SECONDS,
        NOW,
        1_000,
    )
    assert dict(found.samples) == {2: [RateSample(NOW, 300_000, 37_500, 75_000)]}


BOMB = (
    b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    b"<statistics><meta><interval>&b;</interval></meta></statistics>"
)
FILE = (
    b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY a SYSTEM "file:///etc/hostname">]>'
    b"<statistics><meta><interval>&a;</interval></meta></statistics>"
)


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"   ",
        b"busy",
        b"null",
        b"[]",
        b"{}",
        b'{"dataDto": []}',
        b'{"edgePage": {}}',
        b'{"dataDto": {"vnic_0": [{"in": 1',
        b"\xff\xfe{\x00",
        b'{"a": ' * 100_000,
        b"<html><body>Please log in</body></html>",
        b"<error><errorCode>1</errorCode></error>",
        b"<statistics><data>",
        b"<a>" * 100_000,
        b'<?xml version="1.0" encoding="no-such-code"?><statistics/>',
        BOMB,
        FILE,
    ],
)
def test_what_is_no_answer_about_rates_is_malformed(answer: bytes) -> None:
    with pytest.raises(Malformed) as caught:
        rates(answer, NOW, 1_000)
    assert len(str(caught.value)) < 300


def test_a_deep_answer_is_read_and_not_fatal() -> None:
    deep = b"<statistics>" + b"<a>" * 200_000 + b"</a>" * 200_000 + b"</statistics>"
    assert not rates(deep, NOW, 1_000).samples


def test_samples_come_in_order_each_once_and_none_from_before_what_was_asked() -> None:
    one, two = RateSample(NOW, 300_000, 1, 1), RateSample(NOW - 300_000, 300_000, 2, 2)
    assert ordered([one, two, one], NOW - 600_000) == (two, one)
    assert ordered([one, two], NOW - 300_000) == (one,)


def test_texts_with_half_a_character_can_be_stored() -> None:
    (row,) = parsed(b'{"vnics": [{"index": 0, "name": "net-\\ud800"}]}').vnics()
    assert row["name"].encode() == b"net-?"


@pytest.mark.parametrize(
    "answer", [b'{"vnics": {"vnics": [{"index": 1}]}}', b"<vnics><vnic><index>1</index></vnic></vnics>"]
)
def test_vnics_may_be_wrapped(answer: bytes) -> None:
    assert [row["index"] for row in parsed(answer).vnics()] == ["1"]
