"""What the InfluxDB destination writes, and what it never says."""

from __future__ import annotations

import datetime
import hashlib
import ssl
import subprocess
import sys
from collections.abc import AsyncIterator
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from structlog.testing import capture_logs

from collector.errors import ExportRejected, ExportUnavailable
from collector.model.identity import Kind, TenantId
from collector.model.period import SLOT_MS
from collector.model.usage import Coverage, ExportRow, Usage
from exporters.influxdb import InfluxDestination, InfluxOptions
from exporters.lines import INTEGER_MAX, LineBuilder
from tests.contract.exporters.conftest import Bench
from tests.contract.exporters.influx import Answer, ScriptedInflux
from tests.contract.exporters.ledger import START, row

GOOD = "good-token"
LINES = ["northmeter_usage,site=a bytes=1i 1790000100"]


def _row(**changes: Any) -> ExportRow:  # Any: fields by name
    return row(1)._replace(**changes)


def test_a_row_is_two_lines() -> None:
    usage = Usage(INTEGER_MAX, 2, 3, 4, 5, 6)
    lines, unfit = LineBuilder("ams1").build([_row(usage=usage, coverage=Coverage(295_000, 4_000, 1_000))])
    tags = "kind=tier0_uplink,point=nsx-ams1:/infra/tier-0s/t0-1/locale-services/default/interfaces/up1,site=ams1"
    beginning = f"northmeter_usage,direction=ingress,{tags},tenant=tenant-1"
    rest = f"measured_ms=295000i,inferred_ms=4000i,spread_ms=1000i {(START + SLOT_MS) // 1_000}"
    assert unfit == []
    assert lines == [
        f"{beginning} bytes=9223372036854775807i,packets=3i,dropped_packets=5i,{rest}",
        f"northmeter_usage,direction=egress,{tags},tenant=tenant-1 bytes=2i,packets=4i,dropped_packets=6i,{rest}",
    ]


def test_tags_are_escaped() -> None:
    [line, _], unfit = LineBuilder("a b,c=d\\e é").build([_row(tenant=TenantId("x=y"), point="p q")])
    assert unfit == []
    assert ",point=p\\ q,site=a\\ b\\,c\\=d\\e\\ é,tenant=x\\=y " in line


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"usage": Usage(2**63, 0, 0, 0, 0, 0)}, f"{2**63} is above {INTEGER_MAX}"),
        ({"usage": Usage(0, 0, 2**64, 0, 0, 0)}, f"{2**64} is above {INTEGER_MAX}"),
        ({"point": ""}, "tag point: is empty"),
        ({"point": "a\\"}, "tag point: ends in a backslash"),
        ({"point": "a\nb"}, "tag point: has a line break"),
        ({"point": "a\ud800"}, "tag point: is not valid Unicode"),
    ],
)
def test_what_the_line_protocol_cannot_carry_is_named(changes: dict[str, object], reason: str) -> None:
    builder = LineBuilder("ams1")
    for _ in range(2):
        lines, unfit = builder.build([_row(**changes), row(2, account=2)])
        assert len(lines) + len(unfit) == 4
        assert all(reason in one.reason for one in unfit)
        assert len(unfit) == (1 if "usage" in changes else 2)
        assert all("\n" not in one.line and one.line.encode() for one in unfit)


def test_tags_of_very_many_accounts_are_not_kept_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("exporters.lines.ACCOUNTS_MAX", 3)
    builder = LineBuilder("ams1")
    for seq in range(1, 20):
        [line, _], _ = builder.build([row(seq, account=seq % 7)])
        assert f"tenant=tenant-{seq % 7} " in line
    assert len(builder._tags) <= 3


async def test_the_request_is_what_the_interface_says(bench: Bench) -> None:
    bench.ledger.rows += [row(1)]
    await bench.exporter.start()
    await bench.settled(1)
    [seen] = bench.server.seen
    assert {key: seen[key] for key in ("org", "bucket", "precision", "Authorization", "Content-Encoding")} == {
        "org": "provider",
        "bucket": "usage",
        "precision": "s",
        "Authorization": "Token good-token",
        "Content-Encoding": "gzip",
    }


