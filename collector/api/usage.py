"""Usage in pages: what the HTTP route and the command both serve.

A page is found by its key (tenant, start, kind, point, direction), never by counting rows, so that usage booked while
someone reads neither shifts a row nor shows one twice.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from collector.api.directory import Scope, TenantDirectory
from collector.api.lines import Keys, UsageLine, keys_of, line_of, merge
from collector.api.request import GroupBy, UsageParameters, UsageRequest, usage_request
from collector.api.windows import Window, remaining, shared_windows, split, tenant_windows
from collector.clock import Clock
from collector.model.identity import Tenant, TenantId
from collector.model.period import SLOT_MS, Instant, Interval, slot_start
from collector.model.usage import UsageRow
from collector.ports import LedgerQuery, LedgerReader

QUERIES_PER_PAGE_MAX = 2_000
"""Reads of the ledger for one page, before it is handed out with the rows that it has by then: a page over many empty
days or tenants must not take for ever."""

PAGE_SECONDS_MAX = 5.0
"""Time for the same: far below what a client or a proxy waits. One read is always made, so that pages go on."""

MERGED_ROWS_MAX = 50_000
"""Buckets of all tenants together that are held to sum over tenants: some tens of megabytes."""

LINES_PER_PAGE = 1_000
"""Rows that ``UsageService.lines`` reads at a time."""

ROWS_AT_ONCE = 500
"""Rows that are made before others get the loop: about two milliseconds."""

_Item = TypeVar("_Item")


class Position(NamedTuple):
    """Where the next page begins: after the row with these keys, or, without keys, with the bucket itself.

    Attributes:
        tenant: Tenant of the row; empty when rows are not grouped by tenant.
        start: Start of the row's bucket.
        end: End of the row's bucket.
        keys: Of the last row read, or ``None`` when no row of the bucket was.
    """

    tenant: str
    start: Instant
    end: Instant
    keys: Keys | None


class UsagePage(NamedTuple):
    """Some rows, and where the next ones begin; ``None`` after the last."""

    lines: list[UsageLine]
    next: Position | None


class UsageService:
    """Reads usage from the ledger, for the API and for the command."""

    def __init__(self, reader: LedgerReader, tenants: Callable[[], Sequence[Tenant]], clock: Clock) -> None:
        """Take what it reads from.

        Args:
            reader: The ledger.
            tenants: Gives the tenants of the settings in force.
            clock: Says which slot is open.
        """
        self._reader = reader
        self._clock = clock
        self.directory = TenantDirectory(reader, tenants)

    async def request(self, parameters: UsageParameters, scope: Scope, pinned: Interval | None = None) -> UsageRequest:
        """Return the request that the parameters stand for.

        Args:
            parameters: As they were written.
            scope: Tenants that may be seen.
            pinned: The interval of the first page, which a lacking ``start`` or ``end`` keeps on the next ones.
        Raises:
            ParameterFault: A parameter is wrong.
            TenantUnknown: There is no such tenant in ``scope``.
            LedgerUnavailable: The ledger cannot be read.
        """
        if parameters.tenant is None:
            tenants, zone_name = await self.directory.visible(scope), "UTC"
        else:
            tenant = await self.directory.find(parameters.tenant, scope)
            tenants, zone_name = (tenant,), tenant.timezone
        return usage_request(parameters, tenants, zone_name, self._open_end(), pinned)

    async def page(self, request: UsageRequest, after: Position | None, limit: int) -> UsagePage:
        """Return at most ``limit`` rows after a position; fewer, even none, do not mean that it was the last page.

        Rows ascend by (tenant, start, kind, point, direction). Where rows are not grouped by tenant, those of several
        tenants with the same bucket and keys are one; its coverage is that of the tenant that was observed worst.

        Raises:
            LedgerUnavailable: The ledger cannot be read.
        """
        if GroupBy.TENANT in request.by or len(request.tenants) == 1:
            return await self._page_by_tenant(request, after, limit)
        return await self._page_merged(request, after, limit)

    async def lines(self, request: UsageRequest) -> AsyncIterator[UsageLine]:
        """Give every row of a request, in order.

        Raises:
            LedgerUnavailable: The ledger cannot be read.
        """
        after: Position | None = None
        while True:
            page = await self.page(request, after, LINES_PER_PAGE)
            for line in page.lines:
                yield line
            if page.next is None:
                return
            after = page.next

    async def _page_by_tenant(self, request: UsageRequest, after: Position | None, limit: int) -> UsagePage:
        lines: list[UsageLine] = []
        open_end, began = self._open_end(), self._clock.monotonic()
        for asked, (tenant, window, keys) in enumerate(_work_by_tenant(request, after)):
            if self._is_enough(asked, began):
                return UsagePage(lines, Position(_label(request, tenant), window.start, window.end, keys))
            wanted = limit + 1 - len(lines)
            rows = await self._reader.usage(_query(request, tenant.id, window, keys, wanted))
            made = [line_of(request, tenant.id, window, row, open_end) async for row in _politely(rows)]
            lines.extend(made)
            if len(lines) > limit:
                del lines[limit:]
                return UsagePage(lines, _position(lines[-1]))
        return UsagePage(lines, None)

    async def _page_merged(self, request: UsageRequest, after: Position | None, limit: int) -> UsagePage:
        lines: list[UsageLine] = []
        asked = 0
        open_end, began = self._open_end(), self._clock.monotonic()
        for tenants, window, keys in _work_merged(request, after):
            if self._is_enough(asked, began):
                return UsagePage(lines, Position("", window.start, window.end, keys))
            merged: dict[tuple[Instant, Keys], UsageRow] = {}
            for tenant in tenants:
                wanted = limit + 1 - len(lines)
                rows = await self._reader.usage(_query(request, tenant.id, window, keys, wanted))
                async for row in _politely(rows):
                    key = (row.start, keys_of(row))
                    known = merged.get(key)
                    merged[key] = row if known is None else merge(known, row)
            asked += len(tenants)
            made = [line_of(request, None, window, merged[key], open_end) async for key in _politely(sorted(merged))]
            lines.extend(made)
            if len(lines) > limit:
                del lines[limit:]
                return UsagePage(lines, _position(lines[-1]))
        return UsagePage(lines, None)

    def _is_enough(self, asked: int, began: float) -> bool:
        late = self._clock.monotonic() - began >= PAGE_SECONDS_MAX
        return asked >= QUERIES_PER_PAGE_MAX or (late and asked > 0)

    def _open_end(self) -> Instant:
        return slot_start(self._clock.now()) + SLOT_MS


async def _politely(items: Sequence[_Item]) -> AsyncIterator[_Item]:
    """Give each item, and the loop to others now and then."""
    for number, item in enumerate(items, 1):
        yield item
        if number % ROWS_AT_ONCE == 0:
            await asyncio.sleep(0)


def _work_by_tenant(request: UsageRequest, after: Position | None) -> Iterator[tuple[Tenant, Window, Keys | None]]:
    for tenant in request.tenants:
        label = _label(request, tenant)
        if after is None or label > after.tenant:
            for window in tenant_windows(request, tenant):
                yield tenant, window, None
        elif label == after.tenant:
            for window, first in remaining(tenant_windows(request, tenant), after.start):
                yield tenant, window, after.keys if first else None


def _work_merged(
    request: UsageRequest, after: Position | None
) -> Iterator[tuple[Sequence[Tenant], Window, Keys | None]]:
    steps = max(1, MERGED_ROWS_MAX // max(1, len(request.tenants)))
    for window, tenants in shared_windows(request):
        if after is None:
            for part in split(window, steps):
                yield tenants, part, None
        elif window.step_ms is not None:
            for rest, first in remaining([window], after.start):
                for number, part in enumerate(split(rest, steps)):
                    yield tenants, part, after.keys if first and number == 0 else None
        elif (window.start, window.end) >= (after.start, after.end):
            same = (window.start, window.end) == (after.start, after.end)
            yield tenants, window, after.keys if same else None


def _query(request: UsageRequest, tenant: TenantId, window: Window, keys: Keys | None, limit: int) -> LedgerQuery:
    return LedgerQuery(
        tenant=tenant,
        start=window.start,
        end=window.end,
        step_ms=window.step_ms,
        by=frozenset(name.value for name in request.by if name is not GroupBy.TENANT),
        kinds=request.kinds,
        points=request.points,
        directions=request.directions,
        after=None if keys is None else (window.start, *keys),
        limit=limit,
    )


def _label(request: UsageRequest, tenant: Tenant) -> str:
    return tenant.id if GroupBy.TENANT in request.by else ""


def _position(line: UsageLine) -> Position:
    return Position(line.tenant or "", line.start, line.end, keys_of(line))
