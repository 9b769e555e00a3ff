"""Wrong and half answers of every source: what was known last stays in force, and the next good answer is taken."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest

from simulator.vcd.spoils import HARMLESS, SPOILS
from tests.integration.sources.vcd.estate import quiet, true_owners
from tests.integration.sources.vcd.in_force import InForce, in_force

pytestmark = pytest.mark.integration

VCD, NSX, NSXV = "vcd-sim", "nsx-sim", "nsxv-sim"

Wrong = Mapping[str, Any]
"""Members of a fault; durations, counts and words."""

ERRORS: tuple[Wrong, ...] = (
    *({"do": "error", "status": status} for status in (400, 404, 409, 500, 504)),
    {"do": "error", "status": 500, "body": "html"},
    *({"do": name} for name in ("throttle", "unavailable", "not_found", "html", "truncated", "cut", "redirect")),
    *({"do": name} for name in ("connection_reset", "invalid_path", "no_edge_node")),
)
"""Wrong instead of the answer; they stay until they are cleared, so that no repetition of the request helps."""

REFUSALS: tuple[Wrong, ...] = ({"do": "unauthorized"}, {"do": "session_expired"})

SHORT: tuple[Wrong, ...] = ({"do": "short_list", "amount": 1}, {"do": "short_list", "amount": 1, "count": 1})

BREAKS = frozenset({"cut", "connection_reset"})


class Trial:
    """One answer after the other is made wrong, and what is in force is compared with what was."""

    def __init__(self, it: InForce, source: str, good: Mapping[str, object]) -> None:
        self._it = it
        self._source = source
        self.good = good
        self.met = 0
        self.outcomes: Counter[str] = Counter()
        self.wrong: list[str] = []

    async def meet(self, fault: Wrong, path: str) -> None:
        """Let a discovery meet a wrong answer, and a good one follow."""
        it, source = self._it, self._source
        words, before, uses = f"{dict(fault)} of {path}", it.at(source), _uses(it)
        it.sim.fault(path=path, endpoint="inventory", **fault)
        outcome = await it.discover(source)
        it.sim.clear()
        if _uses(it) == uses:
            return
        self.met += 1
        self.outcomes[outcome] += 1
        self._same(f"after {words} ({outcome})", await it.snapshot())
        if outcome != "ok" and it.at(source) != before:
            self.wrong.append(f"after {words}: {outcome}, and yet in force")
        if outcome != "ok" and await it.discover(source) != "ok":
            self.wrong.append(f"after {words}: no good answer was taken any more")

    def _same(self, words: str, now: Mapping[str, object]) -> None:
        changed = [name for name, value in self.good.items() if now[name] != value]
        if changed:
            self.wrong.append(f"{words}: {', '.join(changed)} changed")


def _uses(it: InForce) -> int:
    faults = it.sim.stats()["faults"]
    assert isinstance(faults, dict)
    return sum(faults.values())


async def trial(it: InForce, source: str, faults: Iterable[tuple[Wrong, str]]) -> Trial:
    """Return what came of these wrong answers, (fault, path) one after the other."""
    made = Trial(it, source, await it.snapshot())
    for fault, path in faults:
        await made.meet(fault, path)
    assert made.wrong == []
    assert await it.discover(source) == "ok"
    assert await it.snapshot() == made.good
    return made


@pytest.mark.parametrize("path", ["*/orgs", "*/externalNetworks", "*/edgeGateways", "*/ipSpaces*", "*/query*"])
async def test_wrong_and_half_answers_of_a_director_leave_the_last_good_map_in_force(path: str, tmp_path: Path) -> None:
    scenario = quiet("vcd-small", vcd={"page_size_max": 3})
    async with in_force(scenario, tmp_path) as it:
        faults: list[Wrong] = [{"do": "spoil", "how": how} for how in sorted(SPOILS)]
        if path == "*/edgeGateways":
            faults += [{**fault, "count": 1} for fault in faults]
        made = await trial(it, VCD, [(fault, path) for fault in (*faults, *ERRORS, *REFUSALS)])
        assert made.met > 40
        if path in ("*/orgs", "*/externalNetworks", "*/edgeGateways"):
            assert made.outcomes["incomplete"] + made.outcomes["failed"] > 40


async def test_odd_words_about_versions_and_log_ins_of_a_director_leave_the_last_good_map_in_force(
    tmp_path: Path,
) -> None:
    async with in_force(quiet("vcd-small"), tmp_path) as it:
        good = await it.snapshot()
        odd = sorted(how for how in SPOILS - HARMLESS if how.startswith(("versions_", "token_", "body_", "document_")))
        for how in odd:
            before = it.at(VCD)
            it.sim.fault("spoil", how=how, endpoint="login")
            it.sim.fault("expire_sessions", manager="vcd-a")
            outcome = await it.discover(VCD)
            assert await it.snapshot() == good, how
            assert outcome == "ok" or it.at(VCD) == before, how
            it.sim.clear()
            assert await it.discover(VCD) == "ok", how


async def test_wrong_and_half_answers_of_a_manager_leave_the_last_good_inventory_in_force(tmp_path: Path) -> None:
    # The director names Tier-1s by what only their state says, and segments by what only their list says.
    scenario = quiet("vcd-small", vcd={"backing_id": "router_id", "segment_id": "unique_id"})
    lists = (
        "/infra/tier-0s",
        "/infra/tier-1s",
        "/orgs/*/projects",
        "/orgs/*/tier-1s",
        "*/edge-clusters",
        "*/edge-nodes",
        "*/segments",
    )
    each = ("*/locale-services", "*/interfaces", "*/state*", "*-services")
    async with in_force(scenario, tmp_path) as it:
        # Where connections break, each attempt costs one of its own; two lists of them will do.
        steady = [fault for fault in ERRORS if fault["do"] not in BREAKS]
        faults = [(fault, path) for path in lists for fault in (*steady, *REFUSALS, *SHORT)]
        faults += [(fault, path) for path in lists[1:3] for fault in ERRORS if fault["do"] in BREAKS]
        faults += [(fault, path) for path in each for fault in (*steady, *SHORT)]
        made = await trial(it, NSX, faults)
        assert made.met > 100
        assert made.outcomes["incomplete"] + made.outcomes["failed"] > 80


async def test_wrong_and_half_answers_of_an_nsxv_manager_leave_the_last_good_inventory_in_force(
    tmp_path: Path,
) -> None:
    scenario = quiet("vcd-small")
    async with in_force(scenario, tmp_path) as it:
        once = [{**fault, "count": 1} for fault in ERRORS]
        faults = [(fault, path) for path in ("*", "*/edges", "*/vnics") for fault in (*ERRORS, *SHORT, *once)]
        made = await trial(it, NSXV, faults)
        assert made.met > 40
        assert made.outcomes["incomplete"] + made.outcomes["failed"] > 20


def by_address(document: dict[str, Any]) -> None:
    """Leave it to the address which manager of ours a director means: there are two, called otherwise than there."""
    nsx, *_, vcd = document["sources"]
    document["sources"].append({**nsx, "name": "nsx-other", "urls": ["https://nsx-other.example.net"]})
    del vcd["managers"]


@pytest.mark.parametrize("fault", [{"do": "error", "status": 500}, {"do": "error", "status": 404}, {"do": "html"}])
async def test_the_addresses_of_managers_outlast_an_answer_without_them(fault: Wrong, tmp_path: Path) -> None:
    async with in_force(quiet("vcd-small"), tmp_path, by_address) as it:
        assert await it.owners() == true_owners(it.sim)
        good = await it.snapshot()
        it.sim.fault(path="*/query*", **fault)
        assert await it.discover(VCD) == "ok"
        assert await it.snapshot() == good
