"""What the daemon answers, where and to whom."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Literal

from pydantic import Field

from config.addresses import Listen, ListenAddress
from config.leaves import FilePath, Hidden, Later, Name, some_or
from config.logins import one_secret
from config.part import Part, Raw, blocks, repeated
from config.secret import Secret
from config.tls import ServerTls
from config.words import Finding, Path, path_text

TOKENS_MAX = 1_000
"""Most tokens; every request is compared with each of them."""

TOKEN_CHARACTERS_MIN = 16
"""Shortest token: 16 random characters cannot be guessed over a network."""

_TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")
"""What an ``Authorization: Bearer`` header may carry. Source: RFC 6750, section 2.1."""


class Token(Part):
    """A token of the API, and whose usage it sees."""

    name: Name = Field(description="Who uses it; shown in the access log.", examples=["billing"])
    token: Hidden | None = Field(
        None, description=f"The token: {TOKEN_CHARACTERS_MIN} characters or more, letters, digits and `._~+/-`."
    )
    token_file: FilePath | None = Field(
        None, description="File with the token, in one line.", examples=["/run/secrets/billing"]
    )
    tenants: Annotated[Literal["all"] | tuple[str, ...], some_or("all")] = Field(
        description="Whose usage it sees: `all`, or ids of tenants.", examples=["all"]
    )

    @classmethod
    def rules(cls, raw: Raw) -> Iterator[Finding]:
        """Return findings about the token itself; none of them shows it."""
        yield from one_secret(raw, "token")
        if "token" not in raw and "token_file" not in raw:
            yield Finding(("token",), "is missing; write token or token_file")
        text = token_text(raw)
        place = "token_file" if "token_file" in raw else "token"
        if text is not None and len(text) < TOKEN_CHARACTERS_MIN:
            yield Finding(
                (place,),
                f"the token has {len(text)} characters; at least {TOKEN_CHARACTERS_MIN} keep it from being guessed",
            )
        elif text is not None and not _TOKEN.fullmatch(text):
            yield Finding(
                (place,),
                "the token has characters that a header cannot carry; use letters, digits and . _ ~ + / - only",
            )


def token_text(raw: Raw) -> str | None:
    """Return the token of a block, written or read from its file; ``None`` where there is none or it is wrong."""
    value = raw.get("token")
    if isinstance(value, Secret):
        return value.reveal()
    return str(value) if isinstance(value, str) and value else None


class Http(Part):
    """The listener of metrics, health and the usage API."""

    listen: ListenAddress = Field(
        Listen("127.0.0.1", 9470),
        description="Where to listen; 0.0.0.0 or [::] for all interfaces, port 0 for a free one.",
    )
    tls: ServerTls | None = Field(None, description="Certificate to show; without it plain HTTP is served.")
    tokens: Annotated[tuple[Token, ...], Field(max_length=TOKENS_MAX)] = Field((), description="Tokens of the API.")
    open: tuple[Literal["health", "metrics", "api"], ...] = Field(
        ("health", "metrics"),
        description="What is answered without a token: `health`, `metrics`, `api`.",
        examples=[["health", "metrics"]],
    )
    console: Later | None = Field(
        None, description="Taken and not used by this version, with a warning: the web console."
    )

    @classmethod
    def rules(cls, raw: Raw) -> Iterable[Finding]:
        """Return findings about what two tokens share."""
        yield from repeated(
            ((("tokens", position, "name"), one.get("name")) for position, one in blocks(raw, "tokens")), ("http",)
        )
        first: dict[str, Path] = {}
        for position, one in blocks(raw, "tokens"):
            text, path = token_text(one), ("tokens", position, "token_file" if "token_file" in one else "token")
            before = first.setdefault(text, path) if text is not None else path
            if before != path:
                yield Finding(path, f"is the same token as {path_text(('http', *before))}; each name needs its own")
