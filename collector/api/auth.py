"""Who may ask for what: bearer tokens and what is answered without one."""

from __future__ import annotations

import hmac
import re
from dataclasses import dataclass, field
from enum import StrEnum
from hashlib import sha256

from multidict import CIMultiDictProxy

from collector.api.directory import Scope
from collector.api.problems import forbidden, unauthorized

_BEARER = re.compile(r"bearer +([^ ]+) *", re.IGNORECASE)


class Area(StrEnum):
    """What ``http.open`` can name."""

    HEALTH = "health"
    METRICS = "metrics"
    API = "api"


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenRule:
    """One token; the secret itself is not kept.

    Attributes:
        name: For the operator; never needed to log in.
        digest: SHA-256 of the secret.
        tenants: Tenants that it sees; ``None`` is every one.
    """

    name: str
    digest: bytes = field(repr=False)
    tenants: Scope

    @classmethod
    def of(cls, name: str, secret: str, tenants: Scope) -> TokenRule:
        """Return the rule of a secret.

        Raises:
            ValueError: The secret is empty, or has a blank or a character that no header can carry.
        """
        if not secret or not secret.isascii() or not secret.isprintable() or " " in secret:
            raise ValueError(f"token {name}: expected printable ASCII characters without blanks")
        return cls(name=name, digest=_digest(secret), tenants=tenants)


@dataclass(frozen=True, slots=True, kw_only=True)
class AccessRules:
    """Every token, and what is answered without one."""

    tokens: tuple[TokenRule, ...] = ()
    open: frozenset[Area] = frozenset({Area.HEALTH, Area.METRICS})


class Gate:
    """Decides about each request by the rules in force."""

    def __init__(self, rules: AccessRules) -> None:
        self._rules = rules

    def replace(self, rules: AccessRules) -> None:
        """Put other rules in force, for the next request on."""
        self._rules = rules

    def admit(self, area: Area, headers: CIMultiDictProxy[str]) -> Scope:
        """Return the tenants that a request may see.

        Raises:
            Problem: 401 without a valid token where one is needed; 403 for metrics, which show every tenant, with a
                token that does not see all.
        """
        is_open = area in self._rules.open
        # An open API still narrows to the tenants of a token that is given; a probe or a scrape needs no look at it.
        if is_open and (area is not Area.API or "Authorization" not in headers):
            return None
        scope = self._identify(headers).tenants
        if area is Area.METRICS and scope is not None:
            raise forbidden()
        return scope

    def admit_operator(self, headers: CIMultiDictProxy[str]) -> None:
        """Do nothing if the request may change the daemon: its token sees all tenants; it is never open.

        Raises:
            Problem: 401 or 403.
        """
        if self._identify(headers).tenants is not None:
            raise forbidden()

    def _identify(self, headers: CIMultiDictProxy[str]) -> TokenRule:
        """Return the rule of the request's token; every rule is compared, so that time tells nothing about them."""
        given = headers.getall("Authorization", [])
        match = _BEARER.fullmatch(given[0]) if len(given) == 1 else None
        digest = _digest(match[1] if match is not None else "")
        found: TokenRule | None = None
        for rule in self._rules.tokens:
            if hmac.compare_digest(rule.digest, digest):
                found = rule
        if found is None:
            raise unauthorized()
        return found


def _digest(secret: str) -> bytes:
    return sha256(secret.encode("utf-8", "surrogateescape")).digest()
