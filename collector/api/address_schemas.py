"""Rows of addresses as JSON and CSV. Counts are decimal strings in JSON: an IPv6 prefix outgrows 64 bits."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Sequence

import msgspec

from collector.api.addresses import IP_SPACE, AddressLine, QuotaLine
from collector.api.schemas import plain
from collector.core.periods import format_time
from collector.model.period import MS_PER_SECOND

COLUMNS = (
    "tenant",
    "start",
    "end",
    "kind",
    "point",
    "type",
    "addresses",
    "used",
    "address_seconds",
    "used_address_seconds",
    "quota",
    "known_until",
)


class QuotaItem(msgspec.Struct, frozen=True, kw_only=True):
    """A quota with its use; ``prefix_length`` is null for floating addresses."""

    prefix_length: int | None
    limit: str
    used: str


class AddressItem(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``/api/v1/usage?kind=ip_space``; ``quota`` is null without a cap."""

    tenant: str
    start: str
    end: str
    kind: str
    point: str
    type: str
    addresses: str
    used: str
    address_seconds: str
    used_address_seconds: str
    quota: list[QuotaItem] | None
    known_until: str


class AddressAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """A page of rows; ``next_cursor`` is null on the last one."""

    rows: Sequence[AddressItem]
    next_cursor: str | None


def encode_addresses(lines: Iterable[AddressLine], cursor: str | None) -> bytes:
    """Return a page as JSON."""
    return msgspec.json.encode(AddressAnswer(rows=[_item(line) for line in lines], next_cursor=cursor))


def _item(line: AddressLine) -> AddressItem:
    return AddressItem(
        tenant=line.tenant,
        start=format_time(line.start),
        end=format_time(line.end),
        kind=IP_SPACE,
        point=line.point,
        type=line.type.value,
        addresses=str(line.addresses),
        used=str(line.used),
        address_seconds=seconds_text(line.use.held_ms),
        used_address_seconds=seconds_text(line.use.used_ms),
        quota=[_quota_item(quota) for quota in line.quota] or None,
        known_until=format_time(line.known_until),
    )


def _quota_item(quota: QuotaLine) -> QuotaItem:
    return QuotaItem(prefix_length=quota.prefix_length, limit=str(quota.limit), used=str(quota.used))


def addresses_csv(lines: Iterable[AddressLine]) -> str:
    """Return rows as CSV with a header line. Source: RFC 4180.

    A quota is ``3 of 5``; of prefixes ``/28: 1 of 2``, several parted by ``; ``.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    writer.writerow(COLUMNS)
    for line in lines:
        item = _item(line)
        quota = "; ".join(_quota_text(quota) for quota in line.quota)
        values = {**msgspec.structs.asdict(item), "quota": quota, "tenant": plain(line.tenant)}
        values["point"] = plain(line.point)
        writer.writerow([values[name] for name in COLUMNS])
    return text.getvalue()


def _quota_text(quota: QuotaLine) -> str:
    use = f"{quota.used} of {quota.limit}"
    return use if quota.prefix_length is None else f"/{quota.prefix_length}: {use}"


def seconds_text(milliseconds: int) -> str:
    """Return seconds as a decimal number, exact: parts of a period add up to it."""
    seconds, rest = divmod(milliseconds, MS_PER_SECOND)
    return f"{seconds}.{rest:03d}".rstrip("0") if rest else str(seconds)
