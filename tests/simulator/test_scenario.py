"""Scenarios: the shipped ones can be played, and a wrong one names every fault."""

from __future__ import annotations

import pytest

from simulator.scenario import FOLDER, ScenarioError, load_scenario, parse_scenario
from simulator.simulator import Simulator, check_events

SHIPPED = sorted(file.stem for file in FOLDER.glob("*.yaml"))


def test_the_promised_scenarios_are_shipped() -> None:
    assert set(SHIPPED) >= {"day", "demo", "federation", "large", "nsxv", "sites", "small", "tunnels", "vpcs"}


@pytest.mark.parametrize("name", SHIPPED)
def test_every_event_of_a_shipped_scenario_can_be_played(name: str) -> None:
    scenario = load_scenario(name)
    check_events(scenario)
    assert scenario.name == name
    assert scenario.tenants


def test_a_day_has_every_kind_of_misbehaviour() -> None:
    played = {fault.do for fault in load_scenario("day").events}
    assert played >= {
        "drop_node_id", "no_rows", "empty_rows", "drop_fields", "drop_row", "freeze", "empty_summary_ids", "glitch",
        "older_timestamp", "conflict", "spike", "reset", "failover", "node_down", "node_up", "node_remove", "node_add",
        "node_replace", "recreate_port", "move", "delete", "recreate", "add_tier1", "add_interface", "invalid_path",
        "no_edge_node", "not_found", "throttle", "unavailable", "session_expired", "expire_sessions", "unauthorized",
        "redirect", "html", "truncated", "cut", "oversized", "error", "slow", "hang", "connection_reset",
        "manager_down", "manager_up", "null_cursor", "short_list", "clock_jump", "set_limits", "set_version",
    }  # fmt: skip


def test_every_fault_of_a_scenario_is_named_in_a_line_of_its_own() -> None:
    wrong = {
        "tier0s": [{"id": "x", "clusters": ["ec"], "rate": "soon"}],
        "cache": "0s",
        "evnts": [],
        "events": [{"do": "reset"}],
    }
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(wrong, "bad.yaml")
    assert str(caught.value).splitlines() == [
        "bad.yaml: cache: must be 1s or more",
        "bad.yaml: tier0s[0].rate: 'soon' is no rate; write 500kbit/s, 20Mbit/s or 1Gbit/s",
        "bad.yaml: events[0]: reset needs node",
        "bad.yaml: evnts: Extra inputs are not permitted",
    ]


def test_names_that_lead_nowhere_are_named() -> None:
    wrong = {
        "tier0s": [{"id": "t0", "clusters": ["ec"]}],
        "tier1s": [{"id": "a", "tier0": "t9", "tenant": "who"}, {"id": "a"}],
    }
    with pytest.raises(ScenarioError) as caught:
        parse_scenario(wrong, "bad.yaml")
    assert str(caught.value).splitlines() == [
        "bad.yaml: tier0s[0].clusters: no cluster 'ec'; known: none",
        "bad.yaml: tier1s[0].tier0: no Tier-0 't9'; known: t0",
        "bad.yaml: tier1s[0].tenant: no tenant 'who'; known: none",
        "bad.yaml: tier1s: 'a' appears twice",
    ]


def test_an_event_about_nothing_is_found_before_the_start() -> None:
    scenario = parse_scenario({"name": "odd", "events": [{"at": "1h", "do": "reset", "node": "ec/1"}]})
    with pytest.raises(ScenarioError, match="odd: events: reset: no edge node 'ec/1'"):
        Simulator(scenario)


def test_a_missing_file_names_the_shipped_ones() -> None:
    with pytest.raises(ScenarioError, match=r"nowhere: cannot be read .*shipped: day, demo"):
        load_scenario("nowhere")


def test_the_number_of_generated_gateways_is_a_parameter() -> None:
    scenario = load_scenario("large", gateways=40)
    assert len(scenario.tenants) == 40
    assert len(scenario.tier1s) == 40
    assert load_scenario("large", gateways=40) == scenario, "the same seed makes the same provider"
