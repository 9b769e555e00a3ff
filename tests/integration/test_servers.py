"""The servers of the tests do what the tests rely on."""

from __future__ import annotations

import gzip
from collections.abc import Callable
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from tests.servers import (
    InfluxServer,
    InfluxV2Proxy,
    ServerProcess,
    ServerStartError,
    VictoriaServer,
    promtool_check_metrics,
    until,
)
from tests.servers.fixtures import INFLUX_TOKEN, StartInflux, StartPrometheus
from tests.servers.process import log_tails, program

pytestmark = pytest.mark.integration

BEYOND_A_DOUBLE = 2**53 + 1
AT_MS = 1_790_000_000_000


async def _write_v2(url: str, body: bytes, *, token: str = INFLUX_TOKEN, precision: str = "ms", **headers: str) -> int:
    async with (
        aiohttp.ClientSession() as session,
        session.post(
            f"{url}/api/v2/write",
            params={"org": "provider", "bucket": "usage", "precision": precision},
            headers={"Authorization": f"Token {token}"} | headers,
            data=body,
        ) as answer,
    ):
        return answer.status


async def test_prometheus_scrapes_a_target_on_the_loop_of_the_test(start_prometheus: StartPrometheus) -> None:
    async def metrics(_: web.Request) -> web.Response:
        return web.Response(text='# HELP a_total A.\n# TYPE a_total counter\na_total{tenant="acme"} 9007199254740992\n')

    app = web.Application()
    app.router.add_get("/metrics", metrics)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    try:
        server = start_prometheus([{"job_name": "a", "static_configs": [{"targets": [f"127.0.0.1:{port}"]}]}])
        samples = await server.wait_for("a_total")
        history = await until(lambda: server.query_range_vector("a_total[1h]"), "a second look at the same series")
        targets = await server.targets()
    finally:
        await runner.cleanup()

    assert [sample.value for sample in samples] == ["9007199254740992"]
    assert samples[0].labels == {"__name__": "a_total", "tenant": "acme", "job": "a", "instance": f"127.0.0.1:{port}"}
    assert {value for _, values in history for _, value in values} == {"9007199254740992"}
    assert [(target.health, target.last_error) for target in targets] == [("up", "")]


async def test_prometheus_keeps_its_port_and_data_over_a_restart(start_prometheus: StartPrometheus) -> None:
    server = start_prometheus([])
    url = server.url
    server.stop()
    with pytest.raises(aiohttp.ClientConnectorError):
        await server.query("1")
    server.start()
    assert server.url == url
    assert await server.targets() == []


async def test_influx_keeps_integers_exact_and_data_over_a_restart(influx: InfluxServer) -> None:
    await influx.create_database("usage")
    await influx.write("usage", f"northmeter_usage,tenant=acme bytes={BEYOND_A_DOUBLE}i {AT_MS}")
    influx.stop()
    influx.start()

    (series,) = await influx.query('SELECT bytes FROM "northmeter_usage" GROUP BY *', "usage")

    assert series.tags == {"tenant": "acme"}
    assert series.records() == [{"time": AT_MS, "bytes": BEYOND_A_DOUBLE}]


async def test_influx_with_a_login_refuses_who_has_none(start_influx: StartInflux) -> None:
    server = start_influx(username="admin", password="correct-horse")
    await server.create_database("usage")
    async with (
        aiohttp.ClientSession() as session,
        session.post(f"{server.url}/query", data={"q": "SHOW DATABASES"}) as no,
    ):
        assert no.status == 401
    (databases,) = await server.query("SHOW DATABASES")
    assert ["usage"] in databases.values

    async with InfluxV2Proxy(server, INFLUX_TOKEN) as proxy:
        assert await _write_v2(proxy.url, f"m v=1i {AT_MS}".encode()) == 204


@pytest.mark.parametrize(("precision", "scale"), [("s", 1), ("ms", 1_000), ("us", 1_000_000), ("ns", 1_000_000_000)])
async def test_v2_write_reaches_influx_in_every_precision(
    influx: InfluxServer, influx_v2: InfluxV2Proxy, precision: str, scale: int
) -> None:
    await influx.create_database("usage")
    line = f"m,tenant=acme v={BEYOND_A_DOUBLE}i {AT_MS // 1_000 * scale}".encode()

    assert await _write_v2(influx_v2.url, line, precision=precision) == 204

    (series,) = await influx.query("SELECT v FROM m", "usage")
    assert series.values == [[AT_MS, BEYOND_A_DOUBLE]]


