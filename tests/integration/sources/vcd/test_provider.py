"""A provider of 300 organisations and 500 gateways: its director alone says whose every metering point is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import pytest

from collector.core.attribution import Attribution
from collector.model.directory import GatewayType
from simulator import Simulator
from tests.integration.sources.vcd.estate import quiet, said, settings_of, started, true_owners

pytestmark = pytest.mark.integration

DAY = 86_400_000


def differences(attributions: Sequence[Attribution], sim: Simulator) -> dict[str, object]:
    """Return path → (truth, decision) of every point that is not decided as it is in truth."""
    expected, got = true_owners(sim), said(attributions)
    paths = sorted(expected.keys() | got.keys())
    return {path: (expected.get(path), got.get(path)) for path in paths if expected.get(path) != got.get(path)}


@pytest.mark.parametrize("kind", ["id", "unique_id", "realization_id", "router_id"])
async def test_a_large_provider_maps_completely_from_its_director_alone(kind: str, tmp_path: Path) -> None:
    scenario = quiet("vcd", vcd={"backing_id": kind})
    async with Simulator(scenario, speed=0) as sim, started(sim, settings_of(sim, tmp_path)) as estate:
        cloud = await estate.director.read_map()
        assert len(cloud.orgs) == 300
        assert Counter(one.type == GatewayType.NSXV for one in cloud.gateways) == {False: 500, True: 20}
        attributions = await estate.attributed()
        assert differences(attributions, sim) == {}
        assert [(one.overlaps, one.notes, one.unmatched) for one in attributions] == [((), (), ())] * 2
        roles = Counter(whose.role for whose in true_owners(sim).values())
        assert roles["billed"] > 500
        assert min(roles["balance"], roles["internal"]) >= 50


async def test_after_a_day_of_moves_it_maps_completely_still(tmp_path: Path) -> None:
    async with Simulator(quiet("vcd", events=True), speed=0) as sim:
        async with started(sim, settings_of(sim, tmp_path)) as estate:
            before = true_owners(sim)
            sim.advance(DAY)
            attributions = await estate.attributed()
            assert differences(attributions, sim) == {}
            after = true_owners(sim)
        assert len([path for path in before.keys() | after.keys() if before.get(path) != after.get(path)]) > 10
        # A gateway that was given away stands on the Tier-0 of its old organisation still: told, and billed once.
        overlaps = [overlap.point.path for one in attributions for overlap in one.overlaps]
        assert overlaps
        assert {after[path].role for path in overlaps} == {"balance"}
