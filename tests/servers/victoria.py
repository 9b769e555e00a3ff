"""A real VictoriaMetrics, which takes the InfluxDB v2 write call as it is."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NamedTuple

import aiohttp

from tests.servers.process import ServerProcess

MEMORY_BYTES_MAX: Final = 128 * 1024 * 1024
"""For its caches; it takes 60 % of the machine otherwise."""


class VictoriaSeries(NamedTuple):
    """One stored series.

    Attributes:
        labels: Tags, and ``__name__``: measurement, ``_`` and field.
        values: The server keeps doubles, so whole numbers above 2**53 are rounded.
        timestamps: Milliseconds since the epoch, in step with ``values``.
    """

    labels: dict[str, str]
    values: list[float]
    timestamps: list[int]


class VictoriaServer(ServerProcess):
    """VictoriaMetrics, one node, that keeps data of any age."""

    name = "victoria-metrics"
    ready_path = "/health"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)

    def prepare(self) -> Sequence[str]:
        """Return the arguments."""
        return [
            f"-storageDataPath={self.folder / 'data'}",
            f"-httpListenAddr=127.0.0.1:{self.port}",
            "-retentionPeriod=100y",
            f"-memory.allowedBytes={MEMORY_BYTES_MAX}",
            "-loggerLevel=WARN",
        ]

    async def export(self, match: str) -> list[VictoriaSeries]:
        """Return every stored sample of the series that ``match`` selects, such as ``{__name__=~"northmeter_.*"}``.

        What was written before the call is in the answer.
        """
        async with aiohttp.ClientSession() as session:
            async with session.get(f"{self.url}/internal/force_flush") as flushed:
                flushed.raise_for_status()
            async with session.get(f"{self.url}/api/v1/export", params={"match[]": match}) as answer:
                text = await answer.text()
                assert answer.status == 200, f"VictoriaMetrics: export {match}: {answer.status} {text}"
        rows = [json.loads(line) for line in text.splitlines()]
        return sorted(
            (VictoriaSeries(row["metric"], row["values"], row["timestamps"]) for row in rows),
            key=lambda series: sorted(series.labels.items()),
        )
