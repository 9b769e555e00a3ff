"""Which tenants there are: of the settings, of the director's organisations, of Projects, in the order of the rules."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import pytest

from tests.e2e.committed import read_state
from tests.e2e.conftest import StartDaemon, StartSimulator
from tests.e2e.harness import SOURCE, Daemon, Place
from tests.e2e.moves import directed, owners_of
from tests.e2e.waits import booked

pytestmark = pytest.mark.e2e

WRITTEN: Final[list[dict[str, Any]]] = [
    {"id": "acme-net", "name": "Acme Networks", "vcd_org": "acme"},
    {"id": "globex", "name": "Globex", "timezone": "Europe/Amsterdam"},
    {"id": "pipes", "name": "Pipes", "points": [{"source": SOURCE, "kind": "tier1_downlink", "tier1": "t1-nobody"}]},
]
"""One is an organisation of another name, one of its own name, and one has a point that no director knows."""

LINKS: Final = ("t1-acme-test", "t1-globex", "t1-soylent", "t1-nobody")

NOBODY: Final = "unattributed"


async def test_tenants_are_those_of_the_settings_in_force(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    # Given a director, tenants of the settings, and a Project of the name of an organisation
    sim = await start_simulator("vcd-small", speed=60, nsxv=None)

    # When nothing becomes a tenant by itself
    daemon = await start_daemon(
        directed(place, sim, {"vpn": False}, tenants=WRITTEN, attribution={"auto_tenants": False})
    )

    # Then organisations and Projects without one are nobody's, and what is dedicated to them, too
    await _owned(daemon, place, {"t1-acme-test": "acme-net", "t1-globex": "globex", "t1-nobody": "pipes"})
    await daemon.until(booked(daemon), "traffic is booked")
    written = {"acme-net": "Acme Networks", "globex": "Globex", "pipes": "Pipes"}
    assert await _named(daemon, but=NOBODY) == written
    assert await _uplink(place) == NOBODY

    # When each becomes one, then its name is its name, and those of the settings keep theirs
    await _reload(daemon, place, {"auto_tenants": True})
    await _owned(
        daemon,
        place,
        {"t1-acme-test": "acme-net", "t1-globex": "globex", "t1-soylent": "soylent", "t1-nobody": "pipes"},
    )
    assert await _uplink(place) == "Initech-EMEA"
    names = await _named(daemon, but=NOBODY)
    assert names.items() >= written.items()
    assert names.keys() - written.keys() == {"soylent", "Initech-EMEA"}
    zones = {row["id"]: row["timezone"] for row in await daemon.rows("/api/v1/tenants", {})}
    assert (zones["globex"], zones["soylent"]) == ("Europe/Amsterdam", "UTC")

    # When the director is not asked, then Projects and the settings alone decide
    await _reload(daemon, place, {"order": ["config", "nsx_project"]})
    await _owned(daemon, place, {"t1-soylent": "soylent", "t1-nobody": "pipes"})

    # When the director alone is asked, then the points of the settings are nobody's
    await _reload(daemon, place, {"order": ["vcd"]})
    await _owned(daemon, place, {"t1-acme-test": "acme-net", "t1-globex": "globex", "t1-soylent": "soylent"})

    # When a point of the settings is another organisation's, then the rule that is asked first is believed
    claimed = [*WRITTEN[:2], {**WRITTEN[2], "points": [{"source": SOURCE, "kind": "tier1_downlink", "tier1": name}
                                                       for name in ("t1-nobody", "t1-globex")]}]  # fmt: skip
    for order, owner in ((["vcd", "config"], "globex"), (["config", "vcd"], "pipes")):
        await _reload(daemon, place, {"order": order}, tenants=claimed)
        wanted = {"t1-acme-test": "acme-net", "t1-globex": owner, "t1-soylent": "soylent", "t1-nobody": "pipes"}
        await _owned(daemon, place, wanted)


async def _reload(daemon: Daemon, place: Place, attribution: Mapping[str, Any], **parts: Any) -> None:
    """Put other rules in force; parts are top-level keys, of any shape."""
    daemon.settings.update(parts, attribution=dict(attribution))
    place.write(daemon.settings)
    answer = await daemon.ask("/-/reload", method="POST")
    assert answer.status == 200, f"expected 200, got {answer}"


async def _owners(place: Place) -> dict[str, str]:
    """Return path → tenant by the newest owner."""
    state = await read_state(place.ledger)
    return {path: whose.tenant for path, whose in owners_of(state, 2**62).items()}


async def _owned(daemon: Daemon, place: Place, wanted: Mapping[str, str]) -> None:
    """Wait until the links are these tenants', and those that are not named nobody's."""
    expected = {name: wanted.get(name, NOBODY) for name in LINKS}
    seen: dict[str, str] = {}

    async def so() -> bool:
        owners = {path.rpartition("/")[2]: tenant for path, tenant in (await _owners(place)).items()}
        seen.update({name: owners.get(name, "") for name in LINKS})
        return seen == expected

    try:
        await daemon.until(so, f"owners {expected}")
    except AssertionError as error:
        raise AssertionError(f"expected {expected}, got {seen}") from error


async def _uplink(place: Place) -> str:
    """Return whose the uplinks of the organisation's own VRF are that the settings do not have."""
    (tenant,) = {tenant for path, tenant in (await _owners(place)).items() if "/vrf-initech/" in path}
    return tenant


async def _named(daemon: Daemon, *, but: str) -> dict[str, str]:
    """Return id → display name of the tenants that the API lists."""
    return {row["id"]: row["name"] for row in await daemon.rows("/api/v1/tenants", {}) if row["id"] != but}
