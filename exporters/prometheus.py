"""``/metrics``: usage from the ledger's totals and the daemon's own metrics, as a stream of short pieces.

Usage is written by joining cached label texts with whole numbers, since a registry costs 18 µs a series and values as
doubles lose bytes above 2**53. A scrape takes no lock and waits for no poll: totals are replaced whole after each
commit, so each series is what some committed transaction left, and between two pieces the event loop is free. Series
that are read late in a long scrape may show a newer transaction than the first ones.
"""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Iterator, Sequence
from typing import Final, TypeVar

from aiohttp import web
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.samples import Sample
from prometheus_client.utils import floatToGoString

from collector.model.identity import Kind, TenantId
from collector.telemetry import catalogue
from collector.telemetry.catalogue import Metric
from collector.telemetry.metrics import Metrics
from collector.telemetry.totals import AccountTotal, Totals
from exporters.negotiation import accepts_gzip, prefers_openmetrics

CLASSIC: Final = "text/plain; version=0.0.4; charset=utf-8"
OPENMETRICS: Final = "application/openmetrics-text; version=1.0.0; charset=utf-8"

ACCOUNTS_PER_PIECE: Final = 500
"""Two lines each, some 220 bytes a line: about 220 KB and half a millisecond a piece, a millisecond more for gzip."""

SAMPLES_PER_PIECE: Final = 250
"""Lines of the daemon's own metrics, which cost some 10 µs each."""

GZIP_LEVEL: Final = 1
"""Labels repeat so much that level 1 makes a twelfth of them for 2.5 ms a megabyte; level 6 takes four times as long
for a sixth less."""

SCRAPES_MAX: Final = 16
"""Scrapes at once; each holds one piece and a socket's buffer. More are told to come again."""

RETRY_SECONDS: Final = 5
"""When a refused scrape may come again."""

T = TypeVar("T")


class PrometheusExposition:
    """Serves the metrics of one daemon.

    Args:
        site: Label of everything that is usage.
        totals: The ledger's totals.
        metrics: The daemon's own metrics.
        points: Show each metering point too, not only each tenant.
    """

    def __init__(self, site: str, totals: Totals, metrics: Metrics, *, points: bool) -> None:
        self._site = escape(site)
        self._totals = totals
        self._metrics = metrics
        self._points = points
        self._tenant_labels: dict[tuple[TenantId, Kind], str] = {}
        self._point_labels: list[str] = []
        self._scrapes = 0

    def chunks(self, openmetrics: bool) -> Iterator[bytes]:
        """Return the text in pieces of at most about 256 KiB, each a few milliseconds of work.

        Args:
            openmetrics: OpenMetrics 1.0.0 instead of the classic text format 0.0.4.
        """
        self._metrics.refresh()
        yield from self._tenants(openmetrics)
        if self._points:
            yield from self._accounts(openmetrics)
        for family in self._metrics.families():
            yield from _family(family, openmetrics)
        if openmetrics:
            yield b"# EOF\n"

    async def handle(self, request: web.Request) -> web.StreamResponse:
        """Answer a scrape in the format and coding that it prefers; 503 when too many are under way."""
        if self._scrapes >= SCRAPES_MAX:
            raise web.HTTPServiceUnavailable(headers={"Retry-After": str(RETRY_SECONDS)})
        self._scrapes += 1
        try:
            return await self._stream(request)
        finally:
            self._scrapes -= 1

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        openmetrics = prefers_openmetrics(request.headers.getall("Accept", ()))
        zipped = accepts_gzip(request.headers.getall("Accept-Encoding", ()))
        response = web.StreamResponse()
        response.headers["Content-Type"] = OPENMETRICS if openmetrics else CLASSIC
        response.headers["Vary"] = "Accept, Accept-Encoding"
        if zipped:
            response.headers["Content-Encoding"] = "gzip"
        await response.prepare(request)
        if request.method != "HEAD":
            packer = zlib.compressobj(GZIP_LEVEL, wbits=zlib.MAX_WBITS + 16) if zipped else None
            for chunk in self.chunks(openmetrics):
                # An empty chunk would end the body: the packer keeps what is too little for a block.
                if piece := packer.compress(chunk) if packer else chunk:
                    await response.write(piece)
                await asyncio.sleep(0)  # writing to a socket with room left does not give way by itself
            if packer:
                await response.write(packer.flush())
        await response.write_eof()
        return response

    def _tenants(self, openmetrics: bool) -> Iterator[bytes]:
        """Return the three families of tenants, all of one moment."""
        rows = [(self._labels_of(*key), usage) for key, usage in self._totals.by_tenant.items()]
        for metric, first in (
            (catalogue.TENANT_BYTES, 0),
            (catalogue.TENANT_PACKETS, 2),
            (catalogue.TENANT_DROPPED, 4),
        ):
            name, second = metric.name, first + 1
            yield head(metric, openmetrics)
            for part in _parts(rows, ACCOUNTS_PER_PIECE):
                yield "".join(
                    [
                        f'{name}{labels}ingress"}} {usage[first]}\n{name}{labels}egress"}} {usage[second]}\n'
                        for labels, usage in part
                    ]
                ).encode()

    def _accounts(self, openmetrics: bool) -> Iterator[bytes]:
        """Return the family of points; accounts are only ever appended, so a place in the list is lasting."""
        accounts = self._totals.accounts
        yield head(catalogue.POINT_BYTES, openmetrics)
        for start in range(0, len(accounts), ACCOUNTS_PER_PIECE):
            part = accounts[start : start + ACCOUNTS_PER_PIECE]
            self._know(start + len(part))
            lines = self._point_labels[start : start + len(part)]
            yield "".join([_both(line, account) for line, account in zip(lines, part, strict=True)]).encode()

    def _know(self, count: int) -> None:
        """Have the labels of the first ``count`` accounts."""
        known = len(self._point_labels)
        self._point_labels.extend(map(self._line_of, self._totals.accounts[known:count]))

    def _line_of(self, account: AccountTotal) -> str:
        point = account.point
        # Kept up to the value of the last label, so that both directions share one text.
        return (
            f'{catalogue.POINT_BYTES.name}{{site="{self._site}",source="{escape(point.source)}",'
            f'tenant="{escape(account.tenant)}",kind="{point.kind.value}",point="{escape(point.label)}",direction="'
        )

    def _labels_of(self, tenant: TenantId, kind: Kind) -> str:
        labels = self._tenant_labels.get((tenant, kind))
        if labels is None:
            labels = f'{{site="{self._site}",tenant="{escape(tenant)}",kind="{kind.value}",direction="'
            self._tenant_labels[tenant, kind] = labels
        return labels


