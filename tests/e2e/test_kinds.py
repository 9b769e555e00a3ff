"""Tunnels, VPCs and gateways of several sites through the whole daemon: each kind by itself, and equal to the truth.

The provider's clock stands still while the daemon reads, so that a reading without a time of its own is of a known
instant, too.
"""

from __future__ import annotations

from typing import Final

import pytest

from collector.model.usage import StoredEvent
from simulator import Simulator
from tests.e2e.committed import read_ledger, read_state, waiting
from tests.e2e.conftest import StartDaemon, StartSimulator
from tests.e2e.harness import SOURCE, Daemon, Place, daemon_settings
from tests.e2e.hours import MINUTE
from tests.e2e.kinds import Row, by_tenant, kinds_of, lost, require_external_sums, served_rows, true_rows
from tests.e2e.sinks import Sum, differences, influx_sums, ledger_sums, metrics_sums, victoria_sums
from tests.e2e.truth import FAR
from tests.e2e.waits import Look
from tests.servers import InfluxServer, InfluxV2Proxy, VictoriaServer, promtool_check_metrics
from tests.servers.fixtures import INFLUX_TOKEN

pytestmark = [pytest.mark.e2e, pytest.mark.timeout(180)]

MIGRATION: Final = "/infra/tier-1s/t1-globex/l2vpn-services/default/sessions/migration"
BRANCH: Final = "/infra/tier-1s/t1-globex/ipsec-vpn-services/branches/sessions/to-branch"
CENTRE: Final = "/infra/tier-1s/t1-globex/ipsec-vpn-services/default/sessions/to-dc"
OFFICE: Final = "/infra/tier-0s/t0-acme/ipsec-vpn-services/default/sessions/to-office"

FAST: Final = {"requests_per_second": 90, "concurrency": 16}


async def read(daemon: Daemon, sim: Simulator, place: Place) -> None:
    """Return when every series was read since the provider's clock was moved."""
    after = sim.device_time() - sim.scenario.cache

    async def taken() -> bool:
        state = await read_state(place.ledger)
        # A reading that fell is held until the next one, which comes when the clock is moved again.
        newest = {one.ref: (one.state.held or one.state.baseline).at for one in state.series if one.state is not None}
        points = {one.point for one in state.series}
        return points == {one.ref for one in state.points} and all(
            newest.get(one.ref, 0) > after for one in state.series
        )

    await daemon.until(taken, f"everything was read after {after}", 60)


async def require_all(daemon: Daemon, sim: Simulator, place: Place) -> dict[Row, Sum]:
    """Return the usage of every point, once ledger, API and metrics have what was truly carried."""
    committed = await read_ledger(place.ledger)
    rows = true_rows(sim, committed)
    told = differences(rows, await served_rows(daemon, sim))
    assert not told, f"the API differs from what was carried:\n{told}"
    told = differences(by_tenant(rows), await ledger_sums(place.ledger, 0, FAR))
    assert not told, f"the ledger differs from what was carried:\n{told}"
    shown, text = await metrics_sums(daemon)
    told = differences(by_tenant(rows), shown)
    assert not told, f"/metrics differs from what was carried:\n{told}"
    promtool_check_metrics(text)
    await require_external_sums(daemon, sim, rows)
    return rows


async def events(place: Place, name: str, path: str) -> list[StoredEvent]:
    """Return the events of a name at a point, in the order in which they were stored."""
    label = f"{SOURCE}:{path}"
    return [one for one in (await read_ledger(place.ledger)).events if (one.event, one.point) == (name, label)]


# --- tunnels ---------------------------------------------------------------------------------------------------------


