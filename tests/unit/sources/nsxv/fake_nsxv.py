"""An NSX-V manager that answers what a test tells it to, and takes note of everything that reaches it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any, Self
from xml.sax.saxutils import escape

from aiohttp import web

from collector.clock import ManualClock
from collector.model.identity import Kind, PointKey
from collector.sources.nsxv.options import AnswerForm, DirectAccess, NsxvOptions
from collector.sources.nsxv.source import NsxvSource
from collector.sources.options import HttpOptions
from tests.unit.sources.fake_nsx import Observed

USERNAME = "meter"
PASSWORD = "pass-phrase-0815"
NOW = 1_792_584_000_000
"""Noon, 21 October 2026."""
DATE = "Wed, 21 Oct 2026 12:00:00 GMT"
MINUTE = 60_000
FIVE = 300

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]

_EDGE = re.compile(r"/(?:api/4\.0|network)/edges/([^/]+)/(.+)")


@dataclass
class FakeVnic:
    """A vNIC: ``samples`` are (timestamp as written, in, out)."""

    index: int
    name: str = "ext"
    type: str | None = "uplink"
    samples: list[tuple[Any, Any, Any]] = field(default_factory=list)

    def described(self) -> dict[str, Any]:
        row = {"index": self.index, "name": self.name, "label": f"vNic_{self.index}", "isConnected": True}
        return row | {"portgroupName": f"pg-{self.name}"} | ({"type": self.type} if self.type is not None else {})


@dataclass
class FakeEdge:
    """An edge."""

    id: str
    name: str = ""
    type: str = "gatewayServices"
    vnics: list[FakeVnic] = field(default_factory=list)
    interval: Any = FIVE
    since: Any = None

    def summary(self) -> dict[str, Any]:
        return {"objectId": self.id, "id": self.id, "name": self.name or self.id, "edgeType": self.type}


class FakeNsxv:
    """One manager.

    Attributes:
        answers: Path without query → handler that answers instead.
        script: Answers that are given first, whatever is asked; one each.
        seen: Paths with queries of all requests, in order.
        accepts: ``Accept`` of each.
        role: What the role call says; ``None`` is a 404.
    """

    def __init__(self, *edges: FakeEdge, password: str = PASSWORD) -> None:
        self.edges = list(edges)
        self.password = password
        self.answers: dict[str, Handler] = {}
        self.script: list[Handler] = []
        self.seen: list[str] = []
        self.accepts: list[str] = []
        self.date = DATE
        self.page_size = 256
        self.namespace = ""
        self.xml = False
        self.role: str | None = "auditor"
        self.url = ""
        self._runner: web.AppRunner | None = None

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", self._serve)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", 0)
        await site.start()
        self.url = f"http://127.0.0.1:{self._runner.addresses[0][1]}"
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._runner is not None
        await self._runner.cleanup()

    def edge(self, name: str) -> FakeEdge:
        return next(edge for edge in self.edges if edge.id == name)

    def asked(self, part: str) -> list[str]:
        """Requests whose path holds ``part``, without the log-in's."""
        return [path for path in self.seen if part in path and "pageSize=1" not in path.split("&")]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        self.seen.append(request.raw_path)
        self.accepts.append(request.headers.get("Accept", ""))
        answer = await self._answer(request)
        answer.headers["Date"] = self.date
        return answer

    async def _answer(self, request: web.Request) -> web.StreamResponse:
        if self.script:
            return await self.script.pop(0)(request)
        basic = base64.b64encode(f"{USERNAME}:{self.password}".encode()).decode()
        if request.headers.get("Authorization") != f"Basic {basic}":
            return self.error(403, 403, "Bad credentials")
        if request.path in self.answers:
            return await self.answers[request.path](request)
        if request.path == "/api/4.0/edges":
            return self._edges(request)
        if request.path.startswith("/api/2.0/services/usermgmt/role/") and self.role is not None:
            return self.written("accessControlEntry", {"role": self.role}, {"role": self.role})
        return self.of_edge(request.path)

    def of_edge(self, path: str) -> web.StreamResponse:
        """What lies below an edge."""
        found = _EDGE.fullmatch(path)
        edge = next((edge for edge in self.edges if found is not None and edge.id == found[1]), None)
        if found is None or edge is None:
            return self.error(404, 202, "The requested object : edge could not be found.")
        if found[2] == "vnics":
            rows = [vnic.described() for vnic in edge.vnics]
            return self.written("vnics", {"vnics": rows}, {"vnic": rows})
        return self.rates(edge, [vnic for vnic in edge.vnics if vnic.type in ("uplink", None)])

    def rates(self, edge: FakeEdge, vnics: list[FakeVnic]) -> web.StreamResponse:
        series: dict[str, Any] = {}
        for vnic in vnics:
            rows = [{"vnic": vnic.index, "timestamp": at, "in": rx, "out": tx} for at, rx, tx in vnic.samples]
            if rows:
                series[f"vnic_{vnic.index}"] = rows
        meta = {"interval": edge.interval, "startTime": edge.since}
        meta = {name: value for name, value in meta.items() if value is not None}
        described = [vnic.described() for vnic in vnics]
        flat = [row for rows in series.values() for row in rows]
        return self.written(
            "statistics",
            {"dataDto": series, "metaDto": meta | {"vnics": described}},
            {"meta": meta | {"vnics": {"vnic": described}}, "data": {"statistic": flat}},
        )

    def _edges(self, request: web.Request) -> web.StreamResponse:
        start, size = int(request.query["startIndex"]), min(int(request.query["pageSize"]), self.page_size)
        rows = [edge.summary() for edge in self.edges[start : start + size]]
        paging = {"pageSize": size, "startIndex": start, "totalCount": len(self.edges)}
        return self.written(
            "pagedEdgeList",
            {"edgePage": {"pagingInfo": paging, "data": rows}},
            {"edgePage": {"pagingInfo": paging, "edgeSummary": rows}},
        )

    def error(self, status: int, code: int, details: str) -> web.Response:
        body = {"errorCode": code, "details": details, "moduleName": "core-services"}
        return self.written("error", body, body, status)

    def written(self, name: str, as_json: Any, as_xml: Any, status: int = 200) -> web.Response:
        """An answer in the form that this manager speaks."""
        if not self.xml:
            return web.Response(body=json_bytes(as_json), status=status, content_type="application/json")
        opened = f'<{name} xmlns="{self.namespace}">' if self.namespace else f"<{name}>"
        text = f'<?xml version="1.0" encoding="UTF-8"?>{opened}{inside(as_xml)}</{name}>'
        return web.Response(body=text.encode(), status=status, content_type="application/xml")


