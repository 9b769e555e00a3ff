"""Settings to the arguments of each component: plain mapping, nothing is opened here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from collector.api.auth import AccessRules, Area, TokenRule
from collector.api.server import ApiOptions
from collector.api.server import TlsOptions as ServerTlsOptions
from collector.core.attribution import AttributionRules, Claim, Rule, SourceEntry, TenantEntry
from collector.model.identity import Tenant, TenantId
from collector.pipeline import MeterRules
from collector.sources.options import TlsOptions
from config.settings import ClientTls, Http, InfluxDb, Secret, Settings
from exporters.base import ExportOptions
from exporters.influxdb import InfluxOptions

Seen: TypeAlias = Callable[[str], None]
"""Is told of a secret before it is used, so that no log shows it."""


def meter_rules(settings: Settings) -> MeterRules:
    """Return what the settings say of every metering point."""
    return MeterRules(
        max_rate=settings.poll.max_rate_bits,
        gap_after_ms=settings.poll.gap_after_ms,
        attribution=attribution_rules(settings),
        directors=tuple(one.name for one in settings.vcd_sources),
    )


def attribution_rules(settings: Settings) -> AttributionRules:
    """Return how points get their tenants, without the maps of directors."""
    rules, directors = settings.attribution, settings.vcd_sources
    return AttributionRules(
        order=tuple(Rule(rule) for rule in rules.order),
        claims=claims(settings),
        managers={(one.name, theirs): ours for one in directors for theirs, ours in one.managers},
        backings={(one.name, theirs): path for one in directors for theirs, path in one.backings},
        tag_scope=rules.nsx_tag_scope,
        auto_tenants=rules.auto_tenants,
        tenants=tuple(TenantEntry(TenantId(one.id), one.name, one.vcd_org or "") for one in settings.tenants),
        sources=(
            *(SourceEntry(one.name, one.kind, tuple(map(str, one.urls))) for one in settings.nsxt_sources),
            *(
                SourceEntry(one.name, one.kind, tuple(map(str, one.urls)), one.via_vcd or "")
                for one in settings.nsxv_sources
            ),
        ),
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
            edge=point.edge,
            vpc=point.vpc,
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


def tls_options(tls: ClientTls, cert_file: str | None = None, key_file: str | None = None) -> TlsOptions:
    """Return how a server proves who it is, and how we do where a certificate is our log-in."""
    return TlsOptions(
        ca_file=_path(tls.ca_file),
        fingerprint=bytes.fromhex(tls.fingerprint) if tls.fingerprint is not None else None,
        verify=tls.verify,
        cert_file=_path(cert_file),
        key_file=_path(key_file),
    )


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
