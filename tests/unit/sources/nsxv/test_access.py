"""Log-in at a manager, the way through a director, and what ``check --online`` says of both."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest
from aiohttp import web

from collector.clock import ManualClock
from collector.errors import AuthFailed, SourceUnavailable
from collector.model.identity import PointKey, ReadAt
from collector.sources.answers import Answer
from collector.sources.nsxv.options import AnswerForm, DirectorAccess, NsxvOptions
from collector.sources.nsxv.source import NsxvSource
from collector.sources.observer import SourceObserver
from collector.sources.options import DISCOVERY_RETRY, POLL_RETRY, RetryPolicy
from tests.unit.sources.nsxv.fake_nsxv import (
    DATE,
    NOW,
    PASSWORD,
    FakeEdge,
    FakeNsxv,
    FakeVnic,
    always,
    point,
    rig,
)

GATEWAY = "0b3c5c32-5c2d-4d0e-8a55-0f6a3d0d7f10"


def edge(name: str = "edge-1") -> FakeEdge:
    return FakeEdge(name, vnics=[FakeVnic(0, samples=[(NOW, 1, 1)])])


def end(_: PointKey) -> ReadAt | None:
    return None


# --- a manager of its own --------------------------------------------------------------------------------------------


async def test_one_request_proves_the_credentials_before_others_carry_them() -> None:
    async with FakeNsxv(edge()) as manager, rig(manager) as rigged:
        await rigged.source.read_rates([point()], NOW - 900_000)
        assert "pageSize=1" in manager.seen[0]
        assert len(manager.seen) == 2
        await rigged.source.read_rates([point()], NOW - 900_000)
        assert len(manager.seen) == 3


async def test_a_refused_password_is_not_tried_again_soon_nor_told_to_anybody() -> None:
    async with FakeNsxv(edge(), password="another") as manager, rig(manager) as rigged:
        for _ in range(3):
            with pytest.raises(AuthFailed) as caught:
                await rigged.source.read_rates([point()], NOW - 900_000)
            assert "user meter was refused" in str(caught.value)
            assert PASSWORD not in str(caught.value)
        assert len(manager.seen) == 1
        assert len(rigged.observed.of("login_refused")) == 1


async def test_a_password_that_cannot_be_read_is_no_crash() -> None:
    def unreadable() -> str:
        raise FileNotFoundError("/run/secrets/nsxv")

    async with FakeNsxv(edge()) as manager:
        rigged = rig(manager)
        rigged.source._reach.http._api._password = unreadable  # type: ignore[attr-defined]
        async with rigged:
            with pytest.raises(AuthFailed, match="the password cannot be read"):
                await rigged.source.read_rates([point()], NOW - 900_000)
        assert manager.seen == []


async def test_a_manager_that_starts_is_unavailable_and_no_refusal() -> None:
    async with FakeNsxv(edge()) as manager, rig(manager) as rigged:
        manager.script = [always(lambda: web.Response(status=503, text="<html>starting</html>")) for _ in range(9)]
        with pytest.raises(SourceUnavailable):
            await rigged.source.read_rates([point()], NOW - 900_000)
        assert rigged.observed.of("login_refused") == []


async def test_a_right_that_lacks_for_one_edge_is_no_refused_password() -> None:
    async with FakeNsxv(edge(), edge("edge-2")) as manager, rig(manager) as rigged:
        path = "/api/4.0/edges/edge-1/statistics/interfaces/uplink"
        manager.answers[path] = always(lambda: manager.error(403, 5, "No right"))
        with pytest.raises(AuthFailed, match="role Auditor"):
            await rigged.source.read_rates([point()], NOW - 900_000)
        (reading,) = await rigged.source.read_rates([point("edge-2")], NOW - 900_000)
        assert len(reading.samples) == 1


async def test_the_next_manager_answers_when_the_first_is_away() -> None:
    async with FakeNsxv(edge()) as first, FakeNsxv(edge()) as second:
        await first.__aexit__()
        async with rig(first, second) as rigged:
            (reading,) = await rigged.source.read_rates([point()], NOW - 900_000)
            assert len(reading.samples) == 1
            assert rigged.source.budget_used_ratio() > 0
        await first.__aenter__()


async def test_what_the_source_says_of_itself() -> None:
    async with FakeNsxv(edge()) as manager, rig(manager, catch_up_ms=7) as rigged:
        source = rigged.source
        assert (source.name, source.requests_per_second, source.insecure, source.catch_up_ms) == (
            "nsxv-a",
            1_000,
            False,
            7,
        )
        assert source.budget_used_ratio() == 0


# --- check --online --------------------------------------------------------------------------------------------------


async def lines(*managers: FakeNsxv, **options: Any) -> list[tuple[bool, str]]:
    async with rig(*managers, **options) as rigged:
        report = await rigged.source.check_online()
        assert report.source == "nsxv-a"
        return [(ok, words.replace(managers[0].url.partition("//")[2], "HOST")) for ok, words in report.lines]


@pytest.mark.parametrize("form", list(AnswerForm))
async def test_a_good_account_may_only_read(form: AnswerForm) -> None:
    async with FakeNsxv(edge(), edge("edge-2")) as manager:
        manager.xml = form is AnswerForm.XML
        assert await lines(manager, form=form) == [
            (True, "HOST: logged in, edges can be listed: 2"),
            (True, "HOST: its clock is 0 s behind ours"),
            (True, "HOST: meter has the role auditor, which may read only"),
        ]


async def test_an_account_that_may_write_is_warned_of() -> None:
    async with FakeNsxv(edge()) as manager:
        manager.role = "enterprise_admin"
        (_, _, told) = await lines(manager)
        assert told == (
            True,
            "HOST: WARNING: meter has the role enterprise_admin, which may write; Auditor is enough",
        )


async def test_a_role_that_cannot_be_read_is_no_fault() -> None:
    async with FakeNsxv(edge()) as manager:
        manager.role = None
        ok, words = (await lines(manager))[-1]
        assert ok
        assert "cannot be read, so it is not checked" in words
        manager.role = ""
        assert (await lines(manager))[-1] == (True, "HOST: the role of meter is not told, so it is not checked")


async def test_a_clock_that_is_wrong_is_told() -> None:
    async with FakeNsxv(edge()) as manager:
        manager.date = "Wed, 21 Oct 2026 12:05:00 GMT"
        assert "300 s ahead of ours; usage carries the manager's time" in (await lines(manager))[1][1]


async def test_each_manager_that_does_not_let_us_in_gets_a_line() -> None:
    async with FakeNsxv(edge(), password="another") as first, FakeNsxv(edge()) as second:
        found = await lines(first, second)
    assert [ok for ok, _ in found] == [False, False]
    assert "was refused" in found[0][1]
    assert second.seen == [], "accounts lock, so refused credentials are tried once"


@pytest.mark.parametrize("text", ["{}", "hello"])
async def test_a_manager_that_is_none_fails_the_check(text: str) -> None:
    async with FakeNsxv(edge()) as manager:
        manager.answers["/api/4.0/edges"] = always(lambda: web.Response(text=text))
        ((ok, words),) = await lines(manager)
        assert not ok
        assert "not what the API promises" in words


# --- through a director ----------------------------------------------------------------------------------------------


class FakeDirector:
    """What a director's source lends: its session, and the gateways that it knows."""

    def __init__(self, *edges: FakeEdge) -> None:
        self.manager = FakeNsxv(*edges)
        self.gateways: Sequence[tuple[str, str]] | None = [(one.id, one.name) for one in edges]
        self.asked: list[tuple[str, str, RetryPolicy]] = []
        self.error: Exception | None = None

    async def get(self, path: str, accept: str, policy: RetryPolicy) -> Answer:
        self.asked.append((path, accept, policy))
        if self.error is not None:
            raise self.error
        self.manager.xml = accept == "application/xml"
        found = self.manager.of_edge(path.partition("?")[0])
        assert isinstance(found, web.Response)
        assert isinstance(found.body, bytes)
        return Answer(found.status, {"Date": DATE}, found.body)

    def source(self, **options: Any) -> NsxvSource:
        access = DirectorAccess(get=self.get, gateways=lambda: self.gateways, requests_per_second=20)
        built = NsxvOptions(name="nsxv-a", access=access, **options)
        return NsxvSource(built, ManualClock(NOW), SourceObserver())


