"""Cursors: where the next page begins, opaque to clients.

A cursor is no secret and proves nothing: it names a place in rows that its bearer may read anyway, and what it says is
checked like any parameter. It holds a fingerprint of the request, so that one of another request is refused instead of
giving wrong rows.
"""

from __future__ import annotations

import binascii
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Sequence
from hashlib import sha256
from typing import Annotated, TypeVar

import msgspec

from collector.api.addresses import IP_SPACE
from collector.api.faults import CursorFault
from collector.api.request import UsageRequest
from collector.api.usage import Position
from collector.core.periods import MS_PER_DAY, YEAR_MAX
from collector.model.directory import AddressKind
from collector.model.identity import Direction, Kind
from collector.model.period import SLOT_MS, Interval

VERSION = 1
"""Of the form of cursors; one of another version is refused, and the client begins again."""

CURSOR_CHARACTERS_MAX = 8_192
"""Longer than any cursor that we make: a policy path and some numbers."""

_Instant = Annotated[int, msgspec.Meta(ge=0, le=YEAR_MAX * 366 * MS_PER_DAY)]
_Sequence = Annotated[int, msgspec.Meta(ge=0, le=2**63 - 1)]


class UsageCursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """Interval of the request, its fingerprint, and a position."""

    version: int
    fingerprint: str
    start: _Instant
    end: _Instant
    tenant: str
    row_start: _Instant
    row_end: _Instant
    keys: tuple[str, str, str] | None

    @property
    def interval(self) -> Interval:
        """The interval of the first page's request."""
        return Interval(start=self.start, end=self.end)

    @property
    def position(self) -> Position:
        """Where the page begins."""
        return Position(self.tenant, self.row_start, self.row_end, self.keys)


class EventsCursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """The last event read."""

    version: int
    fingerprint: str
    after: _Sequence


class TenantsCursor(msgspec.Struct, array_like=True, forbid_unknown_fields=True, frozen=True):
    """The last tenant read."""

    version: int
    fingerprint: str
    after: str


_Cursor = TypeVar("_Cursor", UsageCursor, EventsCursor, TenantsCursor)


def encode_cursor(cursor: UsageCursor | EventsCursor | TenantsCursor) -> str:
    """Return a cursor as text that needs no escaping in a query."""
    return urlsafe_b64encode(msgspec.json.encode(cursor)).rstrip(b"=").decode("ascii")


def decode_cursor(text: str, form: type[_Cursor]) -> _Cursor:
    """Return what a cursor says.

    Raises:
        CursorFault: It is none of ours.
    """
    if len(text) > CURSOR_CHARACTERS_MAX:
        raise CursorFault
    try:
        encoded = text.encode("ascii")
        cursor = msgspec.json.decode(urlsafe_b64decode(encoded + b"=" * (-len(encoded) % 4)), type=form)
    except (UnicodeError, binascii.Error, msgspec.MsgspecError) as error:
        raise CursorFault from error
    # A text that does not come out the same again is not one of ours: the decoder skips characters it does not know.
    if cursor.version != VERSION or encode_cursor(cursor) != text:
        raise CursorFault
    return cursor


def usage_cursor(request: UsageRequest, named: bool, position: Position) -> UsageCursor:
    """Return the cursor of a request's next page; ``named`` as in ``usage_fingerprint``."""
    return UsageCursor(VERSION, usage_fingerprint(request, named), request.start, request.end, *position)


def check_usage_cursor(cursor: UsageCursor, request: UsageRequest, named: bool) -> None:
    """Do nothing if the cursor belongs to the request.

    Raises:
        CursorFault: It does not.
    """
    known_keys = cursor.keys is None or (
        cursor.keys[0] in {"", *Kind} and cursor.keys[2] in {"", *Direction} and cursor.keys[1].isprintable()
    )
    inside = request.start <= cursor.row_start < cursor.row_end and cursor.row_start < request.end
    if (
        cursor.fingerprint != usage_fingerprint(request, named)
        or not known_keys
        or not inside
        or cursor.row_start % SLOT_MS
    ):
        raise CursorFault


def address_cursor(request: UsageRequest, named: bool, position: Position) -> UsageCursor:
    """Return the cursor of the next page of addresses; ``named`` as in ``usage_fingerprint``."""
    mark = fingerprint(IP_SPACE, usage_fingerprint(request, named))
    return UsageCursor(VERSION, mark, request.start, request.end, *position)


def check_address_cursor(cursor: UsageCursor, request: UsageRequest, named: bool) -> None:
    """Do nothing if the cursor belongs to the request for addresses.

    Raises:
        CursorFault: It does not.
    """
    known_keys = cursor.keys is None or (cursor.keys[0] == IP_SPACE and cursor.keys[2] in {*AddressKind})
    inside = request.start <= cursor.row_start < cursor.row_end <= request.end
    mark = fingerprint(IP_SPACE, usage_fingerprint(request, named))
    if cursor.fingerprint != mark or not known_keys or not inside:
        raise CursorFault


def usage_fingerprint(request: UsageRequest, named: bool) -> str:
    """Return what tells requests apart whose cursors must not be mixed.

    Args:
        request: The request; limit and format may change from page to page and are not in it.
        named: The request names its tenant; otherwise tenants may come and go between two pages.
    """
    tenant = [request.tenants[0].id, request.tenants[0].timezone] if named else None
    return fingerprint(
        "usage",
        tenant,
        request.start,
        request.end,
        request.granularity,
        sorted(request.by),
        request.kinds,
        sorted(request.points) if request.points is not None else None,
        request.directions,
    )


def fingerprint(*parts: str | int | Sequence[str] | None) -> str:
    """Return a short text that differs, but for a chance of 2**-64, when a part does."""
    return sha256(msgspec.json.encode(parts)).hexdigest()[:16]
