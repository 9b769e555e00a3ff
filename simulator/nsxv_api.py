"""What the NSX-V API answers to a GET, without HTTP: the list of edges, their vNICs, and rates per interval.

Source: the vendor's RAML of the NSX-V API, ``/api/4.0/edges`` and below; the director's proxy names an edge by the
director's own id and passes the same answers through (vCloud Director API for NSX Programming Guide).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Final, NamedTuple

from aiohttp import web

from simulator.edge_samples import EdgeSample, EdgeTruth, Recorder
from simulator.edges import APPLIANCE, Edge, Edges, Vnic
from simulator.events import Fault
from simulator.faults import Asked, FaultBook
from simulator.nsxv_answers import Row, Writer, rate_text
from simulator.units import Instant

PAGE_SIZE: Final = 256
MILLISECONDS_FROM: Final = 10**11
"""A greater number is milliseconds, where the scenario's manager takes both units."""

_EDGE: Final = re.compile(r"^/api/4\.0/edges/([^/]+)/(.+)$")
_STATISTICS: Final = re.compile(r"^statistics/interfaces(?:/(uplink|internal))?$")
_META: Final = ("startTime", "endTime", "interval")
_UNTRUE: Final = frozenset({"conflict", "glitch", "older_timestamp", "drop_fields", "bad_value"})
"""Effects under which the newest sample that is answered is not the one that was recorded."""

Query = Mapping[str, str]
Answer = tuple[web.Response, Callable[[], None] | None]


class Wrong(Exception):
    """A request that is answered with an error: status, product code, details."""

    def __init__(self, status: int, code: int, details: str) -> None:
        super().__init__(details)
        self.status = status
        self.code = code
        self.details = details


class _Range(NamedTuple):
    first: Instant
    last: Instant
    coarse: bool


class _Series(NamedTuple):
    """Samples of a vNIC that are answered, as they were recorded and as they are written."""

    samples: list[EdgeSample]
    rows: list[Row]


