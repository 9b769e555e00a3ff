"""A server on a free port, with a ledger in memory."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

import aiohttp
import pytest
from aiohttp import web
from multidict import CIMultiDictProxy

from collector.api.auth import AccessRules, TokenRule
from collector.api.server import ApiOptions, ApiServer
from collector.clock import ManualClock
from collector.model.identity import Kind, Tenant, TenantId
from collector.model.period import SLOT_MS, Instant
from collector.model.usage import Coverage, Usage
from collector.telemetry.health import Health
from tests.unit.api.fake_ledger import Fact, FakeLedger

ACME = Tenant(id=TenantId("acme"), name="Acme Corp", timezone="Europe/Amsterdam")
GLOBEX = Tenant(id=TenantId("globex"), name="Globex", timezone="Asia/Kathmandu")

ALL_SECRET = "all-2b1f0c7de94a"
ACME_SECRET = "acme-77ab31905c22"
SECRETS = (ALL_SECRET, ACME_SECRET)

UPLINK = "nsx-ams1:/infra/tier-0s/t0-acme/locale-services/default/interfaces/up1"
LINK = "nsx-ams1:/infra/tier-1s/t1-acme"


def at(text: str) -> Instant:
    """Return an instant from a time in UTC."""
    return int(datetime.fromisoformat(text + "+00:00").timestamp()) * 1_000


MEASURED = Coverage(measured_ms=SLOT_MS)
NOW = at("2026-10-02T12:03:20")


def fact(
    tenant: Tenant,
    slot: str,
    ingress: int,
    egress: int,
    *,
    kind: Kind = Kind.TIER0_UPLINK,
    point: str = UPLINK,
    coverage: Coverage = MEASURED,
) -> Fact:
    """Return a slot's usage; packets and drops follow from the bytes."""
    usage = Usage(ingress, egress, ingress // 100, egress // 100, ingress // 1_000, egress // 1_000)
    return Fact(tenant.id, kind, point, at(slot), usage, coverage)


def rules(**changes: object) -> AccessRules:
    """Return the tokens of the tests: one that sees all tenants, and Acme's."""
    known: dict[str, object] = {
        "tokens": (
            TokenRule.of("billing", ALL_SECRET, None),
            TokenRule.of("acme-portal", ACME_SECRET, frozenset({ACME.id})),
        )
    }
    return AccessRules(**{**known, **changes})  # type: ignore[arg-type] # the tests name fields of the record


@dataclass
class World:
    """A running server with everything it answers from."""

    server: ApiServer
    session: aiohttp.ClientSession
    ledger: FakeLedger
    health: Health
    clock: ManualClock
    tenants: list[Tenant]
    reload_answers: list[str | Exception | None] = field(default_factory=list)

    async def get(
        self, path: str, secret: str | None = ALL_SECRET, method: str = "GET", **headers: str
    ) -> tuple[int, CIMultiDictProxy[str], bytes]:
        """Return status, headers and body of an answer that shows no secret."""
        if secret is not None:
            headers["Authorization"] = f"Bearer {secret}"
        url = f"http://127.0.0.1:{self.server.port}{path}"
        async with self.session.request(method, url, headers=headers) as answer:
            body = await answer.read()
            for word in SECRETS:
                assert word.encode() not in body
                assert word not in str(answer.headers)
            return answer.status, answer.headers, body


Make = Callable[..., Awaitable[World]]


@pytest.fixture
async def make() -> AsyncIterator[Make]:
    """Return a function that starts a server."""
    worlds: list[World] = []

    async def start(access: AccessRules | None = None, metrics: object = None) -> World:
        ledger, health, clock, tenants = FakeLedger(), Health(), ManualClock(NOW), [ACME, GLOBEX]
        answers: list[str | Exception | None] = []

        async def show_metrics(_request: web.Request) -> web.StreamResponse:
            return web.Response(text="northmeter_up 1\n")

        async def reload() -> str | None:
            answer = answers.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer

        server = ApiServer(
            ApiOptions(host="127.0.0.1", port=0, access=rules() if access is None else access),
            reader=ledger,
            tenants=lambda: tenants,
            health=health,
            clock=clock,
            metrics=metrics or show_metrics,  # type: ignore[arg-type] # a handler where a test brings its own
            reload=reload,
        )
        await server.start()
        session = aiohttp.ClientSession()
        worlds.append(World(server, session, ledger, health, clock, tenants, answers))
        return worlds[-1]

    yield start
    for world in worlds:
        await world.session.close()
        await world.server.stop()


@pytest.fixture
async def world(make: Make) -> World:
    """Return a server with the tokens of the tests."""
    return await make()
