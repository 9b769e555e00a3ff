"""Usage in pages: what the HTTP route and the command both serve.

A page is found by its key (tenant, start, kind, point, direction), never by counting rows, so that usage booked while
someone reads neither shifts a row nor shows one twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from typing import NamedTuple

from collector.api.directory import Scope, TenantDirectory
from collector.api.request import GroupBy, UsageParameters, UsageRequest, usage_request
from collector.api.windows import Window, remaining, shared_windows, split, tenant_windows
from collector.clock import Clock
from collector.model.identity import Direction, Kind, Tenant, TenantId
from collector.model.period import MS_PER_SECOND, SLOT_MS, Instant, Interval, slot_start
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

Keys = tuple[str, str, str]
"""Kind, point and direction of a row; empty where rows are not grouped by it."""


class UsageLine(NamedTuple):
    """A row of usage over [start, end), with whole numbers; keys that are not grouped by are ``None``.

    The four durations add up to the row's length, as far as it does not reach beyond the open slot.
    """

    tenant: TenantId | None
    start: Instant
    end: Instant
    kind: Kind | None
    point: str | None
    direction: Direction | None
    bytes: int
    packets: int
    dropped_packets: int
    measured_seconds: int
    inferred_seconds: int
    spread_seconds: int
    missing_seconds: int


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
            lines.extend(_line(request, tenant.id, window, row, open_end) for row in rows)
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
                for row in await self._reader.usage(_query(request, tenant.id, window, keys, wanted)):
                    key = (row.start, _keys(row))
                    known = merged.get(key)
                    merged[key] = row if known is None else _sum(known, row)
            asked += len(tenants)
            lines.extend(_line(request, None, window, merged[key], open_end) for key in sorted(merged))
            if len(lines) > limit:
                del lines[limit:]
                return UsagePage(lines, _position(lines[-1]))
        return UsagePage(lines, None)

    def _is_enough(self, asked: int, began: float) -> bool:
        late = self._clock.monotonic() - began >= PAGE_SECONDS_MAX
        return asked >= QUERIES_PER_PAGE_MAX or (late and asked > 0)

    def _open_end(self) -> Instant:
        return slot_start(self._clock.now()) + SLOT_MS


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


def _line(
    request: UsageRequest, tenant: TenantId | None, window: Window, row: UsageRow, open_end: Instant
) -> UsageLine:
    start = row.start if window.step_ms is not None else window.start
    end = window.end if window.step_ms is None else start + window.step_ms
    by = request.by
    return UsageLine(
        tenant if GroupBy.TENANT in by else None,
        start,
        end,
        row.kind if GroupBy.KIND in by else None,
        row.point if GroupBy.POINT in by else None,
        row.direction if GroupBy.DIRECTION in by else None,
        row.bytes,
        row.packets,
        row.dropped_packets,
        *_seconds(row, start, end, open_end),
    )


def _seconds(row: UsageRow, start: Instant, end: Instant, open_end: Instant) -> tuple[int, int, int, int]:
    """Return measured, inferred, spread and missing seconds; differences of cumulative ones, so that they add up.

    What lies after the open slot is not missing yet. A device's clock may run ahead of ours: what it covered is there.
    """
    inferred = row.measured_ms + row.inferred_ms
    covered = inferred + row.spread_ms
    reached = max(min(end, open_end) - start, -(-covered // SLOT_MS) * SLOT_MS)
    length = max(min(reached, end - start), covered)
    a, b, c, d = (value // MS_PER_SECOND for value in (row.measured_ms, inferred, covered, length))
    return a, b - a, c - b, d - c


def _sum(left: UsageRow, right: UsageRow) -> UsageRow:
    """Return the usage of two tenants; at most as well covered as either, at each quality."""
    measured = min(left.measured_ms, right.measured_ms)
    inferred = min(left.measured_ms + left.inferred_ms, right.measured_ms + right.inferred_ms)
    covered = min(_covered(left), _covered(right))
    return left._replace(
        bytes=left.bytes + right.bytes,
        packets=left.packets + right.packets,
        dropped_packets=left.dropped_packets + right.dropped_packets,
        measured_ms=measured,
        inferred_ms=inferred - measured,
        spread_ms=covered - inferred,
    )


def _covered(row: UsageRow) -> int:
    return row.measured_ms + row.inferred_ms + row.spread_ms


def _keys(row: UsageRow | UsageLine) -> Keys:
    return (row.kind or "", row.point or "", row.direction or "")


def _label(request: UsageRequest, tenant: Tenant) -> str:
    return tenant.id if GroupBy.TENANT in request.by else ""


def _position(line: UsageLine) -> Position:
    return Position(line.tenant or "", line.start, line.end, _keys(line))
