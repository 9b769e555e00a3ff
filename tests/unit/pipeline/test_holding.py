"""What the estate keeps of an inventory says the same as the inventory."""

from __future__ import annotations

import pytest

from collector.core.attribution import AttributionRules, Claim, Rule, attribute
from collector.holding import RECORDS_AT_ONCE, Terrain, held
from collector.model.identity import Kind, PointKey, ReadAt, TenantId
from collector.ports import FoundGateway, FoundPoint, FoundSegment, PointCall

GATEWAY = FoundGateway("/infra/tier-0s/t0", "t0", 0, None, "blue", ("a", "b"), (("scope", "tag"),))
SEGMENT = FoundSegment("/infra/segments/s", ("s", "u"))


def point(number: int) -> FoundPoint:
    path = f"/infra/tier-0s/t0/locale-services/default/interfaces/up-{number}"
    return FoundPoint(
        key=PointKey("nsx", Kind.TIER0_UPLINK, path),
        name=f"up-{number}",
        gateway=GATEWAY.path,
        gateway_name=GATEWAY.name,
        read_at=ReadAt.INTERFACE,
        calls=(PointCall(path=f"{path}/statistics", node=None, fallback_node="n1", query="edge_path=e"),),
        parent="/infra/tier-0s/parent",
        tags=(("scope", "tag"),),
        created_at=7,
        nodes=(("n1", "ACTIVE"),),
        note="é",
    )


@pytest.mark.parametrize("count", [0, 1, RECORDS_AT_ONCE, 2 * RECORDS_AT_ONCE + 1])
def test_what_was_found_comes_out_as_it_went_in(count: int) -> None:
    points = tuple(map(point, range(count)))
    claim = Claim(tenant=TenantId("acme"), source="nsx", kind=Kind.TIER0_UPLINK, tier0="t0", interface="up-0")
    rules = AttributionRules(order=(Rule.CONFIG,), claims=(claim,), auto_tenants=False)
    attribution = attribute(points, rules, source="nsx")
    own = {one.key: PointKey(*one.key) for one in points}
    kept = held(points, Terrain.of((GATEWAY,), (SEGMENT,)), attribution, own.__getitem__)
    assert kept.points.unpack() == points
    assert kept.terrain.gateways.unpack() == (GATEWAY,)
    assert kept.terrain.segments.unpack() == (SEGMENT,)
    assert kept.keys == kept.agenda.keys == tuple(one.key for one in points)
    assert all(key is own[key] for key in (*kept.keys, *kept.agenda.keys))
    assert [asked.calls for asked in kept.agenda] == [one.calls for one in points]
    assert kept.unattributed == max(0, count - 1)
