"""Nothing is lost, order is kept, a wrong line is set aside, and a stop is quick."""

from __future__ import annotations

import asyncio
import time

import pytest
from structlog.testing import capture_logs

from collector.errors import LedgerCorrupt, LedgerUnavailable
from collector.model.usage import Usage
from collector.telemetry.metrics import ExportOutcome
from tests.contract.exporters.conftest import NAME, Bench, make_exporter
from tests.contract.exporters.influx import Answer, Reset, Slow
from tests.contract.exporters.ledger import row
from tests.servers import until

NO_USAGE = Usage()


def _times(bench: Bench) -> list[int]:
    """Return the times of stored lines in the order of their first arrival."""
    return list(dict.fromkeys(int(line.rsplit(" ", 1)[1]) for line in bench.server.lines))


def _complete(bench: Bench) -> bool:
    """Return whether everything that was published, and nothing else, is stored as it stands."""
    expected = {
        (one.account, direction, one.slot // 1_000): (
            f"bytes={numbers[0]}i,packets={numbers[1]}i,dropped_packets={numbers[2]}i,"
            f"measured_ms={one.coverage[0]}i,inferred_ms={one.coverage[1]}i,spread_ms={one.coverage[2]}i"
        )
        for one in bench.ledger.rows
        if one.usage is not None
        for direction, numbers in (("ingress", one.usage[0::2]), ("egress", one.usage[1::2]))
    }
    stored = {}
    for (series, at), fields in bench.server.stored.items():
        tags = dict(tag.split("=") for tag in series.split(",")[1:])
        stored[int(tags["tenant"].removeprefix("tenant-")), tags["direction"], at] = fields
    return stored == expected


async def test_everything_arrives_in_order_and_the_cursor_follows(bench: Bench) -> None:
    bench.ledger.rows += [row(seq) for seq in range(1, 31)]
    await bench.exporter.start()
    await bench.settled(30)
    assert _complete(bench)
    assert _times(bench) == sorted(_times(bench))
    assert bench.server.requests == 4
    assert bench.count(ExportOutcome.OK) == 4
    assert bench.metrics.registry.get_sample_value("northmeter_export_lines_total", {"exporter": NAME}) == 60


async def test_what_is_published_later_is_sent_when_told(bench: Bench) -> None:
    await bench.exporter.start()
    await bench.publish([row(1)])
    await bench.settled(1)
    await bench.publish([row(2)])
    await bench.settled(2)
    assert _complete(bench)


async def test_a_changed_slot_overwrites_its_line(bench: Bench) -> None:
    await bench.exporter.start()
    await bench.publish([row(1, slot=5)])
    await bench.settled(1)
    bench.ledger.rows[:] = [row(2, slot=5)]
    bench.exporter.wake()
    await bench.settled(2)
    assert len(bench.server.stored) == 2
    assert _complete(bench)


async def test_a_slot_without_a_row_is_passed_over(bench: Bench) -> None:
    bench.ledger.rows += [row(1)._replace(usage=None), row(2), row(3)._replace(usage=None)]
    await bench.exporter.start()
    await bench.settled(3)
    assert _complete(bench)
    bench.ledger.rows += [row(4)._replace(usage=None)]
    bench.exporter.wake()
    await bench.settled(4)
    assert bench.server.requests == 1


@pytest.mark.parametrize(
    "trouble",
    [
        Answer(500, "<html>broken</html>"),
        Answer(502),
        Answer(503, headers={"Retry-After": "0"}),
        Answer(429, '{"code":"too many requests","message":"limit"}', {"Retry-After": "0"}),
        Answer(401, '{"code":"unauthorized","message":"unauthorized access"}'),
        Answer(403),
        Answer(404, '{"code":"not found","message":"bucket \\"usage\\" not found"}'),
        Answer(302, headers={"Location": "/elsewhere"}),
        Answer(200, "<html>please log in</html>"),
        Answer(400, "<html><h1>400 The plain HTTP request was sent to HTTPS port</h1></html>"),
        Answer(418),
        Reset(taken=True),
        Reset(taken=False),
        Reset(taken=False, status=400),
        Reset(taken=True, status=500),
        Slow(),
    ],
    ids=str,
)
async def test_any_other_refusal_is_retried_until_it_is_taken(bench: Bench, trouble: Answer | Reset | Slow) -> None:
    bench.server.script += [trouble, trouble]
    bench.ledger.rows += [row(seq) for seq in range(1, 11)]
    await bench.exporter.start()
    await bench.settled(10)
    assert _complete(bench)
    assert _times(bench) == sorted(_times(bench))
    assert bench.ledger.parked == []
    assert bench.count(ExportOutcome.UNAVAILABLE) == 2
    assert bench.count(ExportOutcome.OK) == 2