class Number(str):
    """A number as it is written, every character of it."""

    __slots__ = ()


def json_bytes(value: Any) -> bytes:
    return _json(value).encode()


def _json(value: Any) -> str:
    if isinstance(value, Number):
        return str(value)
    if isinstance(value, dict):
        return "{" + ",".join(f"{_json(name)}:{_json(one)}" for name, one in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(_json(one) for one in value) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return json.dumps(value)
    return repr(value)


def inside(value: Any) -> str:
    """What is inside an XML element."""
    if isinstance(value, dict):
        return "".join(
            "".join(f"<{name}>{inside(each)}</{name}>" for each in (one if isinstance(one, list) else [one]))
            for name, one in value.items()
        )
    return escape(str(value).lower() if isinstance(value, bool) else str(value))


def always(response: Callable[[], web.StreamResponse]) -> Handler:
    """Return a handler that answers so, whatever is asked."""

    async def handler(_: web.Request) -> web.StreamResponse:
        return response()

    return handler


def point(edge: str = "edge-1", index: int = 0) -> PointKey:
    return PointKey("nsxv-a", Kind.EDGE_INTERFACE, f"/edges/{edge}/vnics/{index}")


@dataclass
class Rig:
    """A source on fake managers."""

    source: NsxvSource
    clock: ManualClock
    observed: Observed

    async def __aenter__(self) -> Self:
        await self.source.start()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.source.stop()


def rig(*managers: FakeNsxv, password: str = PASSWORD, form: AnswerForm = AnswerForm.JSON, **options: Any) -> Rig:
    """Return a source with a manual clock on the managers, the first one preferred."""
    http = HttpOptions(
        name="nsxv-a",
        urls=tuple(manager.url for manager in managers),
        requests_per_second=1_000,
        timeout_seconds=5.0,
        retry_wait_seconds=0.001,
    )
    clock, observed = ManualClock(NOW), Observed()
    access = DirectAccess(http=http, username=USERNAME, password=lambda: password)
    built = NsxvOptions(name="nsxv-a", access=access, form=form, **options)
    return Rig(NsxvSource(built, clock, observed), clock, observed)
