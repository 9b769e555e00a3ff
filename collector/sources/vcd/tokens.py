"""The exchange of a refresh token for an access token."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, NamedTuple
from urllib.parse import quote

import msgspec

from collector.errors import AuthFailed, ResponseInvalid, SourceError
from collector.sources.answers import Answer, Exchange
from collector.sources.vcd.options import is_provider
from collector.sources.vcd.words import UNREADABLE

REFUSED = {400, 401, 403}
"""OAuth says 400 to a token that is not valid (any more). Source: RFC 6749, 5.2, ``invalid_grant``."""

_VISIBLE = re.compile(r"[!-~]{1,16384}")


class Grant(NamedTuple):
    """What a refresh token was answered with; empty where the answer lacks it.

    Source: VMware go-vcloud-director, type ApiTokenRefresh.
    """

    access_token: str
    refresh_token: str


def is_sendable(token: str) -> bool:
    """True when a token can stand in a header: visible characters alone."""
    return _VISIBLE.fullmatch(token) is not None


def token_path(org: str) -> str:
    """Return where an organisation's tokens are exchanged."""
    return "/oauth/provider/token" if is_provider(org) else f"/oauth/tenant/{quote(org, safe='')}/token"


async def redeem(
    exchange: Exchange, org: str, accept: str, token: str, odd: Callable[[Answer, str], SourceError]
) -> Grant:
    """Return what a refresh token is answered with; ``odd`` says what an answer other than 200 and a refusal means.

    The access token may be unfit in a grant: a next refresh token beside it must be stored all the same.

    Source: VMware go-vcloud-director, api_token.go.

    Raises:
        AuthFailed: The token was refused.
        SourceError: Something else was said.
    """
    path = token_path(org)
    form = {"grant_type": "refresh_token", "refresh_token": token}
    answer = await exchange("POST", path, headers={"Accept": accept}, form=form)
    if answer.status in REFUSED:
        raise AuthFailed(f"{path}: the token was refused with HTTP {answer.status}")
    if not 200 <= answer.status < 300:
        raise odd(answer, path)
    try:
        members = msgspec.json.decode(answer.body, type=dict[str, Any])
    except UNREADABLE as error:
        raise ResponseInvalid(f"{path}: expected JSON with access_token: {error}") from error
    return Grant(_text(members.get("access_token")), _text(members.get("refresh_token")))


def _text(value: object) -> str:
    return value if isinstance(value, str) and is_sendable(value) else ""