async def test_an_outage_costs_only_the_catching_up_and_is_logged_twice(bench: Bench) -> None:
    # given: a destination that is away while much is published
    await bench.server.stop()
    with capture_logs() as logs:
        await bench.exporter.start()
        for seq in range(1, 101):
            await bench.publish([row(seq)])
        await bench.counted(ExportOutcome.UNAVAILABLE, 5)
        assert bench.ledger.cursors == {}
        # when
        await bench.server.start()
        await bench.settled(100)
    # then
    assert _complete(bench)
    assert _times(bench) == sorted(_times(bench))
    told = [line for line in logs if line["log_level"] != "debug"]
    assert [line["event"] for line in told] == ["export_unavailable", "export_recovered"]
    assert told[0]["name"] == NAME
    assert "127.0.0.1" in str(told[0]["error"])


async def test_the_destinations_own_delay_is_kept(bench: Bench) -> None:
    bench.server.script += [Answer(429, headers={"Retry-After": "1"})]
    bench.ledger.rows += [row(1)]
    started = time.monotonic()
    await bench.exporter.start()
    await bench.settled(1)
    assert time.monotonic() - started >= 1.0


async def test_a_new_token_is_read_after_a_refusal(bench: Bench) -> None:
    bench.tokens[:] = ["old-token", "older-token", "good-token"]
    bench.ledger.rows += [row(seq) for seq in range(1, 20)]
    with capture_logs() as logs:
        await bench.exporter.start()
        await bench.settled(19)
    assert _complete(bench)
    assert bench.count(ExportOutcome.UNAVAILABLE) == 2
    assert not [line for line in logs if "-token" in str(line)]


async def test_a_line_at_fault_is_set_aside_and_the_rest_goes_on(bench: Bench) -> None:
    # given: two lines in different batches that the destination calls wrong
    bench.ledger.rows += [row(seq) for seq in range(1, 31)]
    bad = {f" bytes={11}i", f" bytes={250}i"}
    bench.server.fault = lambda line: "field type conflict" if any(one in line for one in bad) else None
    # when
    with capture_logs() as logs:
        await bench.exporter.start()
        await bench.settled(30)
    # then
    parked = bench.ledger.parked
    assert [(line.exporter, " bytes=11i" in line.line, " bytes=250i" in line.line) for line in parked] == [
        (NAME, True, False),
        (NAME, False, True),
    ]
    assert all("field type conflict" in line.reason for line in parked)
    assert len(bench.server.stored) == 58
    assert bench.count(ExportOutcome.REJECTED) >= 2
    assert bench.count(ExportOutcome.UNAVAILABLE) == 0
    assert [(line["event"], line["lines"]) for line in logs] == [("export_parked", 1), ("export_parked", 1)]


async def test_an_outage_while_halving_loses_nothing(bench: Bench) -> None:
    bench.ledger.rows += [row(seq) for seq in range(1, 9)]
    bench.server.fault = lambda line: "field type conflict" if " bytes=30i" in line else None
    rejection = Answer(400, '{"code":"invalid","message":"partial write: field type conflict dropped=1"}')
    bench.server.script += [rejection, Answer(500), Answer(401), Reset(taken=True)]
    await bench.exporter.start()
    await bench.settled(8)
    assert len(bench.server.stored) == 15
    [line] = bench.ledger.parked
    assert " bytes=30i" in line.line


async def test_when_every_line_is_at_fault_each_is_set_aside(bench: Bench) -> None:
    bench.ledger.rows += [row(seq) for seq in range(1, 11)]
    bench.server.fault = lambda line: "schema says no"
    await bench.exporter.start()
    await bench.settled(10)
    assert len(bench.ledger.parked) == 20
    assert bench.server.stored == {}
    bench.server.fault = lambda line: None
    await bench.publish([row(11)])
    await bench.settled(11)
    assert len(bench.server.stored) == 2


async def test_too_large_a_batch_is_halved_and_remembered(bench: Bench) -> None:
    bench.ledger.rows += [row(seq) for seq in range(1, 33)]
    bench.server.body_bytes_max = 1_200
    await bench.exporter.start()
    await bench.settled(32)
    assert _complete(bench)
    assert _times(bench) == sorted(_times(bench))
    assert bench.ledger.parked == []
    # 16 lines, then 8, then 4 of them fit; what comes after is cut to 4 at once.
    assert bench.count(ExportOutcome.TOO_LARGE) == 3
    assert bench.count(ExportOutcome.OK) == 16


