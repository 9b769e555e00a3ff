"""Reading an edge's rates: what is asked, what comes of it, and what a failure costs."""

from __future__ import annotations

from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from aiohttp import web

from collector.core.rates import FIRST_LOOK_MS
from collector.errors import AuthFailed, ObjectGone, ResponseInvalid, SourceUnavailable, Throttled
from collector.model.sample import RateSample
from collector.sources.nsxv.options import DAY_MS, AnswerForm, TimeUnit
from collector.sources.nsxv.source import PARTS_OVERLAP_MS, RANGE_MS_MAX, Part, parts
from collector.sources.nsxv.statistics import FAULTS_MAX
from tests.unit.sources.nsxv.fake_nsxv import MINUTE, NOW, FakeEdge, FakeNsxv, FakeVnic, always, point, rig

SECONDS = NOW // 1_000
SINCE = NOW - FIRST_LOOK_MS
RATES = "/api/4.0/edges/edge-1/statistics/interfaces/uplink"


def edge(*samples: tuple[Any, Any, Any], **fields: Any) -> FakeEdge:
    return FakeEdge("edge-1", vnics=[FakeVnic(0, samples=list(samples))], **fields)


def queries(manager: FakeNsxv) -> list[dict[str, str]]:
    asked = [urlsplit(path) for path in manager.seen if path.startswith(RATES)]
    return [{name: values[0] for name, values in parse_qs(one.query).items()} for one in asked]


@pytest.mark.parametrize("form", list(AnswerForm))
async def test_one_call_serves_all_points_of_an_edge(form: AnswerForm) -> None:
    made = FakeEdge(
        "edge-1",
        vnics=[
            FakeVnic(0, samples=[(SECONDS, 8, 16), (SECONDS - 300, 1, 1)]),
            FakeVnic(1, samples=[(SECONDS, 2, 2)]),
            FakeVnic(2, samples=[(SECONDS, 3, 3)]),
        ],
        since=SECONDS - 600,
    )
    async with FakeNsxv(made) as manager, rig(manager, form=form) as rigged:
        manager.xml = form is AnswerForm.XML
        readings = await rigged.source.read_rates([point(), point(index=2), point(index=7)], SINCE)
        assert len(queries(manager)) == 1
    one, two, idle = readings
    assert (one.point, one.polled_at, one.faults) == (point(), NOW, ())
    assert one.samples == (
        RateSample(NOW - 300_000, 300_000, 37_500, 37_500),
        RateSample(NOW, 300_000, 300_000, 600_000),
    )
    assert [sample.rx_bytes for sample in two.samples] == [112_500]
    assert (idle.samples, idle.faults) == ((), ())
    assert one.held_since == two.held_since == NOW - 600_000


