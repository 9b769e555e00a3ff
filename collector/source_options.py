"""Settings to what each source is built from: plain mapping, nothing is opened here."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from collector.assembly import Seen, fresh, tls_options
from collector.model.directory import CloudMap, GatewayType
from collector.sources.answers import Answer
from collector.sources.budget import SPAN_SECONDS
from collector.sources.nsxt import options as nsxt
from collector.sources.nsxv import options as nsxv
from collector.sources.options import HttpOptions, RetryPolicy
from collector.sources.vcd import options as vcd
from config.settings import NsxtSource, NsxvSource, Poll, VcdSource


class Through(Protocol):
    """A director with a session that others may use."""

    async def session_get(self, path: str, accept: str, policy: RetryPolicy) -> Answer: ...
    def budget_used_ratio(self) -> float: ...


def http_options(source: NsxtSource | VcdSource | NsxvSource, *, after_another: bool = False) -> HttpOptions:
    """Return how the servers of a source are asked.

    Args:
        after_another: A daemon that was killed, or the source as it was before a reload, may have used up the second
            that just passed: the budget counts its requests too, by sending nothing for as long.
    """
    tls = tls_options(source.tls)
    if isinstance(source, NsxtSource) and source.auth == "certificate":
        tls = tls_options(source.tls, source.cert_file, source.key_file)
    return HttpOptions(
        name=source.name,
        urls=tuple(str(url) for url in source.urls),
        tls=tls,
        requests_per_second=source.requests_per_second,
        concurrency=source.concurrency,
        timeout_seconds=source.timeout_ms / 1_000,
        answer_bytes_max=source.answer_max_bytes,
        lockout_seconds=source.credential_backoff_ms / 1_000,
        start_hold_seconds=SPAN_SECONDS if after_another else 0.0,
    )


def nsxt_options(
    source: NsxtSource, poll: Poll, seen: Seen, *, after_another: bool = False, directory: bool = False
) -> nsxt.NsxtOptions:
    """Return what a source of the kind ``nsxt`` is built from.

    Args:
        seen: Is told of every secret that is read anew.
        directory: A director's ids are to be found among its gateways.
    """
    return nsxt.NsxtOptions(
        http=http_options(source, after_another=after_another),
        login=_nsxt_login(source, seen),
        federation=source.federation,
        projects=source.projects,
        link_end=nsxt.LinkEnd(poll.link_end),
        enforcement_point=source.enforcement_point,
        org=source.org,
        directory=directory,
        vpn=source.vpn,
        vpcs=source.vpcs,
        l2vpn_counters=source.l2vpn_counters,
        l2vpn_in=source.l2vpn_in,
        comparisons=nsxt.COMPARISONS_MAX if poll.compare_ends_ms else 0,
    )


def _nsxt_login(source: NsxtSource, seen: Seen) -> nsxt.Login:
    match source.auth:
        case "session":
            return nsxt.SessionLogin(source.username or "", fresh(source.password, source.password_file, seen))
        case "basic":
            return nsxt.BasicLogin(source.username or "", fresh(source.password, source.password_file, seen))
        case "bearer":
            return nsxt.BearerLogin(fresh(source.token, source.token_file, seen))
        case "certificate":
            return nsxt.CertificateLogin()


def vcd_options(source: VcdSource, seen: Seen, *, after_another: bool = False) -> vcd.VcdOptions:
    """Return what a source of the kind ``vcd`` is built from."""
    return vcd.VcdOptions(
        http=http_options(source, after_another=after_another),
        login=_vcd_login(source, seen),
        api_version=source.api_version,
        ip_spaces=source.ip_spaces,
        seen=seen,
    )


def _vcd_login(source: VcdSource, seen: Seen) -> vcd.Login:
    match source.login:
        case "api_token":
            return vcd.TokenLogin(fresh(source.api_token, source.api_token_file, seen), source.org)
        case "password":
            secret = fresh(source.password, source.password_file, seen)
            return vcd.PasswordLogin(source.username or "", secret, source.org)
        case "service_account":
            return vcd.ServiceAccountLogin(Path(source.service_account_token_file or ""), source.org)


def nsxv_options(source: NsxvSource, seen: Seen, *, after_another: bool = False) -> nsxv.NsxvOptions:
    """Return what a source of the kind ``nsxv`` with managers of its own is built from."""
    access = nsxv.DirectAccess(
        http=http_options(source, after_another=after_another),
        username=source.username or "",
        password=fresh(source.password, source.password_file, seen),
    )
    return _nsxv(source, access)


def nsxv_options_via(
    source: NsxvSource, through: VcdSource, director: Through, gateways: nsxv.Gateways
) -> nsxv.NsxvOptions:
    """Return what a source of the kind ``nsxv`` is built from whose edges are read through a director.

    Args:
        through: The settings of the director: its budget is shared.
        director: Whose session is used.
        gateways: The NSX-V gateways of its map in force.
    """
    access = nsxv.DirectorAccess(
        get=director.session_get,
        gateways=gateways,
        requests_per_second=through.requests_per_second,
        concurrency=through.concurrency,
        used_ratio=director.budget_used_ratio,
    )
    return _nsxv(source, access)


def _nsxv(source: NsxvSource, access: nsxv.DirectAccess | nsxv.DirectorAccess) -> nsxv.NsxvOptions:
    return nsxv.NsxvOptions(
        name=source.name,
        access=access,
        form=nsxv.AnswerForm(source.format),
        time_unit=nsxv.TimeUnit(source.time_unit),
        kilo=source.kilo,
        catch_up_ms=source.catch_up_ms,
        edges=source.edges,
    )


def nsxv_gateways(cloud: CloudMap | None) -> list[tuple[str, str]] | None:
    """Return (UUID, name) of the NSX-V gateways of a map, or ``None`` without one."""
    if cloud is None:
        return None
    return [(one.id.rpartition(":")[2], one.name) for one in cloud.gateways if one.type == GatewayType.NSXV]
