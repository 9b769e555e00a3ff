"""The listener: ports, certificates, connections, stopping."""

from __future__ import annotations

import asyncio
import ssl
import time
from pathlib import Path

import aiohttp
import pytest
import trustme
from aiohttp import web
from structlog.testing import capture_logs

from collector.api import server as server_module
from collector.api.auth import AccessRules, TokenRule
from collector.api.server import ApiOptions, ApiServer, ListenFailed, TlsOptions
from collector.clock import ManualClock
from collector.errors import ConfigError
from collector.telemetry.health import Health
from tests.unit.api.conftest import ALL_SECRET, NOW, Make, World, rules
from tests.unit.api.fake_ledger import FakeLedger


def server_of(options: ApiOptions) -> ApiServer:
    async def metrics(_request: web.Request) -> web.StreamResponse:
        return web.Response(text="")

    async def reload() -> str | None:
        return None

    return ApiServer(
        options,
        reader=FakeLedger(),
        tenants=list,
        health=Health(),
        clock=ManualClock(NOW),
        metrics=metrics,
        reload=reload,
    )


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA(key_type=trustme.KeyType.ECDSA)


@pytest.fixture
def tls(authority: trustme.CA, tmp_path: Path) -> TlsOptions:
    return write_certificate(authority, tmp_path)


def write_certificate(authority: trustme.CA, folder: Path, *, client_ca: bool = False) -> TlsOptions:
    certificate = authority.issue_cert("127.0.0.1", key_type=trustme.KeyType.ECDSA)
    chain, key, trusted = folder / "chain.crt", folder / "server.secret", folder / "ca.crt"
    chain.write_bytes(b"".join(blob.bytes() for blob in certificate.cert_chain_pems))
    key.write_bytes(certificate.private_key_pem.bytes())
    authority.cert_pem.write_to_path(trusted)
    return TlsOptions(cert_file=chain, key_file=key, client_ca_file=trusted if client_ca else None)


def client_context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context


async def status_of(server: ApiServer, context: ssl.SSLContext | bool = True, secret: str = ALL_SECRET) -> int:
    scheme = "https" if isinstance(context, ssl.SSLContext) else "http"
    url = f"{scheme}://127.0.0.1:{server.port}/api/v1/tenants"
    async with (
        aiohttp.ClientSession() as session,
        session.get(url, ssl=context, headers={"Authorization": f"Bearer {secret}"}) as answer,
    ):
        return answer.status


async def test_a_port_in_use_is_named(world: World) -> None:
    port = world.server.port
    second = server_of(ApiOptions(host="127.0.0.1", port=port))
    with pytest.raises(ListenFailed, match=rf"http\.listen: 127\.0\.0\.1:{port} is in use") as caught:
        await second.start()
    assert isinstance(caught.value.__cause__, OSError)
    await second.stop()
    assert (await world.get("/-/healthy", None))[0] == 200


async def test_an_address_that_is_not_ours_is_named() -> None:
    server = server_of(ApiOptions(host="192.0.2.1", port=0))
    with pytest.raises(ListenFailed, match=r"192\.0\.2\.1:0 cannot be listened on"):
        await server.start()


async def test_a_server_stops_and_starts_again() -> None:
    server = server_of(ApiOptions(host="127.0.0.1", port=0, access=rules()))
    await server.stop()
    for _ in range(2):
        await server.start()
        assert await status_of(server) == 200
        await server.stop()
    assert server.port == 0


async def test_stopping_does_not_wait_for_idle_or_stuck_clients(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "STOP_SECONDS", 0.1)
    entered, never = asyncio.Event(), asyncio.Event()

    async def metrics(_request: web.Request) -> web.StreamResponse:
        entered.set()
        await never.wait()
        raise AssertionError("nobody waits for this")

    world = await make(metrics=metrics)
    _, idle = await asyncio.open_connection("127.0.0.1", world.server.port)
    stuck = asyncio.create_task(world.get("/metrics", None))
    await entered.wait()
    began = time.monotonic()
    await world.server.stop()
    assert time.monotonic() - began < 3
    with pytest.raises(aiohttp.ClientError):
        await stuck
    idle.close()


async def test_a_request_under_way_is_finished_when_the_server_stops(make: Make) -> None:
    entered, go = asyncio.Event(), asyncio.Event()

    async def metrics(_request: web.Request) -> web.StreamResponse:
        entered.set()
        await go.wait()
        return web.Response(text="northmeter_up 1\n")

    world = await make(metrics=metrics)
    answer = asyncio.create_task(world.get("/metrics", None))
    await entered.wait()
    stopping = asyncio.create_task(world.server.stop())
    go.set()
    await stopping
    assert (await answer)[2] == b"northmeter_up 1\n"


async def raw(world: World, data: bytes) -> bytes:
    reader, writer = await asyncio.open_connection("127.0.0.1", world.server.port)
    writer.write(data)
    try:
        return await asyncio.wait_for(reader.read(), 10)
    finally:
        writer.close()


@pytest.mark.parametrize(
    "data",
    [
        b"nonsense\r\n\r\n",
        b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 20_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
    ],
)
async def test_what_is_no_http_is_refused_without_a_version(world: World, data: bytes) -> None:
    answer = await raw(world, data)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.0 400 "))
    assert b"application/problem+json" in answer
    assert b"aiohttp" not in answer
    assert b"Python" not in answer