def escape(value: str) -> str:
    """Return a label's value with backslash, quote and line feed escaped.

    Source: Prometheus text format 0.0.4 and OpenMetrics 1.0.0, the same rule in both.
    """
    text = value.replace("\\", r"\\").replace('"', r"\"").replace("\n", r"\n")
    # Half a surrogate pair, which JSON can hold, would end the scrape; it is shown as a question mark.
    return text if text.isascii() else text.encode(errors="replace").decode()


def head(metric: Metric, openmetrics: bool) -> bytes:
    """Return the lines that declare a metric."""
    return _head(
        metric.family if openmetrics else metric.name, metric.type.value, metric.help, metric.unit, openmetrics
    )


def _head(name: str, kind: str, text: str, unit: str, openmetrics: bool) -> bytes:
    quoted = escape(text) if openmetrics else text.replace("\\", r"\\").replace("\n", r"\n")
    declared = f"# HELP {name} {quoted}\n# TYPE {name} {kind}\n"
    return (declared + (f"# UNIT {name} {unit}\n" if openmetrics and unit else "")).encode()


def _both(line: str, account: AccountTotal) -> str:
    return f'{line}ingress"}} {account.ingress_bytes}\n{line}egress"}} {account.egress_bytes}\n'


def _family(family: Family, openmetrics: bool) -> Iterator[bytes]:
    """Return a family of the registry.

    Times of creation are left out: the ledger's counts go on across restarts, so they would be wrong.
    """
    name, kind = family.name, family.type
    if not openmetrics:
        name += {"counter": "_total", "info": "_info"}.get(kind, "")
        kind = {"info": "gauge", "unknown": "untyped"}.get(kind, kind)
    yield _head(name, kind, family.documentation, family.unit, openmetrics)
    samples = [sample for sample in family.samples if not sample.name.endswith("_created")]
    for part in _parts(samples, SAMPLES_PER_PIECE):
        yield "".join(map(_sample, part)).encode()


def _sample(sample: Sample) -> str:
    labels = ",".join([f'{name}="{escape(value)}"' for name, value in sample.labels.items()])
    value = str(sample.value) if isinstance(sample.value, int) else floatToGoString(sample.value)  # type: ignore[no-untyped-call] # the library has types elsewhere
    return f"{sample.name}{{{labels}}} {value}\n" if labels else f"{sample.name} {value}\n"


def _parts(rows: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    return (rows[start : start + size] for start in range(0, len(rows), size))
