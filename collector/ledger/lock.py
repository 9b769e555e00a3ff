"""The lock file that keeps a second daemon off a ledger.

The lock is the kernel's (flock on ``<ledger>.lock``), so it ends with the process that holds it, however that ends;
the file's content only says who holds it. The file itself is never removed: between a removal and a new file two
daemons could each hold a lock.
"""

from __future__ import annotations

import fcntl
import json
import os
import socket
import time
from datetime import UTC, datetime
from pathlib import Path

from collector.clock import Clock, SystemClock
from collector.errors import LedgerInUse, LedgerUnavailable
from collector.model.period import MS_PER_SECOND, Instant

_HOLDER_WAIT_SECONDS = 0.5
"""How long a refused daemon waits for the holder to have written its name; that takes it about a millisecond."""

_HOLDER_POLL_SECONDS = 0.01
_HOLDER_BYTES_MAX = 4_096
"""More than any host name, process id and time; a file that is longer is not ours."""


class DaemonLock:
    """The exclusive right to run a daemon on one ledger."""

    def __init__(self, ledger: Path, clock: Clock | None = None) -> None:
        self._path = ledger.with_name(ledger.name + ".lock")
        self._clock = clock or SystemClock()
        self._file: int | None = None

    def acquire(self) -> None:
        """Take the lock, or raise LedgerInUse naming its holder, or LedgerUnavailable where its file cannot be
        written."""
        try:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError as error:
            raise LedgerUnavailable(f"{self._path}: cannot be opened to lock the ledger: {error.strerror}") from error
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._write_holder(file)
        except BlockingIOError as error:
            holder = self._holder(file)
            os.close(file)
            raise LedgerInUse(f"{self._path}: another daemon holds this ledger: {holder}; stop it first") from error
        except OSError as error:
            os.close(file)
            raise LedgerUnavailable(f"{self._path}: cannot lock the ledger: {error.strerror}") from error
        self._file = file

    def release(self) -> None:
        """Give the lock back; harmless when it is not held."""
        if self._file is not None:
            file, self._file = self._file, None
            os.ftruncate(file, 0)
            os.close(file)

    def _write_holder(self, file: int) -> None:
        holder = {"host": socket.gethostname(), "pid": os.getpid(), "since": _rfc3339(self._clock.now())}
        os.ftruncate(file, 0)
        os.pwrite(file, json.dumps(holder).encode(), 0)

    def _holder(self, file: int) -> str:
        """Return the holder in words; waits a moment for one that has just taken the lock."""
        deadline = self._clock.monotonic() + _HOLDER_WAIT_SECONDS
        while True:
            try:
                holder = json.loads(os.pread(file, _HOLDER_BYTES_MAX, 0))
                return f"host {holder['host']}, process id {holder['pid']}, since {holder['since']}"
            except (ValueError, KeyError, TypeError):
                if self._clock.monotonic() > deadline:
                    return "its name is not in the lock file"
                time.sleep(_HOLDER_POLL_SECONDS)


def _rfc3339(at: Instant) -> str:
    return datetime.fromtimestamp(at // MS_PER_SECOND, UTC).isoformat().replace("+00:00", "Z")
