"""Moves and renames: what the director answers, whose every point is by the answers alone, and the bytes of each."""

from __future__ import annotations

import itertools
import random
from typing import Any

import pytest

from simulator import Both, Simulator, Traffic, load_scenario
from simulator.objects import Kind
from simulator.scenario import ScenarioError, parse_scenario
from simulator.vcd.owners import UNATTRIBUTED
from simulator.vcd.timeline import Spell, Timeline
from tests.simulator.conftest import Client, Start
from tests.simulator.vcd import HOUR, MINUTE, Director, director, with_director
from tests.simulator.vcd_reader import whose

GLOBEX = "/infra/tier-1s/t1-globex"
ACME_TEST = "/infra/tier-1s/t1-acme-test"
COLO = f"{GLOBEX}/locale-services/default/interfaces/csp-colo"
INSIDE = f"{GLOBEX}/locale-services/default/interfaces/net-inside"
NOBODY = "/infra/tier-1s/t1-nobody"
OWN_UPLINK = "/infra/tier-0s/t0-acme/locale-services/default/interfaces/up1-1"
SHARED_UPLINK = "/infra/tier-0s/t0-prov/locale-services/default/interfaces/up1-1"
EDGE = "/edges/edge-7/vnics/0"


def _played(*faults: dict[str, Any], scenario: str = "vcd-small") -> Simulator:
    """Return a simulator in which an hour passes before each fault and after the last one."""
    sim = Simulator(load_scenario(scenario).model_copy(update={"events": []}), speed=0)
    for fault in faults:
        sim.advance(HOUR)
        sim.fault(**fault)
    sim.advance(HOUR)
    return sim


