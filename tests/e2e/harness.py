"""A folder with settings, secrets and a ledger, and the real daemon and its commands that run there.

Nothing here waits for a fixed time: each wait looks at a state again and again. Everything that was answered, printed
or logged is kept, so that the words of the secrets can be searched for in it.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import aiohttp
import yaml
from yarl import URL

import collector
from simulator import Simulator, settings_for
from tests.servers.process import free_port, until

START_SECONDS_MAX: Final = 30.0
"""From the start of the process to its first answer; two seconds on an idle machine."""

STOP_SECONDS_MAX: Final = 20.0
"""How long a test waits for a process to end before it is killed; the daemon promises five seconds."""

COMMAND_SECONDS_MAX: Final = 60.0
"""Longest run of a command."""

BILLING_TOKEN: Final = "billing-token/0123456789+word"
"""The token of the API that sees every tenant."""

SOURCE: Final = "nsx-sim"

PROGRAM: Final = ("collector.cli",)
"""The module that is northmeter."""

Settings = dict[str, Any]
"""A settings file as plain data; its values are of any shape."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the daemon answered."""

    status: int
    headers: Mapping[str, str]
    text: str

    @property
    def json(self) -> Any:
        """The body as JSON, of any shape."""
        return json.loads(self.text)


@dataclass(frozen=True, slots=True)
class Done:
    """How a command ended, and what it printed."""

    code: int
    out: str
    err: str


@dataclass(slots=True)
class Place:
    """A folder of its own: ``secrets/`` holds every secret, and nothing else may hold a word of one.

    Attributes:
        said: (what, text) of every answer and every command's output so far.
        words: Secrets that were used here: name → word.
    """

    folder: Path
    said: list[tuple[str, str]] = field(default_factory=list)
    words: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("secrets", "state", "logs"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)

    @property
    def settings_file(self) -> Path:
        """Where the settings are written."""
        return self.folder / "northmeter.yaml"

    @property
    def ledger(self) -> Path:
        """The ledger's file."""
        return self.folder / "state" / "ledger.db"

    @property
    def tls_folder(self) -> Path:
        """Where the simulator writes its certificates and their keys."""
        return self.folder / "secrets" / "tls"

    def secret(self, name: str, word: str) -> str:
        """Write a secret into a file of its own, remember its word, and return the file's path."""
        path = self.folder / "secrets" / name
        path.touch(mode=0o600)
        path.write_text(f"{word}\n", encoding="utf-8")
        self.words[name] = word
        return str(path)

    def write(self, settings: Settings) -> None:
        """Write the settings file."""
        self.settings_file.write_text(yaml.safe_dump(settings, sort_keys=False), encoding="utf-8")

    async def command(
        self, *arguments: str, settings: bool = True, environment: Mapping[str, str] | None = None
    ) -> Done:
        """Run a command to its end and return what it printed.

        Args:
            settings: Whether the settings file is passed.
        """
        line = _line(*arguments, *(("-c", str(self.settings_file)) if settings else ()))
        done = await asyncio.to_thread(
            subprocess.run,
            line,
            cwd=self.folder,
            env=_environment(self.folder) | dict(environment or {}),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=COMMAND_SECONDS_MAX,
            check=False,
        )
        result = Done(done.returncode, done.stdout.decode(), done.stderr.decode())
        self.said.append((f"output of {' '.join(arguments)}", result.out + result.err))
        return result


