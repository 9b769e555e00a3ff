"""One SQLite connection in one thread of its own, with every option stated that correctness rests on."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from collector.errors import LedgerCorrupt, LedgerError, LedgerUnavailable

P = ParamSpec("P")
T = TypeVar("T")

BUSY_TIMEOUT_MS = 3_000
"""How long a statement waits for another process's transaction, in milliseconds. Those are short; and a daemon that
is told to stop has five seconds in all."""

WAL_PAGES = 4_000
"""Pages in the write-ahead log after which a commit copies them into the file: 16 MiB. With SQLite's own 1 000 the
same leaves are copied four times as often."""

WAL_BYTES_KEPT = 64 * 1024 * 1024
"""Size to which the log is cut after a reader had held it up."""

WRITE_CACHE_KIB = 8 * 1024
"""Page cache of the writing connection: the newest hour of some 10 000 accounts; beyond it the file system's cache
serves."""

READ_CACHE_KIB = 2 * 1024
"""Page cache of a reading connection: a tenant's month is read once, so a larger one only costs the daemon memory."""

OLDEST_SQLITE = (3, 37, 0)
"""The first version with STRICT tables, which refuse a sum that has left 64 bits."""

_READ_PRAGMAS = {
    "busy_timeout": BUSY_TIMEOUT_MS,
    "cache_size": -READ_CACHE_KIB,
    "temp_store": "MEMORY",  # sorting never meets a full /tmp
    "mmap_size": 0,  # an unreadable block is an error here, and a signal under mmap
    "cell_size_check": "ON",  # damaged pages are noticed when read
    "trusted_schema": "OFF",
    "foreign_keys": "ON",
}
_WRITE_PRAGMAS = {
    "cache_size": -WRITE_CACHE_KIB,
    "synchronous": "FULL",  # a power cut loses no committed poll: docs/adr/0003-ledger-sqlite.md
    "fullfsync": "ON",  # macOS needs another call to reach the platter; elsewhere it changes nothing
    "checkpoint_fullfsync": "ON",
    "wal_autocheckpoint": WAL_PAGES,
    "journal_size_limit": WAL_BYTES_KEPT,
    "secure_delete": "OFF",  # Debian's default overwrites what retention deletes
}


