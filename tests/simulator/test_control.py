"""From other processes: the control listener, the command, and the settings for a daemon."""

from __future__ import annotations

import asyncio
import base64
import json
import signal
import socket
import sys
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from simulator import Simulator, main, settings_for
from simulator.scenario import load_scenario
from tests.simulator.conftest import CSP, CSP_POINT, Client, Start, until

pytestmark = pytest.mark.integration


async def _control(client: Client, method: str, path: str, body: object = None) -> tuple[int, Any]:
    async with client.http.request(method, client.sim.control_url + path, json=body) as response:
        return response.status, await response.json()


async def test_truth_over_http_is_the_truth(client: Client) -> None:
    status, moved = await _control(client, "POST", "/sim/advance", {"milliseconds": 900_000})
    assert (status, moved["now"]) == (200, client.sim.clock.start + 900_000)
    _, body = await _control(client, "GET", "/sim/truth?slots=1")
    truth, start, end = client.sim.truth(), client.sim.clock.start, client.sim.device_time()
    assert (body["start"], body["end"]) == (start, end)
    point = next(row for row in body["points"] if row["path"] == CSP_POINT)
    growth = truth.growth(CSP_POINT, start, end)
    assert point["total"]["ingress"]["bytes"] == str(growth.ingress.bytes)
    assert sum(int(slot["egress"]["packets"]) for slot in point["slots"]) == growth.egress.packets
    assert len(point["slots"]) == 3
    assert sum(int(node["ingress"]["bytes"]) for node in point["nodes"].values()) == growth.ingress.bytes
    assert len(body["tenants"]["globex"]["slots"]) == 3
    assert body["tenants"]["globex"]["egress"]["bytes"] == str(truth.tenant("globex", start, end).egress.bytes)


async def test_faults_and_load_over_http(client: Client) -> None:
    assert (await _control(client, "POST", "/sim/fault", {"do": "unavailable", "for": "5m"}))[0] == 200
    assert (await client.get(CSP)).status == 503
    assert (await _control(client, "POST", "/sim/clear"))[0] == 200
    assert (await client.get(CSP)).status == 200
    _, stats = await _control(client, "GET", "/sim/stats")
    assert stats["statuses"] == {"200": 2, "503": 1}
    assert stats["load"]["clients"]["northmeter"]["requests"] == 3
    _, served = await _control(client, "GET", "/sim/served?after=1")
    assert [row["seq"] for row in served["rows"]] == [2]
    assert served["rows"][0]["path"] == CSP_POINT


@pytest.mark.parametrize(
    ("path", "body", "text"),
    [
        ("/sim/fault", {"do": "reset", "node": "ec/9"}, "no edge node 'ec/9'"),
        ("/sim/fault", {"do": "explode"}, "Input should be"),
        ("/sim/advance", {"milliseconds": -1}, "only goes forward"),
        ("/sim/advance", {"milliseconds": "soon"}, "Expected `int`"),
    ],
)
async def test_a_wrong_command_is_refused(client: Client, path: str, body: object, text: str) -> None:
    status, answer = await _control(client, "POST", path, body)
    assert status == 400
    assert text in answer["error"]


async def test_losses_over_http(client: Client) -> None:
    client.sim.advance(60_000)
    await _control(client, "POST", "/sim/fault", {"do": "reset", "node": "ec-prov/0"})
    _, body = await _control(client, "GET", "/sim/truth")
    loss = next(row for row in body["losses"] if row["point"] == CSP_POINT)
    assert (loss["reason"], loss["served"]) == ("reset", False)


async def test_settings_name_every_point_once(start: Start) -> None:
    client = await start("demo")
    settings = settings_for(client.sim, poll={"interval": "1s"})
    source = settings["sources"][0]
    assert (source["kind"], source["urls"], source["projects"]) == ("nsxt", client.sim.urls, "all")
    assert Path(source["tls"]["ca_file"]) == client.sim.ca_file
    assert settings["poll"] == {"interval": "1s"}
    points = {tenant["id"]: tenant["points"] for tenant in settings["tenants"]}
    named = {"source": "nsx-sim"}
    assert points["acme"] == [
        named | {"kind": "tier0_uplink", "tier0": "t0-acme"},
        named | {"kind": "service_interface", "tier1": "t1-acme", "interface": "csp-colo"},
    ]
    assert points["hooli"] == [named | {"kind": "tier1_downlink", "tier1": "t1-hooli", "project": "hooli"}]
    assert points["stark"] == [
        named | {"kind": "tier0_uplink", "tier0": "vrf-stark"},
        named | {"kind": "service_interface", "tier0": "vrf-stark", "interface": "csp-stark"},
    ]
    assert [point["kind"] for point in points["initech"]] == ["tier1_downlink", "service_interface"]
    assert "points" not in settings_for(client.sim, points=False)["tenants"][0]
    json.dumps(settings)