async def test_too_many_connections_are_closed_at_once(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "CONNECTIONS_MAX", 1)
    _, first = await asyncio.open_connection("127.0.0.1", world.server.port)
    with capture_logs() as logs:
        assert await raw(world, b"") == b""
    assert [entry["event"] for entry in logs] == ["http_connections_exhausted"]
    first.close()
    monkeypatch.undo()
    assert (await world.get("/-/healthy", None))[0] == 200


async def test_a_connection_that_sends_no_whole_request_is_closed(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "IDLE_SECONDS", 0.05)
    world = await make()
    assert await raw(world, b"GET /-/healthy HTTP/1.1\r\nHost: ") == b""


async def test_tls(authority: trustme.CA, tls: TlsOptions) -> None:
    server = server_of(ApiOptions(host="127.0.0.1", port=0, tls=tls, access=rules()))
    await server.start()
    try:
        assert await status_of(server, client_context(authority)) == 200
        with pytest.raises(aiohttp.ClientConnectorCertificateError):
            await status_of(server, client_context(trustme.CA()))
        old = client_context(authority)
        with pytest.warns(DeprecationWarning, match="TLSv1_1"):
            old.minimum_version = old.maximum_version = ssl.TLSVersion.TLSv1_1
        with pytest.raises(aiohttp.ClientConnectorError):
            await status_of(server, old)
    finally:
        await server.stop()


async def test_clients_without_a_certificate_are_refused_where_one_is_asked_for(
    authority: trustme.CA, tmp_path: Path
) -> None:
    tls = write_certificate(authority, tmp_path, client_ca=True)
    server = server_of(ApiOptions(host="127.0.0.1", port=0, tls=tls, access=rules()))
    await server.start()
    try:
        known = client_context(authority)
        authority.issue_cert("billing@example.net").configure_cert(known)
        assert await status_of(server, known) == 200
        # A certificate opens the connection; what may be seen is still the token's.
        assert await status_of(server, known, "wrong") == 401
        with pytest.raises((aiohttp.ClientError, OSError)):
            await status_of(server, client_context(authority))
        stranger = client_context(authority)
        trustme.CA().issue_cert("billing@example.net").configure_cert(stranger)
        with pytest.raises((aiohttp.ClientError, OSError)):
            await status_of(server, stranger)
    finally:
        await server.stop()


async def test_reload_takes_new_tokens_and_certificates_or_nothing(
    authority: trustme.CA, tls: TlsOptions, tmp_path: Path
) -> None:
    options = ApiOptions(host="127.0.0.1", port=0, tls=tls, access=rules())
    server = server_of(options)
    await server.start()
    try:
        renewed = trustme.CA(key_type=trustme.KeyType.ECDSA)
        (tmp_path / "new").mkdir()
        new_tls = write_certificate(renewed, tmp_path / "new")
        new_rules = AccessRules(tokens=(TokenRule.of("billing", "renewed", None),))

        broken = TlsOptions(cert_file=new_tls.cert_file, key_file=tls.key_file)
        with pytest.raises(ConfigError, match=r"http\.tls\.cert_file"):
            await server.reload(ApiOptions(host="127.0.0.1", port=0, tls=broken, access=new_rules))
        assert await status_of(server, client_context(authority)) == 200

        await server.reload(ApiOptions(host="127.0.0.1", port=0, tls=new_tls, access=new_rules))
        assert await status_of(server, client_context(renewed), "renewed") == 200
        assert await status_of(server, client_context(renewed)) == 401
    finally:
        await server.stop()


async def test_a_certificate_that_cannot_be_used_is_a_fault_of_the_settings(
    authority: trustme.CA, tls: TlsOptions, tmp_path: Path
) -> None:
    other = authority.issue_cert("127.0.0.1").private_key_pem.bytes()
    text = tmp_path / "text"
    text.write_text("no certificate")
    (tmp_path / "other").write_bytes(other)
    missing = tmp_path / "missing"
    for name, options in {
        "cert_file": TlsOptions(cert_file=missing, key_file=tls.key_file),
        "key_file": TlsOptions(cert_file=tls.cert_file, key_file=missing),
        "client_ca_file": TlsOptions(cert_file=tls.cert_file, key_file=tls.key_file, client_ca_file=text),
    }.items():
        with pytest.raises(ConfigError, match=rf"^http\.tls\.{name}: .*cannot be used"):
            await server_of(ApiOptions(host="127.0.0.1", port=0, tls=options)).start()
    for key in (text, tmp_path / "other"):
        wrong = TlsOptions(cert_file=tls.cert_file, key_file=key)
        with pytest.raises(ConfigError, match=r"^http\.tls\.cert_file: .* with key_file"):
            await server_of(ApiOptions(host="127.0.0.1", port=0, tls=wrong)).start()


async def test_an_encrypted_key_is_refused_and_asks_nobody(
    authority: trustme.CA, tls: TlsOptions, capfd: pytest.CaptureFixture[str]
) -> None:
    from cryptography.hazmat.primitives.serialization import (
        BestAvailableEncryption,
        Encoding,
        PrivateFormat,
        load_pem_private_key,
    )

    key = load_pem_private_key(tls.key_file.read_bytes(), None)
    encrypted = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a passphrase"))
    tls.key_file.write_bytes(encrypted)
    with pytest.raises(ConfigError, match="cannot be used"):
        await server_of(ApiOptions(host="127.0.0.1", port=0, tls=tls)).start()
    assert capfd.readouterr().out == ""
