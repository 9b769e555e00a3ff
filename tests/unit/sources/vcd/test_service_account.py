"""Log-ins of a service account: its token changes at each use, and no next token is lost."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from aiohttp import web

from collector.errors import AuthFailed, ResponseInvalid, SourceUnavailable
from collector.sources.vcd import service_account
from collector.sources.vcd.options import ServiceAccountLogin
from collector.sources.vcd.token_file import TokenFile
from tests.unit.sources.vcd.cloud import small_cloud
from tests.unit.sources.vcd.fake_vcd import REFRESH_TOKEN, ROOT, FakeVcd, always, rig


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text(f"{REFRESH_TOKEN}\n")
    path.chmod(0o600)
    return path


@pytest.fixture
def login(file: Path) -> ServiceAccountLogin:
    return ServiceAccountLogin(file)


def held(file: Path) -> str:
    """Return the token in the file."""
    return file.read_text().strip()


def put(file: Path, token: str) -> None:
    """Write a token as a person does."""
    file.write_text(f"{token}\n")


async def test_the_next_token_is_stored_before_the_access_token_is_used(file: Path, login: ServiceAccountLogin) -> None:
    async with FakeVcd() as vcd, rig(vcd, login=login) as it:
        small_cloud(vcd)
        stored = []

        async def orgs(_: web.Request) -> web.Response:
            stored.append(held(file))
            rows = vcd.lists["orgs"]
            return web.json_response({"resultTotal": len(rows), "values": rows})

        vcd.handlers[f"{ROOT}/orgs"] = orgs
        for _ in range(3):
            vcd.access.clear()
            await it.whole_map()
        assert vcd.spent == ["refresh-0", "refresh-1", "refresh-2"]
        assert vcd.refresh_token == held(file) == "refresh-3"
        # Each reading met a session that was over: the first try is refused before it reaches the list.
        assert stored == ["refresh-1", "refresh-2", "refresh-3"]
        assert {"refresh-0", "refresh-1", "refresh-2", "refresh-3"} <= set(it.secrets)


async def test_two_programs_with_one_token_use_it_one_after_the_other(login: ServiceAccountLogin) -> None:
    async with FakeVcd() as vcd, rig(vcd, login=login) as one, rig(vcd, login=login) as two:
        small_cloud(vcd)
        await asyncio.gather(one.whole_map(), two.whole_map())
        assert vcd.spent == ["refresh-0", "refresh-1"]


async def test_a_token_that_is_not_changed_stays(file: Path, login: ServiceAccountLogin) -> None:
    async with FakeVcd() as vcd, rig(vcd, login=login) as it:
        small_cloud(vcd)
        vcd.rotates = False
        await it.whole_map()
        assert held(file) == REFRESH_TOKEN


async def test_an_answer_without_a_next_token_leaves_the_file(file: Path, login: ServiceAccountLogin) -> None:
    async with FakeVcd() as vcd, rig(vcd, login=login) as it:
        small_cloud(vcd)
        vcd.token_handler = always(lambda: web.json_response({"access_token": vcd.new_access()}))
        await it.whole_map()
        assert held(file) == REFRESH_TOKEN


async def test_a_next_token_is_stored_even_where_the_access_token_is_no_good(
    file: Path, login: ServiceAccountLogin
) -> None:
    async with FakeVcd() as vcd, rig(vcd, login=login) as it:
        vcd.token_handler = always(lambda: web.json_response({"access_token": None, "refresh_token": "refresh-9"}))
        with pytest.raises(ResponseInvalid, match="without a proper access_token"):
            await it.source.read_map()
        assert held(file) == "refresh-9"


async def test_a_file_that_cannot_be_written_back_is_told_before_the_token_is_used(
    file: Path, login: ServiceAccountLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    def read_only(*_: object) -> None:
        raise OSError(30, "Read-only file system")

    async with FakeVcd() as vcd, rig(vcd, login=login) as it:
        small_cloud(vcd)
        with monkeypatch.context() as patched:
            patched.setattr(Path, "replace", read_only)
            with pytest.raises(SourceUnavailable, match=f"{file}.*Read-only.*the token was not used"):
                await it.source.read_map()
        assert vcd.seen == []
        assert it.observed.of("login_refused") == []
        await it.whole_map()


async def test_a_next_token_that_cannot_be_stored_is_kept_in_memory_until_it_can(
    file: Path, login: ServiceAccountLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeVcd() as vcd, rig(vcd, login=login) as it:
        small_cloud(vcd)
        with monkeypatch.context() as patched:

            def failing(*_: object) -> None:
                raise OSError(5, "Input/output error")

            async def break_the_disk(request: web.Request) -> web.StreamResponse:
                patched.setattr(os, "fsync", failing)
                return await vcd._redeem(request)

            vcd.token_handler = break_the_disk
            for _ in range(2):
                with pytest.raises(SourceUnavailable, match=r"cannot be stored.*kept in memory") as caught:
                    await it.source.read_map()
                assert "refresh-" not in str(caught.value)
            assert vcd.spent == ["refresh-0"]
            assert await asyncio.to_thread(TokenFile(file).take) is None
        vcd.token_handler = None
        await it.whole_map()
        assert vcd.spent == ["refresh-0", "refresh-1"]
        assert held(file) == "refresh-2"


async def test_what_could_not_be_stored_is_stored_at_the_stop(
    file: Path, login: ServiceAccountLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with FakeVcd() as vcd:
        small_cloud(vcd)
        async with rig(vcd, login=login) as it:
            with monkeypatch.context() as patched:

                def failing(*_: object) -> None:
                    raise OSError(5, "Input/output error")

                async def break_the_disk(request: web.Request) -> web.StreamResponse:
                    patched.setattr(os, "fsync", failing)
                    return await vcd._redeem(request)

                vcd.token_handler = break_the_disk
                with pytest.raises(SourceUnavailable):
                    await it.source.read_map()
        assert held(file) == "refresh-1"


async def test_a_daemon_that_stops_in_the_middle_of_a_log_in_keeps_the_next_token(
    file: Path, login: ServiceAccountLogin
) -> None:
    async with FakeVcd() as vcd:
        small_cloud(vcd)
        it = rig(vcd, login=login)
        begun, may_end = asyncio.Event(), asyncio.Event()

        async def slow(request: web.Request) -> web.StreamResponse:
            answer = await vcd._redeem(request)
            begun.set()
            await may_end.wait()
            return answer

        vcd.token_handler = slow
        await it.source.start()
        reading = asyncio.create_task(it.source.read_map())
        await begun.wait()
        stopping = asyncio.create_task(it.source.stop())
        await asyncio.sleep(0)
        may_end.set()
        await stopping
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        assert held(file) == "refresh-1"
        use = await asyncio.to_thread(TokenFile(file).take)
        assert use is not None
        use.close()


async def test_a_stop_does_not_wait_long_for_an_answer_that_never_comes(
    file: Path, login: ServiceAccountLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_account, "FINISH_SECONDS", 0.01)
    async with FakeVcd() as vcd:
        it = rig(vcd, login=login, timeout_seconds=60)
        begun, never = asyncio.Event(), asyncio.Event()

        async def silent(_: web.Request) -> web.StreamResponse:
            begun.set()
            await never.wait()
            return web.Response()

        vcd.token_handler = silent
        await it.source.start()
        reading = asyncio.create_task(it.source.read_map())
        await begun.wait()
        await it.source.stop()
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
        never.set()
        assert held(file) == REFRESH_TOKEN
        use = await asyncio.to_thread(TokenFile(file).take)
        assert use is not None
        use.close()


async def test_a_token_that_was_used_up_elsewhere_is_refused_with_what_to_do(
    file: Path, login: ServiceAccountLogin
) -> None:
    put(file, "refresh-before")
    async with FakeVcd() as vcd, rig(vcd, login=login) as it:
        with pytest.raises(AuthFailed, match="grant the account anew and put its token there") as caught:
            await it.source.read_map()
        assert "refresh-before" not in str(caught.value)
        with pytest.raises(AuthFailed, match="nothing is sent"):
            await it.source.read_map()
        assert vcd.logins == 1


async def test_a_server_error_does_not_use_the_token_up(file: Path, login: ServiceAccountLogin) -> None:
    async with FakeVcd() as vcd, rig(vcd, login=login) as it:
        small_cloud(vcd)
        vcd.token_handler = always(lambda: web.Response(status=503))
        with pytest.raises(SourceUnavailable):
            await it.source.read_map()
        assert held(file) == REFRESH_TOKEN
        vcd.token_handler = None
        await it.whole_map()


async def test_a_director_that_speaks_no_version_of_ours_does_not_get_the_token(
    file: Path, login: ServiceAccountLogin
) -> None:
    async with FakeVcd() as vcd, rig(vcd, login=login) as it:
        vcd.versions = [("40.0", False)]
        with pytest.raises(ResponseInvalid, match="we know API versions"):
            await it.source.read_map()
        assert vcd.logins == 0
        assert held(file) == REFRESH_TOKEN


async def test_a_token_that_another_program_holds_for_too_long_is_told(
    file: Path, login: ServiceAccountLogin, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service_account, "TURN_SECONDS", 0.0)
    monkeypatch.setattr(service_account, "TURN_POLL_SECONDS", 0.0)
    use = await asyncio.to_thread(TokenFile(file).take)
    assert use is not None
    async with FakeVcd() as vcd, rig(vcd, login=login) as it:
        with pytest.raises(SourceUnavailable, match="another program has used the token"):
            await it.source.read_map()
        assert vcd.seen == []
    use.close()
