"""A disk that is full or fails: the batch is refused whole, with a reason, and the ledger goes on when it can."""

from __future__ import annotations

import os
import resource
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from collector.errors import LedgerUnavailable
from collector.ledger.sqlite import SqliteReader, SqliteWriter
from collector.model.usage import Batch, InventoryUpdate
from tests.fault.ledger.committer import T0, batch, references

pytestmark = pytest.mark.fault


@pytest.fixture
async def writer(tmp_path: Path) -> AsyncIterator[SqliteWriter]:
    """A ledger with room for now."""
    writer = SqliteWriter(tmp_path / "ledger.db")
    await writer.start()
    yield writer
    await writer.stop()


def _large(number: int) -> InventoryUpdate:
    return InventoryUpdate(source=f"nsx-{number}", at=T0, payload=bytes(4_000_000))


async def _pages(writer: SqliteWriter, greatest: int) -> None:
    """Let the file have so many pages at most: what SQLite answers beyond is what a full disk gives."""

    def limit(connection: sqlite3.Connection) -> None:
        (pages,) = connection.execute("PRAGMA page_count").fetchone()
        connection.execute(f"PRAGMA max_page_count = {max(pages, greatest)}")

    await writer._connection.run(limit)


async def _commit_until_it_fails(writer: SqliteWriter, stored: list[int]) -> None:
    accounts, series = await references(writer)
    for number in range(stored[-1] + 1, 5_000):
        await writer.commit(batch(number, accounts, series))
        stored.append(number)


async def _pragma(writer: SqliteWriter, statement: str) -> None:
    def execute(connection: sqlite3.Connection) -> None:
        connection.execute(f"PRAGMA {statement}")

    await writer._connection.run(execute)


async def test_a_full_disk_refuses_the_batch_whole_and_recovers(writer: SqliteWriter) -> None:
    accounts, series = await references(writer)
    await writer.commit(batch(1, accounts, series))
    await _pages(writer, 0)
    stored = [1]
    with pytest.raises(LedgerUnavailable, match=r"ledger\.db: the disk is full; free some space"):
        await _commit_until_it_fails(writer, stored)
    state = await writer.load()
    assert [account.total.ingress_bytes for account in state.accounts] == [sum(stored)] * len(accounts)
    assert state.watermarks == {"nsx-a": T0 + stored[-1]}

    await _pages(writer, 2**30)
    assert await writer.is_writable() is None
    assert await writer.commit(batch(stored[-1] + 1, accounts, series)) is True


async def test_a_write_that_fails_is_a_reason_and_no_end(writer: SqliteWriter, tmp_path: Path) -> None:
    accounts, series = await references(writer)
    before = await writer.load()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    log = tmp_path / "ledger.db-wal"
    resource.setrlimit(resource.RLIMIT_FSIZE, (log.stat().st_size, hard))
    try:
        with pytest.raises(LedgerUnavailable, match="check the disk"):
            await writer.commit(batch(1, accounts, series))
        with pytest.raises(LedgerUnavailable):
            await writer.store_inventory(_large(1))
        reason = await writer.is_writable()
        assert reason is not None
        assert "ledger.db: reading or writing failed" in reason
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert await writer.load() == before
    assert await writer.commit(batch(1, accounts, series)) is True
    assert await writer.is_writable() is None


async def test_a_command_that_holds_the_ledger_too_long_is_named(writer: SqliteWriter, tmp_path: Path) -> None:
    await _pragma(writer, "busy_timeout = 20")
    with closing(sqlite3.connect(tmp_path / "ledger.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(LedgerUnavailable, match="another process held it"):
            await writer.commit(Batch(id="one", at=T0))
        assert "another process" in str(await writer.is_writable())
        other.execute("ROLLBACK")
    assert await writer.commit(Batch(id="one", at=T0)) is True


async def test_a_ledger_that_became_read_only_says_so(writer: SqliteWriter) -> None:
    await _pragma(writer, "query_only = ON")
    assert "it cannot be written; check owner, mode and mount" in str(await writer.is_writable())


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    path = tmp_path / "nowhere" / "ledger.db"
    with pytest.raises(LedgerUnavailable, match=f"{path.parent}: the folder of the ledger does not exist"):
        await SqliteWriter(path).start()
    assert not os.path.exists(path.parent)  # noqa: ASYNC240, PTH110  # nothing else runs


async def test_a_folder_that_nobody_can_write_to_is_named() -> None:
    # Even root creates nothing here.
    with pytest.raises(LedgerUnavailable, match=r"/proc/northmeter\.db\.lock: cannot be opened to lock the ledger"):
        await SqliteWriter(Path("/proc/northmeter.db")).start()


async def test_without_a_ledger_commands_say_who_creates_it(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    for command in (SqliteReader(path), SqliteWriter(path, daemon=False)):
        with pytest.raises(LedgerUnavailable, match="there is no ledger; `northmeter run` creates it"):
            await command.start()
    assert os.listdir(tmp_path) == []  # noqa: PTH208  # nothing else runs


async def test_a_closed_ledger_is_unavailable(tmp_path: Path) -> None:
    writer = SqliteWriter(tmp_path / "ledger.db")
    for _ in range(2):
        with pytest.raises(LedgerUnavailable, match="not open"):
            await writer.load()
        await writer.start()
        await writer.stop()
    await writer.stop()
