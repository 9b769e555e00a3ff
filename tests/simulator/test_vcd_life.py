"""A Cloud Director that is down, and scenarios that have none."""

from __future__ import annotations

import math

import pytest

from tests.simulator.conftest import Start, until
from tests.simulator.vcd import director

pytestmark = pytest.mark.integration


async def test_a_director_that_is_down_does_not_answer(start: Start) -> None:
    vcd = await director(start)
    url = vcd.sim.vcd_url
    vcd.sim.fault("vcd_down", at="10m")
    vcd.sim.fault("vcd_up", at="1d10m")
    vcd.sim.advance(10 * 60_000)
    cell = vcd.sim.vcd
    assert cell is not None
    await until(lambda: not cell.running)
    with pytest.raises(OSError):
        await vcd.get("orgs")
    vcd.sim.advance(24 * 3_600_000)
    await until(lambda: cell.running)
    assert vcd.sim.vcd_url == url
    assert (await vcd.get("orgs")).status == 401, "a restart knows no sessions"
    assert (await vcd.login()).status == 200


async def test_scenarios_without_a_director_have_none(start: Start) -> None:
    client = await start("small")
    assert (client.sim.vcd, client.sim.vcd_url) == (None, "")
    with pytest.raises(LookupError, match="no Cloud Director"):
        client.sim.fault("vcd_share", path="pg")
    with pytest.raises(LookupError, match="no Cloud Director"):
        client.sim.truth().owner_history("/infra/tier-1s/t1-acme")
    with pytest.raises(LookupError, match="no Cloud Director"):
        client.sim.fault("vcd_down")
    assert math.isfinite(client.sim.device_time())
