"""Whose every byte is while gateways go from hand to hand, and while nobody can say."""

from __future__ import annotations

from random import Random
from typing import Final

import pytest

from simulator import Simulator
from simulator.settings import VCD_SOURCE
from tests.e2e.committed import read_ledger
from tests.e2e.conftest import StartDaemon, StartSimulator
from tests.e2e.harness import SOURCE, Daemon, Place
from tests.e2e.judging import judge, totals
from tests.e2e.kinds import served_rows
from tests.e2e.moves import (
    STEPS,
    Diary,
    Move,
    directed,
    discovered,
    known_at,
    moving,
    true_shares,
    unbilled,
    wrong_shares,
)
from tests.e2e.sinks import api_sums, differences, ledger_sums
from tests.e2e.truth import GAP_AFTER_MS, MAX_RATE, require_truth, whole_window
from tests.e2e.waits import booked, stand_still

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

SPEED: Final = 60
"""Simulated seconds in a real one: a cycle of three seconds is three minutes."""

KILLED_IN: Final = frozenset({0, 2, 5, 8, 11})
"""Steps in which the daemon is killed."""

MINUTE: Final = 60_000
DAY: Final = 86_400_000


async def test_every_byte_is_the_tenants_of_the_moment_through_thirty_moves_and_kills(
    seed: int, place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    # Given a provider that only its director explains
    sim = await start_simulator(moving(), speed=0)
    settings = directed(
        place,
        sim,
        {"requests_per_second": 90, "vpn": False},
        poll={"interval": "3s", "gap_after": "1h", "compare_ends": "off"},
        discovery={"interval": "1s"},
    )
    daemon = await start_daemon(settings)
    sim.clock.set_speed(SPEED)
    await discovered(daemon, sim, place)
    await daemon.until(booked(daemon), "traffic is booked")
    diary, random = Diary(), Random(f"{seed}/kills")

    # When gateways, organisations and provider gateways change, and the daemon is killed meanwhile
    for number, moves in enumerate(STEPS):
        diary.settle(sim)
        before = min(await known_at(place, SOURCE), await known_at(place, VCD_SOURCE))
        _make(sim, moves)
        if number in KILLED_IN:
            await _simulated(daemon, sim, sim.now() + random.randrange(2 * MINUTE))
            await daemon.kill()
            await daemon.start()
        await discovered(daemon, sim, place)
        diary.windows.append((before, sim.device_time()))
    diary.settle(sim)
    await stand_still(daemon, sim, 140)

    # Then every change is dated by the first discovery that could show it, and nothing else changed hands
    committed = await read_ledger(place.ledger)
    wrong = diary.wrong_owners(committed.state)
    assert not wrong, f"seed {seed}: owners differ from the truth:\n" + "\n".join(wrong[:20])
    changes = sum(len(point.owners) - 1 for point in committed.state.points if point.owners)
    assert changes >= sum(map(len, STEPS)), f"seed {seed}: expected every move to show, got {changes} changes"

    # And every byte is the owner's of its moment, by the ledger's samples and by the provider's counters
    proof = await require_truth(place.ledger, sim)
    rows = await served_rows(daemon, sim)
    judged, _ = judge(committed, max_rate=MAX_RATE, gap_after_ms=GAP_AFTER_MS)
    wrong = wrong_shares(true_shares(sim, committed, judged), {row: one.bytes for row, one in rows.items()})
    assert not wrong, f"seed {seed}: the API differs from the truth:\n" + "\n".join(wrong[:20])
    never = unbilled(committed.state)
    assert never
    assert not [row for row in rows if row.point in never]

    # And the ledger and the API say the same of each tenant
    expected = totals(proof.rows)
    for granularity in ("hour", "total"):
        got = await api_sums(daemon, sim.clock.start - DAY, sim.clock.start + DAY, granularity)
        assert not (told := differences(expected, got)), f"seed {seed}: the API, {granularity}:\n{told}"
    told = differences(expected, await ledger_sums(place.ledger, *whole_window(committed)))
    assert not told, f"seed {seed}: the ledger:\n{told}"


def _make(sim: Simulator, moves: tuple[Move, ...]) -> None:
    for move in moves:
        sim.fault(**move)


async def _simulated(daemon: Daemon, sim: Simulator, moment: int) -> None:
    async def reached() -> bool:
        return sim.now() >= moment

    await daemon.until(reached, f"simulated instant {moment}")
