"""Rows as JSON and CSV, with the names of the contract.

Bytes and packets are decimal strings in JSON, because they outgrow the doubles that most readers make of numbers, and
plain digits in CSV. Keys that rows are not grouped by are absent.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence

import msgspec
from msgspec import UNSET, UnsetType

from collector.api.lines import UsageLine
from collector.api.request import GroupBy
from collector.core.periods import format_time
from collector.model.identity import Tenant
from collector.model.usage import StoredEvent

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A spreadsheet takes a cell that begins so for a formula; names come from systems that tenants can write to."""


class UsageItem(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``/api/v1/usage``."""

    tenant: str | UnsetType = UNSET
    start: str
    end: str
    kind: str | UnsetType = UNSET
    point: str | UnsetType = UNSET
    direction: str | UnsetType = UNSET
    bytes: str
    packets: str
    dropped_packets: str
    measured_seconds: int
    inferred_seconds: int
    spread_seconds: int
    missing_seconds: int


class TenantItem(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``/api/v1/tenants``."""

    id: str
    name: str
    timezone: str


class EventItem(msgspec.Struct, frozen=True, kw_only=True):
    """A row of ``/api/v1/events``; ``at`` is the first and ``last_at`` the last of ``count`` times within an hour."""

    at: str
    last_at: str
    source: str
    event: str
    tenant: str | None
    point: str | None
    node: str | None
    count: int
    detail: Mapping[str, str | int | list[str] | None]


class ListAnswer(msgspec.Struct, frozen=True, kw_only=True):
    """What every list answers; ``next_cursor`` is null on the last page."""

    rows: Sequence[UsageItem | TenantItem | EventItem]
    next_cursor: str | None


_encoder = msgspec.json.Encoder()


def encode_list(rows: Sequence[UsageItem] | Sequence[TenantItem] | Sequence[EventItem], cursor: str | None) -> bytes:
    """Return a page as JSON."""
    return _encoder.encode(ListAnswer(rows=rows, next_cursor=cursor))


def usage_item(line: UsageLine) -> UsageItem:
    """Return a row of usage as JSON has it."""
    return UsageItem(
        tenant=_present(line.tenant),
        start=format_time(line.start),
        end=format_time(line.end),
        kind=_present(line.kind),
        point=_present(line.point),
        direction=_present(line.direction),
        bytes=str(line.bytes),
        packets=str(line.packets),
        dropped_packets=str(line.dropped_packets),
        measured_seconds=line.measured_seconds,
        inferred_seconds=line.inferred_seconds,
        spread_seconds=line.spread_seconds,
        missing_seconds=line.missing_seconds,
    )


def tenant_item(tenant: Tenant) -> TenantItem:
    """Return a tenant as JSON has it."""
    return TenantItem(id=tenant.id, name=tenant.name, timezone=tenant.timezone)


def event_item(event: StoredEvent) -> EventItem:
    """Return an event as JSON has it."""
    return EventItem(
        at=format_time(event.at),
        last_at=format_time(event.last_at),
        source=event.source,
        event=event.event,
        tenant=event.tenant,
        point=event.point,
        node=event.node,
        count=event.count,
        detail=event.detail,
    )


def usage_columns(by: frozenset[GroupBy]) -> tuple[str, ...]:
    """Return the names of a row's fields, in the order of the contract."""
    absent = {name.value for name in GroupBy if name not in by}
    return tuple(name for name in UsageLine._fields if name not in absent)


def usage_csv(lines: Iterable[UsageLine], by: frozenset[GroupBy], *, header: bool = True) -> str:
    """Return rows as CSV with a header line. Source: RFC 4180.

    Args:
        lines: The rows.
        by: What they are grouped by.
        header: False for rows that are appended to others.
    """
    columns = usage_columns(by)
    text = io.StringIO()
    writer = csv.writer(text)
    if header:
        writer.writerow(columns)
    for line in lines:
        values = {
            **line._asdict(),
            "start": format_time(line.start),
            "end": format_time(line.end),
            "tenant": plain(line.tenant),
            "point": plain(line.point),
        }
        writer.writerow([values[name] for name in columns])
    return text.getvalue()


def _present(value: str | None) -> str | UnsetType:
    return UNSET if value is None else value


def plain(value: str | None) -> str | None:
    """Return a text for a cell that no spreadsheet takes for a formula."""
    return f"'{value}" if value is not None and value.startswith(FORMULA_STARTS) else value
