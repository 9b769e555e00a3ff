"""A file that is no ledger of ours is refused with what, where and what to do; it is never touched."""

from __future__ import annotations

import asyncio
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from collector.errors import LedgerCorrupt, LedgerUnavailable
from collector.ledger.sqlite import SqliteReader, SqliteWriter
from tests.fault.ledger.committer import POINTS, T0, batch, references

pytestmark = pytest.mark.fault

PAGE = 4_096


async def _fill(path: Path) -> None:
    writer = SqliteWriter(path)
    await writer.start()
    accounts, series = await references(writer)
    for number in range(1, 300):
        await writer.commit(batch(number, accounts, series))
    await writer.stop()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A ledger with something in it, closed."""
    path = tmp_path_factory.mktemp("whole") / "ledger.db"
    asyncio.run(_fill(path))
    assert _names(path.parent) == ["ledger.db", "ledger.db.lock"]
    return path


@pytest.fixture
def path(whole: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    return Path(shutil.copy(whole, tmp_path))


def _sql(*statements: str) -> Callable[[Path], None]:
    def damage(path: Path) -> None:
        with closing(sqlite3.connect(path, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    return damage


def _garbage(path: Path) -> None:
    path.write_bytes(os.urandom(50_000))


def _empty(path: Path) -> None:
    path.write_bytes(b"")


def _truncated(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2 // PAGE * PAGE)


def _torn_page(path: Path) -> None:
    """Overwrite a leaf with zeros, as a torn write does."""
    with path.open("r+b") as file:
        file.seek(path.stat().st_size // 2 // PAGE * PAGE)
        file.write(bytes(PAGE))


def _overwritten(path: Path) -> None:
    with path.open("r+b") as file:
        for page in range(30, path.stat().st_size // PAGE):
            file.seek(page * PAGE)
            file.write(b"\xff" * PAGE)


def _without_database(path: Path) -> None:
    path.with_name("ledger.db-wal").write_bytes(b"x" * 100)
    path.unlink()


def _torn_header(path: Path) -> None:
    with path.open("r+b") as file:
        file.write(bytes(512))


def _foreign(path: Path) -> None:
    path.unlink()
    _sql("CREATE TABLE invoices (id INTEGER)")(path)


FOR_ALL = [
    (_garbage, "no SQLite database"),
    (_empty, "empty file, so everything in it is lost"),
    (_torn_header, "no SQLite database"),
    (_foreign, "no northmeter ledger .application id 0x0, expected 0x4e4d4c31"),
    (_sql("PRAGMA user_version = 99"), "has schema 99, and this program knows up to"),
    (_sql("PRAGMA application_id = 7"), "no northmeter ledger"),
    (_sql("DROP TABLE slot"), "missing or changed: table slot"),
    (_sql("DROP INDEX journal_by_time"), "missing or changed: index journal_by_time"),
    (_sql("ALTER TABLE outbox ADD COLUMN more INTEGER"), "missing or changed: table outbox"),
]
FOR_THE_DAEMON = [
    (_truncated, "damaged"),
    (_torn_page, "damaged"),
]


def _names(folder: Path) -> list[str]:
    return sorted(file.name for file in folder.iterdir())


def _modes(folder: Path) -> dict[str, int]:
    return {file.name: file.stat().st_mode & 0o777 for file in folder.iterdir()}


def _bytes(path: Path) -> dict[str, bytes]:
    return {
        file.name: file.read_bytes()
        for file in path.parent.iterdir()
        if file.suffix != ".lock" and "-shm" not in file.name
    }


@pytest.mark.parametrize(("damage", "words"), [*FOR_ALL, *FOR_THE_DAEMON])
async def test_the_daemon_refuses(path: Path, damage: Callable[[Path], None], words: str) -> None:
    damage(path)
    before = _bytes(path)
    with pytest.raises(LedgerCorrupt, match=words) as refusal:
        await SqliteWriter(path).start()
    assert str(refusal.value).startswith(f"{path}: ")
    assert "restore a backup" in str(refusal.value)
    assert {name: content for name, content in _bytes(path).items() if content} == {
        name: content for name, content in before.items() if content
    }


@pytest.mark.parametrize(("damage", "words"), FOR_ALL)
async def test_commands_refuse(path: Path, damage: Callable[[Path], None], words: str) -> None:
    damage(path)
    for command in (SqliteReader(path), SqliteWriter(path, daemon=False)):
        with pytest.raises(LedgerCorrupt, match=words):
            await command.start()


async def test_damage_met_while_reading_is_damage(path: Path) -> None:
    reader = SqliteReader(path)
    await reader.start()
    _overwritten(path)
    with pytest.raises(LedgerCorrupt, match="the ledger is damaged"):
        await reader.evidence(POINTS[0], 0, 2 * T0)
    await reader.stop()


async def test_a_log_without_its_database_is_refused(path: Path) -> None:
    _without_database(path)
    with pytest.raises(LedgerCorrupt, match="the ledger is gone, but its write-ahead log"):
        await SqliteWriter(path).start()
    assert "ledger.db" not in _names(path.parent)


async def test_a_draft_that_a_crash_left_is_made_anew(tmp_path: Path) -> None:
    (tmp_path / "ledger.db.new").write_bytes(b"half a ledger")
    writer = SqliteWriter(tmp_path / "ledger.db")
    await writer.start()
    await writer.stop()
    assert _names(tmp_path) == ["ledger.db", "ledger.db.lock"]


async def test_only_its_owner_reads_a_ledger(tmp_path: Path) -> None:
    writer = SqliteWriter(tmp_path / "ledger.db")
    await writer.start()
    await writer.intern_points([])
    modes = _modes(tmp_path)
    await writer.stop()
    assert modes == dict.fromkeys(["ledger.db", "ledger.db-wal", "ledger.db-shm", "ledger.db.lock"], 0o600)


async def test_a_folder_in_its_place_is_refused(tmp_path: Path) -> None:
    with pytest.raises(LedgerUnavailable, match="the ledger should be a file"):
        await SqliteWriter(tmp_path).start()
