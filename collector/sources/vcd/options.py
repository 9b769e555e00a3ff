"""What the source is built from; ``app.py`` maps the settings to these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from collector.sources.options import HttpOptions

Secret: TypeAlias = Callable[[], str]
"""Gives a secret at the moment of a log-in, so that a changed file counts; no repr shows it."""

SYSTEM = "System"
"""The provider's own organisation."""


def is_provider(org: str) -> bool:
    """True for the provider's organisation, which sees all others."""
    return org.lower() == SYSTEM.lower()


@dataclass(frozen=True, slots=True)
class PasswordLogin:
    """A session of a user of an organisation; ``System`` is the provider's."""

    username: str
    password: Secret
    org: str = SYSTEM


@dataclass(frozen=True, slots=True)
class TokenLogin:
    """An API token, which a user made; it stays the same."""

    token: Secret
    org: str = SYSTEM


@dataclass(frozen=True, slots=True)
class ServiceAccountLogin:
    """A service account: its refresh token changes at each use, so the file is written back each time."""

    token_file: Path
    org: str = SYSTEM


Login: TypeAlias = PasswordLogin | TokenLogin | ServiceAccountLogin


def _nobody(_: str) -> None:
    """Tell nobody of a secret."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VcdOptions:
    """Arguments of :class:`collector.sources.vcd.source.VcdSource`.

    Attributes:
        http: Cells or their load balancer, TLS, budget; ``http.name`` is the source's name.
        login: How to log in. An organisation other than ``System`` shows its own gateways only.
        api_version: The one version to speak, ``38.1``; ``None`` takes the highest that both sides know.
        ip_spaces: Read the IP Spaces; without, only the ranges of uplinks are read.
        seen: Is told of every secret that the director gives us, before it is used.
    """

    http: HttpOptions
    login: Login
    api_version: str | None = None
    ip_spaces: bool = True
    seen: Callable[[str], None] = _nobody

    @property
    def is_provider(self) -> bool:
        """The account sees every organisation."""
        return is_provider(self.login.org)
