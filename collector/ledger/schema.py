"""The schema of a ledger: created, migrated and checked."""

from __future__ import annotations

import os
import re
import sqlite3
from contextlib import closing
from importlib.resources import files
from pathlib import Path

from collector.errors import LedgerCorrupt, LedgerUnavailable
from collector.ledger.connection import RESTORE, connect, set_wal, translated

APPLICATION_ID = 0x4E4D4C31
"""``NML1`` in the file's header: a northmeter ledger."""

_FAULTS_SHOWN = 3
"""How many faults of a damaged file go into the message; the first ones tell where it is."""

_NUMBERED = re.compile(r"^(\d{4})_\w+\.sql$")


def migrations() -> list[tuple[int, str]]:
    """Return (version, statements) of every migration, in order; they are numbered from 1 without a hole."""
    folder = files("collector.ledger") / "migrations"
    found = {
        int(match[1]): entry.read_text("utf-8") for entry in folder.iterdir() if (match := _NUMBERED.match(entry.name))
    }
    if sorted(found) != list(range(1, len(found) + 1)):
        raise AssertionError(f"BUG: the migrations are numbered {sorted(found)}")
    return sorted(found.items())


def newest_version() -> int:
    """Return the version of the schema that this program writes."""
    return len(migrations())


# --- the file --------------------------------------------------------------------------------------------------------


def prepare_existing(path: Path) -> None:
    """Make sure that there is a ledger. Raises LedgerUnavailable, LedgerCorrupt."""
    if not path.exists():
        raise LedgerUnavailable(f"{path}: there is no ledger; `northmeter run` creates it")
    _refuse_strange_file(path)


def require_folder(path: Path) -> None:
    """Raise LedgerUnavailable when the ledger's folder is not there."""
    if not path.parent.is_dir():
        raise LedgerUnavailable(
            f"{path.parent}: the folder of the ledger does not exist; create it for the daemon's user"
        )


def prepare_or_create(path: Path) -> None:
    """Make sure that there is a ledger, a new one where there was none. Raises LedgerUnavailable, LedgerCorrupt."""
    if path.exists():
        _refuse_strange_file(path)
        return
    log = path.with_name(path.name + "-wal")
    if log.exists():
        raise LedgerCorrupt(f"{path}: the ledger is gone, but its write-ahead log {log.name} is there; {RESTORE}")
    _create(path)


def _refuse_strange_file(path: Path) -> None:
    # SQLite takes an empty file for a new database; a ledger is put in place whole and is never empty.
    if not path.is_file():
        raise LedgerUnavailable(f"{path}: the ledger should be a file")
    if path.stat().st_size == 0:
        raise LedgerCorrupt(f"{path}: the ledger is an empty file, so everything in it is lost; {RESTORE}")


def _create(path: Path) -> None:
    """Write a new ledger beside its place and move it there, so that a crash leaves either none or a whole one."""
    draft = path.with_name(path.name + ".new")
    try:
        for leftover in (draft, draft.with_name(draft.name + "-wal"), draft.with_name(draft.name + "-shm")):
            leftover.unlink(missing_ok=True)
        os.close(os.open(draft, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600))
        with translated(draft), closing(connect(draft, read_only=False)) as connection:
            set_wal(connection, draft)
            migrate(connection)
        draft.replace(path)
        folder = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
    except OSError as error:
        raise LedgerUnavailable(f"{path}: the ledger cannot be created: {error.strerror}") from error


# --- the schema ------------------------------------------------------------------------------------------------------


def migrate(connection: sqlite3.Connection) -> None:
    """Apply what is missing, each migration in a transaction with its version. Raises sqlite3.Error."""
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    for number, statements in migrations()[version:]:
        try:
            connection.executescript(
                f"BEGIN IMMEDIATE;\n{statements}\nPRAGMA application_id = {APPLICATION_ID};\n"
                f"PRAGMA user_version = {number};\nCOMMIT;"
            )
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise


def check_for_daemon(connection: sqlite3.Connection, path: Path) -> None:
    """Check the whole file and bring it to today's schema. Raises LedgerCorrupt, sqlite3.Error."""
    _check_identity(connection, path)
    set_wal(connection, path)
    faults = [row[0] for row in connection.execute(f"PRAGMA quick_check({_FAULTS_SHOWN})")]
    if faults != ["ok"]:
        raise LedgerCorrupt(f"{path}: the ledger is damaged: {'; '.join(faults)}; {RESTORE}")
    migrate(connection)
    _check_schema(connection, path)


def check_for_writing_command(connection: sqlite3.Connection, path: Path) -> None:
    """Check like ``check_for_command``, and make the connection one to write with."""
    check_for_command(connection, path)
    set_wal(connection, path)


def check_for_command(connection: sqlite3.Connection, path: Path) -> None:
    """Check that this is a ledger of today's schema. Raises LedgerCorrupt, LedgerUnavailable, sqlite3.Error."""
    version = _check_identity(connection, path)
    if version < newest_version():
        raise LedgerUnavailable(
            f"{path}: the ledger has schema {version}, this program needs {newest_version()}; start the daemon once"
        )
    _check_schema(connection, path)


def _check_identity(connection: sqlite3.Connection, path: Path) -> int:
    """Return the schema's version of a file that is a ledger and not newer than this program."""
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != APPLICATION_ID or version < 1:
        raise LedgerCorrupt(
            f"{path}: this database is no northmeter ledger (application id {application:#x},"
            f" expected {APPLICATION_ID:#x}); check ledger.url, or restore a backup"
        )
    if version > newest_version():
        raise LedgerCorrupt(
            f"{path}: the ledger has schema {version}, and this program knows up to {newest_version()}:"
            f" run the newer version of northmeter again, or restore a backup from before it"
        )
    return int(version)


def _check_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Refuse a file whose tables are not those of the migrations; additional ones are the operator's own."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as expected:
        migrate(expected)
        missing = sorted(_objects(expected) - _objects(connection))
    if missing:
        names = ", ".join(f"{kind} {name}" for kind, name, _ in missing)
        raise LedgerCorrupt(f"{path}: the ledger's schema is damaged: missing or changed: {names}; {RESTORE}")


def _objects(connection: sqlite3.Connection) -> set[tuple[str, str, str]]:
    return set(connection.execute("SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL"))
