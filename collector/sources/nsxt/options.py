"""What the source is built from; ``app.py`` maps the settings to these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, TypeAlias

from collector.sources.options import HttpOptions

Secret: TypeAlias = Callable[[], str]
"""Gives a secret at the moment of a log-in, so that a changed file counts; no repr shows it."""


class LinkEnd(StrEnum):
    """Where a link of a Tier-0 and a Tier-1 is to be read: ``poll.link_end``."""

    AUTO = "auto"
    TIER0 = "tier0"
    TIER1 = "tier1"


@dataclass(frozen=True, slots=True)
class SessionLogin:
    """Form log-in: a cookie and ``X-XSRF-TOKEN`` on every request."""

    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class BasicLogin:
    """``Authorization: Basic`` on every request."""

    username: str
    password: Secret


@dataclass(frozen=True, slots=True)
class CertificateLogin:
    """The client certificate of the TLS options, registered as a principal identity."""


@dataclass(frozen=True, slots=True)
class BearerLogin:
    """``Authorization: Bearer`` on every request; the token is read anew when the manager no longer takes it."""

    token: Secret


Login: TypeAlias = SessionLogin | BasicLogin | CertificateLogin | BearerLogin

L2vpnCounters: TypeAlias = Literal["taps", "segments"]
"""Which counters of an L2VPN session are read: of its tunnel ports or of its segments. They count the same bytes."""

L2vpnIn: TypeAlias = Literal["ingress", "egress"]
"""What ``bytes_in`` of an L2VPN session is to the tenant. No documentation says which way the counter looks."""

COMPARISONS_MAX = 50
"""Links whose two ends are compared between two inventories: ten calls each are 500 calls in ten minutes."""

ProjectChoice: TypeAlias = Literal["none", "all"] | tuple[str, ...]
"""Whose Tier-1s are metered beside the provider's own: ids or display names of Projects."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NsxtOptions:
    """Arguments of :class:`collector.sources.nsxt.source.NsxtSource`.

    Attributes:
        http: Managers, TLS, budget; ``http.name`` is the source's name.
        login: How to log in.
        federation: The managers are Global Managers: every path lies under ``/global-infra``.
        projects: Whose Tier-1s are metered beside the provider's own.
        link_end: Where links are to be read.
        enforcement_point: Policy path of the enforcement point to ask, or ``None`` for the usual one.
        org: Organisation that Projects lie in.
        directory: A director's ids are to be found: gateways with all their ids, and segments, are part of an
            inventory.
        vpn: Sessions of L2VPN and IPsec services are metered.
        vpcs: VPCs and transit gateways of the chosen Projects are metered.
        l2vpn_counters: Which counters of an L2VPN session are read.
        l2vpn_in: What its ``bytes_in`` is to the tenant.
        comparisons: Links, at most, that an inventory names for a comparison of their ends; 0 for none.
    """

    http: HttpOptions
    login: Login
    federation: bool = False
    projects: ProjectChoice = "all"
    link_end: LinkEnd = LinkEnd.AUTO
    enforcement_point: str | None = None
    org: str = "default"
    directory: bool = False
    vpn: bool = False
    vpcs: bool = False
    l2vpn_counters: L2vpnCounters = "taps"
    l2vpn_in: L2vpnIn = "ingress"
    comparisons: int = COMPARISONS_MAX