@pytest.mark.parametrize(("unit", "sent"), [("milliseconds", SINCE + 1), ("seconds", SINCE // 1_000)])
async def test_times_are_sent_in_the_unit_of_the_settings(unit: str, sent: int) -> None:
    async with FakeNsxv(edge()) as manager, rig(manager, time_unit=TimeUnit(unit)) as rigged:
        await rigged.source.read_rates([point()], SINCE + 1)
        assert queries(manager) == [{"startTime": str(sent)}], "without an end it is asked up to the manager's now"


async def test_kilo_is_the_settings() -> None:
    async with FakeNsxv(edge((SECONDS, 1, 1))) as manager, rig(manager, kilo=1_024) as rigged:
        (reading,) = await rigged.source.read_rates([point()], SINCE)
    assert reading.samples[0].rx_bytes == 38_400


async def test_samples_from_before_what_was_asked_are_passed_over() -> None:
    """Some managers may ignore the range and answer everything that they have."""
    many = [(SECONDS - 300 * number, 1, 1) for number in range(2_000)]
    async with FakeNsxv(edge(*many)) as manager, rig(manager) as rigged:
        (reading,) = await rigged.source.read_rates([point()], SINCE)
    assert [sample.at for sample in reading.samples] == [NOW - 10 * MINUTE, NOW - 5 * MINUTE, NOW]
    assert reading.held_since == SINCE


async def test_faults_are_told_with_the_point_that_they_concern_and_bounded() -> None:
    bad = [(SECONDS - number, "NaN", 1) for number in range(FAULTS_MAX + 5)]
    made = FakeEdge("edge-1", vnics=[FakeVnic(0, samples=bad), FakeVnic(1, samples=[(SECONDS, 1, 1)])])
    async with FakeNsxv(made) as manager, rig(manager) as rigged:
        one, two = await rigged.source.read_rates([point(), point(index=1)], SINCE)
    assert len(one.faults) == FAULTS_MAX
    assert (one.samples, two.faults, len(two.samples)) == ((), (), 1)


async def test_the_interval_that_is_not_over_is_told_by_the_managers_clock() -> None:
    async with FakeNsxv(edge((SECONDS + 60, 1, 1))) as manager, rig(manager) as rigged:
        (reading,) = await rigged.source.read_rates([point()], SINCE)
        assert (reading.samples, reading.faults) == ((), ())
        manager.date = "Wed, 21 Oct 2026 12:01:00 GMT"
        (reading,) = await rigged.source.read_rates([point()], SINCE)
        assert [sample.at for sample in reading.samples] == [NOW + MINUTE]
        assert reading.polled_at == NOW
        manager.date = "Wed, 21 Oct 2006 12:01:00 GMT"  # no clock that can be: ours counts
        (reading,) = await rigged.source.read_rates([point()], SINCE)
        assert reading.faults == ()


# --- ranges ----------------------------------------------------------------------------------------------------------


def test_a_range_is_asked_for_in_parts_of_a_day_that_overlap() -> None:
    assert parts(NOW - DAY_MS, NOW) == [Part(NOW - DAY_MS, None)]
    found = parts(NOW - 3 * DAY_MS, NOW)
    assert found[0] == Part(NOW - 3 * DAY_MS, NOW - 2 * DAY_MS)
    assert found[1].start == NOW - 2 * DAY_MS - PARTS_OVERLAP_MS
    assert found[-1].end is None
    assert NOW - found[-1].start <= RANGE_MS_MAX
    assert parts(NOW + MINUTE, NOW) == [Part(NOW + MINUTE, None)]


async def test_after_an_outage_the_oldest_part_comes_first_and_samples_of_all_are_one_reading() -> None:
    at = [NOW - number * 6 * 3_600_000 for number in range(10)]
    async with FakeNsxv(edge(*((one, 1, 1) for one in at))) as manager, rig(manager, catch_up_ms=2 * DAY_MS) as rigged:
        (reading,) = await rigged.source.read_rates([point()], NOW - 9 * DAY_MS)
        asked = queries(manager)
    assert [int(query["startTime"]) for query in asked] == [
        NOW - 2 * DAY_MS,
        NOW - DAY_MS - PARTS_OVERLAP_MS,
        NOW - 2 * PARTS_OVERLAP_MS,
    ]
    assert [int(query["endTime"]) for query in asked[:-1]] == [NOW - DAY_MS, NOW - PARTS_OVERLAP_MS]
    assert "endTime" not in asked[-1]
    assert [sample.at for sample in reading.samples] == sorted(at)[2:], "each once, and none from before catching up"
    assert reading.held_since == NOW - 2 * DAY_MS


async def test_the_end_of_a_part_is_rounded_up_to_a_second() -> None:
    async with FakeNsxv(edge()) as manager:
        async with rig(manager, catch_up_ms=3 * DAY_MS, time_unit=TimeUnit.SECONDS) as rigged:
            await rigged.source.read_rates([point()], NOW - 2 * DAY_MS + 1)
        assert queries(manager)[0] == {
            "startTime": str(SECONDS - 2 * DAY_MS // 1_000),
            "endTime": str(SECONDS - DAY_MS // 1_000 + 1),
        }


async def test_a_part_that_fails_keeps_what_the_older_ones_brought() -> None:
    samples = (NOW - 40 * 3_600_000, 1, 1), (NOW, 1, 1)
    async with FakeNsxv(edge(*samples)) as manager, rig(manager, catch_up_ms=2 * DAY_MS) as rigged:
        await rigged.source.read_rates([point()], SINCE)
        manager.script = [always(lambda: manager.rates(manager.edges[0], manager.edges[0].vnics[:1]))]
        manager.answers[RATES] = always(lambda: manager.error(400, 9, "a fault"))
        manager.edges[0].vnics[0].samples.pop()
        (reading,) = await rigged.source.read_rates([point()], NOW - 2 * DAY_MS)
    assert [sample.at for sample in reading.samples] == [NOW - 40 * 3_600_000]
    assert len(reading.faults) == 1
    assert reading.faults[0].startswith("part 2 of the range is asked for again: ")


async def test_what_the_manager_no_longer_holds_is_told_by_its_start() -> None:
    made = edge(since=NOW - 30 * 3_600_000)
    async with FakeNsxv(made) as manager, rig(manager, catch_up_ms=4 * DAY_MS) as rigged:
        (reading,) = await rigged.source.read_rates([point()], NOW - 4 * DAY_MS)
        assert reading.held_since == NOW - 30 * 3_600_000
        (reading,) = await rigged.source.read_rates([point()], SINCE)
        assert reading.held_since == SINCE, "what was not asked for cannot be missed"
        manager.edges[0].since = "unknown"
        (reading,) = await rigged.source.read_rates([point()], SINCE)
        assert reading.held_since == SINCE


# --- failures --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("xml", [False, True])
@pytest.mark.parametrize(
    ("status", "code", "kind"),
    [
        (404, 202, ObjectGone),
        (400, 202, ObjectGone),
        (400, 101, ResponseInvalid),
        (403, 403, AuthFailed),
        (429, 1, Throttled),
        (500, 1, SourceUnavailable),
        (503, 1, SourceUnavailable),
        (408, 1, SourceUnavailable),
    ],
)
async def test_errors_say_what_the_product_said(status: int, code: int, kind: type[Exception], xml: bool) -> None:
    async with FakeNsxv(edge()) as manager, rig(manager) as rigged:
        manager.xml = xml
        manager.answers[RATES] = always(lambda: manager.error(status, code, "Some\n  details & more"))
        with pytest.raises(kind) as caught:
            await rigged.source.read_rates([point()], SINCE)
    assert type(caught.value) is kind
    assert f"{RATES}: HTTP {status}, code {code}, Some details & more" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("<html><body>Please log in</body></html>", "it is html and has no statistics"),
        ('{"edgePage": {}}', "neither dataDto nor metaDto"),
        ("starting", "neither XML nor JSON"),
        ('{"dataDto": {"vnic_0": [', "no JSON"),
        ('<!DOCTYPE x [<!ENTITY a "b">]><statistics>&a;</statistics>', "no XML that is read here"),
    ],
)
async def test_an_answer_that_is_none_is_refused_with_its_beginning(text: str, told: str) -> None:
    async with FakeNsxv(edge()) as manager, rig(manager) as rigged:
        manager.answers[RATES] = always(lambda: web.Response(text=text, content_type="text/plain"))
        with pytest.raises(ResponseInvalid) as caught:
            await rigged.source.read_rates([point()], SINCE)
    assert f"source nsxv-a: {RATES}: " in str(caught.value)
    assert told in str(caught.value)
    assert "got text/plain; charset=utf-8, beginning" in str(caught.value)


async def test_points_of_several_edges_are_not_read_at_once() -> None:
    async with FakeNsxv(edge()) as manager, rig(manager) as rigged:
        with pytest.raises(ValueError, match="points of one edge"):
            await rigged.source.read_rates([point(), point("edge-2")], SINCE)
        with pytest.raises(ValueError, match="no vNIC of an edge"):
            await rigged.source.read_rates([point()._replace(path="/infra/tier-0s/a")], SINCE)
        assert manager.seen == []
