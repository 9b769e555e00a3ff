"""What works and should not stay as it is: warnings about settings without a fault."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from config.part import Part
from config.settings import AnySource, Http, InfluxDb, Settings, VcdSource
from config.words import Finding, Path


def cautions(settings: Settings) -> Iterator[Finding]:
    """Return a finding for each setting that is allowed and unsafe, in the order of the blocks."""
    for position, source in enumerate(settings.sources):
        yield from _source(source, ("sources", position))
    for position, destination in enumerate(settings.exporters.influxdb):
        yield from _influxdb(destination, ("exporters", "influxdb", position))
    yield from _http(settings.http, ("http",))
    yield from _attribution(settings)
    yield from _later(settings, (), ("billing", "replication"))
    yield from _later(settings.http, ("http",), ("console",))
    for position, tenant in enumerate(settings.tenants):
        yield from _later(tenant, ("tenants", position), ("billing",))


def _attribution(settings: Settings) -> Iterator[Finding]:
    order, path = settings.attribution.order, ("attribution", "order")
    if "config" not in order and any(tenant.points for tenant in settings.tenants):
        yield Finding(path, "has no config, so the points of the tenants are not used; add config, or remove them")
    if settings.vcd_sources:
        if "vcd" not in order:
            yield Finding(path, "has no vcd, so what is known there of gateways is not used; add vcd")
        return
    for position, tenant in enumerate(settings.tenants):
        if tenant.vcd_org is not None:
            yield Finding(("tenants", position, "vcd_org"), "has no effect, since there is no source of kind vcd")


def _source(source: AnySource, path: Path) -> Iterator[Finding]:
    director = isinstance(source, VcdSource)
    plain = [url.lower().startswith("http://") for url in source.urls]
    for position, is_plain in enumerate(plain):
        if is_plain:
            what = "who is billed" if director else "the counters"
            message = f"is plain http, so anybody on the way can read the credentials and change {what}; use https"
            yield Finding((*path, "urls", position), message)
    if not source.tls.verify:
        yield Finding(
            (*path, "tls", "verify"),
            f"is false, so anybody on the way can pose as the {'director' if director else 'manager'}; "
            "use ca_file or fingerprint",
        )
    if isinstance(source, VcdSource) and (source.username or "").lower().endswith(f"@{source.org.lower()}"):
        yield Finding((*path, "username"), "ends with the organisation, which is added at the log-in; remove it there")
    if all(plain) and (source.tls.ca_file or source.tls.fingerprint):
        yield Finding((*path, "tls"), "has no effect, since every address is plain http")


def _later(part: Part, path: Path, keys: Sequence[str]) -> Iterator[Finding]:
    for key in keys:
        if getattr(part, key) is not None:
            yield Finding((*path, key), "is not used by this version")


def _influxdb(destination: InfluxDb, path: Path) -> Iterator[Finding]:
    if destination.url.lower().startswith("http://"):
        seen = "the token and the usage" if destination.token is not None else "the usage"
        yield Finding((*path, "url"), f"is plain http, so anybody on the way can read {seen}; use https")
    if not destination.tls.verify:
        yield Finding(
            (*path, "tls", "verify"),
            "is false, so anybody on the way can pose as the destination; use ca_file or fingerprint",
        )


def _http(http: Http, path: Path) -> Iterator[Finding]:
    if not http.listen.is_loopback and http.tls is None:
        seen = "so tokens and usage can be read on the way"
        message = f"is open to other machines without TLS, {seen}; write http.tls, or listen on 127.0.0.1"
        yield Finding((*path, "listen"), message)
    if "api" in http.open:
        yield Finding(
            (*path, "open"), "has api, so everybody who can connect sees the usage of all tenants without a token"
        )
    elif not http.tokens:
        yield Finding(
            (*path, "tokens"),
            "has no token, so nobody can use the API; write one, or leave it if only metrics are wanted",
        )
    if "metrics" in http.open and not http.listen.is_loopback:
        yield Finding((*path, "open"), "has metrics, so other machines see the usage of all tenants without a token")
