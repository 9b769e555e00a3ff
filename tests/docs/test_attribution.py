"""The worked example of the page about attribution is what the code decides."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collector.core.attribution import AttributionRules, Claim, NoteKind, TenantEntry, attribute
from collector.model.identity import Kind, TenantId
from collector.ports import FoundPoint
from tests.unit.core.provider import (
    cloud,
    csp,
    external,
    gateway,
    link,
    on,
    on_segment,
    point,
    provider_gateway,
    segment,
    t0,
    t1,
    tier0_path,
    tunnel,
)

pytestmark = pytest.mark.checkout

PAGE = Path(__file__).parents[2] / "docs" / "attribution.md"
ROW = re.compile(
    r"^\| ((?:uplink|link|interface|tunnel) .+?) \| (\S+) \| (billed|balance|internal) \| (.+) \|$", re.MULTILINE
)
LAB = (("tenant", "lab"),)


def uplink(gateway_name: str) -> FoundPoint:
    path = tier0_path(gateway_name)
    return point(Kind.TIER0_UPLINK, f"{path}/locale-services/default/interfaces/up1", path)


POINTS = {
    "uplink `up1` of `vrf-acme`": uplink("vrf-acme"),
    "link of `t1-acme`": link("vrf-acme", "t1-acme"),
    "interface `csp-mpls` of `t1-acme` on `seg-mpls`": csp("t1-acme", "csp-mpls", "seg-mpls"),
    "interface `csp-web` of `t1-acme` on `seg-web`": csp("t1-acme", "csp-web", "seg-web"),
    "tunnel of `t1-acme`": tunnel("t1-acme"),
    "uplink `up1` of `t0-internet`": uplink("t0-internet"),
    "link of `t1-globex`": link("t0-internet", "t1-globex"),
    "interface `csp-colo` of `t1-globex` on `seg-colo`": csp("t1-globex", "csp-colo", "seg-colo"),
    "link of `t1-initech`": link("t0-internet", "t1-initech"),
    "link of `t1-lab`": link("t0-internet", "t1-lab", tags=LAB),
    "link of `t1-old`": link("t0-internet", "t1-old"),
}


def test_the_worked_example_is_what_the_code_decides() -> None:
    directory = cloud(
        provider_gateway("pg-acme", "vrf-acme", "Acme Inc", vrf=True),
        provider_gateway("pg-internet", "t0-internet"),
        external("mpls-acme", "seg-mpls"),
        gateway("acme-edge-1", "Acme Inc", "t1-acme", on("pg-acme", "NSXT_VRF_TIER0"), on_segment("mpls-acme")),
        gateway("globex-edge-1", "globex", "t1-globex", on("pg-internet")),
        gateway("initech-edge-1", "initech", "t1-initech", on("pg-internet")),
    )
    colo = Claim(
        tenant=TenantId("globex"),
        source="nsx",
        kind=Kind.SERVICE_INTERFACE,
        tier1="t1-globex",
        interface="csp-colo",
        path="tenants[1].points[0]",
    )
    tenants = (TenantEntry(TenantId("acme"), "Acme", "Acme Inc"), TenantEntry(TenantId("globex"), "Globex"))
    made = attribute(
        list(POINTS.values()),
        AttributionRules(maps=(directory,), claims=(colo,), tenants=tenants),
        gateways=[
            t0("t0-internet"),
            t0("vrf-acme", parent="t0-internet"),
            t1("t1-acme", under="vrf-acme"),
            *(t1(name, under="t0-internet") for name in ("t1-globex", "t1-initech", "t1-old")),
            t1("t1-lab", under="t0-internet", tags=LAB),
        ],
        segments=[segment("seg-mpls"), segment("seg-web"), segment("seg-colo")],
    )
    decided = [
        (words, one.tenant, one.role.value, one.reason)
        for words, found in POINTS.items()
        for one in (made.decisions[found.key],)
    ]
    assert ROW.findall(PAGE.read_text()) == decided
    assert (made.overlaps, made.notes) == ((), ())
    assert made.names == {"initech": "initech", "lab": "lab"}


def test_the_page_has_every_kind_of_note() -> None:
    cells = " ".join(re.findall(r"^\| (`\w+`(?:, `\w+`)*) \|", PAGE.read_text(), re.MULTILINE))
    assert {kind.value for kind in NoteKind} <= set(re.findall(r"`(\w+)`", cells))