class Connection:
    """A connection that lives in one thread; every call waits its turn there and never blocks the event loop.

    Args:
        path: The database.
        read_only: Refuse to write.
    """

    def __init__(self, path: Path, *, read_only: bool) -> None:
        self.path = path
        self._read_only = read_only
        self._executor: ThreadPoolExecutor | None = None
        self._connection: sqlite3.Connection | None = None

    async def open(self, prepare: Callable[[Path], None], check: Callable[[sqlite3.Connection, Path], None]) -> None:
        """Prepare the file, connect and check the database. Raises LedgerUnavailable, LedgerCorrupt, what they
        raise."""
        name = "ledger-read" if self._read_only else "ledger-write"
        self._executor = ThreadPoolExecutor(max_workers=1, thread_name_prefix=name)
        try:
            await self._in_thread(partial(self._open, prepare, check))
        except BaseException:
            await self.close()
            raise

    async def close(self) -> None:
        """Finish what is under way and close; harmless when closed."""
        executor, self._executor = self._executor, None
        if executor is not None:
            await asyncio.get_running_loop().run_in_executor(executor, self._close)
            executor.shutdown()

    async def run(self, work: Callable[Concatenate[sqlite3.Connection, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Return what ``work`` makes of the connection.

        Raises:
            LedgerUnavailable: The disk is full, and the like; or the ledger is not open.
            LedgerCorrupt: The file is damaged.
            LedgerError: The ledger was given what it cannot keep: a defect of the caller.
        """

        def call() -> T:
            if self._connection is None:
                raise LedgerUnavailable(f"{self.path}: the ledger is not open")
            return work(self._connection, *args, **kwargs)

        return await self._in_thread(call)

    async def _in_thread(self, work: Callable[[], T]) -> T:
        if self._executor is None:
            raise LedgerUnavailable(f"{self.path}: the ledger is not open")
        with translated(self.path):
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)

    def _open(self, prepare: Callable[[Path], None], check: Callable[[sqlite3.Connection, Path], None]) -> None:
        prepare(self.path)
        self._connection = connect(self.path, read_only=self._read_only)
        check(self._connection, self.path)

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()


def connect(path: Path, *, read_only: bool) -> sqlite3.Connection:
    """Return a connection of the calling thread; ``set_wal`` makes it one to write with. Raises sqlite3.Error."""
    if sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise LedgerUnavailable(
            f"SQLite {sqlite3.sqlite_version} is too old for the ledger; it needs {'.'.join(map(str, OLDEST_SQLITE))}"
        )
    # isolation_level None: no transaction begins by itself, ours are all written out.
    uri = f"{path.absolute().as_uri()}?mode={'ro' if read_only else 'rw'}"
    connection = sqlite3.connect(uri, uri=True, isolation_level=None, timeout=BUSY_TIMEOUT_MS / 1_000)
    try:
        for name, value in _READ_PRAGMAS.items():
            connection.execute(f"PRAGMA {name} = {value}")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
    except BaseException:
        connection.close()
        raise
    return connection


def set_wal(connection: sqlite3.Connection, path: Path) -> None:
    """Set what a writer rests on, once it is sure that the file is ours. Raises LedgerUnavailable, sqlite3.Error."""
    (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
    if mode != "wal":
        raise LedgerUnavailable(
            f"{path}: the file system allows no write-ahead log (journal mode {mode}); use a local one"
        )
    for name, value in _WRITE_PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Commit what happens inside as one transaction, or roll all of it back.

    IMMEDIATE takes the write lock at once, under the busy timeout; a transaction that reads first and writes later
    could be refused in its middle.
    """
    if connection.in_transaction:  # an earlier roll-back failed with its disk; this one says so, or mends it
        connection.execute("ROLLBACK")
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield connection
        connection.execute("COMMIT")
    except BaseException:
        with suppress(sqlite3.Error):  # the first error is the one to tell
            if connection.in_transaction:
                connection.execute("ROLLBACK")
        raise


@contextmanager
def snapshot(connection: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """Let every statement inside see the same state of the ledger."""
    connection.execute("BEGIN")
    try:
        yield connection
    finally:
        if connection.in_transaction:
            connection.execute("ROLLBACK")


_WHAT_TO_DO = {
    sqlite3.SQLITE_FULL: "the disk is full; free some space",
    sqlite3.SQLITE_READONLY: "it cannot be written; check owner, mode and mount",
    sqlite3.SQLITE_BUSY: f"another process held it for {BUSY_TIMEOUT_MS} ms; look for a long transaction",
    sqlite3.SQLITE_LOCKED: "it is locked; look for a long transaction",
    sqlite3.SQLITE_IOERR: "reading or writing failed; check the disk and the kernel's log",
    sqlite3.SQLITE_CANTOPEN: "it cannot be opened; check path, owner and mode",
    sqlite3.SQLITE_PERM: "access is denied; check owner and mode",
    sqlite3.SQLITE_NOMEM: "there is not enough memory",
    sqlite3.SQLITE_PROTOCOL: "its locks do not work; use a local file system",
}
RESTORE = "stop, keep a copy of the file for inquiry, and restore a backup"
"""What an operator does with a damaged ledger."""

_PRIMARY_CODE = 0xFF
"""The lower byte of SQLite's extended result codes is the primary one."""


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Turn the library's errors into the ledger's, with their cause kept."""
    try:
        yield
    except sqlite3.IntegrityError as error:
        raise LedgerError(f"BUG: {path}: the ledger refused what it was given: {error}") from error
    except sqlite3.Error as error:
        code = getattr(error, "sqlite_errorcode", sqlite3.SQLITE_MISUSE) & _PRIMARY_CODE
        if code in _WHAT_TO_DO:
            raise LedgerUnavailable(f"{path}: {_WHAT_TO_DO[code]} (SQLite: {error})") from error
        if code == sqlite3.SQLITE_NOTADB:
            raise LedgerCorrupt(f"{path}: this is no SQLite database, or its header is damaged; {RESTORE}") from error
        if code == sqlite3.SQLITE_CORRUPT:
            raise LedgerCorrupt(f"{path}: the ledger is damaged (SQLite: {error}); {RESTORE}") from error
        raise LedgerError(f"BUG: {path}: {error}") from error
