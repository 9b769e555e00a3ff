"""The way of readings to the meter."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import cast

import pytest

from collector.errors import LedgerCorrupt
from collector.model.identity import Kind, PointKey, ReadAt
from collector.model.sample import Reading
from collector.pipeline import Meter
from collector.poll import pump as module
from collector.poll.pump import Pump


def reading(number: int) -> Reading:
    point = PointKey("nsx", Kind.TIER0_UPLINK, f"/{number}")
    return Reading(point=point, read_at=ReadAt.INTERFACE, polled_at=number, asked_node=None, rows=())


class Sink:
    """Takes the place of the meter."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.answers: list[bool | Exception] = []
        self.first = asyncio.Event()

    async def account(self, readings: Sequence[Reading]) -> bool:
        self.batches.append([one.polled_at for one in readings])
        self.first.set()
        answer = self.answers.pop(0) if self.answers else True
        if isinstance(answer, Exception):
            raise answer
        return answer


@pytest.fixture
def sink(monkeypatch: pytest.MonkeyPatch) -> Sink:
    monkeypatch.setattr(module, "COMMIT_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(module, "RETRY_SECONDS", 0.01)
    return Sink()


def pump_to(sink: Sink) -> Pump:
    return Pump(cast("Meter", sink))


async def test_what_arrives_together_is_one_batch_in_order(sink: Sink) -> None:
    pump = pump_to(sink)
    for number in range(5):
        pump.submit(reading(number))
    task = asyncio.create_task(pump.run())
    await sink.first.wait()
    pump.submit(reading(5))
    pump.stop()
    await task
    assert sink.batches == [[0, 1, 2, 3, 4], [5]]


async def test_a_batch_is_bounded(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "BATCH_MAX", 3)
    pump = pump_to(sink)
    for number in range(7):
        pump.submit(reading(number))
    pump.stop()
    await pump.run()
    assert sink.batches == [[0, 1, 2], [3, 4, 5], [6]]


async def test_what_the_ledger_could_not_take_is_not_kept(sink: Sink) -> None:
    sink.answers = [False]
    pump = pump_to(sink)
    pump.submit(reading(1))
    task = asyncio.create_task(pump.run())
    await sink.first.wait()
    pump.submit(reading(2))
    pump.stop()
    await task
    assert sink.batches == [[1], [2]], "the next reading proves what the dropped one did"


async def test_stop_without_anything_waiting_ends_at_once(sink: Sink) -> None:
    pump = pump_to(sink)
    task = asyncio.create_task(pump.run())
    await asyncio.sleep(0)
    pump.stop()
    await task
    assert sink.batches == []


async def test_too_many_waiting_readings_are_counted_and_dropped(sink: Sink, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "WAITING_MAX", 2)
    pump = pump_to(sink)
    for number in range(5):
        pump.submit(reading(number))
    assert pump.overflowed == 3
    pump.stop()
    await pump.run()
    assert sink.batches == [[0, 1]]


async def test_a_damaged_ledger_ends_the_pump(sink: Sink) -> None:
    sink.answers = [LedgerCorrupt("damaged")]
    pump = pump_to(sink)
    pump.submit(reading(1))
    with pytest.raises(LedgerCorrupt):
        await pump.run()