class NsxvApi:
    """The API of one NSX-V manager.

    Args:
        name: Its name, by which faults choose it.
        edges: Its edges.
        faults: The faults in force.
        recorder: The samples that it has.
        truth: Is told what is answered.
    """

    def __init__(self, name: str, edges: Edges, faults: FaultBook, recorder: Recorder, truth: EdgeTruth) -> None:
        self._name = name
        self._edges = edges
        self._spec = edges.spec
        self._faults = faults
        self._recorder = recorder
        self._truth = truth

    def get(self, path: str, query: Query, accept: str, now: Instant) -> Answer:
        """Return the answer to a path of the manager, and what to call once it was sent."""
        writer = self.writer(accept)
        try:
            if path == "/api/4.0/edges":
                return self._page(path, query, writer), None
            found = _EDGE.match(path)
            if found is None:
                raise Wrong(404, 404, f"The path {path} is not known.")
            edge = self._edges.edges.get(found[1])
            if edge is None:
                raise Wrong(404, 202, f"The requested object : {found[1]} could not be found. Object identifiers are "
                                      "case sensitive.")  # fmt: skip
            return self._of_edge(edge, found[2], query, writer, now)
        except Wrong as wrong:
            return writer.error(wrong.status, wrong.code, wrong.details), None

    def proxied(self, gateway: str, rest: str, query: Query, accept: str, now: Instant) -> Answer:
        """Return what the director's proxy passes through, and what to call once it was sent.

        Args:
            gateway: The director's own id of the gateway, without ``urn:vcloud:gateway:``.
            rest: What follows it, without a slash in front: ``statistics/interfaces/uplink``.
            query: As it was asked.
            accept: The request's ``Accept``.
            now: The simulated instant.
        """
        writer = self.writer(accept)
        try:
            edge = self._edges.find(gateway)
            if gateway != edge.gateway:
                raise LookupError(gateway)
            return self._of_edge(edge, rest, query, writer, now)
        except LookupError:
            return writer.error(404, 202, f"The requested object : {gateway} could not be found."), None
        except Wrong as wrong:
            return writer.error(wrong.status, wrong.code, wrong.details), None

    def writer(self, accept: str) -> Writer:
        """Return what writes the answers to a request."""
        return Writer(accept, self._spec.namespace, typed=self._spec.vnic_types)

    def asked(self, path: str) -> Asked:
        """Return what a request is about."""
        found = _EDGE.match(path)
        if found is None or _STATISTICS.match(found[2]) is None:
            return Asked("inventory", path, self._name, path)
        return Asked("statistics", f"/edges/{found[1]}", self._name, path)

    # Lists ------------------------------------------------------------------------------------------------------

    def _page(self, path: str, query: Query, writer: Writer) -> web.Response:
        rows = sorted(self._edges.edges.values(), key=lambda edge: int(edge.id.removeprefix("edge-")))
        start = _number(query, "startIndex", 0)
        size = min(_number(query, "pageSize", PAGE_SIZE) or PAGE_SIZE, self._spec.page_size_max)
        page = rows[start : start + size]
        if not self._faults.quiet:
            for fault in self._faults.for_list(Asked("inventory", path, self._name, path)):
                if fault.do == "short_list":
                    page = page[: -fault.amount] if fault.amount < len(page) else page[:-1]
        return writer.edges(page, start, size, len(rows))

    def _of_edge(self, edge: Edge, rest: str, query: Query, writer: Writer, now: Instant) -> Answer:
        if rest == "vnics":
            return writer.vnics(edge), None
        found = _STATISTICS.match(rest)
        if found is None:
            raise Wrong(404, 404, f"The path {rest} is not known.")
        vnics = [vnic for vnic in edge.vnics.values() if found[1] in (None, vnic.type)]
        return self._statistics(edge, vnics, query, writer, now)

    # Statistics -------------------------------------------------------------------------------------------------

    def _statistics(self, edge: Edge, vnics: Sequence[Vnic], query: Query, writer: Writer, now: Instant) -> Answer:
        asked = self._range(edge, query, now)
        interval = self._spec.coarse_interval if asked.coarse else self._spec.interval
        meta = {
            "startTime": str(_in_unit(asked.first, self._spec.meta_unit)),
            "endTime": str(_in_unit(asked.last, self._spec.meta_unit)),
            "interval": str(interval // 1_000),
        }
        series: dict[int, list[Row]] | None = {}
        told: list[EdgeSample] = []
        for vnic in vnics:
            one = self._series(edge, vnic, asked, now)
            effects = self._effects(vnic, one, now)
            kept = self._spoil(effects, meta, one)
            if any(fault.do == "no_rows" for fault in effects):
                series = None
            if series is not None and kept and one.rows:
                series[vnic.index] = one.rows
                told += one.samples

        def record() -> None:
            for sample in told if series is not None else ():
                self._truth.record(sample)

        return writer.statistics(meta, series, vnics), record

    def _range(self, edge: Edge, query: Query, now: Instant) -> _Range:
        """Return the range that is answered: cut to what is held, and coarse if it begins before what is held fine."""
        end = self._instant(query, "endTime")
        last = self._recorder.device_now(now)
        last = last if end is None else min(end, last)
        start = self._instant(query, "startTime")
        held = self._recorder.held_from(edge, now)
        if start is None:
            return _Range(held, last, coarse=False)
        # Who asks for exactly what is held has asked a moment ago; that alone does not make the answer coarse.
        fine_from = self._recorder.device_now(now) - self._spec.keep - self._spec.interval
        if start < fine_from and self._spec.coarse_interval:
            return _Range(max(start, self._recorder.coarse_from(edge, now)), last, coarse=True)
        return _Range(max(start, held), last, coarse=False)

    def _instant(self, query: Query, name: str) -> Instant | None:
        if name not in query:
            return None
        value = _number(query, name, 0)
        unit = self._spec.asked_unit
        if unit == "any":
            unit = "ms" if value > MILLISECONDS_FROM else "s"
        return value if unit == "ms" else value * 1_000

    def _series(self, edge: Edge, vnic: Vnic, asked: _Range, now: Instant) -> _Series:
        if not self._faults.quiet:
            frozen_at = self._faults.frozen_at(vnic.point, APPLIANCE, edge.id)
            now = now if frozen_at is None else min(now, frozen_at)
        take = self._recorder.coarse if asked.coarse else self._recorder.fine
        samples = list(take(edge, vnic, asked.first, asked.last, now))
        return _Series(samples, [self._row(vnic, sample) for sample in samples])

    def _row(self, vnic: Vnic, sample: EdgeSample) -> Row:
        return {
            "vnic": str(vnic.index),
            "timestamp": str(_in_unit(sample.at, self._spec.sample_unit)),
            "in": rate_text(sample.rx, self._spec.notation),
            "out": rate_text(sample.tx, self._spec.notation),
        }

    # Faults -----------------------------------------------------------------------------------------------------

    def _effects(self, vnic: Vnic, series: _Series, now: Instant) -> list[Fault]:
        if self._faults.quiet:
            return []
        asked = Asked("statistics", vnic.point, self._name, node_id=APPLIANCE, node_alias=vnic.edge)
        newest = series.samples[-1].at if series.samples else now
        return self._faults.for_row(asked, vnic.end, newest)

    def _spoil(self, effects: Sequence[Fault], meta: Row, series: _Series) -> bool:
        """Change a vNIC's rows or the meta block; return whether the rows stay in the answer."""
        samples, rows = series
        for fault in effects:
            if fault.do in ("drop_fields", "bad_value"):
                _write(meta, rows[-1:] if fault.do == "bad_value" else rows, fault)
            if not rows:
                continue
            match fault.do:
                case "late_sample":
                    rows.pop()
                    samples.pop()
                case "repeat_samples":
                    rows[:] = [dict(row) for row in rows for _ in range(2)]
                case "spike":
                    samples[-1] = self._recorder.alter(samples[-1], fault.amount)
                    rows[-1] |= self._rates(samples[-1], rows[-1])
                case "conflict":
                    by = fault.amount
                    other = samples[-1]._replace(rx=samples[-1].rx + by, tx=samples[-1].tx + by)
                    rows[-1] |= self._rates(other, rows[-1])
                case "glitch":
                    other = samples[-1]._replace(rx=samples[-1].rx / 2, tx=samples[-1].tx / 2)
                    rows[-1] |= self._rates(other, rows[-1])
                case "older_timestamp":
                    at = _in_unit(samples[-1].at - fault.by, self._spec.sample_unit)
                    rows[-1]["timestamp"] = str(at)
        if any(fault.do in _UNTRUE for fault in effects):
            del samples[-1:]
        return not any(fault.do in ("drop_row", "empty_rows") for fault in effects)

    def _rates(self, sample: EdgeSample, row: Row) -> Row:
        texts = {"in": rate_text(sample.rx, self._spec.notation), "out": rate_text(sample.tx, self._spec.notation)}
        return {name: text for name, text in texts.items() if name in row}


def _write(meta: Row, rows: Sequence[Row], fault: Fault) -> None:
    """Take members away, or write another text in their place."""
    for name in fault.fields:
        for row in [meta] if name in _META else rows:
            if fault.do == "drop_fields":
                row.pop(name, None)
            elif name in row:
                row[name] = fault.text


def _number(query: Query, name: str, default: int) -> int:
    text = query.get(name, str(default))
    if not text.isascii() or not text.isdecimal():
        raise Wrong(400, 101, f"{name} {text!r} is no number.")
    return int(text)


def _in_unit(at: Instant, unit: str) -> int:
    return at if unit == "ms" else at // 1_000
