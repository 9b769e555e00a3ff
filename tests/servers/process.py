"""One server as a process: start, wait until it is ready, stop, show its log."""

from __future__ import annotations

import asyncio
import http.client
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Final, TypeVar

READY_SECONDS_MAX: Final = 30.0
"""Longest wait for a server; the slowest needs two seconds on an idle machine, two cores are shared by many."""

STOP_SECONDS_MAX: Final = 10.0
"""Longest wait after SIGTERM, then it is killed."""

POLL_SECONDS: Final = 0.05
"""Pause between two looks at a state that is waited for."""

LOG_TAIL_CHARACTERS: Final = 4_000
"""How much of a log stands beside a failed test: the end, where the reason is."""

START_TRIES: Final = 3
"""A free port may be taken by another process before the server binds it."""

T = TypeVar("T")

_running: list[ServerProcess] = []


class ServerStartError(AssertionError):
    """A server is not installed or did not become ready; the message has the end of its log."""


def free_port() -> int:
    """Return a TCP port of the loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def program(name: str) -> str:
    """Return the path of an installed program.

    Raises:
        ServerStartError: It is not installed. A missing server fails the tests, it never skips them.
    """
    path = shutil.which(name)
    if path is None:
        raise ServerStartError(f"{name} is not installed; `make servers` installs the servers of the tests")
    return path


async def until(look: Callable[[], Awaitable[T | None]], what: str, timeout_seconds: float = READY_SECONDS_MAX) -> T:
    """Return the first true answer of ``look``, asked again and again.

    Args:
        look: Returns something true once the state is reached.
        what: Names the state in the message.
        timeout_seconds: Longest wait.
    Raises:
        AssertionError: The state was not reached; the message has the last answer.
    """
    deadline = time.monotonic() + timeout_seconds
    while True:
        answer = await look()
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what}: not within {timeout_seconds:g} s; last answer: {answer!r}"
        await asyncio.sleep(POLL_SECONDS)


def log_tails() -> list[tuple[str, str]]:
    """Return ``(title, end of the log)`` of each running server."""
    return [(f"log of {server.name}", server.log_tail()) for server in _running]


class ServerProcess:
    """A server on a port of the loopback that keeps its port and its data over ``stop()`` and ``start()``.

    Attributes:
        name: The program.
        folder: Its configuration, data and log.
        port: Where it answers HTTP.
    """

    name: str
    ready_path: str

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port = free_port()
        self._process: subprocess.Popen[bytes] | None = None
        self._started_before = False

    @property
    def url(self) -> str:
        """Return the base address, without a slash at the end."""
        return f"http://127.0.0.1:{self.port}"

    @property
    def log_path(self) -> Path:
        """Return the file that has the output of all runs."""
        return self.folder / f"{self.name}.log"

    def prepare(self) -> Sequence[str]:
        """Write the configuration for the port of now and return the arguments."""
        raise NotImplementedError

    def after_first_start(self) -> None:
        """Set up what needs a running server, once."""

    def start(self) -> None:
        """Start it and return when it is ready.

        Raises:
            ServerStartError: It ended or was not ready in time.
        """
        assert self._process is None, f"BUG: {self.name} runs already"
        tries = 1 if self._started_before else START_TRIES
        for attempt in range(1, tries + 1):
            try:
                self._start_once()
                break
            except ServerStartError as error:
                # Once started it keeps its port, since others know it.
                if attempt == tries or "address already in use" not in str(error):
                    raise
                self.port = free_port()
        if not self._started_before:
            self._started_before = True
            self.after_first_start()

    def stop(self) -> None:
        """Ask it to end, kill it when it does not; harmless when it does not run."""
        process, self._process = self._process, None
        if process is None:
            return
        _running.remove(self)
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

    def log_tail(self) -> str:
        """Return the end of its output."""
        return self.log_path.read_text(errors="replace")[-LOG_TAIL_CHARACTERS:] if self.log_path.exists() else ""

    def _start_once(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        command = [program(self.name), *self.prepare()]
        # Nothing of the person's settings: some servers read their home folder and variables of their own.
        environment = {"PATH": os.environ.get("PATH", os.defpath), "HOME": str(self.folder), "TZ": "UTC"}
        with self.log_path.open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log
            )
        _running.append(self)
        try:
            self._wait_ready(self._process)
        except BaseException:
            self.stop()
            raise

    def _wait_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + READY_SECONDS_MAX
        while True:
            if process.poll() is not None:
                raise ServerStartError(f"{self.name} ended with {process.returncode}:\n{self.log_tail()}")
            if self._answers():
                return
            if time.monotonic() > deadline:
                raise ServerStartError(f"{self.name} was not ready within {READY_SECONDS_MAX:g} s:\n{self.log_tail()}")
            time.sleep(POLL_SECONDS)

    def _answers(self) -> bool:
        # The port may be another program's only while ours has not bound it; then ours ends, which is looked at first.
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=2)
        try:
            connection.request("GET", self.ready_path)
            return connection.getresponse().status < 300
        except (http.client.HTTPException, OSError):
            return False
        finally:
            connection.close()
