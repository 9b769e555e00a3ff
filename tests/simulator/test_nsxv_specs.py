"""Edges of an NSX-V manager as a scenario writes them, and how their rates are rounded."""

from __future__ import annotations

from decimal import Decimal

import pytest

from simulator.edge_samples import EdgeSample
from simulator.scenario import ScenarioError, parse_scenario
from tests.simulator.conftest import Start
from tests.simulator.test_nsxv import ask

pytestmark = pytest.mark.integration


def test_a_rate_is_rounded_half_up_once() -> None:
    sample = EdgeSample("/edges/edge-1/vnics/0", 300_000, 300, Decimal("0.00001"), Decimal("0.00004"))
    assert [sample.bytes_of(Decimal(text)) for text in ("0.00001", "0.00004", "0.0000133")] == [0, 2, 0]
    assert sample.bytes_of(Decimal("0.00012")) == 5, "4.5 bytes are 5"
    assert sample.bytes_of(Decimal("1e13")) == 375 * 10**15


async def test_edges_are_made_by_number(start: Start) -> None:
    loaded = parse_scenario(
        {"nsxv": {"edges": [{"id": "edge-7"}], "generate": [{"count": 3, "prefix": "old", "rate": "40Mbit/s"}]}}
    )
    client = await start(loaded)
    listed = (await ask(client, "/api/4.0/edges")).body["edgePage"]["data"]
    assert [row["id"] for row in listed] == ["edge-7", "edge-8", "edge-9", "edge-10"]
    assert [spec.id for spec in loaded.tenants] == ["old-00000", "old-00001", "old-00002"]


def test_wrong_edges_are_named() -> None:
    with pytest.raises(ScenarioError) as caught:
        parse_scenario({"nsxv": {"interval": "90s", "coarse_interval": "4m"}}, "bad.yaml")
    assert str(caught.value) == "bad.yaml: nsxv: nsxv.coarse_interval must be a multiple of the interval"
    with pytest.raises(ScenarioError, match=r"nsxv.edges\[0\].tenant: no tenant 'who'"):
        parse_scenario({"nsxv": {"edges": [{"id": "edge-1", "tenant": "who"}]}})
    vnics = [{"index": 1, "name": "a"}, {"index": 1, "name": "b"}]
    with pytest.raises(ScenarioError, match="two vNICs have one index"):
        parse_scenario({"nsxv": {"edges": [{"id": "edge-1", "vnics": vnics}]}})