class Daemon:
    """The daemon in a place, as a process.

    Args:
        place: Where it runs.
        settings: Its settings; ``http.listen`` is filled in.
        tls: How to check the listener's certificate, where the settings have one.
        program: The module that is run, with arguments of its own.
    """

    def __init__(
        self,
        place: Place,
        settings: Settings,
        tls: ssl.SSLContext | None = None,
        program: Sequence[str] = PROGRAM,
    ) -> None:
        self.place = place
        self.port = free_port()
        self.settings = settings | {"http": settings.get("http", {}) | {"listen": f"127.0.0.1:{self.port}"}}
        self._tls = tls
        self._program = program
        self._process: subprocess.Popen[bytes] | None = None
        self._runs = 0
        place.write(self.settings)

    # --- life ------------------------------------------------------------------------------------------------------

    @property
    def url(self) -> str:
        """Base address, without a slash at the end."""
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    @property
    def pid(self) -> int:
        """Process id."""
        return self._running().pid

    @property
    def log_path(self) -> Path:
        """Standard error of the newest run."""
        return self.place.folder / "logs" / f"run-{self._runs:03d}.log"

    @property
    def ended(self) -> int | None:
        """Exit code, or nothing while it runs."""
        return self._running().poll()

    def spawn(self) -> None:
        """Start the process and return at once."""
        assert self._process is None, "BUG: the daemon runs already"
        self._runs += 1
        with self.log_path.open("wb") as log:
            self._process = subprocess.Popen(
                _line("run", "-c", str(self.place.settings_file), program=self._program),
                cwd=self.place.folder,
                env=_environment(self.place.folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )

    async def start(self, *, ready: bool = True) -> None:
        """Start it and return when it is ready, or, for ``ready=False``, when it answers at all."""
        self.spawn()
        await self.wait_ready() if ready else await self.wait_up()

    async def wait_up(self) -> None:
        """Return when the listener answers."""
        await self.until(lambda: self._status("/-/healthy", 200), "the daemon is up", START_SECONDS_MAX)

    async def wait_ready(self) -> None:
        """Return when ``/-/ready`` says so."""
        await self.until(lambda: self._status("/-/ready", 200), "the daemon is ready", START_SECONDS_MAX)

    async def kill(self) -> None:
        """Kill it at once, as a power cut does."""
        await self._end(signal.SIGKILL)

    async def terminate(self) -> tuple[int, float]:
        """Ask it to end; return its exit code and the seconds that it took."""
        begun = time.monotonic()
        code = await self._end(signal.SIGTERM)
        return code, time.monotonic() - begun

    def send(self, number: int) -> None:
        """Send a signal."""
        self._running().send_signal(number)

    async def wait_ended(self) -> int:
        """Return the exit code of a process that ends by itself."""
        process = self._running()
        try:
            code = await asyncio.to_thread(process.wait, STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired as error:
            process.kill()
            process.wait()
            raise AssertionError(f"the daemon did not end within {STOP_SECONDS_MAX:g} s:\n{self.log_tail()}") from error
        finally:
            self._process = None
        return code

    async def close(self) -> None:
        """End it whatever state it is in."""
        if self._process is not None:
            await self.kill()

    async def _end(self, number: signal.Signals) -> int:
        self._running().send_signal(number)
        return await self.wait_ended()

    def _running(self) -> subprocess.Popen[bytes]:
        assert self._process is not None, "BUG: the daemon does not run"
        return self._process

    # --- what it says ----------------------------------------------------------------------------------------------

    async def ask(
        self,
        path: str,
        parameters: Mapping[str, str] | None = None,
        *,
        method: str = "GET",
        token: str | None = BILLING_TOKEN,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Return an answer, whatever its status; raises aiohttp.ClientError where nobody listens."""
        sent = {} if token is None else {"Authorization": f"Bearer {token}"}
        timeout = aiohttp.ClientTimeout(total=15)
        url = URL(f"{self.url}{path}", encoded=True)
        async with (
            aiohttp.ClientSession(timeout=timeout) as session,
            session.request(
                method, url, params=parameters, headers=sent | dict(headers or {}), ssl=self._tls or True
            ) as got,
        ):
            answer = Answer(got.status, dict(got.headers), await got.text())
        self.place.said.append((f"{method} {path} {dict(parameters or {})}", f"{answer.headers}\n{answer.text}"))
        return answer

    async def json(self, path: str, parameters: Mapping[str, str] | None = None) -> Any:
        """Return the body of a 200, of any shape."""
        answer = await self.ask(path, parameters)
        assert answer.status == 200, f"GET {path} {parameters}: expected 200, got {answer.status} {answer.text[:500]}"
        return answer.json

    async def rows(self, path: str, parameters: Mapping[str, str], limit: int = 5_000) -> list[dict[str, Any]]:
        """Return the rows of every page."""
        found: list[dict[str, Any]] = []
        page: dict[str, str] = {"limit": str(limit), **parameters}
        while True:
            body = await self.json(path, page)
            found += body["rows"]
            if body["next_cursor"] is None:
                return found
            page["cursor"] = body["next_cursor"]

    async def metrics(self) -> dict[str, float]:
        """Return ``name{labels}`` → value of every sample on ``/metrics``."""
        text = (await self.ask("/metrics", token=None)).text
        lines = (line.rpartition(" ") for line in text.splitlines() if line and not line.startswith("#"))
        return {series: float(value) for series, _, value in lines}

    async def metric(self, series: str) -> float | None:
        """Return one sample by its name and labels, or nothing."""
        return (await self.metrics()).get(series)

    def log(self, *, all_runs: bool = False) -> list[dict[str, Any]]:
        """Return the lines of the log that are JSON, of the newest run or of all."""
        paths = sorted(self.log_path.parent.glob("run-*.log")) if all_runs else [self.log_path]
        lines = (line for path in paths for line in path.read_text(errors="replace").splitlines())
        return [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]

    def events(self, name: str, *, all_runs: bool = False) -> list[dict[str, Any]]:
        """Return the log's lines of one event."""
        return [line for line in self.log(all_runs=all_runs) if line.get("event") == name]

    def other_lines(self) -> list[str]:
        """Return the lines of every run that are no log lines: warnings of libraries and tracebacks."""
        paths = sorted(self.log_path.parent.glob("run-*.log"))
        lines = (line for path in paths for line in path.read_text(errors="replace").splitlines())
        return [line for line in lines if line and not line.startswith("{")]

    def log_tail(self) -> str:
        """Return the end of the newest run's log, for messages."""
        return self.log_path.read_text(errors="replace")[-4_000:] if self.log_path.exists() else ""

    async def until(
        self, look: Callable[[], Any], what: str, timeout_seconds: float = START_SECONDS_MAX
    ) -> Any:  # Any: whatever ``look`` returns
        """Return the first true answer of ``look``; a failure shows the end of the log, and so does an early end."""

        async def guarded() -> Any:
            assert self.ended is None, f"{what}: the daemon ended with {self.ended}:\n{self.log_tail()}"
            try:
                return await look()
            except (aiohttp.ClientError, TimeoutError):
                return None

        try:
            return await until(guarded, what, timeout_seconds)
        except AssertionError as error:
            raise AssertionError(f"{error}\n--- end of the log\n{self.log_tail()}") from error

    async def _status(self, path: str, status: int) -> bool:
        return (await self.ask(path, token=None)).status == status


# --- settings --------------------------------------------------------------------------------------------------------


def daemon_settings(place: Place, sim: Simulator, source: Mapping[str, Any] | None = None, **parts: Any) -> Settings:
    """Return settings for a simulated provider with every secret in a file.

    Args:
        place: Where the daemon runs.
        sim: A started simulator.
        source: Keys of the source to put in or to replace; ``None`` as a value takes a key out.
        parts: Top-level keys, of any shape.
    """
    settings = settings_for(sim, source=SOURCE)
    for one in settings["sources"]:
        del one["password"]
        one["password_file"] = place.secret("nsx-password", sim.password)
    nsx = settings["sources"][0]
    nsx.update(source or {})
    settings["sources"][0] = {key: value for key, value in nsx.items() if value is not None}
    token = place.secret("billing-token", BILLING_TOKEN)
    return (
        settings
        | {
            "poll": {"interval": "1s", "gap_after": "1h"},
            "discovery": {"interval": "2s"},
            "ledger": {"url": f"sqlite:///{place.ledger}"},
            "http": {"tokens": [{"name": "billing", "token_file": token, "tenants": "all"}]},
            "log": {"level": "debug", "format": "json"},
        }
        | parts
    )


def _line(*arguments: str, program: Sequence[str] = PROGRAM) -> Sequence[str]:
    return [sys.executable, "-m", *program, *arguments]


def _environment(home: Path) -> dict[str, str]:
    """Return an environment with nothing of the person's settings; the packages are the ones that the test imported."""
    root = Path(collector.__file__).parents[1]
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(home),
        "TZ": "UTC",
        "TMPDIR": str(home / "state"),
        "PYTHONPATH": str(root),
        "PYTHONUNBUFFERED": "1",
        # A warning of ours or of a library in the daemon's log is a defect, and the scan of the logs finds it.
        "PYTHONWARNINGS": "default",
    }
