"""A real Prometheus, and promtool."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import aiohttp
import yaml

from tests.servers.process import READY_SECONDS_MAX, ServerProcess, program, until

PROMTOOL_SECONDS_MAX: Final = 60
"""promtool reads 200 000 series in a few seconds."""


class PromSample(NamedTuple):
    """One series of an instant query.

    Attributes:
        labels: With ``__name__`` where the expression keeps it.
        at: Seconds since the epoch.
        value: The text of the answer: a double in the shortest form that reads back the same.
    """

    labels: dict[str, str]
    at: float
    value: str


class PromTarget(NamedTuple):
    """One target as Prometheus sees it: its address, ``up``, ``down`` or ``unknown``, and the last error or ``""``."""

    url: str
    health: str
    last_error: str


class PrometheusServer(ServerProcess):
    """Prometheus with the given scrape configurations, as they stand in its file.

    Its first scrape comes five seconds after the start: its discovery sends targets on no shorter beat.

    Args:
        folder: For configuration and data.
        scrape_configs: Entries of ``scrape_configs``.
        scrape_interval: Default of all jobs; short, since tests wait for scrapes.
    """

    name = "prometheus"
    ready_path = "/-/ready"

    def __init__(
        self, folder: Path, scrape_configs: Sequence[Mapping[str, Any]] = (), *, scrape_interval: str = "200ms"
    ) -> None:
        super().__init__(folder)
        self.scrape_configs = scrape_configs
        self.scrape_interval = scrape_interval

    def prepare(self) -> Sequence[str]:
        """Write the configuration and return the arguments."""
        settings = {
            "global": {"scrape_interval": self.scrape_interval, "scrape_timeout": self.scrape_interval},
            "scrape_configs": [dict(entry) for entry in self.scrape_configs],
        }
        file = self.folder / "prometheus.yml"
        file.write_text(yaml.safe_dump(settings, sort_keys=False))
        return [
            f"--config.file={file}",
            f"--storage.tsdb.path={self.folder / 'tsdb'}",
            "--storage.tsdb.retention.time=10y",
            f"--web.listen-address=127.0.0.1:{self.port}",
            "--log.level=warn",
        ]

    async def query(self, expression: str, at: float | None = None) -> list[PromSample]:
        """Return the instant vector of ``expression``, by labels; ``at`` is in seconds since the epoch, else now."""
        rows = await self._query(expression, at, "vector")
        return sorted(
            (PromSample(row["metric"], row["value"][0], row["value"][1]) for row in rows),
            key=lambda sample: sorted(sample.labels.items()),
        )

    async def query_range_vector(self, selector: str) -> list[tuple[dict[str, str], list[tuple[float, str]]]]:
        """Return ``(labels, [(seconds since the epoch, value)])`` of a selector like ``name[1h]``."""
        rows = await self._query(selector, None, "matrix")
        return [(row["metric"], [(at, value) for at, value in row["values"]]) for row in rows]

    async def targets(self) -> list[PromTarget]:
        """Return the active targets."""
        data = await self._get("/api/v1/targets", {"state": "active"})
        return [PromTarget(row["scrapeUrl"], row["health"], row["lastError"]) for row in data["activeTargets"]]

    async def wait_for(
        self,
        expression: str,
        holds: Callable[[list[PromSample]], bool] = bool,
        timeout_seconds: float = READY_SECONDS_MAX,
    ) -> list[PromSample]:
        """Return the first answer to ``expression`` for which ``holds``; without it, the first with a series."""

        async def look() -> list[PromSample] | None:
            samples = await self.query(expression)
            return samples if holds(samples) else None

        return await until(look, f"Prometheus: {expression}; targets {await self.targets()}", timeout_seconds)

    async def _query(self, expression: str, at: float | None, result_type: str) -> list[dict[str, Any]]:
        data = await self._get("/api/v1/query", {"query": expression} | ({} if at is None else {"time": repr(at)}))
        assert data["resultType"] == result_type, f"{expression}: {data['resultType']}, expected {result_type}"
        rows: list[dict[str, Any]] = data["result"]
        return rows

    async def _get(self, path: str, parameters: Mapping[str, str]) -> Any:
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{self.url}{path}", params=parameters) as answer,
        ):
            body = await answer.json()
            assert body["status"] == "success", f"Prometheus: {path} {dict(parameters)}: {body}"
            return body["data"]


def promtool_check_metrics(text: str) -> None:
    """Pass when ``promtool check metrics`` has nothing to say about ``text``, an answer of ``/metrics``.

    Raises:
        AssertionError: It found a syntax error or a name against the conventions; the message has its words.
    """
    done = subprocess.run(
        [program("promtool"), "check", "metrics"],
        input=text.encode(),
        capture_output=True,
        timeout=PROMTOOL_SECONDS_MAX,
        check=False,
    )
    said = (done.stdout + done.stderr).decode(errors="replace").strip()
    assert (done.returncode, said) == (0, ""), f"promtool check metrics: exit {done.returncode}\n{said}"
