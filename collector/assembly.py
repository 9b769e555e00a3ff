"""Settings to the arguments of each component: plain mapping, nothing is opened here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from collector.api.auth import AccessRules, Area, TokenRule
from collector.api.server import ApiOptions
from collector.api.server import TlsOptions as ServerTlsOptions
from collector.core.attribution import Claim
from collector.model.identity import Tenant, TenantId
from collector.pipeline import MeterRules
from collector.sources.budget import SPAN_SECONDS
from collector.sources.nsxt.options import (
    BasicLogin,
    BearerLogin,
    CertificateLogin,
    LinkEnd,
    Login,
    NsxtOptions,
    SessionLogin,
)
from collector.sources.options import HttpOptions, TlsOptions
from config.settings import ClientTls, Http, InfluxDb, NsxtSource, Poll, Secret, Settings
from exporters.base import ExportOptions
from exporters.influxdb import InfluxOptions

Seen: TypeAlias = Callable[[str], None]
"""Is told of a secret before it is used, so that no log shows it."""


def meter_rules(settings: Settings) -> MeterRules:
    """Return what the settings say of every metering point."""
    return MeterRules(
        max_rate=settings.poll.max_rate_bits, gap_after_ms=settings.poll.gap_after_ms, claims=claims(settings)
    )


def claims(settings: Settings) -> tuple[Claim, ...]:
    """Return the explicit points of the tenants, in the order of the settings."""
    return tuple(
        Claim(
            tenant=TenantId(tenant.id),
            source=point.source,
            kind=point.kind,
            tier0=point.tier0,
            tier1=point.tier1,
            interface=point.interface,
            project=point.project,
            max_rate=point.max_rate_bits,
            path=f"tenants[{number}].points[{position}]",
        )
        for number, tenant in enumerate(settings.tenants)
        for position, point in enumerate(tenant.points)
    )


def tenants(settings: Settings) -> tuple[Tenant, ...]:
    """Return the tenants of the settings."""
    return tuple(Tenant(id=TenantId(one.id), name=one.name, timezone=one.timezone) for one in settings.tenants)


def api_options(http: Http) -> ApiOptions:
    """Return where to listen and whom to answer."""
    tls = http.tls
    return ApiOptions(
        host=http.listen.host,
        port=http.listen.port,
        tls=ServerTlsOptions(
            cert_file=Path(tls.cert_file), key_file=Path(tls.key_file), client_ca_file=_path(tls.client_ca_file)
        )
        if tls is not None
        else None,
        access=AccessRules(
            tokens=tuple(
                TokenRule.of(
                    token.name,
                    _reveal(token.token),
                    None if token.tenants == "all" else frozenset(TenantId(tenant) for tenant in token.tenants),
                )
                for token in http.tokens
            ),
            open=frozenset(Area(area) for area in http.open),
        ),
    )


def nsxt_options(source: NsxtSource, poll: Poll, seen: Seen, *, after_another: bool = False) -> NsxtOptions:
    """Return what a source of the kind ``nsxt`` is built from.

    Args:
        seen: Is told of every secret that is read anew.
        after_another: A daemon that was killed, or the source as it was before a reload, may have used up the second
            that just passed: the budget counts its requests too, by sending nothing for as long.
    """
    return NsxtOptions(
        http=HttpOptions(
            name=source.name,
            urls=tuple(str(url) for url in source.urls),
            tls=client_tls(source),
            requests_per_second=source.requests_per_second,
            concurrency=source.concurrency,
            timeout_seconds=source.timeout_ms / 1_000,
            answer_bytes_max=source.answer_max_bytes,
            lockout_seconds=source.credential_backoff_ms / 1_000,
            start_hold_seconds=SPAN_SECONDS if after_another else 0.0,
        ),
        login=_login(source, seen),
        federation=source.federation,
        projects=source.projects,
        link_end=LinkEnd(poll.link_end),
        enforcement_point=source.enforcement_point,
        org=source.org,
    )


def client_tls(source: NsxtSource) -> TlsOptions:
    """Return how the managers prove who they are."""
    return tls_options(source.tls, source)


def tls_options(tls: ClientTls, source: NsxtSource | None = None) -> TlsOptions:
    """Return how a server proves who it is, and how we do where a certificate is our log-in."""
    certificate = source is not None and source.auth == "certificate"
    return TlsOptions(
        ca_file=_path(tls.ca_file),
        fingerprint=bytes.fromhex(tls.fingerprint) if tls.fingerprint is not None else None,
        verify=tls.verify,
        cert_file=_path(source.cert_file) if certificate and source is not None else None,
        key_file=_path(source.key_file) if certificate and source is not None else None,
    )


def _login(source: NsxtSource, seen: Seen) -> Login:
    match source.auth:
        case "session":
            return SessionLogin(source.username or "", fresh(source.password, source.password_file, seen))
        case "basic":
            return BasicLogin(source.username or "", fresh(source.password, source.password_file, seen))
        case "bearer":
            return BearerLogin(fresh(source.token, source.token_file, seen))
        case "certificate":
            return CertificateLogin()


def influx_options(destination: InfluxDb, seen: Seen) -> InfluxOptions:
    """Return where a destination is and how to write to it; ``seen`` is told of every secret that is read anew."""
    tls = tls_options(destination.tls)
    has_token = destination.token is not None
    return InfluxOptions(
        url=destination.url,
        org=destination.org,
        bucket=destination.bucket,
        token=fresh(destination.token, destination.token_file, seen) if has_token else None,
        ca_file=tls.ca_file,
        fingerprint=tls.fingerprint,
        verify=tls.verify,
        timeout_seconds=destination.timeout_ms / 1_000,
    )


def export_options(destination: InfluxDb) -> ExportOptions:
    """Return the name that its cursor is kept under, and how much is sent at once: a row has two lines."""
    return ExportOptions(name=destination.name, batch_rows=max(1, destination.batch_lines // 2))


def secrets(settings: Settings) -> tuple[str, ...]:
    """Return every secret of the settings, for the log to take out wherever one appears."""
    held = [
        *(secret for source in settings.sources for secret in source.secrets),
        *(token.token for token in settings.http.tokens),
        *(destination.token for destination in settings.exporters.influxdb),
    ]
    return tuple(secret.reveal() for secret in held if secret is not None)


def fresh(secret: Secret | None, file: str | None, seen: Seen) -> Callable[[], str]:
    """Return what gives a secret at the moment of a log-in: from its file as it is now, since secrets are rotated in
    place."""

    def give() -> str:
        if file is not None:
            try:
                text = Path(file).read_text(encoding="utf-8").strip()
            except (OSError, UnicodeDecodeError):
                text = ""  # a file that is being replaced: what it held at the start serves meanwhile
            if text:
                seen(text)
                return text
        return _reveal(secret)

    return give


def _path(path: str | None) -> Path | None:
    return Path(path) if path is not None else None


def _reveal(secret: Secret | None) -> str:
    if secret is None:
        raise AssertionError("BUG: the settings let a source or token without its secret pass")
    return secret.reveal()