async def test_a_single_line_that_is_too_large_is_set_aside(bench: Bench) -> None:
    bench.ledger.rows += [row(1)]
    bench.server.body_bytes_max = 10
    await bench.exporter.start()
    await bench.settled(1)
    assert len(bench.ledger.parked) == 2
    assert all("413" in line.reason for line in bench.ledger.parked)


async def test_lines_older_than_the_destination_keeps_are_not_set_aside(bench: Bench) -> None:
    words = "failure writing points to database: partial write: points beyond retention policy dropped=3"
    bench.server.script += [Answer(422, f'{{"code":"unprocessable entity","message":"{words}"}}')]
    bench.ledger.rows += [row(seq) for seq in range(1, 11)]
    with capture_logs() as logs:
        await bench.exporter.start()
        await bench.settled(10)
    assert bench.ledger.parked == []
    assert bench.count(ExportOutcome.EXPIRED) == 1
    assert bench.count(ExportOutcome.OK) == 1
    assert [(line["event"], line.get("lines")) for line in logs] == [("export_expired", 3), ("export_unexpired", None)]


async def test_numbers_beyond_the_destinations_integers_are_set_aside(bench: Bench) -> None:
    bench.ledger.rows += [row(1), row(2, usage=Usage(2**63, 7, 0, 0, 0, 0)), row(3)]
    await bench.exporter.start()
    await bench.settled(3)
    [line] = bench.ledger.parked
    assert " bytes=9223372036854775808i" in line.line
    assert "9223372036854775807" in line.reason
    assert len(bench.server.stored) == 5


async def test_the_ledger_may_be_unavailable_for_a_while(bench: Bench) -> None:
    bench.ledger.rows += [row(seq) for seq in range(1, 11)]
    bench.ledger.failures += [LedgerUnavailable("disk full"), LedgerUnavailable("disk full")]
    await bench.exporter.start()
    await bench.settled(10)
    assert _complete(bench)
    assert bench.metrics.registry.get_sample_value("northmeter_ledger_errors_total") == 2


async def test_a_damaged_ledger_ends_the_exporter(bench: Bench) -> None:
    bench.ledger.failures += [LedgerCorrupt("damaged")]
    await bench.exporter.start()
    with pytest.raises(LedgerCorrupt):
        await asyncio.wait_for(bench.exporter.wait(), 10)


@pytest.mark.parametrize(
    "trouble", [None, Slow(), Answer(429, headers={"Retry-After": "600"})], ids=["well", "slow", "throttled"]
)
async def test_a_stop_takes_less_than_a_second(bench: Bench, trouble: Answer | Slow | None) -> None:
    bench.server.script += [trouble] if trouble is not None else []
    bench.ledger.rows += [row(1)] if trouble is not None else []
    await bench.exporter.start()

    async def asked() -> bool:
        return trouble is None or bench.server.requests > 0

    await until(asked, "a request")
    waiting = asyncio.ensure_future(bench.exporter.wait())
    await asyncio.sleep(0)  # so that it waits for the task when the stop comes
    started = time.monotonic()
    await bench.exporter.stop()
    assert time.monotonic() - started < 1.0
    await asyncio.wait_for(waiting, 1)
    await bench.exporter.stop()


async def test_a_start_after_a_stop_goes_on_where_the_cursor_stands(bench: Bench) -> None:
    # given: lines that arrived but whose confirmation was lost, and a stop
    bench.ledger.rows += [row(seq) for seq in range(1, 11)]
    bench.server.script += [Reset(taken=True)]
    bench.server.always = Answer(503)
    await bench.exporter.start()
    await bench.counted(ExportOutcome.UNAVAILABLE, 2)
    await bench.exporter.stop()
    assert bench.ledger.cursors == {}
    # when
    bench.server.always = None
    again = make_exporter(bench.exporter._destination, bench.ledger, bench.metrics)
    await again.start()
    await bench.settled(10)
    await again.stop()
    # then
    assert _complete(bench)


async def test_a_defect_is_counted_and_logged_and_the_batch_tried_again(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = bench.exporter._destination.send
    calls = 0

    async def broken_once(lines: list[str]) -> int:
        nonlocal calls
        calls += 1
        if calls == 1:
            raise KeyError("a defect")
        return await send(lines)

    monkeypatch.setattr(bench.exporter._destination, "send", broken_once)
    bench.ledger.rows += [row(1)]
    with capture_logs() as logs:
        await bench.exporter.start()
        await bench.settled(1)
    assert [line["event"] for line in logs] == ["export_broken"]
    assert bench.count(ExportOutcome.BROKEN) == 1
    assert _complete(bench)