def gateway() -> FakeEdge:
    return FakeEdge(GATEWAY, "gw-acme", vnics=[FakeVnic(0, samples=[(NOW, 1, 2)]), FakeVnic(1, "in", "internal")])


@pytest.mark.parametrize("form", list(AnswerForm))
async def test_gateways_of_a_director_are_edges_named_by_its_uuid(form: AnswerForm) -> None:
    director = FakeDirector(gateway())
    source = director.source(form=form)
    await source.start()
    inventory = await source.discover(None, end)
    assert inventory.complete
    (found,) = inventory.points
    assert found.key.path == f"/edges/{GATEWAY}/vnics/0"
    assert (found.gateway, found.gateway_name) == (f"/edges/{GATEWAY}", "gw-acme")
    assert found.calls[0].path == f"/network/edges/{GATEWAY}/statistics/interfaces/uplink"
    assert inventory.gateways[0].ids == (GATEWAY,)
    (reading,) = await source.read_rates([found.key], NOW - 900_000)
    assert [(sample.rx_bytes, sample.tx_bytes) for sample in reading.samples] == [(37_500, 75_000)]
    assert [asked[1] for asked in director.asked] == [form.accept] * 2
    assert director.asked[0] == (f"/network/edges/{GATEWAY}/vnics", form.accept, DISCOVERY_RETRY)
    assert director.asked[1][0].startswith(f"/network/edges/{GATEWAY}/statistics/interfaces/uplink?startTime=")
    assert director.asked[1][2] is POLL_RETRY
    assert (source.requests_per_second, source.insecure, source.budget_used_ratio()) == (20, False, 0.0)
    await source.stop()


async def test_before_the_first_map_of_a_director_there_is_no_inventory() -> None:
    director = FakeDirector()
    director.gateways = None
    with pytest.raises(SourceUnavailable, match="not known yet"):
        await director.source().discover(None, end)
    report = await director.source().check_online()
    assert not report.ok
    director.gateways = []
    assert (await director.source().discover(None, end)).complete
    assert (await director.source().check_online()).lines == ((True, "NSX-V gateways that the director knows: 0"),)


async def test_an_id_that_no_path_can_hold_is_not_asked_for() -> None:
    director = FakeDirector(gateway())
    director.gateways = [(GATEWAY, ""), ("../../cloudapi", "evil"), ("", "empty")]
    inventory = await director.source().discover(None, end)
    assert len(inventory.points) == 1
    assert inventory.points[0].gateway_name == GATEWAY
    assert not inventory.complete
    assert len(inventory.faults) == 2
    assert all(GATEWAY in path for path, _, _ in director.asked)


async def test_a_check_through_a_director_reads_one_gateway() -> None:
    director = FakeDirector(gateway())
    report = await director.source().check_online()
    assert report.lines[1] == (True, "rates of gateway gw-acme can be read through the director")
    director.error = AuthFailed("no right")
    report = await director.source().check_online()
    assert report.lines[1] == (False, "rates of gateway gw-acme cannot be read through the director: no right")
