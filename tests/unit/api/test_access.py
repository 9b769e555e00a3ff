"""Who gets an answer: tokens, scopes, and what is open."""

from __future__ import annotations

import hmac
import json

import pytest
from multidict import CIMultiDict, CIMultiDictProxy

from collector.api.auth import AccessRules, Area, Gate, TokenRule
from collector.model.identity import UNATTRIBUTED
from tests.unit.api.conftest import ACME, ACME_SECRET, ALL_SECRET, GLOBEX, Make, World, fact, rules

PATHS = ("/api/v1/tenants", "/api/v1/usage", "/api/v1/events", "/api/v1/nothing", "/api", "/api/v1/usage?start=wrong")


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("secret", [None, "wrong", ALL_SECRET + "x", ALL_SECRET[:-1], "", "é"])
async def test_no_token_and_a_wrong_token_get_the_same_401(world: World, path: str, secret: str | None) -> None:
    status, headers, body = await world.get(path, secret)
    assert status == 401
    assert headers["WWW-Authenticate"] == "Bearer"
    assert headers["Content-Type"] == "application/problem+json"
    assert json.loads(body) == {
        "type": "about:blank",
        "title": "Unauthorized",
        "status": 401,
        "detail": "a valid bearer token is needed",
        "instance": path.split("?", maxsplit=1)[0],
    }


@pytest.mark.parametrize(
    "header", [f"Basic {ALL_SECRET}", ALL_SECRET, "Bearer", f"Bearer {ALL_SECRET} {ALL_SECRET}", f"Bearer={ALL_SECRET}"]
)
async def test_other_schemes_are_refused(world: World, header: str) -> None:
    status, _, _ = await world.get("/api/v1/tenants", None, Authorization=header)
    assert status == 401


@pytest.mark.parametrize("scheme", ["Bearer ", "bearer ", "BEARER   "])
async def test_the_scheme_has_no_case(world: World, scheme: str) -> None:
    status, _, _ = await world.get("/api/v1/tenants", None, Authorization=scheme + ALL_SECRET)
    assert status == 200


async def test_two_authorization_headers_are_refused(world: World) -> None:
    url = f"http://127.0.0.1:{world.server.port}/api/v1/tenants"
    headers = [("Authorization", f"Bearer {ALL_SECRET}"), ("Authorization", f"Bearer {ALL_SECRET}")]
    async with world.session.get(url, headers=headers) as answer:
        assert answer.status == 401


async def test_without_tokens_the_api_is_closed_and_health_is_open(make: Make) -> None:
    world = await make(AccessRules())
    for path in PATHS:
        assert (await world.get(path))[0] == 401
    for path in ("/metrics", "/-/healthy", "/-/ready"):
        assert (await world.get(path, None))[0] == 200
    assert (await world.get("/-/reload", "", "POST"))[0] == 401


async def test_another_tenant_looks_like_one_that_does_not_exist(world: World) -> None:
    world.ledger.facts = [fact(GLOBEX, "2026-10-02T10:00:00", 1_000, 2_000)]
    for path in ("/api/v1/usage", "/api/v1/events"):
        status, _, other = await world.get(f"{path}?tenant=globex", ACME_SECRET)
        missing_status, _, missing = await world.get(f"{path}?tenant=nobody", ACME_SECRET)
        assert status == missing_status == 404
        assert other.replace(b"globex", b"nobody") == missing
        assert (await world.get(f"{path}?tenant=globex"))[0] == 200
        assert (await world.get(f"{path}?tenant=unattributed", ACME_SECRET))[0] == 404
        assert (await world.get(f"{path}?tenant=unattributed"))[0] == 200


async def test_a_token_for_a_tenant_that_is_nowhere_finds_nothing(make: Make) -> None:
    world = await make(AccessRules(tokens=(TokenRule.of("x", ALL_SECRET, frozenset({UNATTRIBUTED})),)))
    assert json.loads((await world.get("/api/v1/tenants"))[2]) == {"rows": [], "next_cursor": None}
    assert json.loads((await world.get("/api/v1/usage"))[2]) == {"rows": [], "next_cursor": None}


async def test_an_open_api_needs_no_token_and_still_refuses_a_wrong_one(make: Make) -> None:
    world = await make(rules(open=frozenset({Area.API})))
    assert len(json.loads((await world.get("/api/v1/tenants", None))[2])["rows"]) == 2
    assert len(json.loads((await world.get("/api/v1/tenants", ACME_SECRET))[2])["rows"]) == 1
    assert (await world.get("/api/v1/tenants", "wrong"))[0] == 401
    assert (await world.get("/-/healthy", None))[0] == 401
    assert (await world.get("/-/healthy", ACME_SECRET))[0] == 200
    assert (await world.get("/-/reload", None, "POST"))[0] == 401


async def test_metrics_that_are_not_open_need_a_token_that_sees_all(make: Make) -> None:
    world = await make(rules(open=frozenset({Area.HEALTH})))
    assert (await world.get("/metrics", None))[0] == 401
    assert (await world.get("/metrics", ACME_SECRET))[0] == 403
    assert (await world.get("/metrics"))[0] == 200


def test_every_token_is_compared_whichever_is_right(monkeypatch: pytest.MonkeyPatch) -> None:
    compared: list[bytes] = []

    def compare(known: bytes, given: bytes) -> bool:
        compared.append(given)
        return known == given

    monkeypatch.setattr(hmac, "compare_digest", compare)
    gate = Gate(rules())
    for secret in (ALL_SECRET, ACME_SECRET):
        gate.admit(Area.API, CIMultiDictProxy(CIMultiDict({"Authorization": f"Bearer {secret}"})))
        assert len(compared) == 2
        assert {len(digest) for digest in compared} == {32}
        compared.clear()


def test_a_rule_keeps_and_shows_no_secret() -> None:
    rule = TokenRule.of("billing", ALL_SECRET, frozenset({ACME.id}))
    assert repr(rule) == "TokenRule(name='billing', tenants=frozenset({'acme'}))"
    assert ALL_SECRET.encode() not in rule.digest


@pytest.mark.parametrize("secret", ["", "two words", "line\n", "schlüssel"])
def test_a_secret_that_no_header_can_carry_is_refused_without_showing_it(secret: str) -> None:
    with pytest.raises(ValueError, match="token billing") as caught:
        TokenRule.of("billing", secret, None)
    assert not secret or secret not in str(caught.value)
