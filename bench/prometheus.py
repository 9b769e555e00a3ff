"""A real Prometheus that scrapes the light server, and what processor time that takes it."""

from __future__ import annotations

import json
import shutil
import ssl
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil

from bench.answers import LightManager

WARM_UP_SECONDS = 12
"""Its discovery hands targets over after five seconds, and they begin spread over an interval."""

SETTLE_SECONDS = 1.5


class Scraping:
    """A Prometheus that stands still between rounds."""

    def __init__(self, process: psutil.Process, manager: LightManager) -> None:
        self._process = process
        self._manager = manager
        self._context = ssl.create_default_context(cafile=str(manager.ca_file))

    def round(self, seconds: float) -> float:
        """Return processor time per scrape over so long a time, in microseconds."""
        self._process.resume()
        time.sleep(SETTLE_SECONDS)
        scrapes, used = self._scrapes(), self._used()
        time.sleep(seconds)
        scrapes, used = self._scrapes() - scrapes, self._used() - used
        self._process.suspend()
        assert scrapes > 0
        return used / scrapes * 1_000_000

    def _used(self) -> float:
        times = self._process.cpu_times()
        return float(times.user + times.system)

    def _scrapes(self) -> int:
        with urllib.request.urlopen(f"{self._manager.url}/served", context=self._context) as answer:  # noqa: S310 - our own
            return int(answer.read())


@contextmanager
def scraping(manager: LightManager, *, targets: int, every_seconds: int) -> Iterator[Scraping]:
    """Run Prometheus on so many targets while the block runs; it is stopped (not ended) outside of rounds."""
    program = shutil.which("prometheus")
    if program is None:
        raise FileNotFoundError("prometheus is not installed; `make servers` installs it")
    with tempfile.TemporaryDirectory(prefix="northmeter-bench-") as name:
        folder = Path(name)
        file = folder / "prometheus.json"
        file.write_text(json.dumps(_settings(manager, targets, every_seconds)))  # JSON is YAML
        arguments = [f"--config.file={file}", f"--storage.tsdb.path={folder / 'tsdb'}"]
        arguments += ["--web.listen-address=127.0.0.1:0", "--log.level=error"]
        process = subprocess.Popen([program, *arguments])
        try:
            time.sleep(WARM_UP_SECONDS)
            assert process.poll() is None, "prometheus did not start"
            watched = psutil.Process(process.pid)
            watched.suspend()
            yield Scraping(watched, manager)
            watched.resume()
        finally:
            process.terminate()
            process.wait(timeout=30)


def _settings(manager: LightManager, targets: int, every_seconds: int) -> dict[str, object]:
    """Return the settings: targets of one address that differ in a parameter, as those of any exporter for many."""
    return {
        "global": {"scrape_interval": f"{every_seconds}s", "scrape_timeout": f"{every_seconds}s"},
        "scrape_configs": [
            {
                "job_name": "bench",
                "scheme": "https",
                "metrics_path": "/probe",
                "tls_config": {"ca_file": str(manager.ca_file)},
                "static_configs": [{"targets": [f"port-{number}" for number in range(targets)]}],
                "relabel_configs": [
                    {"source_labels": ["__address__"], "target_label": "__param_target"},
                    {"source_labels": ["__address__"], "target_label": "instance"},
                    {"target_label": "__address__", "replacement": manager.url.removeprefix("https://")},
                ],
            }
        ],
    }
