"""Fixtures that start real servers and stop them after the test."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Protocol, TypeVar

import pytest

from tests.servers.influx import InfluxServer, InfluxV2Proxy
from tests.servers.process import ServerProcess
from tests.servers.prometheus import PrometheusServer
from tests.servers.victoria import VictoriaServer

INFLUX_TOKEN = "token-of-the-influx-proxy"
"""What the fixture ``influx_v2`` asks for."""


S = TypeVar("S", bound=ServerProcess)


class StartPrometheus(Protocol):
    """Starts Prometheus with scrape configurations."""

    def __call__(
        self, scrape_configs: Sequence[Mapping[str, Any]] = (), *, scrape_interval: str = "200ms"
    ) -> PrometheusServer:
        """Return it, ready."""


class StartInflux(Protocol):
    """Starts InfluxDB 1.6."""

    def __call__(
        self,
        *,
        username: str | None = None,
        password: str | None = None,
        http: Mapping[str, int | str | bool] | None = None,
    ) -> InfluxServer:
        """Return it, ready."""


class _Servers:
    """Starts servers in folders of their own, and stops all of them."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._stack = ExitStack()
        self._count = 0

    def folder(self) -> Path:
        self._count += 1
        return self._folder / f"server-{self._count}"

    def start(self, server: S) -> S:
        self._stack.callback(server.stop)
        server.start()
        return server

    def close(self) -> None:
        self._stack.close()


@pytest.fixture
def _servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Servers]:
    servers = _Servers(tmp_path_factory.mktemp("servers"))
    yield servers
    servers.close()


@pytest.fixture
def start_prometheus(_servers: _Servers) -> StartPrometheus:
    """Start Prometheus servers; they end with the test."""

    def start(scrape_configs: Sequence[Mapping[str, Any]] = (), *, scrape_interval: str = "200ms") -> PrometheusServer:
        return _servers.start(PrometheusServer(_servers.folder(), scrape_configs, scrape_interval=scrape_interval))

    return start


@pytest.fixture
def start_influx(_servers: _Servers) -> StartInflux:
    """Start InfluxDB servers; they end with the test."""

    def start(
        *,
        username: str | None = None,
        password: str | None = None,
        http: Mapping[str, int | str | bool] | None = None,
    ) -> InfluxServer:
        return _servers.start(InfluxServer(_servers.folder(), username=username, password=password, http=http))

    return start


@pytest.fixture
def start_victoria(_servers: _Servers) -> Callable[[], VictoriaServer]:
    """Start VictoriaMetrics servers; they end with the test."""
    return lambda: _servers.start(VictoriaServer(_servers.folder()))


@pytest.fixture
def influx(start_influx: StartInflux) -> InfluxServer:
    """InfluxDB 1.6 without a log-in."""
    return start_influx()


@pytest.fixture
def victoria(start_victoria: Callable[[], VictoriaServer]) -> VictoriaServer:
    """VictoriaMetrics."""
    return start_victoria()


@pytest.fixture
async def influx_v2(influx: InfluxServer) -> AsyncIterator[InfluxV2Proxy]:
    """The v2 write call in front of ``influx``; its token is ``INFLUX_TOKEN``."""
    async with InfluxV2Proxy(influx, INFLUX_TOKEN) as proxy:
        yield proxy