async def test_tunnels_are_kinds_of_their_own_through_alarms_resets_and_outages(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    # Given networks that are stretched and connected
    sim = await start_simulator("tunnels", speed=0)
    sim.advance(10 * MINUTE)
    daemon = await start_daemon(daemon_settings(place, sim, FAST))
    await read(daemon, sim, place)
    sim.advance(5 * MINUTE)
    await read(daemon, sim, place)

    # When answers hold an alarm in place of counters, a user zeroes those of a tunnel, and another one goes down
    before = await served_rows(daemon, sim)
    for path in (MIGRATION, CENTRE):
        sim.fault("alarm", path=path, endpoint="statistics", label="alarm")
    sim.advance(2 * MINUTE)
    sim.fault("reset_session", path="t1-globex/to-branch")
    sim.fault("tunnel_down", path="t0-acme/to-office")
    sim.advance(3 * MINUTE)
    await daemon.until(up_is(daemon, OFFICE, "acme", 0), "the tunnel is shown as down")
    for path in (MIGRATION, CENTRE):
        await daemon.until(failed(daemon, path), f"the alarm of {path} is a failed poll")

    # Then an alarm is neither a zero nor a reset
    during = await served_rows(daemon, sim)
    alarmed = [row for row in before if row.point in {f"{SOURCE}:{MIGRATION}", f"{SOURCE}:{CENTRE}"}]
    assert len(alarmed) == 4, f"expected usage of both tunnels, got {sorted(before)}"
    assert [during[row] for row in alarmed] == [before[row] for row in alarmed], f"expected no news, got {during}"

    # When all is well again
    sim.clear("alarm")
    sim.fault("tunnel_up", path="t0-acme/to-office")
    sim.advance(5 * MINUTE)
    await read(daemon, sim, place)
    await daemon.until(up_is(daemon, OFFICE, "acme", 1), "the tunnel is shown as up")

    # Then each tunnel has what it carried, as a kind that no sum over kinds counts
    rows = await require_all(daemon, sim, place)
    assert {"l2vpn", "ipsec_vpn"} <= kinds_of(rows), f"expected tunnels, got {sorted(rows)}"
    owners = {row.point.rpartition("/")[2]: row.tenant for row in rows if row.kind in {"l2vpn", "ipsec_vpn"}}
    assert owners == {"migration": "globex", "stretch": "hooli", "to-branch": "globex", "to-dc": "globex",
                      "to-office": "acme"}  # fmt: skip
    resets = [one for one in (await read_ledger(place.ledger)).events if one.event == "reset"]
    assert [one.point for one in resets] == [f"{SOURCE}:{BRANCH}"], f"expected one reset, got {resets}"
    ingress, egress = lost(sim, BRANCH, 0, sim.device_time())
    assert ingress.bytes > 0, "expected that something was lost with the counters"
    for name, one in (("ingress", ingress), ("egress", egress)):
        bound = int(str(resets[0].detail[f"unknown_bytes_max_{name}"]))
        assert one.bytes <= bound, f"{name}: {one.bytes} bytes were lost, beyond the bound of {bound}"
    states = [(one.tenant, one.detail["now"]) for one in await events(place, "tunnel_state", OFFICE)]
    assert states == [("acme", "DOWN"), ("acme", "UP")], f"expected that it went down and came up, got {states}"


def failed(daemon: Daemon, path: str) -> Look:
    """Return what tells whether the log has a failed poll of a point, with the alarm as its reason."""

    async def look() -> bool:
        lines = [line for line in daemon.events("poll_failed") if line["point"] == f"{SOURCE}:{path}"]
        return any("alarm ERR_ENFORCEMENT_POINT_UNREACHABLE" in line["reason"] for line in lines)

    return look


def up_is(daemon: Daemon, path: str, tenant: str, value: float) -> Look:
    """Return what tells whether the gauge of an IPsec tunnel has a value."""

    async def look() -> bool:
        series = await daemon.metrics()
        found = [
            shown
            for name, shown in series.items()
            if name.startswith("northmeter_tunnel_up{") and f'"{SOURCE}:{path}"' in name and f'"{tenant}"' in name
        ]
        return found == [value]

    return look


# --- VPCs and transit gateways ---------------------------------------------------------------------------------------


async def test_vpcs_tell_external_from_internal_traffic_at_every_destination(  # noqa: PLR0917 - servers are arguments
    place: Place,
    start_simulator: StartSimulator,
    start_daemon: StartDaemon,
    influx: InfluxServer,
    influx_v2: InfluxV2Proxy,
    victoria: VictoriaServer,
) -> None:
    await influx.create_database("usage")
    # A transit gateway of this release tells no time of its values; they are renewed at every whole second here.
    sim = await start_simulator("vpcs", speed=0, cache=1_000)
    sim.advance(10 * MINUTE)
    token = place.secret("influx-token", INFLUX_TOKEN)
    common = {"org": "provider", "bucket": "usage", "token_file": token}
    destinations = [
        {"name": "influx", "url": influx_v2.url, **common},
        {"name": "victoria", "url": victoria.url, **common},
    ]
    settings = daemon_settings(place, sim, FAST, exporters={"influxdb": destinations})
    daemon = await start_daemon(settings)
    for _ in range(2):
        await read(daemon, sim, place)
        sim.advance(5 * MINUTE)
    await read(daemon, sim, place)
    rows = await require_all(daemon, sim, place)
    sides = {f"{what}_{side}" for what in ("vpc", "transit_gateway") for side in ("external", "internal")}
    assert kinds_of(rows) == {*sides, "tier1_downlink"}, f"expected each side by itself, got {kinds_of(rows)}"
    assert {row.tenant for row in rows if row.kind in sides} == {"acme", "hooli"}

    async def arrived() -> bool:
        return not await waiting(place.ledger, ("influx", "victoria"))

    begin, end = sim.clock.start, sim.device_time()
    await daemon.until(arrived, "nothing waits any more", 60)
    expected = await ledger_sums(place.ledger, begin, end)
    assert expected == by_tenant(rows), "expected that the last reading ends a slot"
    for sink, got in (
        ("InfluxDB", await influx_sums(influx, "usage", begin, end)),
        ("VictoriaMetrics", await victoria_sums(victoria, begin, end)),
    ):
        told = differences(expected, got)
        assert not told, f"{sink} differs from what was carried:\n{told}"


async def test_a_release_that_tells_one_sum_of_a_vpc_gives_it_one_kind(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    sim = await start_simulator("vpcs", speed=0, version="4.1.1.0.0.22224312")
    sim.advance(10 * MINUTE)
    daemon = await start_daemon(daemon_settings(place, sim, FAST))
    await read(daemon, sim, place)
    sim.advance(5 * MINUTE)
    await read(daemon, sim, place)
    rows = await require_all(daemon, sim, place)
    assert kinds_of(rows) == {"vpc", "tier1_downlink"}, f"expected no more than the release tells, got {kinds_of(rows)}"


# --- sites -----------------------------------------------------------------------------------------------------------


async def test_a_gateway_of_two_sites_is_metered_at_each(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    sim = await start_simulator("sites", speed=0)
    sim.advance(10 * MINUTE)
    daemon = await start_daemon(daemon_settings(place, sim, FAST))
    await read(daemon, sim, place)
    sim.advance(5 * MINUTE)
    await read(daemon, sim, place)
    (here,) = [site for tier1, site in links(await served_rows(daemon, sim)) if tier1 == "t1-acme"]
    (there,) = {"ams", "fra"} - {here}

    # When one of them is active at the other site from now on
    sim.fault("failover", path="t1-acme", to=there)
    sim.advance(5 * MINUTE)
    await read(daemon, sim, place)
    before = links(await served_rows(daemon, sim))
    sim.advance(5 * MINUTE)
    await read(daemon, sim, place)

    # Then what it carries is of the other site's point, and the same tenant's
    after = links(await require_all(daemon, sim, place))
    assert after["t1-acme", here] == before["t1-acme", here], f"expected nothing more at {here}, got {after}"
    moved = [("t1-acme", there), ("t1-globex", here), ("t1-globex", there)]
    assert all(after[link] > before[link] for link in moved), f"expected more of {moved}, got {before} and {after}"


def links(rows: dict[Row, Sum]) -> dict[tuple[str, str], int]:
    """Return (Tier-1, site) → bytes of its link, both directions; every link here is of two sites."""
    found: dict[tuple[str, str], int] = {}
    for row, one in rows.items():
        if row.kind == "tier1_downlink":
            tier1, _, site = row.point.rpartition("/")[2].partition("@")
            assert site, f"expected a point for each site, got {row}"
            found[tier1, site] = found.get((tier1, site), 0) + one.bytes
    return found
