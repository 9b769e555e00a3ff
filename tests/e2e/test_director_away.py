"""A director that is away for a day, or not there yet at the first start."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import pytest
import yaml

from collector.model.period import BEGINNING
from simulator import Simulator
from simulator.settings import VCD_SOURCE
from tests.e2e.committed import read_ledger, read_state
from tests.e2e.conftest import StartDaemon, StartSimulator
from tests.e2e.harness import SOURCE, Daemon, Place
from tests.e2e.hours import HOUR, Hours
from tests.e2e.judging import judge
from tests.e2e.kinds import served_rows
from tests.e2e.moves import Diary, Whose, directed, discovered, owners_of, true_owners, true_shares, wrong_shares
from tests.e2e.truth import MAX_RATE, require_truth
from tests.e2e.waits import booked, more, polls, stand_still

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(300)]

ALERTS: Final = Path(__file__).parents[2] / "grafana" / "alerts" / "attribution.yml"

AGE: Final = "northmeter_map_age_seconds"
AGE_OF_OURS: Final = f'{AGE}{{source="{VCD_SOURCE}"}}'

GAP_AFTER_HOURS: Final = 10

CALLS: Final = 50
"""More calls than two cycles cost."""

NSX: Final = {"requests_per_second": 90, "vpn": False}


async def _director(daemon: Daemon, sim: Simulator, *, up: bool) -> None:
    """Let the director go away or come back."""
    sim.fault("vcd_up" if up else "vcd_down")

    async def is_so() -> bool:
        assert sim.vcd is not None
        return sim.vcd.running is up

    await daemon.until(is_so, f"the director is {'up' if up else 'down'}")


async def test_a_day_without_its_director_changes_nothing_but_the_age_of_the_map(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    # Given a daemon with a map in force
    sim = await start_simulator("vcd-small", speed=1, nsxv=None, served_max=200_000)
    hours = Hours(place, sim)
    settings = directed(place, sim, NSX, poll={"interval": "1s", "gap_after": f"{GAP_AFTER_HOURS}h"})
    daemon = await start_daemon(settings, program=hours.program)
    await discovered(daemon, sim, place)
    await daemon.until(booked(daemon), "traffic is booked")
    before = true_owners(sim)
    diary = Diary(settled={sim.device_time(): before})

    # When its director is away for a day, gateways change hands there, and the daemon is killed meanwhile
    await _director(daemon, sim, up=False)
    for hour in range(8, 25, 8):
        hours.go(8 * HOUR)
        if hour == 8:
            sim.fault("vcd_move", path="t1-globex", to="hooli")
            sim.fault("vcd_share", path="t0-acme")
            await daemon.kill()
            await daemon.start()
        await daemon.until(more(daemon, polls("ok"), CALLS), "polls go on")
        await _older(daemon, hour * HOUR)
        diary.settled[sim.device_time()] = before
    rules = yaml.safe_load(ALERTS.read_text(encoding="utf-8"))["groups"][0]["rules"]
    assert f"{AGE} > 86400" in {rule["expr"] for rule in rules}

    # Then nothing changed hands, and nothing went on as nobody's
    assert owners_of(await read_state(place.ledger), sim.device_time()) == before
    committed = await read_ledger(place.ledger)
    assert not [event for event in committed.events if event.event == "owner_changed"]

    # When it is back, then the first map dates what changed meanwhile
    back = sim.device_time()
    await _director(daemon, sim, up=True)
    await discovered(daemon, sim, place, VCD_SOURCE)
    diary.windows.append((back // 1_000 * 1_000, sim.device_time()))
    diary.settle(sim)
    assert true_owners(sim) != before
    await stand_still(daemon, sim, CALLS)
    committed = await read_ledger(place.ledger)
    assert diary.wrong_owners(committed.state) == []

    async def young() -> bool:
        return (await daemon.metrics())[AGE_OF_OURS] < HOUR / 1_000

    await daemon.until(young, "the map is young again")

    # And every byte until then is the old owner's
    gap_after_ms = GAP_AFTER_HOURS * HOUR
    await require_truth(place.ledger, sim, gap_after_ms=gap_after_ms)
    judged, _ = judge(committed, max_rate=MAX_RATE, gap_after_ms=gap_after_ms)
    got = {row: one.bytes for row, one in (await served_rows(daemon, sim)).items()}
    assert wrong_shares(true_shares(sim, committed, judged), got) == []


async def _older(daemon: Daemon, milliseconds: int) -> None:
    async def is_so() -> bool:
        return (await daemon.metrics()).get(AGE_OF_OURS, 0) >= milliseconds / 1_000

    await daemon.until(is_so, f"the map is {milliseconds // HOUR} hours old")


async def test_a_first_map_that_comes_late_holds_from_the_newest_booked_reading_on(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    # Given a first start while the director is down, and a gateway that cannot be read yet
    sim = await start_simulator("vcd-small", speed=60, nsxv=None)
    unread = "/infra/tier-1s/t1-globex"
    assert sim.vcd is not None
    await sim.vcd.stop()
    sim.fault("error", status=500, path=unread, endpoint="statistics", label="unread")
    daemon = await start_daemon(directed(place, sim, NSX, attribution={"order": ["config", "vcd"]}))
    await daemon.until(more(daemon, polls("ok"), CALLS), "polls go on without a map")
    await daemon.until(booked(daemon), "traffic is booked")
    now = owners_of(await read_state(place.ledger), sim.device_time())
    assert now
    assert set(now.values()) == {Whose("unattributed", "billed")}
    assert AGE_OF_OURS not in await daemon.metrics()

    # When it comes
    await _director(daemon, sim, up=True)
    await discovered(daemon, sim, place)
    sim.clear("unread")
    await daemon.until(more(daemon, polls("ok"), CALLS), "everything is read")
    await stand_still(daemon, sim, CALLS)

    # Then what was read before is nobody's up to its newest reading, and the rest is the tenant's from the beginning
    committed = await read_ledger(place.ledger)
    assert owners_of(committed.state, sim.device_time()) == true_owners(sim)
    read_at = {
        key: {one.sample.at for series, samples in committed.samples.items() if series.point == key for one in samples}
        for key in (point.key for point in committed.state.points)
    }
    late = []
    for point in committed.state.points:
        first, *others = point.owners
        if first.tenant == "unattributed" and others:
            (begun,) = (owner.valid_from for owner in others)
            assert begun in read_at[point.key], f"{point.key.label}: {begun} is none of its readings"
            late.append(point.key.path)
        elif point.key.path == unread:
            assert (first.tenant, first.valid_from, others) == ("globex", BEGINNING, [])
    assert late
    assert unread not in late
    proof = await require_truth(place.ledger, sim)
    assert {row.tenant for row in proof.rows if row.point.endswith(unread)} == {"globex"}
    assert SOURCE in committed.state.inventories
