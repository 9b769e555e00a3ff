"""What answers at which path."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Awaitable, Callable, Sequence
from zoneinfo import ZoneInfo

import msgspec
from aiohttp import web

from collector.api.address_schemas import addresses_csv, encode_addresses
from collector.api.addresses import AddressService, asks_for_addresses, without_kind
from collector.api.auth import Area, Gate
from collector.api.cursors import (
    VERSION,
    EventsCursor,
    TenantsCursor,
    UsageCursor,
    address_cursor,
    check_address_cursor,
    check_usage_cursor,
    decode_cursor,
    encode_cursor,
    fingerprint,
    usage_cursor,
)
from collector.api.directory import Scope
from collector.api.faults import CursorFault, ParameterFault, shown
from collector.api.parameters import Parameters
from collector.api.problems import Problem, unavailable
from collector.api.request import UsageParameters, instant_parameter
from collector.api.schemas import encode_list, event_item, tenant_item, usage_csv, usage_item
from collector.api.usage import UsageService
from collector.model.identity import TenantId
from collector.ports import LedgerReader
from collector.telemetry.health import Health

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
ScopedHandler = Callable[[web.Request, Scope], Awaitable[web.StreamResponse]]
Reload = Callable[[], Awaitable[str | None]]

API_REQUESTS_MAX = 32
"""Requests of the API that are worked on at once; more are told to come again, so that a scrape never waits."""

_LISTS = ("cursor", "limit")
_TENANTS = _LISTS
_USAGE = ("tenant", "start", "end", "granularity", "by", "kind", "point", "direction", "format", *_LISTS)
_EVENTS = ("tenant", "since", "event", *_LISTS)
_WEIGHT = re.compile(r"[01](\.[0-9]{0,3})?", re.ASCII)
_EVENT_NAME = re.compile(r"[a-z0-9_]{1,64}", re.ASCII)


class Routes:
    """The handlers, with what they answer from."""

    def __init__(
        self,
        *,
        gate: Gate,
        usage: UsageService,
        addresses: AddressService,
        reader: LedgerReader,
        health: Health,
        metrics: Handler,
        reload: Reload,
    ) -> None:
        self._gate = gate
        self._usage = usage
        self._addresses = addresses
        self._reader = reader
        self._health = health
        self._metrics = metrics
        self._reload = reload
        self._under_way = 0

    def table(self) -> list[web.RouteDef]:
        """Return every route, each behind the gate."""
        return [
            web.get("/metrics", self._open_or_token(Area.METRICS, self._metrics)),
            web.get("/-/healthy", self._open_or_token(Area.HEALTH, self._healthy)),
            web.get("/-/ready", self._open_or_token(Area.HEALTH, self._ready)),
            web.post("/-/reload", self._reload_settings),
            web.get("/api/v1/tenants", self._scoped(self._tenants)),
            web.get("/api/v1/usage", self._scoped(self._usage_rows)),
            web.get("/api/v1/events", self._scoped(self._events)),
        ]

    def _open_or_token(self, area: Area, handler: Handler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            self._gate.admit(area, request.headers)
            return await handler(request)

        return handle

    def _scoped(self, handler: ScopedHandler) -> Handler:
        async def handle(request: web.Request) -> web.StreamResponse:
            scope = self._gate.admit(Area.API, request.headers)
            if self._under_way >= API_REQUESTS_MAX:
                raise unavailable(f"{API_REQUESTS_MAX} requests are under way; ask again")
            self._under_way += 1
            try:
                return await handler(request, scope)
            finally:
                self._under_way -= 1

        return handle

    async def _healthy(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(text="healthy\n")

    async def _ready(self, _request: web.Request) -> web.StreamResponse:
        faults = self._health.faults
        if not faults:
            return web.Response(text="ready\n")
        detail = "; ".join(f"{part}: {reason}" for part, reason in sorted(faults.items()))
        raise Problem(503, detail, kind="not-ready", members={"faults": faults})

    async def _reload_settings(self, request: web.Request) -> web.StreamResponse:
        self._gate.admit_operator(request.headers)
        faults = await self._reload()
        if faults is not None:
            raise Problem(
                400,
                f"the settings were refused and the old ones stay in force: {faults}",
                kind="settings-refused",
                members={"faults": faults.splitlines()},
            )
        return _json(msgspec.json.encode({"status": "reloaded"}))

    async def _tenants(self, request: web.Request, scope: Scope) -> web.StreamResponse:
        parameters = Parameters(request.query.items(), _TENANTS)
        limit, text = parameters.limit(), parameters.cursor()
        mark = fingerprint("tenants")
        after = ""
        if text is not None:
            cursor = decode_cursor(text, TenantsCursor)
            _check_fingerprint(cursor.fingerprint, mark)
            after = cursor.after
        tenants = [tenant for tenant in await self._usage.directory.visible(scope) if tenant.id > after]
        page = tenants[:limit]
        more = TenantsCursor(VERSION, mark, page[-1].id) if len(tenants) > limit else None
        return _json(encode_list([tenant_item(tenant) for tenant in page], _text(more)))

    async def _usage_rows(self, request: web.Request, scope: Scope) -> web.StreamResponse:
        parameters = Parameters(request.query.items(), _USAGE)
        limit, text, as_csv = parameters.limit(), parameters.cursor(), _wants_csv(request, parameters)
        cursor = decode_cursor(text, UsageCursor) if text is not None else None
        asked = UsageParameters(
            tenant=parameters.one("tenant"),
            start=parameters.one("start"),
            end=parameters.one("end"),
            granularity=parameters.one("granularity"),
            by=parameters.many("by"),
            kind=parameters.many("kind"),
            point=parameters.many("point"),
            direction=parameters.many("direction"),
        )
        named = asked.tenant is not None
        if asks_for_addresses(asked):
            return await self._address_rows(request, asked, scope, cursor, limit=limit, as_csv=as_csv)
        usage = await self._usage.request(asked, scope, cursor.interval if cursor is not None else None)
        if cursor is not None:
            check_usage_cursor(cursor, usage, named)
        page = await self._usage.page(usage, cursor.position if cursor is not None else None, limit)
        more = _text(usage_cursor(usage, named, page.next) if page.next is not None else None)
        if as_csv:
            # Thousands of rows are made beside the loop, so that a scrape does not wait for them.
            return _csv(await asyncio.to_thread(usage_csv, page.lines, usage.by), request, more)
        return _json(await asyncio.to_thread(lambda: encode_list([usage_item(line) for line in page.lines], more)))

    async def _address_rows(
        self,
        request: web.Request,
        asked: UsageParameters,
        scope: Scope,
        cursor: UsageCursor | None,
        *,
        limit: int,
        as_csv: bool,
    ) -> web.StreamResponse:
        named = asked.tenant is not None
        usage = await self._usage.request(without_kind(asked), scope, cursor.interval if cursor is not None else None)
        if cursor is not None:
            check_address_cursor(cursor, usage, named)
        page = await self._addresses.page(usage, cursor.position if cursor is not None else None, limit)
        more = _text(address_cursor(usage, named, page.next) if page.next is not None else None)
        if as_csv:
            return _csv(await asyncio.to_thread(addresses_csv, page.lines), request, more)
        return _json(await asyncio.to_thread(encode_addresses, page.lines, more))

    async def _events(self, request: web.Request, scope: Scope) -> web.StreamResponse:
        parameters = Parameters(request.query.items(), _EVENTS)
        limit, text = parameters.limit(), parameters.cursor()
        tenant_id, since_text, event = parameters.one("tenant"), parameters.one("since"), parameters.one("event")
        if event is not None and _EVENT_NAME.fullmatch(event) is None:
            raise ParameterFault("event", f"expected the name of an event, like reset, not {shown(event)}")
        tenants: list[TenantId] | None = None if scope is None else sorted(scope)
        zone = "UTC"
        if tenant_id is not None:
            tenant = await self._usage.directory.find(tenant_id, scope)
            tenants, zone = [tenant.id], tenant.timezone
        since = instant_parameter("since", since_text, ZoneInfo(zone)) if since_text is not None else None
        mark = fingerprint("events", tenant_id, since, event)
        after = 0
        if text is not None:
            cursor = decode_cursor(text, EventsCursor)
            _check_fingerprint(cursor.fingerprint, mark)
            after = cursor.after
        if tenants is not None and not tenants:
            return _json(encode_list([], None))
        found = await self._reader.events(tenants=tenants, since=since, event=event, after=after, limit=limit + 1)
        page = found[:limit]
        more = EventsCursor(VERSION, mark, page[-1].seq) if len(found) > limit else None
        return _json(encode_list([event_item(row) for row in page], _text(more)))


def _wants_csv(request: web.Request, parameters: Parameters) -> bool:
    """Return whether rows go out as CSV: as ``format`` says, or else as ``Accept`` prefers."""
    text = parameters.one("format")
    if text is not None:
        if text not in {"json", "csv"}:
            raise ParameterFault("format", f"expected json or csv, not {shown(text)}")
        return text == "csv"
    weights = {"text/csv": 0.0, "application/json": 0.0, "*/*": 0.0}
    for media_range in request.headers.get("Accept", "").split(","):
        media, *attributes = (part.strip().lower() for part in media_range.split(";"))
        if media in weights:
            weights[media] = max(weights[media], _weight(attributes))
    return weights["text/csv"] > max(weights["application/json"], weights["*/*"])


def _weight(attributes: Sequence[str]) -> float:
    """Return the weight of a media range. Source: RFC 9110, section 12.4.2."""
    for attribute in attributes:
        if attribute.startswith("q="):
            return float(attribute[2:]) if _WEIGHT.fullmatch(attribute[2:]) is not None else 0.0
    return 1.0


def _check_fingerprint(given: str, expected: str) -> None:
    if given != expected:
        raise CursorFault


def _text(cursor: UsageCursor | EventsCursor | TenantsCursor | None) -> str | None:
    return None if cursor is None else encode_cursor(cursor)


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


def _csv(text: str, request: web.Request, cursor: str | None) -> web.Response:
    headers = {"Content-Type": "text/csv; charset=utf-8; header=present", "Vary": "Accept"}
    if cursor is not None:
        # Source: RFC 8288. The same request with the next cursor, relative to the server's own address.
        headers["Link"] = f'<{request.rel_url.update_query({"cursor": cursor}).raw_path_qs}>; rel="next"'
    return web.Response(body=text.encode(), headers=headers)
