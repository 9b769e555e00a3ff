"""A simulated cloud provider on NSX-T and NSX-V, with a Cloud Director, that knows the true bytes and whose they are.

It owns the endpoints that a meter reads, with their paging, sessions, limits and faults, and the truth about every
byte. It imports nothing of the daemon, so that a mistake is not made twice.

Invariants: counters are integers and pure functions of simulated time; both ends of a link show the same traffic; an
uplink shows what the links, VPCs and tunnels behind it carry; what a reset took away is recorded; what rates stand for
is computed from their decimals, beside what was carried.
"""

from __future__ import annotations

from simulator.clock import SimClock
from simulator.edge_samples import EdgeSample, EdgeTruth
from simulator.events import Fault
from simulator.main import main
from simulator.scenario import Scenario, ScenarioError, load_scenario, parse_scenario
from simulator.settings import settings_for
from simulator.simulator import Simulator
from simulator.truth import Both, Loss, Served, Traffic, Truth

__all__ = [
    "Both",
    "EdgeSample",
    "EdgeTruth",
    "Fault",
    "Loss",
    "Scenario",
    "ScenarioError",
    "Served",
    "SimClock",
    "Simulator",
    "Traffic",
    "Truth",
    "load_scenario",
    "main",
    "parse_scenario",
    "settings_for",
]