async def test_v2_write_passes_compressed_bodies_as_they_are(influx: InfluxServer, influx_v2: InfluxV2Proxy) -> None:
    await influx.create_database("usage")
    body = gzip.compress(f"m v=1i {AT_MS}\nm v=2i {AT_MS + 1}".encode())

    assert await _write_v2(influx_v2.url, body, **{"Content-Encoding": "gzip"}) == 204

    (series,) = await influx.query("SELECT v FROM m", "usage")
    assert series.values == [[AT_MS, 1], [AT_MS + 1, 2]]


async def test_v2_write_passes_refusals_of_the_server(start_influx: StartInflux) -> None:
    server = start_influx(http={"max-body-size": 1_000})
    async with InfluxV2Proxy(server, INFLUX_TOKEN) as proxy:
        assert await _write_v2(proxy.url, b"m v=1i") == 404  # no such database
        await server.create_database("usage")
        assert await _write_v2(proxy.url, f"m v=1i {AT_MS}\nthis is no line".encode()) == 400
        assert await _write_v2(proxy.url, b"m v=1i\n" * 200) == 413
        assert await _write_v2(proxy.url, b"m v=1i", precision="fortnight") == 400
        assert await _write_v2(proxy.url, b"m v=1i", token="another") == 401
        proxy.token = "another"
        assert await _write_v2(proxy.url, b"m v=1i", token="another") == 204
        (series,) = await server.query("SELECT count(v) FROM m", "usage")
        assert series.values[0][1] == 2  # the good line beside the bad one was taken: a partial write


async def test_v2_write_says_503_while_the_server_is_away(influx: InfluxServer, influx_v2: InfluxV2Proxy) -> None:
    await influx.create_database("usage")
    influx.stop()
    async with aiohttp.ClientSession() as session:
        async with session.get(f"{influx_v2.url}/health") as answer:
            assert (answer.status, (await answer.json())["status"]) == (503, "fail")
        assert await _write_v2(influx_v2.url, b"m v=1i") == 503
        influx.start()
        async with session.get(f"{influx_v2.url}/health") as answer:
            assert (answer.status, (await answer.json())["status"]) == (200, "pass")
        async with session.get(f"{influx_v2.url}/ping") as answer:
            assert (answer.status, answer.headers["X-Influxdb-Version"][:3]) == (204, "1.6")
    assert await _write_v2(influx_v2.url, b"m v=1i") == 204


async def test_victoria_takes_the_v2_write_call_as_it_is(victoria: VictoriaServer) -> None:
    body = f"northmeter_usage,tenant=acme bytes=5i,packets=2i {AT_MS}\n".encode()
    assert await _write_v2(victoria.url, body) == 204
    victoria.stop()
    victoria.start()

    series = await victoria.export('{__name__=~"northmeter_.*"}')

    assert [(one.labels["__name__"], one.labels["tenant"], one.values, one.timestamps) for one in series] == [
        ("northmeter_usage_bytes", "acme", [5.0], [AT_MS]),
        ("northmeter_usage_packets", "acme", [2.0], [AT_MS]),
    ]


def test_promtool_passes_good_metrics_and_names_what_is_wrong() -> None:
    promtool_check_metrics(
        '# HELP a_bytes_total A.\n# TYPE a_bytes_total counter\na_bytes_total{x="1"} 18446744073709551615\n'
    )
    with pytest.raises(AssertionError, match="counter metrics should have"):
        promtool_check_metrics("# HELP a_bytes A.\n# TYPE a_bytes counter\na_bytes 1\n")
    with pytest.raises(AssertionError, match="error while linting"):
        promtool_check_metrics("a_bytes{ 1\n")


def test_a_missing_program_is_a_failure_that_says_what_to_do() -> None:
    with pytest.raises(ServerStartError, match="no-such-server is not installed; `make servers`"):
        program("no-such-server")


def test_a_server_that_ends_at_once_shows_its_log(start_victoria: Callable[[], VictoriaServer], tmp_path: Path) -> None:
    class Broken(VictoriaServer):
        def prepare(self) -> list[str]:
            return ["-no-such-flag"]

    with pytest.raises(ServerStartError, match="no-such-flag"):
        Broken(tmp_path).start()
    assert log_tails() == []
    running: ServerProcess = start_victoria()
    assert [title for title, _ in log_tails()] == ["log of victoria-metrics"]
    running.stop()
    assert log_tails() == []


async def test_until_gives_up_with_the_last_answer() -> None:
    async def look() -> list[str]:
        return []

    with pytest.raises(AssertionError, match=r"the moon: not within 0.1 s; last answer: \[\]"):
        await until(look, "the moon", timeout_seconds=0.1)
