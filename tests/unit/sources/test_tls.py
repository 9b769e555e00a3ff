"""Who a manager may be, and how we prove who we are."""

from __future__ import annotations

import hashlib
import ssl
from pathlib import Path

import pytest
import trustme
from aiohttp import web

from collector.errors import SourceUnavailable
from collector.sources.nsxt.options import CertificateLogin
from collector.sources.options import TlsOptions
from tests.unit.sources.fake_nsx import FakeManager, rig


class Authority:
    """A CA with a server certificate and a client certificate."""

    def __init__(self, folder: Path) -> None:
        self.ca = trustme.CA()
        self.ca_file = folder / "ca.pem"
        self.ca.cert_pem.write_to_path(str(self.ca_file))
        self.server = self.ca.issue_cert("localhost")
        client = self.ca.issue_cert("northmeter@example.net")
        self.cert_file, self.key_file = folder / "client.pem", folder / "client.key"
        client.cert_chain_pems[0].write_to_path(str(self.cert_file))
        client.private_key_pem.write_to_path(str(self.key_file))

    def context(self, *, wants_client: bool = False) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.server.configure_cert(context)
        if wants_client:
            context.verify_mode = ssl.CERT_REQUIRED
            self.ca.configure_trust(context)
        return context

    @property
    def fingerprint(self) -> bytes:
        pem = self.server.cert_chain_pems[0].bytes().decode()
        return hashlib.sha256(ssl.PEM_cert_to_DER_cert(pem)).digest()


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("tls"))


async def test_a_ca_file_vouches_for_the_manager(authority: Authority) -> None:
    nsx = FakeManager().over_tls(authority.context())
    async with nsx, rig(nsx, tls=TlsOptions(ca_file=authority.ca_file)) as it:
        assert (await it.client.version())[0] == "4.1.2.0.0"


async def test_an_unknown_ca_is_refused_before_anything_is_sent(authority: Authority) -> None:
    nsx = FakeManager().over_tls(authority.context())
    async with nsx, rig(nsx) as it:
        with pytest.raises(SourceUnavailable, match=r"certificate is not trusted: .*tls.ca_file or tls.fingerprint"):
            await it.client.http.get("/x")
        assert not nsx.seen


async def test_a_name_that_the_certificate_lacks_is_refused(authority: Authority) -> None:
    nsx = FakeManager().over_tls(authority.context())
    async with nsx:
        nsx.url = nsx.url.replace("localhost", "127.0.0.1")
        async with rig(nsx, tls=TlsOptions(ca_file=authority.ca_file)) as it:
            with pytest.raises(SourceUnavailable, match="certificate is not trusted"):
                await it.client.http.get("/x")


async def test_a_pinned_certificate_needs_no_ca_and_no_name(authority: Authority) -> None:
    nsx = FakeManager().over_tls(authority.context())
    async with nsx:
        nsx.url = nsx.url.replace("localhost", "127.0.0.1")
        async with rig(nsx, tls=TlsOptions(fingerprint=authority.fingerprint)) as it:
            assert (await it.client.version())[0] == "4.1.2.0.0"


async def test_another_certificate_than_the_pinned_one_is_refused_before_anything_is_sent(authority: Authority) -> None:
    nsx = FakeManager().over_tls(authority.context())
    wrong = bytes(32)
    async with nsx, rig(nsx, tls=TlsOptions(fingerprint=wrong, ca_file=authority.ca_file)) as it:
        with pytest.raises(SourceUnavailable, match=f"fingerprint {authority.fingerprint.hex()}, not the pinned one"):
            await it.client.http.get("/x")
        assert not nsx.seen


async def test_verification_can_be_switched_off(authority: Authority) -> None:
    options = TlsOptions(verify=False)
    assert options.insecure
    assert not TlsOptions(verify=False, fingerprint=bytes(32)).insecure
    nsx = FakeManager().over_tls(authority.context())
    async with nsx, rig(nsx, tls=options) as it:
        assert (await it.client.version())[0] == "4.1.2.0.0"


@pytest.mark.parametrize("is_pinned", [False, True])
async def test_a_client_certificate_logs_in_without_a_password(authority: Authority, is_pinned: bool) -> None:
    nsx = FakeManager().over_tls(authority.context(wants_client=True))
    names: list[object] = []

    def knows(request: web.Request) -> bool:
        assert request.transport is not None
        certificate = request.transport.get_extra_info("peercert")
        names.append(certificate["subjectAltName"][0][1])
        return "Authorization" not in request.headers

    nsx.accepts = knows
    tls = TlsOptions(
        ca_file=None if is_pinned else authority.ca_file,
        fingerprint=authority.fingerprint if is_pinned else None,
        cert_file=authority.cert_file,
        key_file=authority.key_file,
    )
    async with nsx, rig(nsx, tls=tls, login=CertificateLogin()) as it:
        await it.client.version()
    assert set(names) == {"northmeter@example.net"}


async def test_a_certificate_file_that_cannot_be_used_is_named(authority: Authority, tmp_path: Path) -> None:
    missing = tmp_path / "nowhere.pem"
    with pytest.raises(SourceUnavailable, match=r"nowhere\.pem"):
        await rig(FakeManagerAt("https://localhost:1"), tls=TlsOptions(ca_file=missing)).http.start()
    swapped = TlsOptions(cert_file=authority.key_file, key_file=authority.cert_file)
    with pytest.raises(SourceUnavailable, match=r"client\.key, .*client\.pem"):
        await rig(FakeManagerAt("https://localhost:1"), tls=swapped).http.start()


class FakeManagerAt(FakeManager):
    """A manager that is only an address."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url = url
