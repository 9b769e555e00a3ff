"""The commands as a user runs them: what they print, and their exit codes."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import StartDaemon, StartSimulator
from tests.e2e.harness import Place, daemon_settings

pytestmark = pytest.mark.e2e


async def test_the_daemon_meters_and_leaves_when_told(
    place: Place, start_simulator: StartSimulator, start_daemon: StartDaemon
) -> None:
    sim = await start_simulator(speed=60)
    daemon = await start_daemon(daemon_settings(place, sim))

    async def metered() -> bool:
        series = await daemon.metrics()
        return sum(v for name, v in series.items() if name.startswith("northmeter_tenant_bytes_total{")) > 0

    await daemon.until(metered, "bytes are booked")
    code, seconds = await daemon.terminate()
    assert code == 0, f"expected exit 0, got {code}:\n{daemon.log_tail()}"
    assert seconds < 5, f"expected an end within 5 s, took {seconds:.1f} s"