async def test_environment_of_the_client_and_proxies_are_not_used(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "INFLUXDB_V2_URL"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    monkeypatch.setenv("INFLUXDB_V2_TOKEN", "token-of-the-environment")
    bench.ledger.rows += [row(1)]
    await bench.exporter.start()
    await bench.settled(1)
    assert bench.server.seen[0]["Authorization"] == "Token good-token"


async def _refusal(server: ScriptedInflux, answer: Answer, token: str = GOOD) -> Exception:
    server.script += [answer]
    destination = InfluxDestination(
        "ams1", InfluxOptions(url=server.url, org="provider", bucket="usage", token=lambda: token)
    )
    try:
        with pytest.raises((ExportUnavailable, ExportRejected)) as caught:
            await destination.send(LINES)
    finally:
        await destination.close()
    return caught.value


async def test_the_token_is_in_no_error(server: ScriptedInflux) -> None:
    token = "very-secret-token"
    body = f'{{"code":"unauthorized","message":"Token {token} is unknown"}}'
    with capture_logs() as logs:
        for status in (400, 401, 500):
            error = await _refusal(server, Answer(status, body, {"X-Token": token}), token)
            assert token not in f"{error} {error!r} {error.__cause__!r}"
            assert "Token *** is unknown" in str(error)
        cut = await _refusal(server, Answer(500, "x" * 290 + token), token)
        assert str(cut).endswith("x***")
    assert logs == []
    assert token not in repr(InfluxOptions(url="http://x", org="o", bucket="b", token=lambda: token))


async def test_an_error_says_what_was_expected(server: ScriptedInflux) -> None:
    for answer, words in (
        (
            Answer(404, '{"code":"not found","message":"bucket \\"usage\\" not found"}'),
            'bucket "usage" not found; expected',
        ),
        (Answer(400, '{"error":"partial write: x"}'), "says 400: partial write: x"),
        (Answer(200, "<html>"), "so look at the address"),
        (Answer(307, headers={"Location": "https://x"}), "redirects are not followed"),
        (Answer(500, "x" * 100_000), "says 500: xxx"),
    ):
        error = await _refusal(server, answer)
        assert words in str(error)
        assert len(str(error)) < 600


@pytest.mark.parametrize(
    ("header", "low", "high"),
    [
        ("7", 7, 7),
        (format_datetime(datetime.datetime.now(datetime.UTC) + datetime.timedelta(seconds=600), usegmt=True), 300, 600),
        ("Wed, 21 Oct 2015 07:28:00 GMT", 0, 0),
    ],
)
async def test_retry_after_may_be_seconds_or_a_date(
    server: ScriptedInflux, header: str, low: float, high: float
) -> None:
    error = await _refusal(server, Answer(429, headers={"Retry-After": header}))
    assert isinstance(error, ExportUnavailable)
    assert error.delay_seconds is not None
    assert low <= error.delay_seconds <= high


@pytest.mark.parametrize("header", ["", "soon", "-5", "1.5e9", "٣"])
async def test_retry_after_without_sense_is_none(server: ScriptedInflux, header: str) -> None:
    error = await _refusal(server, Answer(429, headers={"Retry-After": header}))
    assert isinstance(error, ExportUnavailable)
    assert error.delay_seconds is None


async def test_a_token_that_cannot_be_read_is_no_reason_to_give_up(server: ScriptedInflux, tmp_path: Path) -> None:
    file = tmp_path / "token"
    options = InfluxOptions(url=server.url, org="provider", bucket="usage", token=file.read_text)
    destination = InfluxDestination("ams1", options)
    try:
        with pytest.raises(ExportUnavailable, match="token cannot be read: FileNotFoundError"):
            await destination.send(LINES)
        file.write_text("good-token\n")
        assert await destination.send(LINES) == 0
    finally:
        await destination.close()


async def test_no_token_is_sent_where_none_is_set(server: ScriptedInflux) -> None:
    server.script += [Answer(204)]
    destination = InfluxDestination("ams1", InfluxOptions(url=server.url, org="provider", bucket="usage"))
    try:
        assert await destination.send(LINES) == 0
    finally:
        await destination.close()
    assert "Authorization" not in server.seen[0]


# --- TLS -------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate for another name, with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "influx.example.net")])
    now = datetime.datetime.now(datetime.UTC)
    signed = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    file = tmp_path_factory.mktemp("tls") / "influx.pem"
    file.write_bytes(
        signed.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    return file


@pytest.fixture
async def tls_port(certificate: Path) -> AsyncIterator[int]:
    """A destination behind TLS."""

    async def write(request: web.Request) -> web.Response:
        await request.read()
        return web.Response(status=204)

    app = web.Application()
    app.router.add_post("/influx/api/v2/write", write)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    runner = web.AppRunner(app, access_log=None, auto_decompress=False)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0, ssl_context=context).start()
    yield runner.addresses[0][1]
    await runner.cleanup()


async def _send_tls(options: InfluxOptions) -> int:
    destination = InfluxDestination("ams1", options)
    try:
        return await destination.send(LINES)
    finally:
        await destination.close()


def _fingerprint(certificate: Path) -> bytes:
    pem = certificate.read_text().split("-----BEGIN PRIVATE KEY")[0]
    return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest()


async def test_a_certificate_is_trusted_by_file_by_fingerprint_or_blindly(tls_port: int, certificate: Path) -> None:
    def options(host: str, **tls: object) -> InfluxOptions:
        # A path before the call belongs to a proxy, and a slash at its end is harmless.
        url = f"https://{host}:{tls_port}/influx/"
        return InfluxOptions(url=url, org="o", bucket="b", **tls)  # type: ignore[arg-type] # fields by name

    assert await _send_tls(options("localhost", ca_file=certificate)) == 0
    assert await _send_tls(options("127.0.0.1", fingerprint=_fingerprint(certificate))) == 0
    assert await _send_tls(options("127.0.0.1", verify=False)) == 0
    for wrong, words in (
        (options("localhost"), "certificate verify failed"),
        (options("127.0.0.1", ca_file=certificate), "certificate verify failed"),
        (options("127.0.0.1", fingerprint=bytes(32)), "Fingerprint"),
        (options("localhost", ca_file=certificate.with_name("none.pem")), "none.pem: FileNotFoundError"),
    ):
        with pytest.raises(ExportUnavailable, match=words):
            await _send_tls(wrong)


def test_the_client_is_imported_only_when_it_is_needed() -> None:
    code = "import sys, exporters.influxdb, exporters.prometheus; print('influxdb_client' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    assert Kind.TIER0_UPLINK.value in LineBuilder("a").build([row(1)])[0][0]
