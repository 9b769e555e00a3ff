"""One daemon per ledger; commands beside it."""

from __future__ import annotations

import os
import re
import socket
from pathlib import Path

import pytest

from collector.clock import ManualClock
from collector.errors import LedgerInUse
from collector.ledger.sqlite import SqliteReader, SqliteWriter
from tests.fault.ledger.committer import batch, references

pytestmark = pytest.mark.fault


async def test_a_second_daemon_is_refused_with_the_holders_name(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    holder = SqliteWriter(path, clock=ManualClock(1_789_999_200_000))
    await holder.start()
    words = f"host {socket.gethostname()}, process id {os.getpid()}, since 2026-09-21T14:00:00Z"
    for _ in range(2):
        with pytest.raises(LedgerInUse, match=re.escape(words)):
            await SqliteWriter(path).start()
    assert await holder.is_writable() is None
    await holder.stop()

    second = SqliteWriter(path)
    await second.start()
    await second.stop()


async def test_a_name_of_one_who_is_gone_refuses_nobody(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    (tmp_path / "ledger.db.lock").write_text('{"host": "gone", "pid": 1, "since": "2026-09-21T14:00:00Z"}')
    writer = SqliteWriter(path)
    await writer.start()
    with pytest.raises(LedgerInUse, match=f"process id {os.getpid()}"):
        await SqliteWriter(path).start()
    await writer.stop()


async def test_a_refused_ledger_is_not_left_locked(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    path.write_bytes(b"no ledger")
    refused = SqliteWriter(path)
    for _ in range(2):
        with pytest.raises(Exception, match="no SQLite database"):
            await refused.start()
    path.unlink()
    writer = SqliteWriter(path)
    await writer.start()
    await writer.stop()


async def test_commands_read_and_write_beside_the_daemon(tmp_path: Path) -> None:
    path = tmp_path / "ledger.db"
    daemon, command, reader = SqliteWriter(path), SqliteWriter(path, daemon=False), SqliteReader(path)
    for one in (daemon, command, reader):
        await one.start()
    accounts, series = await references(daemon)
    await daemon.register_exporters(["influxdb"])
    assert await daemon.commit(batch(1, accounts, series)) is True
    assert await command.commit(batch(1, accounts, series)) is False
    assert await command.commit(batch(2, accounts, series)) is True
    assert len(await reader.outbox("influxdb", 1_000)) == 2 * len(accounts)
    for one in (reader, command, daemon):
        await one.stop()