async def test_settings_of_a_federation_ask_the_global_manager(start: Start) -> None:
    client = await start("federation")
    source = settings_for(client.sim)["sources"][0]
    assert source["federation"] is True
    assert source["urls"] == [client.sim.managers["gm"].url]


async def test_settings_name_edges_and_vpcs(start: Start) -> None:
    client = await start("nsxv")
    settings = settings_for(client.sim)
    source = settings["sources"][1]
    assert (source["kind"], source["urls"], source["time_unit"]) == ("nsxv", [client.sim.nsxv_url], "milliseconds")
    points = {tenant["id"]: tenant["points"] for tenant in settings["tenants"]}
    assert points["acme"] == [{"source": "nsxv-sim", "kind": "edge_interface", "edge": "edge-1"}]
    assert [point["kind"] for point in points["globex"]] == ["tier1_downlink", "edge_interface"]
    newer = settings_for((await start("vpcs")).sim)["tenants"][2]["points"]
    named = {"source": "nsx-sim", "project": "hooli", "vpc": "lab"}
    assert newer == [named | {"kind": "vpc_external"}, named | {"kind": "vpc_internal"}]
    older = settings_for((await start("vpcs", version="4.1.2")).sim)["tenants"][2]["points"]
    assert older == [named | {"kind": "vpc"}]


async def test_settings_name_the_director_and_leave_the_points_to_it(start: Start) -> None:
    client = await start("vcd-small")
    settings = settings_for(client.sim, points=False)
    source = settings["sources"][2]
    assert (source["kind"], source["urls"], source["org"]) == ("vcd", [client.sim.vcd_url], "System")
    assert source["managers"] == {"nsx-a": "nsx-sim", "vc-old": "nsxv-sim"}
    tenants = {tenant["id"]: tenant for tenant in settings["tenants"]}
    assert tenants["initech"]["vcd_org"] == "Initech-EMEA"
    assert not [tenant for tenant in tenants.values() if "points" in tenant]
    assert "vcd_org" not in tenants["acme"], "an organisation that is called like its tenant needs no name"


async def test_the_command_runs_until_it_is_told_to_stop(tmp_path: Path) -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "error", "-m", "simulator", "-c", "vcd-small", "--speed", "60", "--folder", str(tmp_path),
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    assert process.stdout is not None
    printed: dict[str, str] = {}
    async with asyncio.timeout(30):
        while (line := (await process.stdout.readline()).decode().strip()) != "ready":
            assert line, "the command ended before it was ready"
            name, _, value = line.partition(" ")
            printed.setdefault(name, value.strip())
    assert Path(printed["ca"]) == tmp_path / "ca.pem"
    async with (
        aiohttp.ClientSession() as http,
        http.get(
            printed["manager"].split()[-1] + "/api/v1/node/version",
            ssl=aiohttp.Fingerprint(bytes.fromhex(printed["sha256"])),
            headers={"Authorization": f"Bearer {printed['token']}"},
        ) as response,
    ):
        assert response.status == 200
    pair = base64.b64encode(f"{printed['vcd-user']}:{printed['vcd-pass']}".encode()).decode()
    async with (
        aiohttp.ClientSession() as http,
        http.post(
            printed["vcd"].split()[-1] + "/cloudapi/1.0.0/sessions/provider",
            ssl=aiohttp.Fingerprint(bytes.fromhex(printed["sha256"])),
            headers={"Authorization": f"Basic {pair}", "Accept": "application/*;version=38.1"},
        ) as response,
    ):
        assert response.status == 200
    process.send_signal(signal.SIGTERM)
    async with asyncio.timeout(10):
        _, errors = await process.communicate()
    assert (process.returncode, errors) == (0, b"")


def test_the_command_refuses_a_scenario_that_does_not_exist(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-c", "nowhere"]) == 2
    assert "nowhere: cannot be read" in capsys.readouterr().err


def test_a_port_in_use_is_said(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["-c", "small", "--listen", f"127.0.0.1:{port}"]) == 3
    assert f"127.0.0.1:{port}: cannot listen" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "text"),
    [(["--listen", "here"], "'here' is no HOST:PORT"), (["--speed", "9999"], "speed 9999 is outside 0..3600")],
)
def test_wrong_arguments_are_said(arguments: list[str], text: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["-c", "small", *arguments]) == 2
    assert text in capsys.readouterr().err


async def test_time_runs_by_itself_at_its_speed() -> None:
    scenario = load_scenario("small").model_copy(update={"tls": False})
    async with Simulator(scenario, speed=3_600) as sim:
        first = sim.now()
        await until(lambda: sim.now() >= first + 3_600_000)
        assert sim.now() < first + 60_000 * 3_600, "an hour passes in a second, not at once and not in a minute"
        assert all(url.startswith("http://") for url in sim.urls)
