"""A place to run in, simulated providers and daemons; all of them end with the test."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Protocol

import pytest
from pydantic import SecretStr

from simulator import Scenario, Simulator, load_scenario
from simulator.scenario import AuthSpec, UserSpec
from tests.e2e.harness import PROGRAM, Daemon, Place, Settings

PASSWORD = "pass-w0rd/of the+provider=%27"
"""Of the simulated account; a form and a URL write it otherwise than it is."""

BEARER = "bearer-t0ken.of/the+provider=="
"""A token that the simulated manager takes."""


class StartSimulator(Protocol):
    """Starts a simulated provider."""

    async def __call__(
        self, scenario: Scenario | str = "small", *, speed: int | None = None, **changes: Any
    ) -> Simulator:
        """Return it, listening; ``changes`` replace members of the scenario."""


class StartDaemon(Protocol):
    """Starts a daemon."""

    async def __call__(
        self,
        settings: Settings,
        *,
        ready: bool = True,
        tls: ssl.SSLContext | None = None,
        program: Sequence[str] = PROGRAM,
    ) -> Daemon:
        """Return it, ready, or only up."""


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A folder of its own."""
    return Place(tmp_path / "place")


@pytest.fixture
async def _stack() -> AsyncIterator[AsyncExitStack]:
    async with AsyncExitStack() as stack:
        yield stack


def known_secrets(auth: AuthSpec) -> AuthSpec:
    """Return the accounts with the words that the tests look for."""
    user = UserSpec(name="northmeter", password=SecretStr(PASSWORD))
    return auth.model_copy(update={"users": [user], "token": SecretStr(BEARER)})


@pytest.fixture
async def start_simulator(_stack: AsyncExitStack, place: Place) -> StartSimulator:
    """Start simulated providers; they end with the test."""

    async def start(scenario: Scenario | str = "small", *, speed: int | None = None, **changes: Any) -> Simulator:
        loaded = scenario if isinstance(scenario, Scenario) else load_scenario(scenario)
        loaded = loaded.model_copy(update={"auth": known_secrets(loaded.auth), **changes})
        sim = Simulator(loaded, speed=speed, folder=place.tls_folder)
        place.words |= {"nsx-password": PASSWORD, "nsx-bearer": BEARER}
        return await _stack.enter_async_context(sim)

    return start


@pytest.fixture
async def start_daemon(_stack: AsyncExitStack, place: Place) -> StartDaemon:
    """Start daemons; they end with the test."""

    async def start(
        settings: Settings,
        *,
        ready: bool = True,
        tls: ssl.SSLContext | None = None,
        program: Sequence[str] = PROGRAM,
    ) -> Daemon:
        daemon = Daemon(place, settings, tls, program)
        close: Callable[[], Awaitable[None]] = daemon.close
        _stack.push_async_callback(close)
        await daemon.start(ready=ready)
        return daemon

    return start
