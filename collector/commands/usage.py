"""``northmeter usage``: the ledger's usage as a table, CSV, JSON, Parquet, or a plot."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Sequence
from typing import IO, Any

import plotext
from rich.console import Console
from rich.table import Table
from rich.text import Text

from collector.api.lines import UsageLine
from collector.api.request import GroupBy, UsageParameters, UsageRequest
from collector.api.schemas import usage_columns, usage_csv, usage_item
from collector.api.usage import LINES_PER_PAGE, UsageService
from collector.clock import Clock
from collector.core.periods import format_time
from collector.errors import ConfigError, Fault
from collector.model.identity import Tenant
from collector.ports import LedgerReader

PLOT_WIDTH_MAX = 160
"""Columns of a plot at most; a wider one is harder to read."""

PLOT_HEIGHT = 24
"""Rows of a plot."""

_ANSI = re.compile(r"\x1b\[[0-9;]*m")

PLOT_POINTS_MAX = 10_000
"""Buckets that a plot is made of at most: more than any terminal can show."""

_NUMBERS = frozenset({"bytes", "packets", "dropped_packets"})


async def usage(
    reader: LedgerReader,
    tenants: Sequence[Tenant],
    clock: Clock,
    parameters: UsageParameters,
    *,
    form: str,
    plot: bool,
    out: Console,
) -> None:
    """Print usage.

    Raises:
        ParameterFault: A parameter is wrong.
        TenantUnknown: There is no such tenant.
        LedgerError: The ledger cannot be read.
        ConfigError: Parquet was asked for without the library.
    """
    service = UsageService(reader, lambda: tenants, clock)
    request = await service.request(parameters, None)
    if plot:
        await _plot(service, request, out)
        return
    if form == "csv":
        await _csv(service, request, sys.stdout)
    elif form == "json":
        lines = [usage_item(line) async for line in service.lines(request)]
        rows = json.dumps({"rows": [_json(line) for line in lines]}, indent=2)
        out.print(rows, highlight=False, soft_wrap=True, markup=False)
    elif form == "parquet":
        _parquet([line async for line in service.lines(request)], request.by, sys.stdout.buffer)
    else:
        await _table(service, request, out)


async def _csv(service: UsageService, request: UsageRequest, out: IO[str]) -> None:
    """Write page by page, so that a year of slots needs no more memory than a day."""
    pending: list[UsageLine] = []
    header = True
    async for line in service.lines(request):
        pending.append(line)
        if len(pending) == LINES_PER_PAGE:
            out.write(usage_csv(pending, request.by, header=header))
            pending, header = [], False
    if pending or header:
        out.write(usage_csv(pending, request.by, header=header))


def _json(item: Any) -> Any:  # Any: the struct of the API and JSON; msgspec turns one into the other
    import msgspec

    return msgspec.to_builtins(item)


async def _table(service: UsageService, request: UsageRequest, out: Console) -> None:
    columns = usage_columns(request.by)
    interval = f"{format_time(request.start)} to {format_time(request.end)}"
    table = Table(title=f"usage by {request.granularity.value}, {interval}")
    for column in columns:
        number = column in _NUMBERS or column.endswith("_seconds")
        heading = column.replace("_seconds", " s").replace("_", " ")
        table.add_column(heading, justify="right" if number else "left", overflow="fold")
    count = 0
    async for line in service.lines(request):
        count += 1
        table.add_row(*(_cell(column, getattr(line, column)) for column in columns))
    if count:
        out.print(table)
    else:
        out.print(f"no usage is booked, {interval}", highlight=False)


def _cell(column: str, value: object) -> str:
    if column in {"start", "end"} and isinstance(value, int):
        return format_time(value)
    if column in _NUMBERS and isinstance(value, int):
        return f"{value:,}".replace(",", " ")  # thin groups, and still every digit
    return str(value)


def _parquet(lines: Sequence[UsageLine], by: frozenset[GroupBy], out: IO[bytes]) -> None:
    try:
        import pyarrow as pa
        import pyarrow.parquet as pq
    except ImportError as error:
        fault = Fault("--format", None, "parquet needs the library pyarrow: pip install 'northmeter[parquet]'")
        raise ConfigError([fault]) from error
    columns = usage_columns(by)
    whole = pa.decimal128(38, 0)  # bytes outgrow 64 bits as they outgrow a double
    kinds = {
        name: whole
        if name in _NUMBERS
        else pa.timestamp("ms", tz="UTC")
        if name in {"start", "end"}
        else pa.int64()
        if name.endswith("_seconds")
        else pa.string()
        for name in columns
    }
    arrays = [pa.array([getattr(line, name) for line in lines], type=kinds[name]) for name in columns]
    pq.write_table(pa.table(arrays, schema=pa.schema(list(kinds.items()))), out)


async def _plot(service: UsageService, request: UsageRequest, out: Console) -> None:
    """Draw bit/s over time, ingress and egress, summed over what else rows are grouped by."""
    rates: dict[str, dict[int, float]] = {}
    async for line in service.lines(request):
        seconds = max(1, (line.end - line.start) // 1_000)
        series = rates.setdefault(line.direction.value if line.direction is not None else "", {})
        series[line.start] = series.get(line.start, 0.0) + line.bytes * 8 / seconds
        if len(series) >= PLOT_POINTS_MAX:
            break
    if not rates:
        out.print("no usage is booked in this interval", highlight=False)
        return
    figure = plotext.figure
    figure.clear()
    figure.theme("default" if out.is_terminal else "colorless")
    figure.plot_size(min(out.width, PLOT_WIDTH_MAX), PLOT_HEIGHT)
    figure.date().activate(True, "%Y-%m-%d %H:%M")
    unit, factor = _unit(max(max(series.values()) for series in rates.values()))
    # Markers of their own, so that the lines can be told apart without colours too.
    for (direction, series), marker in zip(sorted(rates.items(), reverse=True), ("hd", "x"), strict=False):
        times = sorted(series)
        drawn = figure.signal([_moment(at) for at in times], [series[at] / factor for at in times], marker=marker)
        drawn.label(direction or "both directions")
        drawn.lines()
        figure.draw(drawn)
    figure.title(f"{unit} by {request.granularity.value}, UTC")
    text = str(figure.build())
    out.print(Text.from_ansi(text) if out.is_terminal else _ANSI.sub("", text), highlight=False, soft_wrap=True)


def _moment(at: int) -> Any:  # Any: a datetime, which plotext leaves untyped
    from datetime import UTC, datetime

    return datetime.fromtimestamp(at / 1_000, UTC).replace(tzinfo=None)  # the axis says UTC


def _unit(rate: float) -> tuple[str, float]:
    """Return the unit that suits a rate, for the axis only; numbers on a bill never go through here."""
    for unit, factor in (("Gbit/s", 1e9), ("Mbit/s", 1e6), ("kbit/s", 1e3)):
        if rate >= factor:
            return unit, factor
    return "bit/s", 1.0