def _owners(sim: Simulator, path: str) -> list[tuple[int | None, int | None, str, str]]:
    """Return a point's owners with times in hours after the start."""
    start = sim.scenario.clock.start_ms
    return [
        ((one.start - start) // HOUR, None if one.end is None else (one.end - start) // HOUR, one.tenant, one.role)
        for one in sim.truth().owner_history(path)
    ]


def _sum(parts: list[Both]) -> Both:
    return Both(
        Traffic(*[sum(column) for column in zip(*[part.ingress for part in parts], strict=True)]),
        Traffic(*[sum(column) for column in zip(*[part.egress for part in parts], strict=True)]),
    )


def _names(sim: Simulator) -> list[str]:
    return [*(tenant.id for tenant in sim.scenario.tenants), UNATTRIBUTED]


# Whose --------------------------------------------------------------------------------------------------------------


def test_owners_at_the_beginning() -> None:
    sim = _played()
    owners = {path: _owners(sim, path)[0][2:] for path in (
        GLOBEX, COLO, INSIDE, NOBODY, OWN_UPLINK, SHARED_UPLINK, EDGE, ACME_TEST, "/infra/tier-1s/t1-acme"
    )}  # fmt: skip
    assert owners == {
        GLOBEX: ("globex", "billed"),
        COLO: ("globex", "billed"),
        INSIDE: ("globex", "internal"),
        NOBODY: (UNATTRIBUTED, "billed"),
        OWN_UPLINK: ("acme", "billed"),
        SHARED_UPLINK: (UNATTRIBUTED, "balance"),
        EDGE: ("soylent", "billed"),
        ACME_TEST: ("acme", "billed"),
        "/infra/tier-1s/t1-acme": ("acme", "balance"),
    }


def test_bytes_are_split_exactly_where_a_gateway_moves() -> None:
    sim = _played({"do": "vcd_move", "path": "edge-t1-globex", "to": "hooli"})
    assert _owners(sim, GLOBEX) == [(0, 1, "globex", "billed"), (1, None, "hooli", "billed")]
    truth, start = sim.truth(), sim.scenario.clock.start_ms
    end, moved = sim.device_time(), start + HOUR
    points = (GLOBEX, COLO)
    assert truth.tenant_by_vcd("globex", start, end) == _sum([truth.growth(one, start, moved) for one in points])
    assert truth.tenant_by_vcd("hooli", start, end) == _sum([truth.growth(one, moved, end) for one in points])
    part = truth.tenant_by_vcd("globex", start, end, path=COLO)
    assert part == truth.growth(COLO, start, moved)
    assert part.ingress.bytes > 0
    slots = truth.tenant_by_vcd_slots("hooli", start, end)
    assert _sum([slot for _, slot in slots]) == truth.tenant_by_vcd("hooli", start, end)
    assert not any(sum(slot.ingress) for at, slot in slots if at < moved)


@pytest.mark.parametrize(
    ("faults", "path", "owners"),
    [
        ([{"do": "vcd_delete", "path": "edge-t1-globex", "nsx": False}], GLOBEX,
         [(0, 1, "globex", "billed"), (1, None, UNATTRIBUTED, "billed")]),
        ([{"do": "vcd_delete", "path": "edge-t1-globex", "nsx": False}], INSIDE,
         [(0, 1, "globex", "internal"), (1, None, UNATTRIBUTED, "billed")]),
        ([{"do": "vcd_delete", "path": "edge-t1-globex"}], GLOBEX, [(0, 1, "globex", "billed")]),
        ([{"do": "vcd_delete", "path": "edge-t1-globex", "nsx": False},
          {"do": "vcd_add", "path": "t1-globex", "to": "acme"}], COLO,
         [(0, 1, "globex", "billed"), (1, 2, UNATTRIBUTED, "billed"), (2, None, "acme", "billed")]),
        ([{"do": "vcd_recreate", "path": "edge-t1-globex", "nsx": False}], COLO, [(0, None, "globex", "billed")]),
        ([{"do": "vcd_recreate", "path": "edge-t1-globex"}], GLOBEX, [(0, 1, "globex", "billed")]),
        ([{"do": "vcd_recreate", "path": "edge-t1-globex"}], f"{GLOBEX}-2", [(1, None, "globex", "billed")]),
        ([{"do": "recreate", "path": "t1-globex"}], GLOBEX,
         [(0, 1, "globex", "billed"), (1, None, UNATTRIBUTED, "billed")]),
        ([{"do": "vcd_delete_org", "path": "acme"}], OWN_UPLINK,
         [(0, 1, "acme", "billed"), (1, None, UNATTRIBUTED, "billed")]),
        ([{"do": "vcd_delete_org", "path": "acme"}, {"do": "vcd_add_org", "path": "acme", "to": "acme-new"},
          {"do": "vcd_add", "path": "t1-acme-test", "to": "acme-new"}], ACME_TEST,
         [(0, 1, "acme", "billed"), (1, 3, UNATTRIBUTED, "billed"), (3, None, "acme", "billed")]),
        ([{"do": "vcd_rename", "path": "globex", "to": "umbrella"}, {"do": "vcd_rename", "path": "t1-globex",
          "to": "gate"}, {"do": "vcd_rename", "path": "pg-t0-prov", "to": "pg-new"}], GLOBEX,
         [(0, None, "globex", "billed")]),
        ([{"do": "vcd_share", "path": "pg-acme"}], OWN_UPLINK,
         [(0, 1, "acme", "billed"), (1, None, UNATTRIBUTED, "balance")]),
        ([{"do": "vcd_share", "path": "pg-acme"}], "/infra/tier-1s/t1-acme",
         [(0, 1, "acme", "balance"), (1, None, "acme", "billed")]),
        ([{"do": "vcd_dedicate", "path": "pg-acme", "to": "hooli"}], OWN_UPLINK,
         [(0, 1, "acme", "billed"), (1, None, "hooli", "billed")]),
        ([{"do": "vcd_reconnect", "path": "t1-globex", "to": "pg-acme"}], GLOBEX,
         [(0, 1, "globex", "billed"), (1, None, "globex", "balance")]),
        ([{"do": "move", "path": "t1-globex", "to": "t0-acme"}], GLOBEX,
         [(0, 1, "globex", "billed"), (1, None, "globex", "balance")]),
        ([{"do": "vcd_reconnect", "path": "t1-globex", "to": "pg-acme", "nsx": False}], GLOBEX,
         [(0, None, "globex", "billed")]),
        ([{"do": "vcd_remove_uplink", "path": "t1-globex", "to": "vlan-globex-colo", "nsx": False}], COLO,
         [(0, 1, "globex", "billed"), (1, None, "globex", "internal")]),
        ([{"do": "vcd_remove_uplink", "path": "t1-globex", "to": "vlan-globex-colo"}], COLO,
         [(0, 1, "globex", "billed")]),
        ([{"do": "vcd_add_uplink", "path": "t1-globex", "to": "net-globex"}], INSIDE,
         [(0, 1, "globex", "internal"), (1, None, "globex", "billed")]),
        ([{"do": "vcd_add_uplink", "path": "t1-initech", "interface": {"id": "mpls", "segment": "vlan-mpls"}}],
         "/infra/tier-1s/t1-initech/locale-services/default/interfaces/mpls", [(1, None, "initech", "billed")]),
        ([{"do": "vcd_disconnect", "path": "t1-globex"}, {"do": "vcd_connect", "path": "t1-globex"}], GLOBEX,
         [(0, None, "globex", "billed")]),
        ([{"do": "vcd_add", "path": "t1-globex", "to": "acme"}], GLOBEX,
         [(0, 1, "globex", "billed"), (1, None, UNATTRIBUTED, "billed")]),
        ([{"do": "vcd_move", "path": "soylent-old", "to": "acme"}], EDGE,
         [(0, 1, "soylent", "billed"), (1, None, "acme", "billed")]),
        ([{"do": "vcd_delete", "path": "soylent-old", "nsx": False}, {"do": "vcd_add", "path": "edge-7", "to": "acme"}],
         EDGE, [(0, 1, "soylent", "billed"), (1, 2, UNATTRIBUTED, "billed"), (2, None, "acme", "billed")]),
    ],
)  # fmt: skip
def test_owners_follow_what_happens(
    faults: list[dict[str, Any]], path: str, owners: list[tuple[int | None, int | None, str, str]]
) -> None:
    assert _owners(_played(*faults), path) == owners


@pytest.mark.parametrize("scenario", ["vcd-small", "vcd"])
def test_every_external_byte_is_of_one_owner_or_of_nobody(scenario: str) -> None:
    """Uplinks of a Tier-0 carry what its links carry, so all shares together are what passed the outer sides."""
    sim = Simulator(load_scenario(scenario), speed=0)
    sim.advance(24 * HOUR)
    truth, start, end = sim.truth(), sim.scenario.clock.start_ms, sim.device_time()
    owned = _sum([truth.tenant_by_vcd(name, start, end) for name in _names(sim)])
    kinds: frozenset[Kind] = frozenset({"tier0_uplink", "tier1_downlink"})
    below = _sum([truth.tenant_by_vcd(name, start, end, kinds=kinds) for name in _names(sim)])
    uplinks = [point.path for point in truth.points() if point.kind == "tier0_uplink"]
    assert below == _sum([truth.growth(path, start, end) for path in uplinks]), "what enters is what somebody gets"
    assert owned.ingress.bytes > below.ingress.bytes > 0, "service interfaces and edges are beside"


def test_an_owner_counts_from_the_reading_that_shows_it() -> None:
    sim = _played(
        {"do": "vcd_move", "path": "t1-globex", "to": "hooli"}, {"do": "vcd_move", "path": "t1-globex", "to": "acme"},
        {"do": "vcd_move", "path": "t1-globex", "to": "initech"},
    )  # fmt: skip
    truth, start = sim.truth(), sim.scenario.clock.start_ms
    read_at = [start + 90 * MINUTE, start + 150 * MINUTE]
    history = truth.owner_history(GLOBEX, read_at=read_at)
    assert [(one.start - start, one.tenant) for one in history] == [
        (0, "globex"), (90 * MINUTE, "hooli"), (150 * MINUTE, "acme"),
    ]  # fmt: skip
    assert truth.tenant_by_vcd("hooli", start, sim.now(), read_at=read_at, path=GLOBEX) == truth.growth(
        GLOBEX, *read_at
    )
    once = truth.owner_history(GLOBEX, read_at=[start + 5 * HOUR])
    assert [one.tenant for one in once] == ["globex", "initech"], "what came and went between readings is never seen"


def test_owners_change_in_device_time() -> None:
    sim = Simulator(load_scenario("vcd-small"), speed=0)
    sim.fault("clock_jump", device_offset="3s")
    sim.advance(HOUR)
    sim.fault("vcd_move", path="t1-globex", to="hooli")
    moved = sim.truth().owner_history(GLOBEX)[1].start
    assert moved == sim.scenario.clock.start_ms + HOUR + 3_000 == sim.device_time()
    sim.advance(HOUR)
    assert not any(sim.truth().tenant_by_vcd("hooli", 0, moved).ingress)
    assert sim.truth().tenant_by_vcd("hooli", moved, moved + HOUR).ingress.bytes > 0


def test_changes_that_cannot_be_are_refused() -> None:
    sim = _played()
    for members, words in (
        ({"do": "vcd_move", "path": "t1-globex", "to": "nobody"}, "one organisation is needed"),
        ({"do": "vcd_move", "path": "edge-x", "to": "acme"}, "one gateway is needed"),
        ({"do": "vcd_reconnect", "path": "t1-globex", "to": "vlan-globex-colo"}, "no provider gateway"),
        ({"do": "vcd_dedicate", "path": "vlan-globex-colo", "to": "acme"}, "no provider gateway"),
        ({"do": "vcd_remove_uplink", "path": "t1-globex", "to": "pg-t0-prov"}, "no uplink"),
        ({"do": "vcd_add_uplink", "path": "t1-globex", "to": "vlan-globex-colo"}, "already"),
        ({"do": "vcd_add_uplink", "path": "t1-globex", "to": "nowhere"}, "one is needed"),
        ({"do": "vcd_add", "path": "t0-prov", "to": "acme"}, "no Tier-1"),
        ({"do": "vcd_add_org", "path": "nobody"}, "no tenant"),
        ({"do": "vcd_release", "path": "192.0.2.1"}, "nobody holds"),
        ({"do": "vcd_disconnect", "path": "soylent-old"}, "no uplink to a Tier-0"),
        ({"do": "vcd_allocate", "path": "internet-v4", "to": "acme", "text": "IP_PREFIX"}, "no free IP_PREFIX"),
    ):
        with pytest.raises((LookupError, ValueError), match=words):
            sim.fault(**members)


# By the answers alone -----------------------------------------------------------------------------------------------


async def _nsx(vcd: Director) -> Client:
    client = Client(vcd.sim, vcd.client.http)
    assert (await client.login()).status == 200
    return client


async def _agree(vcd: Director, client: Client, tenant_of: dict[str, str]) -> int:
    """Require that whose points are by the answers is what the truth says; return how many points were compared."""
    found = await whose(vcd, client)
    for path, one in found.items():
        owned = vcd.sim.truth().owner_history(path)[-1]
        expected = (tenant_of.get(one.org, one.org) or UNATTRIBUTED, one.role)
        assert owned.end is None, path
        assert (owned.tenant, owned.role) == expected or owned.role == one.role == "balance", path
    return len(found)


@pytest.mark.integration
@pytest.mark.parametrize("kind", ["id", "unique_id", "realization_id"])
async def test_the_answers_tell_what_the_truth_says(start: Start, kind: str) -> None:
    vcd = await director(start, with_director(backing_id=kind))
    client = await _nsx(vcd)
    tenant_of = {"Initech-EMEA": "initech", "umbrella": "globex"}
    for fault in (
        {"do": "vcd_move", "path": "t1-acme-test", "to": "hooli"},
        {"do": "vcd_reconnect", "path": "t1-globex", "to": "pg-acme"},
        {"do": "vcd_rename", "path": "globex", "to": "umbrella"},
        {"do": "vcd_share", "path": "pg-acme"},
        {"do": "vcd_recreate", "path": "t1-initech"},
        {"do": "vcd_delete", "path": "t1-soylent", "nsx": False},
        {"do": "vcd_delete_org", "path": "acme"},
    ):
        assert await _agree(vcd, client, tenant_of) >= 14
        vcd.sim.fault(**fault)
        vcd.sim.advance(MINUTE)
    await _agree(vcd, client, tenant_of)


@pytest.mark.integration
async def test_a_provider_of_hundreds_maps_from_the_answers_through_thirty_moves(start: Start) -> None:
    vcd = await director(start, "vcd", limits=load_scenario("vcd").limits.model_copy(update={"requests_per_second": 0}))
    client = await _nsx(vcd)
    tenant_of = {"globex": "org-00008"}
    assert len(vcd.sim.scenario.events) == 30
    assert await _agree(vcd, client, tenant_of) > 800
    before = vcd.sim.scenario.clock.start_ms
    for hour in (4, 7, 10, 14, 17, 20):
        vcd.sim.advance(before + hour * HOUR - vcd.sim.now())
        assert await _agree(vcd, client, tenant_of) > 800
    cloud = vcd.sim.provider.cloud
    assert cloud is not None
    assert sum(len(vcd.sim.truth().owner_history(path)) > 1 for path in cloud.owners) >= 15


@pytest.mark.integration
async def test_a_gateway_made_again_has_the_old_name_and_another_reference(start: Start) -> None:
    vcd = await director(start)
    before = await vcd.one("edgeGateways", "edge-t1-globex")
    vcd.sim.fault("vcd_recreate", path="edge-t1-globex", nsx=False)
    same = await vcd.one("edgeGateways", "edge-t1-globex")
    assert same["id"] != before["id"]
    assert same["gatewayBacking"] == before["gatewayBacking"]
    vcd.sim.fault("vcd_recreate", path="edge-t1-globex")
    new = await vcd.one("edgeGateways", "edge-t1-globex")
    assert len({before["id"], same["id"], new["id"]}) == 3
    assert new["gatewayBacking"]["backingId"] != same["gatewayBacking"]["backingId"]
    assert (await vcd.get(f"edgeGateways/{before['id']}")).status == 404
    assert {one["uplinkName"] for one in new["edgeGatewayUplinks"]} == {"pg-t0-prov", "vlan-globex-colo"}


@pytest.mark.integration
async def test_an_organisation_that_comes_back_has_another_reference(start: Start) -> None:
    vcd = await director(start)
    before = await vcd.one("orgs", "hooli")
    vcd.sim.fault("vcd_delete_org", path="hooli")
    assert "hooli" not in [row["name"] for row in await vcd.every("orgs")]
    vcd.sim.fault("vcd_add_org", path="hooli")
    after = await vcd.one("orgs", "hooli")
    assert after["id"] != before["id"]
    vcd.sim.fault("vcd_delete_org", path="acme")
    assert (await vcd.one("externalNetworks", "pg-acme"))["dedicatedOrg"] is None
    assert "acme" not in {row["orgRef"]["name"] for row in await vcd.every("edgeGateways")}


@pytest.mark.integration
async def test_the_control_listener_tells_owners_and_plays_moves(start: Start) -> None:
    vcd = await director(start)
    control = vcd.sim.control_url
    fault = {"do": "vcd_move", "path": "t1-globex", "to": "hooli"}
    async with vcd.client.http.post(f"{control}/sim/fault", json=fault) as answer:
        assert answer.status == 200
    async with vcd.client.http.post(f"{control}/sim/advance", json={"milliseconds": HOUR}) as answer:
        assert answer.status == 200
    async with vcd.client.http.get(f"{control}/sim/truth") as answer:
        found = await answer.json()
    assert found["owners"][GLOBEX][-1]["tenant"] == "hooli"
    assert int(found["by_vcd"]["hooli"]["ingress"]["bytes"]) > 0
    assert found["by_vcd"]["globex"]["ingress"]["bytes"] == "0"


# Addresses ----------------------------------------------------------------------------------------------------------


def test_addresses_are_held_from_moment_to_moment() -> None:
    sim = Simulator(load_scenario("vcd-small"), speed=0)
    start = sim.scenario.clock.start_ms
    sim.advance(HOUR)
    sim.fault("vcd_allocate", path="internet-v4", to="hooli")
    sim.advance(HOUR)
    value = next(one.value.value for _, one in sim.truth().cloud().held() if one.value.tenant == "hooli")
    sim.fault("vcd_use", path=value)
    sim.advance(HOUR)
    sim.fault("vcd_release", path=value)
    sim.advance(HOUR)
    spells = [spell for _, spell in sim.truth().cloud().held() if spell.value.value == value]
    assert [(one.start - start, (one.end or 0) - start, one.value.used) for one in spells] == [
        (HOUR, 2 * HOUR, 0), (2 * HOUR, 3 * HOUR, 1),
    ]  # fmt: skip
    sim.fault("vcd_allocate", path="internet-v4", to="globex")
    again = [spell for _, spell in sim.truth().cloud().held() if spell.value.value == value]
    assert [one.value.tenant for one in again] == ["hooli", "hooli", "globex"], "a free address is given out again"
    prefixes = {spell.value.addresses for _, spell in sim.truth().cloud().held() if spell.value.kind == "ip_prefix"}
    assert prefixes == {2**64}
    ranges = [spell.value for _, spell in sim.truth().cloud().held() if spell.value.kind == "uplink_range"]
    assert {one.tenant for one in ranges} >= {"acme", "initech", "soylent"}


@pytest.mark.integration
async def test_what_is_held_is_what_the_lists_show(start: Start) -> None:
    vcd = await director(start)
    vcd.sim.fault("vcd_allocate", path="internet-v6", to="hooli", text="IP_PREFIX")
    shown: set[tuple[str, str]] = set()
    for space in await vcd.every("ipSpaces/summaries"):
        for kind in ("FLOATING_IP", "IP_PREFIX"):
            rows = await vcd.every(f"ipSpaces/{space['id']}/allocations", filter=f"type=={kind}")
            shown |= {(row["orgRef"]["name"].replace("Initech-EMEA", "initech"), row["value"]) for row in rows}
    held = [spell.value for _, spell in vcd.sim.truth().cloud().held() if spell.end is None]
    assert shown == {(one.tenant, one.value) for one in held if one.kind != "uplink_range"}
    assert "hooli" in {org for org, _ in shown}


# Scenarios ----------------------------------------------------------------------------------------------------------


def test_the_large_scenario_has_what_it_says() -> None:
    scenario = load_scenario("vcd")
    assert (len(scenario.tenants), len(scenario.tier1s)) == (300, 500)
    assert sum(spec.vrf_of is not None for spec in scenario.tier0s) == 30
    assert sum(spec.tenant is not None and spec.vrf_of is None for spec in scenario.tier0s) == 40
    with_gateway = {spec.tenant for spec in scenario.tier1s}
    assert len(with_gateway) == 280
    several = [spec.tenant for spec in scenario.tier1s]
    assert max(several.count(name) for name in with_gateway) >= 3
    own = {spec.id for spec in scenario.tier0s if spec.tenant is not None}
    mixed = {
        name
        for name in with_gateway
        if len({spec.tier0 in own for spec in scenario.tier1s if spec.tenant == name}) == 2
    }
    assert mixed, "some have gateways on a Tier-0 of their own and on a shared one"
    csps = [csp for spec in scenario.tier1s for csp in spec.csps]
    assert (sum(not csp.internal for csp in csps), sum(csp.internal for csp in csps)) == (80, 50)
    segments = [csp.segment for csp in csps if csp.overlay and not csp.internal]
    assert len(set(segments)) < len(segments), "an overlay segment serves several gateways"
    assert scenario.nsxv is not None
    assert len(scenario.nsxv.edges) == 20
    assert load_scenario("vcd") == scenario


def test_names_that_lead_nowhere_are_found() -> None:
    with pytest.raises(ScenarioError) as found:
        parse_scenario(
            {
                "clusters": [{"id": "ec"}],
                "vcd": {
                    "name": "nsx-a",
                    "unknown_tenants": ["x"],
                    "networks": [{"tier0": "t0-x"}],
                    "gateways": [{"tier1": "t1-x"}],
                    "ip_spaces": [{"name": "s", "tier0s": ["t0-y"], "org": "z"}],
                    "orgs": [{"tenant": "o"}],
                    "generate": [{"orgs": 1, "gateways": 1, "tier0s": ["t0-z"], "cluster": "ec-x", "dedicated": 1}],
                },
            }
        )
    lines = str(found.value).splitlines()
    wanted = (
        "no tenant 'x'", "no Tier-0 't0-x'", "no Tier-1 't1-x'", "no Tier-0 't0-y'", "no tenant 'z'", "no tenant 'o'",
        "no Tier-0 't0-z'", "no cluster 'ec-x'", "own_cluster", "'nsx-a' appears twice",
    )  # fmt: skip
    for words in wanted:
        assert any(words in line for line in lines), words
    assert len(lines) == 10


def test_events_of_a_director_are_checked() -> None:
    scenario = load_scenario("vcd-small")
    fault = parse_scenario({"events": [{"do": "vcd_move", "path": "nobody", "to": "acme"}]}).events[0]
    with pytest.raises(ScenarioError, match="vcd_move: 0 objects are called 'nobody'"):
        Simulator(scenario.model_copy(update={"events": [fault]}))
    with pytest.raises(ScenarioError, match="no wrong answer 'sideways'"):
        parse_scenario({"events": [{"do": "spoil", "how": "sideways"}]})


def test_a_timeline_tells_what_was_noted() -> None:
    rng = random.Random(3)
    timeline: Timeline[int] = Timeline()
    noted: dict[int, dict[str, int]] = {}
    for at in itertools.accumulate(rng.randrange(3) for _ in range(200)):
        noted[at] = {key: rng.randrange(3) for key in "abc" if rng.random() < 0.8}
        timeline.note(at, noted[at])
    assert set(timeline) == set("abc")
    for key in timeline:
        spells: list[Spell[int]] = list(timeline.spells(key))
        for one, two in itertools.pairwise(spells):
            assert one.end is not None
            assert one.end <= two.start
            assert one.end < two.start or one.value != two.value
        for at, present in noted.items():
            now = [spell.value for spell in spells if spell.start <= at and (spell.end is None or at < spell.end)]
            assert now == ([present[key]] if key in present else [])
